/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"

struct device {
    uint64_t counter;
    uint32_t control;
    uint16_t fifo[4];
    uint8_t level;
    bool enabled, masked;
};

static const struct state_field fields[] = {
    STATE_FIELD(struct device, counter, STATE_U64),  STATE_FIELD(struct device, control, STATE_U32),
    STATE_ARRAY(struct device, fifo, STATE_U16, 4),  STATE_FIELD(struct device, level, STATE_U8),
    STATE_FIELD(struct device, enabled, STATE_BOOL),
};
static const struct state_table table = {"device", 2, fields, nitems(fields)};

static const struct device sample = {
    .counter = UINT64_C(0x1122334455667788),
    .control = 0xdeadbeef,
    .fifo = {1, 2, 3, 0xffff},
    .level = 200,
    .enabled = true,
};

/* Saves the sample as "dev0" and bytes as "blob", and reads the state back from its bytes. */
static struct state *state_of_sample(void)
{
    struct state *saved = state_new(), *parsed;
    const void *bytes;
    struct error err;
    size_t length;

    assert_int_equal(state_save(saved, "dev0", &table, &sample), 0);
    assert_int_equal(state_save_bytes(saved, "blob", "some bytes", 10), 0);
    assert_int_equal(state_save_bytes(saved, "nothing", NULL, 0), 0);
    bytes = state_bytes(saved, &length);
    parsed = state_parse(bytes, length, &err);
    assert_non_null(parsed);
    state_free(saved);
    return parsed;
}

static void what_is_saved_is_loaded(void **state)
{
    struct state *saved = state_of_sample();
    struct device device = {.masked = true};
    const void *bytes;
    struct error err;
    size_t length;

    assert_int_equal(state_load(saved, "dev0", &table, &device, &err), 0);
    assert_true(device.counter == sample.counter && device.control == sample.control);
    assert_memory_equal(device.fifo, sample.fifo, sizeof(sample.fifo));
    assert_int_equal(device.level, 200);
    assert_true(device.enabled && device.masked); /* what the table does not name stays */
    assert_int_equal(state_load_bytes(saved, "blob", &bytes, &length, &err), 0);
    assert_int_equal(length, 10);
    assert_memory_equal(bytes, "some bytes", 10);
    assert_int_equal(state_load_bytes(saved, "nothing", &bytes, &length, &err), 0);
    assert_int_equal(length, 0);
    state_free(saved);
}

static void expect(struct state *saved, const char *instance, const struct state_table *by,
                   int code, const char *because)
{
    struct device device;
    struct error err = {0};

    assert_int_equal(state_load(saved, instance, by, &device, &err), -code);
    if (!strstr(err.text, because))
        fail_msg("\"%s\" does not say \"%s\"", err.text, because);
}

static void differences_are_refused_by_name(void **state)
{
    static const struct state_field more[] = {
        STATE_FIELD(struct device, counter, STATE_U64),
        STATE_FIELD(struct device, control, STATE_U32),
        STATE_ARRAY(struct device, fifo, STATE_U16, 4),
        STATE_FIELD(struct device, level, STATE_U8),
        STATE_FIELD(struct device, enabled, STATE_BOOL),
        STATE_FIELD(struct device, masked, STATE_BOOL),
    };
    struct state_field changed[nitems(fields)];
    struct state *saved = state_of_sample();
    struct state_table by = table;
    const void *bytes;
    struct error err;
    size_t length;

    expect(saved, "dev1", &table, ENOENT, "dev1");
    expect(saved, "blob", &table, EINVAL, "blob");
    assert_int_equal(state_load_bytes(saved, "dev0", &bytes, &length, &err), -ENOENT);

    by.device = "other";
    expect(saved, "dev0", &by, EINVAL, "other");
    by = table;
    by.version = 1; /* the state is from a newer program */
    expect(saved, "dev0", &by, EINVAL, "version");
    by = table;
    by.count--;
    expect(saved, "dev0", &by, EINVAL, "enabled");
    by = (struct state_table){"device", 2, more, nitems(more)};
    expect(saved, "dev0", &by, EINVAL, "masked");

    memcpy(changed, fields, sizeof(fields));
    by = (struct state_table){"device", 2, changed, nitems(changed)};
    changed[1].type = STATE_U16;
    expect(saved, "dev0", &by, EINVAL, "control");
    memcpy(changed, fields, sizeof(fields));
    changed[2].count = 3;
    expect(saved, "dev0", &by, EINVAL, "fifo");
    state_free(saved);
}

