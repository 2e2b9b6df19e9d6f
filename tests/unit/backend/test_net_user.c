/* SPDX-License-Identifier: ISC */
/* The user-mode network from the guest's side: DHCP, ARP, ping, forwards, what is closed,
 * backpressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_guest.h"

#define LOOPBACK 0x7f000001u

static struct guest guest;

static void up(const struct net_user_config *config)
{
    struct error err = {0};
    struct net *net;

    if (net_user_open(&net, config, NULL, &err))
        fail_msg("%s", err.text);
    guest_start(&guest, net);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(LOOPBACK)};
}

/* A socket of the host's on a port of its own on 127.0.0.1. */
static int host_socket(int type, uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, type, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* A port that was free a moment ago. */
static uint16_t free_port(int type)
{
    uint16_t port;

    close(host_socket(type, &port));
    return port;
}

static int host_connect(int type, uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, type, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, PATIENCE / NS_PER_MSEC) == 1;
}

/* One DHCP message of `type`; the answer's options are in `frame`. Returns the address given. */
static uint32_t dhcp(uint8_t type, uint32_t wanted, struct guest_frame *frame,
                     struct packet *answer)
{
    static const uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63};
    uint8_t message[300] = {1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef}, *option = message + 236;

    memcpy(message + 28, guest_mac, 6);
    memcpy(option, cookie, 4);
    option += 4;
    *option++ = 53;
    *option++ = 1;
    *option++ = type;
    if (wanted) {
        *option++ = 50;
        *option++ = 4;
        store_be32(option, wanted);
        option += 4;
    }
    *option = 255;
    send_udp(&guest, 0, 68, UINT32_MAX, 67, message, sizeof(message));
    assert_true(next_packet(&guest, IP_UDP, frame, answer));
    assert_int_equal(answer->from_port, 67);
    assert_int_equal(answer->to_port, 68);
    assert_int_equal(load_be32(answer->data + 4), 0xdeadbeef);
    return load_be32(answer->data + 16);
}

/* The bytes of DHCP option `code`, or NULL. */
static const uint8_t *dhcp_option(const struct packet *answer, uint8_t code)
{
    for (const uint8_t *at = answer->data + 240; *at != 255; at += 2 + at[1])
        if (*at == code)
            return at + 2;
    return NULL;
}

static void gives_an_address(void **state)
{
    const struct net_user_config config = {0};
    struct guest_frame frame;
    struct packet answer;

    up(&config);
    assert_int_equal(guest.net->mtu, 1500);
    assert_int_equal(dhcp(1, 0, &frame, &answer), GUEST_ADDRESS);
    assert_int_equal(*dhcp_option(&answer, 53), 2); /* an offer */
    assert_int_equal(dhcp(3, GUEST_ADDRESS, &frame, &answer), GUEST_ADDRESS);
    assert_int_equal(*dhcp_option(&answer, 53), 5); /* an acknowledgement */
    assert_int_equal(load_be32(dhcp_option(&answer, 1)), 0xffffff00);
    assert_int_equal(load_be32(dhcp_option(&answer, 3)), GATEWAY);
    assert_int_equal(load_be32(dhcp_option(&answer, 6)), 0x0a000203);
    guest_stop(&guest);
}

static void answers_arp_and_ping(void **state)
{
    const struct net_user_config config = {0};
    struct guest_frame frame;

    up(&config);
    send_arp(&guest, 1, broadcast_mac, GUEST_ADDRESS, GATEWAY);
    assert_true(guest_take(&guest, &frame, PATIENCE));
    assert_int_equal(load_be16(frame.bytes + 12), ETH_ARP);
    assert_int_equal(load_be16(frame.bytes + 20), 2);
    assert_int_equal(load_be32(frame.bytes + 28), GATEWAY);
    assert_memory_equal(frame.bytes, guest_mac, 6);
    fence(&guest);
    guest_stop(&guest);
}

