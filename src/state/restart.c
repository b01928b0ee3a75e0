#include "state/restart.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "base/timefmt.h"

/* Docker's numbers */
#define PAUSE_FIRST   (100 * NSEC_PER_MSEC)
#define PAUSE_LONGEST (60 * NSEC_PER_SEC)
#define GOOD_RUN      (10 * NSEC_PER_SEC) /* after it the pauses begin anew */

static const char *const kind_names[RESTART_KIND_COUNT] = {
	[RESTART_NO] = "no",
	[RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
	[RESTART_ON_FAILURE] = "on-failure",
};

int restart_kind_parse(const char *word, enum restart_kind *ret)
{
	for (int k = 0; k < RESTART_KIND_COUNT; k++)
		if (str_eq(word, kind_names[k])) {
			*ret = (enum restart_kind)k;
			return 0;
		}
	return -EINVAL;
}

const char *restart_kind_name(enum restart_kind kind)
{
	return kind_names[kind];
}

void restart_rule_write(struct buf *plan, const struct restart_rule *rule)
{
	char max[16];

	if (rule->kind == RESTART_NO)
		return;
	(void)snprintf(max, sizeof(max), "%u", rule->max);
	plan_add(plan, "restart", kind_names[rule->kind], max);
	if (rule->unwell)
		plan_add(plan, "restart-unhealthy");
}

struct restart_rule restart_rule_read(const struct plan *plan)
{
	const struct plan_item *it = plan_next(plan, "restart", NULL);
	struct restart_rule rule = { .unwell = plan_has(plan, "restart-unhealthy") };
	uint64_t max;

	if (!it || restart_kind_parse(it->words[0], &rule.kind) < 0)
		return (struct restart_rule){ 0 };
	if (str_to_u64(it->words[1], &max) == 0 && max <= UINT32_MAX)
		rule.max = (unsigned)max;
	return rule;
}

bool restart_after_end(const struct restart_rule *rule, const struct status *st, bool failed)
{
	if (st->stopped)
		return false;
	switch (rule->kind) {
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED: return true;
	case RESTART_ON_FAILURE:
		return (failed || st->exit_code != 0) &&
			(rule->max == 0 || st->restart_count < rule->max);
	case RESTART_NO:
	case RESTART_KIND_COUNT: break;
	}
	return false;
}

bool restart_after_boot(const struct restart_rule *rule, const struct status *st)
{
	if (st->run == 0) /* nobody has started it yet */
		return false;
	return rule->kind == RESTART_ALWAYS || restart_after_end(rule, st, false);
}

int64_t restart_pause(int64_t before, int64_t ran)
{
	if (before == 0 || ran >= GOOD_RUN)
		return PAUSE_FIRST;
	return before < PAUSE_LONGEST / 2 ? 2 * before : PAUSE_LONGEST;
}
