/* SPDX-License-Identifier: ISC */
/*
 * Handlers of the integer, branch, system and load/store instructions, alone: what the differential
 * tests (tests/isa) cannot see or would see late. Registers 31, exceptions that must leave
 * registers as they were, choices where the architecture leaves one, traps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/interp/handlers.h"
#include "fake_soft.h"

static struct fake f;
static struct soft_cpu *const c = &f.cpu;

static int reset(void **state)
{
    fake_reset(&f);
    for (unsigned i = 0; i < 32; i++) {
        c->v[i].d[0] = 0xaaaaaaaaaaaaaaaa + i;
        c->v[i].d[1] = 0xbbbbbbbbbbbbbbbb + i;
    }
    return 0;
}

/* Runs WORD, which the decoder must call NAME; true if it took no exception. */
#define RUN(NAME, WORD)                                                                            \
    (assert_string_equal(a64_op_name(a64_decode(WORD)), #NAME), fake_run(&f, interp_##NAME, WORD))

/* Bytes first, first + 1, ... as memory holds them. */
static uint64_t bytes(unsigned first, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)(uint8_t)(first + i) << 8 * i;
    return value;
}

static uint64_t memory(unsigned at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)f.memory[at + i] << 8 * i;
    return value;
}

/* --- data processing --- */

static void register_31(void **state)
{
    c->x[31] = 0x8000;
    c->x[1] = UINT64_MAX;
    assert_true(RUN(ADD_imm, 0x1100043f)); /* add wsp, w1, #1 */
    assert_int_equal(c->x[31], 0);
    c->x[31] = 0x8000;
    assert_true(RUN(AND_imm, 0x12001c3f)); /* and wsp, w1, #0xff */
    assert_int_equal(c->x[31], 0xff);
    c->x[31] = 0x8000;
    assert_true(RUN(SUBS_shift, 0xeb02003f)); /* cmp x1, x2 */
    assert_int_equal(c->x[31], 0x8000);
    assert_int_equal(c->nzcv, SOFT_NZCV_N | SOFT_NZCV_C);
    c->x[1] = 0x1000;
    c->x[2] = 0x1ff;
    assert_true(RUN(ADD_ext, 0x8b22083f)); /* add sp, x1, w2, uxtb #2 */
    assert_int_equal(c->x[31], 0x1000 + 0xff * 4);
}

static void moves(void **state)
{
    c->x[1] = UINT64_MAX;
    assert_true(RUN(MOVK, 0x72a24681)); /* movk w1, #0x1234, lsl #16 */
    assert_int_equal(c->x[1], 0x1234ffff);
    assert_true(RUN(MOVN, 0x12800001)); /* movn w1, #0 */
    assert_int_equal(c->x[1], UINT32_MAX);
    c->pc = 0x12345678;
    assert_true(RUN(ADR, 0x30ffffe1)); /* adr x1, .-3 */
    assert_int_equal(c->x[1], 0x12345675);
    assert_true(RUN(ADRP, 0x90000001)); /* adrp x1, . */
    assert_int_equal(c->x[1], 0x12345000);
}

static void conditionals(void **state)
{
    c->x[1] = 3;
    assert_true(RUN(CCMP_imm, 0x7a431825)); /* ccmp w1, #3, #5, ne */
    assert_int_equal(c->nzcv, SOFT_NZCV_Z | SOFT_NZCV_C);
    assert_true(RUN(CCMP_imm, 0x7a431825));
    assert_int_equal(c->nzcv, SOFT_NZCV_Z | SOFT_NZCV_V);
    c->x[3] = 7;
    assert_true(RUN(CSNEG, 0xda83b441)); /* csneg x1, x2, x3, lt: V is set, N is not */
    assert_int_equal(c->x[1], c->x[2]);
    c->nzcv = 0;
    assert_true(RUN(CSNEG, 0xda83b441));
    assert_int_equal(c->x[1], (uint64_t)-7);
}

/* --- branches --- */

