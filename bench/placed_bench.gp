# SPDX-License-Identifier: MIT
# Draws placed_bench.csv, as scripts/bench leaves it. Run in the sysroot at the
# top of the checkout: scripts/in-sysroot gnuplot bench/placed_bench.gp

csv = 'build/bench/placed_bench.csv'

set datafile separator ','
set title 'Mapping 1 MiB of a GEM object in a fragmented process'
set xlabel 'VMAs in the process'
set ylabel 'instructions per map + unmap'
set format x '%.0f'
set format y '10^{%T}'
set logscale y
set xrange [0:60000]
set yrange [5e3:2e8]
set xtics 10000
set grid xtics ytics
# In a box of its own: the lines use all of the plot.
set key outside right center reverse Left spacing 1.3
set style data linespoints

# In the order of the lines, top to bottom; what the bench is about is thickest.
series = 'proc_maps reserve_fixed placed_4g placed_any placed_hint map_32bit mmap'
title_proc_maps = 'read /proc/self/maps'
title_reserve_fixed = 'reserve, then MAP\_FIXED'
title_placed_any = 'placed, anywhere'
title_mmap = 'mmap, anywhere'
title_placed_4g = 'placed below 4 GiB'
title_placed_hint = 'placed below 4 GiB, hint'
title_map_32bit = 'mmap, MAP\_32BIT'

set linetype 1 lc rgb '#999999' lw 2 pt 5 ps 0.7
set linetype 2 lc rgb '#8c564b' lw 2 pt 9 ps 0.7
set linetype 3 lc rgb '#d62728' lw 3 pt 13 ps 0.9
set linetype 4 lc rgb '#9467bd' lw 2 pt 11 ps 0.7
set linetype 5 lc rgb '#ff7f0e' lw 2 pt 3 ps 0.7
set linetype 6 lc rgb '#2ca02c' lw 2 pt 4 ps 0.7
set linetype 7 lc rgb '#1f77b4' lw 2 pt 7 ps 0.7

set terminal svg size 1000,560 font 'sans-serif,14' background '#ffffff'
set output 'build/bench/placed_bench.svg'
plot for [i=1:words(series)] csv using 'vmas':word(series, i) \
	title value('title_'.word(series, i)) linetype i

set terminal pngcairo size 1000,560 font 'sans-serif,12' background '#ffffff'
set output 'build/bench/placed_bench.png'
replot
