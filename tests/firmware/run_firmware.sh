#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a program of this folder for a core and runs it; exits with its status.
# Usage: run_firmware.sh PROGRAM CPU MACHINE OUTPUT_FOLDER [COMPILER_OPTION...]
# MACHINE is one of QEMU's, or the path of drone-board.
# The heap's options come from the environment: DRONE_CHECKS (kOff, kPointers, kFull), DRONE_STATISTICS.
# e.g.   run_firmware.sh heap_selftest cortex-m4 mps2-an386 /tmp --specs=nano.specs -DDRONE_HEAPTRACE
set -eu
program=$1 cpu=$2 machine=$3 output=$4
shift 4
here=$(dirname "$0")
elf=$output/$program-$cpu-$$.elf
trap 'rm -f "$elf"' EXIT
arm-none-eabi-g++ -mcpu="$cpu" -mthumb -O2 -std=c++20 -fno-exceptions -fno-rtti -faligned-new=4 \
  -DDRONE_CHECKS="${DRONE_CHECKS:-kPointers}" -DDRONE_STATISTICS="${DRONE_STATISTICS:-false}" \
  -ffunction-sections -fdata-sections -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
  -Wold-style-cast -Werror -I"$here/../../include" \
  "$here/$program.cpp" "$here/startup.cpp" "$@" --specs=nosys.specs -nostartfiles \
  -Wl,--gc-sections,--no-warn-rwx-segments -u _printf_float -T "$here/mps2.ld" -o "$elf" 2>"$elf.log" ||
  { cat "$elf.log"; exit 1; }
rm -f "$elf.log"
if arm-none-eabi-nm "$elf" | grep -E ' (_sbrk|_sbrk_r|sbrk_aligned|__malloc_free_list|__malloc_av_)$'; then
  echo "a second allocator is linked"
  exit 1
fi
case "$machine" in
  */drone-board)
    timeout 240 "$machine" --core "$cpu" --memory flash:0:512K --memory ram:0x20000000:128K \
      --clock 25000000 --speed max "$elf"
    ;;
  *)
    timeout 240 qemu-system-arm -M "$machine" -nographic -icount shift=6 \
      -semihosting-config enable=on,target=native -kernel "$elf"
    ;;
esac
