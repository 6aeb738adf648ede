// SPDX-License-Identifier: MIT

// How fast `drone heap` reads a trace: from a file to the usage statistics, in processor time of
// one core; beside it, on the same file in the same run, reading alone and a plain loop.
//
//   bench_heap [MEGABYTES [FOLDER]]
//
// makes a file of that size (256 MB) for each trace in FOLDER (the temporary folder) and takes it
// away again. The traces: two that are generated, and the recorded programs of benchmarks/traces
// (they need xz), each run again and again. An event is an allocation, a deallocation or a resize.
// The exit status is 1 if the statistics differ from those of the plain loop.
//
//   bench_heap --stream GIGABYTES
//
// reads the first of the traces from no file, as long as said, and prints the memory that took.

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "itm/packet.hpp"
#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"

namespace drone {
namespace {

using heaptrace::Op;

constexpr std::size_t kChunkBytes = 1 << 18;
constexpr int kRounds = 5;
constexpr unsigned kPort = heaptrace::kDefaultPort;

/// What a program asked of its heap: `a`llocated, `r`esized or `f`reed.
struct Request {
  char kind;
  std::uint32_t id;
  std::uint32_t size;
};

/// About `live` blocks at a time, which are given back in no order: whether the next event is an
/// allocation cannot be told from those before it.
std::vector<Request> random_requests(std::size_t count, std::size_t live) {
  std::mt19937 random(1);
  std::geometric_distribution<std::uint32_t> size_steps(0.03);
  std::vector<std::uint32_t> ids;
  std::vector<Request> requests;
  std::uint32_t next_id = 0;
  while (requests.size() + ids.size() < count) {
    const bool grows = random() % (2 * live) >= ids.size();
    if (grows) {
      ids.push_back(next_id);
      requests.push_back({'a', next_id++, 1 + 4 * std::min(size_steps(random), 1000U)});
    } else {
      std::swap(ids[random() % ids.size()], ids.back());
      requests.push_back({'f', ids.back(), 0});
      ids.pop_back();
    }
  }
  for (const std::uint32_t id : ids) requests.push_back({'f', id, 0});
  return requests;
}

std::vector<Request> recorded_requests(const std::filesystem::path& path) {
  std::vector<Request> requests;
  std::FILE* const text = ::popen(("xz -dc '" + path.string() + "'").c_str(), "r");
  char line[64];
  while (text != nullptr && std::fgets(line, sizeof(line), text) != nullptr) {
    Request request{line[0], 0, 0};
    if (std::sscanf(line + 1, "%u %u", &request.id, &request.size) >= 1) {
      requests.push_back(request);
    }
  }
  if (text == nullptr || ::pclose(text) != 0) requests.clear();
  return requests;
}

/// A heap with a pool for each size, in steps of 8 bytes, as large as the program needs it. Its
/// tracer writes what the one of include/drone writes.
class Target {
 public:
  Target(const std::vector<Request>& requests, bool timestamps) : timestamps_(timestamps) {
    find_pools(requests);
    ext(Op::kVersion, heaptrace::kFormatVersion);
    for (const Pool& pool : pools_) {
      ext(Op::kPoolBlock, pool.block_size);
      ext(Op::kPoolCapacity, pool.capacity);
    }
    ext(Op::kHeapSize, 1U << 20);
    for (const Request& request : requests) run(request);
  }
  std::vector<std::byte> take() { return std::move(bytes_); }
  std::uint64_t events() const { return events_; }

 private:
  struct Pool {
    std::uint32_t block_size = 0;
    std::uint32_t capacity = 0;
    std::vector<std::uint32_t> free = {};
  };
  struct Block {
    std::uint32_t number;
    std::size_t pool;
  };

  static std::uint32_t block_size(std::uint32_t size) { return (size + 7) / 8 * 8; }

