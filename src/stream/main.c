/* dayfly-stream KIND KEY=VALUE... - answers one request that may take long. The client's connection is
 * descriptor 3. */
#include <stddef.h>

#include "stream/stream.h"

int main(int argc, char **argv)
{
	static const struct stream_kind kinds[] = {
		{ "logs", stream_logs },
		{ "events", stream_events },
		{ NULL, NULL },
	};

	return stream_main(argc, argv, kinds);
}
