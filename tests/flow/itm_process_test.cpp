// SPDX-License-Identifier: MIT

// How a capture ends, and what it leaves: signals, durations, boards that do not do what they
// should.

#include "itm_process.hpp"

#include <random>
#include <span>
#include <utility>
#include <vector>

#include "itm/decoder.hpp"
#include "itm/swo_line.hpp"

namespace drone {
namespace {

TEST_F(ItmProcessTest, CtrlCClosesACaptureInOrder) {
  fifo();
  const pid_t id = start(drone() + " itm --from file:fifo --heaptrace heaptrace");
  const Descriptor end = feed();
  send(end, "01 41 " + kEvents + "FA 02");
  ASSERT_TRUE(eventually([&] { return records(); }))
      << "what has come is in the file before the capture ends";
  ::kill(id, SIGINT);
  const Result result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "A");
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEnd)) << "the cut packet is left out";
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("heaptrace: 30 heap events of port 31, 161 bytes; nothing "
                              "was lost on the way\n"),
                    HasSubstr("next: drone heap\n")));
}

TEST_F(ItmProcessTest, SigtermAndATerminalThatGoesAwayAreOrderlyEndsToo) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    fs::remove(project_ / "fifo");
    fifo();
    const pid_t id = start(drone() + " itm --from file:fifo --heaptrace heaptrace");
    const Descriptor end = feed();
    send(end, kEvents);
    ASSERT_TRUE(eventually([&] { return records(); }));
    ::kill(id, signal);
    EXPECT_EQ(finish(id).status, 0);
    EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
  }
}

TEST_F(ItmProcessTest, ASecondCtrlCEndsAtOnceAndLeavesWhatCame) {
  // The board heeds no request to end, so the orderly end takes its two seconds.
  run(drone() + " flash node.elf");
  std::string flood;
  for (int i = 0; i != 100'000; ++i) flood += text_of(kAlloc);
  write_file(project_ / "swo.bin", flood);
  ::setenv("FAKE_BOARD", ("stubborn:" + (project_ / "swo.bin").string()).c_str(), 1);
  const pid_t id = start(drone() + " itm --heaptrace heaptrace");
  ASSERT_TRUE(eventually([&] { return trace().size() > flood.size() / 2; }));
  ::kill(id, SIGINT);
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(::waitpid(id, nullptr, WNOHANG), 0) << "it waits for what is still to come";
  ::kill(id, SIGINT);
  EXPECT_EQ(finish(id).status, 130);
  std::vector<itm::Packet> packets;
  const std::string file = trace();
  itm::Decoder decoder;
  decoder.feed(std::as_bytes(std::span(file)), packets);
  decoder.finish(packets);
  EXPECT_EQ(packets.front().kind, itm::PacketKind::kSync);
  for (const itm::Packet& packet : std::span(packets).subspan(1)) {
    ASSERT_EQ(packet.kind, itm::PacketKind::kInstrumentation) << packet.offset;
    ASSERT_EQ(packet.value, 0x01040001U) << "no END";
  }
}

TEST_F(ItmProcessTest, SignalsThatArriveTogetherAreOneRequest) {
  // As from `timeout -s INT`, which signals its child and then its group.
  run(drone() + " flash node.elf");
  write_file(project_ / "swo.bin", text_of(kEvents));
  ::setenv("FAKE_BOARD", ("stubborn:" + (project_ / "swo.bin").string()).c_str(), 1);
  const pid_t id = start(drone() + " itm --heaptrace heaptrace");
  ASSERT_TRUE(eventually([&] { return records(); }));
  ::kill(id, SIGINT);
  std::this_thread::sleep_for(20ms);
  ::kill(-id, SIGINT);
  ::kill(id, SIGTERM);
  const Result result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
}

TEST_F(ItmProcessTest, InterruptedBeforeAnythingCameItKeepsTheOldTrace) {
  fifo();
  const pid_t id = start(drone() + " itm --from file:fifo --heaptrace heaptrace 2:samples.bin");
  const Descriptor end = feed();
  ASSERT_TRUE(eventually([&] { return fs::exists(project_ / "samples.bin"); }));
  std::this_thread::sleep_for(50ms);
  ::kill(id, SIGINT);
  const Result result = finish(id);
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(result.err, HasSubstr("error: no byte came from 'fifo'; 'heaptrace' is unchanged"));
  EXPECT_THAT(result.err, HasSubstr("hint: "));
  EXPECT_EQ(trace(), "precious");
  EXPECT_FALSE(fs::exists(project_ / "samples.bin"));
}

TEST_F(ItmProcessTest, ADurationEndsACaptureInOrder) {
  const Descriptor end = filled_fifo(text_of("01 41 " + kEvents));
  const Result result =
      run(drone() + " itm --from file:fifo --heaptrace heaptrace --duration 100ms");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "A");
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEnd));
}

