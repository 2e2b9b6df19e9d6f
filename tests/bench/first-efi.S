/* SPDX-License-Identifier: ISC */
/*
 * The smallest boot loader: a PE image (UEFI 2.1.1; PE/COFF, Microsoft's specification, 8.3) of one
 * section, whose first instructions write one byte to the PL011 at UART. It then powers off by PSCI,
 * as first.S does. What lies between a monitor's start and that byte is its EFI.
 */

#define SYSTEM_OFF 0x84000008

#define MACHINE_ARM64      0xaa64
#define EXECUTABLE_LARGE   0x0022 /* executable, for addresses above 2 GiB */
#define PE32_PLUS          0x020b
#define EFI_APPLICATION    10
#define CODE_EXECUTE_READ  0x60000020
#define SECTION_ALIGNMENT  0x1000
#define FILE_ALIGNMENT     0x200

    .text
    .globl _start
_start:
    .ascii  "MZ"
    .skip   58
    .long   signature - _start
signature:
    .ascii  "PE\0\0"
    .short  MACHINE_ARM64
    .short  1                       /* sections */
    .long   0, 0, 0                 /* no time, no symbols */
    .short  sections - optional
    .short  EXECUTABLE_LARGE
optional:
    .short  PE32_PLUS
    .byte   0, 0                    /* the linker's version */
    .long   end - begin, 0, 0       /* code, data, zeros */
    .long   SECTION_ALIGNMENT       /* entry point */
    .long   SECTION_ALIGNMENT       /* base of code */
    .quad   0                       /* image base */
    .long   SECTION_ALIGNMENT, FILE_ALIGNMENT
    .short  0, 0, 0, 0, 0, 0        /* versions */
    .long   0
    .long   2 * SECTION_ALIGNMENT   /* size of the image */
    .long   FILE_ALIGNMENT          /* size of the headers */
    .long   0                       /* checksum */
    .short  EFI_APPLICATION, 0
    .quad   0, 0, 0, 0              /* stack and heap */
    .long   0, 6                    /* data directories: none of the six is used */
    .quad   0, 0, 0, 0, 0, 0
sections:
    .ascii  ".text\0\0\0"
    .long   end - begin, SECTION_ALIGNMENT
    .long   FILE_ALIGNMENT, FILE_ALIGNMENT
    .long   0, 0, 0
    .long   CODE_EXECUTE_READ

    .org    FILE_ALIGNMENT
begin:
    ldr     x1, =UART
    mov     w0, #'!'
    str     w0, [x1]
    ldr     w0, =SYSTEM_OFF
    hvc     #0
    b       .
    .ltorg
    .org    2 * FILE_ALIGNMENT
end:
