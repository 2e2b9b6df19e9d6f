/* SPDX-License-Identifier: ISC */
/* The language of labs: what it says, as data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"

static void read_files(struct config *c, const struct memory_file *files)
{
    struct memory m;

    if (memory_config(&m, files, c))
        fail_msg("%s", m.errors);
}

static void read_text(struct config *c, const char *text)
{
    const struct memory_file files[] = {{"here/lab.conf", text}, {NULL, NULL}};

    read_files(c, files);
}

static const char *setting(const struct config_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->setting_count; i++)
        if (strcmp(vm->settings[i].name, name) == 0)
            return vm->settings[i].value ? vm->settings[i].value : "";
    return NULL;
}

static void test_machines(void **state)
{
    struct config c;
    const struct config_vm *vm;

    read_text(&c, "lab demo\n"
                  "switch left { mtu 9000 }\n"
                  "switch \"right\"\n"
                  "instance small {\n"
                  "    memory 256M\n"
                  "    kernel \"linux\"\n"
                  "    disk base.img\n"
                  "    shell prompt \"# \"\n"
                  "}\n"
                  "vm client instance small {\n"
                  "    memory 1G   # more\n"
                  "    disk \"two files.qcow2\" format qcow2 readonly serial abc\n"
                  "    disk size 4G\n"
                  "    interface left { mac 52:54:00:00:00:01, mtu 9000 }\n"
                  "    interface { forward tcp 2222 to ssh; isolated }\n"
                  "    strict\n"
                  "}\n"
                  "vm { a, b\n c } instance small\n");
    assert_string_equal(c.name, "demo");
    assert_int_equal(c.switch_count, 2);
    assert_int_equal(c.switches[0].mtu, 9000);
    assert_int_equal(c.vm_count, 4);
    vm = config_vm_find(&c, "client");
    assert_string_equal(setting(vm, "memory"), "1G");
    assert_string_equal(setting(vm, "kernel"), "linux");
    assert_string_equal(setting(vm, "strict"), "");
    assert_null(setting(vm, "reboot"));
    assert_string_equal(vm->shell, "# ");
    assert_int_equal(vm->disk_count, 3);
    assert_string_equal(vm->disks[0].path, "here/base.img");
    assert_string_equal(vm->disks[1].path, "here/two files.qcow2");
    assert_int_equal(vm->disks[1].format, CONFIG_FORMAT_QCOW2);
    assert_true(vm->disks[1].readonly && !vm->disks[1].direct);
    assert_string_equal(vm->disks[1].serial, "abc");
    assert_null(vm->disks[2].path);
    assert_true(vm->disks[2].size == UINT64_C(4) << 30);
    assert_int_equal(vm->interface_count, 2);
    assert_string_equal(vm->interfaces[0].wire, "left");
    assert_int_equal(vm->interfaces[0].mtu, 9000);
    assert_int_equal(vm->interfaces[0].mac[5], 1);
    assert_null(vm->interfaces[1].wire);
    assert_true(vm->interfaces[1].user.isolated);
    assert_int_equal(vm->interfaces[1].user.forwards[0].host_port, 2222);
    assert_int_equal(vm->interfaces[1].user.forwards[0].guest_port, 22);
    assert_string_equal(setting(config_vm_find(&c, "c"), "memory"), "256M");
    assert_int_equal(vm->place.line, 10);
    assert_int_equal(vm->place.column, 4);
    config_release(&c);
}

static void test_words(void **state)
{
    struct config c;
    const struct config_vm *vm;

    read_text(&c, "images = \"/my images\"\n"
                  "kernel=$images/linux\n"
                  "slow = delay 50ms, loss 1%\n"
                  "both = { one, two }\n"
                  "more = $slow jitter 5ms # and so on\n"
                  "switch s { link { $more rate 10M } }\n"
                  "vm $both {\n"
                  "    kernel $kernel; append \"root=${images} \\\"a\\\" \\$HOME \\\n"
                  "quiet\"\n"
                  "    initrd \\\n"
                  "        $images/initrd#1\n"
                  "}\n");
    assert_int_equal(c.vm_count, 2);
    vm = config_vm_find(&c, "two");
    assert_string_equal(setting(vm, "kernel"), "/my images/linux");
    assert_string_equal(setting(vm, "append"), "root=/my images \"a\" $HOME quiet");
    assert_string_equal(setting(vm, "initrd"), "/my images/initrd#1");
    assert_true(c.switches[0].link.given);
    assert_int_equal(c.switches[0].link.delay_ns, 50000000);
    assert_int_equal(c.switches[0].link.jitter_ns, 5000000);
    assert_int_equal(c.switches[0].link.loss, 10000);
    assert_int_equal(c.switches[0].link.rate, 10000000);
    assert_string_equal(c.name, "lab");
    config_release(&c);
}

/* What the user gives counts for more than the files, and its paths are the user's. */
static void test_given(void **state)
{
    static const struct memory_file files[] = {
        {"a/lab.conf",
         "images = \"there\"\nfiles = $images/more\nsize = 128M\n"
         "vm x { disk $images, disk $files/d, disk \"${images}.d\", disk no/$images,\n"
         " kernel $images/linux, memory $size }\n"},
        {NULL, NULL},
    };
    static const char *const macros[] = {"images=here dir", "size=1G"}, *const wrong = "szie=1G";
    struct config c;
    struct memory m;

    if (memory_config_given(&m, files, macros, 2, &c))
        fail_msg("%s", m.errors);
    assert_string_equal(c.vms[0].disks[0].path, "here dir");
    assert_string_equal(c.vms[0].disks[1].path, "here dir/more/d");
    assert_string_equal(c.vms[0].disks[2].path, "here dir.d");
    assert_string_equal(c.vms[0].disks[3].path, "a/no/here dir");
    assert_string_equal(setting(&c.vms[0], "memory"), "1G");
    assert_true(c.vms[0].settings[0].given && c.vms[0].settings[1].given);
    config_release(&c);
    assert_int_equal(memory_config_given(&m, files, &wrong, 1, &c), 1);
    assert_non_null(strstr(m.errors, "nothing asks for it; is \"size\" meant?"));
    config_release(&c);
}

