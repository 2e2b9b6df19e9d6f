/* SPDX-License-Identifier: ISC */
/* Who hears what, what waits, and what is counted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug/private.h"

int explainer_create(struct explainer **explainer, const struct explain_host *host)
{
    struct explainer *x = calloc(1, sizeof(*x));

    if (!x)
        return -ENOMEM;
    x->host = *host;
    pthread_mutex_init(&x->lock, NULL);
    *explainer = x;
    return 0;
}

void explainer_destroy(struct explainer *x)
{
    pthread_mutex_destroy(&x->lock);
    free(x);
}

uint64_t explainer_count(const struct explainer *x, enum event_kind kind)
{
    return atomic_load_explicit(&x->counts[kind], memory_order_relaxed);
}

/* What can only be told by a CPU waits for one. */
static void ask(struct explainer *x, const struct event *event)
{
    struct question *q = NULL;

    if (!fault_is_new(x, event))
        return;
    pthread_mutex_lock(&x->lock);
    if (x->question_count < EXPLAIN_QUESTIONS) {
        q = &x->questions[x->question_count++];
        q->event = *event;
        snprintf(q->device, sizeof(q->device), "%s", event->device ? event->device : "");
        snprintf(q->text, sizeof(q->text), "%s", event->text ? event->text : "");
        x->attempts = 0;
    }
    pthread_mutex_unlock(&x->lock);
    if (!q)
        return;
    x->host.ask(x->host.ctx);
    x->host.later(x->host.ctx);
}

static void answer(struct explainer *x, const struct arm_walk_regs *regs)
{
    struct question questions[EXPLAIN_QUESTIONS];
    unsigned count;

    pthread_mutex_lock(&x->lock);
    count = x->question_count;
    memcpy(questions, x->questions, sizeof(questions));
    x->question_count = 0;
    pthread_mutex_unlock(&x->lock);
    for (unsigned i = 0; i < count; i++) {
        struct event *event = &questions[i].event;

        event->device = questions[i].device;
        event->text = questions[i].text;
        if (event->kind == EVENT_ACCESS_BAD_WIDTH)
            fault_bad_width(x, event);
        else
            fault_bad_address(x, event, regs);
    }
}

bool explainer_ask_cpu(struct explainer *x, unsigned cpu)
{
    struct arm_walk_regs regs;
    bool known = x->host.regs(x->host.ctx, cpu, &regs) && fault_regs_answer(&regs), enough;

    pthread_mutex_lock(&x->lock);
    enough = known || ++x->attempts >= EXPLAIN_ATTEMPTS;
    pthread_mutex_unlock(&x->lock);
    if (enough)
        answer(x, known ? &regs : NULL);
    return enough;
}

void explainer_settle(struct explainer *x)
{
    monitor_settle(x);
    answer(x, NULL);
}

void explainer_event(void *explainer, const struct event *event)
{
    struct explainer *x = explainer;

    if (event->kind >= EVENT_KINDS)
        return;
    atomic_fetch_add_explicit(&x->counts[event->kind], 1, memory_order_relaxed);
    if (x->host.level == EXPLAIN_OFF)
        return;
    switch (event->kind) {
    case EVENT_FEATURES_REFUSED:
    case EVENT_FEATURES_ACCEPTED:
    case EVENT_DEVICE_STATUS:
    case EVENT_DEVICE_RESET:
    case EVENT_QUEUE_BEFORE_OK:
    case EVENT_QUEUE_DISABLED: monitor_event(x, event); break;
    case EVENT_WILD_ACCESS: fault_wild_access(x, event); break;
    case EVENT_RING_MALFORMED:
    case EVENT_GPU_BACKING:
    case EVENT_ACCESS_BAD_WIDTH: ask(x, event); break;
    default: break; /* EVENT_QUIRK and EVENT_ACCESS_UNBACKED are told by what goes with them */
    }
}
