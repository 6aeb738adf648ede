// SPDX-License-Identifier: MIT
#pragma once

// What a heap counts about its pools at run time if its Options say so: four words a pool, and one
// for the heap. Blocks in use, failures and spills are exact whenever no operation is under way.
// high_water may be low by the number of operations that were preempted at the peak: a block is
// counted after it was taken, and no longer before it is given back.

#include <array>
#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/pool_tables.hpp"

namespace drone::heap {

/// Of one pool, since start or reset.
struct PoolStatistics {
  std::uint32_t in_use;      ///< blocks allocated now
  std::uint32_t high_water;  ///< most blocks allocated at one time
  std::uint32_t failures;    ///< requests that this pool was to serve first, and none did
  std::uint32_t spills;      ///< requests of other, smaller pools that this pool served
};

/// A number that any context may change. Nothing waits.
class Counter {
 public:
  std::uint32_t value() const noexcept { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }

  /// Adds, modulo 2^32, and yields the sum.
  std::uint32_t add(std::uint32_t amount) noexcept {
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(__ARM_FEATURE_LDREX)
    const cortex_m::InterruptMask mask;
    return value_ += amount;
#else
    return __atomic_add_fetch(&value_, amount, __ATOMIC_RELAXED);
#endif
  }

  /// Becomes `value` if that is more.
  void raise_to(std::uint32_t value) noexcept {
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(__ARM_FEATURE_LDREX)
    const cortex_m::InterruptMask mask;
    if (value_ < value) value_ = value;
#else
    std::uint32_t now = __atomic_load_n(&value_, __ATOMIC_RELAXED);
    while (now < value && !__atomic_compare_exchange_n(&value_, &now, value, true, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {
    }
#endif
  }

  void reset() noexcept { __atomic_store_n(&value_, 0, __ATOMIC_RELAXED); }

 private:
  std::uint32_t value_ = 0;
};

struct PoolCounters {
  Counter in_use;
  Counter high_water;
  Counter failures;
  Counter spills;
};

/// By place. Only in programs whose heap counts.
template <const auto& kLayout>
inline constinit std::array<PoolCounters, PoolTables<kLayout>::kCount> pool_counters{};

/// Requests that are too large for every pool, or name an alignment that no pool has.
template <const auto& kLayout>
inline constinit Counter hopeless_requests{};

}  // namespace drone::heap
