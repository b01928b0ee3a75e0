/* Layers, good and hostile. Everything is squashed to one id, so that no privileges are needed. */
#include "../unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "worker/tree.h"
#include "worker/unpack.h"

#define ENTRIES_MAX 40

struct entry {
	const char *path;
	mode_t mode;      /* type and permissions */
	const char *text; /* content, or target of a symbolic link */
	const char *hardlink;
};

#define FILE_AT(p, t)                                                                              \
	{                                                                                          \
		.path = (p), .mode = S_IFREG | 0644, .text = (t)                                   \
	}
#define DIR_AT(p)                                                                                  \
	{                                                                                          \
		.path = (p), .mode = S_IFDIR | 0755                                                \
	}
#define LINK_AT(p, t)                                                                              \
	{                                                                                          \
		.path = (p), .mode = S_IFLNK | 0777, .text = (t)                                   \
	}
#define HARDLINK_AT(p, t)                                                                          \
	{                                                                                          \
		.path = (p), .mode = S_IFREG | 0644, .hardlink = (t)                               \
	}

static void write_entry(struct archive *a, const struct entry *e)
{
	struct archive_entry *ae = archive_entry_new();
	size_t len = e->text && S_ISREG(e->mode) ? strlen(e->text) : 0;

	archive_entry_set_pathname(ae, e->path);
	archive_entry_set_mode(ae, e->mode);
	archive_entry_set_size(ae, (la_int64_t)len);
	archive_entry_set_mtime(ae, 1000000000, 0);
	archive_entry_set_uid(ae, 33);
	if (S_ISLNK(e->mode))
		archive_entry_set_symlink(ae, e->text);
	if (e->hardlink)
		archive_entry_set_hardlink(ae, e->hardlink);
	if (S_ISREG(e->mode) && e->mode & 0111)
		archive_entry_xattr_add_entry(ae, "user.note", "hello", 5);
	archive_entry_xattr_add_entry(ae, "user.overlay.redirect", "/etc", 4);
	assert_int_equal(archive_write_header(a, ae), ARCHIVE_OK);
	if (len)
		assert_int_equal(archive_write_data(a, e->text, len), len);
	archive_entry_free(ae);
}

static int make_archive(const struct entry *entries, size_t n, int (*format)(struct archive *),
	int (*filter)(struct archive *))
{
	int fd = memfd_create("layer", MFD_CLOEXEC);
	struct archive *a = archive_write_new();

	(void)format(a);
	if (filter)
		assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		write_entry(a, &entries[i]);
	(void)archive_write_close(a);
	(void)archive_write_free(a);
	return fd;
}

static int make_tar(const struct entry *entries, size_t n, int (*filter)(struct archive *))
{
	return make_archive(entries, n, archive_write_set_format_pax, filter);
}

/* The size of the first entry of a tar without extensions: 12 bytes at 124 of its header, whose sum is
 * at 148, with itself taken for blanks. */
static void set_size(int fd, const char size[12])
{
	unsigned char head[512];
	unsigned sum = 0;

	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	memcpy(head + 124, size, 12);
	memset(head + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(head); i++)
		sum += head[i];
	(void)snprintf((char *)head + 148, 8, "%06o", sum);
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
}

/* Unpacks fd's tar into a new folder "layer" in f. */
static int unpack_fd(struct folder *f, int fd, struct unpacked *ret, struct err *err)
{
	const struct unpack_how how = {
		.squash = true, .hash_plain = true, .entries_max = ENTRIES_MAX
	};
	auto_fd int dir = dir_open_make_at(f->fd, "layer", 0755);
	struct source s;
	int r;

	(void)umask(0);
	source_init(&s, fd, lseek(fd, 0, SEEK_END), true);
	r = layer_unpack(&s, dir, &how, ret, err);
	source_destroy(&s);
	return r;
}

