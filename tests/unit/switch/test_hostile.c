/* SPDX-License-Identifier: ISC */
/*
 * A switch's process with peers that break every rule, and others that are not to notice: sixteen
 * ports, of which two do what harm they can.
 */
#include "ports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/units.h"
#include "host/clock.h"
#include "switch/fabric.h"
#include "switch/place.h"

#define HOSTILE    12
#define NOISE_SIZE 4096

#define GOOD         14
#define QUOTA        64 /* frames of one port in one turn of the switch */
#define GOOD_FRAMES  256
#define FLOOD_FRAMES 1000
#define ROUNDS       100
#define BURST        8
#define FLOOD        100000 /* frames at least that the flooder has tried */
#define TALK_SECONDS 100    /* which only a failure takes */

/* A joined port whose words this test writes as it likes. */
static int join_raw(struct port_words **words, uint8_t **data)
{
    struct switch_client *client = connect_client();
    json_t *answer;
    void *map;
    int fd;

    assert_int_equal(switch_ask(client, "join", json_pack("{s:i}", "mtu", 1500), -1, &answer, NULL),
                     0);
    json_decref(answer);
    assert_true(client->input.fd >= 0);
    assert_int_not_equal(ftruncate(client->input.fd, 0), 0); /* its size is sealed */
    assert_int_equal(host_exchange_map(client->input.fd, 0, PORT_WORDS, 1, &map, NULL), 0);
    *words = map;
    assert_int_equal(host_exchange_map(client->input.fd, PORT_WORDS, PORT_RING_FROM, 2, &map, NULL),
                     0);
    *data = map;
    fd = dup(client->socket);
    switch_disconnect(client);
    return fd;
}

static void put_noise(struct port_words *words, uint8_t *data, unsigned kind)
{
    uint64_t random = kind + 1;

    for (unsigned i = 0; i < NOISE_SIZE; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        data[i] = (uint8_t)(random >> 56);
    }
    if (kind % 3)
        store_le32(data, 14 + kind * 50);
    if (kind % 4 == 1)
        store_le32(data, UINT32_MAX - kind);
    atomic_store(&words->from.head, kind % 5 ? (uint64_t)NOISE_SIZE : UINT64_MAX);
    atomic_store(&words->to.tail, kind % 2 ? 0 : UINT64_MAX / 2);
    atomic_store(&words->to.accepts, UINT32_MAX);
}

/* Whatever they do, two others talk on. */
static void test_hostile_ports(void **state)
{
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    uint8_t frame[100], got[NET_OFFLOAD_MAX_FRAME];

    for (unsigned i = 0; i < HOSTILE; i++) {
        struct port_words *words;
        uint8_t *data;
        int fd = join_raw(&words, &data);

        put_noise(words, data, i);
        assert_true(send(fd, "xyz", 3, MSG_NOSIGNAL) == 3);
        make(frame, 1, 2, sizeof(frame));
        send_frame(a, frame, sizeof(frame));
        do
            assert_true(receive(b, got, PATIENCE) > 0);
        while (memcmp(got, frame, sizeof(frame)) != 0);
        close(fd);
        host_exchange_unmap(words, PORT_WORDS, 1);
        host_exchange_unmap(data, PORT_RING_FROM, 2);
    }
    switch_leave(a);
    switch_leave(b);
}

static void join_all(struct switch_port **ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "p%u", i);
        ports[i] = join(name, 0, (uint8_t)(i + 1));
    }
}

static void leave_all(struct switch_port **ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        switch_leave(ports[i]);
}

static void put_frames(struct switch_port *port, uint8_t from, uint8_t to, unsigned count)
{
    uint8_t frame[100];
    const struct iovec iov = {frame, make(frame, from, to, sizeof(frame))};

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(switch_port_send(port, NULL, &iov, 1), 0);
}

/* Fourteen ports and a flooder have frames for one receiver lying there, and the flooder alone
 * tells the switch. Whoever still has frames is behind the flooder by a turn's quota at most. */
static void test_turns_are_fair(void **state)
{
    struct switch_port *ports[GOOD + 2], *flooder, *receiver;
    unsigned counts[GOOD + 3] = {0}; /* by the last byte of the sender's address */
    uint8_t got[NET_OFFLOAD_MAX_FRAME];

    join_all(ports, nitems(ports));
    flooder = ports[GOOD];
    receiver = ports[GOOD + 1];
    for (unsigned i = 0; i < GOOD; i++)
        put_frames(ports[i], (uint8_t)(i + 1), GOOD + 2, GOOD_FRAMES);
    put_frames(flooder, GOOD + 1, GOOD + 2, FLOOD_FRAMES);
    switch_port_flush(flooder);
    for (unsigned n = 0; n < GOOD * GOOD_FRAMES + FLOOD_FRAMES; n++) {
        assert_int_equal(receive(receiver, got, PATIENCE), 100);
        assert_in_range(got[11], 1, GOOD + 1);
        counts[got[11]]++;
        for (unsigned i = 1; i <= GOOD; i++)
            assert_true(counts[i] == GOOD_FRAMES || counts[GOOD + 1] <= counts[i] + QUOTA);
    }
    leave_all(ports, nitems(ports));
}

