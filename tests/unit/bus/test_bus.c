/* SPDX-License-Identifier: ISC */
/* The bus: lookup, widths, windows, holes, and ranges that move while they are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "bus/bus.h"
#include "host/thread.h"

/* A device that remembers its last access and reads as what it was told. */
struct probe {
    uint64_t offset, value, answer;
    unsigned size, reads, writes;
    struct bus *bus;
};

static uint64_t probe_read(void *dev, uint64_t offset, unsigned size)
{
    struct probe *probe = dev;

    probe->offset = offset;
    probe->size = size;
    probe->reads++;
    return probe->answer;
}

static void probe_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *probe = dev;

    probe->offset = offset;
    probe->size = size;
    probe->value = value;
    probe->writes++;
}

static const struct bus_ops probe_ops = {probe_read, probe_write};

struct events {
    enum event_kind kind;
    uint64_t a, b;
    unsigned count;
    bool write;
};

static void record(void *ctx, const struct event *event)
{
    struct events *events = ctx;

    events->kind = event->kind;
    events->a = event->a;
    events->b = event->b;
    events->write = event->write;
    events->count++;
}

static int setup(void **state)
{
    struct bus *bus;

    assert_int_equal(bus_create(&bus), 0);
    *state = bus;
    return 0;
}

static int teardown(void **state)
{
    bus_destroy(*state);
    return 0;
}

static void finds_the_range(void **state)
{
    struct probe probes[20] = {{0}};
    uint64_t value;

    /* In an order that is not sorted, with and without gaps. */
    for (unsigned i = 0; i < 20; i++) {
        unsigned at = i * 7 % 20;

        probes[at].answer = 0x100 + at;
        assert_int_equal(bus_attach(*state, 0x1000 * (at + 1), at % 2 ? 0x1000 : 0x800, BUS_WIDTH_4,
                                    &probe_ops, &probes[at]),
                         0);
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(bus_read(*state, 0x1000 * (i + 1) + 0x7fc, 4, &value), 0);
        assert_int_equal(value, 0x100 + i);
        assert_int_equal(probes[i].offset, 0x7fc);
        assert_int_equal(bus_read(*state, 0x1000 * (i + 1) + 0x800, 4, &value),
                         i % 2 ? 0 : -EFAULT);
    }
    assert_int_equal(bus_read(*state, 0xffc, 4, &value), -EFAULT);
    assert_int_equal(bus_read(*state, UINT64_MAX - 3, 4, &value), -EFAULT);
}

static void refuses_overlaps(void **state)
{
    struct probe probe = {0};

    assert_int_equal(bus_attach(*state, 0x1000, 0x1000, 15, &probe_ops, &probe), 0);
    assert_int_equal(bus_attach(*state, 0x1fff, 1, 15, &probe_ops, &probe), -EEXIST);
    assert_int_equal(bus_attach(*state, 0x0, 0x1001, 15, &probe_ops, &probe), -EEXIST);
    assert_int_equal(bus_attach(*state, 0x0, 0x10000, 15, &probe_ops, &probe), -EEXIST);
    assert_int_equal(bus_attach(*state, 0x1800, 0x10, 15, &probe_ops, &probe), -EEXIST);
    assert_int_equal(bus_attach(*state, 0x3000, 0, 15, &probe_ops, &probe), -EINVAL);
    assert_int_equal(bus_attach(*state, UINT64_MAX, 2, 15, &probe_ops, &probe), -EINVAL);
    assert_int_equal(bus_attach(*state, 0x0, 0x1000, 15, &probe_ops, &probe), 0);
    assert_int_equal(bus_attach(*state, 0x2000, 0x1000, 15, &probe_ops, &probe), 0);
    bus_detach(*state, 0x1000);
    bus_detach(*state, 0x1000); /* not there: nothing */
    assert_int_equal(bus_attach(*state, 0x1800, 0x10, 15, &probe_ops, &probe), 0);
}