static void test_includes(void **state)
{
    static const struct memory_file files[] = {
        {"a/my.lab.conf", "include \"more/switches.conf\"\ninclude tests.conf\nvm x { disk d }\n"},
        {"a/more/switches.conf", "net = s\nswitch s { capture \"s.pcapng\" filter \"tcp\" }"},
        {"a/tests.conf", "test t {\n include \"steps.conf\"\n}\n"},
        {"a/steps.conf", "wait x \"login:\" within 2m\nsleep 1s\n"},
        {NULL, NULL},
    };
    struct config c;

    read_files(&c, files);
    assert_string_equal(c.name, "my");
    assert_string_equal(c.switches[0].capture, "a/more/s.pcapng");
    assert_string_equal(c.switches[0].filter, "tcp");
    assert_string_equal(c.vms[0].disks[0].path, "a/d");
    assert_int_equal(c.tests[0].step_count, 2);
    assert_string_equal(c.tests[0].steps[0].place.file, "a/steps.conf");
    assert_true(c.tests[0].steps[0].timeout_ns == UINT64_C(120000000000));
    config_release(&c);
}

static void test_links(void **state)
{
    struct config c;
    const struct config_interface *in;

    read_text(&c, "switch s {\n"
                  "    uplink { isolated, forward { tcp 8080 to 10.0.2.15 port http,\n"
                  "        udp 10.1.2.3 port 53 to 10.0.2.16 port domain } }\n"
                  "}\n"
                  "switch out { uplink socket \"/run/passt\" }\n"
                  "vm x {\n"
                  "    interface s { link to { down } link from { seed 7 duplicate 0.5% } }\n"
                  "    interface s { link { reorder 100% corrupt 0% } }\n"
                  "}\n"
                  "peer p { switch s; address 10.0.0.2/24; link from { loss 1% queue 8K }\n"
                  "    capture \"p.pcapng\" filter \"arp\" }\n");
    assert_true(c.switches[0].uplink.given && c.switches[0].uplink.isolated);
    assert_true(!c.switches[1].uplink.given && !c.switches[0].uplink_socket);
    assert_string_equal(c.switches[1].uplink_socket, "/run/passt");
    assert_int_equal(c.switches[0].uplink.forward_count, 2);
    assert_int_equal(c.switches[0].uplink.forwards[0].guest_address, 0x0a00020f);
    assert_int_equal(c.switches[0].uplink.forwards[1].host_address, 0x0a010203);
    assert_true(c.switches[0].uplink.forwards[1].udp);
    in = c.vms[0].interfaces;
    assert_true(in[0].port.to.given && in[0].port.to.down && !in[0].port.from.down);
    assert_true(in[0].port.from.has_seed);
    assert_int_equal(in[0].port.from.seed, 7);
    assert_int_equal(in[0].port.from.duplicate, 5000);
    assert_int_equal(in[1].port.from.reorder, CONFIG_PPM);
    assert_int_equal(in[1].port.to.reorder, CONFIG_PPM);
    assert_true(c.peers[0].port.from.given && !c.peers[0].port.to.given);
    assert_int_equal(c.peers[0].port.from.loss, 10000);
    assert_int_equal(c.peers[0].port.from.queue, 8192);
    assert_string_equal(c.peers[0].port.capture, "here/p.pcapng");
    assert_string_equal(c.peers[0].port.filter, "arp");
    config_release(&c);
}

