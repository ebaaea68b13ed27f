/*
 * Versioning as store/store.h promises it: what each state of a bucket does
 * with a put and a removal, what is found by which id, in which order, and
 * what the events tell.
 */
#include "tests/unit/store_fixture.h"

#include "store/local/version.h"

#include <pthread.h>

#define OK(call) assert_int_equal((call), S3_OK)
#define IS(err, call) assert_int_equal((call), S3_ERR_##err)

static const struct slice K = { "k", 1 };

static void
versioning(struct fixture *f, enum store_versioning v)
{
	OK(store_bucket_versioning(f->s, BUCKET, v));
}

/* A version id, kept by value. */
struct id {
	char text[STORE_VERSION_ID_MAX];
};

static struct id
put(struct fixture *f, struct slice key, struct slice body)
{
	struct store_put_req req = { .bucket = BUCKET,
				     .key = key,
				     .size = body.n,
				     .cond = STORE_COND_NONE };
	struct store_object o;
	struct id id;

	OK(fixture_put_req(f->s, &req, body, 65536, &o));
	memcpy(id.text, o.version_id, sizeof(id.text));
	return id;
}

static struct store_ref
ref(struct slice key, const char *version_id)
{
	return (struct store_ref){ BUCKET, key, slice_str(version_id) };
}

static struct store_removed
take_away(struct fixture *f, struct slice key, const char *version_id)
{
	struct store_ref r = ref(key, version_id);
	struct store_note note = fixture_note("unused");
	struct store_removed removed;

	OK(store_remove(f->s, &r, NULL, &note, &removed));
	return removed;
}

/* The error of a get; *o is filled as it fills it. */
static enum s3_error
get(struct fixture *f, struct slice key, const char *version_id,
    struct store_object *o)
{
	struct store_ref r = ref(key, version_id);

	return store_get(f->s, &r, NULL, &f->a, o, NULL);
}

static void
expect_body(struct fixture *f, struct slice key, const char *version_id,
	    const char *body)
{
	struct store_ref r = ref(key, version_id);
	struct store_object o;
	struct store_read *read;
	char got[64] = "";

	OK(store_get(f->s, &r, NULL, &f->a, &o, &read));
	assert_int_equal(o.size, strlen(body));
	OK(store_read_at(read, 0, got, o.size));
	assert_string_equal(got, body);
	store_read_close(read);
}

/* The versions of the bucket as "key=body-size id latest|marker" in a line;
 * ids other than null as #. */
static const char *
versions(struct fixture *f, char *out, size_t max)
{
	struct store_versions_req req = { .bucket = BUCKET, .max_keys = 1000 };
	struct store_versions_page page;
	size_t n = 0;

	out[0] = '\0';
	OK(store_list_versions(f->s, &req, &f->a, &page));
	assert_false(page.truncated);
	for (size_t i = 0; i < page.n; i++) {
		const struct store_object *o = &page.entries[i].object;
		bool null = strcmp(o->version_id, "null") == 0;

		n += (size_t)snprintf(
		    out + n, max - n, "%s%.*s:%s%s%s", i ? " " : "",
		    SLICE_ARG(page.entries[i].name), null ? "null" : "#",
		    o->is_delete_marker ? ",marker" : "",
		    o->is_latest ? ",latest" : "");
		assert_true(n < max);
	}
	return out;
}

#define EXPECT_VERSIONS(f, text)                                              \
	do {                                                                  \
		char line_[512];                                              \
		assert_string_equal(versions(f, line_, sizeof(line_)), text); \
	} while (0)

/* ---- states of a bucket ------------------------------------------------ */

static void
test_bucket_versioning_is_kept(void **state)
{
	struct fixture *f = *state;
	struct store_bucket b, *all;
	size_t n;

	OK(store_bucket_head(f->s, BUCKET, &f->a, &b));
	assert_int_equal(b.versioning, STORE_UNVERSIONED);
	IS(INVALID_ARGUMENT,
	   store_bucket_versioning(f->s, BUCKET, STORE_UNVERSIONED));
	IS(NO_SUCH_BUCKET, store_bucket_versioning(f->s, SLICE("absent"),
						   STORE_VERSIONING_ENABLED));
	versioning(f, STORE_VERSIONING_ENABLED);
	fixture_reopen(f);
	OK(store_bucket_head(f->s, BUCKET, &f->a, &b));
	assert_int_equal(b.versioning, STORE_VERSIONING_ENABLED);
	assert_true(slice_eq(b.owner, OWNER));
	assert_true(slice_eq_str(b.region, "us-east-1"));
	versioning(f, STORE_VERSIONING_SUSPENDED);
	OK(store_bucket_list(f->s, SLICE_EMPTY, &f->a, &all, &n));
	assert_int_equal(n, 1);
	/* An endpoint's list of buckets does not tell. */
	assert_int_equal(all[0].versioning, fixture_is_remote
						? STORE_UNVERSIONED
						: STORE_VERSIONING_SUSPENDED);
	OK(store_bucket_head(f->s, BUCKET, &f->a, &b));
	assert_int_equal(b.versioning, STORE_VERSIONING_SUSPENDED);
}

