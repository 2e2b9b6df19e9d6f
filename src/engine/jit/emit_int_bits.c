/* SPDX-License-Identifier: ISC */
/* Counting, reversing and checksums. */
#include "engine/jit/emit_int.h"

#include "base/bits.h"

/* --- counting --- */

static void count(struct emit *e, enum x64_count op, unsigned size, enum x64_reg d, ir_value v)
{
    if (emit_in_reg(e, v) || v == IR_ZERO)
        x64_count_rr(e->as, op, size, d, emit_use(e, v, size, X64_RAX));
    else
        x64_count_rm(e->as, op, size, d, emit_mem(e, v));
}

/* BSR and BSF of 0 set ZF and say nothing else: rax becomes `zero` then. Clobbers rcx. */
static void count_or(struct emit *e, enum x64_count op, const struct ir_insn *i, unsigned zero)
{
    x64_mov_ri(e->as, X64_RCX, zero);
    count(e, op, i->size, X64_RAX, i->a);
    x64_cmov_rr(e->as, X64_CC_Z, 4, X64_RAX, X64_RCX);
}

void emit_CLZ(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);
    unsigned top = 8u * i->size - 1;

    if (e->cpu->lzcnt) {
        count(e, X64_LZCNT, i->size, d, i->a);
    } else {
        count_or(e, X64_BSR, i, 2 * top + 1);
        x64_alu_ri(e->as, X64_XOR, 4, X64_RAX, (int32_t)top);
        d = X64_RAX;
    }
    emit_done(e, i->dst, d);
}

void emit_CTZ(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    if (e->cpu->bmi1) {
        count(e, X64_TZCNT, i->size, d, i->a);
    } else {
        count_or(e, X64_BSF, i, 8u * i->size);
        d = X64_RAX;
    }
    emit_done(e, i->dst, d);
}

/* Bits that differ from the one below them, and a lowest one for those that all are the same: as
 * many zeroes lead as bits equal the top one. */
void emit_CLS(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg a = emit_use(e, i->a, i->size, X64_RCX);

    x64_lea(e->as, i->size, X64_RAX, x64_at_index(a, a, 1, 0));
    x64_alu_rr(e->as, X64_XOR, i->size, X64_RAX, a);
    x64_alu_ri(e->as, X64_OR, i->size, X64_RAX, 1);
    if (e->cpu->lzcnt) {
        x64_count_rr(e->as, X64_LZCNT, i->size, X64_RAX, X64_RAX);
    } else {
        x64_count_rr(e->as, X64_BSR, i->size, X64_RAX, X64_RAX);
        x64_alu_ri(e->as, X64_XOR, 4, X64_RAX, (int32_t)(8u * i->size - 1));
    }
    emit_done(e, i->dst, X64_RAX);
}

/* --- reversing --- */

void emit_BSWAP(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg d = emit_def(e, i->dst, X64_RAX);

    emit_int_move(e, d, i->a, i->size);
    x64_bswap(e->as, i->size, d);
    emit_done(e, i->dst, d);
}

/* Swaps neighbouring groups of `span` bits in rax; `low` has the lower one of each pair. Clobbers
 * rcx and rdx. */
static void swap_groups(struct emit *e, unsigned size, unsigned span, uint64_t low)
{
    struct x64 *as = e->as;

    x64_mov_rr(as, size, X64_RCX, X64_RAX);
    x64_mov_ri(as, X64_RDX, size == 4 ? (uint32_t)low : low);
    x64_shift_ri(as, X64_SHR, size, X64_RCX, span);
    x64_alu_rr(as, X64_AND, size, X64_RAX, X64_RDX);
    x64_alu_rr(as, X64_AND, size, X64_RCX, X64_RDX);
    x64_shift_ri(as, X64_SHL, size, X64_RAX, span);
    x64_alu_rr(as, X64_OR, size, X64_RAX, X64_RCX);
}

void emit_REV16(struct emit *e, const struct ir_insn *i)
{
    emit_copy(e, X64_RAX, i->a, i->size);
    if (i->size == 4) {
        x64_bswap(e->as, 4, X64_RAX);
        x64_shift_ri(e->as, X64_ROL, 4, X64_RAX, 16);
    } else {
        swap_groups(e, 8, 8, 0x00ff00ff00ff00ff);
    }
    emit_done(e, i->dst, X64_RAX);
}

/* The matrix of GF2P8AFFINEQB that reverses the bits of each byte. */
#define REVERSE_BITS UINT64_C(0x8040201008040201)

