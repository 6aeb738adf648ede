// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "cli/status_line.hpp"

namespace drone::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kSilentFor = 1s;
constexpr auto kEvery = 200ms;

std::size_t columns_of(int terminal) {
  winsize size{};
  if (::ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

Progress::Progress(const Environment& environment, Clock clock)
    : environment_(environment), clock_(std::move(clock)) {}

void Progress::step(std::string_view what, std::uint64_t done, std::uint64_t total, Unit unit) {
  if (!environment_.err_is_terminal) return;
  const auto now = clock_();
  if (what != what_ || done < done_) {
    const bool goes_on = shown_;
    end();
    what_ = what;
    began_with_ = done;
    began_ = now;
    next_line_ = goes_on ? now : now + kSilentFor;
  }
  done_ = done;
  if (now < next_line_) return;
  next_line_ = now + kEvery;
  shown_ = true;
  environment_.err << '\r' << line(now - began_, done, total, unit) << "\x1b[K" << std::flush;
}

void Progress::hide() {
  if (std::exchange(shown_, false)) environment_.err << "\r\x1b[K" << std::flush;
}

void Progress::end() {
  hide();
  what_.clear();
  done_ = 0;
}

std::string Progress::line(std::chrono::duration<double> elapsed, std::uint64_t done,
                           std::uint64_t total, Unit unit) const {
  const double rate = static_cast<double>(done - began_with_) / elapsed.count();
  std::string text = what_ + ":";
  if (total != 0) {
    const double share = static_cast<double>(done) / static_cast<double>(total);
    text += fmt::format(" {} %", static_cast<int>(100 * std::min(share, 1.0)));
  } else if (unit == Unit::kBytes) {
    text += " " + format_bytes(done);
  } else {
    text += fmt::format(" {}", done);
  }
  std::string more;
  if (unit == Unit::kBytes) more = format_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  if (total > done && rate > 0) {
    const std::chrono::duration<double> left(static_cast<double>(total - done) / rate);
    if (!more.empty()) more += ", ";
    more += format_time(std::chrono::duration_cast<std::chrono::milliseconds>(left)) + " left";
  }
  if (!more.empty()) text += " (" + more + ")";
  // A line that is as wide as the terminal would leave the cursor in the next one.
  text.resize(std::min(text.size(), columns_of(environment_.err_descriptor) - 1));
  return text;
}

class FileProgress::Source final : public ByteSource {
 public:
  Source(std::unique_ptr<ByteSource> source, FileProgress& progress)
      : source_(std::move(source)), progress_(progress) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() override {
    progress_.is_open_ = false;
    progress_.progress_.hide();
  }

  std::size_t read(std::span<std::byte> buffer) override {
    progress_.show(progress_.has_work_ ? progress_.worked_on_ : progress_.read_);
    const std::size_t n = source_->read(buffer);
    progress_.read_ += n;
    return n;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  FileProgress& progress_;
};

std::unique_ptr<ByteSource> FileProgress::watch(std::unique_ptr<ByteSource> source,
                                                std::uint64_t total) {
  if (!environment_.err_is_terminal) return source;
  progress_.end();
  what_ = "reading " + file_;
  total_ = total;
  read_ = 0;
  worked_on_ = 0;
  has_work_ = false;
  is_open_ = true;
  return std::make_unique<Source>(std::move(source), *this);
}

void FileProgress::work(std::string_view what, double done) {
  if (!environment_.err_is_terminal) return;
  if (!std::exchange(has_work_, true)) what_ = std::string(what) + " in " + file_;
  show(worked_on_ + static_cast<std::uint64_t>(done * static_cast<double>(read_ - worked_on_)));
  if (done < 1) return;
  worked_on_ = read_;
  if (!is_open_) progress_.end();
}

}  // namespace drone::cli
