/* SPDX-License-Identifier: ISC */
/* A machine's keyboard and pointer from outside, with a guest that has no driver for either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "vm.h"

#define NO_TIME 20 /* ms, for what must time out */
#define TIME    600000

static struct vm vm;

static void describe(enum atoll_input input)
{
    vm_describe(&vm, "idle", "sleep");
    vm.config.input = input;
    vm.config.gpu.width = 320;
    vm.config.gpu.height = 200;
}

static void test_no_input(void **state)
{
    struct atoll_error error;

    describe(ATOLL_INPUT_NONE);
    vm_start(&vm);
    assert_int_equal(atoll_key(vm.atoll, 4, true, TIME, &error), -ENODEV);
    assert_int_equal(atoll_chord(vm.atoll, "A", TIME, &error), -ENODEV);
    assert_int_equal(atoll_type(vm.atoll, "a", 1, TIME, &error), -ENODEV);
    assert_int_equal(atoll_pointer(vm.atoll, 1, 1, 0, 0, TIME, &error), -ENODEV);
    assert_string_equal(error.text, "the machine has neither keyboard nor pointer; give it a "
                                    "display, or --input usb or virtio");
    vm_destroy(&vm);
}

static void test_layouts(void **state)
{
    struct atoll_error error;
    const char *name, *about;
    size_t count = 0;

    while (atoll_keyboard_info(count, &name, &about) == 0) {
        describe(ATOLL_INPUT_VIRTIO);
        vm.config.keyboard = name;
        assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), 0);
        vm_destroy(&vm);
        count++;
    }
    assert_true(count > 8);
    assert_int_equal(atoll_keyboard_info(count, &name, &about), -ENOENT);
    for (unsigned input = 0; input < 2; input++) {
        describe(input ? ATOLL_INPUT_VIRTIO : ATOLL_INPUT_NONE);
        vm.config.keyboard = "qwerty";
        assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), -EINVAL);
        assert_non_null(strstr(error.text, "\"qwerty\" is no keyboard layout; there are us, uk, "));
    }
}

/* Apple's machine has no virtio-input. */
static void test_strict(void **state)
{
    struct atoll_error error;

    describe(ATOLL_INPUT_VIRTIO);
    vm.config.strict = true;
    vm.config.consoles[0].port = ATOLL_PORT_DEFAULT;
    assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), -EINVAL);
    assert_non_null(strstr(error.text, "virtio-input"));
    vm.config.input = ATOLL_INPUT_USB;
    assert_int_equal(atoll_create(&vm.atoll, &vm.config, &error), 0);
    vm_destroy(&vm);
}

static void test_refusals(void **state)
{
    struct atoll_error error;

    describe(ATOLL_INPUT_VIRTIO);
    vm_start(&vm);
    assert_int_equal(atoll_key(vm.atoll, 3, true, TIME, &error), -EINVAL);
    assert_int_equal(atoll_chord(vm.atoll, "CTRL-FOO", TIME, &error), -EINVAL);
    assert_int_equal(atoll_type(vm.atoll, "\xff", 1, TIME, &error), -EINVAL);
    assert_int_equal(atoll_pointer(vm.atoll, 320, 1, 0, 0, TIME, &error), -EINVAL);
    assert_string_equal(error.text, "(320, 1) is not on the screen of 320x200");
    assert_int_equal(atoll_pointer(vm.atoll, 319, 200, 0, 0, TIME, &error), -EINVAL);
    assert_int_equal(atoll_pointer(vm.atoll, 1, 1, 8, 0, TIME, &error), -EINVAL);
    assert_int_equal(atoll_pointer(vm.atoll, 1, 1, 0, 128, TIME, &error), -EINVAL);
    vm_destroy(&vm);
}

static void test_no_driver(void **state)
{
    struct atoll_error error;

    describe(ATOLL_INPUT_VIRTIO);
    vm_start(&vm);
    assert_int_equal(atoll_type(vm.atoll, "text", 4, NO_TIME, &error), -ETIMEDOUT);
    assert_string_equal(error.text, "the guest has no driver for its keyboard yet");
    assert_int_equal(atoll_chord(vm.atoll, "CTRL-C", NO_TIME, &error), -ETIMEDOUT);
    assert_int_equal(atoll_key(vm.atoll, 4, true, NO_TIME, &error), -ETIMEDOUT);
    assert_int_equal(atoll_key(vm.atoll, 4, false, NO_TIME, &error), 0); /* it was never down */
    assert_int_equal(atoll_pointer(vm.atoll, 319, 199, 1, 1, NO_TIME, &error), -ETIMEDOUT);
    assert_string_equal(error.text, "the guest has no driver for its pointer yet");
    vm_destroy(&vm);
}

static void *typist(void *answer)
{
    struct atoll_error error;

    *(int *)answer = atoll_type(vm.atoll, "text", 4, TIME, &error);
    return NULL;
}

/* Nobody waits for a guest that is gone: not from before its end, nor from after. */
static void test_end(void **state)
{
    int answer = 0;
    pthread_t thread;

    describe(ATOLL_INPUT_VIRTIO);
    vm_start(&vm);
    vm_await(&vm, "ready\n");
    pthread_create(&thread, NULL, typist, &answer);
    atoll_quit(vm.atoll);
    pthread_join(thread, NULL);
    assert_int_equal(answer, -ECANCELED);
    vm_destroy(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_input), cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_end),      cmocka_unit_test(test_strict),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
