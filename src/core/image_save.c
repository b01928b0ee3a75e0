/* Which images a save means: the names are resolved here, dayfly-worker is told digests. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/image_store.h"
#include "oci/doc.h"
#include "json/text.h"

struct choice {
	const char *manifest; /* the index's */
	char **names;
};

struct choices {
	struct core *core;
	struct oci_index ix;
	json_object *platform; /* NULL: any */
	struct choice *items;
	size_t count;
};

static void choices_clear(struct choices *c)
{
	for (size_t i = 0; i < c->count; i++)
		strv_free(c->items[i].names);
	free(c->items);
	json_object_put(c->platform);
	oci_index_clear(&c->ix);
}

/* ---- the platform that is asked for */

static int read_platform(const char *text, json_object **ret, struct err *err)
{
	int r;

	*ret = NULL;
	if (str_empty(text))
		return 0;
	r = doc_parse(text, strlen(text), json_type_object, ret, err);
	return r < 0 ? err_prefix(err, "invalid platform") : 0;
}

static bool member_fits(json_object *platform, const char *key, const char *have)
{
	const char *want = json_get_str(platform, key, "");

	return !*want || str_eq(want, have);
}

static int fits_platform(
	const struct image *i, json_object *platform, const char *typed, struct err *err)
{
	if (member_fits(platform, "os", i->os) &&
		member_fits(platform, "architecture", i->architecture) &&
		member_fits(platform, "variant", i->variant))
		return 0;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"image with reference %.200s was found but does not provide the specified platform "
		"(%.20s/%.20s); it is there for %.20s/%.20s only",
		typed, json_get_str(platform, "os", ""), json_get_str(platform, "architecture", ""),
		i->os, i->architecture);
}

int image_check_platform(
	struct core *c, const struct image_ref *ref, const char *platform, struct err *err)
{
	auto_free char *typed = image_ref_familiar(ref);
	auto_json json_object *wanted = NULL;
	auto_image struct image *i = NULL;
	int r = read_platform(platform, &wanted, err);

	if (r < 0 || !wanted || image_find(c, typed, &i, NULL) < 0)
		return r;
	return fits_platform(i, wanted, typed, err);
}

/* ---- what is named */

static int check_choice(struct choices *c, const char *id, const char *typed, struct err *err)
{
	auto_image struct image *i = NULL;
	int r = c->platform ? image_load(c->core, &c->ix, id, &i, err) : 0;

	return r < 0 || !c->platform ? r : fits_platform(i, c->platform, typed, err);
}

/* Once each, however often it is asked for; name may be NULL. */
static int choose(struct choices *c, const struct oci_entry *e, const char *name, const char *typed,
	struct err *err)
{
	size_t i = 0;

	while (i < c->count && !str_eq(c->items[i].manifest, e->manifest))
		i++;
	if (i == c->count) {
		int r = check_choice(c, e->config, typed, err);

		if (r < 0)
			return r;
		c->items = xreallocarray(c->items, c->count + 1, sizeof(*c->items));
		c->items[c->count++] = (struct choice){ .manifest = e->manifest };
	}
	if (name && !strv_has(c->items[i].names, name))
		strv_add(&c->items[i].names, name);
	return 0;
}

static int choose_id(struct choices *c, const char *id, const char *typed, struct err *err)
{
	for (size_t i = 0; i < c->ix.count; i++)
		if (str_eq(c->ix.entries[i].config, id))
			return choose(c, &c->ix.entries[i], NULL, typed, err);
	return image_missing(typed, err);
}

/* A repository alone means all its tags. 1: it has none. */
static int choose_repository(
	struct choices *c, const char *repository, const char *typed, struct err *err)
{
	auto_free char *prefix = xasprintf("%s:", repository);
	int r = 1;

	for (size_t i = 0; r >= 0 && i < c->ix.count; i++) {
		const struct oci_entry *e = &c->ix.entries[i];

		if (e->name && str_starts(e->name, prefix))
			r = choose(c, e, e->name, typed, err);
	}
	return r;
}

static bool has_tag(const char *typed)
{
	const char *slash = strrchr(typed, '/');

	return strpbrk(slash ? slash : typed, ":@");
}

static int choose_typed(struct choices *c, const char *typed, struct err *err)
{
	auto_ref struct image_ref ref = { 0 };
	const char *id;
	int r = 1;

	if (!has_tag(typed) && image_ref_parse(typed, &ref, NULL) == 0)
		r = choose_repository(c, ref.repository, typed, err);
	if (r <= 0)
		return r;
	r = image_resolve(&c->ix, typed, &id, NULL, err);
	if (r < 0)
		return r;
	if (!*id)
		return image_missing(typed, err);
	image_ref_clear(&ref);
	if (image_ref_parse(typed, &ref, NULL) == 0 && ref.tag && !ref.digest) {
		auto_free char *full = image_ref_full(&ref);
		ssize_t i = oci_index_find(&c->ix, full);

		if (i >= 0)
			return choose(c, &c->ix.entries[i], full, typed, err);
	}
	return choose_id(c, id, typed, err);
}

int image_save_words(
	struct core *core, char *const *names, const char *platform, char ***ret, struct err *err)
{
	__attribute__((cleanup(choices_clear))) struct choices c = { .core = core };
	int r = read_platform(platform, &c.platform, err);

	if (r == 0 && !names)
		r = err_set(err, ERR_INVALID, EINVAL, "no image was named");
	if (r == 0)
		r = oci_index_read(&core->dirs, &c.ix, err);
	for (; r == 0 && *names; names++)
		r = choose_typed(&c, *names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.count; i++) {
		strv_add_take(ret, xasprintf("image=%s", c.items[i].manifest));
		for (char **n = c.items[i].names; n && *n; n++)
			strv_add_take(ret, xasprintf("name=%s", *n));
	}
	return 0;
}
