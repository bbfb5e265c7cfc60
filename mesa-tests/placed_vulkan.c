// SPDX-License-Identifier: MIT
/**
 * TEST: placed vulkan
 * Description: VK_EXT_map_memory_placed, rule by rule
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: placed
 * Functionality: placed mappings
 * Test category: functionality test
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "igt.h"
#include "vk_context.h"

IGT_TEST_DESCRIPTION("What VK_EXT_map_memory_placed asks of mappings, and what it refuses");

#define PAGE 4096ul
#define SIZE (16 * PAGE)

#define vk_ok(call) igt_assert_eq(call, VK_SUCCESS)
#define vk_refused(call) igt_assert_eq(call, VK_ERROR_MEMORY_MAP_FAILED)

static struct vk vk;

/* Addresses that nobody has, and no access of. */
static uint8_t *reserve(size_t size)
{
	void *ptr = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

/* What /proc/self/maps has for an address: which permissions, and of what; none for nothing. */
static void mapping_of(const void *addr, char *what, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], perms[5], path[256];

	igt_assert(maps);
	snprintf(what, size, "none");
	while (fgets(line, sizeof(line), maps)) {
		path[0] = 0;
		igt_assert(sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &start, &end, perms,
				  path) >= 3);
		if ((uintptr_t)addr >= start && (uintptr_t)addr < end) {
			snprintf(what, size, "%s %s", perms,
				 strstr(path, "/dev/dri/") ? "gpu" : path[0] ? "file" : "memory");
			break;
		}
	}
	fclose(maps);
}

#define assert_mapping(addr, wanted) do { \
	char what_[300]; \
	mapping_of(addr, what_, sizeof(what_)); \
	igt_assert_f(!strcmp(what_, wanted), "%p is %s, not %s\n", (void *)(addr), what_, wanted); \
} while (0)

#define FREE "none"
#define RESERVED "---p memory"
#define MAPPED "rw-s gpu"

static struct vk_memory allocate(size_t size)
{
	struct vk_memory m;

	vk_ok(vk_allocate(&vk, size, 0, &m));
	return m;
}

static void place(const struct vk_memory *m, uint8_t *addr)
{
	void *ptr = NULL;

	vk_ok(vk_map_placed(&vk, m, 0, VK_WHOLE_SIZE, addr, &ptr));
	igt_assert(ptr == addr);
}

static void fill(const struct vk_memory *m, uint32_t value)
{
	VkCommandBuffer cmd;

	vk_ok(vk_begin(&vk, &cmd));
	vkCmdFillBuffer(cmd, m->buffer, 0, VK_WHOLE_SIZE, value);
	vk_ok(vk_run(&vk, cmd));
}

static void copy(const struct vk_memory *from, const struct vk_memory *to, size_t size)
{
	const VkBufferCopy region = { .size = size };
	VkCommandBuffer cmd;

	vk_ok(vk_begin(&vk, &cmd));
	vkCmdCopyBuffer(cmd, from->buffer, to->buffer, 1, &region);
	vk_ok(vk_run(&vk, cmd));
}

/* The size that was asked for, at the address that was asked for, and the guards stay. */
static void exact_size(void)
{
	static const size_t sizes[] = { PAGE, 3 * PAGE, 17 * PAGE, 600 * PAGE };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct vk_memory m = allocate(sizes[i]);
		size_t size = (m.size + PAGE - 1) & ~(PAGE - 1);
		uint8_t *guarded = reserve(size + 2 * PAGE), *addr = guarded + PAGE;

		place(&m, addr);
		assert_mapping(addr - 1, RESERVED);
		assert_mapping(addr, MAPPED);
		assert_mapping(addr + size - 1, MAPPED);
		assert_mapping(addr + size, RESERVED);
		memset(addr, 0x5a, m.size);
		vk_ok(vk_unmap(&vk, &m, 0));
		assert_mapping(addr - 1, RESERVED);
		assert_mapping(addr, FREE);
		assert_mapping(addr + size - 1, FREE);
		assert_mapping(addr + size, RESERVED);
		munmap(guarded, PAGE);
		munmap(addr + size, PAGE);
		vk_free(&vk, &m);
	}
}

