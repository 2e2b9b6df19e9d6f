/* SPDX-License-Identifier: ISC */
/*
 * Pointer authentication (Arm ARM D8.10) as far as the architecture says what comes out of it: what
 * the codes themselves are, it leaves to the CPU.
 */
#include "rig.h"

#define X(n)     ((enum vcpu_reg)(n))
#define LOWER    UINT64_C(0x0000123456789abc) /* addresses of either half, of 48 bits */
#define UPPER    UINT64_C(0xffff923456789abc)
#define MODIFIER UINT64_C(0x0123456789abcdef)
#define ENABLED  (SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB)

/* Words, of key 0 to 3 (IA, IB, DA, DB): x0 by x1; x0 by zero. */
enum { PAC = 0xdac10020, AUT = 0xdac11020, PACZ = 0xdac123e0, AUTZ = 0xdac133e0 };
#define KEY(key) ((uint32_t)(key) << 10)
enum {
    XPACI = 0xdac143e0,
    XPACD = 0xdac147e0,
    PACGA = 0x9ac13000, /* pacga x0, x0, x1 */
    PACIA1716 = 0xd503211f,
    AUTIA1716 = 0xd503219f,
    PACIASP = 0xd503233f,
    AUTIASP = 0xd50323bf,
    PACIBZ = 0xd503235f,
    AUTIBZ = 0xd50323df,
    XPACLRI = 0xd50320ff,
    RET = 0xd65f03c0,
    RETAA = 0xd65f0bff,
    BRAAZ = 0xd61f081f,  /* braaz x0 */
    BRAB = 0xd71f0c01,   /* brab x0, x1 */
    BLRAA = 0xd73f0801,  /* blraa x0, x1 */
    BLRABZ = 0xd63f0c1f, /* blrabz x0 */
    ERETAA = 0xd69f0bff,
    LDRAA = 0xf8201400,    /* ldraa x0, [x0, #8] */
    LDRAB = 0xf8a01c00,    /* ldrab x0, [x0, #8]! */
    LDRAB_X2 = 0xf8ffec02, /* ldrab x2, [x0, #-16]! */
};

