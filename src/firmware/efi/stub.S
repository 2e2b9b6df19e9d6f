/* SPDX-License-Identifier: ISC */
/*
 * The guest's side of EFI: what is in the stub page (docs/efi.md). tools/efi-stub makes stub_code.h
 * from this file; stub.c fills in its parameters. Position-independent, since an
 * operating system maps it where it likes (SetVirtualAddressMap).
 *
 * A frame, on the stack of whoever calls, as gate.c reads it:
 *      0x00 service      0x08 command       0x10 x0-x7        0x50 target
 *      0x58 caller's SP  0x60 x19-x30       0xc0 d8-d15       0x100 bytes in all
 */
        .arch   armv8-a+crc
        .text
        .balign 4096

#define FRAME_SIZE      0x100
#define SERVICE_BOOT    0
#define SERVICE_TICK    1
#define SERVICE_FAULT   2

#define COMMAND_CALL    1
#define COMMAND_WAIT    2
#define COMMAND_UNWIND  3
#define COMMAND_QUIET   4

#define PPI_VTIMER      27
#define SPURIOUS        1020

/* 0x000: what the host fills in. */
parameters:
doorbell:       .quad 0
mair:           .quad 0
tcr:            .quad 0
ttbr0:          .quad 0
sctlr:          .quad 0
stack_top:      .quad 0
gicd:           .quad 0
gicr:           .quad 0
tick:           .quad 0         /* ticks of the counter between two interrupts */

        .balign 0x100