static void gpu_access(void)
{
	struct vk_memory m = allocate(SIZE), other = allocate(SIZE);
	uint32_t *words = (void *)reserve(m.size), *more = (void *)reserve(other.size);

	place(&m, (void *)words);
	place(&other, (void *)more);
	for (uint32_t round = 1; round < 6; round++) {
		fill(&m, round * 0x01010101);
		for (size_t i = 0; i < SIZE / 4; i++)
			igt_assert_eq_u32(words[i], round * 0x01010101);
		for (size_t i = 0; i < SIZE / 4; i++)
			words[i] = i * round;
		copy(&m, &other, SIZE);
		for (size_t i = 0; i < SIZE / 4; i++)
			igt_assert_eq_u32(more[i], i * round);
	}
	vk_free(&vk, &m);
	vk_free(&vk, &other);
	/* Freed memory is unmapped. */
	assert_mapping(words, FREE);
	assert_mapping(more, FREE);
}

static void unmap_reserve(void)
{
	struct vk_memory m = allocate(SIZE), other = allocate(SIZE);
	uint8_t *addr = reserve(m.size);

	for (int i = 0; i < 3; i++) {
		place(&m, addr);
		memset(addr, i, SIZE);
		vk_ok(vk_unmap(&vk, &m, VK_MEMORY_UNMAP_RESERVE_BIT_EXT));
		assert_mapping(addr, RESERVED);
		assert_mapping(addr + SIZE - 1, RESERVED);
		/* and it can be placed there once more, or another one can */
		place(&other, addr);
		vk_ok(vk_unmap(&vk, &other, VK_MEMORY_UNMAP_RESERVE_BIT_EXT));
	}
	place(&m, addr);
	igt_assert_eq(addr[17], 2);
	vk_ok(vk_unmap(&vk, &m, 0));
	assert_mapping(addr, FREE);
	vk_free(&vk, &m);
	vk_free(&vk, &other);
}

/* The addresses of a mapping that was not placed become the application's. */
static void normal_unmap_reserve(void)
{
	struct vk_memory m = allocate(SIZE), other = allocate(SIZE);
	uint8_t *addr, *again;

	vk_ok(vkMapMemory(vk.device, m.memory, 0, VK_WHOLE_SIZE, 0, (void **)&addr));
	memset(addr, 0x11, SIZE);
	vk_ok(vk_unmap(&vk, &m, VK_MEMORY_UNMAP_RESERVE_BIT_EXT));
	assert_mapping(addr, RESERVED);
	place(&other, addr);
	memset(addr, 0x22, SIZE);

	vk_ok(vkMapMemory(vk.device, m.memory, 0, VK_WHOLE_SIZE, 0, (void **)&again));
	igt_assert(again + SIZE <= addr || again >= addr + SIZE);
	igt_assert_eq(again[SIZE - 1], 0x11);
	igt_assert_eq(addr[SIZE - 1], 0x22);
	vkUnmapMemory(vk.device, m.memory);
	vk_free(&vk, &m);
	/* What the application has there by now is not unmapped with the memory. */
	igt_assert_eq(addr[0], 0x22);
	vk_free(&vk, &other);
}

/* Placed ones do not get into the way of vkMapMemory(), nor the other way around. */
static void coexist(void)
{
	struct vk_memory m = allocate(SIZE);
	uint8_t *addr = reserve(m.size), *normal, *again;

	vk_ok(vkMapMemory(vk.device, m.memory, 0, VK_WHOLE_SIZE, 0, (void **)&normal));
	normal[5] = 1;
	vkUnmapMemory(vk.device, m.memory);
	place(&m, addr);
	igt_assert_eq(addr[5], 1);
	addr[5] = 2;
	vkUnmapMemory(vk.device, m.memory);
	assert_mapping(addr, FREE);
	vk_ok(vkMapMemory(vk.device, m.memory, PAGE, PAGE, 0, (void **)&again));
	igt_assert_eq(again[5 - (ptrdiff_t)PAGE], 2);
	vkUnmapMemory(vk.device, m.memory);
	vk_free(&vk, &m);
}

#define MANY 30

static void many(void)
{
	struct vk_memory m[MANY];
	uint8_t *addr = reserve(MANY * SIZE);

	for (int i = 0; i < MANY; i++) {
		m[i] = allocate(SIZE);
		igt_assert_eq_u64(m[i].size, SIZE);
	}
	/* Side by side, not in order. */
	for (int i = 0; i < MANY; i++)
		place(&m[i * 7 % MANY], addr + i * 7 % MANY * SIZE);
	for (int i = 0; i < MANY; i++)
		memset(addr + i * SIZE, i + 1, SIZE);
	for (int i = 0; i < MANY; i += 3)
		fill(&m[i], 0x77777777);
	for (int i = 0; i < MANY; i++) {
		igt_assert_eq(addr[i * SIZE], i % 3 ? i + 1 : 0x77);
		igt_assert_eq(addr[(i + 1) * SIZE - 1], i % 3 ? i + 1 : 0x77);
	}
	for (int i = 0; i < MANY; i += 2)
		vk_ok(vk_unmap(&vk, &m[i], 0));
	for (int i = 0; i < MANY; i++)
		assert_mapping(addr + i * SIZE, i % 2 ? MAPPED : FREE);
	for (int i = 0; i < MANY; i++)
		vk_free(&vk, &m[i]);
}

