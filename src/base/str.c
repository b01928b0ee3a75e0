#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/alloc.h"

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && str_eq(s + n - m, suffix);
}

int str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int str_to_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int r;

	r = str_to_u64(s + negative, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

void strv_free(char **v)
{
	if (!v)
		return;
	for (char **p = v; *p; p++)
		free(*p);
	free(v);
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static void append_take(char ***v, size_t n, char *s)
{
	/* room grows by powers of two, so that adding stays cheap without a stored size */
	if ((n & (n + 1)) == 0)
		*v = xreallocarray(*v, n ? 2 * (n + 1) : 2, sizeof(char *));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add_take(char ***v, char *s)
{
	append_take(v, strv_len(*v), s);
}

void strv_add(char ***v, const char *s)
{
	strv_add_take(v, xstrdup(s));
}

void strv_add_sized(char ***v, size_t *n, const char *s)
{
	append_take(v, (*n)++, xstrdup(s));
}

char **strv_copy(char *const *v)
{
	char **copy = NULL;
	size_t n = 0;

	for (; v && *v; v++)
		strv_add_sized(&copy, &n, *v);
	return copy;
}

bool strv_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (str_eq(*v, s))
			return true;
	return false;
}

char **strv_split(const char *s, char sep)
{
	char **v = NULL;

	for (;;) {
		const char *end = strchrnul(s, sep);

		strv_add_take(&v, xstrndup(s, (size_t)(end - s)));
		if (!*end)
			return v;
		s = end + 1;
	}
}

int strv_find_key(char *const *v, const char *key, size_t key_len)
{
	for (int i = 0; v && v[i]; i++)
		if (strncmp(v[i], key, key_len) == 0 && v[i][key_len] == '=')
			return i;
	return -1;
}

void hex_encode(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[p[i] >> 4];
		*ret++ = digits[p[i] & 15];
	}
	*ret = '\0';
}

void id_new(char ret[ID_SIZE])
{
	unsigned char raw[ID_LEN / 2];

	/* 32 bytes are never cut short or interrupted, and since boot the pool is ready */
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		abort();
	hex_encode(raw, sizeof(raw), ret);
}

bool id_prefix_valid(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n > 0 && n <= ID_LEN && !s[n];
}

bool id_valid(const char *s)
{
	return id_prefix_valid(s) && strlen(s) == ID_LEN;
}
