// SPDX-License-Identifier: MIT

// The host's free list, the real one, under every interleaving of a few threads, and the same
// explorer on lists that were broken on purpose.
//
// Prints what was explored. The larger models take minutes, and gigabytes of memory:
//
//   DRONE_MODEL=large build/host/bin/test_model

#include "drone/heap/free_list.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "explorer.hpp"

namespace drone::model {
namespace {

/// The real list.
class List : public heap::TaggedFreeList<ModelAtomics> {
 public:
  /// Makes it that of all blocks of the machine.
  void set_up() {
    static constexpr heap::ListEnd kListEnd{};
    std::byte* const begin = machine.arena.data();
    link_up(begin, begin + machine.blocks * Machine::kBlockSize, Machine::kBlockSize, kListEnd);
  }
};

/// As heaps have it that check links.
class CheckedList : public List {
 public:
  void* pop() { return pop_checked(); }
};

#ifdef DRONE_MODEL_SMALL
constexpr bool kHasTime = false;
#else
constexpr bool kHasTime = true;
#endif

std::string describe(const Config& config) {
  std::string text = std::to_string(config.threads) + " threads";
  if (config.programs.empty()) {
    text += " of " + std::to_string(config.operations) + " operations";
  } else {
    for (const std::string& program : config.programs) text += ' ' + program;
  }
  text += ", " + std::to_string(config.blocks) + " blocks";
  if (config.held[0] != 0) text += ", each thread holds one at first";
  text += config.has_weak_memory ? ", weak memory" : ", sequentially consistent";
  if (config.fails_spuriously) text += ", spurious failures";
  return text;
}

template <class SomeList = List>
Result explore(const Config& config) {
  const Result result = Explorer<SomeList>(config).explore();
  std::cout << describe(config) << ": " << result.states << " states, ";
  if (result.violation.empty()) {
    std::cout << result.schedules << " schedules\n";
  } else {
    std::cout << "then\n" << result.violation;
  }
  return result;
}

template <class SomeList = List>
void expect_whole(const Config& config) {
  const Result result = explore<SomeList>(config);
  EXPECT_EQ(result.violation, "");
  EXPECT_GT(result.states, 30U);
}

bool are_large_models_wanted() {
  const char* const wanted = std::getenv("DRONE_MODEL");
  return wanted != nullptr && std::string(wanted) == "large";
}

Config sequential(std::size_t threads, std::size_t operations, std::size_t blocks) {
  return {.threads = threads, .operations = operations, .blocks = blocks};
}

Config weak(Config config) {
  config.has_weak_memory = true;
  return config;
}

Config spurious(Config config) {
  config.fails_spuriously = true;
  return config;
}

Config each_holds_one(Config config) {
  config.held.fill(1);
  return config;
}

Config programs(const std::vector<std::string>& texts) {
  return {.threads = texts.size(), .blocks = 3, .programs = texts};
}

TEST(FreeList, IsWholeInEveryInterleaving) {
  expect_whole(sequential(2, 5, 3));
  if (kHasTime) expect_whole(sequential(3, 3, 3));
  expect_whole(sequential(3, 2, 3));
  if (kHasTime) expect_whole(spurious(sequential(3, 2, 3)));
  expect_whole(each_holds_one(sequential(2, 5, 2)));
}

TEST(FreeList, IsWholeInEveryInterleavingOnWeakMemory) {
  expect_whole(weak(sequential(2, 4, 3)));
  expect_whole(weak(sequential(3, 2, 2)));
  if (kHasTime) expect_whole(weak(sequential(3, 2, 3)));
  if (kHasTime) expect_whole(weak(spurious(sequential(2, 4, 2))));
  if (kHasTime) expect_whole(weak(spurious(sequential(3, 2, 2))));
  expect_whole(weak(each_holds_one(sequential(2, 4, 2))));
}

// Take A and B, give A back: the head is A again, its link is not B any more.
TEST(FreeList, SurvivesTakeTakeGive) {
  expect_whole(programs({"t", "ttg"}));
  expect_whole(weak(spurious(programs({"t", "ttg"}))));
  if (kHasTime) expect_whole(weak(programs({"tg", "ttg", "t"})));
}

// What an owner writes over the link of his block is not taken for a broken list.
TEST(FreeList, IsWholeIfLinksAreChecked) {
  expect_whole<CheckedList>(sequential(2, 4, 3));
  expect_whole<CheckedList>(sequential(3, 2, 3));
  expect_whole<CheckedList>(weak(sequential(2, 4, 3)));
  expect_whole<CheckedList>(weak(spurious(programs({"t", "ttg"}))));
  if (kHasTime) expect_whole<CheckedList>(weak(sequential(3, 2, 3)));
}

TEST(FreeList, IsWholeInLargeModels) {
  if (!are_large_models_wanted()) GTEST_SKIP() << "only with DRONE_MODEL=large";
  expect_whole(weak(sequential(3, 3, 2)));
  expect_whole(weak(sequential(3, 3, 3)));
  expect_whole(weak(spurious(sequential(3, 2, 3))));
  expect_whole(weak(spurious(sequential(2, 5, 3))));
  expect_whole(spurious(sequential(3, 3, 3)));
}

/// The explorer finds something wrong with a broken list, and nothing once it is whole.
void expect_caught(Config config, const Sabotage& sabotage) {
  config.sabotage = sabotage;
  EXPECT_NE(explore(config).violation, "");
  config.sabotage = {};
  EXPECT_EQ(explore(config).violation, "");
}

TEST(BrokenFreeList, IsCaughtWithoutATag) {
  expect_caught(programs({"t", "ttg"}), {.tag_bits = 0});
  expect_caught(sequential(2, 3, 3), {.tag_bits = 0});
  expect_caught(sequential(3, 2, 2), {.tag_bits = 0});
  Config config = programs({"t", "ttg"});
  config.sabotage = {.tag_bits = 0};
  EXPECT_NE(explore<CheckedList>(config).violation, "");
}

TEST(BrokenFreeList, IsCaughtWithATagOfOneBit) {
  expect_caught(sequential(2, 3, 3), {.tag_bits = 1});
}

TEST(BrokenFreeList, IsCaughtOnWeakMemoryIfTheHeadIsReadWithoutAcquire) {
  Config config = sequential(2, 2, 2);
  expect_caught(weak(config), {.has_relaxed_loads = true});
  config.sabotage = {.has_relaxed_loads = true};
  EXPECT_EQ(explore(config).violation, "") << "interleavings alone cannot show this";
}

TEST(BrokenFreeList, IsCaughtOnWeakMemoryIfTheExchangeNeitherAcquiresNorReleases) {
  Config config = sequential(2, 2, 2);
  expect_caught(weak(config), {.has_relaxed_exchanges = true});
  config.sabotage = {.has_relaxed_exchanges = true};
  EXPECT_EQ(explore(config).violation, "") << "interleavings alone cannot show this";
}

}  // namespace
}  // namespace drone::model

extern "C" void drone_heap_misuse(drone::heap::Misuse, const void*) noexcept {
  drone::model::machine.fail("takes a link for broken");
}
