// SPDX-License-Identifier: MIT
#include "cli/silence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "itm/line_rate.hpp"

namespace drone::cli {
namespace {

// Of an ITM stream hardly anything is odd, unless much of it was lost; of anything else that is
// taken for one, a quarter at least.
constexpr double kOddInItm = 0.05;
constexpr double kOddInDamagedItm = 0.2;

/// Of `bytes`, `itm_bytes` became packets; the others, but for the last few, are a stretch that may
/// go on for ever without being one.
double odd_share(std::uint64_t bytes, std::uint64_t itm_bytes, std::uint64_t odd_bytes,
                 bool is_framed) {
  constexpr std::uint64_t kMostHeld = 16;
  const std::uint64_t held = bytes > itm_bytes && !is_framed ? bytes - itm_bytes : 0;
  const std::uint64_t unknown = held > kMostHeld ? held : 0;
  const std::uint64_t all = itm_bytes + unknown;
  if (all < itm::kLeastLineSample) return 0;
  return static_cast<double>(odd_bytes + unknown) / static_cast<double>(all);
}

/// Whether a target's DWT sends such a packet (ARMv7-M ARM, D4.3).
bool is_hardware_source(const itm::Packet& packet) {
  constexpr unsigned kFirstDataTrace = 8;
  constexpr unsigned kLastDataTrace = 23;
  switch (packet.source) {
    case 0:  // event counters
      return packet.size == 1;
    case 1:  // exceptions
      return packet.size == 2;
    case 2:  // program counter samples
      return packet.size != 2;
    default:
      return packet.source >= kFirstDataTrace && packet.source <= kLastDataTrace;
  }
}

bool is_odd(const itm::Packet& packet) {
  switch (packet.kind) {
    case itm::PacketKind::kMalformed:
    case itm::PacketKind::kExtension:
      return true;
    case itm::PacketKind::kHardware:
      return !is_hardware_source(packet);
    case itm::PacketKind::kInstrumentation:
      return packet.source >= itm::kPortCount;
    default:
      return false;
  }
}

bool is_text(std::span<const std::byte> bytes) {
  constexpr double kNearlyAll = 0.95;
  const auto readable = std::count_if(bytes.begin(), bytes.end(), [](std::byte byte) {
    const auto c = std::to_integer<unsigned>(byte);
    return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t';
  });
  return static_cast<double>(readable) > kNearlyAll * static_cast<double>(bytes.size());
}

/// What comes instead of ITM; absent if it is ITM after all.
std::optional<SilenceFinding> diagnose_bytes(const Observation& seen) {
  const double odd = odd_share(seen.bytes, seen.itm_bytes, seen.odd_bytes, seen.is_framed);
  if (odd <= kOddInItm) return std::nullopt;
  if (seen.target && seen.target->trace_enabled) {
    if (!seen.target->uart) return SilenceFinding{SilenceCause::kManchester, 1, true};
    if (seen.divisor != 0 && seen.divisor != seen.target->divisor) {
      return SilenceFinding{SilenceCause::kOtherRate,
                            static_cast<double>(seen.divisor) / seen.target->divisor, true};
    }
  }
  const itm::LineFinding line = itm::find_line(seen.sample);
  if (line.kind == itm::LineKind::kOtherRate) {
    return SilenceFinding{SilenceCause::kOtherRate, line.ratio};
  }
  if (line.kind == itm::LineKind::kManchester) return SilenceFinding{SilenceCause::kManchester};
  if (odd <= kOddInDamagedItm) return std::nullopt;
  return SilenceFinding{is_text(seen.sample) ? SilenceCause::kText : SilenceCause::kNoItm};
}

constexpr unsigned kHardFault = 3;
constexpr unsigned kUsageFault = 6;

/// What the target's registers say.
std::optional<SilenceFinding> diagnose_target(const Observation& seen) {
  if (!seen.target) return std::nullopt;
  const probe::TraceState& target = *seen.target;
  SilenceFinding finding;
  if (target.locked_up) {
    finding.cause = SilenceCause::kLockedUp;
  } else if (target.halted) {
    finding.cause = SilenceCause::kHalted;
  } else if (target.exception >= kHardFault && target.exception <= kUsageFault) {
    finding.cause = SilenceCause::kFaulted;
    finding.exception = target.exception;
  } else if (!target.trace_enabled) {
    finding.cause = SilenceCause::kTraceOff;
  } else if (!target.itm_enabled) {
    finding.cause = SilenceCause::kItmOff;
  } else if ((target.ports & seen.wanted) == 0) {
    finding.cause = SilenceCause::kPortOff;
  } else {
    return std::nullopt;
  }
  return finding;
}

std::optional<bool> is_traced(const Observation& seen) {
  if (!seen.is_heap || !seen.traced_ports) return std::nullopt;
  return std::any_of(seen.traced_ports->begin(), seen.traced_ports->end(),
                     [&](unsigned port) { return (seen.wanted >> port & 1U) != 0; });
}

std::string join(const std::vector<std::string>& words, const char* last) {
  std::string text;
  for (std::size_t i = 0; i != words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? last : ", ";
    text += words[i];
  }
  return text;
}

std::string list_ports(const std::vector<unsigned>& ports, const char* last = " and ") {
  std::vector<std::string> words;
  words.reserve(ports.size());
  for (const unsigned port : ports) words.push_back(std::to_string(port));
  return fmt::format("port{} {}", ports.size() == 1 ? "" : "s", join(words, last));
}

std::vector<unsigned> ports_of(std::uint32_t mask) {
  std::vector<unsigned> ports;
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    if ((mask >> port & 1U) != 0) ports.push_back(port);
  }
  return ports;
}

std::string ports_with_data(const Observation& seen) {
  std::vector<std::string> words;
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    const std::uint64_t n = seen.packets[port];
    if (n != 0) words.push_back(fmt::format("{} ({} packet{})", port, n, n == 1 ? "" : "s"));
  }
  if (words.empty()) return "no port carries anything";
  return fmt::format("data comes on port{} {}", words.size() == 1 ? "" : "s", join(words, " and "));
}

