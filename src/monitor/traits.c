#include "monitor/traits.h"

#include <signal.h>

#include "base/alloc.h"
#include "base/str.h"

#define STOP_TIMEOUT 10

static void replace(char **to, const char *text)
{
	free(*to);
	*to = xstrdup(text);
}

void traits_reload(struct traits *t, const struct plan *p)
{
	replace(&t->name, plan_get(p, "name", ""));
	replace(&t->image, plan_get(p, "image", ""));
	replace(&t->attrs, plan_get(p, "attrs", ""));
	t->restart = restart_rule_read(p);
}

static unsigned short size_word(const char *word)
{
	uint64_t n;

	return str_to_u64(word, &n) == 0 && n <= UINT16_MAX ? (unsigned short)n : 0;
}

bool plan_console_size(const struct plan *p, unsigned short *height, unsigned short *width)
{
	const struct plan_item *size = plan_next(p, "console-size", NULL);

	if (!size)
		return false;
	*height = size_word(size->words[0]);
	*width = size_word(size->words[1]);
	return true;
}

static struct removed_limits keep_limits(const struct plan *p)
{
	const struct plan_item *it = plan_next(p, "keep-removed", NULL);
	struct removed_limits l = { 0 };

	if (!it || str_to_i64(it->words[0], &l.time) < 0 ||
		str_to_i64(it->words[1], &l.count) < 0 || str_to_i64(it->words[2], &l.bytes) < 0)
		return (struct removed_limits){ 0 };
	l.diff = str_eq(it->words[3], "1");
	return l;
}

static void take_volumes(struct traits *t, const struct plan *p)
{
	strv_free(take_ptr(&t->volumes));
	plan_foreach (it, p, "volume")
		for (int i = 0; i < VOLUME_WORDS; i++)
			strv_add(&t->volumes, it->words[i]);
}

void traits_set(struct traits *t, const struct plan *p)
{
	traits_reload(t, p);
	take_volumes(t, p);
	t->tty = plan_has(p, "tty");
	t->open_stdin = plan_has(p, "open-stdin");
	t->stdin_once = plan_has(p, "stdin-once");
	t->auto_remove = plan_has(p, "auto-remove");
	t->keep = keep_limits(p);
	t->stop_signal = plan_get_int(p, "stop-signal", SIGTERM);
	t->stop_timeout = plan_get_int(p, "stop-timeout", STOP_TIMEOUT);
	if (t->height == 0 && t->width == 0) /* a resize that came early is newer */
		(void)plan_console_size(p, &t->height, &t->width);
}

void traits_clear(struct traits *t)
{
	free(t->name);
	free(t->image);
	free(t->attrs);
	strv_free(t->volumes);
	*t = (struct traits){ 0 };
}
