// SPDX-License-Identifier: MIT
/*
 * Vulkan with memory that is mapped below 4 GiB, where the program wants it: what Wine
 * does for 32-bit programs in a 64-bit process. The program reserves addresses, and has
 * the driver place its memory over the reservation (VK_EXT_map_memory_placed); all that it
 * keeps of a mapping are 32 bits. Unmapped memory leaves the reservation as it was.
 *
 * Three memories are placed: vertices that the CPU stores and the GPU draws, first at one
 * address and then at another; a picture that is drawn by the CPU, for the GPU to draw
 * over; and the pixels that come out. The program computes what these have to be, and
 * compares them, and then the screen with them. The screen stays after it has ended.
 */
#include <math.h>

#include "expect.h"
#include "screen.h"
#include "vk_context.h"

#include "placed_vk.frag.h"
#include "placed_vk.vert.h"

/* What is reserved, as by Wine's NtAllocateVirtualMemory(), and what is placed in it. */
#define RESERVED 0x40000000u
#define RESERVED_SIZE (64u << 20)
#define VERTICES_FIRST 0x40ab0000u
#define VERTICES 0x427e5000u
#define PICTURE 0x41400000u
#define PIXELS 0x43210000u

#define FACETS 64
#define SMALL 44
#define GEMS (1 + SMALL)
#define CORNERS (GEMS * FACETS * 3)

/* The gem is not in the middle of the screen, in units of the layout. */
#define GEM_X 915
#define GEM_Y 415

struct vertex {
	float at[3];
	/* Red, green, blue, and one. */
	uint8_t color[4];
};

struct vector {
	double x, y, z;
};

struct placed {
	const char *what;
	uint32_t addr;
	struct vk_memory memory;
};

struct demo {
	struct screen screen;
	uint32_t width, height;
	struct vk vk;
	struct placed vertices, picture, pixels;

	VkImage color, depth;
	VkDeviceMemory color_memory, depth_memory;
	VkImageView color_view, depth_view;
	VkRenderPass pass;
	VkFramebuffer framebuffer;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	float camera[16];
};

static void vk_ok(VkResult ret, const char *what)
{
	if (ret)
		die("%s: Vulkan says %d", what, ret);
}

/* Addresses */

/* What /proc/self/maps says of an address; "nothing" if there is nothing. */
static void mapping_of(uint32_t addr, char *what, size_t size, uint64_t *start, uint64_t *end)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char rest[300], perms[8], path[256];

	if (!maps)
		die("cannot read /proc/self/maps: %s", strerror(errno));
	snprintf(what, size, "nothing");
	while (placed_next_map(maps, start, end, rest, sizeof(rest))) {
		if (addr < *start || addr >= *end)
			continue;
		path[0] = 0;
		sscanf(rest, "%7s %*s %*s %*s %255s", perms, path);
		snprintf(what, size, "%s%s%s", perms, path[0] ? " " : "", path);
		break;
	}
	fclose(maps);
}

static void print_mapping(const char *what, uint32_t asked, const char *given)
{
	char mapping[300];
	uint64_t start, end;

	mapping_of(asked, mapping, sizeof(mapping), &start, &end);
	printf("  %-36s 0x%08x  %-10s  %08llx-%08llx %s\n", what, asked, given,
	       (unsigned long long)start, (unsigned long long)end, mapping);
}

static void check_reserved(uint64_t addr, const char *when)
{
	char mapping[300];
	uint64_t start, end;

	mapping_of(addr, mapping, sizeof(mapping), &start, &end);
	if (strcmp(mapping, "---p"))
		die("0x%llx is \"%s\" and not reserved, %s", (unsigned long long)addr, mapping, when);
}

static void *reach(uint32_t addr)
{
	return placed_ptr(addr);
}

