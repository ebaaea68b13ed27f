/*
 * The run: threads that serve their connections by epoll, or a thread with one
 * connection that simply blocks, which spares it a system call per request.
 *
 * Shared state: struct run, all of it atomic or set before the threads begin.
 * Requests that begin in the warm-up do not count; those under way at the end
 * are finished, and the clock stops with the last of them.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define EVENTS 64

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_STOP };

struct run {
	const struct load_conf *conf;
	const struct load_plan *plan;
	_Atomic int phase;
	_Atomic uint64_t next;	  /* request of the plan */
	_Atomic uint64_t issued;  /* that count */
	_Atomic uint64_t last_ns; /* end of the last answer */
	_Atomic bool told;	  /* of the first error */
	_Atomic bool told_gone;	  /* that the server is gone */
};

struct line { /* a connection and its request */
	struct load_conn conn;
	const struct load_request *request;
	uint64_t begun_ns;
	bool counts;
	bool waits_to_write;
};

struct worker {
	pthread_t thread;
	struct run *run;
	struct line *lines;
	size_t n;
	int epoll;
	struct bench_stats stats;
};

/* ---- one answer ---------------------------------------------------------- */

static bool
is_right(const struct load_conf *conf, const struct line *l)
{
	const struct load_conn *c = &l->conn;

	if (c->status == 404 && conf->op == LOAD_MIXED)
		return true; /* the mix deleted it */
	if (c->status < 200 || c->status > 299)
		return false;
	if (l->request->op == LOAD_GET)
		return c->received == conf->size;
	if (l->request->op == LOAD_HEAD)
		return c->length == conf->size;
	return true;
}

static void
tell_first_error(struct run *run, const struct line *l, enum load_step s)
{
	if (!atomic_exchange(&run->told, true))
		load_conn_tell(&l->conn, s);
}

static void
account(struct worker *w, const struct line *l, enum load_step s)
{
	const struct load_conn *c = &l->conn;
	uint64_t now = bench_now_ns();

	if (s != STEP_DONE || !is_right(w->run->conf, l)) {
		tell_first_error(w->run, l, s);
		w->stats.errors++;
		return;
	}
	if (!l->counts)
		return;
	bench_stats_add(&w->stats, now - l->begun_ns);
	w->stats.bytes += l->request->body_n + c->received;
	if (atomic_load(&w->run->last_ns) < now)
		atomic_store(&w->run->last_ns, now);
}

/* An error too when all answers were right: what was asked for was more. */
static void
account_gone(struct worker *w)
{
	w->stats.errors++;
	if (!atomic_exchange(&w->run->told_gone, true))
		perror("bench-load: no connection");
}

/* ---- requests of a connection ------------------------------------------- */

/* false: the run is over. */
static bool
begin_next(struct worker *w, struct line *l)
{
	struct run *run = w->run;
	int phase = atomic_load(&run->phase);

	if (phase == PHASE_STOP)
		return false;
	l->counts = phase == PHASE_MEASURE;
	if (l->counts && run->conf->count &&
	    atomic_fetch_add(&run->issued, 1) >= run->conf->count)
		return false;
	l->request =
	    &run->plan->v[atomic_fetch_add(&run->next, 1) % run->plan->n];
	load_conn_begin(&l->conn, l->request, NULL);
	l->begun_ns = bench_now_ns();
	return true;
}

static int
reopen(struct worker *w, struct line *l)
{
	load_conn_close(&l->conn);
	if (load_conn_open(&l->conn, w->run->conf, w->run->plan->block,
			   w->epoll < 0) != 0)
		return -1;
	l->waits_to_write = false;
	if (w->epoll < 0)
		return 0;
	return epoll_ctl(
	    w->epoll, EPOLL_CTL_ADD, l->conn.fd,
	    &(struct epoll_event){ .events = EPOLLIN, .data.ptr = l });
}

static int
wait_for(struct worker *w, struct line *l, enum load_step s)
{
	bool write = s == STEP_WRITE;

	if (write == l->waits_to_write)
		return 0;
	l->waits_to_write = write;
	return epoll_ctl(
	    w->epoll, EPOLL_CTL_MOD, l->conn.fd,
	    &(struct epoll_event){ .events = write ? EPOLLOUT : EPOLLIN,
				   .data.ptr = l });
}

/* Goes on with the request at hand until it would block; false: the run is
 * over or the server gone. */
