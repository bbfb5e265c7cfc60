/* SPDX-License-Identifier: MIT */
/* What the bench programs share: they end with a line that says what went wrong. */
#ifndef BENCH_H
#define BENCH_H

#include <err.h>
#include <stdio.h>
#include <string.h>

static inline void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, strerror(-ret));
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		err(1, "%s", path);
}

#endif
