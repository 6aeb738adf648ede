// SPDX-License-Identifier: MIT
#include "probe/trace_state.hpp"

#include <gmock/gmock.h>

#include <map>

#include "probe/trace_setup.hpp"

namespace drone::probe {
namespace {

/// A target's registers; which were read is written down.
class Registers final : public MemoryAccess {
 public:
  explicit Registers(std::map<std::uint32_t, std::uint32_t> values) : values_(std::move(values)) {}
  void write32(std::uint32_t, std::uint32_t) override { ADD_FAILURE() << "something is changed"; }
  std::uint32_t read32(std::uint32_t address) override {
    read.push_back(address);
    return values_[address];
  }
  std::vector<std::uint32_t> read;

 private:
  std::map<std::uint32_t, std::uint32_t> values_;
};

// Addresses and bits as Arm's manual has them, not as our header spells them.
TEST(TraceState, SaysWhatTheRegistersSay) {
  Registers target({{0xE000EDFC, 0x01000000},
                    {0xE0000E80, 0x0001000F},
                    {0xE0000E00, 0x80000003},
                    {0xE0000E40, 8},
                    {0xE00400F0, 2},
                    {0xE0040010, 41},
                    {0xE000EDF0, 0x00050000},
                    {0xE000ED04, 0x00400003}});
  EXPECT_EQ(read_trace_state(target), (TraceState{.trace_enabled = true,
                                                  .itm_enabled = true,
                                                  .ports = 0x80000003,
                                                  .privileged = 8,
                                                  .uart = true,
                                                  .divisor = 42,
                                                  .halted = false,
                                                  .asleep = true,
                                                  .locked_up = false,
                                                  .exception = 3}));
  Registers halted({{0xE000EDF0, 0x00020000}});
  EXPECT_TRUE(read_trace_state(halted).halted);
  Registers locked_up({{0xE000EDF0, 0x00080000}});
  EXPECT_TRUE(read_trace_state(locked_up).locked_up);
}

TEST(TraceState, UnitsWithoutPowerAreNotRead) {
  Registers target({{0xE0000E80, 1}, {0xE0000E00, 1}});
  EXPECT_EQ(read_trace_state(target), TraceState{});
  for (const std::uint32_t address : target.read) EXPECT_GE(address, 0xE000E000U);
}

}  // namespace
}  // namespace drone::probe
