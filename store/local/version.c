/*
 * Version numbers, version ids, and the way from an id to its record: at most
 * two look-ups, however many versions a key has.
 */
#include "store/local/version.h"
#include "base/encode.h"
#include "base/random.h"
#include "store/local/bytes.h"

_Static_assert(STORE_VERSION_ID_MAX >= BASE32_TEXT_MAX &&
		   STORE_UPLOAD_ID_MAX >= BASE32_TEXT_MAX,
	       "ids are 16 bytes in base32");

#define COUNTER_BITS 20

uint64_t
version_next(struct local_state *st, int64_t now_us)
{
	uint64_t now = (uint64_t)(now_us / 1000) << COUNTER_BITS;

	st->version_clock =
	    now > st->version_clock ? now : st->version_clock + 1;
	return st->version_clock;
}

int64_t
version_time_us(uint64_t number)
{
	return (int64_t)(number >> COUNTER_BITS) * 1000;
}

void
version_id_new(uint64_t number, char out[STORE_VERSION_ID_MAX])
{
	uint8_t id[16];

	be_put(id, number, 8);
	random_bytes(id + 8, 8);
	base32_encode16(id, out);
}

int
version_id_parse(struct slice id, uint64_t *number)
{
	uint8_t raw[16];

	if (base32_decode16(id, raw) != 0)
		return -1;
	*number = be_get(raw, 8);
	return 0;
}

int
version_find(struct local *ls, MDB_txn *txn, uint32_t bucket_id,
	     struct slice key, struct slice id, struct version *out,
	     enum s3_error *result)
{
	bool null = slice_eq_str(id, VERSION_NULL);
	uint64_t newest, number = 0;
	struct slice value;
	int rc;

	*result = S3_ERR_INVALID_ARGUMENT;
	if (id.n && !null && version_id_parse(id, &number) != 0)
		return 0;
	*result = id.n ? S3_ERR_NO_SUCH_VERSION : S3_ERR_NO_SUCH_KEY;
	rc = index_get(ls, txn, bucket_id, key, &newest, &value);
	if (rc == 0 && record_object_decode(value, &out->rec) != 0)
		return MDB_CORRUPTED;
	if (rc == 0 && null)
		number = out->rec.null_version;
	if (rc == 0 && id.n && number != newest) {
		rc = index_get_version(ls, txn, bucket_id, key, number, &value);
		if (rc == 0 && record_object_decode(value, &out->rec) != 0)
			return MDB_CORRUPTED;
	}
	if (rc != 0)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (id.n && !slice_eq_str(id, out->rec.o.version_id))
		return 0;
	out->number = id.n ? number : newest;
	out->is_latest = out->number == newest;
	*result = S3_OK;
	return 0;
}
