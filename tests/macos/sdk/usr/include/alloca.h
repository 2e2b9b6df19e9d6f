/* SPDX-License-Identifier: ISC */
#ifndef SDK_ALLOCA_H
#define SDK_ALLOCA_H

#define alloca(size) __builtin_alloca(size)

#endif
