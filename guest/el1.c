/* SPDX-License-Identifier: ISC */
/*
 * What EL1 sees of exceptions, printed: each probe runs one instruction at EL1 or EL0 in a prepared
 * state and prints the vector, ESR, FAR, ELR (from the instruction) and SPSR of the exception that
 * ended it, which is BRK #0x999 when the instruction itself went through. X0 is printed then.
 */
#include "guest.h"

#define WINDOW   UINT64_C(0x100000000)
#define PAGE(n)  (WINDOW + (n)*4096)
#define CODE_EL0 PAGE(64)   /* the code page as EL0 sees it */
#define DONE     0xd4213320 /* brk #0x999 */

/* Pages of the window. */
enum { RW, RO, USER_RW, USER_RO, DEVICE, NOTHING, NO_AF, FAR_OUT, UNBACKED, NO_EXEC, RESERVED };

#define NOP           0xd503201f
#define LDR           0xf9400020 /* ldr x0, [x1], and so on */
#define STR           0xf9000020
#define LDRB          0x39400020
#define LDTR          0xf8400820
#define STTR          0xf8000820
#define LDAR          0xc8dffc20
#define STLR          0xc89ffc20
#define LDXR          0xc85f7c20
#define STXR          0xc8037c20 /* stxr w3, x0, [x1] */
#define LDXP          0xc87f0820 /* ldxp x0, x2, [x1] */
#define LDADD         0xf8220020 /* ldadd x2, x0, [x1] */
#define LDAPR         0xf8bfc020
#define LDRSP         0xf94003e0
#define LDRQ          0x3dc00020 /* ldr q0, [x1] */
#define BR            0xd61f0020
#define SVC           0xd4000021
#define HVC1          0xd4000022
#define SMC1          0xd4000023
#define HLT           0xd4400000
#define ERET          0xd69f03e0
#define FMOV          0x9e660000 /* fmov x0, d0 */
#define DC_ZVA        0xd50b7421
#define DC_CVAC       0xd50b7a21
#define DC_CIVAC      0xd50b7e21
#define DC_IVAC       0xd5087621
#define IC_IVAU       0xd50b7521
#define AT_S1E1R      0xd5087801
#define AT_S1E1W      0xd5087821
#define AT_S1E0R      0xd5087841
#define AT_S1E0W      0xd5087861
#define AT_S1E1RP     0xd5087901
#define AT_S1E1WP     0xd5087921
#define MRS_PAR       0xd5387400
#define WFI           0xd503207f
#define MRS_CTR       0xd53b0020
#define MRS_DAIF      0xd53b4220
#define MSR_DAIFSET   0xd50342df
#define MRS_CNTVCT    0xd53be040
#define MRS_CNTFRQ    0xd53be000
#define MRS_CNTVCTL   0xd53be320
#define MRS_SCTLR     0xd5381000
#define MRS_MIDR      0xd5380000
#define MSR_MIDR      0xd5180000
#define MRS_SPSEL     0xd5384200
#define MRS_SP_EL0    0xd5384100
#define MSR_SP_EL0    0xd5184101
#define MRS_FPCR      0xd53b4400
#define MRS_CURRENTEL 0xd5384240
#define MRS_DCZID     0xd53b00e0

#define EL0  0x000
#define EL1T 0x3c4
#define EL1H 0x3c5
#define PAN  (1u << 22)
#define UAO  (1u << 23)

static uint32_t code[1024] __attribute__((aligned(4096)));
static uint64_t data[512] __attribute__((aligned(4096)));
static struct frame caught;
static volatile bool probing;

uint64_t enter_sp;
void enter(uint64_t pc, uint64_t spsr, uint64_t x0, uint64_t x1);
void enter_resume(void);

