/* SPDX-License-Identifier: ISC */
/*
 * AES, SHA-1 and SHA-256 (DDI 0487 C7.2; FIPS 197, FIPS 180-4; SDM 2) by the host's instructions;
 * see emit_vec.h. Without them the handlers run.
 */
#include "engine/jit/emit_vec.h"

/* --- AES: the host adds the round key last, Arm first. Here the host's key is zero. --- */

static void aes_last_round(struct emit *e, const struct ir_insn *i, enum x64_vop op)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13), sum = i->flags & VEC_FUSED ? d : X64_XMM13;

    if (!e->cpu->aes) {
        emit_handler(e, i);
        return;
    }
    vec_op3(e, X64_PXOR, sum, emit_vuse(e, i->a, X64_XMM13), i->b, X64_XMM14);
    if (!(i->flags & VEC_FUSED)) {
        x64_vzero(e->as, X64_XMM14);
        x64_v3(e->as, op, d, X64_XMM13, X64_XMM14);
    }
    vec_store(e, i, d);
}

void emit_VAESE(struct emit *e, const struct ir_insn *i)
{
    aes_last_round(e, i, X64_AESENCLAST);
}

void emit_VAESD(struct emit *e, const struct ir_insn *i)
{
    aes_last_round(e, i, X64_AESDECLAST);
}

/* MixColumns() alone is a round of which the rest was undone before. */
void emit_VAESMC(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    if (!e->cpu->aes) {
        emit_handler(e, i);
        return;
    }
    x64_vzero(e->as, X64_XMM14);
    if (!(i->flags & VEC_FUSED)) {
        x64_v3(e->as, X64_AESDECLAST, X64_XMM13, a, X64_XMM14);
        a = X64_XMM13;
    }
    x64_v3(e->as, X64_AESENC, d, a, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VAESIMC(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    if (!e->cpu->aes) {
        emit_handler(e, i);
        return;
    }
    if (i->flags & VEC_FUSED) {
        x64_vzero(e->as, X64_XMM14);
        x64_v3(e->as, X64_AESDEC, d, a, X64_XMM14);
    } else {
        x64_v2(e->as, X64_AESIMC, d, a);
    }
    vec_store(e, i, d);
}

/* --- SHA-1: the host has elements the other way round, and adds the round's constant --- */

#define REVERSE 0x1b

static uint32_t sha1_constant(unsigned function)
{
    static const uint32_t k[3] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};

    return k[function];
}

/* a is the state's a to d, b its e, c the schedule with the constants. */
void emit_VSHA1(struct emit *e, const struct ir_insn *i)
{
    uint64_t minus_k = vec_replicate(0 - (uint64_t)sha1_constant((unsigned)i->imm), 4);
    unsigned d;

    if (!e->cpu->sha) {
        emit_handler(e, i);
        return;
    }
    x64_v2i(e->as, X64_PSHUFD, X64_XMM14, emit_vuse(e, i->c, X64_XMM14), REVERSE);
    x64_v3m(e->as, X64_PADDD, X64_XMM14, X64_XMM14, vec_const(e, minus_k));
    x64_vshift_i(e->as, X64_PSLLDQ_I, X64_XMM13, emit_vuse(e, i->b, X64_XMM13), 12);
    x64_v3(e->as, X64_PADDD, X64_XMM14, X64_XMM14, X64_XMM13);
    x64_v2i(e->as, X64_PSHUFD, X64_XMM13, emit_vuse(e, i->a, X64_XMM13), REVERSE);
    x64_v3i(e->as, X64_SHA1RNDS4, X64_XMM13, X64_XMM13, X64_XMM14, (uint8_t)i->imm);
    d = emit_vdef(e, i->dst, X64_XMM13);
    x64_v2i(e->as, X64_PSHUFD, d, X64_XMM13, REVERSE);
    vec_store(e, i, d);
}

/* to <- from rotated left by n, each word; not the same register. */
static void rotate_words(struct emit *e, unsigned to, unsigned from, unsigned n)
{
    vec_shift_left(e, to, from, 4, n);
    x64_vshift_i(e->as, X64_PSRLD_I, from, from, (uint8_t)(32 - n));
    x64_v3(e->as, X64_POR, to, to, from);
}

/* A scalar: the rest of dst is cleared. */
void emit_VSHA1H(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    x64_vzero(e->as, X64_XMM14);
    x64_v3(e->as, X64_MOVSS, X64_XMM14, X64_XMM14, emit_vuse(e, i->a, X64_XMM13));
    rotate_words(e, X64_XMM13, X64_XMM14, 30);
    x64_vmov(e->as, d, X64_XMM13);
    vec_store(e, i, d);
}

void emit_VSHA1SU0(struct emit *e, const struct ir_insn *i)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    x64_v3i(e->as, X64_SHUFPD, X64_XMM14, a, b, 1);
    x64_v3(e->as, X64_PXOR, X64_XMM13, a, X64_XMM14);
    vec_op3(e, X64_PXOR, d, X64_XMM13, i->c, X64_XMM14);
    vec_store(e, i, d);
}

