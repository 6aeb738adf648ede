// SPDX-License-Identifier: MIT
#include "heaptrace/followed_trace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/input_format.hpp"
#include "itm/packet.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::size_t kChunk = 1 << 18;
constexpr std::size_t kTailBytes = 64;

[[noreturn]] void fail() {
  throw Error(ExitStatus::kInput,
              "the trace cannot be read: " + std::generic_category().message(errno));
}

}  // namespace

FollowedTrace::FollowedTrace(std::filesystem::path path, const ReadOptions& options)
    : path_(std::move(path)), options_(options) {}

bool FollowedTrace::update() {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;  // not yet, or not any more: what was read stays
    fail();
  }
  if (!file_ || status.st_dev != device_ || status.st_ino != inode_) {
    file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) {
      if (errno == ENOENT) return false;
      fail();
    }
    if (::fstat(file_.get(), &status) != 0) fail();
    device_ = status.st_dev;
    inode_ = status.st_ino;
    start_over();
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool replaced = was_replaced(size);
  if (replaced) start_over();
  if (size == bytes_) {
    if (reader_) reader_->flush();
    return replaced;
  }
  if (bytes_ == 0) ++starts_;
  read_to(size);
  return true;
}

void FollowedTrace::start_over() {
  bytes_ = 0;
  use_description_ = true;
  ended_ = false;
  head_.clear();
  tail_.clear();
  reader_.reset();
  no_end_at_ = 0;
  usage_ = {};
  summary_ = {};
}

/// A capture writes its file in place: it becomes shorter, or holds something else where it was
/// read already.
bool FollowedTrace::was_replaced(std::uint64_t size) const {
  if (size < bytes_) return true;
  std::array<std::byte, kTailBytes> now;
  const auto begin = static_cast<off_t>(bytes_ - tail_.size());
  const ssize_t n = ::pread(file_.get(), now.data(), tail_.size(), begin);
  return n != static_cast<ssize_t>(tail_.size()) ||
         !std::equal(tail_.begin(), tail_.end(), now.begin());
}

void FollowedTrace::read_to(std::uint64_t size) {
  std::vector<std::byte> buffer(kChunk);
  while (bytes_ < size) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), size - bytes_);
    const ssize_t n = ::pread(file_.get(), buffer.data(), wanted, static_cast<off_t>(bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    if (n == 0) break;  // it became shorter meanwhile: seen the next time
    take(std::span(buffer).first(static_cast<std::size_t>(n)));
  }
  if (!reader_) {
    reread_head();
    return;
  }
  reader_->flush();
  summary_ = reader_->summary();
  if (reader_->contradicts_description()) {
    start_over();
    use_description_ = false;
    read_to(size);
  } else if (ends_like_a_capture() && bytes_ != no_end_at_) {
    if (finish_reader()) return;
    // The reader is at its end, and the file is not.
    const std::uint64_t no_end_at = bytes_;
    const bool use_description = use_description_;
    start_over();
    use_description_ = use_description;
    no_end_at_ = no_end_at;
    read_to(size);
  }
}

void FollowedTrace::take(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  tail_.insert(tail_.end(),
               bytes.begin() +
                   static_cast<std::ptrdiff_t>(bytes.size() - std::min(bytes.size(), kTailBytes)),
               bytes.end());
  if (tail_.size() > kTailBytes) {
    tail_.erase(tail_.begin(), tail_.end() - static_cast<std::ptrdiff_t>(kTailBytes));
  }
  if (reader_) {
    reader_->feed(bytes);
    return;
  }
  head_.insert(head_.end(), bytes.begin(), bytes.end());
  if (head_.size() < kFormatSample) return;
  make_reader();
  head_ = {};
}

void FollowedTrace::make_reader() {
  usage_ = {};
  reader_ = std::make_unique<TraceReader>(
      options_, std::span(head_).first(std::min(head_.size(), kFormatSample)),
      Trust{.description = use_description_},
      [this](std::span<const Event> events) { usage_.add(events); });
  reader_->feed(head_);
}

/// A short file is read whole; that it is no trace yet is no fault.
void FollowedTrace::reread_head() {
  make_reader();
  try {
    finish_reader();
  } catch (const Error&) {
    summary_ = reader_->summary();
  }
  if (reader_->contradicts_description() && use_description_) {
    use_description_ = false;
    return reread_head();
  }
  reader_.reset();
}

bool FollowedTrace::finish_reader() {
  summary_ = reader_->finish();
  ended_ = summary_.ended_in_order && summary_.format == FileFormat::kItm;
  return ended_;
}

bool FollowedTrace::ends_like_a_capture() const {
  std::vector<std::byte> end;
  const Write write = encode({Op::kEnd});
  itm::append_instrumentation(end, options_.port, write.value, write.size);
  return tail_.size() >= end.size() && std::equal(end.rbegin(), end.rend(), tail_.rbegin());
}

void FollowedTrace::finish() {
  if (ended_) return;
  if (!reader_) make_reader();
  summary_ = reader_->finish();
  if (!reader_->contradicts_description() || !use_description_) return;
  const std::uint64_t size = bytes_;
  start_over();
  use_description_ = false;
  read_to(size);
  finish();
}

}  // namespace drone::heaptrace
