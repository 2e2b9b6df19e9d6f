/* SPDX-License-Identifier: ISC */
/*
 * void user_call(uint64_t entry, uint64_t argument): X0 = argument, EL0t at `entry`, interrupts unmasked. Whatever
 * exception comes from there goes on at user_return, on the same EL1 stack (main.c).
 */
    .text
    .globl  user_call
user_call:
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    msr     elr_el1, x0
    msr     spsr_el1, xzr
    mov     x0, x1
    eret

    .globl  user_return
user_return:
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
    ret
    .section .note.GNU-stack, "", %progbits
