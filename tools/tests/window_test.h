/* SPDX-License-Identifier: MIT */
/*
 * For programs that run in a window, and do not know: what is mapped of DRM
 * devices, and whether it is where it should be.
 *
 * Each takes as last argument where that is: START-END, or "anywhere" without a
 * window, and then something has to be mapped above 4 GiB, or the window shows nothing.
 */
#ifndef WINDOW_TEST_H
#define WINDOW_TEST_H

#include <inttypes.h>
#include <stdarg.h>

#include "placed_device.h"

struct window_test {
	uint64_t start, end;
	bool is_anywhere, seen_above;
	const char *program;
};

static struct window_test window_test;

__attribute__((format(printf, 1, 2), noreturn))
static inline void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", window_test.program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static inline void window_test_start(const char *program, const char *where)
{
	window_test.program = program;
	window_test.is_anywhere = !strcmp(where, "anywhere");
	window_test.end = UINT64_MAX;
	if (!window_test.is_anywhere &&
	    sscanf(where, "%" SCNi64 "-%" SCNi64, &window_test.start, &window_test.end) != 2)
		fail("'%s' is neither START-END nor anywhere", where);
}

static inline bool window_test_holds(uint64_t start, uint64_t end)
{
	return start >= window_test.start && end <= window_test.end;
}

static inline bool is_drm_map(const char *rest)
{
	return strstr(rest, "/dev/dri/");
}

/* Is this address in a mapping of a DRM device? */
static inline bool is_drm_pointer(const void *pointer)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end;
	bool ret = false;
	char rest[256];

	while (maps && placed_next_map(maps, &start, &end, rest, sizeof(rest)))
		if (placed_addr(pointer) >= start && placed_addr(pointer) < end)
			ret = is_drm_map(rest);
	if (maps)
		fclose(maps);
	return ret;
}

/* All mappings of DRM devices are where they should be, and there are some. */
static inline void check_maps(const char *when, unsigned int at_least)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end, lowest = UINT64_MAX, highest = 0;
	unsigned int count = 0;
	char rest[256];

	if (!maps)
		fail("cannot read /proc/self/maps: %s", strerror(errno));
	while (placed_next_map(maps, &start, &end, rest, sizeof(rest))) {
		if (!is_drm_map(rest))
			continue;
		if (!window_test_holds(start, end))
			fail("0x%" PRIx64 "-0x%" PRIx64 " is outside of the window", start, end);
		lowest = start < lowest ? start : lowest;
		highest = end;
		count++;
	}
	fclose(maps);

	printf("%s: %u mappings of DRM devices", when, count);
	if (count)
		printf(" in 0x%" PRIx64 "-0x%" PRIx64, lowest, highest);
	printf("\n");
	if (count < at_least)
		fail("%u mappings of DRM devices %s, not %u", count, when, at_least);
	if (highest > PLACED_4G)
		window_test.seen_above = true;
}

static inline void print_pointer(const char *what, uint64_t size, const void *pointer)
{
	printf("%-28s %6" PRIu64 " KiB at %p\n", what, size >> 10, pointer);
}

/* A pointer of an API's, into a mapping of the device's. */
static inline void check_pointer(const char *what, uint64_t size, const void *pointer)
{
	print_pointer(what, size, pointer);
	if (!is_drm_pointer(pointer))
		fail("%p is not in a mapping of a DRM device", pointer);
	if (!window_test_holds(placed_addr(pointer), placed_addr(pointer) + size))
		fail("%p is outside of the window", pointer);
}

static inline int window_test_end(void)
{
	if (window_test.is_anywhere && sizeof(void *) > 4 && !window_test.seen_above)
		fail("nothing was mapped above 4 GiB: the window would make no difference");
	printf("all is where it should be\n");
	return 0;
}

/* Words that are different for each buffer, and each place in it. */
static inline uint32_t test_word(uint32_t seed, uint32_t i)
{
	return (seed + 1) * 0x9e3779b1u ^ i * 0x85ebca6bu;
}

static inline void store_words(uint32_t *words, uint64_t size, uint32_t seed)
{
	for (uint64_t i = 0; i < size / 4; i++)
		words[i] = test_word(seed, i);
}

static inline void check_words(const uint32_t *words, uint64_t size, uint32_t seed, const char *what)
{
	for (uint64_t i = 0; i < size / 4; i++)
		if (words[i] != test_word(seed, i))
			fail("%s: word %" PRIu64 " is 0x%x, not 0x%x", what, i, words[i],
			     test_word(seed, i));
}

#endif
