/* SPDX-License-Identifier: ISC */
/*
 * The public configuration: defaults, checks, a copy that the machine owns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "machine/identity.h"
#include "machine/machine.h"
#include "switch/message.h"

#define SERIAL_MAX 20   /* VIRTIO_BLK_T_GET_ID, VIRTIO 1.2 5.2.6 */
#define GPU_WIDTH  1280 /* of a display that nobody gave a size, */
#define GPU_HEIGHT 800  /* which is Apple's usual one */
#define MTU_MIN    1280
#define MTU_MAX    65435 /* OpenBSD's ETHER_MAX_HARDMTU_LEN: what drivers take */

void atoll_config_init(struct atoll_config *config)
{
    *config = (struct atoll_config){
        .size = sizeof(*config),
        .engine = "auto",
        .memory = GIB,
        .cpus = 1,
        .confine = true,
        .net_count = 1,
        .consoles = {{.kind = ATOLL_CONSOLE_STDIO}},
        .console_count = 1,
        .explain = ATOLL_EXPLAIN_BRIEF,
        .log_level = ATOLL_LOG_INFO,
    };
}

static int check_memory(const struct atoll_config *c, struct error *err)
{
    if (c->memory < ATOLL_MEMORY_MIN || c->memory > ATOLL_MEMORY_MAX)
        return error_set(err, EINVAL, "memory of %llu MiB is not possible; give 128M to 64G",
                         (unsigned long long)(c->memory / MIB));
    if (c->memory % MIB != 0)
        return error_set(err, EINVAL, "memory of %llu bytes is not a multiple of 1 MiB",
                         (unsigned long long)c->memory);
    if (c->cpus < 1 || c->cpus > ATOLL_CPUS_MAX)
        return error_set(err, EINVAL, "%u CPUs are not possible; give 1 to %u", c->cpus,
                         ATOLL_CPUS_MAX);
    return 0;
}

static int check_disks(const struct atoll_config *c, struct error *err)
{
    if (c->disk_count > ATOLL_DISKS_MAX)
        return error_set(err, EINVAL, "%zu disks are too many; %d are possible", c->disk_count,
                         ATOLL_DISKS_MAX);
    for (size_t i = 0; i < c->disk_count; i++) {
        const struct atoll_disk *d = &c->disks[i];

        if (!d->path || !*d->path)
            return error_set(err, EINVAL, "disk %zu has no file", i);
        if (d->serial && strlen(d->serial) > SERIAL_MAX)
            return error_set(err, EINVAL, "the serial number \"%s\" is longer than %d bytes",
                             d->serial, SERIAL_MAX);
    }
    return 0;
}

/* What a network of this kind has, and what only others have. */
static int check_net_kind(const struct atoll_net *n, struct error *err)
{
    if (n->kind < ATOLL_NET_USER || n->kind > ATOLL_NET_VMNET)
        return error_set(err, EINVAL, "%d is no kind of a network", (int)n->kind);
    if (n->kind == ATOLL_NET_USER)
        return 0;
    if (!n->target || !*n->target)
        return error_set(err, EINVAL,
                         "a network of this kind needs the name of a switch, a "
                         "socket's path or a tap device");
    if (n->forward_count || n->host || n->isolated)
        return error_set(err, EINVAL,
                         "forwards, host and isolated are for a network of kind \"user\"");
    if (n->kind == ATOLL_NET_VMNET && strcmp(n->target, "shared") != 0 &&
        strcmp(n->target, "host") != 0)
        return error_set(err, EINVAL, "vmnet has no \"%s\"; it has shared and host", n->target);
    if (n->kind != ATOLL_NET_SWITCH)
        return 0;
    if (n->port && switch_check_name("a port", n->port, err))
        return -EINVAL;
    return switch_check_name("a switch", n->target, err);
}

static int check_nets(const struct atoll_config *c, struct error *err)
{
    if (c->net_count > ATOLL_NETS_MAX)
        return error_set(err, EINVAL, "%zu networks are too many; %d are possible", c->net_count,
                         ATOLL_NETS_MAX);
    for (size_t i = 0; i < c->net_count; i++) {
        const struct atoll_net *n = &c->nets[i];

        int ret = check_net_kind(n, err);

        if (ret)
            return ret;
        if (n->has_mac && (n->mac[0] & 1))
            return error_set(
                err, EINVAL,
                "%02x:%02x:%02x:%02x:%02x:%02x is a multicast address, not one of a card",
                n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5]);
        if (n->mtu && (n->mtu < MTU_MIN || n->mtu > MTU_MAX))
            return error_set(err, EINVAL, "an MTU of %u is not possible; give %d to %d", n->mtu,
                             MTU_MIN, MTU_MAX);
        if (n->forward_count > ATOLL_FORWARDS_MAX)
            return error_set(err, EINVAL, "%zu forwards are too many; %d are possible",
                             n->forward_count, ATOLL_FORWARDS_MAX);
    }
    return 0;
}

