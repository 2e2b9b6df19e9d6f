/* SPDX-License-Identifier: ISC */
/*
 * Exceptions, PSTATE, traps of system registers, interrupts and self-hosted debug (Arm ARM D1, D2),
 * with exact syndromes; and the exits that an instruction may need to complete.
 */
#include "rig.h"

#define X(n)                         ((enum vcpu_reg)(n))
#define KEY(op0, op1, crn, crm, op2) SYSREG_KEY(op0, op1, crn, crm, op2)

static int setup(void **state)
{
    *state = rig_create(ENGINE_CPU_ATOLL);
    return 0;
}

static int teardown(void **state)
{
    rig_destroy(*state);
    return 0;
}

/* Runs `word` in `pstate` to the vector at `offset`, with `esr`. ELR is CODE + elr. */
static void expect(struct rig *rig, uint64_t pstate, uint32_t word, unsigned offset, uint32_t esr,
                   unsigned elr)
{
    rig_code(rig, 1, word);
    rig_set(rig, VCPU_PSTATE, pstate);
    rig_run_to_vector(rig, offset);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + elr);
    assert_int_equal(rig_sys_get(rig, SPSR_EL1), pstate);
}

static void synchronous(void **state)
{
    struct rig *rig = *state;
    const uint64_t nzcv = PSTATE_N | PSTATE_C;

    expect(rig, PSTATE_EL1H | PSTATE_DAIF, SVC(0x1234), 0x200, esr_imm(ESR_EC_SVC64, 0x1234), 4);
    expect(rig, PSTATE_EL1T | nzcv, SVC(1), 0x000, esr_imm(ESR_EC_SVC64, 1), 4);
    expect(rig, PSTATE_EL0T | PSTATE_UAO | PSTATE_PAN | PSTATE_SSBS, SVC(2), 0x400,
           esr_imm(ESR_EC_SVC64, 2), 4);
    expect(rig, PSTATE_EL1H, BRK(0xf000), 0x200, esr_imm(ESR_EC_BRK64, 0xf000), 0);
    expect(rig, PSTATE_EL1H, 0, 0x200, esr_undefined(), 0);
    expect(rig, PSTATE_EL1H, HVC | 1 << 5, 0x200, esr_undefined(), 0);
    expect(rig, PSTATE_EL0T, HVC, 0x400, esr_undefined(), 0);
    expect(rig, PSTATE_EL0T, ERET, 0x400, esr_undefined(), 0);
}

static void pstate_on_entry(void **state)
{
    struct rig *rig = *state;

    rig_sys_set(rig, SCTLR_EL1, 0);
    expect(rig, PSTATE_EL0T | PSTATE_UAO, SVC(0), 0x400, esr_imm(ESR_EC_SVC64, 0), 4);
    assert_int_equal(rig_get(rig, VCPU_PSTATE), PSTATE_EL1H | PSTATE_DAIF | PSTATE_PAN);
    rig_sys_set(rig, SCTLR_EL1, SCTLR_SPAN | SCTLR_DSSBS);
    expect(rig, PSTATE_EL0T, SVC(0), 0x400, esr_imm(ESR_EC_SVC64, 0), 4);
    assert_int_equal(rig_get(rig, VCPU_PSTATE), PSTATE_EL1H | PSTATE_DAIF | PSTATE_SSBS);
}

static void stack_pointers(void **state)
{
    struct rig *rig = *state;

    rig_set(rig, VCPU_SP, 0x1000);
    rig_sys_set(rig, SP_EL0, 0x2000);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    assert_int_equal(rig_get(rig, VCPU_SP), 0x2000);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1T);
    assert_int_equal(rig_get(rig, VCPU_SP), 0x2000);
    /* MRS of SP_EL0 is UNDEFINED while it is the stack pointer. */
    expect(rig, PSTATE_EL1T, MRS(SP_EL0, 0), 0x000, esr_undefined(), 0);
    assert_int_equal(rig_get(rig, VCPU_SP), 0x1000);
    rig_code(rig, 2, MRS(SP_EL0, 0), MSR(SP_EL0, 4));
    rig_set(rig, X(4), 0x3000);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), 0x2000);
    assert_int_equal(rig_sys_get(rig, SP_EL0), 0x3000);
}

