#include "core/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "core/networks.h"
#include "json/text.h"

#define SUMMARY_MAGIC "dayfly-summary=2"
/* magic, checksum, created, name, image, image id, network, auto-remove, members; then the labels */
#define SUMMARY_WORDS 9

void container_free(struct container *c)
{
	if (!c)
		return;
	free(c->name);
	free(c->image);
	free(c->image_id);
	strv_free(c->diff_ids);
	(void)json_object_put(c->doc);
	free(c);
}

int container_decode(json_object *take_doc, struct container **ret, struct err *err)
{
	auto_container struct container *ct = xcalloc(1, sizeof(*ct));
	const char *id = json_get_str(take_doc, "Id", "");

	ct->doc = take_doc;
	ct->config = json_get(take_doc, "Config");
	ct->host_config = json_get(take_doc, "HostConfig");
	if (!id_valid(id) || !ct->config || !ct->host_config)
		return err_set(err, ERR_SYSTEM, EBADMSG, "config.json is damaged");
	memcpy(ct->id, id, ID_SIZE);
	ct->name = xstrdup(json_get_str(take_doc, "Name", ""));
	ct->image = xstrdup(json_get_str(take_doc, "Image", ""));
	ct->image_id = xstrdup(json_get_str(take_doc, "ImageID", ""));
	ct->diff_ids = json_get_strv(take_doc, "Layers");
	*ret = take_ptr(&ct);
	return 0;
}

int64_t container_created(const struct container *ct)
{
	int64_t created = 0;

	(void)time_parse(json_get_str(ct->doc, "Created", "0"), &created);
	return created;
}

static void record_path(char ret[96], const char *id, const char *file)
{
	(void)snprintf(ret, 96, "containers/%.64s/%s", id, file);
}

bool record_exists(struct core *c, const char *id)
{
	char path[96];

	record_path(path, id, "config.json");
	return record_complete_at(c->dirs.data, path);
}

int record_read(struct core *c, const char *id, json_object **ret, struct err *err)
{
	auto_free char *text = NULL;
	char path[96];
	size_t len;
	int r;

	record_path(path, id, "config.json");
	r = record_text_at(c->dirs.data, path, JSON_TEXT_MAX, &text, &len);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return err_sys(err, r, "read configuration of %.12s", id);
	r = json_parse(text, len, ret, err);
	if (r < 0) {
		if (err)
			err->kind = ERR_SYSTEM; /* ours, not the request's */
		return err_prefix(err, "configuration of %.12s", id);
	}
	return 0;
}

/* ---- the summary */

#define CHECKSUM_SIZE 17

/* FNV-1a in hex: tells a file that a power cut left half-written. */
static void checksum_print(const char *data, size_t len, char ret[CHECKSUM_SIZE])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
	hex_encode(&h, sizeof(h), ret);
}

static void add_word(struct buf *out, const char *word)
{
	buf_add(out, word, strlen(word) + 1);
}

/* Docker's Command column: the words as a shell would want the ones with blanks. */
static char *command_line(json_object *doc)
{
	auto_strv char **args = json_get_strv(doc, "Args");
	auto_buf struct buf out = { 0 };

	buf_adds(&out, json_get_str(doc, "Path", ""));
	for (char **a = args; a && *a; a++)
		buf_printf(&out, strchr(*a, ' ') ? " '%s'" : " %s", *a);
	return buf_steal(&out);
}

static void write_networks(struct jsonw *w, const char *mode)
{
	jw_object(w, "NetworkSettings");
	jw_object(w, "Networks");
	network_endpoint_write(w, mode);
	jw_object_end(w);
	jw_object_end(w);
}

static void write_members(struct buf *out, const struct container *ct)
{
	struct jsonw w = JSONW(out);
	auto_free char *command = command_line(ct->doc);
	const char *mode = json_get_str(ct->host_config, "NetworkMode", "");
	json_object *labels = json_get(ct->config, "Labels"), *mounts = json_get(ct->doc, "Mounts");

	jw_str(&w, "Command", command);
	jw_int(&w, "Created", container_created(ct) / NSEC_PER_SEC);
	jw_array(&w, "Ports");
	jw_array_end(&w);
	if (labels)
		json_write(&w, "Labels", labels);
	else
		jw_raw(&w, "Labels", "{}");
	jw_object(&w, "HostConfig");
	jw_str(&w, "NetworkMode", mode);
	if (json_get(ct->host_config, "Annotations"))
		json_write(&w, "Annotations", json_get(ct->host_config, "Annotations"));
	jw_object_end(&w);
	write_networks(&w, mode);
	if (mounts)
		json_write(&w, "Mounts", mounts);
	else
		jw_raw(&w, "Mounts", "[]");
}

static void add_labels(struct buf *out, json_object *labels)
{
	if (!json_object_is_type(labels, json_type_object))
		return;
	json_object_object_foreach(labels, key, value)
	{
		add_word(out, key);
		add_word(out,
			json_object_is_type(value, json_type_string) ? json_object_get_string(value)
								     : "");
	}
}

void summary_print(struct buf *out, const struct container *ct)
{
	auto_buf struct buf rest = { 0 }, members = { 0 };
	char number[24], sum[CHECKSUM_SIZE];

	write_members(&members, ct);
	(void)snprintf(number, sizeof(number), "%lld", (long long)container_created(ct));
	add_word(&rest, number);
	buf_addc(&rest, '/');
	add_word(&rest, ct->name);
	add_word(&rest, ct->image);
	add_word(&rest, ct->image_id);
	add_word(&rest, json_get_str(ct->host_config, "NetworkMode", ""));
	add_word(&rest, json_get_bool(ct->host_config, "AutoRemove") ? "auto-remove" : "");
	add_word(&rest, members.data);
	add_labels(&rest, json_get(ct->config, "Labels"));

	add_word(out, SUMMARY_MAGIC);
	checksum_print(rest.data, rest.len, sum);
	add_word(out, sum);
	buf_add(out, rest.data, rest.len);
}

