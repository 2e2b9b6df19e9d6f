/* SPDX-License-Identifier: ISC */
/* A switch's process with this program's ports on it: frames both ways, links that are measured,
 * programs at sockets, and how all of it ends. */
#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/units.h"
#include "host/clock.h"
#include "switch/place.h"
#include "switch/server.h"

#define ATTEMPT_SECONDS 100 /* which only a failure takes */

static void test_frames_and_mtu(void **state)
{
    struct switch_port *a = join("a", 65435, 1), *b = join("b", 65435, 2), *c = join("c", 0, 3);
    static uint8_t sent[NET_MAX_FRAME], got[NET_OFFLOAD_MAX_FRAME];
    size_t length = make(sent, 1, 2, 65435 + 14);

    sent[length - 1] = 0x77;
    send_frame(a, sent, length);
    assert_int_equal(receive(b, got, PATIENCE), length);
    assert_memory_equal(sent, got, length);
    assert_int_equal(receive(c, got, 50), 0); /* its place was reserved */
    length = make(sent, 3, 0, 100);
    send_frame(c, sent, length);
    assert_int_equal(receive(a, got, PATIENCE), length);
    assert_int_equal(receive(b, got, PATIENCE), length);
    assert_int_equal(switch_port_send(c, NULL, &(struct iovec){sent, 1600}, 1), -EMSGSIZE);
    switch_leave(a);
    switch_leave(b);
    switch_leave(c);
}

static void test_names_and_addresses(void **state)
{
    struct switch_port *a = join("a", 0, 1), *none = join(NULL, 0, 0), *again = NULL;
    struct switch_port_config config = {.name = "a"};
    struct error err;

    assert_string_equal(switch_port_name(none), "port1");
    assert_int_equal(switch_join(&again, NAME, &config, &err), -EEXIST);
    config = (struct switch_port_config){.name = "b", .has_mac = true, .mac = {2, 0, 0, 0, 0, 1}};
    assert_int_equal(switch_join(&again, NAME, &config, &err), -EADDRINUSE);
    config = (struct switch_port_config){.name = "../b"};
    assert_int_equal(switch_join(&again, NAME, &config, &err), -EINVAL);
    switch_leave(a);
    switch_leave(none);
}

/* 50 ms within 2 ms, measured: never less, and some frame not more, however busy the host is. */
static void test_delay_is_measured(void **state)
{
    const struct link_settings settings = {.delay_ns = 50 * NS_PER_MSEC};
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    struct switch_client *client = connect_client();
    struct link_settings got_settings;
    uint64_t least = UINT64_MAX, end = host_clock_monotonic() + ATTEMPT_SECONDS * NS_PER_SEC;
    uint8_t frame[100], got[NET_OFFLOAD_MAX_FRAME];

    assert_int_equal(switch_link_set(client, "a", SWITCH_FROM, &settings, NULL), 0);
    assert_int_equal(switch_link_get(client, "a", SWITCH_FROM, &got_settings, NULL), 0);
    assert_true(got_settings.delay_ns == settings.delay_ns);
    assert_int_equal(switch_link_set(client, "nobody", SWITCH_FROM, &settings, NULL), -ENOENT);
    make(frame, 1, 2, sizeof(frame));
    while (least > 52 * NS_PER_MSEC && host_clock_monotonic() < end) {
        uint64_t begin = host_clock_monotonic();

        send_frame(a, frame, sizeof(frame));
        assert_int_equal(receive(b, got, PATIENCE), sizeof(frame));
        least = MIN(least, host_clock_monotonic() - begin);
    }
    assert_in_range(least, 50 * NS_PER_MSEC, 52 * NS_PER_MSEC);
    switch_disconnect(client);
    switch_leave(a);
    switch_leave(b);
}

/* What comes through a link, in bits a second, over half a second of 10 Mbit/s. */
static uint64_t measure_rate(struct switch_port *from, struct switch_port *to)
{
    static uint8_t frame[1514], got[NET_OFFLOAD_MAX_FRAME];
    const unsigned frames = 420;
    uint64_t first = 0, last = 0;

    make(frame, 1, 2, sizeof(frame));
    for (unsigned i = 0; i < frames; i++)
        send_frame(from, frame, sizeof(frame));
    for (unsigned i = 0; i < frames; i++) {
        assert_int_equal(receive(to, got, PATIENCE), sizeof(frame));
        last = host_clock_monotonic();
        first = first ? first : last;
    }
    return (frames - 1) * sizeof(frame) * 8 * NS_PER_SEC / (last - first);
}

