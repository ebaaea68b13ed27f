/*
 * schema.h - the migrations, compiled in from queue/schema/NNN_*.sql by
 * tools/embed-schema, in ascending order of their numbers.
 */
#ifndef QUEUE_SCHEMA_H
#define QUEUE_SCHEMA_H

#include <stddef.h>

struct schema_file {
	int number;
	const char *name;
	const char *sql;
};
extern const struct schema_file schema_files[];
extern const size_t schema_files_n;

#endif
