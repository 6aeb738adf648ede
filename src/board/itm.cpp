// SPDX-License-Identifier: MIT
#include "board/itm.hpp"

#include <algorithm>

#include "board/dwt.hpp"
#include "board/tpiu.hpp"
#include "drone/cortex_m/registers.hpp"
#include "itm/packet.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

namespace {
constexpr std::uint32_t kControlWritable =
    kItmTcrItmEna | kItmTcrTsEna | kItmTcrSyncEna | kItmTcrTxEna | kItmTcrSwoEna |
    3U << kItmTcrTsPrescaleShift | 0xC00U | 0x7FU << kItmTcrTraceBusIdShift;
constexpr std::uint32_t kLsrPresent = 1;
constexpr std::uint32_t kLsrLocked = 2;
constexpr std::size_t kLongestInstrumentation = 5;
constexpr std::size_t kLongestTimestamp = 5;
}  // namespace

std::size_t Itm::worst_packet() const {
  return kLongestInstrumentation + ((control_ & kItmTcrTsEna) != 0 ? kLongestTimestamp : 0);
}

bool Itm::stimulus_enabled(unsigned port) const {
  return powered_ && (control_ & kItmTcrItmEna) != 0 && (enabled_ports_ >> port & 1) != 0;
}

std::uint32_t Itm::read(std::uint32_t address, std::uint64_t now) {
  if (!powered_) return 0;
  advance(now);
  if (address < itm_stim(kItmPortCount)) {
    const unsigned port = (address - kItmBase) / 4;
    return stimulus_enabled(port) && !sync_due_ && room() >= worst_packet() ? kItmStimFifoReady : 0;
  }
  switch (address) {
    case kItmTer:
      return enabled_ports_;
    case kItmTpr:
      return privileged_ports_;
    case kItmTcr:
      return control_ | (fifo_.empty() && pin_free_ <= now ? 0 : kItmTcrBusy);
    case kItmLsr:
      return kLsrPresent | (locked_ ? kLsrLocked : 0);
    default:
      return 0;
  }
}

void Itm::write(std::uint32_t address, unsigned size, std::uint32_t value, std::uint64_t now,
                bool by_debugger) {
  if (!powered_) return;
  advance(now);
  if (address < itm_stim(kItmPortCount)) {
    const unsigned port = (address - kItmBase) / 4;
    if (stimulus_enabled(port)) stimulate(port, size, value, now);
    return;
  }
  if (address == kItmLar) {
    locked_ = value != kLarUnlock;
    return;
  }
  if (locked_ && !by_debugger) return;
  switch (address) {
    case kItmTer:
      enabled_ports_ = value;
      break;
    case kItmTpr:
      privileged_ports_ = value & 0xF;
      break;
    case kItmTcr: {
      const std::uint32_t changed = control_ ^ value;
      control_ = value & kControlWritable;
      if ((changed &
           (kItmTcrTsEna | kItmTcrItmEna | kItmTcrSwoEna | 3U << kItmTcrTsPrescaleShift)) != 0) {
        restart_timestamps(now);
      }
      break;
    }
    default:
      break;
  }
}

void Itm::set_powered(bool on, std::uint64_t now) {
  if (on == powered_) return;
  advance(now);
  powered_ = on;
  pin_free_ = std::max(pin_free_, now);
  restart_timestamps(now);
}

void Itm::restart_timestamps(std::uint64_t now) { last_timestamp_ = now; }

std::uint64_t Itm::timestamp_divider() const {
  const std::uint64_t clock = (control_ & kItmTcrSwoEna) != 0 ? tpiu_.clock_divider() : 1;
  constexpr std::uint64_t kDividers[] = {1, 4, 16, 64};
  return clock * kDividers[control_ >> kItmTcrTsPrescaleShift & 3];
}

std::uint64_t Itm::next_wrap() const {
  if ((control_ & kItmTcrTsEna) == 0) return UINT64_MAX;
  return last_timestamp_ + itm::kMaxLocalTicks * timestamp_divider();
}

void Itm::stimulate(unsigned port, unsigned size, std::uint32_t value, std::uint64_t now) {
  packet_.clear();
  if (lost_ && !overflow_sent_) itm::append_overflow(packet_);
  itm::append_instrumentation(packet_, port, value, size);
  const std::uint64_t ticks = (now - last_timestamp_) / timestamp_divider();
  if ((control_ & kItmTcrTsEna) != 0) {
    itm::append_local_timestamp(packet_, static_cast<std::uint32_t>(ticks), 0);
  }
  if (packet_.size() > room()) {
    lost_ = true;
    return;
  }
  lost_ = false;
  overflow_sent_ = false;
  if ((control_ & kItmTcrTsEna) != 0) last_timestamp_ += ticks * timestamp_divider();
  push(now);
}

void Itm::push(std::uint64_t now) {
  if (fifo_.empty()) pin_free_ = std::max(pin_free_, now);
  fifo_.insert(fifo_.end(), packet_.begin(), packet_.end());
  send_until(now);
}

void Itm::send_byte() {
  const unsigned id = control_ >> kItmTcrTraceBusIdShift & 0x7F;
  pin_free_ += tpiu_.put(fifo_.front(), id) * tpiu_.byte_cycles();
  fifo_.pop_front();
}

void Itm::send_until(std::uint64_t now) {
  while (!fifo_.empty() && pin_free_ <= now) {
    send_byte();
    push_due_sync();
    if (lost_ && !overflow_sent_) {
      // The stream tells of the loss as soon as there is room for one byte.
      packet_.clear();
      itm::append_overflow(packet_);
      fifo_.insert(fifo_.end(), packet_.begin(), packet_.end());
      overflow_sent_ = true;
    }
  }
}

void Itm::advance(std::uint64_t now) {
  if (powered_ && (control_ & kItmTcrItmEna) != 0 &&
      (control_ & (kItmTcrTsEna | kItmTcrSyncEna)) != 0) {
    while (true) {
      const std::uint64_t wrap = next_wrap();
      const std::uint64_t sync =
          (control_ & kItmTcrSyncEna) != 0 ? dwt_.next_sync(now_) : Dwt::kNever;
      const std::uint64_t next = std::min(wrap, sync);
      if (next > now) break;
      send_until(next);
      if (next == wrap) {
        packet_.clear();
        itm::append_local_timestamp(packet_, itm::kMaxLocalTicks, 0);
        last_timestamp_ = wrap;
        if (packet_.size() <= room()) {
          push(next);
        } else {
          lost_ = true;
        }
      } else {
        if (fifo_.empty()) pin_free_ = std::max(pin_free_, next);
        sync_due_ = true;
        push_due_sync();
      }
      now_ = next;
    }
  }
  if (powered_) send_until(now);
  now_ = now;
}

/// A synchronization is not lost when the FIFO is full: it waits, and stimulus ports are not ready
/// meanwhile. It leaves room for the packet that a program may be about to write, because it found
/// its port ready before.
void Itm::push_due_sync() {
  if (!sync_due_) return;
  packet_.clear();
  itm::append_sync(packet_);
  if (packet_.size() + worst_packet() > room()) return;
  sync_due_ = false;
  fifo_.insert(fifo_.end(), packet_.begin(), packet_.end());
}

void Itm::drain() {
  while (!fifo_.empty()) send_byte();
  tpiu_.flush();
}

}  // namespace drone::board
