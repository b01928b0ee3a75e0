/* monitor/websocket.h - the frames of RFC 6455 as a server reads and writes them, without extensions.
 *
 * What a client sent is decoded where it lies: payload is unmasked in place and told in pieces as it comes, so a
 * frame may be of any length and nothing of it is kept but its head, or the 125 bytes of a control frame. Text
 * and binary messages are bytes alike: nobody here reads them, so nobody asks whether text is UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEAD        10  /* of a frame we send, at most */
#define WS_CLIENT_HEAD 14  /* of one we get: with a mask */
#define WS_CONTROL     125 /* payload of a control frame, at most */

enum ws_opcode { WS_CONTINUATION, WS_TEXT, WS_BINARY, WS_CLOSE = 8, WS_PING, WS_PONG };

/* Why a connection is closed (7.4.1). */
enum ws_status { WS_STATUS_NORMAL = 1000, WS_STATUS_PROTOCOL = 1002 };

/* Zero-initialised: the handshake is over and nothing has come. */
struct websocket {
	unsigned char head[WS_CLIENT_HEAD];
	unsigned char control[WS_CONTROL];
	uint8_t head_len, control_len; /* so much of them is there */
	bool inside;                   /* the head is complete, its payload under way */
	bool in_message;               /* a fragment was the last, and more are to follow */
	bool over;                     /* the last frame has been read: a close, or nonsense */
	uint64_t left;                 /* of the payload */
	unsigned masked;               /* bytes unmasked so far, modulo 4 */
};

/* WS_BINARY: bytes of a message, of either kind. WS_PING: a pong with these bytes is due. WS_CLOSE: a close with
 * these bytes is due, and no more is read: the client has sent one, or has broken the rules. */
struct ws_piece {
	enum ws_opcode what;
	unsigned char *data; /* in what was given, or in ws: valid until the next call */
	size_t len;
};

/* The next piece of what has come, after which *data and *len are what follows it. False: all is taken. */
bool ws_next(struct websocket *ws, unsigned char **data, size_t *len, struct ws_piece *ret);
/* The head of a whole message in one frame; returns its length. */
size_t ws_head(unsigned char ret[WS_HEAD], enum ws_opcode what, uint64_t len);
/* The payload of a close. */
void ws_status(unsigned char ret[2], unsigned status);