/// "about 2.1 times as fast as", with no more digits than are known.
std::string compare_rates(double ratio) {
  constexpr double kPercents = 1.25;
  if (ratio > 1 / kPercents && ratio < kPercents) {
    return fmt::format("about {:.0f} % {} than", std::abs(ratio - 1) * 100,
                       ratio < 1 ? "slower" : "faster");
  }
  return ratio < 1 ? fmt::format("about {:.1f} times slower than", 1 / ratio)
                   : fmt::format("about {:.1f} times as fast as", ratio);
}

std::string name_of_fault(unsigned exception) {
  constexpr const char* kNames[] = {"HardFault", "MemManage", "BusFault", "UsageFault"};
  return kNames[exception - kHardFault];
}

constexpr const char* kWhoSwitchedItOff =
    "the program did that, or another debugger; `drone itm --reset` sets it all up again";

SilenceText describe_rate(const SilenceFinding& finding, const Observation& seen) {
  if (finding.is_certain) {
    return {fmt::format("the rate was changed in the target (TPIU_ACPR): it is {} what was set up",
                        compare_rates(finding.ratio)),
            "the program must leave TPIU_ACPR alone; or set baud in [itm] of Drone.toml to what it "
            "makes"};
  }
  return {fmt::format("what comes is no ITM as it is, but looks like ITM at a rate {} expected",
                      compare_rates(finding.ratio)),
          seen.has_probe
              ? fmt::format("set clock in [itm] of Drone.toml to the trace clock that the program "
                            "really runs with: {:.2g} times what is there, it seems",
                            finding.ratio)
              : fmt::format("record it again with {:.2g} times the baud rate", finding.ratio)};
}

SilenceText describe_nothing(const Observation& seen) {
  if (!seen.has_probe) {
    return {"not one byte has come",
            "does whatever sends the stream run, and has it found its target?"};
  }
  if (!seen.target) {
    return {"not one byte has come",
            "is the target powered, and does it run? is SWO wired, and its pin not used for "
            "something else? does the trace clock run? are DEMCR.TRCENA and ITM_TCR.ITMENA still "
            "set?"};
  }
  return {std::string("not one byte has come, though trace, the ITM and the port are on") +
              (seen.target->asleep ? "; the processor sleeps" : ""),
          "is SWO wired, and its pin not used for something else? does the trace clock run (in "
          "sleep, too)?"};
}

SilenceText describe_not_built_in(const Observation& seen) {
  const std::string ports = list_ports(ports_of(seen.wanted));
  if (seen.traced_ports->empty()) {
    return {
        "the ELF file that was flashed has no note of a traced heap: the heaptrace feature is not "
        "built in",
        "just features=heaptrace flash"};
  }
  return {fmt::format("the program that was flashed traces no heap on {}, but one on {}", ports,
                      list_ports(*seen.traced_ports)),
          fmt::format("name that port: --heaptrace {}:FILE", seen.traced_ports->front())};
}