static void
test_unversioned_put_replaces(void **state)
{
	struct fixture *f = *state;
	struct store_removed r;
	struct store_object o;

	assert_string_equal(put(f, K, SLICE("one")).text, "null");
	assert_string_equal(put(f, K, SLICE("two")).text, "null");
	EXPECT_VERSIONS(f, "k:null,latest");
	expect_body(f, K, "null", "two");
	r = take_away(f, K, "");
	assert_true(r.existed);
	assert_false(r.is_marker);
	assert_string_equal(r.version_id, "");
	EXPECT_VERSIONS(f, "");
	assert_false(take_away(f, K, "").existed);
	IS(NO_SUCH_KEY, get(f, K, "", &o));
	IS(NO_SUCH_VERSION, get(f, K, "null", &o));
	put(f, K, SLICE("three"));
	r = take_away(f, K, "null");
	assert_true(r.existed);
	assert_string_equal(r.version_id, "null");
	EXPECT_VERSIONS(f, "");
}

static void
test_enabled_put_keeps_what_was(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id a, b;

	put(f, K, SLICE("zero"));
	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	b = put(f, K, SLICE("two"));
	assert_int_equal(strlen(a.text), 26);
	assert_true(strcmp(a.text, b.text) < 0);
	EXPECT_VERSIONS(f, "k:#,latest k:# k:null");
	expect_body(f, K, "", "two");
	expect_body(f, K, b.text, "two");
	expect_body(f, K, a.text, "one");
	expect_body(f, K, "null", "zero");
	OK(get(f, K, a.text, &o));
	assert_false(o.is_latest);
	assert_string_equal(o.version_id, a.text);
	OK(get(f, K, b.text, &o));
	/* Of a version that was named an endpoint does not say it. */
	assert_int_equal(o.is_latest, !fixture_is_remote);
	OK(get(f, K, "", &o));
	assert_true(o.is_latest);
	assert_string_equal(o.version_id, b.text);
}

static void
test_suspended_put_replaces_the_null_version_only(void **state)
{
	struct fixture *f = *state;
	struct store_removed r;
	struct id a, b;

	put(f, K, SLICE("zero"));
	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	versioning(f, STORE_VERSIONING_SUSPENDED);
	assert_string_equal(put(f, K, SLICE("two")).text, "null");
	EXPECT_VERSIONS(f, "k:null,latest k:#");
	versioning(f, STORE_VERSIONING_ENABLED);
	b = put(f, K, SLICE("three"));
	versioning(f, STORE_VERSIONING_SUSPENDED);
	put(f, K, SLICE("four"));
	EXPECT_VERSIONS(f, "k:null,latest k:# k:#");
	expect_body(f, K, "null", "four");
	/* A null marker takes the place of the null version. */
	r = take_away(f, K, "");
	assert_true(r.existed);
	assert_true(r.is_marker);
	assert_string_equal(r.version_id, "null");
	EXPECT_VERSIONS(f, "k:null,marker,latest k:# k:#");
	/* And goes when it is named. */
	r = take_away(f, K, "null");
	assert_true(r.existed);
	assert_true(r.is_marker);
	EXPECT_VERSIONS(f, "k:#,latest k:#");
	expect_body(f, K, "", "three");
	/* The record on top still names a null version that is gone. */
	assert_false(take_away(f, K, "null").existed);
	take_away(f, K, b.text);
	assert_false(take_away(f, K, "null").existed);
	expect_body(f, K, "", "one");
	take_away(f, K, a.text);
	EXPECT_VERSIONS(f, "");
}

/* ---- delete markers ---------------------------------------------------- */

