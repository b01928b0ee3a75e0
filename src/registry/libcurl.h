/* registry/libcurl.h - libcurl under its own names, loaded when it is first needed: with the forty
 * libraries it brings it takes 15 ms, and most jobs of dayfly-worker talk to nobody. */
#pragma once

#define CURL_DISABLE_TYPECHECK /* its macros have the functions' names */
#include <curl/curl.h>

#include "base/err.h"

#define LIBCURL "libcurl.so.4"

#define LIBCURL_FUNCTIONS(F)                                                                       \
	F(easy_cleanup)                                                                            \
	F(easy_getinfo)                                                                            \
	F(easy_init)                                                                               \
	F(easy_perform)                                                                            \
	F(easy_reset)                                                                              \
	F(easy_setopt)                                                                             \
	F(easy_strerror)                                                                           \
	F(free)                                                                                    \
	F(getdate)                                                                                 \
	F(global_init)                                                                             \
	F(slist_append)                                                                            \
	F(slist_free_all)                                                                          \
	F(url)                                                                                     \
	F(url_cleanup)                                                                             \
	F(url_get)                                                                                 \
	F(url_set)                                                                                 \
	F(version_info)

struct libcurl {
#define F(name) __typeof__(curl_##name) *name;
	LIBCURL_FUNCTIONS(F)
#undef F
};

/* ERR_SYSTEM if it is not installed. Any thread. */
int libcurl_load(struct err *err);
/* After that. */
const struct libcurl *libcurl(void);

/* "some people do not use prototypes": these two are macros of their own names */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup   libcurl()->easy_cleanup
#define curl_easy_getinfo   libcurl()->easy_getinfo
#define curl_easy_init      libcurl()->easy_init
#define curl_easy_perform   libcurl()->easy_perform
#define curl_easy_reset     libcurl()->easy_reset
#define curl_easy_setopt    libcurl()->easy_setopt
#define curl_easy_strerror  libcurl()->easy_strerror
#define curl_free           libcurl()->free
#define curl_getdate        libcurl()->getdate
#define curl_global_init    libcurl()->global_init
#define curl_slist_append   libcurl()->slist_append
#define curl_slist_free_all libcurl()->slist_free_all
#define curl_url            libcurl()->url
#define curl_url_cleanup    libcurl()->url_cleanup
#define curl_url_get        libcurl()->url_get
#define curl_url_set        libcurl()->url_set
#define curl_version_info   libcurl()->version_info
