/*
 * Changes of the s3 backend as intents and events: settled by the answer, or,
 * when none came, by what a scripted endpoint says is there.
 */
#include "tests/unit/s3_script.h"
#include "tests/unit/store_fixture.h"

#include "store/local/local.h"
#include "store/s3/settler.h"

#define HEAD_OK(more)                                                       \
	"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: Mon, 23 Nov 2026 "   \
	"12:00:00 GMT\r\nContent-Type: video/mp4\r\nx-amz-version-id: v9\r" \
	"\n" more "\r\n"
#define PLAIN(more)                                                       \
	"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: Mon, 23 Nov 2026 " \
	"12:00:00 GMT\r\n" more "\r\n"
#define MISSING(more) "HTTP/1.1 404 X\r\nContent-Length: 0\r\n" more "\r\n"
#define ETAG "8d777f385d3dfec8815d20f7496026dc"

/* The fixture's store becomes the journal of one at the scripted endpoint. */
static struct s3_store *
begin(struct fixture *f, const char *const *answers, size_t n)
{
	const struct store_s3_conf conf = { .journal = f->s,
					    .owner = "root-of-all" };

	return s3_of(script_open(conf, answers, n));
}

/* Closes both, and opens the journal alone. */
static void
end(struct fixture *f, struct s3_store *s, size_t requests)
{
	assert_int_equal(script.served, requests);
	store_close(&s->base);
	http_script_stop(&script);
	f->s = NULL;
	fixture_reopen(f);
}

static size_t
open_intents(struct store *journal)
{
	struct journal_intent *v;
	struct arena a;
	size_t n;

	arena_init(&a, 1 << 20);
	assert_int_equal(journal_intents(journal, 0, 100, &a, &v, &n), S3_OK);
	arena_release(&a);
	return n;
}

static struct store_event *
one_event(struct fixture *f)
{
	struct store_event *e;
	size_t n;

	assert_int_equal(store_events(f->s, 0, 100, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 1);
	return e;
}

static void
no_event(struct fixture *f)
{
	struct store_info info;

	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.last_seq, 0);
}

static const struct store_header mp4 = { { "content-type", 12 },
					 { "video/mp4", 9 } };

static const struct store_object expected = {
	.key = { "a b.mp4", 7 },
	.size = 4,
	.etag = ETAG,
	.headers = { &mp4, 1 },
};

static struct journal_intent
intend(struct s3_store *s, const struct store_object *o, const char *event)
{
	const struct store_note note = fixture_note(event);
	struct journal_intent i;

	assert_int_equal(s3_intend(s, BUCKET, o, &note, &i), S3_OK);
	assert_int_equal(open_intents(s->journal), 1);
	return i;
}

/* ---- answered ----------------------------------------------------------- */

static void
test_an_answer_makes_the_event(void **state)
{
	static const char *const none[] = { "" };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct journal_intent i = intend(s, &expected, "ObjectCreated:Put");
	struct store_object made = { .size = 4,
				     .etag = ETAG,
				     .version_id = "v1" };
	struct store_event *e;
	struct store_info info;

	assert_int_equal(s3_settle(s, &i, S3_OK, &made), S3_OK);
	assert_int_equal(made.seq, 1);
	assert_int_equal(store_info(&s->base, &info), S3_OK);
	assert_string_equal(made.epoch, info.epoch);
	assert_true(
	    info.objects == STORE_UNKNOWN && info.bytes == STORE_UNKNOWN &&
	    info.buckets == STORE_UNKNOWN && info.spare_bytes == UINT64_MAX);
	assert_int_equal(store_events_wait(&s->base, 0, 1000), S3_OK);
	assert_int_equal(store_events_ack(&s->base, 1), S3_OK);
	assert_int_equal(open_intents(s->journal), 0);
	end(f, s, 0);
	e = one_event(f);
	assert_string_equal(e->id, i.event.id);
	assert_true(slice_eq(e->bucket, BUCKET));
	assert_true(slice_eq_str(e->bucket_owner, "root-of-all"));
	assert_true(slice_eq_str(e->key, "a b.mp4"));
	assert_true(slice_eq_str(e->version_id, "v1"));
	assert_true(slice_eq_str(e->content_type, "video/mp4"));
	assert_true(slice_eq_str(e->etag, ETAG));
	assert_true(slice_eq_str(e->principal_id, "tester"));
	assert_int_equal(e->size, 4);
}

