// SPDX-License-Identifier: MIT
#pragma once

// The memory of a model: a few atomic words as C++20 describes them, and blocks whose contents are
// no atomics.
//
// Each word keeps all values that were stored to it, in modification order, as messages. A thread
// has a view: for each word, the oldest message that it may still read. A message carries the view
// that its writer released with it; who reads it with acquire order takes that over. A
// compare-exchange succeeds only on the newest message, and carries on the view of the message that
// it replaces (the release sequence). So a load may yield anything that the standard allows: not
// only what is newest.
//
// Two things of the standard are left out. A store goes to the end of its word's modification
// order. That is no restriction for a word that only compare-exchanges change, nor for one whose
// stores happen one after another, which the explorer checks of blocks and so of their links. And
// no load yields what its own thread's later stores caused (load buffering): in a free list, an
// acquire load or a releasing exchange stands between each load whose value is used and the stores
// that follow it. Sequentially consistent operations count as acquire and release; fences are not
// seen.
//
// The contents of blocks are only counted: how often a block was written. Whoever writes must have
// in its view that it was written so often: otherwise two writes race.
//
// Without weak memory, only the newest message is kept, and everybody reads it.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace drone::model {

inline constexpr std::size_t kMaxBlocks = 4;
/// The head of the list, then the links of the blocks.
inline constexpr std::size_t kWords = 1 + kMaxBlocks;
inline constexpr std::size_t kHead = 0;
constexpr std::size_t link_of(std::size_t block) { return 1 + block; }

using Time = std::uint8_t;

struct View {
  std::array<Time, kWords> words{};
  std::array<Time, kMaxBlocks> contents{};

  void join(const View& other) {
    for (std::size_t i = 0; i != kWords; ++i) words[i] = std::max(words[i], other.words[i]);
    for (std::size_t i = 0; i != kMaxBlocks; ++i) {
      contents[i] = std::max(contents[i], other.contents[i]);
    }
  }
};

struct Message {
  std::uint64_t value;
  View view;
};

constexpr bool acquires(std::memory_order order) {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
constexpr bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

class Memory {
 public:
  explicit Memory(bool is_weak) : is_weak_(is_weak) {}

  bool is_weak() const { return is_weak_; }
  const Message& message(std::size_t word, Time time) const { return words_[word].messages[time]; }
  Time newest(std::size_t word) const { return words_[word].newest; }
  std::uint64_t newest_value(std::size_t word) const { return message(word, newest(word)).value; }
  Time writes(std::size_t block) const { return writes_[block]; }

  /// Before any thread runs.
  void initialize(std::size_t word, std::uint64_t value) { words_[word].messages[0].value = value; }

  std::uint64_t read(std::size_t word, Time time, std::memory_order order, View& view) const {
    if (is_weak_) {
      view.words[word] = time;
      if (acquires(order)) view.join(message(word, time).view);
    }
    return message(word, time).value;
  }

  void write(std::size_t word, std::uint64_t value, std::memory_order order, View& view) {
    append(word, value, order, View{}, view);
  }

  /// What a successful compare-exchange does.
  void replace(std::size_t word, std::uint64_t value, std::memory_order order, View& view) {
    const View replaced = message(word, newest(word)).view;
    read(word, newest(word), order, view);
    append(word, value, order, replaced, view);
  }

  /// A plain write to a block. False if it races with another one.
  [[nodiscard]] bool write_contents(std::size_t block, View& view) {
    if (!is_weak_) return true;
    if (view.contents[block] != writes_[block]) return false;
    view.contents[block] = ++writes_[block];
    return true;
  }

 private:
  static constexpr std::size_t kMaxMessages = 28;

  struct Word {
    std::array<Message, kMaxMessages> messages{};
    Time newest = 0;
  };

  void append(std::size_t word, std::uint64_t value, std::memory_order order,
              const View& release_sequence, View& view) {
    Word& to = words_[word];
    if (!is_weak_) {
      to.messages[0].value = value;
      return;
    }
    if (to.newest + 1U == kMaxMessages) std::abort();  // a model as large as that needs more
    view.words[word] = ++to.newest;
    Message& message = to.messages[to.newest];
    message = {value, release_sequence};
    if (releases(order)) message.view.join(view);
    message.view.words[word] = to.newest;
  }

  bool is_weak_;
  std::array<Word, kWords> words_;
  std::array<Time, kMaxBlocks> writes_{};
};

}  // namespace drone::model