/* Leaves by ERET with x0 and x1 set; the exception handler comes back to enter_resume. */
__asm__(".pushsection .text\n"
        ".globl enter, enter_resume\n"
        "enter:\n"
        "    sub     sp, sp, #112\n"
        "    stp     x19, x20, [sp]\n"
        "    stp     x21, x22, [sp, #16]\n"
        "    stp     x23, x24, [sp, #32]\n"
        "    stp     x25, x26, [sp, #48]\n"
        "    stp     x27, x28, [sp, #64]\n"
        "    stp     x29, x30, [sp, #80]\n"
        "    msr     elr_el1, x0\n"
        "    msr     spsr_el1, x1\n"
        "    mov     x0, x2\n"
        "    mov     x1, x3\n"
        "    mov     x2, #5\n"
        "    eret\n"
        "enter_resume:\n"
        "    ldp     x19, x20, [sp]\n"
        "    ldp     x21, x22, [sp, #16]\n"
        "    ldp     x23, x24, [sp, #32]\n"
        "    ldp     x25, x26, [sp, #48]\n"
        "    ldp     x27, x28, [sp, #64]\n"
        "    ldp     x29, x30, [sp, #80]\n"
        "    add     sp, sp, #112\n"
        "    ret\n"
        ".popsection\n");

void guest_exception(struct frame *f)
{
    if (!probing)
        guest_fail(f);
    probing = false;
    caught = *f;
    f->elr = (uint64_t)enter_resume;
    f->spsr = EL1H;
}

static void write_code(uint32_t first, uint32_t second)
{
    code[0] = first;
    code[1] = second;
    code[2] = DONE;
    __asm__ volatile("dsb sy\n ic iallu\n dsb sy\n isb" : : : "memory");
}

static void field(const char *name, uint64_t value)
{
    put_text(name);
    put_hex(value);
}

/* FAR is printed where the exception sets it: aborts, PC alignment, watchpoints. */
static bool has_far(uint64_t esr)
{
    unsigned ec = esr >> 26 & 63;

    return ec == 0x20 || ec == 0x21 || ec == 0x22 || ec == 0x24 || ec == 0x25 || ec == 0x34 ||
           ec == 0x35;
}

static void print(const char *name, uint64_t pc)
{
    put_text(name);
    field(": vector ", caught.vector);
    field(" esr ", caught.esr);
    if (has_far(caught.esr))
        field(" far ", caught.far);
    field(" elr ", caught.elr - pc);
    /* SSBS resets to an unknown value; nothing else is left out. */
    field(" spsr ", caught.spsr & ~(UINT64_C(1) << 12));
    if ((caught.esr >> 26) == 0x3c)
        field(" x0 ", caught.x[0]);
    put_char('\n');
}

static void run2(const char *name, uint32_t first, uint32_t second, uint64_t x0, uint64_t x1,
                 uint64_t spsr)
{
    uint64_t pc = (spsr & 0xf) == EL0 ? CODE_EL0 : (uint64_t)code;

    write_code(first, second);
    probing = true;
    enter(pc, spsr, x0, x1);
    print(name, pc);
}

static void run(const char *name, uint32_t word, uint64_t x1, uint64_t spsr)
{
    run2(name, word, NOP, 0, x1, spsr);
}

static void map_window(void)
{
    uint64_t page = (uint64_t)data;
    const uint64_t nx = PTE_PXN | PTE_UXN;

    mmu_map(PAGE(RW), page | PTE_AF | PTE_PAGE);
    mmu_map(PAGE(RO), page | PTE_AF | PTE_PAGE | PTE_RO);
    mmu_map(PAGE(USER_RW), page | PTE_AF | PTE_PAGE | PTE_USER);
    mmu_map(PAGE(USER_RO), page | PTE_AF | PTE_PAGE | PTE_USER | PTE_RO);
    mmu_map(PAGE(DEVICE), page | PTE_AF | PTE_PAGE | PTE_DEVICE);
    mmu_map(PAGE(NO_AF), page | PTE_PAGE | 3 << 8);
    mmu_map(PAGE(FAR_OUT), page | UINT64_C(1) << 41 | PTE_AF | PTE_PAGE);
    mmu_map(PAGE(UNBACKED), 0x0b000000 | PTE_AF | PTE_PAGE | PTE_DEVICE);
    mmu_map(PAGE(NO_EXEC), (uint64_t)code | PTE_AF | PTE_PAGE | nx);
    mmu_map(PAGE(RESERVED), page | PTE_AF | 1);
    mmu_map(CODE_EL0, (uint64_t)code | PTE_AF | PTE_PAGE | PTE_USER | PTE_RO);
}

