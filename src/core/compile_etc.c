/* etc/hosts, etc/hostname and etc/resolv.conf of a container. They lie in its folder, made anew before
 * each start, and are mounted writable: what the container writes there does not outlive the run. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "core/compile.h"

#define HOST_FILE_MAX (1024 * 1024)

static void add_extra_hosts(struct buf *out, char *const *extra, bool host_network)
{
	for (; extra && *extra; extra++) {
		const char *colon = strchr(*extra, ':');
		const char *addr = colon + 1;
		size_t n = strlen(addr);

		if (str_eq(addr, "host-gateway")) {
			if (!host_network)
				continue; /* create has warned */
			addr = "127.0.0.1";
			n = strlen(addr);
		} else if (*addr == '[') {
			addr++;
			n -= 2;
		}
		buf_printf(out, "%.*s\t%.*s\n", (int)n, addr, (int)(colon - *extra), *extra);
	}
}

void etc_hosts_write(struct buf *out, const struct container_config *c, const struct host_config *h,
	const char *host_file)
{
	bool host_network = str_eq(h->network_mode, "host");

	if (host_network && *host_file) {
		buf_adds(out, host_file);
		if (out->data[out->len - 1] != '\n')
			buf_addc(out, '\n');
	} else {
		buf_adds(out,
			"127.0.0.1\tlocalhost\n"
			"::1\tlocalhost ip6-localhost ip6-loopback\n"
			"fe00::\tip6-localnet\n"
			"ff00::\tip6-mcastprefix\n"
			"ff02::1\tip6-allnodes\n"
			"ff02::2\tip6-allrouters\n");
	}
	add_extra_hosts(out, h->extra_hosts, host_network);
	if (!host_network && !str_empty(c->hostname)) {
		/* loopback is all the network there is */
		buf_adds(out, "127.0.0.1\t");
		if (!str_empty(c->domainname))
			buf_printf(out, "%s.%s ", c->hostname, c->domainname);
		buf_printf(out, "%s\n", c->hostname);
	}
}

static bool is_loopback(const char *server)
{
	return str_starts(server, "127.") || str_eq(server, "::1");
}

/* The host's lines of one kind. A resolver on the host's loopback is out of reach from a network
 * namespace of the container's own. */
static void keep_lines(struct buf *out, const char *file, const char *kind, bool drop_loopback)
{
	auto_strv char **lines = strv_split(file, '\n');

	for (char **l = lines; *l; l++) {
		const char *value = *l + strlen(kind);

		if (!str_starts(*l, kind) || (*value != ' ' && *value != '\t'))
			continue;
		if (drop_loopback && is_loopback(value + strspn(value, " \t")))
			continue;
		buf_printf(out, "%s\n", *l);
	}
}

static void add_words(struct buf *out, const char *kind, char *const *words)
{
	buf_adds(out, kind);
	for (; *words; words++)
		buf_printf(out, " %s", *words);
	buf_addc(out, '\n');
}

void etc_resolv_write(struct buf *out, const struct host_config *h, const char *host_file)
{
	bool own_network = !str_eq(h->network_mode, "host");

	if (!own_network && !h->dns && !h->dns_search && !h->dns_options) {
		buf_adds(out, host_file);
		return;
	}
	if (h->dns)
		for (char **d = h->dns; *d; d++)
			buf_printf(out, "nameserver %s\n", *d);
	else
		keep_lines(out, host_file, "nameserver", own_network);
	if (!h->dns_search)
		keep_lines(out, host_file, "search", false);
	else if (!(strv_len(h->dns_search) == 1 &&
			 str_eq(h->dns_search[0], "."))) /* "." means none */
		add_words(out, "search", h->dns_search);
	if (h->dns_options)
		add_words(out, "options", h->dns_options);
	else
		keep_lines(out, host_file, "options", false);
}

static char *host_text(const char *path)
{
	char *text;
	/* often a symbolic link (systemd-resolved), so not file_read_at() */
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && fd_read_text(fd, HOST_FILE_MAX, &text, NULL) == 0) {
		(void)fd_close(fd);
		return text;
	}
	(void)fd_close(fd);
	return xstrdup("");
}

static int write_file(int dir, const char *name, const struct buf *text, struct err *err)
{
	int r = file_replace_at(dir, name, text->data ? text->data : "", text->len, 0644, 0);

	return r < 0 ? err_sys(err, r, "write %s", name) : 0;
}

int etc_files_write(
	int dir, const struct container_config *c, const struct host_config *h, struct err *err)
{
	auto_free char *host_hosts = host_text("/etc/hosts"),
		       *host_dns = host_text("/etc/resolv.conf");
	auto_buf struct buf hosts = { 0 }, resolv = { 0 }, hostname = { 0 };
	int r;

	etc_hosts_write(&hosts, c, h, host_hosts);
	etc_resolv_write(&resolv, h, host_dns);
	buf_printf(&hostname, "%s\n", c->hostname ? c->hostname : "");
	r = write_file(dir, "hosts", &hosts, err);
	if (r == 0)
		r = write_file(dir, "resolv.conf", &resolv, err);
	if (r == 0)
		r = write_file(dir, "hostname", &hostname, err);
	return r;
}
