// SPDX-License-Identifier: MIT
#include "cli/itm.hpp"

#include <gmock/gmock.h>

#include <random>
#include <sstream>
#include <tuple>

#include "support/byte_stream.hpp"
#include "support/compressed.hpp"
#include "support/decompress.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {
namespace {

using test::bytes_of;
using test::TestFolder;
using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(std::string_view hex) {
  const auto bytes = bytes_of(hex);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ItmTest : public ::testing::Test {
 protected:
  ExitStatus run(std::string_view hex, std::vector<std::string> ports,
                 std::vector<std::string> heaptraces = {}) {
    write_file(folder_.path() / "swo.bin", text_of(hex));
    ItmOptions options;
    options.ports = std::move(ports);
    options.heaptraces = std::move(heaptraces);
    options.from = "file:swo.bin";
    options.allow_gaps = allow_gaps_;
    return run_itm(options, environment_);
  }
  Error error_of(std::string_view hex, std::vector<std::string> ports,
                 std::vector<std::string> heaptraces = {}) {
    try {
      run(hex, std::move(ports), std::move(heaptraces));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ExitStatus::kDone, "");
  }
  std::string file(const std::string& name) const { return read_file(folder_.path() / name); }

  TestFolder folder_;
  bool allow_gaps_ = false;
  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{.out = out_, .err = err_, .directory = folder_.path()};
};

// Synchronization, "Hi" on port 0 in one write, "!" on port 1, a word on port 2, a halfword on 2.
constexpr const char* kStream =
    "00 00 00 00 00 80 02 48 69 09 21 13 01 02 03 04 12 05 06 C0 85 01 FA 08 00 FB 01 00 04 01";

TEST_F(ItmTest, ShowsPayloadBytesInStreamOrder) {
  EXPECT_EQ(run(kStream, {"1", "0"}), ExitStatus::kDone);
  EXPECT_EQ(out_.str(), "Hi!");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ItmTest, WritesPortsToFilesAndShowsThemToo) {
  EXPECT_EQ(run(kStream, {"0", "0,2:both.bin", "1:one.bin", "9:silent.bin"}), ExitStatus::kDone);
  EXPECT_EQ(out_.str(), "Hi");
  EXPECT_EQ(file("both.bin"), text_of("48 69 01 02 03 04 05 06"));
  EXPECT_EQ(file("one.bin"), "!");
  EXPECT_EQ(file("silent.bin"), "");
  EXPECT_THAT(err_.str(), HasSubstr("note: nothing came on port 9: '"));
  EXPECT_THAT(err_.str(), HasSubstr("silent.bin' is empty\n"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("one.bin")));
}

TEST_F(ItmTest, SaysThatItTookTheStreamForFrames) {
  write_file(folder_.path() / "framed.bin",
             read_file(DRONE_SOURCE_DIR "/tests/golden/itm/stm32f105.tpiu"));
  ItmOptions options;
  options.ports = {"0:zero.bin", "1"};
  options.from = "file:framed.bin";
  EXPECT_EQ(run_itm(options, environment_), ExitStatus::kDone);
  EXPECT_EQ(file("zero.bin"), read_file(DRONE_SOURCE_DIR "/tests/golden/itm/stm32f105.port0"));
  const std::string note =
      "framed.bin' is read as TPIU frames, the ITM on stream 1 (--input-format decides "
      "otherwise)\n";
  EXPECT_THAT(err_.str(), HasSubstr(note));
  err_.str("");
  options.input_format = "tpiu:1";  // as the user said
  EXPECT_EQ(run_itm(options, environment_), ExitStatus::kDone);
  EXPECT_THAT(err_.str(), Not(HasSubstr("is read as")));
}

TEST_F(ItmTest, RecordsTheHeapWithItsTimestamps) {
  EXPECT_EQ(run(kStream, {}, {"heaptrace"}), ExitStatus::kDone);
  EXPECT_EQ(file("heaptrace"),
            text_of("00 00 00 00 00 80 C0 85 01 FA 08 00 FB 01 00 04 01 FB FF 00 00 00"));
  EXPECT_THAT(err_.str(),
              HasSubstr("heaptrace: 2 heap events of port 31, 22 bytes; nothing was "
                        "lost on the way\nstream: 30 bytes in 0 s, bare ITM; packets "
                        "on ports 0 (1), 1 (1), 2 (2) and 31 (2)\nnext: drone heap -f "));
}

TEST_F(ItmTest, RecordsSeveralHeapsEachIntoItsFile) {
  EXPECT_EQ(run("F2 0A 00 C0 85 01 FB 01 00 04 01", {}, {"heaptrace", "30:other"}),
            ExitStatus::kDone);
  EXPECT_EQ(file("heaptrace"), text_of("00 00 00 00 00 80 C0 85 01 FB 01 00 04 01 FB FF 00 00 00"));
  EXPECT_EQ(file("other"), text_of("00 00 00 00 00 80 F2 0A 00 C0 85 01 F3 FF 00 00 00"));
}

TEST_F(ItmTest, TellsOfLosses) {
  const char* const stream = "70 FA 08 01 84 81 01 84 01 FA 08 01";
  EXPECT_EQ(run(stream, {}, {"heaptrace"}), ExitStatus::kCheckFailed);
  EXPECT_THAT(err_.str(), HasSubstr("2 heap events of port 31, 23 bytes; lost on the way: "
                                    "1 overflow in the target and 1 damaged stretch (5 bytes)\n"
                                    "  at these bytes of the stream: 0, 4\n"));
  EXPECT_THAT(err_.str(), HasSubstr("error: "));
  EXPECT_THAT(err_.str(), HasSubstr("heaptrace did not come through whole: "));
  EXPECT_THAT(err_.str(), HasSubstr("\nhint: what came is recorded; --allow-gaps accepts"));
  EXPECT_THAT(err_.str(), HasSubstr("next: drone heap"));
  err_.str("");
  allow_gaps_ = true;
  EXPECT_EQ(run(stream, {}, {"heaptrace"}), ExitStatus::kDone);
  EXPECT_THAT(err_.str(), HasSubstr("lost on the way: 1 overflow"));
  EXPECT_THAT(err_.str(), HasSubstr("warning: "));
  EXPECT_THAT(err_.str(), Not(HasSubstr("error: ")));
}

TEST_F(ItmTest, LossesOfPortsThatAreNoHeapsAreToldAndNoFailure) {
  EXPECT_EQ(run("01 41 70 70", {}), ExitStatus::kDone);
  EXPECT_EQ(err_.str(), "warning: lost on the way: 2 overflows in the target\n");
}

TEST_F(ItmTest, EveryKindOfLossIsAFailureThatIsNamed) {
  const std::string version = "FB 07 01 00 00 ";
  for (const auto& [stream, words] :
       {std::pair("FA 08 00 FB 01 00 04 01 FB 3F 05 00 00", "5 events dropped by the target"),
        std::pair("FA 08 00 FB 37 09 00 00 FA 08 00", "6 events missing by the target's count"),
        std::pair("FA 08 00 FB F7 07 00 00 FA 08 00", "1 gap (7 bytes)"),
        std::pair("FA 08 00 FB F7 00 00 00 FA 08 00", "1 gap (nobody knows of how many bytes)"),
        std::pair("FA 08 00 FB 01 00 00 00 FA 08 00 FA 08 00", "1 damaged event")}) {
    err_.str("");
    EXPECT_EQ(run(version + stream, {}, {"heaptrace"}), ExitStatus::kCheckFailed) << words;
    EXPECT_THAT(err_.str(), HasSubstr(std::string("lost on the way: ") + words + "\n  at "));
  }
}

TEST_F(ItmTest, ACaptureThatBeganInTheMiddleOfARunOrOfAPacketIsWhole) {
  EXPECT_EQ(run("FA 08 00 FB 01 00 04 01", {}, {"heaptrace"}), ExitStatus::kDone);
  EXPECT_THAT(err_.str(), HasSubstr("nothing was lost on the way\n"));
  err_.str("");
  EXPECT_EQ(run("84 01 FA 08 00 FB 01 00 04 01", {}, {"heaptrace"}), ExitStatus::kDone);
  EXPECT_EQ(file("heaptrace"), text_of("00 00 00 00 00 80 FA 08 00 FB 01 00 04 01 FB FF 00 00 00"));
}

TEST_F(ItmTest, TellsOfRunsAndOfAFormatThatItCannotRead) {
  EXPECT_EQ(run("FB 07 01 00 00 FB 01 00 04 01 FB 07 01 00 00 FA 08 01", {}, {"heaptrace"}),
            ExitStatus::kDone);
  EXPECT_THAT(err_.str(), HasSubstr("4 heap events of port 31, 2 runs, "));
  err_.str("");
  EXPECT_EQ(run("FB 07 02 00 00 FB 01 00 04 01", {}, {"heaptrace"}), ExitStatus::kCheckFailed);
  EXPECT_THAT(err_.str(), HasSubstr("unsupported format version 2"));
}

TEST_F(ItmTest, APortThatCarriesTextIsNotTakenForAHeaps) {
  EXPECT_EQ(run("01 48 01 65 01 6C 01 6C 01 6F", {"0"}, {"0:heaptrace"}), ExitStatus::kCheckFailed);
  EXPECT_THAT(err_.str(), HasSubstr("error: port 0 carries something else than a heap: 5 of its 5 "
                                    "packets are no heap events; '"));
  EXPECT_THAT(err_.str(), HasSubstr("heaptrace' was not created\nhint: name the heap's port"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("next:")));
}

TEST_F(ItmTest, NoiseDoesNotCostAnOldRecording) {
  write_file(folder_.path() / "heaptrace", "precious");
  std::mt19937_64 random(3);
  std::string noise;
  for (int i = 0; i != 5000; ++i) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    noise += {kDigits[random() % 16], kDigits[random() % 16], ' '};
  }
  EXPECT_NE(run(noise, {}, {"heaptrace"}), ExitStatus::kDone);
  EXPECT_EQ(read_file(folder_.path() / "heaptrace"), "precious");
}

TEST_F(ItmTest, AFileThatIsNoStreamIsAnErrorAndNotShown) {
  for (const auto& [file, kind] :
       {std::pair("7F 45 4C 46 01 41 01 42", "is an ELF file, a program and no recording"),
        std::pair("48 65 6C 6C 6F 2C 20 77 6F 72 6C 64 21 20 20 20 20", "is a text file")}) {
    const Error error = error_of(file, {});
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.message(), HasSubstr(kind));
    EXPECT_EQ(out_.str(), "");
  }
}

