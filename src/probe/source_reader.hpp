// SPDX-License-Identifier: MIT
#pragma once

// Takes the bytes of a source as they come, in a thread of its own.

#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

#include "probe/probe.hpp"
#include "support/bounded_byte_queue.hpp"
#include "support/descriptor.hpp"

namespace drone::probe {

/// While it lives, a thread reads from `stream` into `queue`, and ends the queue when the stream
/// has ended or failed. It waits for the source and for nothing else, and when the queue is full
/// reads on: those bytes are lost, and counted in the queue. Only where the stream can wait, the
/// thread waits for room instead, and nothing is lost.
///
/// All signals go to other threads. Nobody else may use the stream until the queue has ended.
class SourceReader {
 public:
  SourceReader(SwoStream& stream, BoundedByteQueue& queue);
  SourceReader(const SourceReader&) = delete;
  SourceReader& operator=(const SourceReader&) = delete;
  /// Stops, and takes nothing more; waits for what the source is doing at the moment.
  ~SourceReader();

  /// Stops the stream: what it still has is taken, for two seconds at most. Returns at once.
  void stop();

  /// Why the stream failed, if it did. Known once the queue has ended.
  std::exception_ptr error() const { return error_; }

 private:
  void run();
  void read_until_stopped();
  void drain();
  bool read_once();
  bool lose_once();

  SwoStream& stream_;
  BoundedByteQueue& queue_;
  const bool can_wait_;
  Descriptor stop_request_;  ///< an eventfd, readable once the stream is to be stopped
  std::exception_ptr error_;
  std::vector<std::byte> nowhere_;  ///< what is lost is read into it
  std::thread thread_;
};

}  // namespace drone::probe
