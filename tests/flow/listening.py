# SPDX-License-Identifier: MIT
"""A program with the heaptrace feature, when nobody listens, and when a probe stops listening.

With nobody listening it does what it does without the feature, and writes nothing. A probe that stops
listening in the middle, whichever way, never hangs it; one that listens again is told on."""

import re
import sys

from gdb_client import GdbClient
from terminal import Terminal, check, main_of
from walk import Walk

TER, TCR, DEMCR = 0xE0000E00, 0xE0000E80, 0xE000EDFC
LINES = 40


def log_of(w, features, inspect=lambda: None):
    """The first lines of the program's log, captured without its heap's port."""
    w.run(f"just features={features} flash")
    terminal = Terminal("drone itm 0 --speed max", w.node, w.environment)
    terminal.wait_until(lambda: terminal.output.count("\n") > LINES, f"{LINES} lines of log")
    inspect()
    terminal.press_ctrl_c()
    check(terminal.finish() == 0, "drone itm did not end well")
    return terminal.output.splitlines()[:LINES]


def tracer_state(w):
    symbols, _ = w.run("arm-none-eabi-nm --print-size --demangle build/heaptrace/node.elf")
    match = re.search(r"^(\w+) (\w+) . drone::heaptrace::ItmTracer<.*>::state_$", symbols, re.M)
    check(match is not None, "the tracer has no state")
    client = GdbClient(w.node / ".drone" / "board.sock")
    state = client.read(int(match[1], 16), int(match[2], 16))
    client.close()
    return state


def nobody_listens(w):
    def nothing_written():
        check(not any(tracer_state(w)), "the tracer has written although nobody listens")

    without = log_of(w, "''")
    with_feature = log_of(w, "heaptrace", nothing_written)
    check(with_feature == without, f"the feature changes the program:\n{without}\n{with_feature}")


def probe_stops_listening(w):
    terminal = Terminal("drone itm --reset --heaptrace heaptrace --speed max", w.node, w.environment)
    trace = w.node / "heaptrace"

    def more_log(lines):
        target = terminal.output.count("\n") + lines
        terminal.wait_until(lambda: terminal.output.count("\n") >= target, "the log went on")

    def more_trace(size):
        target = trace.stat().st_size + size if trace.exists() else size
        terminal.wait_until(lambda: trace.exists() and trace.stat().st_size > target, "the trace went on")

    more_trace(5000)
    client = GdbClient(w.node / ".drone" / "board.sock")
    check(any(tracer_state(w)), "somebody listens, and the tracer says that it has written nothing")
    client.write32(TER, 0x00000001)  # port 31 off, the log's on
    more_log(20)
    client.write32(TER, 0x80000001)
    more_trace(5000)
    for register, off, on in ((TCR, 0x00010000, 0x0001000F), (DEMCR, 0, 0x01000000)):
        client.write32(register, off)  # nothing comes out now, not even the log
        for _ in range(200):
            client.ask("qSupported")
        client.write32(register, on)
        more_log(5)
        more_trace(2000)
    client.close()
    terminal.press_ctrl_c()
    check(terminal.finish() == 0, "the capture did not end well")
    usage, _ = w.run("drone heap")
    check("dropped" not in usage, "events were dropped instead of left unsaid")


def listening(prefix, work):
    w = Walk(prefix, work)
    w.run("drone new node --device stm32f407vg")
    nobody_listens(w)
    probe_stops_listening(w)


if __name__ == "__main__":
    sys.exit(main_of(lambda: listening(sys.argv[1], sys.argv[2])))
