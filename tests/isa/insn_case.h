/* SPDX-License-Identifier: ISC */
/*
 * One test case of the differential instruction test, as it travels between insn_diff (the host's
 * program, which runs it on an engine) and insn_oracle (an arm64 program, which runs it
 * under qemu-aarch64). Both are little-endian.
 */
#ifndef TESTS_ISA_INSN_CASE_H
#define TESTS_ISA_INSN_CASE_H

#include <stdint.h>

#define CASE_MEMORY      UINT64_C(0x10000) /* address of the bytes that loads and stores meet */
#define CASE_MEMORY_SIZE 256
#define CASE_CODE        UINT64_C(0x11000) /* address of the instruction; its page is BRK */
#define CASE_PAGE        UINT64_C(0x1000)
#define CASE_WORDS       8

struct case_state {
    uint64_t x[32]; /* X0 to X30, SP */
    uint64_t v[32][2];
    uint64_t pc;
    uint32_t nzcv, fpcr, fpsr;
    uint32_t signal; /* a result: what ended the case, SIGTRAP when it went well */
    uint8_t memory[CASE_MEMORY_SIZE];
};

struct insn_case {
    uint32_t word[CASE_WORDS];
    uint32_t count; /* of words */
    uint32_t zero;
    struct case_state state;
};

#endif