static void range(void)
{
	struct vk_memory m = allocate(SIZE);
	uint8_t *addr = reserve(SIZE + 2 * PAGE), *normal;
	void *ptr;

	if (!vk.placed.memoryMapRangePlaced) {
		/* then what it does not have it refuses */
		vk_refused(vk_map_placed(&vk, &m, PAGE, PAGE, addr, &ptr));
		vk_refused(vk_map_placed(&vk, &m, 0, PAGE, addr, &ptr));
		assert_mapping(addr, RESERVED);
		vk_free(&vk, &m);
		igt_require_f(false, "capability map-range is missing\n");
	}

	vk_ok(vkMapMemory(vk.device, m.memory, 0, VK_WHOLE_SIZE, 0, (void **)&normal));
	for (size_t i = 0; i < SIZE; i++)
		normal[i] = i / PAGE;
	vkUnmapMemory(vk.device, m.memory);

	for (size_t first = 0; first < SIZE; first += 3 * PAGE) {
		vk_ok(vk_map_placed(&vk, &m, first, PAGE, addr + PAGE, &ptr));
		igt_assert(ptr == addr + PAGE);
		igt_assert_eq(addr[PAGE], first / PAGE);
		igt_assert_eq(addr[2 * PAGE - 1], first / PAGE);
		assert_mapping(addr + PAGE - 1, RESERVED);
		assert_mapping(addr + 2 * PAGE, RESERVED);
		vk_ok(vk_unmap(&vk, &m, VK_MEMORY_UNMAP_RESERVE_BIT_EXT));
	}
	/* From somewhere to the end. */
	vk_ok(vk_map_placed(&vk, &m, 5 * PAGE, VK_WHOLE_SIZE, addr, &ptr));
	igt_assert_eq(addr[0], 5);
	igt_assert_eq(addr[SIZE - 5 * PAGE - 1], SIZE / PAGE - 1);
	assert_mapping(addr + SIZE - 5 * PAGE, RESERVED);
	vk_free(&vk, &m);
}

static void errors(void)
{
	struct vk_memory m = allocate(SIZE), other = allocate(SIZE);
	uint8_t *addr = reserve(4 * SIZE), *normal;
	void *ptr = (void *)17;

	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, addr + 1, &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, addr + PAGE / 2, &ptr));
	vk_refused(vk_map_placed(&vk, &m, 1, PAGE, addr, &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, NULL, &ptr));
	/* outside of what a process may have */
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, (void *)(-PAGE * 100), &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, (void *)(1ul << 60), &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, (void *)-PAGE, &ptr));
	assert_mapping(addr, RESERVED);
	assert_mapping(addr + SIZE, RESERVED);

	/* where another one of the device's is, or a part of it */
	place(&other, addr + SIZE);
	memset(addr + SIZE, 0x33, SIZE);
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, addr + SIZE, &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, addr + PAGE, &ptr));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, addr + 2 * SIZE - PAGE, &ptr));
	assert_mapping(addr + SIZE - 1, RESERVED);
	assert_mapping(addr + 2 * SIZE, RESERVED);
	/* what is mapped is not mapped twice */
	vk_refused(vk_map_placed(&vk, &other, 0, VK_WHOLE_SIZE, addr + 3 * SIZE, &ptr));
	igt_assert_eq(addr[2 * SIZE - 1], 0x33);
	vk_ok(vk_unmap(&vk, &other, 0));

	vk_ok(vkMapMemory(vk.device, other.memory, 0, VK_WHOLE_SIZE, 0, (void **)&normal));
	vk_refused(vk_map_placed(&vk, &m, 0, VK_WHOLE_SIZE, normal, &ptr));
	vkUnmapMemory(vk.device, other.memory);

	/* After all that it can be placed. */
	place(&m, addr);
	vk_free(&vk, &m);
	vk_free(&vk, &other);
}