static void set_keys(struct rig *rig)
{
    for (unsigned id = SYSREG_APIAKeyLo_EL1; id <= SYSREG_APGAKeyHi_EL1; id++)
        rig_sys_write(rig, (enum sysreg_id)id, (id + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t tcr(uint64_t more)
{
    return 16 | UINT64_C(16) << TCR_T1SZ_SHIFT | UINT64_C(2) << TCR_TG1_SHIFT | more;
}

static int setup(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_APPLE);

    *state = rig;
    set_keys(rig);
    rig_sys_set(rig, TCR_EL1, tcr(0));
    rig_sys_set(rig, SCTLR_EL1, ENABLED);
    return 0;
}

static int teardown(void **state)
{
    rig_destroy(*state);
    return 0;
}

/* What `word` makes of x0 with x1. */
static uint64_t result(struct rig *rig, uint32_t word, uint64_t x0, uint64_t x1)
{
    rig_code(rig, 1, word);
    rig_set(rig, X(0), x0);
    rig_set(rig, X(1), x1);
    rig_run_to_end(rig);
    return rig_get(rig, X(0));
}

/* The bits of a pointer that may hold a code. */
static uint64_t code_bits(bool tag)
{
    return tag ? UINT64_C(0x007f000000000000) : UINT64_C(0xff7f000000000000);
}

static void check_key(struct rig *rig, unsigned key, uint64_t ptr, bool tag)
{
    uint64_t bits = code_bits(tag), one = result(rig, PAC | KEY(key), ptr, MODIFIER);
    uint64_t other = result(rig, PAC | KEY(key), ptr, MODIFIER + 1);
    uint64_t zero = result(rig, PACZ | KEY(key), ptr, MODIFIER);
    uint64_t error = key & 1 ? 2 : 1, strip = key < 2 ? XPACI : XPACD;
    unsigned at = tag ? 53 : 61;

    /* The code is where it belongs, and comes of pointer, modifier and key. */
    assert_int_equal((one ^ ptr) & ~bits, 0);
    assert_int_equal(zero, result(rig, PAC | KEY(key), ptr, 0));
    if (!tag) {
        assert_int_not_equal(one, other);
        assert_int_not_equal(one, result(rig, PAC | KEY(key ^ 1), ptr, MODIFIER));
    }
    /* Authentication takes the right one away, and no other. */
    assert_int_equal(result(rig, AUT | KEY(key), one, MODIFIER), ptr);
    assert_int_equal(result(rig, AUTZ | KEY(key), zero, 1), ptr);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t forged = one ^ BIT(bit);

        if (bits & BIT(bit))
            assert_int_equal(result(rig, AUT | KEY(key), forged, MODIFIER),
                             (ptr & ~(UINT64_C(3) << at)) | error << at);
    }
    assert_int_equal(result(rig, (uint32_t)strip, one, 0), ptr);
    assert_int_equal(result(rig, (uint32_t)strip, ptr, 0), ptr);
}

static void signs_and_authenticates(void **state)
{
    for (unsigned key = 0; key < 4; key++) {
        check_key(*state, key, LOWER, false);
        check_key(*state, key, UPPER, false);
    }
}

/* A tag is not touched, and is part of what is signed. */
static void leaves_tags_alone(void **state)
{
    struct rig *rig = *state;
    const uint64_t tag = UINT64_C(0xa5) << 56;

    rig_sys_set(rig, TCR_EL1, tcr(TCR_TBI0));
    for (unsigned key = 0; key < 4; key++) {
        check_key(rig, key, LOWER | tag, true);
        check_key(rig, key, UPPER, false);
    }
    rig_sys_set(rig, TCR_EL1, tcr(TCR_TBI0 | TCR_TBI1));
    for (unsigned key = 0; key < 4; key++)
        check_key(rig, key, (UPPER & bits_mask(56)) | tag, true);
    /* TBID: those of instructions have none. */
    rig_sys_set(rig, TCR_EL1, tcr(TCR_TBI0 | TCR_TBID0 | TCR_TBI1 | TCR_TBID1));
    check_key(rig, 0, LOWER, false);
    check_key(rig, 1, UPPER, false);
    check_key(rig, 2, LOWER | tag, true);
}

/* With fewer bits of address there are more for the code. */
static void takes_all_the_bits_there_are(void **state)
{
    struct rig *rig = *state;
    uint64_t seen = 0, ptr = UINT64_C(0x0000000012345678);

    rig_sys_set(rig, TCR_EL1, tcr(0) + 14); /* T0SZ 30: 34 bits */
    for (unsigned i = 0; i < 64; i++)
        seen |= result(rig, PAC, ptr, i) ^ ptr;
    assert_int_equal(seen, bits_mask(64) & ~bits_mask(34) & ~BIT(55));
    seen = 0;
    for (unsigned i = 0; i < 64; i++)
        seen |= result(rig, PAC, UPPER, i) ^ UPPER;
    assert_int_equal(seen, code_bits(false));
}

/* What is no address of either half gets a code that is refused. */
static void refuses_what_is_no_address(void **state)
{
    struct rig *rig = *state;
    const uint64_t odd[] = {LOWER | BIT(50), UPPER & ~BIT(60), LOWER | BIT(63), LOWER | BIT(55)};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t signed_ = result(rig, PAC, odd[i], MODIFIER);
        /* With no tags in use, bit 63 says which half it is. */
        uint64_t plain =
            odd[i] & BIT(63) ? odd[i] | UINT64_C(0xffff) << 48 : odd[i] & bits_mask(48);

        assert_int_equal(signed_ >> 55 & 1, odd[i] >> 63);
        assert_int_equal(signed_ ^ BIT(62), result(rig, PAC, plain, MODIFIER));
        assert_int_equal(result(rig, AUT, signed_, MODIFIER) >> 61 & 3, 1);
    }
}

static void does_nothing_where_disabled(void **state)
{
    struct rig *rig = *state;
    const uint64_t enable[] = {SCTLR_ENIA, SCTLR_ENIB, SCTLR_ENDA, SCTLR_ENDB};

    for (unsigned key = 0; key < 4; key++) {
        rig_sys_set(rig, SCTLR_EL1, ENABLED & ~enable[key]);
        for (unsigned k = 0; k < 4; k++)
            assert_true((result(rig, PAC | KEY(k), LOWER, MODIFIER) == LOWER) == (k == key));
        assert_int_equal(result(rig, AUT | KEY(key), LOWER | BIT(60), MODIFIER), LOWER | BIT(60));
        assert_int_equal(result(rig, XPACI, LOWER | BIT(60), 0), LOWER);
    }
}

static void makes_generic_codes(void **state)
{
    struct rig *rig = *state;
    uint64_t code;

    rig_sys_set(rig, SCTLR_EL1, 0);
    code = result(rig, PACGA, LOWER, MODIFIER);
    assert_int_equal(code & bits_mask(32), 0);
    assert_int_not_equal(code, 0);
    assert_int_not_equal(code, result(rig, PACGA, LOWER, MODIFIER + 1));
    assert_int_not_equal(code, result(rig, PACGA, LOWER + 1, MODIFIER));
    rig_sys_set(rig, APGAKeyHi_EL1, 1);
    assert_int_not_equal(code, result(rig, PACGA, LOWER, MODIFIER));
}

