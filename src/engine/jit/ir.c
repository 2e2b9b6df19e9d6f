/* SPDX-License-Identifier: ISC */
/* The operations' names and attributes; see ir.h. */
#include "engine/jit/ir.h"

const struct ir_op_info ir_op_info[IR_OPCODES] = {
#define IR_OP(name, signature, attributes) [IR_##name] = {#name, signature, attributes},
#include "engine/jit/ir_ops.def"
#undef IR_OP
};
