#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the heap's machine code on each core: how long the usual path of an operation is, how many
bytes all of it takes, what stands inside an exclusive pair, that the tracer is not there unless
asked for and leaves its note, and that no second allocator is linked. Prints a table; exits 1 if a
check fails.

The usual path of a function is its straight line, up to and including the return: every conditional
branch falls through, but the one behind an exclusive store, which is taken when that succeeded, and the
one of a link that leads into the arena. Limits are what docs/heap.md promises, at -O2.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "include"
CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]
FLAGS = """-mthumb -O2 -std=c++20 -fno-exceptions -fno-rtti -faligned-new=4 -ffunction-sections
  -fdata-sections -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Werror""".split()

# Instructions of the usual path, the return included. deallocate_12 and allocate_12 stand in for
# code that is inlined, so a return and saving the return address are not counted there.
PATHS = {"_Znwj": 13, "_ZdlPv": 17, "allocate_12": 7, "deallocate_12": 12}
CHECKED_PATHS = {"_Znwj": 19, "_ZdlPv": 32, "allocate_12": 13}
PATH_CORES = ["cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]

# Bytes in a program with `new` and `delete`, by checks: the heap with its operators, and the tables.
CODE_BUDGET = {"kOff": 300, "kPointers": 720, "kFull": 1260}
CODE_BUDGET_M0 = {"kOff": 400, "kPointers": 820, "kFull": 1380}
TABLE_BUDGET = {"kOff": 400, "kPointers": 480, "kFull": 560}
TRACER_BUDGET = 1100
TRACED_TABLE_BUDGET = 200
RAM_BUDGET = 5 * 4
TRACER_RAM_BUDGET = RAM_BUDGET + 20

SECOND_ALLOCATOR = re.compile(
    r" (_sbrk|_sbrk_r|sbrk_aligned|__malloc_free_list|__malloc_sbrk_start|__malloc_av_)$", re.M)

failures = []


def check(ok, message):
    if not ok:
        failures.append(message)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def disassemble(file):
    """Function name to list of (address, mnemonic, operands)."""
    functions, current = {}, None
    for line in run("arm-none-eabi-objdump", "-d", "--no-show-raw-insn", file).splitlines():
        name = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if name:
            current = functions.setdefault(name[1], [])
            continue
        instruction = re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", line)
        if instruction and current is not None and not instruction[2].startswith("."):
            current.append((int(instruction[1], 16), instruction[2], instruction[3]))
    return functions


def straight_line(instructions):
    """The usual path of a function, or None if it has none."""
    index_of = {address: index for index, (address, _, _) in enumerate(instructions)}
    path, index = [], 0
    while index < len(instructions):
        _, mnemonic, operands = instructions[index]
        is_behind_store = bool(path) and path[-1][0].startswith("strex")
        path.append((mnemonic, operands))
        if mnemonic == "bx" or (mnemonic == "pop" and "pc" in operands):
            return path
        target = re.search(r"\b([0-9a-f]+) <", operands)
        is_link_good = mnemonic == "bcc.n" and any(m == "ldrex" for m, _ in path)
        if (mnemonic == "cbz" and is_behind_store) or is_link_good:
            index = index_of[int(target[1], 16)]
        elif mnemonic in ("b", "b.n", "b.w"):
            if not target or int(target[1], 16) not in index_of:
                return None
            index = index_of[int(target[1], 16)]
        else:
            index += 1
    return None


def check_it_blocks(core, functions):
    """An emulator cannot stop inside an IT block (tests/preemption). So none may touch memory: then an
    interrupt inside it does what one before it does. But for functions that mask interrupts from
    their first instructions to their last."""
    for name, instructions in functions.items():
        if any(mnemonic == "cpsid" for _, mnemonic, _ in instructions[:8]):
            continue
        covered = 0
        for _, mnemonic, operands in instructions:
            if covered:
                covered -= 1
                check(not re.match(r"(ldr|str|ldm|stm|push|pop|bl|swp|cps|msr)", mnemonic),
                      f"{core}: {name}: '{mnemonic} {operands}' inside an IT block")
            elif re.match(r"it[te]{0,3}$", mnemonic):
                covered = len(mnemonic) - 1


def exclusive_pairs(instructions):
    """What stands between each LDREX and the next STREX."""
    inside = None
    for _, mnemonic, operands in instructions:
        if mnemonic.startswith("ldrex"):
            inside = []
        elif mnemonic.startswith("strex"):
            yield inside
            inside = None
        elif inside is not None:
            inside.append((mnemonic, operands))


def check_pairs(core, functions):
    # What tests a link, and where its check may lead, beside its load.
    allowed = re.compile(r"(ldr|cmp|lsls|bmi|bne|subs?|movs?|movw|movt|bcc|b)(\.n|\.w)?$")
    pairs = 0
    for name, instructions in functions.items():
        for inside in exclusive_pairs(instructions):
            pairs += 1
            if inside is None:  # the other of a pair that has two
                continue
            for mnemonic, operands in inside:
                check(allowed.match(mnemonic) and "sp" not in operands,
                      f"{core}: {name}: '{mnemonic} {operands}' inside an exclusive pair")
            check(sum(mnemonic.startswith("ldr") for mnemonic, _ in inside) <= 1,
                  f"{core}: {name}: more than the link is read inside an exclusive pair")
    if core == "cortex-m0plus":
        check(pairs == 0, f"{core}: exclusive accesses on ARMv6-M")
    else:
        check(pairs > 1, f"{core}: no exclusive accesses found")


def check_paths(core, functions, paths, report):
    for name, limit in paths.items():
        # The disassembler knows one name for each address.
        instructions = functions.get(name) or functions[{"_Znwj": "_Znaj", "_ZdlPv": "_ZdaPv"}[name]]
        path = straight_line(instructions)
        if path is None:
            failures.append(f"{core}: {name} has no straight line to its return")
            continue
        if name.endswith("_12"):
            path = [i for i in path if i[0] not in ("push", "pop", "bx")]
        report.append(f"{name} {len(path)}")
        check(len(path) <= limit, f"{core}: {name} takes {len(path)} instructions, not {limit}")


def symbol_sizes(elf):
    """Bytes of what the heap's headers define, each address once, without the blocks: code of the
    heap and its operators, of the tracer, tables in flash, words in RAM."""
    sizes = dict.fromkeys(("code", "tracer", "tables", "ram"), 0)
    seen = set()
    for line in run("arm-none-eabi-nm", "-SC", elf).splitlines():
        symbol = re.match(r"([0-9a-f]+) ([0-9a-f]+) (\w) (.*)", line)
        if not symbol or symbol[1] in seen or not re.search(r"drone::|^operator ", symbol[4]):
            continue
        seen.add(symbol[1])
        address, size, name = int(symbol[1], 16), int(symbol[2], 16), symbol[4]
        if re.search("malloc|out_of_memory|set_error|allocate_zeroed|::arena<", name):
            continue  # the C library's functions, where `abort` needs them, and the blocks
        if address >= 0x20000000:
            sizes["ram"] += size
        elif "(" not in name:
            sizes["tables"] += size
        elif re.search(r"^drone::heaptrace|::report_", name):
            sizes["tracer"] += size
        else:
            sizes["code"] += size
    return sizes


def check_note(core, compiler, link, elf, program):
    """A traced heap's note is in the ELF file, once a heap, and takes nothing in the target."""
    for flags in ([], ["-O0"], ["-Os", "-g"], ["-flto"]) if core == "cortex-m3" else ([],):
        run(*compiler, *flags, HERE / "global_heap.cpp", program, "--specs=nano.specs", *link,
            "-Wl,--defsym=_exit=0", "-o", elf)
        sections = run("arm-none-eabi-readelf", "-SW", elf)
        section = re.search(r"\.note\.drone\.heap +NOTE +0+ (\w+) (\w+) 00 +(A?) ", sections)
        check(section is not None, f"{core} {flags}: a traced heap leaves no note")
        check(section and not section[3], f"{core} {flags}: the note is loaded")
        # 20 bytes of header, and 2 words; VERSION, 5 pools, HEAP_SIZE, CLOCK, HEAP_ALIGNMENT.
        size = 20 + 4 * (2 + 1 + 2 * 5 + 3)
        check(section and int(section[2], 16) == size, f"{core} {flags}: the note is not {size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", choices=CORES, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for core in options.core or CORES:
            for checks in CODE_BUDGET:
                check_core(folder, core, checks, traced=False)
            if core != "cortex-m0plus":
                check_core(folder, core, "kOff", traced=True)
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def check_core(folder, core, checks, traced):
    report = []
    compiler = ["arm-none-eabi-g++", f"-mcpu={core}", *FLAGS, f"-I{INCLUDE}",
                f"-DDRONE_CHECKS={checks}"]
    if traced:
        compiler.append("-DDRONE_HEAPTRACE")
    heap = folder / "heap.o"
    run(*compiler, "-c", HERE / "global_heap.cpp", "-o", heap)
    functions = disassemble(heap)
    check_pairs(core, functions)
    check_it_blocks(core, functions)
    if not traced and core in PATH_CORES and checks != "kFull":
        check_paths(core, functions, PATHS if checks == "kOff" else CHECKED_PATHS, report)

    elf = folder / "program.elf"
    link = ["-nostartfiles", "-Wl,--gc-sections,-e,main,-Ttext=0,-Tdata=0x20000000",
            "-Wl,--no-warn-rwx-segments", "--specs=nosys.specs"]
    program = HERE / "new_and_delete.cpp"
    run(*compiler, program, heap, "--specs=nano.specs", *link, "-o", elf)
    sizes = symbol_sizes(elf)
    report += [f"{kind} {size}" for kind, size in sizes.items()]
    what = f"{core} {checks}"
    budget = (CODE_BUDGET_M0 if core == "cortex-m0plus" else CODE_BUDGET)[checks]
    check(traced or sizes["code"] <= budget, f"{what}: {sizes['code']} bytes of code, not {budget}")
    check(sizes["tracer"] <= TRACER_BUDGET, f"{what}: {sizes['tracer']} bytes of tracer")
    budget = TABLE_BUDGET[checks] + (TRACED_TABLE_BUDGET if traced else 0)
    check(sizes["tables"] <= budget, f"{what}: {sizes['tables']} bytes of tables, not {budget}")
    ram = TRACER_RAM_BUDGET if traced else RAM_BUDGET
    check(sizes["ram"] == ram, f"{what}: {sizes['ram']} bytes of RAM, not {ram}")

    if traced:
        check_note(core, compiler, link, folder / "noted.elf", program)
    names = run("arm-none-eabi-nm", "-C", elf)
    check(("heaptrace" in names) == traced, f"{what}: the tracer is in the wrong program")
    if not traced:
        check(".note.drone" not in run("arm-none-eabi-readelf", "-SW", elf),
              f"{what}: a heap that is not traced leaves a note")
        code_text = run("arm-none-eabi-objdump", "-d", elf)
        check("#3758096384" not in code_text, f"{what}: something touches the ITM")

    for specs in (["--specs=nano.specs"], []):
        run(*compiler, "-DPRINTS", program, heap, *specs, *link, "-u", "_printf_float", "-o", elf)
        second = SECOND_ALLOCATOR.findall(run("arm-none-eabi-nm", elf))
        check(not second, f"{what} {specs}: a second allocator is linked: {second}")
    print(f"{core:14}{checks:10}{'traced' if traced else '':8}{', '.join(report)}")


if __name__ == "__main__":
    sys.exit(main())
