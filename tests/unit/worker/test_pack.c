/* Trees into tars and back. Everything is squashed to one id, so that no privileges are needed. */
#include "../unit.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "worker/merged.h"
#include "worker/pack.h"
#include "worker/targets.h"
#include "worker/unpack.h"

#define EMPTY_TAR 1024
/* Of 1024 zero bytes: the best-known diff-id there is. */
#define EMPTY_DIGEST "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

static int collect(void *arg, const void *data, size_t len, struct err *err)
{
	(void)err;
	buf_add(arg, data, len);
	return 0;
}

static int pack_dir(int dir, const struct pack_how *how, struct buf *ret, struct packed *ret_packed,
	struct err *err)
{
	const struct merged tree = { .dirs = { dir }, .count = 1, .raw = true };

	return tree_pack(&tree, how, collect, ret, ret_packed, err);
}

static struct packed pack(int parent, const char *name, struct buf *ret)
{
	auto_fd int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct pack_how how = { 0 };
	struct packed packed;
	struct err err;

	assert_true(dir >= 0);
	if (pack_dir(dir, &how, ret, &packed, &err) < 0)
		fail_msg("%s", err.msg);
	return packed;
}

static void unpack(int parent, const char *name, const struct buf *tar)
{
	const struct unpack_how how = { .squash = true, .entries_max = 100000 };
	auto_fd int dir = dir_open_make_at(parent, name, 0755);
	auto_fd int fd = memfd_create("tar", MFD_CLOEXEC);
	struct unpacked done;
	struct source s;
	struct err err;
	int r;

	(void)umask(0);
	assert_int_equal(fd_write_all(fd, tar->data, tar->len), 0);
	source_init(&s, fd, (off_t)tar->len, true);
	r = layer_unpack(&s, dir, &how, &done, &err);
	source_destroy(&s);
	if (r < 0)
		fail_msg("%s", err.msg);
}

static void assert_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

/* The entry's header, found by its name. */
static const char *head_of(const struct buf *tar, const char *name)
{
	for (size_t at = 0; at + 512 <= tar->len; at += 512)
		if (memcmp(tar->data + at + 257, "ustar", 5) == 0 &&
			strncmp(tar->data + at, name, 100) == 0)
			return tar->data + at;
	return NULL;
}

static void set_mtime(int dir, const char *name, int64_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_dir(int dir, const char *path)
{
	assert_true(dir_make_at(dir, path, 0755) >= 0);
}

static void make_whiteout(int dir, const char *name)
{
	assert_int_equal(mknodat(dir, name, S_IFCHR, makedev(0, 0)), 0);
}

static void make_opaque(int dir, const char *name)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "user.overlay.opaque", "y", 1, 0), 0);
}

/* ---- */

static void what_is_packed_and_unpacked_is_the_same_tree(void **unused)
{
	static const char *const names[] = { "plain", "with blank", "new\nline", "-rf", "quo\"te'",
		"\xff\xfe not UTF-8",
		("gr\xc3\xbc\xc3\x9f"
		 "e"),
		".hidden", "a=b", "..." };
	struct folder f = make_folder();
	auto_buf struct buf first = { 0 }, second = { 0 };
	char longest[256], target[600], *deep;
	struct packed packed;

	(void)unused;
	(void)umask(0);
	make_dir(f.fd, "a/d");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		auto_free char *path = xasprintf("a/%s", names[i]);

		put_file(f.fd, path, names[i]);
	}
	memset(longest, '\xe9', 255);
	longest[255] = '\0';
	deep = xasprintf("a/%s", longest);
	make_dir(f.fd, deep);
	free(deep);
	memset(longest, 'n', 255);
	deep = xasprintf("a/%s", longest);
	put_file(f.fd, deep, "long");
	memset(target, 't', 599);
	target[599] = '\0';
	assert_int_equal(symlinkat(target, f.fd, "a/far"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f.fd, "a/near"), 0);
	assert_int_equal(linkat(f.fd, deep, f.fd, "a/d/hard", 0), 0);
	free(deep);
	assert_int_equal(linkat(f.fd, "a/near", f.fd, "a/d/near", 0), 0);
	assert_int_equal(mkfifoat(f.fd, "a/fifo", 0620), 0);
	assert_int_equal(fchmodat(f.fd, "a/plain", 06711, 0), 0);
	assert_int_equal(fchmodat(f.fd, "a/d", 01777, 0), 0);
	make_whiteout(f.fd, "a/d/gone");
	make_opaque(f.fd, "a/d");
	set_mtime(f.fd, "a/plain", -5);
	set_mtime(f.fd, "a/near", 12345);
	packed = pack(f.fd, "a", &first);
	assert_int_equal(packed.entries, 20);
	unpack(f.fd, "b", &first);
	(void)pack(f.fd, "b", &second);
	assert_same(&first, &second);
	assert_file(f.fd, "b/new\nline", "new\nline");
	drop_folder(&f);
}