static bool
serve(struct worker *w, struct line *l)
{
	do {
		enum load_step s = load_conn_step(&l->conn);

		if (s == STEP_READ || s == STEP_WRITE) {
			if (wait_for(w, l, s) == 0)
				return true;
			s = STEP_FAILED;
		}
		account(w, l, s);
		if ((s == STEP_FAILED || l->conn.close_after) &&
		    reopen(w, l) != 0) {
			account_gone(w);
			return false;
		}
	} while (begin_next(w, l));
	return false;
}

/* As serve(). A connection that ends is closed, and so out of epoll: one
 * without a request must not be woken when the server closes it. */
static bool
go_on(struct worker *w, struct line *l, bool begun)
{
	if ((begun || begin_next(w, l)) && serve(w, l))
		return true;
	load_conn_close(&l->conn);
	return false;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct epoll_event events[EVENTS];
	size_t alive = 0;

	for (size_t i = 0; i < w->n; i++)
		alive += go_on(w, &w->lines[i], false);
	while (alive) {
		int n = epoll_wait(w->epoll, events, EVENTS, PATIENCE_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fprintf(stderr, "bench-load: no answer in %d s\n",
				PATIENCE_MS / 1000);
			w->stats.errors += alive;
			break;
		}
		for (int i = 0; i < n; i++)
			alive -= !go_on(w, events[i].data.ptr, true);
	}
	return NULL;
}

/* ---- the threads --------------------------------------------------------- */

static int
open_worker(struct worker *w, struct run *run, size_t connections)
{
	w->run = run;
	w->n = connections;
	w->epoll = connections == 1 ? -1 : epoll_create1(EPOLL_CLOEXEC);
	w->lines = calloc(connections, sizeof(*w->lines));
	if (!w->lines || (connections > 1 && w->epoll < 0))
		return -1;
	for (size_t i = 0; i < connections; i++)
		w->lines[i].conn.fd = -1;
	for (size_t i = 0; i < connections; i++)
		if (reopen(w, &w->lines[i]) != 0)
			return -1;
	return 0;
}

static void
close_worker(struct worker *w)
{
	for (size_t i = 0; w->lines && i < w->n; i++)
		load_conn_close(&w->lines[i].conn);
	if (w->epoll > 0)
		close(w->epoll);
	free(w->lines);
}

static void
measure(struct run *run, struct worker *w, size_t n, struct bench_result *out)
{
	const struct load_conf *conf = run->conf;
	size_t started = 0;
	uint64_t begin;
	double cpu;

	atomic_store(&run->phase,
		     conf->warmup_ms ? PHASE_WARMUP : PHASE_MEASURE);
	begin = bench_now_ns();
	cpu = bench_cpu_s();
	while (started < n &&
	       pthread_create(&w[started].thread, NULL, work, &w[started]) == 0)
		started++;
	if (started < n) {
		fprintf(stderr, "bench-load: %zu of %zu threads\n", started, n);
		out->stats.errors++;
	}
	if (conf->warmup_ms) {
		bench_sleep_ms(conf->warmup_ms);
		begin = bench_now_ns();
		cpu = bench_cpu_s();
		atomic_store(&run->phase, PHASE_MEASURE);
	}
	if (!conf->count) {
		bench_sleep_ms(conf->seconds_ms);
		atomic_store(&run->phase, PHASE_STOP);
	}
	for (size_t i = 0; i < started; i++) {
		pthread_join(w[i].thread, NULL);
		bench_stats_merge(&out->stats, &w[i].stats);
	}
	out->cpu_s = bench_cpu_s() - cpu;
	if (atomic_load(&run->last_ns) < begin)
		atomic_store(&run->last_ns, bench_now_ns());
	out->seconds = (double)(atomic_load(&run->last_ns) - begin) / 1e9;
}

int
load_run(const struct load_conf *conf, const struct load_plan *plan,
	 struct bench_result *out)
{
	struct run run = { .conf = conf, .plan = plan };
	size_t n = conf->threads, share = conf->connections / n;
	struct worker *w = calloc(n, sizeof(*w));
	int rc = w ? 0 : -1;

	*out = (struct bench_result){ 0 };
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = open_worker(&w[i], &run,
				 share + (i < conf->connections % n));
	if (rc == 0)
		measure(&run, w, n, out);
	else
		perror("bench-load: no connection");
	for (size_t i = 0; w && i < n; i++)
		close_worker(&w[i]);
	free(w);
	return rc;
}
