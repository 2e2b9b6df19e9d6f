/* SPDX-License-Identifier: ISC */
/*
 * The smallest guest: an arm64 Image (Linux, Documentation/arch/arm64/booting.rst) that writes one
 * byte to the PL011 at UART and powers off by PSCI (Arm DEN 0022, SYSTEM_OFF). How long a monitor
 * takes from its start to that byte is what it costs before the guest.
 */

#define SYSTEM_OFF 0x84000008

    .text
    .globl _start
_start:
    b       begin
    .long   0
    .quad   0               /* offset from the start of RAM */
    .quad   end - _start    /* size */
    .quad   0xa             /* little-endian, 4 KiB pages, anywhere in RAM */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
begin:
    ldr     x1, =UART
    mov     w0, #'!'
    str     w0, [x1]
    ldr     w0, =SYSTEM_OFF
    hvc     #0
    b       .
    .ltorg
end:
