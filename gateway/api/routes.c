/*
 * The endpoints of port 9001. The first row whose path matches decides the
 * path, so a fixed word stands above a {id} of the same place; further rows
 * of the same path are its other methods.
 */
#include "gateway/api/call.h"

/* clang-format off */
const struct api_route api_routes[] = {
	{ "POST", "/api/videos/upload-url", API_USER, API_JSON, "upload-url", api_upload_url },
	{ "POST", "/api/videos/complete-upload", API_USER, API_JSON, "complete-upload", api_complete_upload },
	{ "POST", "/api/videos/multipart", API_USER, API_JSON, "multipart", api_multipart },
	{ "POST", "/api/videos/upload", API_USER, API_STREAM, "upload", api_upload },
	{ "GET", "/api/videos/status", API_USER, API_NO_BODY, "video-status", api_video_status_query },
	{ "GET", "/api/videos", API_USER, API_NO_BODY, "videos", api_video_list },
	{ "GET", "/api/videos/{id}", API_USER, API_NO_BODY, "video", api_video_get },
	{ "GET", "/api/videos/{id}/status", API_USER, API_NO_BODY, "video-status", api_video_status },
	{ "GET", "/api/videos/{id}/events", API_USER, API_NO_BODY, "video-events", api_video_events },
	{ "GET", "/api/videos/{id}/files", API_USER, API_NO_BODY, "video-files", api_file_list },
	{ "GET", "/api/videos/{id}/files/{name}", API_USER, API_NO_BODY, "video-file", api_file_get },
	{ "GET", "/api/videos/{id}/tasks", API_USER, API_NO_BODY, "video-tasks", api_task_list },
	{ "POST", "/api/videos/{id}/tasks", API_USER, API_JSON, "video-task", api_task_create },
	{ "DELETE", "/api/videos/{id}/tasks/{name}", API_USER, API_NO_BODY, "video-task-cancel", api_task_cancel },
	{ "GET", "/api/clips", API_USER, API_NO_BODY, "clips", api_clip_list },
	{ "POST", "/api/clips", API_USER, API_JSON, "clip-create", api_clip_create },
	{ "POST", "/api/clips/generate", API_USER, API_JSON, "clips-generate", api_clips_generate },
	{ "GET", "/api/clips/status", API_USER, API_NO_BODY, "clip-status", api_clip_status },
	{ "POST", "/api/jobs/process", API_JOB_TOKEN, API_NO_BODY, "jobs-process", api_jobs_process },
	{ "POST", "/api/webhooks/video-processing", API_WEBHOOK, API_JSON, "webhook-video", api_webhook_video },
	{ "POST", "/api/events/s3", API_EVENTS_TOKEN, API_JSON, "s3-events", api_s3_events },
	{ "GET", "/api/openapi.json", API_PUBLIC, API_NO_BODY, "openapi", api_openapi },
	{ "GET", "/health/live", API_PUBLIC, API_NO_BODY, "health", api_health_live },
	{ "GET", "/health/ready", API_PUBLIC, API_NO_BODY, "health", api_health_ready },
	{ "GET", "/metrics", API_METRICS, API_NO_BODY, "metrics", api_metrics },
	{ "GET", "/", API_PUBLIC, API_NO_BODY, "home", api_home },
};
/* clang-format on */
const size_t api_routes_n = ARRAY_LEN(api_routes);
_Static_assert(ARRAY_LEN(api_routes) <= API_ROUTES_MAX, "counters too few");
