/*
 * Long readers. A read transaction keeps every page that was replaced since
 * its snapshot from being used again, so one that stays open makes the index
 * grow. LMDB's table of readers is looked at once a second, which costs the
 * readers nothing: the age told is the time for which the oldest snapshot was
 * seen to be behind. One of the newest state harms nobody, however old.
 *
 * Shared state: ls->watch under keeper.mu.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "store/care.h"
#include "store/local/local.h"

#define LONG_US US_PER_S

struct sample {
	uint64_t oldest; /* snapshot; UINT64_MAX: nobody reads */
	unsigned readers;
};

/* "  pid  thread  snapshot", or "-" where a slot is free. */
static int
take_line(const char *line, void *ctx)
{
	struct sample *s = ctx;
	const char *last = strrchr(line, ' ');
	struct slice number = slice_str(last ? last + 1 : "");
	uint64_t snapshot;

	while (number.n && number.p[number.n - 1] == '\n')
		number.n--;
	if (slice_u64(number, &snapshot) != 0)
		return 0;
	s->readers++;
	if (snapshot < s->oldest)
		s->oldest = snapshot;
	return 0;
}

/* What changed is told after the lock is let go. */
static void
tell(bool begun, bool ended, int64_t age_us)
{
	if (begun)
		log_warn("long_reader",
			 "a read of the index is older than a second: pages "
			 "replaced since are not used again");
	if (ended)
		log_info("long_reader_ended", "it took %.1f s",
			 (double)age_us / US_PER_S);
}

void
watch_readers(struct local *ls)
{
	struct sample s = { .oldest = UINT64_MAX };
	struct watch *w = &ls->watch;
	int64_t now = time_mono_us(), before;
	bool begun = false, ended = false;
	MDB_envinfo info;

	if (mdb_reader_list(ls->env, take_line, &s) < 0 ||
	    mdb_env_info(ls->env, &info) != 0)
		return;
	pthread_mutex_lock(&ls->keeper.mu);
	before = w->age_us;
	w->readers = s.readers;
	if (s.oldest >= info.me_last_txnid) {
		w->age_us = 0;
		w->oldest = UINT64_MAX;
	} else if (s.oldest != w->oldest) {
		w->age_us = 0;
		w->oldest = s.oldest;
		w->since_us = now;
	} else {
		w->age_us = now - w->since_us;
	}
	if (w->age_us < before && w->told) {
		ended = true;
		w->told = false;
	}
	if (w->age_us > LONG_US && !w->told)
		begun = w->told = true;
	pthread_mutex_unlock(&ls->keeper.mu);
	tell(begun, ended, before);
}

/* ---- figures ------------------------------------------------------------ */

/* Pages of all tables; those of the list of free ones are not counted. */
static int
count_pages(struct local *ls, uint64_t *pages)
{
	MDB_stat st;
	MDB_txn *txn;
	int rc = mdb_env_stat(ls->env, &st);

	*pages = 2; /* meta */
	if (rc != 0 || (rc = local_read_begin(ls, &txn)) != 0)
		return rc;
	for (size_t i = 0; rc == 0; i++) {
		*pages += st.ms_branch_pages + st.ms_leaf_pages +
			  st.ms_overflow_pages;
		if (i == TABLE_COUNT)
			break;
		rc = mdb_stat(txn, ls->dbi[i], &st);
	}
	local_read_end(ls, txn);
	return rc;
}

enum s3_error
store_index_status(struct store *s, struct store_index_status *out)
{
	struct local *ls = local_only(s);
	MDB_envinfo info;
	MDB_stat st;
	uint64_t pages;
	int rc;

	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	rc = mdb_env_info(ls->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(ls->env, &st);
	if (rc == 0)
		rc = count_pages(ls, &pages);
	if (rc != 0)
		return local_error("status", rc);
	*out = (struct store_index_status){
		.bytes = ((uint64_t)info.me_last_pgno + 1) * st.ms_psize,
		.used_bytes = pages * st.ms_psize,
		.map_bytes = info.me_mapsize,
	};
	pthread_mutex_lock(&ls->keeper.mu);
	out->readers = ls->watch.readers;
	out->oldest_reader_us = ls->watch.age_us;
	out->backups = ls->keeper.holds;
	pthread_mutex_unlock(&ls->keeper.mu);
	return S3_OK;
}
