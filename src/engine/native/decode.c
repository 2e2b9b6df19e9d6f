/* SPDX-License-Identifier: ISC */
#include "engine/native/decode.h"

#include <string.h>

#include "arm/esr.h"
#include "base/bits.h"

static unsigned field(uint32_t word, unsigned hi, unsigned lo)
{
    return (unsigned)bits_get(word, hi, lo);
}

/* `count` registers from `first` on, each filled by parts one after another. */
static void add_registers(struct native_access *a, unsigned reg, unsigned bytes)
{
    for (unsigned byte = 0; byte < bytes; byte += a->size) {
        a->part[a->parts].reg = (uint8_t)reg;
        a->part[a->parts++].byte = (uint8_t)byte;
    }
}

static void write_back(struct native_access *a, uint32_t word, int64_t offset)
{
    a->writeback = true;
    a->base = (uint8_t)field(word, 9, 5);
    a->index = 31;
    a->offset = offset;
}

/* --- one register: immediate, unscaled, unprivileged, register offset --- */

static bool single_vector(uint32_t word, struct native_access *a)
{
    unsigned log = field(word, 31, 30) | field(word, 23, 23) << 2;
    unsigned bytes = 1u << log;

    if (log > 4)
        return false;
    a->vector = true;
    a->rest = NATIVE_REST_ZERO;
    a->write = !(word & BIT(22));
    a->size = (uint8_t)MIN(bytes, 8u);
    add_registers(a, field(word, 4, 0), bytes);
    return true;
}

static bool single_general(uint32_t word, struct native_access *a)
{
    unsigned size = field(word, 31, 30), opc = field(word, 23, 22);

    if (size == 3 && opc >= 2) /* PRFM */
        return false;
    if (size == 2 && opc == 3)
        return false;
    a->write = opc == 0;
    a->sign = opc >= 2;
    a->wide = opc == 2 || size == 3;
    a->size = (uint8_t)(1u << size);
    add_registers(a, field(word, 4, 0), a->size);
    return true;
}

static bool decode_single(uint32_t word, struct native_access *a)
{
    bool scaled = field(word, 25, 24) == 1;
    unsigned form = field(word, 11, 10);

    if (!scaled && field(word, 25, 24) != 0)
        return false;
    if (!scaled && (word & BIT(21)) && form != 2) /* atomics, pointer authentication */
        return false;
    if (!scaled && !(word & BIT(21)) && (form & 1))
        write_back(a, word, sign_extend(field(word, 20, 12), 9));
    return word & BIT(26) ? single_vector(word, a) : single_general(word, a);
}

/* --- pairs --- */

static bool decode_pair(uint32_t word, struct native_access *a)
{
    unsigned opc = field(word, 31, 30), mode = field(word, 24, 23), bytes;

    a->write = !(word & BIT(22));
    if (opc == 3)
        return false;
    if (word & BIT(26)) {
        a->vector = true;
        a->rest = NATIVE_REST_ZERO;
        bytes = 4u << opc;
    } else {
        if (opc == 1 && (a->write || mode == 0)) /* STGP; LDPSW alone is a load of this form */
            return false;
        a->sign = opc == 1;
        a->wide = opc != 0;
        bytes = opc == 2 ? 8 : 4;
    }
    a->size = (uint8_t)MIN(bytes, 8u);
    add_registers(a, field(word, 4, 0), bytes);
    add_registers(a, field(word, 14, 10), bytes);
    if (mode & 1)
        write_back(a, word, sign_extend(field(word, 21, 15), 7) * bytes);
    return true;
}

/* --- LDAR, STLR, LDLAR, STLLR, LDAPR --- */

static bool decode_ordered(uint32_t word, struct native_access *a)
{
    a->write = (word & 0x3f000000) == 0x08000000 && !(word & BIT(22));
    a->size = (uint8_t)(1u << field(word, 31, 30));
    a->wide = a->size == 8;
    add_registers(a, field(word, 4, 0), a->size);
    return true;
}

/* --- structures of vectors --- */

static void structure_writeback(uint32_t word, struct native_access *a)
{
    if (!(word & BIT(23)))
        return;
    write_back(a, word, (int64_t)a->parts * a->size);
    a->index = (uint8_t)field(word, 20, 16);
}

/* LD1 to LD4, ST1 to ST4 of whole registers: element e of each register of a structure, then the
 * next element. LD1 and ST1 of several registers fill one after another. */
static bool decode_structures(uint32_t word, struct native_access *a)
{
    static const struct {
        uint8_t repeat, registers;
    } forms[16] = {[0] = {1, 4}, [2] = {4, 1}, [4] = {1, 3}, [6] = {3, 1},
                   [7] = {1, 1}, [8] = {1, 2}, [10] = {2, 1}};
    unsigned form = field(word, 15, 12), bytes = word & BIT(30) ? 16 : 8;
    unsigned repeat = forms[form].repeat, registers = forms[form].registers;

    if (!repeat)
        return false;
    a->vector = true;
    a->rest = NATIVE_REST_ZERO;
    a->write = !(word & BIT(22));
    a->size = (uint8_t)(1u << field(word, 11, 10));
    for (unsigned r = 0; r < repeat; r++)
        for (unsigned byte = 0; byte < bytes; byte += a->size)
            for (unsigned s = 0; s < registers; s++) {
                a->part[a->parts].reg = (uint8_t)((field(word, 4, 0) + r + s) & 31);
                a->part[a->parts++].byte = (uint8_t)byte;
            }
    structure_writeback(word, a);
    return true;
}

