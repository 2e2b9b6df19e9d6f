/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static void an_error_has_a_code_and_a_line(void **state)
{
    struct error err;

    assert_int_equal(error_set(&err, ENOENT, "%s: no %d", "disk", 7), -ENOENT);
    assert_int_equal(err.code, ENOENT);
    assert_string_equal(err.text, "disk: no 7");
    assert_int_equal(error_set(NULL, EIO, "nobody listens"), -EIO);
}

static void context_is_added_in_front(void **state)
{
    struct error err;

    error_set(&err, EBUSY, "locked");
    assert_int_equal(error_prefix(&err, "disk %d", 1), -EBUSY);
    assert_int_equal(error_prefix(&err, "machine"), -EBUSY);
    assert_string_equal(err.text, "machine: disk 1: locked");
    assert_int_equal(error_prefix(NULL, "nothing"), 0);
}

static void long_texts_are_cut(void **state)
{
    char text[2000];
    struct error err;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    error_set(&err, EINVAL, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    error_prefix(&err, "front");
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_memory_equal(err.text, "front: xxx", 10);
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

struct kept {
    int lines;
    enum log_level level;
    char text[600];
};

static void keep(void *ctx, enum log_level level, const char *line)
{
    struct kept *kept = ctx;

    kept->lines++;
    kept->level = level;
    snprintf(kept->text, sizeof(kept->text), "%s", line);
}

static void logs_drop_what_is_above_their_level(void **state)
{
    struct kept kept = {0};
    struct log log = {keep, &kept, LOG_WARN};

    log_info(&log, "not %s", "this");
    log_debug(&log, "nor this");
    assert_int_equal(kept.lines, 0);
    log_warn(&log, "but %d", 1);
    assert_string_equal(kept.text, "but 1");
    assert_int_equal(kept.level, LOG_WARN);
    log_error(&log, "and %d", 2);
    assert_string_equal(kept.text, "and 2");
    assert_int_equal(kept.lines, 2);
    log_error(NULL, "nobody listens");
    log.sink = NULL;
    log_error(&log, "nor here");
}

static void log_lines_are_bounded(void **state)
{
    struct kept kept = {0};
    struct log log = {keep, &kept, LOG_DEBUG};
    char text[2000];

    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    log_debug(&log, "%s", text);
    assert_int_equal(strlen(kept.text), 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_a_code_and_a_line),
        cmocka_unit_test(context_is_added_in_front),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(logs_drop_what_is_above_their_level),
        cmocka_unit_test(log_lines_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
