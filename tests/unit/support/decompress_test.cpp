// SPDX-License-Identifier: MIT
#include "support/decompress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/compressed.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"

namespace drone {
namespace {

using test::compressed;
using testing::AllOf;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr Compression kAll[] = {Compression::kZstd, Compression::kGzip, Compression::kXz};

struct Read {
  Bytes bytes;
  Compression compression;
  bool is_cut;
};

Read read_all(const Bytes& file, std::size_t chunk = SIZE_MAX, std::size_t most = 1000) {
  DecompressingSource source(std::make_unique<MemorySource>(file, chunk));
  Read result{{}, source.compression(), false};
  Bytes buffer(most);
  while (const std::size_t n = source.read(buffer)) {
    result.bytes.insert(result.bytes.end(), buffer.begin(),
                        buffer.begin() + static_cast<std::ptrdiff_t>(n));
  }
  EXPECT_EQ(source.read(buffer), 0U) << "the end stays";
  result.is_cut = source.is_cut();
  return result;
}

/// Such as compress a little.
Bytes some_bytes(std::size_t size) {
  std::mt19937 random(1);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 23);
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Decompress, WhatIsNotCompressedIsReadAsItIs) {
  for (const std::size_t size : {0U, 1U, 5U, 6U, 7U, 3000U}) {
    const Bytes bytes = some_bytes(size);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{4}, SIZE_MAX}) {
      for (const std::size_t most : {1U, 3U, 5000U}) {
        const Read result = read_all(bytes, chunk, most);
        EXPECT_EQ(result.bytes, bytes);
        EXPECT_EQ(result.compression, Compression::kNone);
        EXPECT_FALSE(result.is_cut);
      }
    }
  }
}

TEST(Decompress, YieldsWhatWasCompressedWhateverTheChunks) {
  const Bytes bytes = some_bytes(3000);
  for (const Compression compression : kAll) {
    SCOPED_TRACE(name_of(compression));
    const Bytes file = compressed(compression, bytes);
    EXPECT_LT(file.size(), bytes.size());
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{7}, SIZE_MAX}) {
      for (const std::size_t most : {1U, 64U, 5000U}) {
        const Read result = read_all(file, chunk, most);
        EXPECT_EQ(result.bytes, bytes);
        EXPECT_EQ(result.compression, compression);
        EXPECT_FALSE(result.is_cut);
      }
    }
  }
}

TEST(Decompress, MoreThanItsBuffersHoldComesThrough) {
  const Bytes bytes = some_bytes(2'000'000);
  for (const Compression compression : kAll) {
    EXPECT_EQ(read_all(compressed(compression, bytes), SIZE_MAX, 300'000).bytes, bytes);
  }
}

TEST(Decompress, NothingCompressedIsNothing) {
  for (const Compression compression : kAll) {
    const Read result = read_all(compressed(compression, {}));
    EXPECT_TRUE(result.bytes.empty());
    EXPECT_FALSE(result.is_cut) << name_of(compression);
  }
}

TEST(Decompress, StreamsOneBehindTheOtherAreOne) {
  const Bytes bytes = some_bytes(500);
  for (const Compression compression : kAll) {
    SCOPED_TRACE(name_of(compression));
    const Bytes part = compressed(compression, bytes);
    for (const std::size_t chunk : {std::size_t{1}, part.size(), SIZE_MAX}) {
      const Read result = read_all(part + part + compressed(compression, {}) + part, chunk);
      EXPECT_EQ(result.bytes, bytes + bytes + bytes);
      EXPECT_FALSE(result.is_cut);
    }
  }
}

TEST(Decompress, PaddingIsPassedOver) {
  const Bytes bytes = some_bytes(500);
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    const Bytes gzip = compressed(Compression::kGzip, bytes);
    EXPECT_EQ(read_all(gzip + Bytes(513), chunk).bytes, bytes);
    EXPECT_EQ(read_all(gzip + Bytes(3) + gzip, chunk).bytes, bytes + bytes);
    EXPECT_EQ(read_all(compressed(Compression::kXz, bytes) + Bytes(512), chunk).bytes, bytes);
    // A frame that is to be skipped may also be the first.
    const Bytes skipped = test::bytes_of("53 2A 4D 18 02 00 00 00 AA BB");
    const Bytes zstd = compressed(Compression::kZstd, bytes);
    EXPECT_EQ(read_all(skipped + zstd + skipped, chunk).bytes, bytes);
  }
}

TEST(Decompress, WhatIsCutAnywhereYieldsABeginningAndSaysSo) {
  const Bytes bytes = some_bytes(700);
  for (const Compression compression : kAll) {
    SCOPED_TRACE(name_of(compression));
    const Bytes file = compressed(compression, bytes);
    for (std::size_t size = 6; size != file.size(); ++size) {
      const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
        const Read result = read_all(part, chunk);
        EXPECT_TRUE(result.is_cut) << size;
        ASSERT_LE(result.bytes.size(), bytes.size());
        EXPECT_TRUE(std::equal(result.bytes.begin(), result.bytes.end(), bytes.begin())) << size;
      }
    }
  }
}

TEST(Decompress, MostOfAFileThatIsCutNearItsEndIsThere) {
  const Bytes bytes = some_bytes(2'000'000);
  for (const Compression compression : kAll) {
    Bytes file = compressed(compression, bytes);
    file.resize(file.size() - file.size() / 10);
    EXPECT_GT(read_all(file).bytes.size(), bytes.size() / 2) << name_of(compression);
  }
}

TEST(Decompress, DamageIsAnErrorThatNamesItsPlace) {
  const Bytes bytes = some_bytes(5000);
  for (const Compression compression : kAll) {
    const std::string name(name_of(compression));
    SCOPED_TRACE(name);
    Bytes file = compressed(compression, bytes);
    std::size_t refused = 0;
    for (std::size_t at = 6; at < file.size(); at += 37) {
      Bytes damaged = file;
      damaged[at] ^= std::byte{0x55};
      for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
        try {
          read_all(damaged, chunk);
        } catch (const Error& error) {
          EXPECT_EQ(error.status(), ExitStatus::kInput);
          EXPECT_THAT(error.message(), HasSubstr("its " + name + " data are damaged, "));
          EXPECT_THAT(error.hint(), HasSubstr(name + " -t FILE"));
          ++refused;
        }
      }
    }
    EXPECT_GT(refused, 60U);
  }
}

TEST(Decompress, WhatFollowsAndIsNothingCompressedIsDamage) {
  for (const Compression compression : kAll) {
    const Bytes file = compressed(compression, some_bytes(100));
    EXPECT_THROW(read_all(file + some_bytes(20)), Error) << name_of(compression);
  }
}

TEST(Decompress, MemoryIsBoundedWhateverTheDataAsk) {
  // A frame whose window is 2 GB, and the header of an LZMA2 block with a dictionary of 4 GB.
  EXPECT_THROW(read_all(test::bytes_of("28 B5 2F FD 00 A8 01 00 00")), Error);
  try {
    read_all(
        test::bytes_of("FD 37 7A 58 5A 00 00 01 69 22 DE 36 02 00 21 01 28 00 00 00 E6 A0 11 B3 "
                       "01 00 00 00"));
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), AllOf(HasSubstr("its xz data"), HasSubstr("128 MB")));
  }
}

}  // namespace
}  // namespace drone
