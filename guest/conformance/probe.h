/* SPDX-License-Identifier: ISC */
/*
 * The probe: a device that the conformance suite adds to the machine (tests/conformance/), by which
 * a guest sees what its accesses became and asks the host's side to act. Every register may be
 * accessed by 1, 2, 4 or 8 bytes.
 */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#define PROBE_BASE 0x20200000
#define PROBE_SIZE 0x1000

/* Memory that keeps what is written, and takes note of each access to it. At first, byte n is
 * PROBE_BYTE(n). */
#define PROBE_DATA      0x000
#define PROBE_DATA_SIZE 0x800
#define PROBE_BYTE(n)   (((n)*37 + 0x91) & 0xff)

#define PROBE_TEXT   0x800 /* writes a character */
#define PROBE_FINISH 0x808 /* the guest has come to its end, and will power off */
#define PROBE_CAPS   0x810 /* PROBE_CAP_* */
#define PROBE_LINE   0x818 /* drives an SPI: INTID | level << 31 */
#define PROBE_HOST   0x820 /* PROBE_DO_*: done when the next instruction runs */
#define PROBE_NOW    0x828 /* the host's monotonic clock, in nanoseconds */
#define PROBE_ARG    0x830 /* for the host: two words, which can be read; and what it found */
#define PROBE_ARG1   0x838
#define PROBE_RESULT 0x840
#define PROBE_ASKED  0x848 /* how often PROBE_HOST was written */
#define PROBE_PAGE   0x870 /* size of the host's, the unit that stores are watched in */
#define PROBE_LOOKS  0x878 /* how often PROBE_DO_FOLLOW's thread has looked */
#define PROBE_FOUND  0x880 /* the first of what PROBE_RESULT counts */

/* The list of accesses to the data: writing COUNT empties it, writing PICK chooses one. */
#define PROBE_LOG_COUNT 0x850
#define PROBE_LOG_PICK  0x858
#define PROBE_LOG_WHAT  0x860 /* offset | size << 16 | write << 31 */
#define PROBE_LOG_VALUE 0x868
#define PROBE_LOG_MAX   64

#define PROBE_CAP_SOFT 1 /* what touches a device and is no plain access aborts */
#define PROBE_CAP_GIC  2 /* the engine has a GIC of its own */
#define PROBE_CAP_PSCI 4 /* the engine answers PSCI itself */
#define PROBE_CAP_SMC  8 /* calls are heard by SMC as by HVC */

#define PROBE_DO_SAVE      1 /* saves the machine, destroys it, makes another, and loads it */
#define PROBE_DO_PAUSE     2 /* pauses the machine and goes on */
#define PROBE_DO_REGISTERS 3 /* sets and gets every register, and leaves them as they were */
#define PROBE_DO_STEP      4 /* steps over what follows; ARG: the address of the store */
#define PROBE_DO_BREAK     5 /* runs to a breakpoint; ARG: where */
#define PROBE_DO_REST      6 /* pauses the machine for PROBE_REST_NS or longer */
/* Of memory: ARG: where, ARG1: its size. */
#define PROBE_DO_WATCH    7  /* watches it, and nothing else; size 0: nothing */
#define PROBE_DO_TAKE     8  /* RESULT: how many pages were written since; FOUND: the first */
#define PROBE_DO_FOLLOW   9  /* a thread keeps a copy by what is seen to be written */
#define PROBE_DO_FOLLOWED 10 /* it ends; RESULT: how many pages its copy has not as they are */

#define PROBE_REST_NS 300000000

#endif
