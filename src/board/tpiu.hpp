// SPDX-License-Identifier: MIT
#pragma once

// The trace port (ARMv7-M ARM, C1.10): how long a byte takes on the SWO pin, and, if the formatter
// is on, the frames it travels in (CoreSight Architecture Specification, chapter D4).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace drone::board {

class Tpiu {
 public:
  std::uint32_t read(std::uint32_t address) const;
  /// The formatter's switch is obeyed from the next frame on.
  void write(std::uint32_t address, std::uint32_t value);

  /// Processor cycles that one byte takes: 10 bits in NRZ (UART), 20 half-bits in Manchester.
  std::uint64_t byte_cycles() const;
  /// Processor cycles of one period of the SWO clock.
  std::uint64_t clock_divider() const { return std::uint64_t{prescaler_} + 1; }

  /// Takes one byte of trace stream `id`, and returns how many bytes that puts on the wire: without
  /// formatter one, with it 16 or, while a frame is being filled, none.
  unsigned put(std::byte byte, unsigned id);
  /// Fills up and sends a frame begun; returns the bytes that puts on the wire.
  unsigned flush();

  /// What was sent since the last call.
  std::vector<std::byte> take_output();
  std::size_t output_size() const { return output_.size(); }

 private:
  static constexpr std::size_t kFrameBytes = 15;

  unsigned put_in_frame(std::byte byte);
  unsigned change_stream(unsigned id);
  unsigned end_frame();

  std::uint32_t port_size_ = 1;
  std::uint32_t prescaler_ = 0;
  std::uint32_t protocol_ = 1;
  std::uint32_t formatter_ = 0x100;

  // A frame: 15 bytes, of which the even ones carry either an ID or the upper seven bits of data;
  // byte 15 holds for each of them the bit 0 of the data, or whether the new ID is late by a byte.
  std::array<std::byte, kFrameBytes + 1> frame_{};
  std::size_t frame_used_ = 0;
  unsigned stream_ = 0;  // the last ID sent
  unsigned frames_since_sync_ = 0;
  std::vector<std::byte> output_;
};

}  // namespace drone::board
