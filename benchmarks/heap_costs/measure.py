# SPDX-License-Identifier: MIT
"""Measures allocators with the programs of firmware/."""

import collections
import concurrent.futures
import dataclasses

from . import layouts, target


class Counts:
    """How often an operation took how many instructions."""

    def __init__(self):
        self.times = collections.Counter()

    def add(self, instructions, times):
        self.times[instructions] += times

    def __iadd__(self, other):
        self.times.update(other.times)
        return self

    def quantile(self, share):
        """The smallest count that at least `share` of all calls stayed within."""
        needed = share * self.times.total()
        passed = 0
        for instructions in sorted(self.times):
            passed += self.times[instructions]
            if passed >= needed:
                return instructions
        return None

    @property
    def calls(self):
        return self.times.total()

    @property
    def median(self):
        return self.quantile(0.5)

    @property
    def worst(self):
        return max(self.times, default=None)


@dataclasses.dataclass
class Replayed:
    counts: dict  # operation name to Counts
    ram: int  # what the allocator took for the trace's blocks


def counts_of(printed):
    counts = collections.defaultdict(Counts)
    for name, *numbers in printed:
        if len(numbers) == 2:
            counts[name].add(*numbers)
    return counts


class Benchmark:
    def __init__(self, board, jobs, progress):
        self.board = board
        self.progress = progress
        self.jobs = jobs

    def defines(self, allocator):
        defines = list(allocator.defines)
        if not allocator.ours:
            defines.append("BENCHMARK_LIBC")
        else:
            defines.append(f"BENCHMARK_OPTIONS={allocator.options}")
        return defines

    def for_all(self, function, *lists):
        """Calls a function for each set of arguments, on all cores; shows progress."""
        done = []
        calls = list(zip(*lists))
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as workers:
            try:
                for result in workers.map(lambda arguments: function(*arguments), calls):
                    done.append(result)
                    self.progress(len(done), len(calls))
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
        return done

    def replay(self, allocator, trace):
        layout = None
        if allocator.ours:
            layout = layouts.read(trace.name, allocator.pools)
        defines = self.defines(allocator)
        if allocator.constant:
            defines.append("BENCHMARK_SIZES=" + ",".join(f"{size}U" for size in trace.sizes))
        elf = self.board.build("replay", f"{allocator.key}.{trace.name}", cpu=allocator.cpu,
                               specs=allocator.specs, defines=defines, layout=layout,
                               words=trace.words(), sources=allocator.sources)
        printed = self.board.execute(elf)
        if allocator.ours:
            ram = sum(block * capacity for block, capacity in layout)
        else:
            ram = next(numbers[0] for name, *numbers in printed if name == "sbrk")
        return Replayed(counts_of(printed), ram)

    def pools(self, allocator, layout, name):
        """What every block of a layout costs, and requests that pass exhausted pools."""
        defines = self.defines(allocator)
        if allocator.constant:
            defines.append("BENCHMARK_SIZES=" + ",".join(f"{block}U" for block, _ in layout))
        elf = self.board.build("pools", f"{allocator.key}.{name}", cpu=allocator.cpu,
                               defines=defines, layout=layout)
        printed = self.board.execute(elf)
        counts = counts_of(line for line in printed if not line[0].startswith("spill"))
        spills = {passed: cost for name, passed, cost in printed if name == "spill"}
        return counts, spills

    def bytes(self, allocator, uses=None):
        """What an allocator adds to a program in code, tables and RAM, without the blocks."""
        def sizes(defines, name):
            return target.section_sizes(self.board.build(
                "bytes", f"{allocator.key}.{name}", cpu=allocator.cpu, specs=allocator.specs,
                defines=defines, layout=layout, sources=allocator.sources))
        layout = layouts.EXAMPLE
        uses = " ".join((uses or allocator.uses).split())
        nothing = sizes(["BENCHMARK_NOTHING"], "nothing")
        everything = sizes([*self.defines(allocator), f"BENCHMARK_USES=, {uses}"], "bytes")
        added = {kind: everything[kind] - nothing[kind] for kind in everything}
        if allocator.ours:
            added["ram"] -= sum(block * capacity for block, capacity in layout)
        return added

    def overhead(self, allocator):
        """Bytes that a block takes beside those requested, and all of a block for one byte."""
        defines = self.defines(allocator)
        if allocator.constant:
            defines.append("BENCHMARK_SIZES=" + ",".join(f"{size}U" for size in range(1, 129)))
        elf = self.board.build("overhead", f"{allocator.key}.overhead", cpu=allocator.cpu,
                               specs=allocator.specs, defines=defines,
                               layout=layouts.EXAMPLE,
                               sources=allocator.sources)
        printed = dict(self.board.execute(elf))
        return printed["least"], printed["one-byte"]
