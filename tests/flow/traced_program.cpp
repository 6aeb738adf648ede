// SPDX-License-Identifier: MIT

// What heap_record.py runs under `drone heap record`: uses its heap in a way that its argument
// names, and writes to standard output what it did, in the order in which it did it:
//
//   a SIZE ALIGNMENT    allocated, alignment 0: none named
//   n SIZE ALIGNMENT    asked in vain
//   f SIZE              freed
//   r OLD NEW           reallocated, by luck in place or elsewhere
//
// All its sizes are at least kLeast, so that the test can tell them from the C library's own. It
// keeps its notes where it needs no heap for them. With threads, each uses sizes of its own: thread
// t those with size % 16 == t.

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kLeast = 14000;
constexpr std::size_t kTooMuch = SIZE_MAX - 100000;

class Notes {
 public:
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    const int written =
        std::vsnprintf(text_.data() + size_, text_.size() - size_, format, arguments);
    va_end(arguments);
    size_ += static_cast<std::size_t>(written);
    if (size_ + 100 > text_.size()) std::abort();
  }
  void write() {
    for (std::size_t at = 0; at != size_;) {
      const ssize_t written = ::write(STDOUT_FILENO, text_.data() + at, size_ - at);
      if (written <= 0) std::abort();
      at += static_cast<std::size_t>(written);
    }
    size_ = 0;
  }

 private:
  std::array<char, 1 << 21> text_{};
  std::size_t size_ = 0;
};

constinit std::array<Notes, 16> notes{};

/// The compiler shall leave allocations as they are.
template <class T>
T* kept(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

void freed(std::size_t size, Notes& to = notes[0]) { to.add("f %zu\n", size); }
void allocated(std::size_t size, std::size_t alignment = 0, Notes& to = notes[0]) {
  to.add("a %zu %zu\n", size, alignment);
}

/// Every function once, as a C program calls them.
void c_functions() {
  void* a = kept(std::malloc(20000));
  allocated(20000);
  void* b = kept(std::calloc(100, 201));
  allocated(20100);
  a = std::realloc(a, 20200);
  notes[0].add("r 20000 20200\n");
  a = std::realloc(a, 20200);  // nothing changes
  a = std::realloc(a, 300000);
  notes[0].add("r 20200 300000\n");
  a = std::realloc(a, 20001);
  notes[0].add("r 300000 20001\n");
  void* c = std::realloc(nullptr, 20300);
  allocated(20300);
  c = ::reallocarray(c, 204, 100);
  notes[0].add("r 20300 20400\n");
  void* d = kept(::memalign(64, 20500));
  allocated(20500, 64);
  void* e = kept(std::aligned_alloc(4096, 4096 * 5));
  allocated(4096 * 5, 4096);
  void* f = nullptr;
  if (::posix_memalign(&f, 32, 20600) != 0) std::abort();
  allocated(20600, 32);
  if (::posix_memalign(&f, 3, 20601) == 0) std::abort();  // no request: no power of two
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* g = kept(::valloc(20700));
  allocated(20700, page);
  void* h = kept(::pvalloc(20800));
  allocated(20800, page);
  void* none = kept(std::malloc(0));  // no request
  std::free(none);
  std::free(nullptr);
  if (kept(std::malloc(kTooMuch)) != nullptr) std::abort();
  notes[0].add("n %u 0\n", 0xFFFFFF);
  if (kept(std::realloc(b, kTooMuch)) != nullptr) std::abort();
  notes[0].add("n %u 0\n", 0xFFFFFF);
  if (kept(std::calloc(SIZE_MAX / 2, 3)) != nullptr) std::abort();
  notes[0].add("n %u 0\n", 0xFFFFFF);
  if (::malloc_usable_size(d) < 20500) std::abort();
  std::free(d);
  freed(20500);
  std::free(b);
  freed(20100);
  if (std::realloc(c, 0) != nullptr) std::abort();  // glibc's free
  freed(20400);
  for (const auto& [block, size] :
       {std::pair(a, 20001), std::pair(e, 4096 * 5), std::pair(f, 20600), std::pair(g, 20700),
        std::pair(h, 20800)}) {
    std::free(block);
    freed(static_cast<std::size_t>(size));
  }
}

struct alignas(128) Aligned {
  std::array<char, 20096> bytes;
};

void cpp_operators() {
  auto* const one = kept(new std::array<char, 20002>);
  allocated(20002);
  char* const many = kept(new char[20003]);
  allocated(20003);
  auto* const aligned = kept(new Aligned);
  allocated(sizeof(Aligned), 128);
  char* const nothrow = kept(new (std::nothrow) char[20004]);
  allocated(20004);
  delete one;
  freed(20002);
  delete[] many;
  freed(20003);
  delete aligned;
  freed(sizeof(Aligned));
  delete[] nothrow;
  freed(20004);
}

/// Blocks that live together, more than fit the trace's short forms, freed in another order.
void many_blocks() {
  constexpr std::size_t kCount = 40000;
  static std::array<void*, kCount> blocks;
  for (std::size_t i = 0; i != kCount; ++i) {
    blocks[i] = kept(std::malloc(kLeast + i % 7));
    allocated(kLeast + i % 7);
  }
  for (std::size_t k = 0; k != kCount; ++k) {
    const std::size_t i = k * 7919 % kCount;
    std::free(blocks[i]);
    freed(kLeast + i % 7);
  }
}

/// One thread of several: random work on sizes of its own.
void work(unsigned self, unsigned rounds) {
  Notes& mine = notes[self];
  std::array<std::pair<void*, std::size_t>, 32> held{};
  std::uint64_t random = self + 1;
  for (unsigned i = 0; i != rounds; ++i) {
    random = random * 6364136223846793005 + 1442695040888963407;
    auto& [block, size] = held[random >> 33 & 31];
    const std::size_t next = kLeast + 16 * (random >> 40 & 255) + self;
    if (block == nullptr) {
      block = kept(std::malloc(next));
      size = next;
      allocated(size, 0, mine);
    } else if ((random >> 50 & 3) == 0) {
      block = std::realloc(block, next);
      if (next != size) mine.add("r %zu %zu\n", size, next);
      size = next;
    } else {
      std::free(block);
      freed(size, mine);
      block = nullptr;
    }
  }
  for (const auto& [block, size] : held) {
    if (block == nullptr) continue;
    std::free(block);
    freed(size, mine);
  }
}

void threads(unsigned rounds) {
  std::vector<std::thread> all;
  for (unsigned self = 1; self != 9; ++self) all.emplace_back(work, self, rounds);
  for (std::thread& each : all) each.join();
}

/// Threads allocate while others fork: children must be able to allocate, and leave no event.
void forks() {
  std::vector<std::thread> all;
  for (unsigned self = 1; self != 4; ++self) all.emplace_back(work, self, 20000U);
  for (int i = 0; i != 50; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int k = 0; k != 100; ++k) std::free(kept(std::malloc(25000)));
      ::_exit(0);
    }
    int status = 1;
    if (::waitpid(child, &status, 0) != child || status != 0) std::abort();
  }
  for (std::thread& each : all) each.join();
}

