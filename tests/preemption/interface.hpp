// SPDX-License-Identifier: MIT
#pragma once

// What the firmware under test and the harness on the host agree on (docs/preemption.md). The host
// finds the Interface by vector 7, which the architecture reserves, and calls the firmware's
// functions by their addresses; everything that is said in return lies in the Job, in RAM.

#include <cstddef>
#include <cstdint>

#include "drone/heap/layout.hpp"

namespace drone::preemption {

/// Small pools, so that a test can exhaust and drain them; the largest is beyond the table that the
/// heap looks sizes up in.
#ifndef HEAP_OPTIONS
#define HEAP_OPTIONS
#endif
inline constexpr heap::Layout<5> kLayout{.size = 11000,
                                         .alignment = 4,
                                         .pools = {{{8, 6}, {12, 10}, {16, 8}, {64, 6}, {2064, 5}}},
                                         .options = {HEAP_OPTIONS}};

#ifdef __arm__
using Function = std::uint32_t (*)(std::uint32_t, std::uint32_t, std::uint32_t);
using Text = const char*;
template <class T>
using Pointer = T*;
#else
using Function = std::uint32_t;
using Text = std::uint32_t;
template <class T>
using Pointer = std::uint32_t;
#endif

enum class RecordKind : std::uint8_t {
  kTake,     ///< `address` was handed out for `size` bytes
  kGive,     ///< is about to go back
  kResize,   ///< holds `size` bytes from now on
  kFailed,   ///< a request of `size` bytes got nothing
  kDrained,  ///< as kTake, by the drain at the end: nobody writes into it
  kNothing,  ///< a reallocation that failed: the block stays what it was
};

/// The truth. Written by the context that did it: behind a take, before a give. So for each block
/// the order of its records is the order of what happened to it.
struct LogRecord {
  RecordKind kind;
  std::uint8_t alignment_log2;  ///< of a take, if it named one
  std::uint16_t reserved;
  std::uint32_t size;
  std::uint32_t address;
};

/// The bytes at the start of a block that its owner fills, and with what: known from the record of
/// its take. Never more than was requested.
inline constexpr std::uint32_t kFilledBytes = 64;
constexpr std::uint8_t fill_of(std::uint32_t record) {
  return static_cast<std::uint8_t>(record * 37 + 11);
}

enum FirmwareError : std::uint32_t {
  kContentsChanged = 1,  ///< of a block that had an owner
  kWrongResult = 2,      ///< of an operation
  kWrongFlow = 4,        ///< the self-check of IT blocks
  kMisuse = 8,           ///< reported by the heap, of a firmware that did nothing wrong
  kWrongCount = 16,      ///< the heap's own count of blocks in use
};

inline constexpr std::size_t kLogCapacity = 512;
inline constexpr std::size_t kContexts = 2;  ///< handlers: interrupt 0, and 1, which preempts it

struct Job {
  // Set by the host.
  std::uint32_t size;  ///< the request that the handlers contend with
  std::uint32_t sequences[kContexts];
  // Set by the firmware.
  std::uint32_t arguments[3];        ///< of the operation
  std::uint32_t own_records;         ///< the last so many were made for the operation in advance
  std::uint32_t entries[kContexts];  ///< how often each handler ran
  std::uint32_t errors;              ///< a set of FirmwareError
  std::uint32_t advanced;            ///< failed requests of kAdvanceSize that are in no record
  std::uint32_t log_count;
  LogRecord log[kLogCapacity];
};
inline constexpr std::uint32_t kAdvanceSize = 3000;  ///< larger than any block

/// One operation of the heap. `prepare` brings the heap into the state that it is about and leaves
/// its arguments in the job, `run` is the operation and nothing else, `finish` is given its result.
struct Operation {
  Text name;
  Function prepare;
  Function run;
  Function finish;
  std::uint32_t contended[2];  ///< requests whose pool is touched; the second may be 0
};

inline constexpr std::uint32_t kMagic = 0x50524531;

struct Interface {
  std::uint32_t magic;
  std::uint32_t is_traced;
  std::uint32_t is_guarded;  ///< each block has a guard word behind it
  Pointer<Job> job;
  Pointer<const void> stopped;  ///< a BKPT: where every call returns to
  Pointer<void> stack_top;
  /// Code that has nothing to do with the heap: to it, a stretch of it is one instruction.
  Pointer<const void> bookkeeping_begin;
  Pointer<const void> bookkeeping_end;
  Function drain;    ///< takes all blocks that are free
  Function advance;  ///< fails as many requests of kAdvanceSize as its argument says
  std::uint32_t operation_count;
  Pointer<const Operation> operations;
  std::uint32_t sequence_count;
  Pointer<const Text> sequences;  ///< what a handler may do
};

}  // namespace drone::preemption
