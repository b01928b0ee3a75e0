#include "worker/progress.h"

#include <stdio.h>

#include "base/jsonw.h"

#define BAR_WIDTH 50

/* Go's units.HumanSize: four digits and a decimal unit, "2.048kB". */
static const char *human(int64_t bytes, char ret[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1000 && i + 1 < sizeof(units) / sizeof(*units); i++)
		n /= 1000;
	(void)snprintf(ret, 32, "%.4g%s", n, units[i]);
	return ret;
}

/* The bar as text, for clients that draw none of their own. */
static void print_bar(struct jsonw *w, int64_t current, int64_t total)
{
	auto_buf struct buf bar = { 0 };
	char have[32], all[32];
	int filled = total > 0 && current < total ? (int)(current * BAR_WIDTH / total) : BAR_WIDTH;

	if (total > 0) {
		buf_addc(&bar, '[');
		for (int i = 0; i < BAR_WIDTH; i++)
			buf_addc(&bar, i < filled ? '=' : i == filled ? '>' : ' ');
		buf_printf(&bar, "]  %s/%s", human(current, have), human(total, all));
	} else {
		buf_adds(&bar, human(current, have));
	}
	jw_str(w, "progress", bar.data);
}

static void print(
	struct answer *a, const char *id, const char *status, int64_t current, int64_t total)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);
	char name[PROGRESS_ID + 1];

	(void)snprintf(name, sizeof(name), "%s", id);
	jw_object(&w, NULL);
	jw_str(&w, "status", status);
	jw_object(&w, "progressDetail");
	if (current >= 0)
		jw_int(&w, "current", current);
	if (total > 0)
		jw_int(&w, "total", total);
	jw_object_end(&w);
	if (current >= 0)
		print_bar(&w, current, total);
	jw_str(&w, "id", name);
	jw_object_end(&w);
	answer_record(a, json.data);
}

void progress_status(struct answer *a, const char *id, const char *status)
{
	print(a, id, status, -1, 0);
}

void progress_bytes(
	struct answer *a, const char *id, const char *status, int64_t current, int64_t total)
{
	print(a, id, status, current, total);
}
