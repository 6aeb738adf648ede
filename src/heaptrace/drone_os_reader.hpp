// SPDX-License-Identifier: MIT
#pragma once

// Reads what firmware of Drone OS 0.10 and 0.11 recorded (docs/trace-format.md, section 6): a tag
// of 16 bits, then one or two sizes of 32 bits, each XORed with a key, all little-endian.
//
//   0xCDAB size          allocated
//   0xBADC size          given back
//   0xDEBC old new       grown in place
//   0xCBED old new       shrunk in place
//
// Blocks have no names there. As lives of one size are alike for whoever counts them, each end is
// given to the youngest block of its size: so max counts, allocations and the peak are exact.
//
// No size reaches 16 MB, so the last byte of a size is that of the key, which no tag begins with: a
// byte that is missing shows at once, and the next record that is whole is taken again.

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "heaptrace/event.hpp"
#include "heaptrace/reader.hpp"

namespace drone::heaptrace {

/// Whether `bytes` begin with a record's tag.
bool begins_drone_os_record(std::span<const std::byte> bytes);

/// Bytes in, in chunks of any length; events out, the same whatever the chunks. Memory grows with
/// the live blocks.
class DroneOsReader {
 public:
  using Consume = std::function<void(std::span<const Event>)>;

  explicit DroneOsReader(Consume consume) : consume_(std::move(consume)) {}

  void feed(std::span<const std::byte> bytes);

  /// The file has ended: hands on the last events. A record that is not whole is no fault.
  void finish();

  /// All but `bytes`. Complete after finish().
  Summary summary() const;

  std::uint64_t damaged_bytes() const { return damaged_bytes_; }

 private:
  struct Record;

  void parse();
  void add(const Record& record);
  void begin_life(std::uint32_t size);
  void resize(std::uint32_t old_size, std::uint32_t size);
  bool end_life(std::uint32_t size, std::uint32_t& block);
  void emit(const Event& event);
  void note_place(std::uint64_t offset);

  Consume consume_;
  std::vector<std::byte> pending_;  ///< less than a record, between calls
  std::uint64_t offset_ = 0;        ///< of the first of them
  bool in_damage_ = false;
  std::uint64_t damaged_bytes_ = 0;
  Summary summary_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> live_;  ///< blocks by size
  std::vector<std::uint32_t> free_;                                     ///< block numbers
  std::uint32_t blocks_ = 0;                                            ///< numbers given out
  std::vector<Event> events_;                                           ///< not handed on yet
};

}  // namespace drone::heaptrace
