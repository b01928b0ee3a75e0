/* Filters from a client against a line of the journal: the input is both, parted by a newline. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "stream/event_filter.h"
#include "stream/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	size_t cut = newline ? (size_t)(newline - data) : size;
	size_t len = newline ? size - cut - 1 : 0;
	auto_free char *filters = xstrndup((const char *)data, cut);
	auto_free char *text = xmemdup(newline ? newline + 1 : data, len);
	auto_event_filter struct event_filter f = { 0 };
	struct journal_line line;
	struct err err = { 0 };

	if (journal_line_parse(text, len, &line))
		assert(line.time >= 0 && line.len == len);
	if (event_filter_parse(filters, &f, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]);
		return 0;
	}
	(void)event_filter_match(&f, text, len);
	return 0;
}