/* As editors on other systems leave them. */
static void test_line_ends(void **state)
{
    struct config c;

    read_text(&c, "\xef\xbb\xbfswitch s\r\nsize = 1G # big\r\nvm x \\\r\n{\r\n"
                  "    memory $size\r\n    append \"a \\\r\nb\"\r\n    interface s\r\n}\r\n"
                  "vm last { memory $size }");
    assert_int_equal(c.vm_count, 2);
    assert_int_equal(c.vms[0].setting_count, 2);
    assert_string_equal(c.vms[0].settings[0].value, "1G");
    assert_string_equal(c.vms[0].settings[1].value, "a b");
    assert_int_equal(c.vms[0].settings[1].place.line, 6);
    assert_string_equal(c.vms[1].name, "last");
    config_release(&c);
}

static void test_steps(void **state)
{
    static const enum config_step_kind kinds[] = {
        CONFIG_STEP_WAIT,    CONFIG_STEP_TYPE,    CONFIG_STEP_TYPE,    CONFIG_STEP_KEY,
        CONFIG_STEP_KEY,     CONFIG_STEP_SHELL,   CONFIG_STEP_CONNECT, CONFIG_STEP_CONNECT,
        CONFIG_STEP_CONNECT, CONFIG_STEP_CONNECT, CONFIG_STEP_SEND,    CONFIG_STEP_PING,
        CONFIG_STEP_FRAME,   CONFIG_STEP_SEE,     CONFIG_STEP_LINK,    CONFIG_STEP_SLEEP,
        CONFIG_STEP_STOP,
    };
    char text[IP_TEXT_ROOM], networks[CONFIG_NETWORKS_ROOM];
    const struct config_step *s;
    struct config c;

    read_text(&c, "switch s\nvm x { interface s; gpu 640x400 }\n"
                  "peer p { switch s, address 10.0.0.2/24; gateway 10.0.0.1\n"
                  "  listen { tcp 80 say \"hello\", udp 53 } listen tcp 25 discard }\n"
                  "peer q { switch s; address 10.0.0.3/8; address 2001:db8::3/64\n"
                  "  gateway fe80::1; mtu 9000 }\n"
                  "test \"all of it\" {\n"
                  "    wait x screen regex \"^login\" within 30s\n"
                  "    type x \"root\\n\"; type x keyboard \"a\"\n"
                  "    key x { CTRL-ALT-F1, ENTER } within 2s\n"
                  "    shell x \"ls\" expect no regex \"lost.*\" status 1 within 5s\n"
                  "    tcp from { p, q } to 10.0.0.9 port { 22, smtp } expect reset\n"
                  "    udp from p port 99 to 10.0.0.9 port 53 expect translate at q port 54 \\\n"
                  "        source 10.0.0.1 port 77 say \"x\" answer \"y\" say z answer \"w\"\n"
                  "    ping from p to 10.0.0.9 size 8000 expect drop within 1s\n"
                  "    frame from p \"ffffffffffff 525400123456 0806 00:01\"\n"
                  "    expect no frame \"arp\" on s within 100ms\n"
                  "    link x on s to { loss 10% }\n"
                  "    sleep 1.5s\n"
                  "    stop x }\n");
    assert_int_equal(c.tests[0].step_count, nitems(kinds));
    s = c.tests[0].steps;
    for (size_t i = 0; i < nitems(kinds); i++)
        assert_int_equal(s[i].kind, kinds[i]);
    assert_true(s[0].screen && s[0].regular);
    assert_string_equal(s[1].text, "root\n");
    assert_true(!s[1].screen && s[2].screen);
    assert_string_equal(s[3].text, "CTRL-ALT-F1");
    assert_string_equal(s[4].text, "ENTER");
    assert_true(s[4].timeout_ns == UINT64_C(2000000000));
    s++; /* a list of two stands for two steps */
    assert_true(s[4].negated && s[4].regular && s[4].has_status);
    assert_int_equal(s[4].status, 1);
    assert_string_equal(s[5].who, "p");
    assert_int_equal(s[5].port, 22);
    assert_int_equal(s[6].port, 25);
    assert_string_equal(s[8].who, "q");
    assert_int_equal(s[8].port, 25);
    assert_int_equal(s[8].expect, CONFIG_EXPECT_RESET);
    assert_int_equal(s[9].from_port, 99);
    assert_int_equal(s[9].at_port, 54);
    assert_string_equal(ip_text(&s[9].source, text), "10.0.0.1");
    assert_int_equal(s[9].source_port, 77);
    assert_string_equal(s[9].command, "x");
    assert_string_equal(s[9].text, "y");
    assert_int_equal(s[9].turn_count, 1);
    assert_string_equal(s[9].turns[0].say, "z");
    assert_string_equal(s[9].turns[0].answer, "w");
    assert_int_equal(s[10].timeout_ns, 1000000000);
    assert_int_equal(s[10].size, 8000);
    assert_int_equal(s[11].length, 16);
    assert_int_equal(s[11].bytes[15], 1);
    assert_true(s[12].negated);
    assert_int_equal(s[13].link.loss, 100000);
    assert_int_equal(s[13].way, CONFIG_WAY_TO);
    assert_string_equal(s[13].wire, "s");
    assert_int_equal(s[14].timeout_ns, 1500000000);
    assert_int_equal(c.peers[0].listener_count, 3);
    assert_int_equal(c.peers[0].listeners[0].service, CONFIG_SAY);
    assert_int_equal(c.peers[0].listeners[1].service, CONFIG_ECHO);
    assert_true(c.peers[0].listeners[1].udp);
    assert_int_equal(c.peers[0].networks[IP_V4].prefix, 24);
    config_peer_networks(&c.peers[0], networks);
    assert_string_equal(networks, "10.0.0.2/24");
    assert_int_equal(config_peer_mtu(&c, &c.peers[0]), 1500);
    config_peer_networks(&c.peers[1], networks);
    assert_string_equal(networks, "10.0.0.3/8 2001:db8::3/64");
    assert_string_equal(ip_text(&c.peers[1].networks[IP_V6].gateway, text), "fe80::1");
    assert_int_equal(config_peer_mtu(&c, &c.peers[1]), 9000);
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines), cmocka_unit_test(test_words),
        cmocka_unit_test(test_includes), cmocka_unit_test(test_given),
        cmocka_unit_test(test_links),    cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
