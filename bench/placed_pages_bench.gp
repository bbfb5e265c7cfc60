# SPDX-License-Identifier: MIT
# Draws placed_pages_bench.csv, as scripts/bench leaves it. Run in the sysroot
# at the top of the checkout: scripts/in-sysroot gnuplot bench/placed_pages_bench.gp

csv = 'build/bench/placed_pages_bench.csv'

# A line of the CSV for each number of pages.
rows(table, method) = sprintf("< awk -F, '$1 == \"%s\" && $3 == \"%s\"' %s", table, method, csv)

set datafile separator ','
set style data linespoints
set logscale xy
set xrange [0.8:90000]
set xtics ('1' 1, '4' 4, '16' 16, '64' 64, '256' 256, '1,024' 1024, '4,096' 4096, \
	'16,384' 16384, '65,536' 65536)
set format y '10^{%T}'
set grid xtics ytics
set border 3
set tics nomirror
set key outside right center reverse Left spacing 1.2 samplen 2

# A color for each; with a load from each page it is dashed.
set linetype 1 lc rgb '#d62728' lw 3 pt 13 ps 0.9
set linetype 2 lc rgb '#ff7f0e' lw 2 pt 11 ps 0.8
set linetype 3 lc rgb '#9467bd' lw 2 pt 5 ps 0.6
set linetype 4 lc rgb '#8c564b' lw 2 pt 4 ps 0.6
set linetype 5 lc rgb '#e377c2' lw 2 pt 2 ps 0.6
set linetype 6 lc rgb '#1f77b4' lw 2 pt 7 ps 0.6
set linetype 7 lc rgb '#2ca02c' lw 2 pt 9 ps 0.6
set linetype 8 lc rgb '#999999' lw 2 pt 3 ps 0.6

methods = 'vgem virtio sparse pool coherent mmap mmap_run remap_file_pages'
title_vgem = 'window: vgem'
title_virtio = 'window: virtio-gpu'
title_sparse = 'window: sparse'
title_pool = 'window: pool'
title_coherent = 'window: coherent'
title_mmap = 'mmap of each page'
title_mmap_run = 'one mmap of a run'
title_remap_file_pages = 'remap\_file\_pages'

line(name) = sum [i=1:words(methods)] (word(methods, i) eq name ? i : 0)

row = methods
scatter = 'vgem virtio sparse pool coherent mmap remap_file_pages'

do for [format in 'svg png'] {
	if (format eq 'svg') {
		set terminal svg size 1000,1100 font 'sans-serif,14' background '#ffffff'
	} else {
		set terminal pngcairo size 1000,1100 font 'sans-serif,12' background '#ffffff'
	}
	set output 'build/bench/placed_pages_bench.'.format
	set multiplot layout 3,1 title 'What it costs to show other pages' \
		margins 0.09,0.67,0.06,0.92 spacing 0.09

	set ylabel 'instructions per page'
	set yrange [10:1e5]
	do for [table in 'row scatter'] {
		set title (table eq 'row' ? 'Pages at addresses in a row' : \
			'Pages at scattered addresses, in a random order; dotted: in ascending order') \
			offset 0,-0.6
		plot for [name in value(table)] rows(table, name) using 2:5 \
				title value('title_'.name) linetype line(name), \
			for [name in value(table)] rows(table, name) using 2:($5 + $6) \
				notitle linetype line(name) dashtype 2 lw 1.2 ps 0, \
			for [name in table eq 'row' ? '' : 'vgem sparse coherent'] \
				rows('sorted', name) using 2:5 notitle linetype line(name) \
				dashtype 3 lw 1.5 ps 0, \
			60 title 'aim' with lines lc rgb '#000000' dashtype 3 lw 1.5, \
			NaN title 'dashed: and a load' with lines lc rgb '#000000' \
				dashtype 2 lw 1.5
	}

	set title 'Mapping and unmapping all of an object'
	set ylabel 'instructions'
	unset logscale y
	set format y '%.0f'
	set yrange [0:15000]
	set xlabel 'pages'
	plot rows('duplicate', 'duplicate') using 2:5 title 'duplicate' linetype 1, \
		rows('duplicate', 'placed') using 2:5 title 'placed map' linetype 3, \
		rows('duplicate', 'mmap') using 2:5 title 'mmap' linetype 6
	unset xlabel
	set logscale y
	set format y '10^{%T}'

	unset multiplot
}
