/*
 * The analysers in a row, shown the file once; then each writes its part.
 */
#include "processor/media/pass/analyze.h"
#include "processor/media/pass/decode.h"
#include "processor/media/probe/probe.h"
#include "processor/media/stills/storyboard.h"
#include "processor/media/suggest/suggest.h"

/* clang-format off */
static const struct analyser *const analysers[] = {
	&analyser_scenes,
	&analyser_silence,
	&analyser_loudness,
	&analyser_waveform,
	&analyser_activity,
	&analyser_motion,
	&analyser_camera,
	&analyser_black,
	&analyser_freeze,
	&analyser_text,
	&analyser_faces,
	&analyser_thumbs,
	&analyser_storyboard,
};
/* clang-format on */

#define N_ANALYSERS ARRAY_LEN(analysers)

static int
start_all(struct job *job, const struct source *src, struct sink *sinks)
{
	for (size_t i = 0; i < N_ANALYSERS; i++) {
		sinks[i].type = analysers[i];
		sinks[i].self = analysers[i]->start(src);
		if (!sinks[i].self)
			return job_fail(job, MEDIA_LIMIT, "out of memory");
	}
	return 0;
}

static int
finish_all(struct analysis *a, const struct sink *sinks)
{
	json_open_object(a->json, "analysis");
	json_put_int(a->json, "version", ANALYSIS_VERSION);
	for (size_t i = 0; i < N_ANALYSERS; i++)
		if (sinks[i].type->finish(sinks[i].self, a) != 0)
			return -1;
	if (suggest_write(a) != 0)
		return -1;
	json_close_object(a->json);
	return 0;
}

/* The members "poster" and "thumbnails" beside the analysis. */
static void
write_pictures(struct buf *json, const struct findings *f)
{
	json_put_str(json, "poster", *f->poster.file ? f->poster.file : NULL);
	json_open_array(json, "thumbnails");
	for (size_t i = 0; i < f->n_thumbs; i++) {
		json_open_object(json, NULL);
		json_put_str(json, "file", f->thumbs[i].file);
		json_put_num(json, "time", round_to(f->thumbs[i].time, 3));
		json_put_int(json, "width", f->thumbs[i].width);
		json_put_int(json, "height", f->thumbs[i].height);
		json_close_object(json);
	}
	json_close_array(json);
}

int
analyze_outputs(struct job *job, struct outputs *out)
{
	static const char *const names[] = {
#define OUTPUT(name) name,
#include "processor/media/pass/analyze_outputs.def"
#undef OUTPUT
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (outputs_add(job, out, "%s", names[i]) != 0)
			return -1;
	return storyboard_outputs(job, out);
}

int
analyze_run(struct job *job, struct outputs *out)
{
	struct sink sinks[N_ANALYSERS] = { 0 };
	struct source src = { 0 };
	struct buf json = BUF_INIT;
	struct decoded decoded;
	struct analysis a = {
		.job = job, .src = &src, .out = out, .json = &json
	};
	int rc = source_open(job, &src);

	if (rc == 0)
		rc = start_all(job, &src, sinks);
	if (rc == 0)
		rc = decode_run(job, &src, sinks, N_ANALYSERS, &decoded);
	if (rc == 0) {
		a.found.duration = decoded.end;
		job_begin_result(&json);
		probe_write(&json, job, &src, &decoded);
		rc = finish_all(&a, sinks);
		write_pictures(&json, &a.found);
		outputs_list(&json, out);
	}
	if (rc == 0)
		rc = job_send_result(job, &json);
	for (size_t i = 0; i < N_ANALYSERS; i++)
		if (sinks[i].self)
			sinks[i].type->free(sinks[i].self);
	findings_release(&a.found);
	source_close(&src);
	buf_release(&json);
	return rc;
}
