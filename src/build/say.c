#include "build/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"

#define RED   "\033[91m"
#define PLAIN "\033[0m"

void say_clear(struct say *s)
{
	strv_free(s->kept);
	buf_free(&s->tail[0]);
	buf_free(&s->tail[1]);
}

static void record(struct say *s, char *take_json)
{
	if (s->quiet) {
		strv_add_take(&s->kept, take_json);
		return;
	}
	answer_record(s->answer, take_json);
	free(take_json);
}

static char *stream(const char *text, size_t len)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	jw_object(&w, NULL);
	jw_strn(&w, "stream", text, len);
	jw_object_end(&w);
	return buf_steal(&json);
}

void say_text(struct say *s, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	record(s, stream(text, strlen(text)));
}

static void say_colored(struct say *s, bool red, const char *data, size_t len)
{
	auto_buf struct buf text = { 0 };

	if (!len)
		return;
	if (red)
		buf_adds(&text, RED);
	buf_add(&text, data, len);
	if (red)
		buf_adds(&text, PLAIN);
	record(s, stream(text.data, text.len));
}

/* How much of data ends with a whole character: a reader's block may end within one. */
static size_t whole(const char *data, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)data[len - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return need > back ? len - back : len;
	}
	return len;
}

void say_output(struct say *s, bool is_stderr, const char *data, size_t len)
{
	struct buf *tail = &s->tail[is_stderr];
	size_t n;

	buf_add(tail, data, len);
	n = whole(tail->data, tail->len);
	say_colored(s, is_stderr, tail->data, n);
	buf_consume(tail, n);
}

void say_output_end(struct say *s)
{
	for (size_t i = 0; i < 2; i++) {
		say_colored(s, i == 1, s->tail[i].data, s->tail[i].len);
		buf_consume(&s->tail[i], s->tail[i].len);
	}
}

void say_id(struct say *s, const char *id)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	jw_object(&w, NULL);
	jw_object(&w, "aux");
	jw_str(&w, "ID", id);
	jw_object_end(&w);
	jw_object_end(&w);
	record(s, buf_steal(&json));
}

void say_result(struct say *s, const char *id)
{
	auto_free char *line = xasprintf("%s\n", id), *json = stream(line, strlen(line));

	answer_record(s->answer, json);
}

void say_aloud(struct say *s)
{
	for (char **k = s->kept; k && *k; k++)
		answer_record(s->answer, *k);
	strv_free(take_ptr(&s->kept));
	s->quiet = false;
}

void say_failure(struct say *s, int code, const char *message)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);

	say_aloud(s);
	jw_object(&w, NULL);
	jw_object(&w, "errorDetail");
	if (code)
		jw_int(&w, "code", code);
	jw_str(&w, "message", message);
	jw_object_end(&w);
	jw_str(&w, "error", message);
	jw_object_end(&w);
	answer_record(s->answer, json.data);
}
