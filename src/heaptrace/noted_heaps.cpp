// SPDX-License-Identifier: MIT
#include "heaptrace/noted_heaps.hpp"

#include <algorithm>
#include <optional>

#include "drone/heaptrace/elf_note.hpp"
#include "itm/port_demux.hpp"

namespace drone::heaptrace {
namespace {

std::vector<std::uint32_t> words_of(const std::vector<std::byte>& bytes) {
  std::vector<std::uint32_t> words(bytes.size() / 4);
  for (std::size_t i = 0; i != 4 * words.size(); ++i) {
    words[i / 4] |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * (i % 4));
  }
  return words;
}

/// The facts behind a VERSION of this format; empty if it is another's, or says what is no fact.
std::vector<Record> facts_of(std::span<const std::uint32_t> words) {
  if (words.empty() || words[0] != encode({Op::kVersion, 0, kFormatVersion}).value) return {};
  std::vector<Record> facts;
  for (const std::uint32_t word : words.subspan(1)) {
    const Decoded decoded = decode({word, 4});
    const Op op = decoded.record.op;
    if (!decoded.valid || op < Op::kPoolBlock || op > Op::kHeapAlignment) return {};
    facts.push_back(decoded.record);
  }
  return facts;
}

std::optional<NotedHeap> heap_of(const ElfNote& note) {
  if (note.owner != kNoteOwner || note.type != kHeapNoteType) return std::nullopt;
  const std::vector<std::uint32_t> words = words_of(note.description);
  if (words.size() < kHeapNoteHeadWords || words[0] >= itm::kPortCount) return std::nullopt;
  NotedHeap heap{words[0], facts_of(std::span(words).subspan(kHeapNoteHeadWords))};
  if (const std::uint32_t base = words[1]; base != 0 && !heap.facts.empty()) {
    heap.facts.push_back({Op::kHeapBaseLow, 0, base & detail::kWideMask});
    heap.facts.push_back({Op::kHeapBaseHigh, 0, base >> 24});
  }
  return heap;
}

}  // namespace

std::vector<NotedHeap> noted_heaps(std::span<const ElfNote> notes) {
  std::vector<NotedHeap> heaps;
  for (const ElfNote& note : notes) {
    std::optional<NotedHeap> heap = heap_of(note);
    if (!heap) continue;
    const auto place =
        std::lower_bound(heaps.begin(), heaps.end(), heap->port,
                         [](const NotedHeap& other, unsigned port) { return other.port < port; });
    if (place == heaps.end() || place->port != heap->port) {
      heaps.insert(place, *std::move(heap));
    } else if (*place != *heap) {
      place->facts.clear();
    }
  }
  return heaps;
}

std::vector<itm::Packet> description_packets(const NotedHeap& heap) {
  std::vector<itm::Packet> packets;
  for (const Record& fact : heap.facts) {
    const Write write = encode(fact);
    itm::Packet packet;
    packet.kind = itm::PacketKind::kInstrumentation;
    packet.source = static_cast<std::uint8_t>(heap.port);
    packet.size = write.size;
    packet.length = 1 + std::uint32_t{write.size};
    packet.value = write.value;
    packets.push_back(packet);
  }
  return packets;
}

}  // namespace drone::heaptrace
