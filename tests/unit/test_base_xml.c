/*
 * XML both ways: what the reader takes, what it refuses, what is written.
 */
#include "base/xml_read.h"
#include "base/xml_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int
on_object(void *ctx)
{
	buf_putc(ctx, '{');
	return 0;
}

static int
on_object_end(void *ctx, struct slice text)
{
	(void)text;
	buf_putc(ctx, '}');
	return 0;
}

static int
on_key(void *ctx, struct slice text)
{
	buf_printf(ctx, "<%.*s>", SLICE_ARG(text));
	return slice_eq_str(text, "stop") ? -1 : 0;
}

static const struct xml_rule rules[] = {
	{ "Delete/Object", on_object, on_object_end },
	{ "Delete/Object/Key", NULL, on_key },
};

/* What the rules saw; "!" behind it when the document was refused. */
static struct buf
seen_in(struct slice doc)
{
	struct buf seen = BUF_INIT;

	buf_puts(&seen, "");
	if (xml_read(doc, rules, ARRAY_LEN(rules), &seen) != 0)
		buf_putc(&seen, '!');
	return seen;
}

static const struct {
	const char *doc;
	const char *seen;
} docs[] = {
	{ "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object>"
	  "</Delete>",
	  "{<a>}{<b>}" },
	{ "<?xml version=\"1.0\"?>\n<Delete xmlns=\"http://s3/\">\n <Object>\n"
	  "  <Key>a</Key>\n </Object>\n</Delete>\n",
	  "{<a>}" },
	{ "<s:Delete xmlns:s='x'><s:Object><s:Key>a</s:Key></s:Object>"
	  "</s:Delete>",
	  "{<a>}" },
	{ "<Delete><Object><Key>&lt;&amp;&gt;&#228;<![CDATA[<x>]]></Key>"
	  "</Object></Delete>",
	  "{<<&>\xc3\xa4<x>>}" },
	{ "<Delete><Object><Key/></Object></Delete>", "{<>}" },
	{ "<Delete><Other><Key>a</Key></Other><Key>b</Key></Delete>", "" },
	{ "<Delete><Object><Other><Key>a</Key></Other></Object></Delete>",
	  "{}" },
	{ "<Delete/>", "" },
	/* refused */
	{ "", "!" },
	{ "<Other/>", "!" },
	{ "<Dele/>", "!" },
	{ "<Delete>", "!" },
	{ "<Delete/><Delete/>", "!" },
	{ "<Delete></Deleted>", "!" },
	{ "<Delete>&undefined;</Delete>", "!" },
	{ "<!DOCTYPE Delete [<!ENTITY a \"b\">]><Delete/>", "!" },
	{ "<!DOCTYPE Delete SYSTEM \"file:///etc/passwd\"><Delete/>", "!" },
	{ "<Delete>\xff</Delete>", "!" },
	{ "<Delete><Object><Key>a<b/>c</Key></Object></Delete>", "{!" },
	{ "<Delete><Object><Key>stop</Key></Object><Object/></Delete>",
	  "{<stop>!" },
};

static void
test_xml_read_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		struct buf seen = seen_in(slice_str(docs[i].doc));

		assert_string_equal(seen.p, docs[i].seen);
		buf_release(&seen);
	}
}

/* What no rule is about is refused, where xml_read() looks past it. */
static void
test_xml_read_strict_refuses_unknown_elements(void **state)
{
	static const struct {
		const char *doc;
		int rc;
	} rows[] = {
		{ "<Delete><Object><Key>a</Key></Object></Delete>", 0 },
		{ "<s:Delete xmlns:s='x'> <s:Object/> </s:Delete>", 0 },
		{ "<Delete><Object/><Other/></Delete>", -1 },
		{ "<Delete><Object><Other/></Object></Delete>", -1 },
		{ "<Delete><Objec/></Delete>", -1 },
		{ "<Delete><Key>a</Key></Delete>", -1 },
		{ "<Other/>", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf seen = BUF_INIT;

		assert_int_equal(xml_read_strict(slice_str(rows[i].doc), rules,
						 ARRAY_LEN(rules), &seen),
				 rows[i].rc);
		buf_release(&seen);
	}
}

static struct buf
repeated(const char *head, const char *body, int n, const char *tail)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, head);
	for (int i = 0; i < n; i++)
		buf_puts(&b, body);
	buf_puts(&b, tail);
	return b;
}

