/* SPDX-License-Identifier: ISC */
/*
 * Runs the cases of the differential instruction test on Atoll's side: on a whole engine, at EL0 of
 * a vCPU with its MMU on.
 */
#ifndef TESTS_ISA_INSN_RUNNER_H
#define TESTS_ISA_INSN_RUNNER_H

#include <stdbool.h>

#include "base/error.h"
#include "insn_case.h"

struct runner;

/* A runner on the engine called `name` (insn_handlers.c knows none and ignores it). NULL with `err`
 * set when it cannot be had. A runner is used by the thread that made it. */
struct runner *runner_new(const char *name, struct error *err);
void runner_free(struct runner *r);

/* Runs a case as insn_oracle does: exceptions become the signals that Linux makes of them, 0 for
 * one that makes none. Returns false when a load or store left the case's memory, where the
 * oracle's may hold something else. */
bool runner_run(struct runner *r, const struct insn_case *c, struct case_state *out);

#endif
