/* SPDX-License-Identifier: ISC */
/*
 * void registers_round(struct registers *in, struct registers *out): loads every general and vector register, the flags
 * and FPCR, FPSR from `in`, asks the host for PROBE_DO_SAVE by the store at registers_store, and puts what the next
 * instruction finds into `out`. X0 and X1 are the store's. struct registers (state.c): x[31], sp, flags, fpcr, fpsr, pad,
 * v[32][2].
 */
    .text
    .globl  registers_round
registers_round:
    stp     x29, x30, [sp, #-160]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    str     x1, [sp, #-16]!
    ldp     x2, x3, [x0, #256]      /* flags, fpcr */
    ldr     x4, [x0, #272]
    msr     nzcv, x2
    msr     fpcr, x3
    msr     fpsr, x4
    add     x1, x0, #288
    ld1     {v0.2d, v1.2d, v2.2d, v3.2d}, [x1], #64
    ld1     {v4.2d, v5.2d, v6.2d, v7.2d}, [x1], #64
    ld1     {v8.2d, v9.2d, v10.2d, v11.2d}, [x1], #64
    ld1     {v12.2d, v13.2d, v14.2d, v15.2d}, [x1], #64
    ld1     {v16.2d, v17.2d, v18.2d, v19.2d}, [x1], #64
    ld1     {v20.2d, v21.2d, v22.2d, v23.2d}, [x1], #64
    ld1     {v24.2d, v25.2d, v26.2d, v27.2d}, [x1], #64
    ld1     {v28.2d, v29.2d, v30.2d, v31.2d}, [x1], #64
    ldp     x2, x3, [x0, #16]
    ldp     x4, x5, [x0, #32]
    ldp     x6, x7, [x0, #48]
    ldp     x8, x9, [x0, #64]
    ldp     x10, x11, [x0, #80]
    ldp     x12, x13, [x0, #96]
    ldp     x14, x15, [x0, #112]
    ldp     x16, x17, [x0, #128]
    ldp     x18, x19, [x0, #144]
    ldp     x20, x21, [x0, #160]
    ldp     x22, x23, [x0, #176]
    ldp     x24, x25, [x0, #192]
    ldp     x26, x27, [x0, #208]
    ldp     x28, x29, [x0, #224]
    ldr     x30, [x0, #240]
    ldp     x0, x1, [x0]
    str     x1, [x0]
    stp     x0, x1, [sp, #-16]!
    ldr     x0, [sp, #16]
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    str     x30, [x0, #240]
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0]
    mov     x1, sp
    mrs     x2, nzcv
    stp     x1, x2, [x0, #248]
    mrs     x3, fpcr
    mrs     x4, fpsr
    stp     x3, x4, [x0, #264]
    add     x1, x0, #288
    st1     {v0.2d, v1.2d, v2.2d, v3.2d}, [x1], #64
    st1     {v4.2d, v5.2d, v6.2d, v7.2d}, [x1], #64
    st1     {v8.2d, v9.2d, v10.2d, v11.2d}, [x1], #64
    st1     {v12.2d, v13.2d, v14.2d, v15.2d}, [x1], #64
    st1     {v16.2d, v17.2d, v18.2d, v19.2d}, [x1], #64
    st1     {v20.2d, v21.2d, v22.2d, v23.2d}, [x1], #64
    st1     {v24.2d, v25.2d, v26.2d, v27.2d}, [x1], #64
    st1     {v28.2d, v29.2d, v30.2d, v31.2d}, [x1], #64
    msr     fpcr, xzr
    add     sp, sp, #16
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x29, x30, [sp], #160
    ret

/* uint64_t step_code(uint64_t host, uint64_t request): what the debugger steps through; the offsets of the steps are in
 * tests/conformance/host_steps.c. Returns 3. */
    .globl  step_code
    .globl  step_store
step_code:
    mov     x2, #0
step_store:
    str     x1, [x0]
    nop                             /*  4 */
    add     x2, x2, #1              /*  8 */
    b       1f                      /* 12 */
    brk     #1
1:  cbz     x2, 1b                  /* 20 */
    add     x2, x2, #2              /* 24 */
    nop                             /* 28 */
    mov     x0, x2                  /* 32 */
    ret

    .globl  break_code
    .globl  break_here
break_code:
    mov     x2, #40
    add     x2, x2, #1
break_here:
    add     x0, x2, x0
    ret
    .section .note.GNU-stack, "", %progbits
