# SPDX-License-Identifier: MIT
# The test programs, one source file each.
TESTS := placed_mmap placed_life placed_limits placed_race placed_random placed_faults \
	 placed_vram placed_vmware \
	 placed_coherent placed_coherent_random placed_coherent_kms placed_coherent_virgl \
	 placed_coherent_virgl_random \
	 placed_populate placed_sparse placed_pool \
	 placed_area placed_duplicate placed_wine \
	 placed_pages placed_pages_errors placed_pages_race placed_pages_random \
	 placed_awe placed_awe_random placed_awe_share
