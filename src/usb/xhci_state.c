/* SPDX-License-Identifier: ISC */
/*
 * The controller's saved state: one section for its registers, one for each interrupter that was
 * set up, each slot and each endpoint in use, and each device its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/clock.h"
#include "usb/xhci_internal.h"

struct record {
    uint32_t usbcmd, usbsts, dnctrl, config, port_events;
    uint64_t dcbaap, command_dequeue, microframes, wraps;
    bool command_cycle, command_running, command_doorbell, command_stopping, starved;
    uint32_t portsc[XHCI_PORTS];
    uint32_t interrupters; /* bits: there are sections of these */
    uint32_t slots;
};

static const struct state_field fields[] = {
    STATE_FIELD(struct record, usbcmd, STATE_U32),
    STATE_FIELD(struct record, usbsts, STATE_U32),
    STATE_FIELD(struct record, dnctrl, STATE_U32),
    STATE_FIELD(struct record, config, STATE_U32),
    STATE_FIELD(struct record, port_events, STATE_U32),
    STATE_FIELD(struct record, dcbaap, STATE_U64),
    STATE_FIELD(struct record, command_dequeue, STATE_U64),
    STATE_FIELD(struct record, microframes, STATE_U64),
    STATE_FIELD(struct record, wraps, STATE_U64),
    STATE_FIELD(struct record, command_cycle, STATE_BOOL),
    STATE_FIELD(struct record, command_running, STATE_BOOL),
    STATE_FIELD(struct record, command_doorbell, STATE_BOOL),
    STATE_FIELD(struct record, command_stopping, STATE_BOOL),
    STATE_FIELD(struct record, starved, STATE_BOOL),
    STATE_ARRAY(struct record, portsc, STATE_U32, XHCI_PORTS),
    STATE_FIELD(struct record, interrupters, STATE_U32),
    STATE_FIELD(struct record, slots, STATE_U32),
};
static const struct state_table table = {"xhci", 1, fields, nitems(fields)};

static const struct state_field interrupter_fields[] = {
    STATE_FIELD(struct xhci_interrupter, iman, STATE_U32),
    STATE_FIELD(struct xhci_interrupter, imod, STATE_U32),
    STATE_FIELD(struct xhci_interrupter, erstsz, STATE_U32),
    STATE_FIELD(struct xhci_interrupter, erstba, STATE_U64),
    STATE_FIELD(struct xhci_interrupter, erdp, STATE_U64),
    STATE_FIELD(struct xhci_interrupter, pending, STATE_BOOL),
    STATE_FIELD(struct xhci_interrupter, loaded, STATE_BOOL),
    STATE_FIELD(struct xhci_interrupter, cycle, STATE_BOOL),
    STATE_FIELD(struct xhci_interrupter, base, STATE_U64),
    STATE_FIELD(struct xhci_interrupter, size, STATE_U32),
    STATE_FIELD(struct xhci_interrupter, enqueue, STATE_U32),
};
static const struct state_table interrupter_table = {"xhci-interrupter", 1, interrupter_fields,
                                                     nitems(interrupter_fields)};

struct slot_record {
    uint8_t state, port;
    uint64_t context;
    uint32_t doorbells, endpoints; /* bits: there are sections of these */
};

static const struct state_field slot_fields[] = {
    STATE_FIELD(struct slot_record, state, STATE_U8),
    STATE_FIELD(struct slot_record, port, STATE_U8),
    STATE_FIELD(struct slot_record, context, STATE_U64),
    STATE_FIELD(struct slot_record, doorbells, STATE_U32),
    STATE_FIELD(struct slot_record, endpoints, STATE_U32),
};
static const struct state_table slot_table = {"xhci-slot", 1, slot_fields, nitems(slot_fields)};

static const struct state_field endpoint_fields[] = {
    STATE_FIELD(struct xhci_endpoint, state, STATE_U8),
    STATE_FIELD(struct xhci_endpoint, type, STATE_U8),
    STATE_FIELD(struct xhci_endpoint, phase, STATE_U8),
    STATE_ARRAY(struct xhci_endpoint, setup, STATE_U8, 8),
    STATE_FIELD(struct xhci_endpoint, ring.dequeue, STATE_U64),
    STATE_FIELD(struct xhci_endpoint, ring.cycle, STATE_BOOL),
};
static const struct state_table endpoint_table = {"xhci-endpoint", 1, endpoint_fields,
                                                  nitems(endpoint_fields)};

