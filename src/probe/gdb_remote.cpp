// SPDX-License-Identifier: MIT
#include "probe/gdb_remote.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "support/error.hpp"

namespace drone::probe {
namespace {

constexpr int kSendAttempts = 3;

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(std::string_view command, const std::string& why) {
  throw Error(ExitStatus::kProbe,
              "the target's GDB server did not do '" + std::string(command) + "': " + why);
}

std::string hex(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xFF);
  return to_hex(bytes);
}

/// "E" and two digits, or the newer "E.text".
bool is_error(std::string_view answer) {
  return answer.size() >= 2 && answer[0] == 'E' && (answer.size() == 3 || answer[1] == '.');
}

}  // namespace

std::unique_ptr<GdbRemote> GdbRemote::connect(const std::filesystem::path& folder,
                                              const std::string& name,
                                              std::chrono::milliseconds patience) {
  const Descriptor directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return nullptr;
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return nullptr;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return nullptr;
  // A Unix socket connects at once, or not (EAGAIN: its server does not take connections).
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return nullptr;
  }
  return std::unique_ptr<GdbRemote>(new GdbRemote(std::move(socket), patience));
}

void GdbRemote::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd writable{socket_.get(), POLLOUT, 0};
      if (::poll(&writable, 1, static_cast<int>(patience_.count())) == 0)
        fail("send", "it does not read");
    } else if (errno != EINTR) {
      fail("send", reason(errno));
    }
  }
}

GdbPacketParser::Message GdbRemote::receive(std::chrono::steady_clock::time_point deadline,
                                            std::string_view command) {
  while (true) {
    if (auto message = parser_.next()) return *std::move(message);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) fail(command, "no answer came");
    pollfd readable{socket_.get(), POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<std::byte, 4096> buffer;
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) fail(command, "it closed the connection");
    if (n < 0 && errno != EINTR && errno != EAGAIN) fail(command, reason(errno));
    if (n > 0) parser_.feed(std::span(buffer).first(static_cast<std::size_t>(n)));
  }
}

void GdbRemote::await_ack(const std::string& packet, std::string_view command) {
  using Kind = GdbPacketParser::Kind;
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  for (int attempt = 1;; ++attempt) {
    send(packet);
    Kind kind{};
    do {
      kind = receive(deadline, command).kind;
      if (kind == Kind::kPacket) send("+");  // a report that crossed the command
    } while (kind != Kind::kAck && kind != Kind::kNack);
    if (kind == Kind::kAck) return;
    if (attempt == kSendAttempts) fail(command, "it received it damaged each time");
  }
}

std::string GdbRemote::ask(std::string_view command) {
  using Kind = GdbPacketParser::Kind;
  await_ack(encode_gdb_packet(command), command);
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  while (true) {
    GdbPacketParser::Message message = receive(deadline, command);
    if (message.kind == Kind::kBadPacket) send("-");
    if (message.kind != Kind::kPacket) continue;
    send("+");
    // 'S' and 'T' tell of a stop that nobody asked about here.
    if (!message.data.empty() && (message.data[0] == 'S' || message.data[0] == 'T')) continue;
    return std::move(message.data);
  }
}

std::string GdbRemote::monitor(std::string_view command) {
  const std::string quoted = "monitor " + std::string(command);
  std::string answer = ask("qRcmd," + to_hex(command));
  std::string printed;
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  // Console output comes as packets of 'O' and hexadecimal digits before the answer itself, "OK".
  while (answer.size() > 1 && answer[0] == 'O' && answer != "OK") {
    printed += from_hex(std::string_view(answer).substr(1)).value_or("");
    GdbPacketParser::Message message;
    do {
      message = receive(deadline, quoted);
    } while (message.kind != GdbPacketParser::Kind::kPacket);
    send("+");
    answer = std::move(message.data);
  }
  if (answer.empty()) fail(quoted, "it does not know it");
  if (is_error(answer)) fail(quoted, printed.empty() ? "error " + answer.substr(1) : printed);
  if (answer != "OK") printed += from_hex(answer).value_or(answer);
  return printed;
}

void GdbRemote::write32(std::uint32_t address, std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift != 32; shift += 8) bytes += static_cast<char>((value >> shift) & 0xFF);
  const std::string answer = ask("M" + hex(address) + ",4:" + to_hex(bytes));
  if (answer != "OK") {
    fail("write " + hex(value) + " to " + hex(address), answer.empty() ? "it cannot" : answer);
  }
}

std::uint32_t GdbRemote::read32(std::uint32_t address) {
  const std::string answer = ask("m" + hex(address) + ",4");
  const auto bytes = from_hex(answer);
  if (!bytes || bytes->size() != 4) {
    fail("read " + hex(address), answer.empty() ? "it cannot" : answer);
  }
  std::uint32_t value = 0;
  for (unsigned i = 0; i != 4; ++i) {
    value |= std::uint32_t{static_cast<unsigned char>((*bytes)[i])} << (8 * i);
  }
  return value;
}

void GdbRemote::resume() { await_ack(encode_gdb_packet("c"), "continue"); }

void GdbRemote::kill() { send(encode_gdb_packet("k")); }

}  // namespace drone::probe
