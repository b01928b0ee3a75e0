/* Names, records and summaries on a disk of the test's own. */
#include "create.h"

#include "core/container_filter.h"
#include "core/container_state.h"
#include "core/core.h"
#include "core/names.h"
#include "core/scan.h"

struct store {
	struct folder folder;
	struct core *core;
};

static int open_store(void **state)
{
	static struct store s;
	char path[96];

	s.folder = make_folder();
	(void)snprintf(path, sizeof(path), "%s/data", s.folder.path);
	(void)setenv("XDG_DATA_HOME", path, 1);
	(void)snprintf(path, sizeof(path), "%s/run", s.folder.path);
	(void)setenv("XDG_RUNTIME_DIR", path, 1);
	assert_int_equal(core_open(&s.core, NULL), 0);
	*state = &s;
	return 0;
}

static int close_store(void **state)
{
	struct store *s = *state;

	core_free(s->core);
	drop_folder(&s->folder);
	return 0;
}

/* A folder below containers/, with a record if body is given. */
static int make_container(struct core *c, const char *id, const char *name, const char *body)
{
	auto_container struct container *ct = container_of_body(body, NULL);
	auto_free char *path = xasprintf("containers/%s", id);
	int dir = dir_open_make_at(c->dirs.data, path, 0700);

	assert_true(dir >= 0);
	(void)json_object_object_add(ct->doc, "Id", json_object_new_string(id));
	(void)json_object_object_add(ct->doc, "Name", json_object_new_string(name));
	assert_int_equal(name_claim(c, name, id, NULL), 0);
	assert_int_equal(record_create(c, dir, ct->doc, NULL), 0);
	return dir;
}

static const char id_a[] = "aa00000000000000000000000000000000000000000000000000000000000000";
static const char id_b[] = "ab00000000000000000000000000000000000000000000000000000000000000";
static const char body[] = "{'Image':'busybox','Cmd':['c'],'Labels':{'k':'v'}}";
static const char auto_body[] = "{'Image':'busybox','Cmd':['c'],'HostConfig':{'AutoRemove':true}}";

static void put_short(int dir, const char *name, size_t len)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
}

static void a_container_is_found_by_id_name_and_prefix(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "first", body),
		    b = make_container(c, id_b, "cafe", body);
	char id[ID_SIZE];
	struct err err = { 0 };

	assert_true(a >= 0 && b >= 0);
	assert_int_equal(container_resolve(c, id_a, id, &err), 0);
	assert_int_equal(container_resolve(c, "/first", id, &err), 0);
	assert_string_equal(id, id_a);
	assert_int_equal(container_resolve(c, "cafe", id, &err), 0); /* a name before an id */
	assert_string_equal(id, id_b);
	assert_int_equal(container_resolve(c, "aa0", id, &err), 0);
	assert_string_equal(id, id_a);
	assert_true(container_resolve(c, "a", id, &err) < 0);
	assert_string_equal(err.msg, "multiple IDs found with provided prefix: a");
	assert_int_equal(err.kind, ERR_INVALID);
	assert_true(container_resolve(c, "gone", id, &err) < 0);
	assert_string_equal(err.msg, "No such container: gone");
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_true(container_resolve(c, "../names", id, &err) < 0);
	assert_true(container_resolve(c, "", id, &err) < 0);
}

static void a_name_belongs_to_one_container(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", body);
	struct err err = { 0 };

	assert_true(a >= 0);
	assert_int_equal(name_claim(c, "web", id_b, &err), -EEXIST);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.msg,
		"The container name \"/web\" is already in use by container "
		"\"aa00"));
	name_release(c, "web", id_b); /* not theirs */
	assert_true(name_claim(c, "web", id_b, NULL) < 0);
	name_release(c, "web", id_a);
	assert_int_equal(name_claim(c, "web", id_b, NULL), 0);
}

