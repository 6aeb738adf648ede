# SPDX-License-Identifier: MIT
"""The user's walk: a new project, traced, analysed, tuned, and traced again, without a board."""

import os
import pathlib
import re
import shutil
import sys

from heap_output import heap_section, paste_heap_section, usage_table, waste
from terminal import Terminal, check, main_of, run


class Walk:
    def __init__(self, prefix, work):
        self.prefix = pathlib.Path(prefix).resolve()
        self.work = pathlib.Path(work).resolve()
        self.node = self.work / "node"
        self.environment = dict(os.environ)
        tools = pathlib.Path(prefix).resolve().parent / "tools" / "bin"
        self.environment["PATH"] = f"{pathlib.Path(prefix).resolve()}/bin:{tools}:{os.environ['PATH']}"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def run(self, command, status=0):
        return run(command, self.node if self.node.exists() else self.work, self.environment, status)

    def press_ctrl_c_in(self, command, condition, what):
        """Runs a command in a terminal until `condition(terminal)` holds, then Ctrl-C; it must end well."""
        terminal = Terminal(command, self.node, self.environment)
        terminal.wait_until(lambda: condition(terminal), what)
        terminal.press_ctrl_c()
        status = terminal.finish()
        check(status == 0, f"'{command}' ended with {status} at Ctrl-C, not 0")
        check("error" not in terminal.output, f"'{command}' printed an error at Ctrl-C")
        return terminal.output

    def record(self, least_bytes):
        trace = self.node / "heaptrace"
        trace.unlink(missing_ok=True)
        return self.press_ctrl_c_in(
            "just heaptrace", lambda _: trace.exists() and trace.stat().st_size > least_bytes,
            "the trace had grown")

    def manifest(self):
        return (self.node / "Drone.toml").read_text()


def walk(prefix, work):
    w = Walk(prefix, work)
    w.run("drone new node --device stm32f407vg")

    # Without the feature: builds, runs, logs, and holds no trace code.
    w.run("just flash")
    log = w.press_ctrl_c_in("just itm", lambda t: t.output.count("\n") >= 6, "six lines of log")
    check("greenhouse/temperature {" in log, "the node's log shows no reading")
    symbols, _ = w.run("arm-none-eabi-nm --demangle build/default/node.elf")
    check("heaptrace" not in symbols and "ItmTracer" not in symbols, "trace code without the feature")
    for other in ("_sbrk", "sbrk_aligned", "__malloc_av_", "__malloc_free_list"):
        check(not re.search(rf"\b{other}\b", symbols), f"a second allocator is linked: {other}")
    _, silent = w.run("drone heap", status=3)
    check("just heaptrace" in silent, "a missing heaptrace does not say how to record one")

    # With it: record, look, tune.
    w.run("just features=heaptrace flash")
    w.record(30_000)
    first, _ = w.run("drone heap")
    first_table, _ = usage_table(first)
    check(len(first_table) >= 8, "the node asks for fewer sizes than expected")
    check("failed" not in first.lower(), "requests failed in the first run")
    section, heading = w.run("drone heap generate --pools 5")
    check("SUGGESTED LAYOUT" in heading and "SUGGESTED LAYOUT" not in section,
          "the heading belongs on stderr")
    old, new = heap_section(w.manifest()), heap_section(section)
    check(len(new["pools"]) <= 5, "more pools than asked for")
    check(sum(block * capacity for block, capacity in new["pools"]) <= 10240, "larger than the heap")

    # Pasted, rebuilt, run again: nothing fails, and less is wasted.
    (w.node / "Drone.toml").write_text(paste_heap_section(w.manifest(), section))
    header, _ = w.run("drone print header")
    check(f"Layout<{len(new['pools'])}>" in header, "the header is not that of the new layout")
    w.run("just features=heaptrace flash")
    w.record(30_000)
    second, _ = w.run("drone heap")
    second_table, _ = usage_table(second)
    check("failed" not in second.lower(), "requests failed with the suggested layout")
    check(waste(second_table, new["pools"]) < waste(second_table, old["pools"]),
          "the suggested layout wastes no less than the old one")


if __name__ == "__main__":
    sys.exit(main_of(lambda: walk(sys.argv[1], sys.argv[2])))
