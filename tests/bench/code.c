/* SPDX-License-Identifier: ISC */
/* Code that runs once and code that is written anew, as a just-in-time compiler in the guest does:
 * what a translator pays for translating. */

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "workload.h"

/* A64 instructions (Arm ARM, C6.2). */
#define MOV_W0(value)   (0x52800000u | (uint32_t)(value) << 5)  /* mov w0, #value */
#define ADD_W0_1        0x11000400u                             /* add w0, w0, #1 */
#define EOR_W0_W1(more) (0x4a000c20u | (uint32_t)(more) << 10)  /* eor w0, w1, w0, lsl #3+more */
#define CMP_W0(value)   (0x7100001fu | (uint32_t)(value) << 10) /* cmp w0, #value */
#define B_EQ_OVER       0x54000040u                             /* b.eq over the next */
#define ADD_W1_1        0x11000421u                             /* add w1, w1, #1 */
#define RET             0xd65f03c0u

static void *map_code(size_t size)
{
    void *code =
        mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (code == MAP_FAILED)
        note("no memory that is both writable and executable");
    return code == MAP_FAILED ? NULL : code;
}

static void write_function(uint32_t *code, size_t number)
{
    int length = 0;

    for (size_t i = 0; i < 12; i++) {
        code[length++] = ADD_W0_1;
        code[length++] = EOR_W0_W1(i & 3);
        code[length++] = CMP_W0((number + i) & 0xff);
        code[length++] = B_EQ_OVER;
        code[length++] = ADD_W1_1;
    }
    code[length++] = RET;
}

/* Many functions, each called once. The number of functions is the same at every scale. */
static uint64_t run_codegen(void)
{
    enum { FUNCTIONS = 40000, WORDS = 64, INSTRUCTIONS = 61 };
    const size_t size = FUNCTIONS * WORDS * sizeof(uint32_t);
    uint32_t *code = map_code(size);
    long rounds = scaled(1);
    uint32_t sum = 0;

    if (!code)
        return 0;
    for (size_t i = 0; i < FUNCTIONS; i++)
        write_function(code + i * WORDS, i);
    __builtin___clear_cache((char *)code, (char *)code + size);

    double start = seconds();
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < FUNCTIONS; i++) {
            uint32_t (*function)(uint32_t, uint32_t) =
                (uint32_t(*)(uint32_t, uint32_t))(code + i * WORDS);
            sum = function(sum, (uint32_t)i);
        }
    }
    note("%.1f ns an instruction",
         (seconds() - start) / (double)rounds / FUNCTIONS / INSTRUCTIONS * 1e9);
    munmap(code, size);
    return sum;
}

/* A thousand places for functions, each rewritten again and again and called ten times. */
static uint64_t run_smc(void)
{
    enum { PLACES = 1000, PLACE = 64, CALLS = 10 };
    const size_t size = 65536;
    char *code = map_code(size);
    uint64_t sum = 0;

    if (!code)
        return 0;
    for (long i = 0, count = scaled(40000); i < count; i++) {
        char *place = code + i % PLACES * PLACE;
        uint32_t words[] = {MOV_W0(i & 0xffff), RET};
        int (*function)(void) = (int (*)(void))place;

        memcpy(place, words, sizeof(words));
        __builtin___clear_cache(place, place + sizeof(words));
        for (int call = 0; call < CALLS; call++)
            sum += (uint64_t)function();
    }
    munmap(code, size);
    return sum;
}

const struct workload code_workloads[] = {
    {"codegen", run_codegen},
    {"smc", run_smc},
    {NULL, NULL},
};
