/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes src/usb: the xHCI controller's registers, rings, contexts and saved state, and the two
 * devices behind it, through a driver that means well until its input says otherwise.
 *
 * The input is a list of operations: registers read and written at any width; commands by type,
 * with their parameters right or anything; control transfers; interrupt transfers; TRBs of any kind
 * on any ring; contexts and rings overwritten; keys and the pointer; a move to another machine by
 * saved state, damaged or not. seeds_xhci.py writes what drivers do.
 */
#include <stdlib.h>

#include "../device/xhci_driver.h"
#include "base/endian.h"
#include "fuzz.h"

#define MAX_OPERATIONS 300
#define RINGS          4 /* that an operation may name: two slots' endpoints 0 and 1 IN */

struct attack {
    struct rig rig;
    struct xhci_driver d;
    struct xd_slot slots[2];
};

/* An address that is a structure's in three cases of four. */
static uint64_t address(struct attack *a, struct fuzz_input *p)
{
    const uint64_t known[] = {a->d.command.base,         a->d.events.base,
                              a->d.events.table,         a->d.dcbaa,
                              a->d.input_context,        a->d.buffer,
                              a->slots[0].context,       a->slots[1].context,
                              a->slots[0].rings[1].base, a->slots[0].rings[3].base,
                              a->slots[1].rings[1].base, a->slots[1].rings[3].base};
    uint8_t choice = (uint8_t)fuzz_take(p, 1);

    if (choice >= 0xc0)
        return fuzz_take(p, 8);
    return known[choice % nitems(known)] + 16 * fuzz_take(p, 1) + fuzz_take(p, 1) % 16;
}

static struct xd_ring *ring(struct attack *a, unsigned choice)
{
    struct xd_slot *slot = &a->slots[choice / 2 % 2];

    return choice % (RINGS + 1) == RINGS ? &a->d.command : &slot->rings[choice % 2 ? 3 : 1];
}

static void drain(struct attack *a)
{
    struct xhci_trb event;

    for (unsigned i = 0; i < 2 * XD_EVENTS && xd_event(&a->d, &event); i++)
        continue;
}

/* A driver attaches both devices, and takes what it gets. */
static void attach(struct attack *a)
{
    xd_start(&a->d);
    for (unsigned i = 0; i < 2; i++) {
        if (xd_attach(&a->d, &a->slots[i], i + 1) != CC_SUCCESS)
            continue;
        xd_control(&a->d, &a->slots[i], 0, 9, 1, 0, 0, NULL);
        if (xd_add_interrupt(&a->d, &a->slots[i]) == CC_SUCCESS)
            xd_ask(&a->d, &a->slots[i], 8);
    }
    drain(a);
}

/* --- operations --- */

static void op_register(struct attack *a, struct fuzz_input *p)
{
    unsigned how = (unsigned)fuzz_take(p, 1), size = 1u << (how & 3);
    uint64_t offset = align_down(fuzz_take(p, 2) % 4096, size);

    if (how & 4)
        xd_read(&a->d, offset, size);
    else
        xd_write(&a->d, offset, size, how & 8 ? address(a, p) : fuzz_take(p, size));
}

/* Registers that make a difference */
static void op_operate(struct attack *a, struct fuzz_input *p)
{
    static const uint16_t registers[] = {XD_USBCMD,
                                         XD_USBSTS,
                                         XD_CRCR,
                                         XD_CONFIG,
                                         XD_PORTSC(1),
                                         XD_PORTSC(2),
                                         XD_PORTSC(9),
                                         XD_INTERRUPTER(0, 0),
                                         XD_INTERRUPTER(0, 4),
                                         XD_INTERRUPTER(0, 8),
                                         XD_INTERRUPTER(0, 0x10),
                                         XD_INTERRUPTER(0, 0x18),
                                         XD_INTERRUPTER(1, 8),
                                         XD_INTERRUPTER(1, 0x10),
                                         XD_INTERRUPTER(1, 0x18),
                                         XD_DCBAAP};
    uint16_t offset = registers[fuzz_take(p, 1) % nitems(registers)];
    bool pointer = offset == XD_CRCR || offset == XD_DCBAAP || (offset & 0x1f) >= 0x10;

    if (pointer && offset > 0xa00 && (offset & 0x10))
        xd_write(&a->d, offset, 8, address(a, p));
    else if (pointer && offset < 0x400)
        xd_write(&a->d, offset, 8, address(a, p) | fuzz_take(p, 1));
    else
        xd_write(&a->d, offset, 4, fuzz_take(p, 4));
}

