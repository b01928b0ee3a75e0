#include "state/totals.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "base/timefmt.h"

#define RUSAGE_BLOCK 512  /* of ru_inblock, whatever the file system */
#define RUSAGE_RSS   1024 /* of ru_maxrss */

static const struct {
	const char *key;    /* in a record */
	const char *member; /* of State.Usage */
	const char *attr;   /* of an event; NULL: not there */
} names[TOTAL_COUNT] = {
	[TOTAL_MEMORY_PEAK] = { "memory-peak", "MemoryPeak", "memoryPeak" },
	[TOTAL_MAX_RSS] = { "max-rss", "MaxRSS", "maxRSS" },
	[TOTAL_CPU_USER] = { "cpu-user", "CPUUser", NULL },
	[TOTAL_CPU_KERNEL] = { "cpu-kernel", "CPUKernel", NULL },
	[TOTAL_IO_READ] = { "io-read", "IORead", "ioRead" },
	[TOTAL_IO_WRITTEN] = { "io-written", "IOWritten", "ioWritten" },
	[TOTAL_OOM_KILLS] = { "oom-kills", "OOMKills", "oomKills" },
};

static bool known(const struct totals *t, enum total which)
{
	return t->known & 1U << which;
}

/* ---- counting */

void total_set(struct totals *t, enum total which, uint64_t n)
{
	t->known |= 1U << which;
	t->n[which] = n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* A peak that was there before may be that of an earlier run. */
void totals_set(struct totals *t, const struct totals *now, const struct totals *before)
{
	for (enum total i = 0; i < TOTAL_COUNT; i++) {
		int64_t n = now->n[i], old = before->n[i];

		if (!known(now, i) || n < old)
			continue;
		if (i != TOTAL_MEMORY_PEAK)
			total_set(t, i, (uint64_t)(n - old));
		else if (n > old)
			total_set(t, i, (uint64_t)n);
	}
}

static void add(struct totals *t, enum total which, int64_t n)
{
	total_set(t, which, (uint64_t)t->n[which] + (uint64_t)n);
}

static int64_t nanoseconds(struct timeval tv)
{
	return tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * 1000;
}

void totals_add(struct totals *t, const struct rusage *ru)
{
	int64_t rss = (int64_t)ru->ru_maxrss * RUSAGE_RSS;

	if (rss >= t->n[TOTAL_MAX_RSS])
		total_set(t, TOTAL_MAX_RSS, (uint64_t)rss);
	add(t, TOTAL_CPU_USER, nanoseconds(ru->ru_utime));
	add(t, TOTAL_CPU_KERNEL, nanoseconds(ru->ru_stime));
	/* A kernel without task IO accounting has no such file, and zeros. */
	if (access("/proc/self/io", F_OK) < 0)
		return;
	add(t, TOTAL_IO_READ, (int64_t)ru->ru_inblock * RUSAGE_BLOCK);
	add(t, TOTAL_IO_WRITTEN, (int64_t)ru->ru_oublock * RUSAGE_BLOCK);
}

/* ---- the record */

void totals_print(struct buf *out, const struct totals *t)
{
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		if (known(t, i))
			buf_printf(out, "%s=%" PRId64 "\n", names[i].key, t->n[i]);
}

void totals_take(struct totals *t, const char *key, int64_t n)
{
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		if (n >= 0 && str_eq(key, names[i].key))
			total_set(t, i, (uint64_t)n);
}

/* ---- JSON */

/* What most ask for is not stored: user and kernel time are known together, or not at all. */
static uint64_t cpu_time(const struct totals *t)
{
	return (uint64_t)t->n[TOTAL_CPU_USER] + (uint64_t)t->n[TOTAL_CPU_KERNEL];
}

void totals_write(struct jsonw *w, const struct totals *t)
{
	if (!t->known)
		return;
	jw_object(w, "Usage");
	if (known(t, TOTAL_CPU_USER))
		jw_uint(w, "CPUTime", cpu_time(t));
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		if (known(t, i))
			jw_int(w, names[i].member, t->n[i]);
	jw_object_end(w);
}

static void write_attr(struct jsonw *w, const char *key, uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	jw_str(w, key, text);
}

void totals_write_attrs(struct jsonw *w, const struct totals *t)
{
	if (known(t, TOTAL_CPU_USER))
		write_attr(w, "cpuTime", cpu_time(t));
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		if (known(t, i) && names[i].attr)
			write_attr(w, names[i].attr, (uint64_t)t->n[i]);
}
