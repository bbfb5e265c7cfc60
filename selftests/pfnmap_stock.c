// SPDX-License-Identifier: MIT
/*
 * Mappings of page frames whose drivers never heard of populate and discard have
 * to answer as they always did. Two kinds of them:
 *
 *   devmem   /dev/mem: all entries are there once it is mapped. The BIOS, which
 *            a strict /dev/mem lets programs map, too.
 *   plain    an object of placed_plain, which has not opted in to anything:
 *            entries come by faults, so that it shows what populates and what
 *            does not. Page maps say nothing of page frames; faults are counted.
 *
 * What is expected is what Linux 6.12 answers without our patches.
 */
#include <sys/resource.h>

#include "placed_device.h"

#include "kselftest.h"

#define PAGES 16
#define SIZE (PAGES * PLACED_PAGE)
#define BIOS 0xf0000

struct kind {
	const char *name;
	/* Sets fd and offset, or returns why not. */
	const char *(*open)(struct kind *kind);
	/* Faults that touching all pages of a new mapping takes. */
	long faults;
	int fd;
	uint64_t offset;
};

static const char *open_devmem(struct kind *kind)
{
	kind->fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	kind->offset = BIOS;
	return kind->fd < 0 ? "there is no /dev/mem: CONFIG_DEVMEM" : NULL;
}

static const char *open_plain(struct kind *kind)
{
	uint32_t handle;

	kind->fd = placed_open("placed_plain");
	if (kind->fd < 0)
		return "there is no placed_plain: CONFIG_DRM_PLACED_PLAIN";
	if (placed_create(kind->fd, SIZE, &handle) ||
	    placed_fake_offset(kind->fd, handle, &kind->offset))
		return "placed_plain has no object for us";
	return NULL;
}

static struct kind kinds[] = {
	{ .name = "devmem", .open = open_devmem, .faults = 0 },
	{ .name = "plain", .open = open_plain, .faults = PAGES },
};

static void *map_at(const struct kind *kind, void *at, int flags)
{
	void *map = mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | flags, kind->fd,
			 kind->offset);

	if (map == MAP_FAILED)
		ksft_exit_fail_msg("cannot map %s: %s\n", kind->name, strerror(errno));
	return map;
}

static void *map_kind(const struct kind *kind)
{
	return map_at(kind, NULL, 0);
}

static void unmap(void *map)
{
	munmap(map, SIZE);
}

static long count_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Read from all pages. How many faults did that take? */
static long touch(const void *map)
{
	const volatile uint8_t *byte = map;
	long before;

	/* Once more, for what the counting itself may touch. */
	count_faults();
	before = count_faults();
	for (int i = 0; i < PAGES; i++)
		(void)byte[i * PLACED_PAGE];
	return count_faults() - before;
}

static int advise(void *map, int advice)
{
	return madvise(map, SIZE, advice) ? errno : 0;
}

/* Has the mapping this flag, two letters between spaces, in /proc/self/smaps? */
static bool has_flag(const void *map, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool inside = false, has = false;
	char line[512];

	while (smaps && fgets(line, sizeof(line), smaps)) {
		unsigned long long start, end;

		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			inside = placed_addr(map) >= start && placed_addr(map) < end;
		else if (inside && !strncmp(line, "VmFlags:", 8) && strstr(line, flag))
			has = true;
	}
	if (smaps)
		fclose(smaps);
	return has;
}

/* VmLck of /proc/self/status, in kilobytes. */
static long locked_kb(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	long kb = -1;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmLck: %ld", &kb) == 1)
			break;
	if (status)
		fclose(status);
	return kb;
}

static void report(bool ok, const char *what)
{
	ksft_test_result(ok, "%s\n", what);
}

static const char *name_of(int error)
{
	return error ? strerrorname_np(error) : "success";
}

static void report_errno(const char *what, int seen, int expected)
{
	if (seen != expected)
		ksft_print_msg("%s: %s and not %s\n", what, name_of(seen), name_of(expected));
	report(seen == expected, what);
}

static void report_faults(const struct kind *kind, const char *what, long seen)
{
	if (seen != kind->faults)
		ksft_print_msg("%s: %ld faults, %ld expected\n", what, seen, kind->faults);
	report(seen == kind->faults, what);
}

/* 2 results: these are mappings of the sort that this is about. */
static void test_kind(const struct kind *kind)
{
	void *map = map_kind(kind);

	report(has_flag(map, " pf "), "is a mapping of page frames");
	report_faults(kind, "entries come as they always did", touch(map));
	unmap(map);
}

