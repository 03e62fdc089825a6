/*
 * tap.h
 *	  Test output in the Test Anything Protocol; random numbers and guarded
 *	  memory to test with.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int tap_count;
static int tap_failures;

/* One test; returns its outcome, so that a caller can say more */
static inline bool __attribute__((format(printf, 2, 3)))
ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	tap_failures += !passed;
	return passed;
}

/* To end main with */
static inline int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures != 0;
}

/* xorshift64*, so that every run tests the same */
static inline uint64_t
next_random(void)
{
	static uint64_t state = UINT64_C(88172645463325252);

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static inline uint32_t
random_below(uint32_t limit)
{
	return (uint32_t) ((next_random() >> 32) * limit >> 32);
}

/* in [-1, 1) */
static inline float
random_float(void)
{
	return (float) ((double) (next_random() >> 11) * 0x1p-52 - 1.0);
}

/* The end of a page behind which reading is a segmentation fault */
static inline char *
guarded_end(size_t bytes)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t size = (bytes + page - 1) / page * page;
	char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + size, page, PROT_NONE) != 0)
		abort();
	return memory + size;
}

#endif
