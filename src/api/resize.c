#include "api/resize.h"

#include <stdio.h>

#include "base/str.h"

static int dimension(const struct request *req, const char *name, const char *word, char ret[32],
	struct err *err)
{
	const char *v = req_query(req, name);
	uint64_t n;

	if (str_empty(v) || str_to_u64(v, &n) < 0 || n > UINT16_MAX)
		return err_set(err, ERR_INVALID, EINVAL, "invalid resize %s '%.32s': %s", word,
			v ? v : "", str_empty(v) ? "missing" : "not a number of cells");
	(void)snprintf(ret, 32, "%s=%u", word, (unsigned)n);
	return 0;
}

int resize_words(const struct request *req, char height[32], char width[32], struct err *err)
{
	int r = dimension(req, "h", "height", height, err);

	return r < 0 ? r : dimension(req, "w", "width", width, err);
}
