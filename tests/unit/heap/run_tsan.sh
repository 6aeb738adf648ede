#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a program that ThreadSanitizer instruments: where a kernel randomises more address bits than
# the sanitizer of Debian 12 knows of, it works only without; where that may not be turned off,
# perhaps as it is.
if setarch -R true 2>/dev/null; then
  exec setarch -R "$@"
fi
exec "$@"