static void reserve(void)
{
	void *addr = mmap(reach(RESERVED), RESERVED_SIZE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (addr != reach(RESERVED))
		die("cannot reserve 0x%x: %s", RESERVED, strerror(errno));
	print_mapping("reserved", RESERVED, "");
}

static uint64_t end_of(const struct placed *placed)
{
	return placed->addr + ((placed->memory.size + PLACED_PAGE - 1) & ~(PLACED_PAGE - 1));
}

static void place(const struct demo *demo, struct placed *placed, uint32_t addr)
{
	char mapping[300], given[16];
	uint64_t start, end;
	void *ptr = NULL;

	placed->addr = addr;
	vk_ok(vk_map_placed(&demo->vk, &placed->memory, 0, VK_WHOLE_SIZE, reach(addr), &ptr),
	      "placing memory");
	if (ptr != reach(addr))
		die("the %s are at %p and not at 0x%x", placed->what, ptr, addr);
	snprintf(given, sizeof(given), "0x%08llx", (unsigned long long)placed_addr(ptr));
	print_mapping(placed->what, addr, given);

	mapping_of(addr, mapping, sizeof(mapping), &start, &end);
	if (strncmp(mapping, "rw-s /dev/dri/", 14) || start != addr || end != end_of(placed) ||
	    end > PLACED_4G)
		die("that is not a mapping of the GPU's of %llu bytes",
		    (unsigned long long)(end_of(placed) - addr));
	check_reserved(addr - 1, "below what is placed");
	check_reserved(end, "above what is placed");
}

static void unmap(const struct demo *demo, const struct placed *placed)
{
	vk_ok(vk_unmap(&demo->vk, &placed->memory, VK_MEMORY_UNMAP_RESERVE_BIT_EXT),
	      "unmapping memory");
	check_reserved(placed->addr, "after it was unmapped");
	check_reserved(end_of(placed) - 1, "after it was unmapped");
}

/* Gems */

static struct vector turn(struct vector v, double yaw, double pitch)
{
	double x = v.x * cos(yaw) + v.z * sin(yaw), z = v.z * cos(yaw) - v.x * sin(yaw);

	return (struct vector){ x, v.y * cos(pitch) - z * sin(pitch),
				v.y * sin(pitch) + z * cos(pitch) };
}

static struct vector ring(double radius, double y, double eighths)
{
	return (struct vector){ radius * cos(eighths * M_PI / 4), y, radius * sin(eighths * M_PI / 4) };
}

/* A brilliant of radius 1: its table, stars and kites, the girdle's upper halves, and below. */
static void cut_brilliant(struct vector facets[FACETS][3])
{
	int n = 0;

#define FACET(a, b, c) do { \
	facets[n][0] = (a); \
	facets[n][1] = (b); \
	facets[n++][2] = (c); \
} while (0)
	for (int i = 0; i < 8; i++) {
		struct vector table = ring(0.58, 0.42, i), next = ring(0.58, 0.42, i + 1);
		struct vector before = ring(0.84, 0.25, i - 0.5), middle = ring(0.84, 0.25, i + 0.5);
		struct vector girdle = ring(1, 0, i), half = ring(1, 0, i + 0.5);
		struct vector after = ring(1, 0, i + 1);

		FACET(((struct vector){ 0, 0.42, 0 }), table, next);
		FACET(table, next, middle);
		FACET(table, before, girdle);
		FACET(table, girdle, middle);
		FACET(middle, girdle, half);
		FACET(middle, half, after);
		FACET(girdle, half, ((struct vector){ 0, -1.05, 0 }));
		FACET(half, after, ((struct vector){ 0, -1.05, 0 }));
	}
#undef FACET
}

static struct vector normal(const struct vector t[3])
{
	struct vector a = { t[1].x - t[0].x, t[1].y - t[0].y, t[1].z - t[0].z };
	struct vector b = { t[2].x - t[0].x, t[2].y - t[0].y, t[2].z - t[0].z };
	struct vector n = { a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x };
	double length = sqrt(n.x * n.x + n.y * n.y + n.z * n.z);

	/* Towards the camera. */
	if (n.z < 0)
		length = -length;
	return (struct vector){ n.x / length, n.y / length, n.z / length };
}

/* What a facet looks like: some light from above on the left, and a glint. */
static struct color shade(const struct vector t[3], struct color base, int facet)
{
	struct vector n = normal(t);
	double light = fmax(0, -0.45 * n.x + 0.62 * n.y + 0.64 * n.z);
	double glint = pow(fmax(0, -0.30 * n.x + 0.42 * n.y + 0.86 * n.z), 24);
	double level = 0.38 + 0.55 * light + 0.13 * sin(facet * 2.4);

	return (struct color){ fmin(fmax(base.r * level + 0.55 * glint, 0), 1),
			       fmin(fmax(base.g * level + 0.55 * glint, 0), 1),
			       fmin(fmax(base.b * level + 0.55 * glint, 0), 1) };
}