static void branches(void **state)
{
    assert_true(RUN(BL, 0x97ffffff)); /* bl .-4 */
    assert_int_equal(c->x[30], FAKE_BASE + 4);
    assert_int_equal(c->next_pc, FAKE_BASE - 4);

    c->x[30] = 0x4000;
    assert_true(RUN(BLR, 0xd63f03c0)); /* blr x30 */
    assert_int_equal(c->next_pc, 0x4000);
    assert_int_equal(c->x[30], FAKE_BASE + 4);

    c->x[1] = BIT(40);
    assert_true(RUN(TBNZ, 0xb7400201)); /* tbnz x1, #40, .+64 */
    assert_int_equal(c->next_pc, FAKE_BASE + 64);
    assert_true(RUN(TBZ, 0x361ffe01)); /* tbz w1, #3, .-64 */
    assert_int_equal(c->next_pc, FAKE_BASE - 64);
    assert_true(RUN(CBZ, 0x34000041)); /* cbz w1, .+8: the upper half does not count */
    assert_int_equal(c->next_pc, FAKE_BASE + 8);
    assert_true(RUN(CBNZ, 0xb5000041)); /* cbnz x1, .+8 */
    assert_int_equal(c->next_pc, FAKE_BASE + 8);

    c->nzcv = SOFT_NZCV_C | SOFT_NZCV_Z;
    assert_true(RUN(B_cond, 0x54000068)); /* b.hi .+12 */
    assert_int_equal(c->next_pc, FAKE_BASE + 4);
    c->nzcv = SOFT_NZCV_C;
    assert_true(RUN(B_cond, 0x54000068));
    assert_int_equal(c->next_pc, FAKE_BASE + 12);
}

static void branch_tags(void **state)
{
    c->x[1] = 0x5a00000000001000;
    assert_true(RUN(BR, 0xd61f0020)); /* br x1 */
    assert_int_equal(c->next_pc, 0x5a00000000001000);
    c->sysreg[SYSREG_TCR_EL1] = BIT(37); /* TBI0 */
    assert_true(RUN(BR, 0xd61f0020));
    assert_int_equal(c->next_pc, 0x1000);
    c->x[30] = 0x5affffff00001000;
    assert_true(RUN(RET, 0xd65f03c0));
    assert_int_equal(c->next_pc, 0x5affffff00001000);
    c->sysreg[SYSREG_TCR_EL1] = BIT(38); /* TBI1 */
    assert_true(RUN(RET, 0xd65f03c0));
    assert_int_equal(c->next_pc, 0xffffffff00001000);
}

/* --- system --- */

static void privilege(void **state)
{
    assert_true(RUN(ERET, 0xd69f03e0));
    assert_int_equal(f.event, FAKE_ERET);
    assert_false(RUN(HVC, 0xd4000002));
    assert_int_equal(f.event, FAKE_SMCCC);
    c->el = 0;
    assert_false(RUN(ERET, 0xd69f03e0));
    assert_int_equal(f.event, FAKE_UNDEFINED);
    assert_false(RUN(HVC, 0xd4000002));
    assert_int_equal(f.event, FAKE_UNDEFINED);
    assert_false(RUN(SVC, 0xd40000a1)); /* svc #5 */
    assert_int_equal(f.event, FAKE_SVC);
    assert_int_equal(f.argument, 5);
}

static void system_keys(void **state)
{
    assert_true(RUN(MSR_reg, 0xd51bd041)); /* msr tpidr_el0, x1 */
    assert_int_equal(f.argument, SYSREG_KEY(3, 3, 13, 0, 2));
    f.mrs_result = 0x60000000;
    assert_true(RUN(MRS, 0xd53b4201)); /* mrs x1, nzcv */
    assert_int_equal(f.argument, SYSREG_KEY(3, 3, 4, 2, 0));
    assert_int_equal(c->x[1], 0x60000000);
    assert_true(RUN(MSR_DAIFSet, 0xd50343df)); /* msr daifset, #3 */
    assert_int_equal(f.argument, 3 << 8 | 6 << 4 | 3);
}

/* --- one register --- */

static void writeback(void **state)
{
    c->x[2] = FAKE_BASE + 8;
    assert_true(RUN(LDR_imm_post, 0xf8410441)); /* ldr x1, [x2], #16 */
    assert_int_equal(c->x[1], bytes(8, 8));
    assert_int_equal(c->x[2], FAKE_BASE + 24);
    /* The base as its own target keeps the address; stored, it is stored as it was. */
    assert_true(RUN(LDR_imm_post, 0xf8410442)); /* ldr x2, [x2], #16 */
    assert_int_equal(c->x[2], FAKE_BASE + 40);
    assert_true(RUN(STR_imm_pre, 0xf8008c42)); /* str x2, [x2, #8]! */
    assert_int_equal(c->x[2], FAKE_BASE + 48);
    assert_int_equal(memory(48, 8), FAKE_BASE + 40);
}

