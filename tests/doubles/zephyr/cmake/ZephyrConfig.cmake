# SPDX-License-Identifier: MIT
# A stand-in for Zephyr's CMake package, see README.md: what happens between find_package(Zephyr) and
# the program. Expects the compiler from --toolchain, and the board from ../../../../examples/board.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH zephyr_double)
cmake_path(SET zephyr_board NORMALIZE "${zephyr_double}/../../../examples/board")
set(APPLICATION_SOURCE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
project(Zephyr-Kernel LANGUAGES C CXX)

# Debian's Python, which has Debian's kconfiglib.
set(autoconf "${PROJECT_BINARY_DIR}/autoconf.h")
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env "MODULE_KCONFIG=${ZEPHYR_EXTRA_MODULES}/Kconfig"
          /usr/bin/python3 "${zephyr_double}/kconfig.py" "${zephyr_double}/Kconfig"
          "${APPLICATION_SOURCE_DIR}/${CONF_FILE}" "${autoconf}" "${PROJECT_BINARY_DIR}/config.cmake"
  COMMAND_ERROR_IS_FATAL ANY)
include("${PROJECT_BINARY_DIR}/config.cmake")

add_compile_options(-Os -g -ffunction-sections -fdata-sections -Wall -Wextra --specs=nano.specs
  "SHELL:-imacros ${autoconf}" $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti> $<$<COMPILE_LANGUAGE:CXX>:-std=c++11>)
include_directories("${zephyr_double}/include")
add_library(app STATIC)
add_executable(zephyr_final "${zephyr_double}/kernel.c" "${zephyr_board}/start.c")
set_target_properties(zephyr_final PROPERTIES OUTPUT_NAME firmware SUFFIX .elf)
target_link_options(zephyr_final PRIVATE --specs=nano.specs -nostartfiles "-T${zephyr_board}/board.ld"
  -Wl,--gc-sections,--no-warn-rwx-segments)
target_link_libraries(zephyr_final PRIVATE -Wl,--whole-archive app -Wl,--no-whole-archive)

macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  target_link_libraries(zephyr_final PRIVATE -Wl,--whole-archive ${name} -Wl,--no-whole-archive)
endmacro()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_library_link_libraries)
  target_link_libraries(${ZEPHYR_CURRENT_LIBRARY} PUBLIC ${ARGN})
endfunction()
function(zephyr_ld_options)
  target_link_options(zephyr_final PRIVATE ${ARGN})
endfunction()

foreach(module IN LISTS ZEPHYR_EXTRA_MODULES)
  file(STRINGS "${module}/zephyr/module.yml" lines REGEX "^  (cmake|kconfig): ")
  if(NOT lines STREQUAL "  cmake: .;  kconfig: Kconfig")
    message(FATAL_ERROR "${module}/zephyr/module.yml is not as this stand-in expects: ${lines}")
  endif()
  add_subdirectory("${module}" "${PROJECT_BINARY_DIR}/modules/drone")
endforeach()