/* A gem as vertices. */
static void store_gem(struct vertex *to, struct vector at, double size, double yaw, double pitch,
		      struct color base)
{
	struct vector facets[FACETS][3];

	cut_brilliant(facets);
	for (int f = 0; f < FACETS; f++) {
		struct color color;

		for (int i = 0; i < 3; i++)
			facets[f][i] = turn(facets[f][i], yaw, pitch);
		color = shade(facets[f], base, f);
		for (int i = 0; i < 3; i++)
			*to++ = (struct vertex){
				.at = { at.x + size * facets[f][i].x, at.y + size * facets[f][i].y,
					at.z + size * facets[f][i].z },
				.color = { lrint(255 * color.r), lrint(255 * color.g),
					   lrint(255 * color.b), 255 },
			};
	}
}

/* The large one comes first, the others are in an orbit around it. */
static void store_gems(struct vertex *to, int from, int until)
{
	static const struct color colors[] = {
		{ 1.00, 0.70, 0.28 }, { 0.36, 0.78, 0.98 }, { 0.95, 0.42, 0.62 }, { 0.55, 0.62, 1.00 },
	};

	for (int i = from; i < until; i++) {
		double way = 2 * M_PI * i / SMALL, off = sin(i * 5.1);
		struct vector at = { (1.62 + 0.16 * off) * cos(way), 0.10 * cos(i * 3.7),
				     (1.62 + 0.16 * off) * sin(way) };

		if (!i)
			store_gem(to, (struct vector){ 0, 0.12, 0 }, 1, 0.30, 0.50,
				  (struct color){ 0.52, 0.86, 1.05 });
		else
			store_gem(to + i * FACETS * 3, turn(at, 0, 0.36),
				  0.10 + 0.035 * cos(i * 2.3), i * 0.9, 0.5 + 0.4 * off,
				  colors[i % ARRAY_SIZE(colors)]);
	}
}

/* Columns in a row, as shaders have it. The camera is at a distance of 8 of the large gem. */
static void set_camera(struct demo *demo)
{
	const double near = 4, far = 12, distance = 8, zoom = 3.6;
	const double aspect = (double)demo->width / demo->height;
	float *m = demo->camera;

	m[0] = zoom / aspect;
	m[5] = -zoom;
	m[10] = -far / (far - near);
	m[14] = far / (far - near) * (distance - near);
	m[11] = -1;
	m[15] = distance;
}

static VkViewport viewport(const struct demo *demo)
{
	return (VkViewport){
		.x = (GEM_X / LAYOUT_WIDTH - 0.5) * demo->width,
		.y = (GEM_Y / LAYOUT_HEIGHT - 0.5) * demo->height,
		.width = demo->width, .height = demo->height, .maxDepth = 1,
	};
}

/* Where a vertex is on the screen. */
static void project(const struct demo *demo, const struct vertex *vertex, double point[3])
{
	const VkViewport port = viewport(demo);
	double clip[4];

	for (int i = 0; i < 4; i++)
		clip[i] = demo->camera[i] * vertex->at[0] + demo->camera[4 + i] * vertex->at[1] +
			  demo->camera[8 + i] * vertex->at[2] + demo->camera[12 + i];
	point[0] = port.x + (clip[0] / clip[3] + 1) / 2 * port.width;
	point[1] = port.y + (clip[1] / clip[3] + 1) / 2 * port.height;
	point[2] = clip[2] / clip[3];
}

/* Vulkan */

static void open_vulkan(struct demo *demo)
{
	VkPhysicalDeviceProperties properties;
	struct vk *vk = &demo->vk;
	VkResult ret = vk_open(vk);

	if (ret)
		die("no Vulkan device (%d): run it with scripts/run --device venus", ret);
	vkGetPhysicalDeviceProperties(vk->physical, &properties);
	if (!vk->has_placed || !vk->placed.memoryMapPlaced || !vk->placed.memoryUnmapReserve)
		die("%s has no VK_EXT_map_memory_placed: run it with scripts/with-mesa",
		    properties.deviceName);

	printf("Vulkan %u.%u, %s\n", VK_API_VERSION_MAJOR(properties.apiVersion),
	       VK_API_VERSION_MINOR(properties.apiVersion), properties.deviceName);
	printf("  memoryMapPlaced %s, memoryMapRangePlaced %s, memoryUnmapReserve %s,\n"
	       "  minPlacedMemoryMapAlignment %llu\n",
	       vk->placed.memoryMapPlaced ? "yes" : "no",
	       vk->placed.memoryMapRangePlaced ? "yes" : "no",
	       vk->placed.memoryUnmapReserve ? "yes" : "no", (unsigned long long)vk->alignment);
}

