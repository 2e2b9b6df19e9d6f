/* SPDX-License-Identifier: ISC */
/* What the guest may send into libslirp, address by address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/net/user_filter.h"
#include "base/endian.h"

static bool passes(uint16_t type, uint32_t to, size_t length)
{
    const struct user_filter filter = {0};
    uint8_t frame[64] = {0};

    store_be16(frame + 12, type);
    store_be32(frame + 30, to);
    return user_filter_out(&filter, frame, length);
}

static void lets_the_network_through(void **state)
{
    assert_true(passes(0x0800, 0x0a000202, 64));
    assert_true(passes(0x0800, 0x08080808, 64));
    assert_true(passes(0x0800, 0xc0a80001, 34));
    assert_true(passes(0x0800, 0xffffffff, 64));
    assert_true(passes(0x0800, 0x80000000, 64));
    assert_true(passes(0x0800, 0x01000000, 64));
    assert_true(passes(0x0806, 0, 42));
}

static void stops_what_is_the_hosts(void **state)
{
    assert_false(passes(0x0800, 0x7f000001, 64));
    assert_false(passes(0x0800, 0x7fffffff, 64));
    assert_false(passes(0x0800, 0x00000000, 64));
    assert_false(passes(0x0800, 0x00ffffff, 64));
    assert_false(passes(0x0800, 0xa9fea9fe, 64));
}

static void stops_what_it_does_not_know(void **state)
{
    assert_false(passes(0x86dd, 0, 64));
    assert_false(passes(0x8100, 0x08080808, 64));
    assert_false(passes(0x0800, 0x08080808, 33)); /* cut short */
    assert_false(passes(0x0806, 0, 13));
}

#define GATEWAY 0x0a000202u

/* A packet of `protocol` from the guest to `to`, with ports, and the byte where TCP has its flags.
 */
static bool guarded(const struct user_filter *filter, uint8_t protocol, uint32_t to,
                    uint16_t from_port, uint16_t to_port, uint8_t flags, uint16_t fragment)
{
    uint8_t frame[64] = {0}, *ip = frame + 14;

    store_be16(frame + 12, 0x0800);
    ip[0] = 0x45;
    store_be16(ip + 6, fragment);
    ip[9] = protocol;
    store_be32(ip + 16, to);
    store_be16(ip + 20, from_port);
    store_be16(ip + 22, to_port);
    ip[33] = flags;
    return user_filter_out(filter, frame, sizeof(frame));
}

static void spoken_to(struct user_filter *filter, uint32_t from, uint16_t from_port,
                      uint16_t to_port)
{
    uint8_t frame[64] = {0}, *ip = frame + 14;

    store_be16(frame + 12, 0x0800);
    ip[0] = 0x45;
    ip[9] = 17;
    store_be32(ip + 12, from);
    store_be16(ip + 20, from_port);
    store_be16(ip + 22, to_port);
    user_filter_in(filter, frame, sizeof(frame));
}

static void guards_the_gateway(void **state)
{
    struct user_filter filter = {.guard = true};

    assert_true(guarded(&filter, 1, GATEWAY, 0, 0, 0, 0));
    assert_true(guarded(&filter, 17, UINT32_MAX, 68, 67, 0, 0x4000));
    assert_true(guarded(&filter, 6, GATEWAY, 22, 5000, 0x12, 0));
    assert_true(guarded(&filter, 6, 0x08080808, 5000, 80, 0x02, 0));
    assert_false(guarded(&filter, 6, GATEWAY, 5000, 22, 0x02, 0)); /* SYN */
    assert_false(guarded(&filter, 6, GATEWAY, 5000, 22, 0x06, 0));
    assert_false(guarded(&filter, 6, UINT32_MAX, 5000, 22, 0x02, 0));
    assert_false(guarded(&filter, 6, GATEWAY, 22, 5000, 0x12, 0x2000)); /* a first fragment */
    assert_false(guarded(&filter, 6, GATEWAY, 22, 5000, 0x12, 0x0001)); /* a later one */
    assert_false(guarded(&filter, 47, GATEWAY, 0, 0, 0, 0));
}

static void answers_only_who_spoke(void **state)
{
    struct user_filter filter = {.guard = true};

    assert_false(guarded(&filter, 17, GATEWAY, 53, 6000, 0, 0));
    spoken_to(&filter, GATEWAY, 6000, 53);
    spoken_to(&filter, 0x0a000203, 6001, 53); /* not the gateway */
    assert_true(guarded(&filter, 17, GATEWAY, 53, 6000, 0, 0));
    assert_false(guarded(&filter, 17, GATEWAY, 53, 6001, 0, 0));
    assert_false(guarded(&filter, 17, GATEWAY, 54, 6000, 0, 0));
    assert_false(guarded(&filter, 17, GATEWAY, 0, 0, 0, 0)); /* an empty entry is nobody */
    for (unsigned i = 1; i < USER_FILTER_PEERS; i++)
        spoken_to(&filter, GATEWAY, (uint16_t)(7000 + i), 53);
    spoken_to(&filter, GATEWAY, 7001, 53); /* known: takes no second place */
    assert_true(guarded(&filter, 17, GATEWAY, 53, 6000, 0, 0));
    spoken_to(&filter, GATEWAY, 9000, 53);
    assert_false(guarded(&filter, 17, GATEWAY, 53, 6000, 0, 0)); /* the oldest has gone */
    assert_true(guarded(&filter, 17, GATEWAY, 53, 9000, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_the_network_through),    cmocka_unit_test(stops_what_is_the_hosts),
        cmocka_unit_test(stops_what_it_does_not_know), cmocka_unit_test(guards_the_gateway),
        cmocka_unit_test(answers_only_who_spoke),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
