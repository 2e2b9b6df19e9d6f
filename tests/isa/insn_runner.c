/* SPDX-License-Identifier: ISC */
/*
 * Cases on a whole engine (insn_runner.h).
 *
 * The guest is two pages for EL0 (the case's memory and its code) and one for EL1, whose vectors
 * are HVC instructions and which holds the ERET that starts a case: the engine's own exception
 * entry and return are used, so that the exclusive monitor is cleared as it is between two signals.
 */
#include "insn_runner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "arm/esr.h"
#include "arm/regs.h"
#include "arm/sysreg.h"
#include "../engine/engine_name.h"
#include "engine/engine.h"
#include "mem/mem.h"

#define RAM_BASE UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x10000)

/* Pages of RAM, and the virtual address of EL1's. */
#define L1_PA     (RAM_BASE + 0x0000)
#define L2_PA     (RAM_BASE + 0x1000)
#define L3_PA     (RAM_BASE + 0x2000)
#define KERNEL_PA (RAM_BASE + 0x3000)
#define MEMORY_PA (RAM_BASE + 0x4000)
#define CODE_PA   (RAM_BASE + 0x5000)
#define KERNEL_VA UINT64_C(0x20000)
#define ERET_AT   0x800 /* in EL1's page, after the vectors */

#define INSN_HVC  UINT32_C(0xd4000002)
#define INSN_ERET UINT32_C(0xd69f03e0)
#define INSN_BRK  UINT32_C(0xd4200000)

/* Translation table descriptors (Arm ARM D8.3): normal memory, inner shareable, accessed. */
#define PTE_TABLE  UINT64_C(3)
#define PTE_PAGE   (UINT64_C(3) | UINT64_C(3) << 8 | REG_BIT(10))
#define PTE_USER   REG_BIT(6)
#define PTE_RO     REG_BIT(7)
#define PTE_PXN    REG_BIT(53)
#define PTE_UXN    REG_BIT(54)
#define TCR_VALUE  (25 | UINT64_C(0x3500) | TCR_EPD1 | UINT64_C(2) << TCR_IPS_SHIFT)
#define MAIR_VALUE UINT64_C(0xff)

struct runner {
    const struct engine_ops *ops;
    struct mem *mem;
    struct engine_vm *vm;
    struct vcpu *vcpu;
    struct vcpu_exit *exit; /* of the case before, completed by the next */
};

static int set(struct runner *r, enum sysreg_id id, uint64_t value)
{
    return r->ops->vcpu_sysreg_set(r->vcpu, sysreg_info(id)->key, value);
}

static uint64_t get(struct runner *r, enum sysreg_id id)
{
    uint64_t value = 0;

    r->ops->vcpu_sysreg_get(r->vcpu, sysreg_info(id)->key, &value);
    return value;
}

static void fill(struct runner *r)
{
    uint32_t kernel[CASE_PAGE / 4], code[CASE_PAGE / 4];

    for (size_t i = 0; i < nitems(code); i++)
        code[i] = INSN_BRK;
    for (size_t i = 0; i < nitems(kernel); i++)
        kernel[i] = i == ERET_AT / 4 ? INSN_ERET : INSN_HVC;
    mem_write(r->mem, KERNEL_PA, kernel, sizeof(kernel));
    mem_write(r->mem, CODE_PA, code, sizeof(code));
    mem_store(r->mem, L1_PA, 8, L2_PA | PTE_TABLE);
    mem_store(r->mem, L2_PA, 8, L3_PA | PTE_TABLE);
    mem_store(r->mem, L3_PA + CASE_MEMORY / CASE_PAGE * 8, 8,
              MEMORY_PA | PTE_PAGE | PTE_USER | PTE_PXN | PTE_UXN);
    mem_store(r->mem, L3_PA + CASE_CODE / CASE_PAGE * 8, 8,
              CODE_PA | PTE_PAGE | PTE_USER | PTE_RO | PTE_PXN);
    mem_store(r->mem, L3_PA + KERNEL_VA / CASE_PAGE * 8, 8, KERNEL_PA | PTE_PAGE | PTE_UXN);
}

static int configure(struct runner *r)
{
    static const struct {
        enum sysreg_id id;
        uint64_t value;
    } REGISTERS[] = {
        {SYSREG_MAIR_EL1, MAIR_VALUE}, {SYSREG_TCR_EL1, TCR_VALUE},    {SYSREG_TTBR0_EL1, L1_PA},
        {SYSREG_VBAR_EL1, KERNEL_VA},  {SYSREG_CPACR_EL1, CPACR_FPEN},
    };

    for (size_t i = 0; i < nitems(REGISTERS); i++) {
        if (set(r, REGISTERS[i].id, REGISTERS[i].value))
            return -EIO;
    }
    return set(r, SYSREG_SCTLR_EL1,
               sysreg_info(SYSREG_SCTLR_EL1)->reset | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA0 |
                   SCTLR_UCI | SCTLR_NTWI | SCTLR_NTWE);
}

