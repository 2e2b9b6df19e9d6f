/* SPDX-License-Identifier: ISC */
/* The configuration of a machine: what it may say, and the line that is named when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/conf.h"
#include "cli/rebase.h"

#define BASE "/home/me/a,b"

static int parse(struct options *o, const char *text, struct error *err)
{
    size_t length = strlen(text);

    options_init(o);
    return conf_parse(o, strcpy(options_keep(o, length + 1), text), length, "vm.conf", BASE, err);
}

static void test_statements(void **state)
{
    struct options o;
    struct error err = {0};

    assert_int_equal(parse(&o,
                           "# a machine\n"
                           "\n"
                           "  version 1   # the language\r\n"
                           "memory 512M\n"
                           "\tappend \"root=/dev/vda \\\"a\\\\b\\\" # no comment\" # one\n"
                           "strict\n"
                           "reboot # at once\n"
                           "disk disk0.raw,format=raw\n"
                           "disk /images/x,,y.qcow2,backing=base.img\n"
                           "console file:out,port=virtio\n"
                           "display vnc:unix:vnc.sock,password=secret\n"
                           "nvram nvram",
                           &err),
                     0);
    assert_int_equal(o.config.memory, 512 * MIB);
    assert_string_equal(o.config.append, "root=/dev/vda \"a\\b\" # no comment");
    assert_true(o.config.strict && o.config.reboot);
    assert_int_equal(o.config.disk_count, 2);
    assert_string_equal(o.config.disks[0].path, BASE "/disk0.raw");
    assert_int_equal(o.config.disks[0].format, ATOLL_DISK_RAW);
    assert_string_equal(o.config.disks[1].path, "/images/x,y.qcow2");
    assert_string_equal(o.config.disks[1].backing, BASE "/base.img");
    assert_string_equal(o.config.consoles[0].path, BASE "/out");
    assert_string_equal(o.config.displays[0].address, "unix:" BASE "/vnc.sock");
    assert_string_equal(o.config.displays[0].password, BASE "/secret");
    assert_string_equal(o.config.nvram, BASE "/nvram");
    options_free(&o);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"", "vm.conf: it says nothing"},
        {"# version 1\n", "vm.conf: it says nothing"},
        {"memory 1G\nversion 1\n", "vm.conf:1: \"memory\" stands before the version"},
        {"version 2\n", "vm.conf:1: version 2 is of a later atoll"},
        {"version one\n", "vm.conf:1: the version is a number"},
        {"version\n", "vm.conf:1: the version is a number"},
        {"version 1\nversion 1\n", "vm.conf:2: the version has been given already"},
        {"version 1\nmemroy 1G\n", "vm.conf:2: there is no \"memroy\""},
        {"version 1\n--memory 1G\n", "vm.conf:2: there is no \"--memory\""},
        {"version 1\nmemory\n", "vm.conf:2: \"memory\" needs a value: SIZE"},
        {"version 1\n\nmemory much\n", "vm.conf:3: --memory \"much\" is not a size"},
        {"version 1\nstrict yes\n", "vm.conf:2: --strict=\"yes\" is not known; give on or off"},
        {"version 1\nname x\n", "vm.conf:2: \"name\" is for the command line alone"},
        {"version 1\ndetach\n", "vm.conf:2: \"detach\" is for the command line alone"},
        {"version 1\nhelp\n", "vm.conf:2: \"help\" is for the command line alone"},
        {"version 1\nappend root=/dev/vda quiet\n", "vm.conf:2: there is more than one value"},
        {"version 1\nappend \"a\" b\n", "vm.conf:2: there is more than one value"},
        {"version 1\nappend \"a\n", "vm.conf:2: the quote is not closed"},
        {"version 1\nappend \"a\\n\"\n", "vm.conf:2: between quotes, write \\\\ for a backslash"},
        {"version 1\nkernel a#b\n", "vm.conf:2: a value with \"#\" stands between quotes"},
        {"version 1\nkernel a\"b\"\n", "vm.conf:2: a value with \"\"\" stands between quotes"},
    };

    for (size_t i = 0; i < nitems(rows); i++) {
        struct options o;
        struct error err = {0};

        assert_int_equal(parse(&o, rows[i].text, &err), -EINVAL);
        assert_memory_equal(err.text, rows[i].line, strlen(rows[i].line));
        options_free(&o);
    }
}

/* What is written is read back as it was. */
static void test_writing(void **state)
{
    static const char *const values[] = {"",    "plain", "two words", "a#b",      "\"quoted\"",
                                         "a\\", "\\\"",  "#",         "\xc3\xa4", "tab\tand"};

    for (size_t i = 0; i < nitems(values); i++) {
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);
        struct options o;

        fputs("version 1\n", to);
        conf_write(to, "append", values[i]);
        conf_write(to, "strict", NULL);
        fclose(to);
        assert_int_equal(parse(&o, text, NULL), 0);
        assert_string_equal(o.config.append, values[i]);
        assert_true(o.config.strict);
        options_free(&o);
        free(text);
    }
    assert_true(conf_writable("\xc3\xa4 b"));
    assert_false(conf_writable("a\nb"));
    assert_false(conf_writable("\033[m"));
}

