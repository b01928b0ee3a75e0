#include "runtime/passwd.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#define ID_MAX     INT32_MAX /* as in Docker: "uids and gids must be in range 0-2147483647" */
#define FIELDS_MAX 7

/* One line, cut at its colons. */
struct record {
	char *line;
	char *field[FIELDS_MAX];
	size_t count;
};

static void record_clear(struct record *r)
{
	free(take_ptr(&r->line));
}

/* Steps to the next line of *text. False at the end. */
static bool record_next(const char **text, struct record *r)
{
	const char *end = strchrnul(*text, '\n');
	char *at;

	record_clear(r);
	if (!**text)
		return false;
	r->line = xstrndup(*text, (size_t)(end - *text));
	r->count = 0;
	at = r->line;
	while (at && r->count < FIELDS_MAX) {
		r->field[r->count++] = at;
		at = strchr(at, ':');
		if (at)
			*at++ = '\0';
	}
	*text = *end ? end + 1 : end;
	return true;
}

static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t n;

	if (str_to_u64(s, &n) < 0 || n > ID_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* Whether text is a number at all, so that it cannot mean a name that is missing. */
static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

void identity_clear(struct identity *id)
{
	free(take_ptr(&id->groups));
	free(take_ptr(&id->home));
	id->group_count = 0;
}

static void add_group(struct identity *id, gid_t gid)
{
	for (size_t i = 0; i < id->group_count; i++)
		if (id->groups[i] == gid)
			return;
	if (id->group_count == GROUPS_MAX)
		return;
	id->groups = xreallocarray(id->groups, id->group_count + 1, sizeof(*id->groups));
	id->groups[id->group_count++] = gid;
}

/* name:x:uid:gid:comment:home:shell. A number matches a name too: users called "1000" exist. Returns
 * the login name through *ret_name. */
static bool find_user(const char *passwd, const char *who, struct identity *id, char **ret_name)
{
	struct record r = { 0 };
	bool found = false;
	uint32_t number = 0, uid, gid;
	bool numeric = parse_id(who, &number);

	while (!found && record_next(&passwd, &r)) {
		if (r.count < 4 || !parse_id(r.field[2], &uid) || !parse_id(r.field[3], &gid))
			continue;
		if (!str_eq(r.field[0], who) && !(numeric && uid == number))
			continue;
		found = true;
		id->uid = uid;
		id->gid = gid;
		*ret_name = xstrdup(r.field[0]);
		if (r.count >= 6 && *r.field[5]) {
			free(id->home);
			id->home = xstrdup(r.field[5]);
		}
	}
	record_clear(&r);
	return found;
}

/* name:x:gid:member,member */
static bool find_group(const char *group, const char *who, gid_t *ret)
{
	struct record r = { 0 };
	bool found = false;
	uint32_t number = 0, gid;
	bool numeric = parse_id(who, &number);

	while (!found && record_next(&group, &r)) {
		if (r.count < 3 || !parse_id(r.field[2], &gid))
			continue;
		if (!str_eq(r.field[0], who) && !(numeric && gid == number))
			continue;
		found = true;
		*ret = gid;
	}
	record_clear(&r);
	return found;
}

static void add_memberships(struct identity *id, const char *group, const char *name)
{
	struct record r = { 0 };
	uint32_t gid;

	while (record_next(&group, &r)) {
		auto_strv char **members = NULL;

		if (r.count < 4 || !parse_id(r.field[2], &gid))
			continue;
		members = strv_split(r.field[3], ',');
		if (strv_has(members, name))
			add_group(id, gid);
	}
	record_clear(&r);
}

static int id_range_error(struct err *err)
{
	return err_set(err, ERR_INVALID, EINVAL, "uids and gids must be in range 0-%d", ID_MAX);
}

static int resolve_user(
	const char *who, const char *passwd, struct identity *id, char **ret_name, struct err *err)
{
	uint32_t uid;

	if (find_user(passwd, *who ? who : "0", id, ret_name))
		return 0;
	if (parse_id(*who ? who : "0", &uid)) {
		id->uid = uid;
		return 0;
	}
	if (is_number(who))
		return id_range_error(err);
	return err_set(err, ERR_INVALID, EINVAL,
		"unable to find user %s: no matching entries in passwd file", who);
}

static int resolve_group(const char *who, const char *group, gid_t *ret, struct err *err)
{
	uint32_t gid;

	if (find_group(group, who, ret))
		return 0;
	if (parse_id(who, &gid)) {
		*ret = gid;
		return 0;
	}
	if (is_number(who))
		return id_range_error(err);
	return err_set(err, ERR_INVALID, EINVAL,
		"unable to find group %s: no matching entries in group file", who);
}

static int resolve_all(const char *user, const char *group_spec, const char *const *extra,
	const char *passwd, const char *group, struct identity *id, struct err *err)
{
	auto_free char *name = NULL;
	gid_t gid;
	int r;

	r = resolve_user(user, passwd, id, &name, err);
	if (r < 0)
		return r;
	if (group_spec && *group_spec) {
		r = resolve_group(group_spec, group, &id->gid, err);
		if (r < 0)
			return r;
	}
	add_group(id, id->gid); /* or a set-group-ID program would lose it (CVE-2022-36109) */
	if (name && !(group_spec && *group_spec))
		add_memberships(id, group, name);
	for (; *extra; extra++) {
		r = resolve_group(*extra, group, &gid, err);
		if (r < 0)
			return r;
		add_group(id, gid);
	}
	return 0;
}

int identity_resolve(const char *spec, const char *const *extra, const char *passwd,
	const char *group, struct identity *ret, struct err *err)
{
	struct identity id = { .home = xstrdup("/") };
	auto_free char *user = xstrdup(spec);
	char *colon = strchr(user, ':');
	int r;

	if (colon)
		*colon++ = '\0';
	r = resolve_all(user, colon, extra, passwd, group, &id, err);
	if (r < 0) {
		identity_clear(&id);
		return r;
	}
	*ret = id;
	return 0;
}

char *passwd_name(const char *passwd, uid_t uid)
{
	struct record r = { 0 };
	char *name = NULL;
	uint32_t id;

	while (!name && record_next(&passwd, &r))
		if (r.count >= 3 && parse_id(r.field[2], &id) && id == uid)
			name = xstrdup(r.field[0]);
	record_clear(&r);
	return name;
}
