// SPDX-License-Identifier: MIT
#pragma once

// Runs real code access by access: the types that take the place of a free list's atomics, and the
// machine that they ask.
//
// An operation of the list (`pop`, `push`) is a function of its arguments and of what it observes
// through its atomics. So to stop a thread before its next access, nothing of its stack needs to be
// kept: the machine runs the operation again from its start, gives it what it observed before, and
// leaves it by longjmp at the first access beyond that. The explorer decides what this access
// yields, appends it to what was observed, and so on. Nothing is left in the list object itself
// (the explorer checks it).

#include <array>
#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "memory.hpp"

namespace drone::model {

struct Access {
  enum Kind : std::uint8_t { kLoad, kStore, kExchange } kind;
  std::uint8_t word;
  std::uint64_t expected;  ///< of an exchange
  std::uint64_t desired;   ///< what is stored
  std::memory_order order;
  std::memory_order failure;  ///< the order of an exchange that fails
};

struct Observation {
  Access::Kind kind;
  std::uint8_t word;
  bool has_succeeded;   ///< an exchange
  std::uint64_t value;  ///< what was loaded, also by an exchange
};

/// What one operation has observed since its start.
struct Log {
  std::array<Observation, 64> entries;
  std::uint8_t size = 0;

  void append(Observation observation) {
    if (size == entries.size()) std::abort();  // it repeats itself more often than anybody can
    entries[size++] = observation;
  }
};

/// What a test may break in the list, to see that it is noticed.
struct Sabotage {
  std::uint32_t tag_bits = 32;
  bool has_relaxed_loads = false;      ///< of the head
  bool has_relaxed_exchanges = false;  ///< of the head: neither acquire nor release
};

class Machine {
 public:
  static constexpr std::size_t kBlockSize = 8;

  enum class Stop { kFinished, kWantsAccess, kFailed };

  alignas(64) std::array<std::byte, kMaxBlocks * kBlockSize> arena{};
  std::size_t blocks = 0;
  Sabotage sabotage;

  /// Runs all of an operation on the newest values of `words`, which it changes.
  template <class Operation>
  [[gnu::noinline]] Stop run(Operation& operation, std::array<std::uint64_t, kWords>& words) {
    words_ = &words;
    return enter(operation);
  }

  /// Runs an operation until it wants an access that `log` has not seen: `wanted` then.
  template <class Operation>
  [[gnu::noinline]] Stop run(Operation& operation, const Log& log) {
    words_ = nullptr;
    log_ = &log;
    cursor_ = 0;
    return enter(operation);
  }

  const Access& wanted() const { return wanted_; }
  /// Why the last run failed.
  const char* reason() const { return reason_; }

  /// One access of the running operation.
  Observation access(const Access& access) {
    if (words_ != nullptr) return perform(access);
    if (cursor_ != log_->size) {
      const Observation& seen = log_->entries[cursor_++];
      if (seen.kind != access.kind || seen.word != access.word) {
        fail("is no function of what it observes");
      }
      return seen;
    }
    wanted_ = access;
    std::longjmp(stop_, 1);
  }

  [[noreturn]] void fail(const char* reason) {
    reason_ = reason;
    std::longjmp(stop_, 2);
  }

  /// The word of a block's link.
  std::uint8_t word_of(const std::uint32_t* link) {
    const auto offset =
        reinterpret_cast<std::uintptr_t>(link) - reinterpret_cast<std::uintptr_t>(arena.data());
    if (offset >= blocks * kBlockSize || offset % kBlockSize != 0) {
      fail("follows a link to what is no block");
    }
    return static_cast<std::uint8_t>(link_of(offset / kBlockSize));
  }

 private:
  template <class Operation>
  Stop enter(Operation& operation) {
    switch (setjmp(stop_)) {
      case 0:
        operation();
        return Stop::kFinished;
      case 1:
        return Stop::kWantsAccess;
      default:
        return Stop::kFailed;
    }
  }

  Observation perform(const Access& access) {
    std::uint64_t& word = (*words_)[access.word];
    const std::uint64_t value = word;
    const bool succeeds = access.kind == Access::kExchange && value == access.expected;
    if (access.kind == Access::kStore || succeeds) word = access.desired;
    return {access.kind, access.word, succeeds, value};
  }

  std::jmp_buf stop_;
  std::array<std::uint64_t, kWords>* words_ = nullptr;
  const Log* log_ = nullptr;
  std::size_t cursor_ = 0;
  Access wanted_{};
  const char* reason_ = "";
};

inline Machine machine;

/// In the place of std::atomic<std::uint64_t>: the head.
class ModelHead {
 public:
  constexpr explicit ModelHead(std::uint64_t) {}  // a list is linked up before it is used

  std::uint64_t load(std::memory_order order) const {
    if (machine.sabotage.has_relaxed_loads) order = std::memory_order_relaxed;
    return machine.access({Access::kLoad, kHead, 0, 0, order, order}).value;
  }
  void store(std::uint64_t value, std::memory_order order) {
    machine.access({Access::kStore, kHead, 0, tagged(value), order, order});
  }
  bool compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired,
                             std::memory_order order, std::memory_order failure) {
    if (machine.sabotage.has_relaxed_exchanges) order = failure = std::memory_order_relaxed;
    const Observation seen =
        machine.access({Access::kExchange, kHead, expected, tagged(desired), order, failure});
    if (!seen.has_succeeded) expected = seen.value;
    return seen.has_succeeded;
  }

 private:
  static std::uint64_t tagged(std::uint64_t value) {
    const std::uint32_t bits = 32 + machine.sabotage.tag_bits;
    return bits == 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
  }
};

/// In the place of std::atomic_ref<std::uint32_t>: a block's link.
class ModelLink {
 public:
  explicit ModelLink(std::uint32_t& link) : word_(machine.word_of(&link)) {}

  std::uint32_t load(std::memory_order order) const {
    return static_cast<std::uint32_t>(
        machine.access({Access::kLoad, word_, 0, 0, order, order}).value);
  }
  void store(std::uint32_t value, std::memory_order order) {
    machine.access({Access::kStore, word_, 0, value, order, order});
  }

 private:
  std::uint8_t word_;
};

struct ModelAtomics {
  using Head = ModelHead;
  using Link = ModelLink;
};

}  // namespace drone::model
