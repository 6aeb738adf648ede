#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What containers in a heap of their own cost in bytes, on a Cortex-M4: the same program with a list
in the program's heap (std), by drone::allocator (own), and by drone::memory_resource (pmr). Checks
that they take no RAM, and that libstdc++'s memory resources are not linked along. Prints a table;
exits 1 if a check fails.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = f"""-mcpu=cortex-m4 -mthumb -std=c++20 -fno-exceptions -fno-rtti -faligned-new=4
  -ffunction-sections -fdata-sections -Wall -Wextra -Werror -I{HERE.parent.parent}/include
  --specs=nano.specs""".split()
LINK = """-nostartfiles -Wl,--gc-sections,-e,main,-Ttext=0,-Tdata=0x20000000
  -Wl,--no-warn-rwx-segments --specs=nosys.specs""".split()
# GCC's -O2 guesses which resource a call goes to, and so links those that it guesses.
OPTIMIZATIONS = {"-Os": True, "-O2 -fno-devirtualize-speculatively": True, "-O2": False}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder, optimization, kind):
    """Bytes of flash and of RAM, and whether libstdc++'s memory resources are in the program."""
    compiler = ["arm-none-eabi-g++", *FLAGS, *optimization.split(), f"-D{kind.upper()}"]
    run(*compiler, "-c", "-DUSER", HERE / "containers.cpp", "-o", folder / "user.o")
    elf = folder / "containers.elf"
    run(*compiler, HERE / "containers.cpp", folder / "user.o", *LINK, "-o", elf)
    text, data, bss = map(int, run("arm-none-eabi-size", elf).splitlines()[1].split()[:3])
    symbols = run("arm-none-eabi-nm", "-C", elf)
    return text + data, data + bss, "std::pmr::new_delete_resource" in symbols


def main():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for optimization, keeps_library_out in OPTIMIZATIONS.items():
            sizes = {kind: build(pathlib.Path(folder), optimization, kind) for kind in ("std", "own", "pmr")}
            print(f"{optimization:36}", ", ".join(f"{kind} {sizes[kind][0]}" for kind in sizes))
            if keeps_library_out:
                if sizes["pmr"][2]:
                    failures.append(f"{optimization}: libstdc++'s memory resources are linked")
                for kind in ("own", "pmr"):
                    if sizes[kind][1] > sizes["std"][1]:
                        failures.append(f"{optimization}: {kind} takes {sizes[kind][1]} bytes of RAM, "
                                        f"not {sizes['std'][1]}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
