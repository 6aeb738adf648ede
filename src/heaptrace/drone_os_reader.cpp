// SPDX-License-Identifier: MIT
#include "heaptrace/drone_os_reader.hpp"

#include <optional>
#include <utility>

namespace drone::heaptrace {
namespace {

constexpr std::uint32_t kKey = 0xC5ACCE55;
constexpr std::uint32_t kSizeLimit = 1U << 24;
constexpr std::size_t kTagBytes = 2;
constexpr std::size_t kSizeBytes = 4;
constexpr std::size_t kBatch = 4096;
constexpr std::size_t kMostPlaces = 16;
constexpr std::uint32_t kAlignment = 4;  ///< the records name none

enum class Tag : std::uint16_t {
  kAlloc = 0xCDAB,
  kDealloc = 0xBADC,
  kGrow = 0xDEBC,
  kShrink = 0xCBED,
};

std::uint32_t little_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- != 0;) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  }
  return value;
}

/// The tag that `bytes`, two at least, begin with.
std::optional<Tag> tag_of(std::span<const std::byte> bytes) {
  const auto tag = static_cast<Tag>(little_endian(bytes.first(kTagBytes)));
  switch (tag) {
    case Tag::kAlloc:
    case Tag::kDealloc:
    case Tag::kGrow:
    case Tag::kShrink:
      return tag;
  }
  return std::nullopt;
}

bool has_two_sizes(Tag tag) { return tag == Tag::kGrow || tag == Tag::kShrink; }

std::size_t record_bytes(Tag tag) { return kTagBytes + kSizeBytes * (has_two_sizes(tag) ? 2 : 1); }

}  // namespace

struct DroneOsReader::Record {
  Tag tag;
  std::uint32_t size;      ///< the old one, if there are two
  std::uint32_t new_size;  ///< the same as `size`, if there is one

  /// Of bytes that begin with `tag` and are as many as its record has.
  Record(Tag of, std::span<const std::byte> bytes)
      : tag(of),
        size(little_endian(bytes.subspan(kTagBytes, kSizeBytes)) ^ kKey),
        new_size(little_endian(bytes.last(kSizeBytes)) ^ kKey) {}

  bool is_possible() const {
    const auto in_range = [](std::uint32_t bytes) { return bytes != 0 && bytes < kSizeLimit; };
    if (!in_range(size) || !in_range(new_size)) return false;
    return (tag != Tag::kGrow || new_size >= size) && (tag != Tag::kShrink || new_size <= size);
  }
};

bool begins_drone_os_record(std::span<const std::byte> bytes) {
  return bytes.size() >= kTagBytes && tag_of(bytes).has_value();
}

void DroneOsReader::feed(std::span<const std::byte> bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  parse();
}

void DroneOsReader::parse() {
  std::size_t at = 0;
  while (pending_.size() - at >= kTagBytes) {
    const std::span<const std::byte> rest = std::span(std::as_const(pending_)).subspan(at);
    const std::optional<Tag> tag = tag_of(rest);
    if (tag) {
      const std::size_t length = record_bytes(*tag);
      if (rest.size() < length) break;
      const Record record(*tag, rest.first(length));
      if (record.is_possible()) {
        in_damage_ = false;
        add(record);
        at += length;
        continue;
      }
    }
    if (!std::exchange(in_damage_, true)) {
      ++summary_.losses.malformed;
      note_place(offset_ + at);
    }
    ++damaged_bytes_;
    ++at;
  }
  offset_ += at;
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
}

void DroneOsReader::add(const Record& record) {
  ++summary_.events;
  switch (record.tag) {
    case Tag::kAlloc:
      return begin_life(record.size);
    case Tag::kDealloc: {
      Event event;
      event.kind = EventKind::kDealloc;
      event.old_size = record.size;
      event.alignment = kAlignment;
      if (!end_life(record.size, event.block)) return;
      free_.push_back(event.block);
      return emit(event);
    }
    case Tag::kGrow:
    case Tag::kShrink:
      return resize(record.size, record.new_size);
  }
}

void DroneOsReader::begin_life(std::uint32_t size) {
  Event event;
  event.kind = EventKind::kAlloc;
  event.size = size;
  event.alignment = kAlignment;
  if (free_.empty()) {
    event.block = blocks_++;
  } else {
    event.block = free_.back();
    free_.pop_back();
  }
  live_[size].push_back(event.block);
  emit(event);
}

void DroneOsReader::resize(std::uint32_t old_size, std::uint32_t size) {
  if (old_size == size) return;
  Event event;
  if (!end_life(old_size, event.block)) return begin_life(size);
  live_[size].push_back(event.block);
  event.kind = EventKind::kResize;
  event.size = size;
  event.old_size = old_size;
  event.alignment = kAlignment;
  emit(event);
}

/// Takes the youngest block of that size off those that are live. If there is none, its allocation
/// is from before the recording.
bool DroneOsReader::end_life(std::uint32_t size, std::uint32_t& block) {
  const auto blocks = live_.find(size);
  if (blocks == live_.end()) {
    ++summary_.losses.unknown_deallocs;
    return false;
  }
  block = blocks->second.back();
  blocks->second.pop_back();
  if (blocks->second.empty()) live_.erase(blocks);
  return true;
}

void DroneOsReader::emit(const Event& event) {
  events_.push_back(event);
  if (events_.size() != kBatch) return;
  consume_(events_);
  events_.clear();
}

void DroneOsReader::note_place(std::uint64_t offset) {
  std::vector<std::uint64_t>& places = summary_.losses.places;
  if (places.size() != kMostPlaces) places.push_back(offset);
}

void DroneOsReader::finish() {
  if (!events_.empty()) consume_(events_);
  events_.clear();
}

Summary DroneOsReader::summary() const {
  Summary summary = summary_;
  summary.format = FileFormat::kDroneOs;
  summary.runs = summary.events == 0 ? 0 : 1;
  summary.began_midway = summary.losses.unknown_deallocs != 0;
  // Nothing in such a file says so; nothing says otherwise.
  summary.ended_in_order = true;
  return summary;
}

}  // namespace drone::heaptrace
