// SPDX-License-Identifier: MIT
#include "heaptrace/plausibility.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "drone/heaptrace/wire_format.hpp"

namespace drone::heaptrace {
namespace {

using itm::PacketKind;
using Judgement = Plausibility::Judgement;

// Description lengths in bits.
constexpr float kGarbageByte = 8;
constexpr float kImpossible = 80;  ///< what the heap cannot say: more than garbage
constexpr float kAllocBits = 10;   ///< an ordinary block and an ordinary size
constexpr float kEndBits = 6;      ///< one of the live blocks
constexpr float kResizeBits = 12;
constexpr float kSiteBits = 8;
constexpr float kFactBits = 6;
constexpr float kRareBits = 24;  ///< what tracers hardly ever say there
constexpr float kTextByte = 6;   ///< of a port that is not the heap's
constexpr float kBinaryByte = 7.5;
constexpr float kTimestampByte = 5;
constexpr float kUnknownBlockBits = 1;
constexpr float kExpectedOpBits = 4;  ///< of an operation's rarity, contained in the lengths above
constexpr float kTooLargeBits = 50;   ///< a request that no pool could ever serve
constexpr std::uint32_t kMostSizes = 1U << 16;

/// A header that takes more bits than this is a surprise.
constexpr float kSurprise = 8;

constexpr std::uint32_t kReservedSize = 0x3FFF;
constexpr std::uint32_t kReservedBlock = 0x7FFF;
constexpr std::uint32_t kReservedWideBlock = 0xFFFFFF;
constexpr std::uint32_t kMask24 = 0xFFFFFF;

/// Facts about the heap follow a VERSION within so many packets, interrupts' events included.
constexpr std::uint16_t kDescriptionLength = 1024;

/// The header that stands for a packet's: those of one kind with values in them are one.
std::uint8_t header_of(const itm::Packet& packet) {
  switch (packet.kind) {
    case PacketKind::kInstrumentation:
    case PacketKind::kHardware: {
      const unsigned code = packet.size == 4 ? 3U : packet.size;
      const unsigned hardware = packet.kind == PacketKind::kHardware ? itm::kHardwareBit : 0U;
      return static_cast<std::uint8_t>((packet.source & 31U) << 3 | hardware | code);
    }
    case PacketKind::kLocalTimestamp:
      return packet.length == 1 ? 0x10
                                : static_cast<std::uint8_t>(itm::kLocalTimestamp1Header |
                                                            unsigned{packet.detail} << 4);
    case PacketKind::kGlobalTimestamp1:
      return itm::kGlobalTimestamp1Header;
    case PacketKind::kGlobalTimestamp2:
      return itm::kGlobalTimestamp2Header;
    case PacketKind::kOverflow:
      return itm::kOverflowHeader;
    case PacketKind::kExtension:
      return 0x08;
    case PacketKind::kSync:
    case PacketKind::kMalformed:
    case PacketKind::kGap:
      break;
  }
  return 0;
}

bool is_text(std::uint64_t byte) {
  return (byte >= 0x20 && byte < 0x7F) || byte == '\n' || byte == '\r' || byte == '\t';
}

Judgement impossible() { return {kImpossible, true}; }

}  // namespace

Plausibility::Plausibility(unsigned port) : port_(port) {
  // What a stream is likely made of before anything is known of it.
  header_count_.fill(0.05F);
  for (unsigned lts1 = 0xC0; lts1 <= 0xF0; lts1 += 0x10) header_count_[lts1] = 1;
  header_count_[0x10] = 1;
  header_count_[itm::kOverflowHeader] = 0.25F;
  header_count_[0x08] = 0.01F;
  for (const unsigned size : {1U, 2U, 3U}) header_count_[size] = 0.5F;  // port 0
  header_count_[port << 3 | 2] = 8;
  header_count_[port << 3 | 3] = 8;
  for (const float count : header_count_) headers_ += count;
  op_count_.fill(0.05F);
  op_count_[static_cast<std::size_t>(Op::kAlloc)] = 4;
  op_count_[static_cast<std::size_t>(Op::kDealloc)] = 4;
  op_count_[static_cast<std::size_t>(Op::kResize)] = 1;
  update_bits();
}

void Plausibility::update_bits() {
  const float all = std::log2(headers_);
  for (std::size_t i = 0; i != header_bits_.size(); ++i) {
    header_bits_[i] = all - std::log2(header_count_[i]);
  }
  float ops = 0;
  for (const float count : op_count_) ops += count;
  for (std::size_t i = 0; i != kOps; ++i) {
    op_bits_[i] = std::max(0.0F, std::log2(ops) - std::log2(op_count_[i]) - kExpectedOpBits);
  }
  new_size_bits_ = std::log2(requests_ / new_sizes_);
}

Judgement Plausibility::take(const itm::Packet& packet, Undo& undo) {
  undo.context = context_;
  undo.has_block = false;
  switch (packet.kind) {
    case PacketKind::kSync:
      return {1, false};  // hardly by chance
    case PacketKind::kMalformed:
      return {kGarbageByte * (2 + static_cast<float>(packet.length)), true};
    case PacketKind::kGap:
      return {0, false};
    default:
      break;
  }
  const float header = header_bits_[header_of(packet)];
  Judgement judgement{header, header > kSurprise};
  switch (packet.kind) {
    case PacketKind::kInstrumentation:
      if (packet.source == port_) {
        const Judgement said = take_write(packet, undo);
        return {judgement.bits + said.bits, judgement.suspicious || said.suspicious};
      }
      if (packet.source >= 32) judgement = impossible();  // no Cortex-M has a second page of ports
      for (unsigned i = 0; i != packet.size; ++i) {
        judgement.bits += is_text(packet.value >> (8 * i) & 0xFF) ? kTextByte : kBinaryByte;
      }
      break;
    case PacketKind::kHardware:
      judgement.bits += kBinaryByte * static_cast<float>(packet.size);
      break;
    default:
      judgement.bits += kTimestampByte * static_cast<float>(packet.length - 1);
      break;
  }
  return judgement;
}

Judgement Plausibility::take_write(const itm::Packet& packet, Undo& undo) {
  const auto [record, valid] = decode({static_cast<std::uint32_t>(packet.value), packet.size});
  if (context_.since_version != UINT16_MAX) ++context_.since_version;
  if (!valid) return impossible();
  const float rarity =
      record.op == Op::kVersion ? 0 : op_bits_[static_cast<std::size_t>(record.op)];
  const Judgement said = take_record(record, undo);
  return {said.bits + rarity, said.suspicious || rarity > kSurprise};
}

Judgement Plausibility::take_record(const Record& record, Undo& undo) {
  if (is_counted(record.op)) ++context_.sequence;
  const bool torn = context_.wide_pending && record.op != Op::kWideSize;
  const bool wide_pending = std::exchange(context_.wide_pending, false);
  if (torn && record.op != Op::kVersion) return impossible();
  switch (record.op) {
    case Op::kAlloc:
      if (record.argument == 0 || record.argument == kReservedSize) return impossible();
      return judge_alloc(record.block, record.argument, undo);
    case Op::kResize:
      if (record.argument == 0 || record.argument == kReservedSize ||
          record.block == kReservedBlock) {
        return impossible();
      }
      return judge_resize(record.block, record.argument, undo);
    case Op::kDealloc:
      if (record.block == kReservedBlock) return impossible();
      return judge_end(record.block, undo);
    case Op::kWideDealloc:
      if (record.block == kReservedWideBlock) return impossible();
      return judge_end(record.block, undo);
    case Op::kSite:
      return is_latest_alloc(record.block, 0x7F) ? Judgement{kSiteBits, false}
                                                 : Judgement{kRareBits, true};
    case Op::kAlign:
      return record.argument >= 3 && record.argument <= 12 && is_latest_alloc(record.block, 0xFFFF)
                 ? Judgement{kSiteBits, false}
                 : Judgement{kRareBits, true};
    case Op::kWideAlloc:
      context_.wide_pending = true;
      return judge_alloc(record.block, 1, undo);
    case Op::kWideResize:
      context_.wide_pending = true;
      return judge_resize(record.block, 1, undo);
    case Op::kWideSize:
      return wide_pending && record.argument != 0 ? Judgement{kAllocBits, false} : impossible();
    case Op::kVersion:
      if (record.argument != kFormatVersion && (context_.sequence > 1 || context_.run != 0)) {
        return impossible();
      }
      ++context_.run;
      context_.sequence = 1;
      context_.sequence_known = true;
      context_.since_version = 0;
      // Anywhere in a stream, and hardly by chance.
      return {record.argument == kFormatVersion ? 1 : kRareBits, record.argument != kFormatVersion};
    case Op::kSequence:
      return judge_sequence(record.argument);
    case Op::kDropped:
      context_.sequence += record.argument;
      return {kRareBits, record.argument > 1U << 16};
    case Op::kPoolBlock:
    case Op::kPoolCapacity:
    case Op::kHeapSize:
    case Op::kClock:
    case Op::kHeapBaseLow:
    case Op::kHeapBaseHigh:
    case Op::kHeapAlignment:
      return context_.since_version < kDescriptionLength ? Judgement{kFactBits, false}
                                                         : Judgement{kRareBits, true};
    case Op::kGap:
      return {kFactBits, false};
    case Op::kEnd:
      return record.argument == 0 ? Judgement{kFactBits, false} : impossible();
    default:
      return {kRareBits, true};
  }
}

/// More bits for a size that was never asked for before, if that is rare in this stream.
float Plausibility::size_bits(std::uint32_t size) const {
  return size < sizes_.size() && sizes_[size] ? 0 : new_size_bits_;
}

Judgement Plausibility::judge_failed(std::uint32_t size) const {
  const float bits = kAllocBits + size_bits(size);
  const std::vector<heap::PoolSpec>& pools = heap_.description().pools;
  const bool fits_any = pools.empty() || (size < sizes_.size() && sizes_[size]) ||
                        std::any_of(pools.begin(), pools.end(), [size](const heap::PoolSpec& pool) {
                          return size <= pool.block_size;
                        });
  return fits_any ? Judgement{bits, false} : Judgement{bits + kTooLargeBits, true};
}

Judgement Plausibility::judge_alloc(std::uint32_t block, std::uint32_t size, Undo& undo) {
  if (block == kNoBlock) return judge_failed(size);
  if (heap_.judge(block, size, 1) == DescribedHeap::Verdict::kImpossible) return impossible();
  const BlockState before = state(block);
  set_state(block, BlockState::kLive, undo);
  context_.latest_allocs[3] = context_.latest_allocs[2];
  context_.latest_allocs[2] = context_.latest_allocs[1];
  context_.latest_allocs[1] = context_.latest_allocs[0];
  context_.latest_allocs[0] = static_cast<std::uint16_t>(block & 0xFFFF);
  return weigh(kAllocBits + size_bits(size), before, BlockState::kFree);
}

Judgement Plausibility::judge_end(std::uint32_t block, Undo& undo) {
  if (heap_.judge(block, 0, 1) == DescribedHeap::Verdict::kImpossible) return impossible();
  const BlockState before = state(block);
  set_state(block, BlockState::kFree, undo);
  return weigh(kEndBits, before, BlockState::kLive);
}

Judgement Plausibility::judge_resize(std::uint32_t block, std::uint32_t size, Undo& undo) {
  if (heap_.judge(block, size, 1) == DescribedHeap::Verdict::kImpossible) return impossible();
  const BlockState before = state(block);
  set_state(block, BlockState::kLive, undo);
  return weigh(kResizeBits + size_bits(size), before, BlockState::kLive);
}

Judgement Plausibility::judge_sequence(std::uint32_t sequence) {
  const std::uint32_t ahead = (sequence - context_.sequence) & kMask24;
  const bool known = std::exchange(context_.sequence_known, true);
  context_.sequence = sequence;
  if (!known) return {kRareBits, false};
  // Behind by a few: what was damaged has been taken for more events than it was.
  const std::uint32_t off = std::min(ahead, (kMask24 + 1) - ahead);
  if (off > 1U << 16) return impossible();
  return {kFactBits + 2 * std::log2(static_cast<float>(off) + 1), off > 16};
}

bool Plausibility::is_latest_alloc(std::uint32_t low_bits, std::uint32_t mask) const {
  if (low_bits == (kNoBlock & mask)) return true;  // of a failed request
  return std::any_of(context_.latest_allocs.begin(), context_.latest_allocs.end(),
                     [&](std::uint32_t block) { return (block & mask) == low_bits; });
}

/// An event that takes `bits` if its block was in the state that it needs. A stream that has lost
/// something, and a program that frees twice, surprise less the more often they do it.
Judgement Plausibility::weigh(float bits, BlockState before, BlockState expected) {
  if (before == BlockState::kUnknown) return {bits + kUnknownBlockBits, false};
  context_.events += 1;
  if (before == expected) return {bits, false};
  const float more =
      std::min(14.0F, 2 + std::log2(context_.events / (context_.contradictions + 0.25F)));
  context_.contradictions += 1;
  return {bits + more, more > kSurprise};
}

Plausibility::BlockState Plausibility::state(std::uint32_t block) const {
  const std::size_t page = block >> kPageBits;
  if (page < pages_.size() && pages_[page] != nullptr) {
    const Block& entry = (*pages_[page])[block & ((1U << kPageBits) - 1)];
    if (entry.run == context_.run) return entry.state;
  }
  return context_.run == 0 ? BlockState::kUnknown : BlockState::kFree;
}

void Plausibility::set_state(std::uint32_t block, BlockState state, Undo& undo) {
  const std::size_t page = block >> kPageBits;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
  Block& entry = (*pages_[page])[block & ((1U << kPageBits) - 1)];
  undo.has_block = true;
  undo.block = block;
  undo.before = entry;
  entry = {context_.run, state};
}

void Plausibility::take_back(const Undo& undo) {
  context_ = undo.context;
  if (undo.has_block) {
    (*pages_[undo.block >> kPageBits])[undo.block & ((1U << kPageBits) - 1)] = undo.before;
  }
}

void Plausibility::learn(const itm::Packet& packet) {
  if (packet.kind == PacketKind::kMalformed || packet.kind == PacketKind::kGap ||
      packet.kind == PacketKind::kOverflow) {
    note_loss();
  }
  if (packet.kind == PacketKind::kMalformed || packet.kind == PacketKind::kGap) return;
  constexpr float kMemory = 16384;  // headers
  const std::uint8_t header = header_of(packet);
  header_count_[header] += 1;
  headers_ += 1;
  if (headers_ > kMemory) {
    for (float& count : header_count_) count = std::max(count / 2, 0.05F);
    headers_ = 0;
    for (const float count : header_count_) headers_ += count;
  }
  if (++learned_ == next_update_) {
    next_update_ += std::min<std::uint32_t>(learned_, 1024);
    update_bits();
  }
  if (packet.kind == PacketKind::kInstrumentation && packet.source == port_) learn_write(packet);
}

void Plausibility::learn_write(const itm::Packet& packet) {
  const auto [record, valid] = decode({static_cast<std::uint32_t>(packet.value), packet.size});
  if (!valid) return;
  if (record.op == Op::kVersion) heap_.begin_run();
  if (record.op == Op::kGap || record.op == Op::kDropped) note_loss();
  if (record.op >= Op::kPoolBlock && record.op <= Op::kHeapAlignment) heap_.add_fact(record);
  if (is_counted(record.op)) heap_.note_event();
  op_count_[static_cast<std::size_t>(record.op)] += 1;
  if (record.op != Op::kAlloc && record.op != Op::kResize && record.op != Op::kWideSize) return;
  requests_ += 1;
  if (record.argument >= kMostSizes) return;
  if (record.argument >= sizes_.size()) sizes_.resize(record.argument + 1);
  if (sizes_[record.argument]) return;
  sizes_[record.argument] = true;
  new_sizes_ += 1;
}

void Plausibility::note_loss() { heap_.note_loss(); }

}  // namespace drone::heaptrace
