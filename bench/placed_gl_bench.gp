# SPDX-License-Identifier: MIT
# Draws placed_gl_bench.csv, as scripts/bench leaves it. Run in the sysroot
# at the top of the checkout: scripts/in-sysroot gnuplot bench/placed_gl_bench.gp

csv = 'build/bench/placed_gl_bench.csv'

# A line for each pattern, in the order of the bench.
rows(table, way) = sprintf("< awk -F, '$1 == \"%s\" && $3 == \"%s\"' %s", table, way, csv)

label(pattern) = pattern eq 'ring' ? '8 KiB of uniforms' : \
	pattern eq 'gathered' ? 'the same, gathered' : \
	pattern eq 'stream' ? '4 MiB of vertices' : '1 % of 256 MiB'

set datafile separator ','
set style data histograms
set style histogram clustered gap 1.5
set style fill solid noborder
set boxwidth 0.9
set border 3
set tics nomirror
set grid ytics
set xtics scale 0
set xrange [-0.6:3.6]

# What the bench is about stands out; what it is compared to does not.
ways = 'tracked blob subdata none'
title_tracked = 'tracked: persistent coherent, sent by the kernel'
title_blob = 'blob: persistent coherent, host visible'
title_subdata = 'glBufferSubData'
title_none = 'the same frames without uploads'

set linetype 1 lc rgb '#d62728'
set linetype 2 lc rgb '#1f77b4'
set linetype 3 lc rgb '#2ca02c'
set linetype 4 lc rgb '#bbbbbb'

do for [format in 'svg png'] {
	if (format eq 'svg') {
		set terminal svg size 1000,1100 font 'sans-serif,14' background '#ffffff'
	} else {
		set terminal pngcairo size 1000,1100 font 'sans-serif,12' background '#ffffff'
	}
	set output 'build/bench/placed_gl_bench.'.format
	set multiplot layout 3,1 title 'What a frame of uploads costs an OpenGL program' \
		margins 0.09,0.98,0.05,0.865 spacing 0.09

	set title 'Guest' offset 0,-0.6
	set ylabel 'instructions per frame'
	set logscale y
	set format y '10^{%T}'
	set yrange [1e4:1e7]
	set key at screen 0.09,0.955 left top vertical maxrows 2 reverse Left width -4 samplen 1.5 spacing 1.3
	plot for [i=1:words(ways)] rows('count', word(ways, i)) \
		using 5:xtic(label(strcol(2))) title value('title_'.word(ways, i)) linetype i
	unset key

	set title 'Sent to the host'
	set ylabel 'bytes per frame'
	set yrange [1e3:1e7]
	plot for [i=1:words(ways)] rows('count', word(ways, i)) \
		using 12:xtic(label(strcol(2))) notitle linetype i

	set title 'Frames per second'
	set ylabel 'times those of the blob'
	unset logscale y
	set format y '%g'
	set yrange [0:1.2]
	plot for [i=1:3] rows('time', word(ways, i)) \
		using (1 / $8):xtic(label(strcol(2))) notitle linetype i
	unset multiplot
}
