/* SPDX-License-Identifier: ISC */
/* See conformance.h: finds the body, and what the bodies share. */
#include "conformance.h"

static const struct {
    const char *name;
    void (*body)(void);
} bodies[] = {
#define BODY(name, cpus, about) {#name, name},
#include "bodies.h"
#undef BODY
};

void note(const char *text, uint64_t value)
{
    put_text("note: ");
    put_value(text, value);
}

/* --- the probe's list --- */

void log_clear(void)
{
    probe_set(PROBE_LOG_COUNT, 0);
}

static uint64_t log_what(unsigned index)
{
    probe_set(PROBE_LOG_PICK, index);
    return probe(PROBE_LOG_WHAT);
}

void expect_access(const char *what, unsigned offset, unsigned size, bool write)
{
    expect_accesses(what, offset, size, size, write);
}

void expect_accesses(const char *what, unsigned offset, unsigned length, unsigned size, bool write)
{
    uint64_t count = probe(PROBE_LOG_COUNT);
    unsigned at = offset;

    for (unsigned i = 0; i < count; i++) {
        uint64_t entry = log_what(i);
        unsigned bytes = entry >> 16 & 0xff;

        expect(what, entry, at | bytes << 16 | (uint64_t)write << 31);
        if (size)
            expect(what, bytes, size);
        at += bytes;
    }
    expect(what, at - offset, length);
    log_clear();
}

uint64_t probe_pattern(unsigned offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)PROBE_BYTE(offset + i) << 8 * i;
    return value;
}

/* --- exceptions --- */

volatile struct trap trap;
static volatile bool allowed;
extern char user_return[];

static void resume(struct frame *f)
{
    unsigned ec = (uint32_t)f->esr >> 26;

    if (f->vector >= 0x400) {
        f->elr = (uint64_t)user_return;
        f->spsr = 0x3c5; /* EL1h, all masked */
    } else if (ec == EC_IABT || ec == EC_PC) {
        f->elr = f->x[30];
    } else if (ec == EC_ILLEGAL) {
        f->spsr &= ~(UINT64_C(1) << 20);
    } else if (ec == EC_STEP) {
        write_sysreg(mdscr_el1, read_sysreg(mdscr_el1) & ~UINT64_C(1));
    } else if (ec != EC_SVC) {
        f->elr += 4;
    }
}

static void take_interrupt(struct frame *f)
{
    unsigned intid = gic_acknowledge();

    if (intid >= 1020)
        return;
    if (irq_hook) {
        irq_hook(intid, f);
        return;
    }
    irq_end_usual(intid);
    if (f->vector >= 0x400)
        resume(f);
}

void guest_exception(struct frame *f)
{
    if ((f->vector & 0x180) == 0x080) {
        take_interrupt(f);
        return;
    }
    if (!allowed)
        guest_fail(f);
    trap.count++;
    trap.vector = f->vector;
    trap.esr = (uint32_t)f->esr; /* KVM may sign-extend it */
    trap.far = f->far;
    trap.elr = f->elr;
    trap.spsr = f->spsr;
    resume(f);
}

void traps_begin(void)
{
    trap.count = 0;
    allowed = true;
}

void traps_end(void)
{
    allowed = false;
}

void expect_trap(const char *what, unsigned ec)
{
    expect(what, trap.count, 1);
    expect(what, trap.esr >> 26, ec);
    expect("IL", trap.esr >> 25 & 1, 1);
    trap.count = 0;
}

void expect_no_trap(const char *what)
{
    expect(what, trap.count, 0);
    trap.count = 0;
}

void expect_abort(const char *what, unsigned fsc, uint64_t address, bool write)
{
    expect_trap(what, trap.vector >= 0x400 ? EC_DABT_LOWER : EC_DABT);
    expect(what, trap.esr & 0x3f, fsc);
    /* Of an external abort KVM does not say whether it was a write. */
    if (fsc != FSC_EXTERNAL || probe(PROBE_CAPS) & PROBE_CAP_SOFT)
        expect("WnR", (trap.esr & ISS_WNR) != 0, write);
    expect("FAR_EL1", trap.far, address);
}

/* --- interrupts --- */

void (*volatile irq_hook)(unsigned intid, struct frame *frame);
volatile unsigned taken[16];

void irq_end_usual(unsigned intid)
{
    if (intid == INTID_VTIMER)
        write_sysreg(cntv_ctl_el0, 0);
    if (intid == INTID_PTIMER)
        write_sysreg(cntp_ctl_el0, 0);
    if (intid >= INTID_FREE && intid < INTID_FREE + 8)
        line(intid, false);
    isb();
    taken[cpu_index()] = intid;
    gic_end(intid);
}

void gic_priority(unsigned intid, uint8_t priority)
{
    uint64_t base = intid < 32 ? GICR + cpu_index() * GICR_SIZE + 0x10000 : GICD;

    write8(base + 0x400 + intid, priority);
}

void gic_edge(unsigned intid)
{
    uint64_t at = GICD + 0xc00 + intid / 16 * 4;

    write32(at, read32(at) | UINT32_C(2) << intid % 16 * 2);
}

void line(unsigned intid, bool level)
{
    write32(PROBE + PROBE_LINE, intid | (uint32_t)level << 31);
}

void expect_quiet(const char *what)
{
    expect(what, gic_acknowledge(), 1023);
}

void expect_interrupt(const char *what, unsigned intid)
{
    expect(what, irq_wait(), intid);
}

void await_taken(unsigned intid)
{
    while (taken[cpu_index()] != intid) {
        irq_unmask();
        isb();
        irq_mask();
    }
    taken[cpu_index()] = 0;
}

/* --- */

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return !*a && (!*b || *b == ' ');
}

int main(void)
{
    const char *name = guest_argument();

    for (unsigned i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        if (same(bodies[i].name, name)) {
            bodies[i].body();
            dsb();
            probe_set(PROBE_FINISH, 1);
            return 0;
        }
    put_text("FAIL no body is called so\n");
    return 1;
}
