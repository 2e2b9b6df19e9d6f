/* SPDX-License-Identifier: ISC */
/* The keyboard and the pointer with a driver that reads, is slow, comes and goes, and lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/input.h"
#include "base/endian.h"
#include "driver.h"

#define TIME    600000 /* ms, for what must not time out */
#define BUFFERS 16
#define LED     0x11

enum { KEYBOARD, POINTER, BOTH };

struct fixture {
    struct rig rig;
    struct input *input;
    struct virtio_pci *pci[BOTH];
    struct driver driver[BOTH];
    struct drvq events[BOTH], status[BOTH];
    uint64_t data[BOTH];
    uint64_t at[BOTH][DRVQ_MAX]; /* by id: the buffer */
};

static void create(struct fixture *f)
{
    struct virtio_device *keyboard, *pointer;
    struct error err;

    assert_int_equal(input_create(&f->input, "us", &err), 0);
    assert_int_equal(virtio_keyboard_create(&keyboard, &f->rig.host, "virtio-keyboard0", f->input),
                     0);
    assert_int_equal(virtio_pointer_create(&pointer, &f->rig.host, "virtio-pointer0", keyboard), 0);
    f->pci[KEYBOARD] = rig_plug(&f->rig, keyboard);
    f->pci[POINTER] = rig_plug(&f->rig, pointer);
}

static void destroy(struct fixture *f)
{
    virtio_pci_ops.free(f->pci[POINTER]);
    virtio_pci_ops.free(f->pci[KEYBOARD]);
    input_free(f->input);
}

/* Gives the device `count` buffers for events. */
static void give(struct fixture *f, unsigned which, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint64_t at = f->data[which] + 8 * (f->events[which].next % BUFFERS);
        int id = drvq_add(&f->events[which], &(struct buffer){at, 8, true}, 1, false);

        assert_true(id >= 0);
        f->at[which][id] = at;
    }
    drvq_kick(&f->events[which]);
}

static void start(struct fixture *f, unsigned which, uint64_t ring)
{
    struct driver *d = &f->driver[which];

    driver_probe(d, &f->rig, which + 1);
    assert_int_equal(d->device_id, 0x1052);
    assert_true(driver_negotiate(d, ring));
    driver_queue(d, &f->events[which], 0, BUFFERS);
    driver_queue(d, &f->status[which], 1, BUFFERS);
    driver_ok(d);
    host_loop_drain(f->rig.loop);
    f->data[which] = rig_alloc(&f->rig, 4096, 4096);
}

/* The next event as text, "1:30=1"; "" when there is none. */
static const char *next(struct fixture *f, unsigned which)
{
    static char text[64];
    uint32_t written;
    const uint8_t *event;
    int id;

    host_loop_drain(f->rig.loop);
    id = drvq_poll(&f->events[which], &written);
    if (id < 0)
        return "";
    assert_int_equal(written, 8);
    event = rig_host(&f->rig, f->at[which][id], 8);
    snprintf(text, sizeof(text), "%u:%u=%d", load_le16(event), load_le16(event + 2),
             (int)load_le32(event + 4));
    return text;
}

static void make(struct fixture *f, uint64_t ring)
{
    rig_make(&f->rig, false);
    create(f);
    for (unsigned i = 0; i < BOTH; i++) {
        start(f, i, ring);
        give(f, i, BUFFERS);
    }
}

static void end(struct fixture *f)
{
    destroy(f);
    rig_free(&f->rig);
}

/* --- configuration --- */

static unsigned select_config(struct fixture *f, unsigned which, unsigned select, unsigned subsel,
                              uint8_t data[128])
{
    struct driver *d = &f->driver[which];

    reg_write(d, d->config, 1, select);
    reg_write(d, d->config + 1, 1, subsel);
    for (unsigned i = 0; i < 128; i++)
        data[i] = (uint8_t)reg_read(d, d->config + 8 + i, 1);
    return (unsigned)reg_read(d, d->config + 2, 1);
}