static void signed_loads(void **state)
{
    c->x[2] = FAKE_BASE + 0x80;
    assert_true(RUN(LDRS_imm_uoff, 0x39c00041)); /* ldrsb w1, [x2] */
    assert_int_equal(c->x[1], 0xffffff80);
    assert_true(RUN(LDRS_imm_uoff, 0x39800041)); /* ldrsb x1, [x2] */
    assert_int_equal(c->x[1], (uint64_t)-128);
    c->x[3] = 0x12345678fffffffe;
    assert_true(RUN(LDRS_reg, 0xb8a3d841)); /* ldrsw x1, [x2, w3, sxtw #2] */
    assert_int_equal(c->x[1], bytes(0x78, 4));
}

static void literals(void **state)
{
    assert_true(RUN(LDR_lit, 0x58000081)); /* ldr x1, .+16 */
    assert_int_equal(c->x[1], bytes(16, 8));
    c->pc = FAKE_BASE + 0x90;
    assert_true(RUN(LDRSW_lit, 0x98000041)); /* ldrsw x1, .+8 */
    assert_int_equal(c->x[1], 0xffffffff00000000 | bytes(0x98, 4));
    assert_true(RUN(LDR_fp_lit, 0x9c000081)); /* ldr q1, .+16 */
    assert_int_equal(c->v[1].d[1], bytes(0xa8, 8));
}

static void fp_widths(void **state)
{
    c->x[2] = FAKE_BASE;
    assert_true(RUN(LDR_fp_imm_uoff, 0x3d400441)); /* ldr b1, [x2, #1] */
    assert_int_equal(c->v[1].d[0], 1);
    assert_int_equal(c->v[1].d[1], 0);
    assert_true(RUN(LDR_fp_imm_post, 0x7c402441)); /* ldr h1, [x2], #2 */
    assert_int_equal(c->v[1].d[0], bytes(0, 2));
    assert_int_equal(c->x[2], FAKE_BASE + 2);
    assert_true(RUN(LDR_fp_imm_uoff, 0x3dc0005f)); /* ldr q31, [x2] */
    assert_int_equal(c->v[31].d[0], bytes(2, 8));
    assert_int_equal(c->v[31].d[1], bytes(10, 8));
    c->fp_trap = true;
    assert_false(RUN(LDR_fp_imm_uoff, 0x3dc0005f));
    assert_int_equal(f.event, FAKE_FP_TRAP);
}

static void stack_pointer(void **state)
{
    c->x[31] = FAKE_BASE + 8;
    assert_false(RUN(LDR_imm_uoff, 0xf94007e1)); /* ldr x1, [sp, #8] */
    assert_int_equal(f.event, FAKE_SP_ALIGNMENT);
    assert_true(RUN(PRFM_imm_uoff, 0xf98007e0)); /* prfm pldl1keep, [sp, #8] */
    c->sp_check = false;
    assert_true(RUN(LDR_imm_uoff, 0xf94007e1));
    assert_int_equal(c->x[1], bytes(16, 8));
}

static void unprivileged(void **state)
{
    c->x[2] = FAKE_BASE;
    assert_true(RUN(LDTR, 0xf8400841)); /* ldtr x1, [x2] */
    assert_int_equal(f.how, SOFT_UNPRIV);
}

/* --- two registers --- */

static void pairs(void **state)
{
    c->x[3] = FAKE_BASE + 0x78;
    assert_true(RUN(LDP_post, 0xa8c10861)); /* ldp x1, x2, [x3], #16 */
    assert_int_equal(c->x[1], bytes(0x78, 8));
    assert_int_equal(c->x[2], bytes(0x80, 8));
    assert_int_equal(c->x[3], FAKE_BASE + 0x88);
    assert_true(RUN(LDPSW_pre, 0x69ff0861)); /* ldpsw x1, x2, [x3, #-8]! */
    assert_int_equal(c->x[1], (uint64_t)sign_extend(bytes(0x80, 4), 32));
    assert_int_equal(c->x[3], FAKE_BASE + 0x80);
    assert_true(RUN(STP_off, 0x29000861)); /* stp w1, w2, [x3] */
    assert_int_equal(memory(0x80, 8), bytes(0x80, 8));
    assert_true(RUN(LDP_off, 0xa9400461)); /* ldp x1, x1, [x3]: the first wins */
    assert_int_equal(c->x[1], bytes(0x80, 8));
    assert_true(RUN(LDP_post, 0xa8c11063)); /* ldp x3, x4, [x3], #16 */
    assert_int_equal(c->x[3], FAKE_BASE + 0x90);
}

