/* SPDX-License-Identifier: ISC */
#include "host/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/private.h"

struct start {
    void *(*body)(void *);
    void *arg;
    char name[64];
};

/* A fault is raised on the thread that caused it, and blocking it there only turns a handler into a
 * kill. */
static const int synchronous_signals[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                                          SIGTRAP, SIGABRT, SIGSYS};

static void *thread_main(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    host_thread_name(start.name);
    return start.body(start.arg);
}

int host_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *arg)
{
    struct start *start = malloc(sizeof(*start));
    sigset_t blocked, before;
    int ret;

    if (!start)
        return -ENOMEM;
    start->body = body;
    start->arg = arg;
    snprintf(start->name, sizeof(start->name), "%s", name);

    /* The new thread inherits the mask: no signal can reach it before it has set its own. */
    sigfillset(&blocked);
    for (size_t i = 0; i < nitems(synchronous_signals); i++)
        sigdelset(&blocked, synchronous_signals[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    ret = pthread_create(thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ret)
        free(start);
    return -ret;
}

unsigned host_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (unsigned)n : 1;
}