static void
test_a_refusal_makes_none(void **state)
{
	static const char *const none[] = { "" };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct journal_intent i = intend(s, &expected, "ObjectCreated:Put");

	assert_int_equal(s3_settle(s, &i, S3_ERR_PRECONDITION_FAILED, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	assert_int_equal(open_intents(s->journal), 0);
	end(f, s, 0);
	no_event(f);
}

static void
test_without_a_journal_there_are_no_events(void **state)
{
	struct store_s3_conf conf = { .signer.sign = script_sign_nothing,
				      .endpoint = "http://127.0.0.1:9" };
	char err[512];
	struct store *s = store_open_s3(&conf, err);
	const struct store_note note = fixture_note("ObjectCreated:Put");
	struct journal_intent i;
	struct store_info info;

	(void)state;
	assert_non_null(s);
	assert_int_equal(s3_intend(s3_of(s), BUCKET, &expected, &note, &i),
			 S3_OK);
	assert_int_equal(i.id, 0);
	assert_int_equal(
	    s3_settle(s3_of(s), &i, S3_ERR_SERVICE_UNAVAILABLE, NULL),
	    S3_ERR_SERVICE_UNAVAILABLE);
	assert_int_equal(store_info(s, &info), S3_ERR_NOT_IMPLEMENTED);
	store_close(s);
}

/* A removal's event says nothing of the object, a marker's its id. */
static void
test_removals_are_told_as_ever(void **state)
{
	static const struct {
		const char *named; /* version id asked for */
		struct store_object made;
		const char *event, *version, *etag;
	} cases[] = {
		{ "",
		  { .version_id = "" },
		  "ObjectRemoved:Delete",
		  "null",
		  "" },
		{ "",
		  { .version_id = "m1", .is_delete_marker = true },
		  "ObjectRemoved:DeleteMarkerCreated",
		  "m1",
		  "d41d8cd98f00b204e9800998ecf8427e" },
		{ "v3",
		  { .version_id = "v3", .is_delete_marker = true },
		  "ObjectRemoved:Delete",
		  "v3",
		  "" },
	};
	static const char *const none[] = { "" };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct store_event *e;
	size_t n;

	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct store_object o = { .key = SLICE("k") };
		struct store_object made = cases[k].made;
		struct journal_intent i;

		snprintf(o.version_id, sizeof(o.version_id), "%s",
			 cases[k].named);
		i = intend(s, &o, "ObjectRemoved:Delete");
		assert_int_equal(s3_settle(s, &i, S3_OK, &made), S3_OK);
	}
	end(f, s, 0);
	assert_int_equal(store_events(f->s, 0, 100, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, ARRAY_LEN(cases));
	for (size_t k = 0; k < n; k++) {
		assert_true(slice_eq_str(e[k].event_name, cases[k].event));
		assert_true(slice_eq_str(e[k].version_id, cases[k].version));
		assert_true(slice_eq_str(e[k].etag, cases[k].etag));
		assert_int_equal(e[k].size, 0);
	}
}

static void
test_a_repeated_completion_has_the_first_ones_event(void **state)
{
	static const char *const none[] = { "" };
	static const char *const uploads[] = { "u1", "u1", "u2", "u1" };
	static const uint64_t want[] = { 1, 1, 2, 1 };
	static const char event[] = "ObjectCreated:CompleteMultipartUpload";
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct store_object made;
	struct store_info info;

	for (size_t k = 0; k < ARRAY_LEN(uploads); k++) {
		struct journal_intent i = intend(s, &expected, event);

		made = (struct store_object){ .size = 4, .etag = ETAG };
		assert_int_equal(
		    s3_told_settle(s, slice_str(uploads[k]), &i, S3_OK, &made),
		    S3_OK);
		assert_int_equal(made.seq, want[k]);
		assert_int_equal(strlen(made.epoch), 36);
		assert_int_equal(open_intents(s->journal), 0);
	}
	made.seq = 0;
	s3_told_look(s->told, SLICE("u2"), &made);
	assert_int_equal(made.seq, 2);
	s3_told_look(s->told, SLICE("u3"), &made);
	assert_int_equal(made.seq, 2);
	assert_int_equal(store_info(&s->base, &info), S3_OK);
	assert_int_equal(info.last_seq, 2);
	end(f, s, 0);
}

/* ---- no answer ---------------------------------------------------------- */

struct sighting {
	const char *answer; /* to the HEAD */
	const char *event;
	const char *etag; /* expected, or a checksum; "": not known */
	enum s3_sight sight;
};

#define NEW "Last-Modified: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
#define OLD "Last-Modified: Mon, 23 Nov 2026 11:59:00 GMT\r\n"
#define OURS "ETag: \"" ETAG "\"\r\n"
#define OTHER "ETag: \"11111111111111111111111111111111\"\r\n"
#define THIRD "22222222222222222222222222222222"
#define SUMMED "x-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n"
#define SUM "6:rosUhgp5mIg="
#define LONGER                                                            \
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Mon, 23 Nov 2026 " \
	"12:00:00 GMT\r\n"

/* Their clock is far from ours: times count by the Date of the answer. */
static void
test_what_is_there_decides(void **state)
{
	static const struct sighting cases[] = {
		{ HEAD_OK(OURS NEW), "ObjectCreated:Put", ETAG, S3_SEEN },
		{ PLAIN(OURS OLD), "ObjectCreated:Put", ETAG, S3_LIKELY },
		{ PLAIN(OTHER NEW), "ObjectCreated:Put", ETAG, S3_LIKELY },
		{ PLAIN(OTHER OLD), "ObjectCreated:Put", ETAG, S3_NOT_SEEN },
		{ LONGER OTHER NEW "\r\n", "ObjectCreated:Put", ETAG,
		  S3_NOT_SEEN },
		{ PLAIN(OTHER NEW), "ObjectCreated:Copy", "", S3_LIKELY },
		{ PLAIN(OTHER OLD), "ObjectCreated:Copy", "", S3_NOT_SEEN },
		{ HEAD_OK(OTHER NEW SUMMED), "ObjectCreated:Put", SUM,
		  S3_SEEN },
		{ PLAIN(OTHER OLD SUMMED), "ObjectCreated:Put", SUM,
		  S3_LIKELY },
		{ PLAIN(OTHER NEW SUMMED), "ObjectCreated:Put",
		  "6:rosUhgp5mIk=", S3_NOT_SEEN },
		/* another algorithm, of parts, none: size and time */
		{ PLAIN(OTHER NEW SUMMED), "ObjectCreated:Put",
		  "5:rosUhg==", S3_LIKELY },
		{ PLAIN(OTHER OLD SUMMED), "ObjectCreated:Put",
		  "5:rosUhg==", S3_NOT_SEEN },
		{ PLAIN(OTHER NEW SUMMED "x-amz-checksum-type: COMPOSITE\r\n"),
		  "ObjectCreated:Put", SUM, S3_LIKELY },
		{ PLAIN(OTHER NEW), "ObjectCreated:Put", SUM, S3_LIKELY },
		{ PLAIN(OTHER OLD), "ObjectCreated:Put", SUM, S3_NOT_SEEN },
		{ MISSING(""), "ObjectCreated:Put", SUM, S3_NOT_SEEN },
		{ MISSING(""), "ObjectCreated:Put", ETAG, S3_NOT_SEEN },
		{ MISSING(""), "ObjectRemoved:Delete", "", S3_SEEN },
		{ MISSING("x-amz-delete-marker: true\r\n"),
		  "ObjectRemoved:Delete", "", S3_SEEN },
		{ HEAD_OK(OTHER OLD), "ObjectRemoved:Delete", "", S3_NOT_SEEN },
		{ HEAD_OK(OTHER OLD), "ObjectTagging:Put", "", S3_LIKELY },
		{ "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
		  "ObjectCreated:Put", ETAG, S3_UNCLEAR },
		{ "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
		  "ObjectRemoved:Delete", "", S3_UNCLEAR },
	};
	const char *answers[ARRAY_LEN(cases)];
	struct fixture *f = *state;
	struct s3_store *s;

	for (size_t k = 0; k < ARRAY_LEN(cases); k++)
		answers[k] = cases[k].answer;
	s = begin(f, answers, ARRAY_LEN(cases));
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct journal_intent i = {
			.id = 1,
			.event = { .event_name = slice_str(cases[k].event),
				   .bucket = BUCKET,
				   .key = SLICE("a b"),
				   .size = 4,
				   .time_us = time_now_us(),
				   .etag = slice_str(cases[k].etag) }
		};
		struct store_object seen;

		if (s3_look(s, &i, &f->a, &seen) != cases[k].sight)
			fail_msg("case %zu", k);
		assert_true(asked(k, "HEAD /videos/a%20b HTTP/1.1\r\n"));
		assert_true(asked(k, "x-amz-checksum-mode: ENABLED\r\n"));
		assert_true(seen.is_delete_marker ==
			    (strstr(cases[k].answer, "marker") != NULL));
	}
	end(f, s, ARRAY_LEN(cases));
}

/* In a versioned bucket it is there still. */
#define VERSION(key, id, etag, at)                                            \
	"<Version><Key>" key "</Key><VersionId>" id                           \
	"</VersionId><IsLatest>false</IsLatest><LastModified>2026-11-23T" at  \
	".000Z</LastModified><ETag>&quot;" etag "&quot;</ETag><Size>4</Size>" \
	"</Version>"
static void
test_what_newer_versions_hide_is_found(void **state)
{
	static const char list[] =
	    "<ListVersionsResult><IsTruncated>false</IsTruncated>" VERSION(
		"k", "v9", "11111111111111111111111111111111",
		"11:59:00") VERSION("k", "v8", ETAG, "12:00:00")
		VERSION("k2", "v7", ETAG, "12:00:00") "</ListVersionsResult>";
	static const struct {
		const char *etag, *version, *head;
		uint64_t size;
		enum s3_sight sight;
	} cases[] = {
		{ ETAG, "v8", HEAD_OK(OTHER OLD), 4, S3_SEEN },
		{ ETAG, "v8", HEAD_OK(OTHER NEW), 4, S3_SEEN },
		{ THIRD, "v9", HEAD_OK(OTHER NEW), 4, S3_LIKELY },
		{ THIRD, "v8", HEAD_OK(OTHER OLD), 4, S3_LIKELY },
		{ THIRD, "", HEAD_OK(OTHER OLD), 5, S3_NOT_SEEN },
	};
	struct buf page = BUF_INIT;
	const char *answers[2 * ARRAY_LEN(cases)];
	struct fixture *f = *state;
	struct s3_store *s;

	buf_printf(&page, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		   sizeof(list) - 1, list);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		answers[2 * k] = cases[k].head;
		answers[2 * k + 1] = page.p;
	}
	s = begin(f, answers, ARRAY_LEN(answers));
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct journal_intent i = {
			.id = 1,
			.event = { .event_name = SLICE("ObjectCreated:Put"),
				   .bucket = BUCKET,
				   .key = SLICE("k"),
				   .size = cases[k].size,
				   .time_us = time_now_us(),
				   .etag = slice_str(cases[k].etag) }
		};
		struct store_object seen;

		assert_int_equal(s3_look(s, &i, &f->a, &seen), cases[k].sight);
		assert_true(asked(2 * k + 1, "GET /videos/?"));
		assert_true(asked(2 * k + 1, "versions"));
		if (cases[k].sight != S3_NOT_SEEN)
			assert_string_equal(seen.version_id, cases[k].version);
	}
	end(f, s, ARRAY_LEN(answers));
	buf_release(&page);
}

