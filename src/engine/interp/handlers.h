/* SPDX-License-Identifier: ISC */
/*
 * The interpreter's instruction handlers: one function a line of arm/a64.isa, interp_<NAME>.
 *
 * A handler executes the instruction `w`, which the decoder has found to be of its name, on c; on
 * c's own thread. It takes an exception by leaving through c->unwind (engine/soft/soft.h), having
 * changed nothing that the exception must not see. c->pc is the instruction's address; a branch
 * sets c->next_pc, others leave it.
 */
#ifndef ENGINE_INTERP_HANDLERS_H
#define ENGINE_INTERP_HANDLERS_H

#include "arm/a64.h"
#include "engine/soft/state.h"

#define INTERP_HANDLER(name) void interp_##name(struct soft_cpu *c, uint32_t w);
A64_OPS(INTERP_HANDLER)
#undef INTERP_HANDLER

typedef void interp_handler(struct soft_cpu *c, uint32_t w);

/* The handlers by enum a64_op, A64_UNDEFINED included. */
extern interp_handler *const interp_handlers[A64_OP_COUNT];

/* Fetches, decodes and runs the one instruction at c->pc, and moves c->pc on: for who has nothing
 * decoded. Returns its word. May raise. */
uint32_t interp_execute(struct soft_cpu *c);

#endif