struct runner *runner_new(const char *name, struct error *err)
{
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    struct runner *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->ops = engine_by_name(name, &config, err);
    if (!r->ops || mem_create(&r->mem) || mem_add_ram(r->mem, RAM_BASE, RAM_SIZE, err)) {
        runner_free(r);
        return NULL;
    }
    fill(r);
    config.mem = r->mem;
    if (r->ops->vm_create(&r->vm, &config, err) ||
        r->ops->vm_map(r->vm, RAM_BASE, RAM_SIZE, true, err) ||
        r->ops->vcpu_create(r->vm, 0, &r->vcpu, err) || r->ops->vm_ready(r->vm, err) ||
        configure(r)) {
        runner_free(r);
        return NULL;
    }
    return r;
}

void runner_free(struct runner *r)
{
    if (r->vcpu)
        r->ops->vcpu_destroy(r->vcpu);
    if (r->vm)
        r->ops->vm_destroy(r->vm);
    if (r->mem)
        mem_destroy(r->mem);
    free(r);
}

static void load_state(struct runner *r, const struct case_state *s)
{
    for (unsigned i = 0; i < 31; i++)
        r->ops->vcpu_set(r->vcpu, (enum vcpu_reg)(VCPU_X0 + i), s->x[i]);
    for (unsigned i = 0; i < 32; i++)
        r->ops->vcpu_set_v(r->vcpu, i, s->v[i]);
    /* The results of the HVC that ended the case before. */
    for (unsigned i = 0; r->exit && i < 4; i++)
        r->exit->smccc.x[i] = s->x[i];
    r->ops->vcpu_set(r->vcpu, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    r->ops->vcpu_set(r->vcpu, VCPU_PC, KERNEL_VA + ERET_AT);
    r->ops->vcpu_set(r->vcpu, VCPU_FPCR, s->fpcr);
    r->ops->vcpu_set(r->vcpu, VCPU_FPSR, s->fpsr);
    set(r, SYSREG_SP_EL0, s->x[31]);
    set(r, SYSREG_ELR_EL1, s->pc);
    set(r, SYSREG_SPSR_EL1, s->nzcv | PSTATE_EL0T);
}

static void load_memory(struct runner *r, const struct insn_case *c)
{
    uint32_t words[CASE_WORDS];

    for (unsigned i = 0; i < CASE_WORDS; i++)
        words[i] = i < c->count ? c->word[i] : INSN_BRK;
    mem_write(r->mem, CODE_PA, words, sizeof(words));
    mem_write(r->mem, MEMORY_PA, c->state.memory, sizeof(c->state.memory));
    r->ops->vm_code_written(r->vm, CODE_PA, sizeof(words));
}

/* The signal that Linux makes of the exception. */
static uint32_t signal_of(uint32_t esr)
{
    switch (esr_ec(esr)) {
    case ESR_EC_BRK64: return SIGTRAP;
    case ESR_EC_UNKNOWN:
    case ESR_EC_SYS64: return SIGILL;
    case ESR_EC_IABT_LOWER: return SIGSEGV;
    case ESR_EC_SP_ALIGN:
    case ESR_EC_PC_ALIGN: return SIGBUS;
    default: return 0;
    }
}

static void store_state(struct runner *r, struct case_state *s)
{
    uint64_t value = 0;

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 31; i++)
        r->ops->vcpu_get(r->vcpu, (enum vcpu_reg)(VCPU_X0 + i), &s->x[i]);
    for (unsigned i = 0; i < 32; i++)
        r->ops->vcpu_get_v(r->vcpu, i, s->v[i]);
    s->x[31] = get(r, SYSREG_SP_EL0);
    s->pc = get(r, SYSREG_ELR_EL1);
    s->nzcv = (uint32_t)(get(r, SYSREG_SPSR_EL1) & (PSTATE_N | PSTATE_Z | PSTATE_C | PSTATE_V));
    r->ops->vcpu_get(r->vcpu, VCPU_FPCR, &value);
    s->fpcr = (uint32_t)value;
    r->ops->vcpu_get(r->vcpu, VCPU_FPSR, &value);
    s->fpsr = (uint32_t)value;
    s->signal = signal_of((uint32_t)get(r, SYSREG_ESR_EL1));
    mem_read(r->mem, MEMORY_PA, s->memory, sizeof(s->memory));
}

bool runner_run(struct runner *r, const struct insn_case *c, struct case_state *out)
{
    load_memory(r, c);
    load_state(r, &c->state);
    do {
        if (r->ops->vcpu_run(r->vcpu, &r->exit))
            return false;
    } while (r->exit->kind == EXIT_VTIMER || r->exit->kind == EXIT_WFI);
    store_state(r, out);
    if (r->exit->kind != EXIT_SMCCC)
        out->signal = 0;
    return esr_ec((uint32_t)get(r, SYSREG_ESR_EL1)) != ESR_EC_DABT_LOWER;
}