static void
test_removal_hides_behind_a_marker(void **state)
{
	struct fixture *f = *state;
	struct store_list_req list = { .bucket = BUCKET, .max_keys = 10 };
	struct store_list_page page;
	struct store_removed r, again;
	struct store_object o;
	struct id a;

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	r = take_away(f, K, "");
	assert_true(r.existed);
	assert_true(r.is_marker);
	assert_int_equal(strlen(r.version_id), 26);
	EXPECT_VERSIONS(f, "k:#,marker,latest k:#");
	IS(NO_SUCH_KEY, get(f, K, "", &o));
	assert_true(o.is_delete_marker);
	assert_true(o.is_latest);
	assert_string_equal(o.version_id, r.version_id);
	assert_true(o.mtime_us > 0 || fixture_is_remote);
	IS(METHOD_NOT_ALLOWED, get(f, K, r.version_id, &o));
	assert_true(o.is_delete_marker);
	assert_string_equal(o.version_id, r.version_id);
	assert_true(o.mtime_us > 0);
	expect_body(f, K, a.text, "one");
	OK(store_list(f->s, &list, &f->a, &page));
	assert_int_equal(page.n, 0);
	/* One more marker, though there is nothing to hide. */
	again = take_away(f, K, "");
	assert_false(again.existed);
	assert_true(again.is_marker);
	assert_string_not_equal(again.version_id, r.version_id);
	EXPECT_VERSIONS(f, "k:#,marker,latest k:#,marker k:#");
	/* Without its markers the object is back. */
	take_away(f, K, again.version_id);
	IS(NO_SUCH_KEY, get(f, K, "", &o));
	r = take_away(f, K, r.version_id);
	assert_true(r.existed);
	assert_true(r.is_marker);
	expect_body(f, K, "", "one");
	OK(store_list(f->s, &list, &f->a, &page));
	assert_int_equal(page.n, 1);
}

static void
test_marker_is_made_for_a_key_that_never_was(void **state)
{
	struct fixture *f = *state;
	struct store_removed r;
	struct store_object o;

	versioning(f, STORE_VERSIONING_ENABLED);
	r = take_away(f, K, "");
	assert_false(r.existed);
	assert_true(r.is_marker);
	EXPECT_VERSIONS(f, "k:#,marker,latest");
	IS(NO_SUCH_KEY, get(f, K, "", &o));
	assert_true(o.is_delete_marker);
	IS(NO_SUCH_KEY, get(f, SLICE("other"), "", &o));
	assert_false(o.is_delete_marker);
}

static void
test_marker_counts_as_absent_for_conditions(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("unused");
	struct store_cond cond = STORE_COND_NONE;
	struct store_put_req req = {
		.bucket = BUCKET, .key = K, .size = 1, .cond = STORE_COND_NONE
	};
	struct store_ref r = ref(K, ""), old;
	struct store_removed removed;
	struct store_object o;
	struct id a;

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	OK(get(f, K, "", &o));
	take_away(f, K, "");
	req.cond.if_match = slice_str(o.etag);
	IS(NO_SUCH_KEY, fixture_put_req(f->s, &req, SLICE("2"), 1, NULL));
	if (!fixture_is_remote) { /* S3 takes an ETag only */
		req.cond.if_match = SLICE("*");
		IS(NO_SUCH_KEY,
		   fixture_put_req(f->s, &req, SLICE("2"), 1, NULL));
	}
	cond.if_match = SLICE("*");
	IS(NO_SUCH_KEY, store_remove(f->s, &r, &cond, &note, &removed));
	cond.if_match = SLICE("\"other\"");
	IS(NO_SUCH_KEY, store_remove(f->s, &r, &cond, &note, &removed));
	EXPECT_VERSIONS(f, "k:#,marker,latest k:#");
	/* The version named is the one the condition looks at. */
	old = ref(K, a.text);
	IS(PRECONDITION_FAILED,
	   store_remove(f->s, &old, &cond, &note, &removed));
	req.cond.if_match = SLICE_EMPTY;
	req.cond.if_none_match = SLICE("*");
	OK(fixture_put_req(f->s, &req, SLICE("2"), 1, NULL));
	IS(PRECONDITION_FAILED,
	   fixture_put_req(f->s, &req, SLICE("3"), 1, NULL));
	IS(PRECONDITION_FAILED, store_remove(f->s, &r, &cond, &note, &removed));
	cond.if_match = slice_str(o.etag);
	OK(store_remove(f->s, &old, &cond, &note, &removed));
	assert_true(removed.existed);
}

/* ---- ids --------------------------------------------------------------- */

