/* SPDX-License-Identifier: ISC */
/*
 * A machine's life: start, pause, resume, the buttons, ends of all kinds, and what passes through
 * its consoles and network cards meanwhile.
 */
#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "host/clock.h"

static const struct atoll_ops *start(struct rig *rig)
{
    rig_create_well(rig);
    assert_int_equal(rig->vm->ops->state(rig->vm), ATOLL_STATE_OFF);
    if (rig->vm->ops->start(rig->vm, &rig->err))
        fail_msg("%s", rig->err.text);
    assert_int_equal(rig->vm->ops->state(rig->vm), ATOLL_STATE_RUNNING);
    return rig->vm->ops;
}

/* --- states --- */

static void test_poweroff(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_guest_stops();
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_POWEROFF);
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_STOPPED);
    assert_int_equal(ops->pause(rig->vm), -EINVAL);
    assert_int_equal(double_calls(VZ_METHOD_stop), 0);
}

static void test_quit(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    ops->quit(rig->vm);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_QUIT);
    ops->quit(rig->vm);
    double_drain();
    assert_int_equal(double_calls(VZ_METHOD_stop), 1);
}

static void test_pause(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    assert_int_equal(ops->resume(rig->vm), -EINVAL);
    assert_int_equal(ops->pause(rig->vm), 0);
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_PAUSED);
    assert_int_equal(ops->pause(rig->vm), -EALREADY);
    assert_int_equal(ops->resume(rig->vm), 0);
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_RUNNING);
    assert_int_equal(ops->pause(rig->vm), 0);
    ops->quit(rig->vm);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_QUIT);
}

static void test_started_twice(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    assert_int_equal(ops->start(rig->vm, &rig->err), -EBUSY);
    assert_int_equal(double_calls(VZ_METHOD_start), 1);
}

static void test_failing_start(void **state)
{
    struct rig *rig = *state;

    rig_create_well(rig);
    double_fail(VZ_METHOD_start, "VZErrorDomain", 1, "Internal Virtualization error.");
    assert_int_equal(rig->vm->ops->start(rig->vm, &rig->err), -EIO);
    assert_non_null(strstr(rig->err.text, "the machine does not start: Apple's framework failed"));
    assert_non_null(strstr(rig->err.text, "(VZErrorDomain 1: Internal Virtualization error.)"));
    assert_int_equal(rig->vm->ops->state(rig->vm), ATOLL_STATE_OFF);
}

static void test_failing_pause(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_fail(VZ_METHOD_pause, "VZErrorDomain", 3, "Invalid state.");
    assert_int_equal(ops->pause(rig->vm), -EINVAL);
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_RUNNING);
}

static void test_failing_stop(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_fail(VZ_METHOD_stop, "VZErrorDomain", 1, "Internal.");
    ops->quit(rig->vm);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_FAULT);
    assert_non_null(strstr(rig->log, "the machine does not stop"));
    double_guest_stops(); /* for the double's own sake */
}

static void test_fault(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_machine_fails("VZErrorDomain", 8, "Out of disk space.");
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_FAULT);
    assert_non_null(strstr(rig->log, "the disk that holds the machine's files is full"));
}

static void test_destroyed_while_it_runs(void **state)
{
    start(*state); /* the teardown destroys it */
}

/* --- who comes too early --- */

struct starter {
    struct rig *rig;
    int ret;
};

static void *start_slowly(void *arg)
{
    struct starter *starter = arg;
    struct rig *rig = starter->rig;

    starter->ret = rig->vm->ops->start(rig->vm, &rig->err);
    return NULL;
}

/* The framework cannot stop a machine that is starting: it is stopped when it has started. */
static void test_quit_while_it_starts(void **state)
{
    struct rig *rig = *state;
    struct starter starter = {.rig = rig};
    pthread_t thread;

    rig_create_well(rig);
    double_hold(true);
    pthread_create(&thread, NULL, start_slowly, &starter);
    while (!double_calls(VZ_METHOD_start))
        host_sleep(NS_PER_MSEC);
    rig->vm->ops->quit(rig->vm);
    double_drain();
    assert_int_equal(double_calls(VZ_METHOD_stop), 0);
    double_hold(false);
    pthread_join(thread, NULL);
    assert_int_equal(starter.ret, 0);
    assert_int_equal(rig->vm->ops->wait(rig->vm), ATOLL_STOP_QUIT);
}

/* --- the buttons --- */

static void test_power_button(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    ops->power_button(rig->vm);
    double_drain();
    assert_int_equal(double_power_presses(), 1);
    double_fail(VZ_METHOD_request_stop, "VZErrorDomain", 3, "Invalid state.");
    ops->power_button(rig->vm);
    double_drain();
    assert_int_equal(double_power_presses(), 1);
    assert_non_null(strstr(rig->log, "the power button cannot be pressed"));
}