/* "xhci0/slot3" */
static const char *part(char name[64], const char *instance, const char *what, unsigned index)
{
    snprintf(name, 64, "%.32s/%s%u", instance, what, index);
    return name;
}

/* --- saving --- */

/* Those that are as a reset leaves them need no section. */
static bool interrupter_used(const struct xhci_interrupter *in)
{
    return in->iman || in->imod != IMOD_RESET || in->erstsz || in->erstba || in->erdp;
}

static int save_slot(const struct xhci_slot *slot, struct state *state, const char *name)
{
    struct slot_record record = {slot->state, slot->port, slot->context, slot->doorbells, 0};
    char inner[64];
    int ret;

    for (unsigned dci = 1; dci < XHCI_ENDPOINTS; dci++)
        if (slot->endpoints[dci].state != EP_DISABLED)
            record.endpoints |= (uint32_t)BIT(dci);
    ret = state_save(state, name, &slot_table, &record);
    for (unsigned dci = 1; dci < XHCI_ENDPOINTS && !ret; dci++)
        if (record.endpoints & BIT(dci))
            ret = state_save(state, part(inner, name, "endpoint", dci), &endpoint_table,
                             &slot->endpoints[dci]);
    return ret;
}

static int save_parts(struct xhci *x, struct state *state, const char *instance,
                      const struct record *record)
{
    char name[64];
    int ret = 0;

    for (unsigned i = 0; i < XHCI_INTERRUPTERS && !ret; i++)
        if (record->interrupters & BIT(i))
            ret = state_save(state, part(name, instance, "interrupter", i), &interrupter_table,
                             &x->interrupters[i]);
    for (unsigned i = 1; i <= XHCI_SLOTS && !ret; i++)
        if (record->slots & BIT(i))
            ret = save_slot(&x->slots[i], state, part(name, instance, "slot", i));
    for (unsigned i = 0; i < XHCI_PORTS && !ret; i++)
        if (x->ports[i].device)
            ret = usb_device_save(x->ports[i].device, state, part(name, instance, "port", i + 1));
    return ret;
}

int xhci_save(struct xhci *x, struct state *state, const char *instance)
{
    struct record record = {
        .usbcmd = x->usbcmd,
        .usbsts = x->usbsts,
        .dnctrl = x->dnctrl,
        .config = x->config,
        .port_events = x->port_events,
        .dcbaap = x->dcbaap,
        .command_dequeue = x->command.dequeue,
        .microframes = xhci_microframes(x),
        .wraps = x->wraps,
        .command_cycle = x->command.cycle,
        .command_running = x->command_running,
        .command_doorbell = x->command_doorbell,
        .command_stopping = x->command_stopping,
        .starved = x->starved,
    };
    int ret;

    for (unsigned i = 0; i < XHCI_PORTS; i++)
        record.portsc[i] = x->ports[i].portsc;
    for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
        if (interrupter_used(&x->interrupters[i]))
            record.interrupters |= (uint32_t)BIT(i);
    for (unsigned i = 1; i <= XHCI_SLOTS; i++)
        if (x->slots[i].state != SLOT_DISABLED)
            record.slots |= (uint32_t)BIT(i);
    ret = state_save(state, instance, &table, &record);
    return ret ? ret : save_parts(x, state, instance, &record);
}

/* --- loading --- */

static int load_interrupter(struct xhci_interrupter *in, const struct state *state,
                            const char *name, struct error *err)
{
    int ret = state_load(state, name, &interrupter_table, in, err);

    if (ret)
        return ret;
    if (in->loaded && (in->size < XHCI_EVENT_LEAST || in->size > XHCI_EVENT_MOST ||
                       in->enqueue >= in->size || in->base % 64))
        return error_set(err, EINVAL, "%s: no event ring of %u TRBs at %#llx is possible", name,
                         in->size, (unsigned long long)in->base);
    return 0;
}

static int load_endpoint(struct xhci_endpoint *ep, const struct state *state, const char *name,
                         struct error *err)
{
    int ret = state_load(state, name, &endpoint_table, ep, err);

    if (ret)
        return ret;
    if (ep->state == EP_DISABLED || ep->state > EP_ERROR || ep->type > 7 ||
        ep->phase > PHASE_DATA || ep->ring.dequeue % XHCI_TRB)
        return error_set(err, EINVAL, "%s: no endpoint is in state %u and phase %u", name,
                         ep->state, ep->phase);
    return 0;
}

