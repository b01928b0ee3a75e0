/* `docker push`: what is sent where, and what is known of it afterwards. */
#include "worker/push.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/doc.h"
#include "oci/event.h"
#include "worker/documents.h"
#include "worker/jobs.h"

#define OTHERS_MAX 8 /* each makes the request for a token longer */

static void push_clear(struct push *p)
{
	registry_free(p->registry);
	meter_free(p->meter);
	for (size_t i = 0; i < p->other_count; i++) {
		free(p->others[i].path);
		strv_free(p->others[i].blobs);
	}
	free(p->others);
	strv_free(p->scopes);
	oci_index_clear(&p->ix);
	image_ref_clear(&p->ref);
	credentials_clear(&p->credentials);
	settings_clear(&p->settings);
}

/* ---- which tags */

/* The tag of an index entry if it is in the repository, else NULL. Borrowed. */
static const char *tag_in(const struct oci_entry *e, const char *repository)
{
	size_t len = strlen(repository);

	if (!e->name || strncmp(e->name, repository, len) != 0 || e->name[len] != ':')
		return NULL;
	return e->name + len + 1;
}

static bool is_asked_for(const struct push *p, const struct oci_entry *e)
{
	const char *tag = tag_in(e, p->ref.repository);

	return tag && (p->all_tags || str_eq(tag, p->ref.tag));
}

static int none_to_push(const struct push *p, struct err *err)
{
	for (size_t i = 0; i < p->ix.count; i++)
		if (tag_in(&p->ix.entries[i], p->ref.repository))
			return err_set(err, ERR_NOT_FOUND, ENOENT, "tag does not exist: %s:%s",
				p->ref.familiar, p->ref.tag);
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"An image does not exist locally with the tag: %s", p->ref.familiar);
}

/* ---- where the registry may copy from */

static int layers_of(const struct dirs *d, const struct oci_entry *e, char ***ret)
{
	auto_manifest struct manifest m = { 0 };
	auto_fd int fd = oci_blob_open(d, e->manifest);
	auto_free char *text = NULL;
	size_t len;
	int r = fd < 0 ? fd : fd_read_text(fd, DOC_MAX, &text, &len);

	if (r == 0)
		r = manifest_read(text, len, &m, NULL);
	if (r == 0)
		*ret = strv_copy(m.layers);
	return r;
}

static bool have_common(char *const *a, char *const *b)
{
	for (; a && *a; a++)
		if (strv_has(b, *a))
			return true;
	return false;
}

static struct push_other *add_other(struct push *p, const char *path)
{
	for (size_t i = 0; i < p->other_count; i++)
		if (str_eq(p->others[i].path, path))
			return &p->others[i];
	if (p->other_count == OTHERS_MAX)
		return NULL;
	p->others = xreallocarray(p->others, p->other_count + 1, sizeof(*p->others));
	p->others[p->other_count] = (struct push_other){ .path = xstrdup(path) };
	return &p->others[p->other_count++];
}

/* An entry of another repository that shares a layer with what is pushed. */
static void consider(struct push *p, const struct oci_entry *e, size_t domain, char *const *pushed)
{
	auto_ref struct image_ref ref = { 0 };
	auto_strv char **layers = NULL;
	struct push_other *o;

	if (!e->name || strncmp(e->name, p->ref.repository, domain) != 0 ||
		image_ref_parse(e->name, &ref, NULL) < 0 ||
		str_eq(ref.repository, p->ref.repository) ||
		layers_of(&p->work->dirs, e, &layers) < 0 || !have_common(layers, pushed))
		return;
	o = add_other(p, ref.repository + domain);
	if (!o)
		return;
	o->known |= ref.digest != NULL;
	for (char **l = layers; *l; l++)
		strv_add(&o->blobs, *l);
}

static void find_others(struct push *p)
{
	size_t domain = strcspn(p->ref.repository, "/") + 1;
	auto_strv char **pushed = NULL;

	for (size_t i = 0; i < p->ix.count; i++) {
		auto_strv char **layers = NULL;

		if (is_asked_for(p, &p->ix.entries[i]) &&
			layers_of(&p->work->dirs, &p->ix.entries[i], &layers) == 0)
			for (char **l = layers; l && *l; l++)
				strv_add(&pushed, *l);
	}
	for (size_t i = 0; i < p->ix.count; i++)
		consider(p, &p->ix.entries[i], domain, pushed);
}

