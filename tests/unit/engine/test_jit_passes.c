/* SPDX-License-Identifier: ISC */
/*
 * The translator's folding (pass_fold.c) on small regions made by hand: what it must simplify and,
 * above all, what it must leave. Every region is checked by ir_verify() before and after, which has
 * its own tests here, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "engine/jit/int.h"
#include "engine/jit/pass.h"

#define X0 (IR_X + 0)
#define X1 (IR_X + 1)
#define X2 (IR_X + 2)
#define T0 (IR_T + 0)
#define T1 (IR_T + 1)

static struct ir_region r;

/* --- making regions --- */

static struct ir_insn *add(enum ir_opcode op, unsigned size, ir_value dst, ir_value a, ir_value b,
                           int64_t imm)
{
    struct ir_insn *i = &r.insn[r.insns++];

    *i = (struct ir_insn){.op = (uint16_t)op,
                          .size = (uint8_t)size,
                          .guest = (uint8_t)(r.guests - 1),
                          .dst = dst,
                          .a = a,
                          .b = b,
                          .c = IR_NONE,
                          .imm = imm};
    return i;
}

/* What is added from here on belongs to another guest instruction. */
static void next_guest(void)
{
    r.guests++;
}

static void begin(void)
{
    memset(&r, 0, sizeof(r));
    next_guest();
}

static void constant(ir_value dst, uint64_t value)
{
    add(IR_CONST, 8, dst, IR_NONE, IR_NONE, (int64_t)value);
    next_guest();
}

/* Ends the current block, which began at instruction `first` and guest instruction `guest`. */
static void end_block(unsigned first, unsigned guest)
{
    struct ir_block *b = &r.block[r.blocks++];

    add(IR_JUMP, 8, IR_NONE, IR_NONE, IR_NONE, 0);
    b->first = (uint16_t)first;
    b->count = (uint16_t)(r.insns - first);
    b->first_guest = (uint16_t)guest;
    b->guests = (uint16_t)(r.guests - guest);
    b->edges = 1;
    b->edge[0] = (struct ir_edge){.block = -1, .target = 4096};
}

static void fold(void)
{
    assert_true(ir_verify(&r, stderr));
    pass_fold(&r);
    assert_true(ir_verify(&r, stderr));
}

/* Ends the only block, and folds. */
static void end_and_fold(void)
{
    end_block(0, 0);
    fold();
}

static void expect(unsigned n, enum ir_opcode op, ir_value dst, ir_value a, ir_value b, int64_t imm)
{
    const struct ir_insn *i = &r.insn[n];

    assert_true(n < r.insns);
    assert_string_equal(ir_op_info[i->op].name, ir_op_info[op].name);
    assert_int_equal(i->dst, dst);
    assert_int_equal(i->a, a);
    assert_int_equal(i->b, b);
    assert_int_equal(i->imm, imm);
}

static void expect_constant(unsigned n, ir_value dst, uint64_t value)
{
    expect(n, IR_CONST, dst, IR_NONE, IR_NONE, (int64_t)value);
}

/* --- constants --- */

static void wide_moves(void **state)
{
    begin();
    constant(X0, 0x1234);
    add(IR_AND, 8, X0, X0, IR_IMM, ~INT64_C(0xffff0000));
    add(IR_OR, 8, X0, X0, IR_IMM, 0x56780000);
    next_guest();
    add(IR_AND, 8, X0, X0, IR_IMM, ~INT64_C(0xffff00000000));
    add(IR_OR, 8, X0, X0, IR_IMM, INT64_C(0x9abc00000000));
    end_and_fold();
    assert_int_equal(r.insns, 2);
    expect_constant(0, X0, 0x9abc56781234);
}

static void words_wrap(void **state)
{
    begin();
    constant(X0, 0xffffffff);
    add(IR_LEA, 4, X1, X0, IR_IMM, 2);
    next_guest();
    add(IR_SAR, 4, X2, X0, IR_IMM, 4);
    next_guest();
    add(IR_SUB, 4, IR_X + 3, X1, IR_IMM, 2);
    end_and_fold();
    expect_constant(1, X1, 1);
    expect_constant(2, X2, 0xffffffff);
    expect_constant(3, IR_X + 3, 0xffffffff);
}

