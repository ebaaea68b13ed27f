/*
 * Fresh secrets in the shapes that clients expect of AWS, written in one
 * durable step, so that a crash leaves all of them or none.
 */
#include "base/credentials.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/random.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

void
credentials_path(const char *data_dir, char *out, size_t size)
{
	snprintf(out, size, "%s/credentials", data_dir);
}

/* 40 characters of base64url: what AWS's secret keys look like. */
static void
put_secret(struct buf *b, const char *name)
{
	uint8_t r[30];

	random_bytes(r, sizeof(r));
	buf_printf(b, "%s=", name);
	base64url_encode(b, r, sizeof(r));
	buf_putc(b, '\n');
	secret_wipe(r, sizeof(r));
}

static void
put_access_key(struct buf *b, const char *name)
{
	uint8_t r[16];
	char text[BASE32_TEXT_MAX];

	random_bytes(r, sizeof(r));
	base32_encode16(r, text);
	/* The low digits: the first one holds three bits only. */
	buf_printf(b, "%s=RG%s\n", name, text + 8);
}

int
credentials_create(const char *data_dir, char err[512])
{
	struct buf b = BUF_INIT;
	char path[PATH_MAX];
	int rc = 0;

	credentials_path(data_dir, path, sizeof(path));
	if (access(path, F_OK) == 0)
		return 0;
	buf_puts(&b, "# Made by Reelgate at its first start. Keep it secret; "
		     "environment variables\n# of the same names win.\n");
	put_access_key(&b, "REELGATE_ROOT_USER");
	put_secret(&b, "REELGATE_ROOT_PASSWORD");
	put_secret(&b, "JWT_SECRET");
	put_secret(&b, "JOB_PROCESSOR_TOKEN");
	put_secret(&b, "WEBHOOK_SECRET");
	if (!buf_ok(&b) || io_write_file(path, buf_slice(&b), 0600) != 0) {
		snprintf(err, 512, "cannot write %.300s: %s", path,
			 strerror(errno));
		rc = -1;
	}
	if (b.p)
		secret_wipe(b.p, b.n);
	buf_release(&b);
	return rc;
}
