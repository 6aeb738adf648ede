// SPDX-License-Identifier: MIT
#include "layout/heap_summary.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include "support/error.hpp"

namespace drone::layout {
namespace {

using heaptrace::Losses;

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kChecksumSize = 4;

/// Every counter of Losses, in the order of the format.
constexpr std::uint64_t Losses::*kLosses[] = {
    &Losses::overflows,      &Losses::malformed,        &Losses::gaps,
    &Losses::gap_bytes,      &Losses::lost_events,      &Losses::dropped_events,
    &Losses::damaged_events, &Losses::unknown_deallocs, &Losses::lost_allocs,
    &Losses::double_allocs,
};

/// CRC-32 of IEEE 802.3, as in zip files.
std::uint32_t checksum(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit != 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

class Writer {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<std::byte>(value | 0x80));
      value >>= 7;
    }
    bytes_.push_back(static_cast<std::byte>(value));
  }
  void extremes(const std::optional<Extremes>& value) {
    number(value ? 1 : 0);
    if (!value) return;
    number(value->least);
    number(value->most - value->least);
  }
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<std::byte>(value)); }

  /// Numbers most of which are 0, in runs.
  class Sparse {
   public:
    explicit Sparse(Writer& writer) : writer_(writer) {}
    void add(std::int64_t value) {
      if (value == 0) {
        ++zeros_;
        return;
      }
      finish();
      writer_.number(zigzag(value));
    }
    void finish() {
      if (zeros_ == 0) return;
      writer_.number(0);
      writer_.number(std::exchange(zeros_, 0) - 1);
    }

   private:
    Writer& writer_;
    std::uint64_t zeros_ = 0;
  };

  std::vector<std::byte> finish() {
    std::uint32_t crc = checksum(bytes_);
    for (std::size_t i = 0; i != kChecksumSize; ++i, crc >>= 8) {
      bytes_.push_back(static_cast<std::byte>(crc));
    }
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

[[noreturn]] void fail_damaged() {
  throw Error(ExitStatus::kInput, "the summary is damaged",
              "make it again from its traces: drone heap merge -o SUMMARY TRACE...");
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::uint64_t number(std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) fail_damaged();
      const auto byte = std::to_integer<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      if (shift == 63 && byte > 1) fail_damaged();
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) {
        if (value > most) fail_damaged();
        return value;
      }
    }
    fail_damaged();
  }
  std::uint32_t word(std::uint64_t most = UINT32_MAX) {
    return static_cast<std::uint32_t>(number(most));
  }
  bool flag() { return number(1) != 0; }

  std::optional<Extremes> extremes() {
    if (!flag()) return std::nullopt;
    const std::uint32_t least = word();
    return Extremes{least, least + word(UINT32_MAX - least)};
  }

  /// How many of something that take a byte or more each.
  std::size_t count() { return static_cast<std::size_t>(number(rest_.size())); }

  /// `last` + 1 or more.
  std::uint32_t above(std::int64_t last) {
    return static_cast<std::uint32_t>(
        last + 1 +
        static_cast<std::int64_t>(number(static_cast<std::uint64_t>(UINT32_MAX - last - 1))));
  }

  class Sparse {
   public:
    explicit Sparse(Reader& reader) : reader_(reader) {}
    std::int64_t next() {
      if (zeros_ != 0) {
        --zeros_;
        return 0;
      }
      const std::uint64_t value = reader_.number();
      if (value != 0) return unzigzag(value);
      zeros_ = reader_.number();
      return 0;
    }
    void finish() const {
      if (zeros_ != 0) fail_damaged();
    }

   private:
    Reader& reader_;
    std::uint64_t zeros_ = 0;
  };

  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

/// Alignments as their log2.
void write_alignment(Writer& writer, std::uint32_t alignment) {
  writer.number(static_cast<std::uint64_t>(std::countr_zero(alignment)));
}
std::uint32_t read_alignment(Reader& reader, unsigned most_log2) {
  return std::uint32_t{1} << reader.number(most_log2);
}
constexpr unsigned kMaxAlignmentLog2 = std::bit_width(heap::kMaxAlignment) - 1;

