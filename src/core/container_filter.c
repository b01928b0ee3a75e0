#include "core/container_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/images.h"
#include "core/words.h"
#include "json/text.h"

/* clang-format off */
const char *const container_list_filters[] = {
	"ancestor", "before", "since", "exited", "expose", "health", "id", "is-task", "isolation",
	"label", "name", "network", "publish", "status", "volume", NULL,
};
const char *const container_prune_filters[] = { "label", "label!", "until", NULL };
/* clang-format on */

static bool given(const struct filters *f, const char *key)
{
	char *const *v = filters_get(f, key);

	return v && *v;
}

/* ---- checking the values */

static int read_states(struct container_filter *cf, struct err *err)
{
	char *const *v = filters_get(cf->f, "status");

	for (; v && *v; v++) {
		int s = 0;

		while (s < RUN_STATE_COUNT && !str_eq(*v, run_state_name((enum run_state)s)))
			s++;
		if (s == RUN_STATE_COUNT)
			return err_set(err, ERR_INVALID, EINVAL, "invalid filter 'status=%s'", *v);
		cf->states |= 1U << s;
		cf->all = true;
	}
	return 0;
}

struct ports {
	uint64_t first, last;
	char protocol[8];
};

/* "80", "80/tcp" or "80-90/tcp". */
static bool ports_parse(const char *text, struct ports *ret)
{
	auto_strv char **parts = strv_split(text, '/');
	auto_strv char **ends = strv_split(parts[0], '-');
	const char *protocol = parts[1] ? parts[1] : "tcp";
	size_t count = strv_len(ends);

	if (strv_len(parts) > 2 || count < 1 || count > 2 ||
		strlen(protocol) >= sizeof(ret->protocol))
		return false;
	if (str_to_u64(ends[0], &ret->first) < 0 || str_to_u64(ends[count - 1], &ret->last) < 0)
		return false;
	(void)snprintf(ret->protocol, sizeof(ret->protocol), "%s", protocol);
	return ret->first <= ret->last && ret->last <= UINT16_MAX;
}

static int check_ports(const struct filters *f, const char *key, struct err *err)
{
	struct ports ports;

	for (char *const *v = filters_get(f, key); v && *v; v++)
		if (!ports_parse(*v, &ports))
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid filter '%s=%.64s'", key, *v);
	return 0;
}

static int check_words(const struct filters *f, struct err *err)
{
	static const char *const health[] = { "none", "starting", "healthy", "unhealthy", NULL };
	char *const *v;
	int64_t n;
	int task;

	for (v = filters_get(f, "health"); v && *v; v++)
		if (!word_among(health, *v))
			return err_set(err, ERR_INVALID, EINVAL,
				"Unrecognised filter value for health: %s", *v);
	for (v = filters_get(f, "exited"); v && *v; v++)
		if (str_to_i64(*v, &n) < 0)
			return err_set(err, ERR_INVALID, EINVAL, "invalid filter 'exited=%s'", *v);
	if (check_ports(f, "expose", err) < 0 || check_ports(f, "publish", err) < 0)
		return -EINVAL;
	return filters_bool(f, "is-task", &task, err);
}

static int reference_time(
	struct core *c, const struct filters *f, const char *key, int64_t *ret, struct err *err)
{
	char *const *v = filters_get(f, key);

	for (; v && *v; v++) {
		auto_summary struct summary s = { 0 };
		char id[ID_SIZE];
		int r = container_resolve(c, *v, id, err);

		if (r < 0)
			return r;
		if (summary_read(c, id, &s) == 0)
			*ret = s.created;
	}
	return 0;
}

/* Images that are gone match by the name the container was made from, all the same. */
static void resolve_ancestors(struct core *c, struct container_filter *cf)
{
	char *const *v = filters_get(cf->f, "ancestor");
	size_t n = 0;

	for (; v && *v; v++) {
		auto_image struct image *image = NULL;

		if (image_find(c, *v, &image, NULL) < 0)
			continue;
		strv_add(&cf->image_ids, image->id);
		cf->image_layers = xreallocarray(cf->image_layers, n + 1, sizeof(char **));
		cf->image_layers[n++] = take_ptr(&image->diff_ids);
	}
}

void container_filter_clear(struct container_filter *cf)
{
	for (size_t i = 0; i < strv_len(cf->image_ids); i++)
		strv_free(cf->image_layers[i]);
	free(cf->image_layers);
	strv_free(cf->image_ids);
	*cf = (struct container_filter){ 0 };
}

int container_filter_open(struct core *c, const struct filters *f, bool all,
	struct container_filter *ret, struct err *err)
{
	auto_container_filter struct container_filter cf = { .f = f, .all = all };
	int r;

	r = read_states(&cf, err);
	if (r == 0)
		r = check_words(f, err);
	if (r == 0)
		r = reference_time(c, f, "before", &cf.before, err);
	if (r == 0)
		r = reference_time(c, f, "since", &cf.since, err);
	if (r < 0)
		return r;
	cf.wants_doc = given(f, "volume") || given(f, "expose");
	resolve_ancestors(c, &cf);
	*ret = cf;
	cf = (struct container_filter){ 0 };
	return 0;
}

/* ---- matching */

