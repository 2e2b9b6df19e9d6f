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
