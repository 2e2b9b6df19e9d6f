/* SPDX-License-Identifier: ISC */
/* Two threads, for a machine of two CPUs: independent work, one contended word, hand-over. */

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "sha256.h"
#include "workload.h"

static void run_two(void *(*body)(void *argument), void *first, void *second)
{
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, body, first);
    pthread_create(&threads[1], NULL, body, second);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

static void *digest(void *result)
{
    *(uint64_t *)result = sha256_blocks(scaled(700000));
    return NULL;
}

static uint64_t run_mtsha(void)
{
    uint64_t results[2];

    run_two(digest, &results[0], &results[1]);
    return results[0] + results[1];
}

static _Atomic uint64_t shared;

static void *increment(void *unused)
{
    (void)unused;
    for (long i = 0, count = scaled(3000000); i < count; i++)
        atomic_fetch_add(&shared, 1);
    return NULL;
}

static uint64_t run_mtatomic(void)
{
    run_two(increment, NULL, NULL);
    return shared;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *own_turn)
{
    int own = *(int *)own_turn;

    for (long i = 0, count = scaled(20000); i < count; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != own)
            pthread_cond_wait(&changed, &mutex);
        turn = !own;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static uint64_t run_mtfutex(void)
{
    int first = 0, second = 1;

    run_two(take_turns, &first, &second);
    return 1;
}

const struct workload thread_workloads[] = {
    {"mtsha", run_mtsha},
    {"mtatomic", run_mtatomic},
    {"mtfutex", run_mtfutex},
    {NULL, NULL},
};