SilenceText describe_quiet_port(const SilenceFinding& finding, const Observation& seen) {
  if (seen.bytes != 0 && seen.itm_bytes == 0) {
    return {fmt::format("{} {} come, too few to tell what they are", seen.bytes,
                        seen.bytes == 1 ? "byte has" : "bytes have"),
            "if it is known, say it: --input-format itm, or tpiu"};
  }
  const std::string ports = list_ports(ports_of(seen.wanted), " or ");
  std::string text =
      finding.cause == SilenceCause::kNoAllocation
          ? fmt::format("the program traces its heap on {}, and has not used it yet", ports)
          : fmt::format("ITM comes, but nothing on {}", ports);
  text += "; " + ports_with_data(seen);
  if (seen.target && seen.target->asleep) text += "; the processor sleeps";
  std::uint32_t privileged = 0;
  if (seen.target) {
    for (unsigned port = 0; port != itm::kPortCount; ++port) {
      if ((seen.target->privileged >> port / 8 & 1U) != 0) privileged |= 1U << port;
    }
  }
  if ((seen.wanted & ~privileged) == 0) {
    return {text,
            "ITM_TPR keeps unprivileged code from these ports: does the program run as such?"};
  }
  if (finding.cause == SilenceCause::kNoAllocation) {
    return {text,
            "does it get to where it allocates? what it allocates from another heap, or on "
            "the stack, does not count"};
  }
  return {text, seen.is_heap ? "is the heaptrace feature built in, for that port? just "
                               "features=heaptrace flash"
                             : "does the program write to the ports that are asked for?"};
}

bool is_same(const SilenceFinding& a, const SilenceFinding& b) {
  constexpr double kSameRatio = 0.1;
  return a.cause == b.cause && a.exception == b.exception &&
         std::abs(std::log(a.ratio / b.ratio)) < kSameRatio;
}

}  // namespace

std::optional<SilenceFinding> diagnose(const Observation& seen) {
  if (const auto finding = diagnose_bytes(seen)) return finding;
  if (seen.came_before) return diagnose_target(seen);
  const std::optional<bool> traced = is_traced(seen);
  if (traced == false) return SilenceFinding{SilenceCause::kNotBuiltIn};
  if (const auto finding = diagnose_target(seen)) return finding;
  if (seen.bytes == 0) return SilenceFinding{SilenceCause::kNothingComes};
  return SilenceFinding{traced == true ? SilenceCause::kNoAllocation
                                       : SilenceCause::kNothingOnPort};
}

SilenceText describe(const SilenceFinding& finding, const Observation& seen) {
  switch (finding.cause) {
    case SilenceCause::kOtherRate:
      return describe_rate(finding, seen);
    case SilenceCause::kManchester:
      return {finding.is_certain ? "the target does not send as a UART (TPIU_SPPR was changed)"
                                 : "what comes looks Manchester-coded, not like a UART's",
              "the target must send as a UART: TPIU_SPPR = 2, which the set-up by a probe does"};
    case SilenceCause::kText:
      return {"what comes is readable text, and no ITM",
              "is that a UART of the program? ITM comes from the SWO pin"};
    case SilenceCause::kNoItm:
      return {fmt::format("{} bytes have come, and are no ITM", seen.bytes),
              "check clock and baud in [itm] of Drone.toml, and the wiring of SWO and ground; "
              "--raw FILE keeps the bytes"};
    case SilenceCause::kLockedUp:
      return {"the processor is locked up: there was a fault in a fault handler",
              "`drone gdb` shows where"};
    case SilenceCause::kHalted:
      return {"a debugger has halted the program", "continue it there, or detach"};
    case SilenceCause::kFaulted:
      return {fmt::format("the program has crashed: it is in the handler of {}",
                          name_of_fault(finding.exception)),
              "`drone gdb` shows where it came from"};
    case SilenceCause::kTraceOff:
      return {"trace is switched off in the target: DEMCR.TRCENA is 0", kWhoSwitchedItOff};
    case SilenceCause::kItmOff:
      return {"the ITM is switched off in the target: ITM_TCR.ITMENA is 0", kWhoSwitchedItOff};
    case SilenceCause::kPortOff: {
      const std::vector<unsigned> ports = ports_of(seen.wanted);
      return {fmt::format("{} {} switched off in the target, by ITM_TER", list_ports(ports),
                          ports.size() == 1 ? "is" : "are"),
              kWhoSwitchedItOff};
    }
    case SilenceCause::kNotBuiltIn:
      return describe_not_built_in(seen);
    case SilenceCause::kNothingComes:
      return describe_nothing(seen);
    case SilenceCause::kNoAllocation:
    case SilenceCause::kNothingOnPort:
      break;
  }
  return describe_quiet_port(finding, seen);
}

SilenceWatch::SilenceWatch(const ItmPlan& plan, std::function<void(const std::string&)> note)
    : note_(std::move(note)),
      has_heaps_(!plan.heaptraces.empty()),
      has_probe_(plan.source == SourceKind::kProbe) {
  for (const HeaptraceFile& trace : plan.heaptraces) {
    subjects_.emplace_back().ports = 1U << trace.port;
  }
  if (!has_heaps_) subjects_.emplace_back().ports = plan.port_mask();
}

void SilenceWatch::set_target(std::function<std::optional<probe::TraceState>()> look,
                              std::uint32_t divisor) {
  look_ = std::move(look);
  divisor_ = divisor;
}

