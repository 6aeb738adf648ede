# SPDX-License-Identifier: MIT
# The compiler for the target, and its core: @device@ (see `device` in Drone.toml).
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
# A program links only with this project's start-up code and linker script, so CMake's own checks
# make libraries.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_C_FLAGS_INIT "@core_flags@")
set(CMAKE_CXX_FLAGS_INIT "@core_flags@")

# Tools are the host's; nothing else of the host's belongs in the target.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