static void test_reset(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    ops->reset(rig->vm);
    double_drain();
    assert_int_equal(double_calls(VZ_METHOD_stop), 1);
    assert_int_equal(double_calls(VZ_METHOD_start), 2);
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_RUNNING);
    double_fail(VZ_METHOD_start, "VZErrorDomain", 1, "Internal.");
    ops->reset(rig->vm);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_FAULT);
    assert_non_null(strstr(rig->log, "the machine cannot be reset"));
}

static void test_quit_during_a_reset(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_hold(true);
    ops->reset(rig->vm);
    ops->quit(rig->vm);
    double_drain();
    double_hold(false);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_QUIT);
    assert_int_equal(double_calls(VZ_METHOD_start), 1);
}

/* --- memory --- */

static void test_balloon(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    assert_int_equal(ops->balloon(rig->vm, 256 * MIB), 0);
    assert_int_equal(double_balloon_target(), GUEST_MEMORY - 256 * MIB);
    assert_int_equal(ops->balloon(rig->vm, UINT64_MAX), 0);
    assert_int_equal(double_balloon_target(), MIB);
    assert_int_equal(ops->balloon(rig->vm, 0), 0);
    assert_int_equal(double_balloon_target(), GUEST_MEMORY);
}

/* --- what passes through --- */

static int port_descriptor(size_t index, enum vz_method which)
{
    id port = double_configured(VZ_METHOD_set_serial_ports, index);

    return double_descriptor(double_object(double_object(port, VZ_METHOD_set_serial_port), which));
}

static void read_all(const struct atoll_ops *ops, struct rig *rig, char *text, size_t length)
{
    for (size_t got = 0; got < length;) {
        int64_t now = ops->console_read(rig->vm, 0, text + got, length - got);

        assert_true(now >= 0);
        got += (size_t)now;
        if (!now)
            host_sleep(NS_PER_MSEC);
    }
    text[length] = '\0';
}

static void test_console(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops;
    char text[64] = "";

    rig->config.console_count = 1;
    rig->config.consoles[0].kind = ATOLL_CONSOLE_MEMORY;
    ops = start(rig);
    assert_int_equal(write(port_descriptor(0, VZ_METHOD_init_descriptor), "login: ", 7), 7);
    read_all(ops, rig, text, 7);
    assert_string_equal(text, "login: ");
    assert_int_equal(ops->console_write(rig->vm, 0, "root\n", 5), 5);
    assert_int_equal(read(port_descriptor(0, VZ_METHOD_init_pipes), text, sizeof(text)), 5);
    assert_memory_equal(text, "root\n", 5);
    assert_int_equal(ops->console_write(rig->vm, 1, "x", 1), -EINVAL);
    assert_int_equal(ops->console_read(rig->vm, 1, text, 1), -EINVAL);
}

/* More input than a pipe holds arrives whole, as the guest reads it. */
static void test_much_input(void **state)
{
    enum { TOTAL = 300000 };
    struct rig *rig = *state;
    const struct atoll_ops *ops;
    uint8_t bytes[1000];
    size_t given = 0, taken = 0;
    int fd;

    rig->config.console_count = 1;
    rig->config.consoles[0].kind = ATOLL_CONSOLE_MEMORY;
    ops = start(rig);
    fd = port_descriptor(0, VZ_METHOD_init_pipes);
    while (taken < TOTAL) {
        size_t chunk = MIN(sizeof(bytes), TOTAL - given);
        ssize_t got;

        for (size_t i = 0; i < chunk; i++)
            bytes[i] = (uint8_t)((given + i) * 7);
        if (chunk)
            given += (size_t)ops->console_write(rig->vm, 0, bytes, chunk);
        if (given - taken < 150000 && given < TOTAL)
            continue;
        got = read(fd, bytes, sizeof(bytes));
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], (uint8_t)((taken + (size_t)i) * 7));
        taken += (size_t)got;
    }
    assert_int_equal(taken, TOTAL);
}

static void test_network(void **state)
{
    uint8_t frame[1514], got[2048];
    struct rig *rig = *state;
    id attachment;
    int fd;

    rig->config.net_count = 1;
    rig->config.nets[0].isolated = true;
    start(rig);
    attachment = double_object(double_configured(VZ_METHOD_set_networks, 0), VZ_METHOD_set_network);
    fd = double_descriptor(double_object(attachment, VZ_METHOD_init_socket));
    memset(frame, 0xa5, sizeof(frame));
    assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
    while (!__atomic_load_n(&rig->sent_length, __ATOMIC_ACQUIRE))
        host_sleep(NS_PER_MSEC);
    assert_int_equal(rig->sent_length, sizeof(frame));
    assert_memory_equal(rig->sent, frame, sizeof(frame));
    rig_deliver(rig, frame, 60);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 60);
    assert_memory_equal(got, frame, 60);
}

