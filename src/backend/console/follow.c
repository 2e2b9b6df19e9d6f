/* SPDX-License-Identifier: ISC */
/*
 * Followers of a console: everybody who wants to see what the guest writes, whatever carries it on
 * the host. What came last is kept for who comes later.
 *
 * A lock of its own, under which followers are called: who unfollows waits for a call that is under
 * way, and a console that waits for its reader keeps nobody from coming and going.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/console/private.h"

struct console_follower {
    struct console *console;
    struct console_follower *next;
    void (*output)(void *ctx, const void *bytes, size_t length);
    void *ctx;
};

static void history_keep(struct fifo *history, const uint8_t *bytes, size_t length)
{
    if (length > history->limit) {
        bytes += length - history->limit;
        length = history->limit;
    }
    if (history->length + length > history->limit)
        fifo_drop(history, history->length + length - history->limit);
    fifo_put(history, bytes, length); /* without memory it is shorter */
}

void console_tell(struct console *console, const uint8_t *bytes, size_t length)
{
    pthread_mutex_lock(&console->follow_lock);
    history_keep(&console->history, bytes, length);
    for (struct console_follower *at = console->followers; at; at = at->next)
        at->output(at->ctx, bytes, length);
    pthread_mutex_unlock(&console->follow_lock);
}

/* The oldest of what is kept first; it lies in one or two parts. Lock held. */
static void history_replay(const struct console_follower *follower)
{
    struct fifo left = follower->console->history; /* shares its bytes */

    while (left.length) {
        const uint8_t *bytes;
        size_t part = fifo_peek(&left, &bytes);

        follower->output(follower->ctx, bytes, part);
        fifo_drop(&left, part);
    }
}

int console_follow(struct console *console,
                   void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                   struct console_follower **out)
{
    struct console_follower *follower = malloc(sizeof(*follower));

    if (!follower)
        return -ENOMEM;
    *follower = (struct console_follower){.console = console, .output = output, .ctx = ctx};
    pthread_mutex_lock(&console->follow_lock);
    history_replay(follower);
    follower->next = console->followers;
    console->followers = follower;
    pthread_mutex_unlock(&console->follow_lock);
    *out = follower;
    return 0;
}

void console_unfollow(struct console_follower *follower)
{
    struct console_follower **at;
    struct console *console;

    if (!follower)
        return;
    console = follower->console;
    pthread_mutex_lock(&console->follow_lock);
    for (at = &console->followers; *at != follower; at = &(*at)->next)
        ;
    *at = follower->next;
    pthread_mutex_unlock(&console->follow_lock);
    free(follower);
}
