/* SPDX-License-Identifier: ISC */
/*
 * Events, timers and task priorities (UEFI 2.10, 7.1). Time is looked at whenever the guest rings,
 * by the tick at the latest, so a program that spins on a flag sees it change. Notify functions run
 * when the service that rang is about to return, in the order of their priority.
 */
#include <stdlib.h>

#include "base/units.h"
#include "firmware/efi/core.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))

#define MAX_EVENTS  1024u
#define FIRST_EVENT UINT64_C(0xe7e01000)
#define EVENT_STEP  16u
#define MAX_WAIT    256u

#define EVT_TIMER                         0x80000000u
#define EVT_RUNTIME                       0x40000000u
#define EVT_NOTIFY_WAIT                   0x00000100u
#define EVT_NOTIFY_SIGNAL                 0x00000200u
#define EVT_SIGNAL_EXIT_BOOT_SERVICES     0x00000201u
#define EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE 0x60000202u

enum { TIMER_CANCEL, TIMER_PERIODIC, TIMER_RELATIVE };

struct efi_event {
    struct efi_event *next;
    uint64_t id;
    uint32_t type;
    uint64_t tpl, function, context;
    bool grouped, signalled, queued, armed;
    struct efi_guid group;
    uint64_t order;       /* of being queued */
    uint64_t due, period; /* nanoseconds */
};

const struct efi_guid efi_group_exit_boot_services = {
    0x27abf055, 0xb1b8, 0x4c26, {0x80, 0x48, 0x74, 0x8f, 0x37, 0xba, 0xa2, 0xdf}};
const struct efi_guid efi_group_virtual_address_change = {
    0x13fa7698, 0xc831, 0x49c7, {0x87, 0xea, 0x8f, 0x43, 0xfc, 0xc2, 0x51, 0x96}};
const struct efi_guid efi_group_memory_map_change = {
    0x78bee926, 0x692f, 0x48fd, {0x9e, 0xdb, 0x01, 0x42, 0x2e, 0xf0, 0xd7, 0xab}};
const struct efi_guid efi_group_ready_to_boot = {
    0x7ce88fb3, 0x4bd7, 0x4679, {0x87, 0xa8, 0xa8, 0xd8, 0xde, 0xe5, 0x0d, 0x2b}};

static struct efi_event *find(struct efi *efi, uint64_t id)
{
    struct efi_event *e = efi->events;

    while (e && e->id != id)
        e = e->next;
    return e;
}

static struct efi_event *new_event(struct efi *efi)
{
    struct efi_event *e;
    size_t count = 0;

    for (e = efi->events; e; e = e->next)
        count++;
    e = count < MAX_EVENTS ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return NULL;
    efi->next_event = MAX(efi->next_event + EVENT_STEP, FIRST_EVENT);
    e->id = efi->next_event;
    e->next = efi->events;
    efi->events = e;
    return e;
}

efi_status efi_event_new(struct efi *efi, uint64_t *event)
{
    struct efi_event *e = new_event(efi);

    if (!e)
        return EFI_OUT_OF_RESOURCES;
    *event = e->id;
    return EFI_SUCCESS;
}

void efi_events_stop(struct efi *efi)
{
    while (efi->events) {
        struct efi_event *e = efi->events;

        efi->events = e->next;
        free(e);
    }
}

static void queue(struct efi *efi, struct efi_event *e)
{
    if (e->queued || !e->function)
        return;
    e->queued = true;
    e->order = efi->event_order++;
}

static void signal_one(struct efi *efi, struct efi_event *e)
{
    if (e->signalled)
        return;
    e->signalled = true;
    if (e->type & EVT_NOTIFY_SIGNAL)
        queue(efi, e);
}

void efi_events_signal_group(struct efi *efi, const struct efi_guid *group)
{
    for (struct efi_event *e = efi->events; e; e = e->next)
        if (e->grouped && efi_guid_equal(&e->group, group))
            signal_one(efi, e);
}

