// SPDX-License-Identifier: MIT

// `drone heap --follow`: the table of a trace that is being written.

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_input.hpp"
#include "cli/status_line.hpp"
#include "heaptrace/followed_trace.hpp"
#include "report/heap_report.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{200};
constexpr milliseconds kRedraw{400};  ///< on a terminal, at least
constexpr milliseconds kAgain{2000};  ///< elsewhere, at least

/// A size that is not known after so many events will not come any more.
constexpr std::uint64_t kDescribedBy = 64;

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

/// The table as it stands; absent as long as there is none.
std::optional<std::string> table(const HeapInput& input, const heaptrace::FollowedTrace& trace) {
  const heaptrace::Summary& summary = trace.summary();
  if (trace.usage().events() == 0) return std::nullopt;
  constexpr std::uint64_t kTooFew = 64;  ///< events that say nothing about the whole
  if (summary.events >= kTooFew && heaptrace::looks_like_no_recording(summary)) {
    return "What has come so far is no recording of a heap: in " +
           counted(summary.losses.malformed, "place") + " its bytes are no packet.\n";
  }
  const bool has_size = input.size || summary.description.heap_size;
  if (!has_size && !trace.has_ended() && summary.events < kDescribedBy) return std::nullopt;
  const std::vector<DescribedTrace> said = {described(input.traces.front(), summary)};
  report::HeapReport report = report::make_heap_report(
      trace.usage().usage(), summary, heap_size(input, said), base_alignment(input, said));
  report.still_written = true;
  if (trace.has_ended()) report::add_growth(report, trace.usage());
  return report::render_text(report);
}

/// Where the tables go.
class Page {
 public:
  virtual ~Page() = default;
  virtual void show(const std::string& table, Clock::time_point now) = 0;
  virtual void tick(Clock::time_point) {}
  /// The last table.
  virtual void finish(const std::string& table) = 0;
};

/// One table behind the other.
class Roll final : public Page {
 public:
  explicit Roll(Environment& environment) : environment_(environment) {}

  void show(const std::string& table, Clock::time_point now) override {
    latest_ = table;
    tick(now);
  }
  void tick(Clock::time_point now) override {
    if (latest_ == printed_ || (!printed_.empty() && now - printed_at_ < kAgain)) return;
    print(latest_);
    printed_at_ = now;
  }
  void finish(const std::string& table) override {
    if (table != printed_) print(table);
  }

 private:
  void print(const std::string& table) {
    if (!printed_.empty()) environment_.out << '\n';
    environment_.out << table << std::flush;
    printed_ = table;
  }

  Environment& environment_;
  std::string latest_;
  std::string printed_;
  Clock::time_point printed_at_;
};

