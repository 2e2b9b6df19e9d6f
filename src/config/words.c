/* SPDX-License-Identifier: ISC */
/* The words of the language, and the nearest to what was written instead. */
#include <string.h>
#include <strings.h>

#include "config/private.h"

#include "config/grammar.h"

/* Which one a person may have meant: at most a third of its letters are others. */
#define NEAR_MAX 48

static const struct {
    const char *word;
    int kind;
} keywords[] = {
#define WORD(word, kind) {word, kind},
#include "config/words.def"
#undef WORD
};

int config_keyword(const char *word)
{
    for (size_t i = 0; i < nitems(keywords); i++)
        if (strcmp(keywords[i].word, word) == 0)
            return keywords[i].kind;
    return 0;
}

/* How many letters have to be put in, left out, replaced or swapped with their neighbour to make
 * one word of the other (the optimal string alignment distance). */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NEAR_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    size_t a_length = strlen(a), b_length = strlen(b);

    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t other = a[i - 1] != b[j - 1];

            now[j] = MIN(MIN(last[j] + 1, now[j - 1] + 1), last[j - 1] + other);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b_length];
}

const char *config_nearest(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < count && strlen(word) <= NEAR_MAX; i++) {
        size_t length = strlen(words[i]), d;

        if (length > NEAR_MAX)
            continue;
        d = strcasecmp(word, words[i]) == 0 ? 0 : distance(word, words[i]);
        if (d < best && 3 * d <= MAX(length, strlen(word))) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}
