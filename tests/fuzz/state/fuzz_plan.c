/* A plan comes from our own switchboard, through a file that the user can edit. */
#include <assert.h>
#include <stdint.h>

#include <string.h>

#include "base/alloc.h"
#include "state/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmalloc(size + 1);
	auto_plan struct plan p = { 0 };
	struct err err = { 0 };

	memcpy(text, data, size);
	text[size] = 0;
	if (plan_parse(text, size, &p, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]); /* every refusal explains itself */
		return 0;
	}
	for (size_t i = 0; i < p.count; i++)
		assert(p.items[i].keyword);
	plan_foreach (it, &p, "env")
		assert(it->words[0]);
	(void)plan_log_opt(&p, "max-size");
	free(plan_words(&p, "arg"));
	return 0;
}
