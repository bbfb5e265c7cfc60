# SPDX-License-Identifier: MIT
# The test programs, one source file each.
TESTS := placed_mmap placed_life placed_limits placed_race placed_random placed_faults placed_vram
