/* SPDX-License-Identifier: ISC */
/* Any word decodes to something, and is disassembled within the room that is promised. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "arm/a64.h"
#include "fuzz.h"

#define TEXT_MAX 80 /* a64.h: it holds any */

static void check(uint32_t word, uint64_t pc)
{
    enum a64_op op = a64_decode(word);
    char text[TEXT_MAX], cut[8];
    size_t length = a64_disasm(word, pc, text, sizeof(text));
    bool unknown = strncmp(text, ".inst", 5) == 0;

    if ((unsigned)op >= A64_OP_COUNT || length >= sizeof(text) || strlen(text) != length ||
        (unknown && op != A64_UNDEFINED) || !a64_op_name(op)[0]) {
        fprintf(stderr, "%08x: operation %d, \"%s\"\n", word, (int)op, text);
        abort();
    }
    if ((word & a64_op_mask(op)) != a64_op_value(op))
        abort();
    if (a64_disasm(word, pc, cut, sizeof(cut)) != length || strlen(cut) > sizeof(cut) - 1 ||
        strncmp(cut, text, sizeof(cut) - 1) != 0)
        abort();
    a64_disasm(word, pc, NULL, 0);
    a64_op_feature(op);
    a64_absent_feature(word);
}

static uint32_t next(void *input)
{
    return (uint32_t)fuzz_take(input, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    uint64_t pc = fuzz_take(&input, 8);
    enum a64_op op = (enum a64_op)(fuzz_take(&input, 2) % A64_OP_COUNT);
    uint32_t word;

    while (input.at < input.end)
        check((uint32_t)fuzz_take(&input, 4), pc);
    input.at = bytes;
    word = a64_random(op, next, &input);
    check(word, pc);
    if (word && a64_decode(word) != op)
        abort();
    return 0;
}
