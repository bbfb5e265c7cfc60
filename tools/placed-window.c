// SPDX-License-Identifier: MIT
/*
 * Run a program that has never heard of placed mappings, with all that it maps of DRM
 * devices in a window. The work is done by a library that is preloaded; this says
 * beforehand what would go wrong later, where nobody could tell why.
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "placed-window.h"

/* As of env(1) and others. */
#define CANNOT_RUN 126
#define NOT_FOUND 127

/* #! lines in a row that Linux follows. */
#define INTERPRETERS 5

static const char usage[] =
"Usage: placed-window --below SIZE | --range START-END [OPTION]... [--] PROGRAM [ARG...]\n"
"\n"
"Run PROGRAM with the window START to END for the buffers of its GPU: all that it and\n"
"its drivers map of DRM devices lands there. SIZE, START and END are bytes: 0x100000000,\n"
"or 4G (K, M, G, T).\n"
"\n"
"  --below SIZE       the window 0 to SIZE\n"
"  --range START-END  this window; END is the first byte behind it\n"
"  --topdown          prefer high addresses\n"
"  --optional         run PROGRAM, and let it open devices, even without a window\n"
"  --verbose          say what is opened, and what is mapped where\n"
"  --help             this\n"
"\n"
"The status is PROGRAM's. 125: there is no window, 126: PROGRAM cannot be run,\n"
"127: there is no PROGRAM.\n";

static struct placed_window window;

__attribute__((format(printf, 2, 0)))
static void complain(const char *prefix, const char *format, va_list args)
{
	fprintf(stderr, "placed-window: %s", prefix);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

__attribute__((format(printf, 2, 3), noreturn))
static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain("", format, args);
	va_end(args);
	exit(status);
}

/* There will be no window, or not one for all that the program maps. */
__attribute__((format(printf, 1, 2)))
static void without(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(window.optional ? "no window: " : "", format, args);
	va_end(args);
	if (!window.optional)
		exit(PLACED_WINDOW_FAILED);
}

/* Arguments */

static uint64_t parse_size(const char *text)
{
	static const char units[] = "KMGT";
	bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *unit;
	uint64_t size;
	char *end;

	errno = 0;
	size = strtoull(text, &end, is_hex ? 16 : 10);
	if (!isdigit((unsigned char)text[0]) || (is_hex && !isxdigit((unsigned char)text[2])))
		die(PLACED_WINDOW_FAILED, "'%s' is no size: as in 4G, 512M or 0x100000000", text);

	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		unsigned int shift = 10 * (unit - units + 1);

		if (size << shift >> shift != size)
			errno = ERANGE;
		size <<= shift;
		end++;
	}
	if (*end)
		die(PLACED_WINDOW_FAILED, "'%s' is no size: as in 4G, 512M or 0x100000000", text);
	if (errno)
		die(PLACED_WINDOW_FAILED, "%s is more than 64 bits can hold", text);
	if (size % sysconf(_SC_PAGESIZE))
		die(PLACED_WINDOW_FAILED, "%s is not a multiple of the page size, %ld", text,
		    sysconf(_SC_PAGESIZE));
	return size;
}

static void parse_range(const char *text)
{
	const char *dash = strchr(text, '-');
	char *start;

	if (!dash)
		die(PLACED_WINDOW_FAILED, "'%s' is no range: as in 1G-4G", text);
	start = strndup(text, dash - text);
	if (!start)
		die(PLACED_WINDOW_FAILED, "%s", strerror(errno));
	window.start = parse_size(start);
	window.end = parse_size(dash + 1);
	free(start);
}

/* Returns the program and its arguments. */
static char **parse_arguments(int argc, char **argv)
{
	enum { BELOW = 1, RANGE, TOPDOWN, OPTIONAL, VERBOSE, HELP };
	static const struct option options[] = {
		{ "below", required_argument, NULL, BELOW },
		{ "range", required_argument, NULL, RANGE },
		{ "topdown", no_argument, NULL, TOPDOWN },
		{ "optional", no_argument, NULL, OPTIONAL },
		{ "verbose", no_argument, NULL, VERBOSE },
		{ "help", no_argument, NULL, HELP },
		{}
	};
	int option, windows = 0;

	/* What follows the program is the program's. */
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (option) {
		case BELOW:
			window.end = parse_size(optarg);
			windows++;
			break;
		case RANGE:
			parse_range(optarg);
			windows++;
			break;
		case TOPDOWN:
			window.topdown = true;
			break;
		case OPTIONAL:
			window.optional = true;
			break;
		case VERBOSE:
			window.verbose = true;
			break;
		case HELP:
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case ':':
			die(PLACED_WINDOW_FAILED, "%s takes a value: see --help", argv[optind - 1]);
		default:
			die(PLACED_WINDOW_FAILED, "unknown option %s: see --help", argv[optind - 1]);
		}
	}

	if (windows != 1)
		die(PLACED_WINDOW_FAILED, "%s window? one of --below and --range: see --help",
		    windows ? "which" : "what");
	if (window.start >= window.end)
		die(PLACED_WINDOW_FAILED, "nothing is between 0x%" PRIx64 " and 0x%" PRIx64,
		    window.start, window.end);
	if (!argv[optind])
		die(PLACED_WINDOW_FAILED, "which program? see --help");
	return argv + optind;
}

