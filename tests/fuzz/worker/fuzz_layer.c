/* A layer's tar, plain or compressed, unpacked into an empty folder: nothing may come to lie beside
 * it, whatever the archive says. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "worker/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned links_of(int dir)
{
	struct stat st;

	assert(fstat(dir, &st) == 0);
	return (unsigned)st.st_nlink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char outer[] = "/tmp/fuzz-layer-XXXXXX";
	auto_fd int blob = memfd_create("layer", MFD_CLOEXEC);
	auto_fd int around = FD_NONE, dir = FD_NONE;
	const struct unpack_how how = { .squash = true, .entries_max = 10000 };
	struct unpacked done;
	struct source source;
	struct err err = { 0 };

	assert(blob >= 0 && fd_write_all(blob, data, size) == 0 && mkdtemp(outer));
	around = open(outer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = dir_open_make_at(around, "layer", 0700);
	assert(around >= 0 && dir >= 0);

	source_init(&source, blob, (off_t)size, true);
	if (layer_unpack(&source, dir, &how, &done, &err) < 0)
		assert(err.sys > 0 && err.msg[0]); /* every refusal explains itself */
	source_destroy(&source);

	assert(links_of(around) == 3); /* ".", its name, and layer's ".." */
	assert(tree_remove_at(AT_FDCWD, outer, NULL) == 0);
	return 0;
}
