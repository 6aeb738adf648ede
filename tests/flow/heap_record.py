#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`drone heap record`: what is recorded of programs is what they did, to the event.

Reads the traces with a decoder of its own, written from docs/trace-format.md, and compares with the notes that
traced_program.cpp takes of itself. Then real programs of this machine. Usage: heap_record.py BUILD_FOLDER WORK_FOLDER.
"""

import heapq
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

BUILD, WORK = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
DRONE = BUILD / "bin" / "drone"
LEAST = 14000  # of the sizes in traced_program.cpp
EMERGENCY_POOLS = (18944, 72704)  # what the C++ library takes before main(), of 32 and of 64 bits


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def record(*command, options=(), status=0, **how):
    """Runs a program; its output, and what drone said."""
    done = subprocess.run([DRONE, "heap", "record", *options, *command], cwd=WORK, capture_output=True, timeout=300, **how)
    said = done.stderr.decode(errors="replace")
    check(done.returncode == status, f"{command} {options}: exit status {done.returncode}, not {status}\n{said}")
    return done.stdout, said


def writes(data):
    """The writes of a trace to port 31. Nothing else may be in it but one synchronization, at its head."""
    check(data.startswith(bytes([0, 0, 0, 0, 0, 0x80])), "a trace begins with a synchronization")
    at = 6
    while at < len(data):
        size = {0xFA: 2, 0xFB: 4}.get(data[at])
        check(size is not None and at + size < len(data), f"byte {at} of {len(data)} is {data[at]:#x}, no whole write to port 31")
        yield size, int.from_bytes(data[at + 1:at + 1 + size], "little")
        at += 1 + size


def events(data):
    """(kind, block, size, alignment): a, n (asked in vain), f, r. Checks the format on the way."""
    found, counted, ended, wide = [], 0, False, None
    for index, (size, value) in enumerate(writes(data)):
        check(not ended, "nothing comes after END")
        check(value & 1 == (size == 4), "bit 0 says the width")
        operation = (value >> 1) & 3 if size == 4 else None
        sub = (value >> 3) & 31 if operation == 3 else None
        counted += sub is None or sub < 8
        check(wide is None or sub == 3, "a wide size follows its block at once")
        if size == 2:
            found.append(("f", value >> 1, 0, 0))
        elif operation in (0, 1):
            block, bytes_ = (value >> 3) & 0x7FFF, value >> 18
            if operation == 1:
                found.append(("r", block, bytes_, 0))
            else:
                found.append(("n" if block == 0x7FFF else "a", block, bytes_, 0))
        elif sub == 0:
            check(index == 0 and value >> 8 == 1, "VERSION 1 comes first, and only there")
        elif sub in (1, 2):
            wide = (sub, value >> 8)
        elif sub == 3:
            kind = "r" if wide[0] == 2 else "n" if wide[1] == 0xFFFFFF else "a"
            found.append((kind, wide[1], value >> 8, 0))
            wide = None
        elif sub == 4:
            found.append(("f", value >> 8, 0, 0))
        elif sub == 5:
            kind, block, bytes_, _ = found[-1]
            check(kind in "an" and block & 0xFFFF == value >> 8 & 0xFFFF, "ALIGN is of the ALLOC before it")
            found[-1] = (kind, block, bytes_, 1 << (value >> 24))
        elif sub == 6:
            check(value >> 8 == counted & 0xFFFFFF, f"SEQUENCE says {value >> 8}, {counted} came")
            check(counted % 256 in (0, 1), "SEQUENCE comes after every 255 others, or as soon as a pair lets it")
        elif sub == 14:
            check(index == 1 and value >> 8 in (4, 8), "HEAP_ALIGNMENT follows VERSION")
        elif sub == 31:
            ended = True
        else:
            check(False, f"sub-operation {sub}")
    check(ended, "END comes last")
    return found


def lives(found):
    """Checks that every event is of a block that can have it, and that each new block gets the lowest free number.
    Returns (kind, size, alignment), or for r and f ("r", old, new), ("f", old); a move is one r."""
    live, free, first = {}, [], 0
    story = []
    for kind, block, size, alignment in found:
        if kind == "n":
            story.append(("n", size, alignment))
        elif kind == "a":
            expected = heapq.heappop(free) if free else first
            first += expected == first
            check(block == expected and block not in live, f"block {block} is given out, the lowest free is {expected}")
            live[block] = size
            story.append(("a", size, alignment))
        else:
            check(block in live, f"{kind} of block {block}, which is not live")
            if kind == "f":
                story.append(("f", live.pop(block)))
                heapq.heappush(free, block)
            else:
                check(live[block] != size, "a RESIZE changes the size")
                story.append(("r", live[block], size))
                live[block] = size
    return story


def told(output):
    """The program's notes, as lives() tells them."""
    return [(words[0], *map(int, words[1:])) for words in (line.split() for line in output.decode().splitlines())]


