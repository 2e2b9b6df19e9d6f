/* SPDX-License-Identifier: ISC */
/*
 * The Advanced SIMD handlers, one or two instructions of every encoding group: lanes, halves,
 * indexes, saturation, the clearing of what is above the result. The differential test in tests/isa
 * covers every encoding; this one says what is expected, and needs no other emulator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bits.h"
#include "engine/interp/handlers.h"
#include "engine/soft/fp/fp.h"
#include "fake_soft.h"

/* Vd, Vn and Vm before, each as its low and high half; V31 is as Vm. */
struct input {
    uint64_t d[2], n[2], m[2];
};

static const struct input integers = {
    {0x1122334455667788, 0x99aabbccddeeff00},
    {0x7f8000ff01fe807f, 0x80000000ffff7fff},
    {0x0304fbfc8180407f, 0x40000000fff97fff},
};
static const struct input halves = {
    {0x3c003c003c003c00, 0x3c003c003c003c00},
    {0x7e017c004200bc00, 0x0001800035553800},
    {0x40003c007bff4400, 0x8000c2007d013c01},
};
static const struct input singles = {
    {0x3f80000040000000, 0x7fc0000300000000},
    {0x3f800000bf800000, 0x7f80000140490fdb},
    {0x3e80000000000001, 0x404000003f800001},
};
static const struct input doubles = {
    {0, 0},
    {0x3ff0000010000000, 0x7ff0000000000000},
    {0, 0},
};