static void aborts(void)
{
    run("load", LDR, PAGE(RW), EL1H);
    run("load translation fault", LDR, PAGE(NOTHING), EL1H);
    run("store translation fault", STR, PAGE(NOTHING), EL1H);
    run("load level 2 fault", LDR, WINDOW + 0x400000, EL1H);
    run("load level 1 fault", LDR, UINT64_C(0x4000000000) - 8, EL1H);
    run("load outside of the tables", LDR, UINT64_C(0x8000000000), EL1H);
    run("load from the disabled half", LDR, UINT64_C(0xffffff8000000000), EL1H);
    run("reserved descriptor", LDR, PAGE(RESERVED), EL1H);
    run("access flag", LDR, PAGE(NO_AF) + 8, EL1H);
    run("access flag, store", STR, PAGE(NO_AF) + 8, EL1H);
    run("address size", LDR, PAGE(FAR_OUT), EL1H);
    run("store to read-only", STR, PAGE(RO), EL1H);
    run("load of nothing", LDR, PAGE(UNBACKED), EL1H);
    run("store to nothing", STR, PAGE(UNBACKED), EL1H);
    run("fetch of nothing", BR, PAGE(UNBACKED), EL1H);
    run("fetch translation fault", BR, PAGE(NOTHING), EL1H);
    run("fetch of execute-never", BR, PAGE(NO_EXEC), EL1H);
    run("fetch of EL0's writable page", BR, PAGE(USER_RW), EL1H);
    run("branch to odd", BR, (uint64_t)code + 2, EL1H);
    run("EL0 load of EL1's", LDR, PAGE(RW), EL0);
    run("EL0 store of EL1's", STR, PAGE(RW), EL0);
    run("EL0 load", LDR, PAGE(USER_RO), EL0);
    run("EL0 store to read-only", STR, PAGE(USER_RO), EL0);
    run("EL0 store", STR, PAGE(USER_RW), EL0);
    run("EL0 fetch of execute-never", BR, PAGE(NO_EXEC), EL0);
    run("PAN load", LDR, PAGE(USER_RO), EL1H | PAN);
    run("PAN store", STR, PAGE(USER_RW), EL1H | PAN);
    run("PAN unprivileged load", LDTR, PAGE(USER_RW), EL1H | PAN);
    run("unprivileged load", LDTR, PAGE(RW), EL1H);
    run("unprivileged store", STTR, PAGE(USER_RW), EL1H);
    run("unprivileged store, UAO", STTR, PAGE(RW), EL1H | UAO);
    run("unprivileged store to read-only", STTR, PAGE(USER_RO), EL1H);
    run("unaligned", LDR, PAGE(RW) + 3, EL1H);
    run("unaligned into nothing", LDR, PAGE(NOTHING) - 3, EL1H);
    run("unaligned device", LDR, PAGE(DEVICE) + 4, EL1H);
    run("byte of device", LDRB, PAGE(DEVICE) + 3, EL1H);
    run("unaligned acquire", LDAR, PAGE(RW) + 12, EL1H);
    run("unaligned release", STLR, PAGE(RW) + 12, EL1H);
    run("unaligned exclusive", LDXR, PAGE(RW) + 4, EL1H);
    run("unaligned exclusive pair", LDXP, PAGE(RW) + 8, EL1H);
    run("unaligned atomic", LDADD, PAGE(RW) + 12, EL1H);
    run("unaligned LDAPR", LDAPR, PAGE(RW) + 12, EL1H);
    run("atomic, translation fault", LDADD, PAGE(NOTHING), EL1H);
    run("atomic to read-only", LDADD, PAGE(RO), EL1H);
    run("store exclusive without monitor", STXR, PAGE(RW), EL1H);
    run("quadword", LDRQ, PAGE(RW) + 8, EL1H);
    run("quadword into nothing", LDRQ, PAGE(NOTHING) - 8, EL1H);
    run("quadword of device", LDRQ, PAGE(DEVICE) + 8, EL1H);
}

