// SPDX-License-Identifier: MIT
#pragma once

// `drone heap generate --confidence`: what the command line says, and what the trace does.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/heap_input.hpp"
#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"
#include "layout/exceedance.hpp"
#include "layout/optimize.hpp"
#include "layout/stretches.hpp"

namespace drone::cli {

/// "99.9%" or "99.9" as a fraction of 1. Throws Error (kUsage) for what is no number from 50% to
/// layout::kMostConfidence.
double parse_confidence(const std::string& text);

/// The estimate. Throws Error (kNoLayout) that says why there is none: then no pools can be sized
/// by it. `pools` are those of the stretches.
const layout::Exceedance& require_estimate(const layout::Outlook& outlook,
                                           std::span<const heap::PoolSpec> pools);

/// What traces say about longer runs, as far as the blocks of these pools go. Collects while one
/// after the other is read.
class LookAhead {
 public:
  LookAhead(const layout::PoolLayout& pools, std::uint32_t base_alignment)
      : before_(pools, base_alignment), stretches_(before_) {}

  /// The trace at hand is read anew.
  void restart() { stretches_ = before_; }
  void add(std::span<const heaptrace::Event> events) { stretches_.add(events); }
  void end_trace();
  layout::Outlook outlook() const { return layout::estimate_exceedance(stretches_.stretches()); }
  /// By pool: most blocks that belong there alive at one time.
  std::vector<std::uint64_t> peaks() const { return stretches_.stretches().peaks; }

 private:
  layout::StretchCollector before_;  ///< the trace at hand
  layout::StretchCollector stretches_;
};

/// The same of all traces of the input, which are read for it.
layout::Outlook look_ahead(const HeapInput& input, const layout::PoolLayout& pools,
                           std::uint32_t base_alignment);

}  // namespace drone::cli
