/* SPDX-License-Identifier: ISC */
/*
 * What makes a bare-metal guest a kernel that the machine boots: the arm64 Image header (Linux,
 * Documentation/arch/arm64/booting.rst) before guest/start.S, and the entry of the other CPUs.
 */
    .section .text.head, "ax"
    b       image_entry
    .long   0
    .quad   0                   /* text_offset: the start of RAM */
    .quad   image_end - 0x70000000
    .quad   0x0a                /* little-endian, 4 KiB pages, anywhere */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

image_entry:
    adrp    x1, device_tree
    str     x0, [x1, :lo12:device_tree]
    b       _start

/* CPU_ON's entry point. x0: a struct secondary (machine.h); the first three words are the stack's top, the
 * function and its argument. What the CPU woke up with goes behind them. */
    .globl  secondary_entry
secondary_entry:
    ldr     x1, [x0]
    mrs     x2, CurrentEL
    str     x2, [x0, #24]
    mrs     x2, DAIF
    str     x2, [x0, #32]
    mrs     x2, SCTLR_EL1
    str     x2, [x0, #40]
    mrs     x2, SPSel
    str     x2, [x0, #48]
    mrs     x2, MPIDR_EL1
    str     x2, [x0, #56]
    str     x0, [x0, #64]       /* the context as it came */
    mov     sp, x1
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    msr     oslar_el1, xzr
    isb
    ldr     x1, [x0, #8]
    ldr     x0, [x0, #16]
    blr     x1
1:  wfi
    b       1b

    .bss
    .balign 8
    .globl  device_tree
device_tree:
    .skip   8
    .section .note.GNU-stack, "", %progbits
