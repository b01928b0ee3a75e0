/* An image reference as people type it; its full form means the same. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_ref struct image_ref ref = { 0 }, again = { 0 };
	struct err err = { 0 };

	if (image_ref_parse(text, &ref, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]);
		return 0;
	}
	auto_free char *full = image_ref_full(&ref);
	auto_free char *familiar = image_ref_familiar(&ref);

	assert(image_ref_parse(full, &again, &err) == 0);
	assert(str_eq(again.repository, ref.repository));
	assert(*familiar);
	return 0;
}