/* --- sixteen ports --- */

enum harm {
    BROADCAST,
    UNICAST,
    FORGED,
    NEW_ADDRESS,
    CUT_TAG,
    BAD_HEADER,
    MANY_SEGMENTS,
    PAUSE,
    HARMS
};

/* A frame that is one of these harms, and the header that goes with it. Returns its length. */
static size_t make_harm(uint8_t *frame, struct net_header *header, uint32_t i)
{
    uint8_t other = (uint8_t)(1 + i / HARMS % GOOD), own = GOOD + 1;
    size_t length = 60 + i % 1400;

    *header = (struct net_header){0};
    make(frame, own, other, length);
    switch ((enum harm)(i % HARMS)) {
    case BROADCAST: return make(frame, own, 0, length);
    case UNICAST: return length;
    case FORGED: return make(frame, other, (uint8_t)(1 + other % GOOD), length);
    case NEW_ADDRESS:
        store_be32(frame + 8, i | 0x80000000u);
        store_be32(frame + 2, ~i);
        return length;
    case CUT_TAG: /* a VLAN's tag with nothing in it, and another's address */
        make(frame, other, (uint8_t)(1 + other % GOOD), length);
        store_be16(frame + 12, 0x8100);
        store_be16(frame + 14, (uint16_t)i);
        return i % 3 ? length : 14;
    case BAD_HEADER:
        *header = (struct net_header){.flags = 1,
                                      .gso_type = (uint8_t)i,
                                      .csum_start = (uint16_t)(i * 31),
                                      .csum_offset = 0xffff};
        return length;
    case MANY_SEGMENTS:
        *header = (struct net_header){.flags = 1, .gso_type = 1, .gso_size = 1, .csum_start = 34};
        return make(frame, own, other, 65000);
    default: memcpy(frame, "\x01\x80\xc2\x00\x00\x01", 6); return length;
    }
}

struct hostile {
    pthread_t thread;
    struct switch_port *port;
    _Atomic bool stop;
    _Atomic uint32_t sent;
};

static void *flood(void *ctx)
{
    struct hostile *hostile = ctx;
    static uint8_t frame[NET_OFFLOAD_MAX_FRAME];

    for (uint32_t i = 0; !hostile->stop; i++) {
        struct net_header header;
        const struct iovec iov = {frame, make_harm(frame, &header, i)};

        switch_port_send(hostile->port, &header, &iov, 1); /* maybe there is no room: so be it */
        switch_port_flush(hostile->port);
        hostile->sent = i;
    }
    return NULL;
}

/* QEMU's protocol: frames as fast as the socket takes them, then half of one, then a length that
 * cannot be; and again. */
static void *flood_stream(void *ctx)
{
    struct hostile *hostile = ctx;
    static uint8_t bytes[4 + NET_OFFLOAD_MAX_FRAME];
    struct switch_client *client = NULL;

    switch_connect(&client, NAME, false, NULL);
    for (uint32_t i = 0; !hostile->stop; i++) {
        struct net_header header;
        int sockets[2];

        socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
        switch_attach(client, "stream", SWITCH_STREAM, sockets[1], 1500, false, NULL);
        close(sockets[1]);
        for (uint32_t j = 0; j < 1000 && !hostile->stop; j++) {
            size_t length = make_harm(bytes + 4, &header, j), wrong = j == 999;

            store_be32(bytes, wrong ? UINT32_MAX - i : (uint32_t)length);
            if (send(sockets[0], bytes, 4 + length, MSG_NOSIGNAL) < 0)
                break;
        }
        close(sockets[0]);
        switch_detach(client, "stream", NULL); /* it may have gone by itself */
        hostile->sent = i + 1;
    }
    switch_disconnect(client);
    return NULL;
}

static void say(struct switch_port *port, uint8_t from, uint8_t to, unsigned round)
{
    uint8_t frame[100];

    make(frame, from, to, sizeof(frame));
    store_be32(frame + 20, round);
    for (uint8_t i = 0; i < BURST; i++) {
        frame[24] = i;
        send_frame(port, frame, sizeof(frame));
    }
}

