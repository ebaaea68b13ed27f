/*
 * The names in AWS's order. Those of things that cannot happen here (restores,
 * replication, ...) are names all the same: a rule about them waits for ever,
 * as it does on AWS in a bucket without a lifecycle.
 */
#include "gateway/event_names.h"

static const char *const names[] = {
	"ReducedRedundancyLostObject",
	"ObjectCreated:Put",
	"ObjectCreated:Post",
	"ObjectCreated:Copy",
	"ObjectCreated:CompleteMultipartUpload",
	"ObjectRemoved:Delete",
	"ObjectRemoved:DeleteMarkerCreated",
	"ObjectRestore:Post",
	"ObjectRestore:Completed",
	"ObjectRestore:Delete",
	"Replication:OperationFailedReplication",
	"Replication:OperationNotTracked",
	"Replication:OperationMissedThreshold",
	"Replication:OperationReplicatedAfterThreshold",
	"LifecycleExpiration:Delete",
	"LifecycleExpiration:DeleteMarkerCreated",
	"LifecycleTransition",
	"IntelligentTiering",
	"ObjectTagging:Put",
	"ObjectTagging:Delete",
	"ObjectAcl:Put",
	"ObjectAnnotation:Put",
	"ObjectAnnotation:Delete",
};
_Static_assert(ARRAY_LEN(names) <= 64, "a set has a bit for each");

/* AWS has this kind with one name and no "*". */
#define LONE_KIND "ObjectAcl:"

event_set
event_names_of(struct slice event_name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eq_str(event_name, names[i]))
			return (event_set)1 << i;
	return 0;
}

event_set
event_names_rule(struct slice name)
{
	event_set set = 0;

	if (!slice_starts(name, SLICE("s3:")))
		return 0;
	name = slice_from(name, 3);
	if (!slice_ends(name, SLICE(":*")))
		return event_names_of(name);
	name.n--;
	if (slice_eq_str(name, LONE_KIND))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_starts(slice_str(names[i]), name))
			set |= (event_set)1 << i;
	return set;
}
