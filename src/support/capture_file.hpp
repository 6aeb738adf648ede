// SPDX-License-Identifier: MIT
#pragma once

// The file that a capture goes to: written in place, so that a capture which is killed leaves what
// it had; and not touched before there is something to write.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"

namespace drone {

/// Opens the file at once, so that a wrong path is known before a capture starts, but what it held
/// before is replaced only from the first write() on, be it of no bytes. A file that was created
/// here and never written to is removed again. Buffered: flush() or destruction writes (only
/// flush() reports failure). After a failure nothing more is written: what is there stays the
/// beginning of what was captured. Throws Error (kInput) that names the file.
class CaptureFile final : public ByteSink {
 public:
  explicit CaptureFile(const std::filesystem::path& path);
  ~CaptureFile() override;

  void write(std::span<const std::byte> bytes) override;
  void flush() override;

  /// There was no such file before.
  bool created() const { return created_; }

  /// Bytes that the operating system has taken.
  std::uint64_t written() const { return written_; }

 private:
  void start();

  std::filesystem::path path_;
  Descriptor fd_;
  bool created_ = false;
  bool started_ = false;
  bool failed_ = false;
  std::uint64_t written_ = 0;
  std::vector<std::byte> pending_;
};

}  // namespace drone
