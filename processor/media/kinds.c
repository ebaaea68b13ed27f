/*
 * The table of kinds.
 */
#include "processor/media/kinds.h"
#include "processor/media/pass/analyze.h"
#include "processor/media/speech/captions.h"
#include "processor/media/encode/clips.h"
#include "processor/media/encode/hls.h"
#include "processor/media/stills/moments.h"
#include "processor/media/probe/probe.h"
#include "processor/media/stills/storyboard.h"
#include "processor/media/stills/storyboard_keys.h"

/* clang-format off */
static const struct media_kind kinds[] = {
	{ "analyze", NULL,	 analyze_outputs, analyze_run },
	{ "clips",   clips_read, clips_outputs,	  clips_run },
	{ "probe",   NULL,	 NULL,		  probe_run },
	{ "hls",     NULL,	 hls_outputs,	  hls_run },
	{ "storyboard", NULL,	 storyboard_outputs, storyboard_keys_run },
	{ "thumbnails", moments_read, moments_outputs, moments_run },
	{ "captions", NULL,	 captions_prepare, captions_run },
};
/* clang-format on */

const struct media_kind *
kind_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}