static bool has_bit(const uint8_t *data, unsigned bit)
{
    return data[bit / 8] & 1u << bit % 8;
}

static void configuration(void **unused)
{
    static struct fixture f;
    uint8_t data[128];

    make(&f, 0);
    assert_int_equal(select_config(&f, KEYBOARD, 1, 0, data), 14);
    assert_string_equal((char *)data, "Atoll keyboard");
    assert_int_equal(select_config(&f, POINTER, 1, 0, data), 13);
    assert_string_equal((char *)data, "Atoll pointer");
    assert_int_equal(select_config(&f, KEYBOARD, 3, 0, data), 8);
    assert_int_equal(load_le16(data), 6);
    assert_int_equal(select_config(&f, KEYBOARD, 0x10, 0, data), 0);
    assert_in_range(select_config(&f, KEYBOARD, 0x11, 1, data), 24, 32);
    assert_true(has_bit(data, 30) && has_bit(data, 28) && has_bit(data, 194));
    assert_false(has_bit(data, 0));
    assert_int_equal(select_config(&f, KEYBOARD, 0x11, LED, data), 1);
    assert_int_equal(data[0], 7);
    assert_int_equal(select_config(&f, KEYBOARD, 0x11, 0x14, data), 1);
    assert_int_equal(select_config(&f, KEYBOARD, 0x11, 3, data), 0);
    assert_int_equal(select_config(&f, KEYBOARD, 0x12, 0, data), 0);
    assert_int_equal(select_config(&f, POINTER, 0x11, 3, data), 1);
    assert_int_equal(data[0], 3);
    assert_int_equal(select_config(&f, POINTER, 0x11, 1, data), 35);
    assert_true(has_bit(data, 0x110) && has_bit(data, 0x111) && has_bit(data, 0x112));
    assert_int_equal(select_config(&f, POINTER, 0x12, 1, data), 20);
    assert_int_equal(load_le32(data), 0);
    assert_int_equal(load_le32(data + 4), INPUT_AXIS_MAX);
    assert_int_equal(select_config(&f, POINTER, 0x12, 2, data), 0);
    for (unsigned select = 0; select < 256; select += 3)
        for (unsigned subsel = 0; subsel < 256; subsel += 5)
            assert_true(select_config(&f, POINTER, select, subsel, data) <= 128);
    /* Nothing else can be written, and nothing behind it read. */
    reg_write(&f.driver[POINTER], f.driver[POINTER].config + 2, 1, 77);
    reg_write(&f.driver[POINTER], f.driver[POINTER].config, 4, 0x01010001);
    assert_int_equal(reg_read(&f.driver[POINTER], f.driver[POINTER].config + 2, 1), 13);
    end(&f);
}

/* --- events --- */

static void events(void **unused)
{
    static struct fixture f;
    const struct input_pointer state = {100, INPUT_AXIS_MAX, INPUT_LEFT | INPUT_MIDDLE, -2, 3};
    struct input_pointer up = {100, INPUT_AXIS_MAX, 0, 0, 0};
    struct error err;

    for (unsigned packed = 0; packed < 2; packed++) {
        make(&f, packed ? VIRTIO_F_RING_PACKED : VIRTIO_F_EVENT_IDX);
        assert_int_equal(input_type(f.input, "A", 1, TIME, &err), 0);
        for (const char *const *at =
                 (const char *const[]){"1:42=1", "0:0=0", "1:30=1", "0:0=0", "1:30=0", "0:0=0",
                                       "1:42=0", "0:0=0", NULL};
             *at; at++)
            assert_string_equal(next(&f, KEYBOARD), *at);
        input_pointer(f.input, &state);
        input_pointer(f.input, &up);
        for (const char *const *at =
                 (const char *const[]){"3:0=100", "3:1=32767", "1:272=1", "1:274=1", "2:8=-2",
                                       "2:6=3", "0:0=0", "3:0=100", "3:1=32767", "1:272=0",
                                       "1:274=0", "0:0=0", "", NULL};
             *at; at++)
            assert_string_equal(next(&f, POINTER), *at);
        assert_string_equal(next(&f, KEYBOARD), "");
        end(&f);
    }
}