static void
test_ids_that_none_can_be_are_refused(void **state)
{
	static const char *const bad[] = { "x", "Null", "0",
					   "80000000000000000000000000",
					   "0000000000000000000000000l" };
	struct fixture *f = *state;
	struct store_note note = fixture_note("unused");
	struct store_headers tags = { 0 };
	struct store_object o;
	struct id a;

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct store_ref r = ref(K, bad[i]);

		IS(INVALID_ARGUMENT, get(f, K, bad[i], &o));
		IS(INVALID_ARGUMENT, store_remove(f->s, &r, NULL, &note, NULL));
		IS(INVALID_ARGUMENT,
		   store_tags_put(f->s, &r, &tags, &note, NULL));
	}
	/* Right number, wrong random half: another id. */
	a.text[25] = a.text[25] == 'Z' ? 'Y' : 'Z';
	IS(NO_SUCH_VERSION, get(f, K, a.text, &o));
	assert_false(take_away(f, K, a.text).existed);
	IS(NO_SUCH_VERSION, get(f, K, "00000000000000000000000000", &o));
	IS(NO_SUCH_VERSION, get(f, SLICE("other"), a.text, &o));
	EXPECT_VERSIONS(f, "k:#,latest");
}

/* ---- lists ------------------------------------------------------------- */

/* One page of versions after a marker, as keys' version ids. */
static size_t
page_after(struct fixture *f, const char *version_marker, struct id *out)
{
	struct store_versions_req req = { .bucket = BUCKET,
					  .key_marker = K,
					  .version_marker =
					      slice_str(version_marker),
					  .max_keys = 10 };
	struct store_versions_page page;

	OK(store_list_versions(f->s, &req, &f->a, &page));
	for (size_t i = 0; i < page.n; i++)
		memcpy(out[i].text, page.entries[i].object.version_id,
		       sizeof(out[i].text));
	return page.n;
}

static void
test_list_goes_on_after_a_version_that_is_gone(void **state)
{
	struct fixture *f = *state;
	struct id a, c, got[10];

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("a"));
	versioning(f, STORE_VERSIONING_SUSPENDED);
	put(f, K, SLICE("b"));
	versioning(f, STORE_VERSIONING_ENABLED);
	c = put(f, K, SLICE("c"));
	assert_int_equal(page_after(f, "null", got), 1);
	assert_string_equal(got[0].text, a.text);
	/* An id says where it was; "null" does not: rather twice than never. */
	take_away(f, K, "null");
	assert_int_equal(page_after(f, "null", got), 2);
	assert_string_equal(got[0].text, c.text);
	take_away(f, K, c.text);
	assert_int_equal(page_after(f, c.text, got), 1);
	assert_string_equal(got[0].text, a.text);
	assert_int_equal(page_after(f, a.text, got), 0);
	assert_int_equal(page_after(f, "", got), 0);
	assert_int_equal(page_after(f, "00000000000000000000000000", got), 0);
}

static void
test_list_refuses_markers_that_none_can_be(void **state)
{
	struct fixture *f = *state;
	struct store_versions_req req = { .bucket = BUCKET,
					  .key_marker = K,
					  .version_marker = SLICE("nonsense"),
					  .max_keys = 10 };
	struct store_versions_page page;

	IS(INVALID_ARGUMENT, store_list_versions(f->s, &req, &f->a, &page));
	req.version_marker = SLICE("null");
	OK(store_list_versions(f->s, &req, &f->a, &page));
	req.key_marker = SLICE_EMPTY;
	IS(INVALID_ARGUMENT, store_list_versions(f->s, &req, &f->a, &page));
	req.version_marker = SLICE_EMPTY;
	req.max_keys = 1001;
	IS(INVALID_ARGUMENT, store_list_versions(f->s, &req, &f->a, &page));
	req.max_keys = 0;
	put(f, K, SLICE("x"));
	OK(store_list_versions(f->s, &req, &f->a, &page));
	assert_int_equal(page.n, 0);
	assert_false(page.truncated);
	req.bucket = SLICE("absent");
	IS(NO_SUCH_BUCKET, store_list_versions(f->s, &req, &f->a, &page));
}

static void
test_list_shows_no_prefix_of_what_is_hidden(void **state)
{
	struct fixture *f = *state;
	struct store_list_req req = { .bucket = BUCKET,
				      .delimiter = SLICE("/"),
				      .max_keys = 2 };
	struct store_versions_req all = { .bucket = BUCKET,
					  .delimiter = SLICE("/"),
					  .max_keys = 10 };
	struct store_versions_page versions_page;
	struct store_list_page page;

	versioning(f, STORE_VERSIONING_ENABLED);
	put(f, SLICE("a/1"), SLICE("x"));
	put(f, SLICE("a/2"), SLICE("x"));
	put(f, SLICE("b/1"), SLICE("x"));
	put(f, SLICE("b/2"), SLICE("x"));
	put(f, SLICE("c"), SLICE("x"));
	take_away(f, SLICE("a/1"), "");
	take_away(f, SLICE("a/2"), "");
	take_away(f, SLICE("b/1"), "");
	take_away(f, SLICE("d"), "");
	OK(store_list(f->s, &req, &f->a, &page));
	assert_int_equal(page.n, 2);
	assert_false(page.truncated); /* only a marker is left */
	assert_true(slice_eq_str(page.entries[0].name, "b/"));
	assert_true(slice_eq_str(page.entries[1].name, "c"));
	OK(store_list_versions(f->s, &all, &f->a, &versions_page));
	assert_int_equal(versions_page.n, 4);
	assert_true(slice_eq_str(versions_page.entries[0].name, "a/"));
	assert_true(versions_page.entries[3].object.is_delete_marker);
}