static VkImage create_image(const struct demo *demo, VkFormat format, VkImageUsageFlags usage,
			    VkImageAspectFlags aspect, VkDeviceMemory *memory, VkImageView *view)
{
	const VkDevice device = demo->vk.device;
	const VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = format,
		.extent = { demo->width, demo->height, 1 },
		.mipLevels = 1, .arrayLayers = 1, .samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = usage,
	};
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	VkImageViewCreateInfo view_info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.viewType = VK_IMAGE_VIEW_TYPE_2D,
		.format = format,
		.subresourceRange = { .aspectMask = aspect, .levelCount = 1, .layerCount = 1 },
	};
	VkMemoryRequirements needs;

	vk_ok(vkCreateImage(device, &info, NULL, &view_info.image), "an image");
	vkGetImageMemoryRequirements(device, view_info.image, &needs);
	allocate.allocationSize = needs.size;
	/* Nobody maps it: any type will do. */
	allocate.memoryTypeIndex = __builtin_ctz(needs.memoryTypeBits);
	vk_ok(vkAllocateMemory(device, &allocate, NULL, memory), "memory of an image");
	vk_ok(vkBindImageMemory(device, view_info.image, *memory, 0), "memory of an image");
	vk_ok(vkCreateImageView(device, &view_info, NULL, view), "a view of an image");
	return view_info.image;
}

/* Draws over the picture that is there, and leaves it to be copied. */
static void create_pass(struct demo *demo)
{
	const VkAttachmentDescription attachments[] = {
		{
			.format = VK_FORMAT_B8G8R8A8_UNORM,
			.samples = VK_SAMPLE_COUNT_1_BIT,
			.loadOp = VK_ATTACHMENT_LOAD_OP_LOAD,
			.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
			.initialLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
			.finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
		}, {
			.format = VK_FORMAT_D32_SFLOAT,
			.samples = VK_SAMPLE_COUNT_1_BIT,
			.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
			.finalLayout = VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL,
		},
	};
	const VkAttachmentReference color = { 0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL };
	const VkAttachmentReference depth = { 1, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL };
	const VkSubpassDescription subpass = {
		.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
		.colorAttachmentCount = 1,
		.pColorAttachments = &color,
		.pDepthStencilAttachment = &depth,
	};
	/* Between the copies before and behind. */
	const VkSubpassDependency dependencies[] = {
		{
			.srcSubpass = VK_SUBPASS_EXTERNAL,
			.srcStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			.dstStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
			.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		}, {
			.dstSubpass = VK_SUBPASS_EXTERNAL,
			.srcStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			.dstStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
			.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT,
		},
	};
	const VkRenderPassCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
		.attachmentCount = ARRAY_SIZE(attachments),
		.pAttachments = attachments,
		.subpassCount = 1,
		.pSubpasses = &subpass,
		.dependencyCount = ARRAY_SIZE(dependencies),
		.pDependencies = dependencies,
	};
	VkImageView views[2];
	VkFramebufferCreateInfo framebuffer = {
		.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
		.attachmentCount = ARRAY_SIZE(views),
		.pAttachments = views,
		.width = demo->width, .height = demo->height, .layers = 1,
	};

	demo->color = create_image(demo, VK_FORMAT_B8G8R8A8_UNORM,
				   VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
				   VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
				   VK_IMAGE_ASPECT_COLOR_BIT, &demo->color_memory, &demo->color_view);
	demo->depth = create_image(demo, VK_FORMAT_D32_SFLOAT,
				   VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT,
				   VK_IMAGE_ASPECT_DEPTH_BIT, &demo->depth_memory, &demo->depth_view);
	vk_ok(vkCreateRenderPass(demo->vk.device, &info, NULL, &demo->pass), "a pass");
	views[0] = demo->color_view;
	views[1] = demo->depth_view;
	framebuffer.renderPass = demo->pass;
	vk_ok(vkCreateFramebuffer(demo->vk.device, &framebuffer, NULL, &demo->framebuffer),
	      "a framebuffer");
}

