/* SPDX-License-Identifier: ISC */
/*
 * The assembler's general-purpose instructions (SDM 2; opcode maps in appendix A).
 */
#include "engine/jit/x64_insn.h"

/* Most opcodes are even for bytes, and one more for words. */
static unsigned sized(unsigned opcode, unsigned size)
{
    return size == 1 ? opcode : opcode | 1;
}

static struct x64_insn insn(unsigned map, unsigned opcode, unsigned size)
{
    return (struct x64_insn){
        .map = (uint8_t)map, .opcode = (uint8_t)opcode, .w = size == 8, .opsize = size == 2};
}

static void set_imm(struct x64_insn *i, unsigned size, int64_t imm)
{
    i->imm_size = (uint8_t)size;
    i->imm = (uint64_t)imm;
}

/* The width of a full immediate of an operation on `size` bytes. */
static unsigned imm_size(unsigned size)
{
    return size < 4 ? size : 4;
}

static void set_mem(struct x64_insn *i, struct x64_mem m)
{
    i->has_mem = true;
    i->mem = m;
}

/* reg and rm are registers of `size`. */
static void op_rr(struct x64 *a, unsigned map, unsigned opcode, unsigned size, unsigned reg,
                  unsigned rm)
{
    struct x64_insn i = insn(map, opcode, size);

    i.reg = (uint8_t)reg;
    i.rm = (uint8_t)rm;
    i.byte_reg = i.byte_rm = size == 1;
    x64_emit(a, &i);
}

static void op_rm(struct x64 *a, unsigned map, unsigned opcode, unsigned size, unsigned reg,
                  struct x64_mem m)
{
    struct x64_insn i = insn(map, opcode, size);

    i.reg = (uint8_t)reg;
    i.byte_reg = size == 1;
    set_mem(&i, m);
    x64_emit(a, &i);
}

static void op_rr_imm8(struct x64 *a, unsigned map, unsigned opcode, unsigned size, unsigned reg,
                       unsigned rm, unsigned imm)
{
    struct x64_insn i = insn(map, opcode, size);

    i.reg = (uint8_t)reg;
    i.rm = (uint8_t)rm;
    set_imm(&i, 1, imm);
    x64_emit(a, &i);
}

/* reg is a group's digit. */
static void group_r(struct x64 *a, unsigned map, unsigned opcode, unsigned digit, unsigned size,
                    unsigned r)
{
    struct x64_insn i = insn(map, opcode, size);

    i.reg = (uint8_t)digit;
    i.rm = (uint8_t)r;
    i.byte_rm = size == 1;
    x64_emit(a, &i);
}

static void group_m(struct x64 *a, unsigned map, unsigned opcode, unsigned digit, unsigned size,
                    struct x64_mem m)
{
    struct x64_insn i = insn(map, opcode, size);

    i.reg = (uint8_t)digit;
    set_mem(&i, m);
    x64_emit(a, &i);
}

/* The register is in the opcode. */
static void short_r(struct x64 *a, unsigned map, unsigned opcode, unsigned size, unsigned r)
{
    struct x64_insn i = insn(map, opcode | (r & 7), size);

    i.rm = (uint8_t)r;
    i.no_modrm = true;
    x64_emit(a, &i);
}

static void plain(struct x64 *a, unsigned prefix, unsigned map, unsigned opcode, unsigned size)
{
    struct x64_insn i = insn(map, opcode, size);

    i.prefix = (uint8_t)prefix;
    i.no_modrm = true;
    x64_emit(a, &i);
}

/* ---- two operands ---- */

void x64_alu_rr(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_ONE, sized(op << 3, size), size, src, dst);
}

void x64_alu_rm(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, struct x64_mem src)
{
    op_rm(a, X64_MAP_ONE, sized(op << 3 | 2, size), size, dst, src);
}

void x64_alu_mr(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst, unsigned src)
{
    op_rm(a, X64_MAP_ONE, sized(op << 3, size), size, src, dst);
}

