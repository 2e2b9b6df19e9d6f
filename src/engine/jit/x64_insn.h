/* SPDX-License-Identifier: ISC */
/*
 * What the assembler's own files share: an instruction as fields (SDM 2, chapter 2), and the one
 * function that encodes it.
 */
#ifndef ENGINE_JIT_X64_INSN_H
#define ENGINE_JIT_X64_INSN_H

#include "engine/jit/x64.h"

enum x64_form { X64_FORM_LEGACY, X64_FORM_VEX, X64_FORM_EVEX };

enum x64_map { X64_MAP_ONE, X64_MAP_0F, X64_MAP_38, X64_MAP_3A };

struct x64_insn {
    uint8_t form;
    uint8_t prefix; /* mandatory: 0, 0x66, 0xf3, 0xf2 */
    uint8_t map, opcode;
    uint8_t reg, vvvv, rm; /* reg may be a group's /digit; rm counts unless has_mem */
    uint8_t imm_size;      /* 0, 1, 2, 4, 8 */
    bool w;                /* 64 bits, or an operation's W */
    bool opsize;           /* 16 bits */
    bool lock;
    bool byte_reg, byte_rm; /* a general register's low byte: spl to dil need REX */
    bool has_mem;
    bool no_modrm; /* rm, if any, is in the opcode */
    struct x64_mem mem;
    uint64_t imm;
};

/* False: full, and nothing is written. */
bool x64_emit(struct x64 *a, const struct x64_insn *i);

#endif
