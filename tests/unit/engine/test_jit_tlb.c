/* SPDX-License-Identifier: ISC */
/* Which accesses share a lookup in the TLB (jit/pass_tlb.c), on regions made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "engine/jit/mem.h"
#include "engine/jit/pass.h"

#define X0 (IR_X + 0)
#define X1 (IR_X + 1)
#define X2 (IR_X + 2)
#define X3 (IR_X + 3)

static struct ir_region r;

/* --- making regions --- */

static struct ir_insn *add(enum ir_opcode op, ir_value dst, ir_value a, ir_value b, int64_t imm)
{
    struct ir_insn *i = &r.insn[r.insns++];

    *i = (struct ir_insn){.op = (uint16_t)op,
                          .size = 8,
                          .guest = (uint8_t)r.guests++,
                          .dst = dst,
                          .a = a,
                          .b = b,
                          .c = IR_NONE,
                          .imm = imm};
    return i;
}

static void begin(void)
{
    memset(&r, 0, sizeof(r));
    r.addends = 77;
}

static void load(ir_value dst, ir_value base, int64_t imm)
{
    add(IR_LOAD_X, dst, base, IR_NONE, imm);
}

static void store(ir_value v, ir_value base, int64_t imm)
{
    add(IR_STORE_X, IR_NONE, base, v, imm);
}

static void run(void)
{
    add(IR_JUMP, IR_NONE, IR_NONE, IR_NONE, 0);
    r.blocks = 1;
    r.block[0].count = (uint16_t)r.insns;
    r.block[0].guests = (uint16_t)r.guests;
    pass_tlb(&r);
    assert_int_equal(r.block[0].count, r.insns);
}

static void assert_span(unsigned n, ir_value base, int32_t low, unsigned bytes, unsigned addend,
                        bool write)
{
    const struct ir_insn *i = &r.insn[n];

    assert_int_equal(i->op, IR_SPAN);
    assert_int_equal(i->a, base);
    assert_int_equal(i->imm, mem_span(low, bytes));
    assert_int_equal(i->cond, addend);
    assert_int_equal(!!(i->flags & MEM_WRITE), write);
    assert_int_equal(i->guest, i[1].guest);
}

static unsigned count_spans(void)
{
    unsigned count = 0;

    for (unsigned k = 0; k < r.insns; k++)
        count += r.insn[k].op == IR_SPAN;
    return count;
}

/* --- tests --- */

static void one_access_is_alone(void **state)
{
    begin();
    load(X1, X0, 8);
    load(X3, X2, 8);
    run();
    assert_int_equal(r.addends, 0);
    assert_int_equal(r.insns, 3);
}

static void fields_share(void **state)
{
    begin();
    load(X1, X0, 8);
    load(X2, X0, -16);
    run();
    assert_int_equal(r.addends, 1);
    assert_span(0, X0, -16, 32, 1, false);
    assert_int_equal(r.insn[1].cond, 1);
    assert_int_equal(r.insn[2].cond, 1);
    assert_int_equal(r.insn[3].op, IR_JUMP);
}

/* stp x2, x3, [sp, #-32]!; str x1, [sp, #16] */
static void a_prologue_shares(void **state)
{
    struct ir_insn *i;

    begin();
    i = add(IR_STORE_X2, IR_NONE, IR_SP, X2, -32);
    i->c = X3;
    add(IR_ADD, IR_SP, IR_SP, IR_IMM, -32);
    store(X1, IR_SP, 16);
    run();
    assert_span(0, IR_SP, -32, 24, 1, true);
    assert_int_equal(r.insn[1].cond, 1);
    assert_int_equal(r.insn[3].cond, 1);
}

static void a_misaligned_sp_does_not(void **state)
{
    begin();
    store(X1, IR_SP, 0);
    add(IR_ADD, IR_SP, IR_SP, IR_IMM, 8);
    store(X1, IR_SP, 0);
    run();
    assert_int_equal(r.addends, 0);
}

static void a_new_base_ends_it(void **state)
{
    begin();
    load(X1, X0, 0);
    load(X0, X0, 8);
    load(X1, X0, 0);
    load(X1, X0, 8);
    run();
    assert_int_equal(count_spans(), 2);
    assert_span(0, X0, 0, 16, 1, false);
    assert_span(3, X0, 0, 16, 1, false);
}

