/* SPDX-License-Identifier: ISC */
/* What the bodies of the conformance suite share. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "../machine/machine.h"
#include "probe.h"

#define BODY(name, cpus, about) void name(void);
#include "bodies.h"
#undef BODY

#define PROBE ((uint64_t)PROBE_BASE)

static inline uint64_t probe(unsigned reg)
{
    return read64(PROBE + reg);
}
static inline void probe_set(unsigned reg, uint64_t value)
{
    write64(PROBE + reg, value);
}

/* Prints a line that is no failure: "note: text: value". */
void note(const char *text, uint64_t value);

/* --- the accesses that a device saw --- */

void log_clear(void);
/* Exactly one access since log_clear(): of `size` bytes at `offset`. */
void expect_access(const char *what, unsigned offset, unsigned size, bool write);
/* Accesses of `size` bytes each (0: of any size), upwards from `offset` without a gap, of `length`
 * bytes together. */
void expect_accesses(const char *what, unsigned offset, unsigned length, unsigned size, bool write);
/* The bytes that the data has at first, as a number. */
uint64_t probe_pattern(unsigned offset, unsigned size);

/* --- exceptions --- */

#define EC_UNKNOWN    0x00
#define EC_ILLEGAL    0x0e
#define EC_SVC        0x15
#define EC_HVC        0x16
#define EC_SYSREG     0x18
#define EC_IABT_LOWER 0x20
#define EC_IABT       0x21
#define EC_PC         0x22
#define EC_DABT_LOWER 0x24
#define EC_DABT       0x25
#define EC_BREAK_LOW  0x30
#define EC_BREAK      0x31
#define EC_STEP       0x33
#define EC_WATCH      0x35
#define EC_BRK        0x3c

#define FSC_TRANSLATION(level) (0x04 + (level))
#define FSC_PERMISSION(level)  (0x0c + (level))
#define FSC_EXTERNAL           0x10
#define FSC_ALIGNMENT          0x21
#define ISS_WNR                (1 << 6)

/* What the last synchronous exception was. */
struct trap {
    uint64_t count, vector, esr, far, elr, spsr;
};
extern volatile struct trap trap;

/* Between these, a synchronous exception is noted down, and the guest goes on behind the
 * instruction (after a fetch: at the caller; from EL0: in user_call()). Anywhere else it ends the
 * body. */
void traps_begin(void);
void traps_end(void);
/* One exception came since the last check: of class `ec`. */
void expect_trap(const char *what, unsigned ec);
void expect_no_trap(const char *what);
/* And a data abort, of status `fsc`, at `address`. */
void expect_abort(const char *what, unsigned fsc, uint64_t address, bool write);

/* Runs the code at `entry` at EL0 with `argument` in X0 until its next exception. Interrupts are
 * taken there. */
void user_call(uint64_t entry, uint64_t argument);

/* --- interrupts --- */

#define INTID_FREE 40 /* to 47: SPIs that are nobody's */

/* What the vector does with an interrupt when it is not NULL; otherwise it notes it in `taken` (of
 * the CPU), stops timers and lowers the wire of a free SPI, and ends it. */
extern void (*volatile irq_hook)(unsigned intid, struct frame *frame);
extern volatile unsigned taken[16];
void irq_end_usual(unsigned intid);

void gic_priority(unsigned intid, uint8_t priority);
void gic_edge(unsigned intid);
void line(unsigned intid, bool level);
/* Nothing is signalled. */
void expect_quiet(const char *what);
/* Waits for the next interrupt (IRQs masked): it is `intid`; not ended. */
void expect_interrupt(const char *what, unsigned intid);
/* With interrupts unmasked here and there until `taken` of this CPU is `intid`. */
void await_taken(unsigned intid);

#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_RPR_EL1     S3_0_C12_C11_3
#define ICC_HPPIR1_EL1  S3_0_C12_C12_2
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define icc(name)       read_sysreg_named(name)
#define icc_set(name, value)                                                                       \
    do {                                                                                           \
        write_sysreg_named(name, value);                                                           \
        isb();                                                                                     \
    } while (0)
#define read_sysreg_named(n)         read_sysreg(n)
#define write_sysreg_named(n, value) write_sysreg(n, value)

#endif
