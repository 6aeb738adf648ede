// SPDX-License-Identifier: MIT

// How fast recordings of other tools are read, from a file to the statistics of `drone heap`, in
// processor time of one core; beside it, on the same file in the same run, reading alone.
//
//   bench_imports [MILLIONS [FOLDER]]
//
// makes a file of so many million events (10) for each format in FOLDER (the temporary folder), one
// after the other, and takes it away again. The exit status is 1 if the statistics differ from what
// was written.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "support/byte_stream.hpp"

namespace drone {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 18;
constexpr int kRounds = 3;
constexpr std::size_t kMostLive = 5000;
constexpr std::uint64_t kHeap = 0x563e404a7000;

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The least of some rounds.
double seconds_of(const std::function<void()>& work) {
  double least = 1e9;
  for (int i = 0; i != kRounds; ++i) {
    const double begin = processor_seconds();
    work();
    least = std::min(least, processor_seconds() - begin);
  }
  return least;
}

using Text = fmt::memory_buffer;

/// One way to write an allocation and its end, of the block in a slot.
struct Format {
  const char* name;
  const char* head;
  void (*alloc)(Text&, std::size_t slot, std::size_t size);
  void (*dealloc)(Text&, std::size_t slot, std::size_t size);
};

template <class... Arguments>
void append(Text& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

std::uint64_t address(std::size_t slot) { return kHeap + slot * 0x130; }

constexpr std::array<Format, 5> kFormats{{
    {"text", "",
     [](Text& text, std::size_t slot, std::size_t size) { append(text, "a {} {}\n", slot, size); },
     [](Text& text, std::size_t slot, std::size_t) { append(text, "f {}\n", slot); }},
    {"text, addresses", "",
     [](Text& text, std::size_t slot, std::size_t size) {
       append(text, "a {:#x} {}\n", address(slot), size);
     },
     [](Text& text, std::size_t slot, std::size_t) { append(text, "f {:#x}\n", address(slot)); }},
    {"mtrace", "= Start\n",
     [](Text& text, std::size_t slot, std::size_t size) {
       append(text, "@ ./node:(_Znwm+1c)[0xa958c] + {:#x} {:#x}\n", address(slot), size);
     },
     [](Text& text, std::size_t slot, std::size_t) {
       append(text, "@ ./node:[0x1466] - {:#x}\n", address(slot));
     }},
    {"heaptrack, raw", "v 10400 3\nX ./node\nI 1000 5e298d\n",
     [](Text& text, std::size_t slot, std::size_t size) {
       append(text, "+ {:x} {:x} {:x}\n", size, slot % 100, address(slot));
     },
     [](Text& text, std::size_t slot, std::size_t) { append(text, "- {:x}\n", address(slot)); }},
    {"heaptrack", "v 10400 3\nX ./node\nI 1000 5e298d\n",
     [](Text& text, std::size_t, std::size_t size) { append(text, "+ {:x}\n", size - 1); },
     [](Text& text, std::size_t, std::size_t size) { append(text, "- {:x}\n", size - 1); }},
}};

struct Written {
  std::uint64_t bytes = 0;
  std::uint64_t allocations = 0;
  std::uint64_t peak = 0;
};

/// Lives of random length, of small sizes most of the time.
Written write(const Format& format, std::uint64_t events, const std::filesystem::path& path) {
  Written written;
  const std::unique_ptr<ByteSink> sink = create_sink(path);
  Text text;
  const auto hand_on = [&] {
    sink->write(std::as_bytes(std::span(text.data(), text.size())));
    written.bytes += text.size();
    text.clear();
  };
  append(text, "{}", format.head);
  if (format.name == std::string("heaptrack")) {
    for (unsigned size = 1; size <= 400; ++size) append(text, "a {:x} 1\n", size);
  }
  std::mt19937 random(1);
  std::vector<std::size_t> sizes(kMostLive);
  std::uint64_t live = 0;
  for (std::uint64_t i = 0; i != events; ++i) {
    const std::size_t slot = random() % kMostLive;
    std::size_t& size = sizes[slot];
    if (size == 0) {
      size = 1 + random() % (random() % 8 == 0 ? 400 : 64);
      format.alloc(text, slot, size);
      ++written.allocations;
      live += size;
      written.peak = std::max(written.peak, live);
    } else {
      format.dealloc(text, slot, size);
      live -= size;
      size = 0;
    }
    if (text.size() >= kChunkBytes) hand_on();
  }
  hand_on();
  sink->flush();
  return written;
}

heaptrace::Usage usage_of(const std::filesystem::path& path) {
  heaptrace::UsageCollector collector;
  heaptrace::read_events(
      [&path] { return open_source(path); }, {}, [&collector] { collector = {}; },
      [&collector](std::span<const heaptrace::Event> events) { collector.add(events); });
  return collector.usage();
}

int run(int argc, char** argv) {
  const std::uint64_t events = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10) * 1'000'000;
  const std::filesystem::path folder =
      argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  const std::filesystem::path path = folder / "bench_imports.trace";
  bool is_right = true;
  std::printf("%-16s %8s %14s %14s %20s\n", "format", "MB", "M events/s", "MB/s",
              "times reading alone");
  for (const Format& format : kFormats) {
    const Written written = write(format, events, path);
    const double reading = seconds_of([&path] {
      const std::unique_ptr<ByteSource> source = open_source(path);
      std::vector<std::byte> buffer(kChunkBytes);
      while (source->read(buffer) != 0) {
      }
    });
    heaptrace::Usage usage;
    const double importing = seconds_of([&] { usage = usage_of(path); });
    std::uint64_t allocations = 0;
    for (const heaptrace::SizeUsage& size : usage.sizes) allocations += size.allocations;
    is_right = is_right && allocations == written.allocations && usage.peak_bytes == written.peak;
    const auto millions = [importing](std::uint64_t count) {
      return static_cast<double>(count) / importing / 1e6;
    };
    std::printf("%-16s %8.0f %14.1f %14.0f %20.1f\n", format.name,
                static_cast<double>(written.bytes) / 1e6, millions(events), millions(written.bytes),
                importing / reading);
    std::filesystem::remove(path);
  }
  if (!is_right) std::fprintf(stderr, "error: the statistics are not what was written\n");
  return is_right ? 0 : 1;
}

}  // namespace
}  // namespace drone

int main(int argc, char** argv) { return drone::run(argc, argv); }