/* ---- the rest ---------------------------------------------------------- */

static void
test_bucket_with_any_version_is_not_empty(void **state)
{
	struct fixture *f = *state;
	struct store_removed r;
	struct id a;

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	r = take_away(f, K, "");
	IS(BUCKET_NOT_EMPTY, store_bucket_delete(f->s, BUCKET));
	take_away(f, K, a.text);
	IS(BUCKET_NOT_EMPTY, store_bucket_delete(f->s, BUCKET));
	take_away(f, K, r.version_id);
	OK(store_bucket_delete(f->s, BUCKET));
}

static void
test_events_name_versions(void **state)
{
	static const char *const names[] = {
		"ObjectCreated:Put",	"ObjectRemoved:DeleteMarkerCreated",
		"ObjectRemoved:Delete", "ObjectTagging:Put",
		"ObjectRemoved:Delete",
	};
	struct fixture *f = *state;
	struct store_note note = fixture_note("ObjectTagging:Put");
	struct store_headers tags = { 0 };
	struct store_event *e;
	struct store_removed r;
	struct store_ref named;
	struct id a;
	size_t n;

	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("one"));
	named = ref(K, a.text);
	r = take_away(f, K, "");
	take_away(f, K, r.version_id);
	OK(store_tags_put(f->s, &named, &tags, &note, NULL));
	take_away(f, K, a.text);
	take_away(f, K, a.text); /* nothing there: no event */
	OK(store_events(f->s, 0, 10, &f->a, &e, &n));
	assert_int_equal(n, ARRAY_LEN(names));
	for (size_t i = 0; i < n; i++) {
		bool of_marker = i == 1 || i == 2;

		assert_true(slice_eq_str(e[i].event_name, names[i]));
		assert_true(slice_eq_str(e[i].version_id,
					 of_marker ? r.version_id : a.text));
		assert_int_equal(e[i].size, i == 0 || i == 3 ? 3 : 0);
	}
	assert_true(
	    slice_eq_str(e[1].etag, "d41d8cd98f00b204e9800998ecf8427e"));
	assert_int_equal(e[2].etag.n, 0);
	assert_int_equal(e[4].etag.n, 0);
}

static void
test_remove_many_has_one_outcome_each(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("unused");
	struct store_removal v[] = {
		{ .key = SLICE("a"), .cond = STORE_COND_NONE },
		{ .key = SLICE_EMPTY, .cond = STORE_COND_NONE },
		{ .key = SLICE("absent"), .cond = STORE_COND_NONE },
		{ .key = SLICE("b"),
		  .version_id = SLICE("nonsense"),
		  .cond = STORE_COND_NONE },
		{ .key = SLICE("b"),
		  .cond = { .if_match = SLICE("\"x\""),
			    .if_modified_since_us = INT64_MIN,
			    .if_unmodified_since_us = INT64_MIN } },
		{ .key = SLICE("b"), .cond = STORE_COND_NONE },
		{ .key = SLICE("b"), .cond = STORE_COND_NONE },
	};
	/* Of many, an endpoint is not asked what was there: all that could be
	 * is taken for deleted, with its event. */
	const bool assumed = fixture_is_remote;
	const enum s3_error errs[] = { S3_OK,
				       S3_ERR_INVALID_ARGUMENT,
				       S3_OK,
				       fixture_is_remote
					   ? S3_ERR_NO_SUCH_VERSION
					   : S3_ERR_INVALID_ARGUMENT,
				       S3_ERR_PRECONDITION_FAILED,
				       S3_OK,
				       S3_OK };
	const bool existed[] = { true,	false, assumed, false,
				 false, true,  assumed };
	struct store_event *e;
	size_t n;

	put(f, SLICE("a"), SLICE("1"));
	put(f, SLICE("b"), SLICE("2"));
	OK(store_remove_many(f->s, BUCKET, v, ARRAY_LEN(v), &note));
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].err, errs[i]);
		assert_int_equal(v[i].removed.existed, existed[i]);
	}
	EXPECT_VERSIONS(f, "");
	OK(store_events(f->s, 2, 10, &f->a, &e, &n));
	assert_int_equal(n, assumed ? 4 : 2);
	IS(NO_SUCH_BUCKET,
	   store_remove_many(f->s, SLICE("absent"), v, 1, &note));
}

