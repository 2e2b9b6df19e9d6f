/* SPDX-License-Identifier: ISC */
/*
 * The fault explainer: addresses that lead nowhere, and the mistake that most often makes them, a
 * kernel virtual address where a physical one belongs.
 *
 * A CPU meets such an address through a page table whose descriptor holds 48 bits of it; a device
 * meets all 64 bits in a ring or a command. Either way the number can be completed to the virtual
 * address that it was: bits 63:48 of a kernel's addresses are ones (Arm ARM D8.2). It was one if
 * the kernel's own tables map it to something that is there.
 */
#include <stdio.h>
#include <string.h>

#include "arm/regs.h"
#include "base/bits.h"
#include "debug/private.h"

#define PAGE_BITS  12
#define OUTPUT_TOP (~bits_mask(48))

typedef unsigned long long ull;

bool fault_is_new(struct explainer *x, const struct event *event)
{
    bool wild = event->kind == EVENT_WILD_ACCESS;
    uint64_t where = wild ? event->c : 0, page = (wild ? event->b : event->a) >> PAGE_BITS;
    bool known = false;

    if (event->kind == EVENT_RING_MALFORMED)
        page = event->b >> PAGE_BITS;
    pthread_mutex_lock(&x->lock);
    for (unsigned i = 0; i < x->address_count && !known; i++)
        known = x->addresses[i].kind == event->kind &&
                (x->addresses[i].page == page || (wild && x->addresses[i].where == where));
    if (x->address_count == EXPLAIN_STORIES)
        known = true;
    if (!known) {
        x->addresses[x->address_count].kind = event->kind;
        x->addresses[x->address_count].where = where;
        x->addresses[x->address_count++].page = page;
    }
    pthread_mutex_unlock(&x->lock);
    return !known;
}

/* --- kernel virtual addresses --- */

struct kernel_address {
    uint64_t va;
    struct arm_walk walk;
    char place[160]; /* what is there */
};

bool fault_regs_answer(const struct arm_walk_regs *regs)
{
    return regs->el == 1 && (regs->sctlr & SCTLR_M);
}

static bool find_kernel_address(struct explainer *x, const struct arm_walk_regs *regs,
                                uint64_t number, struct kernel_address *k)
{
    const struct arm_walk_memory memory = {x->host.read, x->host.ctx};
    struct arm_walk_regs kernel = *regs;

    if (!(regs->sctlr & SCTLR_M))
        return false;
    kernel.el = 1;
    kernel.pan = false;
    k->va = number | OUTPUT_TOP;
    return k->va >= arm_walk_upper_base(regs) &&
           arm_walk(&kernel, &memory, k->va, ARM_WALK_READ, &k->walk) &&
           x->host.place(x->host.ctx, k->walk.pa, k->place, sizeof(k->place));
}

static void say_walk(struct explainer *x, const char *who, const struct arm_walk *w)
{
    for (unsigned i = 0; i < w->steps; i++)
        explain_more(x, "%s: walk of 0x%llx: level %u, descriptor 0x%llx at 0x%llx", who,
                     (ull)w->va, w->step[i].level, (ull)w->step[i].descriptor,
                     (ull)w->step[i].address);
    if (w->faulted)
        explain_more(x, "%s: walk of 0x%llx: %s at level %u", who, (ull)w->va,
                     arm_fault_name(w->fault), w->level);
    else
        explain_more(x,
                     "%s: walk of 0x%llx: physical address 0x%llx, a %llu KiB mapping, memory "
                     "attributes 0x%02x",
                     who, (ull)w->va, (ull)w->pa, (ull)(BIT(w->shift) / 1024), w->attr);
}

/* --- a CPU's access --- */

static void wild_access_by(struct explainer *x, const struct event *event,
                           const struct arm_walk_regs *regs)
{
    enum arm_walk_access access = event->text    ? ARM_WALK_FETCH
                                  : event->write ? ARM_WALK_WRITE
                                                 : ARM_WALK_READ;
    const struct arm_walk_memory memory = {x->host.read, x->host.ctx};
    static const char *const verbs[] = {[ARM_WALK_READ] = "read from",
                                        [ARM_WALK_WRITE] = "wrote to",
                                        [ARM_WALK_FETCH] = "fetched an instruction from"};
    unsigned bits = arm_walk_output_bits(regs);
    struct kernel_address kernel;
    struct arm_walk walk;
    char who[24], why[80];
    uint64_t pa;

    arm_walk(regs, &memory, event->a, access, &walk);
    pa = walk.pa ? walk.pa : event->b;
    snprintf(who, sizeof(who), "CPU %d", event->cpu);
    if (pa >> bits)
        snprintf(why, sizeof(why), "which is above its %u bits of physical addresses", bits);
    else
        snprintf(why, sizeof(why), "where there is nothing");
    explain_say(
        x,
        "%s: the program at EL%u, pc 0x%llx, %s virtual address 0x%llx, which its tables map "
        "to physical address 0x%llx, %s: %s",
        who, regs->el, (ull)event->c, verbs[access], (ull)event->a, (ull)pa, why,
        x->host.wild_outcome);
    say_walk(x, who, &walk);
    if (!find_kernel_address(x, regs, pa, &kernel))
        return;
    explain_say(
        x,
        "%s: 0x%llx, sign-extended, is the kernel virtual address 0x%llx, which is mapped to "
        "physical address 0x%llx: %s. So a virtual address was entered in a page table where "
        "the physical one belongs, by a driver's mmap routine, say (OpenBSD's viogpu.c "
        "before 1.13 does that)",
        who, (ull)pa, (ull)kernel.va, (ull)kernel.walk.pa, kernel.place);
    say_walk(x, who, &kernel.walk);
}