/* The host connects to a forwarded port; the guest accepts and both say something. */
static void forwards_tcp(void **state)
{
    uint16_t port = free_port(SOCK_STREAM);
    const struct net_user_config config = {.forwards = {{false, LOOPBACK, port, 22}},
                                           .forward_count = 1};
    struct guest_frame frame;
    struct packet packet = {0};
    uint32_t ack;
    char text[8];
    int fd;

    up(&config);
    fd = host_connect(SOCK_STREAM, port);
    assert_true(next_packet(&guest, IP_TCP, &frame, &packet));
    assert_int_equal(packet.flags, TCP_SYN);
    assert_int_equal(packet.to, GUEST_ADDRESS);
    assert_int_equal(packet.to_port, 22);
    assert_int_equal(packet.from, GATEWAY);
    ack = packet.seq + 1;
    send_tcp(&guest, 22, GATEWAY, packet.from_port, 1000, ack, TCP_SYN | TCP_ACK, NULL, 0);
    assert_int_equal(write(fd, "ping", 4), 4);
    do
        assert_true(next_packet(&guest, IP_TCP, &frame, &packet));
    while (packet.length == 0);
    assert_int_equal(packet.seq, ack);
    assert_int_equal(packet.length, 4);
    assert_memory_equal(packet.data, "ping", 4);
    send_tcp(&guest, 22, GATEWAY, packet.from_port, 1001, ack + 4, TCP_ACK | TCP_PSH, "pong!", 5);
    assert_true(readable(fd));
    assert_int_equal(read(fd, text, sizeof(text)), 5);
    assert_memory_equal(text, "pong!", 5);
    send_tcp(&guest, 22, GATEWAY, packet.from_port, 1006, ack + 4, TCP_ACK | TCP_RST, NULL, 0);
    assert_true(readable(fd)); /* and the host sees the end */
    assert_true(read(fd, text, sizeof(text)) <= 0);
    close(fd);
    guest_stop(&guest);
}

static void forwards_udp(void **state)
{
    uint16_t port = free_port(SOCK_DGRAM);
    const struct net_user_config config = {.forwards = {{true, LOOPBACK, port, 53}},
                                           .forward_count = 1};
    struct guest_frame frame;
    struct packet packet = {0};
    char text[8];
    int fd;

    up(&config);
    fd = host_connect(SOCK_DGRAM, port);
    assert_int_equal(write(fd, "who", 3), 3);
    assert_true(next_packet(&guest, IP_UDP, &frame, &packet));
    assert_int_equal(packet.to_port, 53);
    assert_memory_equal(packet.data, "who", 3);
    send_udp(&guest, GUEST_ADDRESS, 53, packet.from, packet.from_port, "me", 2);
    assert_true(readable(fd));
    assert_int_equal(read(fd, text, sizeof(text)), 2);
    close(fd);
    guest_stop(&guest);
}

/* The very first frame opens a socket: the guest asks a service of the host's by UDP. */
static void asks_the_host(void **state)
{
    const struct net_user_config config = {.host = true};
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    struct guest_frame frame;
    struct packet packet = {0};
    uint16_t port;
    char text[8];
    int fd = host_socket(SOCK_DGRAM, &port);

    up(&config);
    send_udp(&guest, GUEST_ADDRESS, 5000, GATEWAY, port, "time?", 5);
    assert_true(readable(fd));
    assert_int_equal(recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &length), 5);
    assert_int_equal(sendto(fd, "noon", 4, 0, (struct sockaddr *)&from, length), 4);
    assert_true(next_packet(&guest, IP_UDP, &frame, &packet));
    assert_int_equal(packet.from, GATEWAY);
    assert_int_equal(packet.from_port, port);
    assert_int_equal(packet.to_port, 5000);
    assert_memory_equal(packet.data, "noon", 4);
    close(fd);
    guest_stop(&guest);
}

static void names_a_taken_port(void **state)
{
    struct net_user_config config = {.forward_count = 1};
    struct error err = {0};
    uint16_t port;
    int fd = host_socket(SOCK_STREAM, &port);
    char number[8];
    struct net *net;

    config.forwards[0] =
        (struct net_forward){.host_address = LOOPBACK, .host_port = port, .guest_port = 22};
    assert_int_equal(net_user_open(&net, &config, NULL, &err), -EADDRINUSE);
    snprintf(number, sizeof(number), ":%u", port);
    assert_non_null(strstr(err.text, number));
    assert_non_null(strstr(err.text, "TCP 127.0.0.1"));
    assert_non_null(strstr(err.text, "in use"));
    close(fd);
}

