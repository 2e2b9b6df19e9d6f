/* SPDX-License-Identifier: ISC */
/*
 * A test program for EFI: the PE header (UEFI 2.10, 2.1.1; Microsoft PE Format), written by hand,
 * and the few functions that C cannot write. File and memory look the same, so that a program can
 * load itself once more from where it is.
 */

#define PAGE 0x1000

        .section .head, "ax"
        .globl  _start
_start: .ascii  "MZ"
        .skip   58
        .long   signature - _start
signature:
        .ascii  "PE\0\0"
        .short  0xaa64, 1               /* arm64, one section */
        .long   0, 0, 0
        .short  sections - optional
        .short  0x0022                  /* executable, for addresses above 2 GiB */
optional:
        .short  0x020b, 0               /* PE32+ */
        .long   0, 0, 0
        .long   PAGE, PAGE              /* entry point, base of code */
        .quad   0
        .long   PAGE, PAGE              /* alignment in memory and in the file */
        .short  0, 0, 0, 0, 0, 0
        .long   0
        .long   image_end - _start, PAGE /* of the image, of its headers */
        .long   0
        .short  10, 0                   /* an application */
        .quad   0, 0, 0, 0
        .long   0, 6
        .quad   0, 0, 0, 0, 0, 0
sections:
        .ascii  ".text\0\0\0"
        .long   image_end - _start - PAGE, PAGE, image_end - _start - PAGE, PAGE
        .long   0, 0, 0
        .long   0xe0000020              /* code that may be read, written and executed */

        .section .text.entry, "ax"
        b       efi_main

        .macro  save_all
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
        .endm
        .macro  restore_all
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
        .endm

/* uint64_t call_kept(function, a, b, c, uint64_t *lost): calls it with values in every register that
 * a function keeps (AAPCS64, 6.1), and sets a bit of *lost for each that came back changed. */
        .text
        .globl  call_kept
call_kept:
        save_all
        str     x4, [sp, #-16]!
        mov     x16, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
        mov     x\n, #(0xa700 + \n)
        .endr
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     x9, #(0x5e00 + \n)
        fmov    d\n, x9
        .endr
        blr     x16
        ldr     x4, [sp], #16
        mov     x10, #0
        .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
        mov     x9, #(0xa700 + \n)
        cmp     x9, x\n
        cset    x11, ne
        orr     x10, x10, x11, lsl #\n
        .endr
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     x9, #(0x5e00 + \n)
        fmov    x11, d\n
        cmp     x9, x11
        cset    x11, ne
        orr     x10, x10, x11, lsl #\n
        .endr
        str     x10, [x4]
        restore_all
        ret

/* uint64_t spin(volatile uint64_t *flag, uint64_t limit): counts *flag up to limit without calling
 * anything, with values in every register; returns a bit for each that changed meanwhile (bit 0 for
 * one of X2 to X30, bit 1 for one of Q0 to Q31, bit 2 for FPCR or FPSR, bit 3 for the flags). */
        .globl  spin
spin:
        save_all
        .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
        mov     x\n, #(0x3100 + \n)
        .endr
        .irp    n, 25, 26, 27
        mov     x\n, #(0x3100 + \n)
        .endr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movi    v\n\().16b, #(\n + 1)
        .endr
        .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        movi    v\n\().16b, #(\n + 1)
        .endr
        mov     x28, #(1 << 27)
        msr     fpsr, x28
        cmp     x28, x28                /* Z and C */
1:      mrs     x28, nzcv
        ldr     x29, [x0]
        sub     x29, x29, x1
        tbnz    x29, #63, 2f
        b       3f
2:      mrs     x30, nzcv
        sub     x30, x30, x28
        cbnz    x30, 4f
        b       1b
4:      mov     x29, #8
        b       5f
3:      mov     x29, #0
5:      mov     x1, #0
        .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
        mov     x30, #(0x3100 + \n)
        sub     x28, x\n, x30
        orr     x1, x1, x28
        .endr
        .irp    n, 25, 26, 27
        mov     x30, #(0x3100 + \n)
        sub     x28, x\n, x30
        orr     x1, x1, x28
        .endr
        cmp     x1, #0
        cset    x1, ne
        orr     x29, x29, x1
        mov     x2, #0
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        fmov    x3, d\n
        fmov    x4, v\n\().d[1]
        ldr     x5, =(0x0101010101010101 * (\n + 1))
        eor     x3, x3, x5
        eor     x4, x4, x5
        orr     x2, x2, x3
        orr     x2, x2, x4
        .endr
        .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        fmov    x3, d\n
        fmov    x4, v\n\().d[1]
        ldr     x5, =(0x0101010101010101 * (\n + 1))
        eor     x3, x3, x5
        eor     x4, x4, x5
        orr     x2, x2, x3
        orr     x2, x2, x4
        .endr
        cmp     x2, #0
        cset    x2, ne
        orr     x29, x29, x2, lsl #1
        mrs     x3, fpsr
        mov     x4, #(1 << 27)
        cmp     x3, x4
        cset    x3, ne
        orr     x29, x29, x3, lsl #2
        mov     x0, x29
        restore_all
        ret
        .ltorg
