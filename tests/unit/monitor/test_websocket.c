/* Frames as RFC 6455 has them, as they come, and as they must not. */
#include "../unit.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "monitor/websocket.h"

/* A client's frame; the mask hides its payload. */
static void put_frame(struct buf *out, unsigned first, const void *data, size_t len)
{
	static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	unsigned char head[WS_HEAD];
	size_t head_len = ws_head(head, WS_BINARY, len);

	head[0] = (unsigned char)first;
	head[1] |= 0x80;
	buf_add(out, head, head_len);
	buf_add(out, mask, sizeof(mask));
	for (size_t i = 0; i < len; i++)
		buf_addc(out, (char)(((const unsigned char *)data)[i] ^ mask[i % 4]));
}

static void put_text(struct buf *out, unsigned first, const char *text)
{
	put_frame(out, first, text, strlen(text));
}

/* What comes of it, read in steps of so many bytes: data as it is, "[ping X]", "[close N]". */
static void read_in_steps(const struct buf *in, size_t step, struct buf *out)
{
	struct websocket ws = { 0 };
	struct ws_piece piece;

	for (size_t at = 0; at < in->len; at += step) {
		size_t len = in->len - at < step ? in->len - at : step;
		unsigned char copy[256], *data = copy;

		assert_true(len <= sizeof(copy));
		memcpy(copy, in->data + at, len);
		while (ws_next(&ws, &data, &len, &piece)) {
			if (piece.what == WS_BINARY)
				buf_add(out, piece.data, piece.len);
			else if (piece.what == WS_PING)
				buf_printf(out, "[ping %.*s]", (int)piece.len, (char *)piece.data);
			else if (piece.len)
				buf_printf(out, "[close %d]", piece.data[0] << 8 | piece.data[1]);
			else
				buf_adds(out, "[close]");
		}
	}
	buf_adds(out, "");
}

static void assert_read(const struct buf *in, const char *want)
{
	for (size_t step = 1; step <= 256; step++) {
		auto_buf struct buf out = { 0 };

		read_in_steps(in, step, &out);
		assert_string_equal(out.data, want);
	}
}

static void assert_refused(const void *bytes, size_t len)
{
	auto_buf struct buf in = { 0 };

	put_text(&in, 0x82, "first ");
	buf_add(&in, bytes, len);
	put_text(&in, 0x82, "never read");
	assert_read(&in, "first [close 1002]");
}

static void the_examples_of_the_rfc_are_read(void **unused)
{
	/* 5.7; what a client sends there is masked with 37 fa 21 3d */
	static const char hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
	static const char ping[] = "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
	auto_buf struct buf in = { 0 };

	(void)unused;
	buf_add(&in, hello, sizeof(hello) - 1);
	buf_add(&in, ping, sizeof(ping) - 1);
	assert_read(&in, "Hello[ping Hello]");
}

static void messages_are_bytes_whatever_they_are_cut_into(void **unused)
{
	auto_buf struct buf in = { 0 };

	(void)unused;
	put_text(&in, 0x81, "text ");
	put_text(&in, 0x82, "binary ");
	put_text(&in, 0x82, "");
	put_text(&in, 0x02, "one ");
	put_text(&in, 0x89, "amid");
	put_text(&in, 0x00, "two ");
	put_text(&in, 0x8a, "an unasked pong");
	put_text(&in, 0x00, "");
	put_text(&in, 0x80, "three");
	put_text(&in, 0x89, "");
	put_text(&in, 0x81, "\xff");
	assert_read(&in, "text binary one [ping amid]two three[ping ]\xff");
}

static void each_form_of_a_length_is_read_and_written(void **unused)
{
	static const struct {
		size_t len, head;
	} cases[] = { { 0, 2 }, { 125, 2 }, { 126, 4 }, { 65535, 4 }, { 65536, 10 } };
	static unsigned char payload[65536];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf in = { 0 };
		struct websocket ws = { 0 };
		struct ws_piece piece = { 0 };
		unsigned char head[WS_HEAD], *data;
		size_t left;

		assert_int_equal(ws_head(head, WS_TEXT, cases[i].len), cases[i].head);
		assert_int_equal(head[0], 0x81);
		put_frame(&in, 0x82, payload, cases[i].len);
		data = (unsigned char *)in.data;
		left = in.len;
		assert_int_equal(ws_next(&ws, &data, &left, &piece), cases[i].len > 0);
		assert_int_equal(piece.len, cases[i].len);
		assert_int_equal(left, 0);
		assert_false(ws.inside);
	}
}

