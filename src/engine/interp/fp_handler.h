/* SPDX-License-Identifier: ISC */
/*
 * The definition of a handler of the SIMD&FP registers' instructions: CheckFPAdvSIMDEnabled64()
 * comes before all else (D1.11.5), and nothing after it raises an exception.
 */
#ifndef ENGINE_INTERP_FP_HANDLER_H
#define ENGINE_INTERP_FP_HANDLER_H

#include "engine/interp/handlers.h"
#include "engine/soft/soft.h"

/* FP_HANDLER(NAME) { ... }: interp_NAME(), with `c` and `w` as its parameters. */
#define FP_HANDLER(name)                                                                           \
    static inline void execute_##name(struct soft_cpu *c, uint32_t w);                             \
    void interp_##name(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        soft_check_fp(c);                                                                          \
        execute_##name(c, w);                                                                      \
    }                                                                                              \
    static inline void execute_##name(struct soft_cpu *c, uint32_t w)

#endif
