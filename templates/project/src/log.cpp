// SPDX-License-Identifier: MIT
#include "log.hpp"

#include <cstdint>
#include <cstring>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/cortex_m/stimulus_port.hpp"

namespace app {
namespace {

using Port = drone::cortex_m::StimulusPort<0>;

/// Writes if the port takes it now. An interrupt handler may write to another port, so no
/// interrupt comes between the question and the write.
bool try_write(const char* text, std::size_t size) {
  const drone::cortex_m::InterruptMask mask;
  if (!Port::is_ready()) return false;
  if (size == 4) {
    std::uint32_t word;
    std::memcpy(&word, text, sizeof word);
    Port::write32(word);
  } else {
    Port::write8(static_cast<std::uint8_t>(*text));
  }
  return true;
}

}  // namespace

void write_log(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = text.size() >= 4 ? 4 : 1;
    while (!try_write(text.data(), size)) {
      if (!Port::is_enabled()) return;
    }
    text.remove_prefix(size);
  }
}

void log(std::string_view line) {
  if (!Port::is_enabled()) return;
  write_log(line);
  write_log("\n");
}

}  // namespace app
