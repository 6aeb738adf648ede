// SPDX-License-Identifier: MIT

// What a capture reads from and writes to: standard streams, files, readers that are slow or gone.

#include <regex>

#include "itm_process.hpp"

namespace drone {
namespace {

TEST_F(ItmProcessTest, AReaderThatHasSeenEnoughEndsItQuietly) {
  fifo();
  const pid_t id = start("sh -c '" + drone() +
                         " itm 0 --from file:fifo --input-format itm; echo $? >&2' | head -c 1");
  const Descriptor end = feed();
  send(end, "01 41");
  ASSERT_TRUE(eventually([&] { return read_file(folder_.path() / "err") == "0\n"; }))
      << read_file(folder_.path() / "err");
  EXPECT_EQ(finish(id).out, "A");
}

TEST_F(ItmProcessTest, ARecordingGoesOnWithoutItsReader) {
  fifo();
  const pid_t id = start("sh -c '" + drone() +
                         " itm 0 --from file:fifo --input-format itm --heaptrace heaptrace; "
                         "echo $? >&2' | head -c 1");
  Descriptor end = feed();
  send(end, std::string("01 41 ") + kAlloc);
  const auto err = [&] { return read_file(folder_.path() / "err"); };
  ASSERT_TRUE(eventually([&] { return err().ends_with("the recording goes on\n"); })) << err();
  send(end, std::string("01 42 ") + kAlloc);
  end.reset();
  EXPECT_EQ(finish(id).out, "A");
  ASSERT_TRUE(eventually([&] { return err().ends_with("0\n"); })) << err();
  EXPECT_THAT(err(), HasSubstr("heaptrace: 2 heap events of port 31"));
  EXPECT_EQ(trace(), text_of(std::string(kSync) + kAlloc + kAlloc + kEnd));
}

TEST_F(ItmProcessTest, AReaderThatHasStoppedDoesNotHoldUpTheRecordingOfATarget) {
  run(drone() + " flash node.elf");
  std::string text;
  while (text.size() < 4'000'000) text += "\x03text";
  write_file(project_ / "swo.bin", text + text_of(kEvents + kEvents));
  ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
  const Descriptor nobody_reads = filled_fifo("");
  const pid_t id = start(drone() + " itm --heaptrace heaptrace > fifo");
  ASSERT_TRUE(eventually([&] { return records(); }));
  ::kill(id, SIGINT);
  const Result result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEvents + kEnd));
}

TEST_F(ItmProcessTest, AFileIsShownWholeHoweverSlowItsReader) {
  std::string stream;
  std::string text;
  for (unsigned i = 0; text.size() < 3'000'000; ++i) {
    const std::string word = std::to_string(100 + i % 900) + "\n";
    stream += "\x03" + word;
    text += word;
  }
  write_file(project_ / "swo.bin", stream + text_of(kEvents));
  const Descriptor reader = filled_fifo("");
  const pid_t id = start(drone() + " itm 0 --from file:swo.bin --heaptrace heaptrace > fifo");
  std::this_thread::sleep_for(300ms);  // it comes to where it has to wait
  std::string shown;
  EXPECT_TRUE(eventually([&] {
    char buffer[60'000];
    while (true) {
      const ssize_t n = ::read(reader.get(), buffer, sizeof(buffer));
      if (n <= 0) break;
      shown.append(buffer, static_cast<std::size_t>(n));
    }
    return shown.size() >= text.size();
  }));
  EXPECT_TRUE(shown == text);
  EXPECT_EQ(finish(id).status, 0);
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEnd));
}

TEST_F(ItmProcessTest, ADurationEndsACaptureWhoseReaderHasStoppedToo) {
  std::string text;
  while (text.size() < 3'000'000) text += "\x03text";
  write_file(project_ / "swo.bin", text);
  const Descriptor nobody_reads = filled_fifo("");
  const Result result = run(drone() + " itm 0 --from file:swo.bin --duration 200ms > fifo");
  EXPECT_THAT(result.status, ::testing::AnyOf(0, 1)) << result.err;
}

