#include "core/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/container_state.h"
#include "core/records.h"

#define NAME_LEN_MAX 240 /* of a file name's 255 */

static const char *const adjectives[] = { "amber", "ancient", "balanced", "bold", "brave", "breezy",
	"bright", "calm", "careful", "cheerful", "clever", "cosy", "crisp", "curious", "daring",
	"eager", "early", "earnest", "easy", "elegant", "fair", "faithful", "festive", "fleet",
	"fluent", "fresh", "gentle", "glad", "golden", "graceful", "happy", "hardy", "hidden",
	"honest", "humble", "jolly", "keen", "kind", "lively", "lucid", "lucky", "mellow", "merry",
	"mighty", "mindful", "modest", "nimble", "noble", "patient", "placid", "playful", "polite",
	"proud", "quick", "quiet", "radiant", "ready", "serene", "sharp", "silent", "silver",
	"simple", "sincere", "smooth", "snug", "solid", "spry", "steady", "still", "sturdy",
	"sunny", "swift", "tender", "thrifty", "tidy", "tranquil", "trusty", "upbeat", "vivid",
	"warm", "wise", "witty", "zesty" };

/* People who taught us about insects, flight, short lives and small engines. */
static const char *const surnames[] = { "agassiz", "alcott", "anning", "attenborough", "babbage",
	"bates", "blackburn", "blanchard", "bleriot", "boole", "boucher", "brahe", "buckland",
	"carson", "cayley", "church", "clark", "coleman", "comstock", "cuvier", "darwin",
	"dijkstra", "earhart", "eastwood", "euler", "fabre", "fabricius", "farman", "fermat",
	"fibonacci", "galvani", "gauss", "gosse", "haeckel", "hamilton", "hargrave", "herschel",
	"hoare", "hooke", "hopper", "huber", "humboldt", "huxley", "johnson", "kernighan", "kirby",
	"lamarck", "latreille", "leeuwenhoek", "lilienthal", "linnaeus", "lovelace", "lubbock",
	"lyell", "malpighi", "maunder", "merian", "mendel", "muir", "nabokov", "naur", "newcomen",
	"noether", "pascal", "piccard", "potter", "quimby", "ray", "reaumur", "redi", "ritchie",
	"rudolph", "seward", "somerville", "stevens", "swammerdam", "thompson", "tinbergen",
	"turing", "wallace", "watt", "wells", "wilson", "wirth", "wright" };

bool name_valid(const char *name)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name), n = 0;

	if (len < 2 || len > NAME_LEN_MAX || !strchr(alnum, name[0]))
		return false;
	while (name[n] && (strchr(alnum, name[n]) || strchr("_.-", name[n])))
		n++;
	return n == len;
}

static void name_path(char ret[300], const char *name)
{
	(void)snprintf(ret, 300, "names/%.*s", NAME_LEN_MAX, name);
}

int name_owner(struct core *c, const char *name, char ret[ID_SIZE])
{
	char path[300], target[ID_SIZE + 1];
	ssize_t n;

	if (!name_valid(name))
		return -ENOENT;
	name_path(path, name);
	n = readlinkat(c->dirs.data, path, target, sizeof(target));
	if (n != ID_LEN)
		return -ENOENT;
	target[n] = '\0';
	if (!id_valid(target))
		return -ENOENT;
	memcpy(ret, target, ID_SIZE);
	return 0;
}

static bool claim_holds(struct core *c, const char *name, const char *owner)
{
	auto_summary struct summary s = { 0 };

	if (summary_read(c, owner, &s) < 0 || !str_eq(s.name, name))
		return false;
	return !s.auto_remove || !container_is_going(c, owner);
}

int name_claim(struct core *c, const char *name, const char *id, struct err *err)
{
	char path[300], owner[ID_SIZE];

	name_path(path, name);
	while (symlinkat(id, c->dirs.data, path) < 0) {
		if (errno != EEXIST)
			return err_sys(err, errno, "claim the name %s", name);
		if (name_owner(c, name, owner) == 0 && !str_eq(owner, id) &&
			claim_holds(c, name, owner))
			return err_set(err, ERR_CONFLICT, EEXIST,
				"Conflict. The container name \"/%s\" is already in use by container "
				"\"%s\". You have to remove (or rename) that container to be able to "
				"reuse that name.",
				name, owner);
		if (unlinkat(c->dirs.data, path, 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "take over the name %s", name);
	}
	return 0;
}

void name_release(struct core *c, const char *name, const char *id)
{
	char path[300], owner[ID_SIZE];

	if (name_owner(c, name, owner) < 0 || !str_eq(owner, id))
		return;
	name_path(path, name);
	(void)unlinkat(c->dirs.data, path, 0);
}

static unsigned random_below(unsigned n)
{
	unsigned v = 0;

	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v = (unsigned)getpid(); /* only a name: any choice will do */
	return v % n;
}

int name_claim_new(struct core *c, const char *id, char **ret, struct err *err)
{
	int r = -EEXIST;

	for (int attempt = 0; attempt < 12; attempt++) {
		const char *a = adjectives[random_below(ARRAY_SIZE(adjectives))];
		const char *s = surnames[random_below(ARRAY_SIZE(surnames))];
		/* the more are taken, the longer they get */
		auto_free char *name = attempt < 4
			? xasprintf("%s_%s", a, s)
			: xasprintf("%s_%s%u", a, s, random_below(attempt < 8 ? 10 : 1000000));

		r = name_claim(c, name, id, err);
		if (r == 0) {
			*ret = take_ptr(&name);
			return 0;
		}
		if (r != -EEXIST)
			return r;
	}
	return r;
}