static void
test_remove_many_takes_a_thousand(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("unused");
	struct store_removal *v = calloc(1001, sizeof(*v));

	assert_non_null(v);
	for (size_t i = 0; i < 1001; i++) {
		v[i].key = arena_printf(&f->a, "key-%04zu", i);
		v[i].cond = (struct store_cond)STORE_COND_NONE;
		if (i % 10 == 0)
			put(f, v[i].key, SLICE("x"));
	}
	IS(INVALID_ARGUMENT, store_remove_many(f->s, BUCKET, v, 1001, &note));
	OK(store_remove_many(f->s, BUCKET, v, 1000, &note));
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(v[i].removed.existed,
				 fixture_is_remote || i % 10 == 0);
	fixture_expect_objects(f, 1);
	free(v);
}

static void
test_tags_are_replaced_in_place(void **state)
{
	struct fixture *f = *state;
	struct store_header one[] = { { SLICE("colour"), SLICE("red") } };
	struct store_header h[] = { { SLICE("content-type"), SLICE("a/b") } };
	struct store_put_req req = { .bucket = BUCKET,
				     .key = K,
				     .size = 50000,
				     .storage_class = SLICE("GLACIER"),
				     .headers = { h, 1 },
				     .tags = { one, 1 },
				     .cond = STORE_COND_NONE };
	struct store_note note = fixture_note("ObjectTagging:Put");
	struct store_header two[] = { { SLICE("colour"), SLICE("blue") },
				      { SLICE("size"), SLICE("") } };
	struct store_headers tags = { two, 2 };
	struct store_ref r = ref(K, ""), old;
	char *p = fixture_bytes(50000, 3);
	struct store_object was, now, out;

	versioning(f, STORE_VERSIONING_ENABLED);
	OK(fixture_put_req(f->s, &req, slice_mem(p, 50000), 50000, &was));
	OK(get(f, K, "", &now));
	assert_true(
	    slice_eq_str(store_headers_get(&now.tags, "colour"), "red"));
	OK(store_tags_put(f->s, &r, &tags, &note, &out));
	assert_string_equal(out.version_id, was.version_id);
	assert_true(out.is_latest);
	fixture_expect(f, K, slice_mem(p, 50000));
	OK(get(f, K, "", &now));
	assert_string_equal(now.etag, was.etag);
	fixture_same_time(now.mtime_us, was.mtime_us);
	assert_int_equal(now.seq, fixture_is_remote ? 0 : was.seq);
	assert_int_equal(now.tags.n, 2);
	assert_true(slice_eq_str(now.storage_class, "GLACIER"));
	assert_true(
	    slice_eq_str(store_headers_get(&now.tags, "colour"), "blue"));
	assert_true(slice_eq_str(
	    store_headers_get(&now.headers, "content-type"), "a/b"));
	/* Of an old version, with its bytes inside the record. */
	old = ref(K, put(f, K, SLICE("inline")).text);
	old.version_id = arena_copy(&f->a, old.version_id);
	put(f, K, SLICE("on top"));
	OK(store_tags_put(f->s, &old, &tags, &note, &out));
	assert_false(out.is_latest);
	expect_body(f, K, arena_cstr(&f->a, old.version_id), "inline");
	tags.n = 0;
	OK(store_tags_put(f->s, &old, &tags, &note, NULL));
	OK(get(f, K, arena_cstr(&f->a, old.version_id), &now));
	assert_int_equal(now.tags.n, 0);
	EXPECT_VERSIONS(f, "k:#,latest k:# k:#");
	/* Not of what is hidden. */
	take_away(f, K, "");
	IS(NO_SUCH_KEY, store_tags_put(f->s, &r, &tags, &note, &out));
	assert_true(out.is_delete_marker);
	r = ref(K, out.version_id);
	IS(METHOD_NOT_ALLOWED, store_tags_put(f->s, &r, &tags, &note, NULL));
	r = ref(SLICE("other"), "");
	IS(NO_SUCH_KEY, store_tags_put(f->s, &r, &tags, &note, NULL));
	free(p);
}