/// A peak differs little from what its neighbours make likely: that an interval which ends one
/// later gains as much as the one that begins one later does.
void write_peaks(Writer& writer, const JointPeaks& joint) {
  const std::size_t n = joint.sizes().size();
  writer.number(n);
  std::int64_t last = 0;
  for (std::size_t i = 0; i != n; ++i) {
    writer.number(static_cast<std::uint64_t>(std::int64_t{joint.sizes()[i]} - last - 1));
    last = joint.sizes()[i];
    write_alignment(writer, joint.alignments()[i]);
  }
  Writer::Sparse sparse(writer);
  const auto peak = [&joint](std::size_t first, std::size_t end) -> std::int64_t {
    return first >= end ? 0 : joint.peak(first, end - 1);
  };
  for (std::size_t i = n; i-- != 0;) {
    for (std::size_t j = i; j != n; ++j) {
      sparse.add(peak(i, j + 1) - peak(i, j) - peak(i + 1, j + 1) + peak(i + 1, j));
    }
  }
  sparse.finish();
}

JointPeaks read_peaks(Reader& reader, std::uint32_t base_alignment) {
  const std::size_t n = reader.count();
  if (n > kMostJointSizes) fail_damaged();
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint32_t> alignments;
  std::int64_t last = 0;
  for (std::size_t i = 0; i != n; ++i) {
    last = reader.above(last);
    sizes.push_back(static_cast<std::uint32_t>(last));
    alignments.push_back(read_alignment(reader, kMaxAlignmentLog2));
    if (alignments.back() < base_alignment || sizes.back() % alignments.back() != 0) fail_damaged();
  }
  const auto row = [n](std::size_t first) { return first * n - first * (first + 1) / 2 + first; };
  std::vector<std::uint32_t> peaks(n * (n + 1) / 2);
  Reader::Sparse sparse(reader);
  for (std::size_t i = n; i-- != 0;) {
    std::int64_t here = 0;
    std::int64_t below_here = 0;
    for (std::size_t j = i; j != n; ++j) {
      const std::int64_t below = j == i ? 0 : peaks[row(i + 1) + j - i - 1];
      const std::int64_t residue = sparse.next();
      // Beyond this it is none, and could overflow.
      constexpr std::int64_t kMost = std::int64_t{1} << 34;
      if (residue > kMost || residue < -kMost) fail_damaged();
      const std::int64_t peak = here + below - below_here + residue;
      const std::int64_t alone = j == i ? peak : peaks[row(j)];
      if (peak < std::max({here, below, std::int64_t{1}}) || peak > here + alone ||
          peak > std::numeric_limits<std::int32_t>::max()) {
        fail_damaged();
      }
      peaks[row(i) + j - i] = static_cast<std::uint32_t>(peak);
      here = peak;
      below_here = below;
    }
  }
  sparse.finish();
  return {std::move(sizes), std::move(alignments), std::move(peaks)};
}

void write_asked(Writer& writer, const AskedSummary& asked) {
  writer.number(asked.classes.size());
  std::uint32_t size = 0;
  for (const DemandClass& each : asked.classes) {
    writer.number(each.size - size);
    size = each.size;
    writer.number(each.demand.effective_size - each.size);
    write_alignment(writer, each.demand.alignment);
    writer.number(each.demand.max_count);
  }
  writer.number(asked.peaks ? 1 : 0);
  if (asked.peaks) write_peaks(writer, *asked.peaks);
}

