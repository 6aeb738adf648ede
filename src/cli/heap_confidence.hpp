// SPDX-License-Identifier: MIT
#pragma once

// `drone heap generate --confidence`: what the command line says, and what the trace does.

#include <span>
#include <string>

#include "drone/heap/pool_spec.hpp"
#include "layout/exceedance.hpp"

namespace drone::cli {

/// "99.9%" or "99.9" as a fraction of 1. Throws Error (kUsage) for what is no number from 50% to
/// layout::kMostConfidence.
double parse_confidence(const std::string& text);

/// The estimate. Throws Error (kNoLayout) that says why there is none: then no pools can be sized
/// by it. `pools` are those of the stretches.
const layout::Exceedance& require_estimate(const layout::Outlook& outlook,
                                           std::span<const heap::PoolSpec> pools);

}  // namespace drone::cli
