/* SPDX-License-Identifier: ISC */
/*
 * The driver monitor: what drivers negotiate (VIRTIO 1.2, 2.2, 3.1.1, 5.1.3.1, 5.1.4.2) and which
 * queues they notify when.
 *
 * A driver is judged by what it ends with. It may negotiate as often as it likes, with a reset in
 * between (3.1.1; OpenBSD's if_vio.c since 1.78 does, to get rid of TSO), so FEATURES_OK that did
 * not stick is a story only when the driver says FAILED, insists on the same features, goes on
 * without FEATURES_OK, or is not heard of again; and what Apple's machine would have refused is
 * told of the features with which the driver says DRIVER_OK.
 */
#include <stdio.h>
#include <string.h>

#include "debug/names.h"
#include "debug/private.h"

/* Rules that a choice of features breaks. */
enum rule {
    RULE_NOT_OFFERED = 1,
    RULE_VERSION_1 = 2,
    RULE_MTU = 4,
    RULE_HOST_TSO_ALONE = 8,
};

static unsigned broken_rules(const char *device, uint64_t wanted, uint64_t offered)
{
    unsigned broken = 0;

    if (wanted & ~offered)
        broken |= RULE_NOT_OFFERED;
    if (!(wanted & FEATURE_VERSION_1))
        broken |= RULE_VERSION_1;
    if (!device_is(device, "virtio-net"))
        return broken;
    if ((offered & FEATURE_NET_MTU) && !(wanted & FEATURE_NET_MTU))
        broken |= RULE_MTU;
    if ((wanted & FEATURE_NET_HOST_TSO) && !(wanted & FEATURE_NET_GUEST_TSO))
        broken |= RULE_HOST_TSO_ALONE;
    return broken;
}

/* The rule to name when several are broken: those of the standard go first. */
static enum rule first_rule(unsigned broken)
{
    return (enum rule)(broken & -broken);
}

static void rule_text(const struct monitored *m, enum rule rule, char *text, size_t room)
{
    char names[256];

    switch (rule) {
    case RULE_NOT_OFFERED:
        snprintf(text, room,
                 "it accepted %s, which was not offered, and a driver must not (VIRTIO 1.2, 2.2.1)",
                 features_name(m->name, m->wanted & ~m->offered, names, sizeof(names)));
        break;
    case RULE_VERSION_1:
        snprintf(text, room,
                 "it did not accept VIRTIO_F_VERSION_1, and a driver must (VIRTIO 1.2, 6.1); this "
                 "device has "
                 "no legacy interface");
        break;
    case RULE_MTU:
        snprintf(text, room,
                 "it did not accept VIRTIO_NET_F_MTU, which was offered and which a driver should "
                 "accept (VIRTIO "
                 "1.2, 5.1.4.2); without it, Apple's clears FEATURES_OK");
        break;
    case RULE_HOST_TSO_ALONE:
        snprintf(
            text, room,
            "it accepted %s without GUEST_TSO4 or GUEST_TSO6; VIRTIO 1.2, 5.1.3.1 allows that, "
            "but Apple's clears FEATURES_OK",
            features_name(m->name, m->wanted & FEATURE_NET_HOST_TSO, names, sizeof(names)));
        break;
    }
}

/* Whose driver does this, and what is seen of it there. */
static void say_known(struct explainer *x, const struct monitored *m, enum rule rule)
{
    const char *number = m->name + strlen("virtio-net");

    if (rule == RULE_MTU)
        explain_say(x,
                    "%s: OpenBSD's if_vio.c before 1.78 does not ask for MTU; what it says on "
                    "Apple's machine is \"vio%s: Feature negotiation failed\"",
                    m->name, number);
    else if (rule == RULE_HOST_TSO_ALONE)
        explain_say(x,
                    "%s: OpenBSD's if_vio.c since 1.78 gives up TSO altogether when it cannot have "
                    "GUEST_TSO, and negotiates again",
                    m->name);
}

static void say_features(struct explainer *x, const struct monitored *m)
{
    char names[512];

    explain_more(x, "%s: offered: %s", m->name,
                 features_name(m->name, m->offered, names, sizeof(names)));
    explain_more(x, "%s: accepted by the driver: %s", m->name,
                 features_name(m->name, m->wanted, names, sizeof(names)));
    explain_more(x, "%s: device status: %s", m->name, status_name(m->status, names, sizeof(names)));
}

static void say_refused(struct explainer *x, const struct monitored *m)
{
    enum rule rule = first_rule(broken_rules(m->name, m->wanted, m->offered));
    char why[384];

    if (rule)
        rule_text(m, rule, why, sizeof(why));
    else
        snprintf(why, sizeof(why),
                 "the device cannot work with these together (VIRTIO 1.2, 2.2.2)");
    explain_say(x, "%s: the driver's features were refused, because %s", m->name, why);
    say_known(x, m, rule);
    say_features(x, m);
}

static void say_apple_refuses(struct explainer *x, const struct monitored *m)
{
    enum rule rule = first_rule(broken_rules(m->name, m->wanted, m->offered));
    char why[384];

    rule_text(m, rule, why, sizeof(why));
    explain_say(x, "%s: Apple's machine would refuse this driver, because %s", m->name, why);
    say_known(x, m, rule);
    say_features(x, m);
}

static void say_ok_too_soon(struct explainer *x, const struct monitored *m)
{
    explain_say(x,
                "%s: the driver set DRIVER_OK without FEATURES_OK, so the device does not start; "
                "features come first (VIRTIO 1.2, 3.1.1, steps 5 and 6)",
                m->name);
    say_features(x, m);
}

