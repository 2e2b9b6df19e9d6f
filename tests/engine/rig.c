/* SPDX-License-Identifier: ISC */
/* See rig.h. */
#include "rig.h"

#include <stdlib.h>

#include "engine_name.h"

#define PSTATE_START (PSTATE_DAIF | PSTATE_EL1H)

static uint64_t clock_ns(void *ctx)
{
    return atomic_load(&((struct rig *)ctx)->now_ns);
}

struct rig *rig_create(enum engine_cpu cpu)
{
    return rig_create_with((struct engine_vm_config){.cpu = cpu});
}

struct rig *rig_create_with(struct engine_vm_config config)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct error err;

    assert_non_null(rig);
    rig->ops =
        engine_by_name(getenv("ATOLL_ENGINE") ? getenv("ATOLL_ENGINE") : "auto", &config, &err);
    assert_non_null(rig->ops);
    config.clock_ns = clock_ns;
    config.clock_ctx = rig;
    assert_int_equal(mem_create(&rig->mem), 0);
    assert_int_equal(mem_add_ram(rig->mem, RAM, RAM_LEN, &err), 0);
    config.mem = rig->mem;
    assert_int_equal(rig->ops->vm_create(&rig->vm, &config, &err), 0);
    assert_int_equal(rig->ops->vm_map(rig->vm, RAM, RAM_LEN, true, &err), 0);
    assert_int_equal(rig->ops->vcpu_create(rig->vm, 0, &rig->cpu, &err), 0);
    assert_int_equal(rig->ops->vm_ready(rig->vm, &err), 0);
    rig->tables = TABLES;
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(mem_store(rig->mem, VECTORS + i * 0x80, 4, HVC), 0);
    rig_sys_set(rig, VBAR_EL1, VECTORS);
    rig_sys_set(rig, CPACR_EL1, CPACR_FPEN);
    rig_sys_set(rig, OSLAR_EL1, 0);
    return rig;
}

void rig_destroy(struct rig *rig)
{
    rig->ops->vcpu_destroy(rig->cpu);
    rig->ops->vm_destroy(rig->vm);
    mem_destroy(rig->mem);
    free(rig);
}

void rig_code(struct rig *rig, size_t count, ...)
{
    va_list words;

    va_start(words, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mem_store(rig->mem, CODE + i * 4, 4, va_arg(words, uint32_t)), 0);
    va_end(words);
    assert_int_equal(mem_store(rig->mem, CODE + count * 4, 4, HVC), 0);
    rig->ops->vm_code_written(rig->vm, CODE, (count + 1) * 4);
    rig_set(rig, VCPU_PC, CODE);
}

void rig_poke(struct rig *rig, uint64_t ipa, uint64_t value)
{
    assert_int_equal(mem_store(rig->mem, ipa, 8, value), 0);
}

uint64_t rig_peek(struct rig *rig, uint64_t ipa)
{
    uint64_t value;

    assert_int_equal(mem_load(rig->mem, ipa, 8, &value), 0);
    return value;
}

/* The next run completes an HVC: X0 to X3 come from the exit then. */
void rig_set(struct rig *rig, enum vcpu_reg reg, uint64_t value)
{
    if (rig->exit && rig->exit->kind == EXIT_SMCCC && reg <= 3)
        rig->exit->smccc.x[reg] = value;
    assert_int_equal(rig->ops->vcpu_set(rig->cpu, reg, value), 0);
}

uint64_t rig_get(struct rig *rig, enum vcpu_reg reg)
{
    uint64_t value;

    assert_int_equal(rig->ops->vcpu_get(rig->cpu, reg, &value), 0);
    return value;
}

void rig_sys_write(struct rig *rig, enum sysreg_id id, uint64_t value)
{
    assert_int_equal(rig->ops->vcpu_sysreg_set(rig->cpu, sysreg_info(id)->key, value), 0);
}

uint64_t rig_sys_read(struct rig *rig, enum sysreg_id id)
{
    uint64_t value;

    assert_int_equal(rig->ops->vcpu_sysreg_get(rig->cpu, sysreg_info(id)->key, &value), 0);
    return value;
}

enum exit_kind rig_run(struct rig *rig)
{
    do
        assert_int_equal(rig->ops->vcpu_run(rig->cpu, &rig->exit), 0);
    while (rig->exit->kind == EXIT_VTIMER);
    return rig->exit->kind;
}

void rig_run_to_end(struct rig *rig)
{
    uint64_t pc;

    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    pc = rig_get(rig, VCPU_PC);
    if (pc >= VECTORS && pc < VECTORS + 0x800)
        fail_msg("exception at %#llx, ESR %#llx, FAR %#llx",
                 (unsigned long long)rig_sys_get(rig, ELR_EL1),
                 (unsigned long long)rig_sys_get(rig, ESR_EL1),
                 (unsigned long long)rig_sys_get(rig, FAR_EL1));
}

void rig_run_to_vector(struct rig *rig, unsigned offset)
{
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    assert_int_equal(rig_get(rig, VCPU_PC), VECTORS + offset + 4);
}

/* --- translation tables --- */

uint64_t rig_table(struct rig *rig, unsigned granule_shift)
{
    uint64_t size = BIT(granule_shift), table = align_up(rig->tables, size);

    rig->tables = table + size;
    assert_int_equal(mem_fill(rig->mem, table, 0, size), 0);
    return table;
}

uint64_t rig_map(struct rig *rig, uint64_t top, unsigned granule_shift, unsigned va_bits,
                 uint64_t va, uint64_t pa, unsigned level, uint64_t attributes)
{
    unsigned stride = granule_shift - 3;
    unsigned at = 4 - (va_bits - granule_shift + stride - 1) / stride;
    uint64_t table = top, slot;

    for (;; at++) {
        unsigned shift = (3 - at) * stride + granule_shift;
        uint64_t next;

        slot = table + ((va & bits_mask(va_bits)) >> shift & bits_mask(stride)) * 8;
        if (at == level)
            break;
        next = rig_peek(rig, slot);
        if (!(next & 1)) {
            next = rig_table(rig, granule_shift) | 3;
            rig_poke(rig, slot, next);
        }
        table = next & bits_mask(48) & ~bits_mask(granule_shift);
    }
    rig_poke(rig, slot, pa | attributes | (level == 3 ? 3 : 1));
    return slot;
}

uint64_t rig_mmu_on(struct rig *rig)
{
    uint64_t top = rig_table(rig, 12);

    for (uint64_t at = RAM; at < RAM + RAM_LEN; at += 2 * MIB)
        rig_map(rig, top, 12, 48, at, at, 2, LEAF);
    rig_sys_set(rig, MAIR_EL1, 0x04ff); /* 0: Normal write-back, 1: Device-nGnRE */
    rig_sys_set(rig, TCR_EL1,
                16 | (uint64_t)16 << TCR_T1SZ_SHIFT | UINT64_C(2) << TCR_TG1_SHIFT |
                    UINT64_C(5) << 32);
    rig_sys_set(rig, TTBR0_EL1, top);
    rig_sys_set(rig, SCTLR_EL1, SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SPAN);
    rig_set(rig, VCPU_PSTATE, PSTATE_START);
    return top;
}