static void maintenance(void)
{
    run("DC ZVA", DC_ZVA, PAGE(RW) + 8, EL1H);
    run("DC ZVA translation fault", DC_ZVA, PAGE(NOTHING) + 0x40, EL1H);
    run("DC ZVA of read-only", DC_ZVA, PAGE(RO) + 0x40, EL1H);
    run("DC ZVA of device", DC_ZVA, PAGE(DEVICE) + 0x40, EL1H);
    run("DC CVAC translation fault", DC_CVAC, PAGE(NOTHING) + 0x40, EL1H);
    run("DC CIVAC of read-only", DC_CIVAC, PAGE(RO) + 0x40, EL1H);
    run("IC IVAU", IC_IVAU, PAGE(RW), EL1H);
    run("EL0 IC IVAU, trapped", IC_IVAU, PAGE(USER_RW), EL0);
    run("EL0 DC CVAC, trapped", DC_CVAC, PAGE(USER_RW), EL0);
    run("EL0 DC ZVA, trapped", DC_ZVA, PAGE(USER_RW), EL0);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 1 << 26 | 1 << 14);
    isb();
    run("EL0 DC CVAC", DC_CVAC, PAGE(USER_RW), EL0);
    run("EL0 DC CVAC translation fault", DC_CVAC, PAGE(NOTHING), EL0);
    run("EL0 DC ZVA", DC_ZVA, PAGE(USER_RW), EL0);
    run("EL0 DC ZVA of read-only", DC_ZVA, PAGE(USER_RO), EL0);
    run("EL0 DC IVAC", DC_IVAC, PAGE(USER_RW), EL0);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) & ~(UINT64_C(1) << 26 | 1 << 14));
    isb();
}

static void translate(const char *name, uint32_t word, uint64_t va, uint64_t pstate)
{
    run2(name, word, MRS_PAR, 0, va, pstate);
}

static void address_translation(void)
{
    translate("AT S1E1R", AT_S1E1R, PAGE(UNBACKED) + 0x123, EL1H);
    translate("AT S1E1R of nothing", AT_S1E1R, PAGE(NOTHING), EL1H);
    translate("AT S1E1R level 1", AT_S1E1R, UINT64_C(0x4000000000) - 8, EL1H);
    translate("AT S1E1W of read-only", AT_S1E1W, PAGE(RO), EL1H);
    translate("AT S1E0R of EL1's", AT_S1E0R, PAGE(RO), EL1H);
    translate("AT S1E0W of read-only", AT_S1E0W, PAGE(USER_RO), EL1H);
    translate("AT S1E1R, no access flag", AT_S1E1R, PAGE(NO_AF), EL1H);
    translate("AT S1E1R, address size", AT_S1E1R, PAGE(FAR_OUT), EL1H);
    translate("AT S1E1R of user page, PAN", AT_S1E1R, PAGE(UNBACKED), EL1H | PAN);
    translate("AT S1E1RP of user page, PAN", AT_S1E1RP, PAGE(USER_RO), EL1H | PAN);
    translate("AT S1E1WP of user page, PAN", AT_S1E1WP, PAGE(USER_RW), EL1H | PAN);
    run("EL0 AT", AT_S1E1R, PAGE(RW), EL0);
}

