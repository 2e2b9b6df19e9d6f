/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores to devices for engines on which the processor does not say enough: what an
 * instruction accesses, in what order, and what it does to registers. The syndrome of a data abort
 * describes a load or store of one general-purpose register (ISV); for all others the instruction
 * itself has to be read (Arm ARM C4.1.94, "Loads and Stores").
 *
 * An access is made of parts of one size, one after another from the address of the first, in the
 * order in which a device sees them. Not decoded: exclusives and atomics, which have no meaning for
 * a device.
 *
 * Pure but for the registers: any thread that may use those.
 */
#ifndef ENGINE_NATIVE_DECODE_H
#define ENGINE_NATIVE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#define NATIVE_MAX_PARTS 64 /* LD4 of 64 bytes in bytes */

/* What a load does to the bits of a vector register that it does not fill. */
enum native_rest { NATIVE_REST_KEEP, NATIVE_REST_ZERO, NATIVE_REST_REPLICATE };

struct native_access {
    bool write;
    bool vector;   /* registers are V, else X with 31 for XZR */
    bool sign;     /* loads: sign-extended ... */
    bool wide;     /* ... to 64 bits, else to 32 */
    uint8_t rest;  /* enum native_rest, of vectors */
    uint8_t lanes; /* bytes that NATIVE_REST_REPLICATE fills: 8 or 16 */
    uint8_t size;  /* bytes of each part: 1, 2, 4 or 8 */
    uint8_t parts;
    struct {
        uint8_t reg, byte; /* which register, and where in a vector one */
    } part[NATIVE_MAX_PARTS];

    bool writeback; /* of `offset`, or of register `index` where that is not 31, to `base` */
    uint8_t base;   /* 31: SP */
    uint8_t index;
    int64_t offset;
};

/* The registers of a vCPU. */
struct native_regs {
    uint64_t (*x)(void *ctx, unsigned n); /* 0 to 30 */
    void (*set_x)(void *ctx, unsigned n, uint64_t value);
    uint64_t (*sp)(void *ctx);
    void (*set_sp)(void *ctx, uint64_t value);
    void (*v)(void *ctx, unsigned n, uint64_t value[2]);
    void (*set_v)(void *ctx, unsigned n, const uint64_t value[2]);
    void *ctx;
};

/* What the instruction `word` does. False: it is none of those above. */
bool native_decode(uint32_t word, struct native_access *access);

/* The same from a data abort's syndrome (ESR_ELx), where that has ISV. False: it has not. */
bool native_decode_syndrome(uint32_t esr, struct native_access *access);

/* What a store puts into its part `n`. */
uint64_t native_store_value(const struct native_access *access, unsigned n,
                            const struct native_regs *regs);

/* After all parts: what a load has read goes to its registers (`value` has one for each part; of a
 * store it is not looked at), and the base register is written back. PC is the caller's. */
void native_finish(const struct native_access *access, const uint64_t *value,
                   const struct native_regs *regs);

#endif
