/*
 * begun.h - what is known of uploads that are going on: what was said when
 * they began, which does not change. So not each part asks for it.
 *
 * That an upload is known does not say that it is still there: who sends a
 * part is told by the endpoint. Bounded: an upload takes the place of another
 * with the same hash, which is asked for again. Private to the backend.
 * Threads: any.
 */
#ifndef STORE_S3_BEGUN_H
#define STORE_S3_BEGUN_H

#include "store/s3/part.h"

struct s3_begun_facts {
	char storage_class[32]; /* "": STANDARD */
	uint16_t checksum_alg;
	bool checksum_composite;
};

struct s3_begun *s3_begun_new(void); /* NULL: no memory */
void s3_begun_free(struct s3_begun *b);
/* False: not known. */
bool s3_begun_find(struct s3_begun *b, const struct s3_upload_ref *upload,
		   struct s3_begun_facts *out);
/* A longer storage class is not kept, nor is anything then. */
void s3_begun_keep(struct s3_begun *b, const struct s3_upload_ref *upload,
		   struct slice storage_class, uint16_t checksum_alg,
		   bool checksum_composite);
/* It has ended. */
void s3_begun_forget(struct s3_begun *b, const struct s3_upload_ref *upload);

#endif
