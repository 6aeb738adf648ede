// SPDX-License-Identifier: MIT
#pragma once

// Memory for the tracer's own use, from the kernel: none of it is the traced program's heap.

#include <sys/mman.h>

#include <cstddef>

namespace drone::preload {

/// `bytes` of zeros, which take no memory before they are touched; null if there are none.
inline void* map_pages(std::size_t bytes) noexcept {
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

inline void unmap_pages(void* pages, std::size_t bytes) noexcept {
  if (pages != nullptr) ::munmap(pages, bytes);
}

}  // namespace drone::preload
