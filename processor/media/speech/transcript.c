/*
 * Cues end where the speaker pauses, or when they are full. Keywords are
 * counted over the words in alphabetical order, where equal ones are
 * neighbours.
 */
#include "processor/media/speech/transcript.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE 42	     /* characters */
#define CUE_CHARS 84 /* two lines */
#define CUE_SECONDS 6.0
#define PAUSE 0.8 /* seconds that end a cue */
#define KEYWORDS 20
#define KEYWORD_MIN 4 /* letters */
#define SURE 0.5f

void
transcript_add(struct transcript *t, const struct transcript_word *word)
{
	if (t->n == TRANSCRIPT_WORDS_MAX || t->failed)
		return;
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 256;
		struct transcript_word *grown =
		    realloc(t->words, room * sizeof(*grown));

		if (!grown) {
			t->failed = true;
			return;
		}
		t->words = grown;
		t->room = room;
	}
	t->words[t->n++] = *word;
}

void
transcript_release(struct transcript *t)
{
	free(t->words);
	*t = (struct transcript){ 0 };
}

/* ---- WebVTT ------------------------------------------------------------- */

static void
put_time(struct buf *b, double seconds)
{
	long long ms = llround(fmax(seconds, 0) * 1000);

	buf_printf(b, "%02lld:%02lld:%02lld.%03lld", ms / 3600000,
		   ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

/* W3C WebVTT, section 4.2.2: text may not hold these as they are. */
static void
put_text(struct buf *b, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		default:
			buf_printf(b, "%c", *text);
		}
}

/* How many words from @from on are one cue. */
static size_t
cue_length(const struct transcript *t, size_t from)
{
	const struct transcript_word *w = t->words + from;
	size_t n = 1, chars = strlen(w[0].text);

	while (from + n < t->n) {
		chars += 1 + strlen(w[n].text);
		if (chars > CUE_CHARS || w[n].end - w[0].start > CUE_SECONDS ||
		    w[n].start - w[n - 1].end > PAUSE)
			break;
		n++;
	}
	return n;
}

static void
put_cue(struct buf *b, const struct transcript_word *w, size_t n)
{
	size_t line = 0;

	put_time(b, w[0].start);
	buf_puts(b, " --> ");
	put_time(b, fmax(w[n - 1].end, w[0].start + 0.001));
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(w[i].text);
		bool wrap = i == 0 || line + 1 + length > LINE;

		buf_puts(b, wrap ? "\n" : " ");
		put_text(b, w[i].text);
		line = wrap ? length : line + 1 + length;
	}
	buf_puts(b, "\n\n");
}

void
transcript_write_vtt(struct buf *b, const struct transcript *t,
		     const char *note)
{
	size_t n;

	buf_printf(b, "WEBVTT\n\nNOTE %s\n\n", note);
	for (size_t i = 0; i < t->n; i += n) {
		n = cue_length(t, i);
		put_cue(b, t->words + i, n);
	}
}

/* ---- JSON --------------------------------------------------------------- */

static double
rounded(double v, double scale)
{
	return round(v * scale) / scale;
}

void
transcript_write_words(struct buf *b, const struct transcript *t)
{
	json_open_array(b, "words");
	for (size_t i = 0; i < t->n; i++) {
		const struct transcript_word *w = &t->words[i];

		json_open_object(b, NULL);
		json_put_str(b, "word", w->text);
		json_put_num(b, "start", rounded(w->start, 100));
		json_put_num(b, "end", rounded(w->end, 100));
		json_put_num(b, "confidence",
			     rounded((double)w->confidence, 100));
		json_close_object(b);
	}
	json_close_array(b);
}

struct keyword {
	const char *text;
	int count;
	double sum; /* of confidences */
};

/* English words of four letters and more that carry no subject, in order. */
/* clang-format off */
static const char *const plain[] = {
	"about", "actually", "after", "again", "almost", "already", "also",
	"although", "always", "another", "anything", "aren't", "around",
	"away", "back", "because", "been", "before", "being", "between",
	"both", "came", "can't", "cannot", "come", "could", "couldn't",
	"didn't", "does", "doesn't", "doing", "don't", "done", "down", "each",
	"enough", "even", "ever", "every", "everything", "from", "gave",
	"getting", "give", "goes", "going", "gone", "good", "have", "haven't",
	"having", "he's", "here", "herself", "himself", "however", "i'll",
	"into", "it's", "itself", "just", "know", "less", "like", "little",
	"look", "made", "make", "many", "maybe", "might", "more", "most", "much",
	"must", "myself", "never", "next", "nothing", "often", "once", "only",
	"other", "over", "perhaps", "quite", "rather", "really", "right",
	"said", "same", "says", "seem", "seen", "shall", "she's", "should",
	"since", "some", "something", "soon", "still", "such", "take", "than",
	"that", "that's", "their", "them", "then", "there", "there's", "these",
	"they", "they're", "thing", "things", "think", "this", "those",
	"though", "through", "told", "took", "under", "until", "upon", "very",
	"want", "wasn't", "we're", "well", "went", "were", "what", "what's",
	"when", "where", "which", "while", "will", "with", "without", "won't",
	"would", "yeah", "your",
};
/* clang-format on */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
by_word(const void *a, const void *b)
{
	const struct keyword *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* The most frequent, then the surest first. */
static int
by_weight(const void *a, const void *b)
{
	const struct keyword *x = a, *y = b;

	if (x->count != y->count)
		return y->count - x->count;
	if (x->sum < y->sum || x->sum > y->sum)
		return x->sum < y->sum ? 1 : -1;
	return strcmp(x->text, y->text);
}

static bool
has_meaning(const char *text)
{
	return strlen(text) >= KEYWORD_MIN &&
	       !bsearch(&text, plain, ARRAY_LEN(plain), sizeof(*plain),
			by_text);
}

/* Equal neighbours become one; returns how many are left. */
static size_t
count_words(struct keyword *k, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (out && strcmp(k[out - 1].text, k[i].text) == 0) {
			k[out - 1].count++;
			k[out - 1].sum += k[i].sum;
			continue;
		}
		k[out++] = k[i];
	}
	return out;
}

int
transcript_write_keywords(struct buf *b, const struct transcript *t)
{
	struct keyword *k = calloc(t->n + 1, sizeof(*k));
	size_t n = 0;

	if (!k)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (t->words[i].confidence >= SURE &&
		    has_meaning(t->words[i].text))
			k[n++] =
			    (struct keyword){ t->words[i].text, 1,
					      (double)t->words[i].confidence };
	qsort(k, n, sizeof(*k), by_word);
	n = count_words(k, n);
	qsort(k, n, sizeof(*k), by_weight);
	json_open_array(b, "keywords");
	for (size_t i = 0; i < n && i < KEYWORDS; i++) {
		json_open_object(b, NULL);
		json_put_str(b, "word", k[i].text);
		json_put_int(b, "count", k[i].count);
		json_put_num(b, "confidence",
			     rounded(k[i].sum / k[i].count, 100));
		json_close_object(b);
	}
	json_close_array(b);
	free(k);
	return 0;
}