static void op_doorbell(struct attack *a, struct fuzz_input *p)
{
    xd_write(&a->d, XD_DOORBELL(fuzz_take(p, 1) % 20), 4, fuzz_take(p, 1));
    xd_settle(&a->d);
}

static void op_command(struct attack *a, struct fuzz_input *p)
{
    unsigned type = TRB_ENABLE_SLOT + (unsigned)fuzz_take(p, 1) % 16, how;
    uint64_t parameter = a->d.input_context;

    how = (unsigned)fuzz_take(p, 1);
    if (how & 0x80)
        parameter = address(a, p);
    else if (type == TRB_SET_TR_DEQUEUE)
        parameter = ring(a, how)->base + ring(a, how)->next * XHCI_TRB + ring(a, how)->cycle;
    xd_command(&a->d, parameter, how & 0x40 ? (uint32_t)fuzz_take(p, 4) : 0,
               type << 10 | (uint32_t)(fuzz_take(p, 1) & 0x1f) << 16 |
                   (uint32_t)(fuzz_take(p, 1) % 4) << 24 | (how & 0x20 ? (uint32_t)TRB_BSR : 0),
               NULL);
}

/* An input context with one endpoint in it */
static void op_context(struct attack *a, struct fuzz_input *p)
{
    unsigned dci = 1 + (unsigned)fuzz_take(p, 1) % 31, flags = (unsigned)fuzz_take(p, 1);

    xd_input_slot(&a->d, (uint32_t)(flags & 1 ? BIT(dci) : 0),
                  (uint32_t)((flags & 2 ? 0 : 1) | (flags & 4 ? 0 : BIT(dci))),
                  (unsigned)fuzz_take(p, 1) % 18, dci);
    xd_input_endpoint(&a->d, dci, (unsigned)fuzz_take(p, 1) % 8, flags >> 3 & 16 ? 0 : 8,
                      ring(a, flags));
}

static void op_control(struct attack *a, struct fuzz_input *p)
{
    struct xd_slot *slot = &a->slots[fuzz_take(p, 1) & 1];
    uint8_t type = (uint8_t)fuzz_take(p, 1), request = (uint8_t)fuzz_take(p, 1);
    uint16_t value = (uint16_t)fuzz_take(p, 2), index = (uint16_t)fuzz_take(p, 1);
    uint16_t length = (uint16_t)fuzz_take(p, 2);

    if (slot->rings[1].base && slot->id)
        xd_control(&a->d, slot, type, request, value, index, length, NULL);
}

static void op_ask(struct attack *a, struct fuzz_input *p)
{
    struct xd_slot *slot = &a->slots[fuzz_take(p, 1) & 1];

    if (slot->rings[3].base)
        xd_ask(&a->d, slot, (uint32_t)fuzz_take(p, 1) % 12);
}

/* A TRB of any kind on one of the rings */
static void op_trb(struct attack *a, struct fuzz_input *p)
{
    struct xd_ring *to = ring(a, (unsigned)fuzz_take(p, 1));
    uint32_t type = (uint32_t)fuzz_take(p, 1) % 34, flags = (uint32_t)fuzz_take(p, 1);
    uint64_t parameter = fuzz_take(p, 1) & 1 ? address(a, p) : fuzz_take(p, 8);

    if (to->base)
        xd_push(&a->d, to, parameter, (uint32_t)fuzz_take(p, 4),
                type << 10 | (flags & 0x3e) << 1 | (flags & 1) << 16);
}

/* Rings and contexts change under the controller's hands. */
static void op_overwrite(struct attack *a, struct fuzz_input *p)
{
    mem_store(a->rig.mem, align_down(address(a, p), 4), 4, fuzz_take(p, 4));
}

