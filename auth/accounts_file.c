/*
 * DATA/accounts: a line of JSON, and a line with its HMAC-SHA256.
 *
 *   {"format":1,"master_key":FINGERPRINT,
 *    "accounts":[{"name","id","display_name","created_us"}],
 *    "keys":[{"access_key","account","secret","created_us"}]}
 *   hmac-sha256 HEX
 *
 * "secret" is base64 of the sealed secret key, bound to access key and account
 * id. Encryption and HMAC have a key each, derived from the master key, whose
 * fingerprint tells a file of another master key from a damaged one. The file
 * is replaced as a whole: the old one or the new one is there, never a part.
 */
#include "auth/accounts_table.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/json_write.h"

#include <errno.h>

#define FORMAT 1
#define FILE_MAX (16u << 20)
#define MAC_PREFIX "hmac-sha256 "
#define MAC_LINE_MAX (sizeof(MAC_PREFIX) + SHA256_HEX_MAX)
#define SEALED_MAX (SECRET_KEY_MAX - 1 + SEAL_EXTRA_BYTES)

static void
derive(const char *master_key, const char *purpose, uint8_t out[SHA256_BYTES])
{
	hmac_sha256(master_key, strlen(master_key), purpose, strlen(purpose),
		    out);
}

void
accounts_secrets_derive(const char *master_key, struct accounts_secrets *out)
{
	uint8_t id[SHA256_BYTES];

	derive(master_key, "reelgate accounts 1: seal", out->seal);
	derive(master_key, "reelgate accounts 1: mac", out->mac);
	derive(master_key, "reelgate accounts 1: fingerprint", id);
	hex_encode(id, sizeof(out->fingerprint) / 2, out->fingerprint);
}

/* What a sealed secret is bound to; no part holds a NUL. */
static struct slice
bound_to(const char *access_key, const char *account_id,
	 char out[ACCESS_KEY_MAX + ACCOUNT_ID_MAX])
{
	int n = snprintf(out, ACCESS_KEY_MAX + ACCOUNT_ID_MAX, "%s%c%s",
			 access_key, '\0', account_id);

	return slice_mem(out, (size_t)n);
}

static void
put_mac_line(const struct accounts_secrets *s, struct slice json,
	     char out[MAC_LINE_MAX])
{
	uint8_t mac[SHA256_BYTES];
	char hex[SHA256_HEX_MAX];

	hmac_sha256(s->mac, sizeof(s->mac), json.p, json.n, mac);
	hex_encode(mac, sizeof(mac), hex);
	snprintf(out, MAC_LINE_MAX, MAC_PREFIX "%s\n", hex);
}

/* ---- writing ------------------------------------------------------------ */

static void
put_key(struct buf *b, const struct accounts_secrets *s,
	const struct account_key *k, const char *account_id)
{
	char bound[ACCESS_KEY_MAX + ACCOUNT_ID_MAX];
	struct slice secret = slice_str(k->secret_key);
	struct buf text = BUF_INIT;
	uint8_t sealed[SEALED_MAX];

	if (seal(s->seal, bound_to(k->access_key, account_id, bound), secret,
		 sealed) != 0)
		b->err = true;
	base64_encode(&text, sealed, secret.n + SEAL_EXTRA_BYTES);
	if (!buf_ok(&text))
		b->err = true;
	json_open_object(b, NULL);
	json_put_str(b, "access_key", k->access_key);
	json_put_str(b, "account", k->account);
	json_put_slice(b, "secret", buf_slice(&text));
	json_put_int(b, "created_us", k->created_us);
	json_close_object(b);
	buf_release(&text);
}

static void
put_account(struct buf *b, const struct account *a)
{
	json_open_object(b, NULL);
	json_put_str(b, "name", a->name);
	json_put_str(b, "id", a->id);
	json_put_str(b, "display_name", a->display_name);
	json_put_int(b, "created_us", a->created_us);
	json_close_object(b);
}

static void
put_table(struct buf *b, const struct accounts_secrets *s,
	  const struct accounts_table *t)
{
	json_open_object(b, NULL);
	json_put_int(b, "format", FORMAT);
	json_put_str(b, "master_key", s->fingerprint);
	json_open_array(b, "accounts");
	for (size_t i = 0; i < t->n_accounts; i++)
		put_account(b, &t->accounts[i]);
	json_close_array(b);
	json_open_array(b, "keys");
	for (size_t i = 0; i < t->n_keys; i++)
		put_key(
		    b, s, &t->keys[i],
		    accounts_table_find(t, slice_str(t->keys[i].account))->id);
	json_close_array(b);
	json_close_object(b);
}

