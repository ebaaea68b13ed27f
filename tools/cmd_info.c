/*
 * reelgate admin info - the services' addresses, and how they are.
 */
#include "base/json.h"
#include "base/rundir.h"
#include "tools/command.h"
#include "tools/health.h"

#include <limits.h>

/* What the video API says of the S3 that holds the objects. */
static void
print_trouble(struct slice health)
{
	cJSON *doc = json_parse(health);
	const char *trouble = json_str(doc, "trouble");

	if (trouble)
		printf("%-10s %s\n", "trouble", trouble);
	cJSON_Delete(doc);
}

static int
look(const char *data)
{
	static const struct {
		const char *endpoint;
		const char *path;
		const char *what;
	} checks[] = {
		{ "S3_ENDPOINT", "/minio/health/ready", "S3" },
		{ "API_ENDPOINT", "/health/ready", "video API" },
	};
	struct buf health = BUF_INIT;
	int status = EX_OK;

	printf("%-10s %s\n", "data", data);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		char address[256];
		unsigned answer = 0;

		if (rundir_endpoint(data, checks[i].endpoint, address,
				    sizeof(address)) == 0)
			answer = health_get(address, checks[i].path, &health);
		else
			snprintf(address, sizeof(address), "-");
		printf("%-10s %s %s\n", checks[i].what, address,
		       answer == 200 ? "ready"
		       : answer	     ? "not ready"
				     : "does not run");
		if (answer != 200)
			status = EX_UNAVAILABLE;
		print_trouble(buf_slice(&health));
		buf_release(&health);
	}
	return status;
}

int
cmd_admin_info(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	const struct command_line line = {
		.usage = "reelgate admin info [OPTIONS]",
		.about = "Prints addresses and health of the running services. "
			 "Ends with status 69\nwhen one is not ready.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 1,
	};
	char dir[PATH_MAX];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status == GO_ON)
		status = settings_data_dir(config, data, dir, sizeof(dir));
	if (status != GO_ON)
		return status;
	return look(dir);
}