/* The driver's limit, in a process of its own, for it is read once. */
static int limited(bool possible)
{
	struct vk in_child;
	struct vk_memory m;
	uint8_t *low = mmap((void *)0x10000000, SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	uint8_t *high = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	VkResult ret;
	void *ptr;

	setenv("MESA_MAP_BELOW", possible ? "0x100000000" : "0x1000", 1);
	ret = vk_open(&in_child);
	if (!possible)
		return ret == VK_ERROR_OUT_OF_HOST_MEMORY || ret == VK_ERROR_MEMORY_MAP_FAILED ||
		       ret == VK_ERROR_INITIALIZATION_FAILED ? 0 : 1;
	if (ret || low != (void *)0x10000000 || high == MAP_FAILED)
		return 2;
	if (vk_allocate(&in_child, SIZE, 0, &m))
		return 3;
	if (vkMapMemory(in_child.device, m.memory, 0, VK_WHOLE_SIZE, 0, &ptr) ||
	    (uintptr_t)ptr + SIZE > 1ul << 32)
		return 4;
	vkUnmapMemory(in_child.device, m.memory);
	if (vk_map_placed(&in_child, &m, 0, VK_WHOLE_SIZE, high, &ptr) !=
	    VK_ERROR_MEMORY_MAP_FAILED)
		return 5;
	if (vk_map_placed(&in_child, &m, 0, VK_WHOLE_SIZE, low, &ptr) || ptr != low)
		return 6;
	vk_free(&in_child, &m);
	vk_close(&in_child);
	return 0;
}

static void limit(bool possible)
{
	int status;
	pid_t pid = fork();

	igt_assert(pid >= 0);
	if (!pid)
		_exit(limited(possible));
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_f(WIFEXITED(status), "signal %d", WTERMSIG(status));
	igt_assert_eq(WEXITSTATUS(status), 0);
}

igt_main {
	/**
	 * SUBTEST: limit
	 * Description: With MESA_MAP_BELOW, nothing is mapped above, nor placed there
	 */
	igt_describe("With MESA_MAP_BELOW, nothing is mapped above, nor placed there");
	igt_subtest("limit")
		limit(true);

	/**
	 * SUBTEST: limit-impossible
	 * Description: A limit that leaves no room is an error, not a crash
	 */
	igt_describe("A limit that leaves no room is an error, not a crash");
	igt_subtest("limit-impossible")
		limit(false);

	igt_fixture {
		vk_ok(vk_open(&vk));
		igt_require_f(vk.has_placed, "no VK_EXT_map_memory_placed\n");
	}

	/**
	 * SUBTEST: features
	 * Description: The driver offers placed mappings, and pages as their alignment
	 */
	igt_describe("The driver offers placed mappings, and pages as their alignment");
	igt_subtest("features") {
		igt_assert(vk.placed.memoryMapPlaced);
		igt_assert(vk.placed.memoryUnmapReserve);
		igt_assert_eq_u64(vk.alignment, sysconf(_SC_PAGESIZE));
		igt_assert(vk.map2 && vk.unmap2);
	}

	/**
	 * SUBTEST: exact-size
	 * Description: A placed mapping covers its memory, and nothing beside it
	 */
	igt_describe("A placed mapping covers its memory, and nothing beside it");
	igt_subtest("exact-size")
		exact_size();

	/**
	 * SUBTEST: gpu-access
	 * Description: The GPU and the CPU see the same
	 */
	igt_describe("The GPU and the CPU see the same");
	igt_subtest("gpu-access")
		gpu_access();

	/**
	 * SUBTEST: unmap-reserve
	 * Description: The addresses stay reserved, and can be used again
	 */
	igt_describe("The addresses stay reserved, and can be used again");
	igt_subtest("unmap-reserve")
		unmap_reserve();

	/**
	 * SUBTEST: normal-unmap-reserve
	 * Description: The same for what vkMapMemory() has mapped
	 */
	igt_describe("The same for what vkMapMemory() has mapped");
	igt_subtest("normal-unmap-reserve")
		normal_unmap_reserve();

	/**
	 * SUBTEST: coexist
	 * Description: Memory is mapped by vkMapMemory() and placed in turn
	 */
	igt_describe("Memory is mapped by vkMapMemory() and placed in turn");
	igt_subtest("coexist")
		coexist();

	/**
	 * SUBTEST: many
	 * Description: Several VkDeviceMemory side by side
	 */
	igt_describe("Several VkDeviceMemory side by side");
	igt_subtest("many")
		many();

	/**
	 * SUBTEST: range
	 * Description: Parts of the memory, or, where these are not offered, errors
	 */
	igt_describe("Parts of the memory, or, where these are not offered, errors");
	igt_subtest("range")
		range();

	/**
	 * SUBTEST: errors
	 * Description: What cannot be placed is VK_ERROR_MEMORY_MAP_FAILED, and changes nothing
	 */
	igt_describe("What cannot be placed is VK_ERROR_MEMORY_MAP_FAILED, and changes nothing");
	igt_subtest("errors")
		errors();

	igt_fixture
		vk_close(&vk);
}
