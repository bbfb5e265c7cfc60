// SPDX-License-Identifier: MIT
/*
 * Usage: window_vk copy|fill START-END|anywhere
 *
 * Vulkan as any program uses it, by whatever Mesa is installed: nothing here knows of
 * placed mappings. copy maps memory of each kind that can be mapped, has the GPU copy
 * and fill it, and compares. fill maps more than the window holds, and has to be told
 * so by Vulkan.
 */
#include "vulkan_minimal.h"
#include "window_test.h"

#define PATIENCE 60000000000ull
#define FILL_WORD 0xc0ffee11u
#define MOST 1024

struct vulkan {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkPhysicalDeviceMemoryProperties memory;
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
};

struct buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	uint64_t size;
	void *map;
};

static void check(VkResult result, const char *what)
{
	if (result)
		fail("%s: VkResult %d", what, result);
}

/* The first device that is virtio-gpu. */
static bool choose_device(struct vulkan *vulkan)
{
	VkPhysicalDevice devices[16];
	VkPhysicalDeviceProperties properties;
	uint32_t count = 16;

	if (vkEnumeratePhysicalDevices(vulkan->instance, &count, devices) < 0)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		vkGetPhysicalDeviceProperties(devices[i], &properties);
		if (!strstr(properties.deviceName, "Venus"))
			continue;
		printf("%s\n", properties.deviceName);
		vulkan->physical = devices[i];
		return true;
	}
	return false;
}

static void start_vulkan(struct vulkan *vulkan)
{
	VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_0,
	};
	VkInstanceCreateInfo instance = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application,
	};
	const float priority = 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1, .pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo device = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1, .pQueueCreateInfos = &queue,
	};
	VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };

	check(vkCreateInstance(&instance, NULL, &vulkan->instance), "vkCreateInstance");
	if (!choose_device(vulkan))
		fail("Vulkan has no Venus device");
	vkGetPhysicalDeviceMemoryProperties(vulkan->physical, &vulkan->memory);
	check(vkCreateDevice(vulkan->physical, &device, NULL, &vulkan->device), "vkCreateDevice");
	vkGetDeviceQueue(vulkan->device, 0, 0, &vulkan->queue);
	check(vkCreateCommandPool(vulkan->device, &pool, NULL, &vulkan->pool),
	      "vkCreateCommandPool");
}

/* Of kinds of memory with both, no call is needed for what the CPU stores. */
static bool can_be_mapped(const struct vulkan *vulkan, uint32_t type)
{
	uint32_t wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
			  VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

	return (vulkan->memory.memoryTypes[type].propertyFlags & wanted) == wanted;
}

/* Leaves what there is of a buffer when it fails, for destroy_buffer(). */
static VkResult create_buffer(struct vulkan *vulkan, uint32_t type, uint64_t size,
			      struct buffer *buffer)
{
	VkBufferCreateInfo create = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = size,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .memoryTypeIndex = type,
	};
	VkMemoryRequirements needs;
	VkResult result;

	*buffer = (struct buffer){ .size = size };
	result = vkCreateBuffer(vulkan->device, &create, NULL, &buffer->buffer);
	if (result)
		return result;
	vkGetBufferMemoryRequirements(vulkan->device, buffer->buffer, &needs);
	if (!(needs.memoryTypeBits & 1 << type))
		fail("no buffer can be in memory of type %u", type);
	allocate.allocationSize = needs.size;
	result = vkAllocateMemory(vulkan->device, &allocate, NULL, &buffer->memory);
	if (result)
		return result;
	result = vkBindBufferMemory(vulkan->device, buffer->buffer, buffer->memory, 0);
	if (result)
		return result;
	return vkMapMemory(vulkan->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->map);
}

static void destroy_buffer(struct vulkan *vulkan, struct buffer *buffer)
{
	vkDestroyBuffer(vulkan->device, buffer->buffer, NULL);
	vkFreeMemory(vulkan->device, buffer->memory, NULL);
}

static VkCommandBuffer begin_commands(struct vulkan *vulkan)
{
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = vulkan->pool, .commandBufferCount = 1,
	};
	VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	VkCommandBuffer commands;

	check(vkAllocateCommandBuffers(vulkan->device, &allocate, &commands),
	      "vkAllocateCommandBuffers");
	check(vkBeginCommandBuffer(commands, &begin), "vkBeginCommandBuffer");
	return commands;
}

