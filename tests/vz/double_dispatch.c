/* SPDX-License-Identifier: ISC */
/* The double's libdispatch: a serial queue is a thread that takes work in order. */
#include <stdlib.h>

#include "double_private.h"

struct item {
    struct item *next;
    void (*work)(void *ctx);
    void *ctx;
    bool *done; /* who waits for it, or NULL */
};

struct dispatch_queue_s {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item *first, **last;
    bool busy, ending;
};

static _Thread_local dispatch_queue_t here;

dispatch_queue_t double_queue(void)
{
    return here;
}

static void take(dispatch_queue_t queue)
{
    struct item *item = queue->first;

    queue->first = item->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->busy = true;
    pthread_mutex_unlock(&queue->lock);
    item->work(item->ctx);
    pthread_mutex_lock(&queue->lock);
    queue->busy = false;
    if (item->done)
        *item->done = true;
    free(item);
    pthread_cond_broadcast(&queue->changed);
}

static void *serve(void *arg)
{
    dispatch_queue_t queue = arg;

    here = queue;
    pthread_mutex_lock(&queue->lock);
    while (queue->first || !queue->ending) {
        if (queue->first)
            take(queue);
        else
            pthread_cond_wait(&queue->changed, &queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

dispatch_queue_t dispatch_queue_create(const char *label, void *attributes)
{
    dispatch_queue_t queue = calloc(1, sizeof(*queue));

    if (attributes)
        double_fault("the queue %s is not serial", label);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    queue->last = &queue->first;
    pthread_create(&queue->thread, NULL, serve, queue);
    __atomic_add_fetch(&double_state.queues, 1, __ATOMIC_RELAXED);
    return queue;
}

static void post(dispatch_queue_t queue, void *ctx, void (*work)(void *ctx), bool *done)
{
    struct item *item = calloc(1, sizeof(*item));

    *item = (struct item){.work = work, .ctx = ctx, .done = done};
    pthread_mutex_lock(&queue->lock);
    *queue->last = item;
    queue->last = &item->next;
    pthread_cond_broadcast(&queue->changed);
    while (done && !*done)
        pthread_cond_wait(&queue->changed, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
}

void dispatch_async_f(dispatch_queue_t queue, void *ctx, void (*work)(void *ctx))
{
    post(queue, ctx, work, NULL);
}

void dispatch_sync_f(dispatch_queue_t queue, void *ctx, void (*work)(void *ctx))
{
    bool done = false;

    if (here == queue) {
        double_fault("a queue waits for itself");
        work(ctx);
        return;
    }
    post(queue, ctx, work, &done);
}

void dispatch_release(dispatch_queue_t queue)
{
    if (here == queue) {
        double_fault("a queue is released from itself");
        return;
    }
    pthread_mutex_lock(&queue->lock);
    queue->ending = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    __atomic_sub_fetch(&double_state.queues, 1, __ATOMIC_RELAXED);
}

static void nothing(void *ctx)
{
}

/* What work posts is posted before that work ends, so twice is enough for handlers that answer. */
void double_drain(void)
{
    for (int i = 0; i < 4; i++)
        dispatch_sync_f(double_state.machine->queue, NULL, nothing);
}
