/* SPDX-License-Identifier: ISC */
/*
 * The assembler's vector instructions: the table of x64_vop.h, the emitters for each of its shapes,
 * and the moves between vector and general registers, whose operands are of both kinds.
 */
#include "engine/jit/x64_insn.h"

/* The flags of a row. */
enum {
    OP3 = 1 << 0,
    OP2 = 1 << 1,
    ST = 1 << 2,
    XR = 1 << 3,
    RX = 1 << 4,
    GROUP = 1 << 5,
    MASKED = 1 << 6,
    IMM = 1 << 7,
    C = 1 << 8,
    VEX = 1 << 9,
    EVEX = 1 << 10,
    LEG = 1 << 11,
};

#define G(digit)       (GROUP | (digit) << 16)
#define BLENDV(opcode) (MASKED | (opcode) << 16)

enum { PREFIX_NP = 0, PREFIX_66 = 0x66, PREFIX_F3 = 0xf3, PREFIX_F2 = 0xf2 };

struct row {
    uint8_t prefix, map, opcode, w;
    uint32_t flags; /* the argument of G() and BLENDV() in the upper half */
    uint32_t needs; /* offset of a bool in struct x64_features */
};

#define X64_VOP_ROW(name, prefix, map, opcode, w, needs, flags)                                    \
    [X64_##name] = {                                                                               \
        PREFIX_##prefix, X64_MAP_##map, opcode, w, flags, offsetof(struct x64_features, needs)},

static const struct row rows[X64_VOP_COUNT] = {X64_VOPS(X64_VOP_ROW)};

bool x64_vop_available(const struct x64_features *has, enum x64_vop op)
{
    return *(const bool *)((const char *)has + rows[op].needs);
}

static unsigned form_of(const struct x64 *a, unsigned flags)
{
    if (flags & EVEX) {
        return X64_FORM_EVEX;
    }
    return (flags & VEX) || (a->has.avx && !(flags & LEG)) ? X64_FORM_VEX : X64_FORM_LEGACY;
}

static struct x64_insn vop(const struct x64 *a, enum x64_vop op, uint8_t imm)
{
    const struct row *row = &rows[op];
    unsigned form = form_of(a, row->flags);

    return (struct x64_insn){
        .form = (uint8_t)form,
        .prefix = row->prefix,
        .map = row->map,
        .opcode = row->opcode,
        .w = form != X64_FORM_LEGACY && row->w,
        .imm_size = (row->flags & (IMM | GROUP)) != 0,
        .imm = imm,
    };
}

static void set_rm(struct x64_insn *i, unsigned r)
{
    i->rm = (uint8_t)r;
}

static void set_mem(struct x64_insn *i, struct x64_mem m)
{
    i->has_mem = true;
    i->mem = m;
}

/* The legacy form overwrites its first source: dst becomes a copy of it. The other source is not
 * dst. */
static void emit_nds(struct x64 *a, struct x64_insn *i, unsigned dst, unsigned src1)
{
    i->reg = (uint8_t)dst;
    i->vvvv = (uint8_t)src1;
    if (i->form == X64_FORM_LEGACY) {
        x64_vmov(a, dst, src1);
    }
    x64_emit(a, i);
}

/* The same where i->rm is a vector register, which may be dst. */
static void emit_nds_rr(struct x64 *a, struct x64_insn *i, unsigned dst, unsigned src1,
                        bool commutative)
{
    if (i->form == X64_FORM_LEGACY && dst == i->rm && dst != src1) {
        if (commutative) {
            set_rm(i, src1);
            src1 = dst;
        } else {
            x64_vmov(a, X64_XMM15, dst);
            set_rm(i, X64_XMM15);
        }
    }
    emit_nds(a, i, dst, src1);
}

/* ---- by shape ---- */

void x64_v3i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2,
             uint8_t imm)
{
    struct x64_insn i = vop(a, op, imm);

    set_rm(&i, src2);
    emit_nds_rr(a, &i, dst, src1, rows[op].flags & C);
}