/* Have the GPU do it, and wait until it has, and the CPU can see it. */
static void submit(struct vulkan *vulkan, VkCommandBuffer commands)
{
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_HOST_READ_BIT,
	};
	VkFenceCreateInfo create = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1, .pCommandBuffers = &commands,
	};
	VkFence fence;

	vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT,
			     0, 1, &barrier, 0, NULL, 0, NULL);
	check(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
	check(vkCreateFence(vulkan->device, &create, NULL, &fence), "vkCreateFence");
	check(vkQueueSubmit(vulkan->queue, 1, &submit, fence), "vkQueueSubmit");
	check(vkWaitForFences(vulkan->device, 1, &fence, 1, PATIENCE), "vkWaitForFences");
}

static void test_copy(struct vulkan *vulkan, uint32_t type, uint64_t size)
{
	struct buffer from, to, filled;
	VkBufferCopy region = { .size = size };
	VkCommandBuffer commands;
	uint32_t *words;

	check(create_buffer(vulkan, type, size, &from), "buffer to copy from");
	check(create_buffer(vulkan, type, size, &to), "buffer to copy to");
	check(create_buffer(vulkan, type, size, &filled), "buffer to fill");
	check_pointer("to copy from", size, from.map);
	check_pointer("to copy to", size, to.map);
	check_pointer("to fill", size, filled.map);
	/* With what the driver shares with the device. */
	check_maps("memory mapped", 3);

	store_words(from.map, size, type);
	commands = begin_commands(vulkan);
	vkCmdCopyBuffer(commands, from.buffer, to.buffer, 1, &region);
	vkCmdFillBuffer(commands, filled.buffer, 0, VK_WHOLE_SIZE, FILL_WORD);
	submit(vulkan, commands);
	check_words(to.map, size, type, "copied");
	words = filled.map;
	for (uint64_t i = 0; i < size / 4; i++)
		if (words[i] != FILL_WORD)
			fail("filled: word %" PRIu64 " is 0x%x", i, words[i]);

	destroy_buffer(vulkan, &from);
	destroy_buffer(vulkan, &to);
	destroy_buffer(vulkan, &filled);
}

static void test_kinds(struct vulkan *vulkan)
{
	static const uint64_t sizes[] = { 4 << 10, 1 << 20, 16 << 20 };
	uint32_t kinds = 0;

	for (uint32_t type = 0; type < vulkan->memory.memoryTypeCount; type++) {
		if (!can_be_mapped(vulkan, type))
			continue;
		kinds++;
		printf("memory of type %u, flags 0x%x\n", type,
		       vulkan->memory.memoryTypes[type].propertyFlags);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			test_copy(vulkan, type, sizes[i]);
	}
	if (!kinds)
		fail("no memory can be mapped");
}

/* Buffers of a megabyte until the window is full: Vulkan says so, and all that exist work. */
static void test_fill(struct vulkan *vulkan)
{
	uint64_t size = 1 << 20, most = (window_test.end - window_test.start) / size;
	struct buffer buffers[MOST];
	uint32_t type = 0, count = 0;
	VkResult result;

	if (most > MOST - 1)
		fail("that window is too large to be filled");
	while (!can_be_mapped(vulkan, type))
		type++;
	while (!(result = create_buffer(vulkan, type, size, &buffers[count]))) {
		store_words(buffers[count].map, size, count);
		if (++count > most)
			fail("%u MiB are mapped in %" PRIu64, count, most);
	}
	printf("%u buffers of 1 MiB in %" PRIu64 " MiB, then VkResult %d\n", count, most, result);
	if (result != VK_ERROR_MEMORY_MAP_FAILED && result != VK_ERROR_OUT_OF_HOST_MEMORY &&
	    result != VK_ERROR_OUT_OF_DEVICE_MEMORY)
		fail("no room is VkResult %d", result);
	if (!count)
		fail("not even one");
	check_maps("the window is full", count);

	for (uint32_t i = 0; i < count; i++)
		check_words(buffers[i].map, size, i, "buffer in a full window");
	for (uint32_t i = 0; i <= count; i++)
		destroy_buffer(vulkan, &buffers[i]);
	check(create_buffer(vulkan, type, size, &buffers[0]), "a buffer after all are gone");
	check_pointer("again", size, buffers[0].map);
}

int main(int argc, char **argv)
{
	struct vulkan vulkan = {};

	if (argc != 3)
		fail("Usage: window_vk copy|fill START-END|anywhere");
	window_test_start(argv[0], argv[2]);

	start_vulkan(&vulkan);
	if (!strcmp(argv[1], "fill"))
		test_fill(&vulkan);
	else
		test_kinds(&vulkan);
	vkDestroyDevice(vulkan.device, NULL);
	vkDestroyInstance(vulkan.instance, NULL);
	return window_test_end();
}
