# SPDX-License-Identifier: MIT
# What a firmware project's CMake gets from drone, installed or built, by find_package(drone):
#
#   drone::heap                       the headers, all that the heap consists of
#   drone::heaptrace_newlib           traces newlib's allocator: one source file, linker options
#   drone::heaptrace_freertos         traces FreeRTOS's heap_1, 2, 4 or 5: one source file
#   drone::freertos_heap              takes the place of those: the pools behind pvPortMalloc
#   drone_generate(TARGET)            heap_layout.hpp and memory.ld, made from Drone.toml
#   drone_features(TARGET KNOWN ...)  the features in DRONE_FEATURES, as compile definitions

get_filename_component(_drone_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(DRONE_EXECUTABLE "${_drone_prefix}/bin/drone")

if(NOT TARGET drone::heap)
  add_library(drone::heap INTERFACE IMPORTED)
  set_target_properties(drone::heap PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_drone_prefix}/include")
endif()

# Adaptors are source files, compiled with the flags of the program that they become part of: C++20,
# whatever the rest is. That option is set for targets of the folder that calls find_package;
# programs elsewhere that are not C++20 set it themselves.
set(DRONE_ADAPTERS "${_drone_prefix}/share/drone/adapters")
function(_drone_adapter name source)
  if(NOT TARGET drone::${name})
    add_library(drone::${name} INTERFACE IMPORTED)
    set_target_properties(drone::${name} PROPERTIES
      INTERFACE_LINK_LIBRARIES drone::heap
      INTERFACE_SOURCES "${DRONE_ADAPTERS}/${source}"
      INTERFACE_LINK_OPTIONS "${ARGN}")
  endif()
  set_property(SOURCE "${DRONE_ADAPTERS}/${source}" APPEND PROPERTY COMPILE_OPTIONS -std=c++20)
endfunction()

_drone_adapter(heaptrace_newlib newlib/drone_heaptrace_newlib.cpp
  -Wl,--wrap=_malloc_r,--wrap=_free_r,--wrap=_calloc_r,--wrap=_realloc_r,--wrap=_memalign_r)
_drone_adapter(heaptrace_freertos freertos/drone_heaptrace_freertos.cpp)
_drone_adapter(freertos_heap freertos/heap_drone.cpp)
set_property(TARGET drone::heaptrace_freertos PROPERTY
  INTERFACE_INCLUDE_DIRECTORIES "${DRONE_ADAPTERS}/freertos")

# _drone_print(WHAT FOLDER FILE): `drone print WHAT` in a folder, into a file, which is touched only if
# that changes it.
function(_drone_print what folder file)
  execute_process(
    COMMAND "${DRONE_EXECUTABLE}" print "${what}"
    WORKING_DIRECTORY "${folder}"
    OUTPUT_FILE "${file}.new"
    RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    file(REMOVE "${file}.new")
    message(FATAL_ERROR "`drone print ${what}` failed (${result}): see its message above")
  endif()
  file(COPY_FILE "${file}.new" "${file}" ONLY_IF_DIFFERENT)
  file(REMOVE "${file}.new")
endfunction()

# drone_generate(TARGET [FROM folder]): writes heap_layout.hpp and memory.ld, and lets TARGET include
# the one and link with the other. Drone.toml is that of this folder, or of `folder`. This happens while CMake configures, and CMake configures again when
# Drone.toml or drone itself changes; only what includes a file that came out different is rebuilt.
function(drone_generate target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "FROM" "")
  if(NOT ARG_FROM)
    set(ARG_FROM "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${folder}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    "${ARG_FROM}/Drone.toml" "${DRONE_EXECUTABLE}")
  _drone_print(header "${ARG_FROM}" "${folder}/heap_layout.hpp")
  _drone_print(memory "${ARG_FROM}" "${folder}/memory.ld")

  # Types that need more than the heap's alignment are to name it: `new` and the containers do, if
  # the compiler knows what [heap], the one behind `new`, gives by itself.
  file(READ "${folder}/heap_layout.hpp" header)
  if(NOT header MATCHES " kHeapLayout{[^}]*\\.alignment = ([48])[^0-9]")
    message(FATAL_ERROR "`drone print header` names no alignment")
  endif()
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-faligned-new=${CMAKE_MATCH_1}>)
  target_include_directories(${target} PRIVATE "${folder}")
  target_link_directories(${target} PRIVATE "${folder}")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${folder}/memory.ld")
endfunction()

# drone_features(TARGET KNOWN feature...): for each feature in DRONE_FEATURES, a list separated by
# commas, defines DRONE_<FEATURE>. A feature that is not known is an error.
function(drone_features target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "KNOWN")
  string(REPLACE "," ";" features "${DRONE_FEATURES}")
  set(seen "")
  foreach(feature IN LISTS features)
    string(STRIP "${feature}" feature)
    if(feature STREQUAL "")
      continue()
    endif()
    if(NOT feature IN_LIST ARG_KNOWN)
      list(JOIN ARG_KNOWN ", " known)
      message(FATAL_ERROR "There is no feature \"${feature}\". Known here: ${known}")
    endif()
    if(feature IN_LIST seen)
      message(FATAL_ERROR "The feature \"${feature}\" is named twice")
    endif()
    list(APPEND seen "${feature}")
    string(MAKE_C_IDENTIFIER "${feature}" name)
    string(TOUPPER "${name}" name)
    target_compile_definitions(${target} PRIVATE DRONE_${name})
  endforeach()
endfunction()
