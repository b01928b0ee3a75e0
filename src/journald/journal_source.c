#include "journald/journal_source.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "state/journald.h"

#define USEC         1000
#define FIELD_MAX    ((size_t)1 << 20)
#define END_PATIENCE (2 * NSEC_PER_SEC) /* for journald to take what was sent to it */
#define PRIORITY_ERR '3'

struct journal {
	sd_journal *j;
	int dir;    /* borrowed */
	bool ahead; /* the next entry is the current one already */
	struct buf text, attrs;
};

/* ---- one entry */

/* The value of a field, not NUL-terminated. */
static bool field(sd_journal *j, const char *name, const char **ret, size_t *ret_len)
{
	const void *data;
	size_t len, skip = strlen(name) + 1;

	if (sd_journal_get_data(j, name, &data, &len) < 0 || len < skip)
		return false;
	*ret = (const char *)data + skip;
	*ret_len = len - skip;
	return true;
}

/* When the container said it; when journald heard it, if that is all there is. */
static int64_t entry_time(sd_journal *j)
{
	char text[TIME_TEXT];
	const char *value;
	uint64_t usec = 0;
	int64_t time;
	size_t len;

	if (field(j, JOURNALD_TIMESTAMP, &value, &len) && len < sizeof(text)) {
		memcpy(text, value, len);
		text[len] = '\0';
		if (time_parse(text, &time) == 0)
			return time;
	}
	(void)sd_journal_get_realtime_usec(j, &usec);
	return (int64_t)usec * USEC;
}

static enum stream_id entry_stream(sd_journal *j)
{
	const char *value;
	size_t len;

	return field(j, "PRIORITY", &value, &len) && len == 1 && *value == PRIORITY_ERR
		? STREAM_STDERR
		: STREAM_STDOUT;
}

static void read_text(struct journal *src)
{
	const char *value;
	size_t len;

	src->text.len = 0;
	if (field(src->j, "MESSAGE", &value, &len))
		buf_add(&src->text, value, len);
	if (!field(src->j, JOURNALD_PARTIAL, &value, &len))
		buf_addc(&src->text, '\n');
}

static bool is_well_known(const char *name, size_t len)
{
	static const char *const names[] = { "MESSAGE", "MESSAGE_ID", "PRIORITY", "CODE_FILE",
		"CODE_LINE", "CODE_FUNC", "ERRNO", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER",
		"SYSLOG_PID", JOURNALD_TIMESTAMP, "CONTAINER_NAME", "CONTAINER_ID", JOURNALD_ID,
		"CONTAINER_TAG", "IMAGE_NAME", JOURNALD_PARTIAL, JOURNALD_EPOCH, JOURNALD_ORDINAL };

	if (len == 0 || *name == '_')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	return false;
}

/* Every field that is not one of journald's or the driver's own came from a label or a variable. */
static void read_attrs(struct journal *src)
{
	struct jsonw w = JSONW(&src->attrs);
	const void *data;
	size_t len;

	src->attrs.len = 0;
	jw_object(&w, NULL);
	sd_journal_restart_data(src->j);
	while (sd_journal_enumerate_available_data(src->j, &data, &len) > 0) {
		const char *name = data, *eq = memchr(name, '=', len);
		auto_free char *key = NULL;

		if (!eq || is_well_known(name, (size_t)(eq - name)))
			continue;
		key = xstrndup(name, (size_t)(eq - name));
		jw_strn(&w, key, eq + 1, len - (size_t)(eq - name) - 1);
	}
	jw_object_end(&w);
}

/* ---- the source */

static int open_journal(sd_journal **ret)
{
	const char *folder = getenv(JOURNALD_FOLDER_ENV);

	return folder && *folder ? sd_journal_open_directory(ret, folder, 0)
				 : sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY);
}

static int add_match(sd_journal *j, const char *key, const char *value)
{
	auto_free char *match = xasprintf("%s=%s", key, value);

	return sd_journal_add_match(j, match, 0);
}

