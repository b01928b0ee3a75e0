/* GET /containers/json. What a container takes is in scan.h. */
#include "core/containers.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/timefmt.h"
#include "core/container_filter.h"
#include "core/container_state.h"
#include "core/images.h"
#include "core/records.h"
#include "core/scan.h"

struct entry {
	const struct known *known; /* the scan's */
	struct status status;
};

struct listing {
	struct entry *items;
	size_t count;
	int64_t now;
};

static void add_entry(struct listing *l, const struct known *known, const struct status *st)
{
	if ((l->count & (l->count - 1)) == 0)
		l->items = xreallocarray(l->items, l->count ? 2 * l->count : 1, sizeof(*l->items));
	l->items[l->count++] = (struct entry){ .known = known, .status = *st };
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->known->summary.created != y->known->summary.created)
		return x->known->summary.created < y->known->summary.created ? 1 : -1;
	return strcmp(x->known->id, y->known->id);
}

/* The reference a container was made from, or the image's id once that means another image. */
static const char *image_shown(const struct image_names *names, const struct summary *s)
{
	const char *id = image_names_lookup(names, s->image);
	const char *hex = str_starts(s->image, "sha256:") ? s->image + 7 : s->image;

	if (str_eq(id, s->image_id))
		return s->image;
	/* typed as an id, or a part of it */
	if (!*id && id_prefix_valid(hex) && str_starts(s->image_id + strlen("sha256:"), hex))
		return s->image;
	return *s->image_id ? s->image_id : s->image;
}

static void write_sizes(struct jsonw *w, struct core *c, const char *id)
{
	auto_container struct container *ct = NULL;
	int64_t rw = container_size_rw(c, id);
	json_object *doc;

	jw_int(w, "SizeRw", rw);
	if (record_read(c, id, &doc, NULL) == 0 && container_decode(doc, &ct, NULL) == 0)
		jw_int(w, "SizeRootFs", container_size_root(c, ct, rw));
}

static void write_status(struct jsonw *w, const struct status *st, int64_t now)
{
	char room[96];
	struct buf text = { .data = room,
		.room = sizeof(room) }; /* longer than any, so never grown */

	status_text(&text, st, now);
	jw_str(w, "State", run_state_name(st->state));
	jw_strn(w, "Status", text.data, text.len);
}

static void write_entry(
	struct jsonw *w, const struct image_names *names, const struct entry *e, int64_t now)
{
	const struct summary *s = &e->known->summary;

	jw_str(w, "Id", e->known->id);
	jw_array(w, "Names");
	jw_str(w, NULL, s->slash_name);
	jw_array_end(w);
	jw_str(w, "Image", image_shown(names, s));
	jw_str(w, "ImageID", s->image_id);
	jw_members(w, s->members);
	write_status(w, &e->status, now);
}

static int write_listing(struct core *c, struct listing *l, size_t limit, bool size,
	struct buf *out, struct err *err)
{
	struct image_names *names = NULL;
	struct jsonw w = JSONW(out);
	int r;

	r = image_names_open(c, &names, err);
	if (r < 0)
		return r;
	jw_array(&w, NULL);
	for (size_t i = 0; i < l->count && i < limit; i++) {
		jw_object(&w, NULL);
		write_entry(&w, names, &l->items[i], l->now);
		if (size)
			write_sizes(&w, c, l->items[i].known->id);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	image_names_free(names);
	return 0;
}

int container_list(struct core *c, const struct filters *f, bool all, int limit, bool size,
	struct buf *out, struct err *err)
{
	auto_container_filter struct container_filter cf = { 0 };
	struct listing l = { .now = time_now() };
	auto_scan struct scan scan = { .data = FD_NONE, .run = FD_NONE };
	const struct known *known;
	struct status st;
	int r;

	r = container_filter_open(c, f, all || limit > 0, &cf, err);
	if (r == 0)
		r = scan_open(c, &scan, err);
	if (r < 0)
		return r;
	while (scan_next(&scan, &known, &st))
		if (container_filter_match(c, &cf, known->id, &known->summary, &st))
			add_entry(&l, known, &st);
	if (l.count)
		qsort(l.items, l.count, sizeof(*l.items), newest_first);
	r = write_listing(c, &l, limit > 0 ? (size_t)limit : SIZE_MAX, size, out, err);
	free(l.items);
	return r;
}