void x64_v3mi(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, struct x64_mem src2,
              uint8_t imm)
{
    struct x64_insn i = vop(a, op, imm);

    set_mem(&i, src2);
    emit_nds(a, &i, dst, src1);
}

void x64_v3(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2)
{
    x64_v3i(a, op, dst, src1, src2, 0);
}

void x64_v3m(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, struct x64_mem src2)
{
    x64_v3mi(a, op, dst, src1, src2, 0);
}

/* VEX gives scalars a first source: of the two registers here the one that adds no dependency. */
void x64_v2i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src, uint8_t imm)
{
    struct x64_insn i = vop(a, op, imm);

    i.reg = (uint8_t)dst;
    i.vvvv = rows[op].flags & OP3 ? (uint8_t)src : 0;
    set_rm(&i, src);
    x64_emit(a, &i);
}

void x64_v2mi(struct x64 *a, enum x64_vop op, unsigned dst, struct x64_mem src, uint8_t imm)
{
    struct x64_insn i = vop(a, op, imm);

    i.reg = (uint8_t)dst;
    i.vvvv = rows[op].flags & OP3 ? (uint8_t)dst : 0;
    set_mem(&i, src);
    x64_emit(a, &i);
}

void x64_v2(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src)
{
    x64_v2i(a, op, dst, src, 0);
}

void x64_v2m(struct x64 *a, enum x64_vop op, unsigned dst, struct x64_mem src)
{
    x64_v2mi(a, op, dst, src, 0);
}

void x64_vsti(struct x64 *a, enum x64_vop op, struct x64_mem dst, unsigned src, uint8_t imm)
{
    struct x64_insn i = vop(a, op, imm);

    i.reg = (uint8_t)src;
    set_mem(&i, dst);
    x64_emit(a, &i);
}

void x64_vst(struct x64 *a, enum x64_vop op, struct x64_mem dst, unsigned src)
{
    x64_vsti(a, op, dst, src, 0);
}

/* reg is the group's digit and VEX.vvvv the destination. */
void x64_vshift_i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src, uint8_t n)
{
    struct x64_insn i = vop(a, op, n);

    i.reg = (uint8_t)(rows[op].flags >> 16);
    i.vvvv = (uint8_t)dst;
    set_rm(&i, src);
    if (i.form == X64_FORM_LEGACY) {
        x64_vmov(a, dst, src);
        set_rm(&i, dst);
    }
    x64_emit(a, &i);
}

/* The VEX form is another opcode; the mask's register is in the upper half of its immediate (/is4).
 */
void x64_blendv(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2,
                unsigned mask)
{
    struct x64_insn i = vop(a, op, 0);

    set_rm(&i, src2);
    if (i.form == X64_FORM_VEX) {
        i.map = X64_MAP_3A;
        i.opcode = (uint8_t)(rows[op].flags >> 16);
        i.imm_size = 1;
        i.imm = mask << 4;
    }
    emit_nds_rr(a, &i, dst, src1, false);
}

/* ---- common moves ---- */

void x64_vmov(struct x64 *a, unsigned dst, unsigned src)
{
    if (dst != src) {
        x64_v2(a, X64_MOVAPS, dst, src);
    }
}

void x64_vload(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src)
{
    x64_v2m(a, size == 4 ? X64_MOVD_LD : size == 8 ? X64_MOVQ : X64_MOVDQU, dst, src);
}

void x64_vstore(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src)
{
    x64_vst(a, size == 4 ? X64_MOVD_ST : size == 8 ? X64_MOVQ_ST : X64_MOVDQU_ST, dst, src);
}

void x64_vzero(struct x64 *a, unsigned dst)
{
    x64_v3(a, X64_XORPS, dst, dst, dst);
}

void x64_vones(struct x64 *a, unsigned dst)
{
    x64_v3(a, X64_PCMPEQD, dst, dst, dst);
}

void x64_vzeroupper(struct x64 *a)
{
    struct x64_insn i = {.form = X64_FORM_VEX, .map = X64_MAP_0F, .opcode = 0x77, .no_modrm = true};

    x64_emit(a, &i);
}

/* ---- general registers ---- */

