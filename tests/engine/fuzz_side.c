/* SPDX-License-Identifier: ISC */
/* See fuzz_side.h. */
#include "fuzz_side.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm/esr.h"
#include "arm/regs.h"
#include "arm/sysreg.h"
#include "engine_name.h"
#include "fuzz.h"

#define RAM_SIZE  UINT64_C(0x1000000)
#define CODE_SIZE (FUZZ_CODE_PAGES * 4096)

/* Registers that blocks change and that struct fuzz_state has no place for; zero before each. */
static const enum sysreg_id others[] = {SYSREG_CSSELR_EL1, SYSREG_DBGBVR0_EL1,
                                        SYSREG_DBGCLAIMCLR_EL1, SYSREG_CNTKCTL_EL1,
                                        SYSREG_APIAKeyHi_EL1};

static uint64_t *control(const struct fuzz_side *s, unsigned offset)
{
    return (uint64_t *)(void *)(s->ram + FUZZ_CONTROL + offset);
}

const uint8_t *fuzz_side_arena(const struct fuzz_side *s)
{
    return s->ram + FUZZ_ARENA;
}

const uint64_t *fuzz_side_log(const struct fuzz_side *s, uint64_t *entries)
{
    *entries = *control(s, FUZZ_COUNT);
    return control(s, FUZZ_LOG);
}

uint64_t fuzz_side_interrupts(const struct fuzz_side *s)
{
    return *control(s, FUZZ_INTERRUPTS);
}

static void set(struct fuzz_side *s, enum sysreg_id id, uint64_t value)
{
    s->ops->vcpu_sysreg_set(s->vcpu, sysreg_info(id)->key, value);
}

static uint64_t get(struct fuzz_side *s, enum sysreg_id id)
{
    uint64_t value = 0;

    s->ops->vcpu_sysreg_get(s->vcpu, sysreg_info(id)->key, &value);
    return value;
}

static uint64_t get_reg(struct fuzz_side *s, unsigned reg)
{
    uint64_t value = 0;

    s->ops->vcpu_get(s->vcpu, (enum vcpu_reg)reg, &value);
    return value;
}

/* --- creation --- */

static uint64_t no_time(void *ctx)
{
    return 0;
}

static int load(struct fuzz_side *s, const char *path, struct error *err)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    if (!file)
        return error_set(err, ENOENT, "%s cannot be read", path);
    n = fread(s->ram + FUZZ_HARNESS, 1, FUZZ_CONTROL - FUZZ_HARNESS, file);
    fclose(file);
    return n ? 0 : error_set(err, EINVAL, "%s is empty", path);
}

static void configure(struct fuzz_side *s)
{
    set(s, SYSREG_MAIR_EL1, FUZZ_MAIR);
    set(s, SYSREG_TCR_EL1, FUZZ_TCR);
    set(s, SYSREG_TTBR0_EL1, FUZZ_RAM + FUZZ_TABLES + FUZZ_L1_LOW);
    set(s, SYSREG_TTBR1_EL1, FUZZ_RAM + FUZZ_TABLES + FUZZ_L1_HIGH);
    set(s, SYSREG_VBAR_EL1, FUZZ_HIGH + FUZZ_HARNESS + 0x800);
    set(s, SYSREG_OSLAR_EL1, 0);
    for (unsigned id = SYSREG_APIAKeyLo_EL1; id < SYSREG_APGAKeyHi_EL1; id += 2)
        set(s, (enum sysreg_id)id, id * UINT64_C(0x9e3779b97f4a7c15));
    set(s, SYSREG_SCTLR_EL1, fuzz_sctlr(0) | SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB);
}

int fuzz_side_create(struct fuzz_side *s, const char *engine, const char *harness,
                     struct error *err)
{
    struct engine_vm_config config = {.cpu = ENGINE_CPU_APPLE, .clock_ns = no_time};
    const struct mem_region *region;

    memset(s, 0, sizeof(*s));
    s->random.state = 1;
    s->ops = engine_by_name(engine, &config, err);
    s->pristine = malloc(FUZZ_ARENA_LEN);
    if (!s->ops || !s->pristine || mem_create(&s->mem) ||
        mem_add_ram(s->mem, FUZZ_RAM, RAM_SIZE, err))
        return -1;
    mem_regions(s->mem, &region);
    s->ram = region->host;
    config.mem = s->mem;
    if (load(s, harness, err) || s->ops->vm_create(&s->vm, &config, err) ||
        s->ops->vm_map(s->vm, FUZZ_RAM, RAM_SIZE, true, err) ||
        s->ops->vcpu_create(s->vm, 0, &s->vcpu, err) || s->ops->vm_ready(s->vm, err))
        return -1;
    fuzz_tables_fill(s->ram + FUZZ_TABLES);
    fuzz_arena_fill(s->pristine, true);
    configure(s);
    return 0;
}

