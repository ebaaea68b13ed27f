/*
 * A migration's two stores, its thread, and what is asked of it.
 *
 * The other S3 is opened without a journal, so copying makes no events; the
 * local store makes events that no rule can have (migrate/work.h).
 *
 * Shared state: all of it, under mu; the thread alone uses the stores.
 */
#include "gateway/migration.h"
#include "gateway/backend.h"
#include "queue/sightings.h"
#include "store/s3_address.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

struct migration {
	struct store *served;
	const struct conf *conf;
	struct queue *queue;
	pthread_mutex_t mu;
	bool started; /* there is a thread to join */
	bool switched;
	pthread_t thread;
	struct migrate *run; /* of the thread, then of the last status */
	/* what the run stands on */
	struct arena texts;
	struct auth_signer signer;
	struct store *remote;
	char root_id[SHA256_HEX_MAX]; /* in the local store */
};

struct migration *
migration_new(struct store *served, const struct conf *conf,
	      struct queue *queue)
{
	struct migration *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->served = served;
	m->conf = conf;
	m->queue = queue;
	pthread_mutex_init(&m->mu, NULL);
	arena_init(&m->texts, 1);
	return m;
}

/* Of a run that has ended; mu is held, or nobody else is there. */
static void
clear(struct migration *m)
{
	if (m->started)
		pthread_join(m->thread, NULL);
	m->started = false;
	migrate_free(m->run);
	m->run = NULL;
	store_close(m->remote);
	m->remote = NULL;
	arena_release(&m->texts);
}

void
migration_free(struct migration *m)
{
	if (!m)
		return;
	migration_stop(m);
	store_halt(m->remote);
	clear(m);
	pthread_mutex_destroy(&m->mu);
	free(m);
}

void
migration_stop(struct migration *m)
{
	pthread_mutex_lock(&m->mu);
	if (m->run)
		migrate_stop(m->run);
	pthread_mutex_unlock(&m->mu);
}

void
migration_status(struct migration *m, struct migrate_status *out,
		 bool *switched)
{
	*out = (struct migrate_status){ .phase = MIGRATE_IDLE };
	pthread_mutex_lock(&m->mu);
	if (m->run)
		migrate_status(m->run, out);
	*switched = m->switched;
	pthread_mutex_unlock(&m->mu);
}

/* ---- starting ------------------------------------------------------------ */

static void *
run(void *arg)
{
	pthread_setname_np(pthread_self(), "migration");
	(void)migrate_run(arg);
	return NULL;
}

/* Of a gateway that serves an S3, it is that one. */
static int
check_endpoint(const struct migration *m, const struct migration_ask *ask,
	       char err[512])
{
	char served[CONF_ENDPOINT_MAX];

	if (!conf_is_remote(m->conf))
		return 0;
	s3_address_endpoint(m->conf->s3_endpoint, m->conf->aws_region, served,
			    sizeof(served));
	if (strcmp(served, ask->endpoint) == 0)
		return 0;
	snprintf(err, 512,
		 "the gateway serves %.200s, the settings name "
		 "%.200s",
		 served, ask->endpoint);
	return -1;
}

static int
open_remote(struct migration *m, const struct migration_ask *ask, char err[512])
{
	struct store_s3_conf s3 = {
		.endpoint = ask->endpoint,
		.region = ask->region,
		.style = s3_address_style(ask->addressing_style),
		.ca_file = ask->ca_file,
		.signer = auth_signer_as(&m->signer),
	};
	/* what has no other owner is root's */
	if (backend_root_of_local(store_journal(m->served), m->root_id, err) !=
	    0)
		return -1;
	s3.owner = m->root_id;
	m->signer = (struct auth_signer){
		.access_key = arena_copy(&m->texts, slice_str(ask->access_key)),
		.secret_key = arena_copy(&m->texts, slice_str(ask->secret_key)),
		.region = arena_copy(&m->texts, slice_str(ask->region)),
		.service = "s3",
		.session_token =
		    arena_copy(&m->texts, slice_str(ask->session_token)),
	};
	m->remote = store_open_s3(&s3, err);
	return m->remote ? 0 : -1;
}

