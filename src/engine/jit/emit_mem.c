/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores: the lookup in the soft TLB (soft/tlb.h) in line, and the access.
 *
 * The page of the first byte chooses the TLB's entry; the page of the last byte must be the entry's
 * tag. So one comparison finds that the page is known, that it may be accessed, that the access
 * does not cross into the next page, and that nothing asks for the slow way. Whatever else comes
 * up is replayed by the interpreter's handler.
 *
 *      mov   ecx, base                 rorx with BMI2; lea if there is an offset
 *      shr   ecx, 7
 *      and   ecx, (SOFT_TLB_SIZE - 1) * 32
 *      lea   rdx, [base + disp + size - 1]
 *      and   rdx, -4096
 *      cmp   rdx, [r15 + rcx + tag]
 *      jne   replay
 *      mov   rcx, [r15 + rcx + host]
 *      mov   dst, [base + rcx + disp]
 *
 * Plain accesses of the host are what Arm asks of its own: an aligned one of up to 8 bytes is
 * single-copy atomic on both (B2.2.1; Intel SDM 3A, 9.1.1), and the order x86 keeps is stricter
 * (TSO). Pairs and quadwords are two accesses of 8 bytes each.
 */
#include "engine/jit/mem.h"

#include "arm/regs.h"
#include "base/bits.h"

_Static_assert(sizeof(struct soft_tlb_entry) == 32, "the index is shifted by constants");

#define ENTRY_SHIFT 5
#define INDEX_SHIFT (SOFT_PAGE_SHIFT - ENTRY_SHIFT)
#define INDEX_MASK  ((SOFT_TLB_SIZE - 1) << ENTRY_SHIFT)

/* --- the address --- */

static void check_sp(struct emit *e)
{
    if (emit_in_reg(e, IR_SP))
        x64_test_ri(e->as, 1, emit_use(e, IR_SP, 8, X64_RAX), 15);
    else
        x64_test_mi(e->as, 1, emit_mem(e, IR_SP), 15);
    emit_slow(e, X64_CC_NE);
}

struct mem_place mem_place(struct emit *e, const struct ir_insn *i)
{
    if (i->a == IR_NONE) {
        x64_load(e->as, 8, X64_RAX, EMIT_FIELD(code_base));
        return (struct mem_place){X64_RAX, (int32_t)i->imm, false};
    }
    if (i->a == IR_SP && (e->r->context & CONTEXT_SP_CHECK))
        check_sp(e);
    return (struct mem_place){emit_use(e, i->a, 8, X64_RAX), (int32_t)i->imm, false};
}

/* The index, extended; in a register that may be rax, which may be changed if it is. */
static enum x64_reg extended_index(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg index;

    if (i->flags & MEM_UXTW) {
        emit_copy(e, X64_RAX, i->c, 4);
        return X64_RAX;
    }
    if (!(i->flags & MEM_SXTW))
        return emit_use(e, i->c, 8, X64_RAX);
    index = emit_use(e, i->c, 4, X64_RAX);
    x64_movsx_rr(e->as, 8, X64_RAX, index, 4);
    return X64_RAX;
}

/* The place a + (extended c << shift), in rax. */
static struct mem_place indexed_place(struct emit *e, const struct ir_insn *i)
{
    unsigned shift = i->flags >> MEM_SHIFT;
    enum x64_reg index, base;

    if (i->a == IR_SP && (e->r->context & CONTEXT_SP_CHECK))
        check_sp(e);
    index = extended_index(e, i);
    base = emit_use(e, i->a, 8, X64_RDX);
    if (shift == 4) {
        if (index != X64_RAX)
            x64_mov_rr(e->as, 8, X64_RAX, index);
        x64_shift_ri(e->as, X64_SHL, 8, X64_RAX, 4);
        index = X64_RAX;
        shift = 0;
    }
    x64_lea(e->as, 8, X64_RAX, x64_at_index(base, index, 1u << shift, 0));
    return (struct mem_place){X64_RAX, 0, false};
}

static void copy_address(struct x64 *as, unsigned size, enum x64_reg to, enum x64_reg base,
                         int32_t disp)
{
    if (disp == 0)
        x64_mov_rr(as, size, to, base);
    else
        x64_lea(as, size, to, x64_at(base, disp));
}

