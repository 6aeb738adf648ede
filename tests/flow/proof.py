# SPDX-License-Identifier: MIT
"""`drone heap generate --tight --prove`: a proof that ends, and one that Ctrl-C ends. The layouts serve the
recorded programs in both cases."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from heap_output import heap_section
from terminal import Terminal, check, main_of, run

TRACES = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "traces"


def bytes_of(layout):
    return sum(block * capacity for block, capacity in heap_section(layout)["pools"])


def in_one_line(comments):
    return re.sub(r"\s*\n# ", " ", comments)


def test():
    build, directory = map(pathlib.Path, sys.argv[1:])
    directory.mkdir(parents=True, exist_ok=True)
    drone = build / "bin" / "drone"
    environment = {**os.environ, "TERM": "xterm"}

    def generate(trace, pools):
        return f"{drone} heap -f {TRACES / trace} generate --tight --prove --fit --pools {pools}"

    # Some thousand layouts of fewer bytes, one of which runs if the proof is wrong.
    proved, _ = run(generate("fw_phases_cpp.txt.xz", 5), directory, environment)
    check("Proved: no layout of at most 5 pools takes fewer." in in_one_line(proved), "it is not proved")

    # More than anybody could wait for.
    terminal = Terminal(generate("debian/lua_rules.txt.xz", 8) + " >stopped.toml", directory, environment)
    terminal.wait_until(lambda: "trying every layout that takes fewer bytes" in terminal.output,
                        "the proof began")
    terminal.press_ctrl_c()
    check(terminal.finish() == 0, "a proof that is ended gives its layout")
    stopped = (directory / "stopped.toml").read_text()
    check("were not tried" in in_one_line(stopped), "it is not said that layouts are left")
    check("The search was interrupted" in in_one_line(stopped), "it is not said that it was interrupted")
    (directory / "layout.toml").write_text(stopped)
    simulated, _ = run(f"{drone} heap -f {TRACES / 'debian/lua_rules.txt.xz'} simulate --layout layout.toml",
                       directory, environment)
    check("failed: 0" in simulated, "the layout does not serve the program")
    without_spill, _ = run(generate("debian/lua_rules.txt.xz", 8).replace("--prove", "--no-spill"), directory,
                           environment)
    check(bytes_of(stopped) < bytes_of(without_spill), "the search found nothing")

    # Most of a second for thousands of sizes, in which nothing has been found yet.
    (directory / "sizes").write_text("".join(f"a {i} {4 * i}\n" for i in range(1, 4097)))
    run(f"{drone} heap merge -o summary sizes", directory, environment)
    with subprocess.Popen([drone, "heap", "generate", "-f", "summary", "--tight", "--prove", "--fit", "--pools", "64"],
                          cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as early:
        time.sleep(0.15)
        early.send_signal(signal.SIGINT)
        output, _ = early.communicate(timeout=60)
        check(early.returncode == -signal.SIGINT and output == b"", "Ctrl-C before the search ends it at once")


if __name__ == "__main__":
    sys.exit(main_of(test))