TEST_F(ItmTest, AFileMayBeCompressed) {
  const auto run_file = [this](const std::vector<std::byte>& bytes) {
    folder_.write("swo.packed", bytes);
    out_.str("");
    err_.str("");
    ItmOptions options;
    options.ports = {"0"};
    options.heaptraces = {"heaptrace"};
    options.from = "file:swo.packed";
    const ExitStatus status = run_itm(options, environment_);
    return std::tuple(status, out_.str(), err_.str(), file("heaptrace"));
  };
  const std::vector<std::byte> plain = bytes_of(kStream);
  const auto expected = run_file(plain);
  EXPECT_THAT(std::get<1>(expected), HasSubstr("Hi"));
  for (const Compression each : {Compression::kZstd, Compression::kGzip, Compression::kXz}) {
    std::vector<std::byte> packed = test::compressed(each, plain);
    EXPECT_EQ(run_file(packed), expected) << name_of(each);
    packed.resize(packed.size() - 5);
    run_file(packed);
    EXPECT_THAT(err_.str(), HasSubstr("ends in the middle of its " + std::string(name_of(each))));
  }
  try {
    run_file(test::compressed(Compression::kXz, test::compressed(Compression::kGzip, plain)));
    ADD_FAILURE() << "it is compressed twice";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("is compressed with gzip"));
  }
}

