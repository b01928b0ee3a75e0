/* certs.d, as Docker has it. */
#include "oci/settings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "oci/reference.h"

#define SYSTEM_CERTS "/etc/docker/certs.d"
#define FILES_MAX    64
#define FILE_MAX     (256u << 10)

void certs_clear(struct certs *c)
{
	free(c->authorities);
	free(c->cert);
	free(c->key);
	*c = (struct certs){ 0 };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted: which of several pairs is taken must not change. 1: no such folder. */
static int list(const char *folder, char ***ret, struct err *err)
{
	auto_strv char **names = NULL;
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (!d)
		return err_sys(err, errno, "open %s", folder);
	while (strv_len(names) <= FILES_MAX && (e = readdir(d)))
		if (e->d_name[0] != '.')
			strv_add(&names, e->d_name);
	(void)closedir(d);
	if (strv_len(names) > FILES_MAX)
		return err_set(err, ERR_SYSTEM, E2BIG, "%s: more than %d files", folder, FILES_MAX);
	qsort(names, strv_len(names), sizeof(*names), by_name);
	*ret = take_ptr(&names);
	return 0;
}

static int add_authority(struct buf *pem, const char *folder, const char *name, struct err *err)
{
	auto_free char *path = xasprintf("%s/%s", folder, name), *text = NULL;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len;
	int r = fd < 0 ? -errno : fd_read_text(fd, FILE_MAX, &text, &len);

	if (r < 0)
		return err_sys(err, r, "read %s", path);
	buf_add(pem, text, len);
	buf_addc(pem, '\n');
	return 0;
}

/* NAME.cert and NAME.key belong together; of several pairs the first is used. */
static int check_pair(
	struct certs *c, const char *folder, char *const *names, const char *name, struct err *err)
{
	bool is_key = str_ends(name, ".key");
	const char *end = strrchr(name, '.');
	auto_free char *stem = xstrndup(name, (size_t)(end - name));
	auto_free char *other = xasprintf("%s%s", stem, is_key ? ".cert" : ".key");

	if (!strv_has(names, other))
		return err_set(err, ERR_SYSTEM, ENOENT,
			is_key ? "missing client certificate %s for key %s in %s"
			       : "missing key %s for client certificate %s in %s; CA certificates "
				 "must use the extension .crt",
			other, name, folder);
	if (is_key || c->cert)
		return 0;
	c->cert = xasprintf("%s/%s", folder, name);
	c->key = xasprintf("%s/%s", folder, other);
	return 0;
}

/* 1: no such folder. */
static int read_folder(const char *folder, struct certs *ret, struct err *err)
{
	auto_certs struct certs c = { 0 };
	auto_strv char **names = NULL;
	auto_buf struct buf pem = { 0 };
	int r = list(folder, &names, err);

	for (char **n = names; r == 0 && n && *n; n++) {
		if (str_ends(*n, ".crt"))
			r = add_authority(&pem, folder, *n, err);
		else if (str_ends(*n, ".cert") || str_ends(*n, ".key"))
			r = check_pair(&c, folder, names, *n, err);
	}
	if (r != 0)
		return r;
	if (pem.len)
		c.authorities = buf_steal(&pem);
	*ret = c;
	c = (struct certs){ 0 };
	return 0;
}

int settings_certs(const struct settings *s, const char *host, struct certs *ret, struct err *err)
{
	auto_free char *own = s->folder ? xasprintf("%s/certs.d/%s", s->folder, host) : NULL;
	auto_free char *system = xasprintf(SYSTEM_CERTS "/%s", host);
	int r;

	*ret = (struct certs){ 0 };
	if (!registry_host_valid(host)) /* it becomes part of a path */
		return 0;
	r = own ? read_folder(own, ret, err) : 1;
	if (r > 0)
		r = read_folder(system, ret, err);
	return r < 0 ? r : 0;
}
