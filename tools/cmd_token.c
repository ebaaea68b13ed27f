/*
 * reelgate token - a user token of the video API, printed alone on stdout.
 */
#include "tools/command.h"
#include "auth/auth.h"
#include "base/random.h"
#include "base/timeval.h"

#define TTL_MAX_S (366u * 86400u)

int
cmd_token(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *user = NULL, *ttl = "1h";
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--user", "UUID", &user, NULL, "the user, claim sub" },
		{ "--ttl", "TIME", &ttl, NULL,
		  "life: 90s, 15m, 1h (default), 7d" },
	};
	const struct command_line line = {
		.usage = "reelgate token --user UUID [--ttl TIME]",
		.about = "Prints a token (HS256 JWT) for the header "
			 "Authorization: Bearer TOKEN of the video API.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	struct auth_jwt_conf jwt;
	struct conf c = { 0 };
	struct buf token = BUF_INIT;
	uint64_t ttl_s;
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!user || !uuid_valid(slice_str(user)))
		return complain(EX_USAGE, "--user UUID: %s",
				user ? "that is no UUID" : "is missing");
	if (parse_duration(ttl, &ttl_s) != 0 || ttl_s == 0 || ttl_s > TTL_MAX_S)
		return complain(EX_USAGE,
				"--ttl %s: not a time like 15m or "
				"1h, at most 366d",
				ttl);
	status = settings_load(&c, config, data);
	if (status != GO_ON)
		goto out;
	if (!c.jwt_secret[0]) {
		status = complain(EX_CONFIG,
				  "JWT_SECRET is unset and %s holds "
				  "no credentials: run reelgate up "
				  "once, or name its --data",
				  c.data);
		goto out;
	}
	jwt = (struct auth_jwt_conf){
		.secret = slice_str(c.jwt_secret),
		.audience = c.jwt_audience,
		.issuer = c.jwt_issuer,
	};
	status = EX_OK;
	if (auth_jwt_sign(&jwt, slice_str(user), time_now_us(), (int64_t)ttl_s,
			  &token) != 0)
		status = complain(EX_SOFTWARE, "cannot sign the token");
	else
		puts(token.p);
out:
	buf_release(&token);
	conf_release(&c);
	return status;
}
