/*
 * care.h - looking after a local store: what operators do with it, beside the
 * data plane of store.h. Public, like store.h.
 *
 * Functions that take a struct store work on one that is open; with another
 * backend than the local one they answer S3_ERR_NOT_IMPLEMENTED. Those that
 * take a directory are for a store that nobody has open (they lock it) or for
 * a backup.
 * Threads: any, unless said otherwise. Strings are the caller's.
 */
#ifndef STORE_CARE_H
#define STORE_CARE_H

#include "store/store.h"

#endif
