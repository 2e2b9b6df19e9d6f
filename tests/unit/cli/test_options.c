/* SPDX-License-Identifier: ISC */
/* What people type, and the one line that they get when it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/units.h"
#include "cli/options.h"
#include "cli/parse.h"

static int parse(struct options *o, struct error *err, int argc, const char *const *args)
{
    const char *argv[16] = {"run"};

    memcpy(argv + 1, args, (size_t)argc * sizeof(*args));
    return options_parse(o, argc + 1, (char **)(uintptr_t)argv, err);
}

#define PARSE(o, err, ...)                                                                         \
    parse(o, err, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                     \
          (const char *const[]){__VA_ARGS__})

static void test_defaults(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, NULL, "--kernel", "Image"), 0);
    assert_string_equal(o.config.kernel, "Image");
    assert_int_equal(o.config.memory, GIB);
    assert_int_equal(o.config.cpus, 1);
    assert_int_equal(o.config.net_count, 1);
    assert_int_equal(o.config.console_count, 1);
    assert_true(o.config.confine);
    options_free(&o);
}

static void test_lists(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, NULL, "--disk", "a,,b.img,format=qcow2,readonly,serial=x=y",
                           "--disk=c", "--net",
                           "user,forward=tcp:2222:22,forward=udp:192.168.1.2:53:5353,host=on,mac="
                           "52:54:00:00:00:01",
                           "--console", "pty,port=virtio", "--memory=512M"),
                     0);
    assert_int_equal(o.config.disk_count, 2);
    assert_string_equal(o.config.disks[0].path, "a,b.img");
    assert_int_equal(o.config.disks[0].format, ATOLL_DISK_QCOW2);
    assert_true(o.config.disks[0].readonly);
    assert_string_equal(o.config.disks[0].serial, "x=y");
    assert_string_equal(o.config.disks[1].path, "c");
    assert_int_equal(o.config.net_count, 1);
    assert_int_equal(o.config.nets[0].forward_count, 2);
    assert_int_equal(o.config.nets[0].forwards[0].guest_port, 22);
    assert_true(o.config.nets[0].forwards[1].udp);
    assert_int_equal(o.config.nets[0].forwards[1].host_address, 0xc0a80102);
    assert_true(o.config.nets[0].host);
    assert_int_equal(o.config.nets[0].mac[5], 1);
    assert_int_equal(o.config.console_count, 1);
    assert_int_equal(o.config.consoles[0].port, ATOLL_PORT_VIRTIO);
    assert_int_equal(o.config.memory, 512 * MIB);
    options_free(&o);
}

static void test_listings(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, NULL, "--dump", "d", "--trace=t,at=0xffff800010080000"), 0);
    assert_string_equal(o.config.dump.path, "d");
    assert_false(o.config.dump.one);
    assert_string_equal(o.config.trace.path, "t");
    assert_true(o.config.trace.one);
    assert_int_equal(o.config.trace.at, 0xffff800010080000);
    options_free(&o);
}

static void test_net_none(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, NULL, "--net", "none"), 0);
    assert_int_equal(o.config.net_count, 0);
    options_free(&o);
}

static void test_wires(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, NULL, "--net", "switch:lan,port=web,mtu=9000", "--net",
                           "socket:/run/a,,b,protocol=vfkit", "--net", "tap:tap0"),
                     0);
    assert_int_equal(o.config.net_count, 3);
    assert_int_equal(o.config.nets[0].kind, ATOLL_NET_SWITCH);
    assert_string_equal(o.config.nets[0].target, "lan");
    assert_string_equal(o.config.nets[0].port, "web");
    assert_int_equal(o.config.nets[0].mtu, 9000);
    assert_int_equal(o.config.nets[1].kind, ATOLL_NET_SOCKET);
    assert_string_equal(o.config.nets[1].target, "/run/a,b");
    assert_int_equal(o.config.nets[1].protocol, ATOLL_NET_VFKIT);
    assert_int_equal(o.config.nets[2].kind, ATOLL_NET_TAP);
    assert_string_equal(o.config.nets[2].target, "tap0");
    options_free(&o);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *option, *value, *word; /* a word of the line that says what would be right */
    } wrong[] = {
        {"--memory", "lots", "512M"},
        {"--memory", "99999999999999999999G", "size"},
        {"--memory", "1x", "size"},
        {"--cpus", "0", "1 to 16"},
        {"--cpus", "17", "1 to 16"},
        {"--cpus", "-1", "1 to 16"},
        {"--cpu", "z80", "atoll, apple or host"},
        {"--disk", "a,format=vmdk", "raw or qcow2"},
        {"--disk", "a,colour=red", "serial="},
        {"--net", "bridge", "give user, switch:NAME"},
        {"--net", "none,host=on", "nothing after"},
        {"--net", "switch:", "give user, switch:NAME"},
        {"--net", "switch:a,forward=tcp:1:1", "port=, mac="},
        {"--net", "socket:/s,protocol=tcp", "qemu or vfkit"},
        {"--net", "user,port=a", "forward="},
        {"--net", "user,forward=2222:22", "tcp:2222:22"},
        {"--net", "user,forward=tcp:0:22", "tcp:2222:22"},
        {"--net", "user,forward=tcp:70000:22", "tcp:2222:22"},
        {"--net", "user,mac=52:54", "52:54:00:12:34:56"},
        {"--net", "user,host=maybe", "on or off"},
        {"--net", "user,mtu=100", "1280"},
        {"--console", "serial", "stdio"},
        {"--console", "file:", "file:PATH"},
        {"--console", "stdio,port=com1", "port=virtio"},
        {"--quirk", "pl011", "NAME=VALUE"},
        {"--dump", "", "a file"},
        {"--dump", "d,at=here", "0x80200000"},
        {"--trace", "t,at=0x1g", "0x80200000"},
        {"--trace", "t,from=0", "at="},
        {"--log", "loud", "debug"},
        {"--bogus", "x", "--help"},
        {"--tables", "dsdt", "acpi, fdt or both"},
        {"--gpu", "1280", "1280x800"},
        {"--gpu", "0x800", "1280x800"},
        {"--gpu", "640x480,gpo", "gop"},
        {"--screenshot", "", "a file"},
        {"--explain", "loud", "off, brief or full"},
    };

    for (size_t i = 0; i < nitems(wrong); i++) {
        struct error err = {0};
        struct options o;

        assert_int_not_equal(PARSE(&o, &err, wrong[i].option, wrong[i].value), 0);
        if (!strstr(err.text, wrong[i].word))
            fail_msg("%s %s: \"%s\" does not say \"%s\"", wrong[i].option, wrong[i].value, err.text,
                     wrong[i].word);
        assert_null(strchr(err.text, '\n'));
        options_free(&o);
    }
}