def split_moves(story, of_notes):
    """Where the trace has a move, an allocation of the new size and an end of the old, the notes say r."""
    result, at = [], 0
    for note in of_notes:
        if note[0] == "r" and at + 1 < len(story) and story[at] == ("a", note[2], 0) and story[at + 1] == ("f", note[1]):
            result.append(note)
            at += 2
        else:
            result += story[at:at + 1]
            at += 1
    return result + story[at:]


def own(story):
    """What the program did, without the C library's."""
    return [each for each in story if each[1] >= LEAST and each[1] not in EMERGENCY_POOLS]


def compare(story, notes, what):
    story = split_moves(story, notes)
    for index, (seen, noted) in enumerate(zip(story, notes)):
        check(seen == noted, f"{what}: event {index} is {seen}, the program did {noted}")
    check(len(story) == len(notes), f"{what}: {len(story)} events, the program did {len(notes)} things")


def trace(file="heaptrace"):
    return (WORK / file).read_bytes()


def reads_whole(file="heaptrace"):
    """`drone heap` finds nothing wrong with it."""
    done = subprocess.run([DRONE, "heap", "-f", file, "-s", "16M"], cwd=WORK, capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    text = done.stdout + done.stderr
    for word in ("INCOMPLETE", "CONTRADICTS", "not closed", "lost", "before the capture", "damaged", "not allocated"):
        check(word not in text, f"drone heap says of {file}:\n{text}")
    return text


def program_of(flags):
    """The test's program, 64- or 32-bit; None where there is no compiler for it."""
    program = WORK / f"traced_program{''.join(flags[:1])}"
    source = pathlib.Path(__file__).with_name("traced_program.cpp")
    compiler = shutil.which("c++")
    done = subprocess.run([compiler, "-std=c++20", "-O1", "-pthread", "-Wno-alloc-size-larger-than", *flags, source, "-o", program],
                          capture_output=True, text=True)
    check(done.returncode == 0 or flags, done.stderr)
    return program if done.returncode == 0 else None


def test_what_a_program_did(program):
    for what in ("c", "cpp", "many", "at_exit", "exec"):
        output, said = record(program, what)
        found = events(trace())
        compare(own(lives(found)), told(output), what)
        reads_whole()
        check(f"recorded {len(found) + sum(1 for e in found if e[3])} events" in said, said)
        print(f"{what}: {len(told(output))} operations are in the trace")


def test_threads(program):
    for what in ("threads", "forks"):
        output, _ = record(program, what)
        story = own(lives(events(trace())))
        notes = told(output)
        check(not [each for each in story if each[1] == 25000], "nothing of a forked process is in the trace")
        # A move of one thread has other threads' events between its two halves.
        for self in range(1, 9):
            compare([each for each in story if each[1] % 16 == self],
                    [each for each in notes if each[1] % 16 == self], f"{what}, thread {self}")
        reads_whole()
        print(f"{what}: {len(notes)} operations are in the trace, in each thread's order")


def test_violent_ends(program):
    for what, status in (("abort", 134), ("kill", 137), ("_exit", 9)):
        output, said = record(program, what, status=status)
        compare(own(lives(events(trace()))), told(output), what)
        reads_whole()
        check(("was ended by signal" in said) == (status > 128), said)
    record(program, "status", status=7)
    print("violent ends: nothing is lost")


def test_descriptors(program):
    other = WORK / "other"
    other.unlink(missing_ok=True)
    output, _ = record(program, "closes", str(other))
    story = [each for each in own(lives(events(trace()))) if each[1] != 30000]
    compare(story, told(output), "closes")
    check(len(events(trace())) > 400000, "the trace has what came after")
    check(other.stat().st_size == 0, "the program's own file is left alone")
    reads_whole()
    print("descriptors closed: the trace goes on, and no other file is touched")


def test_other_processes(program):
    output, _ = record(program, "starts")
    compare(own(lives(events(trace()))), told(output), "starts")
    for old in WORK.glob("all.*"):
        old.unlink()
    record(program, "starts", options=["-o", "all.%p"])
    files = sorted(WORK.glob("all.*"))
    # The program, the shell, and the program; a 64-bit shell takes no tracer of a 32-bit program.
    check(len(files) == (2 if program.name.endswith("32") else 3), f"program, shell, program: {files}")
    stories = [own(lives(events(file.read_bytes()))) for file in files]
    check(any(("a", 26000, 0) in story for story in stories), "the first process has a file")
    check(any(("a", 20002, 0) in story for story in stories), "the last process has a file")
    for old in WORK.glob("all.*"):
        old.unlink()
    record(program, "forks", options=["-o", "all.%p"])
    files = sorted(WORK.glob("all.*"))
    check(len(files) == 51, f"{len(files)} files of a process that forks 50 times")
    forked = [story for story in (own(lives(events(file.read_bytes()))) for file in files) if len(story) == 200]
    check(len(forked) == 50 and all(set(story) == {("a", 25000, 0), ("f", 25000)} for story in forked),
          "each forked process has its own events, and no end of its parent's blocks")
    print("other processes: not recorded, or each into its own file")


def test_largest_request(program):
    record(program, "c", options=["--max-request", "20300"])
    story = own(lives(events(trace())))
    check(max(each[1] for each in story if each[0] != "r") <= 20300, "no larger request is in the trace")
    # 20000 became 20200, then left the trace when it grew, and came back.
    for each in (("r", 20000, 20200), ("f", 20200), ("a", 20001, 0), ("f", 20001)):
        check(each in story or each[0] == "r", f"{each} is in the trace")
    large = "bytearray(1 << 24); bytearray(1 << 25)"
    _, said = record(sys.executable, "-c", large, options=["-o", "large"])
    check("warning: 2 requests were of 16 MB or more" in said, said)
    _, said = record(sys.executable, "-c", large, options=["-o", "large", "--max-request", "1M"])
    check("16 MB" not in said, said)
    recorded = trace()
    allocates = str(WORK / "allocates")
    (WORK / "allocates.c").write_text("#include <stdlib.h>\nint main(int n, char** v) {\n"
                                      "  for (; n != 0; --n) free(calloc(1, (size_t)(100 * n)));\n  return v == 0;\n}\n")
    subprocess.run(["cc", "allocates.c", "-o", allocates], cwd=WORK, check=True)
    _, said = record(allocates, "2", "3", options=["--max-request", "99"], status=3)
    check("--max-request 99 left out all 3 requests of" in said and "the smallest of 100 bytes" in said, said)
    check("raise it to 100 at least" in said and trace() == recorded, said)
    _, said = record(allocates, options=["--max-request", "99"], status=3)
    check("left out the only request of" in said and "', of 100 bytes" in said, said)
    _, said = record(allocates, "2", "3", options=["--max-request", "100"])
    check("recorded 2 events" in said and "left out: 2 requests of more than 100 bytes" in said, said)
    print("requests above the limit are left out")


def test_resizes(program):
    output, _ = record(program, "threads", options=["--resizes"])
    story, notes = own(lives(events(trace()))), told(output)
    for self in range(1, 9):
        check([each for each in story if each[1] % 16 == self] == [each for each in notes if each[1] % 16 == self],
              f"--resizes, thread {self}: each reallocation is one event")
    record(program, "c", options=["--resizes", "--max-request", "20300"])
    lives(events(trace()))
    print("with --resizes each reallocation is one event")


def test_interrupted():
    with subprocess.Popen([DRONE, "heap", "record", sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"], cwd=WORK,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        check(running.stdout.readline() == b"up\n", "the program's output passes through")
        running.send_signal(signal.SIGTERM)
        said = running.stderr.read().decode()
        check(running.wait(60) == 128 + signal.SIGTERM, "a signal is passed on, and the status is the program's")
        check("was ended by signal 15" in said, said)
    lives(events(trace()))
    print("a signal is passed on")


def test_no_recording(program):
    def fails(command, *words, options=(), status=3, **how):
        _, said = record(*command, options=options, status=status, **how)
        check(all(word in said for word in words), f"{command}: {said}")

    before = trace()
    fails(["no-such-program"], "there is no program")
    fails(["./heaptrace"], "not executable")
    (WORK / "bare").write_text("echo no interpreter\n")
    (WORK / "bare").chmod(0o755)
    fails(["./bare"], "'./bare' is neither a program nor a script that names its interpreter", "#!/bin/sh", "record -- sh ./bare")
    (WORK / "lost").write_text("#!/no/such/interpreter\n")
    (WORK / "lost").chmod(0o755)
    fails(["./lost"], "/no/such/interpreter")
    fails([], "program is missing", status=2)
    fails(["ls"], "there is no option", options=["--lose"], status=2)
    fails(["ls"], "folder", options=["-o", "no/such/folder"])
    fails(["ls"], "is a folder", options=["-o", "."], status=2)
    (WORK / "nothing.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-static", "nothing.c", "-o", "static"], cwd=WORK, check=True)
    fails(["./static"], "linked statically")
    check(trace() == before, "a recording that cannot begin leaves the last one alone")
    subprocess.run(["cc", "nothing.c", "-o", "nothing"], cwd=WORK, check=True)
    names = sorted(WORK.iterdir())
    fails(["./nothing"], "asked nothing of malloc")
    fails(["sh", "-c", "exec ./nothing"], "asked nothing of malloc")
    fails(["./nothing"], "asked nothing of malloc", options=["-o", "new"])
    no_trace = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, 1 << 12))
    fails([str(program), "cpp"], "broke off", preexec_fn=no_trace)
    check(trace() == before, "a recording of nothing leaves the last one alone")
    check(sorted(WORK.iterdir()) == names, "a recording of nothing leaves no file behind")
    record(program, "kill", status=137)
    check(trace() != before and sorted(WORK.iterdir()) == names, "what a killed program did replaces the last recording, and leaves no other file")
    fails([str(program), "cpp"], "cannot record into", options=["-o", "/dev/null"])
    check(pathlib.Path("/dev/null").is_char_device(), "a device is no file to be replaced")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    fails([str(program), "closes", "other"], "broke off", "what came before", preexec_fn=limit)
    check(len(trace()) > 500000, "what was recorded before the disk was full is there")
    print("what cannot be recorded is told")


