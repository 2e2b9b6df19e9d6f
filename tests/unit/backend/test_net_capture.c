/* SPDX-License-Identifier: ISC */
/* Captures: the file's structure by our own reading of the draft, and by tshark's where it is
 * installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/net/capture.h"
#include "net_guest.h"

#define NAME "net_capture_test.pcapng"

static uint8_t file[1 << 20];

static size_t read_file(void)
{
    FILE *stream = fopen(NAME, "rb");
    size_t length;

    assert_non_null(stream);
    length = fread(file, 1, sizeof(file), stream);
    fclose(stream);
    return length;
}

/* Checks the framing of all blocks; returns their number and the offset of block `wanted`. */
static unsigned count_blocks(size_t length, unsigned wanted, size_t *offset)
{
    unsigned count = 0;
    size_t at = 0;

    while (at < length) {
        uint32_t size = load_le32(file + at + 4);

        assert_true(size >= 12 && size % 4 == 0 && size <= length - at);
        assert_int_equal(load_le32(file + at + size - 4), size);
        if (count++ == wanted)
            *offset = at;
        at += size;
    }
    return count;
}

/* The statistics of an interface: ifrecv, ifdrop, filteraccept and osdrop, 4 to 7. */
static void expect_counts(size_t at, const uint64_t counts[4])
{
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(load_le32(file + at + 20 + i * 12), (4 + i) | 8 << 16);
        assert_int_equal(load_le64(file + at + 24 + i * 12), counts[i]);
    }
}

static void writes_blocks(void **state)
{
    struct net_capture *capture;
    uint8_t bytes[61];
    const struct iovec one = {bytes, 60}, two[2] = {{bytes, 20}, {bytes + 20, 41}};
    uint64_t before = host_clock_realtime(), time;
    size_t at = 0, length;

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(net_capture_open(&capture, NAME, NULL, NULL), 0);
    net_capture_frame(capture, true, &one, 1);
    net_capture_frame(capture, false, two, 2);
    net_capture_lost(capture);
    net_capture_close(capture);
    length = read_file();
    assert_int_equal(count_blocks(length, 0, &at), 5);
    assert_int_equal(load_le32(file), 0x0a0d0d0a);
    assert_int_equal(load_le32(file + 8), 0x1a2b3c4d);
    count_blocks(length, 1, &at);
    assert_int_equal(load_le32(file + at), 1);
    assert_int_equal(load_le32(file + at + 8), 1); /* Ethernet */
    count_blocks(length, 2, &at);
    assert_int_equal(load_le32(file + at), 6);
    time = (uint64_t)load_le32(file + at + 12) << 32 | load_le32(file + at + 16);
    assert_in_range(time, before, host_clock_realtime());
    assert_int_equal(load_le32(file + at + 20), 60);
    assert_memory_equal(file + at + 28, bytes, 60);
    assert_int_equal(load_le32(file + at + 28 + 60), 4 << 16 | 2);
    assert_int_equal(load_le32(file + at + 28 + 64), 2); /* outbound */
    count_blocks(length, 3, &at);
    assert_int_equal(load_le32(file + at + 24), 61);
    assert_memory_equal(file + at + 28, bytes, 61);
    assert_int_equal(file[at + 28 + 61], 0);
    assert_int_equal(load_le32(file + at + 28 + 64 + 4), 1); /* inbound */
    count_blocks(length, 4, &at);
    assert_int_equal(load_le32(file + at), 5);
    expect_counts(at, (const uint64_t[]){2, 1, 2, 0});
    unlink(NAME);
}

static void takes_the_longest_frame(void **state)
{
    static uint8_t bytes[NET_OFFLOAD_MAX_FRAME + 100];
    const struct iovec iov = {bytes, sizeof(bytes)};
    struct net_capture *capture;
    size_t at = 0;

    assert_int_equal(net_capture_open(&capture, NAME, NULL, NULL), 0);
    net_capture_frame(capture, true, &iov, 1);
    net_capture_close(capture);
    assert_int_equal(count_blocks(read_file(), 2, &at), 4);
    assert_int_equal(load_le32(file + at + 20), NET_OFFLOAD_MAX_FRAME);
    unlink(NAME);
}

