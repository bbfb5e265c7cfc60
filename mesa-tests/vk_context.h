/* SPDX-License-Identifier: MIT */
/*
 * A Vulkan device and a queue, and host visible memory with a buffer on it, for tests and
 * the demo of VK_EXT_map_memory_placed.
 */
#ifndef VK_CONTEXT_H
#define VK_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vulkan/vulkan.h>

struct vk {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkDevice device;
	uint32_t family;
	VkQueue queue;
	VkCommandPool pool;
	VkPhysicalDeviceMemoryProperties memory;
	VkPhysicalDeviceMapMemoryPlacedFeaturesEXT placed;
	VkDeviceSize alignment;
	bool has_placed;
	PFN_vkMapMemory2KHR map2;
	PFN_vkUnmapMemory2KHR unmap2;
};

/* Memory of the size that was asked for, and a buffer that fills it. */
struct vk_memory {
	VkDeviceMemory memory;
	VkBuffer buffer;
	VkDeviceSize size;
};

static inline bool vk_has_extension(VkPhysicalDevice physical, const char *name)
{
	VkExtensionProperties *list;
	uint32_t count = 0;
	bool has = false;

	vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL);
	list = calloc(count ? count : 1, sizeof(*list));
	if (!list)
		return false;
	vkEnumerateDeviceExtensionProperties(physical, NULL, &count, list);
	for (uint32_t i = 0; i < count; i++)
		has |= !strcmp(list[i].extensionName, name);
	free(list);
	return has;
}

/* The first device, with placed mappings if it has them. */
static inline VkResult vk_open(struct vk *vk)
{
	const VkApplicationInfo app = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_1,
	};
	const VkInstanceCreateInfo instance = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &app,
	};
	static const char *const extensions[] = {
		VK_KHR_MAP_MEMORY_2_EXTENSION_NAME, VK_EXT_MAP_MEMORY_PLACED_EXTENSION_NAME,
	};
	VkPhysicalDeviceMapMemoryPlacedPropertiesEXT placed = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_PROPERTIES_EXT,
	};
	VkPhysicalDeviceProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &placed,
	};
	VkPhysicalDeviceFeatures2 features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		.pNext = &vk->placed,
	};
	const float priority = 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo device = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};
	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
	};
	uint32_t count = 1;
	VkResult ret;

	memset(vk, 0, sizeof(*vk));
	ret = vkCreateInstance(&instance, NULL, &vk->instance);
	if (ret)
		return ret;
	ret = vkEnumeratePhysicalDevices(vk->instance, &count, &vk->physical);
	if (ret < 0 || !count)
		return ret < 0 ? ret : VK_ERROR_INITIALIZATION_FAILED;

	vk->has_placed = vk_has_extension(vk->physical, extensions[0]) &&
			 vk_has_extension(vk->physical, extensions[1]);
	vk->placed.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_FEATURES_EXT;
	if (vk->has_placed) {
		vkGetPhysicalDeviceProperties2(vk->physical, &properties);
		vkGetPhysicalDeviceFeatures2(vk->physical, &features);
		memset(&features.features, 0, sizeof(features.features));
		vk->alignment = placed.minPlacedMemoryMapAlignment;
		device.pNext = &features;
		device.enabledExtensionCount = 2;
		device.ppEnabledExtensionNames = extensions;
	}
	vkGetPhysicalDeviceMemoryProperties(vk->physical, &vk->memory);

	ret = vkCreateDevice(vk->physical, &device, NULL, &vk->device);
	if (ret)
		return ret;
	vkGetDeviceQueue(vk->device, 0, 0, &vk->queue);
	vk->map2 = (PFN_vkMapMemory2KHR)vkGetDeviceProcAddr(vk->device, "vkMapMemory2KHR");
	vk->unmap2 = (PFN_vkUnmapMemory2KHR)vkGetDeviceProcAddr(vk->device, "vkUnmapMemory2KHR");
	return vkCreateCommandPool(vk->device, &pool, NULL, &vk->pool);
}

