/* SPDX-License-Identifier: ISC */
/* What the memory family's translation and emission share; see ir_mem.def. */
#ifndef ENGINE_JIT_MEM_H
#define ENGINE_JIT_MEM_H

#include "engine/jit/emit.h"
#include "engine/soft/tlb.h"

/* Flags of the family's IR instructions (bits 8 and up). */
enum {
    MEM_SIGNED = 1 << 8,   /* a load extends the sign to 64 bits */
    MEM_SIGNED32 = 1 << 9, /* to 32 bits, and zeroes above */
    MEM_UXTW = 1 << 10,    /* the index is the low word of c, zero-extended */
    MEM_SXTW = 1 << 11,    /* or sign-extended */
    MEM_UNPRIV = 1 << 12,  /* as EL0 would, unless UAO: LDTR, STTR */
    MEM_SHIFT = 13,        /* bits 13 to 15: the index's scale, log2 */
    MEM_WRITE = 1 << 8,    /* CHECK, SPAN: for stores */
    MEM_ALIGNED = 1 << 9,  /* CHECK: the address must be a multiple of the size */
};

/* IR_SPAN's imm: the lowest byte, from its base, and how many there are. */
static inline int64_t mem_span(int32_t low, unsigned bytes)
{
    return (int64_t)bytes << 32 | (uint32_t)low;
}

#define MEM_ZVA_LINE 64 /* DCZID_EL0.BS */

/* Where an access goes, in the guest's address space: base + disp. `base` may be rax. */
struct mem_place {
    enum x64_reg base;
    int32_t disp;
    bool unprivileged; /* looked up in c->utlb */
};

/* The place a + imm of the current instruction; replays if it has to be SP and is not aligned. May
 * clobber rax. */
struct mem_place mem_place(struct emit *e, const struct ir_insn *i);

/* Looks up the page of the `size` bytes there, for enum soft_access `access`, and replays unless
 * they are one page of RAM that may be accessed in that way; aligned: or if the address is not a
 * multiple of size. Leaves in rcx what makes a host address of the place: place.base + rcx +
 * place.disp, which is the result. Clobbers rdx. */
struct x64_mem mem_check(struct emit *e, struct mem_place place, unsigned size, unsigned access,
                         bool aligned);

#endif
