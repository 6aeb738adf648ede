// SPDX-License-Identifier: MIT
#include "project/devices.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "project/nearest.hpp"

namespace drone::project {
namespace {

constexpr std::uint32_t operator""_K(unsigned long long n) {
  return static_cast<std::uint32_t>(n * 1024);
}
constexpr std::uint32_t operator""_M(unsigned long long n) {
  return static_cast<std::uint32_t>(n * 1024 * 1024);
}
constexpr std::uint32_t operator""_kHz(unsigned long long n) {
  return static_cast<std::uint32_t>(n * 1000);
}

constexpr std::string_view kM3 = "cortex-m3";
constexpr std::string_view kM4 = "cortex-m4";

// STM32: where main flash and SRAM1 are mapped.
constexpr std::uint32_t kStFlash = 0x08000000;
constexpr std::uint32_t kSram = 0x20000000;

// Only parts whose reset state runs a program for good: no watchdog that is on after reset, no
// configuration words inside the program's flash. RAM is what lies contiguous at ram_origin;
// core-coupled memories elsewhere are not counted.
constexpr auto kDevices = std::to_array<Device>({
    // Generic cores. The memory is that of the emulated board unless `drone new` is told otherwise.
    {"cortex-m3", kM3, false, 0, 256_K, kSram, 64_K, 16'000_kHz, 16'000_kHz,
     "no particular device"},
    {"cortex-m4", kM4, false, 0, 256_K, kSram, 64_K, 16'000_kHz, 16'000_kHz,
     "no particular device"},
    {"cortex-m4f", kM4, true, 0, 256_K, kSram, 64_K, 16'000_kHz, 16'000_kHz,
     "no particular device"},

    // STMicroelectronics. After reset: HSI, or MSI at its default range (L1, L4).
    {"stm32f100rb", kM3, false, kStFlash, 128_K, kSram, 8_K, 8'000_kHz, 8'000_kHz, "ST DS5944"},
    {"stm32f103c8", kM3, false, kStFlash, 64_K, kSram, 20_K, 8'000_kHz, 8'000_kHz, "ST DS5319"},
    {"stm32f103rb", kM3, false, kStFlash, 128_K, kSram, 20_K, 8'000_kHz, 8'000_kHz, "ST DS5319"},
    {"stm32f103ze", kM3, false, kStFlash, 512_K, kSram, 64_K, 8'000_kHz, 8'000_kHz, "ST DS5792"},
    {"stm32f107vc", kM3, false, kStFlash, 256_K, kSram, 64_K, 8'000_kHz, 8'000_kHz, "ST DS6014"},
    {"stm32f205rg", kM3, false, kStFlash, 1_M, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS6329"},
    {"stm32f207zg", kM3, false, kStFlash, 1_M, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS6329"},
    {"stm32f303vc", kM4, true, kStFlash, 256_K, kSram, 40_K, 8'000_kHz, 8'000_kHz, "ST DS9118"},
    {"stm32f303re", kM4, true, kStFlash, 512_K, kSram, 64_K, 8'000_kHz, 8'000_kHz, "ST DS10362"},
    {"stm32f401cc", kM4, true, kStFlash, 256_K, kSram, 64_K, 16'000_kHz, 16'000_kHz, "ST DS9716"},
    {"stm32f401re", kM4, true, kStFlash, 512_K, kSram, 96_K, 16'000_kHz, 16'000_kHz, "ST DS10086"},
    {"stm32f405rg", kM4, true, kStFlash, 1_M, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS8626"},
    {"stm32f407vg", kM4, true, kStFlash, 1_M, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS8626"},
    {"stm32f411ce", kM4, true, kStFlash, 512_K, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS10314"},
    {"stm32f411re", kM4, true, kStFlash, 512_K, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS10314"},
    {"stm32f429zi", kM4, true, kStFlash, 2_M, kSram, 192_K, 16'000_kHz, 16'000_kHz, "ST DS9405"},
    {"stm32f446re", kM4, true, kStFlash, 512_K, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS10693"},
    {"stm32l152rb", kM3, false, kStFlash, 128_K, kSram, 16_K, 2'097_kHz, 2'097_kHz, "ST DS6876"},
    {"stm32l152re", kM3, false, kStFlash, 512_K, kSram, 80_K, 2'097_kHz, 2'097_kHz, "ST DS10002"},
    {"stm32l432kc", kM4, true, kStFlash, 256_K, kSram, 64_K, 4'000_kHz, 4'000_kHz, "ST DS11451"},
    {"stm32l476rg", kM4, true, kStFlash, 1_M, kSram, 96_K, 4'000_kHz, 4'000_kHz, "ST DS10198"},
    {"stm32g431rb", kM4, true, kStFlash, 128_K, kSram, 32_K, 16'000_kHz, 16'000_kHz, "ST DS12589"},
    {"stm32g474re", kM4, true, kStFlash, 512_K, kSram, 128_K, 16'000_kHz, 16'000_kHz, "ST DS12288"},

    // GigaDevice. After reset: IRC8M.
    {"gd32f103c8", kM3, false, kStFlash, 64_K, kSram, 20_K, 8'000_kHz, 8'000_kHz,
     "GigaDevice GD32F103xx Datasheet"},

    // NXP. After reset: the 4 MHz IRC. RAM is the local SRAM; the AHB SRAM lies elsewhere.
    {"lpc1768", kM3, false, 0, 512_K, 0x10000000, 32_K, 4'000_kHz, 4'000_kHz,
     "NXP LPC1769_68_67_66_65_64_63"},
    {"lpc1769", kM3, false, 0, 512_K, 0x10000000, 32_K, 4'000_kHz, 4'000_kHz,
     "NXP LPC1769_68_67_66_65_64_63"},

    // Nordic. The trace port has a clock of its own (CLOCK.TRACECONFIG), 32 MHz after reset.
    {"nrf52832", kM4, true, 0, 512_K, kSram, 64_K, 64'000_kHz, 32'000_kHz,
     "Nordic nRF52832 Product Specification"},
    {"nrf52840", kM4, true, 0, 1_M, kSram, 256_K, 64'000_kHz, 32'000_kHz,
     "Nordic nRF52840 Product Specification"},

    // Silicon Labs. After reset: HFRCO for the core, AUXHFRCO for trace, both at 14 MHz.
    {"efm32gg990f1024", kM3, false, 0, 1_M, kSram, 128_K, 14'000_kHz, 14'000_kHz,
     "Silicon Labs EFM32GG990 Datasheet"},
    {"efm32wg990f256", kM4, true, 0, 256_K, kSram, 32_K, 14'000_kHz, 14'000_kHz,
     "Silicon Labs EFM32WG990 Datasheet"},

    // Texas Instruments. After reset: PIOSC.
    {"tm4c123gh6pm", kM4, true, 0, 256_K, kSram, 32_K, 16'000_kHz, 16'000_kHz, "TI SPMS376"},
});

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::span<const Device> devices() { return kDevices; }

const Device* find_device(std::string_view name) {
  for (const Device& device : kDevices) {
    if (device.name.size() == name.size() &&
        std::equal(name.begin(), name.end(), device.name.begin(),
                   [](char a, char b) { return lower(a) == b; })) {
      return &device;
    }
  }
  return nullptr;
}

std::string unknown_device_hint(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(std::size(kDevices));
  for (const Device& device : kDevices) names.push_back(device.name);
  constexpr std::string_view kList =
      "`drone print devices` lists all; for any other, name its core "
      "(cortex-m3, cortex-m4, cortex-m4f) and its memory sizes";
  const std::string guess = did_you_mean(name, names, "");
  return guess.empty() ? std::string(kList) : guess + ' ' + std::string(kList);
}

}  // namespace drone::project
