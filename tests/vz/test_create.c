/* SPDX-License-Identifier: ISC */
/*
 * What src/vz/ makes of a configuration: the framework's objects, what is refused and how each step
 * that can fail fails. Leaks, order and ownership are the double's (rig_teardown).
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is made --- */

static void test_kernel(void **state)
{
    struct rig *rig = *state;
    id loader;

    rig->config.append = "console=hvc0";
    rig->config.initrd = rig->initrd;
    rig_create_well(rig);
    loader = double_configured(VZ_METHOD_set_boot_loader, 0);
    assert_string_equal(double_class(loader), "VZLinuxBootLoader");
    assert_string_equal(double_text(double_object(loader, VZ_METHOD_init_kernel)), rig->kernel);
    assert_string_equal(double_text(double_object(loader, VZ_METHOD_set_command_line)),
                        "console=hvc0");
    assert_string_equal(double_text(double_object(loader, VZ_METHOD_set_ramdisk)), rig->initrd);
    assert_int_equal(double_number(NULL, VZ_METHOD_set_cpus), 2);
    assert_int_equal(double_number(NULL, VZ_METHOD_set_memory), GUEST_MEMORY);
    assert_string_equal(double_class(double_configured(VZ_METHOD_set_entropy, 0)),
                        "VZVirtioEntropyDeviceConfiguration");
    assert_non_null(double_configured(VZ_METHOD_set_balloons, 0));
    assert_null(double_configured(VZ_METHOD_set_graphics, 0));
    assert_null(double_configured(VZ_METHOD_set_keyboards, 0));
}

static void test_order(void **state)
{
    struct rig *rig = *state;

    rig_create_well(rig);
    assert_true(double_order(VZ_METHOD_supported) < double_order(VZ_METHOD_set_boot_loader));
    assert_true(double_order(VZ_METHOD_set_balloons) < double_order(VZ_METHOD_validate));
    assert_true(double_order(VZ_METHOD_validate) < double_order(VZ_METHOD_init_machine));
    assert_true(double_order(VZ_METHOD_init_machine) < double_order(VZ_METHOD_set_delegate));
    assert_int_equal(double_calls(VZ_METHOD_validate), 1);
    assert_int_equal(double_calls(VZ_METHOD_start), 0);
}

static void test_disks(void **state)
{
    struct rig *rig = *state;
    id disk, attachment;

    rig->config.disk_count = 2;
    rig->config.disks[0] = (struct atoll_disk){.path = rig->disk, .serial = "root"};
    rig->config.disks[1] = (struct atoll_disk){.path = rig->initrd, .readonly = true};
    rig_create_well(rig);
    disk = double_configured(VZ_METHOD_set_storage, 0);
    assert_string_equal(double_class(disk), "VZVirtioBlockDeviceConfiguration");
    assert_string_equal(double_text(double_object(disk, VZ_METHOD_set_serial)), "root");
    attachment = double_object(disk, VZ_METHOD_init_disk);
    assert_string_equal(double_text(double_object(attachment, VZ_METHOD_init_image)), rig->disk);
    /* Writable, cached by the host, flushed to the medium. */
    assert_int_equal(double_number(attachment, VZ_METHOD_init_image), 0 | 2 << 4 | 1 << 8);
    disk = double_configured(VZ_METHOD_set_storage, 1);
    assert_null(double_object(disk, VZ_METHOD_set_serial));
    attachment = double_object(disk, VZ_METHOD_init_disk);
    assert_int_equal(double_number(attachment, VZ_METHOD_init_image), 1 | 2 << 4 | 1 << 8);
    assert_null(double_configured(VZ_METHOD_set_storage, 2));
}

static void test_block_device(void **state)
{
    struct rig *rig = *state;
    id disk, attachment;

    rig->config.disk_count = 1;
    rig->config.disks[0] = (struct atoll_disk){.path = "/dev/zero", .readonly = true};
    rig_create_well(rig);
    disk = double_configured(VZ_METHOD_set_storage, 0);
    attachment = double_object(disk, VZ_METHOD_init_disk);
    assert_string_equal(double_class(attachment), "VZDiskBlockDeviceStorageDeviceAttachment");
    assert_int_equal(double_number(attachment, VZ_METHOD_init_block_device), 1);
}

