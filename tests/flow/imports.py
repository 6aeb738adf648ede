# SPDX-License-Identifier: MIT
"""A program of the host is recorded with each tool of docs/imports.md, and `drone heap` must say of it what
a plain count of the recording says; the layout that it is given must serve it."""

import collections
import os
import pathlib
import re
import shutil
import sys

from heap_output import heap_section, usage_table
from terminal import check, main_of, run

SOURCE = pathlib.Path(__file__).resolve().parent / "host_program.cpp"
# What libstdc++ takes before main, where mtrace() does not see it.
EMERGENCY_POOL = 72704


def count(recording):
    """{size: (max count, allocations)} of an mtrace file, counted apart from `drone`; and the sizes that failed."""
    live, alive = {}, collections.Counter()
    most, made = collections.Counter(), collections.Counter()
    failed = []

    def begin(address, size):
        live[address] = size
        made[size] += 1
        alive[size] += 1
        most[size] = max(most[size], alive[size])

    def end(address):
        if address in live:
            alive[live.pop(address)] -= 1

    old = None
    for line in recording.splitlines():
        event = re.search(r" ([-+<>!]) (\(nil\)|0x[0-9a-f]+)(?: (0x[0-9a-f]+|0))?$", line)
        if not event:
            check(line in ("= Start", "= End"), f"mtrace wrote '{line}'")
            continue
        kind, address = event[1], event[2]
        size = int(event[3], 16) if event[3] else None
        if kind == "!" or address == "(nil)":
            failed.append(size)
        elif kind == "+":
            begin(address, size)
        elif kind == "-":
            end(address)
        elif kind == "<":
            old = address
        elif old == address:
            if live.get(old) != size:  # in place: the old life ends first
                end(old)
                begin(address, size)
        else:
            begin(address, size)
            end(old)
    return {size: (most[size], made[size]) for size in made}, failed


def without_pool(table):
    return {size: counts for size, counts in table.items() if size != EMERGENCY_POOL}


def imports(prefix, work):
    work = pathlib.Path(work).resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = dict(os.environ)
    environment["PATH"] = f"{pathlib.Path(prefix).resolve()}/bin:{environment['PATH']}"

    def do(command, status=0):
        return run(command, work, environment, status)

    do(f"g++ -std=c++20 -O1 -g -o words {SOURCE}")

    # glibc's own.
    do("MALLOC_TRACE=words.mtrace LD_PRELOAD=libc_malloc_debug.so.0 ./words")
    expected, failed = count((work / "words.mtrace").read_text())
    check(len(expected) > 20 and len(failed) == 2, "the program asks for less than it should")
    printed, said = do("drone heap -f words.mtrace -s 64K")
    check("recording of mtrace" in said, "the recording was not recognised")
    check(usage_table(printed)[0] == expected, "the table is not what mtrace recorded")
    check("Failed requests: 2" in printed, "failed requests are missing")

    # The same in text, by a filter such as a user would write, and compressed.
    do(r"""awk '/ \(nil\) |!/ {next} {old = $NF} / \+ / {print "a", $(NF-1), $NF} / - / {print "f", $NF}
        / < / {from = $NF} / > / {if (from == $(NF-1)) print "r", from, $NF;
        else print "a", $(NF-1), $NF "\nf", from}' words.mtrace | tee words.txt | gzip > words.txt.gz""")
    for file in ("words.txt", "words.txt.gz"):
        check(usage_table(do(f"drone heap -f {file} -s 64K")[0])[0] == expected,
              f"{file} is not what mtrace recorded")
    check(usage_table(do("gzip -dc words.txt.gz | drone heap -f - -s 64K")[0])[0] == expected,
          "the same from a pipe is not what mtrace recorded")

    # heaptrack, in both of its forms.
    do("heaptrack --raw -o raw ./words && heaptrack -o interpreted ./words")
    for name in ("raw.raw", "interpreted"):
        files = [path for path in work.glob(name + ".*") if path.suffix in (".zst", ".gz")]
        check(len(files) == 1, f"heaptrack left no {name}")
        printed, said = do(f"drone heap -f {files[0].name} -s 128K")
        check("of heaptrack" in said and "64-bit" in said, "the recording was not recognised")
        check(without_pool(usage_table(printed)[0]) == expected,
              f"{files[0].name} is not what mtrace recorded of the same program")

    # A program of Debian's, as heaptrack itself sums it up.
    do("heaptrack -o perl perl -e 'for (0..3000) { $word{$_ % 700} .= \"word $_\" }'")
    recording = next(path.name for path in work.glob("perl.*") if path.suffix in (".zst", ".gz"))
    summary, _ = do(f"heaptrack_print -f {recording} | grep '^calls to'")
    calls = re.search(r"^calls to allocation functions: (\d+)", summary, re.M)
    table, _ = usage_table(do(f"drone heap -f {recording} -s 16M")[0])
    check(calls is not None and int(calls[1]) > 1000, "heaptrack_print counted nothing")
    check(sum(made for _, made in table.values()) == int(calls[1]),
          "heaptrack_print counts other allocations")

    # What it is for.
    section, _ = do("drone heap generate -f words.mtrace -s 64K --pools 6 2>/dev/null")
    pools = heap_section(section)["pools"]
    check(len(pools) <= 6 and max(block for block, _ in pools) >= max(expected),
          "the layout does not serve the program")


if __name__ == "__main__":
    sys.exit(main_of(lambda: imports(sys.argv[1], sys.argv[2])))
