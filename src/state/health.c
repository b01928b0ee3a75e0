#include "state/health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"

#define LOG_NAME     "health"
#define LOG_MAGIC    "dayfly-health=1\n"
#define LOG_HEAD_MAX 80 /* start, end, code and length of one result */
#define LOG_MAX      (sizeof(LOG_MAGIC) + HEALTH_RESULTS * (HEALTH_OUTPUT_MAX + LOG_HEAD_MAX))

/* ---- the check */

static void number_print(char ret[24], int64_t n)
{
	(void)snprintf(ret, 24, "%lld", (long long)n);
}

void health_check_write(struct buf *plan, const struct health_check *c)
{
	char interval[24], timeout[24], period[24], start_interval[24], retries[24];

	number_print(interval, c->interval);
	number_print(timeout, c->timeout);
	number_print(period, c->start_period);
	number_print(start_interval, c->start_interval);
	number_print(retries, c->retries);
	plan_add(plan, "health-times", interval, timeout, period, start_interval);
	plan_add(plan, "health-retries", retries);
}

int health_check_read(const struct plan *plan, struct health_check *ret)
{
	const struct plan_item *times = plan_next(plan, "health-times", NULL);
	int64_t n[4];
	int retries = plan_get_int(plan, "health-retries", 0);

	if (!times || retries <= 0)
		return -EBADMSG;
	for (int i = 0; i < 4; i++)
		if (str_to_i64(times->words[i], &n[i]) < 0 || n[i] < 0)
			return -EBADMSG;
	*ret = (struct health_check){
		.interval = n[0],
		.timeout = n[1],
		.start_period = n[2],
		.start_interval = n[3],
		.retries = (unsigned)retries,
	};
	return 0;
}

int64_t health_pause(const struct health_check *c, enum health_state now, int64_t up)
{
	return now == HEALTH_STARTING && up < c->start_period ? c->start_interval : c->interval;
}

void health_judge(const struct health_check *c, struct status *st, int exit_code, int64_t up)
{
	if (exit_code == 0) {
		st->failing_streak = 0;
		st->health = HEALTH_HEALTHY;
		return;
	}
	/* who never was healthy may need as long as this to become it */
	if (st->health == HEALTH_STARTING && up < c->start_period)
		return;
	st->failing_streak++;
	if (st->failing_streak >= c->retries)
		st->health = HEALTH_UNHEALTHY;
}

/* ---- the log
 *
 * After the first line each result is "START END CODE LENGTH\n", LENGTH bytes of output, "\n". */

void health_log_print(struct buf *out, const struct health_log *log)
{
	buf_adds(out, LOG_MAGIC);
	for (size_t i = 0; i < log->count; i++) {
		const struct health_result *r = &log->items[i];

		buf_printf(out, "%lld %lld %d %zu\n", (long long)r->start, (long long)r->end,
			r->exit_code, r->len);
		buf_add(out, r->output, r->len);
		buf_addc(out, '\n');
	}
}

/* One result from *at, which moves behind it. */
static int parse_result(const char **at, const char *end, struct health_result *ret)
{
	long long start, stop;
	size_t len;
	int code, head;

	if (sscanf(*at, "%20lld %20lld %11d %8zu%n", &start, &stop, &code, &len, &head) != 4)
		return -EBADMSG;
	*at += head;
	if (*at >= end || **at != '\n' || len > HEALTH_OUTPUT_MAX ||
		(size_t)(end - *at) < len + 2 || (*at)[len + 1] != '\n')
		return -EBADMSG;
	*ret = (struct health_result){
		.start = start, .end = stop, .exit_code = code, .output = *at + 1, .len = len
	};
	*at += len + 2;
	return 0;
}

int health_log_parse(char *take_text, size_t len, struct health_log *ret)
{
	auto_health_log struct health_log log = { .text = take_text };
	const char *at = take_text, *end = take_text + len;

	if (!str_starts(at, LOG_MAGIC))
		return -EBADMSG;
	at += strlen(LOG_MAGIC);
	while (at < end) {
		int r = log.count < HEALTH_RESULTS ? parse_result(&at, end, &log.items[log.count])
						   : -EBADMSG;

		if (r < 0)
			return r;
		log.count++;
	}
	*ret = log;
	log.text = NULL;
	return 0;
}

int health_log_read(int run_dir, struct health_log *ret)
{
	char *text;
	size_t len;
	int r = run_dir < 0 ? -ENOENT : file_read_at(run_dir, LOG_NAME, LOG_MAX, &text, &len);

	if (r == -ENOENT) {
		*ret = (struct health_log){ 0 };
		return 0;
	}
	return r < 0 ? r : health_log_parse(text, len, ret);
}

int health_log_add(int run_dir, const struct health_result *result)
{
	auto_health_log struct health_log log = { 0 };
	auto_buf struct buf text = { 0 };

	(void)health_log_read(run_dir, &log); /* a damaged one is begun anew */
	if (log.count == HEALTH_RESULTS) {
		log.count--;
		memmove(&log.items[0], &log.items[1], log.count * sizeof(log.items[0]));
	}
	log.items[log.count++] = *result;
	health_log_print(&text, &log);
	return file_replace_at(run_dir, LOG_NAME, text.data, text.len, 0600, 0);
}

void health_log_clear(struct health_log *log)
{
	free(log->text);
	*log = (struct health_log){ 0 };
}
