/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_TRACK_INTERNAL_H_
#define _DRM_PLACED_TRACK_INTERNAL_H_

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include "drm_placed_internal.h"
#include "drm_placed_memory.h"
#include "drm_placed_policy.h"
#include "drm_placed_track.h"

/* Chunks with a page that is open or dirty. */
#define DRM_PLACED_ACTIVE	XA_MARK_0
/* Chunks with a page that was mapped since the device last wrote the object. */
#define DRM_PLACED_MAPPED	XA_MARK_1

/* Mechanisms that tests switch off, to see that they are needed. */
enum drm_placed_break {
	/* Leave the dirty bits alone when a mapping goes away. */
	DRM_PLACED_BREAK_ZAP,
	/* Let core mm make the entry writable, after the fault handler. */
	DRM_PLACED_BREAK_OPEN,
	/* Stop the walk at the first mapping that may not write. */
	DRM_PLACED_BREAK_READONLY,
	/* Take the page of a fault from the start of the mapping. */
	DRM_PLACED_BREAK_PAGE,
	/* Do not flush the TLB after cleaning. */
	DRM_PLACED_BREAK_FLUSH,
	/* Do not track mappings made through a dma-buf. */
	DRM_PLACED_BREAK_DMABUF,
	/* Forget the open pages of a chunk that turns cold. */
	DRM_PLACED_BREAK_CLOSE,
	/* Do not read back what the device wrote. */
	DRM_PLACED_BREAK_READBACK,
	/* The driver's: transfers that the device refuses. */
	DRM_PLACED_BREAK_TRANSFER,
	/* The driver's: no room for commands to the device. */
	DRM_PLACED_BREAK_QUEUE,
	/* Do not refresh what outputs show. */
	DRM_PLACED_BREAK_REFRESH,
};