TEST_F(ItmProcessTest, ADurationInWhichNothingCameIsNoSuccess) {
  const Descriptor end = filled_fifo("");
  const Result result =
      run(drone() + " itm --from file:fifo --heaptrace heaptrace --duration 10ms");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("no byte came from 'fifo'"));
  EXPECT_EQ(trace(), "precious");
}

TEST_F(ItmProcessTest, ANumberOfEventsEndsACaptureInOrder) {
  const Descriptor end = filled_fifo(text_of("01 41 " + kEvents + kEvents));
  const Result result = run(drone() + " itm --from file:fifo --heaptrace heaptrace --events 30");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "A");
  EXPECT_EQ(trace(), text_of(kSync + kEvents + kEnd)) << "and not one more";
}

TEST_F(ItmProcessTest, KilledAtAnyMomentItLeavesATraceOfWhatCameBefore) {
  // What a program does that holds 100 blocks and gives them back in turn.
  std::string stream;
  for (unsigned i = 0; stream.size() < 300'000; ++i) {
    const unsigned block = i % 100 + 200;
    for (const std::uint32_t value : {1U | block << 3 | (i % 40 + 4) << 18, block << 1}) {
      const bool is_alloc = (value & 1) != 0;
      stream += is_alloc ? '\xFB' : '\xFA';
      for (unsigned n = 0; n != (is_alloc ? 4U : 2U); ++n) {
        stream += static_cast<char>(value >> (8 * n) & 0xFF);
      }
    }
  }
  std::mt19937 random(11);
  unsigned cut = 0;
  for (int round = 0; round != 12; ++round) {
    fs::remove(project_ / "fifo");
    fs::remove(project_ / "heaptrace");
    fifo();
    const pid_t id = start(drone() + " itm --from file:fifo --heaptrace heaptrace");
    const Descriptor end = feed();
    std::size_t sent = 0;
    const std::size_t enough = 500 + random() % 250'000;
    while (sent < enough) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 5000, stream.size() - sent);
      ASSERT_EQ(::write(end.get(), stream.data() + sent, n), static_cast<ssize_t>(n));
      sent += n;
    }
    ASSERT_TRUE(eventually([&] { return fs::exists(project_ / "heaptrace") && !trace().empty(); }));
    ::kill(id, SIGKILL);
    EXPECT_EQ(finish(id).status, -SIGKILL);
    const std::string left = trace();
    ASSERT_TRUE((text_of(kSync) + stream).starts_with(left)) << "in round " << round;
    cut += left.size() < sent + 6 ? 1U : 0U;
    const Result result = run(drone() + " heap");
    EXPECT_EQ(result.status, 0) << result.err;
  }
  EXPECT_GT(cut, 0U) << "none of them was cut off in the middle: this tests nothing";
}

TEST_F(ItmProcessTest, FirmwareWithoutTheFeatureDoesNotCostTheLastRecording) {
  fifo();
  const pid_t id =
      start(drone() + " itm 0 --from file:fifo --input-format itm --heaptrace heaptrace");
  const Descriptor end = feed();
  send(end, "00 00 00 00 00 80 01 41 C0 85 01 01 42 70");
  ASSERT_TRUE(eventually([&] { return read_file(folder_.path() / "out") == "AB"; }));
  ::kill(id, SIGINT);
  const Result result = finish(id);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("error: nothing recorded: no heap event came on port 31; data "
                                    "came on port 0 (2 packets); 'heaptrace' is unchanged\n"));
  EXPECT_EQ(trace(), "precious");
}

TEST_F(ItmProcessTest, FollowPrintsTheTableAgainUntilTheCaptureEnds) {
  fs::remove(project_ / "heaptrace");
  const pid_t id = start(drone() + " heap --follow");
  const auto out = [&] { return printed("out"); };
  ASSERT_TRUE(eventually([&] { return printed("err") == "waiting for 'heaptrace'\n"; }));
  write_file(project_ / "heaptrace", text_of(kSync + events(3)));
  ASSERT_TRUE(eventually([&] {
    return out().ends_with(
        "%\n\nThe capture began while the program was "
        "running: the figures are lower bounds.\n"
        "`drone itm --reset` records from the "
        "program's start.\n");
  })) << out();
  const std::string first = out();
  write_file(project_ / "heaptrace", text_of(kSync + events(4) + kEnd));
  const Result result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, first + "\n" + run(drone() + " heap").out);
}

