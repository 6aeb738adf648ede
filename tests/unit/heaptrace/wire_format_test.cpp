// SPDX-License-Identifier: MIT
#include "drone/heaptrace/wire_format.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace drone::heaptrace {
namespace {

// It is usable in constant expressions, as firmware does for its description.
static_assert(encode({Op::kVersion, 0, 1}).value == 0x00000107);
static_assert(decode({0x00000107, 4}).record == Record{Op::kVersion, 0, 1});

TEST(WireFormat, LimitsOfTheNarrowFormsAreThoseOfTheirFields) {
  EXPECT_TRUE(is_narrow(0x7FFE, 16382));
  EXPECT_FALSE(is_narrow(0x7FFF, 16382));
  EXPECT_FALSE(is_narrow(0x7FFE, 16383));
  EXPECT_TRUE(is_narrow(kNoBlock, 16382));
  EXPECT_FALSE(is_narrow(kNoBlock, 16383));
  EXPECT_EQ(encode_dealloc(0x7FFE).size, 2);
  EXPECT_EQ(encode_dealloc(0x7FFF).size, 4);
}

TEST(WireFormat, WideSizeSaturates) {
  EXPECT_EQ(decode(encode({Op::kWideSize, 0, 0xFFFFFFFF})).record,
            (Record{Op::kWideSize, 0, 0xFFFFFF}));
}

TEST(WireFormat, SequenceCountsAllButTheDescriptionAndTheCapturesOwn) {
  for (std::uint32_t sub = 0; sub != 32; ++sub) {
    const auto op = static_cast<Op>(static_cast<std::uint32_t>(Op::kFirstExt) + sub);
    EXPECT_EQ(is_counted(op), sub < 8) << sub;
  }
  for (const Op op : {Op::kAlloc, Op::kDealloc, Op::kResize, Op::kSite})
    EXPECT_TRUE(is_counted(op));
}

TEST(WireFormat, WriteWhoseWidthContradictsItIsInvalid) {
  EXPECT_FALSE(decode({0x0001, 2}).valid);
  EXPECT_FALSE(decode({0x00000008, 4}).valid);
  EXPECT_FALSE(decode({0x08, 1}).valid);
  EXPECT_TRUE(decode({0x0008, 2}).valid);
}

TEST(WireFormat, EventsSurviveARoundTrip) {
  EXPECT_TRUE(rc::check([] {
    const auto block = *rc::gen::oneOf(
        rc::gen::inRange<std::uint32_t>(0, 0xFFFFFF),
        rc::gen::element<std::uint32_t>(0, 1, 0x7FFD, 0x7FFE, 0x7FFF, 0x8000, 0xFFFFFE, kNoBlock));
    const auto size =
        *rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(1, 0x1000000),
                        rc::gen::element<std::uint32_t>(1, 16381, 16382, 16383, 16384, 0xFFFFFF));
    for (const Op op : {Op::kAlloc, Op::kResize}) {
      if (op == Op::kResize && block == kNoBlock) continue;
      const Writes writes = encode_sized(op, block, size);
      const Decoded first = decode(writes.write[0]);
      RC_ASSERT(first.valid);
      RC_ASSERT(first.record.block == block);
      if (writes.count == 1) {
        RC_ASSERT((first.record == Record{op, block, size}));
      } else {
        RC_ASSERT(first.record.op == (op == Op::kAlloc ? Op::kWideAlloc : Op::kWideResize));
        RC_ASSERT((decode(writes.write[1]).record == Record{Op::kWideSize, 0, size}));
      }
    }
    if (block != kNoBlock) RC_ASSERT(decode(encode_dealloc(block)).record.block == block);
  }));
}

TEST(WireFormat, AnyWordThatDecodesEncodesToItself) {
  EXPECT_TRUE(rc::check([] {
    const Write write{*rc::gen::arbitrary<std::uint32_t>() | 1U, 4};
    const Decoded decoded = decode(write);
    RC_ASSERT(decoded.valid);
    RC_ASSERT(encode(decoded.record) == write);
    const Write half{*rc::gen::arbitrary<std::uint16_t>() & 0xFFFEU, 2};
    RC_ASSERT(encode(decode(half).record) == half);
  }));
}

}  // namespace
}  // namespace drone::heaptrace
