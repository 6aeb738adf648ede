// SPDX-License-Identifier: MIT
// The one file that makes a heap the program's.
#include "heaps.hpp"

#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"