/* The command line adds to the file, and replaces what it names anew. */
static void test_sources(void **state)
{
    char *argv[] = {"start", "--memory=2G", "--console", "none", "--display=none", "more.img"};
    struct options o;

    assert_int_equal(parse(&o,
                           "version 1\nmemory 1G\ncpus 4\ndisk a\nconsole pty\nconsole file:x\n"
                           "display vnc\nnet user\nnet user\n",
                           NULL),
                     0);
    options_next_source(&o);
    assert_int_equal(options_parse_arguments(&o, nitems(argv), argv, NULL), 0);
    assert_int_equal(o.config.memory, 2 * GIB);
    assert_int_equal(o.config.cpus, 4);
    assert_int_equal(o.config.disk_count, 2);
    assert_string_equal(o.config.disks[1].path, "more.img");
    assert_int_equal(o.config.console_count, 1);
    assert_int_equal(o.config.consoles[0].kind, ATOLL_CONSOLE_NONE);
    assert_int_equal(o.config.display_count, 0);
    assert_int_equal(o.config.net_count, 2);
    options_free(&o);
}

/* A flag of the file is taken back by the command line, or by the file itself. */
static void test_flags(void **state)
{
    char *argv[] = {"start", "--strict=off", "--no-confine=off", "--reboot"};
    struct options o;

    assert_int_equal(parse(&o, "version 1\nstrict\nno-confine on\nreboot\nreboot off\n", NULL), 0);
    assert_true(o.config.strict);
    assert_false(o.config.confine || o.config.reboot);
    options_next_source(&o);
    assert_int_equal(options_parse_arguments(&o, nitems(argv), argv, NULL), 0);
    assert_false(o.config.strict);
    assert_true(o.config.confine && o.config.reboot);
    options_free(&o);
}

static void test_rebase(void **state)
{
    static const struct {
        struct path_rule rule;
        const char *value, *absolute;
    } rows[] = {
        {{.whole = true}, "a,b", "/x,y/a,b"},
        {{.whole = true}, "/a", "/a"},
        {{.whole = true}, "", ""},
        {{.first = true}, "a,,b,readonly", "/x,,y/a,,b,readonly"},
        {{.first = true}, "/a,backing=b", "/a,backing=b"},
        {{.first = true, .keys = {"backing="}}, "a,backing=b", "/x,,y/a,backing=/x,,y/b"},
        {{.keys = {"file:", "unix:"}}, "unix:s,port=virtio", "unix:/x,,y/s,port=virtio"},
        {{.keys = {"file:", "unix:"}}, "pty", "pty"},
        {{.keys = {"capture="}}, "user,capture=,mtu=1500", "user,capture=,mtu=1500"},
    };

    for (size_t i = 0; i < nitems(rows); i++) {
        char *absolute = rebase(&rows[i].rule, rows[i].value, "/x,y");

        assert_string_equal(absolute, rows[i].absolute);
        free(absolute);
    }
}

/* The machine's name among the arguments. */
static void test_name(void **state)
{
    char *argv[] = {"start", "--memory", "2G", "demo", "--detach", "x.img"};
    char *wrong[] = {"start", "--nothing", "demo"};
    char *other[] = {"start", "--dtb", "demo"};
    int argc = nitems(argv);
    const char *name;
    struct error err;

    assert_int_equal(options_take_name(&argc, argv, &name, NULL), 0);
    assert_string_equal(name, "demo");
    assert_int_equal(argc, 5);
    assert_string_equal(argv[3], "--detach");
    assert_string_equal(argv[4], "x.img");
    argc = 3;
    assert_int_equal(options_take_name(&argc, argv, &name, NULL), 0);
    assert_null(name);
    argc = nitems(wrong);
    assert_int_equal(options_take_name(&argc, wrong, &name, NULL), -EINVAL);
    argc = nitems(other);
    assert_int_equal(options_take_name(&argc, other, &name, &err), -EINVAL);
    assert_string_equal(err.text, "--dtb is for `atoll fdt`, not for this command");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_writing),    cmocka_unit_test(test_sources),
        cmocka_unit_test(test_flags),      cmocka_unit_test(test_rebase),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
