// SPDX-License-Identifier: MIT
#pragma once

// Compresses bytes for tests, with the libraries' own writers.

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include "support/decompress.hpp"

namespace drone::test {

inline std::vector<std::byte> compressed(Compression compression,
                                         std::span<const std::byte> bytes) {
  std::vector<std::byte> result(bytes.size() + bytes.size() / 2 + 1024);
  std::size_t size = 0;
  switch (compression) {
    case Compression::kZstd: {
      // With the checksum that the program writes, too.
      ZSTD_CCtx* const context = ZSTD_createCCtx();
      ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
      size = ZSTD_compress2(context, result.data(), result.size(), bytes.data(), bytes.size());
      ZSTD_freeCCtx(context);
      break;
    }
    case Compression::kGzip: {
      z_stream stream{};
      deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
      stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(bytes.size());
      stream.next_out = reinterpret_cast<Bytef*>(result.data());
      stream.avail_out = static_cast<uInt>(result.size());
      if (deflate(&stream, Z_FINISH) == Z_STREAM_END) size = stream.total_out;
      deflateEnd(&stream);
      break;
    }
    case Compression::kXz:
      if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, nullptr,
                                  reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                                  reinterpret_cast<std::uint8_t*>(result.data()), &size,
                                  result.size()) != LZMA_OK) {
        size = 0;
      }
      break;
    case Compression::kNone:
      return {bytes.begin(), bytes.end()};
  }
  if (size == 0 || size > result.size()) throw std::runtime_error("cannot compress");
  result.resize(size);
  return result;
}

}  // namespace drone::test
