/* SPDX-License-Identifier: MIT */
/* A stand-in for Zephyr's header, see README.md. */
#ifndef ZEPHYR_INCLUDE_KERNEL_H_
#define ZEPHYR_INCLUDE_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void *k_malloc(size_t size);
void *k_calloc(size_t nmemb, size_t size);
void *k_aligned_alloc(size_t align, size_t size);
void *k_realloc(void *ptr, size_t size);
void k_free(void *ptr);

/* From the current thread's resource pool; k_free gives it back. */
void *z_thread_aligned_alloc(size_t align, size_t size);

void k_panic(void);
#define __ASSERT(test, ...) \
	do {                    \
		if (!(test)) {      \
			k_panic();      \
		}                   \
	} while (0)

#ifdef __cplusplus
}
#endif

#endif