static bool is_up(const struct status *st)
{
	return st->state == RUN_RUNNING || st->state == RUN_PAUSED || st->state == RUN_RESTARTING;
}

static bool match_exited(const struct filters *f, const struct status *st)
{
	char *const *v = filters_get(f, "exited");
	int64_t n;

	if (!given(f, "exited"))
		return true;
	for (; *v; v++)
		if (str_to_i64(*v, &n) == 0 && n == st->exit_code && st->finished && !is_up(st))
			return true;
	return false;
}

static bool match_name(const struct filters *f, const struct summary *s)
{
	return !given(f, "name") || filters_match_pattern(f, "name", s->name) ||
		filters_match_pattern(f, "name", s->slash_name);
}

static bool match_health(const struct filters *f, const struct status *st)
{
	return !given(f, "health") ||
		strv_has(filters_get(f, "health"), health_state_name(st->health));
}

/* No container belongs to a swarm or publishes a port. */
static bool match_constants(const struct filters *f)
{
	int task = -1;

	(void)filters_bool(f, "is-task", &task, NULL);
	return task != 1 && !given(f, "publish");
}

static const char *label_of(void *arg, const char *label)
{
	const struct container *ct = arg;

	return json_get_str(json_get(ct->config, "Labels"), label, NULL);
}

static bool layers_start_with(char *const *layers, char *const *base)
{
	for (; base && *base; base++, layers++)
		if (!layers || !*layers || !str_eq(*layers, *base))
			return false;
	return true;
}

/* Made from that image itself. */
static bool match_image(const struct container_filter *cf, const struct summary *s)
{
	return !given(cf->f, "ancestor") || strv_has(filters_get(cf->f, "ancestor"), s->image) ||
		strv_has(cf->image_ids, s->image_id);
}

/* Or from one that was built on it. */
static bool match_descent(const struct container_filter *cf, const struct container *ct)
{
	for (size_t i = 0; cf->image_ids && cf->image_ids[i]; i++)
		if (cf->image_layers[i] && layers_start_with(ct->diff_ids, cf->image_layers[i]))
			return true;
	return false;
}

static bool match_volume(const struct filters *f, json_object *mounts)
{
	char *const *v = filters_get(f, "volume");

	if (!given(f, "volume"))
		return true;
	for (size_t i = 0; mounts && i < json_object_array_length(mounts); i++) {
		json_object *m = json_object_array_get_idx(mounts, i);

		if (strv_has(v, json_get_str(m, "Destination", "")) ||
			strv_has(v, json_get_str(m, "Name", "")) ||
			strv_has(v, json_get_str(m, "Source", "")))
			return true;
	}
	return false;
}

static bool port_in(const struct ports *want, const char *port)
{
	struct ports have;

	return ports_parse(port, &have) && str_eq(want->protocol, have.protocol) &&
		have.first >= want->first && have.first <= want->last;
}

static bool match_expose(const struct filters *f, json_object *ports)
{
	char *const *v = filters_get(f, "expose");

	if (!given(f, "expose"))
		return true;
	if (!json_object_is_type(ports, json_type_object))
		return false;
	for (; *v; v++) {
		struct ports want;

		if (!ports_parse(*v, &want))
			continue;
		json_object_object_foreach(ports, port, unused)
		{
			(void)unused;
			if (port_in(&want, port))
				return true;
		}
	}
	return false;
}

static bool match_doc(
	struct core *c, const struct container_filter *cf, const char *id, bool image_known)
{
	auto_container struct container *ct = NULL;
	json_object *doc;

	if (record_read(c, id, &doc, NULL) < 0 || container_decode(doc, &ct, NULL) < 0)
		return false;
	return (image_known || match_descent(cf, ct)) &&
		match_volume(cf->f, json_get(ct->doc, "Mounts")) &&
		match_expose(cf->f, json_get(ct->config, "ExposedPorts"));
}

static const char *summary_label_of(void *arg, const char *label)
{
	return summary_label(arg, label);
}

bool container_filter_match(struct core *c, const struct container_filter *cf, const char *id,
	const struct summary *s, const struct status *st)
{
	const struct filters *f = cf->f;
	bool image_known;

	if (!cf->all && !is_up(st))
		return false;
	if (cf->states && !(cf->states & (1U << st->state)))
		return false;
	if ((cf->before && s->created >= cf->before) || (cf->since && s->created <= cf->since))
		return false;
	if (!match_exited(f, st) || !match_health(f, st) || !match_constants(f) ||
		!match_name(f, s))
		return false;
	if (given(f, "id") && !filters_match_pattern(f, "id", id))
		return false;
	if (given(f, "network") && !strv_has(filters_get(f, "network"), s->network))
		return false;
	if (!filters_match_labels(f, summary_label_of, (void *)(uintptr_t)s))
		return false;
	image_known = match_image(cf, s);
	if (image_known && !cf->wants_doc)
		return true;
	return match_doc(c, cf, id, image_known);
}

/* ---- prune */

bool prune_filter_match(const struct filters *f, const struct container *ct, int64_t until)
{
	return (!until || container_created(ct) < until) &&
		filters_match_labels(f, label_of, (void *)(uintptr_t)ct);
}
