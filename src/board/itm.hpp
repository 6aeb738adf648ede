// SPDX-License-Identifier: MIT
#pragma once

// The Instrumentation Trace Macrocell (ARMv7-M ARM, C1.7): stimulus ports, timestamps,
// synchronization, and the FIFO between them and the SWO pin. Time passes only when it is looked
// at: advance() sends what the pin would have sent until then.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace drone::board {

class Dwt;
class Tpiu;

class Itm {
 public:
  /// Bytes in the FIFO, packet headers included.
  static constexpr std::size_t kFifoBytes = 16;

  Itm(const Dwt& dwt, Tpiu& tpiu) : dwt_(dwt), tpiu_(tpiu) {}

  std::uint32_t read(std::uint32_t address, std::uint64_t now);
  /// `by_debugger`: not hindered by the lock, which is closed until the program writes LAR.
  void write(std::uint32_t address, unsigned size, std::uint32_t value, std::uint64_t now,
             bool by_debugger);

  /// DEMCR.TRCENA: without it nothing is accepted and nothing drains.
  void set_powered(bool on, std::uint64_t now);

  void advance(std::uint64_t now);
  /// Sends all that is in the FIFO, as if time went on.
  void drain();

 private:
  bool stimulus_enabled(unsigned port) const;
  void stimulate(unsigned port, unsigned size, std::uint32_t value, std::uint64_t now);
  void send_until(std::uint64_t now);
  void send_byte();
  void push(std::uint64_t now);
  void push_due_sync();
  void restart_timestamps(std::uint64_t now);
  std::uint64_t timestamp_divider() const;
  std::uint64_t next_wrap() const;
  std::size_t room() const { return kFifoBytes - fifo_.size(); }
  std::size_t worst_packet() const;

  const Dwt& dwt_;
  Tpiu& tpiu_;
  bool powered_ = false;
  bool locked_ = true;
  std::uint32_t enabled_ports_ = 0;
  std::uint32_t privileged_ports_ = 0;
  std::uint32_t control_ = 0;

  std::deque<std::byte> fifo_;
  std::uint64_t pin_free_ = 0;        // the cycle from which the pin takes the next byte
  std::uint64_t now_ = 0;             // up to which time has passed
  std::uint64_t last_timestamp_ = 0;  // the cycle the last local timestamp stands for
  bool lost_ = false;                 // a write found no room since the last packet
  bool overflow_sent_ = false;        // and the stream says so
  bool sync_due_ = false;             // a synchronization waits for room
  std::vector<std::byte> packet_;     // being put together
};

}  // namespace drone::board
