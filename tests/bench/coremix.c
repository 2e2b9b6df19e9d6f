/* SPDX-License-Identifier: ISC */
/*
 * A mix in the manner of CoreMark (EEMBC): a linked list is searched, reversed and sorted, a matrix
 * of integers multiplied, numbers in a text recognised by a state machine; a CRC-16 of the results
 * feeds the next round.
 */

#include "coremix.h"

#include <stdbool.h>
#include <stddef.h>

#include "workload.h"

enum { NODES = 200, SIDE = 24, TEXT = 1000 };

struct node {
    struct node *next;
    int16_t value, index;
};

typedef int order(const struct node *a, const struct node *b);

static uint16_t crc_byte(uint8_t data, uint16_t crc)
{
    for (int i = 0; i < 8; i++) {
        bool carry = (data & 1) ^ (crc & 1);
        data >>= 1;
        if (carry) {
            crc ^= 0x4002;
            crc = crc >> 1 | 0x8000;
        } else {
            crc = crc >> 1 & 0x7fff;
        }
    }
    return crc;
}

static uint16_t crc_word(uint16_t data, uint16_t crc)
{
    return crc_byte(data >> 8, crc_byte(data & 0xff, crc));
}

static int by_value(const struct node *a, const struct node *b)
{
    return a->value - b->value;
}

static int by_index(const struct node *a, const struct node *b)
{
    return a->index - b->index;
}

/* Two sorted runs, of at most size nodes each, become one at the tail; returns what is after. */
static struct node *merge_runs(struct node *p, int size, order *compare, struct node ***tail)
{
    struct node *q = p;
    int left = 0, right = size;

    while (left < size && q) {
        left++;
        q = q->next;
    }
    while (left > 0 || (right > 0 && q)) {
        struct node **from = &p;
        if (left == 0)
            from = &q;
        else if (right > 0 && q && compare(p, q) > 0)
            from = &q;
        if (from == &p)
            left--;
        else
            right--;
        **tail = *from;
        *tail = &(*from)->next;
        *from = (*from)->next;
    }
    return q;
}

/* Merge sort from the bottom: runs of 1, 2, 4 ... nodes. */
static NOT_INLINED struct node *sort(struct node *list, order *compare)
{
    for (int size = 1;; size *= 2) {
        struct node *rest = list, **tail = &list;
        int merges = 0;
        while (rest) {
            merges++;
            rest = merge_runs(rest, size, compare, &tail);
        }
        *tail = NULL;
        if (merges <= 1)
            return list;
    }
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_sign(uint8_t c)
{
    return c == '+' || c == '-';
}

enum state { START, INTEGER, SIGN, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_DIGITS, INVALID };

static enum state next_state(enum state state, uint8_t c)
{
    switch (state) {
    case START:
        if (is_digit(c))
            return INTEGER;
        return is_sign(c) ? SIGN : c == '.' ? FRACTION : INVALID;
    case SIGN: return is_digit(c) ? INTEGER : c == '.' ? FRACTION : INVALID;
    case INTEGER:
        if (c == '.')
            return FRACTION;
        return c == ',' ? START : is_digit(c) ? INTEGER : INVALID;
    case FRACTION:
        if (c == 'e' || c == 'E')
            return EXPONENT;
        return c == ',' ? START : is_digit(c) ? FRACTION : INVALID;
    case EXPONENT: return is_sign(c) ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN: return is_digit(c) ? EXPONENT_DIGITS : INVALID;
    case EXPONENT_DIGITS: return c == ',' ? START : is_digit(c) ? EXPONENT_DIGITS : INVALID;
    default: return c == ',' ? START : INVALID;
    }
}

static NOT_INLINED uint16_t recognise(const uint8_t *text, int length)
{
    uint32_t visits[INVALID + 1] = {0};
    enum state state = START;
    uint16_t crc = 0;

    for (int i = 0; i < length; i++) {
        state = next_state(state, text[i]);
        visits[state]++;
    }
    for (int i = START; i <= INVALID; i++)
        crc = crc_word((uint16_t)visits[i], crc);
    return crc;
}

static void make_text(uint8_t *text)
{
    static const char *const words[] = {"5012,",      "+.1e-2,",   "874.",
                                        "-110.7e+3,", "T0.3e-1F,", "12xx,"};
    int length = 0;

    while (length < TEXT) {
        for (const char *word = words[random64() % 6]; *word && length < TEXT; word++)
            text[length++] = (uint8_t)*word;
    }
}

static struct node *find(struct node *list, int16_t index)
{
    while (list && list->index != index)
        list = list->next;
    return list;
}

static struct node *reverse(struct node *list)
{
    struct node *reversed = NULL;

    while (list) {
        struct node *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static void multiply(int32_t *product, const int16_t *a, const int16_t *b)
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int32_t sum = 0;
            for (int m = 0; m < SIDE; m++)
                sum += a[i * SIDE + m] * b[m * SIDE + j];
            product[i * SIDE + j] = sum;
        }
    }
}

static struct node nodes[NODES];
static uint8_t text[TEXT];
static int16_t a[SIDE * SIDE], b[SIDE * SIDE];
static int32_t product[SIDE * SIDE];

static void prepare(void)
{
    make_text(text);
    for (int i = 0; i < NODES; i++) {
        nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : NULL;
        nodes[i].value = random64() & 0x7fff;
        nodes[i].index = (int16_t)i;
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = random64() & 0xff;
        b[i] = random64() & 0xff;
    }
}

uint64_t coremix(void)
{
    struct node *list = &nodes[0];
    uint16_t crc = 0;

    prepare();
    for (long round = 0, rounds = scaled(6000); round < rounds; round++) {
        int found = 0;
        for (int i = 0; i < 10; i++) {
            struct node *node = find(list, (int16_t)((round * 7 + i * 13) % NODES));
            if (node)
                found += node->value;
            list = reverse(list);
        }
        list = sort(list, by_value);
        crc = crc_word((uint16_t)(list->value + found), crc);
        list = sort(list, by_index);

        multiply(product, a, b);
        for (int i = 0; i < SIDE * SIDE; i += 7)
            crc = crc_word((uint16_t)product[i], crc);
        a[round % (SIDE * SIDE)] ^= crc & 0xff;

        crc = crc_word(recognise(text, TEXT), crc);
        text[round % TEXT] ^= round & 1;
    }
    return crc;
}
