/* SPDX-License-Identifier: ISC */
/*
 * The harness of the differential fuzzer: takes the exceptions of a block of random code, writes them down, and
 * goes on after the instruction. It uses no stack, and of the registers only TPIDR_EL1 and TPIDRRO_EL0, which blocks
 * leave alone: whatever a block has done to the rest, it is still there afterwards.
 *
 * Where a block goes on: after the instruction; at the same one when PSTATE.IL was set; at X29 when it was the fetch
 * that failed. See fuzz.h.
 *
 * Blocks come from the host one at a time, which reads the state at the HVC that ends one; or packed behind the
 * harness, and then it prints "block SEED: HASH" for each.
 */
#include "fuzz.h"

    .section .text.start, "ax"
    .globl _start
_start:
    ldr     x0, =FUZZ_MAIR
    msr     mair_el1, x0
    ldr     x0, =FUZZ_TCR
    msr     tcr_el1, x0
    ldr     x0, =FUZZ_RAM + FUZZ_TABLES + FUZZ_L1_START
    msr     ttbr0_el1, x0
    ldr     x0, =FUZZ_RAM + FUZZ_TABLES + FUZZ_L1_HIGH
    msr     ttbr1_el1, x0
    msr     oslar_el1, xzr
    ldr     x0, =FUZZ_HIGH + FUZZ_HARNESS + 0x800
    msr     vbar_el1, x0
    ldr     x0, =FUZZ_RAM + FUZZ_CONTROL + FUZZ_SCTLR
    ldr     x0, [x0]
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    msr     sctlr_el1, x0
    isb
    ldr     x0, =FUZZ_HIGH + FUZZ_HARNESS
    add     x0, x0, #(high - _start)
    br      x0
high:
    ldr     x0, =FUZZ_RAM + FUZZ_TABLES + FUZZ_L1_LOW
    msr     ttbr0_el1, x0
    isb
    b       next_block
    .ltorg

    .macro  vector offset
    .balign 128
    msr     tpidr_el1, x0
    mov     x0, #\offset
    b       exception
    .endm

    .org    0x800
vectors:
    vector 0x000
    vector 0x080
    vector 0x100
    vector 0x180
    vector 0x200
    vector 0x280
    vector 0x300
    vector 0x380
    vector 0x400
    vector 0x480
    vector 0x500
    vector 0x580
    vector 0x600
    vector 0x680
    vector 0x700
    vector 0x780
    .balign 128

