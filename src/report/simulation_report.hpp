// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap simulate` says: how traces would have run on a layout.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "layout/simulation.hpp"

namespace drone::report {

/// One of the traces, replayed on the layout.
struct SimulatedTrace {
  std::string name;  ///< its file
  layout::SimulationResult result;
};

/// What the best layout of as many pools has, where it beats the one simulated.
struct BetterLayout {
  std::size_t pool_count = 0;
  std::uint64_t fragmentation = 0;      ///< bytes, by the words of docs/numbers.md
  std::uint64_t fragmentation_now = 0;  ///< of the layout simulated
};

struct SimulationReport {
  std::string layout;                ///< which: "[heap] of Drone.toml"
  std::uint32_t heap_size = 0;       ///< bytes
  std::uint32_t base_alignment = 4;  ///< of the layout
  std::vector<SimulatedTrace> traces;
  std::optional<BetterLayout> better;
  std::vector<std::string> notes;  ///< a sentence each: what the figures rest on
};

/// Requests that failed on the layout, and had not failed in the traces.
std::uint64_t failed_requests(const SimulationReport& report);

/// As text, ending in a newline. `is_utf8`: the chart is drawn with block characters.
std::string render_simulation(const SimulationReport& report, bool is_utf8);

/// The chart of bytes over time: `columns` wide and `rows` high, scaled to its highest column, with
/// its scale at the left. The whole columns are the blocks in use, their lower parts what was
/// requested in them.
std::string render_timeline(const layout::Timeline& timeline, std::size_t columns, std::size_t rows,
                            bool is_utf8);

}  // namespace drone::report