void fault_wild_access(struct explainer *x, const struct event *event)
{
    struct arm_walk_regs regs;

    if (!fault_is_new(x, event))
        return;
    if (x->host.regs(x->host.ctx, (unsigned)event->cpu, &regs))
        wild_access_by(x, event, &regs);
    else
        explain_say(
            x,
            "CPU %d: the program at pc 0x%llx accessed physical address 0x%llx, where there "
            "is nothing: %s",
            event->cpu, (ull)event->c, (ull)event->b, x->host.wild_outcome);
}

/* --- an address that a device was given --- */

/* What an event is about: which thing holds the address, and where the standard says what it is. */
struct holder {
    char name[112];
    const char *rule;
    uint64_t address, length;
};

static bool is_about_ram(const struct event *event)
{
    return strstr(event->text, "not in RAM") != NULL;
}

static void holder_of(const struct event *event, struct holder *h)
{
    if (event->kind == EVENT_GPU_BACKING) {
        snprintf(h->name, sizeof(h->name), "%s: the backing of resource %llu", event->device,
                 (ull)event->c);
        h->rule = "VIRTIO 1.2, 5.7.6.8";
        h->address = event->a;
        h->length = event->b;
        return;
    }
    snprintf(h->name, sizeof(h->name), "%s: queue %llu, %s", event->device, (ull)event->a,
             event->text);
    h->rule = "VIRTIO 1.2, 2.7.5";
    h->address = event->b;
    h->length = event->c;
}

static bool in_ram(const struct explainer *x, uint64_t address)
{
    return address >= x->host.ram_base && address - x->host.ram_base < x->host.ram_size;
}

/* A range that begins in RAM, or where something else lives, or nothing. */
static void say_place(struct explainer *x, const struct holder *h)
{
    char place[160];

    if (in_ram(x, h->address))
        explain_say(x,
                    "%s: 0x%llx is in RAM, but the %llu bytes there run off its end, which is at "
                    "0x%llx (%s)",
                    h->name, (ull)h->address, (ull)h->length,
                    (ull)(x->host.ram_base + x->host.ram_size), h->rule);
    else if (x->host.place(x->host.ctx, h->address, place, sizeof(place)))
        explain_say(x, "%s: what lives at 0x%llx is %s; the address must be that of memory (%s)",
                    h->name, (ull)h->address, place, h->rule);
    else
        explain_say(x,
                    "%s: there is nothing at physical address 0x%llx; RAM is from 0x%llx to 0x%llx "
                    "(%s)",
                    h->name, (ull)h->address, (ull)x->host.ram_base,
                    (ull)(x->host.ram_base + x->host.ram_size - 1), h->rule);
}

static void say_ring(struct explainer *x, const struct event *event)
{
    char text[256];

    if (event->kind != EVENT_RING_MALFORMED)
        return;
    for (unsigned line = 0;
         x->host.ring(x->host.ctx, event->device, (unsigned)event->a, line, text, sizeof(text));
         line++)
        explain_more(x, "%s: queue %llu: %s", event->device, (ull)event->a, text);
}

static void say_bad_address(struct explainer *x, const struct event *event,
                            const struct arm_walk_regs *regs)
{
    struct kernel_address kernel;
    struct holder h;

    holder_of(event, &h);
    if (event->kind == EVENT_RING_MALFORMED && !is_about_ram(event)) {
        explain_say(x,
                    "%s (0x%llx): the driver broke the ring's rules (VIRTIO 1.2, 2.7 and 2.8), "
                    "and the device waits for a reset (2.1.2)",
                    h.name, (ull)h.address);
        return;
    }
    if (!in_ram(x, h.address) && regs && find_kernel_address(x, regs, h.address, &kernel)) {
        explain_say(
            x,
            "%s: 0x%llx is a kernel virtual address, where a physical one belongs (%s); it is "
            "mapped to physical address 0x%llx: %s",
            h.name, (ull)kernel.va, h.rule, (ull)kernel.walk.pa, kernel.place);
        say_walk(x, event->device, &kernel.walk);
        return;
    }
    say_place(x, &h);
    explain_more(x, "%s: %llu bytes at 0x%llx", h.name, (ull)h.length, (ull)h.address);
}

void fault_bad_address(struct explainer *x, const struct event *event,
                       const struct arm_walk_regs *regs)
{
    say_bad_address(x, event, regs);
    if (x->host.level == EXPLAIN_FULL)
        say_ring(x, event);
}

void fault_bad_width(struct explainer *x, const struct event *event)
{
    char place[160] = "a device";

    x->host.place(x->host.ctx, event->a, place, sizeof(place));
    explain_say(x,
                "%s%san access of %llu bytes to physical address 0x%llx (%s), which does not take "
                "that width (VIRTIO 1.2, 4.1.3.1, for virtio's): %s",
                event->device, event->device[0] ? ": " : "", (ull)event->b, (ull)event->a, place,
                event->write ? "the write was dropped" : "what was read means nothing");
}