/* clang-format off */
static const struct {
    void (*handler)(struct soft_cpu *c, uint32_t w);
    uint32_t word;
    const struct input *in;
    uint64_t result[2]; /* V0, or X0 for SMOV */
    uint32_t fpsr;
} rows[] = {
    /* sqadd v0.4s, v1.4s, v2.4s */
    {interp_SQADD_vec, 0x4ea20c20, &integers, {0x7fffffff837ec0fe, 0xc0000000fff8fffe}, FPSR_QC},
    /* sqadd s0, s1, s2 */
    {interp_SQADD_scalar, 0x5ea20c20, &integers, {0x00000000837ec0fe, 0x0000000000000000}, 0},
    /* uqsub v0.8b, v1.8b, v2.8b */
    {interp_UQSUB_vec, 0x2e222c20, &integers, {0x7c7c0003007e4000, 0x0000000000000000}, FPSR_QC},
    /* shadd v0.16b, v1.16b, v2.16b */
    {interp_SHADD_vec, 0x4e220420, &integers, {0x41c2fdfdc1bfe07f, 0xe0000000fffc7fff}, 0},
    /* srshl d0, d1, d2 */
    {interp_SRSHL_scalar, 0x5ee25420, &integers, {0x0000000000000000, 0x0000000000000000}, 0},
    /* uqshl v0.2d, v1.2d, v2.2d */
    {interp_UQSHL_vec, 0x6ee24c20, &integers, {0xffffffffffffffff, 0x400000007fffbfff}, FPSR_QC},
    /* sqrshl v0.8h, v1.8h, v2.8h */
    {interp_SQRSHL_vec, 0x4e625c20, &integers, {0x7fff001000008000, 0x8000000000004000}, FPSR_QC},
    /* cmhi v0.8b, v1.8b, v2.8b */
    {interp_CMHI_vec, 0x2e223420, &integers, {0xffff00ff00ffff00, 0x0000000000000000}, 0},
    /* addp v0.16b, v1.16b, v2.16b */
    {interp_ADDP_vec, 0x4e22bc20, &integers, {0x8000fe7effffffff, 0x4000f87e07f701bf}, 0},
    /* addp d0, v1.2d */
    {interp_ADDP_scalar, 0x5ef1b820, &integers, {0xff80010001fe007e, 0x0000000000000000}, 0},
    /* sqdmulh v0.8h, v1.8h, v2.8h */
    {interp_SQDMULH_vec, 0x4e62b420, &integers, {0x0300fff8fe07bfc0, 0xc000000000007ffe}, 0},
    /* sqrdmlah s0, s1, s2 */
    {interp_SQRDMLAH_scalar, 0x7e828420, &integers, {0x00000000536df38c, 0x0000000000000000}, 0},
    /* pmul v0.16b, v1.16b, v2.16b */
    {interp_PMUL_vec, 0x6e229c20, &integers, {0x8100005481000055, 0x0000000055575555}, 0},
    /* pmull2 v0.1q, v1.2d, v2.2d */
    {interp_PMULL, 0x4ee2e020, &integers, {0x1557555615575555, 0x2000000040036000}, 0},
    /* udot v0.4s, v1.16b, v2.16b */
    {interp_UDOT_vec, 0x6e829420, &integers, {0x112331c55567560a, 0x99aadbccddf2320a}, 0},
    /* sdot v0.2s, v1.8b, v2.4b[3] */
    {interp_SDOT_elem, 0x0fa2e820, &integers, {0x11225304556677c8, 0x0000000000000000}, 0},
    /* addhn2 v0.16b, v1.8h, v2.8h */
    {interp_ADDHN_vec, 0x4e224020, &integers, {0x1122334455667788, 0xc000ffff82fc83c0}, 0},
    /* raddhn v0.2s, v1.2d, v2.2d */
    {interp_RADDHN_vec, 0x2ea24020, &integers, {0xc00000028284fcfc, 0x0000000000000000}, 0},
    /* smlal2 v0.2d, v1.4s, v2.4s */
    {interp_SMLAL_vec, 0x4ea28020, &integers, {0x11223347956d7789, 0x79aabbccddeeff00}, 0},
    /* usubw v0.8h, v1.8h, v2.8b */
    {interp_USUBW_vec, 0x2e223020, &integers, {0x7eff007f01be8000, 0x7ffdfffcff047f03}, 0},
    /* sqdmlal s0, h1, v2.h[7] */
    {interp_SQDMLAL_elem_scalar, 0x5f723820, &integers,
     {0x0000000015a5f788, 0x0000000000000000}, 0},
    /* fmla v0.4s, v1.4s, v2.s[3] */
    {interp_FMLA_elem, 0x4fa21820, &singles,
     {0x40800000bf800000, 0x7fc000014116cbe4}, FPSR_IXC | FPSR_IOC},
    /* fmul v0.8h, v1.8h, v2.h[5] */
    {interp_FMUL_elem, 0x4f129820, &halves, {0x7f017f017f017f01, 0x7f017f017f017f01}, FPSR_IOC},
    /* uzp2 v0.8h, v1.8h, v2.8h */
    {interp_UZP2, 0x4e425820, &integers, {0x8000ffff7f8001fe, 0x4000fff903048180}, 0},
    /* trn1 v0.4s, v1.4s, v2.4s */
    {interp_TRN1, 0x4e822820, &integers, {0x8180407f01fe807f, 0xfff97fffffff7fff}, 0},
    /* zip2 v0.16b, v1.16b, v2.16b */
    {interp_ZIP2, 0x4e027820, &integers, {0xfffff9ff7f7fffff, 0x4080000000000000}, 0},
    /* ext v0.16b, v1.16b, v2.16b, #5 */
    {interp_EXT, 0x6e022820, &integers, {0x00ffff7fff7f8000, 0xfc8180407f800000}, 0},
    /* tbl v0.8b, {v31.16b, v0.16b}, v2.8b */
    {interp_TBL, 0x0e0223e0, &integers, {0x81fc000000000000, 0x0000000000000000}, 0},
    /* tbx v0.16b, {v1.16b}, v2.16b */
    {interp_TBX, 0x4e021020, &integers, {0x01ff334455667788, 0x997f7f7fddeeff00}, 0},
    /* ins v0.h[5], v1.h[2] */
    {interp_INS_elem, 0x6e162420, &integers, {0x1122334455667788, 0x99aabbcc00ffff00}, 0},
    /* smov x0, v1.b[3] */
    {interp_SMOV, 0x4e072c20, &integers, {0x0000000000000001, 0x0000000000000000}, 0},
    /* dup v0.4h, v1.h[7] */
    {interp_DUP_elem, 0x0e1e0420, &integers, {0x8000800080008000, 0x0000000000000000}, 0},
    /* movi v0.4s, #0x12, msl #16 */
    {interp_MOVI, 0x4f00d640, &integers, {0x0012ffff0012ffff, 0x0012ffff0012ffff}, 0},
    /* movi v0.2d, #0xff00ff00ff00ff00 */
    {interp_MOVI_64, 0x6f05e540, &integers, {0xff00ff00ff00ff00, 0xff00ff00ff00ff00}, 0},
    /* bic v0.8h, #0x12, lsl #8 */
    {interp_BIC_vec_imm, 0x6f00b640, &integers, {0x0122214445666588, 0x89aaa9cccdeeed00}, 0},
    /* fmov v0.2d, #-1.5 */
    {interp_FMOV_vec_imm_d, 0x6f07f700, &integers, {0xbff8000000000000, 0xbff8000000000000}, 0},
    /* sri v0.8b, v1.8b, #3 */
    {interp_SRI_vec, 0x2f0d4420, &integers, {0x0f30205f407f708f, 0x0000000000000000}, 0},
    /* sli d0, d1, #60 */
    {interp_SLI_scalar, 0x7f7c5420, &integers, {0xf122334455667788, 0x0000000000000000}, 0},
    /* sqshlu v0.4h, v1.4h, #4 */
    {interp_SQSHLU_vec, 0x2f146420, &integers, {0xffff0ff01fe00000, 0x0000000000000000}, FPSR_QC},
    /* sqrshrun2 v0.16b, v1.8h, #8 */
    {interp_SQRSHRUN_vec, 0x6f088c20, &integers, {0x1122334455667788, 0x0000008080010200}, FPSR_QC},
    /* ursra d0, d1, #64 */
    {interp_URSRA_scalar, 0x7f403420, &integers, {0x1122334455667788, 0x0000000000000000}, 0},
    /* sshll2 v0.2d, v1.4s, #31 */
    {interp_SSHLL, 0x4f3fa420, &integers, {0xffffbfff80000000, 0xc000000000000000}, 0},
    /* addv b0, v1.16b */
    {interp_ADDV, 0x4e31b820, &integers, {0x00000000000000f8, 0x0000000000000000}, 0},
    /* saddlv d0, v1.4s */
    {interp_SADDLV, 0x4eb03820, &integers, {0x00000000017e017d, 0x0000000000000000}, 0},
    /* fmaxnmv s0, v1.4s */
    {interp_FMAXNMV, 0x6e30c820, &singles, {0x000000003f800000, 0x0000000000000000}, FPSR_IOC},
    /* cls v0.8h, v1.8h */
    {interp_CLS_vec, 0x4e604820, &integers, {0x0000000700060000, 0x0000000f000f0000}, 0},
    /* rbit v0.8b, v1.8b */
    {interp_RBIT_vec, 0x2e605820, &integers, {0xfe0100ff807f01fe, 0x0000000000000000}, 0},
    /* rev32 v0.16b, v1.16b */
    {interp_REV32_vec, 0x6e200820, &integers, {0xff00807f7f80fe01, 0x00000080ff7fffff}, 0},
    /* sadalp v0.2d, v1.4s */
    {interp_SADALP, 0x4ea06820, &integers, {0x11223344d6e4f906, 0x99aabbcc5dee7eff}, 0},
    /* usqadd b0, b1 */
    {interp_USQADD_scalar, 0x7e203820, &integers,
     {0x00000000000000ff, 0x0000000000000000}, FPSR_QC},
    /* suqadd v0.2d, v1.2d */
    {interp_SUQADD_vec, 0x4ee03820, &integers, {0x7fffffffffffffff, 0x19aabbcdddee7eff}, FPSR_QC},
    /* sqneg b0, b1 */
    {interp_SQNEG_scalar, 0x7e207820, &integers, {0x0000000000000081, 0x0000000000000000}, 0},
    /* sqxtun v0.2s, v1.2d */
    {interp_SQXTUN_vec, 0x2ea12820, &integers, {0x00000000ffffffff, 0x0000000000000000}, FPSR_QC},
    /* shll2 v0.8h, v1.16b, #8 */
    {interp_SHLL, 0x6e213820, &integers, {0xff00ff007f00ff00, 0x8000000000000000}, 0},
    /* fcvtxn s0, d1 */
    {interp_FCVTXN_scalar, 0x7e616820, &doubles,
     {0x000000003f800001, 0x0000000000000000}, FPSR_IXC},
    /* fcvtl2 v0.4s, v1.8h */
    {interp_FCVTL, 0x4e217820, &halves, {0x3eaaa0003f000000, 0x3380000080000000}, 0},
    /* fcvtn v0.4h, v1.4s */
    {interp_FCVTN, 0x0e216820, &singles,
     {0x7e0042483c00bc00, 0x0000000000000000}, FPSR_IXC | FPSR_IOC},
    /* fcmge v0.4s, v1.4s, #0.0 */
    {interp_FCMGE_zero_vec, 0x6ea0c820, &singles,
     {0xffffffff00000000, 0x00000000ffffffff}, FPSR_IOC},
    /* bsl v0.16b, v1.16b, v2.16b */
    {interp_BSL, 0x6e621c20, &integers, {0x1304c8fc81e6007f, 0xc0000000ffff7fff}, 0},
};
/* clang-format on */