static void the_claim_of_a_creator_that_died_is_taken_over(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int b = FD_NONE;
	char id[ID_SIZE];

	/* a folder and a name, but no record: killed in between */
	assert_int_equal(
		dir_make_at(c->dirs.data,
			"containers/aa00000000000000000000000000000000000000000000000000000000000000",
			0700),
		0);
	assert_int_equal(name_claim(c, "web", id_a, NULL), 0);
	assert_true(container_resolve(c, "web", id, NULL) < 0);
	b = make_container(c, id_b, "web", body);
	assert_int_equal(container_resolve(c, "web", id, NULL), 0);
	assert_string_equal(id, id_b);
}

static void a_renaming_cut_short_leaves_one_name(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "old", body);

	assert_true(a >= 0);
	assert_int_equal(name_claim(c, "new", id_a, NULL), 0); /* and then it was killed */
	assert_int_equal(name_claim(c, "new", id_b, NULL), 0);
	assert_int_equal(name_claim(c, "old", id_b, NULL), -EEXIST);
}

static void renaming_moves_the_name_and_the_summary(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "old", body);
	auto_summary struct summary s = { 0 };
	struct err err = { 0 };
	char id[ID_SIZE];

	assert_true(a >= 0);
	assert_int_equal(container_rename(c, "old", "/new", &err), 0);
	assert_int_equal(container_resolve(c, "new", id, NULL), 0);
	assert_true(container_resolve(c, "old", id, NULL) < 0);
	assert_int_equal(summary_read(c, id_a, &s), 0);
	assert_string_equal(s.name, "new");
	assert_true(container_rename(c, "new", "new", &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_true(container_rename(c, "new", "", &err) < 0);
	assert_true(container_rename(c, "new", "x", &err) < 0);
	assert_non_null(strstr(err.msg, "Invalid container name (x)"));
}

static void a_lost_or_damaged_summary_is_made_anew(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", body);

	for (int round = 0; round < 2; round++) {
		auto_summary struct summary s = { 0 };
		auto_free char *again = NULL;

		if (round == 0)
			assert_int_equal(unlinkat(a, "summary", 0), 0);
		else
			put_file(a, "summary", "dayfly-summary=2 torn");
		assert_int_equal(summary_read(c, id_a, &s), 0);
		assert_string_equal(s.name, "web");
		assert_string_equal(summary_label(&s, "k"), "v");
		assert_int_equal(file_read_at(a, "summary", 65536, &again, NULL), 0);
		assert_string_equal(again, "dayfly-summary=2");
	}
}

static void a_record_that_a_power_cut_left_short_is_no_container(void **state)
{
	static const size_t lengths[] = { 0, 1, 100 };
	struct core *c = ((struct store *)*state)->core;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		auto_fd int a = make_container(c, id_a, "web", body);
		char id[ID_SIZE];

		assert_int_equal(unlinkat(a, "summary", 0), 0);
		assert_true(container_resolve(c, "web", id, NULL) == 0);
		put_short(a, "config.json", lengths[i]);
		assert_true(container_resolve(c, "web", id, NULL) < 0);
		assert_int_equal(name_claim(c, "web", id_b, NULL), 0);
		name_release(c, "web", id_b);
		container_sweep(c, id_a);
		assert_int_equal(dirs_container_data(&c->dirs, id_a), -ENOENT);
	}
}

