/* SPDX-License-Identifier: MIT */
/*
 * The port to whoever runs the guest, for the tests and the demo: what the host sees
 * is not to be seen from here. scripts/guest says what may be asked.
 */
#ifndef PLACED_HOST_H
#define PLACED_HOST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The port; -1: there is none. */
static inline int placed_open_host(void)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd = -1;

	while (ports && fd < 0 && (entry = readdir(ports))) {
		char path[320], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, "control"))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (ports)
		closedir(ports);
	return fd;
}

/*
 * One question, without the end of its line, and its answer. What arrives at a closed
 * port is lost: wait for it, so many seconds at most. Returns 0, or -ENODEV, -ETIMEDOUT
 * or another errno.
 */
static inline int placed_ask_host(const char *question, char *answer, size_t size, int patience)
{
	int port = placed_open_host(), ret = 0;
	struct pollfd readable = { .fd = port, .events = POLLIN };
	size_t length = 0;

	answer[0] = 0;
	if (port < 0)
		return -ENODEV;

	if (dprintf(port, "%s\n", question) < 0)
		ret = -errno;
	while (!ret && length < size - 1 && !strchr(answer, '\n')) {
		ssize_t got;

		if (poll(&readable, 1, 1000) < 0 && errno != EINTR)
			ret = -errno;
		if (!(readable.revents & POLLIN)) {
			if (!ret && patience-- <= 0)
				ret = -ETIMEDOUT;
			continue;
		}
		got = read(port, answer + length, size - 1 - length);
		if (got <= 0)
			break;
		length += got;
		answer[length] = 0;
	}
	close(port);
	answer[strcspn(answer, "\n")] = 0;
	return ret;
}

#endif
