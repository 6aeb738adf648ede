// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "heaptrace/event.hpp"
#include "require.hpp"

namespace drone::fuzz {

/// The blocks that are live, as a consumer of events sees them; requires what every reader promises
/// of its events (event.hpp).
class Lives {
 public:
  void add(const heaptrace::Event& event) {
    using heaptrace::EventKind;
    const bool has_size = event.kind != EventKind::kReset && event.kind != EventKind::kDealloc;
    require((event.size != 0) == has_size, "requests have a size");
    const bool had_size = event.kind == EventKind::kDealloc || event.kind == EventKind::kResize;
    require((event.old_size != 0) == had_size, "blocks that were live had a size");
    const auto life = live_.find(event.block);
    const bool is_live = life != live_.end();
    switch (event.kind) {
      case EventKind::kAlloc:
        require(!is_live, "no block is live twice");
        live_.emplace(event.block, event);
        break;
      case EventKind::kDealloc:
        require(is_live && life->second.size == event.old_size &&
                    life->second.alignment == event.alignment,
                "only what is live is freed");
        live_.erase(life);
        break;
      case EventKind::kResize:
        require(is_live && life->second.size == event.old_size && event.size != event.old_size,
                "only what is live is resized");
        life->second.size = event.size;
        break;
      case EventKind::kRealign:
        require(
            is_live && life->second.size == event.size && life->second.alignment < event.alignment,
            "only what is live is realigned");
        life->second.alignment = event.alignment;
        break;
      case EventKind::kFailed:
        break;
      case EventKind::kReset:
        live_.clear();
        break;
    }
  }

  std::size_t size() const { return live_.size(); }

 private:
  std::unordered_map<std::uint32_t, heaptrace::Event> live_;  ///< by block
};

}  // namespace drone::fuzz