static void instructions(void)
{
    run("SVC", SVC, 0, EL1H | UINT32_C(0xf) << 28);
    run("SVC from EL1t", SVC, 0, EL1T);
    run("EL0 SVC", SVC, 0, EL0 | UAO | PAN);
    run("EL0 HVC #1", HVC1, 0, EL0);
    run("EL0 SMC #1", SMC1, 0, EL0);
    run("HLT", HLT, 0, EL1H);
    run("UDF", 0, 0, EL1H);
    run("EL0 ERET", ERET, 0, EL0);
    run("EL0 WFI, trapped", WFI, 0, EL0);
    run("EL0 MRS CTR, trapped", MRS_CTR, 0, EL0);
    run("EL0 MRS DAIF, trapped", MRS_DAIF, 0, EL0);
    run("EL0 MSR DAIFSet, trapped", MSR_DAIFSET, 0, EL0);
    run("EL0 MRS CNTVCT, trapped", MRS_CNTVCT, 0, EL0);
    run("EL0 MRS CNTFRQ, trapped", MRS_CNTFRQ, 0, EL0);
    run("EL0 MRS CNTV_CTL, trapped", MRS_CNTVCTL, 0, EL0);
    run("EL0 MRS SCTLR", MRS_SCTLR, 0, EL0);
    run("EL0 MRS MIDR", MRS_MIDR, 0, EL0);
    run("MSR MIDR", MSR_MIDR, 0, EL1H);
    run("MRS SPSel", MRS_SPSEL, 0, EL1H);
    run("MRS SPSel at EL1t", MRS_SPSEL, 0, EL1T);
    run("MRS SP_EL0 at EL1t", MRS_SP_EL0, 0, EL1T);
    run2("MSR SP_EL0", MSR_SP_EL0, MRS_SP_EL0, 0, 0x1230, EL1H);
    run("MRS CurrentEL", MRS_CURRENTEL, 0, EL1H);
    run("MRS DCZID", MRS_DCZID, 0, EL1H);
    run("EL0 MRS DCZID", MRS_DCZID, 0, EL0);
    write_sysreg(cpacr_el1, 0);
    isb();
    run("FP trapped", FMOV, 0, EL1H);
    run("MRS FPCR trapped", MRS_FPCR, 0, EL1H);
    run("EL0 FP trapped", FMOV, 0, EL0);
    write_sysreg(cpacr_el1, 1 << 20);
    isb();
    run("FP", MRS_FPCR, 0, EL1H);
    run("EL0 FP trapped by 1", FMOV, 0, EL0);
    write_sysreg(cpacr_el1, 3 << 20);
    isb();
    write_sysreg(sp_el0, (uint64_t)data + 8);
    run("SP misaligned at EL0", LDRSP, 0, EL0);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 1 << 3 | 1 << 4);
    isb();
    run("SP misaligned at EL0, checked", LDRSP, 0, EL0);
    run("SP misaligned at EL1t, checked", LDRSP, 0, EL1T);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) & ~UINT64_C(0x18));
    isb();
    run("PSTATE.IL", NOP, 0, EL1H | 1 << 20);
    run("EL0 PSTATE.IL", NOP, 0, EL0 | 1 << 20);
    run("return to mode 1", NOP, 0, 0x3c1);
    run("return to EL2", NOP, 0, 0x3c9);
}

#define SS (1u << 21)

