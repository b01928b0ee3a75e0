#include "monitor/attach.h"

#include <stdio.h>

#include "monitor/monitor.h"

/* Before the first start the plan may not be known yet; the switchboard's content type then tells. */
static bool attach_framed(const struct monitor *m, const struct wire_msg *msg)
{
	const char *type = wire_get(msg, "type");

	if (m->traits.name)
		return !m->traits.tty;
	return type && str_eq(type, TYPE_MUX_STREAM);
}

static void start_replay(struct client *c, const char *tail, bool only)
{
	struct logreader *reader = NULL;
	struct err err = { 0 };
	uint64_t n;

	if (logreader_open(c->m->data_dir, c->m->id, &reader, &err) < 0) {
		if (only)
			c->io = NULL;
		return;
	}
	if (tail && str_to_u64(tail, &n) == 0)
		(void)logreader_tail(reader, n);
	client_replay(c, reader, only);
}

void attach_request(struct monitor *m, struct wire_msg *msg)
{
	bool stream = wire_flag(msg, "stream"), logs = wire_flag(msg, "logs");
	struct client *c;

	if (m->state == ST_REMOVED && wire_get(msg, "hold")) { /* removed since it was looked for */
		client_tell(m, msg, attach_framed(m, msg), "No such container");
		return;
	}
	if (m->state == ST_REMOVED) {
		answer_gone(m, msg);
		return;
	}
	c = client_new(m, &m->io, msg);
	if (!c)
		return;
	c->framed = attach_framed(m, msg);
	c->left = "detach";
	c->wants_in = stream && wire_flag(msg, "stdin");
	c->wants_out = wire_flag(msg, "stdout");
	c->wants_err = wire_flag(msg, "stderr");
	(void)keys_parse(wire_get(msg, "keys"), &c->keys); /* the API has checked them */
	report_event(m, "attach");
	if (logs)
		start_replay(c, wire_get(msg, "tail"), !stream);
	if ((!stream && !logs) || (!c->wants_in && !c->wants_out && !c->wants_err))
		c->io = NULL;
	clients_feed(m, &m->io); /* early bytes; also brings what it waits for up to date */
	client_update(c);
}

bool wire_size(const struct wire_msg *msg, unsigned short *height, unsigned short *width)
{
	int h = wire_int(msg, "height", -1), w = wire_int(msg, "width", -1);

	if (h < 0 || w < 0 || h > UINT16_MAX || w > UINT16_MAX)
		return false;
	*height = (unsigned short)h;
	*width = (unsigned short)w;
	return true;
}

static void tell_resize(struct monitor *m, unsigned short height, unsigned short width)
{
	char h[8], w[8];

	(void)snprintf(h, sizeof(h), "%hu", height);
	(void)snprintf(w, sizeof(w), "%hu", width);
	report_event_with(m, "resize", "height", h, "width", w);
}

/* A size that comes before the start is refused as in Docker, but kept: the program finds it. */
void attach_resize(struct monitor *m, struct wire_msg *msg)
{
	unsigned short height, width;

	if (m->state == ST_REMOVED) {
		answer_gone(m, msg);
		return;
	}
	if (!wire_size(msg, &height, &width)) {
		answer_refuse(msg, ERR_INVALID, "invalid terminal size");
		return;
	}
	m->traits.height = height;
	m->traits.width = width;
	if (!monitor_running(m)) {
		answer_refuse(msg, ERR_CONFLICT, "container %s is not running", m->id);
		return;
	}
	stdio_resize(&m->io, height, width);
	tell_resize(m, height, width);
	answer_status(msg, 200);
}
