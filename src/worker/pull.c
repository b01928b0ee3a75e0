/* `docker pull`: what is asked for, and how the answer ends. */
#include "worker/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "worker/jobs.h"

#define TAGS_MAX 1000 /* of a repository that is pulled as a whole */

struct job_of_pull {
	struct work *work;
	struct settings settings;
	struct credentials credentials;
	struct platform platform;
	struct image_ref ref;
	bool all_tags;
};

static void job_clear(struct job_of_pull *j)
{
	settings_clear(&j->settings);
	credentials_clear(&j->credentials);
	image_ref_clear(&j->ref);
}

/* ---- what is asked for */

/* from may hold a tag or a digest itself, and tag may be a digest, too; with neither, all tags are
 * meant. "name:" is how old clients asked for that. */
static int read_reference(struct job_of_pull *j, struct err *err)
{
	auto_free char *from = xstrdup(work_get(j->work, "from", ""));
	const char *tag = work_get(j->work, "tag", "");
	size_t len = strlen(from);
	int r;

	if (len && from[len - 1] == ':')
		from[len - 1] = '\0';
	if (!digest_valid(tag)) {
		j->all_tags = !*tag && !image_ref_complete(from);
		r = *tag ? image_ref_make(from, tag, &j->ref, err)
			 : image_ref_parse(from, &j->ref, err);
	} else {
		r = image_ref_parse(from, &j->ref, err);
		if (r == 0) {
			free(j->ref.digest);
			j->ref.digest = xstrdup(tag);
		}
	}
	if (r == 0 && str_eq(j->ref.familiar, "scratch"))
		return err_set(err, ERR_DENIED, EPERM, "'scratch' is a reserved name");
	return r;
}

static int read_request(struct job_of_pull *j, struct err *err)
{
	int r = read_reference(j, err);

	if (r == 0)
		r = platform_read(work_get(j->work, "platform", ""), &j->platform, err);
	return r == 0 ? settings_read(&j->settings, err) : r;
}

/* ---- pulling */

static void tell_status(const struct pull *p, const char *shown, bool newer)
{
	meter_line(p->meter, NULL,
		newer ? "Status: Downloaded newer image for %s"
		      : "Status: Image is up to date for %s",
		shown);
}

static int pull_one(const struct pull *p, const struct image_ref *ref, struct err *err)
{
	auto_free char *shown = image_ref_familiar(ref);
	struct pulled done;
	int r = pull_reference(p, ref, &done, err);

	if (r == 0)
		tell_status(p, shown, done.newer);
	return r;
}

static int pull_tag(const struct pull *p, struct registry *reg, const struct image_ref *of,
	const char *tag, bool *newer, struct err *err)
{
	auto_ref struct image_ref ref = { 0 };
	struct pulled done;
	int r = image_ref_make(of->repository, tag, &ref, err);

	if (r == 0)
		r = pull_over(p, reg, &ref, &done, err);
	if (r == 0)
		*newer |= done.newer;
	return r < 0 ? err_prefix(err, "tag %.128s", tag) : 0;
}

static int pull_tags(const struct pull *p, const struct image_ref *ref, struct err *err)
{
	auto_registry struct registry *reg = NULL;
	auto_strv char **tags = NULL;
	bool newer = false;
	int r = pull_open(p, ref->repository, &reg, err);

	if (r == 0)
		r = registry_tags(reg, ref->familiar, TAGS_MAX, &tags, err);
	if (r < 0)
		return r;
	if (!tags)
		return err_set(
			err, ERR_NOT_FOUND, ENOENT, "repository %.128s has no tags", ref->familiar);
	for (char **tag = tags; r == 0 && *tag; tag++)
		r = pull_tag(p, reg, ref, *tag, &newer, err);
	if (r == 0)
		tell_status(p, ref->familiar, newer);
	return r;
}

/* ---- the job */

static int pull(struct job_of_pull *j, struct err *err)
{
	auto_meter struct meter *m = meter_new(&j->work->answer);
	struct pull p = { .work = j->work,
		.meter = m,
		.settings = &j->settings,
		.credentials = &j->credentials };

	if (*work_get(j->work, "platform", ""))
		p.platform = &j->platform;
	return j->all_tags ? pull_tags(&p, &j->ref, err) : pull_one(&p, &j->ref, err);
}

int job_pull(struct work *w, struct err *err)
{
	__attribute__((cleanup(job_clear))) struct job_of_pull j = { .work = w };
	int r;

	/* as in Docker, a pull goes on without credentials that cannot be understood */
	(void)work_credentials(&j.credentials, NULL);
	work_drain();
	if (answer_wait(&w->answer, err) < 0)
		return -EPIPE;
	r = read_request(&j, err);
	if (r == 0)
		r = work_enter(w, err);
	if (r == 0)
		r = pull(&j, err);
	if (r < 0)
		answer_fail(&w->answer, err);
	else
		answer_end(&w->answer);
	if (r == 0)
		work_sync_layers(&w->dirs);
	return r;
}
