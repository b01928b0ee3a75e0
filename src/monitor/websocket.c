#include "monitor/websocket.h"

#include <string.h>

#define FIN      0x80
#define RESERVED 0x70
#define OPCODE   0x0f
#define MASKED   0x80
#define LEN      0x7f /* or how the length follows: */
#define LEN_16   126
#define LEN_64   127
#define MASK     4
#define CONTROL  0x08 /* set in the opcodes of control frames */

static uint64_t big_endian(const unsigned char *p, size_t len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | *p++;
	return v;
}

/* ---- reading */

static enum ws_opcode opcode(const struct websocket *ws)
{
	return (enum ws_opcode)(ws->head[0] & OPCODE);
}

static bool is_control(const struct websocket *ws)
{
	return (ws->head[0] & CONTROL) != 0;
}

/* How many bytes of length follow the two that each frame begins with. */
static size_t length_size(const struct websocket *ws)
{
	unsigned len = ws->head[1] & LEN;

	return len == LEN_64 ? 8 : len == LEN_16 ? 2 : 0;
}

static bool first_byte_valid(const struct websocket *ws)
{
	if (ws->head[0] & RESERVED)
		return false;
	switch (opcode(ws)) {
	case WS_CONTINUATION: return ws->in_message;
	case WS_TEXT:
	case WS_BINARY: return !ws->in_message;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG: return ws->head[0] & FIN;
	}
	return false;
}

static bool second_byte_valid(const struct websocket *ws)
{
	return ws->head[1] & MASKED && (!is_control(ws) || (ws->head[1] & LEN) <= WS_CONTROL);
}

/* In the fewest bytes that can say it, and not negative (5.2). */
static bool length_valid(const struct websocket *ws)
{
	switch (length_size(ws)) {
	case 2: return ws->left >= LEN_16;
	case 8: return ws->left > UINT16_MAX && ws->left <= INT64_MAX;
	default: return true;
	}
}

/* One byte of a head, which is refused as soon as it makes no sense. */
static bool take_head_byte(struct websocket *ws, unsigned char byte)
{
	size_t extra;

	ws->head[ws->head_len++] = byte;
	if (ws->head_len == 1)
		return first_byte_valid(ws);
	if (ws->head_len == 2 && !second_byte_valid(ws))
		return false;
	extra = length_size(ws);
	if (ws->head_len < 2 + extra + MASK)
		return true;
	ws->left = extra ? big_endian(ws->head + 2, extra) : ws->head[1] & LEN;
	ws->inside = true;
	ws->masked = 0;
	ws->control_len = 0;
	if (!is_control(ws))
		ws->in_message = !(ws->head[0] & FIN);
	return length_valid(ws);
}

static void unmask(struct websocket *ws, unsigned char *data, size_t len)
{
	const unsigned char *mask = ws->head + ws->head_len - MASK;

	for (size_t i = 0; i < len; i++)
		data[i] ^= mask[ws->masked++ % MASK];
}

/* The payload as far as it has come; returns how much that is. */
static size_t take_payload(struct websocket *ws, unsigned char *data, size_t len)
{
	size_t n = ws->left < len ? (size_t)ws->left : len;

	unmask(ws, data, n);
	if (is_control(ws)) {
		memcpy(ws->control + ws->control_len, data, n);
		ws->control_len += (uint8_t)n;
	}
	ws->left -= n;
	return n;
}

/* Those that may be sent (7.4): what the RFC and its registry define, and what is left to libraries and programs. */
static bool status_valid(uint64_t status)
{
	return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
		(status >= 3000 && status <= 4999);
}

static struct ws_piece close_with(struct websocket *ws, unsigned status)
{
	ws->over = true;
	ws_status(ws->control, status);
	return (struct ws_piece){ WS_CLOSE, ws->control, 2 };
}

/* Answered by what it says, without the words. */
static struct ws_piece closed(struct websocket *ws)
{
	uint64_t status = big_endian(ws->control, 2);

	ws->over = true;
	if (ws->control_len == 0)
		return (struct ws_piece){ .what = WS_CLOSE };
	if (ws->control_len == 1 || !status_valid(status))
		return close_with(ws, WS_STATUS_PROTOCOL);
	return close_with(ws, (unsigned)status);
}

/* A control frame is complete. A pong is nobody's business: we send no pings. */
static bool control_piece(struct websocket *ws, struct ws_piece *ret)
{
	if (opcode(ws) == WS_PONG)
		return false;
	if (opcode(ws) == WS_CLOSE)
		*ret = closed(ws);
	else
		*ret = (struct ws_piece){ WS_PING, ws->control, ws->control_len };
	return true;
}

static bool head_step(struct websocket *ws, unsigned char **data, size_t *len, struct ws_piece *ret)
{
	unsigned char byte = *(*data)++;

	(*len)--;
	if (take_head_byte(ws, byte))
		return false;
	*ret = close_with(ws, WS_STATUS_PROTOCOL);
	return true;
}

static bool payload_step(
	struct websocket *ws, unsigned char **data, size_t *len, struct ws_piece *ret)
{
	unsigned char *piece = *data;
	size_t n = take_payload(ws, piece, *len);

	*data += n;
	*len -= n;
	if (!ws->left) {
		ws->inside = false;
		ws->head_len = 0;
	}
	if (is_control(ws))
		return !ws->inside && control_piece(ws, ret);
	*ret = (struct ws_piece){ WS_BINARY, piece, n };
	return n > 0;
}

bool ws_next(struct websocket *ws, unsigned char **data, size_t *len, struct ws_piece *ret)
{
	/* a frame without payload goes on with nothing left to take */
	while (!ws->over && (*len || (ws->inside && !ws->left)))
		if (ws->inside ? payload_step(ws, data, len, ret) : head_step(ws, data, len, ret))
			return true;
	return false;
}

/* ---- writing */

size_t ws_head(unsigned char ret[WS_HEAD], enum ws_opcode what, uint64_t len)
{
	size_t extra = len > UINT16_MAX ? 8 : len >= LEN_16 ? 2 : 0;

	ret[0] = (unsigned char)(FIN | what);
	ret[1] = (unsigned char)(extra == 8 ? LEN_64 : extra == 2 ? LEN_16 : len);
	for (size_t i = 0; i < extra; i++)
		ret[2 + i] = (unsigned char)(len >> (8 * (extra - 1 - i)));
	return 2 + extra;
}

void ws_status(unsigned char ret[2], unsigned status)
{
	ret[0] = (unsigned char)(status >> 8);
	ret[1] = (unsigned char)status;
}