static void a_record_that_cannot_be_read_is_not_swept(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", body), still = FD_NONE;

	assert_int_equal(renameat(a, "config.json", a, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", a, "config.json"), 0); /* ELOOP, not ENOENT */
	assert_false(dirs_container_unmade(&c->dirs, id_a));
	container_sweep(c, id_a);
	still = dirs_container_data(&c->dirs, id_a);
	assert_true(still >= 0);
}

static void a_half_made_container_is_shown_to_nobody_and_swept(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 }, again = { 0 };
	auto_fd int a = make_container(c, id_a, "web", body), lock = FD_NONE;
	auto_strv char **before = NULL, **after = NULL;

	put_file(a, ".tmp-x", "{");
	assert_int_equal(unlinkat(a, "config.json", 0), 0);
	assert_int_equal(unlinkat(a, "summary", 0), 0);
	assert_int_equal(filters_parse(NULL, NULL, &f, NULL), 0);

	lock = dirs_lock(&c->dirs); /* as if it were still being made */
	assert_int_equal(container_list(c, f, true, 0, false, &out, NULL), 0);
	assert_string_equal(out.data, "[]");
	assert_int_equal(faccessat(c->dirs.data, "containers", F_OK, 0), 0);
	before = container_ids(c);
	assert_int_equal(strv_len(before), 1);

	lock = fd_close(lock);
	assert_int_equal(container_list(c, f, true, 0, false, &again, NULL), 0);
	assert_string_equal(again.data, "[]");
	after = container_ids(c);
	assert_null(after);
}

static size_t listed(struct core *c)
{
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };
	auto_json json_object *list = NULL;

	assert_int_equal(filters_parse(NULL, NULL, &f, NULL), 0);
	assert_int_equal(container_list(c, f, true, 0, false, &out, NULL), 0);
	assert_int_equal(json_parse(out.data, out.len, &list, NULL), 0);
	return json_object_array_length(list);
}

/* The list's text must hold this after whatever happened before. */
static void assert_listed(struct core *c, const char *text)
{
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 };

	assert_int_equal(filters_parse(NULL, NULL, &f, NULL), 0);
	assert_int_equal(container_list(c, f, true, 0, false, &out, NULL), 0);
	assert_non_null(strstr(out.data, text));
}

static void a_list_sees_what_changed_since_the_last_one(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "old", body);
	struct status st = { .state = RUN_EXITED, .exit_code = 3, .exit_known = true };

	(void)usleep(60000); /* long enough for the folder's time to be a witness */
	for (int i = 0; i < 2; i++)
		assert_listed(c, "\"Names\":[\"/old\"]");
	assert_int_equal(container_rename(c, "old", "new", NULL), 0);
	assert_listed(c, "\"Names\":[\"/new\"]");
	(void)usleep(60000);
	for (int i = 0; i < 2; i++)
		assert_listed(c, "\"State\":\"created\"");
	(void)boot_id_read(st.boot_id);
	assert_int_equal(status_write_durable(a, &st), 0);
	assert_listed(c, "Exited (3)");
	(void)usleep(60000);
	assert_listed(c, "Exited (3)");
	st.exit_code = 4;
	assert_int_equal(status_write_durable(a, &st), 0); /* in place: the folder stays as it is */
	assert_listed(c, "Exited (4)");
}

static void an_auto_remove_container_of_another_boot_is_shown_to_nobody(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", auto_body),
		    run = dirs_container_run(&c->dirs, id_a, true);
	auto_container struct container *ct = NULL;
	struct container_counts counts;
	struct status st = { .state = RUN_CREATED };

	assert_true(
		a >= 0 && run >= 0); /* the run folder alone says nothing: a recovery makes it */
	assert_int_equal(listed(c), 0);
	assert_int_equal(container_count(c, &counts, NULL), 0);
	assert_int_equal(counts.total, 0);
	assert_int_equal(container_find(c, "web", &ct, NULL), -ENOENT);
	assert_int_equal(faccessat(run, "plan", F_OK, 0), 0); /* what its recovery has to know */
	(void)boot_id_read(st.boot_id);
	assert_int_equal(status_write(run, &st), 0);
	assert_int_equal(listed(c), 1);
	assert_int_equal(container_find(c, "web", &ct, NULL), 0);
	assert_int_equal(ct->status.state, RUN_CREATED);
}

static void a_name_waits_for_nobodys_removal(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", auto_body),
		    run = dirs_container_run(&c->dirs, id_a, true);
	struct status st = { .state = RUN_CREATED };

	assert_true(a >= 0);
	(void)boot_id_read(st.boot_id);
	assert_int_equal(status_write(run, &st), 0);
	assert_int_equal(name_claim(c, "web", id_b, NULL), -EEXIST);
	st.unfinished = true; /* its start began, and its monitor is gone */
	assert_int_equal(status_write(run, &st), 0);
	assert_int_equal(name_claim(c, "web", id_b, NULL), 0);
	name_release(c, "web", id_b);
	assert_int_equal(name_claim(c, "web", id_a, NULL), 0);
	assert_int_equal(unlinkat(run, "status", 0), 0); /* its boot is over */
	assert_int_equal(name_claim(c, "web", id_b, NULL), 0);
}

