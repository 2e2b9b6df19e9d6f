/* SPDX-License-Identifier: ISC */
/* A link's settings as people write them. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "switch/client_private.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit times[] = {
    {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {NULL, 0},
};
static const struct unit rates[] = {
    {"bps", 1}, {"kbps", 1e3}, {"mbps", 1e6}, {"gbps", 1e9}, {"", 1},
    {"k", 1e3}, {"m", 1e6},    {"g", 1e9},    {NULL, 0},
};
static const struct unit sizes[] = {{"", 1}, {"k", 1024}, {"m", 1048576}, {NULL, 0}};
static const struct unit shares[] = {{"%", 0.01}, {"", 1}, {NULL, 0}};

/* A number and a unit. False: it is none. */
static bool parse(const char *text, const struct unit *units, double *value)
{
    char *end;

    *value = isdigit((unsigned char)*text) || *text == '.' ? strtod(text, &end) : -1;
    if (*value < 0 || !isfinite(*value))
        return false;
    for (; units->name; units++) {
        if (strcasecmp(end, units->name) == 0) {
            *value *= units->factor;
            return *value < 1e18;
        }
    }
    return false;
}

static int wrong(const char *key, const char *value, const char *right, struct error *err)
{
    return error_set(err, EINVAL, "%s=\"%s\" is not understood; give %s", key, value, right);
}

static int parse_time(const char *key, const char *value, uint64_t *to, struct error *err)
{
    double ns;

    if (strcmp(value, "0") != 0 && !parse(value, times, &ns))
        return wrong(key, value, "a time such as 50ms or 1.5s", err);
    *to = strcmp(value, "0") == 0 ? 0 : (uint64_t)ns;
    return 0;
}

static int parse_share(const char *key, const char *value, double *to, struct error *err)
{
    return parse(value, shares, to) ? 0 : wrong(key, value, "a share such as 1% or 0.01", err);
}

static int parse_rate(const char *value, uint64_t *to, struct error *err)
{
    double rate;

    if (!parse(value, rates, &rate))
        return wrong("rate", value, "bits a second such as 10M or 1Gbps", err);
    *to = (uint64_t)rate;
    return 0;
}

static int parse_queue(const char *value, uint32_t *to, struct error *err)
{
    double bytes;

    if (!parse(value, sizes, &bytes) || bytes > LINK_QUEUE_BYTES)
        return wrong("queue", value, "bytes such as 100K, at most 16M", err);
    *to = (uint32_t)bytes;
    return 0;
}

static int parse_seed(const char *value, uint64_t *to, struct error *err)
{
    char *end;

    errno = 0;
    *to = strtoull(value, &end, 0);
    return isdigit((unsigned char)*value) && !*end && !errno && *to <= INT64_MAX
               ? 0
               : wrong("seed", value, "a number", err);
}

int switch_link_parse(const char *text, struct link_settings *s, struct error *err)
{
    const char *value = strchr(text, '=');
    size_t length = value ? (size_t)(value - text) : strlen(text);
    char key[16] = "";

    if (length < sizeof(key))
        memcpy(key, text, length);
    if (!value) {
        if (strcmp(key, "down") == 0 || strcmp(key, "up") == 0)
            s->down = *key == 'd';
        else if (strcmp(key, "clear") == 0)
            *s = (struct link_settings){0};
        else
            return error_set(err, EINVAL,
                             "\"%s\" is no setting of a link; give up, down, clear, or "
                             "one of delay=, jitter=, loss=, rate=, queue=, reorder=, duplicate=, "
                             "corrupt= and seed=",
                             text);
        return 0;
    }
    value++;
    if (strcmp(key, "delay") == 0)
        return parse_time(key, value, &s->delay_ns, err);
    if (strcmp(key, "jitter") == 0)
        return parse_time(key, value, &s->jitter_ns, err);
    if (strcmp(key, "loss") == 0)
        return parse_share(key, value, &s->loss, err);
    if (strcmp(key, "reorder") == 0)
        return parse_share(key, value, &s->reorder, err);
    if (strcmp(key, "duplicate") == 0)
        return parse_share(key, value, &s->duplicate, err);
    if (strcmp(key, "corrupt") == 0)
        return parse_share(key, value, &s->corrupt, err);
    if (strcmp(key, "rate") == 0)
        return parse_rate(value, &s->rate_bps, err);
    if (strcmp(key, "queue") == 0)
        return parse_queue(value, &s->queue_bytes, err);
    if (strcmp(key, "seed") == 0)
        return parse_seed(value, &s->seed, err);
    return error_set(err, EINVAL,
                     "a link has no \"%s\"; it has delay=, jitter=, loss=, rate=, "
                     "queue=, reorder=, duplicate=, corrupt= and seed=",
                     key);
}
