#include "oci/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "oci/reference.h"
#include "state/status.h"

#define LAYER_PUSHED "pushed"
#define LAYER_PATH   (16 + ID_SIZE + 16)

static const char *member(const char *diff_id, const char *name, char ret[LAYER_PATH])
{
	(void)snprintf(ret, LAYER_PATH, "layers/%.64s/%s", digest_hex(diff_id), name);
	return ret;
}

enum layer_state layer_state(const struct dirs *d, const char *diff_id)
{
	auto_free char *boot = NULL;
	char path[LAYER_PATH], now[40];
	int r;

	r = file_read_at(d->data, member(diff_id, LAYER_UNSYNCED, path), 64, &boot, NULL);
	if (r == 0)
		return str_eq(boot, boot_id_read(now)) ? LAYER_READY : LAYER_SUSPECT;
	if (r != -ENOENT)
		return LAYER_SUSPECT;
	return faccessat(d->data, member(diff_id, "diff", path), F_OK, 0) == 0 ? LAYER_READY
									       : LAYER_MISSING;
}

bool layer_unsynced(const struct dirs *d, const char *diff_id)
{
	char path[LAYER_PATH];

	return faccessat(d->data, member(diff_id, LAYER_UNSYNCED, path), F_OK, 0) == 0;
}

int64_t layer_size(const struct dirs *d, const char *diff_id)
{
	auto_free char *text = NULL;
	char path[LAYER_PATH];
	int64_t size;

	if (file_read_at(d->data, member(diff_id, "size", path), 64, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return str_to_i64(text, &size) == 0 ? size : 0;
}

bool layer_pushed(const struct dirs *d, const char *diff_id,
	char ret_digest[static LAYER_DIGEST_SIZE], int64_t *ret_size)
{
	auto_free char *text = NULL;
	char path[LAYER_PATH];
	char *blank;

	if (file_read_at(d->data, member(diff_id, LAYER_PUSHED, path), 128, &text, NULL) < 0)
		return false;
	blank = text + strcspn(text, " ");
	if (!*blank)
		return false;
	*blank++ = '\0';
	blank[strcspn(blank, "\n")] = '\0';
	if (!digest_valid(text) || str_to_i64(blank, ret_size) < 0 || *ret_size <= 0)
		return false;
	(void)snprintf(ret_digest, LAYER_DIGEST_SIZE, "%s", text);
	return true;
}

void layer_set_pushed(const struct dirs *d, const char *diff_id, const char *digest, int64_t size)
{
	auto_free char *text = xasprintf("%s %lld\n", digest, (long long)size);
	auto_fd int layer = FD_NONE;
	char path[LAYER_PATH];

	layer = openat(d->data, member(diff_id, ".", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer >= 0)
		(void)file_replace_at(layer, LAYER_PUSHED, text, strlen(text), 0600, 0);
}

char *layer_path(const struct dirs *d, const char *diff_id)
{
	return xasprintf("%s/layers/%.64s/diff", d->data_path, digest_hex(diff_id));
}
