# SPDX-License-Identifier: MIT
"""The example with containers in two heaps: built with CMake as its README says, run on the emulated
board, with a trace and without."""

import pathlib
import shutil
import sys

from terminal import check, main_of
from walk import Walk

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def containers(w):
    for folder in ("board", "containers"):
        shutil.copytree(ROOT / "examples" / folder, w.work / "examples" / folder, dirs_exist_ok=True)
    w.node = w.work / "examples" / "containers"
    for feature in ("", "heaptrace"):
        folder = f"build{feature}"
        w.run(f"cmake -G Ninja -B {folder} --toolchain ../board/arm-none-eabi.cmake -DDRONE_FEATURES={feature}")
        w.run(f"cmake --build {folder}")
        symbols, _ = w.run(f"arm-none-eabi-nm --demangle {folder}/firmware.elf")
        check("new_delete_resource" not in symbols, "the library's memory resources are linked")
        w.run(f"drone flash {folder}/firmware.elf")
        capture = "--heaptrace heaptrace" if feature else ""
        log, _ = w.run(f"drone itm --reset --speed max 0 {capture}")
        check("5 messages, 0 failures\n" in log, f"it printed: {log}")
    usage, _ = w.run("drone heap")
    check("incomplete" not in usage, "the trace is not whole")


if __name__ == "__main__":
    sys.exit(main_of(lambda: containers(Walk(sys.argv[1], sys.argv[2]))))
