#include "worker/platform.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "oci/doc.h"

/* Go's name of this machine's architecture. */
static char *host_arch(void)
{
	static const struct {
		const char *machine, *arch;
	} names[] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
		{ "armv7l", "arm" },
		{ "i686", "386" },
	};
	struct utsname u;

	if (uname(&u) < 0)
		return xstrdup("");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(u.machine, names[i].machine))
			return xstrdup(names[i].arch);
	return xstrdup(u.machine); /* the others are called the same */
}

static bool word_valid(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0';
}

static bool words_valid(char *const *words)
{
	for (; *words; words++)
		if (!word_valid(*words))
			return false;
	return true;
}

int platform_parse(const char *text, char **ret_members, struct err *err)
{
	auto_strv char **words = *text ? strv_split(text, '/') : NULL;
	auto_free char *host = host_arch();
	auto_buf struct buf out = { 0 };
	struct jsonw w = JSONW(&out);
	size_t n = strv_len(words);
	const char *os = n > 1 ? words[0] : "linux";
	const char *arch = n > 1                       ? words[1]
		: n == 1 && !str_eq(words[0], "linux") ? words[0]
						       : host;

	if (n > 3 || (n && !words_valid(words)))
		return err_set(err, ERR_INVALID, EINVAL, "\"%.100s\" is an invalid platform", text);
	if (!str_eq(os, "linux"))
		return err_set(
			err, ERR_INVALID, EINVAL, "operating system %.50s is not supported", os);
	jw_str(&w, "architecture", arch);
	jw_str(&w, "os", os);
	if (n > 2)
		jw_str(&w, "variant", words[2]);
	*ret_members = buf_steal(&out);
	return 0;
}

bool platform_fits(json_object *platform)
{
	const char *os = doc_str(platform, "os"), *arch = doc_str(platform, "architecture");
	auto_free char *host = host_arch();

	return os && arch && str_eq(os, "linux") && str_eq(arch, host);
}
