# SPDX-License-Identifier: MIT
# Draws placed_populate_bench.csv, as scripts/bench leaves it. Run in the sysroot
# at the top of the checkout: scripts/in-sysroot gnuplot bench/placed_populate_bench.gp

csv = 'build/bench/placed_populate_bench.csv'

# A line of the CSV for each size.
rows(work, method) = sprintf("< awk -F, '$2 == \"%s\" && $3 == \"%s\"' %s", work, method, csv)

set datafile separator ','
set style data linespoints
set logscale x 2
set xrange [3.4:1200]
set xtics ('4 MiB' 4, '16 MiB' 16, '64 MiB' 64, '256 MiB' 256, '1 GiB' 1024)
set grid xtics ytics
set ylabel 'instructions per 4 KiB'
set border 3
set tics nomirror
set key outside right center reverse Left spacing 1.2 samplen 2

# A color for each kind of memory; what is done by stores is dashed.
set linetype 1 lc rgb '#d62728' lw 3 pt 13 ps 0.9
set linetype 2 lc rgb '#ff7f0e' lw 3 pt 11 ps 0.8
set linetype 3 lc rgb '#9467bd' lw 2 pt 5 ps 0.6
set linetype 4 lc rgb '#8c564b' lw 2 pt 4 ps 0.6
set linetype 5 lc rgb '#1f77b4' lw 2 pt 7 ps 0.6
set linetype 6 lc rgb '#2ca02c' lw 2 pt 9 ps 0.6
set linetype 7 lc rgb '#999999' lw 2 pt 3 ps 0.6

methods = 'sparse_huge sparse_4k dumb dumb_4k memfd memfd_huge anonymous'
title_sparse_huge = 'sparse, 2 MiB pages'
title_sparse_4k = 'sparse, 4 KiB pages'
title_dumb = 'dumb buffer'
title_dumb_4k = 'dumb, 4 KiB entries'
title_memfd = 'memfd, 4 KiB pages'
title_memfd_huge = 'memfd, 2 MiB pages'
title_anonymous = 'anonymous, 4 KiB'

line(name) = sum [i=1:words(methods)] (word(methods, i) eq name ? i : 0)

allocate = 'sparse_huge sparse_4k memfd memfd_huge anonymous'
present = 'sparse_huge sparse_4k dumb dumb_4k memfd memfd_huge'
discard = 'sparse_huge sparse_4k memfd memfd_huge'

do for [format in 'svg png'] {
	if (format eq 'svg') {
		set terminal svg size 1000,1100 font 'sans-serif,14' background '#ffffff'
	} else {
		set terminal pngcairo size 1000,1100 font 'sans-serif,12' background '#ffffff'
	}
	set output 'build/bench/placed_populate_bench.'.format
	set multiplot layout 3,1 title 'What populating and discarding cost' \
		margins 0.09,0.68,0.06,0.92 spacing 0.09

	set title 'Pages to allocate and to clear' offset 0,-0.6
	unset logscale y
	set format y '%.0f'
	set yrange [0:1e4]
	plot for [name in allocate] rows('allocate', name) using 1:5 \
			title value('title_'.name) linetype line(name), \
		for [name in allocate] rows('touch', name) using 1:5 \
			notitle linetype line(name) dashtype 2 lw 1.5, \
		NaN title 'dashed: by stores' with lines lc rgb '#000000' dashtype 2 lw 1.5, \
		rows('memset', 'memfd') using 1:5 title 'memset: the floor' \
			lc rgb '#000000' dashtype 3 lw 1.5 pt 0

	set title 'Pages that are there, entries that are not'
	set logscale y
	set format y '10^{%T}'
	set yrange [0.1:1e4]
	plot for [name in present] rows('present', name) using 1:5 \
			title value('title_'.name) linetype line(name), \
		for [name in present] rows('store', name) using 1:5 \
			notitle linetype line(name) dashtype 2 lw 1.5, \
		NaN title 'dashed: by stores' with lines lc rgb '#000000' dashtype 2 lw 1.5

	set title 'Discard'
	set yrange [1:1e4]
	plot for [name in discard] rows('discard', name) using 1:5 \
		title value('title_'.name) linetype line(name)

	unset multiplot
}
