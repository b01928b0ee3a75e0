/* monitor/log_file.c - the drivers json-file and local. They differ in their defaults, which the plan has
 * settled, and in what people are told: of the files of local, nothing. */
#include "monitor/log.h"

#include "state/logfile.h"

#define FILES_MAX 10000

static int file_open(
	struct log *l, const struct plan *plan, int dir, const char *id, struct err *err)
{
	int64_t files = log_number(plan, "max-file", LOG_FILES_DEFAULT);
	struct logfile *file;
	int r = logfile_open(dir, id,
		&(struct logfile_options){
			.max_size = log_number(plan, "max-size", LOG_SIZE_DEFAULT),
			.max_files = files > 0 && files < FILES_MAX ? (unsigned)files
								    : LOG_FILES_DEFAULT,
			.attrs = plan_log_opt(plan, "attrs"),
			.most_kept = log_number(plan, "most-kept", 0),
		},
		&file, err);

	if (r == 0)
		l->state = file;
	return r;
}

static int file_write(struct log *l, enum stream_id stream, const void *data, size_t len)
{
	return logfile_write(l->state, stream, data, len);
}

static int file_flush(struct log *l)
{
	return logfile_flush(l->state);
}

static void file_tidy(struct log *l)
{
	logfile_tidy(l->state);
}

static void file_close(struct log *l)
{
	logfile_free(l->state);
}

const struct log_driver log_json_file = {
	.name = "json-file",
	.open = file_open,
	.write = file_write,
	.flush = file_flush,
	.tidy = file_tidy,
	.close = file_close,
};

const struct log_driver log_local = {
	.name = "local",
	.open = file_open,
	.write = file_write,
	.flush = file_flush,
	.tidy = file_tidy,
	.close = file_close,
};