/* Lists tell no checksums, so each version of that key is asked for. */
static void
test_what_newer_versions_hide_is_found_by_its_checksum(void **state)
{
	static const char list[] =
	    "<ListVersionsResult><IsTruncated>false</IsTruncated>" VERSION(
		"k", "v9", "11111111111111111111111111111111",
		"12:00:00") VERSION("k", "v8", ETAG, "11:58:00")
		VERSION("k2", "v7", ETAG, "12:00:00") "</ListVersionsResult>";
	const struct journal_intent i = { .id = 1,
					  .event = { .event_name = SLICE(
							 "ObjectCreated:Put"),
						     .bucket = BUCKET,
						     .key = SLICE("k"),
						     .size = 4,
						     .time_us = time_now_us(),
						     .etag = SLICE(SUM) } };
	struct buf page = BUF_INIT;
	const char *answers[4] = {
		HEAD_OK(OTHER OLD "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n"),
		NULL,
		HEAD_OK(OTHER NEW "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n"),
		HEAD_OK(OURS NEW SUMMED),
	};
	struct fixture *f = *state;
	struct store_object seen;
	struct s3_store *s;

	buf_printf(&page, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		   sizeof(list) - 1, list);
	answers[1] = page.p;
	s = begin(f, answers, 4);
	assert_int_equal(s3_look(s, &i, &f->a, &seen), S3_SEEN);
	assert_string_equal(seen.version_id, "v8");
	assert_string_equal(seen.etag, ETAG);
	assert_true(asked(3, "HEAD /videos/k?versionId=v8 HTTP/1.1\r\n"));
	end(f, s, 4);
	buf_release(&page);
}