AskedSummary read_asked(Reader& reader, std::uint32_t base_alignment) {
  AskedSummary asked;
  const std::size_t count = reader.count();
  std::uint32_t size = 0;
  for (std::size_t i = 0; i != count; ++i) {
    DemandClass each;
    size += reader.word(kMaxEffectiveSize - size);
    each.size = size;
    const std::uint32_t padding = reader.word(heap::kMaxAlignment - 1);
    each.demand.effective_size = size + padding;
    each.demand.alignment = read_alignment(reader, kMaxAlignmentLog2);
    each.demand.max_count = reader.number(UINT32_MAX);
    const bool is_class = is_servable(size, each.demand.alignment) && each.demand.max_count != 0 &&
                          each.demand.alignment >= base_alignment &&
                          heap::effective_size(size, base_alignment, each.demand.alignment) ==
                              each.demand.effective_size;
    if (!is_class || (!asked.classes.empty() && !(asked.classes.back() < each))) fail_damaged();
    asked.classes.push_back(each);
  }
  asked.peaks.reset();
  if (reader.flag()) asked.peaks = read_peaks(reader, base_alignment);
  return asked;
}

void write_usage(Writer& writer, const heaptrace::Usage& usage) {
  writer.number(usage.sizes.size());
  std::int64_t size = -1;
  for (const heaptrace::SizeUsage& each : usage.sizes) {
    writer.number(static_cast<std::uint64_t>(each.size - size - 1));
    size = each.size;
    writer.number(each.max_count);
    writer.number(each.allocations - each.max_count);
  }
  writer.number(usage.failed.size());
  std::uint32_t failed_size = 0;
  for (const heaptrace::FailedUsage& each : usage.failed) {
    writer.number(each.size - failed_size);
    failed_size = each.size;
    write_alignment(writer, each.alignment);
    writer.number(each.count);
  }
  writer.number(usage.peak_bytes);
}

heaptrace::Usage read_usage(Reader& reader) {
  heaptrace::Usage usage;
  const std::size_t sizes = reader.count();
  std::int64_t size = -1;
  for (std::size_t i = 0; i != sizes; ++i) {
    heaptrace::SizeUsage each;
    size = reader.above(size);
    each.size = static_cast<std::uint32_t>(size);
    each.max_count = reader.number(UINT32_MAX);
    each.allocations =
        each.max_count + reader.number(std::numeric_limits<std::uint64_t>::max() - each.max_count);
    usage.maximum_bytes += each.size * each.max_count;
    usage.sizes.push_back(each);
  }
  const std::size_t failed = reader.count();
  std::uint32_t failed_size = 0;
  for (std::size_t i = 0; i != failed; ++i) {
    heaptrace::FailedUsage each;
    failed_size += reader.word(UINT32_MAX - failed_size);
    each.size = failed_size;
    each.alignment = read_alignment(reader, 31);
    each.count = reader.number();
    if (!usage.failed.empty() &&
        std::pair(usage.failed.back().size, usage.failed.back().alignment) >=
            std::pair(each.size, each.alignment)) {
      fail_damaged();
    }
    usage.failed.push_back(each);
  }
  usage.peak_bytes = reader.number();
  return usage;
}

void join(std::optional<Extremes>& into, const std::optional<Extremes>& other) {
  if (!into) {
    into = other;
  } else if (other) {
    into = Extremes{std::min(into->least, other->least), std::max(into->most, other->most)};
  }
}

void join(AskedSummary& into, const AskedSummary& other) {
  std::vector<DemandClass> rows;
  std::merge(into.classes.begin(), into.classes.end(), other.classes.begin(), other.classes.end(),
             std::back_inserter(rows));
  into.classes.clear();
  for (const DemandClass& row : rows) {
    if (into.classes.empty() || into.classes.back() < row) {
      into.classes.push_back(row);
      continue;
    }
    Demand& demand = into.classes.back().demand;
    demand.max_count = std::max(demand.max_count, row.demand.max_count);
    demand.alignment = std::max(demand.alignment, row.demand.alignment);
  }
  if (!into.peaks || !other.peaks) {
    into.peaks.reset();
    return;
  }
  std::vector<std::uint32_t> sizes;
  std::set_union(into.peaks->sizes().begin(), into.peaks->sizes().end(),
                 other.peaks->sizes().begin(), other.peaks->sizes().end(),
                 std::back_inserter(sizes));
  if (sizes.size() > kMostJointSizes) {
    into.peaks.reset();
  } else {
    into.peaks->merge(*other.peaks);
  }
}

