// SPDX-License-Identifier: MIT
#pragma once

// A tracer (drone/heap/tracer.hpp) that reports a heap's operations through a stimulus port of the
// ITM, in the heaptrace format (docs/trace-format.md).
//
// Every write is one short section with interrupts masked: is trace enabled, is the FIFO ready,
// what is due, write it, count it. Between two writes interrupts are enabled, so whoever comes
// first makes the progress: the tracer has no lock, and an interrupt handler's event may go between
// an event and what had to be said before it. What is due, in this order:
//
//   VERSION, and the description of the heap, one word at a time
//   DROPPED, if events were
//   SEQUENCE, as every 256th counted event, or as soon as possible after
//   the event itself
//
// A port that nobody listens to costs four or five instructions. A FIFO that is full is waited
// for, with interrupts enabled, but not for ever: after kTestLimit tests in a row the event is
// dropped and counted, and from then on an event tests only once until the FIFO moves again.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/cortex_m/stimulus_port.hpp"
#include "drone/heap/tracer.hpp"
#include "drone/heaptrace/description.hpp"
#include "drone/heaptrace/elf_note.hpp"
#include "drone/heaptrace/wire_format.hpp"

namespace drone::heaptrace {

static_assert(heap::kNoBlock == kNoBlock);

/// How often a full FIFO is tested before an event is dropped. A test with its re-check of the
/// trace enables takes 20 to 40 cycles. The FIFO of the slowest core in use takes a packet again
/// after 5 bytes on the wire, 434 us at 115200 baud; the fastest core, at 600 MHz, tests 6500 to
/// 13000 times in that. A core at 16 MHz whose probe was pulled loses 20 to 40 ms, once.
inline constexpr std::uint32_t kTestLimit = 16384;

/// Traces a heap through `Port` (see cortex_m::StimulusPort): that of the heap::Layout `kHeap`, or
/// an allocator that exists already, if `kHeap` is a PoollessHeap (description.hpp). `kClockKhz` is
/// the frequency of the clock that timestamps count, 0 if it is not known. All state is static and
/// starts as 0: 20 bytes. Hooks may preempt each other. Not for NMI and HardFault handlers, nor
/// for unprivileged code, which can neither mask interrupts nor read the ITM's state.
template <const auto& kHeap, std::uint32_t kClockKhz = 0, class Port = cortex_m::StimulusPort<31>>
class ItmTracer {
 public:
  [[gnu::always_inline]] static bool is_listening() noexcept { return Port::is_listening(); }

  static void trace_alloc(std::uint32_t block, std::uint32_t size,
                          std::uint32_t alignment) noexcept {
    const bool is_sent = send(encode_sized(Op::kAlloc, block, size));
    if (alignment <= kHeap.alignment || !is_sent) return;
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(alignment) - 1);
    send({{encode({Op::kAlign, block, exponent}), {}}, 1});
  }

  static void trace_dealloc(std::uint32_t block) noexcept {
    send({{encode_dealloc(block), {}}, 1});
  }

  static void trace_grow_in_place(std::uint32_t block, std::uint32_t, std::uint32_t size) noexcept {
    send(encode_sized(Op::kResize, block, size));
  }

  static void trace_shrink_in_place(std::uint32_t block, std::uint32_t,
                                    std::uint32_t size) noexcept {
    send(encode_sized(Op::kResize, block, size));
  }

  /// Forgets everything: the next event is the first one. For tests.
  static void reset() noexcept { state_ = {}; }

 private:
  struct State {
    std::uint32_t counted;     ///< counted events since the reset, dropped ones included
    std::uint32_t dropped;     ///< of these, dropped and not yet reported
    std::uint32_t sequences;   ///< periods that a SEQUENCE was written for
    std::uint32_t introduced;  ///< how many words of the introduction were written
    bool is_stalled;           ///< the last wait was given up, and nothing was written since
  };

  enum class Step : std::uint8_t {
    kDone,      ///< the event was written
    kProgress,  ///< something else was due, and was written
    kBusy,      ///< the FIFO is full
    kOff,       ///< trace is disabled
  };

  using Facts = Introduction<kHeap, kClockKhz>;

  /// Writes an event and all that is due before it. False if it was dropped, or if trace turned out
  /// to be disabled.
  [[gnu::noinline, gnu::cold]] static bool send(const Writes& event) noexcept {
#ifdef __arm__
    if constexpr (requires { Port::kNumber; }) {
      leave_note<Port::kNumber, Facts::kConstant, Facts::place()>();
    }
#endif
    std::uint32_t tests = first_limit();
    for (bool has_begun = false;; has_begun = true) {
      switch (step(event)) {
        case Step::kDone:
          return true;
        case Step::kProgress:
          tests = kTestLimit;
          break;
        case Step::kBusy:
          if (--tests == 0) {
            drop(event, true);
            return false;
          }
          break;
        case Step::kOff:
          // Not an event at all, unless somebody listened when it began.
          if (has_begun) drop(event, false);
          return false;
      }
    }
  }

  static std::uint32_t first_limit() noexcept {
    return const_cast<const volatile State&>(state_).is_stalled ? 1 : kTestLimit;
  }

  /// One masked section: at most one write, or the two of a wide pair.
  static Step step(const Writes& event) noexcept {
    const cortex_m::InterruptMask mask;
    if (!Port::is_enabled()) return Step::kOff;
    if (!Port::is_ready()) return Step::kBusy;
    state_.is_stalled = false;
    if (state_.introduced != Facts::count()) {
      if (state_.introduced == 0) ++state_.counted;
      Port::write32(Facts::word(state_.introduced++));
      return Step::kProgress;
    }
    ++state_.counted;
    if (state_.dropped != 0) {
      const std::uint32_t reported = std::min(state_.dropped, detail::kWideMask);
      state_.dropped -= reported;
      Port::write32(encode({Op::kDropped, 0, reported}).value);
      return Step::kProgress;
    }
    const std::uint32_t periods = state_.counted / kSequencePeriod;
    if (periods != state_.sequences) {
      state_.sequences = periods;
      Port::write32(encode({Op::kSequence, 0, state_.counted}).value);
      return Step::kProgress;
    }
    write(event.write[0]);
    if (event.count == 2) write_second(event.write[1]);
    return Step::kDone;
  }

  static void write(Write write) noexcept {
    if (write.size == 2) {
      Port::write16(static_cast<std::uint16_t>(write.value));
    } else {
      Port::write32(write.value);
    }
  }

  /// The second of a wide pair: waits where it is, interrupts masked, because nothing may come
  /// between.
  static void write_second(Write second) noexcept {
    ++state_.counted;
    for (std::uint32_t tests = kTestLimit; tests != 0 && Port::is_enabled(); --tests) {
      if (Port::is_ready()) {
        write(second);
        return;
      }
    }
    ++state_.dropped;
    state_.is_stalled = true;
  }

  static void drop(const Writes& event, bool is_stalled) noexcept {
    const cortex_m::InterruptMask mask;
    const auto count = static_cast<std::uint32_t>(event.count);
    state_.counted += count;
    state_.dropped += count;
    if (is_stalled) state_.is_stalled = true;
  }

  static inline constinit State state_{};
};

}  // namespace drone::heaptrace
