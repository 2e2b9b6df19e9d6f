/* SPDX-License-Identifier: ISC */
/*
 * Entry of a bare-metal test guest: EL1, MMU off, x0 is guest_x0. A stack, no FP traps, vectors that hand every exception to
 * guest_exception(), and main(). The frame holds x0 to x30, SP_EL0, ELR, SPSR, ESR, FAR and the vector's offset.
 */
    .section .text.start, "ax"
    .globl _start
_start:
    adrp    x1, guest_x0
    str     x0, [x1, :lo12:guest_x0]
    adrp    x0, stack_top
    add     sp, x0, :lo12:stack_top
    mov     x0, #(3 << 20)
    msr     cpacr_el1, x0
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0
    msr     oslar_el1, xzr
    isb
    bl      main
    /* PSCI SYSTEM_OFF, or SYSTEM_RESET when main says that something failed */
    cmp     w0, #0
    mov     w1, #0x0008
    cinc    w1, w1, ne
    movz    w0, #0x8400, lsl #16
    orr     w0, w0, w1
    hvc     #0
1:  wfi
    b       1b

    .macro  vector offset
    .balign 128
    sub     sp, sp, #304
    stp     x0, x1, [sp]
    mov     x0, #\offset
    b       exception
    .endm

    .balign 2048
    .globl vectors
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

exception:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x1, sp_el0
    stp     x30, x1, [sp, #240]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [sp, #256]
    mrs     x1, esr_el1
    mrs     x2, far_el1
    stp     x1, x2, [sp, #272]
    str     x0, [sp, #288]
    mov     x0, sp
    bl      guest_exception
    ldp     x1, x2, [sp, #256]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x30, x1, [sp, #240]
    msr     sp_el0, x1
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp]
    add     sp, sp, #304
    eret

    .bss
    .balign 4096
    .skip   65536
stack_top:
    .section .note.GNU-stack, "", %progbits