int
accounts_file_write(const char *path, const struct accounts_secrets *s,
		    const struct accounts_table *t, char err[512])
{
	struct buf b = BUF_MAX(FILE_MAX);
	char mac[MAC_LINE_MAX];
	int rc;

	put_table(&b, s, t);
	put_mac_line(s, buf_slice(&b), mac);
	buf_printf(&b, "\n%s", mac);
	errno = ENOMEM;
	rc = buf_ok(&b) ? io_write_file(path, buf_slice(&b), 0600) : -1;
	if (rc != 0)
		snprintf(err, 512, "cannot write %.300s: %s", path,
			 strerror(errno));
	buf_release(&b);
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

/* Copies a member's text that has no fault; -1 otherwise. */
static int
take(const cJSON *obj, const char *member, const char *(*fault)(struct slice),
     char *out, size_t size)
{
	struct slice text = slice_str(json_str(obj, member));

	if (fault(text) != NULL)
		return -1;
	snprintf(out, size, "%.*s", SLICE_ARG(text));
	return 0;
}

static int
read_account(const cJSON *obj, struct accounts_table *t)
{
	struct account a = { 0 };

	if (take(obj, "name", account_name_fault, a.name, sizeof(a.name)) ||
	    take(obj, "id", account_id_fault, a.id, sizeof(a.id)) ||
	    take(obj, "display_name", account_display_fault, a.display_name,
		 sizeof(a.display_name)) ||
	    !json_int(obj, "created_us", &a.created_us) ||
	    accounts_table_find(t, slice_str(a.name)))
		return -1;
	accounts_table_insert(t, &a);
	return 0;
}

static int
open_secret(const cJSON *obj, const struct accounts_secrets *s,
	    const struct account *a, struct account_key *k)
{
	char bound[ACCESS_KEY_MAX + ACCOUNT_ID_MAX];
	struct buf sealed = BUF_MAX(SEALED_MAX);
	int rc = base64_decode(&sealed, slice_str(json_str(obj, "secret")));

	if (rc == 0 && buf_ok(&sealed))
		rc = seal_open(s->seal, bound_to(k->access_key, a->id, bound),
			       buf_slice(&sealed), k->secret_key);
	if (!buf_ok(&sealed) ||
	    (rc == 0 && secret_key_fault(slice_str(k->secret_key))))
		rc = -1;
	buf_release(&sealed);
	return rc;
}

static int
read_key(const cJSON *obj, const struct accounts_secrets *s,
	 struct accounts_table *t)
{
	struct account_key k = { 0 };
	const struct account *a;
	int rc = -1;

	if (take(obj, "account", account_name_fault, k.account,
		 sizeof(k.account)) == 0 &&
	    take(obj, "access_key", access_key_fault, k.access_key,
		 sizeof(k.access_key)) == 0 &&
	    json_int(obj, "created_us", &k.created_us) &&
	    (a = accounts_table_find(t, slice_str(k.account))) != NULL &&
	    !accounts_table_find_key(t, slice_str(k.access_key)) &&
	    open_secret(obj, s, a, &k) == 0) {
		accounts_table_insert_key(t, &k);
		rc = 0;
	}
	secret_wipe(&k, sizeof(k));
	return rc;
}

static struct accounts_table *
read_table(const cJSON *doc, const struct accounts_secrets *s)
{
	const cJSON *item;
	const cJSON *accounts =
	    cJSON_GetObjectItemCaseSensitive(doc, "accounts");
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(doc, "keys");
	int n_accounts = cJSON_GetArraySize(accounts);
	int n_keys = cJSON_GetArraySize(keys);
	struct accounts_table *t;
	bool good = true;

	if (!cJSON_IsArray(accounts) || n_accounts > ACCOUNTS_LIMIT ||
	    !cJSON_IsArray(keys) || n_keys > ACCOUNTS_KEYS_LIMIT)
		return NULL;
	t = accounts_table_new((size_t)n_accounts, (size_t)n_keys);
	if (!t)
		return NULL;
	cJSON_ArrayForEach(item, accounts)
	{
		good = good && read_account(item, t) == 0;
	}
	cJSON_ArrayForEach(item, keys)
	{
		good = good && read_key(item, s, t) == 0;
	}
	if (good)
		return t;
	accounts_table_free(t);
	return NULL;
}

/* Both lines are whole, and the second is the HMAC of the first. */
static bool
is_authentic(const struct accounts_secrets *s, struct slice json,
	     struct slice rest)
{
	char line[MAC_LINE_MAX];

	put_mac_line(s, json, line);
	return slice_equal_secret(rest, slice_str(line));
}

static struct accounts_table *
parse(const char *path, struct slice text, const struct accounts_secrets *s,
      char err[512])
{
	struct accounts_table *t = NULL;
	struct slice json = SLICE_EMPTY;
	const char *fingerprint;
	int64_t format = 0;
	cJSON *doc;

	slice_cut(&text, '\n', &json);
	doc = json_parse(json);
	fingerprint = json_str(doc, "master_key");
	if (!json_int(doc, "format", &format) || !fingerprint)
		format = 0;
	if (format > FORMAT)
		snprintf(err, 512, "%.300s was written by a newer Reelgate",
			 path);
	else if (format == FORMAT && strcmp(fingerprint, s->fingerprint) != 0)
		snprintf(err, 512,
			 "%.200s was written under another master key: restore "
			 "DATA/credentials or REELGATE_MASTER_KEY, or move the "
			 "file away and add the users again",
			 path);
	else if (format != FORMAT || !is_authentic(s, json, text) ||
		 !(t = read_table(doc, s)))
		snprintf(err, 512,
			 "%.200s is damaged: restore it from a backup, or move "
			 "it away and add the users again",
			 path);
	cJSON_Delete(doc);
	return t;
}

struct accounts_table *
accounts_file_read(const char *path, const struct accounts_secrets *s,
		   char err[512])
{
	struct buf b = BUF_MAX(FILE_MAX);
	struct accounts_table *t = NULL;

	if (io_read_file(path, &b) == 0) {
		t = parse(path, buf_slice(&b), s, err);
	} else if (errno == ENOENT) {
		t = accounts_table_new(0, 0);
		snprintf(err, 512, "out of memory");
	} else {
		snprintf(err, 512, "cannot read %.300s: %s", path,
			 strerror(errno));
	}
	buf_release(&b);
	return t;
}