static void raise_event(struct efi *efi, struct efi_event *e)
{
    signal_one(efi, e);
    if (e->grouped)
        efi_events_signal_group(efi, &e->group);
}

void efi_event_signal(struct efi *efi, uint64_t event)
{
    struct efi_event *e = find(efi, event);

    if (e)
        raise_event(efi, e);
}

void efi_event_forget(struct efi *efi, uint64_t event)
{
    struct efi_event *e = find(efi, event);

    if (e)
        e->signalled = false;
}

void efi_events_poll(struct efi *efi)
{
    uint64_t now;

    if (!efi->boot || efi->dead)
        return;
    now = efi->config.now_ns(efi->config.ctx);
    efi_console_poll(efi);
    for (struct efi_event *e = efi->events; e; e = e->next) {
        if (!e->armed || now < e->due)
            continue;
        e->armed = e->period != 0;
        e->due = now + e->period;
        raise_event(efi, e);
    }
}

bool efi_events_take(struct efi *efi, uint64_t *event, uint64_t *function, uint64_t *context,
                     uint64_t *tpl)
{
    struct efi_event *best = NULL;

    for (struct efi_event *e = efi->events; e; e = e->next) {
        if (!e->queued || e->tpl <= efi->tpl)
            continue;
        if (!best || e->tpl > best->tpl || (e->tpl == best->tpl && e->order < best->order))
            best = e;
    }
    if (!best)
        return false;
    best->queued = false;
    if (best->type & EVT_NOTIFY_SIGNAL)
        best->signalled = false;
    *event = best->id;
    *function = best->function;
    *context = best->context;
    *tpl = best->tpl;
    return true;
}

/* --- services --- */

/* A type's group, for the two that are older than groups; and whether the type makes sense. */
static bool check_type(struct efi_event *e)
{
    const uint32_t known = EVT_TIMER | EVT_RUNTIME | EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL;

    if (e->type == EVT_SIGNAL_EXIT_BOOT_SERVICES)
        e->group = efi_group_exit_boot_services;
    else if (e->type == EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE)
        e->group = efi_group_virtual_address_change;
    else
        return !(e->type & ~known) && (e->type & (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL)) !=
                                          (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL);
    e->grouped = true;
    return true;
}

