// SPDX-License-Identifier: MIT
#include "preload/recording.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <limits>

#include "itm/packet.hpp"

namespace drone::preload {
namespace {

using heaptrace::encode;
using heaptrace::encode_dealloc;
using heaptrace::encode_sized;
using heaptrace::Op;
using heaptrace::Write;
using heaptrace::Writes;

constexpr std::size_t kMostPacket = 5;

std::uint32_t saturated(std::size_t size) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
}

/// A stimulus write as a packet: its header and 2 or 4 bytes.
std::size_t encode_packet(const Write& write, std::uint8_t* packet) noexcept {
  packet[0] = itm::instrumentation_header(heaptrace::kDefaultPort, write.size);
  for (unsigned i = 0; i != write.size; ++i) {
    packet[1 + i] = static_cast<std::uint8_t>(write.value >> (8 * i));
  }
  return 1U + write.size;
}

std::uintptr_t address_of(const void* block) { return reinterpret_cast<std::uintptr_t>(block); }

}  // namespace

bool Recording::begin(const char* path, bool is_shared_name, const RecordingOptions& options,
                      RecordingStatus& status) noexcept {
  status = {};
  status_ = &status;
  options_ = options;
  counted_ = sequences_ = dropped_ = 0;
  pending_size_ = 0;
  status.state = RecordingState::kRecording;
  if (!numbers_.reset() || !blocks_.reset()) {
    fail("no memory for the tracer");
  } else if (!file_.create(path, is_shared_name)) {
    fail(file_.error());
  } else {
    for (std::size_t i = 0; i != itm::kSyncZeros; ++i) pending_[pending_size_++] = 0;
    pending_[pending_size_++] = itm::kSyncEnd;
    ++counted_;
    put(encode({Op::kVersion, 0, heaptrace::kFormatVersion}));
    put(encode({Op::kHeapAlignment, 0, kBaseAlignment}));
    flush();
  }
  return is_open();
}

void Recording::fail(const char* why) noexcept {
  status_->state = RecordingState::kFailed;
  std::snprintf(status_->error, sizeof(status_->error), "%s", why);
}

void Recording::put(const Write& write) noexcept {
  pending_size_ += encode_packet(write, pending_ + pending_size_);
}

/// Hands over what was put: whole events only, so that the file ends with one.
void Recording::flush() noexcept {
  if (!file_.append(pending_, pending_size_)) fail(file_.error());
  pending_size_ = 0;
  status_->bytes = file_.length();
}

void Recording::emit_sized(Op op, std::uint32_t block, std::uint32_t size) noexcept {
  if (size > heaptrace::kMostRecordedSize) ++status_->saturated;
  emit(encode_sized(op, block, size));
}

void Recording::emit(const Writes& writes) noexcept {
  for (;;) {
    if (report_dropped()) continue;
    ++counted_;
    if (counted_ / heaptrace::kSequencePeriod != sequences_) {
      sequences_ = counted_ / heaptrace::kSequencePeriod;
      put(encode({Op::kSequence, 0, counted_}));
    } else {
      break;
    }
  }
  put(writes.write[0]);
  if (writes.count == 2) {
    ++counted_;
    put(writes.write[1]);
  }
  ++status_->events;
  flush();
}

bool Recording::report_dropped() noexcept {
  if (dropped_ == 0) return false;
  const std::uint32_t reported = std::min(dropped_, heaptrace::detail::kWideMask);
  dropped_ -= reported;
  ++counted_;
  put(encode({Op::kDropped, 0, reported}));
  return true;
}

void Recording::drop(std::uint32_t events) noexcept {
  counted_ += events;
  dropped_ += events;
  status_->dropped += events;
}

void Recording::hold(std::uint64_t more, std::uint64_t less) noexcept {
  status_->live_bytes += more - less;
  status_->peak_bytes = std::max(status_->peak_bytes, status_->live_bytes);
}

bool Recording::is_traced(std::size_t size) noexcept {
  if (size <= options_.max_request) return size != 0;
  if (status_->left_out++ == 0 || size < status_->least_left_out) status_->least_left_out = size;
  return false;
}

void Recording::name_alignment(std::uint32_t block, std::size_t alignment) noexcept {
  if (alignment <= kBaseAlignment) return;
  const auto exponent = static_cast<std::uint32_t>(std::bit_width(std::bit_ceil(alignment)) - 1);
  emit({{encode({Op::kAlign, block, exponent}), {}}, 1});
}

void Recording::allocated(const void* block, std::size_t size, std::size_t alignment) noexcept {
  if (Block* const stale = blocks_.find(address_of(block)); stale != nullptr) {
    released(block);  // a signal handler freed it unseen, while this thread was in here
  }
  if (!is_traced(size)) return;
  const Block fresh{address_of(block), numbers_.take(), saturated(size)};
  const bool is_named = fresh.number != kNoNumber;
  if (!blocks_.insert(fresh)) {
    if (is_named) numbers_.give_back(fresh.number);
    drop(1);
    return;
  }
  if (!is_named) {
    drop(1);
    return;
  }
  emit_sized(Op::kAlloc, fresh.number, fresh.size);
  name_alignment(fresh.number, alignment);
  hold(fresh.size, 0);
}

void Recording::failed(std::size_t size, std::size_t alignment) noexcept {
  if (!is_traced(size)) return;
  emit_sized(Op::kAlloc, heaptrace::kNoBlock, saturated(size));
  name_alignment(heaptrace::kNoBlock, alignment);
}

void Recording::released(const void* block) noexcept {
  Block* const found = blocks_.find(address_of(block));
  if (block == nullptr || found == nullptr) return;
  const Block gone = *found;
  blocks_.remove(found);
  if (gone.number == kNoNumber) {
    drop(1);
    return;
  }
  emit({{encode_dealloc(gone.number), {}}, 1});
  numbers_.give_back(gone.number);
  hold(0, gone.size);
}

/// The block keeps its number at another address.
Block* Recording::move(Block* from, const void* to) noexcept {
  const Block moved{address_of(to), from->number, from->size};
  blocks_.remove(from);
  if (Block* const stale = blocks_.find(moved.address); stale != nullptr) released(to);
  blocks_.insert(moved);  // in the place that was just given up
  return blocks_.find(moved.address);
}

void Recording::reallocated(const void* from, const void* to, std::size_t size) noexcept {
  Block* found = blocks_.find(address_of(from));
  if (from != to && found != nullptr && options_.are_moves_resizes) found = move(found, to);
  if (from != to && !options_.are_moves_resizes) {
    allocated(to, size, 0);
    released(from);
  } else if (found == nullptr) {
    allocated(to, size, 0);
  } else if (!is_traced(size)) {
    released(to);
  } else if (found->size != saturated(size)) {
    const std::uint32_t old_size = found->size;
    found->size = saturated(size);
    if (found->number == kNoNumber) {
      drop(1);
      return;
    }
    emit_sized(Op::kResize, found->number, found->size);
    hold(found->size, old_size);
  }
}

void Recording::end() noexcept {
  std::uint8_t packet[kMostPacket];
  const std::size_t size = encode_packet(encode({Op::kEnd, 0, 0}), packet);
  if (report_dropped()) flush();
  status_->is_closed = 1;
  if (!file_.close_with(packet, size)) fail(file_.error());
}

}  // namespace drone::preload
