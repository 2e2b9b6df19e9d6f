/* SPDX-License-Identifier: ISC */
/* The name server's address: what is rewritten, what is not, and that checksums stay right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "backend/net/user_dns.h"
#include "net_guest.h"

#define SERVER    0xc0a80101u
#define DNS       0x0a000203u
#define FILE_NAME "net_dns_test.conf"

struct exchange {
    uint8_t frame[14 + 20 + 28];
};

static uint32_t pseudo(const uint8_t *ip, unsigned length)
{
    return sum(ip + 12, 8, ip[9] + length);
}

/* A UDP or TCP packet with right checksums. */
static struct exchange make(uint8_t protocol, uint32_t from, uint16_t from_port, uint32_t to,
                            uint16_t to_port)
{
    struct exchange x = {{0}};
    uint8_t *ip = x.frame + 14, *body = ip + 20;
    unsigned at = protocol == IP_TCP ? 16 : 6;

    store_be16(x.frame + 12, ETH_IPV4);
    ip[0] = 0x45;
    store_be16(ip + 2, 48);
    ip[9] = protocol;
    store_be32(ip + 12, from);
    store_be32(ip + 16, to);
    store_be16(ip + 10, fold(sum(ip, 20, 0)));
    store_be16(body, from_port);
    store_be16(body + 2, to_port);
    body[24] = 0xab;
    store_be16(body + at, fold(sum(body, 28, pseudo(ip, 28))));
    return x;
}

static bool checksums_hold(const struct exchange *x)
{
    const uint8_t *ip = x->frame + 14;

    return fold(sum(ip, 20, 0)) == 0 && fold(sum(ip + 20, 28, pseudo(ip, 28))) == 0;
}

static uint32_t from(const struct exchange *x)
{
    return load_be32(x->frame + 14 + 12);
}

static uint32_t to(const struct exchange *x)
{
    return load_be32(x->frame + 14 + 16);
}

static void rewrites_both_ways(void **state)
{
    static const uint8_t protocols[] = {IP_UDP, IP_TCP};
    static const uint32_t servers[] = {SERVER, 0x7f000035, 0xffffffff, 0x00010000};

    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < nitems(servers); i++) {
            static struct user_dns dns;
            struct exchange x = make(protocols[p], GUEST_ADDRESS, 4000, DNS, 53);

            dns = (struct user_dns){.server = servers[i]};
            user_dns_out(&dns, x.frame, sizeof(x.frame));
            assert_int_equal(to(&x), servers[i]);
            assert_true(checksums_hold(&x));
            x = make(protocols[p], servers[i], 53, GUEST_ADDRESS, 4000);
            user_dns_in(&dns, x.frame, sizeof(x.frame));
            assert_int_equal(from(&x), DNS);
            assert_true(checksums_hold(&x));
            x = make(protocols[1 - p], servers[i], 53, GUEST_ADDRESS,
                     4000); /* the other protocol's port */
            user_dns_in(&dns, x.frame, sizeof(x.frame));
            assert_int_equal(from(&x), servers[i]);
        }
}

static void leaves_direct_questions_alone(void **state)
{
    static struct user_dns dns;
    struct exchange x = make(IP_UDP, GUEST_ADDRESS, 4000, DNS, 53);

    dns = (struct user_dns){.server = SERVER};
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    x = make(IP_UDP, GUEST_ADDRESS, 4001, SERVER, 53);
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    assert_int_equal(to(&x), SERVER);
    x = make(IP_UDP, SERVER, 53, GUEST_ADDRESS, 4001);
    user_dns_in(&dns, x.frame, sizeof(x.frame));
    assert_int_equal(from(&x), SERVER);
    x = make(IP_UDP, GUEST_ADDRESS, 4000, SERVER, 53); /* the port changes sides */
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    x = make(IP_UDP, SERVER, 53, GUEST_ADDRESS, 4000);
    user_dns_in(&dns, x.frame, sizeof(x.frame));
    assert_int_equal(from(&x), SERVER);
}

static void leaves_the_rest_alone(void **state)
{
    static struct user_dns dns;
    struct exchange x = make(IP_UDP, GUEST_ADDRESS, 4000, DNS, 54), before = x;

    dns = (struct user_dns){.server = SERVER};
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    assert_memory_equal(&x, &before, sizeof(x));
    x = make(IP_UDP, GUEST_ADDRESS, 4000, DNS, 53);
    store_be16(x.frame + 14 + 6, 0x0010); /* a later fragment */
    before = x;
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    for (size_t length = 0; length < 14 + 20 + 8; length++) {
        x = make(IP_UDP, GUEST_ADDRESS, 4000, DNS, 53);
        user_dns_out(&dns, x.frame, length);
        assert_int_equal(to(&x), DNS);
    }
    dns.server = 0;
    x = before = make(IP_UDP, GUEST_ADDRESS, 4000, DNS, 53);
    user_dns_out(&dns, x.frame, sizeof(x.frame));
    assert_memory_equal(&x, &before, sizeof(x));
}

static uint32_t server_of(const char *text)
{
    FILE *file = fopen(FILE_NAME, "w");
    uint32_t server;

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    server = user_dns_server(FILE_NAME);
    unlink(FILE_NAME);
    return server;
}

static void reads_resolv_conf(void **state)
{
    assert_int_equal(server_of("nameserver 192.168.1.1\n"), SERVER);
    assert_int_equal(
        server_of("# nameserver 1.2.3.4\nsearch x\nnameserver ::1\n\tnameserver\t10.0.0.1 \n"
                  "nameserver 9.9.9.9\n"),
        0x0a000001);
    assert_int_equal(server_of("nameserver fe80::1%eth0\noptions edns0"), 0);
    assert_int_equal(server_of(""), 0);
    assert_int_equal(user_dns_server("/nonexistent/resolv.conf"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_both_ways),
        cmocka_unit_test(leaves_direct_questions_alone),
        cmocka_unit_test(leaves_the_rest_alone),
        cmocka_unit_test(reads_resolv_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
