/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores of structures (Arm ARM C4.1.96, C7.2): one check of all of it, then the
 * accesses. Registers follow each other modulo 32. LD2 to LD4 and ST2 to ST4 are left to the
 * handlers.
 */
#include "engine/jit/translate_mem.h"

enum { HOST = IR_T }; /* where the host's address is kept */

/* The check of `bytes` at Rn. */
static void check(struct translator *t, uint32_t w, unsigned bytes, bool write)
{
    struct ir_insn *i = mem_access(t, IR_CHECK, bytes, w, 0);

    i->dst = HOST;
    i->flags = write ? MEM_WRITE : 0;
}

static struct ir_insn *access(struct translator *t, enum ir_opcode op, unsigned size, unsigned at)
{
    struct ir_insn *i = ir_add(t, op);

    i->a = HOST;
    i->size = (uint8_t)size;
    i->imm = at;
    return i;
}

/* Post-index: by Xm, or by the size of the transfer when m is 31. */
static void post_index(struct translator *t, uint32_t w, unsigned bytes)
{
    ir_value base = ir_xsp(a64_Rn(w));

    if (a64_Rm(w) == 31)
        mem_writeback(t, w, bytes);
    else
        ir_op3(t, IR_ADD, 8, base, base, ir_x(a64_Rm(w)));
}

/* --- whole registers --- */

static bool whole(struct translator *t, uint32_t w, unsigned count, bool write, bool post)
{
    unsigned size = a64_Q(w) ? 16 : 8;

    if (mem_fp_traps(t))
        return false;
    check(t, w, count * size, write);
    for (unsigned r = 0; r < count; r++) {
        struct ir_insn *i = access(t, write ? IR_HOST_STORE : IR_HOST_LOAD, size, r * size);

        *(write ? &i->b : &i->dst) = ir_v((a64_Rt(w) + r) % 32);
    }
    if (post)
        post_index(t, w, count * size);
    return true;
}

/* LD1 and ST1 of COUNT registers, with and without post-index. */
#define WHOLE(NAME, WRITE, COUNT)                                                                  \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return whole(t, w, COUNT, WRITE, false);                                                   \
    }                                                                                              \
                                                                                                   \
    bool translate_##NAME##_post(struct translator *t, uint32_t w)                                 \
    {                                                                                              \
        return whole(t, w, COUNT, WRITE, true);                                                    \
    }

WHOLE(LD1_x1, false, 1)
WHOLE(LD1_x2, false, 2)
WHOLE(LD1_x3, false, 3)
WHOLE(LD1_x4, false, 4)
WHOLE(ST1_x1, true, 1)
WHOLE(ST1_x2, true, 2)
WHOLE(ST1_x3, true, 3)
WHOLE(ST1_x4, true, 4)

/* --- interleaved registers --- */

/* What two or four registers of an interleaved transfer have in common. */
struct interleaved {
    struct translator *t;
    uint32_t w;
    unsigned bytes; /* of a register */
};

static ir_value reg(const struct interleaved *x, unsigned r)
{
    return ir_v((a64_Rt(x->w) + r) % 32);
}

static ir_value temp(unsigned n)
{
    return (ir_value)(IR_VT + n);
}

static void permute(const struct interleaved *x, enum ir_opcode op, ir_value dst, ir_value a,
                    ir_value b)
{
    struct ir_insn *i = ir_op3(x->t, op, 1u << a64_elsize(x->w), dst, a, b);

    i->flags = a64_Q(x->w) ? IR_Q : 0;
}

static void load_part(const struct interleaved *x, unsigned n)
{
    access(x->t, IR_HOST_LOAD, x->bytes, n * x->bytes)->dst = temp(n);
}

static void store_part(const struct interleaved *x, unsigned n, ir_value v)
{
    access(x->t, IR_HOST_STORE, x->bytes, n * x->bytes)->b = v;
}

static void load2(const struct interleaved *x)
{
    load_part(x, 0);
    load_part(x, 1);
    permute(x, IR_VUZP1, reg(x, 0), temp(0), temp(1));
    permute(x, IR_VUZP2, reg(x, 1), temp(0), temp(1));
}

static void store2(const struct interleaved *x)
{
    permute(x, IR_VZIP1, temp(0), reg(x, 0), reg(x, 1));
    store_part(x, 0, temp(0));
    permute(x, IR_VZIP2, temp(0), reg(x, 0), reg(x, 1));
    store_part(x, 1, temp(0));
}

