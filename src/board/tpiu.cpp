// SPDX-License-Identifier: MIT
#include "board/tpiu.hpp"

#include <utility>

#include "drone/cortex_m/registers.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

namespace {

constexpr std::array<std::byte, 4> kFullSync = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                                std::byte{0x7F}};
constexpr unsigned kFramesPerSync = 64;

constexpr std::byte auxiliary_bit(std::size_t position) {
  return std::byte{1} << static_cast<int>(position / 2);
}

}  // namespace

std::uint32_t Tpiu::read(std::uint32_t address) const {
  switch (address) {
    case kTpiuSspsr:
      return 1;
    case kTpiuCspsr:
      return port_size_;
    case kTpiuAcpr:
      return prescaler_;
    case kTpiuSppr:
      return protocol_;
    case kTpiuFfsr:
      return 8;  // the formatter cannot be stopped
    case kTpiuFfcr:
      return formatter_;
    case kTpiuType:
      return 0xCA1;  // SWO in UART and Manchester coding
    default:
      return 0;
  }
}

void Tpiu::write(std::uint32_t address, std::uint32_t value) {
  switch (address) {
    case kTpiuCspsr:
      port_size_ = value;
      break;
    case kTpiuAcpr:
      prescaler_ = value & 0xFFFF;
      break;
    case kTpiuSppr:
      protocol_ = value & 3;
      break;
    case kTpiuFfcr:
      if ((value & kTpiuFfcrEnFCont) == 0) flush();
      formatter_ = value & (kTpiuFfcrEnFCont | kTpiuFfcrTrigIn);
      break;
    default:
      break;
  }
}

std::uint64_t Tpiu::byte_cycles() const {
  return (protocol_ == kTpiuSpprManchester ? 20 : 10) * clock_divider();
}

unsigned Tpiu::put_in_frame(std::byte byte) {
  const std::size_t position = frame_used_++;
  if (position % 2 == 0) {
    frame_[position] = byte & std::byte{0xFE};
    if ((byte & std::byte{1}) != std::byte{0}) frame_[kFrameBytes] |= auxiliary_bit(position);
  } else {
    frame_[position] = byte;
  }
  return end_frame();
}

unsigned Tpiu::change_stream(unsigned id) {
  stream_ = id;
  const auto id_byte = static_cast<std::byte>(id << 1 | 1);
  if (frame_used_ % 2 == 0) {
    frame_[frame_used_++] = id_byte;
    return end_frame();
  }
  // IDs stand at even places only. The byte before this one makes room: it moves behind the ID,
  // which is marked as late by one byte.
  const std::size_t position = frame_used_ - 1;
  const std::byte auxiliary = auxiliary_bit(position);
  std::byte moved = frame_[position];
  if ((frame_[kFrameBytes] & auxiliary) != std::byte{0}) moved |= std::byte{1};
  frame_[position] = id_byte;
  frame_[kFrameBytes] |= auxiliary;
  frame_[frame_used_++] = moved;
  return end_frame();
}

unsigned Tpiu::end_frame() {
  if (frame_used_ != kFrameBytes) return 0;
  unsigned sent = static_cast<unsigned>(frame_.size());
  if (frames_since_sync_++ % kFramesPerSync == 0) {
    output_.insert(output_.end(), kFullSync.begin(), kFullSync.end());
    sent += static_cast<unsigned>(kFullSync.size());
  }
  output_.insert(output_.end(), frame_.begin(), frame_.end());
  frame_ = {};
  frame_used_ = 0;
  return sent;
}

unsigned Tpiu::put(std::byte byte, unsigned id) {
  if ((formatter_ & kTpiuFfcrEnFCont) == 0) {
    output_.push_back(byte);
    return 1;
  }
  const unsigned sent = id != stream_ ? change_stream(id) : 0;
  return sent + put_in_frame(byte);
}

unsigned Tpiu::flush() {
  // The null stream, ID 0, fills the rest.
  unsigned sent = 0;
  if (frame_used_ != 0 && stream_ != 0) sent = change_stream(0);
  while (frame_used_ != 0) sent += put_in_frame(std::byte{0});
  return sent;
}

std::vector<std::byte> Tpiu::take_output() { return std::exchange(output_, {}); }

}  // namespace drone::board