void x64_cvt_xr(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src1,
                unsigned src)
{
    struct x64_insn i = vop(a, op, 0);

    i.w = size == 8;
    set_rm(&i, src);
    emit_nds(a, &i, dst, src1);
}

void x64_cvt_xm(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src1,
                struct x64_mem src)
{
    struct x64_insn i = vop(a, op, 0);

    i.w = size == 8;
    set_mem(&i, src);
    emit_nds(a, &i, dst, src1);
}

void x64_cvt_rx(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src_xmm)
{
    struct x64_insn i = vop(a, op, 0);

    i.w = size == 8;
    i.reg = (uint8_t)dst;
    set_rm(&i, src_xmm);
    x64_emit(a, &i);
}

void x64_movmsk(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src_xmm)
{
    x64_cvt_rx(a, op, 4, dst, src_xmm);
}

/* A 66-prefixed operation outside of the table. */
static struct x64_insn lane_insn(const struct x64 *a, unsigned map, unsigned opcode, bool w,
                                 unsigned reg)
{
    return (struct x64_insn){
        .form = a->has.avx ? X64_FORM_VEX : X64_FORM_LEGACY,
        .prefix = 0x66,
        .map = (uint8_t)map,
        .opcode = (uint8_t)opcode,
        .w = w,
        .reg = (uint8_t)reg,
    };
}

static void set_lane(struct x64_insn *i, unsigned lane)
{
    i->imm_size = 1;
    i->imm = lane;
}

void x64_movd_xr(struct x64 *a, unsigned size, unsigned dst_xmm, unsigned src)
{
    struct x64_insn i = lane_insn(a, X64_MAP_0F, 0x6e, size == 8, dst_xmm);

    set_rm(&i, src);
    x64_emit(a, &i);
}

void x64_movd_rx(struct x64 *a, unsigned size, unsigned dst, unsigned src_xmm)
{
    struct x64_insn i = lane_insn(a, X64_MAP_0F, 0x7e, size == 8, src_xmm);

    set_rm(&i, dst);
    x64_emit(a, &i);
}

static struct x64_insn pinsr(const struct x64 *a, unsigned size, unsigned dst, unsigned lane)
{
    struct x64_insn i;

    switch (size) {
    case 1: i = lane_insn(a, X64_MAP_3A, 0x20, false, dst); break;
    case 2: i = lane_insn(a, X64_MAP_0F, 0xc4, false, dst); break;
    default: i = lane_insn(a, X64_MAP_3A, 0x22, size == 8, dst); break;
    }
    set_lane(&i, lane);
    return i;
}

void x64_pinsr(struct x64 *a, unsigned size, unsigned dst, unsigned src1, unsigned src,
               unsigned lane)
{
    struct x64_insn i = pinsr(a, size, dst, lane);

    set_rm(&i, src);
    emit_nds(a, &i, dst, src1);
}

void x64_pinsr_m(struct x64 *a, unsigned size, unsigned dst, unsigned src1, struct x64_mem src,
                 unsigned lane)
{
    struct x64_insn i = pinsr(a, size, dst, lane);

    set_mem(&i, src);
    emit_nds(a, &i, dst, src1);
}

/* PEXTRB, PEXTRW, PEXTRD and PEXTRQ of SSE4.1: the vector register is in reg. */
static struct x64_insn pextr(const struct x64 *a, unsigned size, unsigned src_xmm, unsigned lane)
{
    unsigned opcode = size == 1 ? 0x14 : size == 2 ? 0x15 : 0x16;
    struct x64_insn i = lane_insn(a, X64_MAP_3A, opcode, size == 8, src_xmm);

    set_lane(&i, lane);
    return i;
}

void x64_pextr(struct x64 *a, unsigned size, unsigned dst, unsigned src_xmm, unsigned lane)
{
    struct x64_insn i = pextr(a, size, src_xmm, lane);

    set_rm(&i, dst);
    x64_emit(a, &i);
}

void x64_pextr_m(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src_xmm, unsigned lane)
{
    struct x64_insn i = pextr(a, size, src_xmm, lane);

    set_mem(&i, dst);
    x64_emit(a, &i);
}