#define CORS_RULE                                    \
	"<CORSRule><AllowedOrigin>*</AllowedOrigin>" \
	"<AllowedMethod>GET</AllowedMethod></CORSRule>"
#define CORS "<CORSConfiguration>" CORS_RULE "</CORSConfiguration>"
#define TAG "<Tag><Key>stage</Key><Value>raw</Value></Tag>"
#define TAGS "<Tagging><TagSet>" TAG "</TagSet></Tagging>"

/* An endpoint may write the document in its own way. */
static void
expect_config(struct fixture *f, enum store_config which, const char *doc,
	      const char *heart)
{
	struct slice got;

	OK(store_config_get(f->s, BUCKET, which, &f->a, &got));
	assert_true(slice_find(got, slice_str(heart)) >= 0);
	if (!fixture_is_remote)
		assert_true(slice_eq_str(got, doc));
}

static void
expect_no_config(struct fixture *f, enum store_config which)
{
	struct slice got;

	OK(store_config_get(f->s, BUCKET, which, &f->a, &got));
	assert_int_equal(got.n, 0);
}

static void
test_config_documents_live_with_their_bucket(void **state)
{
	struct fixture *f = *state;
	char *big = fixture_bytes(STORE_CONFIG_BYTES_MAX + 1, 1);
	struct slice doc, max = { big, STORE_CONFIG_BYTES_MAX };

	for (int i = 0; i < STORE_CONFIG_COUNT; i++)
		expect_no_config(f, (enum store_config)i);
	OK(store_config_put(f->s, BUCKET, STORE_CONFIG_CORS, SLICE(CORS)));
	OK(store_config_put(f->s, BUCKET, STORE_CONFIG_TAGGING, SLICE(TAGS)));
	OK(store_config_put(f->s, BUCKET, STORE_CONFIG_NOTIFICATION, max));
	IS(INVALID_ARGUMENT,
	   store_config_put(f->s, BUCKET, STORE_CONFIG_CORS,
			    slice_mem(big, STORE_CONFIG_BYTES_MAX + 1)));
	fixture_reopen(f);
	expect_config(f, STORE_CONFIG_CORS, CORS,
		      "<AllowedOrigin>*</AllowedOrigin>");
	expect_config(f, STORE_CONFIG_TAGGING, TAGS, TAG);
	OK(store_config_get(f->s, BUCKET, STORE_CONFIG_NOTIFICATION, &f->a,
			    &doc));
	assert_true(slice_eq(doc, max));
	OK(store_config_put(f->s, BUCKET, STORE_CONFIG_CORS, SLICE_EMPTY));
	OK(store_config_put(f->s, BUCKET, STORE_CONFIG_CORS, SLICE_EMPTY));
	expect_no_config(f, STORE_CONFIG_CORS);
	for (int i = 0; i < STORE_CONFIG_COUNT; i++) {
		IS(NO_SUCH_BUCKET,
		   store_config_get(f->s, SLICE("absent"), (enum store_config)i,
				    &f->a, &doc));
		IS(NO_SUCH_BUCKET,
		   store_config_put(f->s, SLICE("absent"), (enum store_config)i,
				    SLICE(CORS)));
	}
	OK(store_bucket_delete(f->s, BUCKET));
	OK(store_bucket_create(f->s, BUCKET, OWNER, SLICE("")));
	for (int i = 0; i < STORE_CONFIG_COUNT; i++)
		expect_no_config(f, (enum store_config)i);
	free(big);
}

/* ---- races ------------------------------------------------------------- */

#define RACERS 8

struct racer {
	struct fixture *f;
	pthread_barrier_t *start;
	unsigned won;
	bool broken;
};

/* Puts if absent, and removes what it won: with delete markers in between. */
static void *
race(void *arg)
{
	struct racer *me = arg;
	struct store_note note = fixture_note("unused");
	struct store_put_req req = {
		.bucket = BUCKET, .key = K, .size = 1, .cond = STORE_COND_NONE
	};
	struct store_ref r = ref(K, "");

	req.cond.if_none_match = SLICE("*");
	pthread_barrier_wait(me->start);
	for (int i = 0; i < 40; i++) {
		enum s3_error err =
		    fixture_put_req(me->f->s, &req, SLICE("x"), 1, NULL);
		struct store_removed removed;

		if (err == S3_ERR_PRECONDITION_FAILED)
			continue;
		me->won++;
		/* Nobody else may have removed it, or put another. */
		if (err != S3_OK ||
		    store_remove(me->f->s, &r, NULL, &note, &removed) !=
			S3_OK ||
		    !removed.existed)
			me->broken = true;
	}
	return NULL;
}