std::optional<Extremes> only(std::optional<std::uint32_t> value) {
  return value ? std::optional(Extremes{*value, *value}) : std::nullopt;
}

}  // namespace

SummaryCollector::SummaryCollector()
    : demands_{DemandCollector(4), DemandCollector(8)},
      peaks_{JointPeaksCollector(4, demands_[0].lives()),
             JointPeaksCollector(8, demands_[1].lives())} {}

void SummaryCollector::add(std::span<const heaptrace::Event> events) {
  usage_.add(events);
  for (std::size_t i = 0; i != demands_.size(); ++i) {
    demands_[i].add(events, [&each = peaks_[i]](std::uint32_t, std::uint32_t from,
                                                std::uint32_t to) { each.add(from, to); });
  }
}

void SummaryCollector::tell_progress(const std::function<void(double done)>& tell) {
  // They have the same changes, and so look at them one right after the other.
  const auto count = static_cast<double>(peaks_.size());
  for (std::size_t i = 0; i != peaks_.size(); ++i) {
    peaks_[i].tell_progress(
        [tell, i, count](double done) { tell((static_cast<double>(i) + done) / count); });
  }
}

HeapSummary SummaryCollector::summary(const heaptrace::Summary& trace) {
  HeapSummary summary;
  summary.traces = 1;
  summary.runs = trace.runs;
  summary.events = usage_.events();
  summary.bytes = trace.bytes;
  summary.heap_size = only(trace.description.heap_size);
  summary.base_alignment = only(trace.description.base_alignment);
  summary.losses = trace.losses;
  summary.losses.places.clear();
  summary.unknown_operations = trace.unknown_operations;
  summary.began_midway = trace.began_midway;
  summary.ended_in_order = trace.ended_in_order;
  summary.description_ignored = trace.description_ignored;
  summary.usage = usage_.usage();
  summary.failed = demands_[0].failed();
  summary.unservable = demands_[0].unservable();
  for (std::size_t i = 0; i != summary.asked.size(); ++i) {
    summary.asked[i].classes = demands_[i].classes();
    if (peaks_[i].has_too_many_sizes()) {
      summary.asked[i].peaks.reset();
    } else {
      summary.asked[i].peaks = peaks_[i].peaks();
    }
  }
  return summary;
}

void merge(HeapSummary& into, const HeapSummary& other) {
  into.traces += other.traces;
  into.runs += other.runs;
  into.events += other.events;
  into.bytes += other.bytes;
  join(into.heap_size, other.heap_size);
  join(into.base_alignment, other.base_alignment);
  for (const auto counter : kLosses) into.losses.*counter += other.losses.*counter;
  into.unknown_operations += other.unknown_operations;
  into.began_midway |= other.began_midway;
  into.ended_in_order &= other.ended_in_order;
  into.description_ignored |= other.description_ignored;
  merge(into.usage, other.usage);
  into.failed.count += other.failed.count;
  into.failed.largest = std::max(into.failed.largest, other.failed.largest);
  into.unservable += other.unservable;
  for (std::size_t i = 0; i != into.asked.size(); ++i) join(into.asked[i], other.asked[i]);
}

bool is_summary(std::span<const std::byte> head) {
  return head.size() >= kSummaryMagic.size() &&
         std::equal(kSummaryMagic.begin(), kSummaryMagic.end(), head.begin(),
                    [](std::uint8_t a, std::byte b) { return std::byte{a} == b; });
}

