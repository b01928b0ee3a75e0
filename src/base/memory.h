/* base/memory.h - what a process that will sleep for long need not hold. */
#pragma once

/* Gives back what the heap has free and the program's own text: what is needed of that again is mapped from the
 * page cache. */
void memory_trim(void);
