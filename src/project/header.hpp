// SPDX-License-Identifier: MIT
#pragma once

// What a build makes from Drone.toml, so that the file stays the one home of these facts.

#include <string>

#include "project/manifest.hpp"

namespace drone::project {

/// The beginning of the names of a heap's constants: "kHeap", and for [heap.fast_ram]
/// "kFastRamHeap".
std::string constant_prefix(const HeapSection& heap);

/// The C++ header of the project's heaps, in the namespace drone_project: for each its layout
/// with its options (kHeapLayout) and the port of its trace (kHeapTracePort); and kTraceClockKhz.
/// The same manifest gives the same text.
std::string header_text(const Manifest& manifest);

/// The linker's MEMORY command with all of [memory], and the memory of each heap that does not lie
/// in "ram". The heaps in "ram" are variables, which the compiler makes and the linker places; any
/// other heap's memory is made here, under the name that the header uses, so it lies in its region
/// or the program does not link, however the compiler names or merges sections.
std::string memory_text(const Manifest& manifest);

}  // namespace drone::project
