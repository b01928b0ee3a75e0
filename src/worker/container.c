#include "worker/container.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "oci/doc.h"
#include "state/events.h"
#include "json/text.h"

#define RECORD_MAX (4u << 20)

/* The folder of folders that has the container's. */
static const char *folder(const struct work *w)
{
	return str_eq(work_get(w, "removed", ""), "1") ? "removed" : "containers";
}

static int read_record(const struct work *w, const char *id, json_object **ret, struct err *err)
{
	auto_free char *text = NULL;
	char path[ID_SIZE + 32];
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%.64s/config.json", folder(w), id);
	r = record_text_at(w->dirs.data, path, RECORD_MAX, &text, &len);
	if (r == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", id);
	if (r < 0)
		return err_sys(err, r, "read configuration of container %.12s", id);
	r = json_parse(text, len, ret, err);
	return r < 0 ? err_prefix(err, "configuration of container %.12s", id) : 0;
}

static int open_own(const struct work *w, const char *id, struct err *err)
{
	char path[ID_SIZE + 32];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%.64s/upper", folder(w), id);
	fd = openat(w->dirs.data, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && str_eq(folder(w), "removed"))
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"No such container: %s (it was removed, and its files were not kept)", id);
	return fd < 0 ? err_sys(err, errno, "open files of container %.12s", id) : fd;
}

int container_files_open(const struct work *w, struct container_files *ret, struct err *err)
{
	auto_container_files struct container_files c = { .id = work_get(w, "id", "") };
	int own, r;

	if (!id_valid(c.id))
		return err_set(err, ERR_INVALID, EINVAL, "no container was named");
	r = read_record(w, c.id, &c.doc, err);
	if (r < 0)
		return r;
	c.diff_ids = doc_strv(doc_array(c.doc, "Layers"));
	own = open_own(w, c.id, err);
	if (own < 0)
		return own;
	c.own = (struct merged){ .dirs = { own }, .count = 1, .raw = true };
	own = fcntl(own, F_DUPFD_CLOEXEC, 3);
	r = own < 0 ? err_sys(err, errno, "open files of container %.12s", c.id)
		    : merged_open(&w->dirs, own, c.diff_ids, &c.tree, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct container_files){ 0 };
	return 0;
}

void container_files_close(struct container_files *c)
{
	json_object_put(c->doc);
	strv_free(c->diff_ids);
	merged_close(&c->own);
	merged_close(&c->tree);
	*c = (struct container_files){ 0 };
}

void container_tell(const struct work *w, const char *action, const char *more)
{
	auto_buf struct buf attrs = { 0 };
	struct event e = { .type = "container",
		.action = action,
		.id = work_get(w, "id", ""),
		.from = work_get(w, "from", "") };

	buf_adds(&attrs, work_get(w, "attrs", ""));
	if (more && *more)
		buf_printf(&attrs, "%s%s", attrs.len ? "," : "", more);
	e.attrs = attrs.data ? attrs.data : "";
	if (event_append(&w->dirs, &e) < 0)
		log_warning("the event %s of container %.12s could not be recorded", action, e.id);
}
