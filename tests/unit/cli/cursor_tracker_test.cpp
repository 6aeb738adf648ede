// SPDX-License-Identifier: MIT
#include "cli/cursor_tracker.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace drone::cli {
namespace {

/// The tracker behind `text`, which comes in chunks of `size` bytes.
CursorTracker after(std::string_view text, std::size_t size = 1) {
  CursorTracker tracker;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    tracker.add(std::as_bytes(std::span(text.substr(0, size))));
  }
  return tracker;
}

TEST(CursorTrackerTest, ALineIsFreshUntilSomethingIsOnIt) {
  EXPECT_TRUE(after("").at_fresh_line());
  EXPECT_TRUE(after("text\n").at_fresh_line());
  EXPECT_TRUE(after("text\r\n").at_fresh_line());
  EXPECT_FALSE(after("> ").at_fresh_line());
  EXPECT_FALSE(after("50 %\r").at_fresh_line()) << "the text is still there";
  EXPECT_FALSE(after("\t").at_fresh_line());
  EXPECT_FALSE(after("\x1b[A").at_fresh_line()) << "on a line that was written before";
  EXPECT_FALSE(after("\x1b"
                     "c")
                   .at_fresh_line());
  EXPECT_TRUE(after("\x1b[1;31m").at_fresh_line()) << "a colour writes nothing";
  EXPECT_TRUE(after("\x1b]0;a title\a").at_fresh_line());
}

TEST(CursorTrackerTest, KnowsWhereACharacterOrASequenceIsUnfinished) {
  for (const std::string_view whole : {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x1b[1;31m",
                                       "\x1b(B", "\x1b]0;t\x07", "\x1bPdata\x1b\\",
                                       "\x1b"
                                       "7"}) {
    EXPECT_TRUE(after(whole).between_characters()) << whole.substr(1);
    for (std::size_t size = 1; size != whole.size(); ++size) {
      EXPECT_FALSE(after(whole.substr(0, size)).between_characters()) << whole.substr(1) << size;
    }
  }
  EXPECT_TRUE(after("\xC3z").between_characters()) << "what was no character is over";
  EXPECT_TRUE(after("\xFF\x80").between_characters());
}

TEST(CursorTrackerTest, KnowsTheLastColumn) {
  EXPECT_TRUE(after("12345678").may_wrap(8));
  EXPECT_TRUE(after("1234567890123456").may_wrap(8));
  EXPECT_FALSE(after("1234567").may_wrap(8));
  EXPECT_FALSE(after("12345678\r").may_wrap(8));
  EXPECT_FALSE(after("").may_wrap(8));
  EXPECT_TRUE(after("\xC3\xA4\xE2\x82\xAC"
                    "345678")
                  .may_wrap(8))
      << "characters, not bytes";
  EXPECT_TRUE(after("\xE4\xB8\xAD\xE6\x96\x87"
                    "5678")
                  .may_wrap(8))
      << "wide characters";
  EXPECT_TRUE(after("e\xCC\x81"
                    "2345678")
                  .may_wrap(8))
      << "combining characters";
  EXPECT_TRUE(after("\x1b[31m12345678\x1b[0m").may_wrap(8));
  EXPECT_TRUE(after("\t").may_wrap(8));
  EXPECT_TRUE(after("123456789\b").may_wrap(8));
  EXPECT_FALSE(after("12345678\x1b[A").may_wrap(8)) << "unknown, and the wrap is forgotten";
}

}  // namespace
}  // namespace drone::cli
