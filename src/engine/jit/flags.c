/* SPDX-License-Identifier: ISC */
/* Tables of flags; see flags.h. */
#include "engine/jit/flags.h"

#define NZCV(n)                                                                                    \
    (((n)&8 ? RAW_N : 0) | ((n)&4 ? RAW_Z : 0) | ((n)&2 ? RAW_C : 0) | ((n)&1 ? RAW_V : 0))

const uint16_t flags_from_nzcv[16] = {NZCV(0),  NZCV(1),  NZCV(2),  NZCV(3), NZCV(4),  NZCV(5),
                                      NZCV(6),  NZCV(7),  NZCV(8),  NZCV(9), NZCV(10), NZCV(11),
                                      NZCV(12), NZCV(13), NZCV(14), NZCV(15)};

/* ZF is bit 6, PF bit 2, CF bit 0; unordered sets all three; SF and AF are 0, bit 1 is 1. */
#define GREATER   0x02
#define LESS      0x03
#define EQUAL     0x42
#define UNORDERED 0x47

const uint16_t flags_of_fp_compare[256] = {
    [GREATER] = RAW_C, [LESS] = RAW_N, [EQUAL] = RAW_Z | RAW_C, [UNORDERED] = RAW_C | RAW_V};
