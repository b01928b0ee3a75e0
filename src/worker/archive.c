#include "worker/archive.h"

#include <stdlib.h>

struct archive *archive_reader_new(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		abort();
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_zstd(a);
	return a;
}

int archive_invalid(struct archive *a, const char *what, struct err *err)
{
	const char *text = archive_error_string(a);

	return err_set(err, ERR_INVALID, EBADMSG, "invalid %s: %s", what, text ? text : "damaged");
}
