// SPDX-License-Identifier: MIT

// `drone heap` on recordings of other tools, and on compressed files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/heap_command.hpp"
#include "support/compressed.hpp"

namespace drone::cli {
namespace {

using drone::test::bytes_of_file;
using drone::test::compressed;
using drone::test::text_of_file;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> golden(const std::string& path) {
  return bytes_of_file(DRONE_SOURCE_DIR "/tests/golden/" + path);
}

TEST(HeapImports, EachIsRecognisedAndSaid) {
  const TestFolder folder;
  const auto said = [&folder](const std::string& file) {
    folder.write("trace", golden(file));
    const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "64K"});
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    return outcome.err;
  };
  EXPECT_EQ(said("traces/jim_script.txt"),
            "note: 'trace' is read as text, an event a line (--input-format decides otherwise)\n");
  EXPECT_THAT(said("imports/words.mtrace"), HasSubstr("as a recording of mtrace ("));
  EXPECT_THAT(said("imports/words.zst"),
              HasSubstr("as a recording of heaptrack, interpreted (--input"));
  EXPECT_THAT(said("imports/bc.raw.zst"), HasSubstr("as a raw recording of heaptrack ("));
}

TEST(HeapImports, A64BitProgramIsMentioned) {
  const TestFolder folder;
  folder.write("trace", golden("imports/words.mtrace"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "64K"});
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("a 64-bit program"), HasSubstr("-m32")));
  EXPECT_THAT(outcome.out, Not(HasSubstr("64-bit")));
  folder.write("trace", bytes_of_text("= Start\n@ ./node:[0x1] + 0x804a010 0x8\n"));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "trace", "-s", "64K"}).err,
              Not(HasSubstr("64-bit")));
}

TEST(HeapImports, FormatThatIsSaidIsNotSaidAgain) {
  const TestFolder folder;
  folder.write("trace", golden("traces/jim_script.txt"));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "trace", "-s", "64K", "--input-format=text"}).err,
              IsEmpty());
  folder.write("trace", bytes_of_text("v 10400 3\n+ 8 1 10\n"));
  EXPECT_THAT(
      run(folder.path(), {"heap", "-f", "trace", "-s", "1K", "--input-format=heaptrack"}).err,
      IsEmpty());
}

TEST(HeapImports, AMistakeInTextNamesFileAndLine) {
  const TestFolder folder;
  folder.write("trace.txt", bytes_of_text("a 1 4\na 2\n"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace.txt", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(
      outcome.err,
      AllOf(HasSubstr("reading trace 'trace.txt': line 2: the size is missing in `a ID SIZE"),
            HasSubstr("\nan event a line:")));
}

TEST(HeapImports, AMistakeNamesItsLineWhateverStandsBeforeItAndWhateverItIs) {
  std::string comments;
  for (unsigned i = 0; i != 3000; ++i) comments += "# a comment\n";
  const std::pair<std::string, const char*> files[] = {
      {"a 1 4\n\x01\x02 5\n", "line 2: '\?\?' begins no event"},
      {"# mine\n\na 1 4\nf 1\n" + std::string("a \0 4", 5) + " x\n", "line 5: 'x' is"},
      {"a 1 4\n\xFF\n", "line 2: '\xFF' begins no event"},
      {comments + "free 1\n", "line 3001: 'free' begins no event"},
      {comments + "a 1 4\nf\n", "line 3002: the ID is missing"},
  };
  for (const auto& [text, message] : files) {
    const TestFolder folder;
    folder.write("trace.txt", bytes_of_text(text));
    const Outcome outcome = run(folder.path(), {"heap", "-f", "trace.txt", "-s", "64K"});
    EXPECT_EQ(outcome.status, ExitStatus::kInput);
    EXPECT_THAT(outcome.err, HasSubstr(std::string("reading trace 'trace.txt': ") + message));
  }
}

TEST(HeapImports, TextWithCommentsAloneIsATextRecordingWithoutEvents) {
  std::string long_one;
  for (unsigned i = 0; i != 3000; ++i) long_one += "# a comment\n";
  for (const std::string& text :
       {std::string("# a 1 4\n\n \t\n#\n"), std::string("#x\n"), std::string("# no newline"),
        std::string("\xEF\xBB\xBF# with a mark\n"), long_one}) {
    const TestFolder folder;
    folder.write("trace.txt", bytes_of_text(text));
    const Outcome outcome = run(folder.path(), {"heap", "-f", "trace.txt", "-s", "64K"});
    EXPECT_EQ(outcome.status, ExitStatus::kInput);
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr("reading trace 'trace.txt': the trace is a text recording without "
                                "events\n"),
                      HasSubstr("docs/imports.md")));
  }
}

