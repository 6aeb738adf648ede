// SPDX-License-Identifier: MIT
#pragma once

// Every operation, interrupted at every point (docs/preemption.md).

#include <array>
#include <climits>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "target.hpp"
#include "truth.hpp"

namespace drone::preemption {

struct Settings {
  Fifo fifo = Fifo::kOff;
  /// Where SEQUENCE is due: in the operation itself, or some events behind it.
  bool sequence_inside = false;
  /// What the handler does: take-take-give at every point, and of all sequences this many, others
  /// at the next point.
  unsigned sequences_per_point = UINT_MAX;
  /// An instruction that is executed again and again, as in waiting for the FIFO, is interrupted
  /// the first so many times.
  unsigned most_visits = UINT_MAX;
  /// Of the pairs of points for two interrupts, every nth is tried; 0: none.
  unsigned pair_stride = 0;
  /// Of the runs whose SEQUENCE was due inside, the next one is waited for in every nth.
  unsigned next_sequence_stride = 16;
  std::string filter;          ///< operations whose name contains it
  unsigned most_failures = 5;  ///< of an operation; then the next one
};

struct OperationReport {
  std::string name;
  std::size_t points = 0;       ///< of the undisturbed operation, for all contended sizes
  std::uint64_t runs = 0;       ///< with one interrupt
  std::uint64_t pairs = 0;      ///< with two
  std::uint64_t nested = 0;     ///< of these, the second inside the first one's handler
  std::uint64_t unreached = 0;  ///< pairs whose second point lay in a resumed IT block
  std::size_t executed = 0;     ///< addresses of instructions
  std::size_t interrupted = 0;  ///< of these, with an interrupt taken right before them
  std::size_t masked = 0;       ///< of these, only ever executed with interrupts masked
  std::vector<std::uint32_t> uncovered;
  std::vector<std::string> failures;
  bool is_skipped = false;
  bool ok() const { return failures.empty() && uncovered.empty() && (runs != 0 || is_skipped); }
};

class Sweep {
 public:
  using Name = std::function<std::string(std::uint32_t)>;
  /// `name_of` names addresses in messages.
  Sweep(Target& target, const Settings& settings, Name name_of);

  /// All operations; hands on each one's report when it is there.
  void run(const std::function<void(const OperationReport&)>& report);

 private:
  using Sequences = std::array<std::uint32_t, kContexts>;
  /// What leads to an execution of an instruction: the next interrupt could be taken before it.
  struct Witness {
    Sequences sequences{};
    std::vector<Injection> injections;
    Boundary boundary;
  };

  void find_base();
  void sweep(const Operation& operation, std::uint32_t size);
  void prepare(const Operation& operation, std::uint32_t size);
  void place_sequence();
  /// One run; adds what is wrong to the report.
  Call attempt(const Sequences& sequences, const std::vector<Injection>& injections,
               bool wants_boundaries);
  std::string judge(const std::vector<Injection>& injections, const Call& call);
  std::string add_records(Truth& truth);
  std::string judge_trace(const Truth& truth, std::uint32_t dropped);
  void note_coverage(const Sequences& sequences, const std::vector<Injection>& injections,
                     const Call& call);
  std::vector<Boundary> points(const Call& undisturbed) const;
  void second_interrupts(const Sequences& sequences, const Injection& first, const Call& call);
  void cover_the_rest();
  bool is_traced() const { return settings_.fifo != Fifo::kOff; }
  bool has_failed_enough() const { return report_.failures.size() >= settings_.most_failures; }
  std::uint32_t job_word(std::size_t offset) {
    return target_.read<std::uint32_t>(target_.job(offset));
  }

  Target& target_;
  Settings settings_;
  Name name_of_;
  Target::Memory boot_;
  bool is_lost_ = false;  ///< the last call did not return
  std::uint32_t base_ = 0;

  // Of the operation and the size at hand.
  Operation operation_{};
  Target::Memory prepared_;
  std::uint32_t arguments_[3]{};
  std::vector<std::byte> prefix_;  ///< of the trace
  TraceCount prefix_count_;
  Truth before_{0};
  std::uint32_t records_before_ = 0;
  std::vector<LogRecord> records_;
  std::vector<std::byte> swo_;  ///< of the run
  std::uint64_t attempts_ = 0;
  std::uint64_t pair_count_ = 0;

  // Of the operation.
  OperationReport report_;
  std::map<std::uint32_t, Witness> executed_;
  std::set<std::uint32_t> interrupted_;
  std::set<std::uint32_t> masked_;
};

}  // namespace drone::preemption
