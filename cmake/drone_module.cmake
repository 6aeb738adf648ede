# SPDX-License-Identifier: MIT
# drone_module(NAME SOURCES ... LINK ...): the static library `drone_NAME` of src/NAME.
# drone_unit_test(NAME SOURCES ... LINK ...): a GoogleTest executable, its tests named NAME.*.

find_package(Threads REQUIRED)

# The warnings alone, for what must not be instrumented.
add_library(drone_warning_options INTERFACE)
target_compile_options(drone_warning_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual $<$<BOOL:${DRONE_WERROR}>:-Werror>)
add_library(drone_warnings INTERFACE)
target_link_libraries(drone_warnings INTERFACE drone_warning_options)
if(DRONE_SANITIZE)
  target_compile_options(drone_warnings INTERFACE
    -fsanitize=${DRONE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(drone_warnings INTERFACE -fsanitize=${DRONE_SANITIZE})
endif()

function(drone_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(drone_${name} STATIC ${ARG_SOURCES})
  target_include_directories(drone_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(drone_${name} PUBLIC ${ARG_LINK} PRIVATE drone_warnings ${ARG_PRIVATE_LINK})
endfunction()

function(drone_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} drone_warnings GTest::gmock GTest::gtest_main)
  target_compile_definitions(test_${name} PRIVATE DRONE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  include(GoogleTest)
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60)
endfunction()