/* What is no option is a disk's image. */
static void test_images(void **state)
{
    struct options o;
    struct error err;

    assert_int_equal(PARSE(&o, &err, "a,b.img", "--gpu", "640x480,gop", "c.img"), 0);
    assert_int_equal(o.config.disk_count, 2);
    assert_string_equal(o.config.disks[0].path, "a,b.img");
    assert_string_equal(o.config.disks[1].path, "c.img");
    assert_int_equal(o.config.gpu.width, 640);
    assert_int_equal(o.config.gpu.height, 480);
    assert_true(o.config.gpu.gop);
    options_free(&o);
}

static void test_missing_value(void **state)
{
    struct options o;
    struct error err;

    assert_int_not_equal(PARSE(&o, &err, "--kernel"), 0);
    assert_non_null(strstr(err.text, "--kernel needs a value"));
    options_free(&o);
    assert_int_not_equal(PARSE(&o, &err, "--strict=yes"), 0);
    options_free(&o);
}

static void test_too_many(void **state)
{
    const char *args[2 * (ATOLL_DISKS_MAX + 1) + 1] = {"run"};
    struct options o;
    struct error err;

    for (int i = 0; i <= ATOLL_DISKS_MAX; i++) {
        args[1 + 2 * i] = "--disk";
        args[2 + 2 * i] = "d";
    }
    assert_int_not_equal(options_parse(&o, (int)nitems(args), (char **)(uintptr_t)args, &err), 0);
    assert_non_null(strstr(err.text, "16 disks"));
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_net_none),      cmocka_unit_test(test_wires),
        cmocka_unit_test(test_wrong),         cmocka_unit_test(test_images),
        cmocka_unit_test(test_missing_value), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_listings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