static void faults_change_nothing(void **state)
{
    c->x[1] = 1;
    c->x[2] = 2;
    c->x[3] = FAKE_BASE + FAKE_SIZE - 8;
    assert_false(RUN(LDP_post, 0xa8c10861)); /* ldp x1, x2, [x3], #16 */
    assert_int_equal(f.argument, FAKE_BASE + FAKE_SIZE);
    assert_int_equal(c->x[1], 1);
    assert_int_equal(c->x[2], 2);
    assert_int_equal(c->x[3], FAKE_BASE + FAKE_SIZE - 8);

    c->x[3] = FAKE_BASE + FAKE_SIZE - 48;
    assert_false(RUN(LDP_fp_pre, 0xadc10861)); /* ldp q1, q2, [x3, #32]! */
    assert_int_equal(c->v[1].d[0], 0xaaaaaaaaaaaaaaab);
    assert_int_equal(c->x[3], FAKE_BASE + FAKE_SIZE - 48);

    c->x[2] = FAKE_BASE + FAKE_SIZE - 31;
    assert_false(RUN(LD4_mult_post, 0x0cdf005e)); /* ld4 {v30.8b-v1.8b}, [x2], #32 */
    assert_int_equal(c->v[30].d[0], 0xaaaaaaaaaaaaaaaa + 30);
    assert_int_equal(c->x[2], FAKE_BASE + FAKE_SIZE - 31);
}

/* --- exclusive, ordered, atomic --- */

static void exclusives(void **state)
{
    c->x[2] = FAKE_BASE + 0x10;
    assert_true(RUN(LDXR, 0xc85f7c41)); /* ldxr x1, [x2] */
    assert_int_equal(c->x[1], bytes(0x10, 8));
    assert_int_equal(f.how, SOFT_EXCL);
    c->x[1] = 0x1122334455667788;
    assert_true(RUN(STXR, 0xc8037c41)); /* stxr w3, x1, [x2] */
    assert_int_equal(c->x[3], 0);
    assert_int_equal(memory(0x10, 8), 0x1122334455667788);
    assert_true(RUN(LDXP, 0x887f9041)); /* ldaxp w1, w4, [x2] */
    assert_int_equal(f.how, SOFT_EXCL | SOFT_ACQREL);
    assert_int_equal(c->x[1], 0x55667788);
    assert_int_equal(c->x[4], 0x11223344);
    f.store_fails = true;
    assert_true(RUN(STXP, 0x88239041)); /* stlxp w3, w1, w4, [x2] */
    assert_int_equal(c->x[3], 1);
    f.store_fails = false;
    assert_true(RUN(STXP, 0xc8231041)); /* stxp w3, x1, x4, [x2] */
    assert_int_equal(memory(0x10, 8), 0x55667788);
    assert_int_equal(memory(0x18, 8), 0x11223344);
    assert_true(RUN(LDXP, 0xc87f1041)); /* ldxp x1, x4, [x2] */
    assert_int_equal(c->x[4], 0x11223344);
}

static void ordered(void **state)
{
    c->x[2] = FAKE_BASE + 1;
    assert_false(RUN(LDAPR, 0xb8bfc041)); /* ldapr w1, [x2] */
    assert_int_equal(f.event, FAKE_ABORT);
    c->x[1] = 0xabcd;
    assert_true(RUN(STLR, 0x089ffc41)); /* stlrb w1, [x2] */
    assert_int_equal(memory(0, 4), 0x0302cd00);
    assert_int_equal(f.how, SOFT_ACQREL);
}

/* Puts a word into memory at [x3] and an operand into x1. */
static void operands(uint64_t memory_value, uint64_t operand)
{
    c->x[3] = FAKE_BASE;
    c->x[1] = operand;
    soft_store_slow(c, FAKE_BASE, 8, 0, memory_value);
}