static VkPipelineShaderStageCreateInfo stage(const struct demo *demo, VkShaderStageFlagBits which,
					     const uint32_t *code, size_t size)
{
	const VkShaderModuleCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = size,
		.pCode = code,
	};
	VkPipelineShaderStageCreateInfo stage = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
		.stage = which,
		.pName = "main",
	};

	vk_ok(vkCreateShaderModule(demo->vk.device, &info, NULL, &stage.module), "a shader");
	return stage;
}

static void create_pipeline(struct demo *demo)
{
	const VkPushConstantRange camera = { VK_SHADER_STAGE_VERTEX_BIT, 0, sizeof(demo->camera) };
	const VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.pushConstantRangeCount = 1,
		.pPushConstantRanges = &camera,
	};
	const VkPipelineShaderStageCreateInfo stages[] = {
		stage(demo, VK_SHADER_STAGE_VERTEX_BIT, vertex_code, sizeof(vertex_code)),
		stage(demo, VK_SHADER_STAGE_FRAGMENT_BIT, fragment_code, sizeof(fragment_code)),
	};
	const VkVertexInputBindingDescription binding = { 0, sizeof(struct vertex),
							  VK_VERTEX_INPUT_RATE_VERTEX };
	const VkVertexInputAttributeDescription attributes[] = {
		{ 0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct vertex, at) },
		{ 1, 0, VK_FORMAT_R8G8B8A8_UNORM, offsetof(struct vertex, color) },
	};
	const VkPipelineVertexInputStateCreateInfo input = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
		.vertexBindingDescriptionCount = 1,
		.pVertexBindingDescriptions = &binding,
		.vertexAttributeDescriptionCount = ARRAY_SIZE(attributes),
		.pVertexAttributeDescriptions = attributes,
	};
	const VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
	};
	const VkViewport port = viewport(demo);
	const VkRect2D scissor = { .extent = { demo->width, demo->height } };
	const VkPipelineViewportStateCreateInfo ports = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
		.viewportCount = 1, .pViewports = &port,
		.scissorCount = 1, .pScissors = &scissor,
	};
	const VkPipelineRasterizationStateCreateInfo raster = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
		.lineWidth = 1,
	};
	const VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
	};
	const VkPipelineDepthStencilStateCreateInfo depth = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
		.depthTestEnable = VK_TRUE,
		.depthWriteEnable = VK_TRUE,
		.depthCompareOp = VK_COMPARE_OP_LESS,
	};
	const VkPipelineColorBlendAttachmentState all = { .colorWriteMask = 0xf };
	const VkPipelineColorBlendStateCreateInfo blend = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &all,
	};
	VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.stageCount = ARRAY_SIZE(stages), .pStages = stages,
		.pVertexInputState = &input,
		.pInputAssemblyState = &assembly,
		.pViewportState = &ports,
		.pRasterizationState = &raster,
		.pMultisampleState = &samples,
		.pDepthStencilState = &depth,
		.pColorBlendState = &blend,
		.renderPass = demo->pass,
	};

	vk_ok(vkCreatePipelineLayout(demo->vk.device, &layout, NULL, &demo->layout), "a layout");
	info.layout = demo->layout;
	vk_ok(vkCreateGraphicsPipelines(demo->vk.device, VK_NULL_HANDLE, 1, &info, NULL,
					&demo->pipeline), "a pipeline");
}