static void every_operation(void **state)
{
    static const struct {
        enum ir_opcode op;
        int64_t imm;
        uint64_t want;
    } cases[] = {
        {IR_LEA, 16, 0xff10},
        {IR_ADD, 1, 0xff01},
        {IR_SUB, 1, 0xfeff},
        {IR_AND, 0x1f00, 0x1f00},
        {IR_OR, 0xf, 0xff0f},
        {IR_XOR, 0xff00, 0},
        {IR_SHL, 8, 0xff0000},
        {IR_SHR, 12, 0xf},
        {IR_SAR, 65, 0x7f80},
        {IR_ROR, 16, 0xff00000000000000},
        {IR_MUL, -1, -UINT64_C(0xff00)},
    };

    for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        begin();
        constant(X0, 0xff00);
        add(cases[n].op, 8, X1, X0, IR_IMM, cases[n].imm);
        end_and_fold();
        expect_constant(1, X1, cases[n].want);
    }
}

static void bitfields(void **state)
{
    begin();
    constant(X0, 0xf680);
    add(IR_UBFX, 4, X1, X0, IR_NONE, int_field(4, 8));
    next_guest();
    add(IR_SBFX, 4, X2, X0, IR_NONE, int_field(8, 8));
    next_guest();
    add(IR_SBFIZ, 8, IR_X + 3, X0, IR_NONE, int_field(16, 8));
    next_guest();
    add(IR_UBFIZ, 8, IR_X + 4, X0, IR_NONE, int_field(40, 8));
    end_and_fold();
    expect_constant(1, X1, 0x68);
    expect_constant(2, X2, 0xfffffff6);
    expect_constant(3, IR_X + 3, 0xffffffffff800000);
    expect_constant(4, IR_X + 4, UINT64_C(0x80) << 40);
}

static void addresses(void **state)
{
    begin();
    add(IR_PCREL, 8, X0, IR_NONE, IR_NONE, 0x12000);
    next_guest();
    add(IR_LEA, 8, X0, X0, IR_IMM, 0x345);
    next_guest();
    add(IR_LEA, 4, X1, X0, IR_IMM, 1); /* of 32 bits: no address */
    end_and_fold();
    assert_int_equal(r.insns, 3);
    expect(0, IR_PCREL, X0, IR_NONE, IR_NONE, 0x12345);
    expect(1, IR_LEA, X1, X0, IR_IMM, 1);
}

/* --- operands --- */

static void immediates(void **state)
{
    begin();
    constant(X0, 1000);
    add(IR_SUB, 8, IR_NONE, X1, X0, 0)->flags = IR_S;
    next_guest();
    add(IR_ADD, 8, X2, X0, X1, 0)->flags = IR_S; /* swapped */
    next_guest();
    add(IR_SUB, 8, X2, X0, X1, 0)->flags = IR_S; /* not */
    next_guest();
    add(IR_LEA, 8, IR_X + 3, X1, X0, 2); /* imm is taken */
    end_and_fold();
    expect(1, IR_SUB, IR_NONE, X1, IR_IMM, 1000);
    expect(2, IR_ADD, IR_NONE, X1, IR_IMM, 1000);
    expect(3, IR_SUB, X2, X0, X1, 0);
    expect(4, IR_LEA, IR_X + 3, X1, X0, 2);
}

static void large_immediates(void **state)
{
    begin();
    constant(X0, 0x80000000);
    add(IR_AND, 8, X2, X1, X0, 0);
    next_guest();
    add(IR_AND, 4, IR_X + 3, X1, X0, 0);
    end_and_fold();
    expect(1, IR_AND, X2, X1, X0, 0);
    expect(2, IR_AND, IR_X + 3, X1, IR_IMM, INT32_MIN);
}

static void moves(void **state)
{
    begin();
    add(IR_OR, 8, X0, IR_ZERO, X1, 0);
    next_guest();
    add(IR_SHR, 4, X2, X1, IR_IMM, 0);
    next_guest();
    add(IR_MOV, 8, X1, X1, IR_NONE, 0); /* nothing */
    next_guest();
    add(IR_MOV, 4, X1, X1, IR_NONE, 0); /* clears the upper half */
    end_and_fold();
    assert_int_equal(r.insns, 4);
    expect(0, IR_MOV, X0, X1, IR_NONE, 0);
    expect(1, IR_MOV, X2, X1, IR_NONE, 0);
    assert_int_equal(r.insn[1].size, 4);
    expect(2, IR_MOV, X1, X1, IR_NONE, 0);
    assert_int_equal(r.insn[2].size, 4);
}

