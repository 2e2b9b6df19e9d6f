/* SPDX-License-Identifier: ISC */
/* The switch without a process: where frames go, what is undone for whom, and who pays for a flood.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "switch/fabric.h"
#include "switch/ring.h"

#define PORTS 16
#define QUEUE (256u << 10)

/* A port whose queue the test empties. */
struct end {
    unsigned accepts;
    size_t queued, most;
    unsigned count;
    uint64_t bytes;
    unsigned from[256]; /* frames by the last byte of their source address */
    struct net_header header;
    size_t length;
    uint8_t frame[NET_OFFLOAD_MAX_FRAME];
};

static int end_send(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct end *end = ctx;

    if (end->most && end->queued + ring_record_size(length) > end->most)
        return -EAGAIN;
    end->queued += ring_record_size(length);
    end->count++;
    end->bytes += length;
    end->header = *header;
    end->length = length;
    memcpy(end->frame, frame, length);
    end->from[end->frame[11]]++;
    return 0;
}

static unsigned end_accepts(void *ctx)
{
    return ((struct end *)ctx)->accepts;
}

static size_t end_queued(void *ctx, size_t *most)
{
    *most = ((struct end *)ctx)->most;
    return ((struct end *)ctx)->queued;
}

static const struct fabric_port_ops end_ops = {end_send, end_accepts, end_queued};

struct fixture {
    struct fabric *fabric;
    struct end ends[PORTS];
    unsigned passed;
};

static void on_passed(void *ctx, unsigned port, enum fabric_direction direction, const void *frame,
                      size_t length)
{
    ((struct fixture *)ctx)->passed++;
}

static struct fixture f;

static int set_up(void **state)
{
    const struct fabric_hooks hooks = {on_passed, &f};

    memset(&f, 0, sizeof(f));
    f.fabric = fabric_create(1, &hooks);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(fabric_add(f.fabric, &end_ops, &f.ends[i], 1500), i);
    return 0;
}

static int tear_down(void **state)
{
    fabric_destroy(f.fabric);
    return 0;
}

/* To the card of port `to` (PORTS: everybody), from that of port `from`. */
static size_t make(uint8_t *frame, unsigned from, unsigned to, size_t length)
{
    memset(frame, 0, length);
    memset(frame, to == PORTS ? 0xff : 0, 6);
    if (to != PORTS) {
        frame[0] = 2;
        frame[5] = (uint8_t)(to + 1);
    }
    frame[6] = 2;
    frame[11] = (uint8_t)(from + 1);
    store_be16(frame + 12, 0x88b5); /* IEEE's, for experiments */
    return length;
}

static void send(unsigned from, unsigned to, size_t length, uint64_t now)
{
    static const struct net_header plain;
    uint8_t frame[NET_OFFLOAD_MAX_FRAME];

    make(frame, from, to, length);
    fabric_receive(f.fabric, from, now, &plain, frame, length);
}

static unsigned got(unsigned port)
{
    unsigned count = f.ends[port].count;

    f.ends[port].count = 0;
    return count;
}

static void test_learns(void **state)
{
    send(0, 1, 100, 0); /* not known: everybody but the sender */
    assert_int_equal(got(0), 0);
    for (unsigned i = 1; i < PORTS; i++)
        assert_int_equal(got(i), 1);
    send(1, 0, 100, 0);
    assert_int_equal(got(0), 1);
    assert_int_equal(got(2), 0);
    send(0, 1, 100, 0);
    assert_int_equal(got(1), 1);
    assert_int_equal(got(2), 0);
    send(0, PORTS, 100, 0);
    for (unsigned i = 1; i < PORTS; i++)
        assert_int_equal(got(i), 1);
    fabric_remove(f.fabric, 1);
    send(0, 1, 100, 0);
    assert_int_equal(got(2), 1);
    assert_int_equal(f.passed, 5 + 15 + 1 + 1 + 15 + 14);
}

static void test_vlan_tags_pass(void **state)
{
    static const struct net_header plain;
    uint8_t frame[200];

    make(frame, 0, PORTS, sizeof(frame));
    store_be16(frame + 12, 0x8100);
    store_be16(frame + 14, 0x2007); /* priority 1, VLAN 7 */
    fabric_receive(f.fabric, 0, 0, &plain, frame, sizeof(frame));
    assert_int_equal(got(3), 1);
    assert_memory_equal(f.ends[3].frame, frame, sizeof(frame));
    send(3, 0, 100, 0); /* known in VLAN 7, not without a tag */
    assert_int_equal(got(5), 2);
}