/* With one buffer at a time, and none at all: nothing is lost, and order is kept. */
static void few_buffers(void **unused)
{
    static struct fixture f;

    rig_make(&f.rig, false);
    create(&f);
    input_key(f.input, 0x04, true); /* before there is a driver */
    start(&f, KEYBOARD, 0);
    for (unsigned usage = 0x05; usage < 0x1d; usage++)
        input_key(f.input, usage, true);
    for (unsigned usage = 0x04; usage < 0x1d; usage++)
        input_key(f.input, usage, false);
    for (unsigned i = 0; i < 50; i++) {
        char key[32];
        static const uint8_t codes[] = {30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50,
                                        49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21};

        assert_string_equal(next(&f, KEYBOARD), "");
        give(&f, KEYBOARD, 1);
        snprintf(key, sizeof(key), "1:%u=%d", codes[i % 25], i < 25);
        assert_string_equal(next(&f, KEYBOARD), key);
        give(&f, KEYBOARD, 1);
        assert_string_equal(next(&f, KEYBOARD), "0:0=0");
    }
    assert_int_equal(input_flush(f.input, 0), 0);
    end(&f);
}

static void no_pointer_driver(void **unused)
{
    static struct fixture f;
    const struct input_pointer state = {1, 1, 1, 0, 0};

    rig_make(&f.rig, false);
    create(&f);
    start(&f, KEYBOARD, 0);
    give(&f, KEYBOARD, BUFFERS);
    input_pointer(f.input, &state);
    input_key(f.input, 0x04, true);
    assert_string_equal(next(&f, KEYBOARD), "1:30=1");
    end(&f);
}

static void driver_goes(void **unused)
{
    static struct fixture f;

    make(&f, 0);
    input_key(f.input, 0xe1, true);
    host_loop_drain(f.rig.loop);
    driver_reset(&f.driver[KEYBOARD]);
    input_key(f.input, 0x04, true); /* for whom comes next, who knows nothing of Shift */
    input_key(f.input, 0xe1, false);
    start(&f, KEYBOARD, 0);
    give(&f, KEYBOARD, BUFFERS);
    assert_string_equal(next(&f, KEYBOARD), "1:30=1");
    assert_string_equal(next(&f, KEYBOARD), "0:0=0");
    assert_string_equal(next(&f, KEYBOARD), "");
    end(&f);
}

/* --- lights --- */

static void tell(struct fixture *f, unsigned which, unsigned type, unsigned code, unsigned value,
                 unsigned length)
{
    uint8_t event[8];
    uint64_t at = f->data[which] + 2048;

    store_le16(event, (uint16_t)type);
    store_le16(event + 2, (uint16_t)code);
    store_le32(event + 4, value);
    mem_write(f->rig.mem, at, event, sizeof(event));
    assert_int_equal(drvq_do(&f->status[which], &(struct buffer){at, length, false}, 1, false), 0);
}

static void lights(void **unused)
{
    static struct fixture f;

    make(&f, 0);
    tell(&f, KEYBOARD, LED, 1, 1, 8);
    assert_int_equal(input_leds(f.input), 2);
    tell(&f, KEYBOARD, LED, 0, 1, 8);
    tell(&f, KEYBOARD, LED, 1, 0, 8);
    assert_int_equal(input_leds(f.input), 1);
    tell(&f, KEYBOARD, LED, 40, 1, 8);
    tell(&f, KEYBOARD, 1, 1, 1, 8);
    tell(&f, KEYBOARD, LED, 1, 1, 7); /* half an event */
    tell(&f, POINTER, LED, 1, 1, 8);
    assert_int_equal(input_leds(f.input), 1);
    end(&f);
}

