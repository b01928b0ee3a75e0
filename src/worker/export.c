/* `docker export`: the container's files, its own over its image's, as one tar. What is mounted into it
 * is not part of them. */
#include "worker/container.h"
#include "worker/jobs.h"
#include "worker/pack.h"

#define TYPE_FILES "application/octet-stream"

static int send(void *arg, const void *data, size_t len, struct err *err)
{
	return answer_data(arg, TYPE_FILES, data, len, err);
}

static int export(struct work *w, struct err *err)
{
	auto_container_files struct container_files c = { 0 };
	const struct pack_how how = { 0 };
	struct packed packed;
	int r = work_enter(w, err);

	if (r == 0)
		r = container_files_open(w, &c, err);
	if (r == 0)
		r = answer_wait(&w->answer, err);
	if (r == 0)
		r = tree_pack(&c.tree, &how, send, &w->answer, &packed, err);
	if (r == 0)
		container_tell(w, "export", NULL);
	return r;
}

int job_export(struct work *w, struct err *err)
{
	return answer_stream(&w->answer, export(w, err), err);
}
