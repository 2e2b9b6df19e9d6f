/* SPDX-License-Identifier: ISC */
/* See access.h. */
#include "access.h"

#include "arm/a64.h"
#include "base/bits.h"

bool access_is(uint32_t w)
{
    return (w & 0x0a000000) == 0x08000000;
}

bool access_must_align(uint32_t w)
{
    return (w & 0x3f000000) == 0x08000000 || (w & 0x3b200c00) == 0x38200000;
}

static unsigned access_log(uint32_t w)
{
    bool simd = bits_get(w, 26, 26);

    return simd && a64_opc1(w) ? 4 : a64_ldsize(w);
}

/* ExtendReg, shifted: the offset of a register-offset access. */
static uint64_t register_offset(uint32_t w, const uint64_t x[31])
{
    uint64_t m = a64_Rm(w) == 31 ? 0 : x[a64_Rm(w)];

    switch (a64_option(w)) {
    case 2: m = (uint32_t)m; break;
    case 6: m = (uint64_t)sign_extend(m, 32); break;
    default: break;
    }
    return m << (a64_S(w) ? access_log(w) : 0);
}

uint64_t access_offset(uint32_t w, const uint64_t x[31])
{
    if ((w & 0x3a000000) == 0x28000000) { /* a pair; post-indexed at the base */
        bool simd = bits_get(w, 26, 26), wide = simd ? 0 : a64_pairx(w);
        unsigned log = 2 + (simd ? a64_pairsz(w) : wide);

        return bits_get(w, 24, 23) == 1 ? 0 : (uint64_t)sign_extend(a64_imm7(w), 7) << log;
    }
    if ((w & 0x3b000000) == 0x39000000)
        return (uint64_t)a64_imm12(w) << access_log(w);
    if ((w & 0x3b200000) == 0x38000000)
        return bits_get(w, 11, 10) == 1 ? 0 : (uint64_t)sign_extend(a64_imm9(w), 9);
    if ((w & 0x3b200c00) == 0x38200800)
        return register_offset(w, x);
    return 0;
}