/* The last word also needs the first one's result. */
void emit_VSHA1SU1(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    x64_vshift_i(e->as, X64_PSRLDQ_I, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), 4);
    vec_op3(e, X64_PXOR, X64_XMM14, X64_XMM14, i->a, X64_XMM13);
    rotate_words(e, X64_XMM13, X64_XMM14, 1);
    x64_vshift_i(e->as, X64_PSLLDQ_I, X64_XMM14, X64_XMM13, 12);
    rotate_words(e, X64_XMM15, X64_XMM14, 1);
    x64_v3(e->as, X64_PXOR, d, X64_XMM13, X64_XMM15);
    vec_store(e, i, d);
}

/* --- SHA-256 --- */

/* Elements 1 and 0, 3 and 2 of two registers: the host's state is f, e, b, a and h, g, d, c. */
#define LOWER_PAIRS 0x11
#define UPPER_PAIRS 0xbb

/*
 * Four rounds of the state x (a to d) and y (e to h). The host does two, adds the schedule and
 * constants in xmm0, and gives the new f, e, b, a; the old ones are the new h, g, d, c.
 */
static void sha256_rounds(struct emit *e, const struct ir_insn *i, ir_value x, ir_value y,
                          uint8_t result)
{
    unsigned rx = emit_vuse(e, x, X64_XMM13), ry = emit_vuse(e, y, X64_XMM14);

    x64_v3i(e->as, X64_SHUFPS, X64_XMM15, ry, rx, LOWER_PAIRS);
    x64_v3i(e->as, X64_SHUFPS, X64_XMM14, ry, rx, UPPER_PAIRS);
    x64_vmov(e->as, X64_XMM13, X64_XMM0);
    emit_vcopy(e, X64_XMM0, i->c);
    x64_v3(e->as, X64_SHA256RNDS2, X64_XMM14, X64_XMM14, X64_XMM15);
    x64_v2i(e->as, X64_PSHUFD, X64_XMM0, X64_XMM0, 0x0e);
    x64_v3(e->as, X64_SHA256RNDS2, X64_XMM15, X64_XMM15, X64_XMM14);
    x64_vmov(e->as, X64_XMM0, X64_XMM13);
    x64_v3i(e->as, X64_SHUFPS, X64_XMM15, X64_XMM15, X64_XMM14, result);
    vec_store(e, i, X64_XMM15);
}

void emit_VSHA256H(struct emit *e, const struct ir_insn *i)
{
    if (e->cpu->sha)
        sha256_rounds(e, i, i->a, i->b, UPPER_PAIRS);
    else
        emit_handler(e, i);
}

void emit_VSHA256H2(struct emit *e, const struct ir_insn *i)
{
    if (e->cpu->sha)
        sha256_rounds(e, i, i->b, i->a, LOWER_PAIRS);
    else
        emit_handler(e, i);
}

void emit_VSHA256SU0(struct emit *e, const struct ir_insn *i)
{
    if (!e->cpu->sha) {
        emit_handler(e, i);
        return;
    }
    emit_vcopy(e, X64_XMM13, i->a);
    x64_v3(e->as, X64_SHA256MSG1, X64_XMM13, X64_XMM13, emit_vuse(e, i->b, X64_XMM14));
    vec_store(e, i, X64_XMM13);
}

/* The host is given the sum of W[t - 16] with its sigma and of W[t - 7], which straddles b and c.
 */
void emit_VSHA256SU1(struct emit *e, const struct ir_insn *i)
{
    unsigned b, c;

    if (!e->cpu->sha) {
        emit_handler(e, i);
        return;
    }
    b = emit_vuse(e, i->b, X64_XMM13);
    c = emit_vuse(e, i->c, X64_XMM14);
    x64_v3i(e->as, X64_PALIGNR, X64_XMM13, c, b, 4);
    vec_op3(e, X64_PADDD, X64_XMM13, X64_XMM13, i->a, X64_XMM15);
    x64_v3(e->as, X64_SHA256MSG2, X64_XMM13, X64_XMM13, c);
    vec_store(e, i, X64_XMM13);
}
