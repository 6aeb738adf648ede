// SPDX-License-Identifier: MIT
#pragma once

// The forms in which a trace may come (docs/trace-format.md, sections 4 and 6), and telling them
// apart.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "itm/input_stage.hpp"

namespace drone::heaptrace {

enum class FileFormat : std::uint8_t {
  kItm,           ///< as it is, or in TPIU frames: itm::InputStage knows which
  kDroneOs,       ///< of Drone OS 0.10 and 0.11
  kPayload,       ///< the bytes of the heap's port, without the headers of their packets
  kText,          ///< plain text, an event a line (docs/imports.md has this and the following)
  kMtrace,        ///< of glibc's mtrace()
  kHeaptrack,     ///< of heaptrack, interpreted
  kHeaptrackRaw,  ///< of heaptrack --raw; also asked for as kHeaptrack
};

struct InputFormat {
  std::optional<FileFormat> file;  ///< absent: inferred
  itm::InputOptions itm;           ///< of kItm
};

/// Whether it is text that another tool wrote, of a program on a host most of the time.
constexpr bool is_import(FileFormat format) { return format >= FileFormat::kText; }

/// What parse_input_format() accepts, for help and messages.
inline constexpr std::string_view kInputFormats =
    "auto, tpiu, tpiu:ID, itm, drone-os, payload, text, mtrace, heaptrack";

/// One of kInputFormats. Throws Error (kUsage) that names them.
InputFormat parse_input_format(std::string_view name);

/// "bare ITM", "TPIU frames, the ITM on stream 1", "a file of Drone OS", "payload only", "text, an
/// event a line".
std::string describe(FileFormat format, const itm::InputChoice& itm);

/// The first bytes of a file that infer_format() wants to see, if there are so many.
inline constexpr std::size_t kFormatSample = std::size_t{1} << 14;

/// What a file that begins with `head` is, in the order of preference: text of one of the tools;
/// ITM, with TPIU frames or without; a Drone OS file; payload only. Each is taken if it decodes
/// plausibly, and ITM if nothing does: any bytes are legal payload, and most are legal ITM. `port`
/// is the heap's, `itm` says what is known of the file if it is ITM.
FileFormat infer_format(std::span<const std::byte> head, unsigned port,
                        const itm::InputOptions& itm);

}  // namespace drone::heaptrace