/* First even and odd elements, in the registers themselves; then the same again. */
static void load4(const struct interleaved *x)
{
    for (unsigned n = 0; n < 4; n++)
        load_part(x, n);
    permute(x, IR_VUZP1, reg(x, 0), temp(0), temp(1));
    permute(x, IR_VUZP2, reg(x, 1), temp(0), temp(1));
    permute(x, IR_VUZP1, reg(x, 2), temp(2), temp(3));
    permute(x, IR_VUZP2, reg(x, 3), temp(2), temp(3));
    for (unsigned r = 0; r < 2; r++) {
        permute(x, IR_VUZP1, temp(r), reg(x, r), reg(x, r + 2));
        permute(x, IR_VUZP2, reg(x, r + 2), reg(x, r), reg(x, r + 2));
        permute(x, IR_VMOV, reg(x, r), temp(r), IR_NONE);
    }
}

static void store4(const struct interleaved *x)
{
    for (unsigned half = 0; half < 2; half++) {
        enum ir_opcode op = half ? IR_VZIP2 : IR_VZIP1;

        permute(x, op, temp(0), reg(x, 0), reg(x, 2));
        permute(x, op, temp(1), reg(x, 1), reg(x, 3));
        permute(x, IR_VZIP1, temp(2), temp(0), temp(1));
        store_part(x, 2 * half, temp(2));
        permute(x, IR_VZIP2, temp(2), temp(0), temp(1));
        store_part(x, 2 * half + 1, temp(2));
    }
}

static bool interleaved(struct translator *t, uint32_t w, unsigned count, bool write, bool post)
{
    struct interleaved x = {t, w, a64_Q(w) ? 16 : 8};

    if (mem_fp_traps(t))
        return false;
    check(t, w, count * x.bytes, write);
    if (count == 2)
        (write ? store2 : load2)(&x);
    else
        (write ? store4 : load4)(&x);
    if (post)
        post_index(t, w, count * x.bytes);
    return true;
}

#define INTERLEAVED(NAME, WRITE, COUNT)                                                            \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return interleaved(t, w, COUNT, WRITE, false);                                             \
    }                                                                                              \
                                                                                                   \
    bool translate_##NAME##_post(struct translator *t, uint32_t w)                                 \
    {                                                                                              \
        return interleaved(t, w, COUNT, WRITE, true);                                              \
    }

INTERLEAVED(LD2_mult, false, 2)
INTERLEAVED(LD4_mult, false, 4)
INTERLEAVED(ST2_mult, true, 2)
INTERLEAVED(ST4_mult, true, 4)

/* --- one lane --- */

/* The log2 of a lane's bytes: opcode<2:1>, but doublewords are words with size<0> set. */
static unsigned lane_scale(uint32_t w)
{
    return a64_esc(w) == 2 && a64_elsize(w) == 1 ? 3 : a64_esc(w);
}

static bool lane(struct translator *t, uint32_t w, bool write, bool post)
{
    unsigned scale = lane_scale(w);
    struct ir_insn *i;

    if (mem_fp_traps(t))
        return false;
    check(t, w, 1u << scale, write);
    i = access(t, write ? IR_HOST_LANE_STORE : IR_HOST_LANE_LOAD, 1u << scale, 0);
    i->cond = (uint8_t)((a64_Q(w) << 3 | a64_S(w) << 2 | a64_elsize(w)) >> scale);
    *(write ? &i->b : &i->dst) = ir_v(a64_Rt(w));
    if (post)
        post_index(t, w, 1u << scale);
    return true;
}

bool translate_LD1_single(struct translator *t, uint32_t w)
{
    return lane(t, w, false, false);
}

bool translate_LD1_single_post(struct translator *t, uint32_t w)
{
    return lane(t, w, false, true);
}

bool translate_ST1_single(struct translator *t, uint32_t w)
{
    return lane(t, w, true, false);
}

bool translate_ST1_single_post(struct translator *t, uint32_t w)
{
    return lane(t, w, true, true);
}

/* --- one element to every lane --- */

static bool replicated(struct translator *t, uint32_t w, bool post)
{
    unsigned size = 1u << a64_elsize(w);
    struct ir_insn *i;

    if (mem_fp_traps(t))
        return false;
    check(t, w, size, false);
    i = access(t, IR_HOST_SPLAT, size, 0);
    i->dst = ir_v(a64_Rt(w));
    i->flags = a64_Q(w) ? IR_Q : 0;
    if (post)
        post_index(t, w, size);
    return true;
}

bool translate_LD1R(struct translator *t, uint32_t w)
{
    return replicated(t, w, false);
}

bool translate_LD1R_post(struct translator *t, uint32_t w)
{
    return replicated(t, w, true);
}
