#include "../unit.h"

#include <sys/mman.h>
#include <zlib.h>

#include "base/alloc.h"
#include "worker/gzip.h"

#define PLAIN_SIZE (300u * 1024)

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, len), 0);
	return fd;
}

/* Neither all the same nor without any order. */
static char *plain_bytes(void)
{
	char *p = xmalloc(PLAIN_SIZE);

	for (size_t i = 0; i < PLAIN_SIZE; i++)
		p[i] = (char)(i * i / 97 ^ i >> 9);
	return p;
}

static size_t read_all(struct gzip *g, char *to, size_t room, size_t step)
{
	size_t have = 0;
	ssize_t n;

	while ((n = gzip_read(g, to + have, step < room - have ? step : room - have, NULL)) > 0)
		have += (size_t)n;
	assert_int_equal(n, 0);
	return have;
}

static void what_comes_out_is_gzip_of_what_went_in(void **unused)
{
	auto_free char *plain = plain_bytes(), *packed = xmalloc(PLAIN_SIZE * 2);
	auto_free char *back = xmalloc(PLAIN_SIZE + 1);
	auto_fd int fd = file_of(plain, PLAIN_SIZE);
	auto_gzip struct gzip *g = NULL;
	char digest[DIGEST_SIZE], expected[DIGEST_SIZE];
	z_stream z = { 0 };
	int64_t size;
	size_t len;

	(void)unused;
	assert_int_equal(gzip_new(fd, &g, NULL), 0);
	len = read_all(g, packed, PLAIN_SIZE * 2, 1000);
	gzip_result(g, digest, &size);
	hash_bytes(packed, len, expected);
	assert_string_equal(digest, expected);
	assert_int_equal(size, len);
	assert_int_equal(gzip_taken(g), PLAIN_SIZE);

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)packed;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)back;
	z.avail_out = PLAIN_SIZE + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, PLAIN_SIZE);
	assert_memory_equal(back, plain, PLAIN_SIZE);
	(void)inflateEnd(&z);
}

static void the_same_bytes_always_come_to_the_same_digest(void **unused)
{
	static const size_t steps[] = { 1 << 20, 16384, 7 };
	auto_free char *plain = plain_bytes(), *packed = xmalloc(PLAIN_SIZE * 2);
	auto_fd int fd = file_of(plain, PLAIN_SIZE);
	auto_gzip struct gzip *g = NULL;
	char first[DIGEST_SIZE] = "", digest[DIGEST_SIZE];
	int64_t size;

	(void)unused;
	assert_int_equal(gzip_new(fd, &g, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		/* begun anew in the middle */
		assert_true(gzip_read(g, packed, 100, NULL) == 100);
		assert_int_equal(gzip_rewind(g, NULL), 0);
		(void)read_all(g, packed, PLAIN_SIZE * 2, steps[i]);
		gzip_result(g, digest, &size);
		if (i)
			assert_string_equal(digest, first);
		memcpy(first, digest, sizeof(first));
		assert_int_equal(gzip_rewind(g, NULL), 0);
	}
}

static void gzip_and_zstd_need_none_all_else_does(void **unused)
{
	static const struct {
		const char *head;
		bool needless;
	} files[] = {
		{ "\x1f\x8b\x08\x01more", true },
		{ "\x28\xb5\x2f\xfdmore", true },
		{ "BZh91AY", false },
		{ "etc/passwd", false },
		{ "\x1f", false },
		{ "", false },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_fd int fd = file_of(files[i].head, strlen(files[i].head));

		assert_int_equal(gzip_needless(fd), files[i].needless);
	}
}

static void what_cannot_be_read_is_an_error_not_an_empty_layer(void **unused)
{
	static const char broken[] = "\xfd"
				     "7zXZ\0\0\0broken";
	auto_fd int fd = file_of(broken, sizeof(broken)), none = file_of("", 0);
	auto_gzip struct gzip *g = NULL, *h = NULL;
	struct err err = { 0 };
	char to[100];
	int r;

	(void)unused;
	r = gzip_new(fd, &g, &err);
	if (r == 0)
		r = (int)gzip_read(g, to, sizeof(to), &err);
	assert_true(r < 0);
	assert_true(err.msg[0]);
	assert_true(gzip_new(none, &h, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_out_is_gzip_of_what_went_in),
		cmocka_unit_test(the_same_bytes_always_come_to_the_same_digest),
		cmocka_unit_test(gzip_and_zstd_need_none_all_else_does),
		cmocka_unit_test(what_cannot_be_read_is_an_error_not_an_empty_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
