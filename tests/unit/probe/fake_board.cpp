// SPDX-License-Identifier: MIT

// A program with drone-board's command line and GDB server, and no processor behind them. What it
// is asked goes to `board.log` in its folder, a line each; what it does is up to FAKE_BOARD:
//
//   (unset)    says "hello" on SWO once it runs, "bye" when it is killed, and ends with 0
//   ends, fails, faults    says "hello" once it runs and ends with 0, 1 or 4
//   refuses    ends with 3 before it listens
//   stubborn   heeds neither the kill packet nor SIGTERM
//   /FILE, stubborn:/FILE, faults:/FILE    the same, but what it says once it runs are the file's
//   bytes
//
// Memory reads as it was last written.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "support/gdb_packet.hpp"

namespace {

std::string mode;
bool stubborn = false;
std::map<std::string, std::string> written;  ///< words by address, both in hexadecimal

void log(std::string_view line) { std::ofstream("board.log", std::ios::app) << line << '\n'; }

void say(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n <= 0) std::exit(0);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void run() {
  if (const std::size_t path = mode.find('/'); path != std::string::npos) {
    std::ifstream file(mode.substr(path), std::ios::binary);
    say(std::string(std::istreambuf_iterator<char>(file), {}));
  } else {
    say("hello");
  }
  if (mode.starts_with("ends")) std::exit(0);
  if (mode.starts_with("fails")) std::exit(1);
  if (mode.starts_with("faults")) std::exit(4);
}

void answer(int client, std::string_view text) {
  const std::string packet = drone::encode_gdb_packet(text);
  (void)!::write(client, packet.data(), packet.size());
}

void handle(int client, const std::string& command) {
  (void)!::write(client, "+", 1);
  if (command.starts_with("qRcmd,")) {
    const std::string text = drone::from_hex(std::string_view(command).substr(6)).value_or("?");
    log("monitor " + text);
    answer(client, "O" + drone::to_hex("done\n"));
    answer(client, text.starts_with("reset") || text.starts_with("load ") ? "OK" : "E01");
    return;
  }
  log(command);
  if (command == "c") {
    run();
  } else if (command == "k") {
    if (stubborn) return;
    if (mode.empty()) say("bye");
    std::exit(0);
  } else if (command.starts_with("M")) {
    written[command.substr(1, 8)] = command.substr(command.find(':') + 1);
    answer(client, "OK");
  } else if (command.starts_with("m")) {
    const auto value = written.find(command.substr(1, 8));
    answer(client, value == written.end() ? "00000000" : value->second);
  } else {
    answer(client, "");
  }
}

int listen_at(const char* path) {
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  if (::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(server, 4) != 0) {
    std::exit(2);
  }
  return server;
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* value = std::getenv("FAKE_BOARD")) mode = value;
  std::string line = "arguments";
  std::string socket_path;
  for (int i = 1; i != argc; ++i) {
    line += std::string(" ") + argv[i];
    if (std::strcmp(argv[i], "--gdb") == 0 && i + 1 != argc) socket_path = argv[i + 1];
  }
  std::ofstream("board.log") << line << '\n';
  std::ofstream("board.pid") << ::getpid() << '\n';
  if (mode == "refuses") return 3;
  stubborn = mode.starts_with("stubborn");
  if (stubborn) std::signal(SIGTERM, SIG_IGN);

  const int server = listen_at(socket_path.c_str());
  std::map<int, drone::GdbPacketParser> clients;
  while (true) {
    pollfd events[16] = {{server, POLLIN, 0}};
    nfds_t count = 1;
    for (const auto& client : clients) events[count++] = {client.first, POLLIN, 0};
    ::poll(events, count, -1);
    if (events[0].revents != 0 && clients.size() < 15) {
      clients.try_emplace(::accept4(server, nullptr, nullptr, SOCK_CLOEXEC));
    }
    for (nfds_t i = 1; i != count; ++i) {
      if (events[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(events[i].fd, buffer, sizeof(buffer));
      auto& parser = clients.at(events[i].fd);
      if (n <= 0) {
        ::close(events[i].fd);
        clients.erase(events[i].fd);
        continue;
      }
      parser.feed(std::as_bytes(std::span(buffer, static_cast<std::size_t>(n))));
      while (auto message = parser.next()) {
        if (message->kind == drone::GdbPacketParser::Kind::kPacket) {
          handle(events[i].fd, message->data);
        }
      }
    }
  }
}
