/* SPDX-License-Identifier: ISC */
/* Which store-exclusive belongs to a load-exclusive, by the code between them (soft/exclusive.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits.h"
#include "engine/soft/exclusive.h"

#define LDXR  0x885f7c20 /* ldxr w0, [x1] */
#define STXR  0x88027c20 /* stxr w2, w0, [x1] */
#define ADD   0x11000400 /* add w0, w0, #1 */
#define CMP   0x6b04001f /* cmp w0, w4 */
#define CBNZ  0x35000002 /* cbnz w2, . */
#define BNE   0x54000001 /* b.ne . */
#define B     0x14000000
#define BL    0x94000000
#define RET   0xd65f03c0
#define LDR   0xf9400003 /* ldr x3, [x0] */
#define STR   0xf9000003 /* str x3, [x0] */
#define WFE   0xd503205f
#define CLREX 0xd5033f5f
#define FADD  0x1e622820 /* fadd d0, d1, d2 */

#define PA 0x40123000

static uint32_t page[1024];

/* A branch of 19 bits' offset, by so many instructions. */
static uint32_t by(uint32_t branch, int insns)
{
    return branch | ((uint32_t)insns & 0x7ffff) << 5;
}

static uint32_t jump(int insns)
{
    return B | ((uint32_t)insns & 0x3ffffff);
}

/* The page is RETs, with `code` from instruction `at` on, the load-exclusive's. */
static void place(unsigned at, const uint32_t *code, size_t count)
{
    for (unsigned i = 0; i < nitems(page); i++)
        page[i] = RET;
    memcpy(&page[at], code, count * sizeof(*code));
}

static uint16_t find(unsigned at)
{
    return soft_excl_find_pair((const uint8_t *)page, PA, at * 4);
}

/* The store-exclusive's place in the code, or 0. */
#define assert_pair(store, ...)                                                                    \
    do {                                                                                           \
        const uint32_t code[] = {__VA_ARGS__};                                                     \
                                                                                                   \
        place(100, code, nitems(code));                                                            \
        assert_int_equal(find(100), (store) ? soft_excl_name(PA + (100 + (store)) * 4) : 0);       \
    } while (0)

static void computation_is_simple(void **state)
{
    assert_pair(2, LDXR, ADD, STXR, by(CBNZ, -3));
    assert_pair(3, LDXR, FADD, ADD, STXR, by(CBNZ, -4));
    assert_pair(1, LDXR, STXR);
}

static void memory_is_not(void **state)
{
    assert_pair(0, LDXR, LDR, STXR);
    assert_pair(0, LDXR, STR, STXR);
    assert_pair(0, LDXR, LDXR, STXR);
}

static void other_ways_are_not(void **state)
{
    assert_pair(0, LDXR, BL, STXR);
    assert_pair(0, LDXR, RET, STXR);
    assert_pair(0, LDXR, jump(1), STXR);
    assert_pair(0, LDXR, CLREX, STXR);
    assert_pair(0, LDXR, CMP, by(BNE, 2), WFE, RET);
    assert_pair(0, LDXR, 0, STXR);
}

static void an_exit_is_simple(void **state)
{
    assert_pair(3, LDXR, CMP, by(BNE, 3), STXR, by(CBNZ, -4), RET);
    assert_pair(3, LDXR, CMP, by(BNE, 3), STXR, by(CBNZ, -4), CLREX, RET);
}

static void an_exit_that_comes_back_is_not(void **state)
{
    assert_pair(0, LDXR, CMP, by(BNE, 3), STXR, RET, LDR, jump(-3));
    assert_pair(0, LDXR, CMP, by(BNE, 3), ADD, STXR, LDR, jump(-2));
}

static void an_exit_to_another_store_is_not(void **state)
{
    assert_pair(0, LDXR, CMP, by(BNE, 3), STXR, RET, ADD, STXR, RET);
}

static void a_skip_within_is_simple(void **state)
{
    assert_pair(4, LDXR, CMP, by(BNE, 2), ADD, STXR, by(CBNZ, -5));
}

static void far_is_not(void **state)
{
    uint32_t code[20];

    for (unsigned i = 0; i < nitems(code); i++)
        code[i] = ADD;
    code[0] = LDXR;
    code[16] = STXR;
    place(100, code, nitems(code));
    assert_int_equal(find(100), soft_excl_name(PA + 116 * 4));
    code[16] = ADD;
    code[17] = STXR;
    place(100, code, nitems(code));
    assert_int_equal(find(100), 0);
}

static void the_page_ends(void **state)
{
    const uint32_t code[] = {LDXR, ADD};

    place(1022, code, nitems(code));
    assert_int_equal(find(1022), 0);
    place(1023, code, 1);
    assert_int_equal(find(1023), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computation_is_simple),
        cmocka_unit_test(memory_is_not),
        cmocka_unit_test(other_ways_are_not),
        cmocka_unit_test(an_exit_is_simple),
        cmocka_unit_test(an_exit_that_comes_back_is_not),
        cmocka_unit_test(an_exit_to_another_store_is_not),
        cmocka_unit_test(a_skip_within_is_simple),
        cmocka_unit_test(far_is_not),
        cmocka_unit_test(the_page_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