void fuzz_side_destroy(struct fuzz_side *s)
{
    if (s->vcpu)
        s->ops->vcpu_destroy(s->vcpu);
    if (s->vm)
        s->ops->vm_destroy(s->vm);
    if (s->mem)
        mem_destroy(s->mem);
    free(s->pristine);
}

void fuzz_side_kick(struct fuzz_side *s)
{
    s->ops->vcpu_kick(s->vcpu);
}

/* --- before and after --- */

/* Code that is there already is not written again: a second run meets what the first has made. */
static void put_memory(struct fuzz_side *s, const struct fuzz_block *b)
{
    uint8_t *arena = s->ram + FUZZ_ARENA, code[CODE_SIZE];

    memcpy(code, s->pristine, CODE_SIZE);
    fuzz_arena_code(code, b);
    if (memcmp(arena, code, CODE_SIZE) != 0) {
        memcpy(arena, code, CODE_SIZE);
        s->ops->vm_code_written(s->vm, FUZZ_RAM + FUZZ_ARENA, CODE_SIZE);
    }
    memcpy(arena + CODE_SIZE, s->pristine + CODE_SIZE, FUZZ_ARENA_LEN - CODE_SIZE);
    *control(s, FUZZ_COUNT) = 0;
    *control(s, FUZZ_FLUSH) = b->flush;
}

