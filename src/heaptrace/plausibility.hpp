// SPDX-License-Identifier: MIT
#pragma once

// How likely a packet is in the stream of a traced heap, given what that stream said before.
//
// ITM has neither lengths nor checksums: behind a byte that was lost, payload is read as headers
// until the two happen to agree again. But what is read then makes no sense: headers that the
// stream never uses, blocks that the heap does not have, blocks that are freed while they are free.
// So a packet is measured by its description length, in bits: how many a code fitted to this stream
// would spend on it. The right framing is the one with the shortest description
// (resync_decoder.hpp).
//
// The lengths are rough, and need not be better: a byte of garbage costs 8 bits by definition, a
// whole event of 5 bytes in its place about 10 of its 40, an impossible one as much as garbage.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/described_heap.hpp"
#include "itm/packet.hpp"

namespace drone::heaptrace {

class Plausibility {
  enum class BlockState : std::uint8_t { kUnknown, kLive, kFree };

  /// What a block was last said to be, in the run numbered `run`.
  struct Block {
    std::uint16_t run = 0;
    BlockState state = BlockState::kUnknown;
  };

  /// What the next packet is judged by, apart from the blocks.
  struct Context {
    std::uint32_t sequence = 0;  ///< events counted in this run
    bool sequence_known = false;
    bool wide_pending = false;  ///< a WIDE_SIZE must come next
    std::uint16_t run = 0;
    std::uint16_t since_version = UINT16_MAX;      ///< packets of the port, saturating
    std::array<std::uint16_t, 4> latest_allocs{};  ///< low bits of their blocks
    float events = 64;         ///< of blocks whose state was known, and some to start with
    float contradictions = 0;  ///< those that did not fit it
  };

 public:
  /// `port` is the heap's.
  explicit Plausibility(unsigned port);

  /// What taking a packet as said has changed.
  struct Undo {
    Context context;
    std::uint32_t block = 0;
    Block before;
    bool has_block = false;
  };

  struct Judgement {
    float bits = 0;           ///< description length
    bool suspicious = false;  ///< worth a look at other framings
  };

  /// Judges `packet` by all that was taken as said before it, and takes it as said. O(1).
  Judgement take(const itm::Packet& packet, Undo& undo);

  /// Takes back what was taken last.
  void take_back(const Undo& undo);

  /// The packet, taken before, is sure now: learns from it what this stream is made of.
  void learn(const itm::Packet& packet);

  /// Something was lost: whatever block it was about may be in another state now.
  void note_loss();

 private:
  Judgement take_write(const itm::Packet& packet, Undo& undo);
  Judgement take_record(const Record& record, Undo& undo);
  Judgement weigh(float bits, BlockState before, BlockState expected);
  BlockState state(std::uint32_t block) const;
  void set_state(std::uint32_t block, BlockState state, Undo& undo);
  Judgement judge_failed(std::uint32_t size) const;
  Judgement judge_alloc(std::uint32_t block, std::uint32_t size, Undo& undo);
  Judgement judge_end(std::uint32_t block, Undo& undo);
  Judgement judge_resize(std::uint32_t block, std::uint32_t size, Undo& undo);
  Judgement judge_sequence(std::uint32_t sequence);
  bool is_latest_alloc(std::uint32_t low_bits, std::uint32_t mask) const;
  float size_bits(std::uint32_t size) const;
  void learn_write(const itm::Packet& packet);
  void update_bits();

  static constexpr unsigned kPageBits = 12;
  using Page = std::array<Block, std::size_t{1} << kPageBits>;

  unsigned port_;
  Context context_;
  std::vector<std::unique_ptr<Page>> pages_;  ///< of blocks
  DescribedHeap heap_;
  std::array<float, 256> header_count_{};  ///< how often headers were seen, the older the less
  std::array<float, 256> header_bits_{};
  float headers_ = 0;  ///< sum of header_count_
  static constexpr std::size_t kOps = 64;
  std::array<float, kOps> op_count_{};  ///< how often operations were seen
  std::array<float, kOps> op_bits_{};
  std::vector<bool> sizes_;  ///< whether a size was seen
  float requests_ = 1;
  float new_sizes_ = 1;  ///< requests of a size that was not seen before
  float new_size_bits_ = 0;
  std::uint32_t learned_ = 0;
  std::uint32_t next_update_ = 16;
};

}  // namespace drone::heaptrace
