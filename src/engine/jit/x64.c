/* SPDX-License-Identifier: ISC */
/*
 * The assembler's encoder (SDM 2, chapter 2: prefixes, ModRM and SIB, REX, VEX, EVEX) and branches.
 */
#include "engine/jit/x64.h"

#include <string.h>

#include "base/bits.h"
#include "engine/jit/x64_insn.h"

void x64_init(struct x64 *a, uint8_t *start, size_t size, const struct x64_features *has)
{
    *a = (struct x64){.at = start, .start = start, .end = start + size, .has = *has};
}

/* ---- one instruction ---- */

/* Bit 3 of a register's number; that of X64_NONE is clear. */
static unsigned high(unsigned r)
{
    return (r >> 3) & 1;
}

static unsigned rex_x(const struct x64_insn *i)
{
    return i->has_mem ? high(i->mem.index) : 0;
}

static unsigned rex_b(const struct x64_insn *i)
{
    return high(i->has_mem ? i->mem.base : i->rm);
}

/* The mandatory prefix as VEX and EVEX have it. */
static unsigned vex_pp(const struct x64_insn *i)
{
    switch (i->prefix) {
    case 0x66: return 1;
    case 0xf3: return 2;
    case 0xf2: return 3;
    default: return 0;
    }
}

static uint8_t *put_legacy(uint8_t *p, const struct x64_insn *i)
{
    unsigned rex = i->w << 3 | high(i->reg) << 2 | rex_x(i) << 1 | rex_b(i);
    bool low_byte =
        (i->byte_reg && i->reg >= X64_RSP) || (i->byte_rm && !i->has_mem && i->rm >= X64_RSP);

    if (i->lock) {
        *p++ = 0xf0;
    }
    if (i->opsize) {
        *p++ = 0x66;
    }
    if (i->prefix != 0) {
        *p++ = i->prefix;
    }
    if (rex != 0 || low_byte) {
        *p++ = (uint8_t)(0x40 | rex);
    }
    if (i->map != X64_MAP_ONE) {
        *p++ = 0x0f;
    }
    if (i->map == X64_MAP_38) {
        *p++ = 0x38;
    } else if (i->map == X64_MAP_3A) {
        *p++ = 0x3a;
    }
    return p;
}

/* VEX.128; SDM 2A 2.3.5. */
static uint8_t *put_vex(uint8_t *p, const struct x64_insn *i)
{
    unsigned inverted_rxb = ~(high(i->reg) << 2 | rex_x(i) << 1 | rex_b(i)) & 7;
    unsigned tail = (~i->vvvv & 15) << 3 | vex_pp(i);

    if ((inverted_rxb & 3) == 3 && i->map == X64_MAP_0F && !i->w) {
        *p++ = 0xc5;
        *p++ = (uint8_t)((inverted_rxb & 4) << 5 | tail);
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)(inverted_rxb << 5 | i->map);
        *p++ = (uint8_t)(i->w << 7 | tail);
    }
    return p;
}

/* EVEX.128 without masking, of xmm0 to xmm15: R' and V' are 1 as stored; SDM 2A 2.7.1. */
static uint8_t *put_evex(uint8_t *p, const struct x64_insn *i)
{
    unsigned inverted_rxb = ~(high(i->reg) << 2 | rex_x(i) << 1 | rex_b(i)) & 7;

    *p++ = 0x62;
    *p++ = (uint8_t)(inverted_rxb << 5 | 0x10 | i->map);
    *p++ = (uint8_t)(i->w << 7 | (~i->vvvv & 15) << 3 | 4 | vex_pp(i));
    *p++ = 0x08;
    return p;
}

static uint8_t *put_disp32(uint8_t *p, int32_t disp)
{
    memcpy(p, &disp, sizeof(disp));
    return p + sizeof(disp);
}

/*
 * ModRM, SIB and displacement. The unit of a disp8 is 1 << shift bytes: 1 but for EVEX. As a base,
 * rsp and r12 need a SIB and rbp and r13 a displacement; no base at all is mod 0 with base 5, which
 * always has a disp32.
 */