static void
test_a_checksum_is_never_told_as_an_etag(void **state)
{
	static const char *const none[] = { "" };
	struct store_object summed = expected;
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct journal_intent i;

	snprintf(summed.etag, sizeof(summed.etag), SUM);
	i = intend(s, &summed, "ObjectCreated:Put");
	assert_int_equal(s3_settle(s, &i, S3_OK, NULL), S3_OK);
	end(f, s, 0);
	assert_int_equal(one_event(f)->etag.n, 0);
}

static void
test_a_lost_answer_is_asked_for(void **state)
{
	static const char *const answers[] = { HEAD_OK(OURS NEW) };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, answers, 1);
	struct journal_intent i = intend(s, &expected, "ObjectCreated:Put");
	struct store_object made = { 0 };

	assert_int_equal(s3_settle(s, &i, S3_ERR_SERVICE_UNAVAILABLE, &made),
			 S3_OK);
	assert_int_equal(made.seq, 1);
	assert_string_equal(made.etag, ETAG);
	assert_string_equal(made.version_id, "v9");
	end(f, s, 1);
	assert_true(slice_eq_str(one_event(f)->version_id, "v9"));
}

/* Of the same size and second, but not the bytes that were sent, or the same
 * bytes from before: the client must not believe that they are there. */
