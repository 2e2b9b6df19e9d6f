/* SPDX-License-Identifier: ISC */
/* The translator: an engine for x86-64 hosts on top of engine/soft; see docs/translator.md. */
#ifndef ENGINE_JIT_JIT_H
#define ENGINE_JIT_JIT_H

#include "engine/engine.h"

extern const struct engine_ops jit_engine;

/* Of this vCPU (counter.h). */
struct soft_cpu;
struct counter *jit_counter(struct soft_cpu *c);

#endif
