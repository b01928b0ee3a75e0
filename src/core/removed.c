#include "core/removed.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "core/records.h"
#include "oci/settings.h"
#include "json/field.h"
#include "json/text.h"

int removed_label_check(char *const *labels, struct err *err)
{
	const char *text = jmap_get(labels, REMOVED_LABEL);
	int64_t time;

	if (text && duration_parse(text, &time) < 0)
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid label " REMOVED_LABEL ": \"%.64s\" is no time like \"1h30m\"",
			text);
	return 0;
}

void removed_limits_read(const struct container *ct, struct removed_limits *ret)
{
	const char *label = json_get_str(json_get(ct->config, "Labels"), REMOVED_LABEL, NULL);
	auto_settings struct settings s = { 0 };

	*ret = (struct removed_limits){ .count = REMOVED_COUNT_DEFAULT,
		.bytes = REMOVED_BYTES_DEFAULT };
	if (settings_read(&s, NULL) == 0)
		*ret = s.removed;
	if (label)
		(void)duration_parse(label, &ret->time);
}

int removed_find(struct core *c, const char *id, struct container **ret, struct err *err)
{
	auto_fd int dir = id_valid(id) ? removed_open(&c->dirs, id) : -ENOENT;
	auto_container struct container *ct = NULL;
	auto_free char *text = NULL;
	json_object *doc = NULL;
	size_t len;
	int r;

	if (dir < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", id);
	r = record_text_at(dir, "config.json", JSON_TEXT_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "read configuration of %.12s", id);
	r = json_parse(text, len, &doc, err);
	if (r == 0)
		r = container_decode(doc, &ct, err);
	if (r < 0)
		return r;
	r = status_read(dir, FD_NONE, &ct->status);
	if (r < 0)
		return err_sys(err, r, "read status of %.12s", id);
	*ret = take_ptr(&ct);
	return 0;
}
