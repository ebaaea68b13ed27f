/*
 * The endpoints of port 9001. The first row whose path matches decides the
 * path, so a fixed word stands above a {id} of the same place; further rows
 * of the same path are its other methods.
 */
#include "gateway/api/call.h"

/* clang-format off */
const struct api_route api_routes[] = {
	{ "POST", "/api/videos/upload-url", API_USER, true, "upload-url", api_upload_url },
	{ "POST", "/api/videos/complete-upload", API_USER, true, "complete-upload", api_complete_upload },
	{ "GET", "/api/videos/status", API_USER, false, "video-status", api_video_status_query },
	{ "GET", "/api/videos", API_USER, false, "videos", api_video_list },
	{ "GET", "/api/videos/{id}", API_USER, false, "video", api_video_get },
	{ "GET", "/api/videos/{id}/status", API_USER, false, "video-status", api_video_status },
	{ "GET", "/api/clips", API_USER, false, "clips", api_clip_list },
	{ "POST", "/api/clips", API_USER, true, "clip-create", api_clip_create },
	{ "POST", "/api/clips/generate", API_USER, true, "clips-generate", api_clips_generate },
	{ "GET", "/api/clips/status", API_USER, false, "clip-status", api_clip_status },
	{ "POST", "/api/jobs/process", API_JOB_TOKEN, false, "jobs-process", api_jobs_process },
	{ "GET", "/health/live", API_PUBLIC, false, "health", api_health_live },
	{ "GET", "/health/ready", API_PUBLIC, false, "health", api_health_ready },
	{ "GET", "/metrics", API_PUBLIC, false, "metrics", api_metrics },
	{ "GET", "/", API_PUBLIC, false, "home", api_home },
};
/* clang-format on */
const size_t api_routes_n = ARRAY_LEN(api_routes);
_Static_assert(ARRAY_LEN(api_routes) <= API_ROUTES_MAX, "counters too few");