/* All rules begin with it: the root's name is not read. */
static void
test_xml_read_any_root(void **state)
{
	static const struct xml_rule any[] = { { "*/Key", NULL, on_key },
					       { "*/a/Key", NULL, on_key } };
	struct buf seen = BUF_INIT;

	(void)state;
	assert_int_equal(xml_read(SLICE("<x:Long><Key>1</Key><a><Key>2</Key>"
					"</a><b><Key>3</Key></b></x:Long>"),
				  any, ARRAY_LEN(any), &seen),
			 0);
	assert_string_equal(seen.p, "<1><2>");
	assert_int_equal(xml_read(SLICE("<x/>"), any, ARRAY_LEN(any), &seen),
			 0);
	assert_int_equal(xml_read(SLICE("<x>"), any, ARRAY_LEN(any), &seen),
			 -1);
	buf_release(&seen);
}

static void
test_xml_read_bounds(void **state)
{
	static const struct {
		const char *head, *body;
		int n;
		const char *tail, *seen;
	} bounds[] = {
		/* depth: Delete and 15 more; 16 more */
		{ "<Delete>", "<a>", 16, "", "!" },
		{ "<Delete><Object><Key>", "x", XML_TEXT_MAX + 1,
		  "</Key></Object></Delete>", "{!" },
		{ "<Delete><", "x", XML_PATH_MAX, "/></Delete>", "!" },
	};
	struct buf doc, seen;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		doc = repeated(bounds[i].head, bounds[i].body, bounds[i].n,
			       bounds[i].tail);
		seen = seen_in(buf_slice(&doc));
		assert_string_equal(seen.p, bounds[i].seen);
		buf_release(&doc);
		buf_release(&seen);
	}
	doc = repeated("<Delete><Object><Key>", "x", XML_TEXT_MAX,
		       "</Key></Object></Delete>");
	seen = seen_in(buf_slice(&doc));
	assert_int_equal(seen.n, XML_TEXT_MAX + 4);
	buf_release(&doc);
	buf_release(&seen);
	doc = repeated("<Delete>", "<Object/>", 2000, "</Delete>");
	seen = seen_in(buf_slice(&doc));
	assert_int_equal(seen.n, 4000);
	buf_release(&doc);
	buf_release(&seen);
}

static void
test_xml_write_reads_as_on_the_wire(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	xml_prolog(&b);
	xml_open_ns(&b, "R", XML_NS_S3);
	xml_open(&b, "C");
	xml_text(&b, "Key", SLICE("a<b>&\"'\x01\r\t\xc3\xa4\xe4.\xff"));
	xml_u64(&b, "Size", UINT64_MAX);
	xml_bool(&b, "IsTruncated", false);
	xml_close(&b, "C");
	xml_close(&b, "R");
	assert_string_equal(
	    b.p, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><C>"
		 "<Key>a&lt;b&gt;&amp;&quot;'&#x1;&#xd;\t\xc3\xa4"
		 "\xef\xbf\xbd.\xef\xbf\xbd</Key>"
		 "<Size>18446744073709551615</Size>"
		 "<IsTruncated>false</IsTruncated></C></R>");
	buf_release(&b);
}

static void
test_xml_written_text_is_read_back(void **state)
{
	const struct slice text = SLICE("<&>\"'\r\n\t ]]> \xe2\x82\xac");
	struct buf doc = BUF_INIT, seen, want = BUF_INIT;

	(void)state;
	xml_open(&doc, "Delete");
	xml_open(&doc, "Object");
	xml_text(&doc, "Key", text);
	xml_close(&doc, "Object");
	xml_close(&doc, "Delete");
	seen = seen_in(buf_slice(&doc));
	buf_printf(&want, "{<%.*s>}", SLICE_ARG(text));
	assert_string_equal(seen.p, want.p);
	buf_release(&doc);
	buf_release(&seen);
	buf_release(&want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xml_read_table),
		cmocka_unit_test(test_xml_read_strict_refuses_unknown_elements),
		cmocka_unit_test(test_xml_read_any_root),
		cmocka_unit_test(test_xml_read_bounds),
		cmocka_unit_test(test_xml_write_reads_as_on_the_wire),
		cmocka_unit_test(test_xml_written_text_is_read_back),
	};

	return cmocka_run_group_tests_name("base_xml", tests, NULL, NULL);
}
