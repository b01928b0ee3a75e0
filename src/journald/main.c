/* dayfly-journald logs KEY=VALUE... - dayfly-stream's answer to GET /containers/{id}/logs, for containers
 * whose log is in systemd's journal. A program of its own because it loads libsystemd. */
#include "journald/journal_source.h"
#include "stream/stream.h"

static int journald_logs(
	const struct dirs *d, char *const *words, struct client *c, struct err *err)
{
	return logs_from(&log_source_journal, d, words, c, err);
}

int main(int argc, char **argv)
{
	static const struct stream_kind kinds[] = {
		{ "logs", journald_logs },
		{ NULL, NULL },
	};

	return stream_main(argc, argv, kinds);
}