static int load_slot(struct xhci_slot *slot, const struct state *state, const char *name,
                     struct error *err)
{
    struct slot_record record;
    char inner[64];
    int ret = state_load(state, name, &slot_table, &record, err);

    if (ret)
        return ret;
    if (record.state == SLOT_DISABLED || record.state > SLOT_CONFIGURED ||
        record.port > XHCI_PORTS || record.context % 64 || (record.endpoints & 1) ||
        (record.state >= SLOT_DEFAULT && !(record.endpoints & 2)) ||
        (record.state < SLOT_DEFAULT && record.endpoints))
        return error_set(err, EINVAL, "%s: no slot is in state %u on port %u", name, record.state,
                         record.port);
    slot->state = record.state;
    slot->port = record.port;
    slot->context = record.context;
    for (unsigned dci = 1; dci < XHCI_ENDPOINTS && !ret; dci++) {
        if (!(record.endpoints & BIT(dci)))
            continue;
        ret = load_endpoint(&slot->endpoints[dci], state, part(inner, name, "endpoint", dci), err);
        if (slot->endpoints[dci].state == EP_RUNNING)
            slot->doorbells |= record.doorbells & (uint32_t)BIT(dci);
    }
    return ret;
}

static int load_parts(struct xhci *x, const struct state *state, const char *instance,
                      const struct record *record, struct error *err)
{
    char name[64];
    int ret = 0;

    for (unsigned i = 0; i < XHCI_INTERRUPTERS && !ret; i++)
        if (record->interrupters & BIT(i))
            ret = load_interrupter(&x->interrupters[i], state,
                                   part(name, instance, "interrupter", i), err);
    for (unsigned i = 1; i <= XHCI_SLOTS && !ret; i++)
        if (record->slots & BIT(i))
            ret = load_slot(&x->slots[i], state, part(name, instance, "slot", i), err);
    for (unsigned i = 0; i < XHCI_PORTS && !ret; i++)
        if (x->ports[i].device)
            ret = usb_device_load(x->ports[i].device, state, part(name, instance, "port", i + 1),
                                  err);
    return ret;
}

/* What a port says of its device is this machine's affair, the rest the state's. */
static void load_port(struct xhci_port *port, uint32_t portsc)
{
    const uint32_t fixed = (uint32_t)(PORT_CCS | PORT_SPEED | PORT_PP);
    const uint32_t kept =
        (uint32_t)(PORT_PED | PORT_PLS | PORT_PIC | PORT_CHANGES | PORT_WAKE) & ~fixed;

    port->portsc = (port->portsc & fixed) | (portsc & kept);
    if (!port->device)
        port->portsc &= (uint32_t)~PORT_PED;
}

static void load_record(struct xhci *x, const struct record *record)
{
    bool failed = record->usbsts & (STS_HSE | STS_HCE);

    x->usbcmd = record->usbcmd & (CMD_RS | CMD_INTE | CMD_HSEE | CMD_EWE);
    if (failed)
        x->usbcmd &= (uint32_t)~CMD_RS;
    x->usbsts = record->usbsts & (STS_HSE | STS_EINT | STS_PCD | STS_SRE | STS_HCE);
    if (!(x->usbcmd & CMD_RS))
        x->usbsts |= STS_HCH;
    x->dnctrl = record->dnctrl & 0xffff;
    x->config = MIN(record->config, XHCI_SLOTS);
    x->port_events = record->port_events & (uint32_t)bits_mask(XHCI_PORTS);
    x->dcbaap = record->dcbaap;
    x->command =
        (struct xhci_ring){record->command_dequeue & ~UINT64_C(0xf), record->command_cycle};
    x->command_running = record->command_running;
    x->command_doorbell = record->command_doorbell;
    x->command_stopping = record->command_stopping;
    x->starved = record->starved;
    x->mfindex_stopped = record->microframes & bits_mask(40);
    x->mfindex_start_ns = host_clock_monotonic() - x->mfindex_stopped * XHCI_MICROFRAME_NS;
    x->wraps = record->wraps;
    for (unsigned i = 0; i < XHCI_PORTS; i++)
        load_port(&x->ports[i], record->portsc[i]);
}

int xhci_load(struct xhci *x, const struct state *state, const char *instance, struct error *err)
{
    struct record record;
    int ret = state_load(state, instance, &table, &record, err);

    if (ret)
        return ret;
    load_record(x, &record);
    return load_parts(x, state, instance, &record, err);
}