static void test_plain_network_is_nat(void **state)
{
    struct rig *rig = *state;
    id card;

    rig->config.net_count = 2;
    rig->config.nets[1] = (struct atoll_net){.has_mac = true, .mac = {2, 0, 0xab, 0, 0, 9}};
    rig_create_well(rig);
    card = double_configured(VZ_METHOD_set_networks, 0);
    assert_string_equal(double_class(double_object(card, VZ_METHOD_set_network)),
                        "VZNATNetworkDeviceAttachment");
    assert_int_equal(double_calls(VZ_METHOD_random_address), 1);
    card = double_configured(VZ_METHOD_set_networks, 1);
    card = double_object(card, VZ_METHOD_set_address);
    assert_string_equal(double_text(double_object(card, VZ_METHOD_init_address)),
                        "02:00:ab:00:00:09");
    assert_int_equal(rig->nets_open, 0);
}

static void test_own_network(void **state)
{
    struct rig *rig = *state;
    id attachment;

    rig->config.net_count = 1;
    rig->config.nets[0] = (struct atoll_net){.isolated = true, .mtu = 9000};
    rig_create_well(rig);
    attachment = double_object(double_configured(VZ_METHOD_set_networks, 0), VZ_METHOD_set_network);
    assert_string_equal(double_class(attachment), "VZFileHandleNetworkDeviceAttachment");
    assert_int_equal(double_number(attachment, VZ_METHOD_set_mtu), 9000);
    assert_int_equal(rig->nets_open, 1);
}

static void test_screen(void **state)
{
    struct rig *rig = *state;
    id gpu, scanouts;

    rig->config.gpu = (struct atoll_gpu){.width = 1280, .height = 800};
    rig->config.input = ATOLL_INPUT_USB;
    rig_create_well(rig);
    gpu = double_configured(VZ_METHOD_set_graphics, 0);
    scanouts = double_object(gpu, VZ_METHOD_set_scanouts);
    assert_string_equal(double_class(gpu), "VZVirtioGraphicsDeviceConfiguration");
    assert_non_null(scanouts);
    assert_string_equal(double_class(double_configured(VZ_METHOD_set_keyboards, 0)),
                        "VZUSBKeyboardConfiguration");
    assert_string_equal(double_class(double_configured(VZ_METHOD_set_pointers, 0)),
                        "VZUSBScreenCoordinatePointingDeviceConfiguration");
}

static void boot_by_efi(struct rig *rig)
{
    rig->config.kernel = NULL;
    rig->config.disk_count = 1;
    rig->config.disks[0] = (struct atoll_disk){.path = rig->disk};
}

static void test_efi_keeps_its_files(void **state)
{
    struct rig *rig = *state;
    id platform, identifier;

    boot_by_efi(rig);
    rig->config.nvram = rig->nvram;
    rig_create_well(rig);
    assert_string_equal(double_class(double_configured(VZ_METHOD_set_boot_loader, 0)),
                        "VZEFIBootLoader");
    assert_int_equal(double_calls(VZ_METHOD_init_new_variables), 1);
    rig->vm->ops->destroy(rig->vm);
    rig->vm = NULL;
    assert_int_equal(rig_new_files(rig), 2); /* nvram.vz, nvram.vz-id */

    rig_create_well(rig);
    assert_int_equal(double_calls(VZ_METHOD_init_new_variables), 1);
    assert_int_equal(double_calls(VZ_METHOD_init_variables), 1);
    platform = double_configured(VZ_METHOD_set_platform, 0);
    identifier = double_object(platform, VZ_METHOD_set_identifier);
    assert_non_null(double_object(identifier, VZ_METHOD_init_identifier));
    assert_int_equal(rig_new_files(rig), 2);
}

static void test_efi_forgets(void **state)
{
    struct rig *rig = *state;

    boot_by_efi(rig);
    rig_create_well(rig);
    assert_int_equal(rig_new_files(rig), 1);
    assert_null(double_configured(VZ_METHOD_set_platform, 0));
    rig->vm->ops->destroy(rig->vm);
    rig->vm = NULL;
    assert_int_equal(rig_new_files(rig), 0);
}

