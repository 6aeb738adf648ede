// SPDX-License-Identifier: MIT

// Bytes that a recorded program's blocks take in the layouts of src/layout, for the script
// compare_layouts. Reads a trace on standard input, as traces/README.md describes it; the arguments
// are numbers of pools. Prints a line `WHAT POOLS BYTES` for each figure, POOLS 0 if it has none:
//
//   one_per_size   a pool for each effective size, with as many blocks as were alive at one time
//   bound          what no layout of so many pools can do with less
//   tight          capacities are the joint peaks of intervals; no request spills
//   spill          with larger pools' idle blocks for smaller requests: what --tight searches for
//   default        capacities are the sums of max counts
//   none_below     no layout of so many pools takes fewer, by the heap's rule: all that do were
//   tried proved         1 if no layout of so many pools takes fewer bytes than that of `spill`,
//   else 0
//
// With --prove before the numbers, what --tight --prove finds, where the layouts to try can be
// counted.
//
// No layout is printed that the trace does not run on: each is replayed.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heaptrace/event.hpp"
#include "layout/demand.hpp"
#include "layout/joint_peaks.hpp"
#include "layout/life_tracker.hpp"
#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "layout/spill_search.hpp"
#include "layout/workload.hpp"

namespace drone::layout {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;

constexpr std::uint32_t kBaseAlignment = 4;

std::vector<Event> read_trace(std::istream& in) {
  std::vector<Event> events;
  std::unordered_map<std::uint32_t, std::uint32_t> sizes;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    char kind = 0;
    std::uint32_t block = 0;
    std::uint32_t size = 0;
    if (!(words >> kind >> block)) throw std::runtime_error("no event: " + line);
    if (kind != 'f' && !(words >> size)) throw std::runtime_error("no size: " + line);
    const std::uint32_t old_size = sizes[block];
    if (kind == 'a') {
      events.push_back({EventKind::kAlloc, block, size, 0, kBaseAlignment});
    } else if (kind == 'f') {
      events.push_back({EventKind::kDealloc, block, 0, old_size, kBaseAlignment});
    } else if (size != old_size) {
      events.push_back({EventKind::kResize, block, size, old_size, kBaseAlignment});
    }
    sizes[block] = size;
  }
  return events;
}

void print(const char* what, std::size_t pools, std::uint64_t bytes) {
  std::cout << what << ' ' << pools << ' ' << bytes << '\n';
}

void print_layout(const char* what, std::size_t max_pools, const PoolLayout& pools,
                  const std::vector<Event>& events) {
  Replay replay(pools, kBaseAlignment);
  replay.add(events);
  if (replay.result().failed != 0) throw std::runtime_error(std::string(what) + ": requests fail");
  print(what, max_pools, layout_bytes(pools));
}

void run(const std::vector<std::size_t>& pool_counts, bool prove) {
  const std::vector<Event> events = read_trace(std::cin);
  DemandCollector demands(kBaseAlignment);
  demands.add(events);
  LifeTracker tracker;
  JointPeaksCollector collector(kBaseAlignment, tracker);
  WorkloadCollector workloads(kBaseAlignment, tracker);
  tracker.add(events, [&](std::uint32_t object, std::uint32_t from, std::uint32_t to) {
    collector.add(from, to);
    workloads.add(object, from, to);
  });
  const JointPeaks& peaks = collector.peaks();
  if (workloads.is_too_long()) throw std::runtime_error("the trace is too long");
  const Workload workload = workloads.take();

  print("one_per_size", 0, demand_bytes(demands.demands()));
  for (const std::size_t pools : pool_counts) {
    print("bound", pools, lower_bound(peaks, pools).bytes);
    SpillSearchOptions search;
    search.max_pools = pools;
    SpillSearchResult found = search_with_spill(workload, peaks, search);
    if (prove && found.untried != 0 && found.untried < kManyLayouts) {
      search.prove = true;
      found = search_with_spill(workload, peaks, search);
    }
    print_layout("spill", pools, found.pools, events);
    print("none_below", pools, found.lower_bound);
    print("proved", pools, found.is_best ? 1 : 0);
    print_layout("tight", pools, optimize(peaks, pools), events);
    print_layout("default", pools, optimize(demands.demands(), pools), events);
  }
}

}  // namespace
}  // namespace drone::layout

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  try {
    std::vector<std::size_t> pool_counts;
    bool prove = false;
    for (int i = 1; i < argc; ++i) {
      if (std::string_view(argv[i]) == "--prove") {
        prove = true;
      } else {
        pool_counts.push_back(std::stoul(argv[i]));
      }
    }
    drone::layout::run(pool_counts, prove);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 3;
  }
}