static void optional_fields_may_be_missing(void **state)
{
    struct state_field more[nitems(fields) + 1];
    const struct state_table by = {"device", 3, more, nitems(more)};
    struct state *saved = state_of_sample();
    struct device device = {.masked = true};

    memcpy(more, fields, sizeof(fields));
    more[nitems(fields)] = (struct state_field)STATE_FIELD(struct device, masked, STATE_BOOL);
    more[nitems(fields)].optional = true;
    assert_int_equal(state_load(saved, "dev0", &by, &device, NULL), 0);
    assert_true(device.masked);
    state_free(saved);
}

static void foreign_bools_are_normalised(void **state)
{
    struct state *saved = state_of_sample(), *parsed;
    struct device device;
    size_t length;
    const uint8_t *bytes = state_bytes(saved, &length);
    uint8_t *copy = malloc(length);
    uint8_t read_back;

    memcpy(copy, bytes, length);
    for (size_t i = 0; i + 14 < length; i++)
        if (memcmp(copy + i, "enabled", 7) == 0)
            copy[i + 7 + 1 + 4] = 0x40; /* after its name: type, count, then the byte */
    parsed = state_parse(copy, length, NULL);
    assert_non_null(parsed);
    assert_int_equal(state_load(parsed, "dev0", &table, &device, NULL), 0);
    memcpy(&read_back, &device.enabled, 1);
    assert_int_equal(read_back, 1);
    state_free(parsed);
    state_free(saved);
    free(copy);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Loads whatever a parsed state offers under the names we know; the sanitizers watch. */
static void use(struct state *parsed)
{
    struct device device;
    const void *bytes;
    struct error err;
    size_t length;
    volatile uint8_t sum = 0;

    state_load(parsed, "dev0", &table, &device, &err);
    if (state_load_bytes(parsed, "blob", &bytes, &length, &err) == 0)
        for (size_t i = 0; i < length; i++)
            sum = sum + ((const uint8_t *)bytes)[i];
    state_free(parsed);
}

static void every_truncation_is_survived(void **state)
{
    struct state *saved = state_of_sample(), *parsed;
    struct error err;
    size_t length;
    const uint8_t *bytes = state_bytes(saved, &length);

    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* of this size, so that an overrun is seen */

        memcpy(copy, bytes, cut);
        parsed = state_parse(copy, cut, &err);
        if (parsed)
            use(parsed);
        else
            assert_non_null(strstr(err.text, "saved state"));
        free(copy);
    }
    state_free(saved);
}

static void random_damage_is_survived(void **state)
{
    struct state *saved = state_of_sample(), *parsed;
    uint64_t seed = 12345;
    struct error err;
    size_t length;
    const uint8_t *bytes = state_bytes(saved, &length);
    unsigned accepted = 0;

    for (int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(length);

        memcpy(copy, bytes, length);
        for (uint64_t n = 1 + next(&seed) % 4; n; n--) {
            uint64_t random = next(&seed);

            copy[random % length] = (uint8_t)(random & 0x100000000 ? 0xff : random >> 40);
        }
        parsed = state_parse(copy, length, &err);
        if (parsed) {
            use(parsed);
            accepted++;
        }
        free(copy);
    }
    assert_in_range(accepted, 1, 19999);
    state_free(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(differences_are_refused_by_name),
        cmocka_unit_test(optional_fields_may_be_missing),
        cmocka_unit_test(foreign_bools_are_normalised),
        cmocka_unit_test(every_truncation_is_survived),
        cmocka_unit_test(random_damage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