static void misaligned_pc_and_sp(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 1, BR);
    rig_set(rig, X(1), DATA + 2);
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_make(ESR_EC_PC_ALIGN, 0));
    assert_int_equal(rig_sys_get(rig, FAR_EL1), DATA + 2);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), DATA + 2);
    rig_set(rig, VCPU_SP, DATA + 8);
    rig_code(rig, 1, LDRSP);
    rig_run_to_end(rig);
    rig_sys_set(rig, SCTLR_EL1, SCTLR_SA);
    expect(rig, PSTATE_EL1H, LDRSP, 0x200, esr_make(ESR_EC_SP_ALIGN, 0), 0);
}

/* Loops that load until memory ends. The flags at the fault are those that the last round left, or
 * that were there before the first, however the loop compares and whatever it overwrites after. */
static void flags_at_a_fault_in_a_loop(void **state)
{
    enum { ADD_8 = 0x91002021, LDR_AGAIN = 0xf9400023 }; /* add x1, x1, #8; ldr x3, [x1] */
    const uint64_t end = RAM + RAM_LEN;
    static const struct {
        uint32_t code[5];
        uint64_t x2, flags; /* after a round that does not end at x2 */
    } rows[] = {
        /* cmp x1, x2 */
        {{LDR, ADD_8, 0xeb02003f, 0x54ffffa1, NOP}, UINT64_MAX >> 1, PSTATE_N},
        {{LDR, ADD_8, LDR_AGAIN, 0xeb02003f, 0x54ffff81}, UINT64_MAX >> 1, PSTATE_N},
        /* cmp x2, x1 */
        {{LDR, ADD_8, LDR_AGAIN, 0xeb01005f, 0x54ffff81}, UINT64_MAX >> 1, PSTATE_C},
        /* cmp w1, w2 */
        {{LDR, ADD_8, LDR_AGAIN, 0x6b02003f, 0x54ffff81}, 1, PSTATE_C},
        /* cmn x1, x2 */
        {{LDR, ADD_8, LDR_AGAIN, 0xab02003f, 0x54ffff81}, UINT64_MAX >> 1, PSTATE_N | PSTATE_V},
        /* tst x1, x2 */
        {{LDR, ADD_8, LDR_AGAIN, 0xea02003f, 0x54ffff81}, RAM, 0},
        /* subs x2, x2, #1 */
        {{LDR, ADD_8, LDR_AGAIN, 0xf1000442, 0x54ffff81}, 100, PSTATE_C},
        /* cmp x1, x2, lsl #1 */
        {{LDR, ADD_8, LDR_AGAIN, 0xeb02043f, 0x54ffff81}, 4, PSTATE_C},
    };
    struct rig *rig = *state;

    rig_mmu_on(rig);
    for (size_t i = 0; i < nitems(rows); i++) {
        for (unsigned rounds = 0; rounds < 4; rounds++) {
            const uint32_t *w = rows[i].code;
            bool again = w[2] == LDR_AGAIN;

            rig_code(rig, 5, w[0], w[1], w[2], w[3], w[4]);
            rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF | PSTATE_Z | PSTATE_V);
            rig_set(rig, X(1), end - 8 * (rounds + again));
            rig_set(rig, X(2), rows[i].x2);
            rig_run_to_vector(rig, 0x200);
            assert_int_equal(rig_sys_get(rig, FAR_EL1), end);
            assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + (again ? 8 : 0));
            assert_int_equal(rig_sys_get(rig, SPSR_EL1) & UINT64_C(0xf0000000),
                             rounds ? rows[i].flags : PSTATE_Z | PSTATE_V);
        }
    }
}

static void illegal_return(void **state)
{
    struct rig *rig = *state;
    static const uint64_t modes[] = {0x1, 0x6, 0x8, 0x9, 0xd, 0x10, 0x13};

    for (size_t i = 0; i < nitems(modes); i++) {
        rig_code(rig, 1, ERET);
        rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
        rig_sys_set(rig, ELR_EL1, DATA);
        rig_sys_set(rig, SPSR_EL1, modes[i] | PSTATE_Z);
        rig_run_to_vector(rig, 0x200);
        assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_make(ESR_EC_ILLEGAL, 0));
        assert_int_equal(rig_sys_get(rig, ELR_EL1), DATA);
        assert_int_equal(rig_sys_get(rig, SPSR_EL1), PSTATE_EL1H | PSTATE_IL | PSTATE_Z);
    }
}

