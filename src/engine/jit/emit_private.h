/* SPDX-License-Identifier: ISC */
/* What emit.c, emit_flags.c and emit_flow.c share, and what they get from and give to cache.c
 * (emit.h is for the families). */
#ifndef ENGINE_JIT_EMIT_PRIVATE_H
#define ENGINE_JIT_EMIT_PRIVATE_H

#include "engine/jit/emit.h"
#include "engine/jit/thunks.h"

/* The way around an instruction whose fast translation does not apply. */
struct emit_replay {
    bool used;
    uint16_t redo; /* flags to be put into memory first (ir.h) */
    struct x64_label start, resume;
};

/* An instruction's other code. */
struct emit_aside {
    const struct ir_insn *insn;
    struct x64_label start, resume;
};

/* An edge whose code is out of line. */
struct emit_far_edge {
    struct x64_label start;
    struct ir_edge edge;
    uint64_t dirty;
    enum emit_flags eflags;
    unsigned block; /* it leaves from */
};

/* A jump or call that the first run of its stub points at a region of the same page. */
struct emit_site {
    uint8_t *field;  /* rel32 */
    unsigned target; /* offset in the page */
};

enum { EMIT_FAR_EDGES = 2 * REGION_BLOCKS, EMIT_SITES = 3 * REGION_BLOCKS };

/* Constants of 16 bytes that instructions refer to, near the code. */
struct const_pool {
    uint64_t *value;       /* pairs, 16-byte aligned */
    unsigned count, limit; /* of pairs */
    bool full;             /* one found no room */
};

/* Where in a region's code which part of it starts, for people. */
enum emit_mark_kind {
    EMIT_MARK_ENTRY,
    EMIT_MARK_INSN,   /* index: of the IR instruction */
    EMIT_MARK_ASIDE,  /* likewise */
    EMIT_MARK_REPLAY, /* index: of the guest instruction */
    EMIT_MARK_EDGES,
    EMIT_MARK_LEAVE,
    EMIT_MARK_HANDLER,
};

struct emit_mark {
    uint32_t at; /* bytes from the code's start */
    uint16_t what, index;
};

enum { EMIT_MARKS = REGION_IR + 2 * REGION_INSNS + 4 };

struct emit_marks {
    struct emit_mark mark[EMIT_MARKS];
    unsigned count;
};

/* What is wanted besides a region's code; NULL: nothing. */
struct emit_extras {
    /* Called whenever the region is entered, with c->pc set and all guest state in memory. */
    void (*entered)(struct soft_cpu *c, uint64_t arg);
    struct emit_marks *marks; /* filled in */
};

struct emit_private {
    const struct thunks *thunks;
    struct const_pool *pool;
    const struct emit_extras *extras;
    const uint8_t *start; /* of the region's code */
    struct x64_label block[REGION_BLOCKS];
    struct emit_replay replay[REGION_INSNS];
    struct emit_aside aside[REGION_INSNS];
    struct emit_far_edge far[EMIT_FAR_EDGES];
    struct emit_site site[EMIT_SITES];
    unsigned asides, fars, sites;
    struct x64_label join[REGION_BLOCKS]; /* out of line: makes the flags of a block's join */
    uint32_t joins_used;                  /* bits by block */
    struct x64_label handler;             /* spill, call, reload: one for the region */
    struct x64_label no_slice;            /* out of line: the slice has run out at the entry */
    bool uses_handler;
    uint64_t dirty; /* guest values whose host register is newer than memory */
};

/* Emits the region at as->at; false when the code or its constants did not fit. */
bool emit_region(struct x64 *as, const struct ir_region *r, const struct regalloc *alloc,
                 const struct thunks *thunks, struct const_pool *pool,
                 const struct emit_extras *extras);

/* Stores the guest values of `set` that have host registers; loads them. EFLAGS are kept. */
void emit_spill(struct emit *e, uint64_t set);
void emit_reload(struct emit *e, uint64_t set);

/* Emits an IR instruction that is not the current one. */
void emit_again(struct emit *e, const struct ir_insn *i);

/* emit_flags.c, all that follow. Puts flags into memory that are not there yet: from EFLAGS if
 * these hold them, or made again as `redo` says (ir.h); 0: nothing to do. */
void emit_settle_flags(struct emit *e, uint16_t redo);

/* How the current instruction gets its flags (ir_region.redo). */
uint16_t emit_redo(const struct emit *e);

/* On an edge to a join: leaves in c->flag_way which way it is, and the operands that must be saved.
 * EFLAGS are kept, rax may be lost. */
void emit_join(struct emit *e, const struct ir_edge *edge);

/* Puts the flags into memory that emit_join() has left to be made. */
void emit_settle_join(struct emit *e, const struct ir_edge *edge);

/* The routines, out of line, that replays within joins call. */
void emit_join_routines(struct emit *e);

/* emit_flow.c: ends the region by handler_end, or by another thunk that takes what that takes
 * (thunks.h); the second, when everything is in memory already. */
void emit_end(struct emit *e, const struct ir_insn *i, const uint8_t *thunk);
void emit_jump_to_thunk(struct emit *e, const struct ir_insn *i, const uint8_t *thunk);

/* emit_flow.c: what is out of line because of control flow; after all blocks. */
void emit_far_code(struct emit *e);

#endif