static void say_before_ok(struct explainer *x, const struct monitored *m)
{
    explain_say(
        x,
        "%s: the driver notified queue %llu and waits, but has not set DRIVER_OK, and must "
        "not notify before (VIRTIO 1.2, 3.1.1); the device does not look at its queues until "
        "then, nor does Apple's: a driver that waits for the answer waits for ever (FreeBSD's "
        "vtgpu does)",
        m->name, (unsigned long long)m->queue);
    say_features(x, m);
}

static void say_disabled(struct explainer *x, const struct monitored *m)
{
    explain_say(
        x,
        "%s: the driver notified queue %llu, which it has not enabled (queue_enable, VIRTIO "
        "1.2, 4.1.4.3.2): nothing in it is looked at",
        m->name, (unsigned long long)m->queue);
    say_features(x, m);
}

/* With the lock held. NULL: more devices than there is room for. */
static struct monitored *device_of(struct explainer *x, const char *name)
{
    struct monitored *m;

    for (unsigned i = 0; i < x->device_count; i++)
        if (strcmp(x->devices[i].name, name) == 0)
            return &x->devices[i];
    if (x->device_count == EXPLAIN_DEVICES)
        return NULL;
    m = &x->devices[x->device_count++];
    snprintf(m->name, sizeof(m->name), "%s", name);
    return m;
}

/* What an event makes of the device's record: the story to tell now, or 0. */
static enum story take_features(struct monitored *m, const struct event *event)
{
    bool refused = event->kind == EVENT_FEATURES_REFUSED;
    bool again = m->refused && refused && m->wanted == event->a;

    m->wanted = event->a;
    m->offered = event->b;
    m->refused = refused;
    return again ? STORY_REFUSED : 0;
}

static enum story take_status(struct monitored *m, const struct event *event)
{
    uint8_t written = (uint8_t)event->b;
    bool started = !(m->status & STATUS_DRIVER_OK) && (event->a & STATUS_DRIVER_OK);
    bool early = m->early;

    m->early = false;

    m->status = (uint8_t)event->a;
    if (m->refused && (written & (STATUS_FAILED | STATUS_DRIVER_OK)))
        return STORY_REFUSED;
    if ((written & STATUS_DRIVER_OK) && !(m->status & STATUS_DRIVER_OK))
        return STORY_OK_TOO_SOON;
    if (early && (written & STATUS_FAILED))
        return STORY_BEFORE_OK;
    if (started && m->offered && broken_rules(m->name, m->wanted, m->offered))
        return STORY_APPLE_REFUSES;
    return 0;
}

static enum story take_reset(struct monitored *m)
{
    bool early = m->early;

    m->early = false;
    m->status = 0;
    return early ? STORY_BEFORE_OK : 0;
}

static enum story take(struct monitored *m, const struct event *event)
{
    switch (event->kind) {
    case EVENT_FEATURES_REFUSED:
    case EVENT_FEATURES_ACCEPTED: return take_features(m, event);
    case EVENT_DEVICE_STATUS: return take_status(m, event);
    case EVENT_DEVICE_RESET: return take_reset(m);
    case EVENT_QUEUE_BEFORE_OK:
        m->early = true;
        m->queue = event->a;
        return 0;
    case EVENT_QUEUE_DISABLED: m->queue = event->a; return STORY_DISABLED;
    default: return 0;
    }
}

static void tell(struct explainer *x, const struct monitored *m, enum story story)
{
    switch (story) {
    case STORY_REFUSED: say_refused(x, m); break;
    case STORY_APPLE_REFUSES: say_apple_refuses(x, m); break;
    case STORY_BEFORE_OK: say_before_ok(x, m); break;
    case STORY_DISABLED: say_disabled(x, m); break;
    case STORY_OK_TOO_SOON: say_ok_too_soon(x, m); break;
    }
}

/* What is to be told of a driver that is not heard of again. */
static enum story waiting(const struct monitored *m)
{
    if (m->refused && !(m->told & STORY_REFUSED))
        return STORY_REFUSED;
    return m->early && !(m->told & STORY_BEFORE_OK) ? STORY_BEFORE_OK : 0;
}

/* Marks the story as told. With the lock held. */
static bool first_time(struct monitored *m, enum story story)
{
    bool first = story && !(m->told & story);

    m->told |= story;
    return first;
}

void monitor_event(struct explainer *x, const struct event *event)
{
    struct monitored copy, *m;
    enum story story = 0;
    bool wait = false;

    pthread_mutex_lock(&x->lock);
    m = device_of(x, event->device);
    if (m) {
        bool waited = waiting(m);

        story = take(m, event);
        if (!first_time(m, story))
            story = 0;
        wait = waiting(m) && !waited;
        copy = *m;
    }
    pthread_mutex_unlock(&x->lock);
    if (story)
        tell(x, &copy, story);
    if (wait)
        x->host.later(x->host.ctx);
}

/* One story at a time; one that has waited is told, and waits no more. */
static void settle_one(struct explainer *x, struct monitored *m)
{
    struct monitored copy;
    enum story story;

    pthread_mutex_lock(&x->lock);
    story = waiting(m);
    if (!first_time(m, story))
        story = 0;
    copy = *m;
    pthread_mutex_unlock(&x->lock);
    if (story)
        tell(x, &copy, story);
}

void monitor_settle(struct explainer *x)
{
    for (unsigned i = 0; i < EXPLAIN_DEVICES; i++)
        settle_one(x, &x->devices[i]);
}