static uint8_t *put_mem(uint8_t *p, unsigned reg, const struct x64_mem *m, unsigned shift)
{
    unsigned reg_field = (reg & 7) << 3;
    unsigned index = m->index == X64_NONE ? 4 : m->index & 7;
    unsigned base = m->base == X64_NONE ? 5 : m->base & 7;
    unsigned sib = (unsigned)__builtin_ctz(m->scale) << 6 | index << 3 | base;
    int32_t disp8 = m->disp >> shift;
    bool fits8 = disp8 == (int8_t)disp8 && disp8 * (1 << shift) == m->disp;
    unsigned mod;

    if (m->base == X64_NONE) {
        *p++ = (uint8_t)(reg_field | 4);
        *p++ = (uint8_t)sib;
        return put_disp32(p, m->disp);
    }
    if (m->disp == 0 && base != 5) {
        mod = 0;
    } else {
        mod = fits8 ? 1 : 2;
    }
    if (m->index == X64_NONE && base != 4) {
        *p++ = (uint8_t)(mod << 6 | reg_field | base);
    } else {
        *p++ = (uint8_t)(mod << 6 | reg_field | 4);
        *p++ = (uint8_t)sib;
    }
    if (mod == 1) {
        *p++ = (uint8_t)disp8;
    } else if (mod == 2) {
        p = put_disp32(p, m->disp);
    }
    return p;
}

static bool has_room(struct x64 *a)
{
    if (a->end - a->at < X64_ROOM) {
        a->overflow = true;
        return false;
    }
    return true;
}

bool x64_emit(struct x64 *a, const struct x64_insn *i)
{
    uint8_t *p = a->at;

    if (!has_room(a)) {
        return false;
    }
    switch (i->form) {
    case X64_FORM_LEGACY: p = put_legacy(p, i); break;
    case X64_FORM_VEX: p = put_vex(p, i); break;
    default: p = put_evex(p, i); break;
    }
    *p++ = i->opcode;
    if (i->has_mem && i->mem.base == X64_RIP) {
        *p++ = (uint8_t)((i->reg & 7) << 3 | 5);
        /* from the next instruction */
        p = put_disp32(p, (int32_t)(a->start + i->mem.disp - (p + 4 + i->imm_size)));
    } else if (i->has_mem) {
        p = put_mem(p, i->reg, &i->mem, i->form == X64_FORM_EVEX ? 4 : 0);
    } else if (!i->no_modrm) {
        *p++ = (uint8_t)(0xc0 | (i->reg & 7) << 3 | (i->rm & 7));
    }
    memcpy(p, &i->imm, sizeof(i->imm)); /* what is too much is written over, or never looked at */
    a->at = p + i->imm_size;
    return true;
}

/* ---- padding ---- */

void x64_nop(struct x64 *a, unsigned n)
{
    /* SDM 2B, NOP: the recommended sequences. */
    static const uint8_t nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };

    while (n > 0 && has_room(a)) {
        unsigned len = MIN(n, 9U);

        memcpy(a->at, nops[len - 1], len);
        a->at += len;
        n -= len;
    }
}

void x64_align(struct x64 *a, unsigned align)
{
    x64_nop(a, -(unsigned)(uintptr_t)a->at & (align - 1));
}

void x64_data(struct x64 *a, const void *data, size_t size)
{
    if (has_room(a)) {
        memcpy(a->at, data, size);
        a->at += size;
    }
}

/* ---- branches ---- */

static int64_t distance(const uint8_t *from, const uint8_t *to)
{
    return (int64_t)((uintptr_t)to - (uintptr_t)from);
}

/* With a displacement of `size` bytes, 0 for the time being. */
static uint8_t *branch(struct x64 *a, unsigned map, unsigned opcode, unsigned size)
{
    struct x64_insn i = {.map = (uint8_t)map,
                         .opcode = (uint8_t)opcode,
                         .no_modrm = true,
                         .imm_size = (uint8_t)size};

    return x64_emit(a, &i) ? a->at - size : NULL;
}

