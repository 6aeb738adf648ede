# SPDX-License-Identifier: MIT
"""The figures that have targets: limits.toml names them, and says what is reached."""

import dataclasses
import pathlib
import tomllib

from . import allocators, layouts
from .tables import Table

FILE = pathlib.Path(__file__).resolve().parent.parent / "limits.toml"
POOL_COUNTS = (1, 2, 5, 8, 16)
BOUNDARIES = ("anywhere", "close", "granules")

BY_KEY = {each.key: each for each in allocators.ALLOCATORS + allocators.LIBRARIES}
# What a heap does whatever the program: measured block by block.
EVERY_BLOCK = ("run_time", "constant", "masked", "constant_masked", "silent", "constant_silent",
               "statistics", "pointers", "constant_pointers")

@dataclasses.dataclass
class EveryBlock:
    """Of one allocator: by (number of pools, boundaries)."""

    counts: dict
    spills: dict


def every_block(benchmark, keys, pool_counts=POOL_COUNTS):
    """Measures each allocator on layouts of all kinds."""
    shapes = [(count, boundaries) for count in pool_counts for boundaries in BOUNDARIES]
    jobs = [(BY_KEY[key], layouts.example_of(*shape), f"{shape[0]}.{shape[1]}")
            for key in keys for shape in shapes]
    results = iter(benchmark.for_all(benchmark.pools, *zip(*jobs)))
    measured = {}
    for key in keys:
        measured[key] = EveryBlock({}, {})
        for shape in shapes:
            measured[key].counts[shape], measured[key].spills[shape] = next(results)
    return measured


def of_every_block(measured):
    """Figures: the worst over all numbers of pools, for each kind of boundaries and for all."""
    figures = {}
    for key, results in measured.items():
        for operation in ("allocate", "deallocate"):
            for boundaries in BOUNDARIES:
                figures[f"{operation}.{key}.{boundaries}"] = max(
                    counts[operation].worst
                    for shape, counts in results.counts.items() if shape[1] == boundaries)
        spills = results.spills[16, "anywhere"]
        figures[f"spill.{key}.first"] = spills[1] - spills[0]
        figures[f"spill.{key}.further"] = max(
            spills[passed + 1] - spills[passed] for passed in range(1, len(spills) - 1))
    for traced, plain in (("silent", "run_time"), ("constant_silent", "constant")):
        if traced in measured:
            for operation in ("allocate", "deallocate"):
                figures[f"{operation}.{traced}.more"] = max(
                    counts[operation].worst - measured[plain].counts[shape][operation].worst
                    for shape, counts in measured[traced].counts.items())
    return figures


def of_bytes(benchmark):
    figures = {}
    run_time = BY_KEY["run_time"]
    for name, uses in (("new_delete", None), ("malloc_free", allocators.MALLOC),
                       ("allocate_deallocate", allocators.RUN_TIME)):
        added = benchmark.bytes(run_time, uses=uses)
        figures[f"code.{name}"] = added["code"]
        figures[f"tables.{name}"] = added["tables"]
    figures["ram.per_pool"] = added["ram"] / len(layouts.EXAMPLE)
    figures["ram.per_block"] = benchmark.overhead(run_time)[0]
    return figures


def of_replay(name, trace, replayed):
    """Figures of an allocator on a trace: the heaps are large enough, so nothing spills."""
    figures = {}
    for operation in ("allocate", "deallocate"):
        counts = replayed.counts[operation]
        figures[f"{operation}.{name}.{trace}.median"] = counts.median
        figures[f"{operation}.{name}.{trace}.worst"] = counts.worst
    return figures


def limits():
    return tomllib.loads(FILE.read_text())["limit"]


def targets_table(figures):
    """The table, and what is wrong: figures beyond their limit."""
    table = Table("Targets", ["figure", "measured", "target", "limit", ""])
    wrong = []
    for each in limits():
        value = figures.get(each["figure"])
        if value is None:
            wrong.append(f"{each['figure']}: in {FILE.name}, but not measured")
            continue
        remark = ""
        if value > each["limit"]:
            remark = "LOST"
            wrong.append(f"{each['figure']}: {value:g}, not the {each['limit']} that was reached")
        elif value < each["limit"]:
            remark = "better: lower the limit"
        elif "target" in each and value > each["target"]:
            remark = "not reached yet"
        table.add(f"{each['what']} ({each['figure']})", f"{value:g}", each.get("target"),
                  each["limit"], remark)
    return table, wrong
