// SPDX-License-Identifier: MIT
#include "layout/simulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "layout/demand.hpp"
#include "layout/optimize.hpp"
#include "program.hpp"
#include "random_program.hpp"

namespace drone::layout {

/// For messages of failed tests.
void PrintTo(const InUse& in_use, std::ostream* out) {
  *out << in_use.requested_bytes << " in " << in_use.block_bytes << " at " << in_use.event;
}

namespace {

using heaptrace::Event;
using heaptrace::EventKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

SimulationResult simulate(const Program& program, const PoolLayout& pools,
                          std::uint32_t base_alignment = 4) {
  Simulation run(pools, base_alignment);
  run.add(program.events());
  return run.result();
}

TEST(Simulation, SaysWhichRequestsFailAndWhenTheFirst) {
  Program program;
  program.alloc(12);
  program.alloc(20);
  program.alloc(12);
  program.alloc(20);
  program.alloc(8, 16);
  const SimulationResult result = simulate(program, {{12, 1}, {20, 1}});
  EXPECT_EQ(result.replay.failed, 3U);
  EXPECT_THAT(result.failed, ElementsAre(FailedInReplay{8, 16, 1, 5}, FailedInReplay{12, 4, 1, 3},
                                         FailedInReplay{20, 4, 1, 4}));
}

TEST(Simulation, TellsWhatFailedInTheTraceFromWhatFailsHere) {
  Program program;
  program.fail(12);
  program.fail(100);
  const SimulationResult result = simulate(program, {{12, 1}});
  EXPECT_THAT(result.failed, IsEmpty());
  EXPECT_EQ(result.failed_in_both, 1U);
  EXPECT_EQ(result.replay.failed, 1U);
}

TEST(Simulation, FollowsTheBytesLostInsideBlocks) {
  Program program;
  const auto large = program.alloc(30);  // 2 lost
  const auto small = program.alloc(1);   // 7 more
  program.dealloc(large);
  program.resize(small, 8);  // none
  const SimulationResult result = simulate(program, {{8, 1}, {32, 1}});
  EXPECT_EQ(result.peak, (InUse{2, 40, 31}));
  EXPECT_EQ(result.worst, (InUse{2, 40, 31}));
  EXPECT_THAT(result.timeline.pieces(),
              ElementsAre(InUse{1, 32, 30}, InUse{2, 40, 31}, InUse{3, 8, 1}, InUse{4, 8, 8}));
}

TEST(Simulation, CountsNothingOfWhatFailed) {
  Program program;
  const auto served = program.alloc(8);
  const auto refused = program.alloc(8);
  program.resize(refused, 4);
  program.resize(served, 100);  // stays where it is, with what it had
  program.resize(served, 7);
  program.dealloc(refused);
  program.dealloc(served);
  const SimulationResult result = simulate(program, {{8, 1}});
  EXPECT_THAT(result.failed, ElementsAre(FailedInReplay{8, 4, 1, 2}, FailedInReplay{100, 4, 1, 4}));
  EXPECT_THAT(result.timeline.pieces(),
              ElementsAre(InUse{1, 8, 8}, InUse{2, 8, 8}, InUse{3, 8, 8}, InUse{4, 8, 8},
                          InUse{5, 8, 7}, InUse{6, 8, 7}, InUse{7, 0, 0}));
}

TEST(Simulation, CountsTheRequestsThatAPoolServed) {
  Program program;
  for (int i = 0; i != 3; ++i) program.alloc(4);
  program.alloc(12);
  program.dealloc(program.alloc(12));
  const SimulationResult result = simulate(program, {{4, 2}, {12, 3}});
  EXPECT_THAT(result.served, ElementsAre(2, 3));
  EXPECT_EQ(result.replay.pools[1].spills, 1U);
}

TEST(Simulation, CountsARequestWhoseAlignmentComesLateOnce) {
  Program program;
  program.realign(program.alloc(12), 16);
  const SimulationResult result = simulate(program, {{12, 1}, {16, 1}});
  EXPECT_THAT(result.served, ElementsAre(0, 1));
}

/// The same once more: each live block by itself, and sums over all of them.
class Model {
 public:
  Model(const PoolLayout& pools, std::uint32_t base) : pools_(pools), base_(base) {}

