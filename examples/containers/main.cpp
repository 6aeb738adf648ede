// SPDX-License-Identifier: MIT
// Containers in two heaps. It checks what it gets: the example is a test.

#include <cstdio>
#include <list>
#include <memory_resource>
#include <string>
#include <vector>

#include "drone/heap/allocator.hpp"
#include "drone/heap/memory_resource.hpp"
#include "heaps.hpp"

namespace {

// A type per heap: the compiler sees to it that nothing is mixed up.
template <class T>
using MessageAllocator = drone::allocator<T, message_heap>;
using Text = std::basic_string<char, std::char_traits<char>, MessageAllocator<char>>;

struct Message {
  unsigned sender;
  Text text;
};
using Inbox = std::list<Message, MessageAllocator<Message>>;

int failures = 0;

void check(bool is_true, int line = __builtin_LINE()) {
  if (is_true) return;
  ++failures;
  std::printf("line %d: not as expected\n", line);
}

// What does not care where its elements lie takes a resource, and need not be a template.
unsigned sum_of_squares(unsigned count, std::pmr::memory_resource* where) {
  std::pmr::vector<unsigned> squares(where);
  squares.reserve(count);
  for (unsigned i = 0; i != count; ++i) squares.push_back(i * i);
  unsigned sum = 0;
  for (const unsigned square : squares) sum += square;
  return sum;
}

}  // namespace

int main() {
  std::vector<unsigned> senders;  // in the program's heap
  Inbox inbox;
  for (unsigned i = 0; i != 5; ++i) {
    senders.push_back(i);
    inbox.push_back({i, "a message that is too long for its object"});
  }
  check(heap.owns(senders.data()));
  for (const Message& message : inbox) {
    check(message_heap.owns(&message) && message_heap.owns(message.text.data()));
  }
  static_assert(sizeof(Inbox) == sizeof(std::list<int>), "a heap costs no byte in a container");

  Inbox urgent;
  urgent.splice(urgent.begin(), inbox, inbox.begin());  // within a heap, blocks only change hands
  check(urgent.front().sender == 0 && inbox.size() == 4);

  check(sum_of_squares(10, drone::memory_resource<message_heap>()) == 285);
  check(sum_of_squares(10, drone::memory_resource<heap>()) == 285);

  std::printf("%u messages, %d failures\n", static_cast<unsigned>(inbox.size() + urgent.size()),
              failures);
  return failures;
}