/* Devices */

/* What the devices say: that of the first that takes the window, or of one that comes closest. */
struct answer {
	bool is_asked, has_windows;
	int error;
	char node[300];
};

static struct answer ask_device(const char *name)
{
	struct answer answer = { .is_asked = true };
	int fd;

	snprintf(answer.node, sizeof(answer.node), "/dev/dri/%s", name);
	fd = open(answer.node, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		answer.error = errno;
		return answer;
	}

	answer.error = placed_window_probe(fd);
	answer.has_windows = !answer.error;
	if (answer.has_windows)
		answer.error = placed_window_ioctl(fd, DRM_GEM_MMAP_WINDOW_SET, &window);
	close(fd);
	return answer;
}

static struct answer ask_devices(const char *prefix)
{
	DIR *dir = opendir("/dev/dri");
	struct answer best = {};
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) && (!best.has_windows || best.error))
		if (!strncmp(entry->d_name, prefix, strlen(prefix))) {
			struct answer answer = ask_device(entry->d_name);

			if (!best.has_windows || !answer.error)
				best = answer;
		}
	if (dir)
		closedir(dir);
	return best;
}

/*
 * Each device is asked once more when it is opened; but if there is none that has
 * windows, the reason is better told here.
 */
static void check_devices(void)
{
	/* Whoever opens a card may become its master, and keep a compositor from it. */
	struct answer answer = ask_devices("renderD");

	if (!answer.is_asked)
		answer = ask_devices("card");
	if (answer.has_windows && !answer.error)
		return;

	if (!answer.is_asked)
		without("there is no DRM device in /dev/dri");
	else if (answer.has_windows && answer.error == EINVAL)
		without("no process can have 0x%" PRIx64 "-0x%" PRIx64 ": choose addresses further down",
			window.start, window.end);
	else if (answer.error == ENOTTY)
		without("this kernel has no DRM_IOCTL_GEM_MMAP_WINDOW: boot one with CONFIG_DRM_PLACED, or --optional");
	else if (answer.error == EOPNOTSUPP)
		without("the driver of %s has no windows: --optional to run without", answer.node);
	else
		without("%s: %s", answer.node, strerror(answer.error));
}

/* The program */

struct program {
	char path[PATH_MAX];
	/* Of an ELF file. */
	bool is_elf, is_dynamic;
	unsigned int bits;
};

/* As execvp(3) finds it. */
static void find_program(const char *name, char *path)
{
	const char *dirs = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin", *end;
	struct stat status;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		if (access(path, F_OK))
			die(NOT_FOUND, "%s: %s", name, strerror(errno));
		return;
	}

	for (;; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - dirs), dirs,
			 end == dirs ? "" : "/", name);
		if (!access(path, X_OK) && !stat(path, &status) && S_ISREG(status.st_mode))
			return;
		if (!*end)
			die(NOT_FOUND, "no program %s in PATH", name);
	}
}

static void read_elf64(int fd, const unsigned char *head, struct program *program)
{
	Elf64_Phdr segment;
	Elf64_Ehdr elf;

	memcpy(&elf, head, sizeof(elf));
	for (unsigned int i = 0; i < elf.e_phnum; i++)
		if (pread(fd, &segment, sizeof(segment), elf.e_phoff + i * elf.e_phentsize) ==
		    sizeof(segment) && segment.p_type == PT_INTERP)
			program->is_dynamic = true;
	program->bits = 64;
}

static void read_elf32(int fd, const unsigned char *head, struct program *program)
{
	Elf32_Phdr segment;
	Elf32_Ehdr elf;

	memcpy(&elf, head, sizeof(elf));
	for (unsigned int i = 0; i < elf.e_phnum; i++)
		if (pread(fd, &segment, sizeof(segment), elf.e_phoff + i * elf.e_phentsize) ==
		    sizeof(segment) && segment.p_type == PT_INTERP)
			program->is_dynamic = true;
	program->bits = 32;
}