static void trailing_zeroes(void **state)
{
    begin();
    add(IR_RBIT, 8, X0, X0, IR_NONE, 0);
    next_guest();
    add(IR_CLZ, 8, X0, X0, IR_NONE, 0);
    next_guest();
    add(IR_RBIT, 8, X1, X1, IR_NONE, 0);
    next_guest();
    add(IR_CLZ, 8, X2, X1, IR_NONE, 0); /* X1's old value is gone */
    end_and_fold();
    assert_int_equal(r.insns, 4);
    expect(0, IR_CTZ, X0, X0, IR_NONE, 0);
    expect(1, IR_RBIT, X1, X1, IR_NONE, 0);
    expect(2, IR_CLZ, X2, X1, IR_NONE, 0);
}

/* --- what is not known any more --- */

static void handlers_forget(void **state)
{
    begin();
    constant(X0, 5);
    add(IR_HANDLER, 8, IR_NONE, IR_NONE, IR_NONE, 0);
    next_guest();
    add(IR_LEA, 8, X1, X0, IR_IMM, 1);
    end_and_fold();
    expect_constant(0, X0, 5);
    expect(2, IR_LEA, X1, X0, IR_IMM, 1);
}

static void second_results_forget(void **state)
{
    begin();
    constant(X1, 5);
    add(IR_LOAD_X2, 8, X0, X2, IR_NONE, 0)->c = X1;
    next_guest();
    add(IR_LEA, 8, X2, X1, IR_IMM, 1);
    end_and_fold();
    assert_int_equal(r.insns, 4);
    expect(2, IR_LEA, X2, X1, IR_IMM, 1);
}

static void blocks_forget(void **state)
{
    unsigned first, guest;

    begin();
    constant(X0, 5);
    end_block(0, 0);
    first = r.insns;
    guest = r.guests;
    next_guest();
    add(IR_LEA, 8, X1, X0, IR_IMM, 1);
    end_block(first, guest);
    fold();
    expect_constant(0, X0, 5);
    expect(2, IR_LEA, X1, X0, IR_IMM, 1);
}

/* --- what nobody sees --- */

static void overwritten(void **state)
{
    begin();
    add(IR_NOT, 8, X0, X1, IR_NONE, 0);
    next_guest();
    add(IR_NOT, 8, X0, X2, IR_NONE, 0);
    end_and_fold();
    assert_int_equal(r.insns, 2);
    expect(0, IR_NOT, X0, X2, IR_NONE, 0);
}

static void read_before(void **state)
{
    begin();
    add(IR_NOT, 8, X0, X1, IR_NONE, 0);
    next_guest();
    add(IR_NOT, 8, X0, X0, IR_NONE, 0);
    next_guest();
    add(IR_BFI, 8, X0, X2, IR_NONE, int_field(0, 8)); /* reads what it changes */
    end_and_fold();
    assert_int_equal(r.insns, 4);
}

/* A load may fault: X0 is the exception's then. */
static void seen_by_exception(void **state)
{
    begin();
    constant(X0, 1);
    add(IR_LOAD_X, 8, X1, X2, IR_NONE, 0);
    next_guest();
    constant(X0, 2);
    end_and_fold();
    expect_constant(0, X0, 1);
    expect_constant(2, X0, 2);
}

static void loads_stay(void **state)
{
    begin();
    add(IR_LOAD_X, 8, X0, X2, IR_NONE, 0);
    next_guest();
    constant(X0, 2);
    end_and_fold();
    assert_int_equal(r.insns, 3);
}

static void seen_after_block(void **state)
{
    unsigned first, guest;

    begin();
    constant(X0, 1);
    end_block(0, 0);
    first = r.insns;
    guest = r.guests;
    next_guest();
    constant(X0, 2);
    end_block(first, guest);
    fold();
    expect_constant(0, X0, 1);
    assert_int_equal(r.block[1].first, 2);
    expect_constant(2, X0, 2);
}

static void temporaries(void **state)
{
    begin();
    constant(X1, 3);
    add(IR_SHL, 8, T0, X1, IR_IMM, 4);
    add(IR_LEA, 8, X0, X2, T0, 0);
    next_guest();
    add(IR_NOT, 8, T0, X2, IR_NONE, 0);
    add(IR_SUB, 8, X2, X2, T0, 0);
    end_and_fold();
    assert_int_equal(r.insns, 5);
    expect(1, IR_LEA, X0, X2, IR_IMM, 48);
    expect(2, IR_NOT, T0, X2, IR_NONE, 0);
    expect(3, IR_SUB, X2, X2, T0, 0);
}

