/* SPDX-License-Identifier: ISC */
/* The stand-in for engine/soft (fake_soft.h). */
#include "fake_soft.h"

#include <string.h>

static struct fake *fake_of(struct soft_cpu *c)
{
    return container_of(c, struct fake, cpu);
}

void fake_reset(struct fake *f)
{
    memset(f, 0, sizeof(*f));
    for (size_t i = 0; i < nitems(f->tlb); i++)
        f->tlb[i].tag[SOFT_READ] = f->tlb[i].tag[SOFT_WRITE] = UINT64_MAX;
    for (unsigned i = 0; i < FAKE_SIZE; i++)
        f->memory[i] = (uint8_t)i;
    f->cpu.dtlb = f->cpu.utlb = f->tlb;
    f->cpu.el = 1;
    f->cpu.sp_check = true;
    f->cpu.pc = FAKE_BASE;
}

bool fake_run(struct fake *f, void (*handler)(struct soft_cpu *c, uint32_t w), uint32_t w)
{
    f->event = FAKE_NOTHING;
    f->how = 0;
    f->cpu.next_pc = f->cpu.pc + 4;
    if (setjmp(f->cpu.unwind) != 0)
        return false;
    handler(&f->cpu, w);
    return true;
}

static void note(struct soft_cpu *c, enum fake_event event, uint64_t argument)
{
    struct fake *f = fake_of(c);

    f->event = event;
    f->argument = argument;
}

static _Noreturn void leave(struct soft_cpu *c, enum fake_event event, uint64_t argument)
{
    note(c, event, argument);
    longjmp(c->unwind, 1);
}

/* --- memory --- */

static uint8_t *access(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    struct fake *f = fake_of(c);

    f->how = how;
    if (va < FAKE_BASE || !range_fits(va - FAKE_BASE, size, FAKE_SIZE))
        leave(c, FAKE_ABORT, va);
    if ((how & (SOFT_EXCL | SOFT_ACQREL | SOFT_ACQPC)) != 0 && va % size != 0)
        leave(c, FAKE_ABORT, va);
    return &f->memory[va - FAKE_BASE];
}

uint64_t soft_load_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    uint64_t value = 0;

    memcpy(&value, access(c, va, size, how), size);
    return value;
}

void soft_store_slow(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value)
{
    memcpy(access(c, va, size, how), &value, size);
}

void soft_load16_slow(struct soft_cpu *c, uint64_t va, unsigned how, uint64_t value[2])
{
    memcpy(value, access(c, va, 16, how), 16);
}

void soft_store16_slow(struct soft_cpu *c, uint64_t va, unsigned how, const uint64_t value[2])
{
    memcpy(access(c, va, 16, how), value, 16);
}

void *soft_atomic(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how)
{
    return access(c, va, size, how);
}

void soft_load_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how, uint64_t value[2])
{
    value[0] = value[1] = 0;
    memcpy(value, access(c, va, size, how), size);
}

bool soft_store_excl(struct soft_cpu *c, uint64_t va, unsigned size, unsigned how,
                     const uint64_t value[2])
{
    uint8_t *p = access(c, va, size, how);

    if (fake_of(c)->store_fails)
        return false;
    memcpy(p, value, size);
    return true;
}

void soft_clear_excl(struct soft_cpu *c)
{
}

/* --- exceptions --- */

void soft_undefined(struct soft_cpu *c)
{
    leave(c, FAKE_UNDEFINED, 0);
}

void soft_raise_unsupported_atomic(struct soft_cpu *c, uint64_t va, bool write)
{
    leave(c, FAKE_ABORT, va);
}

void soft_raise_sp_alignment(struct soft_cpu *c)
{
    leave(c, FAKE_SP_ALIGNMENT, 0);
}

void soft_raise_fp_access(struct soft_cpu *c)
{
    leave(c, FAKE_FP_TRAP, 0);
}

void soft_svc(struct soft_cpu *c, uint16_t imm)
{
    leave(c, FAKE_SVC, imm);
}

void soft_brk(struct soft_cpu *c, uint16_t imm)
{
    leave(c, FAKE_SVC, imm);
}

void soft_smccc(struct soft_cpu *c, bool smc, uint16_t imm)
{
    leave(c, FAKE_SMCCC, (uint64_t)smc << 16 | imm);
}

void soft_eret(struct soft_cpu *c, uint64_t target)
{
    note(c, FAKE_ERET, 0);
}

/* --- system --- */

uint64_t soft_mrs(struct soft_cpu *c, uint32_t key, unsigned rt)
{
    note(c, FAKE_MSR, key);
    return fake_of(c)->mrs_result;
}

void soft_msr(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value)
{
    note(c, FAKE_MSR, key);
}

void soft_msr_imm(struct soft_cpu *c, unsigned op1, unsigned op2, unsigned imm)
{
    note(c, FAKE_MSR_IMM, op1 << 8 | op2 << 4 | imm);
}

void soft_sys(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value)
{
    note(c, FAKE_MSR, key);
}

void soft_dmb(struct soft_cpu *c)
{
}

void soft_dsb(struct soft_cpu *c)
{
}

void soft_isb(struct soft_cpu *c)
{
}

void soft_wfi(struct soft_cpu *c)
{
}

void soft_wfe(struct soft_cpu *c)
{
}

void soft_yield(struct soft_cpu *c)
{
}

void soft_sev(struct soft_cpu *c, bool local)
{
}