/* --- the lookup --- */

static struct x64_mem entry_field(struct x64_mem entry, size_t offset)
{
    entry.disp = (int32_t)offset;
    return entry;
}

/*
 * Compares the tag of the page of p with its last byte's page, which `key` makes of the address
 * p.base + last. Returns the entry, whose register is rcx; clobbers rdx.
 */
static struct x64_mem look_up(struct emit *e, struct mem_place p, int32_t last, int32_t key,
                              unsigned access)
{
    struct x64_mem entry = x64_at_index(EMIT_TLB, X64_RCX, 1, 0);
    struct x64 *as = e->as;

    if (p.disp == 0 && as->has.bmi2) {
        x64_rorx(as, 4, X64_RCX, p.base, INDEX_SHIFT);
    } else {
        copy_address(as, 4, X64_RCX, p.base, p.disp);
        x64_shift_ri(as, X64_SHR, 4, X64_RCX, INDEX_SHIFT);
    }
    x64_alu_ri(as, X64_AND, 4, X64_RCX, INDEX_MASK);
    copy_address(as, 8, X64_RDX, p.base, last);
    x64_alu_ri(as, X64_AND, 8, X64_RDX, key);
    if (p.unprivileged) {
        x64_alu_rm(as, X64_ADD, 8, X64_RCX, EMIT_FIELD(utlb));
        entry = x64_at(X64_RCX, 0);
    }
    x64_alu_rm(as, X64_CMP, 8, X64_RDX,
               entry_field(entry, offsetof(struct soft_tlb_entry, tag) + 8 * access));
    return entry;
}

static void load_addend(struct emit *e, enum x64_reg to, struct x64_mem entry)
{
    x64_load(e->as, 8, to, entry_field(entry, offsetof(struct soft_tlb_entry, host)));
}

struct x64_mem mem_check(struct emit *e, struct mem_place p, unsigned size, unsigned access,
                         bool aligned)
{
    int32_t last = p.disp + (aligned ? 0 : (int32_t)size - 1);
    int32_t key = (int32_t)SOFT_PAGE_MASK | (aligned ? (int32_t)size - 1 : 0);
    struct x64_mem entry = look_up(e, p, last, key, access);

    emit_slow(e, X64_CC_NE);
    load_addend(e, X64_RCX, entry);
    return x64_at_index(X64_RCX, p.base, 1, p.disp);
}

/* --- addends (pass_tlb.c) --- */

static enum x64_reg addend_of(struct emit *e, const struct ir_insn *i)
{
    return (enum x64_reg)e->alloc->addend[i->cond - 1];
}

/* The access after it is the first that the span is for: without an addend, that goes aside. */
void emit_SPAN(struct emit *e, const struct ir_insn *i)
{
    struct mem_place p = {emit_use(e, i->a, 8, X64_RAX), (int32_t)i->imm, false};
    struct x64_label *aside = emit_aside(e, i + 1);
    struct x64_mem entry;

    if (i->a == IR_SP && (e->r->context & CONTEXT_SP_CHECK)) {
        x64_test_ri(e->as, 1, p.base, 15);
        x64_jcc_label(e->as, X64_CC_NE, aside);
    }
    entry = look_up(e, p, p.disp + (int32_t)(i->imm >> 32) - 1, (int32_t)SOFT_PAGE_MASK,
                    i->flags & MEM_WRITE ? SOFT_WRITE : SOFT_READ);
    x64_jcc_label(e->as, X64_CC_NE, aside);
    load_addend(e, addend_of(e, i), entry);
}

static bool is_first_of_span(const struct emit *e, const struct ir_insn *i)
{
    return i > e->r->insn && i[-1].op == IR_SPAN;
}

/* Whether its place is known, by an addend. */
static bool has_addend(struct emit *e, const struct ir_insn *i)
{
    if (i->cond && e->aside && is_first_of_span(e, i))
        x64_mov_ri(e->as, addend_of(e, i), 0);
    return i->cond && !e->aside;
}

/* An access whose span has been looked up. */
static struct x64_mem known_place(struct emit *e, const struct ir_insn *i)
{
    enum x64_reg addend = addend_of(e, i);

