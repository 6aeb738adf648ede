# SPDX-License-Identifier: MIT
"""Reads what `drone heap record` writes (docs/trace-format.md), and tells it as the traces of traces/ are told."""


def writes(data):
    """(bytes, value) of each write to stimulus port 31."""
    at = data.index(0x80) + 1  # the synchronization
    while at < len(data):
        size = {0xFA: 2, 0xFB: 4}[data[at]]
        yield size, int.from_bytes(data[at + 1:at + 1 + size], "little")
        at += 1 + size


def as_text(data):
    """Each event a line: a ID SIZE, f ID, r ID SIZE. Lives are numbered in their order. Requests that failed
    are left out, and alignments."""
    lines, ids, count, wide = [], {}, 0, None

    def allocate(block, size):
        nonlocal count
        ids[block] = count
        lines.append(f"a {count} {size}")
        count += 1

    for size, value in writes(data):
        operation, sub = (value >> 1) & 3, (value >> 3) & 31
        if size == 2:
            lines.append(f"f {ids.pop(value >> 1)}")
        elif operation == 0 and (value >> 3) & 0x7FFF != 0x7FFF:
            allocate((value >> 3) & 0x7FFF, value >> 18)
        elif operation == 1:
            lines.append(f"r {ids[(value >> 3) & 0x7FFF]} {value >> 18}")
        elif operation == 3 and sub in (1, 2):
            wide = sub, value >> 8
        elif operation == 3 and sub == 3 and wide[1] != 0xFFFFFF:
            if wide[0] == 1:
                allocate(wide[1], value >> 8)
            else:
                lines.append(f"r {ids[wide[1]]} {value >> 8}")
        elif operation == 3 and sub == 4:
            lines.append(f"f {ids.pop(value >> 8)}")
    return "".join(f"{line}\n" for line in lines)