static void c_code_ends_it(void **state)
{
    begin();
    load(X1, X0, 0);
    add(IR_HANDLER, IR_NONE, IR_NONE, IR_NONE, 0);
    load(X1, X0, 8);
    run();
    assert_int_equal(r.addends, 0);
}

static void a_second_result_ends_it(void **state)
{
    begin();
    load(X2, X0, 0);
    add(IR_LOAD_X2, X1, X3, IR_NONE, 0)->c = X0;
    load(X2, X0, 8);
    run();
    assert_int_equal(r.addends, 0);
}

static void too_far_apart(void **state)
{
    begin();
    load(X1, X0, 0);
    load(X1, X0, 249);
    run();
    assert_int_equal(r.addends, 0);
    begin();
    load(X1, X0, 0);
    load(X1, X0, 248);
    run();
    assert_int_equal(r.addends, 1);
}

static void two_at_a_time(void **state)
{
    begin();
    for (unsigned k = 0; k < 3; k++)
        for (ir_value base = X0; base <= X2; base++)
            load(X3, base, 8 * k);
    run();
    assert_int_equal(r.addends, 2);
    assert_int_equal(count_spans(), 2);
    assert_span(0, X0, 0, 24, 1, false);
    assert_span(2, X1, 0, 24, 2, false);
    assert_int_equal(r.insn[4].op, IR_LOAD_X);
    assert_int_equal(r.insn[4].cond, 0);
}

static void other_addresses_do_not(void **state)
{
    begin();
    load(X1, X0, 0);
    r.insn[0].c = X2; /* an index */
    load(X1, X0, 0);
    load(X1, X0, 8);
    r.insn[2].flags |= MEM_UNPRIV;
    load(X1, IR_NONE, 0); /* a literal */
    load(X1, IR_NONE, 8);
    run();
    assert_int_equal(r.addends, 0);
}

/* --- from block to block --- */

/* Cuts the region into two blocks before instruction n; the first leads to the second, and perhaps
 * the second to itself. */
static void run_two_blocks(unsigned n, bool loop)
{
    add(IR_JUMP, IR_NONE, IR_NONE, IR_NONE, 0);
    r.blocks = 2;
    r.block[0] = (struct ir_block){.count = (uint16_t)n, .edges = 1, .edge = {{.block = 1}}};
    r.block[1] = (struct ir_block){
        .first = (uint16_t)n,
        .count = (uint16_t)(r.insns - n),
        .edges = 1,
        .edge = {{.block = (int16_t)(loop ? 1 : -1)}},
    };
    pass_tlb(&r);
    assert_int_equal(r.block[1].first, r.block[0].count);
}

static void make_two_blocks(bool store_later, bool loop)
{
    begin();
    load(X1, X0, 0);
    add(IR_JUMP, IR_NONE, IR_NONE, IR_NONE, 0);
    if (store_later)
        store(X1, X0, 8);
    else
        load(X2, X0, 8);
    run_two_blocks(2, loop);
}

static void an_heir_shares(void **state)
{
    make_two_blocks(false, false);
    assert_int_equal(r.addends, 1);
    assert_span(0, X0, 0, 16, 1, false);
    assert_int_equal(r.insn[1].cond, 1);
    assert_int_equal(r.block[1].first, 3);
    assert_int_equal(r.insn[3].cond, 1);
}

static void a_loop_inherits_nothing(void **state)
{
    make_two_blocks(false, true);
    assert_int_equal(r.addends, 0);
}

/* It may not run, and the page be one that can only be read. */
static void an_heirs_store_does_not_join_loads(void **state)
{
    make_two_blocks(true, false);
    assert_int_equal(r.addends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_access_is_alone),
        cmocka_unit_test(fields_share),
        cmocka_unit_test(a_prologue_shares),
        cmocka_unit_test(a_misaligned_sp_does_not),
        cmocka_unit_test(a_new_base_ends_it),
        cmocka_unit_test(c_code_ends_it),
        cmocka_unit_test(a_second_result_ends_it),
        cmocka_unit_test(too_far_apart),
        cmocka_unit_test(two_at_a_time),
        cmocka_unit_test(other_addresses_do_not),
        cmocka_unit_test(an_heir_shares),
        cmocka_unit_test(a_loop_inherits_nothing),
        cmocka_unit_test(an_heirs_store_does_not_join_loads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