static void attributes_are_kept_but_for_those_of_overlayfs(void **unused)
{
	struct folder f = make_folder();
	auto_buf struct buf first = { 0 }, second = { 0 };
	char path[200], value[3000];

	(void)unused;
	memset(value, 'v', sizeof(value));
	make_dir(f.fd, "a/d");
	put_file(f.fd, "a/f", "1");
	(void)snprintf(path, sizeof(path), "%s/a/f", f.path);
	assert_int_equal(setxattr(path, "user.z", "a\0b\n", 4, 0), 0);
	assert_int_equal(setxattr(path, "user.big", value, sizeof(value), 0), 0);
	assert_int_equal(setxattr(path, "user.overlay.redirect", "/etc", 4, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/a/d", f.path);
	assert_int_equal(setxattr(path, "user.note", "", 0, 0), 0);
	(void)pack(f.fd, "a", &first);
	assert_null(memmem(first.data, first.len, "overlay", 7));
	unpack(f.fd, "b", &first);
	(void)pack(f.fd, "b", &second);
	assert_same(&first, &second);
	(void)snprintf(path, sizeof(path), "%s/b/f", f.path);
	assert_int_equal(getxattr(path, "user.z", value, sizeof(value)), 4);
	drop_folder(&f);
}

static void the_order_in_which_files_were_made_does_not_matter(void **unused)
{
	struct folder f = make_folder();
	auto_buf struct buf first = { 0 }, second = { 0 };
	char path[20];

	(void)unused;
	make_dir(f.fd, "a");
	make_dir(f.fd, "b");
	for (int i = 0; i < 50; i++) {
		(void)snprintf(path, sizeof(path), "a/%d", i);
		put_file(f.fd, path, "");
		set_mtime(f.fd, path, 7);
		(void)snprintf(path, sizeof(path), "b/%d", 49 - i);
		put_file(f.fd, path, "");
		set_mtime(f.fd, path, 7);
	}
	(void)pack(f.fd, "a", &first);
	(void)pack(f.fd, "b", &second);
	assert_same(&first, &second);
	drop_folder(&f);
}

static void an_empty_tree_is_the_layer_everybody_knows(void **unused)
{
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };
	char digest[DIGEST_SIZE];

	(void)unused;
	make_dir(f.fd, "a");
	assert_int_equal(pack(f.fd, "a", &tar).entries, 0);
	assert_int_equal(tar.len, EMPTY_TAR);
	hash_bytes(tar.data, tar.len, digest);
	assert_string_equal(digest, EMPTY_DIGEST);
	unpack(f.fd, "b", &tar);
	drop_folder(&f);
}

static void whiteouts_and_opaque_folders_are_told_as_layers_tell_them(void **unused)
{
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };

	(void)unused;
	make_dir(f.fd, "a/o");
	make_whiteout(f.fd, "a/gone");
	assert_int_equal(linkat(f.fd, "a/gone", f.fd, "a/o/too", 0), 0); /* overlayfs shares them */
	make_opaque(f.fd, "a/o");
	/* what a program in the container called so must not hide anything */
	put_file(f.fd, "a/.wh.file", "text");
	make_dir(f.fd, "a/.wh.folder/x");
	assert_int_equal(symlinkat("x", f.fd, "a/.wh.link"), 0);
	(void)pack(f.fd, "a", &tar);
	assert_non_null(head_of(&tar, ".wh.gone"));
	assert_non_null(head_of(&tar, "o/.wh.too"));
	assert_non_null(head_of(&tar, "o/.wh..wh..opq"));
	assert_null(head_of(&tar, "gone"));
	assert_null(head_of(&tar, ".wh.file"));
	assert_null(head_of(&tar, ".wh.folder/"));
	assert_null(head_of(&tar, ".wh.link"));
	/* fuse-overlayfs has a file for the one, and may have for the other */
	buf_free(&tar);
	make_dir(f.fd, "a/f");
	put_file(f.fd, "a/f/.wh..wh..opq", "");
	put_file(f.fd, "a/f/.wh.x", "");
	assert_int_equal(pack(f.fd, "a", &tar).entries, 7);
	assert_non_null(head_of(&tar, "f/.wh..wh..opq"));
	assert_non_null(head_of(&tar, "f/.wh.x"));
	drop_folder(&f);
}

