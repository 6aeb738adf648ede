// SPDX-License-Identifier: MIT
#pragma once

// Explores everything that a few threads can do to a free list: each takes and gives blocks as
// often as it may, in any order, preempted before any access to memory by any other thread, each
// load yielding whatever the memory model allows (memory.hpp). The list is the real code
// (machine.hpp).
//
// A depth-first search over states, each visited once. A state is what memory holds and, of each
// thread, how many operations it has left, which blocks it holds, and what its operation has
// observed so far. Threads are interchangeable, and messages that nobody can read any more are
// forgotten, so states that differ only in that are one. In each state is checked:
//
//   - a block that `pop` yields belongs to nobody, and its last owner's accesses happen before
//     those of the new one;
//   - whoever walks the list (real pops, nobody interfering) finds each free block once and no
//   other;
//   - a `pop` that yields null did so because the list was empty at some moment of it (where memory
//     is sequentially consistent; a weaker one may be late with the news that a block is back).
//
// An owner overwrites all of his block, the link included, as soon as he has it.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "machine.hpp"
#include "memory.hpp"

namespace drone::model {

inline constexpr std::size_t kMaxThreads = 3;

struct Config {
  std::size_t threads = 2;
  std::size_t operations = 2;  ///< of each thread
  std::size_t blocks = 2;
  bool has_weak_memory = false;
  /// compare_exchange_weak may also fail for no reason, once in an operation.
  bool fails_spuriously = false;
  /// Blocks that each thread holds at first.
  std::array<std::size_t, kMaxThreads> held{};
  /// What each thread does: 't' takes, 'g' gives the block of the lowest address that it holds. If
  /// empty, any `operations` operations.
  std::vector<std::string> programs = {};
  Sabotage sabotage = {};
};

struct Result {
  std::uint64_t states = 0;
  /// Different executions, from start to end.
  long double schedules = 0;
  /// What is wrong, and the accesses that led there; empty if nothing is.
  std::string violation;
};

/// 128 bits that stand for a state: among 10^9 states, two that share them are as likely as 10^-20.
struct Key {
  std::uint64_t low;
  std::uint64_t high;
  friend bool operator==(const Key&, const Key&) = default;
};

class StateCode {
 public:
  void add(std::uint64_t word) { words_.push_back(word); }
  const std::vector<std::uint64_t>& words() const { return words_; }
  void clear() { words_.clear(); }

  Key key() const {
    Key key{0x9E3779B97F4A7C15, 0xD1B54A32D192ED03};
    for (const std::uint64_t word : words_) {
      key.low = mix(key.low ^ word);
      key.high = mix(key.high + std::rotl(word, 29));
    }
    return key;
  }

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  std::vector<std::uint64_t> words_;
};

/// `List` has `pop` and `push` of the real list, and `set_up`, which puts all of the machine's
/// blocks into it.
template <class List>
class Explorer {
 public:
  explicit Explorer(const Config& config) : config_(config), initial_(config.has_weak_memory) {}

  Result explore() {
    machine.blocks = config_.blocks;
    machine.sabotage = config_.sabotage;
    set_up();
    std::array<std::byte, sizeof(List)> before;
    std::memcpy(before.data(), &list_, sizeof(List));
    if (result_.violation.empty()) result_.schedules = schedules_from(initial_);
    if (result_.violation.empty() && std::memcmp(before.data(), &list_, sizeof(List)) != 0) {
      result_.violation = "the list keeps something beside its atomics";
    }
    result_.states = visited_.size();
    return result_;
  }

 private:
  static constexpr std::uint8_t kNoBlock = 0xFF;

  enum class Operation : std::uint8_t { kNone, kTake, kGive };

  struct Thread {
    std::uint8_t begun = 0;  ///< operations
    std::uint8_t held = 0;   ///< a bit for each block
    Operation operation = Operation::kNone;
    std::uint8_t given = kNoBlock;
    bool has_exchanged = false;  ///< its operation has taken effect
    bool has_failed_spuriously = false;
    bool saw_empty_list = false;
    View view;
    Log log;
    Access wanted{};
  };

