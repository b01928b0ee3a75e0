/* api/websocket.h - the handshake of RFC 6455. The frames are the monitor's (monitor/websocket.h). */
#pragma once

#include "api/request.h"

/* Puts the headers that accept it into rep; the 101 is handover_websocket()'s. ERR_INVALID if the request is no such
 * handshake; > 0 if it is one of another version, which rep then tells. */
int websocket_accept(struct request *req, struct reply *rep, struct err *err);
