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

/* What arrives, within so many seconds, but no more than that. Returns 0 or the negative errno. */
static inline int placed_read_host(int port, void *data, size_t size, int patience)
{
	struct pollfd readable = { .fd = port, .events = POLLIN };
	char *at = data;

	while (size) {
		ssize_t got;

		if (poll(&readable, 1, 1000) < 0 && errno != EINTR)
			return -errno;
		if (!(readable.revents & POLLIN)) {
			if (patience-- <= 0)
				return -ETIMEDOUT;
			continue;
		}
		got = read(port, at, size);
		if (got <= 0)
			return got ? -errno : -EPIPE;
		at += got;
		size -= got;
	}
	return 0;
}

/*
 * One question, without the end of its line, and the line that answers it. More may
 * follow. Returns 0, or -ETIMEDOUT or another errno.
 */
static inline int placed_ask_port(int port, const char *question, char *answer, size_t size,
				  int patience)
{
	size_t length = 0;
	int ret = 0;

	if (dprintf(port, "%s\n", question) < 0)
		ret = -errno;
	while (!ret && length < size - 1) {
		ret = placed_read_host(port, &answer[length], 1, patience);
		if (ret || answer[length] == '\n')
			break;
		length++;
	}
	answer[length] = 0;
	return ret;
}

/*
 * The same where there is no more to the answer than its line. What arrives at a closed
 * port is lost: wait for it. Returns 0, or -ENODEV, -ETIMEDOUT or another errno.
 */
static inline int placed_ask_host(const char *question, char *answer, size_t size, int patience)
{
	int port = placed_open_host(), ret;

	answer[0] = 0;
	if (port < 0)
		return -ENODEV;
	ret = placed_ask_port(port, question, answer, size, patience);
	close(port);
	return ret;
}

#endif