/* At the other S3 the same objects have other version ids and times. */
static int
forget_places(void *queue, char err[512])
{
	enum queue_error rc = queue_places_forget(queue);

	if (rc != QUEUE_OK)
		snprintf(err, 512,
			 "all is copied, but the database could not be told "
			 "that version ids and times are others there: run "
			 "this again before the switch, when it answers");
	return rc == QUEUE_OK ? 0 : -1;
}

static struct migrate_plan
make_plan(struct migration *m, const struct migration_ask *ask)
{
	struct arena *a = &m->texts;
	struct store *local = store_journal(m->served);
	const char *direction = ask->to_s3 ? "to-s3" : "to-local";

	m->switched = (local == m->served) != ask->to_s3;
	return (struct migrate_plan){
		.from = ask->to_s3 ? local : m->remote,
		.to = ask->to_s3 ? m->remote : local,
		.outbox = local,
		.switched = m->switched,
		.tls = !ask->to_s3 &&
		       slice_starts(slice_str(ask->endpoint), SLICE("https:")),
		/* all are the pair's there; the journal knows the others */
		.owner = ask->to_s3 ? slice_str(m->root_id) : SLICE_EMPTY,
		.name = arena_printf(a, "%s %s", direction, ask->endpoint).p,
		.cursor =
		    arena_printf(a, "%s/migrate.%s", m->conf->data, direction)
			.p,
		.bucket = arena_copy(a, ask->bucket),
		.prefix = arena_copy(a, ask->prefix),
		.dry_run = ask->dry_run,
		.verify_only = ask->verify_only || ask->remove_source,
		.remove_source = ask->remove_source,
		.remove_extra = ask->remove_extra,
		.restart = ask->restart,
		.rate = ask->rate,
		/* S3 that is served alone has no videos */
		.tell = ask->to_s3 && m->conf->database_url[0] ? forget_places
							       : NULL,
		.tell_ctx = m->queue,
	};
}

/* A migration to the local store that was completed is so no longer. */
static int
prepare_removal(struct migration *m, const struct migration_ask *ask,
		const struct migrate_plan *plan, char err[512])
{
	const char *back;

	if (!ask->to_s3 || !plan->switched || ask->bucket.n || ask->prefix.n) {
		snprintf(err, 512,
			 "--remove-source is about the whole local store of a "
			 "gateway that serves the other S3");
		return -1;
	}
	back = arena_printf(&m->texts, "%s/migrate.to-local", m->conf->data).p;
	if (!m->texts.err && (unlink(back) == 0 || errno == ENOENT))
		return 0;
	snprintf(err, 512, "%s cannot be removed", back ? back : "a file");
	return -1;
}

/* mu is held, nothing runs. */
static int
begin(struct migration *m, const struct migration_ask *ask, char err[512])
{
	struct migrate_plan plan;

	clear(m);
	arena_init(&m->texts, 64u << 10);
	if (check_endpoint(m, ask, err) != 0 || open_remote(m, ask, err) != 0)
		return -1;
	plan = make_plan(m, ask);
	if (ask->remove_source && prepare_removal(m, ask, &plan, err) != 0)
		return -1;
	snprintf(err, 512, "out of memory");
	m->run = m->texts.err ? NULL : migrate_new(&plan);
	if (!m->run)
		return -1;
	m->started = pthread_create(&m->thread, NULL, run, m->run) == 0;
	return m->started ? 0 : -1;
}

int
migration_start(struct migration *m, const struct migration_ask *ask,
		char err[512])
{
	struct migrate_status last = { .phase = MIGRATE_IDLE };
	int rc = -1;

	pthread_mutex_lock(&m->mu);
	if (m->started)
		migrate_status(m->run, &last);
	if (migrate_is_running(last.phase))
		snprintf(err, 512,
			 "a migration runs already: see reelgate admin migrate "
			 "--status, or end it with --stop");
	else
		rc = begin(m, ask, err);
	pthread_mutex_unlock(&m->mu);
	return rc;
}