static void fp_traps(void **state)
{
    struct rig *rig = *state;

    for (unsigned fpen = 0; fpen < 4; fpen++) {
        rig_sys_set(rig, CPACR_EL1, (uint64_t)fpen << CPACR_FPEN_SHIFT);
        for (unsigned el = 0; el < 2; el++) {
            bool traps = el ? fpen == 0 || fpen == 2 : fpen != 3;

            rig_code(rig, 2, FMOV, SVC(3));
            rig_set(rig, VCPU_PSTATE, el ? PSTATE_EL1H : PSTATE_EL0T);
            rig_run_to_vector(rig, el ? 0x200 : 0x400);
            assert_int_equal(rig_sys_get(rig, ESR_EL1),
                             traps ? esr_fp_access() : esr_imm(ESR_EC_SVC64, 3));
            expect(rig, el ? PSTATE_EL1H : PSTATE_EL0T, traps ? MRS(FPCR, 0) : SVC(3),
                   el ? 0x200 : 0x400, traps ? esr_fp_access() : esr_imm(ESR_EC_SVC64, 3),
                   traps ? 0 : 4);
        }
    }
}

/* --- traps of EL0 --- */

static void system_registers_at_el0(void **state)
{
    struct rig *rig = *state;
    const struct {
        uint32_t word;
        enum sysreg_id control;
        uint64_t allows, forbids; /* values of `control` */
    } gates[] = {
        {MRS(CTR_EL0, 5), SYSREG_SCTLR_EL1, SCTLR_UCT, 0},
        {MRS(DAIF, 5), SYSREG_SCTLR_EL1, SCTLR_UMA, 0},
        {0xd50342df /* msr daifset, #2 */, SYSREG_SCTLR_EL1, SCTLR_UMA, 0},
        {MRS(CNTVCT_EL0, 5), SYSREG_CNTKCTL_EL1, CNTKCTL_EL0VCTEN, 0},
        {MRS(CNTPCT_EL0, 5), SYSREG_CNTKCTL_EL1, CNTKCTL_EL0PCTEN, 0},
        {MRS(CNTFRQ_EL0, 5), SYSREG_CNTKCTL_EL1, CNTKCTL_EL0PCTEN, 0},
        {MRS(CNTV_CTL_EL0, 5), SYSREG_CNTKCTL_EL1, CNTKCTL_EL0VTEN, 0},
        {MSR(CNTP_CVAL_EL0, 5), SYSREG_CNTKCTL_EL1, CNTKCTL_EL0PTEN, 0},
        {MRS(MDCCSR_EL0, 5), SYSREG_MDSCR_EL1, 0, MDSCR_TDCC},
        {0xd50b7425 /* dc zva, x5 */, SYSREG_SCTLR_EL1, SCTLR_DZE, 0},
        {0xd50b7525 /* ic ivau, x5 */, SYSREG_SCTLR_EL1, SCTLR_UCI, 0},
    };

    rig_set(rig, X(5), DATA);
    rig_mmu_on(rig); /* so that DC ZVA has Normal memory; EL0 may execute it all */
    for (size_t i = 0; i < nitems(gates); i++) {
        uint32_t word = gates[i].word, key = word >> 5 & 0xffff, rt = word & 31;
        uint64_t keep = gates[i].control == SYSREG_SCTLR_EL1 ? SCTLR_SPAN : 0;

        rig_sys_write(rig, gates[i].control, gates[i].forbids | keep);
        if (gates[i].control != SYSREG_SCTLR_EL1)
            rig_sys_set(rig, SCTLR_EL1, SCTLR_SPAN);
        expect(rig, PSTATE_EL0T, word, 0x400, esr_sysreg(key, rt, word & BIT(21)), 0);
        rig_sys_write(rig, gates[i].control, gates[i].allows | keep);
        if ((word & 0xfffff01f) == 0xd50b7005 && (word & 0xfe0) == 0x420)
            continue; /* DC ZVA with the MMU off faults otherwise: device memory */
        rig_code(rig, 2, word, SVC(9));
        rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
        rig_run_to_vector(rig, 0x400);
        assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 9));
    }
    expect(rig, PSTATE_EL0T, MRS(SCTLR_EL1, 0), 0x400, esr_undefined(), 0);
    expect(rig, PSTATE_EL0T, MRS(MIDR_EL1, 0), 0x400, esr_undefined(), 0);
    expect(rig, PSTATE_EL1H, MSR(MIDR_EL1, 0), 0x200, esr_undefined(), 0);
    expect(rig, PSTATE_EL1H, MRS(OSLAR_EL1, 0), 0x200, esr_undefined(), 0);
    expect(rig, PSTATE_EL0T, WFI, 0x400, esr_wfx(false), 0);
    expect(rig, PSTATE_EL0T, AT_S1E1R, 0x400, esr_undefined(), 0);
    /* PMCR_EL0: there is no PMU. */
    expect(rig, PSTATE_EL1H, 0xd53b9c00, 0x200, esr_undefined(), 0);
}