    if (!is_first_of_span(e, i)) {
        x64_test_rr(e->as, 8, addend, addend);
        x64_jcc_label(e->as, X64_CC_E, emit_aside(e, i));
    }
    return x64_at_index(addend, emit_use(e, i->a, 8, X64_RAX), 1, (int32_t)i->imm);
}

/* --- */

/* The host's place of an access of one register, and of two. */
static struct x64_mem single_place(struct emit *e, const struct ir_insn *i, unsigned access)
{
    struct mem_place p;

    if (has_addend(e, i))
        return known_place(e, i);
    p = i->c == IR_NONE ? mem_place(e, i) : indexed_place(e, i);
    p.unprivileged = i->flags & MEM_UNPRIV;
    return mem_check(e, p, i->size, access, false);
}

static struct x64_mem pair_place(struct emit *e, const struct ir_insn *i, unsigned access)
{
    if (has_addend(e, i))
        return known_place(e, i);
    return mem_check(e, mem_place(e, i), 2u * i->size, access, false);
}

/* --- general registers --- */

static void load(struct emit *e, const struct ir_insn *i, ir_value dst, struct x64_mem from)
{
    enum x64_reg to;

    if (dst == IR_NONE)
        return;
    to = emit_def(e, dst, X64_RDX);
    if (i->flags & MEM_SIGNED)
        x64_movsx_rm(e->as, 8, to, from, i->size);
    else if (i->flags & MEM_SIGNED32)
        x64_movsx_rm(e->as, 4, to, from, i->size);
    else
        x64_load(e->as, i->size, to, from);
    emit_done(e, dst, to);
}

static void store(struct emit *e, const struct ir_insn *i, ir_value v, struct x64_mem to)
{
    if (v == IR_ZERO)
        x64_store_i(e->as, i->size, to, 0);
    else
        x64_store(e->as, i->size, to, emit_use(e, v, i->size, X64_RDX));
}

void emit_LOAD_X(struct emit *e, const struct ir_insn *i)
{
    load(e, i, i->dst, single_place(e, i, SOFT_READ));
}

void emit_STORE_X(struct emit *e, const struct ir_insn *i)
{
    store(e, i, i->b, single_place(e, i, SOFT_WRITE));
}

/* The place of the second of a pair. */
static struct x64_mem second(const struct ir_insn *i, struct x64_mem first)
{
    first.disp += i->size;
    return first;
}

void emit_LOAD_X2(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem from = pair_place(e, i, SOFT_READ);

    if (i->dst == i->a) { /* the base is needed to the end */
        load(e, i, i->c, second(i, from));
        load(e, i, i->dst, from);
    } else {
        load(e, i, i->dst, from);
        load(e, i, i->c, second(i, from));
    }
}

void emit_STORE_X2(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem to = pair_place(e, i, SOFT_WRITE);

    store(e, i, i->b, to);
    store(e, i, i->c, second(i, to));
}

/* --- SIMD&FP registers --- */

/* Sizes 1 and 2 go through rdx; what is above the access becomes zero. */
static void vload(struct emit *e, const struct ir_insn *i, ir_value dst, struct x64_mem from)
{
    unsigned to = emit_vdef(e, dst, X64_XMM15);

    if (i->size < 4) {
        x64_load(e->as, i->size, X64_RDX, from);
        x64_movd_xr(e->as, 4, to, X64_RDX);
    } else {
        x64_vload(e->as, i->size, to, from);
    }
    emit_vdone(e, dst, to);
}

static void vstore(struct emit *e, const struct ir_insn *i, ir_value v, struct x64_mem to)
{
    unsigned from = emit_vuse(e, v, X64_XMM15);

    if (i->size < 4)
        x64_pextr_m(e->as, i->size, to, from, 0);
    else
        x64_vstore(e->as, i->size, to, from);
}

void emit_LOAD_V(struct emit *e, const struct ir_insn *i)
{
    vload(e, i, i->dst, single_place(e, i, SOFT_READ));
}

void emit_STORE_V(struct emit *e, const struct ir_insn *i)
{
    vstore(e, i, i->b, single_place(e, i, SOFT_WRITE));
}

void emit_LOAD_V2(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem from = pair_place(e, i, SOFT_READ);

    vload(e, i, i->dst, from);
    vload(e, i, i->c, second(i, from));
}