/* --- what is refused --- */

static void test_refusals(void **state)
{
    struct rig *rig = *state;
    const struct atoll_config plain = rig->config;

#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        rig->config = plain;                                                                       \
        __VA_ARGS__;                                                                               \
        rig_refused(rig, ENOTSUP, text);                                                           \
    } while (0)
    REFUSED("--quirk", rig->config.quirk_count = 1);
    REFUSED("--efi", rig->config.efi = "x.efi");
    REFUSED("--tables", rig->config.tables = ATOLL_TABLES_FDT);
    REFUSED("--trace", rig->config.trace.path = "x");
    REFUSED("--explain", rig->config.explain = ATOLL_EXPLAIN_FULL);
    REFUSED("--input", rig->config.input = ATOLL_INPUT_VIRTIO);
    REFUSED("gop", rig->config.gpu.gop = true);
    REFUSED("--display vnc", rig->config.display_count = 1;
            rig->config.displays[0].kind = ATOLL_DISPLAY_WEB);
    REFUSED("--screenshot", rig->config.screenshot = "x.png");
    REFUSED("PL011", rig->config.console_count = 1;
            rig->config.consoles[0].port = ATOLL_PORT_PL011);
    REFUSED("--append", rig->config.kernel = NULL; rig->config.append = "x");
    REFUSED("at least, not 1400", rig->config.net_count = 1; rig->config.nets[0].mtu = 1400);
    rig->config = plain;
    rig->config.kernel = NULL;
    rig_refused(rig, EINVAL, "nothing to boot");
}

static void test_images_of_other_formats(void **state)
{
    static const char *const images[][2] = {
        {"QFI\xfb", "qcow2"}, {"KDMV", "VMDK"}, {"vhdxfile", "VHDX"}, {"conectix", "VHD"}};
    struct rig *rig = *state;

    rig->config.disk_count = 1;
    rig->config.disks[0].path = rig->disk;
    for (size_t i = 0; i < nitems(images); i++) {
        rig_write(rig, rig->disk, images[i][0], 0);
        rig_refused(rig, ENOTSUP, images[i][1]);
    }
    /* Who says raw means it. */
    rig->config.disks[0].format = ATOLL_DISK_RAW;
    rig_create_well(rig);
}

static void test_a_backing_file(void **state)
{
    struct rig *rig = *state;

    rig->config.disk_count = 1;
    rig->config.disks[0] = (struct atoll_disk){.path = rig->disk, .backing = rig->initrd};
    rig_refused(rig, ENOTSUP, "qcow2");
}

static void test_kernels_of_other_formats(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        int number;
        const char *says;
    } kernels[] = {
        {"\x1f\x8b\x08", 3, ENOTSUP, "gunzip"},
        {"\x28\xb5\x2f\xfd", 4, ENOTSUP, "zstd"},
        {"\x7f"
         "ELF\x02",
         5, ENOTSUP, "ELF"},
        {"MZ\0\0zimg", 8, ENOTSUP, "zboot"},
        {"#!/bin/sh", 9, EINVAL, "no arm64 Image"},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < nitems(kernels); i++) {
        rig_write(rig, rig->kernel, kernels[i].bytes, kernels[i].length);
        rig_refused(rig, kernels[i].number, kernels[i].says);
    }
    unlink(rig->kernel);
    rig_refused(rig, ENOENT, "cannot open the kernel");
}

static void test_sizes(void **state)
{
    struct rig *rig = *state;

    rig->config.cpus = 9;
    rig_refused(rig, EINVAL, "1 to 8 CPUs, not 9");
    rig->config.cpus = 1;
    rig->config.memory = UINT64_C(64) << 30;
    rig_refused(rig, EINVAL, "4 to 32768 MiB of memory, not 65536");
}

/* --- systems --- */

static void begin(struct rig *rig, long major, long minor)
{
    assert_string_equal(double_end(), "");
    double_begin(major, minor);
}