/* Group 1: a sign-extended byte where that is enough. */
static struct x64_insn alu_imm(enum x64_alu op, unsigned size, int32_t imm)
{
    struct x64_insn i = insn(X64_MAP_ONE, 0x80, size);

    i.reg = (uint8_t)op;
    if (size == 2) {
        imm = (int16_t)imm;
    }
    if (size == 1 || imm == (int8_t)imm) {
        i.opcode = size == 1 ? 0x80 : 0x83;
        set_imm(&i, 1, imm);
    } else {
        i.opcode = 0x81;
        set_imm(&i, imm_size(size), imm);
    }
    return i;
}

void x64_alu_ri(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, int32_t imm)
{
    struct x64_insn i = alu_imm(op, size, imm);

    i.rm = (uint8_t)dst;
    i.byte_rm = size == 1;
    if (dst == X64_RAX && i.opcode != 0x83) {
        i.opcode = (uint8_t)sized(op << 3 | 4, size);
        i.no_modrm = true;
    }
    x64_emit(a, &i);
}

void x64_alu_mi(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst, int32_t imm)
{
    struct x64_insn i = alu_imm(op, size, imm);

    set_mem(&i, dst);
    x64_emit(a, &i);
}

void x64_lock_alu_mr(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst,
                     unsigned src)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(op << 3, size), size);

    i.lock = true;
    i.reg = (uint8_t)src;
    i.byte_reg = size == 1;
    set_mem(&i, dst);
    x64_emit(a, &i);
}

void x64_lock_alu_mi(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst, int32_t imm)
{
    struct x64_insn i = alu_imm(op, size, imm);

    i.lock = true;
    set_mem(&i, dst);
    x64_emit(a, &i);
}

void x64_test_rr(struct x64 *a, unsigned size, unsigned r1, unsigned r2)
{
    op_rr(a, X64_MAP_ONE, sized(0x84, size), size, r2, r1);
}

void x64_test_mr(struct x64 *a, unsigned size, struct x64_mem m, unsigned r)
{
    op_rm(a, X64_MAP_ONE, sized(0x84, size), size, r, m);
}

void x64_test_ri(struct x64 *a, unsigned size, unsigned r, int32_t imm)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(r == X64_RAX ? 0xa8 : 0xf6, size), size);

    i.rm = (uint8_t)r;
    i.byte_rm = size == 1;
    i.no_modrm = r == X64_RAX;
    set_imm(&i, imm_size(size), imm);
    x64_emit(a, &i);
}

void x64_test_mi(struct x64 *a, unsigned size, struct x64_mem m, int32_t imm)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(0xf6, size), size);

    set_mem(&i, m);
    set_imm(&i, imm_size(size), imm);
    x64_emit(a, &i);
}

/* ---- moves ---- */

void x64_mov_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_ONE, sized(0x88, size), size, src, dst);
}

void x64_mov_ri(struct x64 *a, unsigned dst, uint64_t imm)
{
    struct x64_insn i = insn(X64_MAP_ONE, 0xb8 | (dst & 7), 8);

    i.rm = (uint8_t)dst;
    i.imm = imm;
    if (imm <= UINT32_MAX) {
        i.w = false;
        i.no_modrm = true;
        i.imm_size = 4;
    } else if ((int64_t)imm == (int32_t)imm) {
        i.opcode = 0xc7;
        i.imm_size = 4;
    } else {
        i.no_modrm = true;
        i.imm_size = 8;
    }
    x64_emit(a, &i);
}

void x64_load(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src)
{
    if (size < 4) {
        x64_movzx_rm(a, dst, src, size);
    } else {
        op_rm(a, X64_MAP_ONE, 0x8b, size, dst, src);
    }
}

void x64_store(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src)
{
    op_rm(a, X64_MAP_ONE, sized(0x88, size), size, src, dst);
}

void x64_store_i(struct x64 *a, unsigned size, struct x64_mem dst, int32_t imm)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(0xc6, size), size);

    set_mem(&i, dst);
    set_imm(&i, imm_size(size), imm);
    x64_emit(a, &i);
}