static void debug(void)
{
    write_sysreg(oslar_el1, 0);
    write_sysreg(mdscr_el1, 1);
    isb();
    run2("step at EL0", NOP, NOP, 0, 0, EL0 | SS);
    run2("step at EL0, at once", NOP, NOP, 0, 0, EL0);
    run2("step over a load", LDR, NOP, 0, PAGE(USER_RW), EL0 | SS);
    run2("step over a load-exclusive", LDXR, NOP, 0, PAGE(USER_RW), EL0 | SS);
    run2("step over SVC", SVC, NOP, 0, 0, EL0 | SS);
    run2("step into a fault", LDR, NOP, 0, PAGE(NOTHING), EL0 | SS);
    run2("step at EL1 without KDE", NOP, NOP, 0, 0, EL1H | SS);
    write_sysreg(mdscr_el1, 1 << 15);
    write_sysreg(dbgbvr0_el1, CODE_EL0 + 4);
    write_sysreg(dbgbcr0_el1, 0x1e5);
    isb();
    run2("breakpoint", NOP, NOP, 0, 0, EL0);
    write_sysreg(dbgbcr0_el1, 0x1e3);
    isb();
    run2("breakpoint of EL1, at EL0", NOP, NOP, 0, 0, EL0);
    write_sysreg(dbgbcr0_el1, 0);
    write_sysreg(dbgwvr0_el1, PAGE(USER_RW) + 8);
    write_sysreg(dbgwcr0_el1, 0xff << 5 | 3 << 3 | 2 << 1 | 1);
    isb();
    run("watchpoint, load", LDR, PAGE(USER_RW) + 8, EL0);
    run("watchpoint, store", STR, PAGE(USER_RW) + 8, EL0);
    run("watchpoint, beside", LDR, PAGE(USER_RW) + 16, EL0);
    run("watchpoint of EL0, at EL1", LDR, PAGE(USER_RW) + 8, EL1H);
    write_sysreg(dbgwcr0_el1, 0x10 << 5 | 1 << 3 | 2 << 1 | 1);
    isb();
    run("watchpoint of one byte", LDRB, PAGE(USER_RW) + 12, EL0);
    run("watchpoint of another byte", LDRB, PAGE(USER_RW) + 13, EL0);
    run("watchpoint of loads, store", STR, PAGE(USER_RW) + 8, EL0);
    write_sysreg(dbgwcr0_el1, 0);
    write_sysreg(mdscr_el1, 0);
    isb();
}

/* Which bits of a register stick: all ones, then all zeros, written and read back. Before the MMU
 * is on. */
#define STICKS(name)                                                                               \
    do {                                                                                           \
        uint64_t before_ = read_sysreg(name), ones_, zeros_;                                       \
        write_sysreg(name, UINT64_MAX);                                                            \
        isb();                                                                                     \
        ones_ = read_sysreg(name);                                                                 \
        write_sysreg(name, 0);                                                                     \
        isb();                                                                                     \
        zeros_ = read_sysreg(name);                                                                \
        write_sysreg(name, before_);                                                               \
        isb();                                                                                     \
        put_text("bits of " #name);                                                                \
        field(": ones ", ones_);                                                                   \
        field(" zeros ", zeros_);                                                                  \
        put_char('\n');                                                                            \
    } while (0)

static void registers(void)
{
    STICKS(cpacr_el1);
    STICKS(tcr_el1);
    STICKS(ttbr0_el1);
    STICKS(ttbr1_el1);
    STICKS(mair_el1);
    STICKS(amair_el1);
    STICKS(actlr_el1);
    STICKS(vbar_el1);
    STICKS(elr_el1);
    STICKS(spsr_el1);
    STICKS(esr_el1);
    STICKS(far_el1);
    STICKS(afsr0_el1);
    STICKS(par_el1);
    STICKS(contextidr_el1);
    STICKS(tpidr_el1);
    STICKS(tpidr_el0);
    STICKS(tpidrro_el0);
    STICKS(csselr_el1);
    STICKS(cntkctl_el1);
    STICKS(cntv_cval_el0);
    STICKS(cntp_cval_el0);
    STICKS(nzcv);
    STICKS(mdscr_el1);
    STICKS(dbgbvr0_el1);
    STICKS(dbgbcr0_el1);
    STICKS(dbgwvr0_el1);
    STICKS(dbgwcr0_el1);
}

int main(void)
{
    registers();
    map_window();
    mmu_on();
    aborts();
    maintenance();
    address_translation();
    instructions();
    debug();
    return 0;
}
