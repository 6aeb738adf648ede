// SPDX-License-Identifier: MIT

// How fast a capture is decoded, from a file to the payload bytes of each port, in processor time
// of one core; beside it, on the same file in the same run, reading alone, a copy, and a plain
// loop.
//
//   bench_capture [MEGABYTES [FOLDER]]
//
// makes two files in FOLDER (the temporary folder; 256 MB each), one bare and one in TPIU frames,
// and takes them away again. The exit status is 1 if what the decoders deliver differs.

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "itm/input_stage.hpp"
#include "itm/packet.hpp"
#include "itm/port_demux.hpp"
#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"
#include "support/tpiu_framer.hpp"

namespace drone {
namespace {

constexpr std::size_t kChunkBytes = 1 << 18;
constexpr int kRounds = 5;

/// 70 % four-byte writes to port 31, 20 % one-byte writes to port 0, 8 % local timestamps, the rest
/// of other kinds; a synchronization every 1 KB, an overflow every 100 KB.
std::vector<std::byte> make_stream(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::byte> out;
  out.reserve(size + 64);
  std::size_t next_sync = 1024;
  std::size_t next_overflow = 100 * 1024;
  while (out.size() < size) {
    const auto value = static_cast<std::uint32_t>(random());
    const std::uint32_t dice = static_cast<std::uint32_t>(random()) % 100;
    if (dice < 70) {
      itm::append_instrumentation(out, 31, value, 4);
    } else if (dice < 90) {
      itm::append_instrumentation(out, 0, ' ' + value % 95, 1);
    } else if (dice < 98) {
      itm::append_local_timestamp(out, 1 + value % 400, 0);
    } else {
      itm::append_hardware(out, 2, value, 4);
    }
    if (out.size() >= next_sync) {
      itm::append_sync(out);
      next_sync += 1024;
    }
    if (out.size() >= next_overflow) {
      itm::append_overflow(out);
      next_overflow += 100UL * 1024;
    }
  }
  return out;
}

std::vector<std::byte> in_frames(const std::vector<std::byte>& itm) {
  test::TpiuFramer framer({64, 10, 0x80});
  framer.put_all(1, itm);
  framer.flush();
  return framer.take();
}

void write_stream(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  const auto sink = create_sink(path);
  sink->write(bytes);
  sink->flush();
}

/// What came out of a port: its length, and a number that depends on each byte and its place.
struct Output {
  std::uint64_t bytes = 0;
  std::uint64_t check = 0;
  friend bool operator==(const Output&, const Output&) = default;
};

/// Keeps what it is given where it would be kept until it is written: in a buffer that is used
/// again and again. In a round that checks, it looks at every byte.
class BufferSink final : public ByteSink {
 public:
  explicit BufferSink(bool checks) : checks_(checks), buffer_(kChunkBytes) {}
  void write(std::span<const std::byte> bytes) override {
    output_.bytes += bytes.size();
    if (checks_) {
      for (const std::byte byte : bytes) {
        output_.check = output_.check * 31 + static_cast<std::uint8_t>(byte);
      }
    }
    while (!bytes.empty()) {
      if (used_ == buffer_.size()) used_ = 0;
      const std::size_t n = std::min(bytes.size(), buffer_.size() - used_);
      std::memcpy(buffer_.data() + used_, bytes.data(), n);
      used_ += n;
      bytes = bytes.subspan(n);
    }
  }
  const Output& output() const { return output_; }

 private:
  bool checks_;
  Output output_;
  std::size_t used_ = 0;
  std::vector<std::byte> buffer_;
};

using Outputs = std::array<Output, 2>;  // of ports 0 and 31

/// All of a file, in chunks.
template <class Take>
void read_chunks(const std::filesystem::path& path, Take&& take) {
  std::vector<std::byte> buffer(kChunkBytes);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n <= 0) return;
    take(std::span<const std::byte>(buffer.data(), static_cast<std::size_t>(n)));
  }
}

Outputs read_alone(const std::filesystem::path& path, bool) {
  read_chunks(path, [](std::span<const std::byte>) {});
  return {};
}

Outputs copy(const std::filesystem::path& path, bool) {
  BufferSink sink(false);
  read_chunks(path, [&sink](std::span<const std::byte> bytes) { sink.write(bytes); });
  return {};
}

/// The loop that one writes first: a byte, a state, a switch. Knows source packets, timestamps,
/// overflows and synchronizations; nothing of packets that are cut.
class PlainLoop {
 public:
  explicit PlainLoop(bool checks) : sinks_{BufferSink(checks), BufferSink(checks)} {}

  void feed(const std::uint8_t* bytes, std::size_t size) {
    for (std::size_t i = 0; i != size; ++i) {
      const std::uint8_t byte = bytes[i];
      switch (state_) {
        case 0:
          if (byte == 0) {
            state_ = 2;
          } else if ((byte & 3) != 0) {
            missing_ = (byte & 3) == 3 ? 4 : byte & 3;
            port_ = (byte & 4) != 0 ? 32 : byte >> 3;
            state_ = 1;
          } else if ((byte & 0x80) != 0) {
            state_ = 3;
          }
          break;
        case 1:
          if (port_ == 31) {
            put(1, byte);
          } else if (port_ == 0) {
            put(0, byte);
          }
          if (--missing_ == 0) state_ = 0;
          break;
        case 2:
          if (byte != 0) state_ = 0;
          break;
        default:
          if ((byte & 0x80) == 0) state_ = 0;
          break;
      }
    }
  }

