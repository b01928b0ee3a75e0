#include "stream/source.h"

static int files_open(int dir, const char *id, void **ret, struct err *err)
{
	struct logreader *r;
	int res = logreader_open(dir, id, &r, err);

	if (res == 0)
		*ret = r;
	return res;
}

static void files_close(void *source)
{
	logreader_free(source);
}

static int files_tail(void *source, uint64_t n)
{
	return logreader_tail(source, n);
}

static void files_since(void *source, int64_t since)
{
	logreader_since(source, since);
}

static int files_next(void *source, struct log_record *ret)
{
	return logreader_next(source, ret);
}

const struct log_source log_source_files = {
	.open = files_open,
	.close = files_close,
	.tail = files_tail,
	.since = files_since,
	.next = files_next,
};
