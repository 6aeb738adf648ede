#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets benchmarks/heap measure an allocator whose costs are known (known_allocator.s).
Usage: known_allocator.py DRONE_BOARD"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def tables():
    """Title to rows, each a list of its cells but the name."""
    done = subprocess.run(
        [ROOT / "benchmarks" / "heap", "--board", sys.argv[1], "--markdown", "--trace", "jim_script",
         "--add", f"known={HERE / 'known_allocator.s'}", "--allocator", "known"],
        capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"benchmarks/heap ended with {done.returncode}:\n{done.stderr}")
    print(done.stdout)
    found, rows = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("### "):
            rows = found.setdefault(line[4:], {})
        elif line.startswith("| "):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows[name] = cells
    return found


def main():
    measured = tables()
    wrong = []

    def check(what, value, expected):
        if value != expected:
            wrong.append(f"{what}: {value}, not {expected}")

    instructions = measured["Instructions"]["known"]
    check("allocate: median, 99 %, worst", instructions[0:3], ["13", "13", "13"])
    check("deallocate: median, 99 %, worst", instructions[3:6], ["7", "9", "9"])
    check("resize in place", instructions[6:8], ["–", "–"])
    code, tables_in_flash, ram, least, one_byte, _ = measured["Bytes"]["known"]
    # Between what is there anyhow and what is added, up to two bytes of padding.
    check("bytes of code", int(code) in range(54, 59), True)
    check("bytes of tables, RAM", [tables_in_flash, ram], ["0", "8"])
    check("bytes beside a block, a block for one byte", [least, one_byte], ["0", "8"])
    # Nothing is taken back, so all blocks that were ever handed out are there.
    taken = measured["RAM for the blocks of each trace"]["jim_script"]
    check("peak of the trace", taken[0], "28931")
    for each in wrong:
        print(f"FAILED: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