static void sockets_are_left_out(void **unused)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };

	(void)unused;
	make_dir(f.fd, "a");
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/a/sock", f.path);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(pack(f.fd, "a", &tar).entries, 0);
	drop_folder(&f);
}

static void times_can_have_an_end(void **unused)
{
	const struct pack_how how = { .clamp = true, .clamp_to = 1000 };
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };
	struct packed packed;
	struct err err;

	(void)unused;
	put_file(f.fd, "new", "");
	put_file(f.fd, "old", "");
	set_mtime(f.fd, "old", 10);
	assert_int_equal(pack_dir(f.fd, &how, &tar, &packed, &err), 0);
	assert_string_equal(head_of(&tar, "new") + 136, "00000001750");
	assert_string_equal(head_of(&tar, "old") + 136, "00000000012");
	drop_folder(&f);
}

static void a_tree_deeper_than_there_are_descriptors_is_packed(void **unused)
{
	struct rlimit old, few;
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };
	char path[2 * 700 + 2] = "a";

	(void)unused;
	for (size_t i = 0; i < 700; i++)
		(void)strcat(path, "/d");
	make_dir(f.fd, path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 32;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(pack(f.fd, "a", &tar).entries, 700);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	drop_folder(&f);
}

static void a_path_that_is_too_long_is_refused_with_its_name(void **unused)
{
	const struct pack_how how = { 0 };
	struct folder f = make_folder();
	auto_buf struct buf tar = { 0 };
	auto_fd int dir = fcntl(f.fd, F_DUPFD_CLOEXEC, 3);
	struct packed packed;
	char name[201];
	struct err err;

	(void)unused;
	memset(name, 'x', 200);
	name[200] = '\0';
	for (int i = 0; i < 25; i++) {
		int next = dir_open_make_at(dir, name, 0755);

		(void)fd_close(dir);
		dir = next;
	}
	assert_true(pack_dir(f.fd, &how, &tar, &packed, &err) < 0);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_non_null(strstr(err.msg, "xxx: path is too long"));
	drop_folder(&f);
}

struct shrinking {
	int fd;
	struct buf tar;
};

static int shrink(void *arg, const void *data, size_t len, struct err *err)
{
	struct shrinking *s = arg;

	assert_int_equal(ftruncate(s->fd, 100), 0);
	return collect(&s->tar, data, len, err);
}