TEST_F(ItmProcessTest, FollowedUntilCtrlCTheLastTableIsPrinted) {
  write_file(project_ / "heaptrace", text_of(kSync + events(3)));
  const pid_t id = start(drone() + " heap --follow");
  ASSERT_TRUE(eventually([&] { return !printed("out").empty(); }));
  ::kill(id, SIGINT);
  Result result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("HEAP USAGE"));
  result = run(drone() + " heap --follow -f swo.fifo -s nonsense");
  EXPECT_EQ(result.status, 2);
}

TEST_F(ItmProcessTest, OutsideAProjectOnlyTheProbeIsMissing) {
  fs::remove(project_ / "Drone.toml");
  const Result result = run(drone() + " itm");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("error: there is no Drone.toml"));
  EXPECT_THAT(result.err, HasSubstr("drone new"));
}

TEST_F(ItmProcessTest, FlashResetAndCaptureWorkOnTheEmulatedBoard) {
  Result result = run(drone() + " itm");
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("hint: build and flash the program first: just flash"));
  result = run(drone() + " flash node.elf");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "flashed node: 1000 bytes of 512K flash\n");
  EXPECT_EQ(result.out, "");
  result = run(drone() + " reset");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("note: the emulated board is off"));

  write_file(project_ / "swo.bin", text_of("01 41 " + kEvents));
  ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
  const pid_t id = start(drone() + " itm --reset --heaptrace heaptrace");
  ASSERT_TRUE(eventually([&] { return records(); }));
  EXPECT_EQ(run_beside(drone() + " reset").err, "restarted the program on the emulated board\n");
  ::kill(id, SIGINT);
  result = finish(id);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "A");
  EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
}

TEST_F(ItmProcessTest, ASilentProgramAndAWrongBaudRateAreToldApart) {
  // Its note says that a heap is traced on port 31, and no more.
  write_file(project_ / "node.elf",
             test::with_notes(test::make_elf(0x08000000, 1000),
                              test::make_note("Drone", 1, std::string("\x1F\0\0\0\0\0\0\0", 8))));
  run(drone() + " flash node.elf");
  itm::test::Random random(1);
  const auto events = itm::test::make_stream(itm::test::Stream::kHeap, 300, random);
  const auto garbled = itm::test::receive(itm::test::uart_line(events, random), 0.5,
                                          itm::test::BadStops::kKept, random);
  const std::string noise(reinterpret_cast<const char*>(garbled.data()), garbled.size());
  for (const auto& [stream, message] :
       {std::pair(text_of(kSync), "has not used it yet"),
        std::pair(noise, "at a rate about 2.0 times slower than expected")}) {
    write_file(project_ / "heaptrace", "precious");
    write_file(project_ / "swo.bin", stream);
    ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
    const pid_t id = start(drone() + " itm --heaptrace heaptrace");
    ASSERT_TRUE(eventually([&] { return board_log().ends_with("c\n"); }));
    std::this_thread::sleep_for(100ms);  // for what the board says now
    ::kill(id, SIGINT);
    const Result result = finish(id);
    EXPECT_EQ(result.status, 130);
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_THAT(result.err, HasSubstr("'heaptrace' is unchanged"));
    EXPECT_EQ(trace(), "precious");
    fs::remove(project_ / ".drone/board.log");
  }
}

TEST_F(ItmProcessTest, ALockThatCannotBeTakenIsTheSameErrorForAllCommands) {
  run(drone() + " flash node.elf");
  fs::remove(project_ / ".drone/board.lock");
  fs::create_directory(project_ / ".drone/board.lock");  // stops root too
  for (const char* command : {" flash node.elf", " reset", " itm"}) {
    const Result result = run(drone() + command);
    EXPECT_EQ(result.status, 3) << command;
    EXPECT_THAT(result.err, HasSubstr("error: cannot lock '")) << command;
    EXPECT_THAT(result.err, HasSubstr("hint: ")) << command;
  }
}

TEST_F(ItmProcessTest, ACrashIsReportedOnceTheCaptureIsClosedInOrder) {
  run(drone() + " flash node.elf");
  write_file(project_ / "swo.bin", text_of(kAlloc));
  ::setenv("FAKE_BOARD", ("faults:" + (project_ / "swo.bin").string()).c_str(), 1);
  const Result result = run(drone() + " itm --heaptrace heaptrace");
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("error: the program on the emulated board has crashed"));
  EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
}

}  // namespace
}  // namespace drone