TEST(HeapImports, TextThatIsNoTraceIsRefusedWithTheWayToFindOut) {
  const TestFolder folder;
  folder.write("trace.txt", bytes_of_text("alloc 1 4 bytes\n"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace.txt", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("is a text file"), HasSubstr("--input-format text")));
}

TEST(HeapImports, TraceOfAnyFormatMayBeCompressed) {
  const TestFolder folder;
  const std::vector<std::byte> itm =
      bytes_of(text_of_file(DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex"));
  for (const std::vector<std::byte>& trace : {itm, golden("traces/jim_script.txt")}) {
    folder.write("heaptrace", trace);
    const Outcome plain = run(folder.path(), {"heap", "-s", "64K"});
    const Outcome plain_layout =
        run(folder.path(), {"heap", "generate", "--pools", "5", "-s", "64K"});
    for (const Compression each : {Compression::kZstd, Compression::kGzip, Compression::kXz}) {
      folder.write("heaptrace", compressed(each, trace));
      const Outcome outcome = run(folder.path(), {"heap", "-s", "64K"});
      EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
      EXPECT_EQ(outcome.out, plain.out);
      EXPECT_EQ(outcome.err, plain.err);
      EXPECT_EQ(run(folder.path(), {"heap", "generate", "--pools", "5", "-s", "64K"}).out,
                plain_layout.out);
    }
  }
}

TEST(HeapImports, ACompressedFileThatIsCutIsReadAndSaid) {
  const TestFolder folder;
  std::vector<std::byte> file = compressed(Compression::kGzip, golden("traces/jim_script.txt"));
  file.resize(file.size() / 2);
  folder.write("trace", file);
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("note: the file ends in the middle of its gzip data"));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("Peak in use"),
                                 EndsWith("\nThe recording was not closed in order: its end may be "
                                          "missing.\n")));
}

TEST(HeapImports, ACutFileOfAnyFormatLacksItsEnd) {
  const TestFolder folder;
  for (const char* name : {"user_example", "user_example_payload", "user_example_drone_os"}) {
    std::vector<std::byte> file = compressed(
        Compression::kZstd, bytes_of(text_of_file(DRONE_SOURCE_DIR "/tests/golden/heaptrace/" +
                                                  std::string(name) + ".hex")));
    file.pop_back();  // of the checksum: all events are there
    folder.write("trace", file);
    const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "10K"});
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("Maximum memory usage: 225 / 2.20%\n"),
                                   HasSubstr("was not closed in order")))
        << name;
  }
}

TEST(HeapImports, ADamagedFileIsRefused) {
  const TestFolder folder;
  std::vector<std::byte> file = compressed(Compression::kXz, golden("traces/jim_script.txt"));
  file[file.size() / 2] ^= std::byte{1};
  folder.write("trace.xz", file);
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace.xz", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("reading trace 'trace.xz': its xz data are damaged, "));
}

TEST(HeapImports, WhatIsCompressedTwiceIsRefused) {
  const TestFolder folder;
  folder.write("trace", compressed(Compression::kGzip,
                                   compressed(Compression::kZstd, bytes_of_text("a 1 4\n"))));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("is compressed with zstd"), HasSubstr("decompress it first")));
}

TEST(HeapImports, DroneItmLooksIntoACompressedFile) {
  const TestFolder folder;
  const std::vector<std::byte> text = compressed(Compression::kXz, golden("traces/jim_script.txt"));
  const std::string from = "file:" + (folder.path() / "swo").string();
  folder.write("swo", text);
  const Outcome outcome = run(folder.path(), {"itm", "--from", from.c_str()});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("is a text file"));
  folder.write("swo", compressed(Compression::kGzip, text));
  EXPECT_THAT(run(folder.path(), {"itm", "--from", from.c_str()}).err,
              AllOf(HasSubstr("is compressed with xz"), HasSubstr("decompress it first")));
  std::vector<std::byte> damaged = text;
  damaged[10] ^= std::byte{0xFF};
  folder.write("swo", damaged);
  EXPECT_THAT(run(folder.path(), {"itm", "--from", from.c_str()}).err,
              AllOf(HasSubstr("cannot read '"), HasSubstr("swo': its xz data are damaged")));
}

TEST(HeapImports, RecordedTracesOfTheBenchmarksAreReadAsTheyLieThere) {
  const TestFolder folder;
  const Outcome outcome =
      run(folder.path(),
          {"heap", "-f", DRONE_SOURCE_DIR "/benchmarks/traces/jim_script.txt.xz", "-s", "64K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Peak in use: 28931 / 44.15%\n"));
}

TEST(HeapImports, WhatARecordingLacksIsSaidInItsWords) {
  const TestFolder folder;
  folder.write("trace", bytes_of_text("= Start\n@ ./a:[0x1] - 0x10\nhello\n@ ./a:[0x1] + 0x20 0x8\n"
                                      "@ ./a:[0x1] + 0x20 0x8\n= Start\n@ ./a:[0x1] + 0x20 0x8\n"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "trace", "-s", "1K"});
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("- 1 line is no event: cut, or of several processes"),
                    HasSubstr("The recording lacks allocations: the figures are lower bounds.\n"
                              "1 block was freed or resized that had been allocated before, or"),
                    HasSubstr("Runs: 2, the program was started again in between"),
                    Not(HasSubstr("drone itm")), Not(HasSubstr("packet"))));
  const Outcome layout =
      run(folder.path(), {"heap", "generate", "--pools", "5", "-f", "trace", "-s", "1K"});
  EXPECT_THAT(layout.out, AllOf(HasSubstr("lacks allocations"), Not(HasSubstr("drone itm"))));
  folder.write("trace", bytes_of_text("a 1 4\na 1 4\n"));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "trace", "-s", "1K"}).out,
              AllOf(HasSubstr("CONTRADICTS ITSELF"), HasSubstr("what gave these blocks back"),
                    Not(HasSubstr("probe"))));
}

}  // namespace
}  // namespace drone::cli