static void a_file_that_shrinks_meanwhile_is_filled_up_with_zeros(void **unused)
{
	struct folder f = make_folder();
	const struct merged tree = { .dirs = { f.fd }, .count = 1, .raw = true };
	const struct pack_how how = { 0 };
	struct shrinking s = { 0 };
	struct packed packed;
	struct stat st;
	struct err err;

	(void)unused;
	put_file(f.fd, "big", "x");
	put_file(f.fd, "next", "n");
	s.fd = openat(f.fd, "big", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(s.fd, 5 << 20), 0);
	assert_int_equal(tree_pack(&tree, &how, shrink, &s, &packed, &err), 0);
	unpack(f.fd, "b", &s.tar);
	assert_int_equal(fstatat(f.fd, "b/big", &st, 0), 0);
	assert_int_equal(st.st_size, 5 << 20);
	assert_file(f.fd, "b/next", "n");
	buf_free(&s.tar);
	(void)fd_close(s.fd);
	drop_folder(&f);
}

static int refuse(void *arg, const void *data, size_t len, struct err *err)
{
	(void)arg;
	(void)data;
	(void)len;
	return err_set(err, ERR_SYSTEM, EPIPE, "enough");
}

static void a_sink_that_refuses_ends_it(void **unused)
{
	struct folder f = make_folder();
	const struct merged tree = { .dirs = { f.fd }, .count = 1, .raw = true };
	const struct pack_how how = { 0 };
	struct packed packed;
	struct err err;

	(void)unused;
	put_file(f.fd, "x", "x");
	assert_int_equal(tree_pack(&tree, &how, refuse, NULL, &packed, &err), -EPIPE);
	assert_string_equal(err.msg, "enough");
	drop_folder(&f);
}

static void what_a_start_makes_for_its_mounts_is_left_out(void **unused)
{
	struct folder f = make_folder();
	auto_fd int up = dir_open_make_at(f.fd, "up", 0755),
		    low = dir_open_make_at(f.fd, "low", 0755);
	const struct merged below = { .dirs = { low }, .count = 1 };
	const struct targets made = { .below = &below };
	const struct pack_how how = { .made = &made };
	auto_buf struct buf tar = { 0 };
	struct packed packed;
	struct err err;

	(void)unused;
	make_dir(low, "etc");
	make_dir(up, "etc");
	make_dir(up, "proc");
	make_dir(up, "dev");
	put_file(up, "etc/hosts", "");
	put_file(up, "etc/resolv.conf", "");
	assert_int_equal(pack_dir(up, &how, &tar, &packed, &err), 0);
	assert_int_equal(packed.entries, 0);
	/* a file of the user's beside them shows the folder again, and so does a change of its own */
	put_file(up, "etc/motd", "");
	assert_int_equal(pack_dir(up, &how, &tar, &packed, &err), 0);
	assert_int_equal(packed.entries, 2);
	assert_int_equal(unlinkat(up, "etc/motd", 0), 0);
	assert_int_equal(fchmodat(up, "etc", 0700, 0), 0);
	assert_int_equal(pack_dir(up, &how, &tar, &packed, &err), 0);
	assert_int_equal(packed.entries, 1);
	/* what is not as a start makes it is not a start's */
	put_file(up, "etc/hosts", "127.0.0.1 x\n");
	make_dir(up, "dev/x");
	assert_int_equal(pack_dir(up, &how, &tar, &packed, &err), 0);
	assert_int_equal(packed.entries, 4);
	targets_remove(up, &made);
	assert_int_equal(faccessat(up, "etc/resolv.conf", F_OK, 0), -1);
	assert_int_equal(faccessat(up, "proc", F_OK, 0), -1);
	assert_int_equal(faccessat(up, "etc/hosts", F_OK, 0), 0);
	assert_int_equal(faccessat(up, "dev/x", F_OK, 0), 0);
	drop_folder(&f);
}