static void test_old_systems(void **state)
{
    struct rig *rig = *state;

    begin(rig, 10, 15);
    rig_refused(rig, ENOTSUP, "Virtualization.framework needs macOS 11, and this is macOS 10.15");
    begin(rig, 12, 6);
    rig_create_well(rig); /* a kernel alone needs no more */
    rig->vm->ops->destroy(rig->vm);
    rig->vm = NULL;
    rig->config.gpu = (struct atoll_gpu){.width = 800, .height = 600};
    rig_refused(rig, ENOTSUP, "a screen needs macOS 13, and this is macOS 12.6");
    rig->config.gpu.width = 0;
    rig->config.net_count = 1;
    rig->config.nets[0].mtu = 9000;
    rig_refused(rig, ENOTSUP, "needs macOS 13");
    rig->config.net_count = 0;
    boot_by_efi(rig);
    rig_refused(rig, ENOTSUP, "booting by EFI needs macOS 13, and this is macOS 12.6");
    begin(rig, 12, 2);
    rig->config.kernel = rig->kernel;
    rig->config.disks[0].serial = "root";
    rig_refused(rig, ENOTSUP, "a disk's serial number needs macOS 12.3, and this is macOS 12.2");
    begin(rig, 13, 4);
    rig->config.disks[0] = (struct atoll_disk){.path = "/dev/zero", .readonly = true};
    rig_refused(rig, ENOTSUP, "a block device as a disk needs macOS 14");
}

static void test_nested(void **state)
{
    struct rig *rig = *state;
    id platform;

    begin(rig, 14, 6);
    rig->config.nested = true;
    assert_false(vz_nested());
    rig_refused(rig, ENOTSUP, "nested virtualisation needs macOS 15, and this is macOS 14.6");
    begin(rig, 15, 0);
    rig->config.nested = true;
    assert_true(vz_nested());
    rig_create_well(rig);
    platform = double_configured(VZ_METHOD_set_platform, 0);
    assert_int_equal(double_number(platform, VZ_METHOD_set_nested), 1);
    assert_null(double_object(platform, VZ_METHOD_set_identifier));
    rig->vm->ops->destroy(rig->vm);
    rig->vm = NULL;
    double_nested(false);
    rig_refused(rig, ENOTSUP, "this Mac's processor has no nested virtualisation");
    double_nested(true);
}

static void test_probe(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(vz_probe(&rig->err), 0);
    double_supported(false);
    assert_int_equal(vz_probe(&rig->err), -ENOTSUP);
    double_supported(true);
    double_unloadable();
    rig_refused(rig, ENOTSUP, "cannot be loaded");
    begin(rig, 14, 0);
    double_lacks(VZ_METHOD_init_socket);
    assert_int_equal(vz_probe(&rig->err), -ENOTSUP);
    assert_non_null(strstr(rig->err.text,
                           "no method -VZFileHandleNetworkDeviceAttachment initWithFileHandle:"));
}

/* --- steps that fail --- */

static void test_failing_image(void **state)
{
    struct rig *rig = *state;

    rig->config.disk_count = 1;
    rig->config.disks[0].path = rig->disk;
    double_fail(VZ_METHOD_init_image, "VZErrorDomain", 5, "Invalid disk image.");
    rig_refused(rig, EINVAL, "another program has it open (VZErrorDomain 5: Invalid disk image.)");
    assert_int_equal(double_calls(VZ_METHOD_init_machine), 0);
}

static void test_failing_block_device(void **state)
{
    struct rig *rig = *state;

    rig->config.disk_count = 1;
    rig->config.disks[0] = (struct atoll_disk){.path = "/dev/zero", .readonly = true};
    double_fail(VZ_METHOD_init_block_device, "NSPOSIXErrorDomain", EBUSY, "Resource busy");
    rig_refused(rig, EBUSY, "/dev/zero: cannot be a disk");
}

