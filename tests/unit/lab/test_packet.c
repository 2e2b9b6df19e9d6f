/* SPDX-License-Identifier: ISC */
/* Packets as a wire may bring them: whole, cut off, in fragments, behind headers, and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "lab/packet.h"

#define V4(total, protocol)                                                                        \
    0x45, 0, (total) >> 8, (total)&255, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define DB8(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define V6(length, protocol)                                                                       \
    0x60, 0, 0, 0, (length) >> 8, (length)&255, protocol, 64, DB8(1), DB8(2)
#define UDP_HEAD 0x12, 0x34, 0, 53, 0, 8, 0, 0

/* A packet in memory of its own, so that nothing beyond it can be read unseen. */
static bool read_bytes(const uint8_t *bytes, size_t length, bool cut, struct packet *packet)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    return packet_read(copy, length, cut, packet);
}

static void test_whole(void **state)
{
    static const uint8_t v4[] = {V4(28, PACKET_UDP), UDP_HEAD, 0, 0}; /* and the frame's padding */
    static const uint8_t v6[] = {V6(8, PACKET_UDP), UDP_HEAD};
    char text[IP_TEXT_ROOM];
    struct packet p;

    assert_true(read_bytes(v4, sizeof(v4), false, &p));
    assert_int_equal(p.protocol, PACKET_UDP);
    assert_int_equal(p.length, 8);
    assert_int_equal(p.payload[0], 0x12);
    assert_string_equal(ip_text(&p.source, text), "10.0.0.1");
    assert_string_equal(ip_text(&p.destination, text), "10.0.0.2");
    assert_true(read_bytes(v6, sizeof(v6), false, &p));
    assert_int_equal(p.protocol, PACKET_UDP);
    assert_int_equal(p.length, 8);
    assert_int_equal(p.payload[0], 0x12);
    assert_string_equal(ip_text(&p.source, text), "2001:db8::1");
    assert_string_equal(ip_text(&p.destination, text), "2001:db8::2");
}

/* Every beginning of a packet is wrong as a whole one, and right or wrong as one that was cut off,
 * and read no further than it goes. */
static void test_short(void **state)
{
    static const uint8_t v4[] = {V4(28, PACKET_UDP), UDP_HEAD};
    static const uint8_t v6[] = {V6(24, 0), PACKET_UDP, 1, 0, 0, 0, 0, 0, 0,
                                 0,         0,          0, 0, 0, 0, 0, 0, UDP_HEAD};
    struct packet p;

    for (size_t length = 0; length < sizeof(v4); length++) {
        assert_false(read_bytes(v4, length, false, &p));
        assert_int_equal(read_bytes(v4, length, true, &p), length >= 20);
    }
    for (size_t length = 0; length < sizeof(v6); length++) {
        assert_false(read_bytes(v6, length, false, &p));
        assert_int_equal(read_bytes(v6, length, true, &p), length >= 56);
    }
    assert_true(read_bytes(v6, sizeof(v6), false, &p));
    assert_int_equal(p.protocol, PACKET_UDP);
    assert_int_equal(p.length, 8);
}

