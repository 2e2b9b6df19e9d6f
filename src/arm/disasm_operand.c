/* SPDX-License-Identifier: ISC */
/*
 * Operands of the disassembler that are not registers: immediates, addresses, shifts, lists, system
 * registers.
 */
#include "arm/disasm.h"

#include <ctype.h>
#include <string.h>

#include "arm/a64.h"
#include "arm/sysreg.h"
#include "base/bits.h"

static const char *const CONDITIONS[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                         "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

static void hex_target(struct disasm *d, uint64_t target)
{
    disasm_print(d, "0x%llx", (unsigned long long)target);
}

static void signed_number(struct disasm *d, int64_t value)
{
    disasm_print(d, "#%lld", (long long)value);
}

/* --- data processing --- */

static void op_addimm(struct disasm *d)
{
    disasm_print(d, "#%u%s", a64_imm12(d->w), a64_sh(d->w) ? ", lsl #12" : "");
}

static void op_adr(struct disasm *d)
{
    uint64_t imm = (uint64_t)a64_immhi(d->w) << 2 | a64_immlo(d->w);

    hex_target(d, d->pc + (uint64_t)sign_extend(imm, 21));
}

static void op_adrp(struct disasm *d)
{
    uint64_t imm = (uint64_t)a64_immhi(d->w) << 2 | a64_immlo(d->w);

    hex_target(d, (d->pc & ~UINT64_C(0xfff)) + ((uint64_t)sign_extend(imm, 21) << 12));
}

/* DecodeBitMasks (J1): a run of imms+1 ones, rotated right by immr, repeated. */
static uint64_t bitmask(uint32_t w)
{
    unsigned length = disasm_high_bit(a64_N(w) << 6 | (~a64_imms(w) & 0x3f)), size = 1u << length;
    unsigned ones = (a64_imms(w) & (size - 1)) + 1, rotate = a64_immr(w) & (size - 1);
    uint64_t run = bits_mask(ones), value;

    value = rotate ? (run >> rotate | run << (size - rotate)) & bits_mask(size) : run;
    for (; size < 64; size *= 2) {
        value |= value << size;
    }
    return a64_sf(w) ? value : value & UINT32_MAX;
}

static void op_bitmask(struct disasm *d)
{
    disasm_print(d, "#0x%llx", (unsigned long long)bitmask(d->w));
}

static void op_bitmov(struct disasm *d)
{
    signed_number(d, sign_extend(bitmask(d->w), a64_sf(d->w) ? 64 : 32));
}

static void op_movimm(struct disasm *d)
{
    disasm_print(d, "#%u", a64_imm16(d->w));
    if (a64_hw(d->w)) {
        disasm_print(d, ", lsl #%u", 16 * a64_hw(d->w));
    }
}

static void op_movz(struct disasm *d)
{
    signed_number(
        d, sign_extend((uint64_t)a64_imm16(d->w) << 16 * a64_hw(d->w), a64_sf(d->w) ? 64 : 32));
}

static void op_movn(struct disasm *d)
{
    signed_number(
        d, sign_extend(~((uint64_t)a64_imm16(d->w) << 16 * a64_hw(d->w)), a64_sf(d->w) ? 64 : 32));
}

static void op_bfiz(struct disasm *d)
{
    unsigned width = a64_sf(d->w) ? 64 : 32;

    disasm_print(d, "#%u, #%u", (width - a64_immr(d->w)) & (width - 1), a64_imms(d->w) + 1);
}

static void op_bfx(struct disasm *d)
{
    disasm_print(d, "#%u, #%u", a64_immr(d->w), a64_imms(d->w) - a64_immr(d->w) + 1);
}

static void op_lslimm(struct disasm *d)
{
    disasm_print(d, "#%u", (a64_sf(d->w) ? 63 : 31) - a64_imms(d->w));
}

static void op_shift(struct disasm *d)
{
    static const char *const NAMES[] = {"lsl", "lsr", "asr", "ror"};

    if (a64_shift(d->w) || a64_imm6(d->w)) {
        disasm_print(d, ", %s #%u", NAMES[a64_shift(d->w)], a64_imm6(d->w));
    }
}

static const char *const EXTENDS[] = {"uxtb", "uxth", "uxtw", "uxtx",
                                      "sxtb", "sxth", "sxtw", "sxtx"};

/* The plain extension of an operation on SP is written LSL, or not at all when it shifts by
 * nothing. */
static void op_ext(struct disasm *d)
{
    uint32_t w = d->w, plain = a64_sf(w) ? 3 : 2, amount = a64_imm3(w);
    bool sets_flags = bits_get(w, 29, 29);
    bool sp = a64_Rn(w) == 31 || (a64_Rd(w) == 31 && !sets_flags);

    if (sp && a64_option(w) == plain) {
        if (amount) {
            disasm_print(d, ", lsl #%u", amount);
        }
        return;
    }
    disasm_print(d, ", %s", EXTENDS[a64_option(w)]);
    if (amount) {
        disasm_print(d, " #%u", amount);
    }
}

static void op_cond(struct disasm *d)
{
    disasm_print(d, "%s", CONDITIONS[a64_cond(d->w)]);
}

static void op_invcond(struct disasm *d)
{
    disasm_print(d, "%s", CONDITIONS[a64_cond(d->w) ^ 1]);
}

static void op_crcsz(struct disasm *d)
{
    disasm_print(d, "%c", "bhwx"[a64_crcsz(d->w)]);
}

/* --- branches and system --- */

static void op_bcond(struct disasm *d)
{
    disasm_print(d, "%s", CONDITIONS[a64_bcond(d->w)]);
}

static void op_rel14(struct disasm *d)
{
    hex_target(d, d->pc + (uint64_t)sign_extend((uint64_t)a64_imm14(d->w) << 2, 16));
}

static void op_rel19(struct disasm *d)
{
    hex_target(d, d->pc + (uint64_t)sign_extend((uint64_t)a64_imm19(d->w) << 2, 21));
}

static void op_rel26(struct disasm *d)
{
    hex_target(d, d->pc + (uint64_t)sign_extend((uint64_t)a64_imm26(d->w) << 2, 28));
}

static void op_tbit(struct disasm *d)
{
    disasm_print(d, "#%u", a64_b5(d->w) << 5 | a64_b40(d->w));
}

static void op_imm16x(struct disasm *d)
{
    disasm_print(d, "#%#x", a64_imm16(d->w));
}

static void op_hint(struct disasm *d)
{
    disasm_print(d, "#%u", a64_CRm(d->w) << 3 | a64_op2(d->w));
}

static void op_barrier(struct disasm *d)
{
    static const char *const NAMES[] = {NULL,    "oshld", "oshst", "osh",   NULL,    "nshld",
                                        "nshst", "nsh",   NULL,    "ishld", "ishst", "ish",
                                        NULL,    "ld",    "st",    "sy"};
    unsigned option = a64_CRm(d->w);

    if (NAMES[option]) {
        disasm_print(d, "%s", NAMES[option]);
    } else {
        disasm_print(d, "#%u", option);
    }
}

/* The operand of ISB and CLREX is left out when it is 15. */
static void op_crm15(struct disasm *d)
{
    if (a64_CRm(d->w) != 15) {
        disasm_print(d, " #%u", a64_CRm(d->w));
    }
}

static uint32_t key_of(uint32_t w)
{
    return (uint32_t)bits_get(w, 20, 5);
}

static void print_sysreg(struct disasm *d, unsigned access)
{
    uint32_t key = key_of(d->w);
    const struct sysreg_info *info = sysreg_lookup(key);

    if (info && info->id == SYSREG_DBGDTRRX_EL0 && (access & SYSREG_W1)) {
        disasm_print(d, "DBGDTRTX_EL0"); /* one encoding, two registers */
    } else if (info && info->id != SYSREG_ID_RESERVED && (info->access & access)) {
        disasm_print(d, "%s", info->name);
    } else {
        disasm_print(d, "S%u_%u_C%u_C%u_%u", key >> 14, key >> 11 & 7, key >> 7 & 15, key >> 3 & 15,
                     key & 7);
    }
}

static void op_sysreg(struct disasm *d)
{
    print_sysreg(d, SYSREG_R0 | SYSREG_R1);
}

static void op_sysregw(struct disasm *d)
{
    print_sysreg(d, SYSREG_W0 | SYSREG_W1);
}

static void op_syscode(struct disasm *d)
{
    disasm_print(d, "#%u, c%u, c%u, #%u", a64_op1(d->w), a64_CRn(d->w), a64_CRm(d->w),
                 a64_op2(d->w));
}

/* Whether a SYS instruction uses its register: not the TLB and cache operations on everything. */
static bool sysop_has_operand(enum sysop_id id)
{
    return id != SYSOP_IC_IALLU && id != SYSOP_IC_IALLUIS && id != SYSOP_TLBI_VMALLE1 &&
           id != SYSOP_TLBI_VMALLE1IS;
}

/* SYS as a whole: "dc zva, x0", or its general form. */
static void op_sys(struct disasm *d)
{
    const struct sysop_info *info = sysop_lookup(key_of(d->w));
    unsigned rt = a64_Rt(d->w);

    if (info && (rt == 31 || sysop_has_operand(info->id))) {
        for (const char *p = info->name; *p; p++) {
            disasm_print(d, "%c", *p == '_' ? ' ' : tolower((unsigned char)*p));
        }
        if (!sysop_has_operand(info->id)) {
            return;
        }
    } else {
        disasm_print(d, "sys ");
        op_syscode(d);
        if (rt == 31) {
            return;
        }
    }
    disasm_print(d, ", ");
    disasm_gpr(d, true, rt, false);
}

/* --- loads and stores --- */

static void op_lsz(struct disasm *d)
{
    static const char *const SUFFIX[] = {"b", "h", "", ""};

    disasm_print(d, "%s", SUFFIX[a64_ldsize(d->w)]);
}

static void op_lszw(struct disasm *d)
{
    disasm_print(d, "%c", "bhw?"[a64_ldsize(d->w)]);
}

static void flag(struct disasm *d, bool set, const char *text)
{
    disasm_print(d, "%s", set ? text : "");
}

static void op_l15(struct disasm *d)
{
    flag(d, a64_strel(d->w), "l");
}

static void op_a15(struct disasm *d)
{
    flag(d, a64_strel(d->w), "a");
}

static void op_a22(struct disasm *d)
{
    flag(d, a64_ldacq(d->w), "a");
}

static void op_a23(struct disasm *d)
{
    flag(d, a64_A(d->w), "a");
}

static void op_l22(struct disasm *d)
{
    flag(d, a64_R(d->w), "l");
}

static void op_imm9(struct disasm *d)
{
    signed_number(d, sign_extend(a64_imm9(d->w), 9));
}

static void op_imm9opt(struct disasm *d)
{
    if (a64_imm9(d->w)) {
        disasm_print(d, ", ");
        op_imm9(d);
    }
}

static int64_t pair_offset(uint32_t w, unsigned log)
{
    return sign_extend(a64_imm7(w), 7) * (int64_t)BIT(log);
}

static void op_imm7(struct disasm *d)
{
    signed_number(d, pair_offset(d->w, a64_pairx(d->w) + 2));
}

static void op_imm7w(struct disasm *d)
{
    signed_number(d, pair_offset(d->w, 2));
}

static void op_imm7q(struct disasm *d)
{
    signed_number(d, pair_offset(d->w, a64_pairsz(d->w) + 2));
}

static void unless_zero(struct disasm *d, uint32_t value, void (*print)(struct disasm *))
{
    if (value) {
        disasm_print(d, ", ");
        print(d);
    }
}

static void op_imm7opt(struct disasm *d)
{
    unless_zero(d, a64_imm7(d->w), op_imm7);
}

static void op_imm7wopt(struct disasm *d)
{
    unless_zero(d, a64_imm7(d->w), op_imm7w);
}

static void op_imm7qopt(struct disasm *d)
{
    unless_zero(d, a64_imm7(d->w), op_imm7q);
}

static unsigned quad_log(uint32_t w)
{
    return a64_opc1(w) ? 4 : a64_ldsize(w);
}

static void scaled_offset(struct disasm *d, unsigned log)
{
    if (a64_imm12(d->w)) {
        disasm_print(d, ", #%u", a64_imm12(d->w) << log);
    }
}

static void op_uoff(struct disasm *d)
{
    scaled_offset(d, a64_ldsize(d->w));
}

static void op_uoffq(struct disasm *d)
{
    scaled_offset(d, quad_log(d->w));
}

/* A register offset: Xm or Wm, extended and shifted by the access size when S is set. */
static void register_offset(struct disasm *d, unsigned log)
{
    unsigned option = a64_option(d->w), shifted = a64_S(d->w);

    disasm_gpr(d, option & 1, a64_Rm(d->w), false);
    if (option != 3) {
        disasm_print(d, ", %s", EXTENDS[option]);
        if (shifted) {
            disasm_print(d, " #%u", log);
        }
    } else if (shifted) {
        disasm_print(d, ", lsl #%u", log);
    }
}

static void op_regoff(struct disasm *d)
{
    register_offset(d, a64_ldsize(d->w));
}

static void op_regoffq(struct disasm *d)
{
    register_offset(d, quad_log(d->w));
}

static void op_prfop(struct disasm *d)
{
    static const char *const TYPES[] = {"pld", "pli", "pst"};
    unsigned op = a64_Rt(d->w), type = op >> 3, level = op >> 1 & 3;

    if (type < 3 && level < 3) {
        disasm_print(d, "%sl%u%s", TYPES[type], level + 1, op & 1 ? "strm" : "keep");
    } else {
        disasm_print(d, "#%u", op);
    }
}

/* --- SIMD structures --- */

static void register_list(struct disasm *d, unsigned count, const char *arrangement)
{
    disasm_print(d, "{ ");
    for (unsigned i = 0; i < count; i++) {
        disasm_print(d, "%sv%u.%s", i ? ", " : "", (a64_Rt(d->w) + i) % 32, arrangement);
    }
    disasm_print(d, " }");
}

static void structure_list(struct disasm *d, unsigned count)
{
    unsigned log = a64_elsize(d->w), lanes = (a64_Q(d->w) ? 16u : 8u) >> log;
    char text[4] = {0};

    if (lanes >= 10) {
        text[0] = '1';
        text[1] = (char)('0' + lanes - 10);
    } else {
        text[0] = (char)('0' + lanes);
    }
    text[strlen(text)] = disasm_element(log);
    register_list(d, count, text);
}

static unsigned lane_log(uint32_t w)
{
    return a64_esc(w) == 2 && (a64_elsize(w) & 1) ? 3 : a64_esc(w);
}

static void lane(struct disasm *d, unsigned count)
{
    unsigned log = lane_log(d->w);
    unsigned index = (a64_Q(d->w) << 3 | a64_S(d->w) << 2 | a64_elsize(d->w)) >> log;
    const char text[2] = {disasm_element(log), '\0'};

    register_list(d, count, text);
    disasm_print(d, "[%u]", index);
}

/* The post-index: by a register, or (Rm = 31) by the bytes transferred. */
static void post_index(struct disasm *d, unsigned bytes)
{
    if (a64_Rm(d->w) == 31) {
        disasm_print(d, ", #%u", bytes);
    } else {
        disasm_print(d, ", x%u", a64_Rm(d->w));
    }
}

/* One routine each for one to four registers. */
#define STRUCTURES(n)                                                                              \
    static void op_list##n(struct disasm *d)                                                       \
    {                                                                                              \
        structure_list(d, n);                                                                      \
    }                                                                                              \
    static void op_lane##n(struct disasm *d)                                                       \
    {                                                                                              \
        lane(d, n);                                                                                \
    }                                                                                              \
    static void op_multpost##n(struct disasm *d)                                                   \
    {                                                                                              \
        post_index(d, (a64_Q(d->w) ? 16 : 8) * n);                                                 \
    }                                                                                              \
    static void op_lanepost##n(struct disasm *d)                                                   \
    {                                                                                              \
        post_index(d, (1u << lane_log(d->w)) * n);                                                 \
    }                                                                                              \
    static void op_reppost##n(struct disasm *d)                                                    \
    {                                                                                              \
        post_index(d, (1u << a64_elsize(d->w)) * n);                                               \
    }
STRUCTURES(1)
STRUCTURES(2)
STRUCTURES(3)
STRUCTURES(4)

/* --- SIMD and floating point --- */

static void op_2(struct disasm *d)
{
    flag(d, a64_Q(d->w), "2");
}

/* VFPExpandImm (J1): sign, three bits of exponent around 0, four of fraction. */
static void expanded(struct disasm *d, unsigned imm8)
{
    unsigned power = (imm8 >> 4 & 7) ^ 4; /* the exponent plus 3 */
    double value = (double)((16 + (imm8 & 15)) << power) / 128;

    disasm_print(d, "#%.8f", imm8 & 0x80 ? -value : value);
}

static void op_fpimm(struct disasm *d)
{
    expanded(d, a64_fpimm8(d->w));
}

static unsigned modified_imm8(uint32_t w)
{
    return a64_abc(w) << 5 | a64_defgh(w);
}

static void op_mfp(struct disasm *d)
{
    expanded(d, modified_imm8(d->w));
}

static void op_mimm(struct disasm *d)
{
    unsigned cmode = a64_cmode(d->w), amount = cmode < 12 ? (cmode >> 1 & 3) * 8 : 0;

    disasm_print(d, "#%u", modified_imm8(d->w));
    if (cmode >= 8 && cmode < 12) {
        amount = (cmode >> 1 & 1) * 8;
    }
    if (cmode == 12 || cmode == 13) {
        disasm_print(d, ", msl #%u", cmode & 1 ? 16 : 8);
    } else if (amount) {
        disasm_print(d, ", lsl #%u", amount);
    }
}

static void op_movi64d(struct disasm *d)
{
    disasm_print(d, a64_Q(d->w) ? "v%u.2d" : "d%u", a64_Rd(d->w));
}

static void op_mimm64(struct disasm *d)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= modified_imm8(d->w) >> i & 1 ? UINT64_C(0xff) << 8 * i : 0;
    }
    disasm_print(d, "#%#016llx", (unsigned long long)value);
}

