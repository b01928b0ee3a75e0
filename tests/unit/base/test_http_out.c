#include "../unit.h"
#include "base/http_out.h"

static void a_handed_over_answer_always_closes(void **unused)
{
	struct buf b = { 0 };

	(void)unused;
	http_head(&b, 200, TYPE_JSON, HTTP_LENGTH, 5);
	assert_true(str_starts(b.data, "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\n"));
	assert_non_null(strstr(b.data, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(b.data, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(b.data, "\r\nContent-Length: 5\r\n"));
	assert_non_null(strstr(b.data, "\r\nServer: Docker/"));
	assert_non_null(strstr(b.data, "\r\nOstype: linux\r\n"));
	assert_true(str_ends(b.data, "\r\n\r\n"));
	buf_free(&b);
}

static void an_upgrade_says_so(void **unused)
{
	struct buf b = { 0 };

	(void)unused;
	http_head(&b, 101, TYPE_RAW_STREAM, HTTP_NO_BODY, 0);
	assert_true(str_starts(b.data, "HTTP/1.1 101 UPGRADED\r\n"));
	assert_true(str_ends(b.data, "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
	assert_null(strstr(b.data, "close"));
	buf_free(&b);
}

static void bodies_are_announced_as_they_come(void **unused)
{
	struct buf b = { 0 };

	(void)unused;
	http_head(&b, 200, NULL, HTTP_CHUNKED, 0);
	assert_non_null(strstr(b.data, "\r\nTransfer-Encoding: chunked\r\n"));
	assert_null(strstr(b.data, "Content-"));
	b.len = 0;
	http_head(&b, 200, NULL, HTTP_UNTIL_EOF, 0);
	assert_null(strstr(b.data, "Transfer-Encoding"));
	assert_null(strstr(b.data, "Content-Length"));
	b.len = 0;
	http_answer(&b, 204, NULL);
	assert_null(strstr(b.data, "Content-Length"));
	assert_true(str_ends(b.data, "\r\n\r\n"));
	b.len = 0;
	http_answer(&b, 200, NULL);
	assert_non_null(strstr(b.data, "\r\nContent-Length: 0\r\n"));
	b.len = 0;
	http_answer(&b, 200, "{}");
	assert_true(str_ends(b.data, "Content-Length: 2\r\n\r\n{}"));
	buf_free(&b);
}

static void an_error_is_told_in_json(void **unused)
{
	struct err err = { .sys = ENOENT, .kind = ERR_NOT_FOUND, .msg = "No such \"thing\"" };
	struct buf b = { 0 };

	(void)unused;
	http_answer_error(&b, &err);
	assert_true(str_starts(b.data, "HTTP/1.1 404 Not Found\r\n"));
	assert_true(str_ends(b.data, "\r\n\r\n{\"message\":\"No such \\\"thing\\\"\"}\n"));
	buf_free(&b);
}

static void chunks_carry_their_length_in_hex(void **unused)
{
	struct buf b = { 0 };

	(void)unused;
	http_chunk(&b, "0123456789abcdef", 16);
	http_chunk_end(&b);
	assert_string_equal(b.data, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
	buf_free(&b);
}

static void a_frame_tells_stream_and_length(void **unused)
{
	static const unsigned char expected[FRAME_HEAD] = { 2, 0, 0, 0, 0x01, 0x02, 0x03, 0x04 };
	unsigned char head[FRAME_HEAD];

	(void)unused;
	frame_head(head, STREAM_STDERR, 0x01020304);
	assert_memory_equal(head, expected, sizeof(head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handed_over_answer_always_closes),
		cmocka_unit_test(an_upgrade_says_so),
		cmocka_unit_test(bodies_are_announced_as_they_come),
		cmocka_unit_test(an_error_is_told_in_json),
		cmocka_unit_test(chunks_carry_their_length_in_hex),
		cmocka_unit_test(a_frame_tells_stream_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