static void flags_remain(void **state)
{
    begin();
    add(IR_SUB, 8, X0, X0, IR_IMM, 1)->flags = IR_S;
    next_guest();
    constant(X0, 2);
    end_and_fold();
    assert_int_equal(r.insns, 3);
    expect(0, IR_SUB, IR_NONE, X0, IR_IMM, 1);
    assert_true(r.insn[0].flags & IR_S);
}

static void flags_of_constants(void **state)
{
    begin();
    constant(X0, 7);
    add(IR_SUB, 8, X1, X0, IR_IMM, 7)->flags = IR_S;
    next_guest();
    add(IR_LEA, 8, X2, X1, IR_IMM, 1);
    end_and_fold();
    expect(1, IR_SUB, X1, X0, IR_IMM, 7);
    expect_constant(2, X2, 1);
}

/* --- the verifier --- */

static bool verify(void)
{
    end_block(0, 0);
    return ir_verify(&r, NULL);
}

static void verify_kinds(void **state)
{
    begin();
    add(IR_MOV, 8, X0, IR_V, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, IR_ZERO, X0, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, X0, IR_IMM, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_LEA, 8, IR_NONE, X0, IR_IMM, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, X0, X1, X2, 0);
    assert_false(verify());
    begin();
    add(IR_OR, 8, X0, X1, X2, 0)->flags = IR_S;
    assert_false(verify());
    begin();
    add(IR_SUB, 8, IR_NONE, IR_ZERO, IR_IMM, 0)->flags = IR_S;
    assert_true(verify());
}

static void verify_temporaries(void **state)
{
    begin();
    add(IR_MOV, 8, X0, T0, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, T0, X0, IR_NONE, 0);
    add(IR_MOV, 8, X0, T1, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, T0, X0, IR_NONE, 0);
    next_guest();
    add(IR_MOV, 8, X0, T0, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_MOV, 8, T0, X0, IR_NONE, 0);
    add(IR_MOV, 8, X0, T0, IR_NONE, 0);
    assert_true(verify());
}

static void verify_replay(void **state)
{
    begin();
    add(IR_MOV, 8, X0, X1, IR_NONE, 0);
    add(IR_LOAD_X, 8, X1, X0, IR_NONE, 0);
    assert_false(verify());
    begin();
    add(IR_LOAD_X, 8, X1, X0, IR_NONE, 0);
    add(IR_MOV, 8, X0, X1, IR_NONE, 0);
    assert_true(verify());
}

static void verify_blocks(void **state)
{
    begin();
    add(IR_JUMP, 8, IR_NONE, IR_NONE, IR_NONE, 0);
    assert_false(verify());
    begin();
    constant(X0, 0);
    end_block(0, 0);
    r.block[0].edge[0].block = 1;
    assert_false(ir_verify(&r, NULL));
    r.block[0].edge[0].block = 0; /* a loop, and no head */
    assert_false(ir_verify(&r, NULL));
    r.block[0].loop_head = true;
    assert_true(ir_verify(&r, NULL));
    r.block[0].count--;
    assert_false(ir_verify(&r, NULL));
    r.block[0].count++;
    r.block[0].guests--;
    assert_false(ir_verify(&r, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_moves),
        cmocka_unit_test(words_wrap),
        cmocka_unit_test(every_operation),
        cmocka_unit_test(bitfields),
        cmocka_unit_test(addresses),
        cmocka_unit_test(immediates),
        cmocka_unit_test(large_immediates),
        cmocka_unit_test(moves),
        cmocka_unit_test(trailing_zeroes),
        cmocka_unit_test(handlers_forget),
        cmocka_unit_test(second_results_forget),
        cmocka_unit_test(blocks_forget),
        cmocka_unit_test(overwritten),
        cmocka_unit_test(read_before),
        cmocka_unit_test(seen_by_exception),
        cmocka_unit_test(loads_stay),
        cmocka_unit_test(seen_after_block),
        cmocka_unit_test(temporaries),
        cmocka_unit_test(flags_remain),
        cmocka_unit_test(flags_of_constants),
        cmocka_unit_test(verify_kinds),
        cmocka_unit_test(verify_temporaries),
        cmocka_unit_test(verify_replay),
        cmocka_unit_test(verify_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
