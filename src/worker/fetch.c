#include "worker/fetch.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"

struct fetch {
	struct stage *stage;
	struct meter *meter;
	struct fetch_layer *layers;
	size_t count, next; /* next: to be begun */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a layer is here, or something failed */
	struct fetcher *fetchers;
	size_t running;
	int failed; /* -errno, with err */
	struct err err;
};

/* One thread. */
struct fetcher {
	struct fetch *fetch;
	struct registry *registry;
	pthread_t thread;
	struct fetch_layer *layer; /* under way */
	struct stage_in *in;
	bool told; /* that it is downloading */
};

/* ---- one layer */

static int64_t got(void *arg)
{
	struct fetch_layer *l = arg;

	return atomic_load(&l->got);
}

static void retrying(void *arg, unsigned seconds)
{
	auto_free char *text =
		xasprintf("Retrying in %u second%s", seconds, seconds == 1 ? "" : "s");
	struct fetcher *t = arg;

	t->told = false;
	if (t->layer)
		meter_state(t->layer->item, text);
}

static int take(void *arg, const void *data, size_t len, struct err *err)
{
	struct fetcher *t = arg;
	int r = stage_data(t->in, data, len, err);

	if (r < 0)
		return r;
	(void)atomic_fetch_add(&t->layer->got, (long long)len);
	if (!t->told)
		meter_watch(t->layer->item, "Downloading", t->layer->size, got, t->layer);
	t->told = true;
	return 0;
}

static int verify(struct fetcher *t, struct stage_blob **ret, struct err *err)
{
	struct fetch_layer *l = t->layer;
	int r;

	meter_state(l->item, "Verifying Checksum");
	r = stage_end(t->in, ret, err);
	if (r < 0)
		return r;
	if (!str_eq((*ret)->digest, l->digest))
		return err_set(err, ERR_SYSTEM, EBADMSG,
			"filesystem layer verification failed for digest %s", l->digest);
	meter_state(l->item, "Download complete");
	return 0;
}

static int fetch_one(struct fetcher *t, struct stage_blob **ret, struct err *err)
{
	const struct fetch_layer *l = t->layer;
	int r = stage_begin(t->fetch->stage, true, &t->in, err);

	if (r < 0)
		return r;
	t->told = false;
	r = registry_blob(t->registry, l->digest, l->size, take, t, err);
	if (r < 0) {
		stage_abort(t->in);
		return r;
	}
	return verify(t, ret, err);
}

/* ---- threads */

static struct fetch_layer *next_layer(struct fetch *f)
{
	struct fetch_layer *l = NULL;

	(void)pthread_mutex_lock(&f->lock);
	if (!f->failed && f->next < f->count)
		l = &f->layers[f->next++];
	(void)pthread_mutex_unlock(&f->lock);
	return l;
}

static void settle(struct fetcher *t, int r, struct stage_blob *blob, const struct err *err)
{
	struct fetch *f = t->fetch;

	(void)pthread_mutex_lock(&f->lock);
	if (r == 0) {
		t->layer->blob = blob;
	} else if (!f->failed) {
		f->failed = r;
		f->err = *err;
		meter_stop(f->meter);
	}
	(void)pthread_cond_broadcast(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

static void *work(void *arg)
{
	struct fetcher *t = arg;

	while ((t->layer = next_layer(t->fetch))) {
		struct stage_blob *blob = NULL;
		struct err err = { 0 };
		int r = fetch_one(t, &blob, &err);

		settle(t, r, blob, &err);
	}
	return NULL;
}

struct fetch *fetch_new(struct stage *s, const struct registry *r, struct meter *m,
	struct fetch_layer *layers, size_t count)
{
	struct fetch *f = xcalloc(1, sizeof(*f));
	size_t threads = count < FETCH_AT_ONCE ? count : FETCH_AT_ONCE;

	f->stage = s;
	f->meter = m;
	f->layers = layers;
	f->count = count;
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_cond_init(&f->changed, NULL);
	f->fetchers = xcalloc(threads + 1, sizeof(*f->fetchers));
	for (; f->running < threads; f->running++) {
		struct fetcher *t = &f->fetchers[f->running];

		t->fetch = f;
		t->registry = registry_fork(r, retrying, t);
		if (pthread_create(&t->thread, NULL, work, t) != 0) {
			registry_free(t->registry);
			break;
		}
	}
	return f;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->running; i++) {
		(void)pthread_join(f->fetchers[i].thread, NULL);
		registry_free(f->fetchers[i].registry);
	}
	(void)pthread_mutex_destroy(&f->lock);
	(void)pthread_cond_destroy(&f->changed);
	free(f->fetchers);
	free(f);
}

int fetch_wait(struct fetch *f, const struct fetch_layer *layer, struct err *err)
{
	int r;

	if (f->running == 0 && f->count)
		return err_set(err, ERR_SYSTEM, EAGAIN, "cannot start a thread");
	(void)pthread_mutex_lock(&f->lock);
	while (!layer->blob && !f->failed)
		(void)pthread_cond_wait(&f->changed, &f->lock);
	r = layer->blob ? 0 : f->failed;
	if (r < 0 && err)
		*err = f->err;
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}
