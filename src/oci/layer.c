#include "oci/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "oci/reference.h"
#include "state/status.h"

#define LAYER_PATH (16 + ID_SIZE + 16)

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

char *layer_path(const struct dirs *d, const char *diff_id)
{
	return xasprintf("%s/layers/%.64s/diff", d->data_path, digest_hex(diff_id));
}