static void identification(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 4, MRS(MPIDR_EL1, 0), MRS(ID_AA64MMFR0_EL1, 4), MRS(CurrentEL, 5),
             0xd53800a6 /* mrs x6, mpidr */);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), REG_BIT(31));
    assert_int_equal(rig_get(rig, X(4)) & 0xf, 2);
    assert_int_equal(rig_get(rig, X(5)), 4);
    /* A reserved ID register reads as zero. */
    rig_set(rig, X(4), 77);
    rig_code(rig, 1, 0xd5380764 /* mrs x4, s3_0_c0_c7_3 */);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(4)), 0);
}

/* --- interrupts and WFI --- */

static void interrupts(void **state)
{
    struct rig *rig = *state;

    rig->ops->vcpu_irq(rig->cpu, true, false);
    rig_code(rig, 1, NOP);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_I);
    rig_run_to_end(rig);
    rig_code(rig, 1, NOP);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    rig_run_to_vector(rig, 0x280);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE);
    rig->ops->vcpu_irq(rig->cpu, true, true);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    rig_run_to_vector(rig, 0x300);
    /* Unmasking takes it before the next instruction. */
    rig->ops->vcpu_irq(rig->cpu, true, false);
    rig_code(rig, 2, 0xd50342ff /* msr daifclr, #2 */, NOP);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    rig_run_to_vector(rig, 0x280);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 4);
    rig_code(rig, 1, MRS(ISR_EL1, 0));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), PSTATE_I);
}

static void wait_for_interrupt(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 1, WFI);
    assert_int_equal(rig_run(rig), EXIT_WFI);
    assert_int_equal(rig_get(rig, VCPU_PC), CODE + 4);
    assert_int_equal(rig->exit->wfi.deadline_ns, UINT64_MAX);
    rig_run_to_end(rig);
    /* A masked interrupt wakes too. */
    rig->ops->vcpu_irq(rig->cpu, true, false);
    rig_code(rig, 1, WFI);
    rig_run_to_end(rig);
}

static void kick(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 1, 0x14000000 /* b . */);
    rig->ops->vcpu_kick(rig->cpu);
    assert_int_equal(rig_run(rig), EXIT_KICKED);
    rig->ops->vcpu_kick(rig->cpu);
    assert_int_equal(rig_run(rig), EXIT_KICKED);
}

/* --- exits within an instruction --- */

static void mmio_pairs(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 1, LDP);
    rig_set(rig, X(1), MMIO);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig_run(rig), EXIT_MMIO);
        assert_int_equal(rig->exit->mmio.ipa, MMIO + 8 * i);
        assert_false(rig->exit->mmio.write);
        rig->exit->mmio.value = 0x1111 * (i + 1);
    }
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), 0x1111);
    assert_int_equal(rig_get(rig, X(2)), 0x2222);
    rig_code(rig, 1, STP);
    rig_set(rig, X(0), 3);
    rig_set(rig, X(1), MMIO);
    rig_set(rig, X(2), 4);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig_run(rig), EXIT_MMIO);
        assert_int_equal(rig->exit->mmio.ipa, MMIO + 8 * i);
        assert_int_equal(rig->exit->mmio.value, 3 + i);
        assert_true(rig->exit->mmio.write);
    }
    rig_run_to_end(rig);
    /* An abort of the second access, and values that are wider than the register. */
    rig_code(rig, 1, LDP);
    rig_set(rig, X(1), MMIO);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    rig->exit->mmio.abort = true;
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, FAR_EL1), MMIO + 8);
    rig_code(rig, 1, LDRW);
    rig_set(rig, X(1), MMIO + 4);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    assert_int_equal(rig->exit->mmio.size, 4);
    rig->exit->mmio.value = UINT64_C(0xabcdef0187654321);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), 0x87654321);
}

