// SPDX-License-Identifier: MIT

// A program of a host whose heap is recorded with the tools of docs/imports.md: counts words, and
// keeps a log in a buffer that it reallocates.

#include <mcheck.h>

#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace {

/// The C part: a text that grows, now and then shrinks, and sometimes asks for too much.
class Log {
 public:
  Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() { std::free(text_); }

  void add(const std::string& line) {
    if (length_ + line.size() > capacity_) reserve(capacity_ + 40);
    std::memcpy(text_ + length_, line.data(), line.size());
    length_ += line.size();
  }
  void clear() {
    length_ = 0;
    reserve(16);
  }
  /// Whether there is so much memory.
  bool reserve(std::size_t size) {
    void* const moved = std::realloc(text_, size);
    if (moved == nullptr) return false;
    text_ = static_cast<char*>(moved);
    capacity_ = size;
    return true;
  }

 private:
  char* text_ = nullptr;
  std::size_t length_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace

int main() {
  mtrace();
  const std::string text =
      "when the sensor wakes it reads the temperature and the humidity and tells the gateway what "
      "it read and when the gateway does not answer the sensor keeps what it read until it wakes";
  std::map<std::string, std::list<std::size_t>> places;
  std::vector<std::string> order;
  Log log;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = "greenhouse/words/" + text.substr(at, end - at);
    if (places[word].empty()) order.push_back(word);
    places[word].push_back(at);
    log.add(word);
    if (places[word].size() == 3) log.clear();
    at = end + 1;
  }
  const volatile std::size_t too_much = std::size_t{1} << 62;
  const bool is_enough = log.reserve(too_much);
  void* const nothing = std::malloc(too_much);
  std::free(nothing);
  for (std::size_t i = 0; i < order.size(); i += 2) places.erase(order[i]);
  return is_enough || nothing != nullptr || places.empty() ? 1 : 0;
}