/* MOVZX (opcode 0xb6) and MOVSX (0xbe): a register of `size` from a byte or a word. */
static struct x64_insn extend(unsigned opcode, unsigned size, unsigned dst, unsigned from)
{
    struct x64_insn i = insn(X64_MAP_0F, sized(opcode, from), size);

    i.reg = (uint8_t)dst;
    i.byte_rm = from == 1;
    return i;
}

void x64_movzx_rr(struct x64 *a, unsigned dst, unsigned src, unsigned from)
{
    struct x64_insn i = extend(0xb6, 4, dst, from);

    if (from == 4) {
        x64_mov_rr(a, 4, dst, src);
        return;
    }
    i.rm = (uint8_t)src;
    x64_emit(a, &i);
}

void x64_movzx_rm(struct x64 *a, unsigned dst, struct x64_mem src, unsigned from)
{
    struct x64_insn i = extend(0xb6, 4, dst, from);

    if (from == 4) {
        x64_load(a, 4, dst, src);
        return;
    }
    set_mem(&i, src);
    x64_emit(a, &i);
}

void x64_movsx_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned from)
{
    struct x64_insn i = extend(0xbe, size, dst, from);

    if (from == size) {
        x64_mov_rr(a, size, dst, src);
    } else if (from == 4) {
        op_rr(a, X64_MAP_ONE, 0x63, size, dst, src);
    } else {
        i.rm = (uint8_t)src;
        x64_emit(a, &i);
    }
}

void x64_movsx_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src, unsigned from)
{
    struct x64_insn i = extend(0xbe, size, dst, from);

    if (from == size) {
        x64_load(a, size, dst, src);
    } else if (from == 4) {
        op_rm(a, X64_MAP_ONE, 0x63, size, dst, src);
    } else {
        set_mem(&i, src);
        x64_emit(a, &i);
    }
}

void x64_lea(struct x64 *a, unsigned size, unsigned dst, struct x64_mem m)
{
    op_rm(a, X64_MAP_ONE, 0x8d, size, dst, m);
}

void x64_cmov_rr(struct x64 *a, enum x64_cc cc, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_0F, 0x40 | cc, size, dst, src);
}

void x64_cmov_rm(struct x64 *a, enum x64_cc cc, unsigned size, unsigned dst, struct x64_mem src)
{
    op_rm(a, X64_MAP_0F, 0x40 | cc, size, dst, src);
}

void x64_setcc_r(struct x64 *a, enum x64_cc cc, unsigned dst)
{
    group_r(a, X64_MAP_0F, 0x90 | cc, 0, 1, dst);
}

void x64_setcc_m(struct x64 *a, enum x64_cc cc, struct x64_mem dst)
{
    group_m(a, X64_MAP_0F, 0x90 | cc, 0, 1, dst);
}

/* PUSH, POP and the indirect branches are 64 bits wide without REX.W. */
void x64_push(struct x64 *a, unsigned r)
{
    short_r(a, X64_MAP_ONE, 0x50, 4, r);
}

void x64_pop(struct x64 *a, unsigned r)
{
    short_r(a, X64_MAP_ONE, 0x58, 4, r);
}

void x64_push_m(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_ONE, 0xff, 6, 4, m);
}

void x64_pop_m(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_ONE, 0x8f, 0, 4, m);
}

void x64_xchg_rr(struct x64 *a, unsigned size, unsigned r1, unsigned r2)
{
    op_rr(a, X64_MAP_ONE, sized(0x86, size), size, r2, r1);
}

void x64_bswap(struct x64 *a, unsigned size, unsigned r)
{
    short_r(a, X64_MAP_0F, 0xc8, size, r);
}

/* ---- shifts ---- */

void x64_shift_ri(struct x64 *a, enum x64_shift op, unsigned size, unsigned dst, unsigned n)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(n == 1 ? 0xd0 : 0xc0, size), size);

    i.reg = (uint8_t)op;
    i.rm = (uint8_t)dst;
    i.byte_rm = size == 1;
    set_imm(&i, n == 1 ? 0 : 1, n);
    x64_emit(a, &i);
}

