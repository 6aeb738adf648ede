// SPDX-License-Identifier: MIT

// Debuggers: the remote protocol over the board's socket, spoken by hand, and by GDB itself.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "board_process.hpp"
#include "support/gdb_packet.hpp"

namespace drone::board_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = GdbPacketParser::Kind;

std::string socket_path() { return fmt::format("{}board-{}.sock", testing::TempDir(), ::getpid()); }

class Client {
 public:
  explicit Client(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    for (int i = 0; i != 500; ++i) {
      descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
        return;
      }
      ::close(descriptor_);
      std::this_thread::sleep_for(10ms);
    }
    throw std::runtime_error("the board does not listen");
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  void send_raw(std::string_view bytes) const {
    ASSERT_EQ(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void send(std::string_view packet) const { send_raw(encode_gdb_packet(packet)); }

  /// The next packet's content, "-" for a refused one, "" also if none comes.
  std::string receive(std::chrono::milliseconds timeout = 5s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (true) {
      while (const auto message = parser_.next()) {
        if (message->kind == Kind::kPacket) return message->data;
        if (message->kind == Kind::kNack) return "-";
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd descriptor{descriptor_, POLLIN, 0};
      if (left <= 0ms || ::poll(&descriptor, 1, static_cast<int>(left.count())) <= 0) return "";
      std::array<std::byte, 4096> buffer{};
      const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
      if (got <= 0) return "closed";
      parser_.feed(std::span(buffer).first(static_cast<std::size_t>(got)));
    }
  }
  std::string ask(std::string_view packet) {
    send(packet);
    return receive();
  }
  std::string monitor(std::string_view command) { return ask("qRcmd," + to_hex(command)); }
  /// A register by GDB's number.
  std::uint32_t reg(unsigned number) {
    const auto bytes = from_hex(ask(fmt::format("p{:x}", number)));
    std::uint32_t value = 0;
    if (bytes && bytes->size() >= 4) std::memcpy(&value, bytes->data(), 4);
    return value;
  }
  std::uint32_t word(std::uint32_t address) {
    const auto bytes = from_hex(ask(fmt::format("m{:x},4", address)));
    std::uint32_t value = 0;
    if (bytes && bytes->size() == 4) std::memcpy(&value, bytes->data(), 4);
    return value;
  }

 private:
  int descriptor_ = -1;
  GdbPacketParser parser_;
};

class Gdb : public testing::Test {
 protected:
  void start(const std::string& program, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--gdb", path_, firmware(program)});
    board_.emplace(arguments);
  }

  std::string path_ = socket_path();
  std::optional<BoardProcess> board_;
};

constexpr unsigned kPc = 15;
constexpr unsigned kXpsr = 25;

TEST_F(Gdb, StartsHaltedAtTheResetVectorUntilSomebodyContinues) {
  start("ticker", {"--halt", "--clock", "1000000"});
  Client client(path_);
  const std::uint32_t vector = client.word(0x08000004);
  EXPECT_EQ(client.reg(kPc), vector & ~1U);
  EXPECT_EQ(client.reg(13), 0x20004000U);
  EXPECT_EQ(client.reg(kXpsr), 0x01000000U);
  EXPECT_TRUE(board_->read_trace(1, 200ms).empty());
  client.send("c");
  EXPECT_GE(board_->read_trace(5, 5s).size(), 5U);
}

TEST_F(Gdb, StopsAtBreakpointsStepsAndContinues) {
  start("ticker", {"--halt", "--clock", "1000000"});
  Client client(path_);
  EXPECT_THAT(client.ask("qSupported:multiprocess+"), HasSubstr("qXfer:features:read+"));
  EXPECT_EQ(client.ask("?"), "T05thread:1;");
  // SysTick's handler, by its vector.
  const std::uint32_t handler = client.word(0x0800003C) & ~1U;
  EXPECT_EQ(client.ask(fmt::format("Z1,{:x},2", handler)), "OK");
  EXPECT_EQ(client.ask(fmt::format("Z1,{:x},2", handler)), "OK");  // GDB may repeat itself
  EXPECT_EQ(client.ask("vCont;c"), "T05thread:1;");
  EXPECT_EQ(client.reg(kPc), handler);
  EXPECT_EQ(client.reg(kXpsr) & 0x1FF, 15U);
  EXPECT_EQ(client.reg(14), 0xFFFFFFF9U);
  EXPECT_EQ(client.ask("s"), "T05thread:1;");
  EXPECT_NE(client.reg(kPc), handler);
  EXPECT_EQ(client.ask("c"), "T05thread:1;");  // a millisecond later
  EXPECT_EQ(client.reg(kPc), handler);
  EXPECT_EQ(client.ask(fmt::format("z1,{:x},2", handler)), "OK");
  client.send("c");
  EXPECT_EQ(client.receive(100ms), "");
  client.send_raw("\x03");
  EXPECT_EQ(client.receive(), "T02thread:1;");
  EXPECT_EQ(client.ask("D"), "OK");
  const std::size_t seen = board_->trace().size();
  EXPECT_GT(board_->read_trace(seen + 100, 5s).size(), seen + 99);
}

TEST_F(Gdb, ReadsAndWritesRegistersAndMemory) {
  start("ticker", {"--halt"});
  Client client(path_);
  EXPECT_EQ(client.ask("P3=78563412"), "OK");
  EXPECT_EQ(client.reg(3), 0x12345678U);
  const std::string all = client.ask("g");
  EXPECT_EQ(all.substr(24, 8), "78563412");
  EXPECT_EQ(client.ask("G" + all), "OK");
  EXPECT_EQ(client.ask("g"), all);
  EXPECT_EQ(client.ask("M20000000,3:aabbcc"), "OK");
  EXPECT_EQ(client.ask("m20000000,4"), "aabbcc00");
  EXPECT_EQ(client.ask(std::string("X20000010,2:\x01#")), "OK");
  EXPECT_EQ(client.ask("m20000010,2"), "0123");
  EXPECT_EQ(client.ask("X20000010,0:"), "OK");
  EXPECT_EQ(client.ask("M08000100,2:ffde"), "OK");  // flash too
  EXPECT_EQ(client.ask("m8000100,2"), "ffde");
  EXPECT_EQ(client.ask("m30000000,4"), "E01");
  EXPECT_EQ(client.ask("m20003ffe,4"), "E01");
  EXPECT_THAT(client.ask("qXfer:features:read:target.xml:0,fff"), HasSubstr("m-profile"));
}

TEST_F(Gdb, ReachesTheModelledRegistersAndIsNotHinderedByLocks) {
  start("sleeper", {"--halt"});
  Client client(path_);
  EXPECT_EQ(client.word(0xE000ED00), 0x410FC241U);      // CPUID
  EXPECT_EQ(client.ask("Me0000e00,4:ffffffff"), "OK");  // ITM_TER
  EXPECT_EQ(client.word(0xE0000E00), 0U);               // without DEMCR.TRCENA: nothing
  EXPECT_EQ(client.ask("Me000edfc,4:00000001"), "OK");  // DEMCR
  EXPECT_EQ(client.ask("Me0000e00,4:02000080"), "OK");  // ITM_TER
  EXPECT_EQ(client.word(0xE0000E00), 0x80000002U);
  EXPECT_EQ(client.ask("Me0000e80,4:01000100"), "OK");  // ITM_TCR
  EXPECT_EQ(client.ask("Me0000004,2:3412"), "OK");      // STIM1: two bytes wide
  EXPECT_EQ(client.ask("Me000007c,1:56"), "OK");        // STIM31: one
  client.send("c");
  EXPECT_THAT(board_->read_trace(10, 5s), testing::Contains(std::byte{0xF9}));
  const auto packets = decode(board_->trace());
  ASSERT_GE(packets.size(), 2U);
  EXPECT_EQ(packets[0].size, 2);
  EXPECT_EQ(packets[0].value, 0x1234U);
  EXPECT_EQ(packets[1].source, 31);
  EXPECT_EQ(packets[1].size, 1);
}

TEST_F(Gdb, ALookAtDhcsrSaysWhetherTheProcessorIsHaltedOrSleeps) {
  constexpr std::uint32_t kDhcsr = 0xE000EDF0;
  constexpr std::uint32_t kHalted = 1U << 17;
  constexpr std::uint32_t kSleeping = 1U << 18;
  start("sleeper", {"--halt"});
  Client client(path_);
  EXPECT_EQ(client.word(kDhcsr) & (kHalted | kSleeping), kHalted);
  client.send("c");
  board_->read_trace(5, 5s);  // it says something, and sleeps
  for (int i = 0; i != 500 && (client.word(kDhcsr) & kSleeping) == 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(client.word(kDhcsr) & (kHalted | kSleeping), kSleeping);
  EXPECT_TRUE(board_->running()) << "to look is not to stop";
}

TEST_F(Gdb, AnotherClientResetsARunningBoardWithoutStoppingIt) {
  start("ticker", {"--clock", "1000000"});
  Client debugger(path_);
  Client client(path_);
  board_->read_trace(50, 5s);
  EXPECT_EQ(client.monitor("reset"), "OK");
  const std::size_t seen = board_->trace().size();
  board_->read_trace(seen + 200, 5s);
  EXPECT_EQ(said(board_->trace()), (std::vector<std::uint64_t>{0xB0070001, 0xB0070002}));
}

TEST_F(Gdb, HaltsResetsAndLoadsOnCommand) {
  start("ticker", {"--clock", "1000000"});
  Client client(path_);
  board_->read_trace(20, 5s);
  EXPECT_EQ(client.monitor("reset halt"), "OK");
  EXPECT_EQ(client.reg(kPc), client.word(0x08000004) & ~1U);
  const std::string refused = client.monitor("load " + path_ + ".none");
  EXPECT_EQ(from_hex(refused.substr(1)).value_or("").substr(0, 6), "error:");
  EXPECT_EQ(client.receive(), "E01");
  EXPECT_EQ(client.monitor("load " + firmware("sleeper")), "OK");
  client.send("c");
  for (int i = 0; i != 100 && said(board_->trace()).back() != 0xCAFE; ++i) {
    board_->read_trace(board_->trace().size() + 1, 50ms);
  }
  EXPECT_EQ(said(board_->trace()).back(), 0xCAFEU);
  EXPECT_EQ(client.monitor("halt"), "OK");
  EXPECT_EQ(client.receive(), "T02thread:1;");
  EXPECT_THAT(client.monitor("dance"), StartsWith("O"));
}

TEST_F(Gdb, KillSendsTheFifoAndEndsTheBoard) {
  start("sleeper", {"--clock", "1000"});
  Client client(path_);
  board_->read_trace(1, 5s);
  client.send("k");
  EXPECT_EQ(board_->wait(), 0);
  EXPECT_EQ(said(board_->trace()), (std::vector<std::uint64_t>{0xCAFE}));
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(Gdb, ALostConnectionLetsTheProgramGoOn) {
  start("ticker", {"--clock", "1000000"});
  Client client(path_);
  EXPECT_EQ(client.ask("?"), "T02thread:1;");
  board_->read_trace(SIZE_MAX, 50ms);
  const std::size_t seen = board_->trace().size();
  EXPECT_EQ(board_->read_trace(seen + 1, 100ms).size(), seen);
  client.close();
  EXPECT_GT(board_->read_trace(seen + 1, 5s).size(), seen);
}

TEST_F(Gdb, AFaultStopsTheProgramForADebuggerAndThenEndsIt) {
  start("NULL_WRITE", {"--halt"});
  Client client(path_);
  EXPECT_EQ(client.ask("?"), "T05thread:1;");
  EXPECT_EQ(client.ask("c"), "T0bthread:1;");
  EXPECT_EQ(client.word(0xE000ED38), 0U);       // BFAR
  EXPECT_EQ(client.word(0xE000ED28), 0x8200U);  // CFSR
  EXPECT_EQ(client.ask("c"), "W04");
  EXPECT_EQ(board_->wait(), 4);
  EXPECT_THAT(board_->log(), HasSubstr("bus fault: write of 4 bytes at 0x00000000"));
}

TEST_F(Gdb, ABreakpointInstructionStopsAndIsPassedWhenContinued) {
  start("BREAKPOINT", {"--halt"});
  Client client(path_);
  EXPECT_EQ(client.ask("?"), "T05thread:1;");
  EXPECT_EQ(client.ask("c"), "T05thread:1;");
  EXPECT_EQ(client.word(client.reg(kPc) & ~3U) >> 8 * (client.reg(kPc) & 2) & 0xFFFF, 0xBE03U);
  EXPECT_EQ(client.ask("c"), "W00");
  EXPECT_EQ(board_->wait(), 0);
}

TEST_F(Gdb, SurvivesNonsense) {
  start("ticker", {"--halt"});
  Client client(path_);
  client.send_raw("hello$m2000#00");
  EXPECT_EQ(client.receive(), "-");
  for (const char* packet : {"m",
                             "m,",
                             "mzz,4",
                             "m20000000",
                             "M20000000,4",
                             "M20000000,4:zz",
                             "M20000000,2:aabbcc",
                             "X",
                             "P",
                             "Pff=00",
                             "P3=0011",
                             "pffff",
                             "Gzz",
                             "Z1",
                             "Z1,zz,2",
                             "z1,",
                             "vCont;",
                             "vCont;x",
                             "qRcmd,zz",
                             "qXfer:features:read:target.xml:z",
                             "mffffffff,4"}) {
    EXPECT_THAT(client.ask(packet), testing::AnyOf("E01", "")) << packet;
  }
  for (const char* packet : {"", "!", "qWhat", "vMustReplyEmpty", "Z2,20000000,4"}) {
    EXPECT_EQ(client.ask(packet), "") << packet;
  }
  client.send_raw(std::string(100000, '$'));
  EXPECT_EQ(client.ask("qAttached"), "-");  // ends that packet
  EXPECT_EQ(client.ask("qAttached"), "1");
}

TEST_F(Gdb, RealGdbDebugsAProgram) {
  ASSERT_EQ(std::system("gdb-multiarch --version > /dev/null 2>&1"), 0) << "install gdb-multiarch";
  start("ticker", {"--halt", "--clock", "1000000"});
  { Client ready(path_); }
  const std::string script = path_ + ".gdb";
  std::ofstream(script) << "set pagination off\nset confirm off\ntarget remote " << path_
                        << "\nbreak square\ncontinue\nbacktrace\nprint ticks\nstepi\ndelete\n"
                           "break systick_handler\ncontinue\nbacktrace\nprint $msp == $sp\n"
                           "delete\nmonitor reset\ndetach\n";
  const std::string command =
      "timeout 50 gdb-multiarch -nx -batch -x " + script + " " + firmware("ticker") + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  EXPECT_EQ(::pclose(pipe), 0);
  ::unlink(script.c_str());
  EXPECT_THAT(output, HasSubstr("Breakpoint 1, square (value=1) at"));
  EXPECT_THAT(output, HasSubstr("in run () at"));
  EXPECT_THAT(output, HasSubstr("$1 = 1\n"));
  EXPECT_THAT(output, HasSubstr("Breakpoint 2, systick_handler () at"));
  EXPECT_THAT(output, HasSubstr("<signal handler called>"));
  EXPECT_THAT(output, HasSubstr("$2 = true\n"));
  EXPECT_THAT(output, HasSubstr("detached"));
  const std::size_t seen = board_->trace().size();
  EXPECT_GT(board_->read_trace(seen + 50, 5s).size(), seen + 49);
}

}  // namespace
}  // namespace drone::board_test
