#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/passwd.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken line\n"
			     "alice:x:1000:1001:Alice:/home/alice:/bin/sh\n"
			     "2000:x:3000:3001::/home/numeric:/bin/sh\n"
			     "huge:x:99999999999:1::/:\n"
			     "last:x:5:6::/last:/bin/sh";
static const char group[] =
	"root:x:0:\nalice:x:1001:\nvideo:x:44:bob,alice\nwheel:x:10:root,alice\n"
	"alicex:x:77:xalice,alice2\n4444:x:55:\n";

static const char *const none[] = { NULL };

static void expect(const char *spec, uid_t uid, gid_t gid, const char *home, size_t groups)
{
	struct identity id = { 0 };
	struct err err = { 0 };

	if (identity_resolve(spec, none, passwd, group, &id, &err) < 0)
		fail_msg("%s: %s", spec, err.msg);
	assert_int_equal(id.uid, uid);
	assert_int_equal(id.gid, gid);
	assert_string_equal(id.home, home);
	assert_int_equal(id.group_count, 1 + groups);
	assert_int_equal(id.groups[0], gid);
	identity_clear(&id);
}

static void refuse(const char *spec, const char *message)
{
	struct identity id = { 0 };
	struct err err = { 0 };

	assert_true(identity_resolve(spec, none, passwd, group, &id, &err) < 0);
	assert_string_equal(err.msg, message);
}

static void users_are_found_by_name_and_by_number(void **state)
{
	(void)state;
	expect("", 0, 0, "/root", 1);
	expect("root", 0, 0, "/root", 1);
	expect("alice", 1000, 1001, "/home/alice", 2);
	expect("1000", 1000, 1001, "/home/alice", 2);
	expect("last", 5, 6, "/last", 0);
}

static void a_number_needs_no_entry(void **state)
{
	(void)state;
	expect("4711", 4711, 0, "/", 0);
	expect("4711:4712", 4711, 4712, "/", 0);
}

static void a_name_made_of_digits_is_a_name_first(void **state)
{
	(void)state;
	expect("2000", 3000, 3001, "/home/numeric", 0);
	expect("0:4444", 0, 55, "/root", 0);
}

static void a_group_in_the_request_replaces_the_users_groups(void **state)
{
	(void)state;
	expect("alice:wheel", 1000, 10, "/home/alice", 0);
	expect("alice:44", 1000, 44, "/home/alice", 0);
	expect("alice:", 1000, 1001, "/home/alice", 2);
	expect(":video", 0, 44, "/root", 0);
}

static void missing_ones_are_refused_in_dockers_words(void **state)
{
	(void)state;
	refuse("bob", "unable to find user bob: no matching entries in passwd file");
	refuse("huge", "unable to find user huge: no matching entries in passwd file");
	refuse("root:bob", "unable to find group bob: no matching entries in group file");
	refuse("2147483648", "uids and gids must be in range 0-2147483647");
	refuse("99999999999999999999", "uids and gids must be in range 0-2147483647");
	refuse("0:4294967296", "uids and gids must be in range 0-2147483647");
}

static void extra_groups_are_added_once(void **state)
{
	static const char *const extra[] = { "44", "wheel", "123", "123", NULL };
	struct identity id = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(identity_resolve("alice", extra, passwd, group, &id, &err), 0);
	assert_int_equal(id.group_count, 4);
	assert_int_equal(id.groups[0], id.gid);
	assert_int_equal(id.groups[1], 44);
	assert_int_equal(id.groups[2], 10);
	assert_int_equal(id.groups[3], 123);
	identity_clear(&id);
}

static void an_image_without_files_has_numbers_only(void **state)
{
	struct identity id = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(identity_resolve("12:34", none, "", "", &id, &err), 0);
	assert_int_equal(id.uid, 12);
	assert_int_equal(id.gid, 34);
	identity_clear(&id);
	assert_int_equal(identity_resolve("", none, "", "", &id, &err), 0);
	assert_int_equal(id.uid, 0);
	identity_clear(&id);
	assert_true(identity_resolve("root", none, "", "", &id, &err) < 0);
}

static void login_names_are_found(void **state)
{
	auto_free char *name = passwd_name(passwd, 1000);

	(void)state;
	assert_string_equal(name, "alice");
	assert_null(passwd_name(passwd, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_found_by_name_and_by_number),
		cmocka_unit_test(a_number_needs_no_entry),
		cmocka_unit_test(a_name_made_of_digits_is_a_name_first),
		cmocka_unit_test(a_group_in_the_request_replaces_the_users_groups),
		cmocka_unit_test(missing_ones_are_refused_in_dockers_words),
		cmocka_unit_test(extra_groups_are_added_once),
		cmocka_unit_test(an_image_without_files_has_numbers_only),
		cmocka_unit_test(login_names_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
