/* A websocket's input. The first byte says into what steps the rest is cut: what it comes to must not depend on
 * that, and reading never reaches beyond what is there. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "monitor/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct buf *out, const struct ws_piece *piece)
{
	assert(piece->what == WS_BINARY || piece->what == WS_PING || piece->what == WS_CLOSE);
	assert(piece->what != WS_BINARY || piece->len > 0);
	assert(piece->what != WS_PING || piece->len <= WS_CONTROL);
	assert(piece->what != WS_CLOSE || piece->len == 0 || piece->len == 2);
	if (piece->what != WS_BINARY)
		buf_addc(out, (char)piece->what);
	buf_add(out, piece->data, piece->len);
}

static void read_in_steps(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	struct websocket ws = { 0 };
	struct ws_piece piece;

	for (size_t at = 0; at < size; at += step) {
		size_t len = size - at < step ? size - at : step;
		auto_free unsigned char *copy = xmemdup(data + at, len);
		unsigned char *p = copy;

		while (ws_next(&ws, &p, &len, &piece))
			take(out, &piece);
		assert(len == 0 || ws.over);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf whole = { 0 }, cut = { 0 };

	if (size < 2)
		return 0;
	read_in_steps(data + 1, size - 1, size, &whole);
	read_in_steps(data + 1, size - 1, (size_t)data[0] + 1, &cut);
	assert(whole.len == cut.len);
	assert(whole.len == 0 || memcmp(whole.data, cut.data, cut.len) == 0);
	return 0;
}