static void atomics(void **state)
{
    operands(0xffffffff80000000, 0x80000001);
    assert_true(RUN(LDADD, 0xb8210062)); /* ldadd w1, w2, [x3] */
    assert_int_equal(c->x[2], 0x80000000);
    assert_int_equal(memory(0, 8), 0xffffffff00000001);
    operands(0x1234, 0xff0f);
    assert_true(RUN(LDCLR, 0x38211062)); /* ldclrb w1, w2, [x3] */
    assert_int_equal(memory(0, 8), 0x1230);
    operands(0x11234, 0xffff00ff);
    assert_true(RUN(LDEOR, 0x78212062)); /* ldeorh w1, w2, [x3] */
    assert_int_equal(memory(0, 8), 0x112cb);
    operands(0xf0, BIT(63));
    assert_true(RUN(LDSET, 0xf8213062)); /* ldset x1, x2, [x3] */
    assert_int_equal(memory(0, 8), BIT(63) | 0xf0);
    assert_true(RUN(SWP, 0xf821807f)); /* swp x1, xzr, [x3] */
    assert_int_equal(memory(0, 8), BIT(63));
}

static void atomic_extremes(void **state)
{
    operands(0x1180, 0x7f);
    assert_true(RUN(LDSMAX, 0x38214062)); /* ldsmaxb w1, w2, [x3] */
    assert_int_equal(c->x[2], 0x80);
    assert_int_equal(memory(0, 8), 0x117f);
    operands(5, (uint64_t)-5);
    assert_true(RUN(LDSMIN, 0xf8215062)); /* ldsmin x1, x2, [x3] */
    assert_int_equal(memory(0, 8), (uint64_t)-5);
    operands(5, (uint64_t)-5);
    assert_true(RUN(LDUMAX, 0xb8216062)); /* ldumax w1, w2, [x3] */
    assert_int_equal(memory(0, 8), (uint32_t)-5);
    operands(0xffff0005, 0xff0004);
    assert_true(RUN(LDUMIN, 0x78217062)); /* lduminh w1, w2, [x3] */
    assert_int_equal(memory(0, 8), 0xffff0004);
}

static void compare_and_swap(void **state)
{
    operands(0x1122334455667788, 0xffffffff55667788);
    c->x[2] = 0x99;
    assert_true(RUN(CAS, 0x88a17c62)); /* cas w1, w2, [x3]: the upper half does not count */
    assert_int_equal(c->x[1], 0x55667788);
    assert_int_equal(memory(0, 8), 0x1122334400000099);
    assert_true(RUN(CAS, 0x08a17c62)); /* casb w1, w2, [x3]: 0x88 is not there */
    assert_int_equal(c->x[1], 0x99);

    c->x[1] = FAKE_BASE + 0x20;
    c->x[2] = bytes(0x20, 4);
    c->x[3] = bytes(0x24, 4);
    c->x[4] = 4;
    c->x[5] = 5;
    assert_true(RUN(CASP, 0x08227c24)); /* casp w2, w3, w4, w5, [x1] */
    assert_int_equal(memory(0x20, 8), 0x500000004);
    assert_true(RUN(CASP, 0x48227c24)); /* casp x2, x3, x4, x5, [x1]: fails */
    assert_int_equal(c->x[2], 0x500000004);
    assert_int_equal(c->x[3], bytes(0x28, 8));
    assert_true(RUN(CASP, 0x48227c24));
    assert_int_equal(memory(0x20, 8), 4);
    assert_int_equal(memory(0x28, 8), 5);
}

/* --- structures --- */

static void multiple_structures(void **state)
{
    c->x[2] = FAKE_BASE + 1;
    assert_true(RUN(LD4_mult_post, 0x0cdf005e)); /* ld4 {v30.8b-v1.8b}, [x2], #32 */
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(c->v[30].b[i], 1 + 4 * i);
        assert_int_equal(c->v[1].b[i], 4 + 4 * i);
    }
    assert_int_equal(c->v[0].d[1], 0);
    assert_int_equal(c->x[2], FAKE_BASE + 33);
    assert_true(RUN(LD3_mult, 0x0c404440)); /* ld3 {v0.4h-v2.4h}, [x2] */
    assert_int_equal(c->v[2].h[3], bytes(33 + 2 * 11, 2));

    c->x[2] = FAKE_BASE;
    c->x[3] = 5;
    c->v[0].d[1] = 0x55;
    assert_true(RUN(ST2_mult_post, 0x4c838c40)); /* st2 {v0.2d, v1.2d}, [x2], x3 */
    assert_int_equal(memory(8, 8), c->v[1].d[0]);
    assert_int_equal(memory(16, 8), 0x55);
    assert_int_equal(c->x[2], FAKE_BASE + 5);
}

