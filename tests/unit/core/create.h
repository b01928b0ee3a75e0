/* A create request taken through all steps that need no disk. */
#pragma once

#include "../unit.h"
#include "base/alloc.h"
#include "core/compile.h"
#include "core/container_create.h"
#include "core/records.h"
#include "state/plan.h"
#include "json/text.h"

static const char test_id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* 'single quotes' stand for double ones, for readability. */
static inline char *quoted(const char *text)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static inline json_object *json_of(const char *text)
{
	auto_free char *doc = quoted(text);
	json_object *o;

	assert_int_equal(json_parse(doc, strlen(doc), &o, NULL), 0);
	return o;
}

/* image: its Config, or NULL. */
static inline int settle(const char *body, const char *image, unsigned minor,
	struct create_request *q, struct err *err)
{
	auto_free char *text = quoted(body);
	auto_json json_object *config = image ? json_of(image) : NULL;
	int r = create_request_read(text, minor, q, err);

	return r < 0 ? r : create_request_settle(q, config, NULL, minor, err);
}

/* The container that would come of it. */
static inline struct container *container_of_body(const char *body, const char *image)
{
	static char layer[] =
		"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static char id[] =
		"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
	char *layers[] = { layer, NULL };
	struct image i = { .id = id, .diff_ids = layers };
	auto_create_request struct create_request q = { 0 };
	auto_buf struct buf json = { 0 };
	struct container *ct;
	json_object *doc;
	struct err err = { 0 };

	if (settle(body, image, 47, &q, &err) < 0)
		fail_msg("%s", err.msg);
	create_request_write(&json, &q, test_id, "calm_merian", INT64_C(1700000000123000000), &i);
	assert_int_equal(json_parse(json.data, json.len, &doc, NULL), 0);
	assert_int_equal(container_decode(doc, &ct, NULL), 0);
	return ct;
}

static inline struct plan plan_of(const struct container *ct, struct buf *text)
{
	static char one[] = "/data/layers/a/diff";
	char *lower[] = { one, NULL };
	struct compile_paths paths = { .folder = "/data/containers/x", .lower = lower };
	struct plan plan;
	struct err err = { 0 };
	size_t len;

	if (compile_plan(ct, &paths, text, &err) < 0)
		fail_msg("%s", err.msg);
	len = text->len;
	assert_int_equal(plan_parse(buf_steal(text), len, &plan, &err), 0);
	return plan;
}