static void works_on_implied_registers(void **state)
{
    struct rig *rig = *state;
    uint64_t by_sp, sp = DATA;

    rig_set(rig, VCPU_SP, sp);
    rig_set(rig, X(16), MODIFIER);
    rig_set(rig, X(17), LOWER);
    rig_set(rig, X(30), UPPER);
    rig_code(rig, 4, PACIA1716, PACIASP, 0xaa1e03e2u /* mov x2, x30 */, PACIBZ);
    rig_run_to_end(rig);
    by_sp = rig_get(rig, X(2));
    assert_int_equal(rig_get(rig, X(17)), result(rig, PAC, LOWER, MODIFIER));
    assert_int_equal(by_sp, result(rig, PAC, UPPER, sp));
    rig_set(rig, X(30), by_sp);
    rig_code(rig, 3, AUTIA1716, AUTIASP, PACIBZ);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(17)), LOWER);
    assert_int_equal(rig_get(rig, X(30)), result(rig, PACZ | KEY(1), UPPER, 0));
    rig_code(rig, 1, AUTIBZ);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(30)), UPPER);
    rig_set(rig, X(30), by_sp);
    rig_code(rig, 1, XPACLRI);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(30)), UPPER);
}

/* --- branches and loads --- */

/* Runs `branch`, at CODE, which goes by x0, to `target`. Returns X30. */
static uint64_t branch(struct rig *rig, uint32_t branch, uint64_t x0, uint64_t target)
{
    rig_code(rig, 5, branch, HVC, NOP, NOP, NOP);
    rig_set(rig, X(0), x0);
    rig_set(rig, X(1), MODIFIER);
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    assert_int_equal(rig_get(rig, VCPU_PC), target + 4);
    return rig_get(rig, X(30));
}

static void branches_to_authentic_targets(void **state)
{
    struct rig *rig = *state;
    const uint64_t to = CODE + 20;

    branch(rig, BRAAZ, result(rig, PACZ, to, 0), to);
    branch(rig, BRAB, result(rig, PAC | KEY(1), to, MODIFIER), to);
    assert_int_equal(branch(rig, BLRAA, result(rig, PAC, to, MODIFIER), to), CODE + 4);
    assert_int_equal(branch(rig, BLRABZ, result(rig, PACZ | KEY(1), to, 0), to), CODE + 4);
    /* Or to where nothing is: the fault tells by which key. */
    branch(rig, BRAAZ, result(rig, PACZ, to, 0) ^ BIT(60), VECTORS + 0x200);
    assert_int_equal(rig_sys_get(rig, FAR_EL1), to | UINT64_C(1) << 61);
    branch(rig, BRAB, result(rig, PAC, to, MODIFIER), VECTORS + 0x200);
    assert_int_equal(rig_sys_get(rig, FAR_EL1), to | UINT64_C(2) << 61);
    assert_int_equal(branch(rig, BLRAA, to, VECTORS + 0x200), CODE + 4);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), to | UINT64_C(1) << 61);
}

/* A call chain that signs its return addresses, as compilers make it. */
static void returns_from_calls(void **state)
{
    struct rig *rig = *state;

    rig_set(rig, VCPU_SP, DATA);
    rig_set(rig, X(2), 0);
    /* bl 1f; bl 1f; b end; 1: paciasp; str x30, [sp, #-16]!; bl 2f; ldr x30, [sp], #16; retaa;
     * 2: paciasp; add x2, x2, #1; autiasp; ret; end: */
    rig_code(rig, 13, 0x94000003u, 0x94000002u, 0x1400000au, PACIASP, 0xf81f0ffeu, 0x94000003u,
             0xf84107feu, RETAA, PACIASP, 0x91000442u, AUTIASP, RET, NOP);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(2)), 2);
    assert_int_equal(rig_get(rig, VCPU_SP), DATA);
    /* The return address on the stack is another: adds 8 to what was stored. */
    rig_code(rig, 13, 0x94000003u, 0x94000002u, 0x1400000au, PACIASP, 0xf81f0ffeu, 0x94000003u,
             0xf84107feu, RETAA, PACIASP, 0x910023deu /* add x30, x30, #8 */, AUTIASP, RET, NOP);
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, FAR_EL1) >> 61, 1);
}

