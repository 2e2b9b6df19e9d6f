/* SPDX-License-Identifier: ISC */
/*
 * An x86-64 assembler: each function writes one form of an instruction where `at` points.
 *
 * Contract
 *  - The writer never passes `end`. An instruction that might not fit (fewer than X64_ROOM bytes
 *    left) is not written, `overflow` becomes true and stays so: the caller looks once, when the
 *    region is finished.
 *  - Nothing here fails or asserts otherwise: a combination that x86 does not have (rsp as an
 *    index, a size of 3) is an error of the caller and yields some other instruction.
 *  - `size` is in bytes: 1, 2, 4, 8. As always on x86-64 a 4-byte result clears the upper half of
 *    a register, smaller ones leave the rest of it. Byte registers are the low ones (spl, sil:
 *    never ah).
 *  - Operands are in Intel's order: destination first.
 *  - Code is written through one mapping and runs at another, a constant distance away.
 *    Displacements between places in the cache do not care; calls out of it go through registers
 *    or memory.
 *  - A writer belongs to one thread.
 *
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (SDM 2).
 */
#ifndef ENGINE_JIT_X64_H
#define ENGINE_JIT_X64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/jit/x64_vop.h"

/* An instruction is 15 bytes at most; and an immediate is written as 8 bytes, whatever its size. */
#define X64_ROOM 24

/*
 * What the host can do. `v2` is the level x86-64-v2 (SSE4.2, POPCNT, CMPXCHG16B, LAHF), which the
 * translator needs; `avx` and those after it also need the operating system's consent (XCR0).
 */
struct x64_features {
    bool v2;
    bool aes, pclmul, sha, gfni; /* have legacy forms too */
    bool bmi1, bmi2, lzcnt, movbe, erms;
    bool avx, avx2, fma, f16c;
    bool avx512; /* F, BW, DQ, CD and VL: what every server since Skylake has */
    bool vbmi, bitalg, vpopcntdq;
};

/* What x64_features_detect() may report beyond v2: bits of its argument. */
enum x64_allow {
    X64_ALLOW_NONE = 0,
    X64_ALLOW_CRYPTO = 1, /* AES, PCLMULQDQ, SHA, GFNI */
    X64_ALLOW_BMI = 2,    /* BMI1, BMI2, LZCNT, MOVBE */
    X64_ALLOW_AVX = 4,    /* AVX, AVX2, FMA, F16C */
    X64_ALLOW_AVX512 = 8, /* only together with X64_ALLOW_AVX */
    X64_ALLOW_ALL = 15,
};

/* CPUID and XGETBV, less what `allow` (X64_ALLOW_*) leaves out. On any thread. */
struct x64_features x64_features_detect(unsigned allow);

struct x64 {
    uint8_t *at, *start, *end;
    bool overflow;
    struct x64_features has; /* decides between VEX and legacy forms; emitters ask it, too */
};

/* A writer for [start, start + size). */
void x64_init(struct x64 *a, uint8_t *start, size_t size, const struct x64_features *has);

enum x64_reg {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_R9,
    X64_R10,
    X64_R11,
    X64_R12,
    X64_R13,
    X64_R14,
    X64_R15,
    X64_NONE = 16, /* no base, no index */
    X64_RIP = 17,  /* as a base: disp is an offset from the writer's `start` */
};

enum x64_xmm {
    X64_XMM0,
    X64_XMM1,
    X64_XMM2,
    X64_XMM3,
    X64_XMM4,
    X64_XMM5,
    X64_XMM6,
    X64_XMM7,
    X64_XMM8,
    X64_XMM9,
    X64_XMM10,
    X64_XMM11,
    X64_XMM12,
    X64_XMM13,
    X64_XMM14,
    X64_XMM15,
};

/* [base + index * scale + disp]; scale is 1, 2, 4 or 8, index is not rsp. */
struct x64_mem {
    uint8_t base, index, scale;
    int32_t disp;
};

static inline struct x64_mem x64_at(unsigned base, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, X64_NONE, 1, disp};
}

static inline struct x64_mem x64_at_index(unsigned base, unsigned index, unsigned scale,
                                          int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
}

