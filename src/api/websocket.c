#include "api/websocket.h"

#include <string.h>

#include "api/exchange.h"
#include "base/base64.h"
#include "base/sha1.h"

#define GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define VERSION  "13"
#define KEY_SIZE 16 /* bytes, in 24 digits */
#define KEY_TEXT 24

static bool key_valid(const char *key)
{
	auto_buf struct buf bytes = { 0 };

	return key && strlen(key) == KEY_TEXT && base64_decode(key, KEY_TEXT, &bytes) == 0 &&
		bytes.len == KEY_SIZE;
}

static int refuse_version(struct reply *rep, const char *version)
{
	struct err err;

	(void)err_set(&err, ERR_INVALID, EINVAL,
		"unsupported version of websockets: \"%.32s\", supported is " VERSION, version);
	reply_error(rep, &err);
	rep->status = 426; /* Upgrade Required */
	reply_header(rep, "Connection", "Upgrade");
	reply_header(rep, "Upgrade", "websocket");
	reply_header(rep, "Sec-WebSocket-Version", VERSION);
	return 1;
}

/* Proves that this is no server which took the request for an ordinary one. */
static void accept_key(struct reply *rep, const char *key)
{
	auto_buf struct buf text = { 0 }, proof = { 0 };
	unsigned char sum[SHA1_SIZE];

	buf_printf(&text, "%s" GUID, key);
	sha1(text.data, text.len, sum);
	base64_encode(sum, sizeof(sum), &proof);
	reply_header(rep, "Sec-WebSocket-Accept", proof.data);
}

/* Browsers give up when none of the subprotocols they offer is taken. There is nothing in any of them to choose by,
 * so the only one offered is taken, as in Docker. */
static void accept_protocol(struct reply *rep, const char *offered)
{
	if (!str_empty(offered) && !strchr(offered, ','))
		reply_header(rep, "Sec-WebSocket-Protocol", offered);
}

int websocket_accept(struct request *req, struct reply *rep, struct err *err)
{
	const char *version = req_header(req, "Sec-WebSocket-Version");
	const char *key = req_header(req, "Sec-WebSocket-Key");

	if (!req_wants_upgrade(req, "websocket"))
		return err_set(err, ERR_INVALID, EINVAL,
			"not a websocket: the request has no \"Connection: Upgrade\" with \"Upgrade: websocket\"");
	if (!version || !str_eq(version, VERSION))
		return refuse_version(rep, version ? version : "");
	if (!key_valid(key))
		return err_set(err, ERR_INVALID, EINVAL,
			"invalid Sec-WebSocket-Key \"%.64s\": must be 16 bytes in base64",
			key ? key : "");
	accept_key(rep, key);
	accept_protocol(rep, req_header(req, "Sec-WebSocket-Protocol"));
	return 0;
}
