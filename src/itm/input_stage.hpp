// SPDX-License-Identifier: MIT
#pragma once

// The first stage of every input: a stream of SWO bytes may be ITM as it is, or wrapped into TPIU
// frames.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace drone::itm {

enum class InputKind : std::uint8_t { kItm, kTpiu };

struct InputOptions {
  std::optional<InputKind> kind;      ///< absent: inferred
  std::optional<unsigned> stream_id;  ///< of the ITM in TPIU frames, 1 to 111; absent: inferred
};

/// What an input turned out to be, or was said to be.
struct InputChoice {
  InputKind kind = InputKind::kItm;
  unsigned stream_id = 0;  ///< of kTpiu; 0: the frames name none
  bool inferred = true;

  friend bool operator==(const InputChoice&, const InputChoice&) = default;
};

/// "bare ITM", "TPIU frames, the ITM on stream 1".
std::string describe(const InputChoice& choice);

/// Takes the ITM bytes of a stream.
class ItmBytesSink {
 public:
  virtual ~ItmBytesSink() = default;
  virtual void bytes(std::span<const std::byte> itm) = 0;
  /// `bytes` (0: unknown) were lost between what came and what will.
  virtual void gap(std::uint64_t bytes) = 0;
};

/// SWO bytes in, in chunks of any length; ITM bytes out, the same whatever the chunks. Accepts any
/// bytes. What is not decided yet is kept (bounded), and handed on once it is.
class InputStage {
 public:
  explicit InputStage(const InputOptions& options = {});

  void feed(std::span<const std::byte> bytes, ItmBytesSink& sink);

  /// `bytes` (0: unknown) of the stream were lost here.
  void gap(std::uint64_t bytes, ItmBytesSink& sink);

  /// The stream has ended: decides if that is still to be done, and hands on what was kept.
  void finish(ItmBytesSink& sink);

  /// Absent as long as nothing is decided.
  const std::optional<InputChoice>& choice() const { return choice_; }

 private:
  std::optional<InputChoice> choice_;
};

}  // namespace drone::itm
