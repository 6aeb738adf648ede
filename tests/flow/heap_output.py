# SPDX-License-Identifier: MIT
"""Reads what `drone heap` and `drone heap generate` print."""

import re
import tomllib

from terminal import check


def usage_table(text):
    """{size: (max count, allocations)} of a HEAP USAGE table, and its maximum in bytes."""
    lines = text.splitlines()
    check(lines[0] == " HEAP USAGE ".center(80, "-"), "the table has no heading")
    check(lines[1] == " <size> <max count> <allocations>", "the table has no column names")
    table = {}
    for line in lines[2:]:
        row = re.fullmatch(r" *(\d+) +(\d+) +(\d+)", line)
        if not row:
            break
        table[int(row[1])] = (int(row[2]), int(row[3]))
    maximum = re.search(r"^Maximum memory usage: (\d+) / \d+\.\d\d%$", text, re.M)
    check(maximum is not None, "the maximum memory usage is missing")
    check(int(maximum[1]) == sum(size * most for size, (most, _) in table.items()),
          "the maximum memory usage is not the sum of the table")
    return table, int(maximum[1])


def heap_section(text, name=None):
    """The [heap] table of a Drone.toml or of what `generate` printed, or its [heap.NAME]; its pools as
    [(block, capacity)]."""
    heap = tomllib.loads(text)["heap"]
    if name is not None:
        heap = heap[name]
    heap["pools"] = [(int(pool["block"]), pool["capacity"]) for pool in heap["pools"]]
    return heap


def block_for(size, pools):
    """The block that serves a request of `size` bytes, the rule written down once more."""
    return min(block for block, _ in pools if block >= size)


def waste(table, pools):
    """Bytes of blocks that the requests do not use if every size is at its max count."""
    return sum((block_for(size, pools) - size) * most for size, (most, _) in table.items())


def paste_heap_section(manifest, section, name=None):
    """A Drone.toml with its [heap] or [heap.NAME] section replaced, as a user would in an editor."""
    start = manifest.index("\n[heap]" if name is None else f"\n[heap.{name}]") + 1
    end = manifest.find("\n[", start)
    rest = manifest[end:] if end >= 0 else ""
    return manifest[:start] + section.rstrip("\n") + "\n" + rest
