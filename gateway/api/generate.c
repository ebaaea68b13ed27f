/*
 * POST /api/clips/generate: the best of a video's own suggestions become
 * clips. Nothing is invented here: start, end and score are the analysis'.
 */
#include "gateway/api/call.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#define CLIPS_MAX 10
#define SUGGESTIONS_MAX 1000
#define PLATFORMS_MAX 16

struct settings {
	int64_t viral_threshold; /* percent */
	int64_t max_clips;
	int64_t clip_duration; /* seconds, at most */
	struct queue_clip how; /* mode and aspect of all */
};

/* ---- settings ----------------------------------------------------------- */

/* A number is one of the list, or between the first two when it is a range. */
static const struct number_setting {
	const char *name;
	size_t offset;
	int64_t fallback;
	bool range;
	int64_t allowed[4];
	const char *problem;
} number_settings[] = {
	{ "viralThreshold",
	  offsetof(struct settings, viral_threshold),
	  75,
	  true,
	  { 50, 95 },
	  "viralThreshold must be a whole number from 50 to 95" },
	{ "maxClips",
	  offsetof(struct settings, max_clips),
	  5,
	  false,
	  { 3, 5, 8, 10 },
	  "maxClips must be 3, 5, 8 or 10" },
	{ "clipDuration",
	  offsetof(struct settings, clip_duration),
	  60,
	  false,
	  { 15, 30, 60, 90 },
	  "clipDuration must be 15, 30, 60 or 90" },
};

static const char *const platforms[] = { "tiktok", "instagram", "youtube",
					 "twitter" };

static bool
number_allowed(const struct number_setting *s, int64_t v)
{
	if (s->range)
		return v >= s->allowed[0] && v <= s->allowed[1];
	for (size_t i = 0; i < ARRAY_LEN(s->allowed); i++)
		if (v == s->allowed[i])
			return true;
	return false;
}

static bool
platforms_valid(const cJSON *list)
{
	const cJSON *item;

	if (!list)
		return true;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > PLATFORMS_MAX)
		return false;
	cJSON_ArrayForEach(item, list)
	{
		struct slice name = slice_str(cJSON_GetStringValue(item));
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(platforms); i++)
			known |= slice_ieq_str(name, platforms[i]);
		if (!known)
			return false;
	}
	return true;
}

/* NULL, or what is wrong. */
static const char *
read_settings(const cJSON *in, struct settings *out)
{
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(in, "settings");
	const cJSON *automatic;

	if (s && !cJSON_IsNull(s) && !cJSON_IsObject(s))
		return "settings must be an object";
	for (size_t i = 0; i < ARRAY_LEN(number_settings); i++) {
		const struct number_setting *n = &number_settings[i];
		int64_t *v = (int64_t *)(void *)((char *)out + n->offset);

		*v = n->fallback;
		if (cJSON_GetObjectItemCaseSensitive(s, n->name) &&
		    (!json_int(s, n->name, v) || !number_allowed(n, *v)))
			return n->problem;
	}
	automatic = cJSON_GetObjectItemCaseSensitive(s, "autoGenerate");
	if (automatic && !cJSON_IsBool(automatic))
		return "autoGenerate must be true or false";
	if (!platforms_valid(cJSON_GetObjectItemCaseSensitive(s, "platforms")))
		return "platforms must be a list of tiktok, instagram, "
		       "youtube, twitter";
	return api_clip_how(s, &out->how);
}

/* ---- choosing ----------------------------------------------------------- */

static int64_t
percent(double score)
{
	return (int64_t)lround(score * 100);
}

/* A suggestion as a clip: false when it has no usable bounds. */
static bool
read_suggestion(struct api_call *c, const cJSON *s, double duration,
		int64_t clip_duration, struct queue_clip *out)
{
	*out = (struct queue_clip){ .title = json_str(s, "title"),
				    .description = json_str(s, "description") };
	if (!json_num(s, "startTime", &out->start_time) ||
	    !json_num(s, "endTime", &out->end_time) ||
	    !json_num(s, "confidence", &out->score))
		return false;
	out->end_time = fmin(out->end_time, duration);
	out->end_time =
	    fmin(out->end_time, out->start_time + (double)clip_duration);
	if (out->start_time < 0 || out->end_time <= out->start_time)
		return false;
	if (!out->title)
		out->title =
		    arena_printf(&c->arena, "Clip at %.1f s", out->start_time)
			.p;
	return true;
}

/* Best score first, the earlier one of equals. */
static int
compare_clips(const void *pa, const void *pb)
{
	const struct queue_clip *a = pa, *b = pb;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (a->start_time > b->start_time) -
	       (a->start_time < b->start_time);
}

