/* SPDX-License-Identifier: ISC */
/*
 * Entry, exceptions, and the way to EL0 and back.
 *
 * Entered as an arm64 Linux Image (Linux, Documentation/arch/arm64/booting.rst): EL1, MMU off, X0 is
 * the device tree's physical address, at any address that is a multiple of 2 MiB. Until the MMU is on
 * every address is taken relative to the program counter, so the code does not care where it is.
 */
    .section .text.head, "ax"
    .globl  _head
_head:
    b       _start
    .long   0
    .quad   0                   /* text_offset */
    .quad   image_end - _head
    .quad   0x0a                /* little-endian, 4 KiB pages, anywhere */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .macro  address reg, symbol
    adrp    \reg, \symbol
    add     \reg, \reg, :lo12:\symbol
    .endm

/* bootstrap.c comes here a second time when it has moved the image (base=). */
    .globl  _start
_start:
    mov     x19, x0
    address x0, bss_start
    address x1, bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    address x0, stack_top
    mov     sp, x0
    mov     x0, x19
    bl      bootstrap

    /* What was written with the caches off must not hide behind older lines. */
    address x0, image_start
    address x1, image_end
1:  dc      civac, x0
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    1b
    ic      iallu
    dsb     sy

    address x0, boot_info
    ldp     x1, x2, [x0]
    ldp     x3, x4, [x0, #16]
    ldr     x5, =0x4404ff       /* MAIR: 0 write-back, 1 Device-nGnRE, 2 not cached (pmap.h) */
    msr     mair_el1, x5
    msr     tcr_el1, x3
    msr     ttbr0_el1, x1
    msr     ttbr1_el1, x2
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    ldr     x5, =0x30d01985     /* SCTLR: MMU, caches, and the bits that are one */
    msr     sctlr_el1, x5
    isb

    adr     x5, high
    add     x5, x5, x4
    br      x5
high:
    address x0, stack_top       /* now virtual */
    mov     sp, x0
    address x0, vectors
    msr     vbar_el1, x0
    mov     x29, xzr
    isb
    bl      main
1:  wfi
    b       1b

/*
 * uint64_t user_run(pc, sp, argument): what a C function keeps goes to the stack, and user_return finds it.
 * Everything is unmasked at EL0: an SError that the machine injects arrives there.
 */
    .globl  user_run
user_run:
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    adrp    x9, user_stack_pointer
    mov     x10, sp
    str     x10, [x9, :lo12:user_stack_pointer]
    msr     elr_el1, x0
    msr     sp_el0, x1
    msr     spsr_el1, xzr       /* EL0t, DAIF clear */
    mov     x0, x2
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    mov     x\n, xzr
    .endr
    eret

    .globl  user_return
user_return:
    adrp    x9, user_stack_pointer
    ldr     x10, [x9, :lo12:user_stack_pointer]
    mov     sp, x10
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
    msr     daifclr, #4
    ret

/* Sixteen vectors (Arm ARM D1.3.1), one handler; the frame is struct trapframe (bsd.h). */
    .macro  vector offset
    .balign 128
    sub     sp, sp, #304
    stp     x0, x1, [sp]
    mov     x0, #\offset
    b       exception
    .endm

    .balign 2048
    .globl  vectors
vectors:
    .irp    n, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
    vector  \n
    .endr

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
    bl      trap
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
    .skip   32768
stack_top:
user_stack_pointer:
    .skip   16
    .section .note.GNU-stack, "", %progbits
