/* SPDX-License-Identifier: ISC */
/*
 * For hostile.c: a call that comes back whatever happens inside of it.
 *
 *     bool attempt(void (*function)(void));    true: it ended in an exception
 *
 * Every vector drops what was going on, brings the CPU back to the state that C code needs, and returns from
 * attempt() a second time. All that it trusts is MPIDR_EL1 and its own memory.
 */
    .text
    .globl  attempt
attempt:
    mrs     x9, mpidr_el1
    and     x9, x9, #15
    adrp    x10, contexts
    add     x10, x10, :lo12:contexts
    add     x10, x10, x9, lsl #7
    mov     x11, sp
    stp     x19, x20, [x10]
    stp     x21, x22, [x10, #16]
    stp     x23, x24, [x10, #32]
    stp     x25, x26, [x10, #48]
    stp     x27, x28, [x10, #64]
    stp     x29, x30, [x10, #80]
    str     x11, [x10, #96]
    blr     x0
    mov     x0, #0
    b       leave

    .globl  recover
recover:
    mov     x0, #1
leave:
    msr     daifset, #15
    msr     spsel, #1
    movz    x1, #0x30d0, lsl #16 /* no literal: data may be big-endian now */
    movk    x1, #0x0980
    msr     sctlr_el1, x1
    isb
    tlbi    vmalle1
    dsb     sy
    adrp    x1, hostile_vectors
    add     x1, x1, :lo12:hostile_vectors
    msr     vbar_el1, x1
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    msr     mdscr_el1, xzr
    isb
    mrs     x9, mpidr_el1
    and     x9, x9, #15
    adrp    x10, contexts
    add     x10, x10, :lo12:contexts
    add     x10, x10, x9, lsl #7
    ldp     x19, x20, [x10]
    ldp     x21, x22, [x10, #16]
    ldp     x23, x24, [x10, #32]
    ldp     x25, x26, [x10, #48]
    ldp     x27, x28, [x10, #64]
    ldp     x29, x30, [x10, #80]
    ldr     x11, [x10, #96]
    mov     sp, x11
    ret

    .balign 2048
    .globl  hostile_vectors
hostile_vectors:
    .rept   16
    .balign 128
    b       recover
    .endr
    .balign 128

/* void enter(const struct registers *r): loads x0 to x30, v0 to v31, SP and jumps by ERET to r->pc with
 * r->pstate. It does not come back but by an exception. */
    .globl  enter
enter:
    ldp     x1, x2, [x0, #248]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x1, x2, [x0, #264]
    msr     sp_el0, x2
    mov     sp, x1
    add     x1, x0, #288
    ld1     {v0.2d, v1.2d, v2.2d, v3.2d}, [x1], #64
    ld1     {v4.2d, v5.2d, v6.2d, v7.2d}, [x1], #64
    ld1     {v8.2d, v9.2d, v10.2d, v11.2d}, [x1], #64
    ld1     {v12.2d, v13.2d, v14.2d, v15.2d}, [x1], #64
    ld1     {v16.2d, v17.2d, v18.2d, v19.2d}, [x1], #64
    ld1     {v20.2d, v21.2d, v22.2d, v23.2d}, [x1], #64
    ld1     {v24.2d, v25.2d, v26.2d, v27.2d}, [x1], #64
    ld1     {v28.2d, v29.2d, v30.2d, v31.2d}, [x1], #64
    ldp     x1, x2, [x0, #8]
    ldp     x3, x4, [x0, #24]
    ldp     x5, x6, [x0, #40]
    ldp     x7, x8, [x0, #56]
    ldp     x9, x10, [x0, #72]
    ldp     x11, x12, [x0, #88]
    ldp     x13, x14, [x0, #104]
    ldp     x15, x16, [x0, #120]
    ldp     x17, x18, [x0, #136]
    ldp     x19, x20, [x0, #152]
    ldp     x21, x22, [x0, #168]
    ldp     x23, x24, [x0, #184]
    ldp     x25, x26, [x0, #200]
    ldp     x27, x28, [x0, #216]
    ldp     x29, x30, [x0, #232]
    ldr     x0, [x0]
    eret

    .bss
    .balign 128
contexts:
    .skip   16 * 128
    .section .note.GNU-stack, "", %progbits