static void op_key(struct attack *a, struct fuzz_input *p)
{
    unsigned usage = (unsigned)fuzz_take(p, 1);
    const struct input_pointer state = {(uint16_t)(usage * 128), (uint16_t)(usage * 64),
                                        (uint8_t)(usage & 7), (int8_t)usage, (int8_t)-usage};

    if (fuzz_take(p, 1) & 1)
        input_pointer(a->d.input, &state);
    else
        input_key(a->d.input, usage, fuzz_take(p, 1) & 1);
    xd_settle(&a->d);
}

static void op_events(struct attack *a, struct fuzz_input *p)
{
    drain(a);
    if (fuzz_take(p, 1) == 0)
        xd_enable_msix(&a->d);
    if (fuzz_take(p, 1) == 0xff)
        attach(a);
}

/* Damages saved numbers: as much as the state's own format lets through. */
static struct state *damage(struct state *state, struct fuzz_input *p)
{
    const uint8_t *bytes;
    struct state *other;
    size_t length;
    uint8_t *copy;

    bytes = state_bytes(state, &length);
    copy = malloc(length);
    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    for (unsigned i = (unsigned)fuzz_take(p, 1) % 4; i > 0; i--)
        copy[fuzz_take(p, 3) % length] ^= (uint8_t)fuzz_take(p, 1);
    other = state_parse(copy, length, NULL);
    free(copy);
    return other;
}

static void op_move(struct attack *a, struct fuzz_input *p)
{
    struct state *state = state_new(), *pci = state_new(), *other;

    if (!state || !pci)
        abort();
    xhci_quiesce(a->d.xhci);
    if (pci_host_ops.save(a->rig.pci, pci, "pci") || xhci_ops.save(a->d.xhci, state, "xhci0"))
        abort();
    xd_destroy(&a->d);
    rig_rebuild(&a->rig);
    xd_create(&a->d, &a->rig);
    if (pci_host_ops.load(a->rig.pci, pci, "pci", NULL) ||
        xhci_ops.load(a->d.xhci, state, "xhci0", NULL))
        abort();
    other = damage(state, p);
    if (other)
        xhci_ops.load(a->d.xhci, other, "xhci0", NULL);
    xhci_resume(a->d.xhci);
    xd_settle(&a->d);
    state_free(other);
    state_free(state);
    state_free(pci);
}

static void op_reset(struct attack *a, struct fuzz_input *p)
{
    if (fuzz_take(p, 1) & 1) {
        xhci_quiesce(a->d.xhci);
        xhci_ops.reset(a->d.xhci);
        xhci_resume(a->d.xhci);
    }
    attach(a);
}

static void (*const operations[])(struct attack *a, struct fuzz_input *p) = {
    op_register, op_operate, op_doorbell, op_command,   op_context, op_control, op_ask,  op_trb,
    op_trb,      op_trb,     op_command,  op_overwrite, op_key,     op_events,  op_move, op_reset,
};

/* After everything: a driver that is right has its key. */
static void must_work(struct attack *a)
{
    const uint8_t *report;

    xd_write(&a->d, XD_USBCMD, 4, CMD_HCRST);
    xd_settle(&a->d);
    input_reset(a->d.input);
    attach(a);
    xd_settle(&a->d);
    if (input_key(a->d.input, 0x04, true))
        abort();
    xd_settle(&a->d);
    report = rig_host(&a->rig, xd_report_at(&a->d, &a->slots[0]), 8);
    if (xd_event_of(&a->d, TRB_TRANSFER_EVENT).status >> 24 != CC_SUCCESS || report[2] != 0x04)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct attack a;
    struct fuzz_input p = {data, data + size};

    memset(&a, 0, sizeof(a));
    rig_make(&a.rig, false);
    xd_create(&a.d, &a.rig);
    attach(&a);
    for (unsigned i = 0; i < MAX_OPERATIONS && p.at < p.end; i++)
        operations[fuzz_take(&p, 1) % nitems(operations)](&a, &p);
    must_work(&a);
    xd_destroy(&a.d);
    rig_free(&a.rig);
    return 0;
}
