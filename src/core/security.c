#include "core/security.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

void security_clear(struct security *s)
{
	free(s->profile);
	*s = (struct security){ 0 };
}

static int read_profile(const char *text, struct security *s, struct err *err)
{
	auto_json json_object *profile = NULL;
	int r;

	free(take_ptr(&s->profile));
	s->unconfined = str_eq(text, "unconfined");
	if (s->unconfined || str_eq(text, "builtin") || str_eq(text, "default"))
		return 0;
	r = json_parse(text, strlen(text), &profile, err);
	if (r < 0)
		return err_prefix(err, "Decoding seccomp profile failed");
	if (!json_object_is_type(profile, json_type_object))
		return err_set(err, ERR_INVALID, EINVAL,
			"Decoding seccomp profile failed: it must be an object");
	s->profile = xstrdup(text);
	return 0;
}

static int read_no_new_privs(const char *value, struct security *s, struct err *err)
{
	if (str_eq(value, "true") || str_eq(value, "1"))
		s->no_new_privs = true;
	else if (str_eq(value, "false") || str_eq(value, "0"))
		s->no_new_privs = false;
	else
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid --security-opt 2: \"no-new-privileges=%s\"", value);
	return 0;
}

static int read_option(const char *text, struct security *s, struct err *err)
{
	const char *value = text + strcspn(text, "=:");
	auto_free char *key = xstrndup(text, (size_t)(value - text));

	if (str_eq(key, "no-new-privileges"))
		return read_no_new_privs(*value ? value + 1 : "true", s, err);
	if (!*value)
		return err_set(err, ERR_INVALID, EINVAL, "invalid --security-opt 1: \"%s\"", text);
	value++;
	if (str_eq(key, "seccomp"))
		return read_profile(value, s, err);
	/* These two run unlabelled already: asking for that is granted, asking for more is not. */
	if (str_eq(key, "apparmor") && str_eq(value, "unconfined"))
		return 0;
	if (str_eq(key, "label") && str_eq(value, "disable"))
		return 0;
	if (str_eq(key, "systempaths") && str_eq(value, "unconfined")) {
		s->open_paths = true;
		return 0;
	}
	if (str_eq(key, "apparmor") || str_eq(key, "label"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"HostConfig.SecurityOpt: %s needs root on the host and is not supported",
			text);
	return err_set(err, ERR_INVALID, EINVAL, "invalid --security-opt 2: \"%s\"", text);
}

int security_read(char *const *options, bool privileged, struct security *ret, struct err *err)
{
	auto_security struct security s = { .unconfined = privileged };

	for (; options && *options; options++) {
		int r = read_option(*options, &s, err);

		if (r < 0)
			return r;
	}
	*ret = s;
	s = (struct security){ 0 };
	return 0;
}
