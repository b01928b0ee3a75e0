#include "worker/source.h"

#include <errno.h>
#include <unistd.h>

void source_init(struct source *s, int fd, off_t size, bool complete)
{
	*s = (struct source){ .fd = fd, .size = size, .complete = complete };
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->grown, NULL);
}

void source_destroy(struct source *s)
{
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->grown);
}

void source_grow(struct source *s, off_t size)
{
	(void)pthread_mutex_lock(&s->lock);
	s->size = size;
	(void)pthread_cond_broadcast(&s->grown);
	(void)pthread_mutex_unlock(&s->lock);
}

void source_end(struct source *s, bool broken)
{
	(void)pthread_mutex_lock(&s->lock);
	s->complete = true;
	s->broken = broken;
	(void)pthread_cond_broadcast(&s->grown);
	(void)pthread_mutex_unlock(&s->lock);
}

/* How much can be read at offset: waits for the first byte or the end. */
static off_t wait_for_data(struct source *s, off_t offset, bool *broken)
{
	off_t size;

	(void)pthread_mutex_lock(&s->lock);
	while (s->size <= offset && !s->complete)
		(void)pthread_cond_wait(&s->grown, &s->lock);
	size = s->size;
	s->taken = offset;
	*broken = s->broken;
	(void)pthread_mutex_unlock(&s->lock);
	return size > offset ? size - offset : 0;
}

off_t source_taken(struct source *s)
{
	off_t taken;

	(void)pthread_mutex_lock(&s->lock);
	taken = s->taken;
	(void)pthread_mutex_unlock(&s->lock);
	return taken;
}

ssize_t source_read(struct source *s, off_t offset, void *data, size_t len)
{
	bool broken;
	off_t ready = wait_for_data(s, offset, &broken);
	ssize_t n;

	if (broken || (s->cancel && atomic_load(s->cancel)))
		return -ECANCELED;
	if (ready < (off_t)len)
		len = (size_t)ready;
	do
		n = pread(s->fd, data, len, offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
