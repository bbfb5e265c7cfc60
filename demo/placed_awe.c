// SPDX-License-Identifier: MIT
/*
 * 4 GiB of data in a program that cannot have as many addresses: all of it passes through a
 * window of 64 MiB, twice. First every page is filled with a pattern of its own, then all pages
 * are visited once more in another order, 16,384 from all over at a time, and each word is
 * compared. At the end the checksum of what was read stands beside what it has to be, which was
 * found without reading.
 *
 * PLACED_AWE_BACKEND in the environment may be "memfd", for comparison.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <errno.h>

#include "placed_awe.h"

#define PAGE_SIZE 4096
#define PAGES (1u << 20)
#define WINDOW (16384u)

/* Any odd number makes a permutation of PAGES: this one goes far with each step. */
#define STRIDE 648055u

/* Two words at a time, by instructions that 32-bit programs have, too. */
typedef uint64_t pair __attribute__((vector_size(16)));
#define PAIRS (PAGE_SIZE / sizeof(pair))
#define WORDS (PAGE_SIZE / sizeof(uint64_t))

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* The first word of a page; each of the others is STEP more than the one before. */
#define STEP 0x9e3779b97f4a7c15ull

static uint64_t first_word(uint32_t page)
{
	uint64_t word = (page + 1) * 0x9e3779b97f4a7c15ull;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ull;
	word = (word ^ word >> 27) * 0x94d049bb133111ebull;
	return word ^ word >> 31;
}

/* Without looking. */
static uint64_t sum_of(uint32_t page)
{
	return WORDS * first_word(page) + STEP * (WORDS * (WORDS - 1) / 2);
}

static __attribute__((target("sse2"))) void fill(pair *at, uint32_t page)
{
	pair value = { first_word(page), first_word(page) + STEP };

	for (unsigned int i = 0; i < PAIRS; i++) {
		at[i] = value;
		value += 2 * STEP;
	}
}

/* Returns false if one word is not what it has to be. */
static __attribute__((target("sse2"))) bool check(const pair *at, uint32_t page, uint64_t *sum)
{
	pair value = { first_word(page), first_word(page) + STEP }, sums = {}, wrong = {};

	for (unsigned int i = 0; i < PAIRS; i++) {
		sums += at[i];
		wrong |= at[i] ^ value;
		value += 2 * STEP;
	}
	*sum = sums[0] + sums[1];
	return !(wrong[0] | wrong[1]);
}

/* What is visited is in the checksum, and when. */
static uint64_t add_page(uint64_t checksum, uint64_t sum)
{
	return ((checksum << 11 | checksum >> 53) + sum) * 0xd6e8feb86659fd93ull;
}

static uint32_t visited(uint32_t i)
{
	return i * STRIDE % PAGES;
}

/* The frames of all pages, by one call, as a program on Windows asks for them. */
static uintptr_t *allocate(struct placed_awe *awe)
{
	uintptr_t *frames = calloc(PAGES, sizeof(*frames)), got = PAGES;

	if (!frames || !placed_awe_allocate(awe, &got, frames))
		die("cannot allocate: %s", strerror(errno));
	if (got < PAGES)
		die("there are %lu pages, and not %u: the machine needs more memory",
		    (unsigned long)got, PAGES);
	return frames;
}

static void remap(struct placed_awe *awe, void *window, const uintptr_t *frames)
{
	if (!placed_awe_map(awe, window, WINDOW, frames))
		die("cannot map: %s", strerror(errno));
}

static void fill_all(struct placed_awe *awe, uint8_t *window, const uintptr_t *frames)
{
	for (uint32_t first = 0; first < PAGES; first += WINDOW) {
		remap(awe, window, frames + first);
		for (uint32_t i = 0; i < WINDOW; i++)
			fill((pair *)(window + (size_t)i * PAGE_SIZE), first + i);
	}
}

/* Returns the checksum of all words. */
static uint64_t check_all(struct placed_awe *awe, uint8_t *window, const uintptr_t *frames)
{
	static uintptr_t batch[WINDOW];
	static uint32_t pages[WINDOW];
	uint64_t checksum = 0, sum;

	for (uint32_t first = 0; first < PAGES; first += WINDOW) {
		for (uint32_t i = 0; i < WINDOW; i++) {
			pages[i] = visited(first + i);
			batch[i] = frames[pages[i]];
		}
		remap(awe, window, batch);
		for (uint32_t i = 0; i < WINDOW; i++) {
			if (!check((pair *)(window + (size_t)i * PAGE_SIZE), pages[i], &sum))
				die("page %u is not what was stored", pages[i]);
			checksum = add_page(checksum, sum);
		}
	}
	return checksum;
}

static uint64_t expected_checksum(void)
{
	uint64_t checksum = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		checksum = add_page(checksum, sum_of(visited(i)));
	return checksum;
}

int main(void)
{
	const char *backend = getenv("PLACED_AWE_BACKEND");
	struct placed_awe_options options = { .size = sizeof(options), .pages = PAGES };
	struct placed_awe_info info;
	struct placed_awe *awe;
	uint64_t got, expected = expected_checksum();
	uintptr_t *frames;
	uint8_t *window;

	if (backend && !strcmp(backend, "memfd"))
		options.flags |= PLACED_AWE_ONLY_MEMFD;
	awe = placed_awe_create(&options);
	if (!awe)
		die("no pages: %s", strerror(errno));
	placed_awe_get_info(awe, &info);
	printf("4 GiB of data through a window of 64 MiB, in a program of %zu bits\n",
	       sizeof(void *) * 8);
	printf("  backend:  %s: %s\n", info.backend == PLACED_AWE_DRM ? "page windows" : "memfd",
	       info.why);

	window = placed_awe_reserve(awe, NULL, (size_t)WINDOW * PAGE_SIZE, 0, 0, 0);
	if (window == MAP_FAILED)
		die("no window: %s", strerror(errno));
	frames = allocate(awe);
	fill_all(awe, window, frames);
	got = check_all(awe, window, frames);

	placed_awe_get_info(awe, &info);
	printf("  pages:    %llu, all filled, then all read in another order\n",
	       (unsigned long long)info.allocated);
	printf("  remaps:   %u of %u pages each, by %llu calls of the kernel's\n",
	       2 * PAGES / WINDOW, WINDOW, (unsigned long long)info.map_calls);
	printf("  checksum: expected %016llx\n", (unsigned long long)expected);
	printf("                 got %016llx\n", (unsigned long long)got);
	if (got != expected)
		die("these differ");
	placed_awe_close(awe);
	return 0;
}
