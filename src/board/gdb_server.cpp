// SPDX-License-Identifier: MIT
#include "board/gdb_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "support/error.hpp"

namespace drone::board {

namespace {

constexpr std::string_view kTcp = "tcp:";
constexpr int kBacklog = 4;

[[noreturn]] void fail(const std::string& endpoint, const std::string& why) {
  throw Error(ExitStatus::kProbe, "cannot listen for a debugger at '" + endpoint + "': " + why);
}

int new_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

template <class Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

GdbServer::GdbServer(const std::string& endpoint, GdbTarget& target) : target_(target) {
  if (std::string_view(endpoint).substr(0, kTcp.size()) == kTcp) {
    listen_on_port(endpoint.substr(kTcp.size()));
  } else {
    listen_on_path(endpoint);
  }
}

GdbServer::~GdbServer() {
  // The last answers are short: they fit the socket's buffer.
  for (Client& client : clients_) {
    send(client);
    ::close(client.descriptor);
  }
  if (listener_ >= 0) ::close(listener_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void GdbServer::listen_on_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    fail(path, "a socket's path has 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                   " characters");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  listener_ = new_socket(AF_UNIX);
  if (listener_ < 0) fail(path, std::strerror(errno));
  int error = 0;
  if (::bind(listener_, generic(address), sizeof(address)) != 0) error = errno;
  if (error == EADDRINUSE) {
    const int probe = new_socket(AF_UNIX);
    const bool answered = ::connect(probe, generic(address), sizeof(address)) == 0;
    const bool abandoned = !answered && errno == ECONNREFUSED;
    ::close(probe);
    if (answered) error = EADDRINUSE;
    if (abandoned && ::unlink(path.c_str()) == 0) {
      error = ::bind(listener_, generic(address), sizeof(address)) == 0 ? 0 : errno;
    }
  }
  if (error == 0) path_ = path;
  if (error == 0 && ::listen(listener_, kBacklog) != 0) error = errno;
  if (error != 0) {
    ::close(listener_);
    if (!path_.empty()) ::unlink(path.c_str());
    fail(path, std::strerror(error));
  }
}

void GdbServer::listen_on_port(const std::string& port) {
  std::uint16_t number = 0;
  const auto [end, parse] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parse != std::errc() || end != port.data() + port.size() || number == 0) {
    fail("tcp:" + port, "a port is a number from 1 to 65535");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(number);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener_ = new_socket(AF_INET);
  if (listener_ < 0) fail("tcp:" + port, std::strerror(errno));
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(listener_, generic(address), sizeof(address)) != 0 ||
      ::listen(listener_, kBacklog) != 0) {
    const int error = errno;
    ::close(listener_);
    fail("tcp:" + port, std::strerror(error));
  }
}

void GdbServer::append_descriptors(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({listener_, POLLIN, 0});
  for (const Client& client : clients_) {
    const bool unsent = !const_cast<Client&>(client).session.output().empty();
    const int events = unsent ? POLLIN | POLLOUT : POLLIN;
    descriptors.push_back({client.descriptor, static_cast<short>(events), 0});
  }
}

bool GdbServer::receive(Client& client) {
  std::array<std::byte, 4096> buffer{};
  while (true) {
    const ssize_t got = ::recv(client.descriptor, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      client.session.receive(std::span(buffer).first(static_cast<std::size_t>(got)));
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
}

bool GdbServer::send(Client& client) {
  std::string& output = client.session.output();
  while (!output.empty()) {
    const ssize_t sent = ::send(client.descriptor, output.data(), output.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      output.erase(0, static_cast<std::size_t>(sent));
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else {
      return sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
  return true;
}

void GdbServer::serve() {
  while (true) {
    const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) break;
    const int on = 1;
    ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails for Unix sockets
    clients_.emplace_back(accepted, target_);
  }
  bool lost = false;
  for (auto client = clients_.begin(); client != clients_.end();) {
    // What was said before the connection ended still counts.
    const bool open = receive(*client);
    if (send(*client) && open) {
      ++client;
      continue;
    }
    lost = lost || client->session.is_debugger();
    ::close(client->descriptor);
    client = clients_.erase(client);
  }
  if (lost) {
    lost_debugger_ = true;
    target_.debuggers_changed();
  }
}

void GdbServer::notify_halted() {
  for (Client& client : clients_) client.session.notify_halted();
}

void GdbServer::notify_exit(int status) {
  for (Client& client : clients_) client.session.notify_exit(status);
}

bool GdbServer::has_debugger() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const Client& client) { return client.session.is_debugger(); });
}

}  // namespace drone::board