static void whole_registers(void **state)
{
    for (unsigned offset = 0; offset < 17; offset++) {
        c->x[2] = FAKE_BASE + 0x40 + offset;
        assert_true(RUN(LD1_x2, 0x4c40a040)); /* ld1 {v0.16b, v1.16b}, [x2] */
        assert_int_equal(c->v[0].d[0], bytes(0x40 + offset, 8));
        assert_int_equal(c->v[1].d[1], bytes(0x58 + offset, 8));
        c->x[2] -= 0x40;
        assert_true(RUN(ST1_x1, 0x4c007840)); /* st1 {v0.4s}, [x2] */
        assert_int_equal(memory(offset, 8), bytes(0x40 + offset, 8));
        assert_int_equal(memory(offset + 8, 8), bytes(0x48 + offset, 8));
    }
}

static void single_structures(void **state)
{
    union soft_vreg before = c->v[1];

    c->x[2] = FAKE_BASE + 0x31;
    assert_true(RUN(LD1_single, 0x4d401441)); /* ld1 {v1.b}[13], [x2] */
    before.b[13] = 0x31;
    assert_memory_equal(&c->v[1], &before, sizeof(before));
    assert_true(RUN(LD1_single_post, 0x4ddf4841)); /* ld1 {v1.h}[5], [x2], #2 */
    before.h[5] = 0x3231;
    assert_memory_equal(&c->v[1], &before, sizeof(before));
    assert_int_equal(c->x[2], FAKE_BASE + 0x33);
    assert_true(RUN(LD1_single, 0x4d408441)); /* ld1 {v1.d}[1], [x2] */
    before.d[1] = bytes(0x33, 8);
    assert_memory_equal(&c->v[1], &before, sizeof(before));
    assert_true(RUN(ST2_single, 0x4d208040)); /* st2 {v0.s, v1.s}[2], [x2] */
    assert_int_equal(memory(0x33, 8), c->v[0].s[2] | (uint64_t)c->v[1].s[2] << 32);
}

static void replicated(void **state)
{
    c->x[2] = FAKE_BASE + 2;
    c->x[5] = (uint64_t)-2;
    assert_true(RUN(LD2R_post, 0x0de5c443)); /* ld2r {v3.4h, v4.4h}, [x2], x5 */
    assert_int_equal(c->v[3].d[0], 0x0302030203020302);
    assert_int_equal(c->v[4].d[0], 0x0504050405040504);
    assert_int_equal(c->v[4].d[1], 0);
    assert_int_equal(c->x[2], FAKE_BASE);
    assert_true(RUN(LD1R, 0x4d40cc43)); /* ld1r {v3.2d}, [x2] */
    assert_int_equal(c->v[3].d[1], bytes(0, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(register_31, reset),
        cmocka_unit_test_setup(moves, reset),
        cmocka_unit_test_setup(conditionals, reset),
        cmocka_unit_test_setup(branches, reset),
        cmocka_unit_test_setup(branch_tags, reset),
        cmocka_unit_test_setup(privilege, reset),
        cmocka_unit_test_setup(system_keys, reset),
        cmocka_unit_test_setup(writeback, reset),
        cmocka_unit_test_setup(signed_loads, reset),
        cmocka_unit_test_setup(literals, reset),
        cmocka_unit_test_setup(fp_widths, reset),
        cmocka_unit_test_setup(stack_pointer, reset),
        cmocka_unit_test_setup(unprivileged, reset),
        cmocka_unit_test_setup(pairs, reset),
        cmocka_unit_test_setup(faults_change_nothing, reset),
        cmocka_unit_test_setup(exclusives, reset),
        cmocka_unit_test_setup(ordered, reset),
        cmocka_unit_test_setup(atomics, reset),
        cmocka_unit_test_setup(atomic_extremes, reset),
        cmocka_unit_test_setup(compare_and_swap, reset),
        cmocka_unit_test_setup(multiple_structures, reset),
        cmocka_unit_test_setup(whole_registers, reset),
        cmocka_unit_test_setup(single_structures, reset),
        cmocka_unit_test_setup(replicated, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
