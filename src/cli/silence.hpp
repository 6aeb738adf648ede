// SPDX-License-Identifier: MIT
#pragma once

// Why a capture gets nothing: what can be told from the bytes that came, from the packets they are,
// from the target's own registers, and from the notes in the program's ELF file.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/capture_watcher.hpp"
#include "cli/itm_plan.hpp"
#include "itm/port_demux.hpp"
#include "probe/trace_state.hpp"

namespace drone::cli {

/// What is seen of a stream while ports are silent.
struct Observation {
  std::uint64_t bytes = 0;        ///< from the source
  std::vector<std::byte> sample;  ///< the first of them, at most itm::kMostLineSample
  std::uint64_t itm_bytes = 0;    ///< what the packets take
  std::uint64_t odd_bytes = 0;    ///< of these: no packet, or one that no target sends
  bool is_framed = false;         ///< the bytes are TPIU frames: others than the ITM's are in them
  std::array<std::uint64_t, itm::kPortCount> packets{};  ///< by port, from the beginning

  std::uint32_t wanted = 0;  ///< the ports that are silent, a bit each
  bool is_heap = false;      ///< they are one, a heap's
  bool came_before = false;  ///< they were not always silent

  bool has_probe = false;  ///< the stream is a target's, and not a recording
  std::optional<probe::TraceState> target;
  std::uint32_t divisor = 0;  ///< of the trace clock, as the target was set up; 0: unknown
  std::optional<std::vector<unsigned>> traced_ports;  ///< of the program's heaps; absent: unknown
};

enum class SilenceCause : std::uint8_t {
  // What comes is no ITM.
  kOtherRate,  ///< `ratio`
  kManchester,
  kText,
  kNoItm,  ///< nor any of these
  // The target says why.
  kLockedUp,
  kHalted,
  kFaulted,   ///< it handles exception `exception`
  kTraceOff,  ///< DEMCR.TRCENA
  kItmOff,    ///< ITM_TCR.ITMENA
  kPortOff,   ///< ITM_TER
  // So does the program.
  kNotBuiltIn,  ///< no traced heap has the port
  // Nothing is wrong, as far as that is known.
  kNothingComes,   ///< not one byte
  kNoAllocation,   ///< ITM comes, the heap is traced
  kNothingOnPort,  ///< ITM comes
};

struct SilenceFinding {
  SilenceCause cause = SilenceCause::kNothingComes;
  double ratio = 1;         ///< of kOtherRate: of the line to what was expected
  bool is_certain = false;  ///< of kOtherRate and kManchester: the target's registers say so
  unsigned exception = 0;
};

/// Absent where there is nothing to say: ports that carried something before may rest.
std::optional<SilenceFinding> diagnose(const Observation& seen);

/// For the user: what is seen, and what to do about it; without full stops.
struct SilenceText {
  std::string seen;
  std::string advice;
};
SilenceText describe(const SilenceFinding& finding, const Observation& seen);

/// Three seconds after the last packet on a port that is recorded as a heap's (where none is: on
/// any port asked for) it says why nothing comes, and again whenever the finding changes; it looks
/// less and less often. Holds a few kilobytes.
class SilenceWatch final : public CaptureWatcher {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kPatience{3};

  /// `note` takes lines for the user.
  SilenceWatch(const ItmPlan& plan, std::function<void(const std::string&)> note);

  /// How the target can be asked while it runs, and what its trace clock was divided by.
  void set_target(std::function<std::optional<probe::TraceState>()> look, std::uint32_t divisor);

  /// The ports of the traced heaps in the program that runs.
  void set_traced_ports(std::vector<unsigned> ports) { traced_ports_ = std::move(ports); }

  /// How to know whether the stream turned out to be TPIU frames.
  void set_framed(std::function<bool()> framed) { framed_ = std::move(framed); }

  void on_bytes(std::span<const std::byte> bytes) override;
  /// Until enough of them have come since the last tick.
  bool wants_packets() const override { return !all_came_ || counted_ <= kEnoughPackets; }
  void on_packets(std::span<const itm::Packet> packets) override;
  void on_tick(Clock::time_point now) override;

  struct Conclusion {
    SilenceCause cause;
    SilenceText text;
  };
  /// At the end of a capture: why nothing that makes sense came on a heap's port (a bit of
  /// `ports`), or, without a heap, on any that was asked for. Absent if something did.
  std::optional<Conclusion> conclusion(std::uint32_t ports) const;

 private:
  /// Ports that are silent together or not.
  struct Subject {
    std::uint32_t ports = 0;
    bool came = false;  ///< since the last tick
    bool came_before = false;
    std::optional<Clock::time_point> since;  ///< of the silence
    Clock::duration next_look = kPatience;   ///< after `since`
    std::optional<SilenceFinding> told;
  };
  /// Of the stream, from one look to the next.
  struct Window {
    std::uint64_t bytes = 0;
    std::uint64_t itm_bytes = 0;
    std::uint64_t odd_bytes = 0;
    std::vector<std::byte> sample;
  };

  /// Where nothing is silent, so many in a tick show that it is ITM.
  static constexpr std::size_t kEnoughPackets = 2048;

  void count(const itm::Packet& packet);
  bool is_framed() const { return framed_ && framed_(); }
  bool is_itm(const Window& window) const;
  Observation observe(const Subject& subject, const Window& window) const;
  void ask_target();
  void look_at(Subject& subject, Clock::time_point now);
  void tell(const Subject& subject, const SilenceText& text, Clock::time_point now);

  std::function<void(const std::string&)> note_;
  bool has_heaps_;
  bool has_probe_;
  std::vector<Subject> subjects_;
  std::function<std::optional<probe::TraceState>()> look_;
  std::uint32_t divisor_ = 0;
  std::optional<std::vector<unsigned>> traced_ports_;
  std::function<bool()> framed_;

  Window window_;
  Window last_window_;
  std::array<std::uint64_t, itm::kPortCount> packets_{};
  std::size_t counted_ = 0;  ///< packets since the last tick
  bool all_came_ = false;    ///< since the last tick
  std::optional<probe::TraceState> target_;
  std::optional<Clock::time_point> began_;
  bool asked_early_ = false;
};

}  // namespace drone::cli
