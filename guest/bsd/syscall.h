/* SPDX-License-Identifier: ISC */
/* What a user program may ask of the kernel: SVC #0, number in X8, arguments from X0, result in X0.
 */
#ifndef BSD_SYSCALL_H
#define BSD_SYSCALL_H

enum syscall {
    SYS_EXIT = 1,  /* (status) */
    SYS_WRITE = 4, /* (text, length): to the console */
    SYS_FBINFO =
        54, /* (): width << 32 | height, as ioctl(2) with WSDISPLAYIO_GINFO tells; 0: none */
    SYS_MMAP = 197, /* (size, offset): of the display; the address, or 0 */
};

#endif