static int check_boot(const struct atoll_config *c, struct error *err)
{
    if (c->kernel && c->efi)
        return error_set(err, EINVAL,
                         "a kernel and an EFI program cannot both start the machine; give one");
    if (c->kernel && c->nvram)
        return error_set(err, EINVAL,
                         "a kernel that is booted directly has no EFI variables; leave out \"%s\"",
                         c->nvram);
    if (tables_acpi(c) && c->kernel)
        return error_set(
            err, EINVAL,
            "a kernel that is booted directly gets a device tree: only EFI can tell it "
            "where ACPI tables are; boot it as an EFI program, with --efi");
    return 0;
}

/* EFI boot gives ACPI, as on Apple's machine; direct boot has a register for the device tree and
 * none for the RSDP. */
bool tables_acpi(const struct atoll_config *c)
{
    return c->tables == ATOLL_TABLES_DEFAULT ? !c->kernel : c->tables != ATOLL_TABLES_FDT;
}

bool tables_fdt(const struct atoll_config *c)
{
    return c->tables == ATOLL_TABLES_DEFAULT ? c->kernel != NULL : c->tables != ATOLL_TABLES_ACPI;
}

/* The GPU that there is: a display brings one. */
static struct atoll_gpu config_gpu(const struct atoll_config *c)
{
    struct atoll_gpu gpu = c->gpu;

    if (!gpu.width && c->display_count)
        gpu.width = GPU_WIDTH, gpu.height = GPU_HEIGHT;
    return gpu;
}

/* A keyboard and a pointer come with a display, as Apple's do. */
static enum atoll_input config_input(const struct atoll_config *c)
{
    if (c->input != ATOLL_INPUT_DEFAULT)
        return c->input;
    return config_gpu(c).width ? ATOLL_INPUT_USB : ATOLL_INPUT_NONE;
}

static int check_gpu(const struct atoll_config *c, struct error *err)
{
    const struct atoll_gpu gpu = config_gpu(c), *g = &gpu;

    if (!g->width && !g->height)
        return c->screenshot ? error_set(err, EINVAL, "a picture of the screen needs a GPU") : 0;
    if (MIN(g->width, g->height) < ATOLL_GPU_MIN || MAX(g->width, g->height) > ATOLL_GPU_MAX)
        return error_set(err, EINVAL, "a screen of %ux%u is not possible; give %d to %d each way",
                         g->width, g->height, ATOLL_GPU_MIN, ATOLL_GPU_MAX);
    return 0;
}

static int check_displays(const struct atoll_config *c, struct error *err)
{
    unsigned windows = 0;

    if (c->display_count > ATOLL_DISPLAYS_MAX)
        return error_set(err, EINVAL, "%zu displays are too many; %d are possible",
                         c->display_count, ATOLL_DISPLAYS_MAX);
    for (size_t i = 0; i < c->display_count; i++) {
        const struct atoll_display *d = &c->displays[i];

        windows += d->kind == ATOLL_DISPLAY_WINDOW;
        if (d->kind == ATOLL_DISPLAY_WINDOW && (d->address || d->password))
            return error_set(err, EINVAL, "a window has neither an address nor a password");
    }
    return windows > 1 ? error_set(err, EINVAL, "one window is possible") : 0;
}

static int check_input(const struct atoll_config *c, struct error *err)
{
    if (c->strict && c->input == ATOLL_INPUT_VIRTIO)
        return error_set(err, EINVAL,
                         "a strict machine has no virtio-input; its keyboard and "
                         "pointer are on USB");
    return input_check_layout(c->keyboard, err);
}

static int check_listings(const struct atoll_config *c, struct error *err)
{
    if (c->dump.path && c->trace.path && strcmp(c->dump.path, c->trace.path) == 0)
        return error_set(err, EINVAL, "the dump and the trace cannot both go to \"%s\"",
                         c->dump.path);
    return 0;
}

