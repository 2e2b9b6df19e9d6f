/* SPDX-License-Identifier: ISC */
/*
 * What Virtualization.framework has no way to do, each with a line that names it. Whether the
 * version of macOS is new enough is asked where a thing is used (vz_need_class).
 */
#include <errno.h>

#include "vz/private.h"

struct refusal {
    bool (*wants)(const struct atoll_config *config);
    const char *text;
};

static bool wants_quirks(const struct atoll_config *c)
{
    return c->quirk_count > 0;
}

static bool wants_program(const struct atoll_config *c)
{
    return c->efi != NULL;
}

static bool wants_efi_arguments(const struct atoll_config *c)
{
    return !c->kernel && (c->append || c->initrd);
}

static bool wants_tables(const struct atoll_config *c)
{
    return c->tables != ATOLL_TABLES_DEFAULT;
}

static bool wants_listing(const struct atoll_config *c)
{
    return c->dump.path || c->trace.path;
}

static bool wants_explanations(const struct atoll_config *c)
{
    return c->explain == ATOLL_EXPLAIN_FULL;
}

static bool wants_virtio_input(const struct atoll_config *c)
{
    return c->input == ATOLL_INPUT_VIRTIO;
}

static bool wants_gop(const struct atoll_config *c)
{
    return c->gpu.gop;
}

static bool wants_server(const struct atoll_config *c)
{
    for (size_t i = 0; i < c->display_count; i++)
        if (c->displays[i].kind == ATOLL_DISPLAY_VNC || c->displays[i].kind == ATOLL_DISPLAY_WEB)
            return true;
    return false;
}

static bool wants_screenshot(const struct atoll_config *c)
{
    return c->screenshot != NULL;
}

static bool wants_pl011(const struct atoll_config *c)
{
    for (size_t i = 0; i < c->console_count; i++)
        if (c->consoles[i].port == ATOLL_PORT_PL011)
            return true;
    return false;
}

static const struct refusal refusals[] = {
    {wants_quirks, "quirks (--quirk) are of Atoll's own machine; Apple's has its behaviours as "
                   "they are"},
    {wants_program, "Apple's firmware starts what the disks hold, not a program from a file "
                    "(--efi); put it on a disk as /EFI/BOOT/BOOTAA64.EFI"},
    {wants_efi_arguments, "Apple's firmware hands no command line and no initial ramdisk to what "
                          "it boots (--append, --initrd); they need --kernel"},
    {wants_tables, "Apple's machine gives ACPI under EFI and a device tree to a kernel, and "
                   "nothing else (--tables)"},
    {wants_listing, "Apple's framework does not translate code; --dump and --trace have nothing to "
                    "list"},
    {wants_explanations, "Apple's framework does not say what a guest's driver does (--explain "
                         "full)"},
    {wants_virtio_input, "Apple's keyboard and pointer are on USB (--input virtio)"},
    {wants_gop, "Apple's firmware has no graphics output protocol on its GPU (--gpu gop)"},
    {wants_server,
     "Apple's framework gives nobody the pixels of the guest's screen (--display vnc, "
     "web); it shows them itself with --display window"},
    {wants_screenshot, "Apple's framework gives nobody the pixels of the guest's screen "
                       "(--screenshot)"},
    {wants_pl011, "Apple's machine has no PL011; give the console port=virtio"},
};

int vz_refuse(const struct atoll_config *config, struct error *err)
{
    for (size_t i = 0; i < nitems(refusals); i++)
        if (refusals[i].wants(config))
            return error_set(err, ENOTSUP, "%s; other engines can", refusals[i].text);
    if (!config->kernel && !config->disk_count)
        return error_set(err, EINVAL,
                         "nothing to boot: give a kernel with --kernel FILE, or a disk image");
    return 0;
}
