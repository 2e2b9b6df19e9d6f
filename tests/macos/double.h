/* SPDX-License-Identifier: ISC */
/*
 * A double of Hypervisor.framework: its functions over another engine of the project, so that the
 * hvf engine's own code runs on Linux, guests and all. It behaves as the framework does where that
 * is awkward, and watches the rules; whoever breaks one ends the process with a line that names it,
 * or is told of by double_on_broken().
 *
 * The framework is one a process, and so is this: it has file-scope state.
 *
 * Two programs can be made: with double_gic.c and double_el2.c the system is macOS 15, with hv_gic
 * and EL2 for guests; without, its weak imports are NULL and it is macOS 13.
 */
#ifndef TESTS_MACOS_DOUBLE_H
#define TESTS_MACOS_DOUBLE_H

#include "engine/engine.h"

/* The engine that runs under the double when the environment's HVF_DOUBLE_UNDER names none. */
#if defined(__x86_64__)
#define DOUBLE_UNDER "jit"
#else
#define DOUBLE_UNDER "interp"
#endif

/* hvf_engine, with the double told what RAM and which clock there are: what the real framework
 * finds in the process and in the processor. */
extern struct engine_ops hvf_double_engine;

/* What the next hv_vm_create is for; what it points to lasts as long as the VM. */
void double_attach(const struct engine_vm_config *config);

/* Called with the rule that was broken, instead of ending the process. NULL: end it again. */
void double_on_broken(void (*broken)(void *ctx, const char *rule), void *ctx);

/* macOS 15 only: whether the processor has EL2 for guests, as it has at first. */
void double_offer_el2(bool offer);

#endif
