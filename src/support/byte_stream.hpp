// SPDX-License-Identifier: MIT
#pragma once

// Where bytes come from and go to. Everything that decodes or writes streams takes these, so that
// tests and fuzzers drive the real code from memory.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drone {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Reads at most buffer.size() bytes, at least one unless the source has ended; returns how many,
  /// 0 at the end. Throws Error (kInput) when reading fails.
  virtual std::size_t read(std::span<std::byte> buffer) = 0;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;

  /// Takes all of `bytes`. Throws Error (kInput) naming the destination when they cannot be
  /// written, for example because the disk is full.
  virtual void write(std::span<const std::byte> bytes) = 0;

  /// Hands everything written so far to the operating system. Throws like write().
  virtual void flush() {}
};

/// Bytes held in memory.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::vector<std::byte> bytes, std::size_t chunk_size = SIZE_MAX)
      : bytes_(std::move(bytes)), chunk_size_(chunk_size) {}
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  std::vector<std::byte> bytes_;
  std::size_t chunk_size_;
  std::size_t position_ = 0;
};

class MemorySink final : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override;
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// Opens a file for reading. Throws Error (kInput) that names `path` and says why.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path);

/// Creates or truncates a file. Buffered; flush() or destruction writes the rest (only flush()
/// reports failure). Throws Error (kInput).
std::unique_ptr<ByteSink> create_sink(const std::filesystem::path& path);

/// The whole of a file as text. Throws Error (kInput).
std::string read_file(const std::filesystem::path& path);

/// Throws Error (kInput) if what is there is a device, a pipe, or read-only.
void check_file_is_writable(const std::filesystem::path& named);

/// Replaces a file's contents whole or not at all: writes a temporary file beside it and renames.
/// Keeps the permissions of a file that is replaced; follows links. Throws Error (kInput), also for
/// a device, a pipe, and a file that is read-only.
void write_file(const std::filesystem::path& named, std::string_view text);

}  // namespace drone