/* 0x100: CPU 0 from power-on, at EL1 with the MMU off. */
start:
        adr     x0, parameters
        ldp     x1, x2, [x0, #8]
        msr     mair_el1, x1
        msr     tcr_el1, x2
        ldp     x1, x2, [x0, #24]
        msr     ttbr0_el1, x1
        msr     ttbr1_el1, xzr
        adr     x1, vectors
        msr     vbar_el1, x1
        isb
        tlbi    vmalle1
        dsb     sy
        isb
        msr     sctlr_el1, x2
        isb
        mov     x1, #(3 << 20)          /* FP and SIMD at EL1 and EL0 */
        msr     cpacr_el1, x1
        isb
        ldr     x1, [x0, #40]
        mov     sp, x1

        /* The interrupt controller: one PPI, group 1. */
        ldp     x1, x2, [x0, #48]
        mov     w3, #0x12               /* ARE, EnableGrp1 */
        str     w3, [x1]
        ldr     w3, [x2, #0x14]         /* GICR_WAKER */
        bic     w3, w3, #2
        str     w3, [x2, #0x14]
1:      ldr     w3, [x2, #0x14]
        tbnz    w3, #2, 1b
        add     x2, x2, #0x10000        /* the SGI frame */
        mov     w3, #(1 << PPI_VTIMER)
        ldr     w4, [x2, #0x80]         /* GICR_IGROUPR0 */
        orr     w4, w4, w3
        str     w4, [x2, #0x80]
        mov     w4, #0xa0
        strb    w4, [x2, #(0x400 + PPI_VTIMER)]
        str     w3, [x2, #0x100]        /* GICR_ISENABLER0 */
        mrs     x3, S3_0_C12_C12_5      /* ICC_SRE_EL1 */
        orr     x3, x3, #1
        msr     S3_0_C12_C12_5, x3
        isb
        mov     x3, #0xff
        msr     S3_0_C4_C6_0, x3        /* ICC_PMR_EL1 */
        mov     x3, #1
        msr     S3_0_C12_C12_7, x3      /* ICC_IGRPEN1_EL1 */
        isb

        ldr     x3, [x0, #64]
        msr     cntv_tval_el0, x3
        mov     x3, #1
        msr     cntv_ctl_el0, x3
        isb
        msr     daifclr, #2
        mov     x16, #SERVICE_BOOT
        bl      gate
2:      wfi                             /* the host lets nobody come here */
        b       2b

/* Every service: X16 is its number, the rest is as AAPCS64 has it. */
gate:
        sub     sp, sp, #FRAME_SIZE
        str     x16, [sp]
        stp     x0, x1, [sp, #0x10]
        stp     x2, x3, [sp, #0x20]
        stp     x4, x5, [sp, #0x30]
        stp     x6, x7, [sp, #0x40]
        add     x9, sp, #FRAME_SIZE
        str     x9, [sp, #0x58]
        stp     x19, x20, [sp, #0x60]
        stp     x21, x22, [sp, #0x70]
        stp     x23, x24, [sp, #0x80]
        stp     x25, x26, [sp, #0x90]
        stp     x27, x28, [sp, #0xa0]
        stp     x29, x30, [sp, #0xb0]
        stp     d8, d9, [sp, #0xc0]
        stp     d10, d11, [sp, #0xd0]
        stp     d12, d13, [sp, #0xe0]
        stp     d14, d15, [sp, #0xf0]
ring:
        mov     x9, sp
        adr     x10, doorbell
        ldr     x10, [x10]
        str     x9, [x10]
next:
        ldr     x9, [sp, #0x08]
        cbz     x9, return
        cmp     x9, #COMMAND_WAIT
        b.lo    call
        b.eq    wait
        cmp     x9, #COMMAND_UNWIND
        b.ne    quiet
        ldr     x9, [sp, #0x50]
        mov     sp, x9                  /* what is next is in that frame */
        b       next
return:
        ldr     x0, [sp, #0x10]
        ldp     x19, x20, [sp, #0x60]
        ldp     x21, x22, [sp, #0x70]
        ldp     x23, x24, [sp, #0x80]
        ldp     x25, x26, [sp, #0x90]
        ldp     x27, x28, [sp, #0xa0]
        ldp     x29, x30, [sp, #0xb0]
        ldp     d8, d9, [sp, #0xc0]
        ldp     d10, d11, [sp, #0xd0]
        ldp     d12, d13, [sp, #0xe0]
        ldp     d14, d15, [sp, #0xf0]
        add     sp, sp, #FRAME_SIZE
        ret
call:
        ldp     x0, x1, [sp, #0x10]
        ldp     x2, x3, [sp, #0x20]
        ldp     x4, x5, [sp, #0x30]
        ldp     x6, x7, [sp, #0x40]
        ldr     x16, [sp, #0x50]
        blr     x16
        str     x0, [sp, #0x10]
        b       ring
wait:
        wfi
        b       ring
quiet:                                  /* the operating system takes over: no more ticks */
        msr     cntv_ctl_el0, xzr
        adr     x10, gicr
        ldr     x10, [x10]
        add     x10, x10, #0x10000
        mov     w9, #(1 << PPI_VTIMER)
        str     w9, [x10, #0x180]       /* GICR_ICENABLER0 */
        isb
        b       ring

        .balign 0x800
/* 0x800: exceptions. An interrupt is the tick; everything else is the end of a program. */
vectors:
        .macro  fault kind
        .balign 0x80
        adr     x0, stack_top           /* its own stack may be what is wrong */
        ldr     x0, [x0]
        mov     sp, x0
        mov     x0, #\kind
        mrs     x1, esr_el1
        mrs     x2, elr_el1
        mrs     x3, far_el1
        mov     x16, #SERVICE_FAULT
        b       gate
        .endm
        fault   0
        fault   1
        fault   2
        fault   3
        fault   4
        .balign 0x80
        b       interrupt
        fault   6
        fault   7
        fault   8
        fault   9
        fault   10
        fault   11
        fault   12
        fault   13
        fault   14
        fault   15
        .balign 0x80

/* Saves what a function that is called may change (of Q8 to Q15 that is the upper half),
 * acknowledges, starts the next tick, and lets the host call whom it is for. */
interrupt:
        sub     sp, sp, #0x2c0
        stp     x0, x1, [sp, #0x00]
        stp     x2, x3, [sp, #0x10]
        stp     x4, x5, [sp, #0x20]
        stp     x6, x7, [sp, #0x30]
        stp     x8, x9, [sp, #0x40]
        stp     x10, x11, [sp, #0x50]
        stp     x12, x13, [sp, #0x60]
        stp     x14, x15, [sp, #0x70]
        stp     x16, x17, [sp, #0x80]
        stp     x18, x30, [sp, #0x90]
        mrs     x0, elr_el1
        mrs     x1, spsr_el1
        stp     x0, x1, [sp, #0xa0]
        mrs     x0, fpcr
        mrs     x1, fpsr
        stp     x0, x1, [sp, #0xb0]
        stp     q0, q1, [sp, #0xc0]
        stp     q2, q3, [sp, #0xe0]
        stp     q4, q5, [sp, #0x100]
        stp     q6, q7, [sp, #0x120]
        stp     q16, q17, [sp, #0x140]
        stp     q18, q19, [sp, #0x160]
        stp     q20, q21, [sp, #0x180]
        stp     q22, q23, [sp, #0x1a0]
        stp     q24, q25, [sp, #0x1c0]
        stp     q26, q27, [sp, #0x1e0]
        stp     q28, q29, [sp, #0x200]
        stp     q30, q31, [sp, #0x220]
        stp     q8, q9, [sp, #0x240]
        stp     q10, q11, [sp, #0x260]
        stp     q12, q13, [sp, #0x280]
        stp     q14, q15, [sp, #0x2a0]
        mrs     x0, S3_0_C12_C12_0      /* ICC_IAR1_EL1 */
        cmp     x0, #SPURIOUS
        b.hs    1f
        adr     x1, tick
        ldr     x1, [x1]
        msr     cntv_tval_el0, x1
        isb
        msr     S3_0_C12_C12_1, x0      /* ICC_EOIR1_EL1 */
        isb
        mov     x16, #SERVICE_TICK
        bl      gate
1:      ldp     q0, q1, [sp, #0xc0]
        ldp     q2, q3, [sp, #0xe0]
        ldp     q4, q5, [sp, #0x100]
        ldp     q6, q7, [sp, #0x120]
        ldp     q16, q17, [sp, #0x140]
        ldp     q18, q19, [sp, #0x160]
        ldp     q20, q21, [sp, #0x180]
        ldp     q22, q23, [sp, #0x1a0]
        ldp     q24, q25, [sp, #0x1c0]
        ldp     q26, q27, [sp, #0x1e0]
        ldp     q28, q29, [sp, #0x200]
        ldp     q30, q31, [sp, #0x220]
        ldp     q8, q9, [sp, #0x240]
        ldp     q10, q11, [sp, #0x260]
        ldp     q12, q13, [sp, #0x280]
        ldp     q14, q15, [sp, #0x2a0]
        ldp     x0, x1, [sp, #0xb0]
        msr     fpcr, x0
        msr     fpsr, x1
        ldp     x0, x1, [sp, #0xa0]
        msr     elr_el1, x0
        msr     spsr_el1, x1
        ldp     x0, x1, [sp, #0x00]
        ldp     x2, x3, [sp, #0x10]
        ldp     x4, x5, [sp, #0x20]
        ldp     x6, x7, [sp, #0x30]
        ldp     x8, x9, [sp, #0x40]
        ldp     x10, x11, [sp, #0x50]
        ldp     x12, x13, [sp, #0x60]
        ldp     x14, x15, [sp, #0x70]
        ldp     x16, x17, [sp, #0x80]
        ldp     x18, x30, [sp, #0x90]
        add     sp, sp, #0x2c0
        eret
        .globl  gate_offset
        .set    gate_offset, gate - parameters