static void what_was_made_for_further_mounts_goes_with_the_way_there(void **unused)
{
	struct folder f = make_folder();
	auto_fd int up = dir_open_make_at(f.fd, "up", 0755),
		    low = dir_open_make_at(f.fd, "low", 0755);
	const struct merged below = { .dirs = { low }, .count = 1 };
	char *more[] = { (char[]){ "new/way/to" }, (char[]){ "usr/file" }, (char[]){ "full" },
		(char[]){ "old" }, NULL };
	const struct targets made = { .below = &below, .more = more };
	const struct pack_how how = { .made = &made };
	auto_buf struct buf tar = { 0 };
	struct packed packed;
	struct err err;

	(void)unused;
	make_dir(low, "usr");
	make_dir(low, "old");
	make_dir(up, "new/way/to");
	make_opaque(up, "new"); /* as overlayfs marks folders that are new */
	make_dir(up, "usr");
	put_file(up, "usr/file", "");
	make_dir(up, "full/x");
	make_dir(up, "old"); /* the command's, then: it was there before */
	assert_int_equal(pack_dir(up, &how, &tar, &packed, &err), 0);
	assert_int_equal(packed.entries, 3);
	assert_non_null(head_of(&tar, "full/x/"));
	assert_non_null(head_of(&tar, "old/"));
	targets_remove(up, &made);
	assert_int_equal(faccessat(up, "new", F_OK, 0), -1);
	assert_int_equal(faccessat(up, "usr", F_OK, 0), -1);
	assert_int_equal(faccessat(up, "full/x", F_OK, 0), 0);
	assert_int_equal(faccessat(up, "old", F_OK, 0), 0);
	drop_folder(&f);
}

/* ---- stacks of layers */

static void check_way(const struct merged *m, const char *path, const char *want)
{
	auto_free char *got = merged_resolve(m, path);

	assert_non_null(got);
	assert_string_equal(got, want);
}

static void links_of_a_stack_lead_around_in_it(void **unused)
{
	struct folder f = make_folder();
	auto_fd int top = dir_open_make_at(f.fd, "1", 0755),
		    low = dir_open_make_at(f.fd, "0", 0755);
	const struct merged m = { .dirs = { top, low }, .count = 2 };

	(void)unused;
	make_dir(low, "a/b");
	make_dir(low, "d");
	assert_int_equal(symlinkat("/a/b", low, "abs"), 0);
	assert_int_equal(symlinkat("../../../d", low, "a/b/up"), 0);
	assert_int_equal(symlinkat("round", low, "round"), 0);
	assert_int_equal(symlinkat("d", low, "gone"), 0);
	make_whiteout(top, "gone");
	check_way(&m, "/", "");
	check_way(&m, "/abs/up/./x//y", "d/x/y");
	check_way(&m, "/abs/../c", "a/c");
	check_way(&m, "/../../d/", "d");
	check_way(&m, "/gone/x", "gone/x");
	check_way(&m, "/none/../d", "d");
	assert_null(merged_resolve(&m, "/round/x"));
	drop_folder(&f);
}