/* Conditions, as they are encoded; cc ^ 1 is the inverse. */
enum x64_cc {
    X64_CC_O,
    X64_CC_NO,
    X64_CC_B,
    X64_CC_AE,
    X64_CC_E,
    X64_CC_NE,
    X64_CC_BE,
    X64_CC_A,
    X64_CC_S,
    X64_CC_NS,
    X64_CC_P,
    X64_CC_NP,
    X64_CC_L,
    X64_CC_GE,
    X64_CC_LE,
    X64_CC_G,
    X64_CC_C = X64_CC_B,
    X64_CC_NC = X64_CC_AE,
    X64_CC_Z = X64_CC_E,
    X64_CC_NZ = X64_CC_NE,
    X64_CC_NONE = 16, /* no condition */
};

/* ---- integers: two operands (sizes 1, 2, 4, 8). An immediate is sign-extended to the size. ----
 */

enum x64_alu { X64_ADD, X64_OR, X64_ADC, X64_SBB, X64_AND, X64_SUB, X64_XOR, X64_CMP };

void x64_alu_rr(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, unsigned src);
void x64_alu_ri(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, int32_t imm);
void x64_alu_rm(struct x64 *a, enum x64_alu op, unsigned size, unsigned dst, struct x64_mem src);
void x64_alu_mr(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst, unsigned src);
void x64_alu_mi(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst, int32_t imm);
/* With LOCK; not for X64_CMP. */
void x64_lock_alu_mr(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst,
                     unsigned src);
void x64_lock_alu_mi(struct x64 *a, enum x64_alu op, unsigned size, struct x64_mem dst,
                     int32_t imm);

void x64_test_rr(struct x64 *a, unsigned size, unsigned r1, unsigned r2);
void x64_test_ri(struct x64 *a, unsigned size, unsigned r, int32_t imm);
void x64_test_mr(struct x64 *a, unsigned size, struct x64_mem m, unsigned r);
void x64_test_mi(struct x64 *a, unsigned size, struct x64_mem m, int32_t imm);

/* ---- moves; none of them touches the flags ---- */

void x64_mov_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src);
/* All 64 bits of dst, in the shortest of mov r32, imm32; mov r64, simm32; mov r64, imm64. */
void x64_mov_ri(struct x64 *a, unsigned dst, uint64_t imm);
/* Zero-extends whatever the size is (movzx for 1 and 2). */
void x64_load(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src);
void x64_store(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src);
void x64_store_i(struct x64 *a, unsigned size, struct x64_mem dst, int32_t imm);
/* To 64 bits from `from` bytes: 1, 2, 4. */
void x64_movzx_rr(struct x64 *a, unsigned dst, unsigned src, unsigned from);
void x64_movzx_rm(struct x64 *a, unsigned dst, struct x64_mem src, unsigned from);
/* To `size` (4, 8) bytes from `from` (1, 2, 4) bytes. */
void x64_movsx_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned from);
void x64_movsx_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src, unsigned from);
void x64_lea(struct x64 *a, unsigned size, unsigned dst, struct x64_mem m);
void x64_cmov_rr(struct x64 *a, enum x64_cc cc, unsigned size, unsigned dst, unsigned src);
void x64_cmov_rm(struct x64 *a, enum x64_cc cc, unsigned size, unsigned dst, struct x64_mem src);
void x64_setcc_r(struct x64 *a, enum x64_cc cc, unsigned dst); /* the low byte only */
void x64_setcc_m(struct x64 *a, enum x64_cc cc, struct x64_mem dst);
void x64_push(struct x64 *a, unsigned r);
void x64_pop(struct x64 *a, unsigned r);
void x64_push_m(struct x64 *a, struct x64_mem m);
void x64_pop_m(struct x64 *a, struct x64_mem m);
void x64_xchg_rr(struct x64 *a, unsigned size, unsigned r1, unsigned r2);
void x64_bswap(struct x64 *a, unsigned size, unsigned r); /* size 4, 8 */

/* ---- shifts ---- */

enum x64_shift { X64_ROL, X64_ROR, X64_RCL, X64_RCR, X64_SHL, X64_SHR, X64_SAR = 7 };

void x64_shift_ri(struct x64 *a, enum x64_shift op, unsigned size, unsigned dst, unsigned n);
void x64_shift_rcl(struct x64 *a, enum x64_shift op, unsigned size, unsigned dst);
void x64_shift_mi(struct x64 *a, enum x64_shift op, unsigned size, struct x64_mem dst, unsigned n);
void x64_shift_mcl(struct x64 *a, enum x64_shift op, unsigned size, struct x64_mem dst);
/* Sizes 2, 4, 8: dst is shifted, src's bits come in. */
void x64_shld_ri(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n);
void x64_shld_rcl(struct x64 *a, unsigned size, unsigned dst, unsigned src);
void x64_shrd_ri(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n);
void x64_shrd_rcl(struct x64 *a, unsigned size, unsigned dst, unsigned src);