std::vector<std::byte> encode_summary(const HeapSummary& summary) {
  Writer writer;
  for (const std::uint8_t byte : kSummaryMagic) writer.byte(byte);
  writer.number(kVersion);
  writer.number(summary.traces);
  writer.number(summary.runs);
  writer.number(summary.events);
  writer.number(summary.bytes);
  writer.extremes(summary.heap_size);
  writer.extremes(summary.base_alignment);
  for (const auto counter : kLosses) writer.number(summary.losses.*counter);
  writer.number(summary.unknown_operations);
  writer.number((summary.began_midway ? 1U : 0U) | (summary.ended_in_order ? 2U : 0U) |
                (summary.description_ignored ? 4U : 0U));
  write_usage(writer, summary.usage);
  writer.number(summary.failed.count);
  writer.number(summary.failed.largest);
  writer.number(summary.unservable);
  write_asked(writer, summary.asked[0]);
  const bool is_same = summary.asked[0] == summary.asked[1];
  writer.number(is_same ? 1 : 0);
  if (!is_same) write_asked(writer, summary.asked[1]);
  return writer.finish();
}

HeapSummary decode_summary(std::span<const std::byte> bytes) {
  if (!is_summary(bytes)) {
    throw Error(ExitStatus::kInput, "the file is no summary", "`drone heap merge` makes them");
  }
  if (bytes.size() < kSummaryMagic.size() + 1 + kChecksumSize) fail_damaged();
  const std::span<const std::byte> content = bytes.first(bytes.size() - kChecksumSize);
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i != kChecksumSize; ++i) {
    crc |= std::to_integer<std::uint32_t>(bytes[content.size() + i]) << (8 * i);
  }
  if (crc != checksum(content)) fail_damaged();
  Reader reader(content.subspan(kSummaryMagic.size()));
  if (const std::uint64_t version = reader.number(); version != kVersion) {
    throw Error(ExitStatus::kInput,
                "the summary is of format version " + std::to_string(version) +
                    ", and this drone reads version " + std::to_string(kVersion),
                "install a newer drone, or make it again from its traces");
  }
  HeapSummary summary;
  summary.traces = reader.number();
  summary.runs = reader.number();
  summary.events = reader.number();
  summary.bytes = reader.number();
  summary.heap_size = reader.extremes();
  summary.base_alignment = reader.extremes();
  for (const auto counter : kLosses) summary.losses.*counter = reader.number();
  summary.unknown_operations = reader.number();
  const std::uint64_t flags = reader.number(7);
  summary.began_midway = (flags & 1U) != 0;
  summary.ended_in_order = (flags & 2U) != 0;
  summary.description_ignored = (flags & 4U) != 0;
  summary.usage = read_usage(reader);
  summary.failed.count = reader.number();
  summary.failed.largest = reader.word();
  summary.unservable = reader.number();
  summary.asked[0] = read_asked(reader, 4);
  summary.asked[1] = reader.flag() ? summary.asked[0] : read_asked(reader, 8);
  if (!reader.at_end()) fail_damaged();
  return summary;
}

heaptrace::Summary as_trace_summary(const HeapSummary& summary) {
  heaptrace::Summary trace;
  const auto agreed = [](const std::optional<Extremes>& said) -> std::optional<std::uint32_t> {
    return said && said->least == said->most ? std::optional(said->most) : std::nullopt;
  };
  trace.description.heap_size = agreed(summary.heap_size);
  trace.description.base_alignment = agreed(summary.base_alignment);
  trace.losses = summary.losses;
  trace.bytes = summary.bytes;
  trace.events = summary.events;
  trace.unknown_operations = summary.unknown_operations;
  trace.runs = static_cast<std::uint32_t>(std::min<std::uint64_t>(summary.runs, UINT32_MAX));
  trace.began_midway = summary.began_midway;
  trace.ended_in_order = summary.ended_in_order;
  trace.description_ignored = summary.description_ignored;
  return trace;
}

}  // namespace drone::layout
