// SPDX-License-Identifier: MIT
#include "board/instructions.hpp"

#include <gtest/gtest.h>

namespace drone::board {
namespace {

// Register n holds 0x1000 * n + 1; register 0 holds 0.
std::uint32_t value(unsigned number) { return number == 0 ? 0 : 0x1000 * number + 1; }

constexpr Instruction narrow(std::uint32_t halfword) { return {halfword, 0, false}; }
constexpr Instruction wide(std::uint32_t word) { return {word >> 16, word & 0xFFFF, true}; }

// Encodings as the GNU assembler makes them.
TEST(Instructions, RecognisesHintsInBothEncodings) {
  EXPECT_EQ(hint_of(narrow(0xBF00)), Hint::kNone);
  EXPECT_EQ(hint_of(narrow(0xBF10)), Hint::kYield);
  EXPECT_EQ(hint_of(narrow(0xBF20)), Hint::kWaitForEvent);
  EXPECT_EQ(hint_of(narrow(0xBF30)), Hint::kWaitForInterrupt);
  EXPECT_EQ(hint_of(narrow(0xBF40)), Hint::kSendEvent);
  EXPECT_EQ(hint_of(wide(0xF3AF8003)), Hint::kWaitForInterrupt);
  EXPECT_EQ(hint_of(wide(0xF3AF8004)), Hint::kSendEvent);
  EXPECT_EQ(hint_of(narrow(0xBF08)), Hint::kNone);  // it eq
}

TEST(Instructions, KnowsHowManyAnItBlockHas) {
  const auto of = [](std::uint32_t halfword) {
    return conditional_instructions(it_state_of(narrow(halfword)));
  };
  EXPECT_EQ(of(0xBF08), 1U);                              // it eq
  EXPECT_EQ(of(0xBF0C), 2U);                              // ite eq
  EXPECT_EQ(of(0xBF1A), 3U);                              // itte ne
  EXPECT_EQ(of(0xBF01), 4U);                              // itttt eq
  EXPECT_EQ(of(0xBF00), 0U);                              // nop
  EXPECT_EQ(of(0xBF40), 0U);                              // sev
  EXPECT_EQ(it_state_of(wide(0xF3AF8004)), 0U);           // sev.w
  EXPECT_EQ(it_state_of(0x61000000U), 0U);                // XPSR outside of a block
  EXPECT_EQ(it_state_of(0x0600A800U | 1U << 24), 0xABU);  // behind the first of some block
}

TEST(Instructions, RecognisesWritesToTheMasks) {
  EXPECT_TRUE(changes_masks(narrow(0xB662)));     // cpsie i
  EXPECT_TRUE(changes_masks(narrow(0xB671)));     // cpsid f
  EXPECT_TRUE(changes_masks(wide(0xF3808811)));   // msr basepri, r0
  EXPECT_TRUE(changes_masks(wide(0xF38C8810)));   // msr primask, ip
  EXPECT_FALSE(changes_masks(wide(0xF3EF8011)));  // mrs r0, basepri
  EXPECT_FALSE(changes_masks(wide(0xF3BF8F6F)));  // isb
  EXPECT_FALSE(changes_masks(narrow(0xB402)));    // push {r1}
}

TEST(Instructions, RecognisesDivisionByZeroOnly) {
  EXPECT_TRUE(divides_by_zero(wide(0xFBB1F2F0), value));   // udiv r2, r1, r0
  EXPECT_TRUE(divides_by_zero(wide(0xFB91F2F0), value));   // sdiv r2, r1, r0
  EXPECT_FALSE(divides_by_zero(wide(0xFBB0F2F1), value));  // udiv r2, r0, r1
  EXPECT_FALSE(divides_by_zero(wide(0xFBA12300), value));  // umull r2, r3, r1, r0
}

TEST(Instructions, RecognisesTheFloatingPointUnit) {
  EXPECT_TRUE(uses_float(wide(0xEE000A10)));   // vmov s0, r0
  EXPECT_TRUE(uses_float(wide(0xEEF10A10)));   // vmrs r0, fpscr
  EXPECT_TRUE(uses_float(wide(0xED2D8B02)));   // vpush {d8}
  EXPECT_FALSE(uses_float(wide(0xE9D01200)));  // ldrd r1, r2, [r0]
  EXPECT_FALSE(uses_float(wide(0xF8D10A00)));  // ldr.w r0, [r1, #2560]
}

TEST(Instructions, MultipleAccessesMustBeAligned) {
  EXPECT_EQ(unaligned_access(narrow(0xC906), false, value), 0x1001U);         // ldm r1!, {r1, r2}
  EXPECT_EQ(unaligned_access(wide(0xE9D12300), false, value), 0x1001U);       // ldrd r2, r3, [r1]
  EXPECT_EQ(unaligned_access(wide(0xE8510F00), false, value), 0x1001U);       // ldrex r0, [r1]
  EXPECT_EQ(unaligned_access(wide(0xE8D10F5F), false, value), 0x1001U);       // ldrexh r0, [r1]
  EXPECT_EQ(unaligned_access(wide(0xED910A00), false, value), 0x1001U);       // vldr s0, [r1]
  EXPECT_EQ(unaligned_access(wide(0xE8D10F4F), false, value), std::nullopt);  // ldrexb r0, [r1]
  EXPECT_EQ(unaligned_access(wide(0xE8D1F002), false, value), std::nullopt);  // tbb [r1, r2]
  EXPECT_EQ(unaligned_access(wide(0xE9D02300), false, value), std::nullopt);  // r0 is aligned
  EXPECT_EQ(unaligned_access(wide(0xE92D4010), false, value), std::nullopt);  // push.w {r4, lr}
  EXPECT_EQ(unaligned_access(narrow(0x6808), false, value), std::nullopt);    // ldr r0, [r1]
}

TEST(Instructions, SingleAccessesNeedItOnlyIfTrapped) {
  EXPECT_EQ(unaligned_access(narrow(0x6808), true, value), 0x1001U);         // ldr r0, [r1]
  EXPECT_EQ(unaligned_access(narrow(0x8848), true, value), 0x1003U);         // ldrh r0, [r1, #2]
  EXPECT_EQ(unaligned_access(narrow(0x5850), true, value), 0x3002U);         // ldr r0, [r2, r1]
  EXPECT_EQ(unaligned_access(narrow(0x5A50), true, value), std::nullopt);    // ldrh r0, [r2, r1]
  EXPECT_EQ(unaligned_access(narrow(0x7808), true, value), std::nullopt);    // ldrb r0, [r1]
  EXPECT_EQ(unaligned_access(wide(0xF8D10003), true, value), std::nullopt);  // ldr.w r0, [r1, #3]
  EXPECT_EQ(unaligned_access(wide(0xF8D10004), true, value), 0x1005U);
  EXPECT_EQ(unaligned_access(wide(0xF8510C01), true, value), std::nullopt);  // ldr r0, [r1, #-1]
  EXPECT_EQ(unaligned_access(wide(0xF8510B04), true, value), 0x1001U);       // ldr r0, [r1], #4
  EXPECT_EQ(unaligned_access(wide(0xF8510022), true, value), 0x9005U);  // ldr r0, [r1, r2, lsl 2]
  EXPECT_EQ(unaligned_access(wide(0xF8DF0001), true, value), std::nullopt);  // literal
}

// The filter must let through whatever the checks recognise.
TEST(Instructions, ClassesCoverEverythingThatIsChecked) {
  for (std::uint32_t first = 0; first != 0x10000; ++first) {
    for (const std::uint32_t second : {0x0A10U, 0xF0F0U, 0x8811U, 0x8004U, 0x0F5FU, 0x0B04U}) {
      const Instruction i{first, is_wide(first) ? second : 0, is_wide(first)};
      unsigned expected = 0;
      if (is_send_event(i)) expected |= kClassHint;
      if (changes_masks(i)) expected |= kClassMask;
      if (divides_by_zero(i, [](unsigned) { return 0U; })) expected |= kClassDivide;
      if (uses_float(i)) expected |= kClassFloat;
      const auto odd = [](unsigned) { return 1U; };
      if (multiple_access(i, odd).alignment != 1) expected |= kClassMultiple;
      if (single_access(i, odd).alignment != 1) expected |= kClassSingle;
      ASSERT_EQ(kInstructionClasses[first >> 8] & expected, expected) << std::hex << first;
    }
  }
}

}  // namespace
}  // namespace drone::board
