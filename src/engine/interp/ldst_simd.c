/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores of structures: LD1 to LD4, ST1 to ST4 and LD1R to LD4R (Arm ARM C4.1.96, C7.2).
 * Registers follow each other modulo 32. Loads collect everything before they write a register.
 */
#include "engine/interp/ldst.h"

#include <string.h>

/* --- elements --- */

/* Elements are 1 << scale bytes; guest and host have the least significant byte first. */
static inline void set_element(union soft_vreg *v, unsigned scale, unsigned index, uint64_t value)
{
    memcpy(&v->b[index << scale], &value, 1u << scale);
}

static inline uint64_t get_element(const union soft_vreg *v, unsigned scale, unsigned index)
{
    uint64_t value = 0;

    memcpy(&value, &v->b[index << scale], 1u << scale);
    return value;
}

/* Post-index: by Xm, or by the size of the transfer when m is 31. */
static inline void writeback_by(struct soft_cpu *c, uint32_t w, uint64_t base, unsigned bytes)
{
    unsigned m = a64_Rm(w);

    ldst_writeback(c, w, base + (m == 31 ? bytes : c->x[m]));
}

/* --- whole registers (LD1, ST1 multiple) --- */

/*
 * The size of the accesses that make up the transfer of whole registers: at least an element, more
 * when alignment allows it without a fault that elements would not give.
 */
static unsigned transfer_size(uint32_t w, uint64_t va)
{
    unsigned element = 1u << a64_elsize(w), reg = a64_Q(w) ? 16 : 8;
    unsigned aligned = 1u << __builtin_ctzll(va | 16);

    return MAX(element, MIN(aligned, reg));
}

static inline void load_whole(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    union soft_vreg v[4] = {0};
    unsigned reg = a64_Q(w) ? 16 : 8, step = transfer_size(w, va);

    for (unsigned r = 0; r < count; r++) {
        for (unsigned i = 0; i < reg; i += step, va += step) {
            union soft_vreg part = ldst_load_v(c, va, step);

            memcpy(&v[r].b[i], part.b, step);
        }
    }
    for (unsigned r = 0; r < count; r++)
        c->v[(a64_Rt(w) + r) % 32] = v[r];
}

static inline void store_whole(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    unsigned reg = a64_Q(w) ? 16 : 8, step = transfer_size(w, va);

    for (unsigned r = 0; r < count; r++) {
        const union soft_vreg *v = &c->v[(a64_Rt(w) + r) % 32];

        for (unsigned i = 0; i < reg; i += step, va += step) {
            union soft_vreg part = {.d = {0, 0}};

            memcpy(part.b, &v->b[i], step);
            ldst_store_v(c, va, step, &part);
        }
    }
}

/* --- interleaved registers (LD2 to LD4, ST2 to ST4 multiple) --- */

static inline void load_interleaved(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    union soft_vreg v[4] = {0};
    unsigned scale = a64_elsize(w), elements = (a64_Q(w) ? 16u : 8u) >> scale;

    for (unsigned e = 0; e < elements; e++) {
        for (unsigned r = 0; r < count; r++, va += 1u << scale)
            set_element(&v[r], scale, e, soft_load(c, va, 1u << scale, 0));
    }
    for (unsigned r = 0; r < count; r++)
        c->v[(a64_Rt(w) + r) % 32] = v[r];
}

static inline void store_interleaved(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    unsigned scale = a64_elsize(w), elements = (a64_Q(w) ? 16u : 8u) >> scale;

    for (unsigned e = 0; e < elements; e++) {
        for (unsigned r = 0; r < count; r++, va += 1u << scale)
            soft_store(c, va, 1u << scale, 0, get_element(&c->v[(a64_Rt(w) + r) % 32], scale, e));
    }
}

/* A handler and its post-indexed twin for ACCESS of COUNT registers. */
#define MULTIPLE(NAME, ACCESS, COUNT)                                                              \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        ACCESS(c, w, COUNT, ldst_base_fp(c, w));                                                   \
    }                                                                                              \
                                                                                                   \
    void interp_##NAME##_post(struct soft_cpu *c, uint32_t w)                                      \
    {                                                                                              \
        uint64_t base = ldst_base_fp(c, w);                                                        \
                                                                                                   \
        ACCESS(c, w, COUNT, base);                                                                 \
        writeback_by(c, w, base, COUNT *(a64_Q(w) ? 16 : 8));                                      \
    }