static void small_buffer(void **unused)
{
    static struct fixture f;

    rig_make(&f.rig, false);
    create(&f);
    start(&f, KEYBOARD, 0);
    drvq_add(&f.events[KEYBOARD], &(struct buffer){f.data[KEYBOARD], 7, true}, 1, false);
    drvq_kick(&f.events[KEYBOARD]);
    input_key(f.input, 0x04, true);
    host_loop_drain(f.rig.loop);
    assert_true(driver_status(&f.driver[KEYBOARD]) & VIRTIO_STATUS_NEEDS_RESET);
    end(&f);
}

/* --- state --- */

static void save(struct fixture *f, struct state *state)
{
    for (unsigned i = 0; i < BOTH; i++)
        virtio_device_quiesce(virtio_pci_device(f->pci[i]));
    assert_int_equal(pci_host_ops.save(f->rig.pci, state, "pci"), 0);
    assert_int_equal(virtio_pci_ops.save(f->pci[KEYBOARD], state, "virtio-keyboard0"), 0);
    assert_int_equal(virtio_pci_ops.save(f->pci[POINTER], state, "virtio-pointer0"), 0);
}

static void load(struct fixture *f, struct state *state)
{
    struct error err;

    assert_int_equal(pci_host_ops.load(f->rig.pci, state, "pci", &err), 0);
    assert_int_equal(virtio_pci_ops.load(f->pci[KEYBOARD], state, "virtio-keyboard0", &err), 0);
    assert_int_equal(virtio_pci_ops.load(f->pci[POINTER], state, "virtio-pointer0", &err), 0);
    for (unsigned i = 0; i < BOTH; i++)
        virtio_device_resume(virtio_pci_device(f->pci[i]));
}

/* Half a frame goes on, and what was down is let go: nobody holds it any more. */
static void saved(void **unused)
{
    static struct fixture f;
    const struct input_pointer press = {5, 5, INPUT_RIGHT, 0, 0};
    struct state *state = state_new();

    rig_make(&f.rig, false);
    create(&f);
    start(&f, KEYBOARD, 0);
    start(&f, POINTER, 0);
    give(&f, KEYBOARD, 3);
    give(&f, POINTER, 4);
    input_key(f.input, 0xe0, true);
    input_key(f.input, 0x04, true);
    input_pointer(f.input, &press);
    tell(&f, KEYBOARD, LED, 1, 1, 8);
    assert_string_equal(next(&f, KEYBOARD), "1:29=1");
    assert_string_equal(next(&f, KEYBOARD), "0:0=0");
    assert_string_equal(next(&f, KEYBOARD), "1:30=1");
    save(&f, state);
    destroy(&f);
    rig_rebuild(&f.rig);
    create(&f);
    load(&f, state);
    assert_int_equal(input_leds(f.input), 2);
    give(&f, KEYBOARD, 10);
    give(&f, POINTER, 10);
    input_key(f.input, 0x05, true);
    for (const char *const *at = (const char *const[]){"0:0=0", "1:30=0", "0:0=0", "1:29=0",
                                                       "0:0=0", "1:48=1", "0:0=0", "", NULL};
         *at; at++)
        assert_string_equal(next(&f, KEYBOARD), *at);
    for (const char *const *at = (const char *const[]){"3:0=5", "3:1=5", "1:273=1", "0:0=0",
                                                       "1:273=0", "0:0=0", "", NULL};
         *at; at++)
        assert_string_equal(next(&f, POINTER), *at);
    state_free(state);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration), cmocka_unit_test(events),
        cmocka_unit_test(few_buffers),   cmocka_unit_test(no_pointer_driver),
        cmocka_unit_test(driver_goes),   cmocka_unit_test(lights),
        cmocka_unit_test(small_buffer),  cmocka_unit_test(saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