static efi_status create(struct efi_call *call, struct efi_event *wanted, uint64_t to)
{
    struct efi_event *e;
    bool notifies = wanted->type & (EVT_NOTIFY_WAIT | EVT_NOTIFY_SIGNAL);

    if (!to || !check_type(wanted) ||
        (notifies &&
         (!wanted->function || wanted->tpl <= TPL_APPLICATION || wanted->tpl >= TPL_HIGH_LEVEL)))
        return EFI_INVALID_PARAMETER;
    if (!notifies)
        wanted->function = 0;
    e = new_event(call->efi);
    if (!e)
        return EFI_OUT_OF_RESOURCES;
    wanted->next = e->next;
    wanted->id = e->id;
    *e = *wanted;
    return efi_write_u64(call, to, e->id) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

/* CreateEvent(Type, NotifyTpl, NotifyFunction, *NotifyContext, *Event) */
static efi_status create_event(struct efi_call *call)
{
    struct efi_event e = {.type = (uint32_t)call->arg[0],
                          .tpl = call->arg[1],
                          .function = call->arg[2],
                          .context = call->arg[3]};

    return create(call, &e, call->arg[4]);
}

/* CreateEventEx(Type, NotifyTpl, NotifyFunction, *NotifyContext, *EventGroup, *Event) */
static efi_status create_event_ex(struct efi_call *call)
{
    struct efi_event e = {.type = (uint32_t)call->arg[0],
                          .tpl = call->arg[1],
                          .function = call->arg[2],
                          .context = call->arg[3],
                          .grouped = call->arg[4] != 0};

    if (e.grouped &&
        (e.type == EVT_SIGNAL_EXIT_BOOT_SERVICES || e.type == EVT_SIGNAL_VIRTUAL_ADDRESS_CHANGE ||
         efi_read_guid(call, call->arg[4], &e.group)))
        return EFI_INVALID_PARAMETER;
    return create(call, &e, call->arg[5]);
}

/* CloseEvent(Event) */
static efi_status close_event(struct efi_call *call)
{
    for (struct efi_event **at = &call->efi->events; *at; at = &(*at)->next) {
        struct efi_event *e = *at;

        if (e->id != call->arg[0])
            continue;
        *at = e->next;
        free(e);
        return EFI_SUCCESS;
    }
    return EFI_INVALID_PARAMETER;
}

/* SetTimer(Event, Type, TriggerTime in 100 ns) */
static efi_status set_timer(struct efi_call *call)
{
    struct efi_event *e = find(call->efi, call->arg[0]);
    uint32_t how = (uint32_t)call->arg[1];
    uint64_t span = MIN(call->arg[2], UINT64_MAX / 400) * 100;

    if (!e || !(e->type & EVT_TIMER) || how > TIMER_RELATIVE)
        return EFI_INVALID_PARAMETER;
    e->armed = how != TIMER_CANCEL;
    e->due = call->efi->config.now_ns(call->efi->config.ctx) + span;
    e->period = how == TIMER_PERIODIC ? MAX(span, 1) : 0;
    return EFI_SUCCESS;
}

/* SignalEvent(Event) */
static efi_status signal_event(struct efi_call *call)
{
    struct efi_event *e = find(call->efi, call->arg[0]);

    if (!e)
        return EFI_INVALID_PARAMETER;
    raise_event(call->efi, e);
    return EFI_SUCCESS;
}

/* Whether it has been signalled, which is then forgotten; an event of type NOTIFY_WAIT has its
 * function called to find out. */
static efi_status check(struct efi *efi, struct efi_event *e)
{
    if (!e || e->type & EVT_NOTIFY_SIGNAL)
        return EFI_INVALID_PARAMETER;
    if (e->signalled) {
        e->signalled = false;
        return EFI_SUCCESS;
    }
    if (e->type & EVT_NOTIFY_WAIT)
        queue(efi, e);
    return EFI_NOT_READY;
}

/* CheckEvent(Event) */
static efi_status check_event(struct efi_call *call)
{
    efi_events_poll(call->efi);
    return check(call->efi, find(call->efi, call->arg[0]));
}

/* WaitForEvent(NumberOfEvents, *Event, *Index) */
static efi_status wait_on(struct efi_call *call, uint64_t result)
{
    efi_events_poll(call->efi);
    for (uint64_t i = 0; i < call->arg[0]; i++) {
        uint64_t id;
        efi_status status;

        if (efi_read_u64(call, call->arg[1] + i * 8, &id))
            return EFI_INVALID_PARAMETER;
        status = check(call->efi, find(call->efi, id));
        if (status == EFI_NOT_READY)
            continue;
        return efi_write_u64(call, call->arg[2], i) ? EFI_INVALID_PARAMETER : status;
    }
    return efi_call_wait(call, wait_on);
}

static efi_status wait_for_event(struct efi_call *call)
{
    if (call->arg[0] == 0 || call->arg[0] > MAX_WAIT)
        return EFI_INVALID_PARAMETER;
    return call->efi->tpl == TPL_APPLICATION ? wait_on(call, 0) : EFI_UNSUPPORTED;
}

const struct efi_method efi_event_services[] = {
    {SERVICE(7), "CreateEvent", create_event},       {SERVICE(8), "SetTimer", set_timer},
    {SERVICE(9), "WaitForEvent", wait_for_event},    {SERVICE(10), "SignalEvent", signal_event},
    {SERVICE(11), "CloseEvent", close_event},        {SERVICE(12), "CheckEvent", check_event},
    {SERVICE(43), "CreateEventEx", create_event_ex},
};
const size_t efi_event_service_count = nitems(efi_event_services);
