# SPDX-License-Identifier: MIT
# Draws placed_coherent_bench.csv and placed_coherent_bench_vmware.csv, as scripts/bench leaves it. Run in the sysroot
# at the top of the checkout: scripts/in-sysroot gnuplot bench/placed_coherent_bench.gp

csv(device) = 'build/bench/placed_coherent_bench'.(device eq 'vmware' ? '_vmware' : '').'.csv'

# A line of the CSV for each pattern, in the order of the bench.
rows(device, mib, method) = sprintf("< awk -F, '$1 == %d && $3 == \"%s\" && $2 != \"refused\"' %s", \
	mib, method, csv(device))

set datafile separator ','
set style data histograms
set style histogram clustered gap 1.5
set style fill solid noborder
set boxwidth 0.9
set logscale y
set format y '10^{%T}'
set yrange [300:2e9]
set ytics 1e3,10
set grid ytics
set xtics scale 0
set border 3
set tics nomirror
unset key

# What the bench is about stands out; what it is compared to does not.
methods = 'oracle upload interleaved scan protect vmwgfx'
title_oracle = 'oracle: transfers what it knows it stored to'
title_upload = 'upload: transfers all, for the device to copy'
title_interleaved = 'tracked: interleaved policy'
title_scan = 'tracked: scan only'
title_protect = 'tracked: write protection only'
title_vmwgfx = 'tracked: as vmwgfx'

set linetype 1 lc rgb '#555555'
set linetype 2 lc rgb '#bbbbbb'
set linetype 3 lc rgb '#d62728'
set linetype 4 lc rgb '#1f77b4'
set linetype 5 lc rgb '#2ca02c'
set linetype 6 lc rgb '#ff7f0e'

label(pattern) = pattern eq 'idle' ? 'nothing' : \
	pattern eq 'hot' ? 'one page' : \
	pattern eq 'random' ? '1 % of all' : \
	pattern eq 'stream' ? 'next 256' : \
	pattern eq 'full' ? 'all pages' : 'window of 64'

do for [format in 'svg png'] {
	if (format eq 'svg') {
		set terminal svg size 1700,1100 font 'sans-serif,14' background '#ffffff'
	} else {
		set terminal pngcairo size 1700,1100 font 'sans-serif,12' background '#ffffff'
	}
	set output 'build/bench/placed_coherent_bench.'.format
	set multiplot layout 3,2 title 'What a frame of stores costs, with what finds them' \
		margins 0.05,0.99,0.05,0.93 spacing 0.05,0.08
	do for [panel in 'virtio:16 vmware:16 virtio:256 vmware:256 virtio:1024'] {
		device = panel[1:6]
		mib = panel[8:*]
		set title (device eq 'virtio' ? 'virtio-gpu, pages of the guest: ' : \
			'vmware-svga, memory of the device: ') \
			.(mib eq '1024' ? '1 GiB' : mib.' MiB') offset 0,-0.8
		set ylabel (device eq 'virtio' ? 'instructions per frame' : '')
		if (mib eq '1024') {
			set key at screen 0.88,0.25 top right vertical noreverse samplen 1.5 spacing 1.4
		}
		plot for [i=1:words(methods)] rows(device, int(mib), word(methods, i)) \
			using 7:xtic(label(strcol(2))) \
			title value('title_'.word(methods, i)) linetype i
	}
	unset multiplot
	unset key
}
