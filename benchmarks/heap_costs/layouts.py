# SPDX-License-Identifier: MIT
"""The pool layouts that the heap is measured with.

Those for the traces are kept in layouts/, as `drone heap generate --fit` prints them: the trace is
replayed on a heap with pools for every purpose, which reports its operations through the board's
ITM, and `drone` records and reads that, as a user would. `benchmarks/heap --layouts` does it anew.
"""

import math
import pathlib
import tomllib

from . import target

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "layouts"
POOLS = (8, 16)

# The user's example of the documentation.
EXAMPLE = [(4, 201), (12, 222), (28, 115), (32, 83), (128, 7)]

# Block sizes as programs use them, for layouts that serve no trace.
BLOCKS = [8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 192, 256, 512]
GRANULE = 1024

HEADER = "# SPDX-License-Identifier: MIT\n# Written by benchmarks/heap --layouts.\n"


def example_of(count, boundaries):
    """A layout of `count` pools whose boundaries lie "anywhere", or "close" together, as those of
    small pools in a large heap do, with a largest block that is no round number, or on multiples
    of GRANULE."""
    chosen = [BLOCKS[i * len(BLOCKS) // count] for i in range(count)]
    if boundaries == "granules":
        return [(block, math.lcm(block, GRANULE) // block) for block in chosen]
    if boundaries == "close":
        return [(block, 1) for block in chosen[:-1]] + [(1724, 23)]
    return [(block, max(3, 1500 // block) | 1) for block in chosen]


def read(trace, pools):
    heap = tomllib.loads((FOLDER / f"{trace}.{pools}.toml").read_text())["heap"]
    return [(int(pool["block"]), pool["capacity"]) for pool in heap["pools"]]


def roomy(trace):
    """A layout that no request of the trace fails on: for each class of sizes as many blocks as
    were alive at a time, and one for a block that is about to move."""
    classes = [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096]
    block_for = lambda size: next(block for block in classes if block >= size)
    live, held, most = {}, dict.fromkeys(classes, 0), dict.fromkeys(classes, 0)
    for kind, slot, size in trace.events:
        if kind != "f" and block_for(size) > live.get(slot, 0):
            held[block_for(size)] += 1
            most[block_for(size)] = max(most[block_for(size)], held[block_for(size)])
            if slot in live:
                held[live[slot]] -= 1
            live[slot] = block_for(size)
        elif kind == "f":
            held[live.pop(slot)] -= 1
    return [(block, most[block]) for block in classes if most[block] != 0]


def generate(board, drone, trace):
    """Computes the layouts for a trace, and keeps them."""
    folder = board.folder / f"{trace.name}.layouts"
    elf = board.build("replay", folder.name, layout=roomy(trace), words=trace.words(),
                      defines=["BENCHMARK_TRACED", "BENCHMARK_LISTENING"])
    stream, recorded = folder / "swo", folder / "heaptrace"
    board.trace_bytes(elf, stream)
    target.run(drone, "itm", "--from", f"file:{stream}", "--heaptrace", recorded)
    FOLDER.mkdir(exist_ok=True)
    for pools in POOLS:
        section = target.run(drone, "heap", "-f", recorded, "generate", "--pools", pools, "--fit")
        (FOLDER / f"{trace.name}.{pools}.toml").write_text(HEADER + section)