  void find_pools(const std::vector<Request>& requests) {
    std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> counts;  // live, most
    std::map<std::uint32_t, std::uint32_t> live;
    for (const Request& request : requests) {
      const auto before = live.find(request.id);
      const std::uint32_t size = block_size(request.size);
      if (request.kind == 'r' && size <= before->second) continue;
      if (request.kind != 'f') {
        auto& [now, most] = counts[size];
        most = std::max(most, ++now);
      }
      if (request.kind != 'a') --counts[before->second].first;
      if (request.kind == 'f') {
        live.erase(before);
      } else {
        live[request.id] = size;
      }
    }
    std::uint32_t number = 0;
    for (const auto& [size, count] : counts) {
      Pool pool{size, count.second};
      for (std::uint32_t i = count.second; i-- != 0;) pool.free.push_back(number + i);
      number += count.second;
      pools_.push_back(std::move(pool));
    }
  }

  void run(const Request& request) {
    const auto before = blocks_.find(request.id);
    if (request.kind == 'r' && request.size <= pools_[before->second.pool].block_size) {
      put_sized(Op::kResize, before->second.number, request.size);
      return;
    }
    std::optional<Block> old;
    if (request.kind != 'a') old = before->second;
    if (request.kind != 'f') {
      const std::uint32_t size = block_size(request.size);
      const auto pool = std::find_if(pools_.begin(), pools_.end(),
                                     [size](const Pool& each) { return each.block_size == size; });
      const Block block{pool->free.back(), static_cast<std::size_t>(pool - pools_.begin())};
      pool->free.pop_back();
      put_sized(Op::kAlloc, block.number, request.size);
      blocks_[request.id] = block;
    }
    if (!old) return;
    put(heaptrace::encode_dealloc(old->number));
    ++events_;
    pools_[old->pool].free.push_back(old->number);
    if (request.kind == 'f') blocks_.erase(request.id);
  }

  void put_sized(Op op, std::uint32_t block, std::uint32_t size) {
    const heaptrace::Writes writes = heaptrace::encode_sized(op, block, size);
    for (std::size_t i = 0; i != writes.count; ++i) put(writes.write[i]);
    ++events_;
  }
  void ext(Op op, std::uint32_t argument) {
    const heaptrace::Write write = heaptrace::encode({op, 0, argument});
    itm::append_instrumentation(bytes_, kPort, write.value, write.size);
    if (heaptrace::is_counted(op)) ++counted_;
  }
  void put(heaptrace::Write write) {
    itm::append_instrumentation(bytes_, kPort, write.value, write.size);
    if (timestamps_) itm::append_local_timestamp(bytes_, 20 + counted_ % 300, 0);
    ++counted_;
    if (counted_ % heaptrace::kSequencePeriod == heaptrace::kSequencePeriod - 1) {
      ext(Op::kSequence, counted_ + 1);
    }
  }

  bool timestamps_;
  std::vector<Pool> pools_;
  std::map<std::uint32_t, Block> blocks_;  ///< by id
  std::vector<std::byte> bytes_;
  std::uint32_t counted_ = 0;
  std::uint64_t events_ = 0;
};

/// The run of a program, as its trace has it.
struct Run {
  std::string name;
  std::vector<std::byte> bytes;
  std::uint64_t events = 0;
};

Run traced(const std::string& name, const std::vector<Request>& requests, bool timestamps = false) {
  Target target(requests, timestamps);
  const std::uint64_t events = target.events();
  return {name, target.take(), events};
}

/// All of a file, in chunks.
template <class Take>
void read_chunks(const std::filesystem::path& path, Take&& take) {
  std::vector<std::byte> buffer(kChunkBytes);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::size_t kept = 0;
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data() + kept, buffer.size() - kept);
    if (n <= 0) return;
    const std::size_t size = kept + static_cast<std::size_t>(n);
    const std::size_t taken = take(std::span<const std::byte>(buffer.data(), size));
    kept = size - taken;
    std::memmove(buffer.data(), buffer.data() + taken, kept);
  }
}

using heaptrace::Usage;

Usage read_alone(const std::filesystem::path& path) {
  read_chunks(path, [](std::span<const std::byte> bytes) { return bytes.size(); });
  return {};
}