/* What a pipe has no room for is dropped; what it has a part of goes on when there is room. */
static void a_pipe_never_waits(void **state)
{
    static uint8_t bytes[60000];
    const struct iovec iov = {bytes, sizeof(bytes)};
    struct net_capture_counts counts = {0};
    struct net_capture *capture;
    size_t length = 0, at = 0;
    ssize_t part;
    int ends[2], ret = 0;

    assert_int_equal(pipe(ends), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(net_capture_create(&capture, ends[1], NULL), 0);
    assert_int_equal(net_capture_interface(capture, "a"), 0);
    while (ret != -EAGAIN) {
        ret = net_capture_packet(capture, 0, true, &iov, 1);
        counts.seen++;
        counts.wanted++;
        counts.dropped += ret != 0;
        assert_true(ret == 0 || ret == -EAGAIN);
        assert_true(counts.seen < 1000);
    }
    assert_int_equal(net_capture_flush(capture), -EAGAIN);
    while ((part = read(ends[0], file + length, sizeof(file) - length)) > 0) {
        length += (size_t)part;
        net_capture_flush(capture);
    }
    assert_int_equal(net_capture_flush(capture), 0);
    assert_int_equal(net_capture_counts(capture, 0, &counts), 0);
    net_capture_close(capture);
    length += (size_t)read(ends[0], file + length, sizeof(file) - length);
    assert_int_equal(read(ends[0], bytes, 1), 0);
    assert_int_equal(count_blocks(length, (unsigned)counts.seen + 1, &at), counts.seen + 2);
    assert_int_equal(load_le32(file + at), 5);
    expect_counts(at, (const uint64_t[]){counts.seen, 0, counts.seen, 1});
    close(ends[0]);
}

struct warnings {
    unsigned count;
};

static void on_line(void *ctx, enum log_level level, const char *line)
{
    ((struct warnings *)ctx)->count++;
}

static void full_disk_ends_it(void **state)
{
    struct warnings warnings = {0};
    const struct log log = {on_line, &warnings, LOG_WARN};
    struct error err = {0};
    struct net_capture *capture;

    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(net_capture_open(&capture, "/dev/full", &log, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "/dev/full"));
}

/* What tshark makes of a ping through the user-mode network. */
static void tshark_reads_it(void **state)
{
    const struct net_user_config config = {.capture = NAME};
    struct guest guest;
    struct error err = {0};
    struct net *net;
    char line[256] = "";
    FILE *pipe;

    if (system("command -v tshark >/dev/null 2>&1"))
        skip();
    if (net_user_open(&net, &config, NULL, &err)) {
        print_message("%s\n", err.text);
        skip();
    }
    guest_start(&guest, net);
    send_arp(&guest, 1, broadcast_mac, GUEST_ADDRESS, GATEWAY);
    fence(&guest);
    guest_stop(&guest);
    pipe = popen("ASAN_OPTIONS= tshark -r " NAME " -T fields -e frame.packet_flags_direction "
                 "-e _ws.col.Protocol 2>/dev/null | sort | uniq -c | tr -s ' \\t\\n' ' '",
                 "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof(line), pipe));
    pclose(pipe);
    unlink(NAME);
    /* Of each protocol at least one frame each way. */
    assert_non_null(strstr(line, "0x00000001 ARP"));
    assert_non_null(strstr(line, "0x00000002 ARP"));
    assert_non_null(strstr(line, "0x00000001 ICMP"));
    assert_non_null(strstr(line, "0x00000002 ICMP"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_blocks),      cmocka_unit_test(takes_the_longest_frame),
        cmocka_unit_test(a_pipe_never_waits), cmocka_unit_test(full_disk_ends_it),
        cmocka_unit_test(tshark_reads_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
