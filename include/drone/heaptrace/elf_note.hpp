// SPDX-License-Identifier: MIT
#pragma once

// The note that a program with a traced heap carries in its ELF file (docs/trace-format.md, 3.3):
// whether the heaptrace feature is built in, on which port, and what the trace says of its heap
// first. It is never loaded: the section is not allocated, and takes neither flash nor RAM.
//
// A note of the usual form (name size, description size, type, name), in words of 32 bits. The
// description of one heap is
//
//   the stimulus port
//   the address of the heap's memory, 0 if the linker does not know it
//   VERSION and the description, as they go over the wire, but for HEAP_BASE_LOW and HIGH
//
// A heap may have several notes, all alike: one for each source file that traces it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace drone::heaptrace {

inline constexpr char kNoteOwner[] = "Drone";
inline constexpr std::uint32_t kHeapNoteType = 1;
inline constexpr std::size_t kHeapNoteHeadWords = 2;  ///< port and address

#ifdef __arm__

namespace detail {

// A statement changes to the section and back, whatever stands around it. Several words each: the
// compiler takes every line for an instruction when it reckons how far a branch goes.
#define DRONE_IN_NOTE_SECTION(text) \
  ".pushsection .note.drone.heap,\"\",%%note\n" text "\n.popsection"

template <std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d>
[[gnu::always_inline]] inline void note_four_words() noexcept {
  asm volatile(DRONE_IN_NOTE_SECTION(".long %c0, %c1, %c2, %c3")::"i"(a), "i"(b), "i"(c), "i"(d));
}

template <std::uint32_t word>
[[gnu::always_inline]] inline void note_word() noexcept {
  asm volatile(DRONE_IN_NOTE_SECTION(".long %c0")::"i"(word));
}

template <const auto& kWords, std::size_t... four, std::size_t... rest>
[[gnu::always_inline]] inline void note_words(std::index_sequence<four...>,
                                              std::index_sequence<rest...>) noexcept {
  (note_four_words<kWords[4 * four], kWords[4 * four + 1], kWords[4 * four + 2],
                   kWords[4 * four + 3]>(),
   ...);
  (note_word<kWords[4 * sizeof...(four) + rest]>(), ...);
}

}  // namespace detail

/// Leaves the note of a heap whose trace goes to `kPort` and begins with `kWords`, an array.
/// `place` is where its memory is, or null: the address of a variable. No instruction comes of
/// this; the function that it is used in must be compiled, and need not be called.
template <unsigned kPort, const auto& kWords, const auto* place>
[[gnu::always_inline]] inline void leave_note() noexcept {
  constexpr std::size_t kCount = kWords.size();
  static_assert(sizeof(kNoteOwner) == 6);
  asm volatile(DRONE_IN_NOTE_SECTION(".p2align 2\n"
                                     ".long 6, %c0, %c1, 0x6e6f7244, 0x65, %c2, %c3")  // "Drone"
               ::"i"(4 * (kHeapNoteHeadWords + kCount)),
               "i"(kHeapNoteType), "i"(kPort), "i"(place));
  detail::note_words<kWords>(std::make_index_sequence<kCount / 4>(),
                             std::make_index_sequence<kCount % 4>());
}

#undef DRONE_IN_NOTE_SECTION

#endif  // __arm__

}  // namespace drone::heaptrace