/* 10 Mbit/s within 3 %; a busy host may look away at either end. */
static void test_rate_is_measured(void **state)
{
    const struct link_settings settings = {.rate_bps = 10000000, .queue_bytes = 2 << 20};
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    struct switch_client *client = connect_client();
    uint64_t rate = 0, end = host_clock_monotonic() + ATTEMPT_SECONDS * NS_PER_SEC;

    assert_int_equal(switch_link_set(client, "b", SWITCH_TO, &settings, NULL), 0);
    while ((rate < 9700000 || rate > 10300000) && host_clock_monotonic() < end)
        rate = measure_rate(a, b);
    assert_in_range(rate, 9700000, 10300000);
    switch_disconnect(client);
    switch_leave(a);
    switch_leave(b);
}

/* Frames that the link from port "a" has lost. */
static unsigned lost_from_a(struct switch_client *client)
{
    json_t *status = NULL, *port;
    json_int_t lost = 0;
    size_t i;

    assert_int_equal(switch_status(client, &status, NULL), 0);
    json_array_foreach(json_object_get(status, "ports"), i, port)
    {
        if (strcmp(json_string_value(json_object_get(port, "port")), "a") == 0)
            assert_int_equal(json_unpack(port, "{s:{s:{s:I}}}", "from", "link", "lost", &lost), 0);
    }
    json_decref(status);
    return (unsigned)lost;
}

/* 1 %, within three standard deviations; the seed makes it the same every time. What does not come
 * is what is counted. */
static void test_loss_is_measured(void **state)
{
    const struct link_settings settings = {.loss = 0.01, .seed = 5};
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    struct switch_client *client = connect_client();
    uint64_t end = host_clock_monotonic() + ATTEMPT_SECONDS * NS_PER_SEC;
    uint8_t frame[100], got[NET_OFFLOAD_MAX_FRAME];
    unsigned came = 0, lost = 0;

    assert_int_equal(switch_link_set(client, "a", SWITCH_FROM, &settings, NULL), 0);
    make(frame, 1, 2, sizeof(frame));
    for (unsigned sent = 1; sent <= 20000; sent++) {
        send_frame(a, frame, sizeof(frame));
        while (sent % 200 == 0 && came + lost < sent && host_clock_monotonic() < end) {
            while (receive(b, got, 1))
                came++;
            lost = lost_from_a(client);
        }
    }
    assert_int_equal(came + lost, 20000);
    assert_in_range(lost, 200 - 42, 200 + 42);
    switch_disconnect(client);
    switch_leave(a);
    switch_leave(b);
}

/* Waits until the cable is as it should be. */
static void expect_cable(struct switch_port *port, bool up)
{
    struct pollfd ready = {.fd = switch_port_descriptor(port), .events = POLLIN};

    while (switch_port_up(port) != up) {
        if (poll(&ready, 1, PATIENCE) <= 0)
            fail_msg("the cable is not %s", up ? "plugged in" : "unplugged");
        switch_port_awake(port);
    }
}

/* A link that is down both ways is an unplugged cable; one way, nobody hears of it. */
static void test_cable(void **state)
{
    const struct link_settings down = {.down = true}, slow = {.delay_ns = NS_PER_MSEC};
    struct switch_port *a = join("a", 0, 1);
    struct switch_client *client = connect_client();

    assert_true(switch_port_up(a));
    assert_int_equal(switch_link_set(client, "a", SWITCH_BOTH, &down, NULL), 0);
    expect_cable(a, false);
    assert_int_equal(switch_link_set(client, "a", SWITCH_TO, &slow, NULL), 0);
    expect_cable(a, true);
    assert_int_equal(switch_link_set(client, "a", SWITCH_TO, &down, NULL), 0);
    expect_cable(a, false);
    assert_int_equal(switch_detach(client, "a", NULL), 0);
    while (switch_port_awake(a))
        poll(&(struct pollfd){switch_port_descriptor(a), POLLIN, 0}, 1, PATIENCE);
    switch_disconnect(client);
    switch_leave(a);
}

