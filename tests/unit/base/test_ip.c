/* SPDX-License-Identifier: ISC */
/* Addresses: text to bytes and back, families, networks, and what is no address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/ip.h"

static struct ip read_one(const char *text)
{
    struct ip ip = {{0}};

    if (!ip_read(text, &ip))
        fail_msg("\"%s\" is no address", text);
    return ip;
}

static void test_text(void **state)
{
    static const struct {
        const char *text, *shown;
        enum ip_family family;
    } table[] = {
        {"10.0.2.1", "10.0.2.1", IP_V4},
        {"255.255.255.255", "255.255.255.255", IP_V4},
        {"2001:db8::9", "2001:db8::9", IP_V6},
        {"2001:DB8:0:0:0:0:0:9", "2001:db8::9", IP_V6},
        {"fe80::1", "fe80::1", IP_V6},
        {"::1", "::1", IP_V6},
        {"1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888",
         IP_V6},
    };
    char text[IP_TEXT_ROOM];

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct ip ip = read_one(table[i].text);

        assert_int_equal(ip_family(&ip), table[i].family);
        assert_string_equal(ip_text(&ip, text), table[i].shown);
        assert_false(ip_is_none(&ip));
    }
}

static void test_wrong(void **state)
{
    static const char *const wrong[] = {
        "",     "10.0.0",      "10.0.0.256", "0.0.0.0",        "::", "fe80::1%", "1::2::3",
        "host", "10.0.0.1/24", "12345::",    "::ffff:10.0.0.1"};
    struct ip ip;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (ip_read(wrong[i], &ip))
            fail_msg("\"%s\" was taken", wrong[i]);
}

static void test_v4(void **state)
{
    struct ip ip = ip_from_v4(0x0a000201), none = {{0}}, zero = ip_from_v4(0);
    struct ip read = read_one("10.0.2.1");

    assert_true(ip_equal(&ip, &read));
    assert_int_equal(ip_v4(&read), 0x0a000201);
    assert_true(ip_is_none(&none));
    assert_false(ip_is_none(&zero));
    assert_int_equal(ip_family(&zero), IP_V4);
}

static void test_networks(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned bits;
        bool same;
    } table[] = {
        {"10.0.2.1", "10.0.2.9", 24, true},           {"10.0.2.1", "10.0.3.9", 24, false},
        {"10.0.2.1", "10.0.3.9", 23, true},           {"10.0.2.1", "10.0.2.1", 32, true},
        {"10.0.2.1", "10.0.2.0", 32, false},          {"10.0.2.1", "10.0.2.0", 31, true},
        {"128.0.0.1", "10.0.2.0", 1, false},          {"10.0.2.1", "99.0.2.0", 0, true},
        {"2001:db8::1", "2001:db8::9", 64, true},     {"2001:db8::1", "2001:db8:0:1::1", 64, false},
        {"2001:db8::1", "2001:db8:0:1::1", 63, true}, {"2001:db8::1", "2001:db8::1", 128, true},
        {"2001:db8::2", "2001:db8::3", 128, false},   {"2001:db8::2", "2001:db8::3", 127, true},
        {"10.0.2.1", "2001:db8::1", 0, false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct ip a = read_one(table[i].a), b = read_one(table[i].b);

        if (ip_same_network(&a, &b, table[i].bits) != table[i].same)
            fail_msg("%s and %s with %u bits", table[i].a, table[i].b, table[i].bits);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        bool link_local, multicast;
    } table[] = {
        {"169.254.1.1", true, false},  {"169.253.1.1", false, false}, {"224.0.0.1", false, true},
        {"239.1.1.1", false, true},    {"240.0.0.1", false, false},   {"fe80::1", true, false},
        {"febf::1", true, false},      {"fec0::1", false, false},     {"ff02::1", false, true},
        {"2001:db8::1", false, false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct ip ip = read_one(table[i].text);

        if (ip_is_link_local(&ip) != table[i].link_local ||
            ip_is_multicast(&ip) != table[i].multicast)
            fail_msg("%s", table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_wrong), cmocka_unit_test(test_v4),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
