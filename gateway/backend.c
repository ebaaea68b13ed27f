/*
 * The settings of a store made into one. The s3 backend is two stores: the
 * journal in the data directory, and what serves.
 */
#include "gateway/backend.h"
#include "store/s3_address.h"

#include <errno.h>
#include <unistd.h>

#define MS_PER_DAY (24 * 3600 * 1000LL)

static void
make_root_id(const char *of, char out[SHA256_HEX_MAX])
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "root%s", of);
	sha256_hex(text.p ? text.p : "", text.n, out);
	buf_release(&text);
}

static struct store *
open_local(const struct conf *c, bool is_journal, char err[512])
{
	const struct store_local_conf local = {
		.data_dir = c->data,
		.inline_max = c->inline_max,
		.map_size = c->index_map_size,
		.min_free_bytes = c->min_free_bytes,
		.min_free_is_default =
		    conf_size_is_default(c, "REELGATE_MIN_FREE_BYTES"),
		.is_journal = is_journal,
		/* a request may read twice at once; relay, lease, sweep */
		.max_readers = 2 * (unsigned)c->max_connections + 64,
		.upload_age_max_ms =
		    (int64_t)c->upload_age_max_days * MS_PER_DAY,
		.scrub_bytes_per_s = c->scrub_bytes_per_s,
		.scrub_interval_ms =
		    (int64_t)c->scrub_interval_days * MS_PER_DAY,
	};

	return store_open_local(&local, err);
}

int
backend_root_of_local(struct store *local, char out[SHA256_HEX_MAX],
		      char err[512])
{
	struct store_info info;

	if (store_info(local, &info) != S3_OK) {
		snprintf(err, 512, "cannot read the store");
		return -1;
	}
	make_root_id(info.deployment_id, out);
	return 0;
}

static int
serve_local(struct backend *b, const struct conf *c, char err[512])
{
	b->store = open_local(c, false, err);
	return b->store ? backend_root_of_local(b->store, b->root_id, err) : -1;
}

/* ---- another S3 --------------------------------------------------------- */

static int
serve_s3(struct backend *b, const struct conf *c, char err[512])
{
	char endpoint[CONF_ENDPOINT_MAX], before[SHA256_HEX_MAX];
	struct store_s3_conf s3 = {
		.endpoint = endpoint,
		.region = c->aws_region,
		.style = s3_address_style(c->s3_addressing_style),
		.ca_file = c->s3_ca_file,
		.signer = auth_signer_as(&b->signer),
		.owner = b->root_id,
		.journal_owner = before,
		.watch = c->aws_s3_bucket,
	};

	if (!c->aws_access_key_id[0]) {
		snprintf(err, 512,
			 "REELGATE_BACKEND=s3 needs AWS_ACCESS_KEY_ID and "
			 "AWS_SECRET_ACCESS_KEY: the pair that signs for the "
			 "S3 that holds the objects");
		return -1;
	}
	if (c->s3_ca_file[0] && access(c->s3_ca_file, R_OK) != 0) {
		snprintf(err, 512, "cannot read S3_CA_FILE %s: %s",
			 c->s3_ca_file, strerror(errno));
		return -1;
	}
	s3_address_endpoint(c->s3_endpoint, c->aws_region, endpoint,
			    sizeof(endpoint));
	b->signer = (struct auth_signer){
		.access_key = slice_str(c->aws_access_key_id),
		.secret_key = slice_str(c->aws_secret_access_key),
		.region = slice_str(c->aws_region),
		.service = "s3",
		.session_token = slice_str(conf_session_token(c)),
	};
	make_root_id(endpoint, b->root_id);
	s3.journal = open_local(c, true, err);
	if (!s3.journal)
		return -1;
	if (backend_root_of_local(s3.journal, before, err) == 0)
		b->store = store_open_s3(&s3, err);
	if (b->store)
		return 0;
	store_close(s3.journal);
	return -1;
}

int
backend_open(struct backend *b, const struct conf *conf, char err[512])
{
	*b = (struct backend){ 0 };
	return conf_is_remote(conf) ? serve_s3(b, conf, err)
				    : serve_local(b, conf, err);
}

void
backend_close(struct backend *b)
{
	store_close(b->store);
	b->store = NULL;
}