static struct fake fake;

static void set(unsigned v, const uint64_t value[2])
{
    fake.cpu.v[v].d[0] = value[0];
    fake.cpu.v[v].d[1] = value[1];
}

static void set_inputs(const struct input *in)
{
    fake_reset(&fake);
    set(0, in->d);
    set(1, in->n);
    set(2, in->m);
    set(31, in->m);
}

static void test_results(void **state)
{
    const struct soft_cpu *c = &fake.cpu;

    for (size_t i = 0; i < nitems(rows); i++) {
        set_inputs(rows[i].in);
        assert_true(fake_run(&fake, rows[i].handler, rows[i].word));

        bool general = rows[i].handler == interp_SMOV;
        uint64_t low = general ? c->x[0] : c->v[0].d[0], high = general ? 0 : c->v[0].d[1];

        if (low != rows[i].result[0] || high != rows[i].result[1] || c->fpsr != rows[i].fpsr)
            fail_msg("%#x: %016jx:%016jx flags %#x, not %016jx:%016jx flags %#x", rows[i].word,
                     (uintmax_t)high, (uintmax_t)low, c->fpsr, (uintmax_t)rows[i].result[1],
                     (uintmax_t)rows[i].result[0], rows[i].fpsr);
    }
}

/* CPACR_EL1.FPEN: the access traps before anything changes. */
static void test_trap(void **state)
{
    for (size_t i = 0; i < nitems(rows); i++) {
        set_inputs(rows[i].in);
        fake.cpu.fp_trap = true;
        assert_false(fake_run(&fake, rows[i].handler, rows[i].word));
        assert_int_equal(fake.event, FAKE_FP_TRAP);
        assert_memory_equal(&fake.cpu.v[0], rows[i].in->d, 16);
        assert_int_equal(fake.cpu.fpsr, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_trap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
