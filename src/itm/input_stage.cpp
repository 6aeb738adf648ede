// SPDX-License-Identifier: MIT
#include "itm/input_stage.hpp"

namespace drone::itm {

std::string describe(const InputChoice& choice) {
  if (choice.kind == InputKind::kItm) return "bare ITM";
  if (choice.stream_id == 0) return "TPIU frames";
  return "TPIU frames, the ITM on stream " + std::to_string(choice.stream_id);
}

InputStage::InputStage(const InputOptions& options) {
  choice_ = InputChoice{InputKind::kItm, 0, !options.kind.has_value()};
}

void InputStage::feed(std::span<const std::byte> bytes, ItmBytesSink& sink) { sink.bytes(bytes); }

void InputStage::gap(std::uint64_t bytes, ItmBytesSink& sink) { sink.gap(bytes); }

void InputStage::finish(ItmBytesSink&) {}

}  // namespace drone::itm
