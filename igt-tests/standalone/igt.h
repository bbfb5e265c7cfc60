/* SPDX-License-Identifier: MIT */
/*
 * What the tests use of libigt, declared against the library that Debian ships
 * without headers. Inside an IGT tree the real igt.h takes this one's place.
 */
#ifndef IGT_H
#define IGT_H

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct option;

enum { IGT_LOG_DEBUG, IGT_LOG_INFO, IGT_LOG_WARN };

extern jmp_buf igt_subtest_jmpbuf;
extern jmp_buf igt_dynamic_jmpbuf;

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_opts,
				const struct option *long_opts, const char *help,
				int (*handler)(int opt, int index, void *data), void *data);
bool __igt_run_subtest(const char *name, const char *file, const int line);
bool __igt_enter_dynamic_container(void);
bool __igt_run_dynamic_subtest(const char *name);
bool __igt_fixture(void);
void __igt_fixture_complete(void);
bool __igt_fork(void);
void igt_waitchildren(void);
void igt_install_exit_handler(void (*handler)(int signal));
void igt_success(void);
void igt_exit(void) __attribute__((noreturn));
void igt_describe_f(const char *format, ...) __attribute__((format(printf, 1, 2)));
void igt_log(const char *domain, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void __igt_skip_check(const char *file, const int line, const char *func, const char *check,
		      const char *format, ...) __attribute__((noreturn, format(printf, 5, 6)));
void __igt_fail_assert(const char *domain, const char *file, const int line, const char *func,
		       const char *assertion, const char *format, ...)
	__attribute__((noreturn, format(printf, 6, 7)));

#define IGT_TEST_DESCRIPTION(text) const char *__igt_test_description = text

#define igt_main \
	static void placed_main(void); \
	int main(int argc, char **argv) \
	{ \
		igt_subtest_init_parse_opts(&argc, argv, NULL, NULL, NULL, NULL, NULL); \
		placed_main(); \
		igt_exit(); \
	} \
	static void placed_main(void)

#define igt_fixture \
	for (volatile int once = 0; \
	     once < 1 && __igt_fixture() && sigsetjmp(igt_subtest_jmpbuf, 1) == 0; \
	     once++, __igt_fixture_complete())

#define igt_subtest(name) \
	for (; __igt_run_subtest(name, __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_subtest_f(...) \
	for (char name_[256]; \
	     snprintf(name_, sizeof(name_), __VA_ARGS__), \
	     __igt_run_subtest(name_, __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) ((int)(sizeof(array) / sizeof((array)[0])))
#endif

#define igt_subtest_with_dynamic(name) \
	for (; __igt_run_subtest(name, __FILE__, __LINE__) && __igt_enter_dynamic_container() && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_dynamic(name) \
	for (; __igt_run_dynamic_subtest(name) && sigsetjmp(igt_dynamic_jmpbuf, 1) == 0; \
	     igt_success())

#define igt_fork(child, count) \
	for (int child = 0; child < (count); child++) \
		for (; __igt_fork(); exit(0))

#define igt_describe(text) igt_describe_f("%s", text)
#define igt_info(...) igt_log(NULL, IGT_LOG_INFO, __VA_ARGS__)
#define igt_debug(...) igt_log(NULL, IGT_LOG_DEBUG, __VA_ARGS__)

#define igt_assert_f(expr, ...) do { \
	if (!(expr)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #expr, __VA_ARGS__); \
} while (0)

#define igt_assert(expr) do { \
	if (!(expr)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #expr, NULL); \
} while (0)

#define placed_assert_cmp(type, format, a, op, b) do { \
	type a_ = (a), b_ = (b); \
	if (!(a_ op b_)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #a " " #op " " #b, \
				  "error: " format " " #op " " format "\n", a_, b_); \
} while (0)

#define igt_assert_eq(a, b) placed_assert_cmp(int, "%d", a, ==, b)
#define igt_assert_neq(a, b) placed_assert_cmp(int, "%d", a, !=, b)
#define igt_assert_eq_u32(a, b) placed_assert_cmp(uint32_t, "%#x", a, ==, b)
#define igt_assert_eq_u64(a, b) placed_assert_cmp(unsigned long long, "%#llx", a, ==, b)
#define igt_assert_lte_u64(a, b) placed_assert_cmp(unsigned long long, "%#llx", a, <=, b)
#define igt_assert_lt_u64(a, b) placed_assert_cmp(unsigned long long, "%#llx", a, <, b)

#define igt_require_f(expr, ...) do { \
	if (!(expr)) \
		__igt_skip_check(__FILE__, __LINE__, __func__, #expr, __VA_ARGS__); \
} while (0)

#define igt_require(expr) do { \
	if (!(expr)) \
		__igt_skip_check(__FILE__, __LINE__, __func__, #expr, NULL); \
} while (0)

#endif
