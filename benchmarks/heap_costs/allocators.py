# SPDX-License-Identifier: MIT
"""The allocators that are compared: what to build for each."""

import dataclasses

# Functions whose bytes are counted.
NEW = """static_cast<void* (*)(std::size_t)>(&::operator new),
         static_cast<void (*)(void*) noexcept>(&::operator delete)"""
MALLOC = """static_cast<void* (*)(std::size_t)>(&::malloc), static_cast<void (*)(void*)>(&::free)"""
RUN_TIME = """static_cast<void* (*)(std::size_t)>(
                  [](std::size_t size) { return drone::benchmark::heap.allocate(size); }),
              static_cast<void (*)(void*)>(
                  [](void* block) { drone::benchmark::heap.deallocate(block); })"""
CONSTANT = """static_cast<void* (*)()>([] { return drone::benchmark::heap.allocate(12); }),
              static_cast<void (*)(void*)>(
                  [](void* block) { drone::benchmark::heap.deallocate(block, 12); })"""


@dataclasses.dataclass(frozen=True)
class Allocator:
    key: str
    name: str
    pools: int = 8  # 0: not ours
    defines: tuple = ()
    cpu: str = "cortex-m4"
    specs: str = "nano.specs"
    options: str = ".checks = kOff"  # drone::heap::Options
    constant: bool = False  # the compiler knows the sizes
    any_context: bool = True  # whether interrupt handlers may call it, as it is
    sources: tuple = ()

    @property
    def ours(self):
        return self.pools != 0

    @property
    def uses(self):
        """The functions whose bytes are counted."""
        return CONSTANT if self.constant else NEW if self.ours else MALLOC


TRACED = ("BENCHMARK_TRACED",)
LISTENING = ("BENCHMARK_TRACED", "BENCHMARK_LISTENING")

ALLOCATORS = [
    Allocator("run_time", "heap, size known at run time"),
    Allocator("constant", "heap, size known at compile time", constant=True),
    Allocator("run_time_16", "run time, 16 pools", pools=16),
    Allocator("constant_16", "compile time, 16 pools", pools=16, constant=True),
    Allocator("silent", "run time, tracing, nobody listens", defines=TRACED),
    Allocator("constant_silent", "compile time, tracing, nobody listens", defines=TRACED,
              constant=True),
    Allocator("listening", "run time, tracing, a probe listens", defines=LISTENING),
    Allocator("statistics", "run time, statistics", options=".checks = kOff, .statistics = true"),
    Allocator("pointers", "run time, pointers checked", options=".checks = kPointers"),
    Allocator("constant_pointers", "compile time, pointers checked", options=".checks = kPointers",
              constant=True),
    Allocator("full", "run time, everything checked", options=".checks = kFull"),
    Allocator("masked", "run time, ARMv6-M", cpu="cortex-m0plus"),
    Allocator("constant_masked", "compile time, ARMv6-M", cpu="cortex-m0plus", constant=True),
]
LIBRARIES = [
    Allocator("newlib", "newlib's malloc", pools=0, specs="nosys.specs", any_context=False),
    Allocator("newlib_nano", "newlib-nano's malloc", pools=0, any_context=False),
    Allocator("picolibc", "picolibc's malloc", pools=0, specs="picolibc.specs", any_context=False),
]
