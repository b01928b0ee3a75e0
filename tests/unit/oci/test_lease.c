#include "../unit.h"

#include "base/alloc.h"
#include "oci/lease.h"
#include "oci/reference.h"

#define DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"

struct store {
	struct folder folder;
	struct dirs dirs;
};

static int set_up(void **state)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->folder = make_folder();
	s->dirs = (struct dirs){ .data = s->folder.fd, .run = FD_NONE };
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct store *s = *state;

	drop_folder(&s->folder);
	free(s);
	return 0;
}

static bool is_there(struct store *s)
{
	auto_free char *path = xasprintf(LEASES "/%s", digest_hex(DIGEST));

	return faccessat(s->folder.fd, path, F_OK, 0) == 0;
}

static void who_fetches_a_blob_is_alone_until_it_is_there(void **state)
{
	struct store *s = *state;
	int first = lease_take(&s->dirs, DIGEST), second;

	assert_true(first >= 0);
	assert_int_equal(lease_take(&s->dirs, DIGEST), -EWOULDBLOCK);
	lease_share(first);
	second = lease_take(&s->dirs, DIGEST);
	assert_true(second >= 0);
	lease_end(&s->dirs, DIGEST, first);
	assert_true(is_there(s)); /* the second still needs it */
	lease_end(&s->dirs, DIGEST, second);
	assert_false(is_there(s));
}

static void a_lease_that_is_let_go_can_be_taken_and_is_still_listed(void **state)
{
	struct store *s = *state;
	auto_strv char **held = NULL, **over = NULL;
	int fd = lease_take(&s->dirs, DIGEST);

	(void)fd_close(fd); /* as by the end of its process */
	assert_int_equal(lease_list(&s->dirs, &held, &over), 0);
	assert_true(strv_has(held, DIGEST));
	assert_null(over);
	fd = lease_take(&s->dirs, DIGEST);
	assert_true(fd >= 0);
	lease_end(&s->dirs, DIGEST, fd);
}

static void a_lease_whose_time_is_over_is_dropped(void **state)
{
	struct store *s = *state;
	auto_strv char **held = NULL, **over = NULL;

	(void)fd_close(lease_take(&s->dirs, DIGEST));
	lease_end_all(&s->dirs);
	assert_int_equal(lease_list(&s->dirs, &held, &over), 0);
	assert_null(held);
	assert_true(strv_has(over, DIGEST));
	lease_drop(&s->dirs, DIGEST);
	assert_false(is_there(s));
}

static void without_any_lease_there_is_nothing_to_list(void **state)
{
	struct store *s = *state;
	char **held, **over;

	assert_int_equal(lease_list(&s->dirs, &held, &over), 0);
	assert_null(held);
	assert_null(over);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_fetches_a_blob_is_alone_until_it_is_there),
		TEST(a_lease_that_is_let_go_can_be_taken_and_is_still_listed),
		TEST(a_lease_whose_time_is_over_is_dropped),
		TEST(without_any_lease_there_is_nothing_to_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
