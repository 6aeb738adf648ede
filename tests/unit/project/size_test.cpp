// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "project/manifest.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

TEST(Size, IsReadInBytesKilobytesAndMegabytes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("10240"), 10240U);
  EXPECT_EQ(parse_size("10K"), 10240U);
  EXPECT_EQ(parse_size("10k"), 10240U);
  EXPECT_EQ(parse_size("1M"), 1048576U);
  EXPECT_EQ(parse_size("0x2800"), 10240U);
  EXPECT_EQ(parse_size("4294967295"), 4294967295U);
  EXPECT_EQ(parse_size("4095M"), 4293918720U);
}

TEST(Size, OfAnyOtherFormIsRefused) {
  for (const char* text :
       {"", "K", "M", "0x", "10 K", " 10", "10KB", "10G", "-1", "+1", "1.5K", "x", "0x10K", "10K ",
        "4294967296", "4194304K", "4096M", "99999999999999999999999", "0xFFFFFFFFFFFFFFFFFF"}) {
    try {
      parse_size(text);
      ADD_FAILURE() << '"' << text << '"';
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kUsage);
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(Size, IsWrittenAsShortAsItReadsBack) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(10240), "10K");
  EXPECT_EQ(format_size(1048576), "1M");
  EXPECT_EQ(format_size(1536 * 1024), "1536K");
  for (const std::uint32_t bytes : {0U, 1U, 1023U, 1024U, 1025U, 1048576U, 4293918720U}) {
    EXPECT_EQ(parse_size(format_size(bytes)), bytes);
  }
}

}  // namespace
}  // namespace drone::project