/* Do they show mostly the same: more than half of the shorter one? Analysers
 * suggest one moment in several lengths. */
static bool
mostly_same(const struct queue_clip *a, const struct queue_clip *b)
{
	double both =
	    fmin(a->end_time, b->end_time) - fmax(a->start_time, b->start_time);
	double shorter =
	    fmin(a->end_time - a->start_time, b->end_time - b->start_time);

	return both > shorter / 2;
}

/* The suggestions with usable bounds, best first; NULL on memory shortage. */
static struct queue_clip *
read_suggestions(struct api_call *c, const cJSON *list, double duration,
		 int64_t clip_duration, size_t *n)
{
	struct queue_clip *all =
	    arena_array(&c->arena, SUGGESTIONS_MAX, sizeof(*all));
	const cJSON *item;

	*n = 0;
	if (!all)
		return NULL;
	cJSON_ArrayForEach(item, list)
	{
		if (*n < SUGGESTIONS_MAX &&
		    read_suggestion(c, item, duration, clip_duration, &all[*n]))
			(*n)++;
	}
	qsort(all, *n, sizeof(*all), compare_clips);
	return all;
}

/*
 * The suggestions at or above the threshold, best first, at most max_clips and
 * none that shows what a better one shows, into out; *best is the best score
 * there was, < 0 when there was none.
 */
static size_t
choose(struct api_call *c, const cJSON *list, double duration,
       const struct settings *s, struct queue_clip out[CLIPS_MAX], double *best)
{
	size_t n, taken = 0;
	const struct queue_clip *all =
	    read_suggestions(c, list, duration, s->clip_duration, &n);

	*best = n > 0 ? all[0].score : -1;
	for (size_t i = 0; i < n && taken < (size_t)s->max_clips &&
			   percent(all[i].score) >= s->viral_threshold;
	     i++) {
		bool seen = false;

		for (size_t k = 0; k < taken; k++)
			seen |= mostly_same(&all[i], &out[k]);
		if (!seen)
			out[taken++] = all[i];
	}
	return taken;
}

/* ---- the endpoint ------------------------------------------------------- */

static void
answer_none(struct api_call *c, double best)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "error", "No clips meet the specified criteria");
	json_put_num(&b, "bestViralPotential",
		     best >= 0 ? (double)percent(best) : NAN);
	json_close_object(&b);
	api_answer(c, 400, &b);
}

static void
answer_queued(struct api_call *c, const struct queue_clip *clips, size_t n,
	      const char *job)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "message", "Clip generation started");
	json_put_str(&b, "jobId", job);
	json_put_u64(&b, "clipsQueued", n);
	json_open_array(&b, "clips");
	for (size_t i = 0; i < n; i++) {
		json_open_object(&b, NULL);
		json_put_str(&b, "id", clips[i].id);
		json_put_str(&b, "title", clips[i].title);
		json_put_num(&b, "startTime", clips[i].start_time);
		json_put_num(&b, "endTime", clips[i].end_time);
		json_put_num(&b, "duration",
			     clips[i].end_time - clips[i].start_time);
		json_put_int(&b, "viralPotential", percent(clips[i].score));
		json_put_str(&b, "description", clips[i].description);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	api_answer(c, 200, &b);
}

static void
generate(struct api_call *c, const struct queue_video *video,
	 const cJSON *suggestions, const struct settings *settings)
{
	const cJSON *list =
	    cJSON_GetObjectItemCaseSensitive(suggestions, "clips");
	struct queue_clip clips[CLIPS_MAX];
	char job[UUID_TEXT_MAX];
	double best;
	size_t n = choose(c, list, video->duration, settings, clips, &best);

	if (n == 0) {
		answer_none(c, best);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		clips[i].mode = settings->how.mode;
		clips[i].aspect = settings->how.aspect;
	}
	if (api_queue_ok(
		c,
		queue_clips_create(c->api->conf.queue, c->user, video->id,
				   clips, n, &c->arena, job),
		"Video not found or access denied", API_VIDEO_NOT_READY))
		answer_queued(c, clips, n, job);
}

void
api_clips_generate(struct api_call *c)
{
	const char *video_id = json_str(c->in, "videoId"), *problem;
	struct queue_video video;
	struct settings settings = { 0 };
	cJSON *suggestions;

	problem = video_id && *video_id ? read_settings(c->in, &settings)
					: "Video ID is required";
	if (problem) {
		api_fail(c, 400, problem);
		return;
	}
	if (!api_clip_source(c, video_id, &video))
		return;
	suggestions = json_parse(slice_str(video.ai_suggestions));
	generate(c, &video, suggestions, &settings);
	cJSON_Delete(suggestions);
}