MULTIPLE(LD1_x1, load_whole, 1)
MULTIPLE(LD1_x2, load_whole, 2)
MULTIPLE(LD1_x3, load_whole, 3)
MULTIPLE(LD1_x4, load_whole, 4)
MULTIPLE(ST1_x1, store_whole, 1)
MULTIPLE(ST1_x2, store_whole, 2)
MULTIPLE(ST1_x3, store_whole, 3)
MULTIPLE(ST1_x4, store_whole, 4)
MULTIPLE(LD2_mult, load_interleaved, 2)
MULTIPLE(LD3_mult, load_interleaved, 3)
MULTIPLE(LD4_mult, load_interleaved, 4)
MULTIPLE(ST2_mult, store_interleaved, 2)
MULTIPLE(ST3_mult, store_interleaved, 3)
MULTIPLE(ST4_mult, store_interleaved, 4)

/* --- one lane of each register --- */

/* The log2 of a lane's bytes: opcode<2:1>, but doublewords are words with size<0> set. */
static inline unsigned lane_scale(uint32_t w)
{
    return a64_esc(w) == 2 && a64_elsize(w) == 1 ? 3 : a64_esc(w);
}

/* Q:S:size counts the bytes of a register, in units of the lane. */
static inline unsigned lane_index(uint32_t w)
{
    return (a64_Q(w) << 3 | a64_S(w) << 2 | a64_elsize(w)) >> lane_scale(w);
}

static inline void load_lanes(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    unsigned scale = lane_scale(w);
    uint64_t value[4];

    for (unsigned r = 0; r < count; r++)
        value[r] = soft_load(c, va + (r << scale), 1u << scale, 0);
    for (unsigned r = 0; r < count; r++)
        set_element(&c->v[(a64_Rt(w) + r) % 32], scale, lane_index(w), value[r]);
}

static inline void store_lanes(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    unsigned scale = lane_scale(w);

    for (unsigned r = 0; r < count; r++)
        soft_store(c, va + (r << scale), 1u << scale, 0,
                   get_element(&c->v[(a64_Rt(w) + r) % 32], scale, lane_index(w)));
}

/* --- one element to every lane of each register --- */

static inline void load_replicated(struct soft_cpu *c, uint32_t w, unsigned count, uint64_t va)
{
    static const uint64_t ones[4] = {0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1};
    unsigned scale = a64_elsize(w);
    uint64_t value[4];

    for (unsigned r = 0; r < count; r++)
        value[r] = soft_load(c, va + (r << scale), 1u << scale, 0) * ones[scale];
    for (unsigned r = 0; r < count; r++) {
        union soft_vreg *v = &c->v[(a64_Rt(w) + r) % 32];

        v->d[0] = value[r];
        v->d[1] = a64_Q(w) ? value[r] : 0;
    }
}

#define SINGLE(NAME, ACCESS, COUNT, SCALE)                                                         \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        ACCESS(c, w, COUNT, ldst_base_fp(c, w));                                                   \
    }                                                                                              \
                                                                                                   \
    void interp_##NAME##_post(struct soft_cpu *c, uint32_t w)                                      \
    {                                                                                              \
        uint64_t base = ldst_base_fp(c, w);                                                        \
                                                                                                   \
        ACCESS(c, w, COUNT, base);                                                                 \
        writeback_by(c, w, base, COUNT << SCALE(w));                                               \
    }

SINGLE(LD1_single, load_lanes, 1, lane_scale)
SINGLE(LD2_single, load_lanes, 2, lane_scale)
SINGLE(LD3_single, load_lanes, 3, lane_scale)
SINGLE(LD4_single, load_lanes, 4, lane_scale)
SINGLE(ST1_single, store_lanes, 1, lane_scale)
SINGLE(ST2_single, store_lanes, 2, lane_scale)
SINGLE(ST3_single, store_lanes, 3, lane_scale)
SINGLE(ST4_single, store_lanes, 4, lane_scale)
SINGLE(LD1R, load_replicated, 1, a64_elsize)
SINGLE(LD2R, load_replicated, 2, a64_elsize)
SINGLE(LD3R, load_replicated, 3, a64_elsize)
SINGLE(LD4R, load_replicated, 4, a64_elsize)
