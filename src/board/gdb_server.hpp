// SPDX-License-Identifier: MIT
#pragma once

// The socket that debuggers connect to, and one session for each of them. Nothing blocks: the
// board's loop waits for the descriptors and calls serve().

#include <poll.h>

#include <list>
#include <string>
#include <utility>
#include <vector>

#include "board/gdb_session.hpp"

namespace drone::board {

class GdbServer {
 public:
  /// `endpoint` is the path of a Unix-domain socket (one that is there and answers nobody is
  /// replaced), or `tcp:PORT` on the loopback interface. Throws Error (kProbe).
  GdbServer(const std::string& endpoint, GdbTarget& target);
  /// Removes the socket's file.
  ~GdbServer();
  GdbServer(const GdbServer&) = delete;
  GdbServer& operator=(const GdbServer&) = delete;

  /// Adds what is to be waited for.
  void append_descriptors(std::vector<pollfd>& descriptors) const;
  /// Accepts, reads, answers: whatever is possible without waiting.
  void serve();
  void notify_halted();
  void notify_exit(int status);

  bool has_clients() const { return !clients_.empty(); }
  bool has_debugger() const;
  /// Whether a debugger's connection was lost, without detaching, since the last call.
  bool take_lost_debugger() { return std::exchange(lost_debugger_, false); }

 private:
  struct Client {
    Client(int accepted, GdbTarget& target) : descriptor(accepted), session(target) {}
    int descriptor;
    GdbSession session;
  };

  void listen_on_path(const std::string& path);
  void listen_on_port(const std::string& port);
  bool receive(Client& client);
  bool send(Client& client);

  GdbTarget& target_;
  int listener_ = -1;
  std::string path_;
  std::list<Client> clients_;
  bool lost_debugger_ = false;
};

}  // namespace drone::board
