/* SPDX-License-Identifier: ISC */
/*
 * What the harness of the differential fuzzer (guest/fuzz.S) and its host's side
 * (tests/engine/fuzz_*.c) agree on. Read by the assembler too.
 *
 * A block of random code runs in a window of 2 MiB that one level 3 table maps; that table, the
 * code and the data are the arena, 32 KiB that are as new for each block. The harness is in the
 * upper half of the address space, out of reach of what random code computes.
 */
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

/* --- offsets in RAM --- */

#define FUZZ_RAM      0x40000000
#define FUZZ_HARNESS  0x00100000 /* code, vectors first 2 KiB in */
#define FUZZ_CONTROL  0x00104000
#define FUZZ_TABLES   0x00110000
#define FUZZ_ARENA    0x00120000
#define FUZZ_TEMPLATE 0x00128000 /* the arena as new: packed blocks only, as what follows */
#define FUZZ_BLOCKS   0x00130000

/* Tables, a page each. */
#define FUZZ_L1_HIGH    0x0000
#define FUZZ_L2_HIGH    0x1000
#define FUZZ_L1_LOW     0x2000
#define FUZZ_L2_LOW     0x3000
#define FUZZ_L1_START   0x4000 /* one to one, while the MMU is turned on */
#define FUZZ_L3_WRITE   0x5000
#define FUZZ_TABLES_LEN 0x6000

/* --- virtual addresses --- */

#define FUZZ_HIGH      0xffffffa55a400000 /* RAM, 16 MiB of it; only EL1's */
#define FUZZ_HIGH_LEN  0x01000000
#define FUZZ_DEVICE    (FUZZ_HIGH + FUZZ_HIGH_LEN) /* 2 MiB at FUZZ_DEVICE_PA */
#define FUZZ_DEVICE_PA 0x09000000 /* PL011; interrupts are acknowledged at FUZZ_ACK */
#define FUZZ_ACK       0x10000

#define FUZZ_WINDOW 0x5a000000
/* The code, writable, and the window's table: only code that means to reaches them. */
#define FUZZ_WRITE 0x71000000

/* --- the arena --- */

#define FUZZ_ARENA_LEN  0x8000
#define FUZZ_CODE_PAGES 3 /* pages 0 to 2 of the arena */
#define FUZZ_DATA       3 /* pages 3 to 6 */
#define FUZZ_DATA_PAGES 4
#define FUZZ_TABLE      7 /* the level 3 table of the window */

/* --- special calls of a block: SVC --- */

#define FUZZ_SVC_END 0xfed0
#define FUZZ_SVC_EL1 0xfed1 /* goes on at EL1 with SP_EL0, in EL1's alias of the code */
#define FUZZ_SVC_EL0 0xfed2 /* goes on at EL0, in EL0's alias */

/* --- pages of the window; a block may change FUZZ_PAGE_RO to FUZZ_PAGE_FREE + 1 --- */

#define FUZZ_PAGE_CODE1  0x10 /* the code for EL1, read-only, as the next */
#define FUZZ_PAGE_CODE0  0x20 /* the code for EL0 */
#define FUZZ_PAGE_DATA   0x30 /* FUZZ_DATA_PAGES, for both levels; nothing before them */
#define FUZZ_PAGE_RO     0x34
#define FUZZ_PAGE_NONE   0x35
#define FUZZ_PAGE_EL1    0x36 /* data, only EL1's */
#define FUZZ_PAGE_NO_AF  0x37
#define FUZZ_PAGE_DEVICE 0x39
#define FUZZ_PAGE_FREE   0x3a    /* nothing at first; two */
#define FUZZ_ALIAS       0x10000 /* from EL1's code to EL0's */

/* --- struct fuzz_control, at FUZZ_CONTROL --- */

#define FUZZ_FRAME      0x000
#define FUZZ_COUNT      0x020 /* exceptions in the log */
#define FUZZ_FLUSH      0x028 /* the block changes the table: drop translations after it */
#define FUZZ_PACKED     0x030 /* blocks follow; print, and power off after the last */
#define FUZZ_DUMP       0x038 /* print the words instead of their hash */
#define FUZZ_LEFT       0x040 /* packed blocks to run */
#define FUZZ_NEXT       0x048 /* the next one's virtual address */
#define FUZZ_SCTLR      0x050
#define FUZZ_INTERRUPTS 0x058 /* how many have been taken */
#define FUZZ_STATE      0x100 /* struct fuzz_state */
#define FUZZ_LOG        0x500 /* an entry: vector and ESR, FAR, ELR, SPSR */
#define FUZZ_LOG_MAX    256   /* a block with more ends */

/* --- struct fuzz_state --- */

#define FUZZ_S_PC         0x0f8
#define FUZZ_S_SP_EL0     0x100
#define FUZZ_S_SP_EL1     0x108
#define FUZZ_S_PSTATE     0x110
#define FUZZ_S_FPCR       0x118
#define FUZZ_S_FPSR       0x120
#define FUZZ_S_CPACR      0x128
#define FUZZ_S_TPIDR      0x130
#define FUZZ_S_PAR        0x138
#define FUZZ_S_CONTEXTIDR 0x140
#define FUZZ_S_V          0x180
#define FUZZ_STATE_LEN    0x380

/* --- a packed block: its state, and then --- */

#define FUZZ_P_SEED  0x380
#define FUZZ_P_START 0x388 /* bytes into the code */
#define FUZZ_P_BYTES 0x390 /* of code, a multiple of 16 */
#define FUZZ_P_CODE  0x3a0

/* --- system registers --- */

#define FUZZ_MAIR 0x04ff      /* 0: Normal write-back, 1: Device-nGnRE */
#define FUZZ_TCR  0x2b5193519 /* 4K granules, 39 bits in both halves, write-back, 40-bit PA */

#endif
