/* SPDX-License-Identifier: ISC */
/*
 * Text from a viewer's clipboard, typed on a thread of its own, since the guest takes keys at its
 * own pace. A guest that does not take them has the rest of the text forgotten.
 */
#include <errno.h>
#include <string.h>

#include "backend/display/viewer_private.h"
#include "host/thread.h"

#define SLICE      64   /* bytes typed at once: how soon the thread notices that it is to end */
#define TIMEOUT_MS 2000 /* for a slice */

/* As much of the text as is typed at once, in whole characters. */
static size_t slice_length(const char *text, size_t length)
{
    size_t slice = MIN(length, SLICE);

    while (slice > 0 && slice < length && ((unsigned char)text[slice] & 0xc0) == 0x80)
        slice--;
    return slice ? slice : MIN(length, SLICE);
}

/* With type.lock held: waits for text. Returns the length of a slice of it, 0: it is over. */
static size_t take_slice(struct viewer *v, char slice[SLICE], uint64_t *resets)
{
    size_t length;

    while (v->type.length == 0 && !v->type.quit)
        pthread_cond_wait(&v->type.wake, &v->type.lock);
    if (v->type.quit)
        return 0;
    length = slice_length(v->type.text, v->type.length);
    memcpy(slice, v->type.text, length);
    v->type.length -= length;
    memmove(v->type.text, v->type.text + length, v->type.length);
    *resets = v->type.resets;
    return length;
}

static void *type_body(void *ctx)
{
    struct viewer *v = ctx;
    struct error err;
    char slice[SLICE];
    uint64_t resets;
    size_t length;

    pthread_mutex_lock(&v->type.lock);
    while ((length = take_slice(v, slice, &resets)) > 0) {
        int ret;

        pthread_mutex_unlock(&v->type.lock);
        ret = input_type(v->config.input, slice, length, TIMEOUT_MS, &err);
        pthread_mutex_lock(&v->type.lock);
        if (!ret || resets != v->type.resets)
            continue;
        v->type.length = 0;
        log_warn(v->log, "display: pasted text was not typed to its end: %s", err.text);
    }
    pthread_mutex_unlock(&v->type.lock);
    return NULL;
}

int type_start(struct viewer *v)
{
    int ret = host_thread_start(&v->type.thread, "typing", type_body, v);

    v->type.started = ret == 0;
    return ret;
}

void type_text(struct viewer *v, const char *utf8, size_t length)
{
    bool room;

    pthread_mutex_lock(&v->type.lock);
    room = length <= sizeof(v->type.text) - v->type.length;
    if (room) {
        memcpy(v->type.text + v->type.length, utf8, length);
        v->type.length += length;
        pthread_cond_signal(&v->type.wake);
    }
    pthread_mutex_unlock(&v->type.lock);
    if (!room)
        log_warn(v->log, "display: %zu bytes of pasted text are dropped: more than %d wait already",
                 length, VIEWER_TYPE_ROOM);
}

void type_forget(struct viewer *v)
{
    pthread_mutex_lock(&v->type.lock);
    v->type.length = 0;
    v->type.resets++;
    pthread_mutex_unlock(&v->type.lock);
}

void type_stop(struct viewer *v)
{
    if (!v->type.started)
        return;
    pthread_mutex_lock(&v->type.lock);
    v->type.quit = true;
    pthread_cond_signal(&v->type.wake);
    pthread_mutex_unlock(&v->type.lock);
    pthread_join(v->type.thread, NULL);
}
