# SPDX-License-Identifier: MIT
"""Programs whose heap sends nothing, each for another reason: `drone itm` says which, while it runs and
when it ends. They are built one after the other and captured at the same time, three seconds each being
what it waits."""

import re
import shutil
import subprocess
import sys

from terminal import STUCK_AFTER_S, check, main_of
from walk import Walk

MAIN = """// SPDX-License-Identifier: MIT
#include <cstdint>

#include "drone/cortex_m/registers.hpp"

namespace cm = drone::cortex_m;

volatile std::uint32_t& reg(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

void say(char c) {
  while ((reg(cm::itm_stim(0)) & cm::kItmStimFifoReady) == 0) {
    if ((reg(cm::kItmTcr) & cm::kItmTcrItmEna) == 0) return;
  }
  *reinterpret_cast<volatile char*>(cm::itm_stim(0)) = c;
}

int* volatile sink;
void allocate_once() {
  sink = new int;
  delete sink;
  say('.');
}

void allocate() {
  for (;;) {
    allocate_once();
    for (unsigned i = 0; i != 1000000; ++i) asm volatile("");
  }
}

int main() {
  say('a');
  @body@
  for (;;) asm volatile("wfi");
}
"""

# What the program does, whether it has the feature, what is said of it, what is advised.
CASES = {
    "no_feature": ("allocate();", False, "the heaptrace feature is not built in",
                   "just features=heaptrace flash"),
    "never_allocates": ("", True, "the program traces its heap on port 31, and has not used it yet; data "
                        "comes on port 0 (1 packet); the processor sleeps", "where it allocates"),
    "port_off": ("reg(cm::kItmTer) = 1; allocate();", True,
                 "port 31 is switched off in the target, by ITM_TER", "the program did that"),
    "itm_off": ("reg(cm::kItmTcr) = 0; allocate();", True,
                "the ITM is switched off in the target: ITM_TCR.ITMENA is 0", "the program did that"),
    "trace_off": ("reg(cm::kDemcr) = 0; allocate();", True,
                  "trace is switched off in the target: DEMCR.TRCENA is 0", "the program did that"),
    "port_off_later": ("allocate_once(); reg(cm::kItmTer) = 1; allocate();", True,
                       "port 31 is switched off in the target, by ITM_TER", "the program did that"),
    "other_port": ("allocate();", True, "traces no heap on port 30, but one on port 31",
                   "name that port: --heaptrace 31:FILE"),
}


def flash(w, case):
    """A folder with the board that a case's program was flashed onto."""
    body, has_feature, _, _ = CASES[case]
    (w.node / "src" / "main.cpp").write_text(MAIN.replace("@body@", body))
    w.run(f"just features={'heaptrace' if has_feature else chr(39) * 2} flash")
    folder = w.work / case
    folder.mkdir()
    shutil.copy(w.node / "Drone.toml", folder)
    shutil.copytree(w.node / ".drone", folder / ".drone")
    return folder


def silence(prefix, work):
    w = Walk(prefix, work)
    w.run("drone new node --device stm32f407vg")
    folders = {case: flash(w, case) for case in CASES}
    captures = {}
    for case, folder in folders.items():
        port = "30:" if case == "other_port" else ""
        captures[case] = subprocess.Popen(
            ["drone", "itm", "--duration", "4s", "--heaptrace", port + "heaptrace"], cwd=folder,
            env=w.environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
    for case, capture in captures.items():
        _, err = capture.communicate(timeout=STUCK_AFTER_S)
        print(f"--- {case}: {capture.returncode}\n{err}", flush=True)
        check_words(case, folders[case], capture.returncode, err)


def check_words(case, folder, status, err):
    _, _, seen, advice = CASES[case]
    notes = re.findall(r"^note: nothing on port 3[01] for (\d+) s: (.*)\nhint: (.*)$", err, re.M)
    check(len(notes) == 1, f"{case}: it is said {len(notes)} times why nothing comes")
    check(int(notes[0][0]) == 3 and seen in notes[0][1] and advice in notes[0][2],
          f"{case}: something else is said")
    errors = re.findall(r"^error: (.*)\nhint: (.*)$", err, re.M)
    if case == "port_off_later":
        check(status == 0 and not errors, f"{case}: what came before is not recorded")
        check((folder / "heaptrace").stat().st_size > 20, f"{case}: what came before is not there")
        return
    check(status == 1 and len(errors) == 1 and seen in errors[0][0] and advice in errors[0][1],
          f"{case}: the closing error says something else")
    check(not (folder / "heaptrace").exists(), f"{case}: a heaptrace file was made")


if __name__ == "__main__":
    sys.exit(main_of(lambda: silence(sys.argv[1], sys.argv[2])))
