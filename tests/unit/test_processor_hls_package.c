/*
 * What a worker says of renditions, and the playlists that follow from it.
 */
#include "processor/hls_package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define VIDEO                                                             \
	"{\"file\":\"hls-0.mp4\",\"width\":640,\"height\":360,"           \
	"\"frame_rate\":30,\"copied\":false,\"codecs\":\"avc1.64001e\","  \
	"\"header\":700,\"bytes\":[100000,50000,800],\"durations\":[4,4," \
	"0.5]}"
#define LOWER                                                            \
	"{\"file\":\"hls-1.mp4\",\"width\":320,\"height\":180,"          \
	"\"frame_rate\":null,\"codecs\":\"avc1.42c00d\",\"header\":600," \
	"\"bytes\":[40000,20000,300]}"
#define AUDIO                                                           \
	"{\"file\":\"hls-audio.mp4\",\"channels\":2,"                   \
	"\"codecs\":\"mp4a.40.2\",\"header\":500,\"bytes\":[8000,8000," \
	"1000],\"durations\":[4.01,3.99,0.5]}"

static int
check(const char *text, struct hls_package *p, cJSON **doc)
{
	const char *why = "";

	*doc = json_parse(slice_str(text));
	assert_non_null(*doc);
	return hls_check(*doc, p, &why);
}

static void
test_hls_playlist_of_a_track(void **state)
{
	struct hls_package p;
	struct buf b = BUF_INIT;
	cJSON *doc;

	(void)state;
	assert_int_equal(
	    check("{\"video\":[" VIDEO "],\"audio\":null}", &p, &doc), 0);
	assert_int_equal(p.video[0].size, 700 + 150800);
	hls_put_playlist(&b, &p.video[0]);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "#EXTM3U\n"
				 "#EXT-X-VERSION:7\n"
				 "#EXT-X-TARGETDURATION:4\n"
				 "#EXT-X-MEDIA-SEQUENCE:0\n"
				 "#EXT-X-PLAYLIST-TYPE:VOD\n"
				 "#EXT-X-INDEPENDENT-SEGMENTS\n"
				 "#EXT-X-MAP:URI=\"hls-0.mp4\","
				 "BYTERANGE=\"700@0\"\n"
				 "#EXTINF:4.000000,\n"
				 "#EXT-X-BYTERANGE:100000@700\n"
				 "hls-0.mp4\n"
				 "#EXTINF:4.000000,\n"
				 "#EXT-X-BYTERANGE:50000@100700\n"
				 "hls-0.mp4\n"
				 "#EXTINF:0.500000,\n"
				 "#EXT-X-BYTERANGE:800@150700\n"
				 "hls-0.mp4\n"
				 "#EXT-X-ENDLIST\n");
	buf_release(&b);
	cJSON_Delete(doc);
}

static void
test_hls_master(void **state)
{
	struct hls_package p;
	struct buf b = BUF_INIT;
	cJSON *doc;

	(void)state;
	assert_int_equal(check("{\"video\":[" VIDEO "," LOWER
			       "],\"audio\":" AUDIO "}",
			       &p, &doc),
			 0);
	hls_put_master(&b, &p);
	/* 200000 + 15960 bits a second at most; over 8.5 s 157930 */
	assert_string_equal(
	    b.p, "#EXTM3U\n"
		 "#EXT-X-VERSION:7\n"
		 "#EXT-X-INDEPENDENT-SEGMENTS\n"
		 "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\","
		 "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\","
		 "URI=\"hls-audio.m3u8\"\n"
		 "#EXT-X-STREAM-INF:BANDWIDTH=216041,AVERAGE-BANDWIDTH=157930,"
		 "CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=640x360,"
		 "FRAME-RATE=30.000,AUDIO=\"audio\"\n"
		 "hls-0.m3u8\n"
		 "#EXT-X-STREAM-INF:BANDWIDTH=96041,AVERAGE-BANDWIDTH=72753,"
		 "CODECS=\"avc1.42c00d,mp4a.40.2\",RESOLUTION=320x180,"
		 "AUDIO=\"audio\"\n"
		 "hls-1.m3u8\n");
	buf_release(&b);
	cJSON_Delete(doc);
}

static void
test_hls_sound_alone(void **state)
{
	struct hls_package p;
	struct buf b = BUF_INIT;
	cJSON *doc;

	(void)state;
	assert_int_equal(check("{\"video\":[],\"audio\":" AUDIO "}", &p, &doc),
			 0);
	hls_put_master(&b, &p);
	assert_string_equal(
	    b.p, "#EXTM3U\n"
		 "#EXT-X-VERSION:7\n"
		 "#EXT-X-INDEPENDENT-SEGMENTS\n"
		 "#EXT-X-STREAM-INF:BANDWIDTH=16041,AVERAGE-BANDWIDTH=16000,"
		 "CODECS=\"mp4a.40.2\"\n"
		 "hls-audio.m3u8\n");
	buf_release(&b);
	cJSON_Delete(doc);
}

/* One wrong member, and nothing is believed. */
static void
test_hls_refuses(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"video\":[],\"audio\":null}",
		"{\"video\":{},\"audio\":null}",
		"{\"video\":[null],\"audio\":null}",
		/* not its place */
		"{\"video\":[" LOWER "],\"audio\":null}",
		"{\"video\":[" VIDEO "," VIDEO "],\"audio\":null}",
		"{\"video\":[" VIDEO "],\"audio\":" VIDEO "}",
		/* no durations to go by */
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":1,"
		"\"height\":1,\"codecs\":\"avc1\",\"header\":20,"
		"\"bytes\":[100]}]}",
		/* text that could reach a player */
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":1,"
		"\"height\":1,\"codecs\":\"a\\\"\\nhttp\",\"header\":20,"
		"\"bytes\":[100],\"durations\":[1]}]}",
		/* numbers */
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":1,"
		"\"height\":1,\"codecs\":\"avc1\",\"header\":20,"
		"\"bytes\":[100.5],\"durations\":[1]}]}",
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":1,"
		"\"height\":1,\"codecs\":\"avc1\",\"header\":20,"
		"\"bytes\":[100],\"durations\":[1,1]}]}",
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":1,"
		"\"height\":1,\"codecs\":\"avc1\",\"header\":20,"
		"\"bytes\":[100],\"durations\":[-1]}]}",
		"{\"video\":[{\"file\":\"hls-0.mp4\",\"width\":0,"
		"\"height\":1,\"codecs\":\"avc1\",\"header\":20,"
		"\"bytes\":[100],\"durations\":[1]}]}",
		"{\"video\":[" VIDEO "," LOWER "," LOWER "," LOWER "," LOWER
		"," LOWER "],\"audio\":null}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct hls_package p;
		cJSON *doc;

		if (check(bad[i], &p, &doc) == 0)
			fail_msg("taken: %s", bad[i]);
		cJSON_Delete(doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hls_playlist_of_a_track),
		cmocka_unit_test(test_hls_master),
		cmocka_unit_test(test_hls_sound_alone),
		cmocka_unit_test(test_hls_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