/* What the port says of its end, when it has come. */
static void expect_end(struct switch_port *port, const char *wanted)
{
    struct error why;

    while (switch_port_awake(port))
        if (poll(&(struct pollfd){switch_port_descriptor(port), POLLIN, 0}, 1, PATIENCE) <= 0)
            fail_msg("the port does not end");
    switch_port_explain(port, &why);
    if (!strstr(why.text, wanted))
        fail_msg("\"%s\" instead of \"%s\"", why.text, wanted);
    switch_leave(port);
}

/* What the switch says of a port that is no more; it may take a moment to notice. */
static void expect_departed(struct switch_client *client, const char *port, const char *wanted)
{
    struct link_settings settings;
    struct error err = {0};

    for (int i = 0; i < PATIENCE && !strstr(err.text, wanted); i++) {
        switch_link_get(client, port, SWITCH_FROM, &settings, &err);
        host_sleep(NS_PER_MSEC);
    }
    if (!strstr(err.text, wanted))
        fail_msg("\"%s\" instead of \"%s\"", err.text, wanted);
}

static int listen_at(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* The way out is a program at a socket: of either protocol, for as long as it runs. */
static void test_socket_uplink(void **state)
{
    struct switch_port *a = join("a", 0, 1);
    struct switch_client *client = connect_client();
    struct sockaddr_un guest;
    socklen_t room = sizeof(guest);
    char path[64];
    const struct net_socket_config config = {.path = path};
    uint8_t frame[1514], got[NET_OFFLOAD_MAX_FRAME];
    int listener, program;

    make(frame, 9, 0, sizeof(frame));
    snprintf(path, sizeof(path), "%s/program", folder);
    assert_int_equal(switch_uplink_socket(client, &config, NULL), -ENOENT);
    listener = listen_at(path, SOCK_STREAM); /* QEMU's */
    assert_int_equal(switch_uplink_socket(client, &config, NULL), 0);
    assert_int_equal(switch_uplink_socket(client, &config, NULL), -EEXIST);
    program = accept(listener, NULL, NULL);
    store_be32(got, sizeof(frame));
    assert_int_equal(send(program, got, 4, 0), 4);
    assert_int_equal(send(program, frame, sizeof(frame), 0), sizeof(frame));
    assert_int_equal(receive(a, got, PATIENCE), sizeof(frame));
    close(program);
    close(listener);
    unlink(path);
    expect_departed(client, "uplink", "any more: the process behind it has ended");
    program = listen_at(path, SOCK_DGRAM); /* vfkit's */
    assert_int_equal(switch_uplink_socket(client, &config, NULL), 0);
    assert_int_equal(recvfrom(program, got, 4, 0, (struct sockaddr *)&guest, &room), 4);
    assert_memory_equal(got, "VFKT", 4);
    assert_int_equal(sendto(program, frame, sizeof(frame), 0, (struct sockaddr *)&guest, room),
                     sizeof(frame));
    assert_int_equal(receive(a, got, PATIENCE), sizeof(frame));
    make(frame, 1, 9, sizeof(frame));
    send_frame(a, frame, sizeof(frame));
    assert_int_equal(recv(program, got, sizeof(got), 0), sizeof(frame));
    assert_memory_equal(got, frame, sizeof(frame));
    close(program);
    unlink(path);
    send_frame(a, frame, sizeof(frame)); /* by which alone that shows */
    expect_departed(client, "uplink", "any more: the process behind it has ended");
    switch_disconnect(client);
    switch_leave(a);
}

static void test_descriptors(void **state)
{
    struct switch_port *a = join("a", 0, 1);
    struct switch_client *client = connect_client();
    int packets[2], stream[2];
    uint8_t frame[1514], got[NET_OFFLOAD_MAX_FRAME];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    assert_int_equal(switch_attach(client, "packets", SWITCH_PACKETS, packets[1], 1500, true, NULL),
                     0);
    assert_int_equal(switch_attach(client, "stream", SWITCH_STREAM, stream[1], 1500, false, NULL),
                     0);
    make(frame, 9, 0, sizeof(frame));
    assert_int_equal(send(packets[0], frame, sizeof(frame), 0), sizeof(frame));
    assert_int_equal(receive(a, got, PATIENCE), sizeof(frame));
    assert_int_equal(recv(stream[0], got, 4, MSG_WAITALL), 4);
    assert_int_equal(load_be32(got), sizeof(frame));
    assert_int_equal(recv(stream[0], got, sizeof(frame), MSG_WAITALL), sizeof(frame));
    assert_memory_equal(got, frame, sizeof(frame));
    store_be32(got, UINT32_MAX); /* no frame's length: the port is over */
    assert_int_equal(send(stream[0], got, 4, 0), 4);
    close(stream[1]);
    assert_true(recv(stream[0], got, 4, 0) <= 0);
    expect_departed(client, "stream", "any more: it broke the rules of its connection");
    assert_int_equal(switch_detach(client, "packets", NULL), 0);
    assert_int_equal(switch_detach(client, "packets", NULL), -ENOENT);
    close(packets[0]);
    close(packets[1]);
    close(stream[0]);
    switch_disconnect(client);
    switch_leave(a);
}

static void test_ends_are_told_apart(void **state)
{
    struct switch_port *out = join("out", 0, 1), *left = join("left", 0, 2);
    struct switch_port *stopped = join("stopped", 0, 3);
    struct switch_client *client = connect_client();

    assert_int_equal(switch_detach(client, "out", NULL), 0);
    expect_end(out, "port \"out\" was taken out of the switch \"" NAME "\"");
    expect_departed(client, "out", "no port \"out\" any more: it was taken out");
    switch_leave(left);
    expect_departed(client, "left", "no port \"left\" any more: the process behind it has ended");
    expect_departed(client, "nobody", "has no port \"nobody\"; \"atoll switch " NAME "\"");
    switch_leave(join("out", 0, 1));
    expect_departed(client, "out", "no port \"out\" any more: the process behind it has ended");
    assert_int_equal(switch_stop(client, NULL), 0);
    expect_end(stopped, "the switch \"" NAME "\" was stopped");
    switch_disconnect(client);
}

/* A switch in a child of this process, which can be killed. */
static pid_t start_child(void)
{
    struct sockaddr_un address;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t child;

    assert_int_equal(place_address(NAME, &address, NULL), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    child = fork();
    if (child == 0)
        _exit(server_run(listener, NAME) != 0);
    close(listener);
    return child;
}

static void test_a_dead_switch(void **state)
{
    pid_t child = start_child();
    struct switch_port *port = join("a", 0, 1);

    assert_true(child > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect_end(port, "the process of the switch \"" NAME "\" has died");
    place_remove(NAME);
}

/* It goes with the last port, unless it is kept, and leaves nothing behind. */
static void test_end(void **state)
{
    struct switch_client *client = connect_client();
    struct sockaddr_un address;
    struct stat st;
    char **names;

    assert_int_equal(place_address(NAME, &address, NULL), 0);
    assert_int_equal(stat(address.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(switch_keep(client, true, NULL), 0);
    switch_disconnect(client);
    host_sleep(1500 * NS_PER_MSEC);
    client = NULL;
    assert_int_equal(switch_connect(&client, NAME, false, NULL), 0);
    assert_int_equal(switch_keep(client, false, NULL), 0);
    switch_disconnect(client);
    for (int i = 0; i < 100 && stat(address.sun_path, &st) == 0; i++)
        host_sleep(100 * NS_PER_MSEC);
    assert_int_not_equal(stat(address.sun_path, &st), 0);
    client = connect_client();
    assert_int_equal(switch_stop(client, NULL), 0);
    assert_int_not_equal(stat(address.sun_path, &st), 0);
    switch_disconnect(client);
    assert_int_equal(switch_list(&names, NULL), 0);
    assert_null(names[0]);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_and_mtu),
        cmocka_unit_test(test_names_and_addresses),
        cmocka_unit_test(test_delay_is_measured),
        cmocka_unit_test(test_rate_is_measured),
        cmocka_unit_test(test_loss_is_measured),
        cmocka_unit_test(test_cable),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_socket_uplink),
        cmocka_unit_test(test_ends_are_told_apart),
        cmocka_unit_test(test_a_dead_switch),
        cmocka_unit_test(test_end),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
