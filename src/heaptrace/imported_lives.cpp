// SPDX-License-Identifier: MIT
#include "heaptrace/imported_lives.hpp"

#include <algorithm>
#include <utility>

namespace drone::heaptrace {
namespace {

constexpr std::size_t kBatch = 4096;
constexpr std::size_t kMostPlaces = 16;
constexpr unsigned kFirstTableBits = 10;

std::uint32_t event_size(std::uint64_t size) {
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(size, 1, UINT32_MAX));
}

}  // namespace

ImportedLives::ImportedLives(Consume consume)
    : consume_(std::move(consume)),
      lives_(std::size_t{1} << kFirstTableBits),
      shift_(64 - kFirstTableBits) {
  events_.reserve(kBatch);
}

/// Where the life is, or would be.
std::size_t ImportedLives::slot_of(Id id) const {
  const std::size_t mask = lives_.size() - 1;
  std::size_t slot = home(id);
  while (lives_[slot].size != 0 && lives_[slot].id != id) slot = (slot + 1) & mask;
  return slot;
}

void ImportedLives::alloc(Id id, std::uint64_t size, std::uint32_t alignment) {
  ++summary_.events;
  std::size_t slot = slot_of(id);
  if (lives_[slot].size != 0) {
    ++summary_.losses.double_allocs;
    note_place();
    end(slot);
    slot = slot_of(id);
  }
  begin(slot, id, event_size(size), alignment);
}

bool ImportedLives::dealloc(Id id) {
  ++summary_.events;
  const std::size_t slot = slot_of(id);
  if (lives_[slot].size == 0) {
    ++summary_.losses.unknown_deallocs;
    return false;
  }
  end(slot);
  return true;
}

void ImportedLives::resize(Id id, std::uint64_t size) {
  ++summary_.events;
  const std::size_t slot = slot_of(id);
  Life& life = lives_[slot];
  if (life.size == 0) {
    ++summary_.losses.unknown_deallocs;
    return begin(slot, id, event_size(size), kBaseAlignment);
  }
  const std::uint32_t new_size = event_size(size);
  if (new_size == life.size) return;
  const std::uint32_t old_size = std::exchange(life.size, new_size);
  emit({EventKind::kResize, life.block, new_size, old_size, life.alignment});
}

void ImportedLives::move(Id from, Id to, std::uint64_t size) {
  alloc(to, size);
  dealloc(from);
}

void ImportedLives::fail(std::uint64_t size, std::uint32_t alignment) {
  ++summary_.events;
  emit({EventKind::kFailed, 0, event_size(size), 0, alignment});
}

void ImportedLives::reset() {
  if (summary_.events != 0) summary_.runs = std::max(summary_.runs, 1U);
  if (++summary_.runs == 1) return;
  emit({EventKind::kReset});
  std::fill(lives_.begin(), lives_.end(), Life());
  live_ = 0;
  free_.clear();
  blocks_ = 0;
}

void ImportedLives::begin(std::size_t slot, Id id, std::uint32_t size, std::uint32_t alignment) {
  std::uint32_t block = blocks_;
  if (free_.empty()) {
    ++blocks_;
  } else {
    block = free_.back();
    free_.pop_back();
  }
  lives_[slot] = {id, block, size, alignment};
  emit({EventKind::kAlloc, block, size, 0, alignment});
  if (++live_ * 2 > lives_.size()) grow();
}

void ImportedLives::end(std::size_t slot) {
  const Life& life = lives_[slot];
  emit({EventKind::kDealloc, life.block, 0, life.size, life.alignment});
  free_.push_back(life.block);
  erase(slot);
}

/// Moves the lives behind the slot that were put there because it was taken, so that each is found
/// from its home on without passing a free slot.
void ImportedLives::erase(std::size_t slot) {
  const std::size_t mask = lives_.size() - 1;
  for (std::size_t next = (slot + 1) & mask; lives_[next].size != 0; next = (next + 1) & mask) {
    const std::size_t distance = (next - home(lives_[next].id)) & mask;
    if (distance < ((next - slot) & mask)) continue;
    lives_[slot] = lives_[next];
    slot = next;
  }
  lives_[slot].size = 0;
  --live_;
}

void ImportedLives::grow() {
  std::vector<Life> old(lives_.size() * 2);
  old.swap(lives_);
  --shift_;
  for (const Life& life : old) {
    if (life.size != 0) lives_[slot_of(life.id)] = life;
  }
}

void ImportedLives::emit(const Event& event) {
  events_.push_back(event);
  if (events_.size() == kBatch) flush();
}

void ImportedLives::flush() {
  if (events_.empty()) return;
  consume_(events_);
  events_.clear();
}

void ImportedLives::note_malformed() {
  ++summary_.losses.malformed;
  note_place();
}

void ImportedLives::note_place() {
  std::vector<std::uint64_t>& places = summary_.losses.places;
  if (places.size() != kMostPlaces) places.push_back(place_);
}

Summary ImportedLives::summary() const {
  Summary summary = summary_;
  if (summary.events != 0) summary.runs = std::max(summary.runs, 1U);
  summary.began_midway = summary.losses.unknown_deallocs != 0;
  summary.of_64_bit_program = addresses_ > UINT32_MAX;
  return summary;
}

}  // namespace drone::heaptrace
