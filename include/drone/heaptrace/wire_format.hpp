// SPDX-License-Identifier: MIT
#pragma once

// The heaptrace wire format, version 1 (docs/trace-format.md): what one write to the heap's ITM
// stimulus port means. Firmware encodes with this header and the host decodes with it; nothing
// else in the project knows a bit of it. Freestanding, constexpr, without state.
//
// A write is 16 bits wide (DEALLOC, bit 0 = 0) or 32 (everything else, bit 0 = 1):
//
//   DEALLOC  15:1 block
//   ALLOC    2:1 = 0   17:3 block (0x7FFF: it failed)   31:18 requested size
//   RESIZE   2:1 = 1   17:3 block                       31:18 new requested size
//   SITE     2:1 = 2    9:3 low 7 bits of the block     31:10 bits 22:1 of the return address
//   EXT      2:1 = 3    7:3 sub-operation               31:8  argument
//
// Blocks from 0x7FFF on and sizes from 16383 on take a pair of EXT writes, "wide".

#include <array>
#include <cstddef>
#include <cstdint>

namespace drone::heaptrace {

inline constexpr std::uint32_t kFormatVersion = 1;

/// The stimulus port of a heap that is not told otherwise.
inline constexpr unsigned kDefaultPort = 31;

/// Number of target events from one SEQUENCE to the next, that one included.
inline constexpr std::uint32_t kSequencePeriod = 256;

/// Blocks of a heap without pools are numbered by address: (address - base) / this.
inline constexpr std::uint32_t kPoollessUnit = 8;

/// Stands for the block of a request that failed.
inline constexpr std::uint32_t kNoBlock = 0xFFFFFFFF;

/// What one stimulus write says. The values of the EXT sub-operations are those on the wire, plus
/// `kFirstExt`.
enum class Op : std::uint8_t {
  kDealloc = 0,
  kAlloc,
  kResize,
  kSite,

  kFirstExt = 32,
  kVersion = kFirstExt + 0,         ///< argument: format version; a new run begins
  kWideAlloc = kFirstExt + 1,       ///< block; the next write of the port is its kWideSize
  kWideResize = kFirstExt + 2,      ///< block; the next write of the port is its kWideSize
  kWideSize = kFirstExt + 3,        ///< bytes, saturating at 24 bits
  kWideDealloc = kFirstExt + 4,     ///< block
  kAlign = kFirstExt + 5,           ///< low 16 bits of a block, and log2 of its alignment
  kSequence = kFirstExt + 6,        ///< 24 low bits of the number of target events, this included
  kDropped = kFirstExt + 7,         ///< events the tracer gave up on since the last kDropped
  kPoolBlock = kFirstExt + 8,       ///< description: block size of the next pool, address order
  kPoolCapacity = kFirstExt + 9,    ///< description: its number of blocks
  kHeapSize = kFirstExt + 10,       ///< description: bytes
  kClock = kFirstExt + 11,          ///< description: timestamp clock in kHz
  kHeapBaseLow = kFirstExt + 12,    ///< description: 24 low bits of the heap's address
  kHeapBaseHigh = kFirstExt + 13,   ///< description: 8 high bits of the heap's address
  kHeapAlignment = kFirstExt + 14,  ///< description: base alignment in bytes, 4 or 8
  kGap = kFirstExt + 30,            ///< written by the capture: bytes lost here, 0 = unknown
  kEnd = kFirstExt + 31,            ///< written by the capture: it was closed in order
};

/// Whether an operation is one that SEQUENCE counts: all but sub-operations 8 to 31.
constexpr bool is_counted(Op op) { return op < Op::kPoolBlock; }

/// One stimulus write, or what one says. `block` and `argument` mean what `op` says:
/// kDealloc, kWideDealloc, kWideAlloc, kWideResize: block. kAlloc, kResize: block, and the
/// requested size in `argument`. kSite: the low 7 bits of the block, and bits 22:1 of the return
/// address, in place (bit 0 clear). kAlign: the low 16 bits of the block, and log2 of the
/// alignment. All others: `argument`. A block of a failed request is kNoBlock (kAlloc, kWideAlloc)
/// or 0xFFFF (kAlign).
struct Record {
  Op op;
  std::uint32_t block = 0;
  std::uint32_t argument = 0;

  friend constexpr bool operator==(const Record&, const Record&) = default;
};

/// One stimulus write as it goes over the wire: `size` is 2 or 4 bytes, little-endian.
struct Write {
  std::uint32_t value;
  std::uint8_t size;

