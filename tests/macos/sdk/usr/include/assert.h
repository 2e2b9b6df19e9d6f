/* SPDX-License-Identifier: ISC */
#ifndef SDK_ASSERT_H
#define SDK_ASSERT_H

_Noreturn void __assert_rtn(const char *function, const char *file, int line, const char *text);
#define assert(e) ((e) ? (void)0 : __assert_rtn(__func__, __FILE__, __LINE__, #e))

#endif
