#include "worker/fetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "oci/layout.h"
#include "oci/lease.h"

/* How often we look whether others are done with a layer. No lock can be waited for and cancelled. */
#define LOOK_AGAIN_US 50000

struct fetch {
	const struct dirs *dirs;
	struct stage *stage;
	struct meter *meter;
	struct fetch_layer *layers;
	size_t count;
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

static int download(struct fetcher *t, struct stage_blob **ret, struct err *err)
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
	r = verify(t, ret, err);
	return r == 0 ? stage_publish(t->fetch->stage, *ret, err) : r;
}

static bool is_stored(const struct dirs *d, const char *digest)
{
	auto_fd int fd = oci_blob_open(d, digest);

	return fd >= 0;
}

/* 1: others are fetching it. *ret stays NULL if they have. */
static int fetch_one(struct fetcher *t, struct stage_blob **ret, struct err *err)
{
	struct fetch_layer *l = t->layer;
	const struct dirs *d = t->fetch->dirs;
	int r = 0, lease = lease_take(d, l->digest);

	if (lease == -EWOULDBLOCK)
		return 1;
	if (lease < 0)
		return err_sys(err, lease, "make a lease of layer %.19s", l->digest);
	if (is_stored(d, l->digest))
		meter_state(l->item, "Download complete");
	else
		r = download(t, ret, err);
	if (r < 0) {
		lease_end(d, l->digest, lease);
		return r;
	}
	lease_share(lease);
	l->lease = lease;
	return 0;
}

/* ---- threads */

/* What nobody is at; what others were fetching comes last. */
static struct fetch_layer *next_layer(struct fetch *f)
{
	struct fetch_layer *next = NULL;

	(void)pthread_mutex_lock(&f->lock);
	for (size_t i = 0; !f->failed && i < f->count; i++) {
		struct fetch_layer *l = &f->layers[i];

		if (!l->taken && (!next || (next->elsewhere && !l->elsewhere)))
			next = l;
	}
	if (next)
		next->taken = true;
	(void)pthread_mutex_unlock(&f->lock);
	return next;
}

static void give_back(struct fetcher *t)
{
	struct fetch *f = t->fetch;
	bool known;

	(void)pthread_mutex_lock(&f->lock);
	known = t->layer->elsewhere;
	t->layer->elsewhere = true;
	t->layer->taken = false;
	(void)pthread_mutex_unlock(&f->lock);
	if (!known)
		meter_state(t->layer->item, "Waiting");
}

static void settle(struct fetcher *t, int r, struct stage_blob *blob, const struct err *err)
{
	struct fetch *f = t->fetch;

	(void)pthread_mutex_lock(&f->lock);
	if (r == 0) {
		t->layer->blob = blob;
		t->layer->here = true;
	} else if (!f->failed) {
		f->failed = r;
		f->err = *err;
		meter_stop(f->meter);
	}
	(void)pthread_cond_broadcast(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

/* Ends, once the pull was cancelled, as a transfer does. */
static int look_again(struct fetcher *t, struct err *err)
{
	(void)usleep(LOOK_AGAIN_US);
	return atomic_load(meter_cancel(t->fetch->meter))
		? err_set(err, ERR_SYSTEM, ECANCELED, "cancelled")
		: 0;
}

static void *work(void *arg)
{
	struct fetcher *t = arg;

	while ((t->layer = next_layer(t->fetch))) {
		struct stage_blob *blob = NULL;
		struct err err = { 0 };
		int r = t->layer->elsewhere ? look_again(t, &err) : 0;

		if (r == 0)
			r = fetch_one(t, &blob, &err);
		if (r > 0)
			give_back(t);
		else
			settle(t, r, blob, &err);
	}
	return NULL;
}

void fetch_end_leases(
	const struct dirs *d, const struct fetch_layer *layers, size_t count, bool done)
{
	for (size_t i = 0; i < count; i++) {
		if (layers[i].lease < 0)
			continue;
		if (done)
			lease_end(d, layers[i].digest, layers[i].lease);
		else
			(void)fd_close(layers[i].lease);
	}
}

struct fetch *fetch_new(const struct dirs *d, struct stage *s, const struct registry *r,
	struct meter *m, struct fetch_layer *layers, size_t count)
{
	struct fetch *f = xcalloc(1, sizeof(*f));
	size_t threads = count < FETCH_AT_ONCE ? count : FETCH_AT_ONCE;

	f->dirs = d;
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
	while (!layer->here && !f->failed)
		(void)pthread_cond_wait(&f->changed, &f->lock);
	r = layer->here ? 0 : f->failed;
	if (r < 0 && err)
		*err = f->err;
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}
