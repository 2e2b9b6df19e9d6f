/* SPDX-License-Identifier: ISC */
/*
 * What stands in for the rest of the translator (translate.c, emit.c) when a family's translations
 * and emitters are tested alone: the promises of engine/jit/emit.h for values, constants and
 * replays, kept for a straight line of IR instructions. Flags are not among them.
 *
 * A replay, and a handler that an emitter asks for, end the code: the test then calls the handler.
 */
#ifndef TESTS_UNIT_ENGINE_FAKE_EMIT_H
#define TESTS_UNIT_ENGINE_FAKE_EMIT_H

#include "engine/jit/emit.h"
#include "engine/jit/translate.h"

enum { FAKE_CODE_SIZE = 4096, FAKE_CONSTANTS = 64 };

/* Code that can be executed, and after it its constants. */
struct fake_code {
    uint8_t code[FAKE_CODE_SIZE];
    uint64_t constant[FAKE_CONSTANTS][2];
};

/* NULL when there is no such memory. */
struct fake_code *fake_code_new(void);
void fake_code_free(struct fake_code *code);

/* Emits the IR instructions of r, for a host that has only this. alloc->host says where values
 * are; temporaries must have host registers. */
void fake_emit(struct fake_code *code, const struct ir_region *r, const struct regalloc *alloc,
               const struct x64_features *has);

/* Runs the code on c. Returns false where it would have called a handler, c being what that would
 * see. */
bool fake_code_run(const struct fake_code *code, struct soft_cpu *c);

#endif
