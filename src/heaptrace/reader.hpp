// SPDX-License-Identifier: MIT
#pragma once

// Reads a heaptrace file, or any ITM stream that carries a heap's port (docs/trace-format.md).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"
#include "heaptrace/input_format.hpp"
#include "itm/input_stage.hpp"
#include "support/byte_stream.hpp"
#include "support/decompress.hpp"

namespace drone::heaptrace {

/// The facts about the heap that the target sent, or the capture found in the ELF. What the stream
/// did not say is absent.
struct Description {
  std::optional<std::uint32_t> heap_size;       ///< bytes
  std::optional<std::uint32_t> base_alignment;  ///< bytes
  std::optional<std::uint32_t> clock_khz;
  std::optional<std::uint32_t> heap_base;  ///< address
  std::vector<heap::PoolSpec> pools;       ///< in address order; empty for a heap without pools
};

/// What is missing or wrong in a stream. All zero: it came through whole.
struct Losses {
  std::uint64_t overflows = 0;    ///< ITM overflow packets
  std::uint64_t malformed = 0;    ///< stretches of bytes that are no packet, cut packets included
  std::uint64_t gaps = 0;         ///< GAP events
  std::uint64_t gap_bytes = 0;    ///< bytes the capture knows it lost
  std::uint64_t lost_events = 0;  ///< by SEQUENCE: sent by the target, not seen here
  std::uint64_t dropped_events = 0;  ///< by DROPPED: the tracer gave up on them
  std::uint64_t damaged_events =
      0;  ///< said what the described heap cannot have; not counted as lives
  std::uint64_t unknown_deallocs =
      0;  ///< DEALLOC or RESIZE of a block not live: its ALLOC was lost, or is from before
  std::uint64_t lost_allocs =
      0;  ///< those of unknown_deallocs in a run seen from its reset: its ALLOC is not from before
  std::uint64_t double_allocs = 0;    ///< ALLOC of a live block: its DEALLOC is missing
  std::vector<std::uint64_t> places;  ///< file offsets of the first of these, ascending, at most 16

  /// Whether any figure of the stream may be too low because of what was lost after it began. A
  /// capture that began in the middle of a run (unknown_deallocs alone) is told apart by
  /// `began_midway`.
  bool any() const;

  /// Whether the stream itself shows that something was lost or damaged. If not, lost_allocs and
  /// double_allocs are more likely the program's doing: a block given back twice, or a tracer that
  /// was switched off for a while (it does not count what it does not send).
  bool on_the_way() const;

  friend bool operator==(const Losses&, const Losses&) = default;
};

/// What a whole stream was like.
struct Summary {
  Description description;
  Losses losses;
  FileFormat format = FileFormat::kItm;
  itm::InputChoice input;                        ///< of kItm
  std::uint64_t bytes = 0;                       ///< of the file, decompressed
  Compression compression = Compression::kNone;  ///< of the file
  bool is_cut = false;                           ///< it ends in the middle of its compressed data
  bool of_64_bit_program = false;                ///< of an import: it has addresses beyond 32 bits
  std::uint64_t events = 0;  ///< of the heap's port, as sent (SEQUENCE and the like included)
  std::uint64_t unknown_operations = 0;  ///< EXT sub-operations that this version does not know
  std::uint32_t runs = 0;                ///< resets seen, plus one if events came before the first
  bool began_midway = false;             ///< no VERSION before the first event
  bool ended_in_order = false;           ///< END was the last event; of a format that has none,
                                         ///< nothing shows that its end is missing
  bool description_ignored = false;  ///< it was of another binary: nearly every event contradicted
                                     ///< it; `description` is empty then
  std::map<unsigned, std::uint64_t> packets_per_port;
};

struct ReadOptions {
  unsigned port = 31;
  std::optional<FileFormat> format;  ///< absent: inferred
  itm::InputOptions input;           ///< of FileFormat::kItm
};

/// The hint of every error that a new recording would cure.
inline constexpr const char* kHowToRecord =
    "record one from firmware that has the heaptrace feature: `just features=heaptrace flash`, "
    "then `just heaptrace`, and Ctrl-C when it is enough; or from a program of this machine: "
    "`drone heap record -- PROGRAM`";

/// Whether the bytes of a stream are those of another kind of file, or were received at a wrong
/// rate.
bool looks_like_no_recording(const Summary& summary);

/// Opens the same stream from its start, each time it is called.
using OpenStream = std::function<std::unique_ptr<ByteSource>()>;

/// What of a stream is taken as said.
struct Trust {
  bool description = true;  ///< that of its heap: events that do not fit it are damaged
  /// Where packets begin. What came through whole is read faster so; otherwise framings that make
  /// no sense for the heap are doubted (resync_decoder.hpp).
  bool framing = false;
};

/// Reads a stream that comes piece by piece.
class TraceReader {
 public:
  using Consume = std::function<void(std::span<const Event>)>;
  class Format;

  /// `head` is how the stream begins: as much of it as is there, up to kFormatSample bytes; it
  /// decides what the stream is, and has to be fed as well. Throws Error (kInput) if it is another
  /// kind of file.
  TraceReader(const ReadOptions& options, std::span<const std::byte> head, Trust trust,
              const Consume& consume);
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;
  ~TraceReader();

  /// Hands the events, in batches and in order, to `consume`. Throws Error (kInput) for a format
  /// version that this drone does not read.
  void feed(std::span<const std::byte> bytes);

  /// Hands on what is kept back for a batch. The last events may be missing still: decoders are not
  /// sure of them before they have seen what comes behind.
  void flush();

  /// What the stream was like until now.
  Summary summary() const;

  /// The stream has ended, `is_cut`: before its time. Hands on the last events. Throws Error
  /// (kInput) when it is no heap trace, as read_events() does.
  Summary finish(bool is_cut = false);

  /// Whether reading with doubt in the framing could make more of the stream.
  bool has_framing() const;

  /// Nearly every event says what the described heap cannot have: the stream is to be read again,
  /// without its description.
  bool contradicts_description() const;

 private:
  Trust trust_;
  std::unique_ptr<Format> format_;
  std::uint64_t bytes_ = 0;
};

/// Reads the whole stream and hands its events, in batches and in order, to `consume`; then returns
/// what the stream was like. Any bytes are read without fault. It calls `restart` (everything
/// consumed so far is void) and reads again where something of the stream is wrong: with doubt in
/// its framing, or without its description if nearly every event contradicts that. What is
/// compressed is decompressed. Memory grows with the live blocks, not with the stream. Throws Error
/// (kInput) when reading fails, when the stream is of a format version that this drone does not
/// read, when a line of plain text is no event, and when it is no heap trace: the message says what
/// it is instead, or which ports it carries. Messages speak of "the trace" and leave its name to
/// the caller.
Summary read_events(const OpenStream& open, const ReadOptions& options,
                    const std::function<void()>& restart,
                    const std::function<void(std::span<const Event>)>& consume);

}  // namespace drone::heaptrace