static const struct {
	const char *name;
	int advice, answer;
} refused[] = {
	{ "MADV_POPULATE_READ", MADV_POPULATE_READ, EINVAL },
	{ "MADV_POPULATE_WRITE", MADV_POPULATE_WRITE, EINVAL },
	{ "MADV_DONTNEED", MADV_DONTNEED, EINVAL },
	{ "MADV_REMOVE", MADV_REMOVE, ENODEV },
};

#define REFUSED (sizeof(refused) / sizeof(refused[0]))

/* 3 results each: what is refused leaves all as it was. */
static void test_refused(const struct kind *kind, unsigned int i)
{
	void *map = map_kind(kind);
	char what[64];
	long faults;

	report_errno(refused[i].name, advise(map, refused[i].advice), refused[i].answer);

	snprintf(what, sizeof(what), "%s populates nothing", refused[i].name);
	report_faults(kind, what, touch(map));

	advise(map, refused[i].advice);
	faults = touch(map);
	snprintf(what, sizeof(what), "%s takes no entries", refused[i].name);
	if (faults)
		ksft_print_msg("%s: %ld faults\n", what, faults);
	report(!faults, what);
	unmap(map);
}

/* Ordinary memory, with a mapping of page frames right behind it. */
static void *map_mixed(const struct kind *kind)
{
	void *map = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		ksft_exit_fail_msg("no memory: %s\n", strerror(errno));
	map_at(kind, (char *)map + SIZE, MAP_FIXED);
	return map;
}

/* 4 results: what is before the mapping is done, what is in it is not. */
static void test_mixed(const struct kind *kind)
{
	unsigned char *map = map_mixed(kind);

	report_errno("MADV_POPULATE_WRITE from ordinary memory on",
		     madvise(map, 2 * SIZE, MADV_POPULATE_WRITE) ? errno : 0, EINVAL);
	report(!touch(map), "MADV_POPULATE_WRITE populates what comes before");

	map[0] = 1;
	report_errno("MADV_DONTNEED from ordinary memory on",
		     madvise(map, 2 * SIZE, MADV_DONTNEED) ? errno : 0, EINVAL);
	report(!map[0], "MADV_DONTNEED discards what comes before");
	munmap(map, 2 * SIZE);
}

/* 1 result */
static void test_map_populate(const struct kind *kind)
{
	void *map = map_at(kind, NULL, MAP_POPULATE);

	report_faults(kind, "MAP_POPULATE populates nothing", touch(map));
	unmap(map);
}

/* 4 results */
static void test_mlock(const struct kind *kind)
{
	void *map = map_kind(kind);
	long kb = locked_kb();

	report_errno("mlock", mlock(map, SIZE) ? errno : 0, 0);
	report(!has_flag(map, " lo ") && locked_kb() == kb, "mlock locks nothing");
	report_faults(kind, "mlock populates nothing", touch(map));
	report_errno("munlock", munlock(map, SIZE) ? errno : 0, 0);
	unmap(map);
}

/* 2 results */
static void test_mlockall_current(const struct kind *kind)
{
	void *map = map_kind(kind);

	report_errno("mlockall(MCL_CURRENT)", mlockall(MCL_CURRENT) ? errno : 0, 0);
	report_faults(kind, "mlockall(MCL_CURRENT) populates nothing", touch(map));
	munlockall();
	unmap(map);
}

/* 2 results */
static void test_mlockall_future(const struct kind *kind)
{
	void *map;

	report_errno("mlockall(MCL_FUTURE)", mlockall(MCL_FUTURE) ? errno : 0, 0);
	map = map_kind(kind);
	report_faults(kind, "mlockall(MCL_FUTURE) populates nothing", touch(map));
	munlockall();
	unmap(map);
}

#define RESULTS (2 + REFUSED * 3 + 4 + 1 + 4 + 2 + 2)

static void test(struct kind *kind)
{
	const char *missing = kind->open(kind);

	ksft_print_msg("[RUN] %s\n", kind->name);
	if (missing) {
		for (unsigned int i = 0; i < RESULTS; i++)
			ksft_test_result_skip("%s\n", missing);
		return;
	}

	test_kind(kind);
	for (unsigned int i = 0; i < REFUSED; i++)
		test_refused(kind, i);
	test_mixed(kind);
	test_map_populate(kind);
	test_mlock(kind);
	test_mlockall_current(kind);
	test_mlockall_future(kind);
	close(kind->fd);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(RESULTS * sizeof(kinds) / sizeof(kinds[0]));

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		test(&kinds[i]);

	ksft_finished();
}
