/* SPDX-License-Identifier: ISC */
/*
 * The cryptographic instructions as software uses them, on the examples of the standards: AES-128
 * (FIPS 197 appendix B), SHA-1 and SHA-256 of "abc" (FIPS 180).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/interp/handlers.h"

/* Two- and three-register words: only the register fields matter to a handler. */
#define RR(d, n)     ((uint32_t)((n) << 5 | (d)))
#define RRR(d, n, m) ((uint32_t)((m) << 16 | (n) << 5 | (d)))

/* The round keys of 2b7e151628aed2a6abf7158809cf4f3c (FIPS 197 appendix A.1), as words. */
static const uint32_t round_keys[11][4] = {
    {0x2b7e1516, 0x28aed2a6, 0xabf71588, 0x09cf4f3c},
    {0xa0fafe17, 0x88542cb1, 0x23a33939, 0x2a6c7605},
    {0xf2c295f2, 0x7a96b943, 0x5935807a, 0x7359f67f},
    {0x3d80477d, 0x4716fe3e, 0x1e237e44, 0x6d7a883b},
    {0xef44a541, 0xa8525b7f, 0xb671253b, 0xdb0bad00},
    {0xd4d1c6f8, 0x7c839d87, 0xcaf2b8bc, 0x11f915bc},
    {0x6d88a37a, 0x110b3efd, 0xdbf98641, 0xca0093fd},
    {0x4e54f70e, 0x5f5fc9f3, 0x84a64fb2, 0x4ea6dc4f},
    {0xead27321, 0xb58dbad2, 0x312bf560, 0x7f8d292f},
    {0xac7766f3, 0x19fadc21, 0x28d12941, 0x575c006e},
    {0xd014f9a8, 0xc9ee2589, 0xe13f0cc8, 0xb6630ca6},
};

static const uint8_t plain[16] = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d,
                                  0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34};
static const uint8_t cipher[16] = {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb,
                                   0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};

static struct soft_cpu cpu;

static void load_key(unsigned v, unsigned round)
{
    for (unsigned i = 0; i < 4; i++)
        cpu.v[v].s[i] = __builtin_bswap32(round_keys[round][i]);
}

static void xor_key(unsigned v, unsigned round)
{
    load_key(31, round);
    cpu.v[v].d[0] ^= cpu.v[31].d[0];
    cpu.v[v].d[1] ^= cpu.v[31].d[1];
}

static void test_aes_encrypt(void **state)
{
    memcpy(cpu.v[0].b, plain, 16);
    for (unsigned r = 0; r < 10; r++) {
        load_key(1, r);
        interp_AESE(&cpu, RR(0, 1));
        if (r < 9)
            interp_AESMC(&cpu, RR(0, 0));
    }
    xor_key(0, 10);
    assert_memory_equal(cpu.v[0].b, cipher, 16);
}

/* The equivalent inverse cipher: the middle keys go through InvMixColumns. */
static void test_aes_decrypt(void **state)
{
    memcpy(cpu.v[0].b, cipher, 16);
    for (unsigned r = 10; r > 0; r--) {
        load_key(1, r);
        if (r < 10)
            interp_AESIMC(&cpu, RR(1, 1));
        interp_AESD(&cpu, RR(0, 1));
        if (r > 1)
            interp_AESIMC(&cpu, RR(0, 0));
    }
    xor_key(0, 0);
    assert_memory_equal(cpu.v[0].b, plain, 16);
}

/* "abc", padded to a block, as sixteen words. */
static const uint32_t abc[16] = {0x61626380, [15] = 24};

static void load(unsigned v, const uint32_t words[4])
{
    memcpy(cpu.v[v].s, words, 16);
}

/* v[d] = v[n] + k in each word. */
static void add_words(unsigned d, unsigned n, const uint32_t k[4])
{
    for (unsigned i = 0; i < 4; i++)
        cpu.v[d].s[i] = cpu.v[n].s[i] + k[i];
}

static void test_sha1(void **state)
{
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    static const uint32_t want[5] = {0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d};
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};

    /* V0 is a to d, V1 is e, V2 a word plus constant, V4 to V7 the schedule. */
    load(0, start);
    cpu.v[1].s[0] = start[4];
    for (unsigned i = 0; i < 4; i++)
        load(4 + i, abc + 4 * i);
    for (unsigned i = 0; i < 20; i++) {
        unsigned w0 = 4 + i % 4, w1 = 4 + (i + 1) % 4, w2 = 4 + (i + 2) % 4, w3 = 4 + (i + 3) % 4;
        uint32_t ki = k[i / 5];

        add_words(2, w0, (uint32_t[]){ki, ki, ki, ki});
        interp_SHA1H(&cpu, RR(3, 0));
        if (i / 5 == 0)
            interp_SHA1C(&cpu, RRR(0, 1, 2));
        else if (i / 5 == 2)
            interp_SHA1M(&cpu, RRR(0, 1, 2));
        else
            interp_SHA1P(&cpu, RRR(0, 1, 2));
        cpu.v[1] = cpu.v[3];
        interp_SHA1SU0(&cpu, RRR(w0, w1, w2));
        interp_SHA1SU1(&cpu, RR(w0, w3));
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(cpu.v[0].s[i] + start[i], want[i]);
    assert_int_equal(cpu.v[1].s[0] + start[4], want[4]);
}

static void test_sha256(void **state)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    static const uint32_t want[8] = {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                                     0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};

    load(0, start);
    load(1, start + 4);
    for (unsigned i = 0; i < 4; i++)
        load(4 + i, abc + 4 * i);
    for (unsigned i = 0; i < 16; i++) {
        unsigned w0 = 4 + i % 4, w1 = 4 + (i + 1) % 4, w2 = 4 + (i + 2) % 4, w3 = 4 + (i + 3) % 4;

        add_words(2, w0, k + 4 * i);
        cpu.v[3] = cpu.v[0];
        interp_SHA256H(&cpu, RRR(0, 1, 2));
        interp_SHA256H2(&cpu, RRR(1, 3, 2));
        interp_SHA256SU0(&cpu, RR(w0, w1));
        interp_SHA256SU1(&cpu, RRR(w0, w2, w3));
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(cpu.v[0].s[i] + start[i], want[i]);
        assert_int_equal(cpu.v[1].s[i] + start[4 + i], want[4 + i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes_encrypt),
        cmocka_unit_test(test_aes_decrypt),
        cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
