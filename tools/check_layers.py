#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that includes follow the arrows of src/README.md.

Reads the table there, so that the rule is written once. Also: firmware headers include freestanding
standard headers only, and no public header of a module includes a third-party library.
Prints `file:line: why` for each violation; exit status 1 if there is any.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Headers that a freestanding C++20 implementation has; and of the others, those from which constexpr
# templates are used that link nothing in (std::array, std::span, std::min, std::exchange).
FREESTANDING = {
    "algorithm", "array", "atomic", "bit", "climits", "compare", "concepts", "cstddef", "cstdint", "limits", "new",
    "span", "type_traits", "utility",
    "stdbool.h", "stddef.h", "stdint.h",  # in what C includes
}
# The adaptors that stand in for a library's allocator need its declarations.
HOSTED_FIRMWARE = {
    "include/drone/heap/memory_resource.hpp": {"memory_resource"},
    "include/drone/heap/new_handler.hpp": {"cstdlib"},
    "include/drone/heap/global.hpp": {"cerrno", "cstdlib", "cstring", "malloc.h", "reent.h", "sys/reent.h"},
}
FIRMWARE_LAYERS = {
    "drone/heap.h": set(),  # for C
    "drone/heap": {"drone/heap", "drone/heap.h", "drone/cortex_m"},
    "drone/cortex_m": {"drone/cortex_m"},
    "drone/heaptrace": {"drone/heaptrace", "drone/heap", "drone/cortex_m"},
}
# What the host may include from a header that other modules see: the standard library and POSIX.
THIRD_PARTY = re.compile(r"^(CLI/|toml\+\+|fmt/|nlohmann/|asio|unicorn/|elfutils/|dwarf|zstd|zlib|lzma|boost/)")


def module_rules():
    rules = {}
    for line in (ROOT / "src/README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3 or not cells[0].startswith("`"):
            continue
        module = cells[0].strip("`")
        if module == "cli":
            rules[module] = None  # all but board
        else:
            rules[module] = set(re.findall(r"`([^`]+)`", cells[2])) | {module}
    if "support" not in rules or "cli" not in rules:
        sys.exit("error: src/README.md has no table of modules")
    return rules


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_firmware(path):
    name = str(path.relative_to(ROOT))
    layer = "/".join(path.relative_to(ROOT / "include").parts[:2])
    for number, quote, header in includes(path):
        where = f"{name}:{number}"
        if quote == '"' or header.startswith("drone/"):
            target = "/".join(header.split("/")[:2])
            if target not in FIRMWARE_LAYERS.get(layer, set()):
                yield f"{where}: {layer} may not include {header}"
        elif header not in FREESTANDING and header not in HOSTED_FIRMWARE.get(name, set()):
            yield f"{where}: <{header}> is not freestanding; firmware headers do without it"


def check_host(path, rules):
    name = path.relative_to(ROOT)
    module = name.parts[1]
    if module not in rules:
        yield f"{name}:1: src/README.md does not list the module {module}"
        return
    allowed = rules[module]
    for number, _, header in includes(path):
        where = f"{name}:{number}"
        if path.suffix == ".hpp" and THIRD_PARTY.match(header):
            yield f"{where}: a header may not show {header} to those who include it"
        first = header.split("/")[0]
        target = "/".join(header.split("/")[:2]) if first == "drone" else first
        if first != "drone" and target not in rules:
            continue
        if allowed is None:
            if target == "board":
                yield f"{where}: nobody includes board, a separate program"
        elif target not in allowed:
            yield f"{where}: {module} may not include {header} (src/README.md)"


def main():
    rules = module_rules()
    problems = []
    for path in sorted((ROOT / "include").rglob("*.h*")):
        problems += check_firmware(path)
    for path in sorted((ROOT / "src").rglob("*.[ch]pp")):
        problems += check_host(path, rules)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
