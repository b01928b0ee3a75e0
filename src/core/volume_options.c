#include "core/volume_options.h"

#include "base/alloc.h"
#include "base/str.h"
#include "core/mounts.h"
#include "core/volumes.h"
#include "core/words.h"
#include "state/volumes.h"
#include "json/text.h"

int volume_name_check(const char *name, struct err *err)
{
	if (name[0] && !name[1])
		return err_set(err, ERR_INVALID, EINVAL,
			"create %s: volume name is too short, names should be at least two "
			"alphanumeric characters",
			name);
	if (!volume_name_valid(name))
		return err_set(err, ERR_INVALID, EINVAL,
			"create %.80s: \"%.80s\" includes invalid characters for a local volume name, "
			"only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
			"host directory, use absolute path",
			name, name);
	return 0;
}

int volume_driver_check(
	const char *name, const char *driver, enum err_kind missing, struct err *err)
{
	if (str_empty(driver) || str_eq(driver, VOLUME_DRIVER))
		return 0;
	return err_set(err, missing, ENOENT,
		"create %.200s: error looking up volume plugin %.64s: plugin \"%.64s\" not found",
		name ? name : "", driver, driver);
}

int volume_strings_check(json_object *o, const char *field, struct err *err)
{
	if (!o)
		return 0;
	json_object_object_foreach(
		o, key, value) if (!json_object_is_type(value, json_type_string) ||
		strlen(json_object_get_string(value)) !=
			(size_t)json_object_get_string_len(value)) return err_set(err, ERR_INVALID,
		EINVAL, "invalid JSON: %s.%.64s must be a string", field, key);
	return 0;
}

static int bad(const char *name, struct err *err, const char *what, const char *which)
{
	return err_set(err, ERR_INVALID, EINVAL, "create %.200s: %s: \"%.64s\"", name ? name : "",
		what, which);
}

static int check_keys(const char *name, json_object *options, struct err *err)
{
	static const char *const known[] = { "type", "o", "device", "size", NULL };
	static const char *const needs[][2] = { { "device", "type" }, { "type", "device" },
		{ "o", "device" }, { "o", "type" } };

	json_object_object_foreach(options, key, unused)
	{
		(void)unused;
		if (!word_among(known, key))
			return bad(name, err, "invalid option", key);
	}
	if (json_get(options, "size"))
		return err_set(err, ERR_INVALID, ENOTSUP,
			"create %.200s: quota size requested but no quota support",
			name ? name : "");
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (json_get(options, needs[i][0]) && !json_get(options, needs[i][1]))
			return bad(name, err, "missing required option", needs[i][1]);
	return 0;
}

static bool is_bind(char *const *words)
{
	return strv_has(words, "bind") || strv_has(words, "rbind");
}

/* Words of o that the plan knows for both kinds. */
static bool is_flag(const char *word)
{
	static const char *const flags[] = { "", "ro", "rw", "nosuid", "nodev", "noexec", "suid",
		"dev", "exec", NULL };

	return word_among(flags, word);
}

static bool is_bind_word(const char *word)
{
	static const char *const words[] = { "bind", "rbind", "private", "rprivate", "slave",
		"rslave", "defaults", NULL };

	return word_among(words, word);
}

static int check_words(const char *name, char *const *words, bool bind, struct err *err)
{
	for (; *words; words++)
		if (!is_flag(*words) && !(bind ? is_bind_word(*words) : tmpfs_data_valid(*words)))
			return bad(name, err, "invalid mount option in \"o\"", *words);
	return 0;
}

int volume_options_check(const char *name, json_object *options, struct err *err)
{
	const char *type = json_get_str(options, "type", ""),
		   *device = json_get_str(options, "device", "");
	auto_strv char **words = strv_split(json_get_str(options, "o", ""), ',');
	int r;

	if (!options)
		return 0;
	r = volume_strings_check(options, "DriverOpts", err);
	if (r == 0)
		r = check_keys(name, options, err);
	if (r < 0 || !json_get(options, "device"))
		return r;
	if (!is_bind(words) && !str_eq(type, "tmpfs"))
		return err_set(err, ERR_UNSUPPORTED, ENOTSUP,
			"create %.200s: a volume of type \"%.64s\" is not supported: only root of the "
			"host can mount it",
			name ? name : "", type);
	if (is_bind(words) && *device != '/')
		return bad(name, err, "device must be an absolute path", device);
	return check_words(name, words, is_bind(words), err);
}

void volume_way_read(json_object *options, struct volume_way *way)
{
	auto_strv char **words = strv_split(json_get_str(options, "o", ""), ',');

	*way = (struct volume_way){ .bind = is_bind(words), .recursive = strv_has(words, "rbind") };
	for (char **w = words; *w; w++)
		if (str_eq(*w, "ro"))
			way->read_only = true;
		else if (**w && !str_eq(*w, "bind") && !str_eq(*w, "rbind") &&
			!str_eq(*w, "defaults"))
			buf_printf(&way->data, "%s%s", way->data.len ? "," : "", *w);
}
