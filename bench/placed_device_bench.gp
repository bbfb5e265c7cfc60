# SPDX-License-Identifier: MIT
# Draws placed_device_bench.csv, as scripts/bench leaves it. Run in the sysroot
# at the top of the checkout: scripts/in-sysroot gnuplot bench/placed_device_bench.gp

csv = 'build/bench/placed_device_bench.csv'

# In the order of the bench: a line for each pattern or size.
frames(method) = sprintf("< awk -F, '$1 == \"frame\" && $2 == \"%s\"' %s", method, csv)
pool(method, work) = sprintf("< awk -F, '$1 == \"pool\" && $2 == \"%s\" && $4 == \"%s\"' %s", method, work, csv)
flat(state, work) = sprintf("< awk -F, '$1 == \"flat\" && $2 == \"%s\" && $4 == \"%s\"' %s", state, work, csv)

label(pattern) = pattern eq 'one' ? '1 run of 4 KiB' : \
	pattern eq 'hundred' ? '100 runs' : \
	pattern eq 'apart' ? '10,000 runs' : \
	pattern eq 'alternate' ? '10,000, close' : \
	pattern eq '64k' ? '1,000 of 64 KiB' : \
	pattern eq '1m' ? '64 of 1 MiB' : 'all 156 MiB'

set datafile separator ','
set border 3
set tics nomirror
set grid ytics
set style fill solid noborder
set boxwidth 0.9

# A color for each kind of memory, and for each work.
set linetype 1 lc rgb '#d62728' lw 3 pt 13 ps 0.9
set linetype 2 lc rgb '#1f77b4' lw 2 pt 7 ps 0.7
set linetype 3 lc rgb '#999999' lw 2 pt 5 ps 0.6
set linetype 4 lc rgb '#ff7f0e' lw 2 pt 9 ps 0.7
set linetype 5 lc rgb '#2ca02c' lw 2 pt 11 ps 0.7

do for [format in 'svg png'] {
	if (format eq 'svg') {
		set terminal svg size 1000,1100 font 'sans-serif,14' background '#ffffff'
	} else {
		set terminal pngcairo size 1000,1100 font 'sans-serif,12' background '#ffffff'
	}
	set output 'build/bench/placed_device_bench.'.format
	set multiplot layout 3,1 title 'What the device costs' \
		margins 0.09,0.7,0.04,0.92 spacing 0.1

	set title 'Transfers of a frame' offset 0,-0.6
	# The samples of bars would reach into the plot.
	set key at screen 0.72,0.85 left top vertical reverse Left spacing 1.2 samplen 2
	set ylabel 'host, microseconds per frame'
	set style data histograms
	set style histogram clustered gap 1.5
	set logscale y
	set format y '10^{%T}'
	set yrange [1:1e5]
	set xrange [-0.7:6.7]
	set xtics scale 0 rotate by -12 font ',10'
	plot frames('ranges') using ($8/1000):xtic(label(strcol(4))) title 'ranges, one command' linetype 1, \
		frames('boxes') using ($8/1000) title 'boxes, a command each' linetype 2, \
		frames('memcpy_runs') using ($8/1000) title 'memcpy of the runs' linetype 3

	set key outside right center reverse Left spacing 1.2 samplen 2
	set style data linespoints
	set grid xtics ytics
	set logscale x 2
	set xtics scale 1 norotate font ',12'
	set xtics ('4 MiB' 4, '64 MiB' 64, '1 GiB' 1024, '4 GiB' 4096)
	set xrange [3:5500]

	set title 'Populating and discarding'
	set ylabel 'instructions, or ns, per 4 KiB'
	set yrange [1:2e4]
	plot pool('pool', 'populate') using 3:7 title 'pool' linetype 1, \
		pool('sparse', 'populate') using 3:7 title 'sparse, 2 MiB pages' linetype 4, \
		pool('memfd', 'populate') using 3:7 title 'memfd, 4 KiB pages' linetype 2, \
		pool('pool', 'discard') using 3:7 notitle linetype 1 dashtype 2 lw 1.5, \
		pool('sparse', 'discard') using 3:7 notitle linetype 4 dashtype 2 lw 1.5, \
		pool('memfd', 'discard') using 3:7 notitle linetype 2 dashtype 2 lw 1.5, \
		NaN title 'dashed: discard' with lines lc rgb '#000000' dashtype 2 lw 1.5, \
		pool('pool', 'populate') using 3:8 title 'pool: ns of the host' linetype 3, \
		pool('pool', 'discard') using 3:8 notitle linetype 3 dashtype 2 lw 1.5

	set title 'One operation, by the size of the object'
	set ylabel 'instructions'
	set yrange [1e3:1e5]
	set xtics ('16 MiB' 16, '1 GiB' 1024, '64 GiB' 65536)
	set xrange [10:100000]
	plot flat('used', 'list') using 3:7 title 'list all that is there' linetype 3, \
		flat('used', 'touch') using 3:7 title 'touch a page' linetype 2, \
		flat('used', 'populate') using 3:7 title 'populate a page' linetype 1, \
		flat('used', 'discard') using 3:7 title 'discard a page' linetype 4, \
		flat('used', 'query') using 3:7 title 'query a page' linetype 5

	unset multiplot
	unset xrange
	unset logscale x
	set grid noxtics ytics
	set xtics autofreq
}
