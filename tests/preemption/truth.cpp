// SPDX-License-Identifier: MIT
#include "truth.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/reader.hpp"
#include "itm/decoder.hpp"
#include "support/error.hpp"

namespace drone::preemption {

Truth::Truth(std::uint32_t base) : base_(base) {
  std::array<heap::PoolPlacement, kLayout.pools.size()> placed{};
  heap::place_pools(kLayout.pools, placed);
  std::uint32_t blocks = 0;
  for (std::size_t i = 0; i != placed.size(); ++i) {
    const heap::PoolSpec& pool = kLayout.pools[placed[i].pool];
    places_[i] = {placed[i].offset, pool.block_size, pool.capacity, placed[i].first_block};
    blocks += pool.capacity;
  }
  blocks_.resize(blocks);
}

std::uint32_t Truth::number_of(std::uint32_t address) const {
  const std::uint32_t offset = address - base_;
  for (const Place& place : places_) {
    const std::uint32_t inside = offset - place.offset;
    if (inside >= place.block_size * place.capacity) continue;
    return inside % place.block_size == 0 ? place.first_block + inside / place.block_size : kNone;
  }
  return kNone;
}

const Truth::Place& Truth::place_of(std::uint32_t number) const {
  std::size_t i = places_.size() - 1;
  while (number < places_[i].first_block) --i;
  return places_[i];
}

std::string Truth::add(const LogRecord& record) {
  const std::uint32_t index = records_++;
  if (record.kind == RecordKind::kNothing) return {};
  if (record.kind == RecordKind::kFailed) {
    ++failed_[record.size];
    return {};
  }
  const std::uint32_t number = number_of(record.address);
  if (number == kNone) return fmt::format("0x{:08x} is no block", record.address);
  Block& block = blocks_[number];
  switch (record.kind) {
    case RecordKind::kTake:
    case RecordKind::kDrained:
      if (block.live) {
        return fmt::format("block {} (0x{:08x}) was handed out twice{}", number, record.address,
                           record.kind == RecordKind::kDrained ? ", found by draining" : "");
      }
      if (place_of(number).block_size < record.size) {
        return fmt::format("block {} is too small for {} bytes", number, record.size);
      }
      if ((record.address & ((1U << record.alignment_log2) - 1)) != 0) {
        return fmt::format("block {} is not aligned to {} bytes", number,
                           1U << record.alignment_log2);
      }
      block = {true, record.kind == RecordKind::kDrained, record.alignment_log2, record.size,
               index};
      steps_.push_back({number, Kind::kTake, record.size});
      return {};
    case RecordKind::kGive:
      if (!block.live) return fmt::format("the firmware gives block {} twice", number);
      block.live = false;
      steps_.push_back({number, Kind::kGive, 0});
      return {};
    default:
      if (!block.live) return fmt::format("the firmware resizes free block {}", number);
      block.size = record.size;
      steps_.push_back({number, Kind::kResize, record.size});
      return {};
  }
}

std::string Truth::check_all_found() const {
  for (const Place& place : places_) {
    const auto first = blocks_.begin() + place.first_block;
    const auto found =
        std::count_if(first, first + place.capacity, [](const Block& b) { return b.live; });
    if (found != place.capacity) {
      return fmt::format("{} of {} blocks of {} bytes were lost", place.capacity - found,
                         place.capacity, place.block_size);
    }
  }
  return {};
}

std::vector<Truth::Owned> Truth::owned() const {
  std::vector<Owned> owned;
  for (std::uint32_t number = 0; number != blocks_.size(); ++number) {
    const Block& block = blocks_[number];
    if (!block.live || block.drained) continue;
    const Place& place = place_of(number);
    owned.push_back({base_ + place.offset + (number - place.first_block) * place.block_size,
                     std::min(block.size, kFilledBytes), fill_of(block.record)});
  }
  return owned;
}

std::string Truth::compare(std::vector<Step> expected, std::vector<Step> seen) {
  const auto by_block = [](const Step& a, const Step& b) { return a.block < b.block; };
  std::stable_sort(expected.begin(), expected.end(), by_block);
  std::stable_sort(seen.begin(), seen.end(), by_block);
  if (expected == seen) return {};
  const auto [a, b] = std::mismatch(expected.begin(), expected.end(), seen.begin(), seen.end());
  const std::uint32_t block =
      std::min(a == expected.end() ? kNone : a->block, b == seen.end() ? kNone : b->block);
  return fmt::format("the trace tells another story of block {}", block);
}

std::string Truth::check_trace(const std::vector<std::byte>& swo, std::uint32_t advanced) const {
  std::vector<Step> seen;
  std::map<std::uint32_t, std::uint32_t> failed;
  std::vector<std::uint32_t> alignments(blocks_.size(), 0);
  bool foreign = false;
  heaptrace::Summary summary;
  try {
    summary =
        heaptrace::read_events([&] { return std::make_unique<MemorySource>(swo); }, {}, [] {},
                               [&](std::span<const heaptrace::Event> events) {
                                 for (const heaptrace::Event& event : events) {
                                   using heaptrace::EventKind;
                                   if (event.block >= blocks_.size()) {
                                     foreign = true;
                                     continue;
                                   }
                                   switch (event.kind) {
                                     case EventKind::kAlloc:
                                       seen.push_back({event.block, Kind::kTake, event.size});
                                       alignments[event.block] = event.alignment;
                                       break;
                                     case EventKind::kDealloc:
                                       seen.push_back({event.block, Kind::kGive, 0});
                                       break;
                                     case EventKind::kResize:
                                       seen.push_back({event.block, Kind::kResize, event.size});
                                       break;
                                     case EventKind::kRealign:
                                       alignments[event.block] = event.alignment;
                                       break;
                                     case EventKind::kFailed:
                                       ++failed[event.size];
                                       break;
                                     case EventKind::kReset:
                                       break;
                                   }
                                 }
                               });
  } catch (const Error& error) {
    return "the trace cannot be read: " + error.message();
  }
  const heaptrace::Losses& losses = summary.losses;
  if (losses.overflows != 0) return "the trace has an overflow: a write met a full FIFO";
  if (losses.lost_events != 0 || losses.dropped_events != 0) {
    return fmt::format("SEQUENCE is not exact: {} events lost, {} dropped", losses.lost_events,
                       losses.dropped_events);
  }
  if (losses.any() || losses.unknown_deallocs != 0 || summary.unknown_operations != 0 || foreign) {
    return fmt::format(
        "the trace is damaged: {} malformed, {} damaged events, {} of unknown blocks, {} of live "
        "ones, {} unknown operations",
        losses.malformed, losses.damaged_events, losses.unknown_deallocs, losses.double_allocs,
        summary.unknown_operations);
  }
  if (summary.runs != 1 || summary.began_midway) return "the trace is not one whole run";
  const heaptrace::Description& heap = summary.description;
  if (heap.heap_size != kLayout.size || heap.base_alignment != kLayout.alignment ||
      !heap.heap_base || heap.pools.size() != kLayout.pools.size()) {
    return "the trace's description of the heap is not whole";
  }
  if (std::string wrong = compare(steps_, seen); !wrong.empty()) return wrong;
  auto expected_failures = failed_;
  if (advanced != 0) expected_failures[kAdvanceSize] += advanced;
  if (failed != expected_failures) return "the trace tells of other failed requests";
  for (std::uint32_t number = 0; number != blocks_.size(); ++number) {
    const Block& block = blocks_[number];
    if (block.live &&
        alignments[number] != std::max(kLayout.alignment, 1U << block.alignment_log2)) {
      return fmt::format("the trace names another alignment of block {}", number);
    }
  }
  return {};
}

std::string Truth::check_stalled_trace(const std::vector<std::byte>& swo, std::uint64_t dropped) {
  heaptrace::Losses losses;
  try {
    losses = heaptrace::read_events([&] { return std::make_unique<MemorySource>(swo); }, {}, [] {},
                                    [](std::span<const heaptrace::Event>) {})
                 .losses;
  } catch (const Error& error) {
    return "the trace cannot be read: " + error.message();
  }
  if (losses.overflows != 0) return "the trace has an overflow: a write met a full FIFO";
  if (losses.malformed != 0 || losses.damaged_events != 0) return "the trace is damaged";
  if (losses.dropped_events != dropped) {
    return fmt::format("{} events were dropped, the trace says {}", dropped, losses.dropped_events);
  }
  if (losses.lost_events != 0) {
    return fmt::format("SEQUENCE is not exact: {} events lost", losses.lost_events);
  }
  return {};
}

std::uint32_t events_of(const LogRecord& record) {
  if (record.kind == RecordKind::kNothing) return 0;
  return heaptrace::is_narrow(0, record.size) ? 1 : 2;
}

TraceCount count_events(std::span<const std::byte> swo) {
  TraceCount count;
  const auto take = [&count](const itm::Packet& packet) {
    if (packet.kind != itm::PacketKind::kInstrumentation ||
        packet.source != heaptrace::kDefaultPort) {
      return;
    }
    const heaptrace::Decoded decoded =
        heaptrace::decode({static_cast<std::uint32_t>(packet.value), packet.size});
    if (!decoded.valid) return;
    if (heaptrace::is_counted(decoded.record.op)) ++count.counted;
    if (decoded.record.op == heaptrace::Op::kDropped) count.counted += decoded.record.argument;
    if (decoded.record.op == heaptrace::Op::kSequence) ++count.sequences;
  };
  itm::Decoder decoder;
  decoder.feed(swo, take);
  decoder.finish(take);
  return count;
}

}  // namespace drone::preemption
