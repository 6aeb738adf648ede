// SPDX-License-Identifier: MIT
#pragma once

// The traced heaps of a program, as the notes in its ELF file describe them
// (drone/heaptrace/elf_note.hpp): known before the program says anything, and when it does not.

#include <cstdint>
#include <span>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "itm/packet.hpp"
#include "support/elf_image.hpp"

namespace drone::heaptrace {

struct NotedHeap {
  unsigned port = 0;
  std::vector<Record> facts;  ///< the description, in the order of the wire, without VERSION

  friend bool operator==(const NotedHeap&, const NotedHeap&) = default;
};

/// One for each port, ascending. Accepts any notes: what is none of ours, or makes no sense, is
/// left out. Of a heap that another version of the format describes, or that is described in two
/// ways, only the port is known.
std::vector<NotedHeap> noted_heaps(std::span<const ElfNote> notes);

/// What a capture that came too late for it puts at the head of the heaptrace file: the facts as
/// packets of the heap's port. No VERSION: that would say that the program was reset here.
std::vector<itm::Packet> description_packets(const NotedHeap& heap);

}  // namespace drone::heaptrace
