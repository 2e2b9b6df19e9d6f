/* SPDX-License-Identifier: ISC */
/*
 * Finding a region: the basic blocks that can be reached from an entry without leaving its page.
 *
 * Direct branches within the page are followed, both ways of conditional ones; calls and whatever
 * leaves by a register end their block. Blocks are ordered by address, the entry's first, so that
 * every loop has an edge to a block at or before its own: there the code looks for interrupts.
 */
#include "engine/jit/region.h"

#include <string.h>

#include "arm/sysreg.h"
#include "base/bits.h"

#define PAGE_INSNS 1024

struct finder {
    struct ir_region *r;
    const struct cpuid *cpu;
    const uint32_t *code; /* of the page */
    unsigned limit;       /* instructions at most */
    unsigned count;
    unsigned queue[REGION_BLOCKS], queued; /* where blocks start */
    uint16_t op[PAGE_INSNS];               /* of instructions that were visited */
    uint32_t word[PAGE_INSNS];
    uint64_t visited[PAGE_INSNS / 64], leader[PAGE_INSNS / 64];
};

static bool bit_test(const uint64_t *set, unsigned n)
{
    return set[n / 64] >> (n % 64) & 1;
}

static void bit_set(uint64_t *set, unsigned n)
{
    set[n / 64] |= BIT(n % 64);
}

/* --- what an instruction does to control flow --- */

enum flow {
    FLOW_NONE,
    FLOW_JUMP,   /* to the target */
    FLOW_BRANCH, /* to the target or on */
    FLOW_CALL,   /* away, and perhaps back */
    FLOW_END,    /* away */
};

static enum flow flow_of(unsigned op, uint32_t w)
{
    switch (op) {
    case A64_B: return FLOW_JUMP;
    case A64_B_cond:
    case A64_CBZ:
    case A64_CBNZ:
    case A64_TBZ:
    case A64_TBNZ: return FLOW_BRANCH;
    case A64_BL:
    case A64_BLR:
    case A64_BLRAA:
    case A64_BLRAAZ: return FLOW_CALL;
    default: return region_op_leaves(op, w) ? FLOW_END : FLOW_NONE;
    }
}

/* Registers that change what the code after them is, or means, or whether it goes on. */
static bool msr_leaves(uint32_t w)
{
    const struct sysreg_info *info = sysreg_lookup(w >> 5 & 0xffff);

    if (!info || info->kind != SYSREG_SPECIAL)
        return false;
    switch (info->id) {
    case SYSREG_DAIF:
    case SYSREG_NZCV:
    case SYSREG_SP_EL0:
    case SYSREG_SSBS: return false;
    default: return true;
    }
}

/* IC and TLBI (C5.3): the code itself may be elsewhere, or other code. */
static bool sys_leaves(uint32_t w)
{
    unsigned crn = a64_CRn(w), crm = a64_CRm(w);

    return crn == 8 || (crn == 7 && (crm == 1 || crm == 5));
}

bool region_op_leaves(unsigned op, uint32_t w)
{
    switch (op) {
    case A64_BR:
    case A64_BRAA:
    case A64_BRAAZ:
    case A64_RET:
    case A64_RETAA:
    case A64_ERET:
    case A64_ERETAA:
    case A64_SVC:
    case A64_HVC:
    case A64_SMC:
    case A64_BRK:
    case A64_HLT:
    case A64_UNDEFINED:
    case A64_WFE:
    case A64_WFI:
    case A64_YIELD:
    case A64_MSR_SPSel:
    case A64_MSR_PAN:
    case A64_MSR_UAO: return true;
    case A64_MSR_reg: return msr_leaves(w);
    case A64_SYS: return sys_leaves(w);
    default: return false;
    }
}

int64_t region_branch_offset(unsigned op, uint32_t w)
{
    switch (op) {
    case A64_B:
    case A64_BL: return sign_extend(a64_imm26(w), 26) * 4;
    case A64_TBZ:
    case A64_TBNZ: return sign_extend(a64_imm14(w), 14) * 4;
    default: return sign_extend(a64_imm19(w), 19) * 4;
    }
}

static bool inside(int64_t offset)
{
    return offset >= 0 && offset < PAGE_INSNS * 4;
}

/* --- the search --- */

static void add_leader(struct finder *f, int64_t offset)
{
    unsigned n = (unsigned)offset / 4;

    if (!inside(offset) || bit_test(f->leader, n))
        return;
    if (f->queued == REGION_BLOCKS)
        return;
    bit_set(f->leader, n);
    if (!bit_test(f->visited, n))
        f->queue[f->queued++] = n;
}

