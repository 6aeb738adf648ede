// SPDX-License-Identifier: MIT

// Every way of going wrong is reported with what, where, and from where; and what was traced
// before still comes out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board_process.hpp"

namespace drone::board_test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;

struct FaultCase {
  const char* program;
  const char* what;  ///< regular expressions
  const char* where;
};

class ReportedFault : public testing::TestWithParam<FaultCase> {};

TEST_P(ReportedFault, NamesKindAddressFunctionAndLine) {
  const auto& [program, what, where] = GetParam();
  const Result result = run_board(program);
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.log, ContainsRegex(std::string("error: the program faulted: ") + what));
  EXPECT_THAT(result.log, ContainsRegex(where));
  EXPECT_THAT(result.log, ContainsRegex("  lr 0x[0-9a-f]{8} "));
  EXPECT_THAT(said(result.trace), ElementsAre(0x5AFE));
}

constexpr const char* kInPublish =
    "pc 0x080001[0-9a-f]{2} in .*publish\\(.*Message const&\\).*\\(.*fault.cpp:[0-9]+\\)";
constexpr const char* kInRun = "pc 0x080001[0-9a-f]{2} in run\\(\\)\\+0x[0-9a-f]+ \\(.*fault.cpp:";
constexpr const char* kFromRun = "reached from 0x080001[0-9a-f]{2} in run\\(\\)";

INSTANTIATE_TEST_SUITE_P(
    OfEachKind, ReportedFault,
    testing::Values(
        FaultCase{"NULL_WRITE", "bus fault: write of 4 bytes at 0x00000000, .*null pointer",
                  kInPublish},
        FaultCase{"NULL_READ", "bus fault: read of 4 bytes at 0x00000008, .*null pointer", kInRun},
        FaultCase{"FETCH_UNMAPPED", "bus fault: instruction fetch at 0x10000000", kFromRun},
        FaultCase{"EVEN_JUMP", "usage fault: branch to the even address 0x08000100", kFromRun},
        FaultCase{"NULL_CALL", "usage fault: branch to the even address 0x00000000",
                  "hint: .*null function pointer"},
        FaultCase{"STACK_OVERFLOW", "bus fault: write of 4 bytes at 0x1fff",
                  "hint: the stack has overflowed: sp is 0x1fff.*ram begins at 0x20000000"},
        FaultCase{"FLASH_WRITE", "bus fault: write .* in flash, which a program cannot write",
                  kInPublish},
        FaultCase{"PERIPHERAL", "bus fault: write .*0x40021000.* no peripherals",
                  "hint: .*\\[memory.periph\\] origin = 0x40000000, size = \"1M\""},
        FaultCase{"UNDEFINED", "usage fault: undefined instruction 0xde09", kInRun},
        FaultCase{"DIVIDE", "usage fault: division by zero", kInRun},
        FaultCase{"UNALIGNED_DOUBLE", "usage fault: unaligned access at 0x2000....", kInRun},
        FaultCase{"UNALIGNED_TRAP", "usage fault: unaligned access at 0x2000....", kInRun},
        FaultCase{"NO_FLOAT", "usage fault: floating-point instruction while .*disabled", kInRun},
        FaultCase{"BREAKPOINT", "hard fault: .*BKPT 3 with no debugger", kInRun},
        FaultCase{"MASKED_SVC", "hard fault: SVC where its priority is too low", kInRun},
        FaultCase{"BAD_RETURN", "usage fault: invalid exception return", "in interrupt 2,"},
        FaultCase{"IN_INTERRUPT", "bus fault: write of 4 bytes at 0x30000000",
                  "lr 0xfffffff9 .*\n.* in interrupt 1,"},
        FaultCase{"LOCKUP", "lockup after a bus fault: write", kInPublish},
        FaultCase{"EXECUTE_NEVER", "memory management fault: instruction fetch at 0xe0000000",
                  kFromRun},
        FaultCase{"STACKING", "bus fault: the registers could not be stacked for interrupt 1",
                  "hint: the stack has overflowed"}),
    [](const auto& tested) { return std::string(tested.param.program); });

TEST(ReportedFault, NotForWhatTheProgramDidNotAskToBeTrapped) {
  const Result result = run_board("TRAPS_OFF");
  EXPECT_EQ(result.status, 0) << result.log;
  EXPECT_THAT(said(result.trace), ElementsAre(0x5AFE, 0));
}

TEST(ReportedFault, OfAFloatingPointInstructionOnACoreWithoutThatUnit) {
  const Result result = run_board("NO_FLOAT", {"--core", "cortex-m3"});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.log, ContainsRegex("usage fault: .*this core has no such unit"));
}

TEST(Peripherals, CanBePlainMemory) {
  const Result result = run_board("PERIPHERAL", {"--memory", "periph:0x40000000:0x100000"});
  EXPECT_EQ(result.status, 0) << result.log;
  EXPECT_THAT(said(result.trace), ElementsAre(0x5AFE, 0xBAD));
}

}  // namespace
}  // namespace drone::board_test