static void a_stack_of_layers_is_packed_as_overlayfs_shows_it(void **unused)
{
	struct folder f = make_folder();
	auto_fd int top = dir_open_make_at(f.fd, "2", 0755),
		    mid = dir_open_make_at(f.fd, "1", 0755),
		    low = dir_open_make_at(f.fd, "0", 0755),
		    want = dir_open_make_at(f.fd, "w", 0755);
	const struct merged tree = { .dirs = { top, mid, low }, .count = 3 };
	const struct pack_how how = { .clamp = true };
	auto_buf struct buf have = { 0 }, wanted = { 0 };
	struct packed packed;
	struct stat st;
	struct err err;

	(void)unused;
	(void)umask(0);
	make_dir(low, "d/sub");
	put_file(low, "d/low", "low");
	put_file(low, "d/sub/deep", "deep");
	put_file(low, "gone", "x");
	put_file(low, "changed", "old");
	make_dir(low, "o");
	put_file(low, "o/hidden", "x");
	make_dir(low, "was-folder/x");
	make_dir(low, "came-back");
	put_file(low, "came-back/not-this", "x");
	make_dir(mid, "d");
	make_whiteout(mid, "gone");
	put_file(mid, "changed", "new");
	make_whiteout(mid, "came-back");
	make_dir(top, "d");
	assert_int_equal(fchmodat(top, "d", 0700, 0), 0);
	put_file(top, "d/top", "top");
	make_dir(top, "o");
	make_opaque(top, "o");
	put_file(top, "o/seen", "s");
	put_file(top, "was-folder", "f");
	make_dir(top, "came-back");

	make_dir(want, "d/sub");
	assert_int_equal(fchmodat(want, "d", 0700, 0), 0);
	put_file(want, "d/low", "low");
	put_file(want, "d/top", "top");
	put_file(want, "d/sub/deep", "deep");
	put_file(want, "changed", "new");
	make_dir(want, "o");
	put_file(want, "o/seen", "s");
	put_file(want, "was-folder", "f");
	make_dir(want, "came-back");
	assert_int_equal(tree_pack(&tree, &how, collect, &have, &packed, &err), 0);
	assert_int_equal(pack_dir(want, &how, &wanted, &packed, &err), 0);
	assert_same(&have, &wanted);

	assert_int_equal(merged_stat(&tree, "d/sub/deep", &st), 0);
	assert_int_equal(merged_stat(&tree, "gone", &st), -ENOENT);
	assert_int_equal(merged_stat(&tree, "o/hidden", &st), -ENOENT);
	assert_int_equal(merged_stat(&tree, "was-folder/x", &st), -ENOENT);
	assert_int_equal(merged_stat(&tree, "came-back/not-this", &st), -ENOENT);
	drop_folder(&f);
}

static void a_symbolic_link_leads_nowhere_out_of_a_layer(void **unused)
{
	struct folder f = make_folder();
	auto_fd int top = dir_open_make_at(f.fd, "1", 0755),
		    low = dir_open_make_at(f.fd, "0", 0755);
	const struct merged tree = { .dirs = { top, low }, .count = 2 };
	struct stat st;

	(void)unused;
	assert_int_equal(symlinkat("/etc", top, "etc"), 0);
	make_dir(low, "etc");
	put_file(low, "etc/passwd", "low");
	assert_int_equal(merged_stat(&tree, "etc/passwd", &st), -ENOENT);
	assert_int_equal(merged_open_folder(&tree, 0, "etc"), -ENOTDIR);
	assert_int_equal(merged_open_folder(&tree, 1, "../0"), -EXDEV);
	drop_folder(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_and_unpacked_is_the_same_tree),
		cmocka_unit_test(attributes_are_kept_but_for_those_of_overlayfs),
		cmocka_unit_test(the_order_in_which_files_were_made_does_not_matter),
		cmocka_unit_test(an_empty_tree_is_the_layer_everybody_knows),
		cmocka_unit_test(whiteouts_and_opaque_folders_are_told_as_layers_tell_them),
		cmocka_unit_test(sockets_are_left_out),
		cmocka_unit_test(times_can_have_an_end),
		cmocka_unit_test(a_tree_deeper_than_there_are_descriptors_is_packed),
		cmocka_unit_test(a_path_that_is_too_long_is_refused_with_its_name),
		cmocka_unit_test(a_file_that_shrinks_meanwhile_is_filled_up_with_zeros),
		cmocka_unit_test(a_sink_that_refuses_ends_it),
		cmocka_unit_test(what_a_start_makes_for_its_mounts_is_left_out),
		cmocka_unit_test(what_was_made_for_further_mounts_goes_with_the_way_there),
		cmocka_unit_test(links_of_a_stack_lead_around_in_it),
		cmocka_unit_test(a_stack_of_layers_is_packed_as_overlayfs_shows_it),
		cmocka_unit_test(a_symbolic_link_leads_nowhere_out_of_a_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