bool SilenceWatch::is_itm(const Window& window) const {
  return odd_share(window.bytes, window.itm_bytes, window.odd_bytes, is_framed()) <= kOddInItm;
}

void SilenceWatch::on_bytes(std::span<const std::byte> bytes) {
  if (!wants_packets()) return;  // nor are these bytes' packets looked at
  window_.bytes += bytes.size();
  std::vector<std::byte>& sample = window_.sample;
  const auto part = bytes.first(std::min(bytes.size(), itm::kMostLineSample - sample.size()));
  sample.insert(sample.end(), part.begin(), part.end());
}

void SilenceWatch::count(const itm::Packet& packet) {
  window_.itm_bytes += packet.length;
  if (is_odd(packet)) window_.odd_bytes += packet.length;
  if (packet.kind != itm::PacketKind::kInstrumentation || packet.source >= itm::kPortCount) return;
  ++packets_[packet.source];
  for (Subject& subject : subjects_) {
    if ((subject.ports >> packet.source & 1U) != 0) subject.came = true;
  }
}

void SilenceWatch::on_packets(std::span<const itm::Packet> packets) {
  for (const itm::Packet& packet : packets) {
    ++counted_;
    count(packet);
    if (!all_came_ && packet.kind == itm::PacketKind::kInstrumentation) {
      all_came_ = std::all_of(subjects_.begin(), subjects_.end(),
                              [](const Subject& subject) { return subject.came; });
    }
  }
}

void SilenceWatch::on_tick(Clock::time_point now) {
  constexpr std::chrono::milliseconds kEarly{300};
  if (!began_) began_ = now;
  counted_ = 0;
  const bool all_is_well = std::exchange(all_came_, false) && is_itm(window_);
  bool looked = false;
  for (Subject& subject : subjects_) {
    const bool came = std::exchange(subject.came, false);
    if (!subject.since || (came && is_itm(window_))) {
      subject.came_before = subject.came_before || came;
      subject.since = now;
      subject.next_look = kPatience;
      if (came) subject.told.reset();
    }
    if (now - *subject.since < subject.next_look) continue;
    if (!looked) ask_target();
    looked = true;
    look_at(subject, now);
    subject.next_look *= 2;
  }
  if (looked || all_is_well) last_window_ = std::exchange(window_, {});
  // So that something is known of the target when the capture ends soon.
  if (!asked_early_ && now - *began_ >= kEarly) {
    asked_early_ = true;
    const bool silent = std::any_of(subjects_.begin(), subjects_.end(),
                                    [](const Subject& subject) { return !subject.came_before; });
    if (silent && !looked) ask_target();
  }
}

void SilenceWatch::ask_target() {
  if (!look_) return;
  if (auto state = look_()) target_ = state;
}

Observation SilenceWatch::observe(const Subject& subject, const Window& window) const {
  Observation seen;
  seen.bytes = window.bytes;
  seen.sample = window.sample;
  seen.itm_bytes = window.itm_bytes;
  seen.odd_bytes = window.odd_bytes;
  seen.is_framed = is_framed();
  seen.packets = packets_;
  seen.wanted = subject.ports;
  seen.is_heap = has_heaps_;
  seen.came_before = subject.came_before;
  seen.has_probe = has_probe_;
  seen.target = target_;
  seen.divisor = divisor_;
  seen.traced_ports = traced_ports_;
  return seen;
}

void SilenceWatch::look_at(Subject& subject, Clock::time_point now) {
  const Observation seen = observe(subject, window_);
  const std::optional<SilenceFinding> finding = diagnose(seen);
  if (!finding || (subject.told && is_same(*finding, *subject.told))) return;
  subject.told = finding;
  tell(subject, describe(*finding, seen), now);
}

void SilenceWatch::tell(const Subject& subject, const SilenceText& text, Clock::time_point now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *subject.since);
  note_(fmt::format("note: nothing on {} for {} s: {}", list_ports(ports_of(subject.ports), " or "),
                    seconds.count(), text.seen));
  note_("hint: " + text.advice);
}

std::optional<SilenceWatch::Conclusion> SilenceWatch::conclusion(std::uint32_t ports) const {
  for (const Subject& subject : subjects_) {
    if ((subject.ports & ports) == 0) continue;
    Window all = last_window_;
    all.bytes += window_.bytes;
    all.itm_bytes += window_.itm_bytes;
    all.odd_bytes += window_.odd_bytes;
    if (all.sample.size() < window_.sample.size()) all.sample = window_.sample;
    if ((subject.came_before || subject.came) && is_itm(all)) return std::nullopt;
    const Observation seen = observe(subject, all);
    if (const auto finding = diagnose(seen)) {
      return Conclusion{finding->cause, describe(*finding, seen)};
    }
  }
  return std::nullopt;
}

}  // namespace drone::cli
