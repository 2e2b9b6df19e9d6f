/* SPDX-License-Identifier: ISC */
/*
 * What the host's processor and operating system offer (SDM 2A, CPUID; SDM 1, 14.3 and 15.2: AVX
 * and AVX-512 are there when XCR0 says that their state is saved).
 */
#include "engine/jit/x64.h"

#include <cpuid.h>

#include "base/bits.h"

#define XCR0_AVX    0x06 /* SSE and AVX state */
#define XCR0_AVX512 0xe6 /* and the opmasks, the upper halves, registers 16 to 31 */

struct leaf {
    unsigned eax, ebx, ecx, edx;
};

/* Zeros for a leaf that does not exist. */
static struct leaf cpuid(unsigned leaf)
{
    struct leaf l = {0};

    __get_cpuid_count(leaf, 0, &l.eax, &l.ebx, &l.ecx, &l.edx);
    return l;
}

static unsigned xcr0(void)
{
    unsigned low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool all(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

static bool has_v2(const struct leaf *basic, const struct leaf *extended)
{
    unsigned sse3_ssse3_cx16 = BIT(0) | BIT(9) | BIT(13);
    unsigned sse41_sse42_popcnt = BIT(19) | BIT(20) | BIT(23);

    return all(basic->ecx, sse3_ssse3_cx16 | sse41_sse42_popcnt) && all(extended->ecx, BIT(0));
}

struct x64_features x64_features_detect(unsigned allow)
{
    struct leaf basic = cpuid(1), seven = cpuid(7), extended = cpuid(0x80000001);
    unsigned state = all(basic.ecx, BIT(27)) ? xcr0() : 0;
    struct x64_features f = {.v2 = has_v2(&basic, &extended)};
    unsigned avx512_f_dq_cd_bw_vl = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);

    f.erms = all(seven.ebx, BIT(9));
    if (allow & X64_ALLOW_CRYPTO) {
        f.pclmul = all(basic.ecx, BIT(1));
        f.aes = all(basic.ecx, BIT(25));
        f.sha = all(seven.ebx, BIT(29));
        f.gfni = all(seven.ecx, BIT(8));
    }
    if (allow & X64_ALLOW_BMI) {
        f.bmi1 = all(seven.ebx, BIT(3));
        f.bmi2 = all(seven.ebx, BIT(8));
        f.lzcnt = all(extended.ecx, BIT(5));
        f.movbe = all(basic.ecx, BIT(22));
    }
    if ((allow & X64_ALLOW_AVX) && all(state, XCR0_AVX) && all(basic.ecx, BIT(28))) {
        f.avx = true;
        f.fma = all(basic.ecx, BIT(12));
        f.f16c = all(basic.ecx, BIT(29));
        f.avx2 = all(seven.ebx, BIT(5));
    }
    if ((allow & X64_ALLOW_AVX512) && f.avx2 && all(state, XCR0_AVX512) &&
        all(seven.ebx, avx512_f_dq_cd_bw_vl)) {
        f.avx512 = true;
        f.vbmi = all(seven.ecx, BIT(1));
        f.bitalg = all(seven.ecx, BIT(12));
        f.vpopcntdq = all(seven.ecx, BIT(14));
    }
    return f;
}
