#include "api/exchange.h"

#include "api/upload.h"
#include "base/alloc.h"
#include "base/http_out.h"
#include "base/jsonw.h"

void reply_clear(struct reply *rep)
{
	buf_free(&rep->body);
	strv_free(rep->headers);
	free(rep->hijack);
	upload_free(rep->upload);
	*rep = (struct reply){ 0 };
}

int reply_empty(struct reply *rep, int status)
{
	rep->kind = REPLY_BODY;
	rep->status = status;
	return 0;
}

int reply_json(struct reply *rep, int status, struct buf *take_body)
{
	buf_addc(take_body, '\n');
	rep->body = *take_body;
	*take_body = (struct buf){ 0 };
	rep->type = TYPE_JSON;
	return reply_empty(rep, status);
}

int reply_text(struct reply *rep, int status, const char *text)
{
	buf_adds(&rep->body, text);
	rep->type = "text/plain; charset=utf-8";
	return reply_empty(rep, status);
}

void reply_header(struct reply *rep, const char *name, const char *value)
{
	strv_add(&rep->headers, name);
	strv_add(&rep->headers, value);
}

void reply_error(struct reply *rep, const struct err *err)
{
	struct buf body = { 0 };
	struct jsonw w = JSONW(&body);

	reply_clear(rep);
	jw_object(&w, NULL);
	jw_str(&w, "message", err->msg);
	jw_object_end(&w);
	(void)reply_json(rep, err_http_status(err), &body);
}