static void op_fbits(struct disasm *d)
{
    disasm_print(d, "#%u", 64 - a64_scale(d->w));
}

static void op_lsh(struct disasm *d)
{
    unsigned shift = a64_immh(d->w) << 3 | a64_immb(d->w);

    disasm_print(d, "#%u", shift - (8u << disasm_high_bit(a64_immh(d->w))));
}

static void op_rsh(struct disasm *d)
{
    unsigned shift = a64_immh(d->w) << 3 | a64_immb(d->w);

    disasm_print(d, "#%u", (16u << disasm_high_bit(a64_immh(d->w))) - shift);
}

static void op_shll(struct disasm *d)
{
    disasm_print(d, "#%u", 8u << a64_size(d->w));
}

static void op_i5(struct disasm *d)
{
    disasm_print(d, "%u", a64_imm5(d->w) >> (disasm_low_bit(a64_imm5(d->w)) + 1));
}

static void op_i4(struct disasm *d)
{
    disasm_print(d, "%u", a64_imm4(d->w) >> disasm_low_bit(a64_imm5(d->w)));
}

static void op_i5t(struct disasm *d)
{
    disasm_print(d, "%c", disasm_element(disasm_low_bit(a64_imm5(d->w))));
}

static void op_tbl(struct disasm *d)
{
    disasm_print(d, "{ ");
    for (unsigned i = 0; i <= a64_len(d->w); i++) {
        disasm_print(d, "%sv%u.16b", i ? ", " : "", (a64_Rn(d->w) + i) % 32);
    }
    disasm_print(d, " }");
}

