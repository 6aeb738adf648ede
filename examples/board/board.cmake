# SPDX-License-Identifier: MIT
# What the examples have in common: include it after project().

# The drone on PATH brings its CMake package and its headers along.
find_program(drone_program drone REQUIRED NO_CACHE)
file(REAL_PATH "${drone_program}" drone_program)
cmake_path(GET drone_program PARENT_PATH drone_folder)
find_package(drone 0.1 REQUIRED HINTS "${drone_folder}/..")

set(LIBC_SPECS --specs=nano.specs CACHE STRING "newlib-nano; empty for full newlib")

# example_board(TARGET): start-up code, linker script and the usual flags.
function(example_board target)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/start.c)
  target_compile_options(${target} PRIVATE
    -Os -g -ffunction-sections -fdata-sections -Wall -Wextra -Wpedantic -Werror ${LIBC_SPECS}
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
  target_link_options(${target} PRIVATE ${LIBC_SPECS} -nostartfiles
    -T${CMAKE_CURRENT_FUNCTION_LIST_DIR}/board.ld -Wl,--gc-sections,--no-warn-rwx-segments)
  set_target_properties(${target} PROPERTIES SUFFIX .elf)
endfunction()
