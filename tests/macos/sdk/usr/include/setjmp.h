/* SPDX-License-Identifier: ISC */
#ifndef SDK_SETJMP_H
#define SDK_SETJMP_H

typedef int jmp_buf[48];
typedef int sigjmp_buf[49];

int setjmp(jmp_buf context);
_Noreturn void longjmp(jmp_buf context, int value);
int sigsetjmp(sigjmp_buf context, int mask);
_Noreturn void siglongjmp(sigjmp_buf context, int value);
int _setjmp(jmp_buf context);
_Noreturn void _longjmp(jmp_buf context, int value);

#endif
