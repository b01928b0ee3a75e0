#include "core/log_tag.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

#define SHORT_ID 12

typedef void print_fn(struct buf *out, const struct container *ct);

static void print_id(struct buf *out, const struct container *ct)
{
	buf_printf(out, "%.*s", SHORT_ID, ct->id);
}

static void print_full_id(struct buf *out, const struct container *ct)
{
	buf_adds(out, ct->id);
}

static void print_name(struct buf *out, const struct container *ct)
{
	buf_adds(out, ct->name);
}

static void print_slash_name(struct buf *out, const struct container *ct)
{
	buf_printf(out, "/%s", ct->name);
}

static void print_image_id(struct buf *out, const struct container *ct)
{
	const char *hex = strchr(ct->image_id, ':');

	buf_printf(out, "%.*s", SHORT_ID, hex ? hex + 1 : ct->image_id);
}

static void print_full_image_id(struct buf *out, const struct container *ct)
{
	buf_adds(out, ct->image_id);
}

static void print_image(struct buf *out, const struct container *ct)
{
	buf_adds(out, ct->image);
}

static void print_path(struct buf *out, const struct container *ct)
{
	buf_adds(out, json_get_str(ct->doc, "Path", ""));
}

static void print_command(struct buf *out, const struct container *ct)
{
	auto_strv char **args = json_get_strv(ct->doc, "Args");

	print_path(out, ct);
	for (char **a = args; a && *a; a++)
		buf_printf(out, " %s", *a);
}

static void print_daemon(struct buf *out, const struct container *ct)
{
	(void)ct;
	buf_adds(out, "docker");
}

static void print_host(struct buf *out, const struct container *ct)
{
	struct utsname u = { 0 };

	(void)ct;
	(void)uname(&u);
	buf_adds(out, u.nodename);
}

/* clang-format off */
static const struct {
	const char *name;
	print_fn *print;
} fields[] = {
	{ "ID", print_id },                     { "FullID", print_full_id },
	{ "Name", print_name },                 { "ContainerName", print_slash_name },
	{ "ContainerID", print_full_id },       { "ImageID", print_image_id },
	{ "ImageFullID", print_full_image_id }, { "ContainerImageID", print_full_image_id },
	{ "ImageName", print_image },           { "ContainerImageName", print_image },
	{ "Command", print_command },           { "ContainerEntrypoint", print_path },
	{ "DaemonName", print_daemon },         { "Hostname", print_host },
};
/* clang-format on */

static print_fn *find_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (str_eq(fields[i].name, name))
			return fields[i].print;
	return NULL;
}

/* The field of an action, which begins behind its "{{" and ends before its "}}"; owned. */
static char *action_field(const char *text, size_t len)
{
	while (len && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return len && *text == '.' ? xstrndup(text + 1, len - 1) : xstrdup("");
}

/* ct NULL: only checked. */
static int expand(
	const char *template, const struct container *ct, struct buf *out, struct err *err)
{
	const char *at = template;

	for (;;) {
		const char *begin = strstr(at, "{{"), *end = begin ? strstr(begin, "}}") : NULL;
		auto_free char *name = NULL;
		print_fn *print;

		if (!begin) {
			buf_adds(out, at);
			return 0;
		}
		if (!end)
			return err_set(err, ERR_INVALID, EINVAL,
				"template: log-tag:1: unclosed action: %.128s", template);
		name = action_field(begin + 2, (size_t)(end - begin) - 2);
		print = find_field(name);
		if (!print)
			return err_set(err, ERR_INVALID, EINVAL,
				"template: log-tag:1: %.*s is not supported in the log option \"tag\"",
				(int)(end - begin < 64 ? end - begin + 2 : 66), begin);
		buf_add(out, at, (size_t)(begin - at));
		if (ct)
			print(out, ct);
		at = end + 2;
	}
}

int log_tag_check(const char *template, struct err *err)
{
	auto_buf struct buf out = { 0 };

	return expand(template, NULL, &out, err);
}

int log_tag_print(const char *template, const struct container *ct, char **ret, struct err *err)
{
	auto_buf struct buf out = { 0 };
	int r = expand(template, ct, &out, err);

	if (r == 0)
		*ret = buf_steal(&out);
	return r;
}
