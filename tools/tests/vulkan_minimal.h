/* SPDX-License-Identifier: MIT */
/*
 * As much of Vulkan 1.0 as allocates, maps and copies buffers, for there are no headers
 * of it in the sysroot: what the names stand for is fixed for ever.
 */
#ifndef VULKAN_MINIMAL_H
#define VULKAN_MINIMAL_H

#include <stdint.h>

#define VK_API_VERSION_1_0 (1u << 22)
#define VK_WHOLE_SIZE (~0ull)

/* Handles: of the first kind they are pointers, of the second 64 bits everywhere. */
typedef struct vk_instance *VkInstance;
typedef struct vk_physical_device *VkPhysicalDevice;
typedef struct vk_device *VkDevice;
typedef struct vk_queue *VkQueue;
typedef struct vk_command_buffer *VkCommandBuffer;
typedef uint64_t VkBuffer, VkDeviceMemory, VkFence, VkCommandPool;

typedef enum {
	VK_SUCCESS = 0,
	VK_ERROR_OUT_OF_HOST_MEMORY = -1,
	VK_ERROR_OUT_OF_DEVICE_MEMORY = -2,
	VK_ERROR_INITIALIZATION_FAILED = -3,
	VK_ERROR_MEMORY_MAP_FAILED = -5,
	VK_RESULT_MAX = 0x7fffffff,
} VkResult;

enum {
	VK_STRUCTURE_TYPE_APPLICATION_INFO = 0,
	VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO = 1,
	VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO = 2,
	VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO = 3,
	VK_STRUCTURE_TYPE_SUBMIT_INFO = 4,
	VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO = 5,
	VK_STRUCTURE_TYPE_FENCE_CREATE_INFO = 8,
	VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO = 12,
	VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO = 39,
	VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO = 40,
	VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO = 42,
	VK_STRUCTURE_TYPE_MEMORY_BARRIER = 46,

	VK_BUFFER_USAGE_TRANSFER_SRC_BIT = 1 << 0,
	VK_BUFFER_USAGE_TRANSFER_DST_BIT = 1 << 1,
	VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT = 1 << 1,
	VK_MEMORY_PROPERTY_HOST_COHERENT_BIT = 1 << 2,
	VK_PIPELINE_STAGE_TRANSFER_BIT = 1 << 12,
	VK_PIPELINE_STAGE_HOST_BIT = 1 << 14,
	VK_ACCESS_TRANSFER_WRITE_BIT = 1 << 12,
	VK_ACCESS_HOST_READ_BIT = 1 << 13,

	VK_MAX_MEMORY_TYPES = 32,
};

typedef struct {
	uint32_t sType;
	const void *pNext;
	const char *pApplicationName;
	uint32_t applicationVersion;
	const char *pEngineName;
	uint32_t engineVersion, apiVersion;
} VkApplicationInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags;
	const VkApplicationInfo *pApplicationInfo;
	uint32_t enabledLayerCount;
	const char * const *ppEnabledLayerNames;
	uint32_t enabledExtensionCount;
	const char * const *ppEnabledExtensionNames;
} VkInstanceCreateInfo;

typedef struct {
	uint32_t apiVersion, driverVersion, vendorID, deviceID, deviceType;
	char deviceName[256];
	uint8_t pipelineCacheUUID[16];
	/* Limits, which nobody here asks for, and more room than they take. */
	uint64_t rest[128];
} VkPhysicalDeviceProperties;

typedef struct {
	uint32_t memoryTypeCount;
	struct {
		uint32_t propertyFlags, heapIndex;
	} memoryTypes[VK_MAX_MEMORY_TYPES];
	uint32_t memoryHeapCount;
	struct {
		uint64_t size __attribute__((aligned(8)));
		uint32_t flags;
	} memoryHeaps[16];
} VkPhysicalDeviceMemoryProperties;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags, queueFamilyIndex, queueCount;
	const float *pQueuePriorities;
} VkDeviceQueueCreateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags, queueCreateInfoCount;
	const VkDeviceQueueCreateInfo *pQueueCreateInfos;
	uint32_t enabledLayerCount;
	const char * const *ppEnabledLayerNames;
	uint32_t enabledExtensionCount;
	const char * const *ppEnabledExtensionNames;
	const void *pEnabledFeatures;
} VkDeviceCreateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags;
	uint64_t size;
	uint32_t usage, sharingMode, queueFamilyIndexCount;
	const uint32_t *pQueueFamilyIndices;
} VkBufferCreateInfo;

