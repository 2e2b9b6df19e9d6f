/* SPDX-License-Identifier: ISC */
/* Reading CNTVCT_EL0 and CNTPCT_EL0 in translated code, by the host's time stamp counter. */
#ifndef ENGINE_JIT_COUNTER_H
#define ENGINE_JIT_COUNTER_H

#include "engine/soft/state.h"

/* Where a vCPU last compared the two clocks. */
struct counter {
    bool usable;      /* the host's counter is steady, and so is the machine's clock */
    uint64_t tsc, ns; /* 0: never */
    uint64_t rate;    /* of struct soft_ticks, as measured last; 0: never */
    bool agreed;      /* with what was measured before */
};

/* Looks whether the host's counter can be used: CPUID, which is slow under a hypervisor. */
void counter_init(struct counter *m, const struct engine_vm_config *config);

/* X[rt] = the counter, by the machine's clock, and from then on for a while by c->ticks. On the
 * vCPU's thread, called by translated code. */
void counter_read(struct soft_cpu *c, uint64_t rt);

#endif
