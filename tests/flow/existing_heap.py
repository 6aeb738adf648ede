# SPDX-License-Identifier: MIT
"""The trace of a heap that a firmware has already, against what the firmware counts itself.

Newlib's allocator, nano and full, on the emulated board, built without CMake, as docs/adopting.md
says: one source file and linker options. `drone heap` must print the firmware's own numbers, and
`drone heap generate` a layout that serves the trace. Then the same with an interrupt that
allocates."""

import pathlib
import re
import sys

from heap_output import heap_section, usage_table
from terminal import check, main_of
from walk import Walk

HERE = pathlib.Path(__file__).resolve().parent / "existing_heap"
ROOT = HERE.parent.parent.parent
FLAGS = ("-mcpu=cortex-m4 -mthumb -O2 -g -ffunction-sections -fdata-sections -Wall -Wextra -Wpedantic "
         "-Wshadow -Werror")
CXX_FLAGS = "-std=gnu++20 -fno-exceptions -fno-rtti -Wconversion -Wold-style-cast"
FUNCTIONS = ("malloc_r", "free_r", "calloc_r", "realloc_r", "memalign_r")
WRAP = "-Wl," + ",".join(f"--wrap=_{name}" for name in FUNCTIONS)


def build(w, specs, sources, adaptor_flags=""):
    board = ROOT / "examples/board"
    share = w.prefix / "share/drone/adapters"
    w.run(f"arm-none-eabi-gcc {FLAGS} {specs} -c {board}/start.c -o start.o")
    w.run(f"arm-none-eabi-g++ {FLAGS} {CXX_FLAGS} {specs} {adaptor_flags} -I{w.prefix}/include "
          f"-c {share}/newlib/drone_heaptrace_newlib.cpp -o adaptor.o")
    w.run(f"arm-none-eabi-g++ {FLAGS} {CXX_FLAGS} {specs} -I{w.prefix}/include "
          + " ".join(str(HERE / source) for source in sources)
          + f" start.o adaptor.o {WRAP} -nostartfiles -T{board}/board.ld -u _printf_float "
          "-Wl,--gc-sections,--no-warn-rwx-segments -o program.elf")


def measure(w, specs):
    """What the adaptor costs: bytes, and instructions of a call while no probe listens."""
    w.run(f"arm-none-eabi-g++ {FLAGS} -Os {CXX_FLAGS} {specs} -I{w.prefix}/include "
          f"-c {w.prefix}/share/drone/adapters/newlib/drone_heaptrace_newlib.cpp -o small.o")
    code, _, ram = map(int, w.run("arm-none-eabi-size small.o")[0].splitlines()[1].split()[:3])
    check(code <= 1600 and ram <= 24, f"the adaptor takes {code} bytes of code, {ram} of RAM")
    for name in FUNCTIONS:
        listing, _ = w.run(f"arm-none-eabi-objdump -d --no-show-raw-insn --disassemble=__wrap__{name} adaptor.o")
        path = re.findall(r"^ +[0-9a-f]+:\s+(\S+)", listing, re.M)
        path = path[:next(i for i, mnemonic in enumerate(path) if mnemonic in ("b", "b.n", "b.w")) + 1]
        print(f"__wrap__{name} adds {len(path)} instructions while nobody listens")
        check(len(path) <= 5, f"__wrap__{name}: {path}")


def record(w):
    w.run("drone flash program.elf")
    log, verdict = w.run("drone itm --reset --speed max 0 --heaptrace heaptrace")
    check("audit end\n" in log, "the firmware printed no audit, or had no room for it")
    check("nothing was lost" in verdict, "the capture lost something")
    sizes = {int(m[1]): (int(m[2]), int(m[3]))
             for m in re.finditer(r"^audit size (\d+) (\d+) (\d+)$", log, re.M)}
    usage, _ = w.run("drone heap")
    table, _ = usage_table(usage)
    for word in ("incomplete", "contradicts", "damaged", "lost", "midway"):
        check(word not in usage, f"the trace is not whole: {word}")
    return log, sizes, usage, table


def audit(w, specs):
    print(f"== newlib {specs}")
    build(w, specs, ("program.cpp", "audit.cpp"),
          " ".join(f"-D__wrap__{name}=adaptor_{name}" for name in FUNCTIONS))
    log, sizes, usage, table = record(w)
    check(table == sizes, f"drone heap says {table}, the firmware {sizes}")
    peak = int(re.search(r"^audit peak (\d+)$", log, re.M)[1])
    check(re.search(rf"^Peak in use: {peak} /", usage, re.M), f"the peak is not {peak}")
    failed = {int(m[1]): int(m[2]) for m in re.finditer(r"^audit failed (\d+) (\d+)$", log, re.M)}
    listed = {int(m[1]): int(m[2]) for m in re.finditer(r"^  (\d+) bytes.*: (\d+) times?$", usage, re.M)}
    check(failed == listed, f"drone heap lists {listed} as failed, the firmware {failed}")

    # That the firmware leaves out nothing of what it is here for.
    check(len(sizes) > 100 and failed == {500_000: 2, 1_000_000: 1}, "the program asked for less")
    check(min(sizes) == 1 and max(sizes) == 40_000, "a request of 0 bytes, or a wide one, is missing")
    nested = int(re.search(r"^audit nested (\d+)$", log, re.M)[1])
    moved, resized = map(int, re.search(r"^audit resizes (\d+) (\d+)$", log, re.M).groups())
    check(nested > 20 and moved > 5 and resized > 5, "newlib did not call itself, or no block moved")

    section, _ = w.run("drone heap generate --pools 6 --fit")
    heap = heap_section(section)
    check(heap["alignment"] == 8 and len(heap["pools"]) == 6, "the layout is not one for 8 bytes")
    # Nothing is aligned to 1024 by a heap of pools. What did not fit the board's RAM fits the layout.
    check(re.search(r"^# \d+ requests, failed: 1$", section, re.M), "the layout is not proven")
    check("No layout can serve 1 request" in section, "another request failed")


def audit_interrupts(w, specs):
    print(f"== an interrupt that allocates, {specs}")
    build(w, specs, ("interrupts.cpp",))
    _, sizes, _, table = record(w)
    check(sizes[44][1] > 300, "there were few interrupts")
    its_own = {size: table[size] for size in sizes}
    check(its_own == sizes, f"drone heap says {its_own}, the firmware {sizes}")


def existing_heap(prefix, work):
    w = Walk(prefix, work)
    (w.work / "Drone.toml").write_text((ROOT / "examples/existing_newlib/Drone.toml").read_text())
    for specs in ("--specs=nano.specs", ""):
        audit(w, specs)
        audit_interrupts(w, specs)
        measure(w, specs)


if __name__ == "__main__":
    sys.exit(main_of(lambda: existing_heap(sys.argv[1], sys.argv[2])))
