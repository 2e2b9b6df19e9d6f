/* SPDX-License-Identifier: ISC */
/* Watches (mem/mem.h) on the guest's RAM: begun and looked at while the machine is paused, or
 * followed by a thread while it runs. */
#include <stdlib.h>
#include <string.h>

#include "session.h"

#define ROUNDS     5
#define LOOKS_EACH 5 /* at a watch, before the thread ends it and begins another */
#define WORDS      2 /* at the beginning of a page, that the guest's CPUs count in */

struct session_watch {
    struct mem *mem;
    uint64_t page;
    uint64_t area, area_size; /* what the guest named */
    uint64_t ipa, size;       /* what is watched of it now */
    struct mem_watch *watch;
    uint64_t (*copy)[WORDS]; /* of each page of the area, as it was seen last */
    pthread_t thread;
    bool following, backwards; /* what was seen is older than what was seen before */
    atomic_bool over;
    atomic_uint looks;
};

static void end_watch(struct session_watch *w)
{
    mem_watch_destroy(w->watch);
    w->watch = NULL;
}

/* Returns whether it watches; nothing counts as written. */
static bool begin_watch(struct session_watch *w, uint64_t ipa, uint64_t size)
{
    end_watch(w);
    w->ipa = ipa;
    w->size = size;
    if (size == 0 || mem_watch_create(w->mem, &w->watch))
        return false;
    mem_watch_add(w->watch, ipa, size);
    mem_watch_start(w->watch);
    mem_watch_take(w->watch);
    mem_watch_forget_all(w->watch);
    return true;
}

/* --- on a paused machine --- */

static struct session_watch *watch_of(struct session *s)
{
    struct session_watch *w;

    watch_end(s);
    w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->mem = s->machine->mem;
    w->page = s->machine->caps.host_page_size;
    w->area = s->argument[0];
    w->area_size = s->argument[1];
    s->watch = w;
    return w;
}

void request_watch(struct session *s)
{
    struct session_watch *w = watch_of(s);

    if (w)
        begin_watch(w, w->area, w->area_size);
}

void request_take(struct session *s)
{
    struct session_watch *w = s->watch;

    s->result = 0;
    if (!w || !w->watch)
        return;
    mem_watch_take(w->watch);
    for (uint64_t at = w->ipa; at < w->ipa + w->size; at += w->page)
        if (mem_watch_written(w->watch, at, w->page) && s->result++ == 0)
            s->found = at;
    mem_watch_forget_all(w->watch);
}

/* --- on one that runs --- */

static void copy_page(struct session_watch *w, uint64_t at)
{
    uint64_t *copy = w->copy[(at - w->area) / w->page];

    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t before = copy[i];

        mem_load(w->mem, at + 8 * i, 8, &copy[i]);
        w->backwards |= copy[i] < before;
    }
}

static void copy_all(struct session_watch *w)
{
    for (uint64_t at = w->ipa; at < w->ipa + w->size; at += w->page)
        copy_page(w, at);
}

static void copy_written(struct session_watch *w)
{
    mem_watch_take(w->watch);
    for (uint64_t at = w->ipa; at < w->ipa + w->size; at += w->page) {
        if (!mem_watch_written(w->watch, at, w->page))
            continue;
        mem_watch_forget(w->watch, at, w->page);
        copy_page(w, at);
    }
    atomic_fetch_add(&w->looks, 1);
}

/* Watches a part of the area, a larger one, and in the end all of it: engines may divide memory for
 * that. Of the last one there is but the first copy and what was seen since. */
static void *follow(void *arg)
{
    struct session_watch *w = arg;

    for (uint64_t parts = ROUNDS; parts >= 1; parts--) {
        uint64_t size = w->area_size / w->page / parts * w->page;

        if (!begin_watch(w, w->area + parts / 2 * size, size))
            return NULL;
        copy_all(w);
        for (unsigned i = 0; i < LOOKS_EACH; i++)
            copy_written(w);
    }
    while (!atomic_load(&w->over))
        copy_written(w);
    return NULL;
}

void request_follow(struct session *s)
{
    struct session_watch *w = watch_of(s);

    if (!w)
        return;
    w->copy = calloc(w->area_size / w->page, sizeof(*w->copy));
    w->following = w->copy && pthread_create(&w->thread, NULL, follow, w) == 0;
}

unsigned watch_looks(struct session *s)
{
    return s->watch ? atomic_load(&s->watch->looks) : 0;
}

static void end_following(struct session_watch *w)
{
    if (!w->following)
        return;
    atomic_store(&w->over, true);
    pthread_join(w->thread, NULL);
    w->following = false;
}

static bool page_differs(const struct session_watch *w, uint64_t at)
{
    uint64_t now[WORDS] = {0};

    for (unsigned i = 0; i < WORDS; i++)
        mem_load(w->mem, at + 8 * i, 8, &now[i]);
    return memcmp(now, w->copy[(at - w->area) / w->page], sizeof(now)) != 0;
}

/* After one more look, what was seen is what there is. */
void request_followed(struct session *s)
{
    struct session_watch *w = s->watch;

    s->result = 1;
    if (!w || !w->following)
        return;
    end_following(w);
    if (!w->watch)
        return;
    copy_written(w);
    s->result = w->backwards;
    for (uint64_t at = w->ipa; at < w->ipa + w->size; at += w->page)
        s->result += page_differs(w, at);
}

void watch_end(struct session *s)
{
    struct session_watch *w = s->watch;

    if (!w)
        return;
    end_following(w);
    end_watch(w);
    free(w->copy);
    free(w);
    s->watch = NULL;
}