/* Of one element of each register: its size and place (C7.2.177, "LD1 (single structure)"). */
static bool element_place(uint32_t word, struct native_access *a, unsigned *byte)
{
    unsigned scale = field(word, 15, 14), s = field(word, 12, 12), size = field(word, 11, 10);
    unsigned index = field(word, 30, 30) << 3 | s << 2 | size;

    if (scale == 3) { /* LD1R to LD4R */
        if (s || !(word & BIT(22)))
            return false;
        a->rest = NATIVE_REST_REPLICATE;
        a->lanes = word & BIT(30) ? 16 : 8;
        a->size = (uint8_t)(1u << size);
        *byte = 0;
        return true;
    }
    if ((scale == 1 && (size & 1)) || (scale == 2 && (size & 2)) || (scale == 2 && size == 1 && s))
        return false;
    if (scale == 2 && size == 1)
        scale = 3;
    a->rest = NATIVE_REST_KEEP;
    a->size = (uint8_t)(1u << scale);
    *byte = (index >> scale) * a->size;
    return true;
}

static bool decode_element(uint32_t word, struct native_access *a)
{
    unsigned registers = (field(word, 13, 13) << 1 | field(word, 21, 21)) + 1, byte;

    a->vector = true;
    a->write = !(word & BIT(22));
    if (!element_place(word, a, &byte))
        return false;
    for (unsigned s = 0; s < registers; s++) {
        a->part[a->parts].reg = (uint8_t)((field(word, 4, 0) + s) & 31);
        a->part[a->parts++].byte = (uint8_t)byte;
    }
    structure_writeback(word, a);
    return true;
}

/* --- which it is --- */

static const struct {
    uint32_t mask, value;
    bool (*decode)(uint32_t word, struct native_access *access);
} classes[] = {
    {0x3ffffc00, 0x38bfc000, decode_ordered}, /* LDAPR, before its class */
    {0x3fa07c00, 0x08807c00, decode_ordered},    {0x3a000000, 0x28000000, decode_pair},
    {0x3a000000, 0x38000000, decode_single},     {0xbfbf0000, 0x0c000000, decode_structures},
    {0xbfa00000, 0x0c800000, decode_structures}, {0xbf9f0000, 0x0d000000, decode_element},
    {0xbf800000, 0x0d800000, decode_element},
};

bool native_decode(uint32_t word, struct native_access *a)
{
    for (size_t i = 0; i < nitems(classes); i++)
        if ((word & classes[i].mask) == classes[i].value) {
            memset(a, 0, sizeof(*a));
            return classes[i].decode(word, a);
        }
    return false;
}

bool native_decode_syndrome(uint32_t esr, struct native_access *a)
{
    if (!(esr & ESR_DABT_ISV))
        return false;
    memset(a, 0, sizeof(*a));
    a->write = esr & ESR_DABT_WNR;
    a->sign = esr & ESR_DABT_SSE;
    a->wide = esr & ESR_DABT_SF;
    a->size = (uint8_t)(1u << field(esr, 23, 22));
    add_registers(a, field(esr, 20, 16), a->size);
    return true;
}

/* --- registers --- */

uint64_t native_store_value(const struct native_access *a, unsigned n,
                            const struct native_regs *regs)
{
    unsigned reg = a->part[n].reg, byte = a->part[n].byte;
    uint64_t value = 0, words[2];

    if (a->vector) {
        regs->v(regs->ctx, reg, words);
        memcpy(&value, (const uint8_t *)words + byte, a->size);
    } else if (reg < 31) {
        value = regs->x(regs->ctx, reg);
    }
    return value & bits_mask(a->size * 8u);
}

static void load_general(const struct native_access *a, unsigned n, uint64_t value,
                         const struct native_regs *regs)
{
    value &= bits_mask(a->size * 8u);
    if (a->sign)
        value = (uint64_t)sign_extend(value, a->size * 8u);
    if (!a->wide)
        value = (uint32_t)value;
    if (a->part[n].reg < 31)
        regs->set_x(regs->ctx, a->part[n].reg, value);
}

static void load_vector(const struct native_access *a, unsigned n, uint64_t value,
                        const struct native_regs *regs)
{
    unsigned reg = a->part[n].reg, byte = a->part[n].byte;
    uint64_t words[2] = {0};

    if (a->rest == NATIVE_REST_KEEP || (a->rest == NATIVE_REST_ZERO && byte))
        regs->v(regs->ctx, reg, words);
    if (a->rest == NATIVE_REST_REPLICATE)
        for (unsigned to = 0; to < a->lanes; to += a->size)
            memcpy((uint8_t *)words + to, &value, a->size);
    else
        memcpy((uint8_t *)words + byte, &value, a->size);
    regs->set_v(regs->ctx, reg, words);
}

void native_finish(const struct native_access *a, const uint64_t *value,
                   const struct native_regs *regs)
{
    uint64_t step = (uint64_t)a->offset, base;

    if (a->writeback && a->index != 31)
        step = regs->x(regs->ctx, a->index);
    for (unsigned n = 0; n < a->parts && !a->write; n++)
        (a->vector ? load_vector : load_general)(a, n, value[n], regs);
    if (!a->writeback)
        return;
    base = a->base == 31 ? regs->sp(regs->ctx) : regs->x(regs->ctx, a->base);
    if (a->base == 31)
        regs->set_sp(regs->ctx, base + step);
    else
        regs->set_x(regs->ctx, a->base, base + step);
}