  struct State {
    explicit State(bool is_weak) : memory(is_weak) {}
    Memory memory;
    std::array<Thread, kMaxThreads> threads;
  };

  /// One access: which message it reads, and whether an exchange fails though it need not.
  struct Choice {
    Time time;
    bool fails;
  };

  struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.low; }
  };

  // --- the list, with nobody interfering

  void set_up() {
    std::array<std::uint64_t, kWords> words{};
    auto set_up_list = [this] { list_.set_up(); };
    if (machine.run(set_up_list, words) != Machine::Stop::kFinished) {
      violate("the list cannot be set up");
      return;
    }
    for (std::size_t t = 0; t != config_.threads; ++t) {
      for (std::size_t i = 0; i != config_.held[t]; ++i) {
        const std::uint8_t block = pop_newest(words);
        if (block == kNoBlock) return;
        initial_.threads[t].held |= static_cast<std::uint8_t>(1U << block);
        words[link_of(block)] = kOverwritten;
      }
    }
    for (std::size_t word = 0; word != kWords; ++word)
      initial_.memory.initialize(word, words[word]);
  }

  /// A real pop on the newest values. kNoBlock: none, or a violation.
  std::uint8_t pop_newest(std::array<std::uint64_t, kWords>& words) {
    void* block = nullptr;
    auto pop = [this, &block] { block = list_.pop(); };
    if (machine.run(pop, words) != Machine::Stop::kFinished) {
      violate(std::string("who walks the list now ") + machine.reason());
      return kNoBlock;
    }
    return block == nullptr ? kNoBlock : number_of(block);
  }

  /// Walks the list as it is now, and compares with what should be free.
  void check_list(const State& state) {
    for (const Thread& thread : state.threads) {
      if (thread.operation == Operation::kTake && thread.has_exchanged) return;  // took which?
    }
    std::array<std::uint64_t, kWords> words{};
    for (std::size_t word = 0; word != kWords; ++word)
      words[word] = state.memory.newest_value(word);
    std::uint8_t found = 0;
    const std::uint8_t free = free_blocks(state);
    for (;;) {
      const std::uint8_t block = pop_newest(words);
      if (!result_.violation.empty()) return;
      if (block == kNoBlock) break;
      const auto bit = static_cast<std::uint8_t>(1U << block);
      if ((found & bit) != 0) return violate(name(block) + " is in the list twice");
      if ((free & bit) == 0) return violate(name(block) + " is in the list, but not free");
      found |= bit;
    }
    if (found != free) {
      violate(
          name(static_cast<std::uint8_t>(std::countr_zero(static_cast<unsigned>(found ^ free)))) +
          " is lost");
    }
  }

  std::uint8_t free_blocks(const State& state) const {
    auto free = static_cast<std::uint8_t>((1U << config_.blocks) - 1);
    for (const Thread& thread : state.threads) {
      free &= static_cast<std::uint8_t>(~thread.held);
      if (thread.operation == Operation::kGive && !thread.has_exchanged) {
        free &= static_cast<std::uint8_t>(~(1U << thread.given));
      }
    }
    return free;
  }

  // --- the search

  long double schedules_from(const State& state) {
    const Key key = key_of(state);
    if (const auto known = visited_.find(key); known != visited_.end()) return known->second;
    visited_.emplace(key, 0);
    check_list(state);
    long double schedules = 0;
    bool is_end = true;
    for (std::size_t t = 0; t != config_.threads && result_.violation.empty(); ++t) {
      const Thread& thread = state.threads[t];
      if (thread.operation != Operation::kNone) {
        is_end = false;
        schedules += schedules_after_access(state, t);
        continue;
      }
      if (thread.begun == operations_of(t)) continue;
      is_end = false;
      if (may_take(t, thread)) schedules += schedules_after_start(state, t, kNoBlock);
      for (std::uint8_t block = 0; block != config_.blocks; ++block) {
        if ((thread.held & 1U << block) == 0 || !may_give(t, thread)) continue;
        if (!result_.violation.empty()) break;
        schedules += schedules_after_start(state, t, block);
        if (!config_.programs.empty()) break;  // the one of the lowest address
      }
      if (!can_do_next(t, thread)) {
        // There was no block to take, so there is none to give: the program goes on.
        State next = state;
        ++next.threads[t].begun;
        schedules += schedules_from(next);
      }
    }
    if (is_end) schedules = 1;
    visited_[key] = schedules;
    return schedules;
  }

  std::size_t operations_of(std::size_t t) const {
    return config_.programs.empty() ? config_.operations : config_.programs[t].size();
  }
  bool may_take(std::size_t t, const Thread& thread) const {
    return config_.programs.empty() || config_.programs[t][thread.begun] == 't';
  }
  bool may_give(std::size_t t, const Thread& thread) const {
    return config_.programs.empty() || config_.programs[t][thread.begun] == 'g';
  }
  bool can_do_next(std::size_t t, const Thread& thread) const {
    return may_take(t, thread) || (may_give(t, thread) && thread.held != 0);
  }

  /// The thread begins to take, or to give `given`; until its first access nobody sees that.
  long double schedules_after_start(const State& state, std::size_t t, std::uint8_t given) {
    State next = state;
    Thread& thread = next.threads[t];
    ++thread.begun;
    thread.operation = given == kNoBlock ? Operation::kTake : Operation::kGive;
    thread.given = given;
    if (given != kNoBlock) {
      thread.held &= static_cast<std::uint8_t>(~(1U << given));
      if (!next.memory.write_contents(given, thread.view)) std::abort();  // the owner's last write
    }
    thread.has_exchanged = thread.has_failed_spuriously = false;
    thread.saw_empty_list = free_blocks(next) == 0;
    thread.log.size = 0;
    advance(next, t);
    if (!result_.violation.empty()) return 0;
    return thread.operation == Operation::kNone ? schedules_from(next)
                                                : schedules_after_access(next, t);
  }

  long double schedules_after_access(const State& state, std::size_t t) {
    std::vector<Choice> choices;
    const Thread& thread = state.threads[t];
    const Access& access = thread.wanted;
    const Time newest = state.memory.newest(access.word);
    const Time oldest = access.kind == Access::kStore ? newest : thread.view.words[access.word];
    for (Time time = oldest; time <= newest; ++time) {
      if (access.kind != Access::kExchange ||
          state.memory.message(access.word, time).value != access.expected) {
        choices.push_back({time, true});
        continue;
      }
      // An exchange that finds what it expects succeeds, or fails spuriously.
      if (time != newest) continue;
      choices.push_back({time, false});
      if (config_.fails_spuriously && !thread.has_failed_spuriously)
        choices.push_back({time, true});
    }
    long double schedules = 0;
    for (const Choice choice : choices) {
      State next = state;
      steps_.push_back({t, thread.operation, thread.given, access, choice,
                        state.memory.message(access.word, choice.time).value, newest});
      perform(next, t, choice);
      if (result_.violation.empty()) schedules += schedules_from(next);
      if (!result_.violation.empty()) return 0;
      steps_.pop_back();
    }
    return schedules;
  }

  void perform(State& state, std::size_t t, Choice choice) {
    Thread& thread = state.threads[t];
    const Access access = thread.wanted;
    Observation seen{access.kind, access.word, false, 0};
    switch (access.kind) {
      case Access::kLoad:
        seen.value = state.memory.read(access.word, choice.time, access.order, thread.view);
        break;
      case Access::kStore:
        state.memory.write(access.word, access.desired, access.order, thread.view);
        break;
      case Access::kExchange:
        seen.value = state.memory.message(access.word, choice.time).value;
        if (choice.fails) {
          state.memory.read(access.word, choice.time, access.failure, thread.view);
          if (seen.value == access.expected) thread.has_failed_spuriously = true;
        } else {
          state.memory.replace(access.word, access.desired, access.order, thread.view);
          seen.has_succeeded = thread.has_exchanged = true;
        }
        break;
    }
    thread.log.append(seen);
    if (free_blocks(state) == 0) {
      for (Thread& other : state.threads) other.saw_empty_list = true;
    }
    advance(state, t);
  }

  /// Runs the thread's operation to its next access or its end.
  void advance(State& state, std::size_t t) {
    Thread& thread = state.threads[t];
    void* block = nullptr;
    Machine::Stop stop;
    if (thread.operation == Operation::kTake) {
      auto pop = [this, &block] { block = list_.pop(); };
      stop = machine.run(pop, thread.log);
    } else {
      block = machine.arena.data() + thread.given * Machine::kBlockSize;
      auto push = [this, &block] { list_.push(block); };
      stop = machine.run(push, thread.log);
    }
    if (stop == Machine::Stop::kFailed) {
      return violate(describe(t, thread.operation, thread.given) + " " + machine.reason());
    }
    if (stop == Machine::Stop::kWantsAccess) {
      thread.wanted = machine.wanted();
      return;
    }
    if (thread.operation == Operation::kTake) {
      finish_take(state, t, block);
    } else if (!thread.has_exchanged) {
      violate(describe(t, thread.operation, thread.given) + " gave nothing back");
    }
    thread.operation = Operation::kNone;
    thread.log.size = 0;
    thread.given = kNoBlock;
    thread.has_exchanged = thread.has_failed_spuriously = thread.saw_empty_list = false;
  }

  void finish_take(State& state, std::size_t t, const void* taken) {
    Thread& thread = state.threads[t];
    if (taken == nullptr) {
      if (thread.has_exchanged) violate("a pop changed the list and yielded null");
      if (!config_.has_weak_memory && !thread.saw_empty_list) {
        violate("a pop yielded null, and the list was never empty meanwhile");
      }
      return;
    }
    const std::uint8_t block = number_of(taken);
    for (std::size_t other = 0; other != config_.threads; ++other) {
      const Thread& owner = state.threads[other];
      const bool gives = owner.operation == Operation::kGive && owner.given == block;
      if ((owner.held & 1U << block) != 0 || (gives && !owner.has_exchanged)) {
        return violate("thread " + std::to_string(t) + " got " + name(block) + " of thread " +
                       std::to_string(other));
      }
    }
    if (!state.memory.write_contents(block, thread.view)) {
      return violate("thread " + std::to_string(t) + " got " + name(block) +
                     ", but its writes race with those of the owner before");
    }
    thread.held |= static_cast<std::uint8_t>(1U << block);
    state.memory.write(link_of(block), kOverwritten, std::memory_order_relaxed, thread.view);
  }

  // --- states

  Key key_of(const State& state) {
    const bool is_weak = config_.has_weak_memory;
    View oldest;  // what somebody may still read
    oldest.words.fill(0xFF);
    oldest.contents.fill(0xFF);
    for (std::size_t t = 0; t != config_.threads; ++t) {
      const Thread& thread = state.threads[t];
      if (is_finished(thread, t)) continue;
      for (std::size_t i = 0; i != kWords; ++i) {
        oldest.words[i] = std::min(oldest.words[i], thread.view.words[i]);
      }
      for (std::size_t i = 0; i != kMaxBlocks; ++i) {
        oldest.contents[i] = std::min(oldest.contents[i], thread.view.contents[i]);
      }
    }
    code_.clear();
    for (std::size_t word = 0; word != 1 + config_.blocks; ++word) {
      const Time newest = state.memory.newest(word);
      oldest.words[word] = std::min(oldest.words[word], newest);
      code_.add(newest - oldest.words[word]);
      for (Time time = oldest.words[word]; time <= newest; ++time) {
        code_.add(state.memory.message(word, time).value);
      }
    }
    if (is_weak) {
      for (std::size_t block = 0; block != config_.blocks; ++block) {
        oldest.contents[block] = std::min(oldest.contents[block], state.memory.writes(block));
        code_.add(state.memory.writes(block) - oldest.contents[block]);
      }
      for (std::size_t word = 0; word != 1 + config_.blocks; ++word) {
        for (Time time = oldest.words[word]; time <= state.memory.newest(word); ++time) {
          add_view(code_, state.memory.message(word, time).view, oldest);
        }
      }
    }
    const bool is_symmetric = config_.programs.empty();
    for (std::size_t t = 0; t != config_.threads; ++t) {
      const Thread& thread = state.threads[t];
      StateCode& code = thread_codes_[t];
      code.clear();
      code.add(operations_of(t) - thread.begun + thread.held * 0x100U + thread.given * 0x10000U +
               static_cast<unsigned>(thread.operation) * 0x1000000U +
               (thread.has_exchanged ? 0x10000000U : 0) +
               (thread.has_failed_spuriously ? 0x20000000U : 0) +
               (thread.saw_empty_list ? 0x40000000U : 0));
      code.add(thread.log.size);
      for (std::size_t i = 0; i != thread.log.size; ++i) {
        const Observation& seen = thread.log.entries[i];
        code.add(seen.value);
        code.add(seen.has_succeeded ? 1 : 0);
      }
      if (is_weak && !is_finished(thread, t)) add_view(code, thread.view, oldest);
    }
    if (is_symmetric) {
      std::sort(thread_codes_.begin(), thread_codes_.begin() + static_cast<int>(config_.threads),
                [](const StateCode& a, const StateCode& b) { return a.words() < b.words(); });
    }
    for (std::size_t t = 0; t != config_.threads; ++t) {
      for (const std::uint64_t word : thread_codes_[t].words()) code_.add(word);
    }
    return code_.key();
  }

  bool is_finished(const Thread& thread, std::size_t t) const {
    return thread.operation == Operation::kNone && thread.begun == operations_of(t);
  }

  void add_view(StateCode& code, const View& view, const View& oldest) const {
    std::uint64_t words = 0;
    for (std::size_t word = 0; word != 1 + config_.blocks; ++word) {
      words = words << 8 | (std::max(view.words[word], oldest.words[word]) - oldest.words[word]);
    }
    std::uint64_t contents = 0;
    for (std::size_t block = 0; block != config_.blocks; ++block) {
      contents = contents << 8 |
                 (std::max(view.contents[block], oldest.contents[block]) - oldest.contents[block]);
    }
    code.add(words);
    code.add(contents);
  }

  // --- words for people

  struct Step {
    std::size_t thread;
    Operation operation;
    std::uint8_t given;
    Access access;
    Choice choice;
    std::uint64_t value;
    Time newest;
  };

  static std::uint8_t number_of(const void* block) {
    return static_cast<std::uint8_t>(
        static_cast<std::size_t>(static_cast<const std::byte*>(block) - machine.arena.data()) /
        Machine::kBlockSize);
  }
  static std::string name(std::uint8_t block) { return "block " + std::to_string(block); }

  static std::string describe(std::size_t t, Operation operation, std::uint8_t given) {
    return "thread " + std::to_string(t) +
           (operation == Operation::kTake ? ": pop" : ": push(" + name(given) + ")");
  }

  static std::string describe(const Step& step) {
    const auto value = [](std::uint64_t word) {
      return std::to_string(word >> 32) + ":" + std::to_string(static_cast<std::uint32_t>(word));
    };
    std::string text = describe(step.thread, step.operation, step.given);
    text += step.access.word == kHead ? "  head" : "  link of " + name(step.access.word - 1);
    switch (step.access.kind) {
      case Access::kLoad:
        text += " is " + value(step.value);
        break;
      case Access::kStore:
        text += " = " + value(step.access.desired);
        break;
      case Access::kExchange:
        text += step.choice.fails ? " is " + value(step.value) + ", not exchanged for "
                                  : " is exchanged for ";
        text += value(step.access.desired);
        break;
    }
    if (step.choice.time != step.newest) text += "  (an older value)";
    return text;
  }

  void violate(const std::string& what) {
    if (!result_.violation.empty()) return;
    for (const Step& step : steps_) result_.violation += describe(step) + "\n";
    result_.violation += what + "\n";
  }

  static constexpr std::uint32_t kOverwritten = 0x5A5A5A5C;  // no name of a block

  Config config_;
  List list_;
  State initial_;
  std::unordered_map<Key, long double, KeyHash> visited_;
  std::vector<Step> steps_;
  StateCode code_;
  std::array<StateCode, kMaxThreads> thread_codes_;
  Result result_;
};

}  // namespace drone::model