typedef struct {
	uint64_t size, alignment;
	uint32_t memoryTypeBits;
} VkMemoryRequirements;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint64_t allocationSize;
	uint32_t memoryTypeIndex;
} VkMemoryAllocateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags, queueFamilyIndex;
} VkCommandPoolCreateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	VkCommandPool commandPool;
	uint32_t level, commandBufferCount;
} VkCommandBufferAllocateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags;
	const void *pInheritanceInfo;
} VkCommandBufferBeginInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t srcAccessMask, dstAccessMask;
} VkMemoryBarrier;

typedef struct {
	uint64_t srcOffset, dstOffset, size;
} VkBufferCopy;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t flags;
} VkFenceCreateInfo;

typedef struct {
	uint32_t sType;
	const void *pNext;
	uint32_t waitSemaphoreCount;
	const uint64_t *pWaitSemaphores;
	const uint32_t *pWaitDstStageMask;
	uint32_t commandBufferCount;
	const VkCommandBuffer *pCommandBuffers;
	uint32_t signalSemaphoreCount;
	const uint64_t *pSignalSemaphores;
} VkSubmitInfo;

VkResult vkCreateInstance(const VkInstanceCreateInfo *info, const void *allocator,
			  VkInstance *instance);
void vkDestroyInstance(VkInstance instance, const void *allocator);
VkResult vkEnumeratePhysicalDevices(VkInstance instance, uint32_t *count,
				    VkPhysicalDevice *devices);
void vkGetPhysicalDeviceProperties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties);
void vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice device,
					 VkPhysicalDeviceMemoryProperties *properties);
VkResult vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
			const void *allocator, VkDevice *device);
void vkDestroyDevice(VkDevice device, const void *allocator);
void vkGetDeviceQueue(VkDevice device, uint32_t family, uint32_t index, VkQueue *queue);
VkResult vkCreateBuffer(VkDevice device, const VkBufferCreateInfo *info, const void *allocator,
			VkBuffer *buffer);
void vkDestroyBuffer(VkDevice device, VkBuffer buffer, const void *allocator);
void vkGetBufferMemoryRequirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs);
VkResult vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info, const void *allocator,
			  VkDeviceMemory *memory);
void vkFreeMemory(VkDevice device, VkDeviceMemory memory, const void *allocator);
VkResult vkBindBufferMemory(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
			    uint64_t offset);
VkResult vkMapMemory(VkDevice device, VkDeviceMemory memory, uint64_t offset, uint64_t size,
		     uint32_t flags, void **map);
VkResult vkCreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *info,
			     const void *allocator, VkCommandPool *pool);
VkResult vkAllocateCommandBuffers(VkDevice device, const VkCommandBufferAllocateInfo *info,
				  VkCommandBuffer *buffers);
VkResult vkBeginCommandBuffer(VkCommandBuffer buffer, const VkCommandBufferBeginInfo *info);
VkResult vkEndCommandBuffer(VkCommandBuffer buffer);
void vkCmdCopyBuffer(VkCommandBuffer buffer, VkBuffer from, VkBuffer to, uint32_t count,
		     const VkBufferCopy *regions);
void vkCmdFillBuffer(VkCommandBuffer buffer, VkBuffer to, uint64_t offset, uint64_t size,
		     uint32_t word);
void vkCmdPipelineBarrier(VkCommandBuffer buffer, uint32_t from, uint32_t to, uint32_t flags,
			  uint32_t memory_count, const VkMemoryBarrier *memory_barriers,
			  uint32_t buffer_count, const void *buffer_barriers,
			  uint32_t image_count, const void *image_barriers);
VkResult vkCreateFence(VkDevice device, const VkFenceCreateInfo *info, const void *allocator,
		       VkFence *fence);
VkResult vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences, uint32_t all,
			 uint64_t timeout);
VkResult vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits, VkFence fence);

#endif