void emit_STORE_V2(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem to = pair_place(e, i, SOFT_WRITE);

    vstore(e, i, i->b, to);
    vstore(e, i, i->c, second(i, to));
}

/* --- several accesses --- */

void emit_CHECK(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem at =
        mem_check(e, mem_place(e, i), i->size, i->flags & MEM_WRITE ? SOFT_WRITE : SOFT_READ,
                  i->flags & MEM_ALIGNED);
    enum x64_reg to = emit_def(e, i->dst, X64_RCX);

    x64_lea(e->as, 8, to, at);
    emit_done(e, i->dst, to);
}

static struct x64_mem host_place(struct emit *e, const struct ir_insn *i)
{
    return x64_at(emit_use(e, i->a, 8, X64_RCX), (int32_t)i->imm);
}

void emit_HOST_LOAD(struct emit *e, const struct ir_insn *i)
{
    vload(e, i, i->dst, host_place(e, i));
}

void emit_HOST_STORE(struct emit *e, const struct ir_insn *i)
{
    vstore(e, i, i->b, host_place(e, i));
}

void emit_HOST_LANE_LOAD(struct emit *e, const struct ir_insn *i)
{
    unsigned old = emit_vuse(e, i->dst, X64_XMM15), to = emit_vdef(e, i->dst, X64_XMM15);

    x64_pinsr_m(e->as, i->size, to, old, host_place(e, i), i->cond);
    emit_vdone(e, i->dst, to);
}

void emit_HOST_LANE_STORE(struct emit *e, const struct ir_insn *i)
{
    x64_pextr_m(e->as, i->size, host_place(e, i), emit_vuse(e, i->b, X64_XMM15), i->cond);
}

/* The lowest element of `x` to all others, without AVX2. */
static void splat_sse(struct emit *e, unsigned size, unsigned x)
{
    switch (size) {
    case 1:
        x64_vzero(e->as, X64_XMM14);
        x64_v3(e->as, X64_PSHUFB, x, x, X64_XMM14);
        break;
    case 2:
        x64_v2i(e->as, X64_PSHUFLW, x, x, 0);
        x64_v2i(e->as, X64_PSHUFD, x, x, 0);
        break;
    case 4: x64_v2i(e->as, X64_PSHUFD, x, x, 0); break;
    default: x64_v2(e->as, X64_MOVDDUP, x, x); break;
    }
}

void emit_HOST_SPLAT(struct emit *e, const struct ir_insn *i)
{
    static const uint16_t broadcast[] = {X64_VPBROADCASTB, X64_VPBROADCASTW, X64_VPBROADCASTD,
                                         X64_VPBROADCASTQ};
    unsigned to = emit_vdef(e, i->dst, X64_XMM15);
    struct x64_mem from = host_place(e, i);

    if (e->as->has.avx2) {
        x64_v2m(e->as, broadcast[__builtin_ctz(i->size)], to, from);
    } else {
        if (i->size < 4) {
            x64_load(e->as, i->size, X64_RDX, from);
            x64_movd_xr(e->as, 4, to, X64_RDX);
        } else {
            x64_vload(e->as, i->size, to, from);
        }
        splat_sse(e, i->size, to);
    }
    if (!(i->flags & IR_Q))
        x64_v2(e->as, X64_MOVQ, to, to);
    emit_vdone(e, i->dst, to);
}

/* --- DC ZVA (C5.3.10) --- */

void emit_ZERO_LINE(struct emit *e, const struct ir_insn *i)
{
    struct x64_mem to;

    if (!(e->r->context & CONTEXT_EL1)) {
        x64_test_mi(e->as, 4, EMIT_FIELD(sysreg[SYSREG_SCTLR_EL1]), SCTLR_DZE);
        emit_slow(e, X64_CC_E);
    }
    emit_copy(e, X64_RAX, i->a, 8);
    x64_alu_ri(e->as, X64_AND, 8, X64_RAX, -(int32_t)MEM_ZVA_LINE);
    to = mem_check(e, (struct mem_place){X64_RAX, 0, false}, MEM_ZVA_LINE, SOFT_WRITE, false);
    x64_vzero(e->as, X64_XMM15);
    for (unsigned k = 0; k < MEM_ZVA_LINE; k += 16, to.disp += 16)
        x64_vstore(e->as, 16, to, X64_XMM15);
}
