/* SPDX-License-Identifier: ISC */
/* The operations' names and attributes; see ir.h. */
#include "engine/jit/ir.h"

const struct ir_op_info ir_op_info[IR_OPCODES] = {
#define IR_OP(name, signature, attributes) [IR_##name] = {#name, signature, attributes},
#include "engine/jit/ir_ops.def"
#undef IR_OP
};

void ir_find_parents(const struct ir_region *r, int parent[REGION_BLOCKS])
{
    unsigned ways[REGION_BLOCKS] = {0};

    for (unsigned n = 0; n < r->blocks; n++) {
        for (unsigned k = 0; k < r->block[n].edges; k++) {
            int to = r->block[n].edge[k].block;

            if (to < 0)
                continue;
            ways[to]++;
            parent[to] = (int)n;
        }
    }
    for (unsigned n = 0; n < r->blocks; n++)
        if (n == 0 || ways[n] != 1 || parent[n] >= (int)n)
            parent[n] = -1;
}
