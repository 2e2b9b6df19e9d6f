/* SPDX-License-Identifier: ISC */
/* --engine vz from the outside: libatoll's functions with the framework's double behind them. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atoll/atoll.h"

static struct atoll_config configuration(struct rig *rig)
{
    struct atoll_config config;

    atoll_config_init(&config);
    config.engine = "vz";
    config.kernel = rig->kernel;
    config.consoles[0].kind = ATOLL_CONSOLE_MEMORY;
    return config;
}

static void test_life(void **state)
{
    struct atoll_config config = configuration(*state);
    struct atoll_error error;
    struct atoll *vm;

    assert_int_equal(atoll_create(&vm, &config, &error), 0);
    assert_int_equal(atoll_state(vm), ATOLL_STATE_OFF);
    assert_int_equal(atoll_start(vm, &error), 0);
    assert_int_equal(atoll_state(vm), ATOLL_STATE_RUNNING);
    assert_int_equal(atoll_pause(vm), 0);
    assert_int_equal(atoll_resume(vm), 0);
    atoll_power_button(vm);
    atoll_quit(vm);
    assert_int_equal(atoll_wait(vm), ATOLL_STOP_QUIT);
    assert_int_equal(double_power_presses(), 1);
    atoll_destroy(vm);
}

/* As on every engine, a machine with an identifier has addresses of its own. */
static void test_addresses(void **state)
{
    struct atoll_config config = configuration(*state);
    struct atoll_error error;
    struct atoll *vm;
    const char *address;
    id card;

    config.uuid = "c0a1a6a0-5d33-4c3e-9d8f-0d5b2a7c1e42";
    assert_int_equal(atoll_create(&vm, &config, &error), 0);
    card = double_object(double_configured(VZ_METHOD_set_networks, 0), VZ_METHOD_set_address);
    address = double_text(double_object(card, VZ_METHOD_init_address));
    assert_int_equal(strncmp(address, "52:", 3), 0);
    assert_string_not_equal(address, "52:54:00:a7:01:01"); /* that of machines without one */
    assert_int_equal(double_calls(VZ_METHOD_random_address), 0);
    atoll_destroy(vm);
}

/* A display brings a screen, a keyboard and a pointer. */
static void test_window_brings_a_screen(void **state)
{
    struct atoll_config config = configuration(*state);
    struct atoll_error error;
    struct atoll *vm;

    config.display_count = 1;
    config.displays[0].kind = ATOLL_DISPLAY_WINDOW;
    assert_int_equal(atoll_create(&vm, &config, &error), 0);
    assert_non_null(double_configured(VZ_METHOD_set_graphics, 0));
    assert_non_null(double_configured(VZ_METHOD_set_keyboards, 0));
    atoll_destroy(vm);
}

static void refused(int ret, const struct atoll_error *error, const char *what)
{
    assert_int_equal(ret, -ENOTSUP);
    assert_non_null(strstr(error->text, "(--engine vz)"));
    if (!strstr(error->text, what))
        fail_msg("\"%s\" does not say \"%s\"", error->text, what);
}

static void test_what_it_cannot_do(void **state)
{
    struct atoll_config config = configuration(*state);
    struct atoll_device_stats stats;
    struct atoll_error error;
    struct atoll_text text;
    struct atoll *vm;
    size_t length;
    void *bytes;

    assert_int_equal(atoll_create(&vm, &config, &error), 0);
    refused(atoll_save(vm, &bytes, &length, &error), &error, "cannot be saved");
    refused(atoll_load(vm, "", 0, &error), &error, "cannot be loaded");
    refused(atoll_picture(vm, &bytes, &length, &error), &error, "picture");
    refused(atoll_screenshot(vm, "x", &error), &error, "picture");
    refused(atoll_screen_text(vm, &text, &error), &error, "text on its screen");
    refused(atoll_key(vm, 4, true, 1, &error), &error, "keys");
    refused(atoll_chord(vm, "A", 1, &error), &error, "keys");
    refused(atoll_type(vm, "a", 1, 1, &error), &error, "keys");
    refused(atoll_pointer(vm, 0, 0, 0, 0, 1, &error), &error, "pointer");
    assert_int_equal(atoll_device_stats(vm, 0, &stats), -ENOENT);
    atoll_destroy(vm);
    refused(atoll_fdt(&config, &bytes, &length, &error), &error, "tables");
    refused(atoll_acpi(&config, &bytes, &length, &error), &error, "tables");
}

static void test_listed_last(void **state)
{
    struct atoll_engine_info info, last = {0};

    for (size_t i = 0; atoll_engine_info(i, &info) == 0; i++)
        last = info;
    assert_string_equal(last.name, "vz");
    assert_true(last.available);
    assert_false(last.nested);
    assert_string_equal(double_end(), "");
    double_begin(15, 0);
    for (size_t i = 0; atoll_engine_info(i, &info) == 0; i++)
        last = info;
    assert_true(last.nested);
    double_supported(false);
    for (size_t i = 0; atoll_engine_info(i, &info) == 0; i++)
        last = info;
    assert_false(last.available);
    assert_false(last.nested);
    assert_non_null(strstr(last.reason, "does not work here"));
}

int main(void)
{
#define RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        RIG(test_life),
        RIG(test_addresses),
        RIG(test_window_brings_a_screen),
        RIG(test_what_it_cannot_do),
        RIG(test_listed_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
