// SPDX-License-Identifier: MIT
#include "probe/source_reader.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace drone::probe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kDrainTime{2};

/// A thread that gets no signals: they are for the thread that starts it.
template <class Function>
std::thread start_without_signals(Function&& function) {
  sigset_t all;
  sigset_t former;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  std::thread thread(std::forward<Function>(function));
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return thread;
}

}  // namespace

SourceReader::SourceReader(SwoStream& stream, BoundedByteQueue& queue)
    : stream_(stream),
      queue_(queue),
      can_wait_(stream.can_wait()),
      stop_request_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_request_) {
    throw Error(ExitStatus::kInput,
                "cannot make an event descriptor: " + std::generic_category().message(errno));
  }
  thread_ = start_without_signals([this] { run(); });
}

SourceReader::~SourceReader() {
  queue_.abandon();
  stop();
  thread_.join();
}

void SourceReader::stop() {
  const std::uint64_t one = 1;
  (void)!::write(stop_request_.get(), &one, sizeof(one));
}

void SourceReader::run() {
  try {
    read_until_stopped();
  } catch (...) {
    error_ = std::current_exception();  // for the thread that takes
  }
  queue_.end();
}

void SourceReader::read_until_stopped() {
  while (true) {
    pollfd events[] = {{stream_.descriptor(), POLLIN, 0}, {stop_request_.get(), POLLIN, 0}};
    if (::poll(events, std::size(events), -1) < 0) continue;
    std::uint64_t count = 0;
    // Read, so that what happened before stop() has happened for this thread too.
    if (events[1].revents != 0 && ::read(stop_request_.get(), &count, sizeof(count)) > 0) break;
    if (events[0].revents != 0 && !read_once()) return;
  }
  stream_.stop();
  drain();
}

void SourceReader::drain() {
  const auto deadline = Clock::now() + kDrainTime;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return;
    pollfd readable{stream_.descriptor(), POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left.count())) <= 0) continue;
    if (!read_once()) return;
  }
}

/// Returns whether the stream goes on.
bool SourceReader::read_once() {
  const std::span<std::byte> room = can_wait_ ? queue_.wait_for_room() : queue_.room();
  if (room.empty()) return !can_wait_ && lose_once();
  const std::size_t n = stream_.read(room);
  queue_.commit(n);
  return n != 0;
}

bool SourceReader::lose_once() {
  nowhere_.resize(BoundedByteQueue::kBlockBytes);
  const std::size_t n = stream_.read(nowhere_);
  if (n != 0) queue_.lose(n);
  return n != 0;
}

}  // namespace drone::probe
