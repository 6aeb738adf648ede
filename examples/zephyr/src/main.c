/* SPDX-License-Identifier: MIT */
/* Allocates as a Zephyr application does, and checks what it gets. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <zephyr/kernel.h>

static unsigned failures;

static void check_at(int line, int is_true)
{
	if (!is_true) {
		++failures;
		printf("line %d: not as expected\n", line);
	}
}
#define check(condition) check_at(__LINE__, condition)

int main(void)
{
	static char buffer[128];

	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));

	char *text = k_malloc(12);

	check(text != NULL && ((uintptr_t)text & 3) == 0);
	strcpy(text, "hello world");

	char *longer = k_realloc(text, 100);

	check(longer != NULL && strcmp(longer, "hello world") == 0);
	check(k_realloc(longer, 50) == longer);
	k_free(longer);
	k_free(NULL);

	char *zeros = k_calloc(5, 6);

	check(zeros != NULL && zeros[0] == 0 && zeros[29] == 0);
	k_free(zeros);
	check(k_calloc(SIZE_MAX / 2, 3) == NULL);

	void *aligned = k_aligned_alloc(64, 20);

	check(aligned != NULL && ((uintptr_t)aligned & 63) == 0);
	k_free(aligned);

	void *empty = k_malloc(0);

	check(empty != NULL);
	check(k_realloc(empty, 0) == NULL);
	check(k_malloc(5000) == NULL);

#ifdef CONFIG_KERNEL_MEM_POOL
	/* What came from elsewhere goes back there. */
	void *other = z_thread_aligned_alloc(8, 40);

	check(other != NULL);
	k_free(other);
#endif
	printf("%u failures\n", failures);
	return failures == 0 ? 0 : 1;
}
