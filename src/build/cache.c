#include "build/cache.h"

#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/path.h"
#include "oci/doc.h"
#include "oci/garbage.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "json/text.h"

#define RECORD_MAX  4096
#define RECORD_PATH (sizeof(BUILD_CACHE) + 1 + ID_SIZE)

void key_add(char key[DIGEST_SIZE], const char *text)
{
	auto_hash struct hash *h = hash_new();

	hash_add(h, key, strlen(key) + 1);
	hash_add(h, text, strlen(text));
	hash_end(h, key);
}

static const char *record_path(const char *key, char ret[RECORD_PATH])
{
	(void)snprintf(ret, RECORD_PATH, BUILD_CACHE "/%.64s", digest_hex(key));
	return ret;
}

static bool record_read(const struct dirs *d, const char *key, struct cached *ret)
{
	auto_json json_object *doc = NULL;
	auto_free char *text = NULL;
	char path[RECORD_PATH];
	const char *layer;
	size_t len;

	if (file_read_at(d->data, record_path(key, path), RECORD_MAX, &text, &len) < 0 ||
		doc_parse(text, len, json_type_object, &doc, NULL) < 0)
		return false;
	layer = doc_str(doc, "layer");
	*ret = (struct cached){ .created = doc_int(doc, "created"), .size = doc_int(doc, "size") };
	if (!layer)
		return true;
	(void)snprintf(ret->layer, sizeof(ret->layer), "%s", layer);
	return digest_valid(layer);
}

static bool blob_whole(const struct dirs *d, const char *digest, int64_t size)
{
	auto_fd int fd = oci_blob_open(d, digest);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size == size;
}

static bool is_whole(const struct dirs *d, const struct cached *c)
{
	return !*c->layer ||
		(layer_state(d, c->layer) == LAYER_READY && blob_whole(d, c->layer, c->size));
}

bool cache_get(const struct dirs *d, const char *key, struct cached *ret)
{
	char path[RECORD_PATH];

	if (!record_read(d, key, ret) || !is_whole(d, ret))
		return false;
	(void)utimensat(d->data, record_path(key, path), NULL, 0); /* its latest use: for pruning */
	return true;
}

/* Whether the record that is replaced was perhaps all that kept a layer. */
static bool keeps_another(const struct dirs *d, const char *key, const struct cached *c)
{
	struct cached old;

	return record_read(d, key, &old) && *old.layer && !str_eq(old.layer, c->layer);
}

void cache_put(const struct dirs *d, const char *key, const struct cached *c)
{
	auto_fd int lock = dirs_lock(d);
	auto_fd int dir = dir_open_make_at(d->data, BUILD_CACHE, 0700);
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);
	int r = lock < 0 ? lock : dir;

	jw_object(&w, NULL);
	jw_int(&w, "created", c->created);
	if (*c->layer)
		jw_str(&w, "layer", c->layer);
	jw_int(&w, "size", c->size);
	jw_object_end(&w);
	if (r >= 0 && keeps_another(d, key, c))
		r = oci_unsettle(d);
	if (r >= 0)
		r = file_replace_at(dir, digest_hex(key), json.data, json.len, 0600, 0);
	if (r < 0)
		log_warning("a build's step could not be remembered: %s", strerror(-r));
}
