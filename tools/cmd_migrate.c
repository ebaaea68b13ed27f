/*
 * reelgate migrate - the database schema, brought up to date. `reelgate up`
 * does the same at each start.
 */
#include "tools/command.h"
#include "queue/queue.h"

int
cmd_migrate(int argc, char **argv)
{
	const char *config = NULL, *data = NULL;
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	const struct command_line line = {
		.usage = "reelgate migrate [--config FILE] [--data DIR]",
		.about = "Brings the database schema up to date, with "
			 "DATABASE_MIGRATE_URL or DATABASE_URL.\n"
			 "The private PostgreSQL must be running for that "
			 "(reelgate up does both).\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	struct conf c = { 0 };
	char err[512];
	const char *url;
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	status = settings_load(&c, config, data);
	if (status != GO_ON)
		goto out;
	url =
	    c.database_migrate_url[0] ? c.database_migrate_url : c.database_url;
	if (!url[0])
		status = complain(EX_CONFIG,
				  "no database: DATABASE_URL is "
				  "unset and reelgate up does not "
				  "run on %s",
				  c.data);
	else if (queue_migrate_for(url, c.database_url, err) != 0)
		status = complain(EX_UNAVAILABLE, "%s", err);
	else
		status = EX_OK;
	if (status == EX_OK)
		printf("schema version %d\n", queue_schema_expected());
out:
	conf_release(&c);
	return status;
}
