/*
 * The sound of the file is decoded alone; what the dictation understands
 * becomes files.
 */
#include "processor/media/speech/captions.h"
#include "processor/media/pass/decode.h"
#include "processor/media/speech/dictation.h"
#include "processor/media/speech/recogniser.h"

#define NOTE \
	"Made by a machine (pocketsphinx, American English). Expect errors."

static int
hear(void *self, struct job *job, const struct audio_block *b)
{
	return dictation_hear(self, job, b);
}

static const struct analyser captioner = { .name = "captions",
					   .on_audio = hear };

int
captions_prepare(struct job *job, struct outputs *out)
{
	const char *why = recogniser_load();

	if (why)
		return job_fail(job, MEDIA_UNSUPPORTED, "%s", why);
	if (outputs_add(job, out, "captions.vtt") != 0)
		return -1;
	return outputs_add(job, out, "captions.json");
}

static int
keep(struct job *job, struct buf *text, struct output *out, const char *role)
{
	int rc = buf_ok(text) ? output_write(job, out, text->p, text->n)
			      : job_fail(job, MEDIA_LIMIT, "too many words");

	output_keep(out, role);
	return rc;
}

/* Members of the result and of captions.json. 0 or -1. */
static int
describe(struct buf *b, const struct dictation *d)
{
	json_put_str(b, "language", RECOGNISER_LANGUAGE);
	json_put_str(b, "engine", "pocketsphinx");
	json_put_str(b, "accuracy", "low");
	json_put_num(b, "speech", round_to(dictation_speech(d), 1));
	return transcript_write_keywords(b, dictation_words(d));
}

static int
write_files(const struct dictation *d, struct job *job, struct outputs *out)
{
	struct buf text = BUF_INIT;
	int rc;

	transcript_write_vtt(&text, dictation_words(d), NOTE);
	rc = keep(job, &text, output_named(out, "captions.vtt"), "captions");
	buf_clear(&text);
	json_open_object(&text, NULL);
	if (rc == 0 && describe(&text, d) != 0)
		rc = job_fail(job, MEDIA_LIMIT, "out of memory");
	transcript_write_words(&text, dictation_words(d));
	json_close_object(&text);
	if (rc == 0)
		rc = keep(job, &text, output_named(out, "captions.json"),
			  "captions-words");
	buf_release(&text);
	return rc;
}

static int
send_captions(const struct dictation *d, struct job *job, struct outputs *out)
{
	struct buf json = BUF_INIT;
	int rc = 0;

	job_begin_result(&json);
	if (d) {
		json_open_object(&json, "captions");
		json_put_str(&json, "file", "captions.vtt");
		json_put_str(&json, "words_file", "captions.json");
		json_put_int(&json, "words", (int64_t)dictation_words(d)->n);
		rc = describe(&json, d);
		json_close_object(&json);
	} else {
		json_put_null(&json, "captions");
	}
	outputs_list(&json, out);
	rc = rc ? job_fail(job, MEDIA_LIMIT, "out of memory")
		: job_send_result(job, &json);
	buf_release(&json);
	return rc;
}

static int
caption(struct job *job, struct source *src, struct outputs *out)
{
	struct dictation *d = dictation_new();
	struct sink sink = { &captioner, d };
	struct decoded decoded;
	int rc = -1;

	if (!d)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (src->video)
		src->video->discard = AVDISCARD_ALL;
	src->video = NULL;
	if (decode_run(job, src, &sink, 1, &decoded) == 0 &&
	    dictation_end(d, job) == 0 && write_files(d, job, out) == 0)
		rc = send_captions(d, job, out);
	dictation_free(d);
	return rc;
}

int
captions_run(struct job *job, struct outputs *out)
{
	struct source src = { 0 };
	int rc = source_open(job, &src);

	if (rc == 0)
		rc = src.audio ? caption(job, &src, out)
			       : send_captions(NULL, job, out);
	source_close(&src);
	recogniser_unload();
	return rc;
}
