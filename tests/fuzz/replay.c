/* fuzz/replay.c - main() for a fuzz target built without libFuzzer: runs it once on the empty input
 * and once on every file below the folders named as arguments. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (16 * 1024 * 1024)

static unsigned replay_folder(const char *path)
{
	auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned count = 0;
	struct dirent *e;
	DIR *d;

	if (dir < 0)
		return 0; /* no corpus yet */
	d = fdopendir(dup(dir));
	while (d && (e = readdir(d))) {
		auto_free char *text = NULL;
		size_t len;

		if (file_read_at(dir, e->d_name, INPUT_MAX, &text, &len) < 0)
			continue;
		(void)LLVMFuzzerTestOneInput((const uint8_t *)text, len);
		count++;
	}
	if (d)
		(void)closedir(d);
	return count;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	(void)printf("%u inputs replayed\n", count);
	return 0;
}
