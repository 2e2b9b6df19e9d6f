/* SPDX-License-Identifier: ISC */
/*
 * Packs random blocks (fuzz_block.h) behind their harness into the image of a bare-metal guest,
 * 1 MiB into RAM as run_guest and QEMU's virt machine load it. The guest prints "bSEED: HASH" for
 * each block, or with --dump the words themselves.
 *
 *     fuzz_pack [--dump] HARNESS DIFFERENCES SEED COUNT IMAGE
 *
 * DIFFERENCES lists instructions that are left out, with reasons. Prints how many blocks fitted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "fuzz.h"
#include "fuzz_block.h"

#define IMAGE_MAX       (8u << 20) /* what run_guest loads, from FUZZ_HARNESS on */
#define MAX_DIFFERENCES 32
#define NOP             0xd503201f
#define MOV_MASK        0xffe00000
#define MOV_IMM         0x001fffe0
#define MOVZ_LOW        0xd2800000
#define MOVK_HIGH       0xf2a00000 /* LSL #16 */

static struct {
    uint32_t mask, value;
    char op[64];
} difference[MAX_DIFFERENCES];
static unsigned differences;

static uint8_t image[IMAGE_MAX];

static uint8_t *at(unsigned ram_offset)
{
    return image + (ram_offset - FUZZ_HARNESS);
}

static void put(unsigned ram_offset, uint64_t value)
{
    memcpy(at(ram_offset), &value, 8);
}

/* Returns the offset after the block, or 0 when it does not fit. */
static unsigned pack(unsigned to, const struct fuzz_block *b)
{
    unsigned bytes = (unsigned)align_up(b->count * 4, 16);

    if (to + FUZZ_P_CODE + bytes > FUZZ_HARNESS + IMAGE_MAX)
        return 0;
    memcpy(at(to), &b->state, FUZZ_STATE_LEN);
    put(to + FUZZ_P_SEED, b->seed);
    put(to + FUZZ_P_START, b->start * 4);
    put(to + FUZZ_P_BYTES, bytes);
    memcpy(at(to + FUZZ_P_CODE), b->word, b->count * 4);
    return to + FUZZ_P_CODE + bytes;
}

/* A line is "MASK VALUE OPERATION reason". */
static bool read_differences(const char *path)
{
    FILE *in = fopen(path, "r");
    char line[512], reason[400];

    while (in && differences < MAX_DIFFERENCES && fgets(line, sizeof(line), in)) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%" SCNx32 " %" SCNx32 " %63s %399[^\n]", &difference[differences].mask,
                   &difference[differences].value, difference[differences].op, reason) != 4)
            break;
        differences++;
    }
    if (!in || !feof(in)) {
        fprintf(stderr, "fuzz_pack: %s: a line is 'MASK VALUE OPERATION reason'\n", path);
        return false;
    }
    fclose(in);
    return true;
}

static bool is_left_out(uint32_t word)
{
    for (unsigned i = 0; i < differences; i++)
        if ((word & difference[i].mask) == difference[i].value &&
            strcmp(a64_op_name(a64_decode(word)), difference[i].op) == 0)
            return true;
    return false;
}

/* Also where a block is about to write one: MOVZ of a word's low half, and MOVK of its high one. */
static void leave_out(struct fuzz_block *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        uint32_t *low = &b->word[i], *high = low + 1;

        if (is_left_out(*low))
            *low = NOP;
        if (i + 1 < b->count && (*low & MOV_MASK) == MOVZ_LOW && (*high & MOV_MASK) == MOVK_HIGH &&
            is_left_out((uint32_t)bits_get(*high, 20, 5) << 16 | (uint32_t)bits_get(*low, 20, 5))) {
            *low = (*low & ~MOV_IMM) | (NOP & 0xffff) << 5;
            *high = (*high & ~MOV_IMM) | (NOP >> 16) << 5;
        }
    }
}

static bool read_harness(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(image, 1, FUZZ_CONTROL - FUZZ_HARNESS, file) : 0;

    if (file)
        fclose(file);
    return n > 0;
}

int main(int argc, char **argv)
{
    static struct fuzz_block b;
    bool dump = argc > 1 && strcmp(argv[1], "--dump") == 0, written;
    unsigned end = FUZZ_BLOCKS, next, packed = 0;
    uint64_t seed, count;
    FILE *out;

    argv += dump;
    if (argc - dump != 6 || !read_harness(argv[1]) || !read_differences(argv[2])) {
        fprintf(stderr, "usage: fuzz_pack [--dump] HARNESS DIFFERENCES SEED COUNT IMAGE\n");
        return 2;
    }
    seed = strtoull(argv[3], NULL, 0);
    count = strtoull(argv[4], NULL, 0);
    fuzz_tables_fill(at(FUZZ_TABLES));
    fuzz_arena_fill(at(FUZZ_TEMPLATE), false);
    for (; packed < count; packed++, end = next) {
        fuzz_block_make(&b, seed + packed, FUZZ_PORTABLE);
        leave_out(&b);
        next = pack(end, &b);
        if (!next)
            break;
    }
    put(FUZZ_CONTROL + FUZZ_PACKED, 1);
    put(FUZZ_CONTROL + FUZZ_DUMP, dump);
    put(FUZZ_CONTROL + FUZZ_LEFT, packed);
    put(FUZZ_CONTROL + FUZZ_NEXT, FUZZ_HIGH + FUZZ_BLOCKS);
    put(FUZZ_CONTROL + FUZZ_SCTLR, fuzz_sctlr(FUZZ_PORTABLE));
    out = fopen(argv[5], "wb");
    written = out && fwrite(image, 1, end - FUZZ_HARNESS, out) == end - FUZZ_HARNESS;
    if (!out || fclose(out) || !written) {
        perror(argv[5]);
        return 1;
    }
    printf("%u\n", packed);
    return 0;
}
