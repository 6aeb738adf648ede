// SPDX-License-Identifier: MIT

// Uses newlib's allocator in every way that it knows, itself included: the trace of this program is
// compared with what audit.cpp counts.

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

extern "C" void* _sbrk(std::ptrdiff_t bytes);
void print_audit();

namespace {

/// The compiler no longer knows what that is.
template <class T>
void hide(T& value) {
  asm volatile("" : "+r"(value)::"memory");
}

void* take(std::size_t size) {
  hide(size);
  void* block = std::malloc(size);
  hide(block);
  return block;
}

void* resize(void* block, std::size_t size) {
  hide(block);
  hide(size);
  block = std::realloc(block, size);
  hide(block);
  return block;
}

void* take_aligned(std::size_t alignment, std::size_t size) {
  hide(size);
  void* block = memalign(alignment, size);
  hide(block);
  if (reinterpret_cast<std::uintptr_t>(block) % alignment != 0) std::abort();
  return block;
}

void use_malloc() {
  std::array<void*, 24> blocks{};
  std::uint32_t random = 1;
  for (int i = 0; i != 2000; ++i) {
    random = random * 1664525 + 1013904223;
    void*& block = blocks[(random >> 8) % blocks.size()];
    const std::size_t size = 1 + (random >> 16) % 90;
    switch ((random >> 28) % 4) {
      case 0:
      case 1:
        std::free(block);
        block = take(size);
        break;
      case 2:
        block = resize(block, 2 * size);
        break;
      default:
        std::free(block);
        block = nullptr;
    }
  }
  for (void* block : blocks) std::free(block);
}

void use_calloc() {
  std::size_t count = 7;
  hide(count);
  void* zeros = std::calloc(count, 9);
  hide(zeros);
  void* nothing = std::calloc(0, count);
  hide(nothing);
  std::free(zeros);
  std::free(nothing);
}

void use_realloc() {
  void* block = resize(nullptr, 100);
  block = resize(block, 60);   // in place
  block = resize(block, 100);  // in place, if the allocator split nothing off
  void* const behind = take(24);
  block = resize(block, 3000);  // moves
  block = resize(block, 20000);
  void* const too_much = resize(block, 1'000'000);  // which leaves the old block
  block = resize(too_much == nullptr ? block : too_much, 0);
  std::free(block);
  std::free(behind);
}

void use_memalign() {
  void* const before = take(20);
  void* const a = take_aligned(64, 70);
  void* const b = take_aligned(16, 1);
  void* const c = take_aligned(8, 40);
  void* const d = take_aligned(1024, 300);
  std::free(before);
  std::free(c);
  std::free(a);
  std::free(d);
  std::free(b);
}

void use_corners() {
  void* const nothing = take(0);
  if (nothing == nullptr) std::abort();
  std::free(nothing);
  std::free(nullptr);
  if (take(500'000) != nullptr || take(500'000) != nullptr) std::abort();
  // Full newlib's malloc frees what is left of its memory through _free_r when the next piece of it
  // lies elsewhere.
  _sbrk(64);
  void* const large = take(9000);
  void* const wide = take(40'000);
  std::free(large);
  std::free(wide);
}

struct alignas(32) Aligned {
  std::array<char, 40> bytes;
};

void use_cpp() {
  std::map<int, std::string> words;
  for (int i = 0; i != 40; ++i) words[i % 13] += std::string(static_cast<std::size_t>(i), 'x');
  std::vector<double> samples;
  for (int i = 0; i != 100; ++i) samples.push_back(i * 0.25);
  auto aligned = std::make_unique<Aligned>();
  auto number = std::make_unique<int>(3);
  auto* kept = aligned.get();
  hide(kept);
  hide(*number);
  char text[80];
  std::snprintf(text, sizeof text, "%f %g %zu", samples[77], samples[3] / 3, words.size());
  std::printf("%s %.3e\n", text, samples[99]);
  char* const copy = strdup(text);
  std::free(copy);
}

}  // namespace

int main() {
  use_malloc();
  use_calloc();
  use_realloc();
  use_memalign();
  use_corners();
  use_cpp();
  std::fflush(stdout);
  print_audit();
  return 0;
}