static void element(struct disasm *d, unsigned log)
{
    uint32_t w = d->w, h = a64_H(w), l = a64_L(w), m = a64_M(w);

    if (log == 1) {
        disasm_print(d, "v%u.h[%u]", a64_Rm4(w), h << 2 | l << 1 | m);
    } else if (log == 2) {
        disasm_print(d, "v%u.s[%u]", m << 4 | a64_Rm4(w), h << 1 | l);
    } else {
        disasm_print(d, "v%u.d[%u]", m << 4 | a64_Rm4(w), h);
    }
}

static void op_el(struct disasm *d)
{
    element(d, a64_size(d->w));
}

static void op_fel(struct disasm *d)
{
    element(d, a64_size(d->w) ? a64_size(d->w) : 1);
}

static void op_dotel(struct disasm *d)
{
    disasm_print(d, "v%u.4b[%u]", a64_M(d->w) << 4 | a64_Rm4(d->w), a64_H(d->w) << 1 | a64_L(d->w));
}

/* LDRAA: ten bits of offset, by doublewords. */
static void op_ldraa(struct disasm *d)
{
    int64_t offset = sign_extend((uint64_t)a64_N(d->w) << 9 | a64_imm9(d->w), 10) * 8;

    disasm_print(d, "[");
    disasm_gpr(d, true, a64_Rn(d->w), true);
    if (offset || a64_H(d->w))
        disasm_print(d, ", #%lld", (long long)offset);
    disasm_print(d, a64_H(d->w) ? "]!" : "]");
}