static void test_failing_variables(void **state)
{
    struct rig *rig = *state;

    boot_by_efi(rig);
    double_fail(VZ_METHOD_init_new_variables, "NSCocoaErrorDomain", 640, "No space.");
    rig_refused(rig, ENOSPC, "the disk is full");
    assert_int_equal(rig_new_files(rig), 0);
    rig->config.nvram = rig->nvram;
    rig_create_well(rig);
    rig->vm->ops->destroy(rig->vm);
    rig->vm = NULL;
    double_fail(VZ_METHOD_init_variables, "", 0, "");
    rig_refused(rig, EIO, "nvram.vz: the framework does not take this store");
}

static void test_bad_identifier(void **state)
{
    struct rig *rig = *state;
    char path[128];

    boot_by_efi(rig);
    rig->config.nvram = rig->nvram;
    snprintf(path, sizeof(path), "%s.vz-id", rig->nvram);
    rig_write(rig, path, "something else", 0);
    rig_refused(rig, EINVAL, "nvram.vz-id: it holds no machine's identifier");
}

static void test_failing_kernel(void **state)
{
    struct rig *rig = *state;

    double_fail(VZ_METHOD_init_kernel, "", 0, "");
    rig_refused(rig, EIO, "does not take the kernel");
}

static void test_no_entitlement(void **state)
{
    struct rig *rig = *state;

    double_fail(VZ_METHOD_validate, "VZErrorDomain", 2,
                "Invalid virtual machine configuration. The process doesn't have the "
                "\"com.apple.security.virtualization\" entitlement.");
    rig_refused(rig, EPERM, "is not signed with the entitlement");
    assert_int_equal(double_calls(VZ_METHOD_init_machine), 0);
}

static void test_invalid_configuration(void **state)
{
    struct rig *rig = *state;

    rig->config.console_count = 2;
    rig->config.consoles[0].kind = rig->config.consoles[1].kind = ATOLL_CONSOLE_MEMORY;
    rig->config.net_count = 1;
    rig->config.nets[0].isolated = true;
    double_fail(VZ_METHOD_validate, "VZErrorDomain", 2, "The number of sockets is wrong.");
    rig_refused(rig, EINVAL, "The number of sockets is wrong.");
}

static void test_an_unknown_error(void **state)
{
    struct rig *rig = *state;

    double_fail(VZ_METHOD_validate, "SomeDomain", -17, "Something.");
    rig_refused(rig, EIO, "(SomeDomain -17: Something.)");
}

static void test_failing_machine(void **state)
{
    struct rig *rig = *state;

    double_fail(VZ_METHOD_init_machine, "", 0, "");
    rig_refused(rig, EIO, "the framework makes no machine of this");
}

static void test_failing_network(void **state)
{
    struct rig *rig = *state;

    rig->config.net_count = 1;
    rig->config.nets[0].isolated = true;
    rig->net_refused = true;
    rig_refused(rig, EADDRINUSE, "the port is taken");
    rig->net_refused = false;
    double_fail(VZ_METHOD_init_descriptor, "", 0, "");
    rig_refused(rig, ENOMEM, "out of memory");
}

static void test_names_that_are_no_text(void **state)
{
    struct rig *rig = *state;

    rig->config.append = "quiet \xff";
    rig_refused(rig, EINVAL, "is not UTF-8");
}

int main(void)
{
#define RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        RIG(test_kernel),
        RIG(test_order),
        RIG(test_disks),
        RIG(test_block_device),
        RIG(test_plain_network_is_nat),
        RIG(test_own_network),
        RIG(test_screen),
        RIG(test_efi_keeps_its_files),
        RIG(test_efi_forgets),
        RIG(test_nested),
        RIG(test_refusals),
        RIG(test_images_of_other_formats),
        RIG(test_a_backing_file),
        RIG(test_kernels_of_other_formats),
        RIG(test_sizes),
        RIG(test_old_systems),
        RIG(test_probe),
        RIG(test_failing_image),
        RIG(test_failing_block_device),
        RIG(test_failing_variables),
        RIG(test_bad_identifier),
        RIG(test_failing_kernel),
        RIG(test_no_entitlement),
        RIG(test_invalid_configuration),
        RIG(test_an_unknown_error),
        RIG(test_failing_machine),
        RIG(test_failing_network),
        RIG(test_names_that_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
