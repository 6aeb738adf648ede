# SPDX-License-Identifier: MIT
"""Runs commands as a user does: in a pseudo-terminal, with Ctrl-C at the keyboard."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

# Nothing here takes nearly as long; a command that does is stuck.
STUCK_AFTER_S = 300


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def run(command, directory, environment, status=0):
    """Runs a shell command without a terminal; returns its stdout and stderr."""
    print(f"$ {command}", flush=True)
    done = subprocess.run(command, shell=True, cwd=directory, env=environment, text=True,
                          capture_output=True, timeout=STUCK_AFTER_S, stdin=subprocess.DEVNULL)
    print(done.stdout + done.stderr, flush=True)
    check(done.returncode == status, f"'{command}' ended with {done.returncode}, not {status}")
    return done.stdout, done.stderr


class Terminal:
    """A command in a pseudo-terminal of its own, as its foreground job."""

    def __init__(self, command, directory, environment):
        print(f"$ {command}", flush=True)
        self.command = command
        self.output = ""
        self._started = time.monotonic()
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.execvpe("/bin/sh", ["/bin/sh", "-c", "exec " + command], environment)

    def _read(self):
        """Reads what is there, or waits a little; False when the terminal is closed."""
        if time.monotonic() - self._started > STUCK_AFTER_S:
            os.kill(self._pid, signal.SIGKILL)
            raise Failure(f"'{self.command}' is stuck; it printed:\n{self.output}")
        readable, _, _ = select.select([self._fd], [], [], 0.05)
        if not readable:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.output += data.decode(errors="replace")
        return bool(data)

    def wait_until(self, condition, what):
        while not condition():
            if not self._read():
                raise Failure(f"'{self.command}' ended before {what}:\n{self.output}")

    def press_ctrl_c(self):
        os.write(self._fd, b"\x03")

    def finish(self):
        """Waits for the end; returns the exit status, negative for a signal."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._fd)
        print(self.output, flush=True)
        return os.waitstatus_to_exitcode(status)


def main_of(test):
    try:
        test()
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0