/* x1: the control page, throughout. */
exception:
    msr     tpidrro_el0, x1
    adr     x1, _start + FUZZ_CONTROL - FUZZ_HARNESS
    stp     x2, x3, [x1, #FUZZ_FRAME]
    stp     x4, x5, [x1, #FUZZ_FRAME + 16]
    tst     x0, #0x180
    b.ne    interrupt
    mrs     x2, esr_el1
    mrs     x4, elr_el1
    mrs     x5, spsr_el1
    /* x3: the class of the exception */
    ubfx    x3, x2, #26, #6
    cmp     x3, #0x15
    b.ne    log
    mov     w3, #FUZZ_SVC_END
    cmp     w3, w2, uxth
    b.eq    finish
log:
    bfi     x2, x0, #32, #12
    ldr     x0, [x1, #FUZZ_COUNT]
    cmp     x0, #FUZZ_LOG_MAX
    b.hs    finish
    add     x3, x0, #1
    str     x3, [x1, #FUZZ_COUNT]
    add     x0, x1, x0, lsl #5
    add     x0, x0, #FUZZ_LOG
    /* without BTYPE, which this CPU does not have and QEMU's does */
    bic     x3, x5, #0xc00
    stp     x4, x3, [x0, #16]
    ubfx    x3, x2, #26, #6
    str     x2, [x0]
    /* FAR is valid after aborts and PC alignment faults, 0x20 to 0x25 */
    sub     w3, w3, #0x20
    cmp     w3, #5
    mrs     x3, far_el1
    csel    x3, x3, xzr, ls
    str     x3, [x0, #8]
    /* where to go on */
    ubfx    x3, x2, #26, #6
    cmp     x3, #0x15
    b.eq    call
    cmp     x3, #0x0e
    b.eq    illegal
    sub     w3, w3, #0x20
    cmp     w3, #2
    b.ls    fetch
    add     x4, x4, #4
    b       resume
fetch:
    mov     x4, x29
    b       resume
illegal:
    bic     x5, x5, #(1 << 20)
    b       resume
call:
    mov     w3, #FUZZ_SVC_EL1
    cmp     w3, w2, uxth
    b.eq    to_el1
    mov     w3, #FUZZ_SVC_EL0
    cmp     w3, w2, uxth
    b.ne    resume
    /* to EL0 */
    tst     x5, #0xf
    b.eq    resume
    and     x5, x5, #~0xf
    add     x4, x4, #FUZZ_ALIAS
    b       resume
to_el1:
    tst     x5, #0xf
    b.ne    resume
    orr     x5, x5, #4
    sub     x4, x4, #FUZZ_ALIAS
resume:
    msr     elr_el1, x4
    msr     spsr_el1, x5
return:
    ldp     x2, x3, [x1, #FUZZ_FRAME]
    ldp     x4, x5, [x1, #FUZZ_FRAME + 16]
    mrs     x0, tpidr_el1
    mrs     x1, tpidrro_el0
    eret

interrupt:
    ldr     x2, [x1, #FUZZ_INTERRUPTS]
    add     x2, x2, #1
    str     x2, [x1, #FUZZ_INTERRUPTS]
    ldr     x2, =FUZZ_DEVICE + FUZZ_ACK
    str     w0, [x2]
    b       return

finish:
    clrex
    ldr     x2, [x1, #FUZZ_FLUSH]
    cbz     x2, 1f
    tlbi    vmalle1
    dsb     nsh
    isb
1:  ldr     x2, [x1, #FUZZ_PACKED]
    cbnz    x2, save
    ldp     x2, x3, [x1, #FUZZ_FRAME]
    ldp     x4, x5, [x1, #FUZZ_FRAME + 16]
    mrs     x0, tpidr_el1
    mrs     x1, tpidrro_el0
    hvc     #0
    b       .

/* --- packed blocks --- */

    .macro  all_v instruction base
    \instruction q0, q1, [\base]
    \instruction q2, q3, [\base, #32]
    \instruction q4, q5, [\base, #64]
    \instruction q6, q7, [\base, #96]
    \instruction q8, q9, [\base, #128]
    \instruction q10, q11, [\base, #160]
    \instruction q12, q13, [\base, #192]
    \instruction q14, q15, [\base, #224]
    \instruction q16, q17, [\base, #256]
    \instruction q18, q19, [\base, #288]
    \instruction q20, q21, [\base, #320]
    \instruction q22, q23, [\base, #352]
    \instruction q24, q25, [\base, #384]
    \instruction q26, q27, [\base, #416]
    \instruction q28, q29, [\base, #448]
    \instruction q30, q31, [\base, #480]
    .endm

    .macro  x6_to_x29 instruction base
    \instruction x6, x7, [\base, #48]
    \instruction x8, x9, [\base, #64]
    \instruction x10, x11, [\base, #80]
    \instruction x12, x13, [\base, #96]
    \instruction x14, x15, [\base, #112]
    \instruction x16, x17, [\base, #128]
    \instruction x18, x19, [\base, #144]
    \instruction x20, x21, [\base, #160]
    \instruction x22, x23, [\base, #176]
    \instruction x24, x25, [\base, #192]
    \instruction x26, x27, [\base, #208]
    \instruction x28, x29, [\base, #224]
    .endm

save:
    add     x0, x1, #FUZZ_STATE
    x6_to_x29 stp x0
    str     x30, [x0, #240]
    ldp     x2, x3, [x1, #FUZZ_FRAME]
    ldp     x4, x5, [x1, #FUZZ_FRAME + 16]
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    mrs     x2, tpidr_el1
    mrs     x3, tpidrro_el0
    stp     x2, x3, [x0]
    mrs     x2, elr_el1
    str     x2, [x0, #FUZZ_S_PC]
    mrs     x2, sp_el0
    mov     x3, sp
    stp     x2, x3, [x0, #FUZZ_S_SP_EL0]
    mrs     x2, spsr_el1
    bic     x2, x2, #0xc00
    str     x2, [x0, #FUZZ_S_PSTATE]
    mrs     x2, cpacr_el1
    str     x2, [x0, #FUZZ_S_CPACR]
    mov     x2, #(3 << 20)
    msr     cpacr_el1, x2
    isb
    mrs     x2, fpcr
    mrs     x3, fpsr
    str     x2, [x0, #FUZZ_S_FPCR]
    str     x3, [x0, #FUZZ_S_FPSR]
    mrs     x2, tpidr_el0
    mrs     x3, par_el1
    stp     x2, x3, [x0, #FUZZ_S_TPIDR]
    mrs     x2, contextidr_el1
    str     x2, [x0, #FUZZ_S_CONTEXTIDR]
    add     x2, x0, #FUZZ_S_V
    all_v   stp x2

/* x19: control; x20: the block; x21: UART; x22: hash */
print_block:
    mov     x19, x1
    ldr     x20, [x19, #FUZZ_NEXT]
    ldr     x21, =FUZZ_DEVICE
    mov     w0, #'b'
    str     w0, [x21]
    ldr     x0, [x20, #FUZZ_P_SEED]
    bl      put_hex
    bl      put_colon
    mov     x22, xzr
    add     x0, x19, #FUZZ_STATE
    mov     x1, #FUZZ_STATE_LEN
    mov     w2, #'s'
    bl      take
    add     x0, x19, #FUZZ_LOG
    ldr     x1, [x19, #FUZZ_COUNT]
    lsl     x1, x1, #5
    mov     w2, #'l'
    bl      take
    ldr     x0, =FUZZ_HIGH + FUZZ_ARENA
    mov     x1, #FUZZ_ARENA_LEN
    mov     w2, #'m'
    bl      take
    mov     x0, x22
    bl      put_hex
    bl      put_newline
    ldr     x0, [x20, #FUZZ_P_BYTES]
    add     x20, x20, x0
    add     x20, x20, #FUZZ_P_CODE
    str     x20, [x19, #FUZZ_NEXT]
    ldr     x0, [x19, #FUZZ_LEFT]
    sub     x0, x0, #1
    str     x0, [x19, #FUZZ_LEFT]

next_block:
    adr     x19, _start + FUZZ_CONTROL - FUZZ_HARNESS
    ldr     x0, [x19, #FUZZ_LEFT]
    cbz     x0, power_off
    str     xzr, [x19, #FUZZ_COUNT]
    ldr     x0, =FUZZ_HIGH + FUZZ_TEMPLATE
    ldr     x1, =FUZZ_HIGH + FUZZ_ARENA
    mov     x2, #FUZZ_ARENA_LEN
    bl      copy
    ldr     x20, [x19, #FUZZ_NEXT]
    add     x0, x20, #FUZZ_P_CODE
    ldr     x1, =FUZZ_HIGH + FUZZ_ARENA
    add     x3, x20, #FUZZ_P_START
    ldp     x3, x2, [x3]
    add     x1, x1, x3
    bl      copy
    dsb     sy
    ic      iallu
    tlbi    vmalle1
    dsb     sy
    mov     x0, #(3 << 20)
    msr     cpacr_el1, x0
    isb
    mov     x30, x20
    add     x0, x30, #FUZZ_S_V
    all_v   ldp x0
    ldp     x0, x1, [x30, #FUZZ_S_FPCR]
    msr     fpcr, x0
    msr     fpsr, x1
    ldp     x0, x1, [x30, #FUZZ_S_TPIDR]
    msr     tpidr_el0, x0
    msr     par_el1, x1
    ldr     x0, [x30, #FUZZ_S_CONTEXTIDR]
    msr     contextidr_el1, x0
    ldp     x0, x1, [x30, #FUZZ_S_SP_EL0]
    msr     sp_el0, x0
    mov     sp, x1
    ldr     x0, [x30, #FUZZ_S_PC]
    msr     elr_el1, x0
    ldr     x0, [x30, #FUZZ_S_PSTATE]
    msr     spsr_el1, x0
    ldr     x0, [x30, #FUZZ_S_CPACR]
    msr     cpacr_el1, x0
    clrex
    isb
    ldp     x0, x1, [x30]
    ldp     x2, x3, [x30, #16]
    ldp     x4, x5, [x30, #32]
    x6_to_x29 ldp x30
    ldr     x30, [x30, #240]
    eret

power_off:
    mov     w0, #0x0008
    movk    w0, #0x8400, lsl #16
    hvc     #0
    b       .

/* x2 bytes, a multiple of 16, from x0 to x1 */
copy:
    ldp     x4, x5, [x0], #16
    stp     x4, x5, [x1], #16
    subs    x2, x2, #16
    b.hi    copy
    ret

/* x1 bytes at x0 into the hash, or printed, each word with the letter w2 and its offset */
take:
    mov     x23, x30
    mov     x24, x0
    add     x25, x0, x1
    mov     x26, x0
    mov     w27, w2
    ldr     x28, =0x9e3779b97f4a7c15
1:  cmp     x24, x25
    b.hs    3f
    ldr     x0, [x24]
    eor     x22, x22, x0
    mul     x22, x22, x28
    ror     x22, x22, #29
    ldr     x1, [x19, #FUZZ_DUMP]
    cbz     x1, 2f
    bl      put_newline
    str     w27, [x21]
    sub     x0, x24, x26
    bl      put_hex
    bl      put_colon
    ldr     x0, [x24]
    bl      put_hex
2:  add     x24, x24, #8
    b       1b
3:  ldr     x1, [x19, #FUZZ_DUMP]
    cbz     x1, 4f
    bl      put_newline
    mov     w0, #'h'
    str     w0, [x21]
    str     w27, [x21]
    bl      put_colon
4:  ret     x23

put_hex:
    mov     w3, #60
1:  lsr     x1, x0, x3
    and     w1, w1, #15
    cmp     w1, #10
    add     w2, w1, #'0'
    add     w1, w1, #('a' - 10)
    csel    w1, w2, w1, lo
    str     w1, [x21]
    subs    w3, w3, #4
    b.pl    1b
    ret

put_colon:
    mov     w1, #':'
    str     w1, [x21]
    mov     w1, #' '
    str     w1, [x21]
    ret

put_newline:
    mov     w1, #'\n'
    str     w1, [x21]
    ret
    .ltorg
    .section .note.GNU-stack, "", %progbits