/* Fields that templates print as numbers: {#name}. */
static const struct {
    const char *name;
    uint32_t (*get)(uint32_t w);
} NUMBERS[] = {
    {"CRm", a64_CRm},   {"imm4", a64_imm4}, {"imm5", a64_imm5},     {"immr", a64_immr},
    {"imms", a64_imms}, {"nzcv", a64_nzcv}, {"udfimm", a64_udfimm},
};

static const struct {
    const char *name;
    void (*print)(struct disasm *d);
} OPERANDS[] = {
#define OP(name)                                                                                   \
    {                                                                                              \
#name, op_##name                                                                           \
    }
    OP(addimm),    OP(adr),       OP(adrp),      OP(bitmask),   OP(bitmov),    OP(movimm),
    OP(movz),      OP(movn),      OP(bfiz),      OP(bfx),       OP(lslimm),    OP(shift),
    OP(ext),       OP(cond),      OP(invcond),   OP(crcsz),     OP(bcond),     OP(rel14),
    OP(rel19),     OP(rel26),     OP(tbit),      OP(imm16x),    OP(hint),      OP(barrier),
    OP(crm15),     OP(sysreg),    OP(sysregw),   OP(syscode),   OP(sys),       OP(lsz),
    OP(lszw),      OP(l15),       OP(a15),       OP(a22),       OP(a23),       OP(l22),
    OP(imm9),      OP(imm9opt),   OP(imm7),      OP(imm7w),     OP(imm7q),     OP(imm7opt),
    OP(imm7wopt),  OP(imm7qopt),  OP(uoff),      OP(uoffq),     OP(regoff),    OP(regoffq),
    OP(prfop),     OP(list1),     OP(list2),     OP(list3),     OP(list4),     OP(lane1),
    OP(lane2),     OP(lane3),     OP(lane4),     OP(multpost1), OP(multpost2), OP(multpost3),
    OP(multpost4), OP(lanepost1), OP(lanepost2), OP(lanepost3), OP(lanepost4), OP(reppost1),
    OP(reppost2),  OP(reppost3),  OP(reppost4),  OP(2),         OP(fpimm),     OP(mfp),
    OP(mimm),      OP(movi64d),   OP(mimm64),    OP(fbits),     OP(lsh),       OP(rsh),
    OP(shll),      OP(i5),        OP(i4),        OP(i5t),       OP(tbl),       OP(el),
    OP(fel),       OP(dotel),     OP(ldraa),
#undef OP
};

bool disasm_operand(struct disasm *d, const char *name)
{
    for (size_t i = 0; name[0] == '#' && i < nitems(NUMBERS); i++) {
        if (strcmp(NUMBERS[i].name, name + 1) == 0) {
            disasm_print(d, "#%u", NUMBERS[i].get(d->w));
            return true;
        }
    }
    for (size_t i = 0; i < nitems(OPERANDS); i++) {
        if (strcmp(OPERANDS[i].name, name) == 0) {
            OPERANDS[i].print(d);
            return true;
        }
    }
    return false;
}