TEST_F(ItmProcessTest, AFileThatMayNotGrowIsATraceUntilThere) {
  std::string stream;
  for (int i = 0; i != 1000; ++i) stream += text_of(kAlloc);
  write_file(project_ / "swo.bin", stream);
  // One block of 512 bytes: 6 bytes, then 101 events, and one byte of the next.
  const Result result = run("sh -c 'ulimit -f 1; exec " + drone() +
                            " itm --from file:swo.bin --heaptrace heaptrace'");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("error: cannot write 'heaptrace': File too large\n"
                                    "hint: the first 512 bytes of the capture are in it"));
  EXPECT_THAT(result.err, Not(HasSubstr("nothing was lost")));
  EXPECT_EQ(trace(), (text_of(kSync) + stream).substr(0, 512));
  EXPECT_EQ(run(drone() + " heap").status, 0);
}

TEST_F(ItmProcessTest, AFullDiskUnderAPortsFileDoesNotEndTheHeapsRecording) {
  fifo();
  const pid_t id =
      start(drone() + " itm 1:/dev/full --from file:fifo --input-format itm --heaptrace heaptrace");
  Descriptor end = feed();
  send(end, "09 41");
  const auto err = [&] { return read_file(folder_.path() / "err"); };
  ASSERT_TRUE(eventually([&] { return err().ends_with("the capture goes on without\n"); }))
      << err();
  send(end, kEvents);
  end.reset();
  const Result result = finish(id);
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("error: cannot write '/dev/full': No space left on device\n"
                                    "hint: nothing of the capture is in it\n"));
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEnd));
}

TEST_F(ItmProcessTest, StandardInputIsDecodedToItsEnd) {
  write_file(project_ / "swo.bin", text_of(std::string("01 48 01 69 13 61 62 63 64") + kAlloc));
  const Result result = run(drone() + " itm 0 2:samples.bin --from - < swo.bin");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Hi");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(read_file(project_ / "samples.bin"), "abcd");
}

TEST_F(ItmProcessTest, ResultsThatCannotBeWrittenAreAnError) {
  write_file(project_ / "swo.bin", text_of("01 48"));
  for (const char* to : {" >&-", " >/dev/full"}) {
    for (const char* command : {" print devices", " itm --from file:swo.bin"}) {
      const Result result = run(drone() + command + to);
      EXPECT_EQ(result.status, 3) << command << to;
      EXPECT_THAT(result.err, HasSubstr("error: cannot write to standard output"));
    }
  }
  // A file that is written is not taken for the closed stream.
  write_file(project_ / "swo.bin", text_of(kAlloc));
  EXPECT_EQ(run(drone() + " itm --from file:swo.bin --heaptrace heaptrace >&- 2>&-").status, 0);
  EXPECT_EQ(trace(), text_of(std::string(kSync) + kAlloc + kEnd));
}

TEST_F(ItmProcessTest, WhatASlowReaderMissesIsCountedAndSaid) {
  // The board sends more than the pipe and we keep, and nobody reads.
  run(drone() + " flash node.elf");
  std::string flood;
  for (int i = 0; i != 700'000; ++i) flood += text_of("03 61 62 63 64");
  write_file(project_ / "swo.bin", flood + text_of(events(20)));
  ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
  const pid_t id = start("sh -c '" + drone() + " itm 0 --heaptrace heaptrace' | sleep 1000");
  ASSERT_TRUE(eventually([&] { return trace().ends_with(text_of("FA 00 00")); }))
      << "the recording does not wait";
  const auto err = [&] { return printed("err"); };
  ::kill(-id, SIGINT);
  ASSERT_TRUE(eventually([&] { return err().ends_with("next: drone heap\n"); })) << err();
  EXPECT_TRUE(std::regex_search(
      err(), std::regex("warning: [0-9]{6,} bytes were not shown: whoever reads standard output")))
      << err();
  ::kill(-id, SIGKILL);
  finish(id);
}

}  // namespace
}  // namespace drone