  InUse step(const Event& event) {
    ++events_;
    switch (event.kind) {
      case EventKind::kAlloc:
        take(event.block, event.size, event.size, event.alignment);
        break;
      case EventKind::kDealloc:
        blocks_.erase(event.block);
        break;
      case EventKind::kResize:
        if (const auto found = blocks_.find(event.block); found != blocks_.end()) {
          Block& block = found->second;
          if (event.size <= pools_[block.pool].block_size) {
            block.size = event.size;
            block.largest = std::max(block.largest, event.size);
          } else {
            take(event.block, event.size, event.size, block.alignment);
          }
        }
        break;
      case EventKind::kRealign:
        if (const auto found = blocks_.find(event.block); found != blocks_.end()) {
          const Block old = found->second;
          if (event.alignment <= old.alignment) break;
          blocks_.erase(found);
          take(event.block, old.largest, old.size, event.alignment);
        }
        break;
      case EventKind::kFailed:
        break;
      case EventKind::kReset:
        blocks_.clear();
        break;
    }
    InUse now{events_, 0, 0};
    for (const auto& [number, block] : blocks_) {
      now.block_bytes += pools_[block.pool].block_size;
      now.requested_bytes += block.size;
    }
    return now;
  }

 private:
  struct Block {
    std::uint32_t largest;
    std::uint32_t size;
    std::uint32_t alignment;
    std::size_t pool;
  };

  void take(std::uint32_t number, std::uint32_t largest, std::uint32_t size,
            std::uint32_t alignment) {
    if (alignment > 64) return;
    const std::uint32_t unit = std::max(base_, alignment);
    const std::uint32_t effective = (largest + unit - 1) / unit * unit;
    for (std::size_t i = 0; i != pools_.size(); ++i) {
      const std::uint32_t block_size = pools_[i].block_size;
      if (block_size < effective || block_size % alignment != 0) continue;
      const auto used = std::count_if(blocks_.begin(), blocks_.end(),
                                      [i](const auto& each) { return each.second.pool == i; });
      if (static_cast<std::uint32_t>(used) == pools_[i].capacity) continue;
      blocks_[number] = {largest, size, alignment, i};
      return;
    }
  }

  const PoolLayout& pools_;
  std::uint32_t base_;
  std::uint64_t events_ = 0;
  std::map<std::uint32_t, Block> blocks_;
};

TEST(Simulation, IsWhatAPlainModelFinds) {
  EXPECT_TRUE(rc::check("simulation is the model", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    PoolLayout pools;
    for (const std::uint32_t block : {8U, 16U, 32U, 64U}) {
      if (*rc::gen::inRange(0, 3) != 0) pools.push_back({block, *rc::gen::inRange(1U, 12U)});
    }
    Simulation simulation(pools, base);
    Model model(pools, base);
    std::vector<InUse> moments;
    InUse peak;
    InUse worst;
    for (const Event& event : program.events()) {
      moments.push_back(model.step(event));
      if (moments.back().block_bytes > peak.block_bytes) peak = moments.back();
      if (moments.back().lost() > worst.lost()) worst = moments.back();
    }
    simulation.add(program.events());
    const SimulationResult result = simulation.result();
    RC_ASSERT(result.timeline.pieces() == moments);
    RC_ASSERT(result.peak == peak);
    RC_ASSERT(result.worst == worst);
    Replay replay(pools, base);
    replay.add(program.events());
    std::uint64_t failed = result.failed_in_both;
    for (const FailedInReplay& each : result.failed) failed += each.count;
    RC_ASSERT(failed == replay.result().failed);
    std::uint64_t served = 0;
    for (const std::uint64_t each : result.served) served += each;
    RC_ASSERT(served <= result.replay.requests);
  }));
}

TEST(Timeline, KeepsTheHighestMomentOfPiecesThatGrow) {
  EXPECT_TRUE(rc::check("pieces cover all", [] {
    const auto count = *rc::gen::inRange<std::uint64_t>(1, 5 * Timeline::kMostPieces);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000);
    Timeline timeline;
    std::vector<InUse> all;
    for (std::uint64_t i = 1; i <= count; ++i) {
      all.push_back({i, i * i * seed % 997, i % 13});
      timeline.add(all.back());
    }
    const std::uint64_t length = timeline.piece_length();
    RC_ASSERT(timeline.pieces().size() == (count + length - 1) / length);
    RC_ASSERT(timeline.pieces().size() <= Timeline::kMostPieces);
    RC_ASSERT(length == 1 || timeline.pieces().size() >= Timeline::kMostPieces / 2);
    for (std::size_t i = 0; i != timeline.pieces().size(); ++i) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * length);
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(count, (i + 1) * length));
      const auto highest = std::max_element(
          begin, end, [](const InUse& a, const InUse& b) { return a.block_bytes < b.block_bytes; });
      RC_ASSERT(timeline.pieces()[i] == *highest);
    }
  }));
}

}  // namespace
}  // namespace drone::layout