static void
test_what_is_only_alike_is_no_success(void **state)
{
	static const struct {
		const char *head, *event;
	} cases[] = {
		{ PLAIN(OTHER NEW), "ObjectCreated:Put" },
		{ PLAIN(OURS OLD), "ObjectCreated:Put" },
		{ PLAIN(OURS OLD), "ObjectTagging:Put" },
	};
	struct fixture *f = *state;

	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		const char *const answers[] = { cases[k].head, cases[k].head };
		struct s3_store *s = begin(f, answers, 2);
		struct journal_intent i = intend(s, &expected, cases[k].event);
		struct store_object made = { 0 };

		assert_int_equal(
		    s3_settle(s, &i, S3_ERR_SERVICE_UNAVAILABLE, &made),
		    S3_ERR_SERVICE_UNAVAILABLE);
		/* it may have happened all the same */
		assert_int_equal(store_events_wait(&s->base, k, 10000), S3_OK);
		assert_int_equal(open_intents(s->journal), 0);
		end(f, s, 2);
	}
}

/* A request may arrive after its caller gave up. */
static void
test_what_comes_late_is_told(void **state)
{
	static const char *const answers[] = { MISSING(""), MISSING(""),
					       HEAD_OK(OURS NEW) };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, answers, 3);
	struct journal_intent i = intend(s, &expected, "ObjectCreated:Put");

	assert_int_equal(s3_settle(s, &i, S3_ERR_INTERNAL_ERROR, NULL),
			 S3_ERR_INTERNAL_ERROR);
	assert_int_equal(open_intents(s->journal), 1);
	assert_int_equal(store_events_wait(&s->base, 0, 10000), S3_OK);
	assert_int_equal(open_intents(s->journal), 0);
	end(f, s, 3);
	assert_string_equal(one_event(f)->id, i.event.id);
}

/* ---- documents of buckets ------------------------------------------------ */

#define SAYS(status, code) \
	"!HTTP/1.1 " status " X\r\n\r\n<Error><Code>" code "</Code></Error>"
#define CANNOT SAYS("501", "NotImplemented")
#define UNSET SAYS("404", "NoSuchCORSConfiguration")
#define HEAD_BUCKET "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define NO_VERSIONS CANNOT