static void
test_one_of_racing_puts_wins_over_a_marker(void **state)
{
	struct fixture *f = *state;
	pthread_barrier_t start;
	struct racer r[RACERS];
	pthread_t t[RACERS];
	struct store_versions_req req = { .bucket = BUCKET, .max_keys = 1000 };
	struct store_versions_page page;
	unsigned won = 0;

	versioning(f, STORE_VERSIONING_ENABLED);
	pthread_barrier_init(&start, NULL, RACERS);
	for (unsigned i = 0; i < RACERS; i++) {
		r[i] = (struct racer){ .f = f, .start = &start };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		pthread_join(t[i], NULL);
		assert_false(r[i].broken);
		won += r[i].won;
	}
	pthread_barrier_destroy(&start);
	assert_true(won >= 1);
	/* Objects and markers in turn, a marker last. */
	OK(store_list_versions(f->s, &req, &f->a, &page));
	assert_int_equal(page.n, 2 * won);
	for (size_t i = 0; i < page.n; i++)
		assert_int_equal(page.entries[i].object.is_delete_marker,
				 i % 2 == 0);
}

/* ---- of a local store alone --------------------------------------------- */

#ifndef FIXTURE_S3
/* Its clock and its counters. */

static int
run_clock_ahead(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	t->state->version_clock += 3600ull * 1000 << 20;
	return 0;
}

/* As if the clock had been an hour ahead and was set back. */
static void
test_order_survives_a_clock_that_steps_back(void **state)
{
	struct fixture *f = *state;
	struct writer_op op = { .run = run_clock_ahead };
	struct id last = { "" };
	char body[16];

	versioning(f, STORE_VERSIONING_ENABLED);
	for (int i = 0; i < 20; i++) {
		struct id now;

		if (i == 5)
			OK(writer_run(local_of(f->s), &op));
		if (i == 12)
			fixture_reopen(f);
		snprintf(body, sizeof(body), "%d", i);
		now = put(f, K, slice_str(body));
		assert_true(strcmp(last.text, now.text) < 0);
		expect_body(f, K, "", body);
		last = now;
	}
}

static void
test_counters_count_versions_but_no_markers(void **state)
{
	struct fixture *f = *state;
	struct store_info info;
	struct store_removed r;
	struct id a;

	put(f, K, SLICE("1"));
	versioning(f, STORE_VERSIONING_ENABLED);
	a = put(f, K, SLICE("22"));
	r = take_away(f, K, "");
	OK(store_info(f->s, &info));
	assert_int_equal(info.objects, 2);
	assert_int_equal(info.bytes, 3);
	take_away(f, K, a.text);
	take_away(f, K, r.version_id);
	OK(store_info(f->s, &info));
	assert_int_equal(info.objects, 1);
	assert_int_equal(info.bytes, 1);
	versioning(f, STORE_VERSIONING_SUSPENDED);
	take_away(f, K, "");
	OK(store_info(f->s, &info));
	assert_int_equal(info.objects, 0);
	assert_int_equal(info.bytes, 0);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_bucket_versioning_is_kept),
		STORE_TEST(test_unversioned_put_replaces),
		STORE_TEST(test_enabled_put_keeps_what_was),
		STORE_TEST(test_suspended_put_replaces_the_null_version_only),
		STORE_TEST(test_removal_hides_behind_a_marker),
		STORE_TEST(test_marker_is_made_for_a_key_that_never_was),
		STORE_TEST(test_marker_counts_as_absent_for_conditions),
		STORE_TEST(test_ids_that_none_can_be_are_refused),
		STORE_TEST(test_list_goes_on_after_a_version_that_is_gone),
		STORE_TEST(test_list_refuses_markers_that_none_can_be),
		STORE_TEST(test_list_shows_no_prefix_of_what_is_hidden),
		STORE_TEST(test_bucket_with_any_version_is_not_empty),
		STORE_TEST(test_events_name_versions),
		STORE_TEST(test_remove_many_has_one_outcome_each),
		STORE_TEST(test_remove_many_takes_a_thousand),
		STORE_TEST(test_tags_are_replaced_in_place),
		STORE_TEST(test_config_documents_live_with_their_bucket),
		STORE_TEST(test_one_of_racing_puts_wins_over_a_marker),
#ifndef FIXTURE_S3
		STORE_TEST(test_order_survives_a_clock_that_steps_back),
		STORE_TEST(test_counters_count_versions_but_no_markers),
#endif
	};

	return cmocka_run_group_tests_name("store_versions", tests, NULL, NULL);
}
