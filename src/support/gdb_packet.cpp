// SPDX-License-Identifier: MIT
#include "support/gdb_packet.hpp"

namespace drone {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr char kEscapeMask = 0x20;

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string encode_gdb_packet(std::string_view data) {
  std::string packet = "$";
  for (const char c : data) {
    if (c == '$' || c == '#' || c == '}' || c == '*') {
      packet += '}';
      packet += static_cast<char>(c ^ kEscapeMask);
    } else {
      packet += c;
    }
  }
  unsigned sum = 0;
  for (const char c : std::string_view(packet).substr(1)) sum += static_cast<unsigned char>(c);
  packet += '#';
  packet += kDigits[(sum >> 4) & 0xF];
  packet += kDigits[sum & 0xF];
  return packet;
}

void GdbPacketParser::feed(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    switch (state_) {
      case State::kIdle:
        if (c == '$') {
          data_.clear();
          sum_ = 0;
          state_ = State::kData;
        } else if (c == '+') {
          ready_.push_back({Kind::kAck, {}});
        } else if (c == '-') {
          ready_.push_back({Kind::kNack, {}});
        } else if (c == '\x03') {
          ready_.push_back({Kind::kInterrupt, {}});
        }
        break;
      case State::kData:
      case State::kEscape:
        if (c == '#') {
          state_ = State::kSum1;
          break;
        }
        sum_ = static_cast<std::uint8_t>(sum_ + static_cast<unsigned char>(c));
        if (state_ == State::kEscape) {
          data_ += static_cast<char>(c ^ kEscapeMask);
          state_ = State::kData;
        } else if (c == '}') {
          state_ = State::kEscape;
        } else {
          data_ += c;
        }
        break;
      case State::kSum1:
      case State::kSum2: {
        const int digit = digit_value(c);
        if (state_ == State::kSum1 && digit >= 0) {
          received_sum_ = static_cast<std::uint8_t>(digit << 4);
          state_ = State::kSum2;
          break;
        }
        const bool right = digit >= 0 && (received_sum_ | digit) == sum_;
        ready_.push_back({right ? Kind::kPacket : Kind::kBadPacket, right ? data_ : std::string{}});
        state_ = State::kIdle;
        break;
      }
    }
  }
}

std::optional<GdbPacketParser::Message> GdbPacketParser::next() {
  if (taken_ == ready_.size()) {
    ready_.clear();
    taken_ = 0;
    return std::nullopt;
  }
  return std::move(ready_[taken_++]);
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 0xF];
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i != hex.size(); i += 2) {
    const int high = digit_value(hex[i]);
    const int low = digit_value(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

}  // namespace drone