/* The picture into the image, the gems over it, and the image into the pixels. */
static void draw(struct demo *demo)
{
	const VkImageMemoryBarrier fresh = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
		.newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
		.image = demo->color,
		.subresourceRange = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .levelCount = 1,
				      .layerCount = 1 },
	};
	const VkBufferImageCopy whole = {
		.imageSubresource = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1 },
		.imageExtent = { demo->width, demo->height, 1 },
	};
	const VkClearValue clear[] = { {}, { .depthStencil.depth = 1 } };
	const VkRenderPassBeginInfo pass = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = demo->pass,
		.framebuffer = demo->framebuffer,
		.renderArea = { .extent = { demo->width, demo->height } },
		.clearValueCount = ARRAY_SIZE(clear), .pClearValues = clear,
	};
	const VkDeviceSize offset = 0;
	VkCommandBuffer cmd;

	vk_ok(vk_begin(&demo->vk, &cmd), "commands");
	vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
			     0, 0, NULL, 0, NULL, 1, &fresh);
	vkCmdCopyBufferToImage(cmd, demo->picture.memory.buffer, demo->color,
			       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &whole);
	vkCmdBeginRenderPass(cmd, &pass, VK_SUBPASS_CONTENTS_INLINE);
	vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, demo->pipeline);
	vkCmdPushConstants(cmd, demo->layout, VK_SHADER_STAGE_VERTEX_BIT, 0, sizeof(demo->camera),
			   demo->camera);
	vkCmdBindVertexBuffers(cmd, 0, 1, &demo->vertices.memory.buffer, &offset);
	vkCmdDraw(cmd, CORNERS, 1, 0, 0);
	vkCmdEndRenderPass(cmd);
	vkCmdCopyImageToBuffer(cmd, demo->color, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
			       demo->pixels.memory.buffer, 1, &whole);
	vk_ok(vk_run(&demo->vk, cmd), "drawing");
}

/* The picture behind */

static void draw_address(cairo_t *cr, const struct placed *placed, double y, struct color color,
			 const char *what)
{
	double x = 60 + 480.0 * (placed->addr - RESERVED) / RESERVED_SIZE;
	double width = fmax(480.0 * (end_of(placed) - placed->addr) / RESERVED_SIZE, 3);

	cairo_rectangle(cr, 60, y, 480, 84);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.45);
	cairo_fill(cr);
	cairo_rectangle(cr, 60, y, 6, 84);
	set_color(cr, color, 1);
	cairo_fill(cr);
	font(cr, "DejaVu Sans Mono", CAIRO_FONT_WEIGHT_BOLD, 25);
	text(cr, 88, y + 36, LEFT, "0x%08x", placed->addr);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 16);
	set_color(cr, ink, 1);
	text(cr, 88, y + 66, LEFT, "%s", what);

	cairo_rectangle(cr, x, 584, width, 44);
	set_color(cr, color, 1);
	cairo_fill(cr);
}

static void draw_picture(struct demo *demo)
{
	static const struct color third = { 0.95, 0.42, 0.62 };
	cairo_surface_t *surface;
	cairo_t *cr;

	surface = cairo_image_surface_create_for_data(reach(demo->picture.addr), CAIRO_FORMAT_RGB24,
						      demo->width, demo->height, demo->width * 4);
	cr = cairo_create(surface);
	cairo_scale(cr, demo->width / LAYOUT_WIDTH, demo->height / LAYOUT_HEIGHT);
	draw_background(cr);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 58);
	set_color(cr, ink, 1);
	text(cr, 60, 92, LEFT, "Placed");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 20);
	set_color(cr, dim, 1);
	text(cr, 62, 130, LEFT, "Vulkan's memory below 4 GiB, at addresses");
	text(cr, 62, 158, LEFT, "of the program's own choosing.");

	cairo_rectangle(cr, 60, 584, 480, 44);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.45);
	cairo_fill_preserve(cr);
	set_color(cr, dim, 0.8);
	cairo_set_line_width(cr, 1);
	cairo_stroke(cr);
	draw_address(cr, &demo->vertices, 214, second, "vertices, stored by the CPU, drawn by the GPU");
	draw_address(cr, &demo->picture, 314, first, "this text, and all that is behind the gems");
	draw_address(cr, &demo->pixels, 414, third, "the pixels that the GPU gave back");

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 14);
	set_color(cr, dim, 1);
	text(cr, 60, 574, LEFT, "in a reservation of %u MiB, as Wine makes them", RESERVED_SIZE >> 20);
	text(cr, 60, 650, LEFT, "0x%08x", RESERVED);
	text(cr, 540, 650, RIGHT, "0x%08x", RESERVED + RESERVED_SIZE);
	text(cr, 60, 704, LEFT, "VK_EXT_map_memory_placed on virtio-gpu's Venus");
	end_drawing(cr);
	cairo_surface_destroy(surface);
}

/* The end of it */