static void test_wrong(void **state)
{
    static const uint8_t version[] = {0x55, 0, 0, 20};
    static const uint8_t short_header[] = {0x44, 0,  0, 28, 0, 0,  0, 0, 64, 17,      0,
                                           0,    10, 0, 0,  1, 10, 0, 0, 2,  UDP_HEAD};
    static const uint8_t long_header[] = {0x4f, 0,  0, 28, 0, 0,  0, 0, 64, 17,      0,
                                          0,    10, 0, 0,  1, 10, 0, 0, 2,  UDP_HEAD};
    static const uint8_t later[] = {0x45, 0,  0, 28, 0, 0,  0x20, 1, 64, 17,      0,
                                    0,    10, 0, 0,  1, 10, 0,    0, 2,  UDP_HEAD};
    static const uint8_t later6[] = {V6(16, 44), PACKET_UDP, 0, 0, 9, 0, 0, 0, 1, UDP_HEAD};
    static const uint8_t first6[] = {V6(16, 44), PACKET_UDP, 0, 0, 1, 0, 0, 0, 1, UDP_HEAD};
    static const uint8_t too_long[] = {V6(8, 60), PACKET_UDP, 255, 0, 0, 0, 0, 0, 0};
    static const uint8_t mapped[] = {0x60, 0, 0, 0, 0, 8,    17,   64, 0, 0, 0, 0,      0,
                                     0,    0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1, DB8(2), UDP_HEAD};
    static const struct {
        const uint8_t *bytes;
        size_t length;
        bool right;
    } table[] = {
        {version, sizeof(version), false},         {short_header, sizeof(short_header), false},
        {long_header, sizeof(long_header), false}, {later, sizeof(later), false},
        {later6, sizeof(later6), false},           {first6, sizeof(first6), true},
        {too_long, sizeof(too_long), false},       {mapped, sizeof(mapped), false},
    };
    struct packet p;

    for (size_t i = 0; i < nitems(table); i++)
        if (read_bytes(table[i].bytes, table[i].length, false, &p) != table[i].right)
            fail_msg("packet %zu of the table", i);
}

/* Headers without an end are not followed for ever, nor out of the packet. */
static void test_chain(void **state)
{
    uint8_t bytes[40 + 800] = {V6(800, 0)};
    struct packet p;

    assert_true(read_bytes(bytes, sizeof(bytes), false, &p));
    assert_int_equal(p.protocol, 0);
    assert_int_equal(p.length, 800 - 8 * 8);
}

static void test_icmp(void **state)
{
    static const uint8_t v4[] = {V4(56, PACKET_ICMP),  3,       13, 0, 0, 0, 0, 0, 0,
                                 V4(1000, PACKET_UDP), UDP_HEAD};
    static const uint8_t v6[] = {V6(56, PACKET_ICMPV6), 2,       0, 0, 0, 0, 0, 5, 0xdc,
                                 V6(1000, PACKET_UDP),  UDP_HEAD};
    static const uint8_t echo4[] = {V4(28, PACKET_ICMP), 8, 0, 0, 0, 0, 1, 0, 1};
    static const uint8_t reply6[] = {V6(8, PACKET_ICMPV6), 129, 0, 0, 0, 0, 1, 0, 1};
    static const uint8_t other[] = {V6(8, PACKET_ICMP), 8, 0, 0, 0, 0, 1, 0, 1};
    static const uint8_t stub[] = {V4(24, PACKET_ICMP), 8, 0, 0, 0};
    struct packet p, about;
    uint16_t type;

    assert_true(read_bytes(v4, sizeof(v4), false, &p));
    assert_true(packet_is_error(&p, &type, &about));
    assert_int_equal(type, 3 << 8 | 13);
    assert_int_equal(about.protocol, PACKET_UDP);
    assert_int_equal(about.length, 8);
    assert_false(packet_is_echo(&p, false));
    assert_true(read_bytes(v6, sizeof(v6), false, &p));
    assert_true(packet_is_error(&p, &type, &about));
    assert_int_equal(type, 2 << 8);
    assert_int_equal(about.payload[3], 53);
    assert_true(read_bytes(echo4, sizeof(echo4), false, &p));
    assert_true(packet_is_echo(&p, false) && !packet_is_echo(&p, true));
    assert_false(packet_is_error(&p, &type, &about));
    assert_true(read_bytes(reply6, sizeof(reply6), false, &p));
    assert_true(packet_is_echo(&p, true) && !packet_is_echo(&p, false));
    assert_true(read_bytes(other, sizeof(other), false, &p)); /* IPv4's ICMP means nothing there */
    assert_false(packet_is_echo(&p, false));
    assert_true(read_bytes(stub, sizeof(stub), false, &p));
    assert_false(packet_is_echo(&p, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_short), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_chain), cmocka_unit_test(test_icmp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
