/* SPDX-License-Identifier: ISC */
/* --net socket against programs that listen: both protocols, and programs that break theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/net.h"
#include "base/endian.h"
#include "host/clock.h"

static char folder[] = "/tmp/atoll-net-XXXXXX", path[64];

/* The card's side: frames that came, and whether there are buffers. */
struct card {
    struct host_loop *loop;
    struct net *net;
    _Atomic unsigned count;
    _Atomic bool full, unplugged;
    size_t length;
    uint8_t frame[NET_MAX_FRAME];
};

static bool on_frame(void *ctx, const void *frame, size_t length)
{
    struct card *card = ctx;

    if (card->full)
        return false;
    card->length = length;
    memcpy(card->frame, frame, length);
    card->count++;
    return true;
}

static void on_link(void *ctx, bool up)
{
    ((struct card *)ctx)->unplugged = !up;
}

static int listen_at(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    unlink(path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void start(struct card *card, enum net_socket_protocol protocol)
{
    const struct net_socket_config config = {.path = path, .protocol = protocol};
    const struct net_client client = {.receive = on_frame, .ctx = card, .link = on_link};
    struct error err = {0};

    memset(card, 0, sizeof(*card));
    assert_int_equal(host_loop_create(&card->loop, "test", NULL), 0);
    if (net_socket_open(&card->net, &config, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(net_attach(card->net, card->loop, &client), 0);
}

static void close_net(void *ctx)
{
    net_close(((struct card *)ctx)->net);
}

static void stop(struct card *card)
{
    host_loop_call(card->loop, close_net, card);
    host_loop_destroy(card->loop);
}

static void resume(void *ctx)
{
    net_resume(((struct card *)ctx)->net);
}

static void await(struct card *card, unsigned count)
{
    for (int i = 0; i < 10000 && card->count < count; i++)
        host_sleep(1000000);
    assert_int_equal(card->count, count);
    host_loop_drain(card->loop);
}

struct outgoing {
    struct card *card;
    size_t length;
};

static void send_now(void *ctx)
{
    static uint8_t frame[NET_MAX_FRAME];
    const struct outgoing *outgoing = ctx;
    const struct iovec iov[2] = {{frame, 10}, {frame + 10, outgoing->length - 10}};

    memset(frame, 0x5a, sizeof(frame));
    assert_int_equal(net_send(outgoing->card->net, iov, 2), 0);
}

static void send_frame(struct card *card, size_t length)
{
    struct outgoing outgoing = {card, length};

    host_loop_call(card->loop, send_now, &outgoing);
}

static void test_qemu(void **state)
{
    int listener = listen_at(SOCK_STREAM), peer;
    uint8_t bytes[NET_MAX_FRAME + 4];
    static struct card card;

    start(&card, NET_SOCKET_ANY);
    peer = accept(listener, NULL, NULL);
    send_frame(&card, 1514);
    assert_int_equal(recv(peer, bytes, 4 + 1514, MSG_WAITALL), 4 + 1514);
    assert_int_equal(load_be32(bytes), 1514);
    assert_int_equal(bytes[4 + 1513], 0x5a);
    store_be32(bytes, 100);
    bytes[4 + 99] = 0x77;
    assert_int_equal(send(peer, bytes, 50, 0), 50); /* in pieces */
    host_sleep(1000000);
    assert_int_equal(card.count, 0);
    assert_int_equal(send(peer, bytes + 50, 54, 0), 54);
    await(&card, 1);
    assert_int_equal(card.length, 100);
    assert_int_equal(card.frame[99], 0x77);
    close(peer);
    close(listener);
    stop(&card);
}

/* What has no buffer waits, in order, and then all of it comes. */
static void test_backpressure(void **state)
{
    int listener = listen_at(SOCK_STREAM), peer;
    uint8_t bytes[104] = {0};
    static struct card card;

    start(&card, NET_SOCKET_QEMU);
    peer = accept(listener, NULL, NULL);
    card.full = true;
    store_be32(bytes, 100);
    for (uint8_t i = 0; i < 100; i++) {
        bytes[10] = i;
        assert_int_equal(send(peer, bytes, sizeof(bytes), 0), sizeof(bytes));
    }
    host_sleep(20000000);
    assert_int_equal(card.count, 0);
    card.full = false;
    host_loop_call(card.loop, resume, &card);
    await(&card, 100);
    assert_int_equal(card.frame[6], 99);
    close(peer);
    close(listener);
    stop(&card);
}

static void send_too_much(void *ctx)
{
    static uint8_t frame[60000];
    const struct iovec iov = {frame, sizeof(frame)};

    for (unsigned i = 0; i < 200; i++)
        net_send(((struct card *)ctx)->net, &iov, 1);
}

/* The program does not read: frames are dropped, never half of one. */
static void test_slow_program(void **state)
{
    int listener = listen_at(SOCK_STREAM), peer;
    static uint8_t bytes[NET_MAX_FRAME];
    static struct card card;
    unsigned frames = 0;

    start(&card, NET_SOCKET_ANY);
    peer = accept(listener, NULL, NULL);
    host_loop_call(card.loop, send_too_much, &card);
    while (recv(peer, bytes, 4, MSG_WAITALL | (frames ? MSG_DONTWAIT : 0)) == 4) {
        assert_int_equal(load_be32(bytes), 60000);
        assert_int_equal(recv(peer, bytes, 60000, MSG_WAITALL), 60000);
        frames++;
        host_sleep(1000000); /* the rest of the one that was half sent */
    }
    assert_in_range(frames, 1, 199);
    close(peer);
    close(listener);
    stop(&card);
}

/* It is no frame's length: that was all, and the cable is as good as unplugged. */
static void test_bad_length(void **state)
{
    int listener = listen_at(SOCK_STREAM), peer;
    uint8_t bytes[200];
    static struct card card;

    start(&card, NET_SOCKET_ANY);
    peer = accept(listener, NULL, NULL);
    memset(bytes, 0xff, sizeof(bytes));
    assert_true(net_is_up(card.net));
    assert_int_equal(send(peer, bytes, sizeof(bytes), 0), sizeof(bytes));
    for (int i = 0; i < 10000 && !card.unplugged; i++)
        host_sleep(1000000);
    assert_true(card.unplugged && !net_is_up(card.net));
    assert_int_equal(card.count, 0);
    close(peer);
    close(listener);
    stop(&card);
}

static void test_vfkit(void **state)
{
    struct sockaddr_un from;
    socklen_t from_length = sizeof(from);
    int program = listen_at(SOCK_DGRAM);
    uint8_t bytes[NET_MAX_FRAME];
    static struct card card;

    start(&card, NET_SOCKET_ANY);
    assert_int_equal(
        recvfrom(program, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_length), 4);
    assert_memory_equal(bytes, "VFKT", 4);
    send_frame(&card, 1514);
    assert_int_equal(recv(program, bytes, sizeof(bytes), 0), 1514);
    assert_int_equal(sendto(program, bytes, 700, 0, (const struct sockaddr *)&from, from_length),
                     700);
    await(&card, 1);
    assert_int_equal(card.length, 700);
    close(program);
    stop(&card);
}

static void test_errors(void **state)
{
    struct net_socket_config config = {.path = path, .protocol = NET_SOCKET_VFKIT};
    int listener = listen_at(SOCK_STREAM);
    struct error err;
    struct net *net;

    assert_int_equal(net_socket_open(&net, &config, NULL, &err), -EPROTOTYPE);
    assert_non_null(strstr(err.text, "protocol=qemu"));
    close(listener);
    config.protocol = NET_SOCKET_ANY;
    assert_int_equal(net_socket_open(&net, &config, NULL, &err), -ECONNREFUSED);
    unlink(path);
    assert_int_equal(net_socket_open(&net, &config, NULL, &err), -ENOENT);
    assert_int_equal(
        net_tap_open(&net, &(struct net_tap_config){.device = "no-such-tap"}, NULL, &err), -ENODEV);
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qemu),         cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_slow_program), cmocka_unit_test(test_bad_length),
        cmocka_unit_test(test_vfkit),        cmocka_unit_test(test_errors),
    };

    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/socket", folder);
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
