// SPDX-License-Identifier: MIT

// Counts what the program asks of newlib's allocator, beside the trace: `--wrap` leads here, and
// the adaptor's functions, renamed where it is compiled, are called from here. A depth tells the
// program's calls from newlib's own. The program has one context, so that needs no more.

#include <reent.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

extern "C" {
int _write(int file, const char* text, int size);

void* adaptor_malloc_r(struct _reent* reent, std::size_t size);
void* adaptor_calloc_r(struct _reent* reent, std::size_t count, std::size_t size);
void* adaptor_realloc_r(struct _reent* reent, void* block, std::size_t size);
void* adaptor_memalign_r(struct _reent* reent, std::size_t alignment, std::size_t size);
void adaptor_free_r(struct _reent* reent, void* block);

void* __wrap__malloc_r(struct _reent* reent, std::size_t size);
void* __wrap__calloc_r(struct _reent* reent, std::size_t count, std::size_t size);
void* __wrap__realloc_r(struct _reent* reent, void* block, std::size_t size);
void* __wrap__memalign_r(struct _reent* reent, std::size_t alignment, std::size_t size);
void __wrap__free_r(struct _reent* reent, void* block);
}
void print_audit();

namespace {

struct SizeCount {
  std::size_t size;
  std::uint32_t live, most, allocations, failed;
};
struct Block {
  const void* address;
  std::size_t size;
};

std::array<SizeCount, 400> sizes;
std::array<Block, 200> blocks;
std::size_t bytes_live, bytes_peak;
std::uint32_t nested, moved, resized;
bool is_out_of_room;
int depth;

SizeCount& counter(std::size_t size) {
  for (SizeCount& each : sizes) {
    if (each.size == size || each.size == 0) {
      each.size = size;
      return each;
    }
  }
  is_out_of_room = true;
  return sizes[0];
}

Block& entry(const void* address) {
  for (Block& each : blocks) {
    if (each.address == address) return each;
  }
  is_out_of_room = true;
  return blocks[0];
}

void begin(const void* address, std::size_t size) {
  if (size == 0) size = 1;
  SizeCount& its = counter(size);
  if (address == nullptr) {
    ++its.failed;
    return;
  }
  entry(nullptr) = {address, size};
  ++its.allocations;
  its.most = std::max(its.most, ++its.live);
  bytes_live += size;
  bytes_peak = std::max(bytes_peak, bytes_live);
}

void end(const void* address) {
  Block& block = entry(address);
  --counter(block.size).live;
  bytes_live -= block.size;
  block = {};
}

class Call {
 public:
  Call() { is_outermost_ = depth++ == 0; }
  ~Call() { --depth; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  bool counts() const {
    if (!is_outermost_) ++nested;
    return is_outermost_;
  }

 private:
  bool is_outermost_;
};

void print(const char* text) {
  int size = 0;
  while (text[size] != 0) ++size;
  _write(1, text, size);
}

void print(std::size_t value) {
  char digits[12];
  char* first = digits + sizeof digits;
  *--first = 0;
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  print(first);
}

template <class... Values>
void print_line(const char* name, Values... values) {
  print("audit ");
  print(name);
  ((print(" "), print(static_cast<std::size_t>(values))), ...);
  print("\n");
}

}  // namespace

extern "C" {

void* __wrap__malloc_r(struct _reent* reent, std::size_t size) {
  const Call call;
  void* const block = adaptor_malloc_r(reent, size);
  if (call.counts()) begin(block, size);
  return block;
}

void* __wrap__calloc_r(struct _reent* reent, std::size_t count, std::size_t size) {
  const Call call;
  void* const block = adaptor_calloc_r(reent, count, size);
  if (call.counts()) begin(block, count * size);
  return block;
}

void* __wrap__realloc_r(struct _reent* reent, void* block, std::size_t size) {
  const Call call;
  void* const other = adaptor_realloc_r(reent, block, size);
  if (!call.counts()) return other;
  if (block == nullptr) {
    begin(other, size);
  } else if (other == nullptr && size == 0) {
    end(block);
  } else if (other != block) {
    begin(other, size);
    if (other != nullptr) end(block);
    ++moved;
  } else if (entry(block).size != std::max<std::size_t>(size, 1)) {
    end(block);
    begin(block, size);
    ++resized;
  }
  return other;
}

void* __wrap__memalign_r(struct _reent* reent, std::size_t alignment, std::size_t size) {
  const Call call;
  void* const block = adaptor_memalign_r(reent, alignment, size);
  if (call.counts()) begin(block, size);
  return block;
}

void __wrap__free_r(struct _reent* reent, void* block) {
  const Call call;
  if (call.counts() && block != nullptr) end(block);
  adaptor_free_r(reent, block);
}

}  // extern "C"

void print_audit() {
  for (const SizeCount& each : sizes) {
    if (each.allocations != 0) print_line("size", each.size, each.most, each.allocations);
    if (each.failed != 0) print_line("failed", each.size, each.failed);
  }
  print_line("peak", bytes_peak);
  print_line("nested", nested);
  print_line("resizes", moved, resized);
  if (!is_out_of_room) print_line("end");
}
