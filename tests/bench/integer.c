/* SPDX-License-Identifier: ISC */
/* Integer code: what compilers, compressors, sorts and interpreters are made of. */

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "coremix.h"
#include "sha256.h"
#include "workload.h"

static uint64_t run_sha256(void)
{
    return sha256_blocks(scaled(1500000));
}

/* Words, with a random byte now and then. */
static void make_prose(uint8_t *text, size_t size)
{
    static const char *const words[] = {
        "the ",    "quick ",   "brown ",   "fox ",       "jumps ", "over ",  "lazy ", "dog ",
        "kernel ", "virtual ", "machine ", "translate ", "block ", "cache ", "0x7f",  "register\n"};
    size_t length = 0;

    while (length < size) {
        for (const char *word = words[random64() >> 20 & 15]; *word && length < size; word++)
            text[length++] = (uint8_t)*word;
        if ((random64() & 7) == 0 && length < size)
            text[length++] = (uint8_t)random64();
    }
}

static uint64_t run_zlib(void)
{
    const size_t size = 4 << 20;
    uLong bound = compressBound(size);
    uint8_t *text = malloc(size), *packed = malloc(bound), *unpacked = malloc(size);
    uint64_t checksum = 0;

    make_prose(text, size);
    for (long i = 0, rounds = scaled(3); i < rounds; i++) {
        uLongf packed_size = bound, unpacked_size = size;
        compress2(packed, &packed_size, text, size, 6);
        uncompress(unpacked, &unpacked_size, packed, packed_size);
        checksum = checksum * 31 + packed_size + unpacked[size / 2];
        text[i] ^= 1;
    }
    free(text);
    free(packed);
    free(unpacked);
    return checksum;
}

static int compare_words(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void sort_library(uint32_t *array, long count)
{
    qsort(array, (size_t)count, sizeof(*array), compare_words);
}

static void sift_down(uint32_t *array, long root, long end)
{
    for (;;) {
        long child = 2 * root + 1;
        if (child >= end)
            return;
        if (child + 1 < end && array[child] < array[child + 1])
            child++;
        if (array[root] >= array[child])
            return;
        uint32_t word = array[root];
        array[root] = array[child];
        array[child] = word;
        root = child;
    }
}

static NOT_INLINED void sort_heap(uint32_t *array, long count)
{
    for (long root = count / 2 - 1; root >= 0; root--)
        sift_down(array, root, count);
    for (long end = count - 1; end > 0; end--) {
        uint32_t word = array[0];
        array[0] = array[end];
        array[end] = word;
        sift_down(array, 0, end);
    }
}

static uint64_t sort_random(void (*sort)(uint32_t *array, long count), long count, long rounds)
{
    uint32_t *array = malloc((size_t)count * sizeof(*array));
    uint64_t checksum = 0;

    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < count; i++)
            array[i] = (uint32_t)random64();
        sort(array, count);
        checksum ^= array[count / 3] + (uint64_t)round;
    }
    free(array);
    return checksum;
}

static uint64_t run_qsort(void)
{
    return sort_random(sort_library, 1000000, scaled(4));
}

static uint64_t run_heapsort(void)
{
    return sort_random(sort_heap, 400000, scaled(8));
}

enum { MATRIX = 256 };

static uint64_t run_matint(void)
{
    static int32_t a[MATRIX][MATRIX], b[MATRIX][MATRIX];
    static int64_t product[MATRIX][MATRIX];
    uint64_t checksum = 0;

    for (int i = 0; i < MATRIX; i++) {
        for (int j = 0; j < MATRIX; j++) {
            a[i][j] = (int32_t)random64();
            b[i][j] = (int32_t)random64();
        }
    }
    for (long round = 0, rounds = scaled(25); round < rounds; round++) {
        for (int i = 0; i < MATRIX; i++) {
            for (int j = 0; j < MATRIX; j++) {
                int64_t sum = 0;
                for (int m = 0; m < MATRIX; m++)
                    sum += (int64_t)a[i][m] * b[m][j];
                product[i][j] = sum;
            }
        }
        checksum ^= (uint64_t)product[round % MATRIX][round * 7 % MATRIX];
        a[round % MATRIX][3] += (int32_t)round;
    }
    return checksum;
}

/* Calls and returns, and little else. */
static NOT_INLINED int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t run_fib(void)
{
    volatile int n = 36;
    uint64_t sum = 0;

    for (long i = 0, rounds = scaled(4); i < rounds; i++)
        sum += (uint64_t)fib(n);
    return sum;
}

/* An interpreter of bytecode with threaded dispatch: indirect branches that nothing predicts. */
static uint64_t run_interp(void)
{
    enum { LENGTH = 4096 };
    static uint8_t code[LENGTH];
    static void *const labels[] = {&&add, &&xor, &&shift, &&sub, &&mul, &&left, &&mix, &&end};
    uint64_t a = 1, b = 2, c = 3;
    long rounds = scaled(60000);

    for (int i = 0; i < LENGTH - 1; i++)
        code[i] = (random64() >> 33) % 7;
    code[LENGTH - 1] = 7;
    const uint8_t *pc = code;
    goto *labels[*pc++];
add:
    a += b;
    goto *labels[*pc++];
    xor : b ^= a;
    goto *labels[*pc++];
shift:
    c += a >> 3;
    goto *labels[*pc++];
sub:
    a -= c;
    goto *labels[*pc++];
mul:
    b = b * 5 + 1;
    goto *labels[*pc++];
left:
    c ^= b << 7;
    goto *labels[*pc++];
mix:
    a ^= c;
    goto *labels[*pc++];
end:
    if (--rounds > 0) {
        pc = code;
        goto *labels[*pc++];
    }
    return a ^ b ^ c;
}

/* A hash table with open addressing. */
static uint64_t run_hash(void)
{
    enum { SLOTS = 1 << 16 };
    static struct {
        uint64_t key;
        uint32_t value;
    } table[SLOTS];
    uint64_t checksum = 0;

    memset(table, 0, sizeof(table));
    for (long i = 0, count = scaled(20000000); i < count; i++) {
        uint64_t key = ((uint64_t)i * 0x9E3779B97F4A7C15 >> 40) % 30000 + 1;
        uint64_t hash = key * 0xff51afd7ed558ccd;
        hash ^= hash >> 33;
        uint32_t slot = hash & (SLOTS - 1);
        while (table[slot].key && table[slot].key != key)
            slot = (slot + 1) & (SLOTS - 1);
        table[slot].key = key;
        checksum += table[slot].value++;
    }
    return checksum;
}

const struct workload integer_workloads[] = {
    {"coremix", coremix},       {"sha256", run_sha256}, {"zlib", run_zlib}, {"qsort", run_qsort},
    {"heapsort", run_heapsort}, {"matint", run_matint}, {"fib", run_fib},   {"interp", run_interp},
    {"hash", run_hash},         {NULL, NULL},
};