static void test_lengths(void **state)
{
    send(0, PORTS, 1518, 0);
    assert_int_equal(got(1), 1);
    send(0, PORTS, 1519, 0);
    assert_int_equal(got(1), 0);
    assert_true(fabric_counters(f.fabric, 0, FABRIC_FROM)->too_long == 1);
    send(0, PORTS, 13, 0);
    assert_true(fabric_counters(f.fabric, 0, FABRIC_FROM)->malformed == 1);
    fabric_remove(f.fabric, 0);
    assert_int_equal(fabric_add(f.fabric, &end_ops, &f.ends[0], 9000), 0);
    send(0, PORTS, 9014, 0); /* not for ports of 1500 */
    assert_int_equal(got(1), 0);
    assert_true(fabric_counters(f.fabric, 1, FABRIC_TO)->too_long == 1);
}

/* IPv4 and TCP with `payload` bytes, as a driver leaves them: the pseudo header's sum in TCP's. */
static size_t make_tcp(uint8_t *frame, unsigned from, unsigned to, size_t payload,
                       struct net_header *header)
{
    size_t length = make(frame, from, to, 54 + payload);

    store_be16(frame + 12, 0x0800);
    frame[14] = 0x45;
    store_be16(frame + 16, (uint16_t)(40 + payload));
    frame[22] = 64;
    frame[23] = 6;
    store_be32(frame + 26, 0x0a000001);
    store_be32(frame + 30, 0x0a000002);
    frame[46] = 5 << 4;
    store_be16(frame + 50, (uint16_t)(6 + 20 + payload + 0x0a00 + 1 + 0x0a00 + 2));
    *header = (struct net_header){.flags = NET_HDR_NEEDS_CSUM,
                                  .gso_type = NET_GSO_TCPV4,
                                  .hdr_len = 54,
                                  .gso_size = 1460,
                                  .csum_start = 34,
                                  .csum_offset = 16};
    return length;
}

static void test_offloads_pass(void **state)
{
    uint8_t frame[NET_OFFLOAD_MAX_FRAME], sent[NET_OFFLOAD_MAX_FRAME];
    struct net_header header;
    size_t length = make_tcp(frame, 0, PORTS, 20000, &header);

    memcpy(sent, frame, length);
    f.ends[1].accepts = NET_OFFLOAD_ALL;
    f.ends[2].accepts = NET_OFFLOAD_CSUM;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    assert_int_equal(got(1), 1);
    assert_int_equal(f.ends[1].length, length);
    assert_memory_equal(f.ends[1].frame, sent, length);
    assert_memory_equal(&f.ends[1].header, &header, sizeof(header));
    for (unsigned i = 2; i < PORTS; i++) {
        assert_int_equal(got(i), (20000 + 1459) / 1460);
        assert_true(net_header_plain(&f.ends[i].header));
        assert_true(f.ends[i].length <= 1514);
    }
    length = make_tcp(frame, 0, PORTS, 100, &header);
    header.gso_type = NET_GSO_NONE;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    assert_int_equal(f.ends[2].header.flags, NET_HDR_NEEDS_CSUM);
    assert_int_equal(f.ends[3].header.flags, 0);
}

static void test_bad_offloads(void **state)
{
    uint8_t frame[NET_OFFLOAD_MAX_FRAME];
    struct net_header header;
    size_t length = make_tcp(frame, 0, PORTS, 20000, &header);

    header.csum_start = 60000;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    header.csum_start = 34;
    header.gso_size = 0;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    header.gso_size = 1460;
    header.flags = 0;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    header.flags = 0xff;
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    header.flags = NET_HDR_NEEDS_CSUM;
    header.gso_size = 100; /* too many of them */
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    header.gso_size = 9000; /* segments that the port's wire does not carry */
    fabric_receive(f.fabric, 0, 0, &header, frame, length);
    assert_int_equal(got(1), 0);
    assert_true(fabric_counters(f.fabric, 0, FABRIC_FROM)->malformed == 5);
    assert_true(fabric_counters(f.fabric, 0, FABRIC_FROM)->too_long == 1);
}

