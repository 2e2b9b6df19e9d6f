/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_IOCTL_H
#define SDK_SYS_IOCTL_H

#include <sys/types.h>

#define IOCPARM_(n)       (((unsigned long)(n)&0x1fff) << 16)
#define _IO(g, n)         (0x20000000ul | (g) << 8 | (n))
#define _IOR(g, n, type)  (0x40000000ul | IOCPARM_(sizeof(type)) | (g) << 8 | (n))
#define _IOW(g, n, type)  (0x80000000ul | IOCPARM_(sizeof(type)) | (g) << 8 | (n))
#define _IOWR(g, n, type) (0xc0000000ul | IOCPARM_(sizeof(type)) | (g) << 8 | (n))

struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

#define TIOCGWINSZ _IOR('t', 104, struct winsize)
#define TIOCSWINSZ _IOW('t', 103, struct winsize)
#define FIONREAD   _IOR('f', 127, int)

int ioctl(int fd, unsigned long request, ...);

#endif