TEST_F(ItmTest, AHeapsPortWithoutEventsIsAFailedCheckThatNamesThePortsWithData) {
  write_file(folder_.path() / "heaptrace", "old");
  EXPECT_EQ(run("01 41 01 42 09 43", {"0"}, {"heaptrace"}), ExitStatus::kCheckFailed);
  EXPECT_EQ(out_.str(), "AB");
  EXPECT_THAT(err_.str(), HasSubstr("error: nothing recorded: no heap event came on port 31; data "
                                    "came on ports 0 (2 packets) and 1 (1 packet); "));
  EXPECT_THAT(err_.str(), HasSubstr("heaptrace' is unchanged\n"));
  EXPECT_THAT(err_.str(), HasSubstr("just features=heaptrace flash"));
  EXPECT_EQ(file("heaptrace"), "old");
}

TEST_F(ItmTest, AHeapsFileIsNotCreatedForOtherPortsData) {
  EXPECT_EQ(run("01 41 FA 08 01", {"0"}, {"heaptrace", "5:other"}), ExitStatus::kCheckFailed);
  EXPECT_THAT(err_.str(), HasSubstr("other' was not created\n"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "other"));
  EXPECT_EQ(file("heaptrace"), text_of("00 00 00 00 00 80 FA 08 01 FB FF 00 00 00"));
}