void x64_shift_mi(struct x64 *a, enum x64_shift op, unsigned size, struct x64_mem dst, unsigned n)
{
    struct x64_insn i = insn(X64_MAP_ONE, sized(n == 1 ? 0xd0 : 0xc0, size), size);

    i.reg = (uint8_t)op;
    set_mem(&i, dst);
    set_imm(&i, n == 1 ? 0 : 1, n);
    x64_emit(a, &i);
}

void x64_shift_rcl(struct x64 *a, enum x64_shift op, unsigned size, unsigned dst)
{
    group_r(a, X64_MAP_ONE, sized(0xd2, size), op, size, dst);
}

void x64_shift_mcl(struct x64 *a, enum x64_shift op, unsigned size, struct x64_mem dst)
{
    group_m(a, X64_MAP_ONE, sized(0xd2, size), op, size, dst);
}

void x64_shld_ri(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n)
{
    op_rr_imm8(a, X64_MAP_0F, 0xa4, size, src, dst, n);
}

void x64_shld_rcl(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_0F, 0xa5, size, src, dst);
}

void x64_shrd_ri(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n)
{
    op_rr_imm8(a, X64_MAP_0F, 0xac, size, src, dst, n);
}

void x64_shrd_rcl(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_0F, 0xad, size, src, dst);
}

/* ---- BMI: VEX-encoded ---- */

static struct x64_insn bmi(unsigned prefix, unsigned map, unsigned opcode, unsigned size,
                           unsigned reg, unsigned vvvv)
{
    return (struct x64_insn){.form = X64_FORM_VEX,
                             .prefix = (uint8_t)prefix,
                             .map = (uint8_t)map,
                             .opcode = (uint8_t)opcode,
                             .w = size == 8,
                             .reg = (uint8_t)reg,
                             .vvvv = (uint8_t)vvvv};
}

static void bmi_rr(struct x64 *a, unsigned prefix, unsigned opcode, unsigned size, unsigned reg,
                   unsigned vvvv, unsigned rm)
{
    struct x64_insn i = bmi(prefix, X64_MAP_38, opcode, size, reg, vvvv);

    i.rm = (uint8_t)rm;
    x64_emit(a, &i);
}

void x64_shlx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count)
{
    bmi_rr(a, 0x66, 0xf7, size, dst, count, src);
}

void x64_shrx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count)
{
    bmi_rr(a, 0xf2, 0xf7, size, dst, count, src);
}

void x64_sarx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count)
{
    bmi_rr(a, 0xf3, 0xf7, size, dst, count, src);
}

void x64_rorx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n)
{
    struct x64_insn i = bmi(0xf2, X64_MAP_3A, 0xf0, size, dst, 0);

    i.rm = (uint8_t)src;
    set_imm(&i, 1, n);
    x64_emit(a, &i);
}

void x64_pdep(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned mask)
{
    bmi_rr(a, 0xf2, 0xf5, size, dst, src, mask);
}

void x64_pext(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned mask)
{
    bmi_rr(a, 0xf3, 0xf5, size, dst, src, mask);
}

void x64_mulx(struct x64 *a, unsigned size, unsigned high, unsigned low, unsigned src)
{
    bmi_rr(a, 0xf2, 0xf6, size, high, low, src);
}

void x64_bzhi(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count)
{
    bmi_rr(a, 0, 0xf5, size, dst, count, src);
}

void x64_andn(struct x64 *a, unsigned size, unsigned dst, unsigned inverted, unsigned src)
{
    bmi_rr(a, 0, 0xf2, size, dst, inverted, src);
}

void x64_andn_rm(struct x64 *a, unsigned size, unsigned dst, unsigned inverted, struct x64_mem src)
{
    struct x64_insn i = bmi(0, X64_MAP_38, 0xf2, size, dst, inverted);

    set_mem(&i, src);
    x64_emit(a, &i);
}

void x64_bextr(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned control)
{
    bmi_rr(a, 0, 0xf7, size, dst, control, src);
}

/* Group 17. */
void x64_blsr(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    bmi_rr(a, 0, 0xf3, size, 1, dst, src);
}