def test_real_programs():
    commands = [["ls", "-lR", "/usr/lib/python3"], ["cmake", "-E", "sha256sum", str(DRONE)],
                [sys.executable, "-c", "import json; print(len(json.dumps([{'a': i} for i in range(20000)])))"],
                ["sh", "-c", "ls | sort -r | head -3"], [str(DRONE), "heap", "-f", "kept", "-s", "1M"],
                [str(DRONE), "print", "devices"]]
    record(sys.executable, "-c", "pass", options=["-o", "kept"])
    for command in commands:
        alone = subprocess.run(command, cwd=WORK, capture_output=True).stdout
        output, _ = record(*command)
        if command[0] not in ("sh",):
            check(output == alone, f"{command} prints the same when it is recorded")
        lives(events(trace()))
        reads_whole()
    print(f"{len(commands)} programs of this machine were recorded whole")


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    has_32 = (BUILD / "lib" / "drone" / "libdrone-heaptrace-32.so").exists()
    for flags in ([], ["-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"]):
        program = program_of(flags)
        if program is None or (flags and not has_32):
            print("no 32-bit programs here")
            continue
        print(f"{program.name}:")
        test_what_a_program_did(program)
        test_threads(program)
        test_violent_ends(program)
        test_descriptors(program)
        test_other_processes(program)
        test_largest_request(program)
        test_resizes(program)
    test_interrupted()
    test_real_programs()
    test_no_recording(program_of([]))


main()
