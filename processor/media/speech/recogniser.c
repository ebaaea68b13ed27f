/*
 * The one home of pocketsphinx. Built without its headers, there is none.
 */
#include "processor/media/speech/recogniser.h"

#ifdef POCKETSPHINX_MODEL
#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#include <ctype.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libpocketsphinx.so.3"
#define MODEL(file) POCKETSPHINX_MODEL "/en-us/" file
#define FRAMES 100 /* per second */
#define WORD_MAX 64

#define SYMBOLS(X)         \
	X(ps_args)         \
	X(ps_init)         \
	X(ps_free)         \
	X(ps_start_stream) \
	X(ps_start_utt)    \
	X(ps_process_raw)  \
	X(ps_end_utt)      \
	X(ps_seg_iter)     \
	X(ps_seg_next)     \
	X(ps_seg_word)     \
	X(ps_seg_frames)   \
	X(ps_seg_prob)     \
	X(ps_get_logmath)  \
	X(logmath_exp)     \
	X(cmd_ln_init)     \
	X(cmd_ln_free_r)   \
	X(err_set_logfp)

static struct {
	void *library;
	cmd_ln_t *config;
	ps_decoder_t *decoder;
#define POINTER(name) __typeof__(&name) name;
	SYMBOLS(POINTER)
#undef POINTER
} the;

static const char *
open_library(void)
{
	void *symbol;

	/* A parallel BLAS would start threads. */
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	the.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!the.library)
		return "pocketsphinx is not installed";
#define RESOLVE(name)                                     \
	symbol = dlsym(the.library, #name);               \
	if (!symbol)                                      \
		return "this pocketsphinx has no " #name; \
	memcpy(&the.name, &symbol, sizeof(symbol));
	SYMBOLS(RESOLVE)
#undef RESOLVE
	return NULL;
}

const char *
recogniser_load(void)
{
	const char *why;

	if (access(MODEL("en-us.lm.bin"), R_OK) != 0)
		return "the model of pocketsphinx is not installed";
	why = open_library();
	if (why)
		return why;
	the.err_set_logfp(NULL);
	/* The second pass costs half as much again and gains nothing here. */
	the.config = the.cmd_ln_init(
	    NULL, the.ps_args(), 1, "-hmm", MODEL("en-us"), "-lm",
	    MODEL("en-us.lm.bin"), "-dict", MODEL("cmudict-en-us.dict"),
	    "-fwdflat", "no", "-remove_silence", "no", NULL);
	if (the.config)
		the.decoder = the.ps_init(the.config);
	if (!the.decoder)
		return "pocketsphinx cannot load its model";
	return NULL;
}

void
recogniser_unload(void)
{
	if (the.decoder)
		the.ps_free(the.decoder);
	if (the.config)
		the.cmd_ln_free_r(the.config);
	the.decoder = NULL;
	the.config = NULL;
}

/* Times count from the beginning of the stream: each utterance is one. */
int
recogniser_begin(void)
{
	return the.decoder && the.ps_start_stream(the.decoder) == 0 &&
		       the.ps_start_utt(the.decoder) == 0
		   ? 0
		   : -1;
}

int
recogniser_hear(const int16_t *samples, size_t n)
{
	return the.ps_process_raw(the.decoder, samples, n, 0, 0) < 0 ? -1 : 0;
}

/* Without the number of the pronunciation; empty for what is no word: noises
 * and silence are in brackets of all kinds. */
static void
plain_word(char *out, const char *text)
{
	size_t n =
	    text && isalpha((unsigned char)*text) ? strcspn(text, "(") : 0;

	if (n >= WORD_MAX)
		n = WORD_MAX - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[n] = '\0';
}

int
recogniser_end(void (*tell)(void *arg, const struct recognised *word),
	       void *arg)
{
	if (the.ps_end_utt(the.decoder) < 0)
		return -1;
	for (ps_seg_t *s = the.ps_seg_iter(the.decoder); s;
	     s = the.ps_seg_next(s)) {
		int first, last, acoustic, language, backoff;
		int32 p = the.ps_seg_prob(s, &acoustic, &language, &backoff);
		double sure =
		    the.logmath_exp(the.ps_get_logmath(the.decoder), p);
		char word[WORD_MAX];

		plain_word(word, the.ps_seg_word(s));
		the.ps_seg_frames(s, &first, &last);
		if (word[0])
			tell(arg, &(struct recognised){
				      .word = word,
				      .start = (double)first / FRAMES,
				      .end = (double)(last + 1) / FRAMES,
				      .confidence = sure < 1 ? sure : 1 });
	}
	return 0;
}

#else

const char *
recogniser_load(void)
{
	return "this program was built without pocketsphinx";
}

void
recogniser_unload(void)
{
}

int
recogniser_begin(void)
{
	return -1;
}

int
recogniser_hear(const int16_t *samples, size_t n)
{
	(void)samples;
	(void)n;
	return -1;
}

int
recogniser_end(void (*tell)(void *arg, const struct recognised *word),
	       void *arg)
{
	(void)tell;
	(void)arg;
	return -1;
}

#endif