static size_t count_words(const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end; p += strlen(p) + 1)
		n++;
	return n;
}

int summary_parse(char *take_text, size_t len, struct summary *ret)
{
	auto_summary struct summary s = { .text = take_text };
	const char *words[SUMMARY_WORDS], *p = take_text, *end = take_text + len;
	char sum[CHECKSUM_SIZE];

	if (len == 0 || take_text[len - 1] != '\0')
		return -EBADMSG;
	for (size_t i = 0; i < SUMMARY_WORDS; i++) {
		if (p >= end)
			return -EBADMSG;
		words[i] = p;
		p += strlen(p) + 1;
	}
	if (!str_eq(words[0], SUMMARY_MAGIC) || *words[3] != '/' || count_words(p, end) % 2 != 0)
		return -EBADMSG;
	checksum_print(words[2], (size_t)(end - words[2]), sum);
	if (!str_eq(sum, words[1]) || str_to_i64(words[2], &s.created) < 0)
		return -EBADMSG;
	s.slash_name = words[3];
	s.name = words[3] + 1;
	s.image = words[4];
	s.image_id = words[5];
	s.network = words[6];
	s.auto_remove = *words[7] != '\0';
	s.members = words[8];
	s.labels = p;
	s.end = end;
	*ret = s;
	s = (struct summary){ 0 };
	return 0;
}

const char *summary_label(const struct summary *s, const char *key)
{
	for (const char *p = s->labels; p < s->end;) {
		const char *value = p + strlen(p) + 1;

		if (str_eq(p, key))
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

void summary_clear(struct summary *s)
{
	free(s->text);
	*s = (struct summary){ 0 };
}

/* Nobody must wait for the sake of a cache: the file is written only if the lock is free, and from a
 * document read under it. */
static void summary_restore(struct core *c, const char *id)
{
	auto_fd int lock = openat(c->dirs.data, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	auto_fd int dir = FD_NONE;
	auto_container struct container *ct = NULL;
	auto_buf struct buf text = { 0 };
	json_object *doc = NULL;

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return;
	dir = dirs_container_data(&c->dirs, id);
	if (dir < 0 || record_read(c, id, &doc, NULL) < 0 || container_decode(doc, &ct, NULL) < 0)
		return;
	summary_print(&text, ct);
	(void)file_replace_at(dir, "summary", text.data, text.len, 0600, 0);
}

static int summary_from_record(struct core *c, const char *id, struct summary *ret)
{
	auto_container struct container *ct = NULL;
	auto_buf struct buf text = { 0 };
	json_object *doc = NULL;
	size_t len;
	int r;

	r = record_read(c, id, &doc, NULL);
	if (r == 0)
		r = container_decode(doc, &ct, NULL);
	if (r < 0)
		return r;
	summary_restore(c, id);
	summary_print(&text, ct);
	len = text.len;
	return summary_parse(buf_steal(&text), len, ret);
}

int summary_read(struct core *c, const char *id, struct summary *ret)
{
	char path[96], *text;
	size_t len;
	int r;

	record_path(path, id, "summary");
	r = file_read_at(c->dirs.data, path, JSON_TEXT_MAX, &text, &len);
	if (r == 0)
		r = summary_parse(text, len, ret);
	return r == 0 ? 0 : summary_from_record(c, id, ret);
}

/* Under its own name from the first byte: replacing would be a second change of metadata to wait for. */
static int create_file(struct core *c, int dir, const struct buf *json, bool durable)
{
	auto_fd int containers = FD_NONE, names = FD_NONE, fd = FD_NONE;
	int r;

	fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, json->data, json->len);
	if (r < 0 || !durable)
		return r;
	containers = openat(c->dirs.data, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	names = openat(c->dirs.data, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (containers < 0 || names < 0)
		return -errno;
	return sync_new_file(fd, (const int[]){ dir, containers, names }, 3);
}

/* A failure here leaves a file behind whose container is then taken away. */
static int write_files(struct core *c, int dir, json_object *doc, bool fresh, struct err *err)
{
	auto_buf struct buf json = { 0 }, text = { 0 };
	auto_container struct container *ct = NULL;
	struct jsonw w = JSONW(&json);
	bool durable;
	int r;

	r = container_decode(json_object_get(doc), &ct, err);
	if (r < 0)
		return r;
	durable = !json_get_bool(ct->host_config, "AutoRemove");
	json_write(&w, NULL, doc);
	buf_addc(&json, RECORD_END);
	r = fresh ? create_file(c, dir, &json, durable)
		  : file_replace_at(dir, "config.json", json.data, json.len, 0600,
			    durable ? FILE_DURABLE : 0);
	if (r < 0)
		return err_sys(err, r, "write config.json");
	summary_print(&text, ct);
	(void)file_replace_at(dir, "summary", text.data, text.len, 0600, 0); /* only a cache */
	return 0;
}

int record_create(struct core *c, int dir, json_object *doc, struct err *err)
{
	return write_files(c, dir, doc, true, err);
}

int record_replace(struct core *c, int dir, json_object *doc, struct err *err)
{
	auto_fd int names = openat(c->dirs.data, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* the claim to the new name first; without its summary a container is read the long way */
	if (names < 0 || fsync(names) < 0)
		return err_sys(err, errno, "sync the names");
	if (unlinkat(dir, "summary", 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "replace summary");
	return write_files(c, dir, doc, false, err);
}
