/*
 * Damage that somebody met: a reader, or the scrubber.
 */
#include "store/local.h"
#include "base/log.h"

static const char *
damage_text(enum damage what)
{
	switch (what) {
	case DAMAGE_BYTES:
		return "its CRC-32C differs";
	case DAMAGE_SHORT:
		return "the file ends before it";
	case DAMAGE_UNREADABLE:
		return "the disk cannot read it";
	case DAMAGE_MISSING:
		return "there is no file";
	case DAMAGE_CHECKSUM:
		return "the index has lost its checksum";
	case DAMAGE_NONE:
		break;
	}
	return "";
}

void
damage_found(struct local *ls, enum damage what, uint64_t blob_id,
	     uint64_t block)
{
	atomic_fetch_add(&ls->damage_seen, 1);
	log_error("object_damaged", "blob %016llx, block %llu: %s",
		  (unsigned long long)blob_id, (unsigned long long)block,
		  damage_text(what));
}
