/*
 * Uploads, copies, reads and removals at the same time, with a keeper that
 * reclaims at once: one of racing completions makes the object, no completion
 * takes a part it was not asked for, no read sees bytes that are not its own.
 */
#include "tests/unit/store_multipart.h"

#include "base/timeval.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 6

/* ---- completions -------------------------------------------------------- */

struct racer {
	struct fixture *f;
	const struct store_complete_req *req;
	struct store_complete_result res;
	enum s3_error err;
};

static void *
race(void *arg)
{
	struct racer *r = arg;

	r->err = store_upload_complete(r->f->s, r->req, &r->res);
	return NULL;
}

static void
test_racing_completions_make_one_object(void **state)
{
	struct fixture *f = *state;
	struct sent p = { .number = 1, .body = SLICE("abc") };
	struct store_complete_part part;
	struct store_complete_req req;
	struct racer r[THREADS];
	pthread_t t[THREADS];
	char id[STORE_UPLOAD_ID_MAX];
	struct store_info info;

	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	name_parts(&p, 1, &part);
	req = complete_req(id, &part, 1);
	for (size_t i = 0; i < THREADS; i++) {
		r[i] = (struct racer){ .f = f, .req = &req };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(r[i].err, S3_OK);
		assert_int_equal(r[i].res.object.seq, r[0].res.object.seq);
		assert_string_equal(r[i].res.object.etag, r[0].res.object.etag);
	}
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.last_seq, 1);
	assert_int_equal(info.objects, 1);
}

struct replacer {
	struct fixture *f;
	const char *id;
	_Atomic bool stop;
};

/* Sends part 1 again and again, in turn with either of two contents. */
static void *
replace(void *arg)
{
	struct replacer *r = arg;
	struct store_part_ref ref = {
		BUCKET, KEY, slice_str(r->id), 1, 0, NULL
	};
	char md5[33];

	for (int i = 0; !r->stop; i++)
		(void)try_part(r->f->s, &ref,
			       i % 2 ? SLICE("yes") : SLICE("no"), md5);
	return NULL;
}

static void
test_completion_never_takes_a_part_it_did_not_name(void **state)
{
	struct fixture *f = *state;
	unsigned made = 0, refused = 0;

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	for (int round = 0; round < 60; round++) {
		struct sent p = { .number = 1, .body = SLICE("yes") };
		struct store_complete_part part;
		struct store_complete_result res;
		struct store_complete_req req;
		char id[STORE_UPLOAD_ID_MAX];
		struct replacer r = { .f = f, .id = id };
		enum s3_error err;
		pthread_t t;

		create(f, id);
		assert_int_equal(send_part(f, id, &p), S3_OK);
		name_parts(&p, 1, &part);
		req = complete_req(id, &part, 1);
		assert_int_equal(pthread_create(&t, NULL, replace, &r), 0);
		usleep(200);
		err = store_upload_complete(f->s, &req, &res);
		r.stop = true;
		pthread_join(t, NULL);
		if (err == S3_OK) {
			expect_bytes(f, SLICE("yes"));
			made++;
		} else {
			assert_true(err == S3_ERR_INVALID_PART ||
				    err == S3_ERR_OPERATION_ABORTED);
			assert_int_equal(store_upload_abort(f->s, BUCKET, KEY,
							    slice_str(id)),
					 S3_OK);
			refused++;
		}
	}
	print_message("%u made, %u refused\n", made, refused);
	assert_true(made > 0);
}

/* ---- everything --------------------------------------------------------- */

#define TAIL 3000u

struct crowd {
	struct fixture *f;
	struct slice source; /* 5 MiB at "source" */
	uint64_t source_seq;
	char source_md5[33];
	_Atomic bool stop;
	atomic_uint made, read, copied, wrong;
};

/* KEY becomes the source and a tail of equal bytes: two pieces. */
static void *
maker(void *arg)
{
	struct crowd *c = arg;
	struct store_upload_req up = { .bucket = BUCKET,
				       .key = KEY,
				       .initiator = OWNER };
	char tail[TAIL];

	for (unsigned i = 0; !c->stop; i++) {
		char id[STORE_UPLOAD_ID_MAX], md5[33];
		struct store_part_ref ref = { BUCKET, KEY, SLICE_EMPTY,
					      2,      0,   NULL };
		struct store_part_copy_req copy = {
			.part = { BUCKET, KEY, SLICE_EMPTY, 1, 0, NULL },
			.source = STORE_REF(BUCKET, SLICE("source")),
			.source_seq = c->source_seq,
			.size = c->source.n,
			.etag = slice_str(c->source_md5)
		};
		struct store_complete_part parts[2] = {
			{ .number = 1, .etag = slice_str(c->source_md5) },
			{ .number = 2 }
		};
		struct store_complete_result res;
		struct store_complete_req req;
		struct store_part part;

		memset(tail, (int)('a' + i % 26), sizeof(tail));
		if (store_upload_create(c->f->s, &up, id) != S3_OK)
			c->wrong++;
		ref.upload_id = copy.part.upload_id = slice_str(id);
		if (store_part_copy(c->f->s, &copy, &part) != S3_OK ||
		    try_part(c->f->s, &ref, slice_mem(tail, TAIL), md5) !=
			S3_OK)
			c->wrong++;
		parts[1].etag = slice_str(md5);
		req = complete_req(id, parts, 2);
		if (store_upload_complete(c->f->s, &req, &res) == S3_OK)
			c->made++;
		else
			c->wrong++;
	}
	return NULL;
}