TEST_F(ItmTest, WhatCameBeforeTheFirstEventIsSummedUpInFrontOfIt) {
  // Two overflows, a damaged stretch, and 300 + 5 + 133 ticks.
  EXPECT_EQ(run("70 C0 AC 02 01 41 84 81 01 00 00 00 00 00 80 50 70 C0 85 01 FA 08 01 20", {},
                {"heaptrace"}),
            ExitStatus::kCheckFailed);
  EXPECT_EQ(file("heaptrace"),
            text_of("00 00 00 00 00 80 70 70 FB F7 03 00 00 C0 B6 03 FA 08 01 20 FB FF 00 00 00"));
}

TEST_F(ItmTest, SaysWhichPortsHaveDataWhenNoneOfThoseAskedForHas) {
  EXPECT_EQ(run("19 41", {}), ExitStatus::kDone);
  EXPECT_EQ(err_.str(),
            "note: nothing came on the ports asked for; data came on port 3 (1 packet)\n");
}

TEST_F(ItmTest, AStreamWithoutAnyPortIsAnError) {
  for (const char* stream : {"", "00 00 00 00 00 80 17 01 02 03 04"}) {
    const Error error = error_of(stream, {});
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.message(), HasSubstr(stream[0] == 0 ? "no byte came from"
                                                          : "carries nothing on any ITM port"));
  }
}

TEST_F(ItmTest, AFailedStartLeavesAnOldTraceAlone) {
  write_file(folder_.path() / "heaptrace", "precious");
  ItmOptions options;
  options.heaptraces = {"heaptrace"};
  for (const char* source : {"file:absent", "probe"}) {
    options.from = source;
    EXPECT_THROW(run_itm(options, environment_), Error);
  }
  EXPECT_THROW(run("", {}, {"heaptrace"}), Error);
  EXPECT_EQ(file("heaptrace"), "precious");
}

TEST_F(ItmTest, AFullDiskIsAnErrorThatNamesTheFileAndTheOthersAreClosedInOrder) {
  const Error error = error_of(kStream, {"0", "1:one.bin", "2:/dev/full"}, {"heaptrace"});
  EXPECT_EQ(error.status(), ExitStatus::kInput);
  EXPECT_EQ(error.message(), "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(out_.str(), "Hi");
  EXPECT_EQ(file("one.bin"), "!");
  EXPECT_TRUE(file("heaptrace").ends_with(text_of("FB FF 00 00 00")));
}

TEST_F(ItmTest, AFullDiskUnderTheHeaptraceIsAnErrorToo) {
  const Error error = error_of(kStream, {"1:one.bin", "2:/dev/full"}, {"/dev/full", "good"});
  EXPECT_EQ(error.message(), "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(error.hint(), "nothing of the capture is in it");
  EXPECT_EQ(file("one.bin"), "!");
  EXPECT_THAT(err_.str(), Not(HasSubstr("full: ")));
  EXPECT_THAT(err_.str(), HasSubstr("good: 2 heap events of port 31"));
  EXPECT_THAT(err_.str(), HasSubstr("\nerror: cannot write '/dev/full'")) << "the other one";
}

TEST_F(ItmTest, AFileThatCannotBeCreatedIsAnErrorBeforeAnythingIsRead) {
  const Error error = error_of(kStream, {"1:one.bin", "2:absent/two.bin"});
  EXPECT_EQ(error.status(), ExitStatus::kInput);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "one.bin"));
}

TEST_F(ItmTest, AnnouncesARecordingToWhoeverWatches) {
  environment_.err_is_terminal = true;
  run(kStream, {}, {"heaptrace"});
  EXPECT_THAT(err_.str(), HasSubstr("recording the heap's port 31 in "));
  EXPECT_THAT(err_.str(), HasSubstr("Ctrl-C ends it\n"));
}

}  // namespace
}  // namespace drone::cli