/// The loop that one writes first: a packet, a switch, a table of blocks and one of sizes. Believes
/// all it reads: knows nothing of damage, of losses, of wide blocks and of what it is not sent
/// here.
class PlainLoop {
 public:
  std::size_t feed(std::span<const std::byte> bytes) {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const std::uint8_t* next = begin;
    const std::uint8_t* const end = begin + bytes.size();
    while (end - next >= 8) {
      const std::uint8_t header = *next;
      if (header == (kPort << 3 | 2)) {
        const std::uint32_t block = (next[1] | next[2] << 8) >> 1;
        end_life(block);
        next += 3;
      } else if (header == (kPort << 3 | 3)) {
        std::uint32_t value = 0;
        std::memcpy(&value, next + 1, sizeof(value));
        add(value);
        next += 5;
      } else if (header == 0) {
        while (*next == 0) ++next;
        ++next;
      } else if (header >= 0xC0 && (header & 15) == 0) {
        do ++next;
        while ((*next & 0x80) != 0);
        ++next;
      } else {
        ++next;
      }
    }
    return static_cast<std::size_t>(next - begin);
  }

  Usage usage() const {
    Usage usage;
    for (std::size_t size = 0; size != max_count_.size(); ++size) {
      if (allocations_[size] == 0) continue;
      usage.sizes.push_back(
          {static_cast<std::uint32_t>(size), max_count_[size], allocations_[size]});
    }
    usage.peak_bytes = peak_;
    return usage;
  }

 private:
  void add(std::uint32_t value) {
    const std::uint32_t block = (value >> 3) & 0x7FFF;
    switch ((value >> 1) & 3) {
      case 0:
        begin_life(block, value >> 18);
        break;
      case 1:
        if (size_of_[block] == value >> 18) break;
        end_life(block);
        begin_life(block, value >> 18);
        break;
      case 3:
        if (((value >> 3) & 0x1F) == 0) {
          std::fill(size_of_.begin(), size_of_.end(), 0);
          std::fill(live_.begin(), live_.end(), 0);
          live_bytes_ = 0;
        }
        break;
      default:
        break;
    }
  }
  void begin_life(std::uint32_t block, std::uint32_t size) {
    size_of_[block] = size;
    ++allocations_[size];
    max_count_[size] = std::max(max_count_[size], ++live_[size]);
    live_bytes_ += size;
    peak_ = std::max(peak_, live_bytes_);
  }
  void end_life(std::uint32_t block) {
    const std::uint32_t size = size_of_[block];
    --live_[size];
    live_bytes_ -= size;
  }

  std::vector<std::uint32_t> size_of_ = std::vector<std::uint32_t>(0x8000);
  std::vector<std::uint64_t> live_ = std::vector<std::uint64_t>(0x4000);
  std::vector<std::uint64_t> max_count_ = std::vector<std::uint64_t>(0x4000);
  std::vector<std::uint64_t> allocations_ = std::vector<std::uint64_t>(0x4000);
  std::uint64_t live_bytes_ = 0;
  std::uint64_t peak_ = 0;
};

Usage plain_loop(const std::filesystem::path& path) {
  PlainLoop loop;
  read_chunks(path, [&loop](std::span<const std::byte> bytes) { return loop.feed(bytes); });
  return loop.usage();
}

/// What `drone heap` does with a trace.
Usage usage_of(const heaptrace::OpenStream& open) {
  heaptrace::UsageCollector collector;
  heaptrace::read_events(
      open, {}, [&] { collector = {}; },
      [&](std::span<const heaptrace::Event> events) { collector.add(events); });
  return collector.usage();
}

