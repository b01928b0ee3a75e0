#include "registry/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

#undef curl_global_init

/* Filled once and never changed: the one state of this program that belongs to no job. */
static struct libcurl functions;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
	const char *name;
	size_t offset;
} table[] = {
#define F(name) { "curl_" #name, offsetof(struct libcurl, name) },
	LIBCURL_FUNCTIONS(F)
#undef F
};

static void load(void)
{
	void *lib = dlopen(LIBCURL, RTLD_NOW | RTLD_LOCAL), *f;

	for (size_t i = 0; lib && i < ARRAY_SIZE(table); i++) {
		f = dlsym(lib, table[i].name);
		if (!f)
			return;
		memcpy((char *)&functions + table[i].offset, &f, sizeof(f));
	}
	loaded = lib && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int libcurl_load(struct err *err)
{
	(void)pthread_once(&once, load);
	if (loaded)
		return 0;
	return err_set(err, ERR_SYSTEM, ENOSYS,
		"talking to registries needs " LIBCURL " (7.85 or newer), which cannot be loaded");
}

const struct libcurl *libcurl(void)
{
	return &functions;
}
