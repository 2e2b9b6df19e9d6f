/* SPDX-License-Identifier: ISC */
/*
 * What the engine tests share: a VM with 64 MiB of RAM at 1 GiB and a counted clock, code as
 * instruction words, and runs that end at an HVC. Every vector of VBAR_EL1 is an HVC too, so an
 * exception ends a run with PC in the table.
 */
#ifndef RIG_H
#define RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm/esr.h"
#include "arm/regs.h"
#include "arm/sysreg.h"
#include "base/units.h"
#include "engine/engine.h"
#include "mem/mem.h"

#define RAM     (1 * GIB)
#define RAM_LEN (64 * MIB)
#define CODE    (RAM + 1 * MIB) /* where rig_code puts words */
#define VECTORS (RAM + 2 * MIB)
#define DATA    (RAM + 3 * MIB)  /* free for tests */
#define TABLES  (RAM + 16 * MIB) /* translation tables grow from here */
#define MMIO    UINT64_C(0x0c000000)

/* Instruction words. Register operands are fixed: data in X0, address in X1, unless they say
 * otherwise. */
enum {
    HVC = 0xd4000002,
    NOP = 0xd503201f,
    WFI = 0xd503207f,
    WFE = 0xd503205f,
    DSB = 0xd5033f9f,
    ISB = 0xd5033fdf,
    ERET = 0xd69f03e0,
    LDR = 0xf9400020,    /* ldr x0, [x1] */
    STR = 0xf9000020,    /* str x0, [x1] */
    LDRW = 0xb9400020,   /* ldr w0, [x1] */
    LDRB = 0x39400020,   /* ldrb w0, [x1] */
    STRB = 0x39000020,   /* strb w0, [x1] */
    LDTR = 0xf8400820,   /* ldtr x0, [x1] */
    STTR = 0xf8000820,   /* sttr x0, [x1] */
    LDAR = 0xc8dffc20,   /* ldar x0, [x1] */
    LDP = 0xa9400820,    /* ldp x0, x2, [x1] */
    STP = 0xa9000820,    /* stp x0, x2, [x1] */
    LDXR = 0xc85f7c20,   /* ldxr x0, [x1] */
    STXR = 0xc8037c20,   /* stxr w3, x0, [x1] */
    LDADD = 0xf8220020,  /* ldadd x2, x0, [x1] */
    LDRSP = 0xf94003e0,  /* ldr x0, [sp] */
    BR = 0xd61f0020,     /* br x1 */
    STR_Q = 0x3d800020,  /* str q0, [x1] */
    LDR_Q1 = 0x3dc00021, /* ldr q1, [x1] */
    FMOV = 0x9e670000,   /* fmov d0, x0 */
    DC_ZVA = 0xd50b7421, /* by x1, as the following */
    DC_CVAC = 0xd50b7a21,
    IC_IVAU = 0xd50b7521,
    AT_S1E1R = 0xd5087801,
    AT_S1E1W = 0xd5087821,
    AT_S1E0R = 0xd5087841,
    AT_S1E1RP = 0xd5087901,
    TLBI_ALL = 0xd508871f,
    TLBI_VA_IS = 0xd5088321,
};
#define SVC(imm)      (0xd4000001u | (uint32_t)(imm) << 5)
#define BRK(imm)      (0xd4200000u | (uint32_t)(imm) << 5)
#define MRS(name, rt) (0xd5200000u | sysreg_info(SYSREG_##name)->key << 5 | (rt))
#define MSR(name, rt) (0xd5000000u | sysreg_info(SYSREG_##name)->key << 5 | (rt))

struct rig {
    const struct engine_ops *ops;
    struct mem *mem;
    struct engine_vm *vm;
    struct vcpu *cpu; /* CPU 0 */
    struct vcpu_exit *exit;
    _Atomic uint64_t now_ns; /* what the clock says */
    uint64_t tables;         /* the next free table */
};

/* A VM with CPU 0, at EL1 with the vectors in place. Fails the test when it cannot. */
struct rig *rig_create(enum engine_cpu cpu);
/* The same with more of a configuration; the clock and memory are the rig's. */
struct rig *rig_create_with(struct engine_vm_config config);
void rig_destroy(struct rig *rig);

/* Words at CODE, and an HVC after them; CPU 0's PC there. */
void rig_code(struct rig *rig, size_t count, ...);
void rig_poke(struct rig *rig, uint64_t ipa, uint64_t value);
uint64_t rig_peek(struct rig *rig, uint64_t ipa);

void rig_set(struct rig *rig, enum vcpu_reg reg, uint64_t value);
uint64_t rig_get(struct rig *rig, enum vcpu_reg reg);
#define rig_sys_set(rig, name, value) rig_sys_write(rig, SYSREG_##name, value)
#define rig_sys_get(rig, name)        rig_sys_read(rig, SYSREG_##name)
void rig_sys_write(struct rig *rig, enum sysreg_id id, uint64_t value);
uint64_t rig_sys_read(struct rig *rig, enum sysreg_id id);

/* Runs to the next exit, timer changes left out. */
enum exit_kind rig_run(struct rig *rig);
/* Runs to the HVC after the code. */
void rig_run_to_end(struct rig *rig);
/* Runs to the vector at `offset` from VBAR_EL1. */
void rig_run_to_vector(struct rig *rig, unsigned offset);

/* --- translation tables --- */

/* Attributes of a leaf: AF, inner shareable, MAIR index 0 (Normal, as rig_mmu_on sets it); or-ed
 * with more. */
#define LEAF        (REG_BIT(10) | 3 << 8)
#define LEAF_DEVICE REG_BIT(2) /* MAIR index 1 */
#define LEAF_USER   REG_BIT(6)
#define LEAF_RO     REG_BIT(7)
#define LEAF_NG     REG_BIT(11)
#define LEAF_PXN    REG_BIT(53)
#define LEAF_UXN    REG_BIT(54)

/* An empty table of one granule. Returns its address. */
uint64_t rig_table(struct rig *rig, unsigned granule_shift);
/*
 * Maps va to pa by a leaf at `level`, making the tables between; `top` is the table that TTBRn
 * points at, for addresses of va_bits. Returns the address of the leaf's descriptor.
 */
uint64_t rig_map(struct rig *rig, uint64_t top, unsigned granule_shift, unsigned va_bits,
                 uint64_t va, uint64_t pa, unsigned level, uint64_t attributes);
/* TTBR0 with 4K granule and 48 bits, `top` from here: RAM mapped one to one by 2 MiB blocks. MMU
 * on, PAN off. Returns top. */
uint64_t rig_mmu_on(struct rig *rig);

#endif
