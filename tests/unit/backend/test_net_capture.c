/* SPDX-License-Identifier: ISC */
/* Captures: the file's structure by our own reading of the draft, and by tshark's where it is
 * installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
    net_capture_close(capture);
    length = read_file();
    assert_int_equal(count_blocks(length, 0, &at), 4);
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
    assert_int_equal(count_blocks(read_file(), 2, &at), 3);
    assert_int_equal(load_le32(file + at + 20), NET_OFFLOAD_MAX_FRAME);
    unlink(NAME);
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
        cmocka_unit_test(writes_blocks),
        cmocka_unit_test(takes_the_longest_frame),
        cmocka_unit_test(full_disk_ends_it),
        cmocka_unit_test(tshark_reads_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