/* The program that a script is run by. False: it is no script. */
static bool read_interpreter(char *line, char *path)
{
	char *word;

	if (strncmp(line, "#!", 2))
		return false;
	line[strcspn(line, "\n")] = 0;
	word = strtok(line + 2, " \t");
	if (!word)
		return false;
	snprintf(path, PATH_MAX, "%s", word);
	return true;
}

/*
 * What will be executed; if it is a script, its interpreter. What cannot be read or
 * understood is for the kernel to judge.
 */
static void read_program(struct program *program, struct stat *status)
{
	for (int i = 0; i < INTERPRETERS; i++) {
		unsigned char head[PATH_MAX + 1] = {};
		int fd = open(program->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fstat(fd, status) || read(fd, head, sizeof(head) - 1) < 0)
			*head = 0;
		program->is_elf = !memcmp(head, ELFMAG, SELFMAG);
		if (program->is_elf && head[EI_CLASS] == ELFCLASS64)
			read_elf64(fd, head, program);
		else if (program->is_elf)
			read_elf32(fd, head, program);
		if (fd >= 0)
			close(fd);
		if (!read_interpreter((char *)head, program->path))
			return;
	}
}

/* Does it get rights by being executed? The dynamic linker then preloads nothing. */
static bool is_privileged(const struct program *program, const struct stat *status)
{
	if (status->st_mode & S_ISUID && status->st_uid != getuid())
		return true;
	if ((status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    status->st_gid != getgid())
		return true;
	return getuid() && getxattr(program->path, "security.capability", NULL, 0) > 0;
}

/* The library for programs of so many bits, from where this program is: bin has it beside. */
static void find_library(unsigned int bits, char *library, char *preload)
{
	char self[PATH_MAX / 2];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length < 0 ? 0 : length] = 0;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(self, '/');
		if (!slash)
			die(PLACED_WINDOW_FAILED, "cannot tell where this program is: is /proc mounted?");
		*slash = 0;
	}
	if (strpbrk(self, " :$"))
		die(PLACED_WINDOW_FAILED, "nothing can be preloaded from '%s': move it to a place without spaces, colons and $",
		    self);

	snprintf(library, PATH_MAX, "%s/%s/%s", self, bits == 32 ? LIB_i386 : LIB_x86_64,
		 PLACED_WINDOW_LIBRARY);
	/* The dynamic linker fills in LIB, for each program that this one starts. */
	snprintf(preload, PATH_MAX, "%s/$LIB/%s", self, PLACED_WINDOW_LIBRARY);
}

static void check_program(struct program *program)
{
	char library[PATH_MAX], preload[PATH_MAX];
	struct stat status = {};

	read_program(program, &status);
	find_library(program->bits, library, preload);
	if (program->is_elf && !program->is_dynamic)
		without("%s is statically linked: nothing can be preloaded", program->path);
	else if (program->is_elf && is_privileged(program, &status))
		without("%s is setuid, or has capabilities: nothing can be preloaded", program->path);
	else if (access(library, R_OK))
		without("%s: %s: run make install in tools", library, strerror(errno));
}

static void set_environment(void)
{
	char library[PATH_MAX], preload[PATH_MAX], all[2 * PATH_MAX], text[128];
	const char *others = getenv("LD_PRELOAD");

	find_library(64, library, preload);
	snprintf(all, sizeof(all), "%s%s%s", preload, others && *others ? ":" : "", others ?: "");
	snprintf(text, sizeof(text), "0x%" PRIx64 "-0x%" PRIx64 "%s%s%s", window.start, window.end,
		 window.topdown ? ",topdown" : "", window.optional ? ",optional" : "",
		 window.verbose ? ",verbose" : "");
	if (setenv("LD_PRELOAD", all, 1) || setenv(PLACED_WINDOW_VARIABLE, text, 1))
		die(PLACED_WINDOW_FAILED, "%s", strerror(errno));
}

int main(int argc, char **argv)
{
	char **command = parse_arguments(argc, argv);
	struct program program = {};

	find_program(command[0], program.path);
	check_program(&program);
	check_devices();
	set_environment();
	execvp(command[0], command);
	die(errno == ENOENT ? NOT_FOUND : CANNOT_RUN, "cannot run %s: %s", command[0], strerror(errno));
}
