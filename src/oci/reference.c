/* The grammar is that of github.com/distribution/reference:
 *
 *   name       [domain "/"] component ["/" component]...
 *   domain     host parts of letters, digits and inner "-", joined by "."; or [IPv6]; [":" port]
 *   component  lower-case letters and digits in runs, joined by one of: "." "_" "__" "-"...
 *   tag        a letter, digit or "_", then up to 127 of those, "." and "-"
 *
 * A first part is a domain only if it looks like one: it has a dot, a colon or an upper-case letter,
 * or is "localhost". Otherwise the name belongs to docker.io, and there to library/ if it is short. */
#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#define DEFAULT_DOMAIN "docker.io"
#define NAME_MAX_LEN   255
#define TAG_MAX        128

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool is_lower_alnum(char c)
{
	return is_lower(c) || is_digit(c);
}

bool digest_valid(const char *s)
{
	return s && str_starts(s, "sha256:") && id_valid(digest_hex(s));
}

static bool tag_valid(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > TAG_MAX || *s == '.' || *s == '-')
		return false;
	for (; *s; s++)
		if (!is_alnum(*s) && !strchr("_.-", *s))
			return false;
	return true;
}

/* One part of a host name: letters and digits, hyphens only inside. */
static bool host_part_valid(const char *s, size_t len)
{
	if (len == 0 || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool host_valid(const char *s, size_t len)
{
	size_t start = 0;

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		for (size_t i = 1; i + 1 < len; i++)
			if (!is_digit(s[i]) && !strchr("abcdefABCDEF:", s[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.')
			continue;
		if (!host_part_valid(s + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

bool registry_host_valid(const char *s)
{
	const char *end = strrchr(s, ']');
	const char *colon = strrchr(end ? end : s, ':');

	if (!colon)
		return host_valid(s, strlen(s));
	if (!colon[1])
		return false;
	for (const char *p = colon + 1; *p; p++)
		if (!is_digit(*p))
			return false;
	return host_valid(s, (size_t)(colon - s));
}

/* The length of the separator at s, 0 if there is none. */
static size_t separator(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static bool path_valid(const char *s)
{
	for (;;) {
		size_t n;

		if (!is_lower_alnum(*s))
			return false;
		while (is_lower_alnum(*s))
			s++;
		if (!*s)
			return true;
		n = *s == '/' ? 1 : separator(s);
		if (n == 0)
			return false;
		s += n;
	}
}

static bool looks_like_domain(const char *s)
{
	if (str_eq(s, "localhost"))
		return true;
	for (; *s; s++)
		if (*s == '.' || *s == ':' || is_upper(*s))
			return true;
	return false;
}

/* Cuts name at the first slash if what stands before it is a domain. */
static void split_domain(const char *name, char **ret_domain, char **ret_path)
{
	const char *slash = strchr(name, '/');
	auto_free char *first = xstrndup(name, slash ? (size_t)(slash - name) : 0);

	if (!slash || !looks_like_domain(first)) {
		*ret_domain = xstrdup(DEFAULT_DOMAIN);
		*ret_path = xstrdup(name);
	} else {
		bool old = str_eq(first, "index.docker.io");

		*ret_domain = old ? xstrdup(DEFAULT_DOMAIN) : take_ptr(&first);
		*ret_path = xstrdup(slash + 1);
	}
	if (str_eq(*ret_domain, DEFAULT_DOMAIN) && !strchr(*ret_path, '/')) {
		char *path = xasprintf("library/%s", *ret_path);

		free(*ret_path);
		*ret_path = path;
	}
}

static char *familiar_name(const char *domain, const char *path)
{
	if (!str_eq(domain, DEFAULT_DOMAIN))
		return xasprintf("%s/%s", domain, path);
	if (str_starts(path, "library/") && !strchr(path + strlen("library/"), '/'))
		return xstrdup(path + strlen("library/"));
	return xstrdup(path);
}

static int bad_format(struct err *err)
{
	return err_set(err, ERR_INVALID, EINVAL, "invalid reference format");
}

static int parse_name(const char *name, struct image_ref *r, struct err *err)
{
	auto_free char *domain = NULL, *path = NULL;

	if (id_valid(name))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
			name);
	split_domain(name, &domain, &path);
	for (const char *p = path; *p; p++)
		if (is_upper(*p))
			return err_set(err, ERR_INVALID, EINVAL,
				"invalid reference format: repository name (%s) must be lowercase",
				path);
	if (!registry_host_valid(domain) || !path_valid(path))
		return bad_format(err);
	if (strlen(domain) + 1 + strlen(path) > NAME_MAX_LEN)
		return err_set(err, ERR_INVALID, ENAMETOOLONG,
			"repository name must not be more than %d characters", NAME_MAX_LEN);
	r->repository = xasprintf("%s/%s", domain, path);
	r->familiar = familiar_name(domain, path);
	return 0;
}

static int parse(char *name, struct image_ref *r, struct err *err)
{
	char *at = strchr(name, '@'), *slash, *colon;
	int ret;

	if (at) {
		*at++ = '\0';
		if (!digest_valid(at))
			return bad_format(err);
		r->digest = xstrdup(at);
	}
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	if (colon)
		*colon++ = '\0';
	ret = parse_name(name, r, err);
	if (ret < 0)
		return ret;
	if (colon && !tag_valid(colon))
		return bad_format(err);
	if (colon)
		r->tag = xstrdup(colon);
	else if (!at)
		r->tag = xstrdup("latest");
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct err *err)
{
	auto_ref struct image_ref r = { 0 };
	auto_free char *copy = xstrdup(text);
	int n = parse(copy, &r, err);

	if (n < 0)
		return n;
	*ret = r;
	r = (struct image_ref){ 0 };
	return 0;
}

int image_ref_make(const char *repository, const char *tag, struct image_ref *ret, struct err *err)
{
	auto_ref struct image_ref r = { 0 };
	int n = image_ref_parse(repository, &r, err);

	if (n < 0)
		return n;
	if (r.digest)
		return err_set(err, ERR_INVALID, EINVAL,
			"refusing to create a tag with a digest reference");
	if (str_eq(r.familiar, "sha256"))
		return err_set(err, ERR_INVALID, EINVAL,
			"refusing to create an ambiguous tag using digest algorithm as name");
	if (!str_empty(tag)) {
		if (!tag_valid(tag))
			return err_set(err, ERR_INVALID, EINVAL, "invalid tag format");
		free(r.tag);
		r.tag = xstrdup(tag);
	}
	*ret = r;
	r = (struct image_ref){ 0 };
	return 0;
}

bool image_ref_complete(const char *text)
{
	const char *slash = strrchr(text, '/');

	return strpbrk(slash ? slash : text, ":@") != NULL;
}

void image_ref_clear(struct image_ref *r)
{
	free(r->repository);
	free(r->tag);
	free(r->digest);
	free(r->familiar);
	*r = (struct image_ref){ 0 };
}

char *image_ref_full(const struct image_ref *r)
{
	return r->digest ? xasprintf("%s@%s", r->repository, r->digest)
			 : xasprintf("%s:%s", r->repository, r->tag);
}

char *image_ref_familiar(const struct image_ref *r)
{
	return r->digest ? xasprintf("%s@%s", r->familiar, r->digest)
			 : xasprintf("%s:%s", r->familiar, r->tag);
}