static void returns_from_exceptions(void **state)
{
    struct rig *rig = *state;
    uint64_t sp = DATA;

    rig_sys_set(rig, SPSR_EL1, PSTATE_EL1H | PSTATE_DAIF);
    rig_set(rig, VCPU_SP, sp);
    rig_sys_set(rig, ELR_EL1, result(rig, PAC, CODE + 20, sp));
    branch(rig, ERETAA, 0, CODE + 20);
    rig_code(rig, 1, ERETAA);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_undefined());
}

static void loads_by_authentic_addresses(void **state)
{
    struct rig *rig = *state;
    uint64_t db;

    rig_poke(rig, DATA + 8, 0x1111);
    rig_poke(rig, DATA - 16, 0x2222);
    assert_int_equal(result(rig, LDRAA, result(rig, PACZ | KEY(2), DATA, 0), 0), 0x1111);
    db = result(rig, PACZ | KEY(3), DATA, 0);
    assert_int_equal(result(rig, LDRAB_X2, db, 0), DATA - 16);
    assert_int_equal(rig_get(rig, X(2)), 0x2222);
    rig_code(rig, 1, LDRAB_X2);
    rig_set(rig, X(0), db ^ BIT(50));
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, FAR_EL1) >> 61, 2);
    assert_int_equal(rig_get(rig, X(0)), db ^ BIT(50));
}

/* --- the registers, and a CPU without --- */

static void keys_are_registers(void **state)
{
    struct rig *rig = *state;

    rig_set(rig, X(0), MODIFIER);
    rig_code(rig, 2, MSR(APDBKeyHi_EL1, 0), MRS(APDBKeyHi_EL1, 1));
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(1)), MODIFIER);
    rig_code(rig, 1, MRS(APIAKeyLo_EL1, 0));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_undefined());
}

/* A new key is used at once, in code that ran with the old one. */
static void a_key_may_change(void **state)
{
    struct rig *rig = *state;
    uint64_t before, after;

    rig_code(rig, 6, 0xaa0003e2u /* mov x2, x0 */, PAC, 0xaa0003e3u /* mov x3, x0 */,
             MSR(APIAKeyLo_EL1, 4), 0xaa0203e0u /* mov x0, x2 */, PAC);
    rig_set(rig, X(0), LOWER);
    rig_set(rig, X(1), MODIFIER);
    rig_set(rig, X(4), 99);
    rig_run_to_end(rig);
    before = rig_get(rig, X(3));
    after = rig_get(rig, X(0));
    assert_int_not_equal(before, after);
    assert_int_equal(after, result(rig, PAC, LOWER, MODIFIER));
}

static int setup_without(void **state)
{
    *state = rig_create(ENGINE_CPU_ATOLL);
    return 0;
}

static void is_not_there_on_other_cpus(void **state)
{
    const uint32_t undefined[] = {PAC,
                                  AUTZ,
                                  XPACI,
                                  PACGA,
                                  BRAAZ,
                                  BLRAA,
                                  RETAA,
                                  ERETAA,
                                  LDRAA,
                                  LDRAB,
                                  MRS(APIAKeyLo_EL1, 0),
                                  MSR(APGAKeyHi_EL1, 0)};
    struct rig *rig = *state;

    for (unsigned i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        rig_code(rig, 1, undefined[i]);
        rig_run_to_vector(rig, 0x200);
        assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_undefined());
        assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE);
    }
    /* The controls are RES0, the hints do nothing. */
    rig_set(rig, X(0), ENABLED | 0x30d00980);
    rig_set(rig, X(30), LOWER | BIT(60));
    rig_code(rig, 7, MSR(SCTLR_EL1, 0), MRS(SCTLR_EL1, 0), MSR(TCR_EL1, 3), MRS(TCR_EL1, 3),
             PACIASP, AUTIBZ, XPACLRI);
    rig_set(rig, X(3), TCR_TBID0 | TCR_TBID1);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), 0x30d00980);
    assert_int_equal(rig_get(rig, X(3)), 0);
    assert_int_equal(rig_get(rig, X(30)), LOWER | BIT(60));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signs_and_authenticates),
        TEST(leaves_tags_alone),
        TEST(takes_all_the_bits_there_are),
        TEST(refuses_what_is_no_address),
        TEST(does_nothing_where_disabled),
        TEST(makes_generic_codes),
        TEST(works_on_implied_registers),
        TEST(branches_to_authentic_targets),
        TEST(returns_from_calls),
        TEST(returns_from_exceptions),
        TEST(loads_by_authentic_addresses),
        TEST(keys_are_registers),
        TEST(a_key_may_change),
        cmocka_unit_test_setup_teardown(is_not_there_on_other_cpus, setup_without, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