static int check_consoles(const struct atoll_config *c, struct error *err)
{
    struct quirks quirks;
    unsigned stdio = 0, pl011 = 0;
    int ret = config_quirks(c, &quirks, err);

    if (ret)
        return ret;
    if (c->console_count > ATOLL_CONSOLES_MAX)
        return error_set(err, EINVAL, "%zu consoles are too many; %d are possible",
                         c->console_count, ATOLL_CONSOLES_MAX);
    for (size_t i = 0; i < c->console_count; i++) {
        const struct atoll_console *con = &c->consoles[i];

        stdio += con->kind == ATOLL_CONSOLE_STDIO;
        pl011 += con->port == ATOLL_PORT_PL011;
        if ((con->kind == ATOLL_CONSOLE_FILE || con->kind == ATOLL_CONSOLE_UNIX) && !con->path)
            return error_set(err, EINVAL, "console %zu has no path", i);
    }
    if (stdio > 1)
        return error_set(err, EINVAL, "only one console can use standard input and output");
    if (pl011 > 1)
        return error_set(err, EINVAL, "the machine has one PL011; give other consoles port=virtio");
    if (pl011 && !quirks.value[QUIRK_PL011])
        return error_set(err, EINVAL,
                         "a strict machine has no PL011; use port=virtio or --quirk pl011=on");
    return 0;
}

static int check_identity(const struct atoll_config *c, struct error *err)
{
    uint8_t uuid[IDENTITY_LENGTH];

    if (c->cpu > ATOLL_CPU_HOST)
        return error_set(err, EINVAL, "there is no CPU %u", (unsigned)c->cpu);
    if (c->strict && c->cpu == ATOLL_CPU_HOST)
        return error_set(err, EINVAL, "a strict machine has Apple's CPU and not the host's");
    if (c->uuid && identity_parse(c->uuid, uuid))
        return error_set(err, EINVAL,
                         "\"%.80s\" is not a UUID; give one like "
                         "c0a1a6a0-5d33-4c3e-9d8f-0d5b2a7c1e42",
                         c->uuid);
    return 0;
}

int config_check(const struct atoll_config *c, struct error *err)
{
    int ret;

    if (c->size != sizeof(*c))
        return error_set(err, EINVAL,
                         "the configuration was not made by atoll_config_init of this libatoll");
    ret = check_memory(c, err);
    ret = ret ? ret : check_identity(c, err);
    ret = ret ? ret : check_disks(c, err);
    ret = ret ? ret : check_nets(c, err);
    ret = ret ? ret : check_boot(c, err);
    ret = ret ? ret : check_displays(c, err);
    ret = ret ? ret : check_gpu(c, err);
    ret = ret ? ret : check_input(c, err);
    ret = ret ? ret : check_listings(c, err);
    return ret ? ret : check_consoles(c, err);
}

int config_quirks(const struct atoll_config *c, struct quirks *quirks, struct error *err)
{
    quirks_init(quirks, c->strict);
    if (c->quirk_count > ATOLL_QUIRKS_MAX)
        return error_set(err, EINVAL, "%zu quirks are too many", c->quirk_count);
    for (size_t i = 0; i < c->quirk_count; i++) {
        int ret = quirks_set(quirks, c->quirks[i].name, c->quirks[i].value, err);

        if (ret)
            return ret;
    }
    return 0;
}

/* Calls visit on every string of the configuration, whatever it says of those before. */
static bool each_string(struct atoll_config *c, bool (*visit)(const char **string))
{
    const char **strings[] = {&c->engine,     &c->kernel,   &c->efi,        &c->initrd,
                              &c->append,     &c->nvram,    &c->screenshot, &c->dump.path,
                              &c->trace.path, &c->keyboard, &c->name,       &c->uuid};
    bool ok = true;

    for (size_t i = 0; i < nitems(strings); i++)
        ok &= visit(strings[i]);
    for (size_t i = 0; i < c->disk_count; i++) {
        ok &= visit(&c->disks[i].path);
        ok &= visit(&c->disks[i].serial);
        ok &= visit(&c->disks[i].backing);
    }
    for (size_t i = 0; i < c->net_count; i++) {
        ok &= visit(&c->nets[i].capture);
        ok &= visit(&c->nets[i].target);
        ok &= visit(&c->nets[i].port);
    }
    for (size_t i = 0; i < c->console_count; i++)
        ok &= visit(&c->consoles[i].path);
    for (size_t i = 0; i < c->display_count; i++) {
        ok &= visit(&c->displays[i].address);
        ok &= visit(&c->displays[i].password);
    }
    for (size_t i = 0; i < c->quirk_count; i++) {
        ok &= visit(&c->quirks[i].name);
        ok &= visit(&c->quirks[i].value);
    }
    return ok;
}

static bool duplicate(const char **string)
{
    if (!*string)
        return true;
    *string = strdup(*string);
    return *string != NULL;
}

static bool release(const char **string)
{
    free((void *)(uintptr_t)*string);
    *string = NULL;
    return true;
}

int config_copy(struct atoll_config *to, const struct atoll_config *from)
{
    *to = *from;
    to->gpu = config_gpu(from);
    to->input = config_input(from);
    return each_string(to, duplicate) ? 0 : -ENOMEM;
}

void config_free(struct atoll_config *config)
{
    each_string(config, release);
}
