// SPDX-License-Identifier: MIT
#include "probe/source_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "support/error.hpp"

namespace drone::probe {
namespace {

using Kind = BoundedByteQueue::Kind;

/// What is written into a pipe, until its writing end is closed.
class PipeStream final : public SwoStream {
 public:
  explicit PipeStream(bool can_wait) : can_wait_(can_wait) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw Error(ExitStatus::kInput, "no pipe");
    output_.reset(ends[0]);
    input_.reset(ends[1]);
  }

  int descriptor() const override { return output_.get(); }
  bool can_wait() const override { return can_wait_; }
  void stop() override {
    stopped_ = true;
    input_.reset();
  }
  std::size_t read(std::span<std::byte> buffer) override {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    takes_signals_ = sigismember(&mask, SIGINT) == 0;
    const ssize_t n = ::read(output_.get(), buffer.data(), std::min(buffer.size(), most_));
    if (n < 0) throw Error(ExitStatus::kProbe, "cannot read");
    if (n == 0 && fails_) throw Error(ExitStatus::kProbe, "the cable was pulled");
    at_end_ = n == 0;
    return static_cast<std::size_t>(n);
  }

  void send(std::string_view text) const {
    ASSERT_EQ(::write(input_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close() { input_.reset(); }
  void fail_at_its_end() { fails_ = true; }
  void read_at_most(std::size_t bytes) { most_ = bytes; }
  bool stopped() const { return stopped_; }
  bool at_end() const { return at_end_; }
  bool takes_signals() const { return takes_signals_; }  ///< the thread that reads

 private:
  const bool can_wait_;
  Descriptor output_;
  Descriptor input_;
  bool fails_ = false;
  std::size_t most_ = SIZE_MAX;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> at_end_ = false;
  std::atomic<bool> takes_signals_ = true;
};

/// All that comes, losses as "<5>".
std::string take_all(BoundedByteQueue& queue) {
  std::string text;
  while (true) {
    pollfd event{queue.descriptor(), POLLIN, 0};
    ::poll(&event, 1, -1);
    const BoundedByteQueue::Piece piece = queue.take(100);
    if (piece.kind == Kind::kEnd) return text;
    if (piece.kind == Kind::kLost) text += "<" + std::to_string(piece.lost) + ">";
    text.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
  }
}

void wait_until_readable(const BoundedByteQueue& queue) {
  pollfd event{queue.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&event, 1, -1), 1);
}

TEST(SourceReader, ReadsAStreamToItsEnd) {
  PipeStream stream(false);
  BoundedByteQueue queue(64, 8);
  stream.send("0123456789");
  stream.close();
  const SourceReader reader(stream, queue);
  EXPECT_EQ(take_all(queue), "0123456789");
  EXPECT_EQ(reader.error(), nullptr);
  EXPECT_FALSE(stream.stopped());
}

TEST(SourceReader, TakesWhatIsThereWhenItIsStopped) {
  PipeStream stream(true);
  BoundedByteQueue queue(64, 8);
  stream.send("a");
  SourceReader reader(stream, queue);
  wait_until_readable(queue);
  stream.send("0123456789");
  reader.stop();
  EXPECT_EQ(take_all(queue), "a0123456789");
  EXPECT_TRUE(stream.stopped());
}

TEST(SourceReader, WaitsForNobodyWhereTheSourceDoesNotWait) {
  PipeStream stream(false);
  stream.read_at_most(8);
  BoundedByteQueue queue(16, 8);
  stream.send("0123456789abcdefghijklmnopqrstuvwxyz");
  stream.close();
  const SourceReader reader(stream, queue);
  while (!stream.at_end()) ::poll(nullptr, 0, 1);  // meanwhile nobody takes
  EXPECT_EQ(take_all(queue), "0123456789abcdef<20>");
}

TEST(SourceReader, LosesNothingWhereTheSourceWaits) {
  PipeStream stream(true);
  BoundedByteQueue queue(16, 8);
  stream.send("0123456789abcdefghijklmnopqrstuvwxyz");
  stream.close();
  const SourceReader reader(stream, queue);
  EXPECT_EQ(take_all(queue), "0123456789abcdefghijklmnopqrstuvwxyz");
}

TEST(SourceReader, KeepsAFailureForWhoHasTakenAllThatCame) {
  PipeStream stream(false);
  stream.fail_at_its_end();
  BoundedByteQueue queue(64, 8);
  stream.send("abc");
  stream.close();
  const SourceReader reader(stream, queue);
  EXPECT_EQ(take_all(queue), "abc");
  EXPECT_THROW(std::rethrow_exception(reader.error()), Error);
}

TEST(SourceReader, IsGivenUpWhileTheSourceIsSilent) {
  PipeStream stream(false);
  BoundedByteQueue queue(64, 8);
  { const SourceReader reader(stream, queue); }
  EXPECT_TRUE(stream.stopped());
}

TEST(SourceReader, IsGivenUpWhileItWaitsForRoom) {
  PipeStream stream(true);
  BoundedByteQueue queue(16, 8);
  stream.send("0123456789abcdefghijklmnopqrstuvwxyz");
  {
    const SourceReader reader(stream, queue);
    wait_until_readable(queue);
  }
  EXPECT_EQ(queue.take(100).bytes.size(), 8U);
}

TEST(SourceReader, LeavesSignalsToOtherThreads) {
  PipeStream stream(false);
  BoundedByteQueue queue(64, 8);
  stream.send("abc");
  stream.close();
  const SourceReader reader(stream, queue);
  EXPECT_EQ(take_all(queue), "abc");
  EXPECT_FALSE(stream.takes_signals());
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0) << "this one takes them";
}

}  // namespace
}  // namespace drone::probe