static void put_state(struct fuzz_side *s, const struct fuzz_state *from)
{
    const struct engine_ops *ops = s->ops;

    ops->vcpu_set(s->vcpu, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    ops->vcpu_set(s->vcpu, VCPU_SP, from->sp_el1);
    set(s, SYSREG_SP_EL0, from->sp_el0);
    ops->vcpu_set(s->vcpu, VCPU_PSTATE, from->pstate);
    ops->vcpu_set(s->vcpu, VCPU_PC, from->pc);
    for (unsigned i = 0; i < 31; i++)
        ops->vcpu_set(s->vcpu, (enum vcpu_reg)i, from->x[i]);
    /* The results of the HVC that ended the block before. */
    for (unsigned i = 0; s->exit && i < 4; i++)
        s->exit->smccc.x[i] = from->x[i];
    for (unsigned i = 0; i < 32; i++)
        ops->vcpu_set_v(s->vcpu, i, from->v[i]);
    ops->vcpu_set(s->vcpu, VCPU_FPCR, from->fpcr);
    ops->vcpu_set(s->vcpu, VCPU_FPSR, from->fpsr);
    set(s, SYSREG_CPACR_EL1, from->cpacr);
    set(s, SYSREG_TPIDR_EL0, from->tpidr);
    set(s, SYSREG_PAR_EL1, from->par);
    set(s, SYSREG_CONTEXTIDR_EL1, from->contextidr);
    for (unsigned i = 0; i < nitems(others); i++)
        set(s, others[i], 0);
}

static void get_state(struct fuzz_side *s, struct fuzz_state *to)
{
    memset(to, 0, sizeof(*to));
    for (unsigned i = 0; i < 31; i++)
        to->x[i] = get_reg(s, i);
    for (unsigned i = 0; i < 32; i++)
        s->ops->vcpu_get_v(s->vcpu, i, to->v[i]);
    to->pc = get(s, SYSREG_ELR_EL1);
    to->sp_el0 = get(s, SYSREG_SP_EL0);
    to->sp_el1 = get_reg(s, VCPU_SP);
    to->pstate = get(s, SYSREG_SPSR_EL1);
    to->fpcr = get_reg(s, VCPU_FPCR);
    to->fpsr = get_reg(s, VCPU_FPSR);
    to->cpacr = get(s, SYSREG_CPACR_EL1);
    to->tpidr = get(s, SYSREG_TPIDR_EL0);
    to->par = get(s, SYSREG_PAR_EL1);
    to->contextidr = get(s, SYSREG_CONTEXTIDR_EL1);
    to->pad[0] = s->trace;
    for (unsigned i = 0; i < nitems(others); i++)
        to->pad[i + 1] = get(s, others[i]);
}

/* --- the machine around it --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
    return a << 29 | a >> 35;
}

/* A device whose answers depend on nothing but where and how it is asked. */
static void answer_mmio(struct fuzz_side *s)
{
    struct vcpu_exit *e = s->exit;

    if (e->mmio.ipa == FUZZ_DEVICE_PA + FUZZ_ACK) {
        s->irq = false;
        return;
    }
    s->trace = mix(s->trace, e->mmio.ipa << 8 | e->mmio.size << 1 | e->mmio.write);
    if (e->mmio.write)
        s->trace = mix(s->trace, e->mmio.value);
    else
        e->mmio.value = mix(e->mmio.ipa, e->mmio.size);
    e->mmio.abort = e->mmio.ipa % 64 >= 56;
}

/* A call of the block's own, not the harness's. */
static bool answer_call(struct fuzz_side *s)
{
    if (get_reg(s, VCPU_PC) >= FUZZ_HIGH)
        return false;
    for (unsigned i = 0; i < 4; i++)
        s->exit->smccc.x[i] = mix(s->exit->smccc.x[i], i);
    return true;
}

static void interrupt_sometimes(struct fuzz_side *s, const struct fuzz_block *b)
{
    if (b->options & FUZZ_INTERRUPTED)
        s->irq |= random_below(&s->random, 2);
}

/* Runs to the end, or to the next EXIT_DEBUG, which returns FUZZ_DONE with s->exit of that kind. */
static enum fuzz_end run_on(struct fuzz_side *s, const struct fuzz_block *b)
{
    for (;;) {
        s->ops->vcpu_irq(s->vcpu, s->irq, false);
        if (s->ops->vcpu_run(s->vcpu, &s->exit))
            return FUZZ_BROKEN;
        switch (s->exit->kind) {
        case EXIT_MMIO: answer_mmio(s); break;
        case EXIT_SMCCC:
            if (!answer_call(s))
                return FUZZ_DONE;
            break;
        case EXIT_SYSREG: s->exit->sysreg.undefined = true; break;
        case EXIT_KICKED:
            if (atomic_load(&s->give_up))
                return FUZZ_HUNG;
            interrupt_sometimes(s, b);
            break;
        case EXIT_DEBUG: return FUZZ_DONE;
        case EXIT_WFI:
        case EXIT_VTIMER: break;
        default: return FUZZ_BROKEN;
        }
    }
}

static void prepare(struct fuzz_side *s, const struct fuzz_block *b)
{
    put_memory(s, b);
    put_state(s, &b->state);
    s->trace = 0;
    s->irq = false;
    interrupt_sometimes(s, b);
}

enum fuzz_end fuzz_side_run(struct fuzz_side *s, const struct fuzz_block *b,
                            struct fuzz_state *state)
{
    enum fuzz_end end;

    prepare(s, b);
    end = run_on(s, b);
    if (end == FUZZ_DONE)
        get_state(s, state);
    return end;
}

/* The word of the block at pc; false when pc is elsewhere, in the harness above all. */
static bool word_at(const struct fuzz_side *s, uint64_t pc, uint32_t *word)
{
    uint64_t offset = pc - fuzz_va(FUZZ_PAGE_CODE1);

    if (offset >= CODE_SIZE)
        offset = pc - fuzz_va(FUZZ_PAGE_CODE0);
    if (offset >= CODE_SIZE || offset % 4)
        return false;
    memcpy(word, fuzz_side_arena(s) + offset, 4);
    return true;
}

/* Whether the instruction that went to the vectors has done what it is for. */
static bool completes(enum a64_op op)
{
    return op == A64_SVC || op == A64_BRK;
}

enum fuzz_end fuzz_side_count(struct fuzz_side *s, const struct fuzz_block *b,
                              struct fuzz_counts *counts)
{
    enum fuzz_end end = FUZZ_DONE;

    prepare(s, b);
    s->irq = false;
    s->ops->vcpu_debug(s->vcpu, &(struct vcpu_debug){.step = true});
    while (end == FUZZ_DONE) {
        uint64_t pc = get_reg(s, VCPU_PC);
        uint32_t word;
        bool counted = word_at(s, pc, &word);

        end = run_on(s, b);
        if (counted && end == FUZZ_DONE) {
            enum a64_op op = a64_decode(word);
            bool raised = get_reg(s, VCPU_PC) - (FUZZ_HIGH + FUZZ_HARNESS + 0x800) < 0x800;

            counts->executed++;
            counts->op[op]++;
            counts->completed += !raised || completes(op);
        }
        if (s->exit->kind == EXIT_SMCCC)
            break;
    }
    s->ops->vcpu_debug(s->vcpu, &(struct vcpu_debug){0});
    return end;
}