void emit_RBIT(struct emit *e, const struct ir_insn *i)
{
    struct x64 *as = e->as;

    if (x64_vop_available(e->cpu, X64_GF2P8AFFINEQB)) {
        x64_movd_xr(as, i->size, X64_XMM13, emit_use(e, i->a, i->size, X64_RAX));
        x64_v3mi(as, X64_GF2P8AFFINEQB, X64_XMM13, X64_XMM13,
                 emit_const16(e, REVERSE_BITS, REVERSE_BITS), 0);
        x64_movd_rx(as, i->size, X64_RAX, X64_XMM13);
    } else {
        emit_copy(e, X64_RAX, i->a, i->size);
        swap_groups(e, i->size, 1, 0x5555555555555555);
        swap_groups(e, i->size, 2, 0x3333333333333333);
        swap_groups(e, i->size, 4, 0x0f0f0f0f0f0f0f0f);
    }
    x64_bswap(as, i->size, X64_RAX);
    emit_done(e, i->dst, X64_RAX);
}

/* --- checksums --- */

void emit_CRC32C(struct emit *e, const struct ir_insn *i)
{
    unsigned bytes = (unsigned)i->imm;

    emit_copy(e, X64_RAX, i->a, 4);
    if (emit_in_reg(e, i->b) || i->b == IR_ZERO)
        x64_crc32_rr(e->as, bytes, X64_RAX, emit_use(e, i->b, 8, X64_RDX));
    else
        x64_crc32_rm(e->as, bytes, X64_RAX, emit_mem(e, i->b));
    emit_done(e, i->dst, X64_RAX);
}

/* The polynomial 0x104c11db7 reflected, with its 33 bits, and the reciprocal that Barrett's
 * reduction multiplies with: the quotient of x^64 by it, likewise. */
#define CRC32_POLYNOMIAL UINT64_C(0x1db710641)
#define CRC32_RECIPROCAL UINT64_C(0x1f7011641)

/* xmm13 holds 64 bits, the remainder of the lower half comes over the upper one: what is left are
 * 32 bits. */
static void crc32_reduce(struct emit *e)
{
    struct x64_mem factors = emit_const16(e, CRC32_POLYNOMIAL, CRC32_RECIPROCAL);
    struct x64_mem low = emit_const16(e, UINT32_MAX, 0);
    struct x64 *as = e->as;

    x64_v3m(as, X64_PAND, X64_XMM14, X64_XMM13, low);
    x64_v3mi(as, X64_PCLMULQDQ, X64_XMM14, X64_XMM14, factors, 0x10);
    x64_v3m(as, X64_PAND, X64_XMM14, X64_XMM14, low);
    x64_v3mi(as, X64_PCLMULQDQ, X64_XMM14, X64_XMM14, factors, 0x00);
    x64_v3(as, X64_PXOR, X64_XMM13, X64_XMM13, X64_XMM14);
    x64_vshift_i(as, X64_PSRLQ_I, X64_XMM13, X64_XMM13, 32);
}

/* rax, of `bits` bits, without a multiplier: bit by bit. */
static void crc32_loop(struct emit *e, unsigned bits)
{
    struct x64_label next = {0};
    struct x64 *as = e->as;

    x64_mov_ri(as, X64_RCX, bits);
    x64_bind(as, &next);
    x64_shift_ri(as, X64_SHR, 8, X64_RAX, 1);
    x64_alu_rr(as, X64_SBB, 4, X64_RDX, X64_RDX);
    x64_alu_ri(as, X64_AND, 4, X64_RDX, (int32_t)(CRC32_POLYNOMIAL >> 1));
    x64_alu_rr(as, X64_XOR, 8, X64_RAX, X64_RDX);
    x64_alu_ri(as, X64_SUB, 4, X64_RCX, 1);
    x64_jcc_label(as, X64_CC_NZ, &next);
}

/* Data and the old checksum are added; that many of the lowest bits as there are of data are then
 * reduced. They come to stand at bit 31 and below, or below 63 for two steps. */
void emit_CRC32(struct emit *e, const struct ir_insn *i)
{
    unsigned bytes = (unsigned)i->imm;

    emit_copy(e, X64_RCX, i->a, 4);
    if (bytes == 8)
        emit_copy(e, X64_RAX, i->b, 8);
    else
        emit_int_zero_extend(e, X64_RAX, i->b, 0, bytes);
    x64_alu_rr(e->as, X64_XOR, 8, X64_RAX, X64_RCX);
    if (!e->cpu->pclmul) {
        crc32_loop(e, 8 * bytes);
        emit_done(e, i->dst, X64_RAX);
        return;
    }
    if (bytes < 4)
        x64_shift_ri(e->as, X64_SHL, 8, X64_RAX, 32 - 8 * bytes);
    x64_movd_xr(e->as, 8, X64_XMM13, X64_RAX);
    crc32_reduce(e);
    if (bytes == 8)
        crc32_reduce(e);
    x64_movd_rx(e->as, 4, X64_RAX, X64_XMM13);
    emit_done(e, i->dst, X64_RAX);
}