static void enforces_widths(void **state)
{
    struct events events = {0};
    const struct event_sink sink = {record, &events};
    struct probe probe = {.answer = UINT64_MAX};
    uint64_t value;

    bus_set_events(*state, &sink);
    assert_int_equal(bus_window(*state, 0x8000, 0x1000, 0xff), 0);
    assert_int_equal(
        bus_attach(*state, 0x1000, 0x1000, BUS_WIDTH_2 | BUS_WIDTH_4, &probe_ops, &probe), 0);
    assert_int_equal(bus_attach(*state, 0x8000, 0x10, BUS_WIDTH_4, &probe_ops, &probe), 0);
    assert_int_equal(bus_read(*state, 0x1000, 2, &value), 0);
    assert_int_equal(value, 0xffff); /* cut to the access's size */
    assert_int_equal(bus_write(*state, 0x1004, 4, UINT64_C(0x1234567890)), 0);
    assert_int_equal(probe.value, 0x34567890);

    assert_int_equal(bus_read(*state, 0x1000, 8, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(events.kind, EVENT_ACCESS_BAD_WIDTH);
    assert_int_equal(events.a, 0x1000);
    assert_int_equal(events.b, 8);
    assert_int_equal(bus_write(*state, 0x1000, 1, 5), 0);
    assert_true(events.write);
    assert_int_equal(bus_read(*state, 0x8000, 2, &value), 0); /* the window's fill */
    assert_int_equal(value, 0xffff);
    assert_int_equal(probe.reads, 1);
    assert_int_equal(probe.writes, 1);
}

static void splits_unaligned_accesses(void **state)
{
    struct probe probe = {.answer = 0x5a};
    uint64_t value;

    assert_int_equal(
        bus_attach(*state, 0x1000, 0x10, BUS_WIDTH_1 | BUS_WIDTH_4, &probe_ops, &probe), 0);
    assert_int_equal(bus_read(*state, 0x1001, 4, &value), 0);
    assert_int_equal(value, 0x5a5a5a5a);
    assert_int_equal(probe.reads, 4);
    assert_int_equal(bus_write(*state, 0x1003, 2, 0xbbaa), 0);
    assert_int_equal(probe.writes, 2);
    assert_int_equal(probe.value, 0xbb);
    assert_int_equal(probe.offset, 4);
    assert_int_equal(bus_read(*state, 0x100e, 4, &value), -EFAULT); /* half outside */
}

static void fills_windows_and_faults_outside(void **state)
{
    struct events events = {0};
    const struct event_sink sink = {record, &events};
    uint64_t value = 1;

    bus_set_events(*state, &sink);
    assert_int_equal(bus_window(*state, 0x50000000, 0x10000, 0xff), 0);
    assert_int_equal(bus_window(*state, 0x10000000, 0x10000, 0x00), 0);
    assert_int_equal(bus_read(*state, 0x50000000, 8, &value), 0);
    assert_int_equal(value, UINT64_MAX);
    assert_int_equal(bus_read(*state, 0x5000fffe, 2, &value), 0);
    assert_int_equal(value, 0xffff);
    assert_int_equal(bus_read(*state, 0x10000004, 4, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(bus_write(*state, 0x50000000, 4, 1), 0);
    assert_int_equal(events.count, 0);
    assert_int_equal(bus_write(*state, 0x50010000, 4, 1), -EFAULT);
    assert_int_equal(events.kind, EVENT_ACCESS_UNBACKED);
    assert_int_equal(events.a, 0x50010000);
}

/* A handler that moves another range, as a write to configuration space does. */
static struct probe moved_probe;

static void mover_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    bus_detach(dev, 0x2000);
    assert_int_equal(bus_attach(dev, value, 0x100, 15, &probe_ops, &moved_probe), 0);
}

static const struct bus_ops mover_ops = {probe_read, mover_write};

static void handlers_may_move_ranges(void **state)
{
    uint64_t value;

    moved_probe = (struct probe){.answer = 7};
    assert_int_equal(bus_attach(*state, 0x1000, 0x100, 15, &mover_ops, *state), 0);
    assert_int_equal(bus_attach(*state, 0x2000, 0x100, 15, &probe_ops, &moved_probe), 0);
    assert_int_equal(bus_write(*state, 0x1000, 4, 0x3000), 0);
    assert_int_equal(bus_read(*state, 0x2000, 4, &value), -EFAULT);
    assert_int_equal(bus_read(*state, 0x3000, 4, &value), 0);
    assert_int_equal(value, 7);
}

/* A device whose handler dawdles, to see whether bus_detach waits for it. */
struct slow {
    struct bus *bus;
    _Atomic bool entered, detached;
    _Atomic unsigned late;
};

static uint64_t slow_read(void *dev, uint64_t offset, unsigned size)
{
    const struct timespec millisecond = {0, 1000000};
    struct slow *slow = dev;

    slow->entered = true;
    for (unsigned i = 0; i < 50 && !slow->detached; i++)
        nanosleep(&millisecond, NULL);
    slow->late += slow->detached;
    return 0;
}

static const struct bus_ops slow_ops = {slow_read, probe_write};

static void *read_slowly(void *arg)
{
    struct slow *slow = arg;
    uint64_t value;

    bus_read(slow->bus, 0x5000, 4, &value);
    return NULL;
}

static void detach_waits_for_accesses(void **state)
{
    struct slow slow = {.bus = *state};
    pthread_t thread;
    uint64_t value;

    assert_int_equal(bus_attach(*state, 0x5000, 0x1000, 15, &slow_ops, &slow), 0);
    assert_int_equal(host_thread_start(&thread, "slow", read_slowly, &slow), 0);
    while (!slow.entered)
        sched_yield();
    bus_detach(*state, 0x5000);
    slow.detached = true;
    pthread_join(thread, NULL);
    assert_int_equal(slow.late, 0);
    assert_int_equal(bus_read(*state, 0x5000, 4, &value), -EFAULT);
}

/* A device that notices being called after it has been taken off. */
struct gone {
    struct bus *bus;
    _Atomic bool attached, stop;
    _Atomic unsigned late;
};

static uint64_t gone_read(void *dev, uint64_t offset, unsigned size)
{
    struct gone *gone = dev;

    gone->late += !gone->attached;
    return 0;
}

static const struct bus_ops gone_ops = {gone_read, probe_write};

static void *hammer(void *arg)
{
    struct gone *gone = arg;
    uint64_t value;

    while (!gone->stop)
        bus_read(gone->bus, 0x5000, 4, &value);
    return NULL;
}

static void comes_and_goes_under_fire(void **state)
{
    struct gone gone = {.bus = *state};
    pthread_t threads[2];

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(host_thread_start(&threads[i], "hammer", hammer, &gone), 0);
    for (unsigned i = 0; i < 2000; i++) {
        gone.attached = true;
        assert_int_equal(bus_attach(*state, 0x5000, 0x1000, 15, &gone_ops, &gone), 0);
        bus_detach(*state, 0x5000);
        gone.attached = false;
    }
    gone.stop = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(gone.late, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_range, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_overlaps, setup, teardown),
        cmocka_unit_test_setup_teardown(enforces_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(splits_unaligned_accesses, setup, teardown),
        cmocka_unit_test_setup_teardown(fills_windows_and_faults_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(handlers_may_move_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(detach_waits_for_accesses, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_and_goes_under_fire, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