/* A link that loses frames loses those on the wire, not what a driver made of many. */
static void test_links_see_wire_frames(void **state)
{
    const struct link_settings delayed = {.delay_ns = NS_PER_MSEC};
    uint8_t frame[NET_OFFLOAD_MAX_FRAME];
    struct net_header header;
    size_t length = make_tcp(frame, 0, PORTS, 14600, &header);

    f.ends[1].accepts = NET_OFFLOAD_ALL;
    link_set(fabric_link(f.fabric, 0, FABRIC_FROM), &delayed);
    fabric_receive(f.fabric, 0, 5, &header, frame, length);
    assert_int_equal(got(1), 0);
    assert_true(fabric_deadline(f.fabric) == NS_PER_MSEC + 5);
    fabric_run(f.fabric, NS_PER_MSEC + 5);
    assert_int_equal(got(1), 10);
    assert_true(net_header_plain(&f.ends[1].header));
    link_set(fabric_link(f.fabric, 0, FABRIC_FROM), &(struct link_settings){0});
    link_set(fabric_link(f.fabric, 1, FABRIC_TO), &delayed);
    length = make_tcp(frame, 0, PORTS, 14600, &header);
    fabric_receive(f.fabric, 0, 2 * NS_PER_MSEC, &header, frame, length);
    assert_int_equal(got(1), 0);
    assert_true(got(2) >= 10);
    fabric_run(f.fabric, 3 * NS_PER_MSEC);
    assert_int_equal(got(1), 10);
    assert_true(fabric_deadline(f.fabric) == UINT64_MAX);
}

static void test_forged(void **state)
{
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

    assert_true(fabric_reserve(f.fabric, 0, mac));
    assert_false(fabric_reserve(f.fabric, 1, mac));
    send(1, PORTS, 100, 0);
    got(0);
    send(2, 0, 100, 0); /* never flooded: its place is known */
    assert_int_equal(got(0), 1);
    assert_int_equal(got(3), 1); /* the broadcast alone */
    f.ends[1].count = 0;
    {
        static const struct net_header plain;
        uint8_t frame[100];

        make(frame, 0, PORTS, sizeof(frame)); /* says that it is from port 0 */
        fabric_receive(f.fabric, 5, 0, &plain, frame, sizeof(frame));
    }
    assert_int_equal(got(1), 0);
    assert_true(fabric_counters(f.fabric, 5, FABRIC_FROM)->forged == 1);
}

/* Fifteen ports get one port's flood: what each takes of it is bounded. */
static void test_flood_is_limited(void **state)
{
    for (unsigned i = 0; i < 100000; i++)
        send(0, PORTS, 100, i * NS_PER_USEC); /* a million a second */
    assert_in_range(f.ends[1].count, FABRIC_FLOOD_BURST / (PORTS - 2),
                    (FABRIC_FLOOD_BURST + FABRIC_FLOOD_RATE / 10) / (PORTS - 2) + 1);
    got(1);
    send(2, PORTS, 100, 100000 * NS_PER_USEC); /* another's are not */
    assert_int_equal(got(1), 1);
}

/* One port sends as fast as it can to a victim whose queue empties slowly; another sends now and
 * then, and loses nothing. */
static void test_queue_is_shared(void **state)
{
    struct end *victim = &f.ends[1];

    victim->most = QUEUE;
    send(1, PORTS, 100, 0);
    for (unsigned i = 0; i < 10000; i++) {
        for (unsigned j = 0; j < 20; j++)
            send(0, 1, 1500, i);
        send(2, 1, 1500, i);
        victim->queued -= MIN(victim->queued, 3 * ring_record_size(1500));
    }
    assert_int_equal(victim->from[3], 10000);
    assert_true(victim->from[1] > 15000);
    assert_true(fabric_counters(f.fabric, 1, FABRIC_TO)->queue_full > 100000);
}

/* Two that both send too much have as much of it. */
static void test_flooders_have_equal_parts(void **state)
{
    struct end *victim = &f.ends[1];

    victim->most = QUEUE;
    send(1, PORTS, 100, 0);
    for (unsigned i = 0; i < 10000; i++) {
        for (unsigned j = 0; j < 20; j++)
            send(j % 2 ? 0 : 2, 1, 1500, i);
        victim->queued -= MIN(victim->queued, 4 * ring_record_size(1500));
    }
    assert_in_range(victim->from[1] * 100 / victim->from[3], 80, 125);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vlan_tags_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_offloads_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_offloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_see_wire_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_queue_is_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flooders_have_equal_parts, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
