// SPDX-License-Identifier: MIT
#pragma once

// Addresses and bits of the Cortex-M system registers that Drone touches. One home for firmware,
// the probe's set-up and the emulated board. Names are Arm's, sections those of the ARMv7-M
// Architecture Reference Manual (DDI 0403E); ARMv8-M Mainline keeps these addresses.

#include <cstdint>

namespace drone::cortex_m {

// Instrumentation Trace Macrocell (C1.7).
inline constexpr std::uint32_t kItmBase = 0xE0000000;
inline constexpr unsigned kItmPortCount = 32;
/// ITM_STIMx: written, a packet of 1, 2 or 4 bytes; read, bit 0 says whether the FIFO takes one.
constexpr std::uint32_t itm_stim(unsigned port) { return kItmBase + 4 * port; }
inline constexpr std::uint32_t kItmStimFifoReady = 1U << 0;
inline constexpr std::uint32_t kItmTer = kItmBase + 0xE00;  ///< bit n: stimulus port n enabled
inline constexpr std::uint32_t kItmTpr =
    kItmBase + 0xE40;  ///< bit n: ports 8n+7:8n privileged only
inline constexpr std::uint32_t kItmTcr = kItmBase + 0xE80;
inline constexpr std::uint32_t kItmTcrItmEna = 1U << 0;
inline constexpr std::uint32_t kItmTcrTsEna = 1U << 1;    ///< local timestamps
inline constexpr std::uint32_t kItmTcrSyncEna = 1U << 2;  ///< synchronization packets
inline constexpr std::uint32_t kItmTcrTxEna = 1U << 3;    ///< DWT packets through the ITM
inline constexpr std::uint32_t kItmTcrSwoEna = 1U << 4;   ///< timestamp counter on the TPIU's clock
inline constexpr unsigned kItmTcrTsPrescaleShift = 8;     ///< two bits: divide by 1, 4, 16, 64
inline constexpr unsigned kItmTcrTraceBusIdShift = 16;    ///< seven bits: the ATB stream ID
inline constexpr std::uint32_t kItmTcrBusy = 1U << 23;
inline constexpr std::uint32_t kItmLar = kItmBase + 0xFB0;  ///< write kLarUnlock to unlock
inline constexpr std::uint32_t kItmLsr = kItmBase + 0xFB4;
inline constexpr std::uint32_t kLarUnlock = 0xC5ACCE55;

// Data Watchpoint and Trace (C1.8).
inline constexpr std::uint32_t kDwtBase = 0xE0001000;
inline constexpr std::uint32_t kDwtCtrl = kDwtBase + 0x000;
inline constexpr std::uint32_t kDwtCtrlCycCntEna = 1U << 0;
inline constexpr unsigned kDwtCtrlSyncTapShift =
    10;  ///< two bits: 0 off, 1 to 3: CYCCNT bit 24, 26, 28
inline constexpr std::uint32_t kDwtCycCnt = kDwtBase + 0x004;

// Trace Port Interface Unit (C1.10).
inline constexpr std::uint32_t kTpiuBase = 0xE0040000;
inline constexpr std::uint32_t kTpiuSspsr = kTpiuBase + 0x000;
inline constexpr std::uint32_t kTpiuCspsr = kTpiuBase + 0x004;
inline constexpr std::uint32_t kTpiuAcpr =
    kTpiuBase + 0x010;  ///< SWO rate = trace clock / (ACPR + 1)
inline constexpr std::uint32_t kTpiuSppr = kTpiuBase + 0x0F0;
inline constexpr std::uint32_t kTpiuSpprManchester = 1;
inline constexpr std::uint32_t kTpiuSpprNrz = 2;  ///< UART
inline constexpr std::uint32_t kTpiuFfsr = kTpiuBase + 0x300;
inline constexpr std::uint32_t kTpiuFfcr = kTpiuBase + 0x304;
inline constexpr std::uint32_t kTpiuFfcrEnFCont = 1U << 1;  ///< formatter on
inline constexpr std::uint32_t kTpiuFfcrTrigIn = 1U << 8;
inline constexpr std::uint32_t kTpiuType = kTpiuBase + 0xFC8;

// System timer (B3.3).
inline constexpr std::uint32_t kSysTickCsr = 0xE000E010;
inline constexpr std::uint32_t kSysTickCsrEnable = 1U << 0;
inline constexpr std::uint32_t kSysTickCsrTickInt = 1U << 1;
inline constexpr std::uint32_t kSysTickCsrClkSource = 1U << 2;
inline constexpr std::uint32_t kSysTickCsrCountFlag = 1U << 16;
inline constexpr std::uint32_t kSysTickRvr = 0xE000E014;  ///< reload value, 24 bits
inline constexpr std::uint32_t kSysTickCvr = 0xE000E018;
inline constexpr std::uint32_t kSysTickCalib = 0xE000E01C;

// Nested Vectored Interrupt Controller (B3.4). One bit an interrupt, 32 a register; one byte of
// priority an interrupt.
inline constexpr std::uint32_t kNvicIser = 0xE000E100;
inline constexpr std::uint32_t kNvicIcer = 0xE000E180;
inline constexpr std::uint32_t kNvicIspr = 0xE000E200;
inline constexpr std::uint32_t kNvicIcpr = 0xE000E280;
inline constexpr std::uint32_t kNvicIabr = 0xE000E300;
inline constexpr std::uint32_t kNvicIpr = 0xE000E400;
inline constexpr std::uint32_t kNvicStir = 0xE000EF00;

// System Control Block (B3.2).
inline constexpr std::uint32_t kScbIctr = 0xE000E004;
inline constexpr std::uint32_t kScbActlr = 0xE000E008;
inline constexpr std::uint32_t kScbCpuid = 0xE000ED00;
inline constexpr std::uint32_t kScbIcsr = 0xE000ED04;
inline constexpr std::uint32_t kScbIcsrVectActive = 0x1FF;  ///< the exception being handled
inline constexpr std::uint32_t kScbIcsrPendStClr = 1U << 25;
inline constexpr std::uint32_t kScbIcsrPendStSet = 1U << 26;
inline constexpr std::uint32_t kScbIcsrPendSvClr = 1U << 27;
inline constexpr std::uint32_t kScbIcsrPendSvSet = 1U << 28;
inline constexpr std::uint32_t kScbIcsrNmiPendSet = 1U << 31;
inline constexpr std::uint32_t kScbVtor = 0xE000ED08;
inline constexpr std::uint32_t kScbAircr = 0xE000ED0C;
inline constexpr std::uint32_t kScbAircrVectKey = 0x05FAU << 16;
inline constexpr std::uint32_t kScbAircrSysResetReq = 1U << 2;
inline constexpr std::uint32_t kScbScr = 0xE000ED10;
inline constexpr std::uint32_t kScbCcr = 0xE000ED14;
inline constexpr std::uint32_t kScbCcrUnalignTrp = 1U << 3;
inline constexpr std::uint32_t kScbCcrDiv0Trp = 1U << 4;
inline constexpr std::uint32_t kScbCcrStkAlign = 1U << 9;
inline constexpr std::uint32_t kScbShpr1 =
    0xE000ED18;  ///< priorities of exceptions 4 to 15, a byte each
inline constexpr std::uint32_t kScbShcsr = 0xE000ED24;
inline constexpr std::uint32_t kScbCfsr = 0xE000ED28;
inline constexpr std::uint32_t kScbHfsr = 0xE000ED2C;
inline constexpr std::uint32_t kScbMmfar = 0xE000ED34;
inline constexpr std::uint32_t kScbBfar = 0xE000ED38;
inline constexpr std::uint32_t kScbCpacr = 0xE000ED88;
inline constexpr std::uint32_t kFpccr = 0xE000EF34;

// Debug (C1.6).
inline constexpr std::uint32_t kDhcsr = 0xE000EDF0;
inline constexpr std::uint32_t kDhcsrHalted = 1U << 17;
inline constexpr std::uint32_t kDhcsrSleeping = 1U << 18;
inline constexpr std::uint32_t kDhcsrLockedUp = 1U << 19;
inline constexpr std::uint32_t kDemcr = 0xE000EDFC;
inline constexpr std::uint32_t kDemcrTrcEna = 1U << 24;  ///< DWT, ITM and TPIU work at all

}  // namespace drone::cortex_m
