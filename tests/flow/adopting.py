# SPDX-License-Identifier: MIT
"""The examples for those who have a firmware already: each is built with CMake as its README says, and
runs on the emulated board."""

import pathlib
import re
import shutil
import sys

from heap_output import heap_section, usage_table
from terminal import check, main_of
from walk import Walk

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Example:
    """A copy of an example's folder, in which it is built."""

    def __init__(self, w, name):
        print(f"== {name}", flush=True)
        self.w = w
        w.node = w.work / "examples" / name
        for folder in ("board", name):
            shutil.copytree(ROOT / "examples" / folder, w.work / "examples" / folder, dirs_exist_ok=True)

    def build(self, options="", folder="build"):
        self.w.run(f"cmake -G Ninja -B {folder} --toolchain ../board/arm-none-eabi.cmake {options}")
        self.w.run(f"cmake --build {folder}")
        self.elf = f"{folder}/firmware.elf"

    def symbols(self):
        return self.w.run(f"arm-none-eabi-nm --demangle {self.elf}")[0]

    def run(self, options=""):
        """Its output, and what drone said; the program must end with status 0."""
        self.w.run(f"drone flash {self.elf}")
        return self.w.run(f"drone itm --reset --speed max 0 {options}")

    def trace(self):
        """Its output, and the usage table of its trace, which must be whole."""
        log, verdict = self.run("--heaptrace heaptrace")
        check("nothing was lost" in verdict, "the capture lost something")
        usage, _ = self.w.run("drone heap")
        for word in ("incomplete", "contradicts", "damaged"):
            check(word not in usage, f"the trace is not whole: {word}")
        return log, usage_table(usage)[0]


def existing_newlib(w):
    example = Example(w, "existing_newlib")
    example.build()
    check("__wrap__malloc_r" in example.symbols(), "nothing is traced")
    log, table = example.trace()
    check("20 messages queued" in log, "the program does not what it did")
    check(table[8] == (21, 300), f"300 messages of 8 bytes, at most 21 at a time: {table.get(8)}")
    section, _ = w.run("drone heap generate -s 10K --pools 5")
    check(heap_section(section)["alignment"] == 8, "the blocks are not aligned as malloc's")


def c_firmware(w):
    example = Example(w, "c_firmware")
    for standard in ("c99", "c11", "c17"):
        w.run(f"arm-none-eabi-gcc -std={standard} -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror "
              f"-fsyntax-only -x c -I{w.prefix}/include {w.prefix}/include/drone/heap.h")
    example.build()
    check("_sbrk" not in example.symbols(), "a second allocator is linked")
    log, _ = example.run()
    check("0 failures\n" in log, "the program found failures")
    example.build("-DDRONE_FEATURES=heaptrace", "build_heaptrace")
    log, table = example.trace()
    check("0 failures\n" in log and 100 in table, "the traced program is another")


def freertos(w):
    """Against a stand-in for the kernel: see its README. With a kernel's source, the same by hand."""
    example = Example(w, "freertos")
    kernel = f"-DFREERTOS_KERNEL_PATH={ROOT}/tests/doubles/freertos"
    for name, options, is_traced in (("drone", "", False), ("traced", "-DDRONE_FEATURES=heaptrace", True),
                                     ("heap_4", "-DHEAP=4", True)):
        example.build(f"{kernel} {options}", f"build_{name}")
        log, table = example.trace() if is_traced else (example.run()[0], {})
        check("\n0 failures\n" in log, "a task found its block changed")
        preempted = int(re.search(r"^preempted (\d+) times", log, re.M)[1])
        check(preempted > 500, f"the tasks preempted each other {preempted} times only")
        counts = {int(m[1]): int(m[2]) for m in re.finditer(r"^allocated (\d+) (\d+)$", log, re.M)}
        check(len(counts) == 5 and min(counts.values()) > 500, "the tasks allocated too little")
        if name == "heap_4":
            # Requests are rounded up to 8 in the trace, so the check's 35 bytes count with the 40.
            counts[40] += 1
        if is_traced:
            traced = {size: table[size][1] for size in counts}
            check(traced == counts, f"drone heap says {traced}, the firmware {counts}")
            # With room for the request of 50000 bytes that failed.
            section, _ = w.run("drone heap generate --fit --pools 5")
            check(heap_section(section)["alignment"] == 8, "the layout is not one for FreeRTOS")


def zephyr(w):
    """Against a stand-in for Zephyr: see its README."""
    example = Example(w, "zephyr")
    zephyr = (f"-DZephyr_DIR={ROOT}/tests/doubles/zephyr/cmake "
              f"-DZEPHYR_EXTRA_MODULES={w.prefix}/share/drone/adapters/zephyr")
    for conf, is_traced in (("prj.conf", False), ("traced.conf", True)):
        example.build(f"{zephyr} -DCONF_FILE={conf}", f"build_{conf}")
        check("__wrap_k_malloc" in example.symbols(), "the kernel's functions are not led to drone")
        log, table = example.trace() if is_traced else (example.run()[0], {})
        check("0 failures\n" in log, "the program found failures")
        check(not is_traced or table[100] == (1, 1), "the trace is of another program")
    # What cannot be is refused, by what the module's Kconfig says: no C++, two cores.
    for wrong in ("CONFIG_DRONE_HEAP=y\n", "CONFIG_CPP=y\nCONFIG_SMP=y\nCONFIG_DRONE_HEAP=y\n"):
        (w.node / "wrong.conf").write_text(wrong)
        _, error = w.run("cmake -G Ninja -B build_wrong --toolchain ../board/arm-none-eabi.cmake "
                         f"{zephyr} -DCONF_FILE=wrong.conf", status=1)
        check("DRONE_HEAP was set to y and became n" in error, f"not refused: {wrong}")


def adopting(prefix, work, only):
    w = Walk(prefix, work)
    for example in (existing_newlib, c_firmware, freertos, zephyr):
        if not only or example.__name__ in only:
            example(w)


if __name__ == "__main__":
    sys.exit(main_of(lambda: adopting(sys.argv[1], sys.argv[2], sys.argv[3:])))