void x64_blsmsk(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    bmi_rr(a, 0, 0xf3, size, 2, dst, src);
}

void x64_blsi(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    bmi_rr(a, 0, 0xf3, size, 3, dst, src);
}

/* ---- one operand, multiplication ---- */

void x64_unary_r(struct x64 *a, enum x64_unary op, unsigned size, unsigned r)
{
    group_r(a, X64_MAP_ONE, sized(0xf6, size), op, size, r);
}

void x64_unary_m(struct x64 *a, enum x64_unary op, unsigned size, struct x64_mem m)
{
    group_m(a, X64_MAP_ONE, sized(0xf6, size), op, size, m);
}

void x64_imul_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    op_rr(a, X64_MAP_0F, 0xaf, size, dst, src);
}

void x64_imul_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src)
{
    op_rm(a, X64_MAP_0F, 0xaf, size, dst, src);
}

static struct x64_insn imul_imm(unsigned size, unsigned dst, int32_t imm)
{
    bool byte = imm == (int8_t)imm;
    struct x64_insn i = insn(X64_MAP_ONE, byte ? 0x6b : 0x69, size);

    i.reg = (uint8_t)dst;
    set_imm(&i, byte ? 1 : imm_size(size), imm);
    return i;
}

void x64_imul_rri(struct x64 *a, unsigned size, unsigned dst, unsigned src, int32_t imm)
{
    struct x64_insn i = imul_imm(size, dst, imm);

    i.rm = (uint8_t)src;
    x64_emit(a, &i);
}

void x64_imul_rmi(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src, int32_t imm)
{
    struct x64_insn i = imul_imm(size, dst, imm);

    set_mem(&i, src);
    x64_emit(a, &i);
}

void x64_cdq(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x99, 4);
}

void x64_cqo(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x99, 8);
}

/* ---- bits ---- */

void x64_bt_ri(struct x64 *a, enum x64_bt op, unsigned size, unsigned r, unsigned n)
{
    op_rr_imm8(a, X64_MAP_0F, 0xba, size, op, r, n);
}

void x64_bt_rr(struct x64 *a, enum x64_bt op, unsigned size, unsigned r, unsigned n_reg)
{
    op_rr(a, X64_MAP_0F, 0x83 | op << 3, size, n_reg, r);
}

void x64_bt_mi(struct x64 *a, enum x64_bt op, unsigned size, struct x64_mem m, unsigned n)
{
    struct x64_insn i = insn(X64_MAP_0F, 0xba, size);

    i.reg = (uint8_t)op;
    set_mem(&i, m);
    set_imm(&i, 1, n);
    x64_emit(a, &i);
}

static struct x64_insn count(enum x64_count op, unsigned size, unsigned dst)
{
    static const struct {
        uint8_t prefix, opcode;
    } ops[] = {
        [X64_BSF] = {0, 0xbc},      [X64_BSR] = {0, 0xbd},       [X64_TZCNT] = {0xf3, 0xbc},
        [X64_LZCNT] = {0xf3, 0xbd}, [X64_POPCNT] = {0xf3, 0xb8},
    };
    struct x64_insn i = insn(X64_MAP_0F, ops[op].opcode, size);

    i.prefix = ops[op].prefix;
    i.reg = (uint8_t)dst;
    return i;
}

void x64_count_rr(struct x64 *a, enum x64_count op, unsigned size, unsigned dst, unsigned src)
{
    struct x64_insn i = count(op, size, dst);

    i.rm = (uint8_t)src;
    x64_emit(a, &i);
}

void x64_count_rm(struct x64 *a, enum x64_count op, unsigned size, unsigned dst, struct x64_mem src)
{
    struct x64_insn i = count(op, size, dst);

    set_mem(&i, src);
    x64_emit(a, &i);
}

static struct x64_insn crc32(unsigned size, unsigned dst)
{
    struct x64_insn i = insn(X64_MAP_38, sized(0xf0, size), size);

    i.prefix = 0xf2;
    i.reg = (uint8_t)dst;
    i.byte_rm = size == 1;
    return i;
}

