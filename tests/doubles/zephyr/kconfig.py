# SPDX-License-Identifier: MIT
"""Usage: kconfig.py KCONFIG PRJ_CONF AUTOCONF_H CONFIG_CMAKE: a configuration from an application's
options. One that did not come out as asked for is an error, as in Zephyr."""

import sys

import kconfiglib


def main(kconfig, prj_conf, header, cmake):
    kconf = kconfiglib.Kconfig(kconfig, warn_to_stderr=False)
    kconf.load_config(prj_conf)
    problems = list(kconf.warnings)
    for symbol in kconf.unique_defined_syms:
        if symbol.user_value is None:
            continue
        wanted = symbol.user_value
        if symbol.type in (kconfiglib.BOOL, kconfiglib.TRISTATE):
            wanted = kconfiglib.TRI_TO_STR[wanted]
        if wanted != symbol.str_value:
            problems.append(f"{symbol.name} was set to {wanted} and became {symbol.str_value}")
    if problems:
        sys.exit("\n".join(problems))
    kconf.write_autoconf(header)
    with open(cmake, "w") as file:
        for symbol in kconf.unique_defined_syms:
            if symbol.str_value not in ("", "n"):
                file.write(f"set(CONFIG_{symbol.name} {symbol.str_value})\n")


main(*sys.argv[1:])