/* What the guest does not take is lost, and nobody waits. */
static void test_a_guest_that_takes_no_frames(void **state)
{
    uint8_t frame[1514] = {0};
    struct rig *rig = *state;

    rig->config.net_count = 1;
    rig->config.nets[0].isolated = true;
    start(rig);
    for (int i = 0; i < 20000; i++)
        rig_deliver(rig, frame, sizeof(frame));
}

static void test_network_lost(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops = start(rig);

    double_network_lost("VZErrorDomain", 7, "Network error.");
    assert_non_null(strstr(rig->log, "a network card has lost its connection: the host's network"));
    assert_int_equal(ops->state(rig->vm), ATOLL_STATE_RUNNING);
}

static void test_verbs_that_are_not_there(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops;
    struct atoll_stats stats;

    rig_create_well(rig);
    ops = rig->vm->ops;
    assert_null(ops->save);
    assert_null(ops->picture);
    assert_null(ops->type);
    ops->stats(rig->vm, &stats);
    assert_int_equal(stats.exits, 0);
    assert_int_equal(stats.memory_resident, -1);
}

/* --- the window --- */

static void want_window(struct rig *rig)
{
    rig->config.display_count = 1;
    rig->config.displays[0].kind = ATOLL_DISPLAY_WINDOW;
    rig->config.gpu = (struct atoll_gpu){.width = 1024, .height = 768};
    rig->config.input = ATOLL_INPUT_USB;
    rig->config.name = "puffy";
}

static void look_at_window(void *ctx)
{
    struct rig *rig = ctx;
    id window = double_window(), view;

    assert_non_null(window);
    view = double_object(window, VZ_METHOD_set_content);
    assert_string_equal(double_class(view), "VZVirtualMachineView");
    assert_non_null(double_object(view, VZ_METHOD_set_machine));
    assert_int_equal(double_number(view, VZ_METHOD_follow_size), 1);
    assert_string_equal(double_text(double_object(window, VZ_METHOD_set_title)), "puffy");
    assert_int_equal(double_number(window, VZ_METHOD_init_window), 1024 << 16 | 768);
    assert_int_equal(rig->vm->ops->state(rig->vm), ATOLL_STATE_RUNNING);
    double_on_event(NULL, NULL);
    double_guest_stops();
}

static void test_window(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops;

    want_window(rig);
    ops = start(rig);
    double_on_event(look_at_window, rig);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_POWEROFF);
    assert_int_equal(double_calls(VZ_METHOD_send_event), 1);
    assert_null(double_window());
}

static void close_it(void *ctx)
{
    assert_false(double_close_window());
}

/* First the power button, then the plug. */
static void test_window_closed(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops;

    want_window(rig);
    ops = start(rig);
    double_on_event(close_it, rig);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_QUIT);
    assert_int_equal(double_power_presses(), 1);
}

static void *wait_elsewhere(void *arg)
{
    struct rig *rig = arg;

    rig->vm->ops->wait(rig->vm);
    return NULL;
}

static void test_window_without_the_main_thread(void **state)
{
    struct rig *rig = *state;
    pthread_t thread;

    want_window(rig);
    start(rig);
    pthread_create(&thread, NULL, wait_elsewhere, rig);
    double_guest_stops();
    pthread_join(thread, NULL);
    assert_non_null(strstr(rig->log, "a window is the main thread's"));
}

static void test_no_window(void **state)
{
    struct rig *rig = *state;
    const struct atoll_ops *ops;

    want_window(rig);
    ops = start(rig);
    double_fail(VZ_METHOD_init_window, "", 0, "");
    ops->quit(rig->vm);
    assert_int_equal(ops->wait(rig->vm), ATOLL_STOP_QUIT);
    assert_non_null(strstr(rig->log, "this desktop gives no window"));
}

int main(void)
{
#define RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        RIG(test_poweroff),
        RIG(test_quit),
        RIG(test_pause),
        RIG(test_started_twice),
        RIG(test_failing_start),
        RIG(test_failing_pause),
        RIG(test_failing_stop),
        RIG(test_fault),
        RIG(test_destroyed_while_it_runs),
        RIG(test_quit_while_it_starts),
        RIG(test_power_button),
        RIG(test_reset),
        RIG(test_quit_during_a_reset),
        RIG(test_balloon),
        RIG(test_console),
        RIG(test_much_input),
        RIG(test_network),
        RIG(test_a_guest_that_takes_no_frames),
        RIG(test_network_lost),
        RIG(test_verbs_that_are_not_there),
        RIG(test_window),
        RIG(test_window_closed),
        RIG(test_window_without_the_main_thread),
        RIG(test_no_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
