#include "worker/archive.h"

#include <archive_entry.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_BLOCK (64 * 1024)

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

bool archive_is_tar(int fd)
{
	struct archive *a = archive_reader_new();
	struct archive_entry *e;
	bool is;

	(void)archive_read_support_format_tar(a);
	is = lseek(fd, 0, SEEK_SET) == 0 && archive_read_open_fd(a, fd, LOOK_BLOCK) == ARCHIVE_OK &&
		archive_read_next_header(a, &e) == ARCHIVE_OK;
	(void)archive_read_free(a);
	return lseek(fd, 0, SEEK_SET) == 0 && is;
}

int archive_invalid(struct archive *a, const char *what, struct err *err)
{
	const char *text = archive_error_string(a);

	return err_set(err, ERR_INVALID, EBADMSG, "invalid %s: %s", what, text ? text : "damaged");
}