static void a_frame_of_any_length_goes_through_as_it_comes(void **unused)
{
	static const unsigned char head[] = { 0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0, 0, 0, 0 };
	unsigned char bytes[] = "as much as is there", *data = (unsigned char *)(uintptr_t)head;
	size_t len = sizeof(head);
	struct websocket ws = { 0 };
	struct ws_piece piece;

	(void)unused;
	assert_false(ws_next(&ws, &data, &len, &piece));
	for (int i = 0; i < 3; i++) {
		data = bytes;
		len = sizeof(bytes);
		assert_true(ws_next(&ws, &data, &len, &piece));
		assert_ptr_equal(piece.data, bytes);
		assert_int_equal(piece.len, sizeof(bytes));
		assert_false(ws_next(&ws, &data, &len, &piece));
	}
}

static void a_close_is_answered_by_its_status_and_nothing_follows_it(void **unused)
{
	static const struct {
		const char *payload;
		size_t len;
		const char *want;
	} cases[] = {
		{ "", 0, "x[close]" }, { "\x03\xe8", 2, "x[close 1000]" },
		{ "\x03\xe9going away", 12, "x[close 1001]" }, { "\x0f\xa0", 2, "x[close 4000]" },
		{ "\x03", 1, "x[close 1002]" },       /* half a status */
		{ "\x03\xe7", 2, "x[close 1002]" },   /* 999 */
		{ "\x03\xed", 2, "x[close 1002]" },   /* 1005 is never sent */
		{ "\x03\xee", 2, "x[close 1002]" },   /* 1006 neither */
		{ "\x07\xd0no", 4, "x[close 1002]" }, /* 2000: reserved */
		{ "\x13\x88", 2, "x[close 1002]" },   /* 5000 */
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf in = { 0 };

		put_text(&in, 0x82, "x");
		put_frame(&in, 0x88, cases[i].payload, cases[i].len);
		put_text(&in, 0x82, "not heard any more");
		assert_read(&in, cases[i].want);
	}
}

static void what_breaks_the_rules_is_refused_and_ends_the_reading(void **unused)
{
	(void)unused;
	assert_refused("\x82\x01x", 3);        /* without a mask */
	assert_refused("\xc2\x80\0\0\0\0", 6); /* a reserved bit each */
	assert_refused("\xa2\x80\0\0\0\0", 6);
	assert_refused("\x92\x80\0\0\0\0", 6);
	assert_refused("\x83\x80\0\0\0\0", 6); /* reserved opcodes */
	assert_refused("\x8b\x80\0\0\0\0", 6);
	assert_refused("\x80\x80\0\0\0\0", 6);       /* goes on with nothing */
	assert_refused("\x09\x80\0\0\0\0", 6);       /* a control frame in fragments */
	assert_refused("\x89\xfe\0\x7e\0\0\0\0", 8); /* … of 126 bytes */
	assert_refused("\x82\xfe\0\x7d\0\0\0\0", 8); /* a length in more bytes than it needs */
	assert_refused("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14);
	assert_refused("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14); /* negative */
	/* a new message within a message */
	assert_refused("\x02\x80\0\0\0\0\x82\x80\0\0\0\0", 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_are_read),
		cmocka_unit_test(messages_are_bytes_whatever_they_are_cut_into),
		cmocka_unit_test(each_form_of_a_length_is_read_and_written),
		cmocka_unit_test(a_frame_of_any_length_goes_through_as_it_comes),
		cmocka_unit_test(a_close_is_answered_by_its_status_and_nothing_follows_it),
		cmocka_unit_test(what_breaks_the_rules_is_refused_and_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