  friend constexpr bool operator==(const Write&, const Write&) = default;
};

namespace detail {
inline constexpr std::uint32_t kNarrowBlockLimit = 0x7FFF;  ///< first block that needs a wide form
inline constexpr std::uint32_t kNarrowSizeLimit = 0x3FFF;   ///< first size that needs a wide form
inline constexpr std::uint32_t kWideMask = 0xFFFFFF;
}  // namespace detail

/// Whether a block and a size fit the 32-bit ALLOC and RESIZE, and the 16-bit DEALLOC.
constexpr bool is_narrow(std::uint32_t block) { return block < detail::kNarrowBlockLimit; }
constexpr bool is_narrow(std::uint32_t block, std::uint32_t size) {
  return (is_narrow(block) || block == kNoBlock) && size < detail::kNarrowSizeLimit;
}

/// The write that says `record`. Needs a record within the ranges of its operation (see
/// `is_narrow`); 24-bit arguments saturate for kWideSize and are truncated otherwise.
constexpr Write encode(Record record) {
  const std::uint32_t block15 = record.block == kNoBlock ? 0x7FFF : (record.block & 0x7FFF);
  switch (record.op) {
    case Op::kDealloc:
      return {(record.block & 0x7FFF) << 1, 2};
    case Op::kAlloc:
      return {1U | (0U << 1) | block15 << 3 | record.argument << 18, 4};
    case Op::kResize:
      return {1U | (1U << 1) | block15 << 3 | record.argument << 18, 4};
    case Op::kSite:
      return {1U | (2U << 1) | (record.block & 0x7F) << 3 | (record.argument >> 1) << 10, 4};
    default:
      break;
  }
  std::uint32_t argument = record.argument & detail::kWideMask;
  switch (record.op) {
    case Op::kWideAlloc:
    case Op::kWideResize:
    case Op::kWideDealloc:
      argument = record.block & detail::kWideMask;
      break;
    case Op::kWideSize:
      argument = record.argument < detail::kWideMask ? record.argument : detail::kWideMask;
      break;
    case Op::kAlign:
      argument = (record.block & 0xFFFF) | (record.argument & 0xFF) << 16;
      break;
    default:
      break;
  }
  const auto sub =
      static_cast<std::uint32_t>(record.op) - static_cast<std::uint32_t>(Op::kFirstExt);
  return {1U | (3U << 1) | sub << 3 | argument << 8, 4};
}

/// The write or the two writes that say that `block` now holds `size` bytes: an allocation
/// (`op` = kAlloc) or a resize in place (kResize). Two must follow each other on the port with
/// nothing between them.
struct Writes {
  std::array<Write, 2> write;
  std::size_t count;
};
constexpr Writes encode_sized(Op op, std::uint32_t block, std::uint32_t size) {
  if (is_narrow(block, size)) return {{encode({op, block, size}), Write{}}, 1};
  const Op wide = op == Op::kAlloc ? Op::kWideAlloc : Op::kWideResize;
  return {{encode({wide, block, 0}), encode({Op::kWideSize, 0, size})}, 2};
}
constexpr Write encode_dealloc(std::uint32_t block) {
  return encode({is_narrow(block) ? Op::kDealloc : Op::kWideDealloc, block, 0});
}

/// Bytes: larger requests are recorded as this.
inline constexpr std::uint32_t kMostRecordedSize = detail::kWideMask;

/// What a write says. Any 16- or 32-bit write decodes unless bit 0 contradicts its width, or its
/// width is neither: then `valid` is false. Unknown sub-operations decode to their own Op value.
struct Decoded {
  Record record;
  bool valid;
};
constexpr Decoded decode(Write write) {
  const std::uint32_t value = write.value;
  if (write.size == 2 && (value & 1) == 0) return {{Op::kDealloc, (value & 0xFFFF) >> 1, 0}, true};
  if (write.size != 4 || (value & 1) == 0) return {{Op::kDealloc, 0, 0}, false};

  const std::uint32_t block15 = (value >> 3) & 0x7FFF;
  switch ((value >> 1) & 3) {
    case 0:
      return {{Op::kAlloc, block15 == 0x7FFF ? kNoBlock : block15, value >> 18}, true};
    case 1:
      return {{Op::kResize, block15, value >> 18}, true};
    case 2:
      return {{Op::kSite, (value >> 3) & 0x7F, (value >> 10) << 1}, true};
    default:
      break;
  }
  const auto op =
      static_cast<Op>(static_cast<std::uint32_t>(Op::kFirstExt) + ((value >> 3) & 0x1F));
  const std::uint32_t argument = value >> 8;
  switch (op) {
    case Op::kWideAlloc:
      return {{op, argument == detail::kWideMask ? kNoBlock : argument, 0}, true};
    case Op::kWideResize:
    case Op::kWideDealloc:
      return {{op, argument, 0}, true};
    case Op::kAlign:
      return {{op, argument & 0xFFFF, argument >> 16}, true};
    default:
      return {{op, 0, argument}, true};
  }
}

}  // namespace drone::heaptrace