/* ---- BMI2 (has.bmi2); sizes 4, 8. Those down to mulx leave the flags. ---- */

void x64_shlx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count);
void x64_shrx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count);
void x64_sarx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count);
void x64_rorx(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned n);
void x64_pdep(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned mask);
void x64_pext(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned mask);
void x64_mulx(struct x64 *a, unsigned size, unsigned high, unsigned low, unsigned src); /* by rdx */
void x64_bzhi(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned count);
/* ---- BMI1 (has.bmi1) ---- */
void x64_andn(struct x64 *a, unsigned size, unsigned dst, unsigned inverted, unsigned src);
void x64_andn_rm(struct x64 *a, unsigned size, unsigned dst, unsigned inverted, struct x64_mem src);
void x64_bextr(struct x64 *a, unsigned size, unsigned dst, unsigned src, unsigned control);
void x64_blsr(struct x64 *a, unsigned size, unsigned dst, unsigned src);
void x64_blsmsk(struct x64 *a, unsigned size, unsigned dst, unsigned src);
void x64_blsi(struct x64 *a, unsigned size, unsigned dst, unsigned src);

/* ---- one operand; multiplication and division ---- */

/* MUL to IDIV: rdx:rax (ax for size 1) by the operand. NOT leaves the flags. */
enum x64_unary { X64_NOT = 2, X64_NEG, X64_MUL, X64_IMUL, X64_DIV, X64_IDIV };

void x64_unary_r(struct x64 *a, enum x64_unary op, unsigned size, unsigned r);
void x64_unary_m(struct x64 *a, enum x64_unary op, unsigned size, struct x64_mem m);
/* Sizes 2, 4, 8. */
void x64_imul_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src);
void x64_imul_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src);
void x64_imul_rri(struct x64 *a, unsigned size, unsigned dst, unsigned src, int32_t imm);
void x64_imul_rmi(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src, int32_t imm);
void x64_cdq(struct x64 *a); /* edx:eax <- eax */
void x64_cqo(struct x64 *a); /* rdx:rax <- rax */

/* ---- bits ---- */

enum x64_bt { X64_BT = 4, X64_BTS, X64_BTR, X64_BTC };

/* Sizes 2, 4, 8; CF is the old bit n. */
void x64_bt_ri(struct x64 *a, enum x64_bt op, unsigned size, unsigned r, unsigned n);
void x64_bt_rr(struct x64 *a, enum x64_bt op, unsigned size, unsigned r, unsigned n_reg);
void x64_bt_mi(struct x64 *a, enum x64_bt op, unsigned size, struct x64_mem m, unsigned n);

/* Sizes 2, 4, 8. BSF and BSR leave dst undefined for 0; LZCNT needs has.lzcnt, TZCNT has.bmi1. */
enum x64_count { X64_BSF, X64_BSR, X64_TZCNT, X64_LZCNT, X64_POPCNT };

void x64_count_rr(struct x64 *a, enum x64_count op, unsigned size, unsigned dst, unsigned src);
void x64_count_rm(struct x64 *a, enum x64_count op, unsigned size, unsigned dst,
                  struct x64_mem src);
/* CRC-32C of `size` (1, 2, 4, 8) bytes of src into dst. */
void x64_crc32_rr(struct x64 *a, unsigned size, unsigned dst, unsigned src);
void x64_crc32_rm(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src);

/* ---- flags ---- */

void x64_lahf(struct x64 *a);
void x64_movzx_ah(struct x64 *a, unsigned dst); /* what LAHF gave; rax to rdi */
void x64_sahf(struct x64 *a);
void x64_cmc(struct x64 *a);
void x64_clc(struct x64 *a);
void x64_stc(struct x64 *a);
void x64_pushf(struct x64 *a);
void x64_popf(struct x64 *a);

/* ---- memory order, atomics, the rest ---- */