#ifdef CONFIG_DRM_PLACED_BREAK
#define drm_placed_broken(dev, what) \
	unlikely(READ_ONCE((dev)->placed_break) & BIT(DRM_PLACED_BREAK_##what))
#else
#define drm_placed_broken(dev, what) ((void)(dev), false && DRM_PLACED_BREAK_##what)
#endif

/** enum drm_placed_answer - to a question that is asked once */
enum drm_placed_answer {
	/** @DRM_PLACED_UNKNOWN: nobody has asked. */
	DRM_PLACED_UNKNOWN,
	/** @DRM_PLACED_NO: no. */
	DRM_PLACED_NO,
	/** @DRM_PLACED_YES: yes. */
	DRM_PLACED_YES,
};

/**
 * struct drm_placed_chunk - what is known of 2 MiB of an object
 *
 * Allocated when one of its pages is first touched, freed with the object.
 */
struct drm_placed_chunk {
	/** @index: number of the chunk in its object. Constant. */
	unsigned long index;

	/**
	 * @next: the next of the active chunks, in order, as they were when a
	 * collection began. Means something until &drm_placed_track.lock is
	 * dropped, with which it is protected.
	 */
	struct drm_placed_chunk *next;

	/**
	 * @open: pages that some mapping may have a writable entry of.
	 *
	 * An entry is made writable only by a fault, with its bit here set
	 * before; the bit is cleared only after all entries were protected. So
	 * an entry that is writable or dirty has its bit set, always. Written
	 * with &drm_placed_track.lock held; read also under a page table lock.
	 */
	DECLARE_BITMAP(open, DRM_PLACED_CHUNK);

	/**
	 * @dirty: pages that were written, and whose entries do not say so any
	 * more. Bits are set atomically, under the page table lock of the
	 * entry that said so; cleared with &drm_placed_track.lock held.
	 */
	DECLARE_BITMAP(dirty, DRM_PLACED_CHUNK);

	/**
	 * @found: pages that the collection under way found dirty. Protected by
	 * &drm_placed_track.lock.
	 */
	DECLARE_BITMAP(found, DRM_PLACED_CHUNK);

	/** @last: what the last collection found. Same lock. */
	DECLARE_BITMAP(last, DRM_PLACED_CHUNK);

	/** @policy: Protected by &drm_placed_track.lock. */
	struct drm_placed_policy_chunk policy;

	/** @action: of the collection under way. Protected by &drm_placed_track.lock. */
	enum drm_placed_action action;

	/** @contiguous: is its memory? Protected by &drm_placed_track.lock. */
	enum drm_placed_answer contiguous;

	/** @error: the device refused to give it back. Lock-free flag. */
	bool error;

	/**
	 * @generation: of the device's writes that memory has. The chunk is
	 * gone as long as &drm_placed_track.generation is another. Protected by
	 * &drm_placed_track.lock.
	 */
	u64 generation;

	/** @reading: the generation that @fence will bring. Same lock. */
	u64 reading;

	/**
	 * @fence: end of the reading back under way, or NULL. While it is not
	 * signalled the device writes the chunk's memory, and no mapping of it
	 * may be written. Protected by &drm_placed_track.lock.
	 */
	struct dma_fence *fence;
};

/** struct drm_placed_stats - counters, protected by &drm_placed_track.lock */
struct drm_placed_stats {
	/** @faults: write faults. */
	u64 faults;
	/** @opened: pages that write faults opened. */
	u64 opened;
	/** @collections: collections that had something to look at. */
	u64 collections;
	/** @scanned: open pages looked at. */
	u64 scanned;
	/** @dirty: pages found written. */
	u64 dirty;
	/** @sent: pages sent. */
	u64 sent;
	/** @transfers: transfers that sent them. */
	u64 transfers;
	/** @read_back: pages read back. */
	u64 read_back;
	/** @changes: chunks that changed their state. */
	u64 changes;
};

/**
 * struct drm_placed_track - the tracker of an object
 *
 * &drm_gem_object.placed, from the first DRM_IOCTL_GEM_COHERENT to the end of
 * the object.
 */
struct drm_placed_track {
	/** @obj: whose tracker it is. Constant. */
	struct drm_gem_object *obj;

	/** @funcs: the driver's. Constant. */
	const struct drm_placed_funcs *funcs;

	/** @pages: size of the object. Constant. */
	pgoff_t pages;

	/**
	 * @vm_ops: the driver's, with those in between that track. A mapping is
	 * tracked if and only if its &vm_area_struct.vm_ops is this. Constant.
	 */
	struct vm_operations_struct vm_ops;

	/** @orig: the driver's own vm_ops. Constant. */
	const struct vm_operations_struct *orig;

	/** @flags: DRM_GEM_COHERENT_*; only ever grows. */
	atomic_t flags;

	/** @readers: tracked mappings that may be readable. */
	atomic_t readers;

	/** @error: the device refused a transfer, and nobody was told. */
	atomic_t error;

	/** @errors: transfers that the device refused. */
	atomic_t errors;

	/**
	 * @lock: taken inside mmap_lock, dma_resv and &drm_placed_funcs.lock,
	 * outside &drm_placed_store.lock, i_mmap_rwsem and page table locks.
	 * Never held while waiting for a fence.
	 *
	 * Faults make entries writable with it held and collections look at
	 * them with it held, so that what a fault opened is either seen by a
	 * collection or comes after it.
	 */
	struct mutex lock;

	/**
	 * @chunks: &struct drm_placed_chunk by number. Entries are added with
	 * @lock held and stay; marks change with @lock held.
	 */
	struct xarray chunks;

	/**
	 * @active: number of chunks marked %DRM_PLACED_ACTIVE. Written with
	 * @lock held. Without it, zero means that no store that happened before
	 * waits to be collected.
	 */
	unsigned long active;

	/** @all_dirty: everything has to be sent once. Protected by @lock. */
	bool all_dirty;

	/** @gap: clean pages that may be sent between dirty ones. Same lock. */
	pgoff_t gap;

	/** @generation: how often the device may have written. Same lock. */
	u64 generation;

	/** @policy: Protected by @lock. */
	struct drm_placed_policy policy;

	/** @states: number of active chunks by their state. Protected by @lock. */
	unsigned long states[DRM_PLACED_STATES];

	/** @stats: Protected by @lock. */
	struct drm_placed_stats stats;
};

/* The address_space page of the object's first page. */
static inline pgoff_t drm_placed_start(const struct drm_placed_track *track)
{
	return drm_vma_node_start(&track->obj->vma_node);
}

/* Does the memory of the object move? */
static inline bool drm_placed_track_moves(const struct drm_placed_track *track)
{
	const struct drm_placed_memory *memory = track->obj->funcs->placed;

	return memory && memory->moves;
}

/* Number of pages of a chunk: the last one of an object may be short. */
static inline unsigned int drm_placed_chunk_pages(const struct drm_placed_track *track,
						  unsigned long index)
{
	return min_t(pgoff_t, track->pages - index * DRM_PLACED_CHUNK, DRM_PLACED_CHUNK);
}

static inline struct drm_placed_track *drm_placed_track_of(const struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct drm_placed_track, vm_ops);
}

struct drm_placed_runs;

/* drm_placed_track.c */
void drm_placed_query(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
		      struct drm_placed_runs *runs);
int drm_placed_take_error(struct drm_gem_object *obj);
int drm_placed_track_allocate(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);
int drm_placed_track_remove(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);
vm_fault_t drm_placed_track_pages_fault(struct vm_fault *vmf);
vm_fault_t drm_placed_track_pages_mkwrite(struct vm_fault *vmf);

/* drm_placed_walk.c */
void drm_placed_walk_collect(struct drm_placed_track *track);
void drm_placed_walk_close(struct drm_placed_track *track, struct drm_placed_chunk *chunk);
void drm_placed_walk_zap(struct drm_placed_track *track, struct vm_area_struct *vma,
			 unsigned long start, unsigned long end);
void drm_placed_walk_forget(struct drm_placed_track *track);
pmd_t *drm_placed_walk_pmd(struct mm_struct *mm, unsigned long addr);
vm_fault_t drm_placed_walk_map(struct drm_placed_track *track, struct vm_area_struct *vma,
			       unsigned long index, const struct drm_placed_window *window,
			       unsigned long addr, bool write, bool fault);
vm_fault_t drm_placed_walk_map_page(struct drm_placed_track *track, struct vm_area_struct *vma,
				    unsigned long addr, pgoff_t page, bool write);
void drm_placed_walk_remove(struct drm_placed_track *track, struct vm_area_struct *vma,
			    unsigned long start, unsigned long end);
void drm_placed_walk_zap_pages(struct drm_placed_track *track, struct vm_area_struct *vma,
			       unsigned long start, unsigned long end);

/* drm_placed_huge.c */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
bool drm_placed_huge_suits(struct drm_placed_track *track, unsigned long index);
void drm_placed_huge_map(struct drm_placed_track *track, struct vm_area_struct *vma,
			 unsigned long index, pmd_t *pmd, unsigned long addr, bool write);
void drm_placed_huge_split(struct drm_placed_track *track, struct vm_area_struct *vma,
			   unsigned long index, pmd_t *pmd, unsigned long addr);
bool drm_placed_huge_collapse(struct drm_placed_track *track, unsigned long index);
#else
static inline bool drm_placed_huge_suits(struct drm_placed_track *track, unsigned long index)
{
	return false;
}

static inline void drm_placed_huge_map(struct drm_placed_track *track,
				       struct vm_area_struct *vma, unsigned long index,
				       pmd_t *pmd, unsigned long addr, bool write)
{
}

static inline void drm_placed_huge_split(struct drm_placed_track *track,
					 struct vm_area_struct *vma, unsigned long index,
					 pmd_t *pmd, unsigned long addr)
{
}

static inline bool drm_placed_huge_collapse(struct drm_placed_track *track, unsigned long index)
{
	return false;
}
#endif

#endif