static void refuses_what_cannot_be(void **state)
{
    struct net_user_config config = {.mtu = 500};
    struct error err = {0};
    struct net *net;

    assert_int_equal(net_user_open(&net, &config, NULL, &err), -EINVAL);
    assert_non_null(strstr(err.text, "576"));
    config = (struct net_user_config){.forward_count = NET_MAX_FORWARDS + 1};
    assert_int_equal(net_user_open(&net, &config, NULL, &err), -EINVAL);
    config = (struct net_user_config){.capture = "/nonexistent/capture.pcapng"};
    assert_int_equal(net_user_open(&net, &config, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/capture.pcapng"));
}

/* The guest calls `to` on a port where the host listens. Returns whether the host sees the call. */
static bool reaches(const struct net_user_config *config, uint32_t to)
{
    uint16_t port;
    int fd = host_socket(SOCK_STREAM, &port), call;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    up(config);
    send_tcp(&guest, 4000, to, port, 1, 0, TCP_SYN, NULL, 0);
    fence(&guest); /* connect to loopback is over when libslirp has called it */
    call = accept(fd, NULL, NULL);
    guest_stop(&guest);
    close(fd);
    if (call >= 0)
        close(call);
    return call >= 0;
}

static void keeps_the_host_closed(void **state)
{
    const struct net_user_config closed = {0}, open = {.host = true}, isolated = {.isolated = true},
                                 guarded = {
                                     .forwards = {{true, LOOPBACK, free_port(SOCK_DGRAM), 53}},
                                     .forward_count = 1};
    const uint32_t addresses[] = {LOOPBACK,   0x7f000002, 0x00000000,
                                  0x0a000203, 0x0a0002ff, UINT32_MAX};

    assert_true(reaches(&open, GATEWAY));
    assert_false(reaches(&closed, GATEWAY));
    assert_false(reaches(&isolated, GATEWAY));
    assert_false(reaches(&guarded, GATEWAY));
    for (size_t i = 0; i < nitems(addresses); i++) {
        assert_false(reaches(&closed, addresses[i]));
        assert_false(reaches(&guarded, addresses[i]));
    }
    assert_false(reaches(&open, LOOPBACK));
}

static void isolated_still_configures(void **state)
{
    uint16_t port = free_port(SOCK_STREAM);
    const struct net_user_config config = {
        .forwards = {{false, LOOPBACK, port, 22}}, .forward_count = 1, .isolated = true};
    struct guest_frame frame;
    struct packet answer;
    int fd;

    up(&config);
    assert_int_equal(dhcp(1, 0, &frame, &answer), GUEST_ADDRESS);
    fd = host_connect(SOCK_STREAM, port);
    assert_true(next_packet(&guest, IP_TCP, &frame, &answer));
    assert_int_equal(answer.to_port, 22);
    close(fd);
    guest_stop(&guest);
}

static void odd_frames_are_harmless(void **state)
{
    const struct net_user_config config = {0};
    static uint8_t big[NET_MAX_FRAME + 1];
    uint8_t frame[128];

    up(&config);
    assert_int_equal(guest_send(&guest, big, 13), -EMSGSIZE);
    assert_int_equal(guest_send(&guest, big, NET_MAX_FRAME + 1), -EMSGSIZE);
    for (unsigned length = 14; length < sizeof(frame); length++)
        for (unsigned type = 0; type < 4; type++) {
            static const uint16_t types[] = {ETH_IPV4, ETH_ARP, 0x86dd, 0x8100};

            for (unsigned i = 0; i < length; i++)
                frame[i] = (uint8_t)(i * 37 + length * 11 + type);
            store_be16(frame + 12, types[type]);
            frame[14] = length % 2 ? 0x45 : 0x4f;
            guest_send(&guest, frame, length);
        }
    memset(big, 0xff, 60000);
    store_be16(big + 12, ETH_IPV4);
    guest_send(&guest, big, 60000);
    fence(&guest);
    guest_stop(&guest);
}

/* Frames that the guest has no buffer for are kept, in order, and none is lost or doubled. */
static void holds_frames_back(void **state)
{
    const struct net_user_config config = {0};
    struct guest_frame frame;
    struct packet packet = {0};

    up(&config);
    pthread_mutex_lock(&guest.lock);
    guest.full = true;
    pthread_mutex_unlock(&guest.lock);
    for (uint16_t i = 0; i < 20; i++)
        send_ping(&guest, GATEWAY, 500 + i);
    pthread_mutex_lock(&guest.lock);
    while (!guest.refused)
        assert_int_equal(
            host_cond_wait_until(&guest.arrived, &guest.lock, host_clock_monotonic() + PATIENCE),
            0);
    guest.full = false;
    pthread_mutex_unlock(&guest.lock);
    host_loop_drain(guest.loop);
    assert_int_equal(guest.refused, 1); /* asked once, then not again until resumed */
    host_loop_call(guest.loop, resume_on_loop, &guest);
    for (uint16_t i = 0; i < 20; i++) {
        assert_true(next_packet(&guest, IP_ICMP, &frame, &packet));
        assert_int_equal(load_be16(packet.data + 6), 500 + i);
    }
    host_loop_call(guest.loop, resume_on_loop, &guest); /* with nothing held: nothing */
    fence(&guest);
    guest_stop(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_an_address),
        cmocka_unit_test(answers_arp_and_ping),
        cmocka_unit_test(forwards_tcp),
        cmocka_unit_test(forwards_udp),
        cmocka_unit_test(asks_the_host),
        cmocka_unit_test(names_a_taken_port),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(keeps_the_host_closed),
        cmocka_unit_test(isolated_still_configures),
        cmocka_unit_test(odd_frames_are_harmless),
        cmocka_unit_test(holds_frames_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