void x64_xchg_mr(struct x64 *a, unsigned size, struct x64_mem m, unsigned r); /* always locked */
void x64_xadd_mr(struct x64 *a, bool lock, unsigned size, struct x64_mem m, unsigned r);
void x64_cmpxchg_mr(struct x64 *a, bool lock, unsigned size, struct x64_mem m, unsigned r);
/* rdx:rax with rcx:rbx; m is 16-byte aligned. */
void x64_cmpxchg16b(struct x64 *a, bool lock, struct x64_mem m);
void x64_mfence(struct x64 *a);
void x64_lfence(struct x64 *a);
void x64_sfence(struct x64 *a);
void x64_pause(struct x64 *a);
void x64_ud2(struct x64 *a);
void x64_int3(struct x64 *a);
void x64_rdtsc(struct x64 *a);
void x64_ldmxcsr(struct x64 *a, struct x64_mem m);
void x64_stmxcsr(struct x64 *a, struct x64_mem m);
void x64_prefetcht0(struct x64 *a, struct x64_mem m);
void x64_vzeroupper(struct x64 *a); /* has.avx */
/* Bytes that are no instruction, X64_ROOM at most. */
void x64_data(struct x64 *a, const void *data, size_t size);
/* Long nops; n is any number of bytes. */
void x64_nop(struct x64 *a, unsigned n);
/* Nops up to a multiple of `align`, a power of two, from the cache's point of view of `at`. */
void x64_align(struct x64 *a, unsigned align);

/* ---- branches ----
 *
 * The rel32 and rel8 forms return the address of their displacement field, for x64_patch() or
 * x64_here(); NULL when the writer is full, which those two ignore. Until then the displacement is
 * 0: the next instruction.
 */
uint8_t *x64_jcc(struct x64 *a, enum x64_cc cc);
uint8_t *x64_jmp(struct x64 *a);
uint8_t *x64_call(struct x64 *a);
uint8_t *x64_jcc_short(struct x64 *a, enum x64_cc cc);
uint8_t *x64_jmp_short(struct x64 *a);

/* Points the rel32 at `field` to target, both in the same mapping. Not atomic. */
void x64_patch(uint8_t *field, const uint8_t *target);
/* Where the rel32 at `field` points. */
uint8_t *x64_target(uint8_t *field);
/* Points the rel8 at `field` to a->at. Out of reach (127 bytes) counts as overflow. */
void x64_here(struct x64 *a, uint8_t *field);
/* The same for a rel32. */
void x64_here32(struct x64 *a, uint8_t *field);

/* To a place that is already known, in the shorter form (call has one). */
void x64_jcc_to(struct x64 *a, enum x64_cc cc, const uint8_t *target);
void x64_jmp_to(struct x64 *a, const uint8_t *target);
void x64_call_to(struct x64 *a, const uint8_t *target);

/*
 * A place that branches before and after it may name. Zeroed at first; bound once. Branches to a
 * label that is not bound yet are rel32 and are chained through their own fields.
 */
struct x64_label {
    uint8_t *at;    /* where it is, once bound */
    uint8_t *field; /* the last field that waits for it */
};

void x64_jcc_label(struct x64 *a, enum x64_cc cc, struct x64_label *l);
void x64_jmp_label(struct x64 *a, struct x64_label *l);
void x64_call_label(struct x64 *a, struct x64_label *l);
void x64_bind(struct x64 *a, struct x64_label *l);

void x64_jmp_r(struct x64 *a, unsigned r);
void x64_jmp_m(struct x64 *a, struct x64_mem m);
void x64_call_r(struct x64 *a, unsigned r);
void x64_call_m(struct x64 *a, struct x64_mem m);
void x64_ret(struct x64 *a);

/* ---- vectors: 128 bits, xmm0 to xmm15; the operations are rows of x64_vop.h ----
 *
 * With has.avx every instruction is VEX-encoded (EVEX where the row says so) and leaves its
 * sources. Without, the legacy form follows a movaps dst, src1. Where dst == src2 that goes through
 * xmm15, unless the operation commutes: xmm15 is therefore no operand of the caller's in such an
 * instruction. A 128-bit memory operand must be 16-byte aligned (legacy forms fault), other than of
 * MOVDQU, MOVUPS, MOVUPD and LDDQU.
 *
 * An operation of two operands is for x64_v2*, one of three for x64_v3*; those that take an
 * immediate, for *i. A scalar operation that VEX gives three operands (SQRTSD, ROUNDSD, CVTSS2SD)
 * is one of three; x64_v2*() takes it as well, and then what is above the scalar in
 * dst is unspecified.
 */

