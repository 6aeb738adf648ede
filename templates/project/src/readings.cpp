// SPDX-License-Identifier: MIT
#include "readings.hpp"

namespace app {

void ReadingQueue::push(std::unique_ptr<Reading> reading) {
  Reading* added = reading.release();
  added->next = newest_.load(std::memory_order_relaxed);
  while (!newest_.compare_exchange_weak(added->next, added, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
}

Reading* ReadingQueue::take_all() {
  Reading* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  Reading* oldest_first = nullptr;
  while (newest != nullptr) {
    Reading* older = newest->next;
    newest->next = oldest_first;
    oldest_first = newest;
    newest = older;
  }
  return oldest_first;
}

}  // namespace app
