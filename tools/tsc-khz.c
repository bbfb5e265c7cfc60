// SPDX-License-Identifier: MIT
/*
 * Print how many thousand ticks the time stamp counter of this machine makes a
 * second. QEMU's TCG gives guests the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t tsc;
	double ns;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Both clocks at once, or as nearly as in any of some tries: others may come in between. */
static struct moment look(void)
{
	struct moment best = { 0, 0 };
	double least = 1e18;

	for (int i = 0; i < 100; i++) {
		double before = now(), after;
		uint64_t tsc = __rdtsc();

		after = now();
		if (after - before < least) {
			least = after - before;
			best.tsc = tsc;
			best.ns = (before + after) / 2;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 30 * 1000 * 1000 };
	struct moment first = look(), last;

	nanosleep(&pause, NULL);
	last = look();
	printf("%.0f\n", (last.tsc - first.tsc) / (last.ns - first.ns) * 1e6);
	return 0;
}