static int open_registry(struct push *p, struct err *err)
{
	struct registry_how how = {
		.repository = p->ref.repository,
		.actions = "pull,push",
		.credentials = &p->credentials,
		.settings = &p->settings,
		.cancel = meter_cancel(p->meter),
	};

	find_others(p);
	for (size_t i = 0; i < p->other_count; i++)
		strv_add_take(&p->scopes, xasprintf("repository:%s:pull", p->others[i].path));
	how.scopes = (const char *const *)p->scopes;
	return registry_open(&how, &p->registry, err);
}

/* ---- afterwards */

/* The image is known by this digest in this repository from now on. An image that was removed meanwhile
 * stays removed. */
static int add_digest(
	struct push *p, const struct oci_entry *e, const char *digest, struct err *err)
{
	auto_free char *name = xasprintf("%s@%s", p->ref.repository, digest);
	auto_index struct oci_index ix = { 0 };
	auto_fd int lock = dirs_lock(&p->work->dirs);
	const struct oci_new_entry n = oci_entry_renamed(e, name);
	ssize_t have;
	bool here = false;
	int r;

	if (lock < 0)
		return err_sys(err, lock, "lock the store");
	r = oci_index_read(&p->work->dirs, &ix, err);
	if (r < 0)
		return r;
	have = oci_index_find(&ix, name);
	if (have >= 0 && str_eq(ix.entries[have].manifest, e->manifest))
		return 0;
	for (size_t i = 0; i < ix.count && !here; i++)
		here = str_eq(ix.entries[i].manifest, e->manifest);
	if (!here)
		return 0;
	oci_index_add(&ix, &n);
	return oci_index_write(&p->work->dirs, &ix, err);
}

static int push_tags(struct push *p, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->ix.count; i++) {
		const struct oci_entry *e = &p->ix.entries[i];
		char digest[DIGEST_SIZE];

		if (!is_asked_for(p, e))
			continue;
		r = push_image(p, e, tag_in(e, p->ref.repository), digest, err);
		if (r == 0)
			r = add_digest(p, e, digest, err);
	}
	return r;
}

static void tell_event(struct push *p)
{
	auto_free char *shown =
		p->all_tags ? xstrdup(p->ref.familiar) : image_ref_familiar(&p->ref);

	for (size_t i = 0; i < p->ix.count; i++)
		if (is_asked_for(p, &p->ix.entries[i])) {
			image_event_as(&p->work->dirs, "push", shown, p->ref.familiar,
				p->ix.entries[i].config);
			return;
		}
}

/* ---- the job */

/* What is wrong here is told with a status of its own. */
static int read_request(struct push *p, struct err *err)
{
	const char *name = work_get(p->work, "name", ""), *tag = work_get(p->work, "tag", "");
	int r = work_credentials(&p->credentials, err);

	work_drain();
	if (r == 0)
		r = image_ref_make(name, tag, &p->ref, err);
	if (r == 0)
		r = settings_read(&p->settings, err);
	p->all_tags = !*tag && !image_ref_complete(name);
	return r == 0 ? oci_index_read(&p->work->dirs, &p->ix, err) : r;
}

static int push(struct push *p, struct err *err)
{
	bool any = false;
	int r;

	p->meter = meter_new(&p->work->answer);
	meter_line(p->meter, NULL, "The push refers to repository [%s]", p->ref.repository);
	for (size_t i = 0; i < p->ix.count && !any; i++)
		any = is_asked_for(p, &p->ix.entries[i]);
	if (!any)
		return none_to_push(p, err);
	r = open_registry(p, err);
	if (r == 0)
		r = push_tags(p, err);
	if (r == 0)
		tell_event(p);
	return r;
}

int job_push(struct work *w, struct err *err)
{
	__attribute__((cleanup(push_clear))) struct push p = { .work = w };
	int r = read_request(&p, err);

	if (answer_wait(&w->answer, NULL) < 0)
		return r;
	if (r == 0)
		r = push(&p, err);
	meter_free(take_ptr(&p.meter));
	if (r < 0)
		answer_fail(&w->answer, err);
	else
		answer_end(&w->answer);
	return r;
}
