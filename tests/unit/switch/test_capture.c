/* SPDX-License-Identifier: ISC */
/* Captures of a switch's process, with this program's ports on it. */
#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/endian.h"

static void test_capture(void **state)
{
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    struct switch_client *client = connect_client();
    char path[64], bytes[4096];
    uint8_t frame[100], got[NET_OFFLOAD_MAX_FRAME];
    struct error err = {0};
    struct switch_captured captured = {0};
    unsigned id = 0;
    ssize_t length;
    int fd, pipes[2];

    snprintf(path, sizeof(path), "%s/capture", folder);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(switch_capture_start(client, NULL, "tcp and", fd, &id, &err), -EINVAL);
    if (switch_capture_start(client, NULL, "ether src 02:00:00:00:00:01", fd, &id, &err))
        fail_msg("%s", err.text);
    for (uint8_t i = 1; i <= 2; i++) {
        make(frame, i, (uint8_t)(3 - i), sizeof(frame));
        send_frame(i == 1 ? a : b, frame, sizeof(frame));
        assert_int_equal(receive(i == 1 ? b : a, got, PATIENCE), sizeof(frame));
    }
    assert_int_equal(switch_capture_stop(client, id, &captured, &err), 0);
    assert_int_equal(captured.frames, 2); /* in at a, out at b */
    assert_true(captured.dropped == 0 && captured.lost == 0);
    assert_int_equal(switch_capture_stop(client, id, NULL, &err), -ENOENT);
    length = pread(fd, bytes, sizeof(bytes), 0);
    assert_true(length > 250 && load_le32(bytes) == 0x0a0d0d0a);
    close(fd);
    assert_int_equal(pipe(pipes), 0); /* which could make the switch wait */
    assert_int_equal(switch_capture_start(client, NULL, NULL, pipes[1], &id, &err), -EINVAL);
    close(pipes[0]);
    close(pipes[1]);
    unlink(path);
    switch_disconnect(client);
    switch_leave(a);
    switch_leave(b);
}

/* What a machine's own ring had no room for is counted at the switch, and in a capture. */
static void test_losses_are_told(void **state)
{
    struct switch_port *a = join("a", 0, 1);
    struct switch_client *client = connect_client();
    struct switch_captured captured = {0};
    uint8_t block[128];
    int ends[2];
    json_t *status, *port;
    unsigned id;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    switch_port_drop(a);
    assert_int_equal(switch_capture_start(client, "a", NULL, ends[1], &id, NULL), 0);
    switch_port_drop(a);
    switch_port_drop(a);
    assert_int_equal(switch_status(client, &status, NULL), 0);
    port = json_array_get(json_object_get(status, "ports"), 0);
    assert_int_equal(json_integer_value(json_object_get(port, "unsent")), 3);
    json_decref(status);
    close(ends[1]);
    assert_int_equal(switch_capture_stop(client, id, &captured, NULL), 0);
    assert_true(captured.frames == 0 && captured.lost == 2);
    do { /* to the statistics' block, past the others */
        assert_int_equal(read(ends[0], block, 8), 8);
        assert_int_equal(read(ends[0], block + 8, load_le32(block + 4) - 8),
                         load_le32(block + 4) - 8);
    } while (load_le32(block) != 5);
    assert_int_equal(load_le32(block + 32), 8 << 16 | 5); /* isb_ifdrop */
    assert_int_equal(load_le64(block + 36), 2);
    assert_int_equal(read(ends[0], block, 1), 0);
    close(ends[0]);
    switch_disconnect(client);
    switch_leave(a);
}

/* A port that comes back under its name is still captured. */
static void test_a_captured_port_comes_back(void **state)
{
    struct switch_port *a = join("a", 0, 1), *b = join("b", 0, 2);
    struct switch_client *client = connect_client();
    struct switch_captured captured = {0};
    uint8_t frame[100], got[NET_OFFLOAD_MAX_FRAME];
    char path[64];
    unsigned id;
    int fd;

    snprintf(path, sizeof(path), "%s/capture", folder);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(switch_capture_start(client, "a", NULL, fd, &id, NULL), 0);
    make(frame, 1, 2, sizeof(frame));
    for (unsigned i = 0; i < 2; i++) {
        send_frame(a, frame, sizeof(frame));
        assert_int_equal(receive(b, got, PATIENCE), sizeof(frame));
        assert_int_equal(switch_detach(client, "a", NULL), 0);
        switch_leave(a);
        a = join(i ? "other" : "a", 0, 1);
    }
    assert_int_equal(switch_capture_stop(client, id, &captured, NULL), 0);
    assert_int_equal(captured.frames, 2);
    close(fd);
    unlink(path);
    switch_disconnect(client);
    switch_leave(a);
    switch_leave(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_losses_are_told),
        cmocka_unit_test(test_a_captured_port_comes_back),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