static void gic_registers(void **state)
{
    struct rig *rig = *state;

    rig_code(rig, 2, MRS(ICC_IAR1_EL1, 4), MSR(ICC_EOIR1_EL1, 4));
    assert_int_equal(rig_run(rig), EXIT_SYSREG);
    assert_int_equal(rig->exit->sysreg.key, sysreg_info(SYSREG_ICC_IAR1_EL1)->key);
    assert_false(rig->exit->sysreg.write);
    rig->exit->sysreg.value = 27;
    assert_int_equal(rig_run(rig), EXIT_SYSREG);
    assert_true(rig->exit->sysreg.write);
    assert_int_equal(rig->exit->sysreg.value, 27);
    rig_run_to_end(rig);
    rig_code(rig, 1, MRS(ICC_IAR1_EL1, 4));
    assert_int_equal(rig_run(rig), EXIT_SYSREG);
    rig->exit->sysreg.undefined = true;
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_undefined());
}

/* --- debug --- */

static void software_step(void **state)
{
    struct rig *rig = *state;

    /* ERET to EL0 with SPSR.SS: one instruction runs, then the step exception. */
    rig_sys_set(rig, MDSCR_EL1, MDSCR_SS);
    rig_code(rig, 3, NOP, NOP, SVC(1));
    assert_int_equal(mem_store(rig->mem, DATA, 4, ERET), 0);
    for (unsigned i = 0; i < 2; i++) {
        rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
        rig_set(rig, VCPU_PC, DATA);
        rig_sys_set(rig, ELR_EL1, CODE + 4 * i);
        rig_sys_set(rig, SPSR_EL1, PSTATE_EL0T | PSTATE_SS);
        rig_run_to_vector(rig, 0x400);
        assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_step(false, false));
        assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 4 * i + 4);
        assert_int_equal(rig_sys_get(rig, SPSR_EL1), PSTATE_EL0T);
    }
    /* SVC ends a step: its SPSR has SS clear, and the handler is not stepped. */
    rig_set(rig, VCPU_PC, DATA);
    rig_sys_set(rig, ELR_EL1, CODE + 8);
    rig_sys_set(rig, SPSR_EL1, PSTATE_EL0T | PSTATE_SS);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 1));
    assert_int_equal(rig_sys_get(rig, SPSR_EL1), PSTATE_EL0T);
    /* Without SS in the SPSR the exception comes at once, its syndrome not valid. */
    rig_set(rig, VCPU_PC, DATA);
    rig_sys_set(rig, ELR_EL1, CODE);
    rig_sys_set(rig, SPSR_EL1, PSTATE_EL0T);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_step(false, false) & ~BIT(24));
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE);
    /* An exception of the stepped instruction keeps SS, to step it again. */
    rig_code(rig, 1, BRK(2));
    rig_set(rig, VCPU_PC, DATA);
    rig_sys_set(rig, ELR_EL1, CODE);
    rig_sys_set(rig, SPSR_EL1, PSTATE_EL0T | PSTATE_SS);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, SPSR_EL1), PSTATE_EL0T | PSTATE_SS);
    /* The OS Lock switches it off. */
    rig_sys_set(rig, OSLAR_EL1, 1);
    rig_code(rig, 2, NOP, SVC(4));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 4));
}

static void breakpoints(void **state)
{
    struct rig *rig = *state;

    rig_sys_set(rig, MDSCR_EL1, MDSCR_MDE);
    rig_sys_set(rig, DBGBVR5_EL1, CODE + 4);
    rig_sys_set(rig, DBGBCR5_EL1, 0x1e0 | 2 << 1 | 1); /* EL0 */
    rig_code(rig, 2, NOP, SVC(1));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_make(ESR_EC_BREAKPOINT_LOWER, ESR_FSC_DEBUG));
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 4);
    /* Not for EL1, nor there while D masks it. */
    rig_code(rig, 2, NOP, SVC(1));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 1));
    rig_sys_set(rig, DBGBCR5_EL1, 0x1e0 | 1 << 1 | 1);
    rig_sys_set(rig, MDSCR_EL1, MDSCR_MDE | MDSCR_KDE);
    rig_code(rig, 2, NOP, SVC(1));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_D);
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 1));
    rig_code(rig, 2, NOP, SVC(1));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    rig_run_to_vector(rig, 0x200);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_make(ESR_EC_BREAKPOINT, ESR_FSC_DEBUG));
}