static void visit(struct finder *f, unsigned n)
{
    while (n < PAGE_INSNS && f->count < f->limit && !bit_test(f->visited, n)) {
        uint32_t w = __atomic_load_n(&f->code[n], __ATOMIC_RELAXED);
        unsigned op = cpuid_decode(f->cpu, w);
        enum flow flow = flow_of(op, w);

        bit_set(f->visited, n);
        f->op[n] = (uint16_t)op;
        f->word[n] = w;
        f->count++;
        if (flow == FLOW_JUMP || flow == FLOW_BRANCH)
            add_leader(f, (int64_t)n * 4 + region_branch_offset(op, w));
        if (flow == FLOW_BRANCH)
            add_leader(f, (int64_t)n * 4 + 4);
        if (flow == FLOW_JUMP || flow == FLOW_CALL || flow == FLOW_END)
            return;
        n++;
    }
}

/* --- blocks --- */

/* Instructions [from, to) of the page that were visited become blocks, while there is room. */
static void make_blocks(struct finder *f, unsigned from, unsigned to)
{
    struct ir_region *r = f->r;
    struct ir_block *b = NULL;

    for (unsigned n = from; n < to; n++) {
        if (!bit_test(f->visited, n)) {
            uint64_t ahead = f->visited[n / 64] >> (n % 64);

            /* Most of the page was not visited: to where the set goes on. */
            n = ahead ? n + (unsigned)__builtin_ctzll(ahead) - 1 : n | 63;
            b = NULL;
            continue;
        }
        if (!b || bit_test(f->leader, n)) {
            if (r->blocks == REGION_BLOCKS)
                return;
            b = &r->block[r->blocks++];
            memset(b, 0, sizeof(*b));
            b->first_guest = (uint16_t)r->guests;
        }
        r->guest[r->guests++] = (struct guest_insn){(uint16_t)(n * 4), f->op[n], f->word[n]};
        b->guests++;
        if (flow_of(f->op[n], f->word[n]) != FLOW_NONE)
            b = NULL;
    }
}

static struct ir_edge edge_to(const struct ir_region *r, int64_t target)
{
    struct ir_edge edge = {.block = -1, .target = target};

    for (unsigned i = 0; i < r->blocks && edge.block < 0; i++)
        if (r->guest[r->block[i].first_guest].offset == target)
            edge.block = (int16_t)i;
    return edge;
}

static void set_edges(struct ir_region *r, struct ir_block *b)
{
    const struct guest_insn *last = &r->guest[b->first_guest + b->guests - 1];
    int64_t target = last->offset + region_branch_offset(last->op, last->word);
    int64_t next = last->offset + 4;

    switch (flow_of(last->op, last->word)) {
    case FLOW_JUMP: b->edge[b->edges++] = edge_to(r, target); break;
    case FLOW_BRANCH:
        b->edge[b->edges++] = edge_to(r, target);
        b->edge[b->edges++] = edge_to(r, next);
        break;
    case FLOW_CALL: /* both are outside: a call leaves the region, and its return enters another */
        b->edge[b->edges++] = (struct ir_edge){.block = -1, .target = target};
        b->edge[b->edges++] = (struct ir_edge){.block = -1, .target = next};
        break;
    case FLOW_NONE: b->edge[b->edges++] = edge_to(r, next); break;
    case FLOW_END: break;
    }
}

/* An edge to a block at or before its own closes a loop of the blocks between. */
static void find_loops(struct ir_region *r)
{
    for (unsigned i = 0; i < r->blocks; i++) {
        for (unsigned k = 0; k < r->block[i].edges; k++) {
            int head = r->block[i].edge[k].block;

            if (head < 0 || head > (int)i)
                continue;
            r->block[head].loop_head = true;
            for (unsigned j = (unsigned)head; j <= i; j++)
                r->block[j].depth++;
        }
    }
}

void region_find(struct ir_region *r, const uint8_t *page, uint64_t pa, unsigned entry,
                 const struct cpuid *cpu, unsigned context, bool smp, unsigned limit)
{
    struct finder f;

    f.r = r;
    f.cpu = cpu;
    f.code = (const uint32_t *)(const void *)page;
    f.limit = limit < REGION_INSNS ? limit : REGION_INSNS;
    f.count = f.queued = 0;
    memset(f.visited, 0, sizeof(f.visited));
    memset(f.leader, 0, sizeof(f.leader));
    r->page = page;
    r->pa = pa;
    r->entry = entry;
    r->context = context;
    r->smp = smp;
    r->pauth = cpuid_has_pauth(cpu);
    r->blocks = r->guests = r->insns = 0;
    r->full = false;

    add_leader(&f, entry);
    for (unsigned i = 0; i < f.queued; i++)
        visit(&f, f.queue[i]);
    make_blocks(&f, entry / 4, PAGE_INSNS);
    make_blocks(&f, 0, entry / 4);
    for (unsigned i = 0; i < r->blocks; i++)
        set_edges(r, &r->block[i]);
    find_loops(r);
}
