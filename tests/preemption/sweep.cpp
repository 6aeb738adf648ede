// SPDX-License-Identifier: MIT
#include "sweep.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "drone/heaptrace/wire_format.hpp"
#include "support/error.hpp"

namespace drone::preemption {

namespace {

// What the handler of the second interrupt does, by the order in the firmware: give, and
// take-take-give.
constexpr std::uint32_t kNothing = 0;
constexpr std::uint32_t kGive = 2;
constexpr std::uint32_t kTakeTakeGive = 3;
constexpr std::uint32_t kSecondSequences[] = {kGive, kTakeTakeGive};

// Counted events before an operation: SEQUENCE is the 256th. An operation with its interrupts has
// less than 20, draining more than 40.
constexpr std::uint32_t kEventsBeforeInside = heaptrace::kSequencePeriod - 2;
constexpr std::uint32_t kEventsBeforeBehind = heaptrace::kSequencePeriod - 22;

constexpr std::size_t kLog = offsetof(Job, log);

}  // namespace

Sweep::Sweep(Target& target, const Settings& settings, Name name_of)
    : target_(target), settings_(settings), name_of_(std::move(name_of)), boot_(target.save()) {
  find_base();
}

// Blocks are where the layout says, from the lowest of all addresses on.
void Sweep::find_base() {
  if (const Call call = target_.call(target_.interface().drain); !call.problem.empty()) {
    throw Error(ExitStatus::kInput, "the heap cannot be drained: " + call.problem);
  }
  base_ = UINT32_MAX;
  std::vector<LogRecord> records(job_word(offsetof(Job, log_count)));
  target_.read_bytes(target_.job(kLog), std::as_writable_bytes(std::span(records)));
  for (const LogRecord& record : records) {
    if (record.kind == RecordKind::kDrained) base_ = std::min(base_, record.address);
  }
  Truth truth(base_);
  for (const LogRecord& record : records) {
    if (std::string wrong = truth.add(record); !wrong.empty()) {
      throw Error(ExitStatus::kInput, "without any interrupt, " + wrong);
    }
  }
  if (std::string wrong = truth.check_all_found(); !wrong.empty()) {
    throw Error(ExitStatus::kInput, "without any interrupt, " + wrong);
  }
}

void Sweep::run(const std::function<void(const OperationReport&)>& report) {
  for (std::uint32_t index = 0; index != target_.interface().operation_count; ++index) {
    const Operation operation = target_.operation(index);
    report_ = {};
    report_.name = target_.text(operation.name);
    if (report_.name.find(settings_.filter) == std::string::npos) continue;
    executed_.clear();
    interrupted_.clear();
    masked_.clear();
    for (const std::uint32_t size : operation.contended) {
      if (size != 0 && !has_failed_enough()) sweep(operation, size);
    }
    report_.executed = executed_.size();
    report_.interrupted = interrupted_.size();
    for (const auto& [pc, witness] : executed_) {
      if (interrupted_.contains(pc)) continue;
      if (masked_.contains(pc)) {
        ++report_.masked;
      } else {
        report_.uncovered.push_back(pc);
      }
    }
    report(report_);
  }
}

void Sweep::prepare(const Operation& operation, std::uint32_t size) {
  operation_ = operation;
  if (is_lost_) target_.boot();
  is_lost_ = false;
  target_.restore(boot_);
  target_.write(target_.job(offsetof(Job, size)), size);
  if (const Call call = target_.call(operation.prepare); !call.problem.empty()) {
    throw Error(ExitStatus::kInput, "preparing " + report_.name + ": " + call.problem);
  }
  prefix_ = target_.take_trace();
  prefix_count_ = count_events(prefix_);
  if (is_traced() && prefix_count_.counted != 0) place_sequence();
  prepared_ = target_.save();
  for (std::size_t i = 0; i != std::size(arguments_); ++i) {
    arguments_[i] = job_word(offsetof(Job, arguments) + 4 * i);
  }
  records_before_ = job_word(offsetof(Job, log_count)) - job_word(offsetof(Job, own_records));
  before_ = Truth(base_);
  for (std::uint32_t i = 0; i != records_before_; ++i) {
    const auto record = target_.read<LogRecord>(target_.job(kLog + i * sizeof(LogRecord)));
    if (std::string wrong = before_.add(record); !wrong.empty()) {
      throw Error(ExitStatus::kInput, "preparing " + report_.name + ": " + wrong);
    }
  }
}

// A heap that was not used yet has told nothing; its first operation is to do so.
void Sweep::place_sequence() {
  const std::uint32_t counted = prefix_count_.counted;
  const std::uint32_t wanted =
      settings_.sequence_inside ? kEventsBeforeInside : kEventsBeforeBehind;
  constexpr std::uint32_t kPeriod = heaptrace::kSequencePeriod;
  const std::uint32_t missing = (wanted + kPeriod - counted % kPeriod) % kPeriod;
  if (const Call call = target_.call(target_.interface().advance, {missing, 0, 0});
      !call.problem.empty()) {
    throw Error(ExitStatus::kInput, "tracing events: " + call.problem);
  }
  const std::vector<std::byte> more = target_.take_trace();
  prefix_.insert(prefix_.end(), more.begin(), more.end());
  prefix_count_ = count_events(prefix_);
  if (settings_.fifo != Fifo::kStalled) return;
  // The tracer waits for one event and gives it up; from then on it waits no more.
  target_.fill_fifo();
  if (const Call call = target_.call(target_.interface().advance, {1, 0, 0});
      !call.problem.empty()) {
    throw Error(ExitStatus::kInput, "stalling the trace: " + call.problem);
  }
  target_.resume_fifo();
  target_.take_trace();
}

void Sweep::sweep(const Operation& operation, std::uint32_t size) {
  prepare(operation, size);
  // A tracer that is stalled already has told something.
  if (settings_.fifo == Fifo::kStalled && prefix_count_.counted == 0) {
    report_.is_skipped = true;
    return;
  }
  const Call undisturbed = attempt({kNothing, kNothing}, {}, true);
  const std::vector<Boundary> points = this->points(undisturbed);
  report_.points += points.size();
  note_coverage({kNothing, kNothing}, {}, undisturbed);
  const std::uint32_t sequence_count = target_.interface().sequence_count;
  for (std::uint32_t sequence = 0; sequence != sequence_count; ++sequence) {
    for (std::size_t i = 0; i != points.size(); ++i) {
      const bool is_chosen = sequence == kTakeTakeGive ||
                             (i + sequence) % sequence_count < settings_.sequences_per_point;
      if (!is_chosen) continue;
      if (has_failed_enough()) return;
      const Sequences sequences{sequence, kNothing};
      const Injection first{points[i], 0};
      const Call call = attempt(sequences, {first}, true);
      ++report_.runs;
      note_coverage(sequences, {first}, call);
      if (call.problem.empty() && call.taken[0] == Taken::kNowhere) {
        report_.failures.push_back(
            fmt::format("the board could not stop before {}", name_of_(points[i].pc)));
      }
      if (settings_.pair_stride != 0) second_interrupts(sequences, first, call);
    }
  }
  cover_the_rest();
}

std::vector<Boundary> Sweep::points(const Call& undisturbed) const {
  std::vector<Boundary> points;
  std::map<std::uint32_t, unsigned> visits;
  for (const Boundary& boundary : undisturbed.boundaries) {
    if (visits[boundary.pc]++ < settings_.most_visits) points.push_back(boundary);
  }
  return points;
}

void Sweep::second_interrupts(const Sequences& sequences, const Injection& first,
                              const Call& call) {
  bool was_bookkeeping = false;
  for (const Boundary& boundary : call.boundaries) {
    const bool is_bookkeeping = boundary.pc >= target_.interface().bookkeeping_begin &&
                                boundary.pc < target_.interface().bookkeeping_end;
    const bool is_the_same = was_bookkeeping && is_bookkeeping;
    was_bookkeeping = is_bookkeeping;
    if (is_the_same) continue;
    for (const std::uint32_t second : kSecondSequences) {
      if (pair_count_++ % settings_.pair_stride != 0) continue;
      if (has_failed_enough()) return;
      const Sequences both{sequences[0], second};
      const std::vector<Injection> injections{first, {boundary, 1}};
      const Call pair = attempt(both, injections, false);
      if (pair.problem.empty() && pair.taken[1] == Taken::kNowhere) {
        ++report_.unreached;
        continue;
      }
      ++report_.pairs;
      if (boundary.in_handler) ++report_.nested;
      note_coverage(both, injections, pair);
    }
  }
}

// What an operation does only because it was interrupted (repeats, slow paths) is interrupted too.
void Sweep::cover_the_rest() {
  constexpr std::size_t kMostInterrupts = 4;
  for (bool is_new = true; is_new && !has_failed_enough();) {
    is_new = false;
    const auto executed = executed_;
    for (const auto& [pc, witness] : executed) {
      if (interrupted_.contains(pc) || masked_.contains(pc)) continue;
      if (witness.injections.size() == kMostInterrupts) continue;
      std::vector<Injection> injections = witness.injections;
      injections.push_back({witness.boundary, static_cast<unsigned>(injections.size() % 2)});
      const Call call = attempt(witness.sequences, injections, true);
      ++report_.pairs;
      const std::size_t before = executed_.size() + interrupted_.size() + masked_.size();
      note_coverage(witness.sequences, injections, call);
      if (executed_.size() + interrupted_.size() + masked_.size() != before) is_new = true;
    }
  }
}

void Sweep::note_coverage(const Sequences& sequences, const std::vector<Injection>& injections,
                          const Call& call) {
  for (std::size_t i = 0; i != call.taken.size(); ++i) {
    const Boundary& at = injections[i].at;
    if (at.in_handler) continue;
    if (call.taken[i] == Taken::kAtOnce) interrupted_.insert(at.pc);
    if (call.taken[i] == Taken::kMasked) masked_.insert(at.pc);
  }
  for (const Boundary& boundary : call.boundaries) {
    if (boundary.in_handler || executed_.contains(boundary.pc)) continue;
    executed_.emplace(boundary.pc, Witness{sequences, injections, boundary});
  }
}

Call Sweep::attempt(const Sequences& sequences, const std::vector<Injection>& injections,
                    bool wants_boundaries) {
  ++attempts_;
  if (is_lost_) target_.boot();
  is_lost_ = false;
  target_.restore(prepared_);
  for (std::size_t i = 0; i != sequences.size(); ++i) {
    target_.write(target_.job(offsetof(Job, sequences) + 4 * i), sequences[i]);
  }
  target_.fill_fifo();
  Call call = target_.call(operation_.run, arguments_, injections, wants_boundaries);
  call.problem = judge(injections, call);
  if (call.problem.empty()) return call;

  is_lost_ = true;
  std::string message = call.problem;
  for (const Injection& injection : injections) {
    message +=
        fmt::format("\n    interrupt {} ({}) before {}{}", injection.interrupt,
                    target_.sequence_name(sequences[injection.interrupt]),
                    injection.at.in_handler ? "the handler's " : "", name_of_(injection.at.pc));
  }
  report_.failures.push_back(std::move(message));
  return call;
}

// Empty, or what is wrong after the operation.
std::string Sweep::judge(const std::vector<Injection>& injections, const Call& call) {
  std::string problem = call.problem;
  if (problem.empty() && target_.interrupts_masked()) problem = "interrupts are still masked";
  if (problem.empty()) {
    problem = target_.call(operation_.finish, {call.result, 0, 0}).problem;
    if (!problem.empty()) problem = "when its result is used: " + problem;
  }
  if (is_traced()) {
    target_.resume_fifo();
    const std::vector<std::byte> trace = target_.take_trace();
    swo_ = prefix_;
    swo_.insert(swo_.end(), trace.begin(), trace.end());
  }
  const std::uint32_t records = job_word(offsetof(Job, log_count));
  if (problem.empty()) {
    problem = target_.call(target_.interface().drain).problem;
    if (!problem.empty()) problem = "when the heap is drained: " + problem;
  }
  // What was recorded says more than how it ended.
  Truth truth = before_;
  if (std::string wrong = add_records(truth); !wrong.empty()) return wrong;
  if (!problem.empty()) return problem;

  std::uint32_t expected[kContexts] = {};
  for (std::size_t i = 0; i != call.taken.size(); ++i) {
    if (call.taken[i] != Taken::kNowhere) ++expected[injections[i].interrupt];
  }
  for (std::size_t i = 0; i != kContexts; ++i) {
    if (job_word(offsetof(Job, entries) + 4 * i) != expected[i]) return "an interrupt was lost";
  }
  if (std::string wrong = truth.check_all_found(); !wrong.empty()) return wrong;
  if (const std::uint32_t errors = job_word(offsetof(Job, errors)); errors != 0) {
    return fmt::format("the firmware found{}{}{}",
                       (errors & kContentsChanged) != 0 ? " a block's contents changed" : "",
                       (errors & kWrongResult) != 0 ? " a wrong result" : "",
                       (errors & kWrongFlow) != 0 ? " a wrong flow of control" : "");
  }
  for (const Truth::Owned& owned : truth.owned()) {
    std::array<std::byte, kFilledBytes> bytes;
    const std::span<std::byte> filled = std::span(bytes).first(owned.size);
    target_.read_bytes(owned.address, filled);
    if (!std::all_of(filled.begin(), filled.end(),
                     [&](std::byte byte) { return byte == std::byte{owned.fill}; })) {
      return fmt::format("the contents of the block at 0x{:08x} were changed", owned.address);
    }
  }
  if (!is_traced()) return {};
  std::uint32_t dropped = 1;  // by stalling
  for (std::uint32_t i = 0; i != records - records_before_; ++i) dropped += events_of(records_[i]);
  return judge_trace(truth, dropped);
}

std::string Sweep::add_records(Truth& truth) {
  const std::uint32_t count = job_word(offsetof(Job, log_count));
  if (count > kLogCapacity) return "the firmware has more to record than there is room for";
  records_.resize(count - records_before_);
  target_.read_bytes(
      target_.job(kLog + records_before_ * static_cast<std::uint32_t>(sizeof(LogRecord))),
      std::as_writable_bytes(std::span(records_)));
  for (const LogRecord& record : records_) {
    if (std::string wrong = truth.add(record); !wrong.empty()) return wrong;
  }
  return {};
}

std::string Sweep::judge_trace(const Truth& truth, std::uint32_t dropped) {
  const auto take = [&] {
    const std::vector<std::byte> more = target_.take_trace();
    swo_.insert(swo_.end(), more.begin(), more.end());
  };
  take();
  constexpr std::uint32_t kPeriod = heaptrace::kSequencePeriod;
  const bool is_behind = !settings_.sequence_inside && prefix_count_.counted != 0;
  if (!is_behind && attempts_ % settings_.next_sequence_stride == 0) {
    const std::uint32_t missing = kPeriod - count_events(swo_).counted % kPeriod;
    if (const Call call = target_.call(target_.interface().advance, {missing, 0, 0});
        !call.problem.empty()) {
      return "when more is traced: " + call.problem;
    }
    take();
  }
  const TraceCount count = count_events(swo_);
  if (count.sequences != count.counted / kPeriod) {
    return fmt::format("{} SEQUENCE in {} events", count.sequences, count.counted);
  }
  if (is_behind && count.sequences == prefix_count_.sequences) {
    return "no SEQUENCE behind the operation";
  }
  if (settings_.fifo == Fifo::kStalled) return Truth::check_stalled_trace(swo_, dropped);
  return truth.check_trace(swo_, job_word(offsetof(Job, advanced)));
}

}  // namespace drone::preemption
