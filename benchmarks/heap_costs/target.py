# SPDX-License-Identifier: MIT
"""Builds firmware for the emulated board, and runs it there."""

import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIRMWARE = HERE.parent / "firmware"
SHARED = ROOT / "tests" / "firmware"  # start-up code

FLAGS = """-mthumb -O2 -std=c++20 -fno-exceptions -fno-rtti -faligned-new=4 -ffunction-sections
  -fdata-sections -Wall -Wextra -Wshadow -Wconversion -Werror -nostartfiles""".split()


class Failure(Exception):
    pass


def run(*command, what=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{what or ' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def layout_header(layout):
    """A layout as firmware knows it: `pools` is a list of (block size, capacity)."""
    pools = ", ".join(f"{{{block}, {capacity}}}" for block, capacity in layout)
    size = sum(block * capacity for block, capacity in layout)
    return ("#pragma once\n#include \"drone/heap/layout.hpp\"\nnamespace drone::benchmark {\n"
            "using enum heap::Checks;\n"
            f"inline constexpr heap::Layout<{len(layout)}> kLayout{{.size = {size}, .alignment = 4, "
            f".pools = {{{{{pools}}}}}, .options = {{BENCHMARK_OPTIONS}}}};\n}}\n")


class Target:
    def __init__(self, board, folder):
        self.board = board
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def build(self, program, name, *, cpu="cortex-m4", specs="nano.specs", defines=(), layout=None,
              words=None, sources=()):
        """The ELF file of a program of firmware/."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if layout is not None:
            (folder / "layout.hpp").write_text(layout_header(layout))
        inputs = [FIRMWARE / f"{program}.cpp", SHARED / "startup.cpp"]
        if words is not None:
            (folder / "trace.bin").write_bytes(words)
            (folder / "trace.s").write_text(
                '.section .trace, "a"\n.global trace_begin, trace_end\n.balign 4\ntrace_begin:\n'
                f'.incbin "{folder / "trace.bin"}"\ntrace_end:\n')
            inputs.append(folder / "trace.s")
        for source in sources:
            compiled = folder / f"{pathlib.Path(source).stem}.o"
            run("arm-none-eabi-gcc", f"-mcpu={cpu}", "-mthumb", "-O2", "-ffunction-sections",
                "-fdata-sections", f"--specs={specs}", "-c", source, "-o", compiled)
            inputs.append(compiled)
        elf = folder / f"{program}.elf"
        map_options = [f"-D{define}" for define in defines]
        run("arm-none-eabi-g++", f"-mcpu={cpu}", *FLAGS, f"--specs={specs}", *map_options,
            f"-I{ROOT / 'include'}", f"-I{folder}", *inputs, "-T", FIRMWARE / "board.ld",
            "-Wl,--gc-sections,--no-warn-rwx-segments", "-o", elf, what=f"building {name}/{program}")
        return elf

    def execute(self, elf):
        """What a program printed: a list of (name, number, ...)."""
        command = [self.board, "--core", "cortex-m4", "--memory", "flash:0:4M", "--memory",
                   "ram:0x20000000:4M", "--clock", "84000000", "--speed", "max", elf]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure(f"{elf.parent.name}/{elf.name} on the board: {done.stderr.strip()}")
        lines = [line.split() for line in done.stderr.splitlines()]
        return [(name, *map(int, numbers)) for name, *numbers in lines]

    def trace_bytes(self, elf, file):
        """Runs a program and keeps what it sent over SWO."""
        command = [self.board, "--memory", "flash:0:4M", "--memory", "ram:0x20000000:4M", "--clock",
                   "84000000", "--speed", "max", elf]
        with open(file, "wb") as out:
            done = subprocess.run([str(part) for part in command], stdout=out,
                                  stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure(f"{elf.parent.name}/{elf.name} on the board: {done.stderr.strip()}")


def section_sizes(elf):
    """Bytes of code, of constants and of RAM. Padding between sections is no part of them."""
    sizes = dict.fromkeys((".text", ".rodata", ".data", ".bss"), 0)
    for line in run("arm-none-eabi-size", "-A", elf).splitlines():
        section = re.match(r"(\.\w+)\s+(\d+)", line)
        if section and section[1] in sizes:
            sizes[section[1]] = int(section[2])
    return {"code": sizes[".text"], "tables": sizes[".rodata"], "ram": sizes[".data"] + sizes[".bss"]}