Usage drone(const std::filesystem::path& path) {
  return usage_of([&path] { return open_source(path); });
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Way {
  const char* name;
  Usage (*run)(const std::filesystem::path&);
};
constexpr Way kWays[] = {{"read", read_alone}, {"plain loop", plain_loop}, {"drone", drone}};

/// Prints a line for the trace: the best of some rounds that take turns. Returns whether the
/// statistics agree.
bool compare(const Run& run, std::size_t size, const std::filesystem::path& folder) {
  const auto path = folder / ("bench_heap." + std::to_string(::getpid()));
  std::uint64_t runs = 0;
  {
    const auto sink = create_sink(path);
    std::vector<std::byte> sync;
    itm::append_sync(sync);
    sink->write(sync);
    for (; runs == 0 || runs * run.bytes.size() < size; ++runs) sink->write(run.bytes);
    for (int i = 0; i != 2; ++i) sink->write(sync);  // the plain loop leaves the last bytes
    sink->flush();
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  const auto events = static_cast<double>(runs * run.events);
  double best[] = {1e9, 1e9, 1e9};
  Usage usage[3];
  for (int round = 0; round != kRounds; ++round) {
    for (std::size_t i = 0; i != 3; ++i) {
      const double begin = processor_seconds();
      usage[i] = kWays[i].run(path);
      best[i] = std::min(best[i], processor_seconds() - begin);
    }
  }
  std::filesystem::remove(path);
  std::printf("%-16s %6.0f %6.2f", run.name.c_str(), 1e-6 * events / best[2],
              1e-9 * bytes / best[2]);
  for (std::size_t i = 0; i != 2; ++i) std::printf(" %11.2f", best[i] / best[2]);
  std::printf("\n");
  std::fflush(stdout);
  return usage[1].sizes == usage[2].sizes && usage[1].peak_bytes == usage[2].peak_bytes;
}

/// A run again and again, as long as is wanted.
class RepeatedSource final : public ByteSource {
 public:
  RepeatedSource(std::span<const std::byte> run, std::uint64_t times) : run_(run), left_(times) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (at_ == run_.size()) {
      at_ = 0;
      --left_;
    }
    if (left_ == 0) return 0;
    const std::size_t n = std::min(buffer.size(), run_.size() - at_);
    std::memcpy(buffer.data(), run_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::span<const std::byte> run_;
  std::uint64_t left_;
  std::size_t at_ = 0;
};

Run first_trace() { return traced("random", random_requests(4'000'000, 1000)); }

int stream(double gigabytes) {
  const Run run = first_trace();
  const auto times =
      static_cast<std::uint64_t>(1e9 * gigabytes / static_cast<double>(run.bytes.size())) + 1;
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  const double begin = processor_seconds();
  usage_of([&] { return std::make_unique<RepeatedSource>(run.bytes, times); });
  const double seconds = processor_seconds() - begin;
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  std::printf("%.1f GB in %.1f s, %.0f M events/s, %ld KB of memory more than before\n",
              1e-9 * static_cast<double>(times * run.bytes.size()), seconds,
              1e-6 * static_cast<double>(times * run.events) / seconds,
              after.ru_maxrss - before.ru_maxrss);
  return 0;
}

int run(int argc, char** argv) {
  if (argc > 2 && std::string_view(argv[1]) == "--stream") return stream(std::atof(argv[2]));
  const std::size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 256;
  const std::filesystem::path folder =
      argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  std::printf("                   M ev/s  GB/s  drone has of\n");
  std::printf("                                        read  plain loop\n");
  bool same = true;
  const auto measure = [&](const Run& each) {
    if (compare(each, megabytes * 1'000'000, folder)) return;
    std::fprintf(stderr, "error: the statistics of %s differ\n", each.name.c_str());
    same = false;
  };
  measure(first_trace());
  measure(traced("with timestamps", random_requests(4'000'000, 1000), true));
  for (const auto& file : std::filesystem::directory_iterator(DRONE_TRACES)) {
    if (file.path().extension() != ".xz") continue;
    const std::string name = file.path().stem().stem().string();
    const std::vector<Request> requests = recorded_requests(file.path());
    if (requests.empty()) {
      std::fprintf(stderr, "error: cannot read '%s' (is xz there?)\n", file.path().c_str());
      same = false;
      continue;
    }
    measure(traced(name, requests));
  }
  return same ? 0 : 1;
}

}  // namespace
}  // namespace drone

int main(int argc, char** argv) { return drone::run(argc, argv); }