static int unpack(struct folder *f, const struct entry *entries, size_t n, struct err *err)
{
	auto_fd int fd = make_tar(entries, n, NULL);
	struct unpacked done;

	return unpack_fd(f, fd, &done, err);
}

#define UNPACK(f, entries, err) unpack(f, entries, ARRAY_LEN(entries), err)
#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))

static struct stat stat_of(struct folder *f, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static bool is_whiteout(struct folder *f, const char *path)
{
	struct stat st = stat_of(f, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool is_opaque(struct folder *f, const char *path)
{
	char full[200], value[8];

	(void)snprintf(full, sizeof(full), "%s/%s", f->path, path);
	return lgetxattr(full, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

static void files_links_and_folders_come_out_as_they_went_in(void **unused)
{
	static const struct entry entries[] = {
		{ .path = "./", .mode = S_IFDIR | 0751 },
		DIR_AT("./a"),
		{ .path = "a/tool", .mode = S_IFREG | 04755, .text = "run" },
		FILE_AT("deep/er/file", "text"),
		LINK_AT("a/link", "/etc/passwd"),
		HARDLINK_AT("a/hard", "a/tool"),
		{ .path = "a/fifo", .mode = S_IFIFO | 0600 },
		{ .path = "tmp", .mode = S_IFDIR | 01777 },
	};
	struct folder f = make_folder();
	char note[8], full[200];
	struct err err;

	(void)unused;
	assert_int_equal(UNPACK(&f, entries, &err), 0);
	assert_file(f.fd, "layer/a/tool", "run");
	assert_file(f.fd, "layer/deep/er/file", "text");
	assert_int_equal(stat_of(&f, "layer").st_mode & 07777, 0751);
	assert_int_equal(stat_of(&f, "layer/a/tool").st_mode & 07777, 04755);
	assert_int_equal(stat_of(&f, "layer/tmp").st_mode & 07777, 01777);
	assert_int_equal(stat_of(&f, "layer/a").st_mtime, 1000000000);
	assert_int_equal(stat_of(&f, "layer/a/tool").st_mtime, 1000000000);
	assert_true(stat_of(&f, "layer/a/hard").st_ino == stat_of(&f, "layer/a/tool").st_ino);
	assert_true(S_ISFIFO(stat_of(&f, "layer/a/fifo").st_mode));
	assert_true(S_ISLNK(stat_of(&f, "layer/a/link").st_mode));
	(void)snprintf(full, sizeof(full), "%s/layer/a/tool", f.path);
	assert_int_equal(getxattr(full, "user.note", note, sizeof(note)), 5);
	/* what overlayfs would act on is not the archive's to set */
	assert_true(getxattr(full, "user.overlay.redirect", note, sizeof(note)) < 0);
	drop_folder(&f);
}

static void compression_changes_neither_the_files_nor_the_diff_id(void **unused)
{
	static const struct entry entries[] = { DIR_AT("a"), FILE_AT("a/file", "text") };
	static int (*const filters[])(struct archive *) = {
		NULL,
		archive_write_add_filter_gzip,
		archive_write_add_filter_zstd,
		archive_write_add_filter_xz,
		archive_write_add_filter_bzip2,
	};
	char first[DIGEST_SIZE] = "";

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		auto_fd int fd = make_tar(entries, ARRAY_LEN(entries), filters[i]);
		struct folder f = make_folder();
		struct unpacked done;
		struct err err;

		assert_int_equal(unpack_fd(&f, fd, &done, &err), 0);
		assert_file(f.fd, "layer/a/file", "text");
		assert_int_equal(done.size, 4);
		if (i == 0)
			memcpy(first, done.diff_id, sizeof(first));
		assert_string_equal(done.diff_id, first);
		drop_folder(&f);
	}
}

static void whiteouts_become_what_overlayfs_understands(void **unused)
{
	static const struct entry entries[] = {
		DIR_AT("d"),
		FILE_AT("d/.wh.gone", ""),
		FILE_AT(".wh.top", ""),
		DIR_AT("o"),
		FILE_AT("o/.wh..wh..opq", ""),
		FILE_AT("o/new", "n"),
		FILE_AT("d/.wh..wh.plnk", ""),
		/* hidden below and made anew, in either order */
		FILE_AT(".wh.f1", ""),
		FILE_AT("f1", "1"),
		FILE_AT("f2", "2"),
		FILE_AT(".wh.f2", ""),
		FILE_AT(".wh.d1", ""),
		DIR_AT("d1"),
		DIR_AT("d2"),
		FILE_AT(".wh.d2", ""),
	};
	struct folder f = make_folder();
	struct err err;

	(void)unused;
	assert_int_equal(UNPACK(&f, entries, &err), 0);
	assert_true(is_whiteout(&f, "layer/d/gone"));
	assert_true(is_whiteout(&f, "layer/top"));
	assert_true(is_opaque(&f, "layer/o"));
	assert_false(is_opaque(&f, "layer/d"));
	assert_file(f.fd, "layer/o/new", "n");
	assert_file(f.fd, "layer/f1", "1");
	assert_file(f.fd, "layer/f2", "2");
	assert_true(is_opaque(&f, "layer/d1"));
	assert_true(is_opaque(&f, "layer/d2"));
	assert_int_equal(faccessat(f.fd, "layer/d/.wh.gone", F_OK, 0), -1);
	assert_int_equal(faccessat(f.fd, "layer/d/.wh.plnk", F_OK, 0), -1);
	drop_folder(&f);
}

static void nothing_leaves_the_layer(void **unused)
{
	static const struct entry rows[][3] = {
		{ DIR_AT("a"), FILE_AT("../evil", "x") },
		{ DIR_AT("a"), FILE_AT("a/../../evil", "x") },
		{ FILE_AT("victim", "x"), HARDLINK_AT("h", "../outside") },
		{ FILE_AT("victim", "x"), HARDLINK_AT("h", "/etc/passwd") },
		{ LINK_AT("l", ".."), HARDLINK_AT("h", "l/outside") },
		{ DIR_AT("a"), FILE_AT("a/.wh...", "") },
		{ DIR_AT("a"), FILE_AT("a/.wh..", "") },
		{ DIR_AT("a"), FILE_AT("a/.wh.", "") },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct folder f = make_folder();
		struct err err = { 0 };

		put_file(f.fd, "outside", "secret");
		if (unpack(&f, rows[i], 2, &err) == 0)
			fail_msg("row %zu passed", i);
		assert_true(err.msg[0]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_int_equal(faccessat(f.fd, "evil", F_OK, 0), -1);
		assert_int_equal(stat_of(&f, "outside").st_nlink, 1);
		drop_folder(&f);
	}
}

static void links_out_of_the_layer_lead_around_inside_it(void **unused)
{
	struct folder f = make_folder();
	char outside[80];
	const struct entry entries[] = {
		LINK_AT("up", "../../.."),
		LINK_AT("abs", outside),
		DIR_AT("etc"),
		LINK_AT("conf", "/etc"),
		FILE_AT("up/evil", "x"),
		FILE_AT("conf/made", "inside"),
	};
	const struct entry through[] = { LINK_AT("abs", outside), FILE_AT("abs/evil", "x") };
	struct err err;

	(void)unused;
	(void)snprintf(outside, sizeof(outside), "%s", f.path);
	assert_int_equal(UNPACK(&f, entries, &err), 0);
	assert_file(f.fd, "layer/etc/made", "inside");
	assert_file(f.fd, "layer/evil", "x");
	assert_int_equal(faccessat(f.fd, "evil", F_OK, 0), -1);
	/* what such a link means inside does not exist: refused, with the entry's name */
	assert_true(UNPACK(&f, through, &err) < 0);
	assert_non_null(strstr(err.msg, "abs/evil"));
	assert_int_equal(faccessat(f.fd, "evil", F_OK, 0), -1);
	drop_folder(&f);
}

static void later_entries_replace_earlier_ones(void **unused)
{
	static const struct entry entries[] = {
		FILE_AT("x", "old"),
		FILE_AT("x", "new"),
		DIR_AT("d"),
		FILE_AT("d/in", "1"),
		FILE_AT("d", "file now"),
		LINK_AT("l", "x"),
		FILE_AT("l", "no link"),
		FILE_AT("e", "file"),
		DIR_AT("e"),
		FILE_AT("e/in", "2"),
		DIR_AT("e"),
		HARDLINK_AT("x", "x"),
	};
	struct folder f = make_folder();
	struct err err;

	(void)unused;
	assert_int_equal(UNPACK(&f, entries, &err), 0);
	assert_file(f.fd, "layer/x", "new");
	assert_file(f.fd, "layer/d", "file now");
	assert_file(f.fd, "layer/l", "no link");
	assert_file(f.fd, "layer/e/in", "2"); /* a folder over a folder keeps what is in it */
	drop_folder(&f);
}

static void device_nodes_are_left_out(void **unused)
{
	static const struct entry entries[] = {
		{ .path = "null", .mode = S_IFCHR | 0666 },
		{ .path = "disk", .mode = S_IFBLK | 0600 },
		FILE_AT("file", "x"),
	};
	struct folder f = make_folder();
	struct err err;

	(void)unused;
	assert_int_equal(UNPACK(&f, entries, &err), 0);
	assert_file(f.fd, "layer/file", "x");
	assert_int_equal(faccessat(f.fd, "layer/null", F_OK, 0), -1);
	assert_int_equal(faccessat(f.fd, "layer/disk", F_OK, 0), -1);
	drop_folder(&f);
}

static void what_is_no_tar_or_a_cut_one_is_refused(void **unused)
{
	static const struct entry entries[] = { FILE_AT("file", "some text") };
	auto_fd int cut = make_tar(entries, 1, NULL), junk = memfd_create("junk", MFD_CLOEXEC);
	struct folder f = make_folder();
	struct unpacked done;
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(fd_write_all(junk, "this is no archive at all", 25), 0);
	assert_true(unpack_fd(&f, junk, &done, &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(ftruncate(cut, 1030), 0);
	assert_true(unpack_fd(&f, cut, &done, &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
	drop_folder(&f);
}

static void paths_are_cleaned_and_names_limited(void **unused)
{
	static const struct {
		const char *from, *to;
	} rows[] = { { "a/b", "a/b" }, { "./a//b/", "a/b" }, { "/a", "a" }, { "./", "" },
		{ ".", "" }, { "a/./b", "a/b" }, { "..a/b..", "..a/b.." }, { "...", "..." } };
	char name[300];
	struct err err;
	char *clean;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(tree_clean_path(rows[i].from, &clean, &err), 0);
		assert_string_equal(clean, rows[i].to);
		free(clean);
	}
	assert_true(tree_clean_path("a/..", &clean, &err) < 0);
	assert_non_null(strstr(err.msg, "a/.."));
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_true(tree_clean_path(name, &clean, &err) < 0);
}

static void a_layer_has_no_more_entries_than_allowed(void **unused)
{
	struct entry entries[ENTRIES_MAX + 1];
	struct folder f = make_folder();
	struct err err = { 0 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		entries[i] = (struct entry)FILE_AT("again", "x");
	assert_int_equal(unpack(&f, entries, ENTRIES_MAX, &err), 0);
	assert_int_equal(unpack(&f, entries, ENTRIES_MAX + 1, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "too many entries"));
	drop_folder(&f);
}

/* A path of n characters: names of one letter. */
static char *long_path(size_t n)
{
	char *path = xcalloc(1, n + 1);

	for (size_t i = 0; i < n; i++)
		path[i] = i % 2 ? '/' : 'p';
	return path;
}

static void paths_longer_than_the_kernel_takes_are_refused(void **unused)
{
	auto_free char *longest = long_path(PATH_MAX - 1), *longer = long_path(PATH_MAX + 1);
	const struct entry good[] = { DIR_AT(longest) };
	const struct entry bad[] = { FILE_AT(longer, "x") };
	struct folder f = make_folder();
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(UNPACK(&f, good, &err), 0);
	assert_int_equal(UNPACK(&f, bad, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.msg, "path is too long"));
	drop_folder(&f);
}

/* Links make folders deeper than any path. Whatever comes of it can be removed again. */
static void folders_nested_through_links_can_be_removed(void **unused)
{
	static const char *const links[] = { "l0", "l1", "l2" };
	auto_free char *deep = long_path(1199);
	auto_strv char **below = NULL;
	struct entry entries[2 * ARRAY_LEN(links)] = { DIR_AT(deep), LINK_AT(links[0], deep) };
	struct folder f = make_folder();
	struct err err = { 0 };

	(void)unused;
	for (size_t i = 1; i < ARRAY_LEN(links); i++) {
		strv_add_take(&below, xasprintf("%s/%s", links[i - 1], deep));
		entries[2 * i] = (struct entry)DIR_AT(below[i - 1]);
		entries[2 * i + 1] = (struct entry)LINK_AT(links[i], below[i - 1]);
	}
	if (UNPACK(&f, entries, &err) < 0)
		assert_true(err.sys > 0 && err.msg[0]);
	drop_folder(&f);
}

static void a_file_shorter_than_its_header_says_is_refused(void **unused)
{
	static const struct entry entries[] = { FILE_AT("file", "some text") };
	static const char *const sizes[] = { "00001000000", "77777777777",
		"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		auto_fd int fd = make_archive(entries, 1, archive_write_set_format_ustar, NULL);
		struct folder f = make_folder();
		struct unpacked done;
		struct err err = { 0 };

		set_size(fd, sizes[i]);
		assert_true(unpack_fd(&f, fd, &done, &err) < 0);
		assert_int_equal(err.kind, ERR_INVALID);
		drop_folder(&f);
	}
}

static void a_tar_may_end_where_its_last_file_does_but_not_before(void **unused)
{
	static const struct entry entries[] = { FILE_AT("file", "some text") };

	(void)unused;
	for (int missing = 0; missing < 2; missing++) {
		auto_fd int fd = make_archive(entries, 1, archive_write_set_format_ustar, NULL);
		struct folder f = make_folder();
		struct unpacked done;
		struct err err = { 0 };
		int r;

		assert_int_equal(ftruncate(fd, 512 + (off_t)strlen("some text") - missing), 0);
		r = unpack_fd(&f, fd, &done, &err);
		if (missing)
			assert_true(r < 0 && err.kind == ERR_INVALID);
		else
			assert_true(r == 0 && done.size == (int64_t)strlen("some text"));
		drop_folder(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_links_and_folders_come_out_as_they_went_in),
		cmocka_unit_test(compression_changes_neither_the_files_nor_the_diff_id),
		cmocka_unit_test(whiteouts_become_what_overlayfs_understands),
		cmocka_unit_test(nothing_leaves_the_layer),
		cmocka_unit_test(links_out_of_the_layer_lead_around_inside_it),
		cmocka_unit_test(later_entries_replace_earlier_ones),
		cmocka_unit_test(device_nodes_are_left_out),
		cmocka_unit_test(what_is_no_tar_or_a_cut_one_is_refused),
		cmocka_unit_test(paths_are_cleaned_and_names_limited),
		cmocka_unit_test(a_layer_has_no_more_entries_than_allowed),
		cmocka_unit_test(paths_longer_than_the_kernel_takes_are_refused),
		cmocka_unit_test(folders_nested_through_links_can_be_removed),
		cmocka_unit_test(a_file_shorter_than_its_header_says_is_refused),
		cmocka_unit_test(a_tar_may_end_where_its_last_file_does_but_not_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
