/* SPDX-License-Identifier: ISC */
/* A ring between two views of the same memory, and against one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "host/map.h"
#include "host/thread.h"
#include "switch/ring.h"

#define SIZE HOST_EXCHANGE_ALIGN

struct fixture {
    struct ring_shared *words;
    uint8_t *data;
    struct ring put, take;
};

static void set_up(struct fixture *f)
{
    int fd = host_exchange_create("test", 2 * SIZE, NULL);
    void *words, *data;

    assert_true(fd >= 0);
    assert_int_equal(host_exchange_map(fd, 0, SIZE, 1, &words, NULL), 0);
    assert_int_equal(host_exchange_map(fd, SIZE, SIZE, 2, &data, NULL), 0);
    assert_int_equal(host_exchange_map(fd, SIZE, 2 * SIZE, 1, &data, NULL), -EINVAL);
    close(fd);
    f->words = words;
    f->data = data;
    f->put = f->take = (struct ring){.shared = words, .data = data, .size = SIZE};
}

static void tear_down(struct fixture *f)
{
    host_exchange_unmap(f->words, SIZE, 1);
    host_exchange_unmap(f->data, SIZE, 2);
}

static int put(struct fixture *f, uint8_t fill, size_t length)
{
    static uint8_t frame[SIZE];
    const struct net_header header = {.csum_start = fill};
    struct iovec iov[2] = {{frame, 5}, {frame + 5, length - 5}};

    memset(frame, fill, length);
    return ring_put(&f->put, &header, iov, 2, length);
}

static void take(struct fixture *f, uint8_t fill, size_t length)
{
    struct net_header header;
    const uint8_t *frame;

    assert_int_equal(ring_take(&f->take, &header, &frame), length);
    assert_int_equal(header.csum_start, fill);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(frame[i], fill);
    ring_done(&f->take);
}

static void test_in_order(void **state)
{
    struct fixture f;
    struct net_header header;
    const uint8_t *frame;

    set_up(&f);
    for (unsigned i = 0; i < 2000; i++) { /* many times around */
        assert_int_equal(put(&f, (uint8_t)i, 14 + i * 7 % 1500), 0);
        assert_int_equal(put(&f, (uint8_t)(i + 1), 900), 0);
        take(&f, (uint8_t)i, 14 + i * 7 % 1500);
        take(&f, (uint8_t)(i + 1), 900);
    }
    assert_int_equal(ring_take(&f.take, &header, &frame), 0);
    tear_down(&f);
}

static void test_full(void **state)
{
    struct fixture f;
    unsigned count = 0;

    set_up(&f);
    while (put(&f, 1, 1000) == 0)
        count++;
    assert_int_equal(count, SIZE / ring_record_size(1000));
    assert_int_equal(put(&f, 1, 1000), -EAGAIN);
    assert_true(ring_used(&f.put) == count * ring_record_size(1000));
    assert_true(ring_put_sleep(&f.put, 1000));
    take(&f, 1, 1000);
    assert_false(ring_take_wakes(&f.take)); /* not for so little */
    for (unsigned i = 0; i < count / 2; i++)
        take(&f, 1, 1000);
    assert_true(ring_take_wakes(&f.take));
    assert_false(ring_take_wakes(&f.take));
    assert_int_equal(put(&f, 1, 1000), 0);
    tear_down(&f);
}

static void test_wakes_once(void **state)
{
    struct fixture f;

    set_up(&f);
    assert_int_equal(put(&f, 1, 100), 0);
    assert_false(ring_put_wakes(&f.put)); /* nobody sleeps */
    assert_false(ring_take_sleep(&f.take));
    take(&f, 1, 100);
    assert_true(ring_take_sleep(&f.take));
    assert_int_equal(put(&f, 2, 100), 0);
    assert_true(ring_put_wakes(&f.put));
    assert_false(ring_put_wakes(&f.put));
    take(&f, 2, 100);
    tear_down(&f);
}

static void assert_broken(struct fixture *f)
{
    struct net_header header;
    const uint8_t *frame;

    assert_int_equal(ring_take(&f->take, &header, &frame), -EPIPE);
}

static void test_lies(void **state)
{
    static const uint32_t lengths[] = {0, 13, NET_OFFLOAD_MAX_FRAME + 1, 101, UINT32_MAX};
    struct fixture f;

    set_up(&f);
    assert_int_equal(put(&f, 1, 100), 0);
    for (size_t i = 0; i < nitems(lengths); i++) {
        store_le32(f.data, lengths[i] == 101 ? 200 : lengths[i]);
        assert_broken(&f);
    }
    store_le32(f.data, 100);
    atomic_store(&f.words->head, SIZE + 16); /* more than there can be */
    assert_broken(&f);
    atomic_store(&f.words->head, 8); /* no record's */
    assert_broken(&f);
    atomic_store(&f.words->tail, 4096); /* took what was never put */
    assert_int_equal(put(&f, 1, 100), -EPIPE);
    assert_true(ring_used(&f.put) <= SIZE);
    tear_down(&f);
}

#define MANY 200000

static void *put_many(void *arg)
{
    struct fixture *f = arg;
    uint8_t frame[200] = {0};

    for (uint32_t i = 0; i < MANY; i++) {
        const struct net_header header = {0};
        struct iovec iov = {frame, 14 + i % 180};

        store_le32(frame, i);
        while (ring_put(&f->put, &header, &iov, 1, iov.iov_len) == -EAGAIN)
            sched_yield();
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    struct fixture f;
    pthread_t thread;

    set_up(&f);
    assert_int_equal(host_thread_start(&thread, "put", put_many, &f), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        struct net_header header;
        const uint8_t *frame;
        ssize_t length;

        while ((length = ring_take(&f.take, &header, &frame)) == 0)
            sched_yield();
        assert_int_equal(length, 14 + i % 180);
        assert_int_equal(load_le32(frame), i);
        ring_done(&f.take);
    }
    pthread_join(thread, NULL);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_wakes_once),  cmocka_unit_test(test_lies),
        cmocka_unit_test(test_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