static void a_torn_record_is_no_container_and_is_swept_unless_it_ran(void **state)
{
	static const char *const tears[] = { "", "{\"Id\":\"aa", "\n" };
	struct core *c = ((struct store *)*state)->core;

	for (size_t i = 0; i < ARRAY_SIZE(tears); i++) {
		auto_fd int a = make_container(c, id_a, "web", auto_body);
		auto_strv char **ids = NULL;
		auto_container struct container *ct = NULL;

		put_file(a, "config.json", tears[i]);
		if (i == 2) { /* a hole to its end */
			auto_fd int fd = openat(a, "config.json", O_WRONLY | O_CLOEXEC);

			assert_int_equal(pwrite(fd, "\0\n", 2, 0), 2);
		}
		assert_int_equal(container_find(c, "web", &ct, NULL), -ENOENT);
		put_file(a, "summary", "");
		put_file(a, "state", "");
		assert_int_equal(listed(c), 0);
		ids = container_ids(c);
		assert_int_equal(strv_len(ids), 1);
		assert_int_equal(unlinkat(a, "state", 0), 0);
		assert_int_equal(listed(c), 0);
		strv_free(ids);
		ids = container_ids(c);
		assert_null(ids);
	}
}

static void what_a_list_shows_comes_from_the_disk_alone(void **state)
{
	struct core *c = ((struct store *)*state)->core;
	auto_fd int a = make_container(c, id_a, "web", body), run = FD_NONE;
	auto_filters struct filters *f = NULL;
	auto_buf struct buf out = { 0 }, filtered = { 0 };
	auto_json json_object *list = NULL;
	json_object *e;
	struct status st = {
		.state = RUN_EXITED, .exit_code = 4, .exit_known = true, .started = 1, .finished = 2
	};

	run = dirs_container_run(&c->dirs, id_a, true);
	assert_true(a >= 0);
	assert_int_equal(status_write(run, &st), 0);
	assert_int_equal(
		filters_parse("{\"label\":[\"k=v\"],\"exited\":[\"4\"],\"name\":[\"^/web$\"]}",
			container_list_filters, &f, NULL),
		0);
	assert_int_equal(container_list(c, f, true, 0, false, &out, NULL), 0);
	assert_int_equal(json_parse(out.data, out.len, &list, NULL), 0);
	assert_int_equal(json_object_array_length(list), 1);
	e = json_object_array_get_idx(list, 0);
	assert_string_equal(json_get_str(e, "State", ""), "exited");
	assert_string_equal(
		json_object_get_string(json_object_array_get_idx(json_get(e, "Names"), 0)), "/web");
	assert_int_equal(container_list(c, f, false, 0, false, &filtered, NULL), 0);
	assert_string_equal(filtered.data, "[]");
}

int main(void)
{
#define in_a_store(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
	const struct CMUnitTest tests[] = {
		in_a_store(a_container_is_found_by_id_name_and_prefix),
		in_a_store(a_name_belongs_to_one_container),
		in_a_store(the_claim_of_a_creator_that_died_is_taken_over),
		in_a_store(a_renaming_cut_short_leaves_one_name),
		in_a_store(renaming_moves_the_name_and_the_summary),
		in_a_store(a_lost_or_damaged_summary_is_made_anew),
		in_a_store(a_record_that_a_power_cut_left_short_is_no_container),
		in_a_store(a_list_sees_what_changed_since_the_last_one),
		in_a_store(a_record_that_cannot_be_read_is_not_swept),
		in_a_store(a_half_made_container_is_shown_to_nobody_and_swept),
		in_a_store(an_auto_remove_container_of_another_boot_is_shown_to_nobody),
		in_a_store(a_name_waits_for_nobodys_removal),
		in_a_store(a_torn_record_is_no_container_and_is_swept_unless_it_ran),
		in_a_store(what_a_list_shows_comes_from_the_disk_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