void x64_crc32_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src)
{
    struct x64_insn i = crc32(size, dst);

    i.rm = (uint8_t)src;
    x64_emit(a, &i);
}

void x64_crc32_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src)
{
    struct x64_insn i = crc32(size, dst);

    set_mem(&i, src);
    x64_emit(a, &i);
}

/* ---- flags ---- */

void x64_lahf(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x9f, 4);
}

void x64_movzx_ah(struct x64 *a, unsigned dst)
{
    struct x64_insn i = {.map = X64_MAP_0F, .opcode = 0xb6, .reg = (uint8_t)dst, .rm = 4};

    x64_emit(a, &i);
}

void x64_sahf(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x9e, 4);
}

void x64_cmc(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0xf5, 4);
}

void x64_clc(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0xf8, 4);
}

void x64_stc(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0xf9, 4);
}

void x64_pushf(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x9c, 4);
}

void x64_popf(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0x9d, 4);
}

/* ---- atomics, order, the rest ---- */

void x64_xchg_mr(struct x64 *a, unsigned size, struct x64_mem m, unsigned r)
{
    op_rm(a, X64_MAP_ONE, sized(0x86, size), size, r, m);
}

static void exchange(struct x64 *a, unsigned opcode, bool lock, unsigned size, struct x64_mem m,
                     unsigned r)
{
    struct x64_insn i = insn(X64_MAP_0F, sized(opcode, size), size);

    i.lock = lock;
    i.reg = (uint8_t)r;
    i.byte_reg = size == 1;
    set_mem(&i, m);
    x64_emit(a, &i);
}

void x64_xadd_mr(struct x64 *a, bool lock, unsigned size, struct x64_mem m, unsigned r)
{
    exchange(a, 0xc0, lock, size, m, r);
}

void x64_cmpxchg_mr(struct x64 *a, bool lock, unsigned size, struct x64_mem m, unsigned r)
{
    exchange(a, 0xb0, lock, size, m, r);
}

void x64_cmpxchg16b(struct x64 *a, bool lock, struct x64_mem m)
{
    struct x64_insn i = insn(X64_MAP_0F, 0xc7, 8);

    i.lock = lock;
    i.reg = 1;
    set_mem(&i, m);
    x64_emit(a, &i);
}

/* Group 15: its register forms are the fences. */
void x64_mfence(struct x64 *a)
{
    group_r(a, X64_MAP_0F, 0xae, 6, 4, 0);
}

void x64_lfence(struct x64 *a)
{
    group_r(a, X64_MAP_0F, 0xae, 5, 4, 0);
}

void x64_sfence(struct x64 *a)
{
    group_r(a, X64_MAP_0F, 0xae, 7, 4, 0);
}

void x64_ldmxcsr(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_0F, 0xae, 2, 4, m);
}

void x64_stmxcsr(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_0F, 0xae, 3, 4, m);
}

void x64_prefetcht0(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_0F, 0x18, 1, 4, m);
}

void x64_pause(struct x64 *a)
{
    plain(a, 0xf3, X64_MAP_ONE, 0x90, 4);
}

void x64_ud2(struct x64 *a)
{
    plain(a, 0, X64_MAP_0F, 0x0b, 4);
}

void x64_int3(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0xcc, 4);
}

void x64_rdtsc(struct x64 *a)
{
    plain(a, 0, X64_MAP_0F, 0x31, 4);
}

/* ---- indirect branches ---- */

void x64_jmp_r(struct x64 *a, unsigned r)
{
    group_r(a, X64_MAP_ONE, 0xff, 4, 4, r);
}

void x64_jmp_m(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_ONE, 0xff, 4, 4, m);
}

void x64_call_r(struct x64 *a, unsigned r)
{
    group_r(a, X64_MAP_ONE, 0xff, 2, 4, r);
}

void x64_call_m(struct x64 *a, struct x64_mem m)
{
    group_m(a, X64_MAP_ONE, 0xff, 2, 4, m);
}

void x64_ret(struct x64 *a)
{
    plain(a, 0, X64_MAP_ONE, 0xc3, 4);
}
