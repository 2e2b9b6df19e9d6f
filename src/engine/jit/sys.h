/* SPDX-License-Identifier: ISC */
/* What the system family's translation and emission share; see ir_sys.def. */
#ifndef ENGINE_JIT_SYS_H
#define ENGINE_JIT_SYS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/soft/state.h"

/* A system register as the place that SYS_GET and SYS_SET take. */
static inline int64_t sys_register(enum sysreg_id id)
{
    return (int64_t)(offsetof(struct soft_cpu, sysreg) + id * sizeof(uint64_t));
}

/* The imm of SYS_GATE: bits of the low word of a place. */
static inline int64_t sys_gate(int64_t field, uint32_t bits)
{
    return field | (int64_t)((uint64_t)bits << 32);
}

static inline int64_t sys_field(int64_t imm)
{
    return (uint32_t)imm;
}

static inline uint32_t sys_bits(int64_t imm)
{
    return (uint32_t)((uint64_t)imm >> 32);
}

#endif
