// SPDX-License-Identifier: MIT
#pragma once

// Files that were compressed with zstd, gzip or xz, read as what they hold.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "support/byte_stream.hpp"

namespace drone {

enum class Compression : std::uint8_t { kNone, kZstd, kGzip, kXz };

/// "zstd", "gzip", "xz"; "" for kNone.
std::string_view name_of(Compression compression);

/// How a file that begins with `head` is compressed, told from its first bytes.
Compression compression_of(std::span<const std::byte> head);

/// Yields what a source holds: decompressed if its first bytes say that it is compressed, else as
/// it is. Several compressed streams, one behind the other, are one, as those programs read them. A
/// source that ends in the middle of its compressed data ends there; is_cut() tells. Memory is
/// bounded, whatever the data ask for.
class DecompressingSource final : public ByteSource {
 public:
  class Decoder;

  /// Reads the first bytes of `source`; throws as its read() does.
  explicit DecompressingSource(std::unique_ptr<ByteSource> source);
  ~DecompressingSource() override;

  /// Also throws Error (kInput) when the compressed data are damaged, or need more memory than is
  /// allowed.
  std::size_t read(std::span<std::byte> buffer) override;

  Compression compression() const { return compression_; }

  /// Whether the source ended before its compressed data did. Known when read() has returned 0.
  bool is_cut() const { return is_cut_; }

 private:
  std::size_t read_compressed(std::span<std::byte> buffer);

  std::unique_ptr<ByteSource> source_;
  Compression compression_ = Compression::kNone;
  std::unique_ptr<Decoder> decoder_;
  std::vector<std::byte> input_;        ///< read from the source
  std::span<const std::byte> pending_;  ///< of input_, not used yet
  std::uint64_t offset_ = 0;            ///< of pending_ in the source
  const char* fault_ = nullptr;         ///< what is wrong at offset_
  bool source_ended_ = false;
  bool is_cut_ = false;
};

}  // namespace drone
