#include "worker/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "oci/doc.h"

static void set(char to[PLATFORM_WORD], const char *word)
{
	(void)snprintf(to, PLATFORM_WORD, "%.31s", word);
}

/* What kernels and people call an architecture, and what Go does. */
static void normalize(struct platform *p)
{
	static const struct {
		const char *name, *arch, *variant;
	} names[] = {
		{ "x86_64", "amd64", "" },
		{ "x86-64", "amd64", "" },
		{ "aarch64", "arm64", "" },
		{ "armv8l", "arm", "v7" }, /* a 32-bit program on a 64-bit kernel */
		{ "armv7l", "arm", "v7" },
		{ "armhf", "arm", "v7" },
		{ "armv6l", "arm", "v6" },
		{ "armel", "arm", "v6" },
		{ "i386", "386", "" },
		{ "i686", "386", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(p->arch, names[i].name)) {
			set(p->arch, names[i].arch);
			if (!*p->variant)
				set(p->variant, names[i].variant);
			return;
		}
}

void platform_host(struct platform *ret)
{
	struct utsname u;

	*ret = (struct platform){ .os = "linux" };
	if (uname(&u) == 0)
		set(ret->arch, u.machine); /* the others are called the same */
	normalize(ret);
}

static bool word_valid(const char *s)
{
	return *s && strlen(s) < PLATFORM_WORD &&
		s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0';
}

static bool words_valid(char *const *words)
{
	for (; *words; words++)
		if (!word_valid(*words))
			return false;
	return true;
}

int platform_read(const char *text, struct platform *ret, struct err *err)
{
	auto_strv char **words = *text ? strv_split(text, '/') : NULL;
	size_t n = strv_len(words);
	struct platform p;

	if (n > 3 || (n && !words_valid(words)))
		return err_set(err, ERR_INVALID, EINVAL, "\"%.100s\" is an invalid platform", text);
	platform_host(&p);
	if (n > 1 && !str_eq(words[0], "linux"))
		return err_set(err, ERR_INVALID, EINVAL, "operating system %.50s is not supported",
			words[0]);
	if (n > 1 || (n == 1 && !str_eq(words[0], "linux"))) {
		set(p.arch, words[n > 1]);
		set(p.variant, n > 2 ? words[2] : "");
	}
	normalize(&p);
	*ret = p;
	return 0;
}

void platform_from_doc(json_object *o, struct platform *ret)
{
	const char *os = doc_str(o, "os"), *arch = doc_str(o, "architecture");
	const char *variant = doc_str(o, "variant");

	*ret = (struct platform){ 0 };
	if (!os || !arch)
		return;
	set(ret->os, os);
	set(ret->arch, arch);
	set(ret->variant, variant ? variant : "");
	normalize(ret);
}

char *platform_text(const struct platform *p, char ret[PLATFORM_TEXT])
{
	(void)snprintf(ret, PLATFORM_TEXT, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "",
		p->variant);
	return ret;
}

/* "v7" is 7; one that is not given is the architecture's usual one. -1: no such number. */
static int64_t variant_number(const struct platform *p)
{
	int64_t n = 0;

	if (!*p->variant)
		return str_eq(p->arch, "arm")      ? 7
			: str_eq(p->arch, "arm64") ? 8
			: str_eq(p->arch, "amd64") ? 1
						   : 0;
	if (str_to_i64(p->variant + (*p->variant == 'v'), &n) < 0 || n < 0 || n > 1000)
		return -1;
	return n;
}

int platform_match(const struct platform *want, const struct platform *have)
{
	int64_t w = variant_number(want), h = variant_number(have);

	if (!str_eq(want->os, have->os) || !str_eq(want->arch, have->arch))
		return 0;
	if (w < 0 || h < 0)
		return str_eq(want->variant, have->variant);
	return h <= w ? (int)h + 1 : 0;
}

int platform_parse(const char *text, char **ret_members, struct err *err)
{
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	struct platform p = { 0 };
	int r = platform_read(text, &p, err);

	if (r < 0)
		return r;
	jw_str(&w, "architecture", p.arch);
	jw_str(&w, "os", p.os);
	if (*p.variant)
		jw_str(&w, "variant", p.variant);
	*ret_members = buf_steal(&out);
	return 0;
}