static void journal_close(void *source)
{
	struct journal *src = source;

	if (!src)
		return;
	sd_journal_close(src->j);
	buf_free(&src->text);
	buf_free(&src->attrs);
	free(src);
}

static int journal_open(int dir, const char *id, void **ret, struct err *err)
{
	struct journal *src = xcalloc(1, sizeof(*src));
	int r = open_journal(&src->j);

	src->dir = dir;
	if (r >= 0)
		r = sd_journal_set_data_threshold(src->j, FIELD_MAX);
	if (r >= 0)
		r = add_match(src->j, JOURNALD_ID, id);
	if (r >= 0)
		r = sd_journal_seek_head(src->j);
	if (r < 0) {
		journal_close(src);
		return err_sys(err, r, "open the journal");
	}
	*ret = src;
	return 0;
}

/* Called before tail; an entry is in the journal no earlier than its time. */
static void journal_since(void *source, int64_t since)
{
	struct journal *src = source;

	if (since > 0)
		(void)sd_journal_seek_realtime_usec(src->j, (uint64_t)(since / USEC));
}

/* Every entry is a record. */
static int journal_tail(void *source, uint64_t n)
{
	struct journal *src = source;
	int r;

	if (n >= INT_MAX)
		return 0;
	r = sd_journal_seek_tail(src->j);
	if (r >= 0)
		r = sd_journal_previous_skip(src->j, n + 1);
	if (r == 0) /* nothing yet: whatever comes is new */
		return sd_journal_seek_head(src->j);
	/* fewer than that: the first one is where we stand, and is wanted, too */
	src->ahead = r > 0 && (uint64_t)r <= n;
	return r < 0 ? r : 0;
}

/* Has what is new be seen; also has the descriptor rest. */
static int journal_next(void *source, struct log_record *ret)
{
	struct journal *src = source;
	int r = src->ahead ? 1 : sd_journal_next(src->j);

	src->ahead = false;
	if (r == 0 && sd_journal_process(src->j) != SD_JOURNAL_NOP)
		r = sd_journal_next(src->j);
	if (r <= 0)
		return r;
	read_text(src);
	read_attrs(src);
	*ret = (struct log_record){
		.stream = entry_stream(src->j),
		.time = entry_time(src->j),
		.text = src->text.data,
		.len = src->text.len,
		.attrs = src->attrs.data,
		.attrs_len = src->attrs.len,
	};
	return 1;
}

static int journal_fd(void *source)
{
	return sd_journal_get_fd(((struct journal *)source)->j);
}

static bool has_entry(sd_journal *j)
{
	return sd_journal_seek_tail(j) >= 0 && sd_journal_previous(j) > 0;
}

/* Waits until journald has the last entry of the last run, which its monitor left the number of. */
static void journal_complete(void *source)
{
	struct journal *src = source;
	int64_t give_up = time_monotonic() + END_PATIENCE;
	auto_free char *text = NULL;
	char *ordinal, *end;
	sd_journal *j = NULL;

	if (file_read_at(src->dir, JOURNALD_END_FILE, JOURNALD_END_MAX, &text, NULL) < 0)
		return;
	ordinal = strchr(text, ' ');
	end = ordinal ? strchr(ordinal, '\n') : NULL;
	if (!end)
		return;
	*ordinal++ = *end = '\0';
	if (open_journal(&j) >= 0 && add_match(j, JOURNALD_EPOCH, text) >= 0 &&
		add_match(j, JOURNALD_ORDINAL, ordinal) >= 0)
		while (!has_entry(j) && time_monotonic() < give_up)
			(void)sd_journal_wait(j, (uint64_t)((give_up - time_monotonic()) / USEC));
	sd_journal_close(j);
}

const struct log_source log_source_journal = {
	.open = journal_open,
	.close = journal_close,
	.tail = journal_tail,
	.since = journal_since,
	.next = journal_next,
	.fd = journal_fd,
	.complete = journal_complete,
};
