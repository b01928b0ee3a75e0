#include "base/memory.h"

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

extern const char __executable_start[], etext[]; /* the linker's */

void memory_trim(void)
{
	(void)malloc_trim(0);
	(void)madvise((void *)(uintptr_t)__executable_start, (size_t)(etext - __executable_start),
		MADV_DONTNEED);
}