/* Each frame of the burst comes, in order, whatever else does. */
static void hear(struct switch_port *port, uint8_t from, unsigned round, uint64_t end)
{
    static const uint8_t kind[2] = {0x88, 0xb5};
    uint8_t got[NET_OFFLOAD_MAX_FRAME];

    for (uint8_t next = 0; next < BURST;) {
        size_t length = receive(port, got, PATIENCE);

        if (!length || host_clock_monotonic() > end)
            fail_msg("round %u: frame %u from %u is lost", round, next, from);
        if (length == 100 && got[11] == from && memcmp(got + 12, kind, 2) == 0 &&
            load_be32(got + 20) == round && got[24] == next)
            next++;
    }
}

static long long counted(json_t *status, const char *name, const char *what)
{
    json_t *port;
    size_t i;

    json_array_foreach(json_object_get(status, "ports"), i, port)
    {
        if (strcmp(json_string_value(json_object_get(port, "port")), name) == 0)
            return json_integer_value(json_object_get(json_object_get(port, "from"), what));
    }
    return -1;
}

/* The hostile port is there still, and what it did is counted for what it was. */
static void expect_counts(struct switch_client *client, unsigned rounds)
{
    json_t *status = NULL;

    assert_int_equal(switch_status(client, &status, NULL), 0);
    assert_true(counted(status, "p14", "forged") > 0);
    assert_true(counted(status, "p14", "malformed") > 0);
    assert_true(counted(status, "p14", "limited") > 0);
    assert_true(counted(status, "p13", "frames") == rounds * BURST);
    assert_true(counted(status, "p13", "forged") == 0);
    json_decref(status);
}

/* Seven pairs have conversations while one port floods them by the ring, and one by a socket with
 * everything that is wrong; the pairs lose nothing. */
static void test_sixteen_ports(void **state)
{
    struct switch_port *ports[GOOD + 1];
    static struct hostile ring, stream;
    struct switch_client *client = connect_client();
    uint64_t end = host_clock_monotonic() + TALK_SECONDS * NS_PER_SEC;
    unsigned round = 0;

    join_all(ports, nitems(ports));
    ring.port = ports[GOOD];
    assert_int_equal(pthread_create(&ring.thread, NULL, flood, &ring), 0);
    assert_int_equal(pthread_create(&stream.thread, NULL, flood_stream, &stream), 0);
    for (; round < ROUNDS || ring.sent < FLOOD || !stream.sent; round++) {
        for (uint8_t i = 1; i <= GOOD; i++)
            say(ports[i - 1], i, (uint8_t)(i % 2 ? i + 1 : i - 1), round);
        for (uint8_t i = 1; i <= GOOD; i++)
            hear(ports[i - 1], (uint8_t)(i % 2 ? i + 1 : i - 1), round, end);
    }
    ring.stop = stream.stop = true;
    pthread_join(ring.thread, NULL);
    pthread_join(stream.thread, NULL);
    expect_counts(client, round);
    switch_disconnect(client);
    leave_all(ports, nitems(ports));
}

/* Requests that are none. */
static void test_hostile_requests(void **state)
{
    static const char *const lines[] = {
        "\n",
        "{}\n",
        "[1]\n",
        "{\"verb\": 7}\n",
        "{\"verb\": \"join\"}\n",
        "\xff\xfe\n",
        "{\"verb\": \"join\", \"arguments\": {\"mtu\": -1}}\n",
        "{\"verb\": \"join\", \"arguments\": {\"mtu\": 1500, \"mac\": [1,2]}}\n",
        "{\"verb\": \"attach\", \"arguments\": {\"port\": \"x\", \"framing\": \"tap\", \"mtu\": "
        "1500, \"uplink\": true}}\n",
        "{\"verb\": \"capture\", \"arguments\": {\"filter\": [[6,0,0,1,2]]}}\n",
        "{\"verb\": \"capture\", \"arguments\": {\"filter\": [[5,255,255,4294967295]]}}\n",
        "{\"verb\": \"link\", \"arguments\": {\"port\": \"x\", \"direction\": \"up\"}}\n",
        "{\"verb\": \"open the gates\"}\n",
    };
    struct switch_client *client = connect_client();
    json_t *status = NULL;

    for (size_t i = 0; i < nitems(lines); i++) {
        int fd = place_connect(NAME, false, NULL);
        char answer[4096];
        ssize_t length;

        assert_true(fd >= 0);
        assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
        assert_true(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
        length = recv(fd, answer, sizeof(answer) - 1, 0);
        answer[MAX(length, 0)] = '\0';
        if (!strstr(answer, "\"ok\":false"))
            fail_msg("%s was answered: %s", lines[i], answer);
        close(fd);
    }
    assert_int_equal(switch_status(client, &status, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(status, "ports")), 0);
    json_decref(status);
    switch_disconnect(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_ports),
        cmocka_unit_test(test_turns_are_fair),
        cmocka_unit_test(test_sixteen_ports),
        cmocka_unit_test(test_hostile_requests),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
