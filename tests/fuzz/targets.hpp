// SPDX-License-Identifier: MIT
#pragma once

// Whatever is read from outside, fed with anything: what the libFuzzer programs call, and the test
// that runs the corpora. A broken promise ends the program, so that a fuzzer stops there.

#include <cstddef>
#include <span>
#include <string_view>

namespace drone::fuzz {

/// itm::Decoder: packets tile the stream, and packets and ports' bytes are the same whatever the
/// chunks.
void fuzz_itm(std::span<const std::byte> bytes);

/// itm::InputStage: what comes out is the same whatever the chunks, and no more than went in. The
/// first byte says what the stage is told: even, nothing; odd, that it is TPIU frames, the upper
/// seven bits being the ITM's stream (0: to be inferred).
void fuzz_tpiu(std::span<const std::byte> bytes);

/// heaptrace::read_events and all that `drone heap` and `drone heap generate` make of what it
/// yields: lives are whole, a layout runs the trace that it was made for, and bad input is an Error
/// (kInput). The first byte says how the rest is to be read: see the source.
void fuzz_heaptrace(std::span<const std::byte> bytes);

/// project::parse_manifest: mistakes are at a place inside the text, and what is read can be
/// written and reads back the same.
void fuzz_manifest(std::span<const std::byte> bytes);

/// The readers of text, mtrace and heaptrack files, and of compressed ones: lives are whole,
/// mistakes name their line, and what comes out is the same whatever the chunks. The first byte
/// says which: see the source.
void fuzz_imports(std::span<const std::byte> bytes);

/// layout::decode_summary: what is read can be written, reads back the same, merges with itself,
/// and has layouts. Bytes that are no summary are also tried as what stands between magic and
/// checksum.
void fuzz_summary(std::span<const std::byte> bytes);

struct Target {
  std::string_view name;  ///< also that of its folder in corpus/
  void (*run)(std::span<const std::byte>);
};

inline constexpr Target kTargets[] = {
    {"itm", fuzz_itm},           {"tpiu", fuzz_tpiu},       {"heaptrace", fuzz_heaptrace},
    {"manifest", fuzz_manifest}, {"imports", fuzz_imports}, {"summary", fuzz_summary},
};

}  // namespace drone::fuzz