static void watchpoints(void **state)
{
    struct rig *rig = *state;
    static const struct {
        uint32_t word;
        uint64_t va;
        unsigned bas, lsc;
        bool hits;
        uint64_t far;
    } cases[] = {
        {LDR, DATA, 0xff, 1, true, DATA},          {LDR, DATA, 0xff, 2, false, 0},
        {STR, DATA, 0xff, 2, true, DATA},          {STR, DATA, 0xff, 1, false, 0},
        {LDRB, DATA + 3, 0x08, 3, true, DATA + 3}, {LDRB, DATA + 2, 0x08, 3, false, 0},
        {LDR, DATA, 0x80, 3, true, DATA + 7},      {LDR, DATA + 8, 0xff, 3, false, 0},
        {LDR, DATA - 4, 0x01, 3, true, DATA},
    };

    rig_mmu_on(rig);
    rig_sys_set(rig, MDSCR_EL1, MDSCR_MDE | MDSCR_KDE);
    rig_sys_set(rig, DBGWVR2_EL1, DATA);
    for (size_t i = 0; i < nitems(cases); i++) {
        bool write = cases[i].word == STR;

        rig_sys_set(rig, DBGWCR2_EL1, cases[i].bas << 5 | cases[i].lsc << 3 | 1 << 1 | 1);
        rig_code(rig, 2, cases[i].word, SVC(1));
        rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
        rig_set(rig, X(1), cases[i].va);
        rig_run_to_vector(rig, 0x200);
        if (!cases[i].hits) {
            assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 1));
            continue;
        }
        assert_int_equal(rig_sys_get(rig, ESR_EL1),
                         esr_make(ESR_EC_WATCHPOINT, ESR_FSC_DEBUG | (write ? ESR_DABT_WNR : 0)));
        assert_int_equal(rig_sys_get(rig, FAR_EL1), cases[i].far);
    }
}

/* Every instruction is looked at while a debugger outside waits for one that never comes. */
static void software_step_under_debugger(void **state)
{
    struct rig *rig = *state;
    struct vcpu_debug debug = {.breakpoints = 1, .breakpoint = {CODE + 0x800}};

    assert_int_equal(rig->ops->vcpu_debug(rig->cpu, &debug), 0);
    rig_sys_set(rig, MDSCR_EL1, MDSCR_SS);
    rig_code(rig, 2, NOP, NOP);
    assert_int_equal(mem_store(rig->mem, DATA, 4, ERET), 0);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    rig_set(rig, VCPU_PC, DATA);
    rig_sys_set(rig, ELR_EL1, CODE);
    rig_sys_set(rig, SPSR_EL1, PSTATE_EL0T | PSTATE_SS);
    rig_run_to_vector(rig, 0x400);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_step(false, false));
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 4);
}

static void host_debugger(void **state)
{
    struct rig *rig = *state;
    struct vcpu_debug debug = {.step = true};

    rig_code(rig, 3, NOP, NOP, NOP);
    assert_int_equal(rig->ops->vcpu_debug(rig->cpu, &debug), 0);
    assert_int_equal(rig_run(rig), EXIT_DEBUG);
    assert_int_equal(rig_get(rig, VCPU_PC), CODE + 4);
    debug = (struct vcpu_debug){.breakpoints = 1, .breakpoint = {CODE + 8}};
    assert_int_equal(rig->ops->vcpu_debug(rig->cpu, &debug), 0);
    assert_int_equal(rig_run(rig), EXIT_DEBUG);
    assert_int_equal(rig->exit->debug.pc, CODE + 8);
    rig_run_to_end(rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(synchronous),        TEST(pstate_on_entry),
        TEST(stack_pointers),     TEST(misaligned_pc_and_sp),
        TEST(illegal_return),     TEST(flags_at_a_fault_in_a_loop),
        TEST(fp_traps),           TEST(system_registers_at_el0),
        TEST(identification),     TEST(interrupts),
        TEST(wait_for_interrupt), TEST(kick),
        TEST(mmio_pairs),         TEST(gic_registers),
        TEST(software_step),      TEST(software_step_under_debugger),
        TEST(breakpoints),        TEST(watchpoints),
        TEST(host_debugger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
