// SPDX-License-Identifier: MIT
#include "support/decompress.hpp"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <new>
#include <string>
#include <utility>

#include "support/error.hpp"

namespace drone {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 17;
/// xz -9 needs 65 MB, and zstd as much as this without --long.
constexpr std::uint64_t kMostMemory = std::uint64_t{128} << 20;

struct Magic {
  Compression compression;
  std::string_view bytes;
};
// RFC 8878, 3.1.1 (and a skippable frame, of which the low half of the first byte is free); RFC
// 1952, 2.3.1 with the only method there is; the .xz file format, 2.1.1.1.
constexpr std::string_view kSkippableTail = "\x2A\x4D\x18";
constexpr std::array<Magic, 3> kMagics{{{Compression::kZstd, "\x28\xB5\x2F\xFD"},
                                        {Compression::kGzip, "\x1F\x8B\x08"},
                                        {Compression::kXz,
                                         {"\xFD"
                                          "7zXZ\0",
                                          6}}}};
constexpr std::size_t kMagicBytes = 6;

bool begins_with(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin(),
                    [](char c, std::byte byte) { return static_cast<std::byte>(c) == byte; });
}

}  // namespace

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::kZstd:
      return "zstd";
    case Compression::kGzip:
      return "gzip";
    case Compression::kXz:
      return "xz";
    case Compression::kNone:
      break;
  }
  return "";
}

Compression compression_of(std::span<const std::byte> head) {
  for (const Magic& magic : kMagics) {
    if (begins_with(head, magic.bytes)) return magic.compression;
  }
  const bool is_skippable = head.size() > kSkippableTail.size() &&
                            std::to_integer<unsigned>(head.front()) >> 4 == 5 &&
                            begins_with(head.subspan(1), kSkippableTail);
  return is_skippable ? Compression::kZstd : Compression::kNone;
}

/// Compressed bytes in, what they hold out.
class DecompressingSource::Decoder {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    const char* fault = nullptr;  ///< why the data are no such data
  };

  virtual ~Decoder() = default;
  /// `ended`: there is no input beyond `in`.
  virtual Step step(std::span<const std::byte> in, std::span<std::byte> out, bool ended) = 0;
  /// Whether the data may end here.
  virtual bool is_whole() const = 0;
};

namespace {

using Decoder = DecompressingSource::Decoder;

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  Step step(std::span<const std::byte> in, std::span<std::byte> out, bool) override {
    // Between frames there is nothing left to come out; a call would begin another frame.
    if (in.empty() && is_whole_) return {};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t wanted = ZSTD_decompressStream(stream_, &output, &input);
    is_whole_ = wanted == 0;
    return {input.pos, output.pos, ZSTD_isError(wanted) != 0 ? ZSTD_getErrorName(wanted) : nullptr};
  }
  bool is_whole() const override { return is_whole_; }

 private:
  ZSTD_DStream* stream_;
  bool is_whole_ = false;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  Step step(std::span<const std::byte> in, std::span<std::byte> out, bool) override {
    std::size_t padding = 0;
    if (is_whole_) {
      // Tapes and block devices are filled up with zeros.
      while (padding != in.size() && in[padding] == std::byte{0}) ++padding;
      in = in.subspan(padding);
      if (in.empty()) return {padding, 0, nullptr};
      inflateReset(&stream_);
      is_whole_ = false;
    }
    in = in.first(std::min<std::size_t>(in.size(), UINT_MAX));
    out = out.first(std::min<std::size_t>(out.size(), UINT_MAX));
    // zlib takes its input without const, and does not write to it.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const Step step{padding + in.size() - stream_.avail_in, out.size() - stream_.avail_out,
                    nullptr};
    if (result == Z_STREAM_END) is_whole_ = true;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return step;
    return {step.consumed, step.produced, stream_.msg != nullptr ? stream_.msg : "no gzip data"};
  }
  bool is_whole() const override { return is_whole_; }

 private:
  z_stream stream_{};
  bool is_whole_ = false;
};

class XzDecoder final : public Decoder {
 public:
  XzDecoder() {
    if (lzma_stream_decoder(&stream_, kMostMemory, LZMA_CONCATENATED) != LZMA_OK) {
      throw std::bad_alloc();
    }
  }
  ~XzDecoder() override { lzma_end(&stream_); }
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;

  Step step(std::span<const std::byte> in, std::span<std::byte> out, bool ended) override {
    if (is_whole_) return {};
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret result = lzma_code(&stream_, ended ? LZMA_FINISH : LZMA_RUN);
    is_whole_ = result == LZMA_STREAM_END;
    return {in.size() - stream_.avail_in, out.size() - stream_.avail_out, fault(result)};
  }
  bool is_whole() const override { return is_whole_; }

 private:
  static const char* fault(lzma_ret result) {
    switch (result) {
      case LZMA_OK:
      case LZMA_STREAM_END:
      case LZMA_BUF_ERROR:
        return nullptr;
      case LZMA_MEMLIMIT_ERROR:
        return "they need more than 128 MB of memory to be decompressed";
      case LZMA_MEM_ERROR:
        throw std::bad_alloc();
      case LZMA_OPTIONS_ERROR:
        return "they use an option that is not known here";
      case LZMA_FORMAT_ERROR:
        return "what follows is something else";
      default:
        return "a checksum is wrong";
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool is_whole_ = false;
};

std::unique_ptr<Decoder> make_decoder(Compression compression) {
  switch (compression) {
    case Compression::kZstd:
      return std::make_unique<ZstdDecoder>();
    case Compression::kGzip:
      return std::make_unique<GzipDecoder>();
    case Compression::kXz:
      return std::make_unique<XzDecoder>();
    case Compression::kNone:
      break;
  }
  return nullptr;
}

}  // namespace

DecompressingSource::DecompressingSource(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), input_(kMagicBytes) {
  std::size_t filled = 0;
  while (filled != input_.size()) {
    const std::size_t n = source_->read(std::span(input_).subspan(filled));
    source_ended_ = n == 0;
    if (source_ended_) break;
    filled += n;
  }
  input_.resize(filled);
  pending_ = input_;
  compression_ = compression_of(pending_);
  decoder_ = make_decoder(compression_);
}

DecompressingSource::~DecompressingSource() = default;

std::size_t DecompressingSource::read(std::span<std::byte> buffer) {
  if (decoder_ != nullptr) return read_compressed(buffer);
  if (pending_.empty()) return source_->read(buffer);
  const std::size_t n = std::min(buffer.size(), pending_.size());
  std::copy_n(pending_.begin(), n, buffer.begin());
  pending_ = pending_.subspan(n);
  return n;
}

std::size_t DecompressingSource::read_compressed(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  while (fault_ == nullptr) {
    if (pending_.empty() && !source_ended_) {
      input_.resize(kChunk);
      const std::size_t n = source_->read(input_);
      source_ended_ = n == 0;
      pending_ = std::span(std::as_const(input_)).first(n);
    }
    const Decoder::Step step = decoder_->step(pending_, buffer, source_ended_);
    pending_ = pending_.subspan(step.consumed);
    offset_ += step.consumed;
    fault_ = step.fault;
    if (step.produced != 0) return step.produced;
    if (fault_ == nullptr && source_ended_ && step.consumed == 0) {
      is_cut_ = !decoder_->is_whole();
      return 0;
    }
  }
  const std::string name(name_of(compression_));
  throw Error(ExitStatus::kInput,
              "its " + name + " data are damaged, " + std::to_string(offset_) +
                  " bytes from the start: " + fault_,
              "copy or compress the file again; `" + name + " -t FILE` checks it");
}

}  // namespace drone
