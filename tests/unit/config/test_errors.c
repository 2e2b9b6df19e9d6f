/* SPDX-License-Identifier: ISC */
/* What is said of labs that are wrong: errors/NAME.conf is told as errors/NAME.expected has it. The
 * argument is the folder of this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#include "memory.h"

static const char *folder;

static void check_one(const char *conf)
{
    struct memory m = {.length = 0};
    const struct config_io io = {.ctx = &m, .read = config_read_file, .report = memory_report};
    size_t length, stem = strlen(conf) - strlen(".conf");
    char path[300], *expected;
    struct config c;

    snprintf(path, sizeof(path), "%.*s.expected", (int)stem, conf);
    assert_true(config_read(&c, &conf, 1, &io) > 0);
    assert_int_equal(config_read_file(NULL, path, &expected, &length, NULL), 0);
    if (strcmp(m.errors, expected) != 0)
        fail_msg("%s is told as:\n%s", conf, m.errors);
    free(expected);
    config_release(&c);
}

static int is_conf(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static void test_errors(void **state)
{
    struct dirent **entries;
    int count;

    assert_int_equal(chdir(folder) || chdir("errors"), 0);
    count = scandir(".", &entries, is_conf, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        check_one(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* A hundred thousand words from ten lines, a file in itself, and more files than are read. */
static void test_limits(void **state)
{
    static const struct memory_file endless[] = {
        {"a", "include a\n"},
        {NULL, NULL},
    };
    static const struct memory_file many[] = {
        {"a", "include b\ninclude b\n"},
        {"b", "include c\ninclude c\n"},
        {"c", "include d\ninclude d\n"},
        {"d", "include e\ninclude e\n"},
        {"e", "include f\ninclude f\n"},
        {"f", "include g\ninclude g\n"},
        {"g", "include h\ninclude h\n"},
        {"h", "\n"},
        {NULL, NULL},
    };
    static const struct memory_file laughter[] = {
        {"a", "a=x x x x x x x x\nb=$a $a $a $a $a $a $a $a\nc=$b $b $b $b $b $b $b $b\n"
              "d=$c $c $c $c $c $c $c $c\n"},
        {NULL, NULL},
    };
    static const struct memory_file nothing[] = {{"a", ""}, {NULL, NULL}};
    struct config c;
    struct memory m;

    assert_int_equal(memory_config(&m, endless, &c), 1);
    assert_string_equal(m.errors, "a:1:9: \"a\" would include itself\n");
    config_release(&c);
    assert_true(memory_config(&m, many, &c) > 0);
    assert_non_null(strstr(m.errors, "one file too many to include"));
    config_release(&c);
    assert_int_equal(memory_config(&m, laughter, &c), 1);
    assert_non_null(strstr(m.errors, "a macro has at most 512 words"));
    config_release(&c);
    assert_int_equal(memory_config(&m, nothing, &c), 0);
    config_release(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_errors),
    };

    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