/* Whether the host has the operation: by the row's requirement. */
bool x64_vop_available(const struct x64_features *has, enum x64_vop op);

void x64_v3(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2);
void x64_v3m(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, struct x64_mem src2);
void x64_v3i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2,
             uint8_t imm);
void x64_v3mi(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, struct x64_mem src2,
              uint8_t imm);
void x64_v2(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src);
void x64_v2m(struct x64 *a, enum x64_vop op, unsigned dst, struct x64_mem src);
void x64_v2i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src, uint8_t imm);
void x64_v2mi(struct x64 *a, enum x64_vop op, unsigned dst, struct x64_mem src, uint8_t imm);
/* The rows *_ST: a store. */
void x64_vst(struct x64 *a, enum x64_vop op, struct x64_mem dst, unsigned src);
void x64_vsti(struct x64 *a, enum x64_vop op, struct x64_mem dst, unsigned src, uint8_t imm);
/* The rows *_I: a shift by a constant. */
void x64_vshift_i(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src, uint8_t n);
/*
 * BLENDVPS, BLENDVPD, PBLENDVB: where the mask's sign bits are set dst gets src2, elsewhere src1.
 * Without AVX the mask must be in xmm0, and dst is not xmm0.
 */
void x64_blendv(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src1, unsigned src2,
                unsigned mask);

/* movaps, unless it is the same register. */
void x64_vmov(struct x64 *a, unsigned dst, unsigned src);
/* size 4, 8 (zero-extended: movd, movq) or 16 (movdqu). */
void x64_vload(struct x64 *a, unsigned size, unsigned dst, struct x64_mem src);
void x64_vstore(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src);
/* dst <- 0 (xorps) and dst <- all ones (pcmpeqd). */
void x64_vzero(struct x64 *a, unsigned dst);
void x64_vones(struct x64 *a, unsigned dst);

/* Between xmm and general registers; size is the general register's, 4 or 8. movd and movq
 * zero-extend. */
void x64_movd_xr(struct x64 *a, unsigned size, unsigned dst_xmm, unsigned src);
void x64_movd_rx(struct x64 *a, unsigned size, unsigned dst, unsigned src_xmm);
/* CVTSI2SD, CVTSI2SS, VCVTUSI2SD, VCVTUSI2SS: the rest of dst comes from src1. */
void x64_cvt_xr(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src1,
                unsigned src);
void x64_cvt_xm(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src1,
                struct x64_mem src);
/* CVTSD2SI, CVTTSD2SI, CVTSS2SI, CVTTSS2SI and VCVT(T)SD2USI, VCVT(T)SS2USI. */
void x64_cvt_rx(struct x64 *a, enum x64_vop op, unsigned size, unsigned dst, unsigned src_xmm);
/* PMOVMSKB, MOVMSKPS, MOVMSKPD: zero-extended. */
void x64_movmsk(struct x64 *a, enum x64_vop op, unsigned dst, unsigned src_xmm);
/* Lanes of `size` 1, 2, 4, 8 bytes. dst gets src1 with one lane replaced; pextr zero-extends. */
void x64_pinsr(struct x64 *a, unsigned size, unsigned dst, unsigned src1, unsigned src,
               unsigned lane);
void x64_pinsr_m(struct x64 *a, unsigned size, unsigned dst, unsigned src1, struct x64_mem src,
                 unsigned lane);
void x64_pextr(struct x64 *a, unsigned size, unsigned dst, unsigned src_xmm, unsigned lane);
void x64_pextr_m(struct x64 *a, unsigned size, struct x64_mem dst, unsigned src_xmm, unsigned lane);

/* The imm8 of CMPPS, CMPPD, CMPSS, CMPSD. */
enum x64_fcmp {
    X64_FCMP_EQ,
    X64_FCMP_LT,
    X64_FCMP_LE,
    X64_FCMP_UNORD,
    X64_FCMP_NEQ,
    X64_FCMP_NLT,
    X64_FCMP_NLE,
    X64_FCMP_ORD,
};

/* The imm8 of ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD; + 8 suppresses the inexact flag. */
enum x64_round { X64_ROUND_NEAREST, X64_ROUND_DOWN, X64_ROUND_UP, X64_ROUND_ZERO, X64_ROUND_MXCSR };

#endif
