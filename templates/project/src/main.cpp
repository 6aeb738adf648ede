// SPDX-License-Identifier: MIT
// A sensor node: the SysTick handler samples the sensors, the main loop does everything else.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "console.hpp"
#include "drone/cortex_m/registers.hpp"
#include "log.hpp"
#include "node.hpp"
#include "readings.hpp"
#include "sensors.hpp"

namespace {

using app::Sensors;

constexpr std::uint32_t kPublishMs = 1000;
constexpr std::size_t kUsualLine = 160;  // characters

app::Sensors sensors;
app::ReadingQueue readings;
std::atomic<std::uint32_t> time_ms{0};
std::atomic<std::uint32_t> lost_readings{0};

void start_systick() {
  const auto reg = [](std::uint32_t address) -> volatile std::uint32_t& {
    return *reinterpret_cast<volatile std::uint32_t*>(address);
  };
  namespace cm = drone::cortex_m;
  reg(cm::kSysTickRvr) = CORE_CLOCK_HZ / 1000 * Sensors::kPeriodMs - 1;
  reg(cm::kSysTickCvr) = 0;
  reg(cm::kSysTickCsr) = cm::kSysTickCsrClkSource | cm::kSysTickCsrTickInt | cm::kSysTickCsrEnable;
}

void publish(std::string_view topic, std::string_view text) {
  std::string line;
  line.reserve(kUsualLine);
  line += topic;
  line += ' ';
  line += text;
  app::log(line);
}

}  // namespace

extern "C" void SysTick_Handler() {
  const std::uint32_t now = time_ms.load(std::memory_order_relaxed) + Sensors::kPeriodMs;
  time_ms.store(now, std::memory_order_relaxed);
  if (auto reading = sensors.sample(now)) {
    readings.push(std::move(reading));
  } else {
    lost_readings.fetch_add(1, std::memory_order_relaxed);
  }
}

int main() {
  app::log("sensor node starts");
  app::Node node;
  app::Console console;
  std::uint32_t next_publish = kPublishMs;
  start_systick();
  for (;;) {
    for (app::Reading* next = readings.take_all(); next != nullptr;) {
      const std::unique_ptr<app::Reading> reading(next);
      next = reading->next;
      node.take(*reading);
    }
    for (std::uint32_t n = lost_readings.exchange(0); n != 0; --n) node.count_lost();
    const std::uint32_t now = time_ms.load(std::memory_order_relaxed);
    if (console.poll(now)) node.execute(console.line());
    if (static_cast<std::int32_t>(now - next_publish) >= 0) {
      next_publish += kPublishMs;
      node.summarise();
      node.publish(publish);
    }
    asm volatile("wfi");
  }
}