uint8_t *x64_jcc(struct x64 *a, enum x64_cc cc)
{
    return branch(a, X64_MAP_0F, 0x80 | cc, 4);
}

uint8_t *x64_jmp(struct x64 *a)
{
    return branch(a, X64_MAP_ONE, 0xe9, 4);
}

uint8_t *x64_call(struct x64 *a)
{
    return branch(a, X64_MAP_ONE, 0xe8, 4);
}

uint8_t *x64_jcc_short(struct x64 *a, enum x64_cc cc)
{
    return branch(a, X64_MAP_ONE, 0x70 | cc, 1);
}

uint8_t *x64_jmp_short(struct x64 *a)
{
    return branch(a, X64_MAP_ONE, 0xeb, 1);
}

void x64_patch(uint8_t *field, const uint8_t *target)
{
    if (field != NULL) {
        put_disp32(field, (int32_t)distance(field + 4, target));
    }
}

uint8_t *x64_target(uint8_t *field)
{
    int32_t disp;

    memcpy(&disp, field, sizeof(disp));
    return field + 4 + disp;
}

void x64_here(struct x64 *a, uint8_t *field)
{
    int64_t disp;

    if (field == NULL) {
        return;
    }
    disp = distance(field + 1, a->at);
    if (disp != (int8_t)disp) {
        a->overflow = true;
    }
    *field = (uint8_t)disp;
}

void x64_here32(struct x64 *a, uint8_t *field)
{
    x64_patch(field, a->at);
}

/* From a->at, by an instruction of two bytes. */
static bool reach8(const struct x64 *a, const uint8_t *target)
{
    int64_t disp = distance(a->at + 2, target);

    return disp == (int8_t)disp;
}

/* Fills the rel8 of the branch just written. */
static void patch8(uint8_t *field, const uint8_t *target)
{
    if (field != NULL) {
        *field = (uint8_t)distance(field + 1, target);
    }
}

void x64_jcc_to(struct x64 *a, enum x64_cc cc, const uint8_t *target)
{
    if (reach8(a, target)) {
        patch8(x64_jcc_short(a, cc), target);
    } else {
        x64_patch(x64_jcc(a, cc), target);
    }
}

void x64_jmp_to(struct x64 *a, const uint8_t *target)
{
    if (reach8(a, target)) {
        patch8(x64_jmp_short(a), target);
    } else {
        x64_patch(x64_jmp(a), target);
    }
}

void x64_call_to(struct x64 *a, const uint8_t *target)
{
    x64_patch(x64_call(a), target);
}

/* ---- labels: a field that waits holds the distance back to the one before it, 0 in the first ----
 */

static void wait_for(struct x64_label *l, uint8_t *field)
{
    if (field == NULL) {
        return;
    }
    put_disp32(field, l->field == NULL ? 0 : (int32_t)distance(l->field, field));
    l->field = field;
}

void x64_jcc_label(struct x64 *a, enum x64_cc cc, struct x64_label *l)
{
    if (l->at != NULL) {
        x64_jcc_to(a, cc, l->at);
    } else {
        wait_for(l, x64_jcc(a, cc));
    }
}

void x64_jmp_label(struct x64 *a, struct x64_label *l)
{
    if (l->at != NULL) {
        x64_jmp_to(a, l->at);
    } else {
        wait_for(l, x64_jmp(a));
    }
}

void x64_call_label(struct x64 *a, struct x64_label *l)
{
    if (l->at != NULL) {
        x64_call_to(a, l->at);
    } else {
        wait_for(l, x64_call(a));
    }
}

void x64_bind(struct x64 *a, struct x64_label *l)
{
    uint8_t *field = l->field;

    while (field != NULL) {
        int32_t back;

        memcpy(&back, field, sizeof(back));
        x64_patch(field, a->at);
        field = back == 0 ? NULL : field - back;
    }
    l->at = a->at;
    l->field = NULL;
}
