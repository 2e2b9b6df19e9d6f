/* SPDX-License-Identifier: ISC */
/*
 * What stands in for engine/soft when handlers are tested alone: 256 bytes of memory at FAKE_BASE,
 * around which every access faults, and a record of what else was asked for.
 */
#ifndef TESTS_UNIT_ENGINE_FAKE_SOFT_H
#define TESTS_UNIT_ENGINE_FAKE_SOFT_H

#include "engine/soft/soft.h"

#define FAKE_BASE UINT64_C(0x10000)
#define FAKE_SIZE 256

enum fake_event {
    FAKE_NOTHING,
    FAKE_ABORT, /* a data abort at `argument` */
    FAKE_UNDEFINED,
    FAKE_SP_ALIGNMENT,
    FAKE_FP_TRAP,
    FAKE_SVC,
    FAKE_SMCCC,
    FAKE_ERET,
    FAKE_MSR,
    FAKE_MSR_IMM,
};

struct fake {
    struct soft_cpu cpu;
    struct soft_tlb_entry tlb[SOFT_TLB_SIZE];
    _Alignas(16) uint8_t memory[FAKE_SIZE];
    enum fake_event event; /* the last one */
    uint64_t argument;
    unsigned how;        /* of the last access */
    bool store_fails;    /* store-exclusive does not store */
    uint64_t mrs_result; /* what soft_mrs returns */
};

/* Everything zero, at EL1, PC and memory bytes 0, 1, 2... set. */
void fake_reset(struct fake *f);

/* Runs one handler. Returns false when it took an exception. */
bool fake_run(struct fake *f, void (*handler)(struct soft_cpu *c, uint32_t w), uint32_t w);

#endif