static void
expect_cors(struct s3_store *s, const char *document)
{
	struct slice doc;
	struct arena a;

	arena_init(&a, 1 << 20);
	assert_int_equal(
	    store_config_get(&s->base, BUCKET, STORE_CONFIG_CORS, &a, &doc),
	    S3_OK);
	assert_true(slice_eq_str(doc, document));
	arena_release(&a);
}

/* The endpoint has none, and could keep none. */
static void
test_rules_that_the_endpoint_cannot_keep_stay_here(void **state)
{
	static const char *const answers[] = {
		CANNOT, HEAD_BUCKET, NO_VERSIONS, /* they are put */
		UNSET,				  /* asked for */
		CANNOT, HEAD_BUCKET, NO_VERSIONS, /* deleted */
		UNSET,				  /* asked for */
	};
	struct fixture *f = *state;
	struct s3_store *s = begin(f, answers, ARRAY_LEN(answers));

	assert_int_equal(store_config_put(&s->base, BUCKET, STORE_CONFIG_CORS,
					  SLICE("<c/>")),
			 S3_OK);
	expect_cors(s, "<c/>");
	assert_int_equal(
	    store_config_put(&s->base, BUCKET, STORE_CONFIG_CORS, SLICE_EMPTY),
	    S3_OK);
	expect_cors(s, "");
	end(f, s, ARRAY_LEN(answers));
}

/* ---- at start ----------------------------------------------------------- */

/* The process ended between the change and its answer. */
static void
test_open_intents_are_settled_at_start(void **state)
{
	static const char *const none[] = { "" };
	static const char *const answers[] = { HEAD_OK(OURS NEW) };
	struct fixture *f = *state;
	struct s3_store *s = begin(f, none, 1);
	struct journal_intent i = intend(s, &expected, "ObjectCreated:Put");

	end(f, s, 0);
	s = begin(f, answers, 1);
	assert_int_equal(store_events_wait(&s->base, 0, 10000), S3_OK);
	assert_int_equal(open_intents(s->journal), 0);
	end(f, s, 1);
	assert_string_equal(one_event(f)->id, i.event.id);
}

static int
run_age(struct writer_op *op, struct writer_txn *t)
{
	struct buf row = BUF_INIT;
	struct store_event e = { .event_name = SLICE("ObjectCreated:Put"),
				 .bucket = BUCKET,
				 .key = SLICE("k"),
				 .etag = SLICE(ETAG),
				 .time_us =
				     time_now_us() - S3_INTENT_FINAL_US };
	const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	int rc;

	(void)op;
	record_event_encode(&row, &e);
	rc = local_row_put(t->ls, t->txn, TABLE_INTENTS, slice_mem(key, 8),
			   buf_slice(&row));
	buf_release(&row);
	return rc;
}

static void
test_an_old_one_that_is_not_there_ends(void **state)
{
	static const char *const answers[] = { MISSING("") };
	struct fixture *f = *state;
	struct writer_op op = { .run = run_age };
	struct s3_store *s;

	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	assert_int_equal(open_intents(f->s), 1);
	s = begin(f, answers, 1);
	for (int ms = 0; open_intents(s->journal) && ms < 10000; ms += 10)
		usleep(10000);
	assert_int_equal(open_intents(s->journal), 0);
	end(f, s, 1);
	no_event(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_an_answer_makes_the_event),
		STORE_TEST(test_a_refusal_makes_none),
		STORE_TEST(test_without_a_journal_there_are_no_events),
		STORE_TEST(test_removals_are_told_as_ever),
		STORE_TEST(test_a_repeated_completion_has_the_first_ones_event),
		STORE_TEST(test_what_is_there_decides),
		STORE_TEST(test_what_newer_versions_hide_is_found),
		STORE_TEST(
		    test_what_newer_versions_hide_is_found_by_its_checksum),
		STORE_TEST(test_a_checksum_is_never_told_as_an_etag),
		STORE_TEST(test_a_lost_answer_is_asked_for),
		STORE_TEST(test_what_is_only_alike_is_no_success),
		STORE_TEST(test_what_comes_late_is_told),
		STORE_TEST(test_rules_that_the_endpoint_cannot_keep_stay_here),
		STORE_TEST(test_open_intents_are_settled_at_start),
		STORE_TEST(test_an_old_one_that_is_not_there_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
