#include "oci/event.h"

#include <json-c/json_object_iterator.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "oci/doc.h"
#include "oci/layout.h"
#include "state/events.h"
#include "json/text.h"

static void print_labels(struct jsonw *w, json_object *labels)
{
	struct json_object_iterator it, end;

	if (!labels)
		return;
	it = json_object_iter_begin(labels);
	end = json_object_iter_end(labels);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it);
		const char *value = doc_str(labels, key);

		if (value && !str_eq(key, "name"))
			jw_str(w, key, value);
	}
}

void image_event_as(const struct dirs *d, const char *action, const char *shown, const char *name,
	const char *id)
{
	auto_buf struct buf attrs = { 0 };
	auto_json json_object *config = NULL;
	struct jsonw w = JSONW(&attrs);
	struct event e = { .type = "image", .action = action, .id = shown };

	if (oci_blob_doc(d, id, &config, NULL) == 0)
		print_labels(&w, doc_object(doc_object(config, "config"), "Labels"));
	jw_str(&w, "name", name);
	e.attrs = attrs.data;
	if (event_append(d, &e) < 0)
		log_warning("the event %s of image %.19s could not be recorded", action, id);
}

void image_event(const struct dirs *d, const char *action, const char *id, const char *name)
{
	image_event_as(d, action, id, name, id);
}
