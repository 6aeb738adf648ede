# SPDX-License-Identifier: MIT
"""The trace against what the firmware counts itself.

The new project's program, with a stimulus port that keeps its own counts where it writes, on the
emulated board; `drone heap` must print the same numbers, and the port's bytes must be as many as the
format promises."""

import re
import sys

from heap_output import usage_table
from terminal import check, main_of
from walk import Walk


def replace_once(path, old, new):
    text = path.read_text()
    check(text.count(old) == 1, f"{path.name} is not as expected: {old!r}")
    path.write_text(text.replace(old, new))


def add_audit(w, here, events):
    src = w.node / "src"
    for name in ("audit_port.hpp", "audit_port.cpp"):
        (src / name).write_text((here / name).read_text())
    replace_once(src / "heap.cpp", "drone_project::kTraceClockKhz, Port>;",
                 "drone_project::kTraceClockKhz, audit::Port>;")
    replace_once(src / "heap.cpp", '#include "drone/heaptrace/itm_tracer.hpp"',
                 '#include "audit_port.hpp"\n#include "drone/heaptrace/itm_tracer.hpp"')
    replace_once(src / "main.cpp", 'asm volatile("wfi");',
                 'audit::end_when_done();\n    asm volatile("wfi");')
    replace_once(src / "main.cpp", '#include "log.hpp"', '#include "audit_port.hpp"\n#include "log.hpp"')
    replace_once(w.node / "CMakeLists.txt", "src/command.cpp", "src/audit_port.cpp src/command.cpp")
    replace_once(w.node / "CMakeLists.txt", "target_compile_features(firmware PRIVATE cxx_std_20)",
                 "target_compile_features(firmware PRIVATE cxx_std_20)\n"
                 f"target_compile_definitions(firmware PRIVATE AUDIT_EVENTS={events})")


def audit(prefix, work, here, events):
    w = Walk(prefix, work)
    w.run("drone new node --device stm32f407vg")
    add_audit(w, here, events)
    w.run("just features=heaptrace flash")
    log, verdict = w.run("just heaptrace --speed max 0 31:port31.bin")

    check("audit end\n" in log, "the firmware printed no audit, or had no room for it")
    sizes = {int(m[1]): (int(m[2]), int(m[3]))
             for m in re.finditer(r"^audit size (\d+) (\d+) (\d+)$", log, re.M)}
    writes, allocations, deallocations, resizes, alignments, sequences, others = map(
        int, re.search(r"^audit writes (.+)$", log, re.M)[1].split())
    peak = int(re.search(r"^audit peak (\d+)$", log, re.M)[1])

    usage, _ = w.run("drone heap")
    table, _ = usage_table(usage)
    check(table == sizes, f"drone heap says {table}, the firmware {sizes}")
    check(re.search(rf"^Peak in use: {peak} /", usage, re.M), f"the peak is not {peak}")
    for word in ("lost", "damaged", "overflow", "dropped", "midway"):
        check(word not in usage, f"the trace is not whole: {word}")
    check(writes >= events, "the capture is shorter than it should be")
    for kind in (allocations, deallocations, resizes, alignments, sequences):
        check(kind > 0, f"the application leaves out a kind of event: {log}")
    check(f"{writes}" in re.sub(r"[ ,'_]", "", verdict), f"the verdict does not say {writes} events")

    # 4 bytes of payload and 1 of header for everything but a deallocation, which takes 2 and 1.
    payload = (w.node / "port31.bin").stat().st_size
    check(payload == 2 * deallocations + 4 * (writes - deallocations), f"port 31 carried {payload} bytes")
    check(writes == allocations + deallocations + resizes + alignments + sequences + others,
          "the audit does not add up")
    introduction = 1 + 2 * 7 + 5  # VERSION; seven pools; size, clock, base (2), alignment
    check(others == introduction, f"{others} writes are no heap event, {introduction} were expected")
    counted = writes - others + 1
    check(sequences == counted // 256, f"{sequences} SEQUENCE events for {counted} counted ones")


if __name__ == "__main__":
    import pathlib

    sys.exit(main_of(lambda: audit(sys.argv[1], sys.argv[2], pathlib.Path(__file__).parent,
                                   int(sys.argv[3]) if len(sys.argv) > 3 else 20_000)))