static bool
looks_right(struct crowd *c, struct store_read *r)
{
	char tail[TAIL], head[512];

	if (store_read_at(r, 12345, head, sizeof(head)) != S3_OK ||
	    memcmp(head, c->source.p + 12345, sizeof(head)) != 0)
		return false;
	usleep(2000); /* the object and its bytes may go */
	if (store_read_at(r, c->source.n, tail, TAIL) != S3_OK)
		return false;
	for (size_t i = 1; i < TAIL; i++)
		if (tail[i] != tail[0])
			return false;
	return true;
}

static void *
reader(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; !c->stop; i++) {
		struct slice key = i % 2 ? KEY : SLICE("copy");
		struct store_object o;
		struct store_read *r;
		struct arena a;
		enum s3_error err;

		arena_init(&a, 1 << 20);
		err = store_get(c->f->s, &STORE_REF(BUCKET, key), NULL, &a, &o,
				&r);
		if (err == S3_OK) {
			if (!looks_right(c, r))
				c->wrong++;
			store_read_close(r);
			c->read++;
		} else if (err != S3_ERR_NO_SUCH_KEY) {
			c->wrong++;
		}
		arena_release(&a);
	}
	return NULL;
}

static void *
copier(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; !c->stop; i++) {
		struct store_copy_req req = {
			.source = STORE_REF(BUCKET, KEY),
			.bucket = BUCKET,
			.key = SLICE("copy"),
			.cond = STORE_COND_NONE,
			.note = fixture_note("copy"),
			.rename = i % 3 == 0,
		};
		struct store_object o;
		struct arena a;
		enum s3_error err;

		arena_init(&a, 1 << 20);
		if (store_get(c->f->s, &req.source, NULL, &a, &o, NULL) ==
		    S3_OK) {
			req.source_seq = o.seq;
			err = store_copy(c->f->s, &req, NULL);
			if (err == S3_OK)
				c->copied++;
			else if (err != S3_ERR_OPERATION_ABORTED &&
				 err != S3_ERR_NO_SUCH_KEY)
				c->wrong++;
		}
		arena_release(&a);
	}
	return NULL;
}

static void *
remover(void *arg)
{
	struct crowd *c = arg;
	struct store_note note = fixture_note("x");

	for (unsigned i = 0; !c->stop; i++) {
		if (store_remove(
			c->f->s,
			&STORE_REF(BUCKET, i % 2 ? KEY : SLICE("copy")), NULL,
			&note, NULL) != S3_OK)
			c->wrong++;
		usleep(500);
	}
	return NULL;
}

static void
test_all_at_once(void **state)
{
	void *(*const roles[])(void *) = { maker,  maker,  reader,
					   reader, copier, remover };
	struct fixture *f = *state;
	struct store_note note = fixture_note("x");
	struct crowd c = { .f = f };
	char *bytes = fixture_bytes(5 * MIB, 1);
	struct store_object o;
	pthread_t t[ARRAY_LEN(roles)];

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	c.source = slice_mem(bytes, 5 * MIB);
	fixture_md5(bytes, 5 * MIB, c.source_md5);
	assert_int_equal(fixture_put(f->s, SLICE("source"), c.source), S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("source")),
				   NULL, &f->a, &o, NULL),
			 S3_OK);
	c.source_seq = o.seq;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		assert_int_equal(pthread_create(&t[i], NULL, roles[i], &c), 0);
	for (int ms = 0;
	     ms < 1500 || (ms < 30000 && !(c.made && c.read && c.copied)); ms++)
		usleep(1000);
	c.stop = true;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		pthread_join(t[i], NULL);
	print_message("%u made, %u read, %u copied\n", c.made, c.read,
		      c.copied);
	assert_int_equal(c.wrong, 0);
	assert_true(c.made && c.read && c.copied);
	expect_sound(f);
	assert_int_equal(
	    store_remove(f->s, &STORE_REF(BUCKET, KEY), NULL, &note, NULL),
	    S3_OK);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("copy")),
				      NULL, &note, NULL),
			 S3_OK);
	for (int i = 0; i < 5000 && fixture_blobs(f) > 1; i++)
		usleep(1000);
	assert_int_equal(fixture_blobs(f), 1);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SOUND_TEST(test_racing_completions_make_one_object),
		SOUND_TEST(test_completion_never_takes_a_part_it_did_not_name),
		SOUND_TEST(test_all_at_once),
	};

	return cmocka_run_group_tests_name("store_upload_races", tests, NULL,
					   NULL);
}
