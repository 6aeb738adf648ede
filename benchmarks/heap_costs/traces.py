# SPDX-License-Identifier: MIT
"""Recorded allocation traces, and the words that firmware/replay.cpp reads."""

import dataclasses
import lzma
import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "traces"
KINDS = {"a": 0, "f": 1, "r": 2}
MOST_SLOTS = 1 << 15
LARGEST_SIZE = (1 << 15) - 1


@dataclasses.dataclass
class Trace:
    name: str
    events: list  # (kind, slot, size); size 0 for a free
    slots: int
    sizes: list  # that occur, ascending
    peak_bytes: int  # requested, alive at one instant

    def words(self):
        return struct.pack(f"<{len(self.events)}I",
                           *(KINDS[kind] | slot << 2 | size << 17 for kind, slot, size in self.events))


def names():
    return sorted(path.name.removesuffix(".txt.xz") for path in FOLDER.glob("*.txt.xz"))


def recorded_names():
    """Of those that `record_traces` recorded."""
    return sorted(path.name.removesuffix(".txt.xz") for path in (FOLDER / "debian").glob("*.txt.xz"))


def path_of(name):
    given = FOLDER / f"{name}.txt.xz"
    return given if given.exists() else FOLDER / "debian" / f"{name}.txt.xz"


def read(name):
    """Numbers of blocks become slots, which are used again, so that firmware needs few of them."""
    events, sizes = [], set()
    live, free, slots = {}, [], 0
    live_bytes = peak_bytes = 0
    with lzma.open(path_of(name), "rt") as lines:
        for line in lines:
            kind, block, *rest = line.split()
            size = int(rest[0]) if rest else 0
            if kind == "a":
                if not free:
                    free.append(slots)
                    slots += 1
                live[block] = [free.pop(), size]
                live_bytes += size
                events.append((kind, live[block][0], size))
            elif kind == "r":
                live_bytes += size - live[block][1]
                live[block][1] = size
                events.append((kind, live[block][0], size))
            else:
                slot, last = live.pop(block)
                live_bytes -= last
                free.append(slot)
                events.append((kind, slot, 0))
            if size > LARGEST_SIZE or slots > MOST_SLOTS:
                raise ValueError(f"{name}: too large for the words of an event: {line.strip()}")
            if kind != "f":
                sizes.add(size)
            peak_bytes = max(peak_bytes, live_bytes)
    return Trace(name, events, slots, sorted(sizes), peak_bytes)
