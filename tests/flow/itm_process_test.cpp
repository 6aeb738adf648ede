// SPDX-License-Identifier: MIT

// `drone itm` as a process: its streams, its signals, its terminal.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <regex>
#include <set>
#include <thread>
#include <utility>

#include "itm/decoder.hpp"
#include "itm/swo_line.hpp"
#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"
#include "support/test_bytes.hpp"
#include "support/test_elf.hpp"
#include "support/test_folder.hpp"
#include "support/test_screen.hpp"

namespace drone {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::bytes_of;
using test::TestFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSync = "00 00 00 00 00 80";
constexpr const char* kAlloc = "FB 01 00 04 01";
constexpr const char* kEnd = "FB FF 00 00 00";

/// Events that suffice for the first of them to be recorded before the capture ends: the last are
/// held back until it is certain that their bytes are events.
const std::string kEvents = [] {
  std::string events;
  for (int i = 0; i != 30; ++i) events += std::string(kAlloc) + " ";
  return events;
}();

std::string text_of(const std::string& hex) {
  const auto bytes = bytes_of(hex);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i != 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

struct Result {
  int status = 0;
  std::string out;
  std::string err;
};

class ItmProcessTest : public ::testing::Test {
 protected:
  ItmProcessTest() : project_(folder_.path() / "project"), bin_(folder_.path() / "bin") {
    ::signal(SIGPIPE, SIG_IGN);  // of a FIFO whose reader has ended
    // The program looks for drone-board beside itself, and finds the tests' own.
    fs::create_directories(project_);
    fs::create_directories(bin_);
    fs::copy_file(DRONE_PROGRAM, bin_ / "drone");
    fs::copy_file(FAKE_BOARD_PROGRAM, bin_ / "drone-board");
    write_file(project_ / "Drone.toml", R"([heap]
size = "1K"
pools = [{ block = "16", capacity = 64 }]

[memory.flash]
origin = 0x08000000
size = "512K"

[memory.ram]
origin = 0x20000000
size = "128K"

[probe]
interface = "emulator"

[itm]
baud = 2_000_000
clock = 84_000_000
timestamps = true
)");
    write_file(project_ / "node.elf", test::make_elf(0x08000000, 1000));
    write_file(project_ / "heaptrace", "precious");
  }
  void TearDown() override {
    ::unsetenv("FAKE_BOARD");
    // Those of a test that has failed midway.
    for (const pid_t id : running_) {
      ::kill(-id, SIGKILL);
      ::waitpid(id, nullptr, 0);
    }
  }

  std::string drone() const { return (bin_ / "drone").string(); }
  std::string trace() const { return read_file(project_ / "heaptrace"); }
  /// Some of the first events of a capture are in its heaptrace file.
  bool records() const { return trace().starts_with(text_of(std::string(kSync) + kAlloc)); }

  /// What a command that runs has printed so far.
  std::string printed(const std::string& stream) const {
    const fs::path path = folder_.path() / stream;
    return fs::exists(path) ? read_file(path) : "";
  }

  std::string board_log() const {
    const fs::path log = project_ / ".drone/board.log";
    return fs::exists(log) ? read_file(log) : "";
  }

  void fifo() const { ASSERT_EQ(::mkfifo((project_ / "fifo").c_str(), 0600), 0); }
  /// The writing end of the FIFO, once something reads from it.
  Descriptor feed() const { return Descriptor(::open((project_ / "fifo").c_str(), O_WRONLY)); }
  /// The FIFO with something in it, before anything reads from it; it does not end.
  Descriptor filled_fifo(const std::string& bytes) const {
    fifo();
    Descriptor both(::open((project_ / "fifo").c_str(), O_RDWR | O_NONBLOCK));
    EXPECT_EQ(::write(both.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return both;
  }
  static void send(const Descriptor& end, const std::string& hex) {
    const auto bytes = bytes_of(hex);
    ASSERT_EQ(::write(end.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  /// Starts `command` in a shell, in the project; the shell is replaced by it. What it prints goes
  /// to the files out and err, `streams` before their names.
  pid_t start(const std::string& command, const std::string& streams = "") const {
    const pid_t id = ::fork();
    if (id != 0) {
      running_.insert(id);
      return id;
    }
    ::setpgid(0, 0);
    ::signal(SIGPIPE, SIG_DFL);
    if (::chdir(project_.c_str()) != 0) ::_exit(126);
    const auto create = [&](const std::string& name) {
      return ::open((folder_.path() / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    };
    const int out = create(streams + "out");
    const int err = create(streams + "err");
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
    ::_exit(127);
  }
  Result finish(pid_t id, const std::string& streams = "") const {
    int status = 0;
    if (!eventually([&] { return ::waitpid(id, &status, WNOHANG) == id; })) {
      ADD_FAILURE() << "it does not end";
      ::kill(-id, SIGKILL);
      ::waitpid(id, &status, 0);
    }
    running_.erase(id);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
            read_file(folder_.path() / (streams + "out")),
            read_file(folder_.path() / (streams + "err"))};
  }
  Result run(const std::string& command) const { return finish(start(command)); }
  /// The same while another command runs.
  Result run_beside(const std::string& command) const {
    return finish(start(command, "beside_"), "beside_");
  }

  TestFolder folder_;
  fs::path project_;
  fs::path bin_;
  mutable std::set<pid_t> running_;
};

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

/// A terminal, and what runs in it as a shell's job would: leader of a session and of the
/// foreground group.
class Terminal {
 public:
  Terminal(const fs::path& folder, const std::string& command) {
    int master = -1;
    winsize size{};
    size.ws_row = kRows;
    size.ws_col = kColumns;
    id_ = ::forkpty(&master, nullptr, nullptr, &size);
    if (id_ == 0) {
      if (::chdir(folder.c_str()) != 0) ::_exit(126);
      ::setenv("TERM", "xterm", 1);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    master_.reset(master);
  }
  ~Terminal() {
    if (id_ <= 0) return;
    ::kill(-id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(char key) const { (void)!::write(master_.get(), &key, 1); }

  /// Reads until `text` was printed.
  bool shows(const std::string& text) {
    return eventually([&] {
      pollfd readable{master_.get(), POLLIN, 0};
      char buffer[4096];
      while (::poll(&readable, 1, 0) > 0) {
        const ssize_t n = ::read(master_.get(), buffer, sizeof(buffer));
        if (n <= 0) break;
        screen_.append(buffer, static_cast<std::size_t>(n));
        model_.write({buffer, static_cast<std::size_t>(n)});
      }
      return screen_.find(text) != std::string::npos;
    });
  }
  const std::string& screen() const { return screen_; }

  /// Reads until the user sees `pattern` on the screen.
  bool sees(const std::string& pattern) {
    return eventually([&] {
      shows("");
      return std::regex_search(model_.text(), std::regex(pattern));
    });
  }
  const test::Screen& model() const { return model_; }
  void resize(unsigned short columns) {
    winsize size{};
    size.ws_row = kRows;
    size.ws_col = columns;
    ::ioctl(master_.get(), TIOCSWINSZ, &size);
  }

 private:
  static constexpr unsigned short kRows = 24;
  static constexpr unsigned short kColumns = 120;

  pid_t id_ = -1;
  Descriptor master_;
  std::string screen_;
  test::Screen model_{kRows, kColumns};
};

constexpr char kCtrlC = '\x03';
constexpr char kCtrlZ = '\x1A';

class TerminalTest : public ItmProcessTest {
 protected:
  TerminalTest() {
    run(drone() + " flash node.elf");
    write_file(project_ / "swo.bin", text_of("01 41 " + kEvents));
    ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
    write_file(project_ / "Justfile", "heaptrace:\n    @" + drone() +
                                          " itm --heaptrace heaptrace\n"
                                          "absent:\n    @" +
                                          drone() + " itm --from file:absent\n");
  }
};

TEST_F(TerminalTest, CtrlCEndsJustHeaptraceWithoutAnErrorAndTheShellHasItsTerminalBack) {
  // `read` fails unless the shell is in the terminal's foreground.
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows(
      "recording the heap's port 31 in heaptrace from the emulated board; Ctrl-C ends it"))
      << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.shows("status 0")) << terminal.screen();
  EXPECT_THAT(terminal.screen(), Not(HasSubstr("error")));
  EXPECT_THAT(terminal.screen(), HasSubstr("next: drone heap"));
  EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, CtrlZDoesNotStopACaptureThatNobodyCouldContinue) {
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"");
  ASSERT_TRUE(terminal.shows("Ctrl-C ends it")) << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlZ);
  std::this_thread::sleep_for(50ms);
  terminal.type(kCtrlC);
  EXPECT_TRUE(terminal.shows("status 0")) << terminal.screen();
}

TEST_F(TerminalTest, AnErrorGivesTheTerminalBackToo) {
  Terminal terminal(project_, "just absent; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows("status 3")) << terminal.screen();
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, ASecondCtrlCGivesTheTerminalBackToo) {
  ::setenv("FAKE_BOARD", ("stubborn:" + (project_ / "swo.bin").string()).c_str(), 1);
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows("Ctrl-C ends it")) << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlC);
  std::this_thread::sleep_for(500ms);
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.shows("status 130")) << terminal.screen();
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, APipelineKeepsTheTerminal) {
  // The other end of the pipe reads from the terminal, as a pager does.
  Terminal terminal(project_, "just heaptrace | sh -c 'read x </dev/tty; echo \"read $x\"'");
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

/// Events enough that a reader is sure of the first ones.
std::string events(int count) {
  std::string hex;
  for (int i = 0; i != count; ++i) hex += std::string(kAlloc) + " FA 00 00 ";
  return hex;
}

TEST_F(TerminalTest, TheStatusLineStandsUnderThePromptAndLeavesNothingBehind) {
  fifo();
  Terminal terminal(project_,
                    drone() + " itm --from file:fifo --heaptrace heaptrace; echo status $?");
  const Descriptor end = feed();
  ASSERT_TRUE(
      terminal.sees("^recording the heap's port 31 [^\n]*\n0 s \\| 0 events \\|[^\n]*no event "
                    "yet\n$"))
      << terminal.model().text();
  send(end, "01 3E " + events(50));
  ASSERT_TRUE(terminal.sees(
      "^recording [^\n]*\n>\n[0-9]+ s \\| [0-9]{2,} events \\|[^\n]*growing[^\n]*\n$"))
      << terminal.model().text();
  EXPECT_EQ(terminal.model().row(), 1U) << "the cursor is behind the prompt";
  EXPECT_EQ(terminal.model().column(), 1U);
  send(end, "01 20 02 C3 BC 01 0A 01 24");  // a space, a u with dots, a newline, and a dollar sign
  ASSERT_TRUE(terminal.sees("\n> \u00FC\n\\$\n[0-9]+ s \\| [^\n]*\n$")) << terminal.model().text();
  terminal.resize(60);
  ASSERT_TRUE(terminal.sees("\n[^\n]{1,59}\n$")) << "it still fits";
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.sees("status 0\n$")) << terminal.model().text();
  EXPECT_EQ(terminal.model().unknown(), "");
  EXPECT_THAT(terminal.model().text(),
              ::testing::MatchesRegex("recording [^\n]*\n> \u00FC\n\\$(\\^C)?\n"
                                      "heaptrace: 100 heap events of port 31, 411 bytes; nothing "
                                      "was lost on the way\n"
                                      "stream: [^\n]*\n"
                                      "next: drone heap\n"
                                      "status 0\n"));
}

TEST_F(TerminalTest, TheStatusLineIsNotInTheOutputThatGoesElsewhere) {
  fifo();
  Terminal terminal(project_,
                    drone() + " itm --from file:fifo --heaptrace heaptrace >text; echo end $?");
  Descriptor end = feed();
  send(end, "01 3E " + events(50));
  ASSERT_TRUE(terminal.sees("\n[0-9]+ s \\| [0-9]{2,} events \\|[^\n]*\n$"))
      << terminal.model().text();
  end.reset();
  ASSERT_TRUE(terminal.sees("end 0\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr("growing")));
  EXPECT_EQ(read_file(project_ / "text"), ">");
}

TEST_F(TerminalTest, AnErrorStandsOnALineOfItsOwn) {
  run(drone() + " flash node.elf");
  write_file(project_ / "swo.bin", text_of("01 3E " + events(50)));
  ::setenv("FAKE_BOARD", ("faults:" + (project_ / "swo.bin").string()).c_str(), 1);
  Terminal terminal(project_, drone() + " itm --heaptrace heaptrace; echo status $?");
  ASSERT_TRUE(terminal.sees("status 4\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), HasSubstr("\n>\n"));
  EXPECT_THAT(terminal.model().text(), HasSubstr("\nerror: the program on the emulated board has"));
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr(" | ")));
}

TEST_F(TerminalTest, FollowShowsTheTableWhileItIsRecordedAndLeavesTheLastOne) {
  fs::remove(project_ / "heaptrace");
  Terminal terminal(project_, "trap : INT; " + drone() + " heap --follow; echo status $?");
  ASSERT_TRUE(terminal.sees("^waiting for 'heaptrace'; Ctrl-C ends it\n$"))
      << terminal.model().text();
  write_file(project_ / "heaptrace", text_of(kSync + events(3)));
  ASSERT_TRUE(terminal.sees("HEAP USAGE[^$]*\n +65 +1 +3\n[^$]*following 'heaptrace': "))
      << terminal.model().text();
  write_file(project_ / "heaptrace", text_of(kSync + events(2)));
  ASSERT_TRUE(terminal.sees("HEAP USAGE[^$]*\n +65 +1 +2\n[^$]*following 'heaptrace': "))
      << "a new capture\n"
      << terminal.model().text();
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.sees("status 0\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), HasSubstr("-- HEAP USAGE --"));
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr("following")));
  EXPECT_EQ(terminal.model().unknown(), "");
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