/// As a daemon does it: closes what it did not open, and opens other files.
void closes_descriptors(const char* other_file) {
  ::close_range(3, ~0U, 0);
  for (int i = 0; i != 3; ++i) (void)!::open(other_file, O_RDWR | O_CREAT, 0666);
  // More than the window of the file that the tracer had open.
  for (int i = 0; i != 200000; ++i) std::free(kept(std::malloc(30000)));
  c_functions();
}

struct AtExit {
  ~AtExit() {
    if (block == nullptr) return;
    std::free(block);
    freed(20900);
    notes[0].write();
  }
  void* block = nullptr;
} at_exit;

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "c") c_functions();
  if (what == "cpp") cpp_operators();
  if (what == "many") many_blocks();
  if (what == "threads") threads(20000);
  if (what == "forks") forks();
  if (what == "closes") closes_descriptors(argv[2]);
  if (what == "at_exit") {
    at_exit.block = kept(std::malloc(20900));
    allocated(20900);
    return 0;
  }
  if (what == "exec") {
    ::execl(argv[0], argv[0], "cpp", nullptr);
    std::abort();
  }
  if (what == "starts") {
    // The block of the first process is recorded, those of the second are not.
    std::free(kept(std::malloc(26000)));
    allocated(26000);
    freed(26000);
    notes[0].write();
    const std::string second = std::string(argv[0]) + " cpp >/dev/null";
    if (std::system(second.c_str()) != 0) std::abort();
  }
  for (Notes& each : notes) each.write();
  const bool is_violent = what == "abort" || what == "kill" || what == "_exit";
  if (!is_violent) return what == "status" ? 7 : 0;
  c_functions();
  notes[0].write();
  if (what == "abort") std::abort();
  if (what == "kill") ::raise(SIGKILL);
  ::_exit(9);
}
