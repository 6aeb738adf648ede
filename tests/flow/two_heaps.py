# SPDX-License-Identifier: MIT
"""Two heaps side by side: the project's own, and the one that docs/project.md adds, in a region and on a
port of its own.

Built, run on the emulated board, both captured in one run, and both tables compared with what the
firmware counts itself. Then a layout for the second heap, pasted into Drone.toml, and all of it again."""

import re
import sys

from heap_output import heap_section, paste_heap_section, usage_table, waste
from terminal import check, main_of
from walk import Walk

DTCM = range(0x10000000, 0x10000000 + 16 * 1024)


def documented(source, language):
    """The block of code in a language, under the heading "Several heaps" of docs/project.md."""
    text = (source / "docs" / "project.md").read_text()
    section = text[text.index("\n## Several heaps\n"):]
    return re.search(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)[1]


def check_places(w, folder):
    """The second heap's memory is in its region, and there is no other of its size."""
    symbols, _ = w.run(f"arm-none-eabi-nm {folder}/node.elf | grep -w -e drone_dtcm_heap_memory -e bss_begin -e bss_end")
    address = {name: int(text, 16) for text, _, name in map(str.split, symbols.splitlines())}
    check(address["drone_dtcm_heap_memory"] in DTCM, "the second heap is not in its region")
    variables = address["bss_end"] - address["bss_begin"]
    check(10 * 1024 - 512 < variables < 10 * 1024 + 2048,
          f"the variables should hold the first heap's 10 KB and little more, and take {variables}")


def counted(log, heap):
    sizes = {int(m[1]): (int(m[2]), int(m[3]))
             for m in re.finditer(rf"^{heap} size (\d+) (\d+) (\d+) $", log, re.M)}
    failed = int(re.search(rf"^{heap} failed (\d+) $", log, re.M)[1])
    first, last = map(int, re.search(rf"^{heap} from (\d+) to (\d+) $", log, re.M).groups())
    return sizes, failed, first, last


def record_and_compare(w):
    """One run with both heaps recorded; the second heap's table."""
    log, verdict = w.run("just heaptrace --speed max 0")
    check("counted\n" in log, "the firmware did not come to its end")
    check("next: drone heap; drone heap --heap dtcm" in verdict, "the next step is not named")
    tables = {}
    for heap, command in (("main", "drone heap"), ("dtcm", "drone heap --heap dtcm")):
        sizes, failed, first, last = counted(log, heap)
        check(failed == 0, f"{failed} requests failed in {heap}")
        check((first in DTCM and last in DTCM) == (heap == "dtcm"), f"{heap} is in the wrong memory")
        usage, _ = w.run(command)
        tables[heap], _ = usage_table(usage)
        check(tables[heap] == sizes, f"{command} says {tables[heap]}, the firmware {sizes}")
        for word in ("lost", "damaged", "overflow", "dropped", "midway", "failed"):
            check(word not in usage, f"the trace of {heap} is not whole: {word}")
    check(tables["main"].keys() != tables["dtcm"].keys(), "the heaps cannot be told apart")
    return tables["dtcm"]


def two_heaps(prefix, work, here):
    w = Walk(prefix, work)
    w.run("drone new node --device stm32f407vg")
    (w.node / "src" / "main.cpp").write_text((here / "two_heaps.cpp").read_text())
    (w.node / "src" / "dtcm_heap.hpp").write_text(documented(here.parents[1], "cpp"))
    (w.node / "Drone.toml").write_text(w.manifest() + "\n" + documented(here.parents[1], "toml"))

    w.run("just features=heaptrace flash")
    check_places(w, "build/heaptrace")
    table = record_and_compare(w)

    # The ports named one by one give the same files, and so does the untouched stream, replayed.
    ports = "--heaptrace 30:dtcm.again --heaptrace 31:main.again"
    for source in ("--reset --speed max --raw swo.bin", "--from file:swo.bin", "--from - < swo.bin"):
        w.run("rm -f *.again")
        w.run(f"drone itm 0 {ports} {source}")
        for one, other in (("dtcm.again", "dtcm.heaptrace"), ("main.again", "heaptrace")):
            check((w.node / one).read_bytes() == (w.node / other).read_bytes(), f"{one} is not {other}")

    # A layout for the second heap: pasted, it says what it said before but for the pools.
    _, wrong = w.run("drone heap --heap dtmc generate", status=2)
    check("[heap], [heap.dtcm]" in wrong, "the heaps there are are not named")
    section, _ = w.run("drone heap --heap dtcm generate --pools 5")
    old, new = heap_section(w.manifest(), "dtcm"), heap_section(section, "dtcm")
    check(new["pools"] != old["pools"], "the suggested layout is the old one")
    for key in ("size", "memory", "port", "checks"):
        check(new.pop(key) == old[key], f"{key} is not as it was")
    check(waste(table, new.pop("pools")) < waste(table, old["pools"]), "no less is wasted")
    check(not new, f"the suggested section says more: {new}")
    main = heap_section(w.manifest())
    (w.node / "Drone.toml").write_text(paste_heap_section(w.manifest(), section, "dtcm"))
    check(heap_section(w.manifest()) == main | {"dtcm": heap_section(w.manifest())["dtcm"]},
          "the first heap is not as it was")
    w.run("just features=heaptrace flash")
    check_places(w, "build/heaptrace")
    check(record_and_compare(w) == table, "the program asks for something else")

    # However sections are named and merged: so, GCC puts all variables of the program into one.
    w.run("sed -i s/-fdata-sections/-flto/ CMakeLists.txt && just features=heaptrace flash")
    check_places(w, "build/heaptrace")
    check(record_and_compare(w) == table, "the program asks for something else")


if __name__ == "__main__":
    import pathlib

    sys.exit(main_of(lambda: two_heaps(sys.argv[1], sys.argv[2], pathlib.Path(__file__).parent)))