static void check(struct demo *demo)
{
	const struct vertex *vertices = reach(demo->vertices.addr);
	uint64_t count = (uint64_t)demo->width * demo->height;
	struct expect expect;
	char number[2][32];
	unsigned int unsure;
	uint8_t *dump;

	expect_start(&expect, demo->width, demo->height, reach(demo->picture.addr), demo->width);
	for (int i = 0; i < CORNERS; i += 3) {
		const uint8_t *color = vertices[i].color;
		double points[3][3];

		for (int j = 0; j < 3; j++)
			project(demo, &vertices[i + j], points[j]);
		expect_triangle(&expect, points, color[0] << 16 | color[1] << 8 | color[2]);
	}
	unsure = expect_compare(&expect, reach(demo->pixels.addr), 4, 2, "what Vulkan has drawn");
	dump = screen_dump(&demo->screen);
	expect_compare(&expect, dump, 3, 0, "the screen");
	free(dump);
	expect_end(&expect);
	printf("  what was drawn, and the screen, are what the CPU computes: %s of %s pixels compared\n",
	       grouped(count - unsure, number[0]), grouped(count, number[1]));
	if (unsure > count / 20)
		die("that is too few");
}

/* The pixels, as they came, into the framebuffer. */
static void show(struct demo *demo)
{
	struct screen *screen = &demo->screen;
	const uint8_t *pixels = reach(demo->pixels.addr);
	uint32_t fb;
	uint8_t *map;
	int ret;

	screen_create_framebuffer(screen);
	map = mmap(NULL, screen->fb.size, PROT_READ | PROT_WRITE, MAP_SHARED, screen->fd,
		   screen->fake_offset);
	if (map == MAP_FAILED)
		die("cannot map the framebuffer: %s", strerror(errno));
	for (uint32_t y = 0; y < demo->height; y++)
		memcpy(map + (size_t)y * screen->fb.pitch, pixels + (size_t)y * demo->width * 4,
		       demo->width * 4);
	munmap(map, screen->fb.size);

	fb = screen_show(screen);
	ret = drmModeDirtyFB(screen->fd, fb, NULL, 0);
	if (ret && ret != -ENOSYS)
		die("cannot flush the framebuffer: %s", strerror(-ret));
}

static void allocate(struct demo *demo, struct placed *placed, const char *what, uint64_t size)
{
	placed->what = what;
	vk_ok(vk_allocate(&demo->vk, size, VK_BUFFER_USAGE_VERTEX_BUFFER_BIT, &placed->memory),
	      "memory that the CPU sees");
}

int main(void)
{
	struct demo demo = {};
	struct vertex *vertices, *before;

	screen_open(&demo.screen, 0, 0);
	demo.width = demo.screen.mode.hdisplay;
	demo.height = demo.screen.mode.vdisplay;
	open_vulkan(&demo);
	printf("  %-36s %-10s  %-10s  %s\n", "", "asked", "given", "/proc/self/maps");
	reserve();
	allocate(&demo, &demo.vertices, "vertices", CORNERS * sizeof(struct vertex));
	allocate(&demo, &demo.picture, "picture", 4ull * demo.width * demo.height);
	allocate(&demo, &demo.pixels, "pixels", 4ull * demo.width * demo.height);

	/* The large gem at one address, the small ones at another; it is the same memory. */
	place(&demo, &demo.vertices, VERTICES_FIRST);
	vertices = reach(demo.vertices.addr);
	store_gems(vertices, 0, 1);
	before = malloc(FACETS * 3 * sizeof(*before));
	if (!before)
		die("no memory for the vertices");
	store_gems(before, 0, 1);
	unmap(&demo, &demo.vertices);
	print_mapping("vertices, unmapped with RESERVE", VERTICES_FIRST, "");
	place(&demo, &demo.vertices, VERTICES);
	vertices = reach(demo.vertices.addr);
	if (memcmp(vertices, before, FACETS * 3 * sizeof(*before)))
		die("the vertices are not what was stored at the first address");
	free(before);
	store_gems(vertices, 1, GEMS);

	place(&demo, &demo.picture, PICTURE);
	place(&demo, &demo.pixels, PIXELS);
	draw_picture(&demo);

	set_camera(&demo);
	create_pass(&demo);
	create_pipeline(&demo);
	draw(&demo);
	show(&demo);
	check(&demo);

	unmap(&demo, &demo.vertices);
	unmap(&demo, &demo.picture);
	unmap(&demo, &demo.pixels);
	print_mapping("all unmapped with RESERVE", RESERVED, "");
	screen_stay();
}