/// The terminal's other screen, redrawn; the last table is printed on the one that was there.
class Screen final : public Page {
 public:
  Screen(Environment& environment, const TraceInput& input, const heaptrace::FollowedTrace& trace)
      : environment_(environment), input_(input), trace_(trace) {
    environment_.out << "\x1b[?1049h\x1b[H\x1b[J" << std::flush;
    changed_at_ = Clock::now();
    draw(changed_at_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() override { leave(); }

  void show(const std::string& table, Clock::time_point now) override {
    table_ = table;
    changed_at_ = now;
    tick(now);
  }
  void tick(Clock::time_point now) override {
    if (now - drawn_at_ >= kRedraw) draw(now);
  }
  void finish(const std::string& table) override {
    leave();
    environment_.out << table << std::flush;
  }

 private:
  void leave() {
    if (!std::exchange(left_, true)) environment_.out << "\x1b[?1049l" << std::flush;
  }

  Size size() const {
    winsize size{};
    if (::ioctl(environment_.out_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
        size.ws_row == 0) {
      return {};
    }
    return {size.ws_row, size.ws_col};
  }

  void draw(Clock::time_point now) {
    drawn_at_ = now;
    const Size size = this->size();
    std::string text = "\x1b[H";
    for (const std::string& line : fit(table_, size.rows - std::min<std::size_t>(size.rows, 1))) {
      text += line.substr(0, size.columns);
      // Behind the last column it would erase that.
      text += line.size() < size.columns ? "\x1b[K\r\n" : "\r\n";
    }
    text += footer(now).substr(0, size.columns - 1) + "\x1b[J";
    environment_.out << text << std::flush;
  }

  std::string footer(Clock::time_point now) const {
    const std::string file = input_.file.string();
    if (!trace_.has_begun()) return "waiting for '" + file + "'; Ctrl-C ends it";
    return fmt::format("following '{}': {}, {}, last change {} ago; Ctrl-C ends it", file,
                       format_bytes(trace_.bytes()), counted(trace_.summary().events, "event"),
                       format_time(std::chrono::duration_cast<milliseconds>(now - changed_at_)));
  }

  /// As many lines as there is room for: the table's rows are left out first.
  static std::vector<std::string> fit(std::string_view text, std::size_t rows) {
    std::vector<std::string> lines;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1);
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    if (lines.size() <= rows) return lines;
    const auto sums = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
      return line.starts_with("Maximum memory usage");
    });
    const auto below =
        std::min<std::size_t>(static_cast<std::size_t>(lines.end() - sums), rows / 2);
    lines.erase(sums + static_cast<std::ptrdiff_t>(below), lines.end());
    if (lines.size() <= rows) return lines;
    const std::size_t left_out = lines.size() - rows + 1;
    const auto last = lines.end() - static_cast<std::ptrdiff_t>(below);
    lines.erase(last - static_cast<std::ptrdiff_t>(std::min(left_out, lines.size() - below)), last);
    lines.insert(lines.end() - static_cast<std::ptrdiff_t>(below),
                 fmt::format(" ... and {} more, shown at the end", counted(left_out, "size")));
    if (lines.size() > rows) lines.resize(rows);
    return lines;
  }

  Environment& environment_;
  const TraceInput& input_;
  const heaptrace::FollowedTrace& trace_;
  bool left_ = false;
  std::string table_;
  Clock::time_point changed_at_;
  Clock::time_point drawn_at_;
};

bool can_redraw(const Environment& environment) {
  const char* const term = std::getenv("TERM");
  return environment.out_is_terminal && environment.out_descriptor >= 0 && term != nullptr &&
         *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace

ExitStatus run_heap_follow(const HeapOptions& options, Environment& environment) {
  if (options.files.size() > 1) {
    throw Error(ExitStatus::kUsage, "--follow is for one trace", "name one file after -f");
  }
  const HeapInput input = heap_input(options, environment);
  const TraceInput& followed = input.traces.front();
  const Interrupts interrupts;
  try {
    heaptrace::FollowedTrace trace(followed.path, followed.read);
    std::unique_ptr<Page> page;
    if (can_redraw(environment)) {
      page = std::make_unique<Screen>(environment, followed, trace);
    } else {
      page = std::make_unique<Roll>(environment);
    }
    bool waits = false;
    while (!interrupts.requested() && environment.out) {
      const bool changed = trace.update();
      if (trace.has_ended()) break;
      const auto now = Clock::now();
      if (changed) {
        if (const auto text = table(input, trace)) page->show(*text, now);
      }
      page->tick(now);
      if (!trace.has_begun() && !std::exchange(waits, true) && !can_redraw(environment)) {
        environment.err << "waiting for '" << followed.file.string() << "'\n" << std::flush;
      }
      pollfd interrupted{interrupts.descriptor(), POLLIN, 0};
      ::poll(&interrupted, 1, kPoll.count());
    }
    if (!trace.has_begun()) return ExitStatus::kInterrupted;
    trace.finish();
    if (!can_redraw(environment)) note_format(trace.summary(), followed, environment);
    if (const auto text = table(input, trace)) page->finish(*text);
  } catch (const Error& error) {
    throw about(followed, error);
  }
  return ExitStatus::kDone;
}

}  // namespace drone::cli
