# SPDX-License-Identifier: MIT
"""The comparison: measures everything, and makes tables of it."""

import math

from . import allocators, figures, layouts
from .measure import Counts
from .tables import Table


def together(replayed, allocator, operation):
    counts = Counts()
    for result in replayed[allocator.key].values():
        counts += result.counts[operation]
    return counts


def three(counts):
    return [counts.median, counts.quantile(0.99), counts.worst]


def instructions_table(replayed, compared, traces):
    table = Table("Instructions", [
        "allocator", "allocate: median", "99 %", "worst", "deallocate: median", "99 %", "worst",
        "resize in place: median", "worst", "resize by moving: median", "worst"])
    for allocator in compared:
        cells = []
        for operation in ("allocate", "deallocate"):
            cells += three(together(replayed, allocator, operation))
        for operation in ("resize", "move"):
            counts = together(replayed, allocator, operation)
            cells += [counts.median, counts.worst]
        table.add(allocator.name, *cells)
    calls = together(replayed, compared[0], "allocate").calls
    table.note = (f"{calls} allocations and as many deallocations of {len(traces)} recorded programs, "
                  "taken together.")
    return table


def summary_table(replayed, sizes, compared, traces):
    """The most important of all, for readers in a hurry."""
    table = Table("Allocators on a Cortex-M4", [
        "allocator", "allocate: median", "99 %", "worst", "deallocate: median", "99 %", "worst",
        "bytes of code and tables", "RAM a block"])
    for allocator in compared:
        added, (least, _) = sizes[allocator.key]
        table.add(allocator.name, *three(together(replayed, allocator, "allocate")),
                  *three(together(replayed, allocator, "deallocate")),
                  added["code"] + added["tables"], least)
    table.note = (f"Instructions, return included, over {len(traces)} recorded programs; size known at compile "
                  "time: inlined.")
    return table


def measure_bytes(benchmark, compared):
    added = benchmark.for_all(benchmark.bytes, compared)
    overheads = benchmark.for_all(benchmark.overhead, compared)
    return {each.key: sizes for each, *sizes in zip(compared, added, overheads)}


def bytes_table(sizes, compared):
    table = Table("Bytes", ["allocator", "code", "tables in flash", "RAM", "RAM a block, at least",
                            "RAM for 1 byte", "interrupts may call it"])
    for allocator in compared:
        added, (least, one_byte) = sizes[allocator.key]
        if allocator.key in ("run_time_16", "constant_16", "listening"):
            continue  # the code of another row
        table.add(allocator.name, added["code"], added["tables"], added["ram"], least, one_byte,
                  "yes" if allocator.any_context else "no")
    table.note = ("This heap with the five pools of the documentation's example; its blocks are not in the "
                  "column RAM.")
    return table


def ram_table(replayed, compared, traces):
    chosen = [each for each in compared
              if each.key in ("run_time", "run_time_16") or not each.ours]
    names = {"run_time": "heap, 8 pools", "run_time_16": "heap, 16 pools"}
    table = Table("RAM for the blocks of each trace", [
        "trace", "peak requested", *(names.get(each.key, each.name) for each in chosen)])
    ratios = {each.key: [] for each in chosen}
    for trace in traces:
        used = [replayed[each.key][trace.name].ram or None for each in chosen]
        for each, ram in zip(chosen, used):
            ratios[each.key].append((ram or 0) / trace.peak_bytes)
        table.add(trace.name, trace.peak_bytes, *used)
    means = {key: math.prod(of_key) ** (1 / len(traces)) for key, of_key in ratios.items()}
    table.add("geometric mean, of the peak", 1, *(
        f"{means[each.key]:.2f}" if means[each.key] else None for each in chosen))
    return table


def every_block_table(measured):
    table = Table("Whatever the program: all blocks of layouts of all kinds", [
        "allocator and pool boundaries", *(f"{count} {'pool' if count == 1 else 'pools'}"
                                           for count in figures.POOL_COUNTS)])
    for key, results in measured.items():
        for operation in ("allocate", "deallocate"):
            rows = {}
            for boundaries in figures.BOUNDARIES:
                cells = []
                for count in figures.POOL_COUNTS:
                    counts = results.counts[count, boundaries][operation]
                    cells.append(str(counts.median) if counts.median == counts.worst
                                 else f"{counts.median} to {counts.worst}")
                rows.setdefault(tuple(cells), []).append(boundaries)
            for cells, boundaries in rows.items():
                where = "" if len(rows) == 1 else f": {', '.join(boundaries)}"
                table.add(f"{figures.BY_KEY[key].name}: {operation}{where}", *cells)
    table.note = "Median to worst, or one number if they are the same."
    return table


def spill_table(measured):
    keys = [key for key in ("run_time", "constant", "masked", "silent") if key in measured]
    table = Table("Instructions more for a request that passes exhausted pools", [
        "passed", *(figures.BY_KEY[key].name for key in keys)])
    spills = {key: measured[key].spills[16, "anywhere"] for key in keys}
    for passed in range(1, 16):
        table.add(str(passed), *(f"+{spills[key][passed] - spills[key][0]}" for key in keys))
    return table


def targets_only(benchmark, read_trace):
    """The figures of limits.toml, and nothing else."""
    values = figures.of_bytes(benchmark)
    values |= figures.of_every_block(figures.every_block(
        benchmark, ("run_time", "constant", "silent", "constant_silent", "masked"), (1, 5, 16)))
    jobs = [(figures.BY_KEY[key], read_trace(name))
            for key, name in (("run_time", "jim_script"), ("constant", "jim_script"),
                              ("run_time_16", "jim_script"), ("run_time", "lua_telemetry"))]
    for (allocator, trace), replayed in zip(jobs, benchmark.for_all(benchmark.replay, *zip(*jobs))):
        values |= figures.of_replay(allocator.key, trace.name, replayed)
    return figures.targets_table(values)


def compare(benchmark, compared, traces, is_summary):
    """All tables, or the one that sums up."""
    jobs = [(allocator, trace) for allocator in compared for trace in traces]
    replayed = {allocator.key: {} for allocator in compared}
    for (allocator, trace), result in zip(jobs, benchmark.for_all(benchmark.replay, *zip(*jobs))):
        replayed[allocator.key][trace.name] = result
    sizes = measure_bytes(benchmark, compared)
    if is_summary:
        return [summary_table(replayed, sizes, compared, traces)]
    tables = [instructions_table(replayed, compared, traces), bytes_table(sizes, compared),
              ram_table(replayed, compared, traces)]
    keys = [each.key for each in compared if each.key in figures.EVERY_BLOCK]
    if keys:
        measured = figures.every_block(benchmark, keys)
        tables += [every_block_table(measured), spill_table(measured)]
    return tables
