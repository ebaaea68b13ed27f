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
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#define MASTER_KEY "REELGATE_MASTER_KEY"

void
credentials_path(const char *data_dir, char *out, size_t size)
{
	snprintf(out, size, "%s/credentials", data_dir);
}

/* 30 bytes are 40 characters, as AWS's secret keys have; 32 make a key. */
static void
put_secret(struct buf *b, const char *name, size_t bytes)
{
	uint8_t r[32];

	random_bytes(r, bytes);
	buf_printf(b, "%s=", name);
	base64url_encode(b, r, bytes);
	buf_putc(b, '\n');
	secret_wipe(r, sizeof(r));
}

void
credentials_new_pair(char access_key[CREDENTIALS_ACCESS_KEY_MAX],
		     char secret_key[CREDENTIALS_SECRET_KEY_MAX])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t r[CREDENTIALS_SECRET_KEY_MAX - 1];
	char text[BASE32_TEXT_MAX];

	random_bytes(r, 16);
	base32_encode16(r, text);
	/* The low digits: the first one holds three bits only. */
	snprintf(access_key, CREDENTIALS_ACCESS_KEY_MAX, "RG%s", text + 8);
	random_bytes(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		secret_key[i] = digits[r[i] & 63];
	secret_key[sizeof(r)] = '\0';
	secret_wipe(r, sizeof(r));
}

static void
put_first(struct buf *b)
{
	char access_key[CREDENTIALS_ACCESS_KEY_MAX];
	char secret_key[CREDENTIALS_SECRET_KEY_MAX];

	credentials_new_pair(access_key, secret_key);
	buf_printf(b,
		   "# Made by Reelgate at its first start. Keep it secret; "
		   "environment variables\n# of the same names win.\n"
		   "REELGATE_ROOT_USER=%s\nREELGATE_ROOT_PASSWORD=%s\n",
		   access_key, secret_key);
	secret_wipe(secret_key, sizeof(secret_key));
	put_secret(b, "JWT_SECRET", 30);
	put_secret(b, "JOB_PROCESSOR_TOKEN", 30);
	put_secret(b, "WEBHOOK_SECRET", 30);
}

static bool
has_master_key(struct slice text)
{
	struct slice line;

	while (slice_cut(&text, '\n', &line))
		if (slice_starts(slice_trim(line), SLICE(MASTER_KEY)))
			return true;
	return false;
}

/* 0 when the file is whole, made or completed; -1 with errno. */
static int
complete(const char *path)
{
	struct buf b = BUF_INIT;
	int rc = io_read_file(path, &b);

	if (rc != 0 && errno == ENOENT) {
		put_first(&b);
		rc = 0;
	}
	if (rc == 0 && !has_master_key(buf_slice(&b))) {
		if (b.n && b.p[b.n - 1] != '\n')
			buf_putc(&b, '\n');
		buf_puts(&b, "# Encrypts the secret keys in accounts: of no "
			     "use without each other.\n");
		put_secret(&b, MASTER_KEY, 32);
		errno = ENOMEM;
		rc = buf_ok(&b) ? io_write_file(path, buf_slice(&b), 0600) : -1;
	}
	secret_release(&b);
	return rc;
}

/* Two programs that start at once must not each make a master key. */
int
credentials_create(const char *data_dir, char err[512])
{
	char path[PATH_MAX];
	int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = -1;

	credentials_path(data_dir, path, sizeof(path));
	if (dir >= 0 && flock(dir, LOCK_EX) == 0)
		rc = complete(path);
	if (rc != 0)
		snprintf(err, 512, "cannot read or write %.300s: %s", path,
			 strerror(errno));
	if (dir >= 0)
		close(dir);
	return rc;
}