  Outputs finish() {
    for (int i = 0; i != 2; ++i) flush(i);
    return {sinks_[0].output(), sinks_[1].output()};
  }

 private:
  void put(int output, std::uint8_t byte) {
    buffers_[output][used_[output]++] = static_cast<std::byte>(byte);
    if (used_[output] == sizeof(buffers_[0])) flush(output);
  }
  void flush(int output) {
    sinks_[output].write({buffers_[output], used_[output]});
    used_[output] = 0;
  }

  int state_ = 0;
  int missing_ = 0;
  int port_ = 0;
  std::size_t used_[2] = {};
  std::byte buffers_[2][4096];
  BufferSink sinks_[2];
};

Outputs plain_loop(const std::filesystem::path& path, bool checks) {
  PlainLoop loop(checks);
  read_chunks(path, [&loop](std::span<const std::byte> bytes) {
    loop.feed(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  });
  return loop.finish();
}

/// The same for frames: a frame at a time, a place in it at a time.
Outputs plain_frame_loop(const std::filesystem::path& path, bool checks) {
  PlainLoop loop(checks);
  std::uint8_t frame[16];
  std::size_t used = 0;
  unsigned stream = 0;
  std::vector<std::uint8_t> itm;
  read_chunks(path, [&](std::span<const std::byte> bytes) {
    itm.clear();
    for (const std::byte each : bytes) {
      frame[used++] = static_cast<std::uint8_t>(each);
      if (used == 4 && std::memcmp(frame, "\xFF\xFF\xFF\x7F", 4) == 0) used = 0;
      if (used != 16) continue;
      used = 0;
      for (int i = 0; i < 15; i += 2) {
        const bool bit = (frame[15] >> (i / 2) & 1) != 0;
        const unsigned before = stream;
        if ((frame[i] & 1) != 0) {
          stream = frame[i] >> 1;
        } else if (stream == 1) {
          itm.push_back(static_cast<std::uint8_t>(frame[i] | (bit ? 1 : 0)));
        }
        const bool late = (frame[i] & 1) != 0 && bit;
        if (i != 14 && (late ? before : stream) == 1) itm.push_back(frame[i + 1]);
      }
    }
    loop.feed(itm.data(), itm.size());
  });
  return loop.finish();
}

/// What `drone itm 0:FILE 31:FILE` does with the bytes.
Outputs decode(const std::filesystem::path& path, bool checks) {
  BufferSink zero(checks);
  BufferSink heap(checks);
  itm::PortDemux demux;
  demux.add_route(0, zero);
  demux.add_route(31, heap);
  struct ToDemux final : itm::ItmBytesSink {
    explicit ToDemux(itm::PortDemux& to) : demux(to) {}
    void bytes(std::span<const std::byte> itm) override { demux.feed(itm); }
    void gap(std::uint64_t lost) override { demux.gap(lost); }
    itm::PortDemux& demux;
  } to_demux(demux);
  itm::InputStage input;
  read_chunks(path, [&](std::span<const std::byte> bytes) { input.feed(bytes, to_demux); });
  input.finish(to_demux);
  demux.finish();
  return {zero.output(), heap.output()};
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Way {
  const char* name;
  Outputs (*run)(const std::filesystem::path&, bool checks);
};

/// Prints GB/s of each way, the best of some rounds that take turns. Returns whether the outputs of
/// the last two ways, which decode, agree.
bool compare(const char* title, const std::filesystem::path& path, const std::vector<Way>& ways) {
  const double gigabytes = 1e-9 * static_cast<double>(std::filesystem::file_size(path));
  std::vector<double> best(ways.size(), 1e9);
  for (int round = 0; round != kRounds; ++round) {
    for (std::size_t i = 0; i != ways.size(); ++i) {
      const double begin = processor_seconds();
      ways[i].run(path, false);
      best[i] = std::min(best[i], processor_seconds() - begin);
    }
  }
  std::printf("%s, %.0f MB\n", title, 1e3 * gigabytes);
  const double ours = best.back();
  for (std::size_t i = 0; i != ways.size(); ++i) {
    std::printf("  %-14s %6.2f GB/s   drone has %.2f of it\n", ways[i].name, gigabytes / best[i],
                best[i] / ours);
  }
  return ways.end()[-2].run(path, true) == ways.end()[-1].run(path, true);
}

int run(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 256;
  const std::filesystem::path folder =
      argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  const auto bare = folder / ("bench_capture_itm." + std::to_string(::getpid()));
  const auto framed = folder / ("bench_capture_tpiu." + std::to_string(::getpid()));
  {
    const std::vector<std::byte> stream = make_stream(megabytes * 1'000'000);
    write_stream(bare, stream);
    write_stream(framed, in_frames(stream));
  }
  const bool same_bare = compare(
      "bare ITM", bare,
      {{"read", read_alone}, {"copy", copy}, {"plain loop", plain_loop}, {"drone", decode}});
  const bool same_framed = compare(
      "TPIU frames", framed,
      {{"read", read_alone}, {"copy", copy}, {"plain loop", plain_frame_loop}, {"drone", decode}});
  std::filesystem::remove(bare);
  std::filesystem::remove(framed);
  if (same_bare && same_framed) return 0;
  std::fprintf(stderr, "error: the outputs differ (%s)\n", same_bare ? "TPIU frames" : "bare ITM");
  return 1;
}

}  // namespace
}  // namespace drone

int main(int argc, char** argv) { return drone::run(argc, argv); }