static inline void vk_close(struct vk *vk)
{
	vkDestroyCommandPool(vk->device, vk->pool, NULL);
	vkDestroyDevice(vk->device, NULL);
	vkDestroyInstance(vk->instance, NULL);
}

/* A type of memory that the CPU sees as it is, -1 for none. */
static inline int vk_memory_type(const struct vk *vk, uint32_t types)
{
	const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
					     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

	for (uint32_t i = 0; i < vk->memory.memoryTypeCount; i++)
		if (types & 1u << i &&
		    (vk->memory.memoryTypes[i].propertyFlags & wanted) == wanted)
			return i;
	return -1;
}

static inline VkResult vk_allocate(const struct vk *vk, VkDeviceSize size,
				   VkBufferUsageFlags usage, struct vk_memory *m)
{
	const VkBufferCreateInfo buffer = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = usage | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
			 VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkMemoryAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	VkMemoryRequirements needs;
	VkResult ret = vkCreateBuffer(vk->device, &buffer, NULL, &m->buffer);
	int type;

	if (ret)
		return ret;
	vkGetBufferMemoryRequirements(vk->device, m->buffer, &needs);
	type = vk_memory_type(vk, needs.memoryTypeBits);
	if (type < 0)
		return VK_ERROR_FEATURE_NOT_PRESENT;
	m->size = info.allocationSize = needs.size > size ? needs.size : size;
	info.memoryTypeIndex = type;
	ret = vkAllocateMemory(vk->device, &info, NULL, &m->memory);
	return ret ? ret : vkBindBufferMemory(vk->device, m->buffer, m->memory, 0);
}

static inline void vk_free(const struct vk *vk, struct vk_memory *m)
{
	vkDestroyBuffer(vk->device, m->buffer, NULL);
	vkFreeMemory(vk->device, m->memory, NULL);
}

static inline VkResult vk_map_placed(const struct vk *vk, const struct vk_memory *m,
				     VkDeviceSize offset, VkDeviceSize size, void *addr,
				     void **ptr)
{
	const VkMemoryMapPlacedInfoEXT placed = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_MAP_PLACED_INFO_EXT,
		.pPlacedAddress = addr,
	};
	const VkMemoryMapInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_MAP_INFO_KHR,
		.pNext = &placed,
		.flags = VK_MEMORY_MAP_PLACED_BIT_EXT,
		.memory = m->memory,
		.offset = offset,
		.size = size,
	};

	return vk->map2(vk->device, &info, ptr);
}

static inline VkResult vk_unmap(const struct vk *vk, const struct vk_memory *m,
				VkMemoryUnmapFlagsKHR flags)
{
	const VkMemoryUnmapInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_UNMAP_INFO_KHR,
		.flags = flags,
		.memory = m->memory,
	};

	return vk->unmap2(vk->device, &info);
}

/* Begin to record commands; vk_run() has them executed, and waits. */
static inline VkResult vk_begin(const struct vk *vk, VkCommandBuffer *cmd)
{
	const VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = vk->pool,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
	};
	VkResult ret = vkAllocateCommandBuffers(vk->device, &info, cmd);

	return ret ? ret : vkBeginCommandBuffer(*cmd, &begin);
}

static inline VkResult vk_run(const struct vk *vk, VkCommandBuffer cmd)
{
	const VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_HOST_READ_BIT,
	};
	const VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &cmd,
	};
	VkResult ret;

	vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_HOST_BIT,
			     0, 1, &barrier, 0, NULL, 0, NULL);
	ret = vkEndCommandBuffer(cmd);
	if (!ret)
		ret = vkQueueSubmit(vk->queue, 1, &submit, VK_NULL_HANDLE);
	if (!ret)
		ret = vkQueueWaitIdle(vk->queue);
	vkFreeCommandBuffers(vk->device, vk->pool, 1, &cmd);
	return ret;
}

#endif
