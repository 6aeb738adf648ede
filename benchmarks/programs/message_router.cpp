// SPDX-License-Identifier: MIT

// A message processor in C++20, as firmware may have one, with the standard library's containers:
// frames come in pieces and are put together, parsed into messages, routed to subscribers by topic,
// queued for each, delivered, acknowledged, sent again if that was lost, and dropped in the end.
// `benchmarks/record_traces` records it. Deterministic.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace {

class Random {
 public:
  std::uint32_t below(std::uint32_t limit) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::uint32_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 42;
};

struct Publish {
  std::string topic;
  std::vector<std::uint8_t> payload;
};
struct Subscribe {
  std::string pattern;
  std::uint32_t client;
};
struct Acknowledge {
  std::uint32_t client;
  std::uint32_t number;
};
using Message = std::variant<Publish, Subscribe, Acknowledge>;

/// A frame is a length byte and as many bytes; it comes in pieces of any size.
class Assembler {
 public:
  void take(std::span<const std::uint8_t> piece, std::deque<std::vector<std::uint8_t>>& frames) {
    for (const std::uint8_t byte : piece) {
      if (!expected_) {
        expected_ = byte;
        frame_.clear();
        frame_.reserve(byte);
      } else {
        frame_.push_back(byte);
      }
      if (frame_.size() == *expected_) {
        frames.push_back(std::move(frame_));
        frame_ = {};
        expected_.reset();
      }
    }
  }

 private:
  std::optional<std::size_t> expected_;
  std::vector<std::uint8_t> frame_;
};

Message parse(std::span<const std::uint8_t> frame) {
  const std::string_view text(reinterpret_cast<const char*>(frame.data()), frame.size());
  const std::size_t separator = text.find(' ', 2);
  const std::string_view first = text.substr(2, separator - 2);
  const std::string_view rest =
      separator == std::string_view::npos ? std::string_view() : text.substr(separator + 1);
  switch (text[0]) {
    case 'P':
      return Publish{std::string(first), {rest.begin(), rest.end()}};
    case 'S':
      return Subscribe{std::string(first),
                       static_cast<std::uint32_t>(std::stoul(std::string(rest)))};
    default:
      return Acknowledge{static_cast<std::uint32_t>(std::stoul(std::string(first))),
                         static_cast<std::uint32_t>(std::stoul(std::string(rest)))};
  }
}

class Router {
 public:
  using Deliver = std::function<void(std::uint32_t client, std::uint32_t number, const Publish&)>;

  explicit Router(Deliver deliver) : deliver_(std::move(deliver)) {}

  void handle(Message message) {
    std::visit([this](auto& each) { handle(each); }, message);
  }

  /// Sends what was not acknowledged once more; what was sent three times is given up.
  void tick() {
    for (auto& [client, session] : sessions_) {
      for (auto waiting = session.waiting.begin(); waiting != session.waiting.end();) {
        if (++waiting->second.attempts == 3) {
          waiting = session.waiting.erase(waiting);
        } else {
          deliver_(client, waiting->first, *waiting->second.message);
          ++waiting;
        }
      }
    }
  }

  std::size_t waiting() const {
    std::size_t count = 0;
    for (const auto& [client, session] : sessions_) count += session.waiting.size();
    return count;
  }

 private:
  struct Waiting {
    std::shared_ptr<const Publish> message;
    unsigned attempts = 0;
  };
  struct Session {
    std::set<std::string> patterns;
    std::map<std::uint32_t, Waiting> waiting;
    std::uint32_t next = 1;
  };

  void handle(Publish& message) {
    const auto shared = std::make_shared<const Publish>(std::move(message));
    latest_[shared->topic] = shared;
    std::list<std::uint32_t> receivers;
    for (std::size_t end = shared->topic.size();; end = shared->topic.rfind('/', end - 1)) {
      if (end == std::string::npos) break;
      const auto found = subscribers_.find(shared->topic.substr(0, end));
      if (found != subscribers_.end()) {
        receivers.insert(receivers.end(), found->second.begin(), found->second.end());
      }
      if (end == 0) break;
    }
    for (const std::uint32_t client : receivers) {
      Session& session = sessions_[client];
      const std::uint32_t number = session.next++;
      session.waiting.emplace(number, Waiting{shared});
      deliver_(client, number, *shared);
    }
  }

  void handle(const Subscribe& message) {
    Session& session = sessions_[message.client];
    if (session.patterns.insert(message.pattern).second) {
      subscribers_[message.pattern].push_back(message.client);
    } else {  // a second one takes it back
      session.patterns.erase(message.pattern);
      std::erase(subscribers_[message.pattern], message.client);
    }
  }

  void handle(const Acknowledge& message) {
    sessions_[message.client].waiting.erase(message.number);
  }

  Deliver deliver_;
  std::map<std::uint32_t, Session> sessions_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> subscribers_;
  std::unordered_map<std::string, std::shared_ptr<const Publish>> latest_;
};

void append_frame(std::vector<std::uint8_t>& line, std::string_view text) {
  line.push_back(static_cast<std::uint8_t>(text.size()));
  line.insert(line.end(), text.begin(), text.end());
}

std::string topic(Random& random) {
  std::string name = "site/" + std::to_string(random.below(4));
  if (random.below(3) != 0) name += "/node-" + std::to_string(random.below(9));
  if (random.below(2) != 0) name += "/temperature";
  return name;
}

}  // namespace

int main() {
  Random random;
  Assembler assembler;
  std::deque<std::vector<std::uint8_t>> frames;
  std::deque<std::pair<std::uint32_t, std::uint32_t>> delivered;
  std::size_t bytes = 0;
  Router router([&](std::uint32_t client, std::uint32_t number, const Publish& message) {
    delivered.emplace_back(client, number);
    bytes += message.payload.size();
  });

  for (unsigned step = 0; step != 2500; ++step) {
    std::vector<std::uint8_t> line;
    if (step < 40 || random.below(25) == 0) {
      append_frame(line, "S " + topic(random) + ' ' + std::to_string(random.below(12)));
    }
    append_frame(line, "P " + topic(random) + ' ' + std::string(1 + random.below(90), 'x'));
    while (delivered.size() > 6) {
      const auto [client, number] = delivered.front();
      delivered.pop_front();
      if (random.below(10) == 0) continue;  // lost
      append_frame(line, "A " + std::to_string(client) + ' ' + std::to_string(number));
    }
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random.below(48), line.size() - at);
      assembler.take(std::span(line).subspan(at, size), frames);
      at += size;
    }
    for (; !frames.empty(); frames.pop_front()) router.handle(parse(frames.front()));
    if (step % 100 == 99) router.tick();
  }
  std::printf("%zu bytes delivered, %zu messages wait\n", bytes, router.waiting());
}
