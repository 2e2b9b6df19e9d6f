/* SPDX-License-Identifier: ISC */
/*
 * The machine's devices, in their places: chips on the bus, then PCI functions in the order net,
 * disk, GPU, USB, entropy, balloon, console, input, each on the I/O loop that fits its work.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chip/gicv2m.h"
#include "chip/pl011.h"
#include "chip/pl031.h"
#include "chip/pl061.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "machine/efi.h"
#include "machine/identity.h"
#include "machine/layout.h"
#include "machine/machine.h"
#include "switch/net.h"
#include "usb/hid.h"
#include "usb/xhci.h"
#include "virtio/devices.h"

#define CHIP_WIDTHS (BUS_WIDTH_1 | BUS_WIDTH_2 | BUS_WIDTH_4)

/* The table has room for every configuration that config_check lets through. */
void machine_add_device(struct machine *m, const struct device_ops *ops, void *dev,
                        const char *instance)
{
    struct machine_device *entry = &m->devices[m->device_count++];

    entry->ops = ops;
    entry->dev = dev;
    snprintf(entry->instance, sizeof(entry->instance), "%s", instance);
}

static uint64_t wall_seconds(void *ctx)
{
    return host_clock_realtime() / NS_PER_SEC;
}

static void rtc_alarm(void *ctx, uint64_t when)
{
    struct machine *m = ctx;
    uint64_t now = host_clock_realtime(),
             at = when > UINT64_MAX / NS_PER_SEC ? UINT64_MAX : when * NS_PER_SEC;

    if (at == UINT64_MAX)
        host_timer_set(m->rtc_timer, UINT64_MAX);
    else
        host_timer_set(m->rtc_timer, host_clock_monotonic() + (at > now ? at - now : 0));
}

static void rtc_expired(void *ctx)
{
    struct machine *m = ctx;

    pl031_alarm(m->rtc);
}

static int create_rtc(struct machine *m)
{
    const struct pl031_config config = {
        .now = wall_seconds, .alarm = rtc_alarm, .ctx = m, .irq = gic_spi(m, LAYOUT_INTID_RTC)};
    int ret = host_timer_create(m->io, rtc_expired, m, &m->rtc_timer);

    ret = ret ? ret : pl031_create(&m->rtc, &config);
    if (ret)
        return ret;
    machine_add_device(m, &pl031_ops, m->rtc, "pl031");
    return bus_attach(m->bus, m->platform.rtc.base, PL031_SIZE, CHIP_WIDTHS, &pl031_bus_ops,
                      m->rtc);
}

static int create_gpio(struct machine *m)
{
    const struct irq_line irq = gic_spi(m, LAYOUT_INTID_GPIO);
    int ret = pl061_create(&m->gpio, &irq);

    if (ret)
        return ret;
    machine_add_device(m, &pl061_ops, m->gpio, "pl061");
    return bus_attach(m->bus, m->platform.gpio.base, PL061_SIZE, CHIP_WIDTHS, &pl061_bus_ops,
                      m->gpio);
}

/* --- consoles: the first that asks for it gets the PL011, the others a virtio port each --- */

static void console_command(void *ctx, enum console_command command)
{
    static const unsigned requests[] = {[CONSOLE_QUIT] = REQUEST_QUIT,
                                        [CONSOLE_POWER_BUTTON] = REQUEST_POWER_BUTTON,
                                        [CONSOLE_RESET] = REQUEST_FORCED_RESET};

    machine_request(ctx, requests[command]);
}

static int open_console(struct machine *m, size_t index, struct error *err)
{
    static const enum console_kind kinds[] = {
        [ATOLL_CONSOLE_NONE] = CONSOLE_NONE, [ATOLL_CONSOLE_STDIO] = CONSOLE_STDIO,
        [ATOLL_CONSOLE_PTY] = CONSOLE_PTY,   [ATOLL_CONSOLE_FILE] = CONSOLE_FILE,
        [ATOLL_CONSOLE_UNIX] = CONSOLE_UNIX, [ATOLL_CONSOLE_MEMORY] = CONSOLE_MEMORY,
    };
    const struct atoll_console *from = &m->config.consoles[index];
    const struct console_config config = {.kind = kinds[from->kind],
                                          .path = from->path,
                                          .input = 0,
                                          .output = 1,
                                          .command = console_command,
                                          .ctx = m};

    return console_open(&m->consoles[index], &config, &m->log, err);
}

static void uart_write(void *ctx, const uint8_t *bytes, size_t length)
{
    struct machine *m = ctx;

    if (m->uart_console)
        console_write(m->uart_console, bytes, length);
}

static void uart_room(void *ctx)
{
    struct machine *m = ctx;

    if (m->uart_console)
        console_resume(m->uart_console);
}

static size_t uart_receive(void *ctx, const uint8_t *bytes, size_t length)
{
    struct machine *m = ctx;
    size_t taken;

    if (machine_efi_input(m, bytes, length, &taken))
        return taken;
    return pl011_receive(m->uart, bytes, length);
}

static int create_uart(struct machine *m)
{
    const struct pl011_config config = {
        .write = uart_write, .room = uart_room, .ctx = m, .irq = gic_spi(m, LAYOUT_INTID_UART)};
    int ret = pl011_create(&m->uart, &config);

    if (ret)
        return ret;
    machine_add_device(m, &pl011_ops, m->uart, "pl011");
    return bus_attach(m->bus, m->platform.uart.base, PL011_SIZE, CHIP_WIDTHS, &pl011_bus_ops,
                      m->uart);
}

/* Which console is the PL011's: the one that says so, else the first that leaves it open. SIZE_MAX:
 * none. */
static size_t uart_console(const struct machine *m)
{
    size_t open = SIZE_MAX;

    if (!m->quirks.value[QUIRK_PL011])
        return SIZE_MAX;
    for (size_t i = m->config.console_count; i-- > 0;) {
        if (m->config.consoles[i].port == ATOLL_PORT_PL011)
            return i;
        if (m->config.consoles[i].port == ATOLL_PORT_DEFAULT)
            open = i;
    }
    return open;
}

/* --- PCI functions --- */

static int ring(void *ctx, uint64_t at, int fd)
{
    struct machine *m = ctx;

    return m->engine->vm_notify_fd(m->vm, at, 0, fd);
}

static struct virtio_host virtio_host(struct machine *m, struct host_loop *loop)
{
    return (struct virtio_host){
        .mem = m->mem,
        .loop = loop,
        .log = &m->log,
        .events = &m->events,
        .strict = m->config.strict,
        .ring = m->engine->vm_notify_fd ? ring : NULL,
        .ring_ctx = m,
        .quirks = {.net_requires_mtu = m->quirks.value[QUIRK_NET_REQUIRES_MTU],
                   .net_refuses_host_tso_alone = m->quirks.value[QUIRK_NET_REFUSES_HOST_TSO_ALONE],
                   .net_apple_features = m->quirks.value[QUIRK_NET_APPLE_FEATURES],
                   .interrupt_pin = (uint8_t)(m->quirks.value[QUIRK_PCI_INTERRUPT_PIN] + 1)},
    };
}

/* Plugs a device that was just created, `ret` being its creator's answer. */
static int plug(struct machine *m, int ret, struct virtio_device *dev, const char *instance,
                struct error *err)
{
    struct virtio_pci *pci;

    if (ret)
        return error_set(err, -ret, "cannot create %s: %s", instance, strerror(-ret));
    ret = virtio_pci_create(&pci, m->pci, 0, dev, err);
    if (ret) {
        dev->ops->free(dev);
        return ret;
    }
    machine_add_device(m, &virtio_pci_ops, pci, instance);
    return 0;
}

static int open_user(struct net **net, const struct atoll_net *from, const struct log *log,
                     struct error *err)
{
    struct net_user_config user = {.forward_count = from->forward_count,
                                   .host = from->host,
                                   .isolated = from->isolated,
                                   .mtu = from->mtu ? from->mtu : 1500,
                                   .capture = from->capture};

    for (size_t i = 0; i < from->forward_count; i++) {
        const struct atoll_forward *f = &from->forwards[i];

        user.forwards[i] =
            (struct net_forward){.udp = f->udp,
                                 .host_address = f->host_address ? f->host_address : 0x7f000001,
                                 .host_port = f->host_port,
                                 .guest_port = f->guest_port};
    }
    return net_user_open(net, &user, log, err);
}

static int open_switch(struct net **net, const struct atoll_net *from, const struct log *log,
                       struct error *err)
{
    struct switch_port_config port = {
        .name = from->port, .mtu = from->mtu, .has_mac = from->has_mac};

    memcpy(port.mac, from->mac, sizeof(port.mac));
    return net_switch_open(net, from->target, &port, from->capture, log, err);
}

static int open_socket(struct net **net, const struct atoll_net *from, const struct log *log,
                       struct error *err)
{
    static const enum net_socket_protocol protocols[] = {[ATOLL_NET_ANY] = NET_SOCKET_ANY,
                                                         [ATOLL_NET_QEMU] = NET_SOCKET_QEMU,
                                                         [ATOLL_NET_VFKIT] = NET_SOCKET_VFKIT};
    const struct net_socket_config config = {.path = from->target,
                                             .protocol = protocols[from->protocol],
                                             .mtu = from->mtu,
                                             .capture = from->capture};

    return net_socket_open(net, &config, log, err);
}

static int open_tap(struct net **net, const struct atoll_net *from, const struct log *log,
                    struct error *err)
{
    const struct net_tap_config config = {from->target, from->mtu, from->capture};

    return net_tap_open(net, &config, log, err);
}

static int open_vmnet(struct net **net, const struct atoll_net *from, const struct log *log,
                      struct error *err)
{
    const struct net_vmnet_config config = {
        .host = strcmp(from->target, "host") == 0, .mtu = from->mtu, .capture = from->capture};

    return net_vmnet_open(net, &config, log, err);
}

int machine_open_net(struct net **net, const struct atoll_config *config, size_t index,
                     const struct log *log, struct error *err)
{
    static int (*const opens[])(struct net **, const struct atoll_net *, const struct log *,
                                struct error *) = {[ATOLL_NET_USER] = open_user,
                                                   [ATOLL_NET_SWITCH] = open_switch,
                                                   [ATOLL_NET_SOCKET] = open_socket,
                                                   [ATOLL_NET_TAP] = open_tap,
                                                   [ATOLL_NET_VMNET] = open_vmnet};
    const struct atoll_net *from = &config->nets[index];

    return opens[from->kind](net, from, log, err);
}

/* Machines without a UUID have the same addresses: right for networks of their own, and wrong on a
 * wire that others are on. */
static int draw_mac(struct atoll_net *net, size_t index, struct error *err)
{
    uint8_t uuid[IDENTITY_LENGTH];
    int ret = host_entropy(uuid, sizeof(uuid));

    if (ret)
        return error_set(err, -ret, "cannot draw an address: %s", strerror(-ret));
    identity_mac(uuid, index, net->mac);
    net->has_mac = true;
    return 0;
}

static int create_net(struct machine *m, size_t index, struct error *err)
{
    struct atoll_net *from = &m->config.nets[index];
    const struct virtio_host host = virtio_host(m, m->io);
    struct virtio_device *dev = NULL;
    struct net *net;
    char instance[32];
    uint8_t uuid[IDENTITY_LENGTH];
    bool known = m->config.uuid && identity_parse(m->config.uuid, uuid) == 0;
    int ret = 0;

    if (!from->has_mac && !known && from->kind != ATOLL_NET_USER)
        ret = draw_mac(from, index, err);
    if (!from->has_mac)
        identity_mac(known ? uuid : NULL, index, from->mac);
    from->has_mac = true; /* a switch keeps it for this card */
    ret = ret ? ret : machine_open_net(&net, &m->config, index, &m->log, err);
    if (ret)
        return ret;
    snprintf(instance, sizeof(instance), "virtio-net%zu", index);
    ret = virtio_net_create(&dev, &host, instance, net, from->mac, MIN(m->config.cpus, 8));
    if (ret)
        net_close(net);
    return plug(m, ret, dev, instance, err);
}

/* For EFI, which reads disks before there is a driver. */
static void note_disk(struct machine *m, size_t index, struct disk *disk, const char *instance)
{
    struct virtio_pci *pci = m->devices[m->device_count - 1].dev;

    m->disks[index].disk = disk;
    m->disks[index].slot = virtio_pci_function(pci)->slot;
    snprintf(m->disks[index].name, sizeof(m->disks[index].name), "%s", instance);
}

static int create_disk(struct machine *m, size_t index, struct error *err)
{
    static const enum disk_format formats[] = {[ATOLL_DISK_PROBE] = DISK_FORMAT_PROBE,
                                               [ATOLL_DISK_RAW] = DISK_FORMAT_RAW,
                                               [ATOLL_DISK_QCOW2] = DISK_FORMAT_QCOW2};
    const struct atoll_disk *from = &m->config.disks[index];
    const struct disk_config config = {.path = from->path,
                                       .format = formats[from->format],
                                       .readonly = from->readonly,
                                       .backing = from->backing};
    struct virtio_device *dev = NULL;
    struct virtio_host host;
    struct disk *disk;
    char instance[32];
    int ret = disk_open(&disk, &config, &m->log, err);

    if (ret)
        return ret;
    snprintf(instance, sizeof(instance), "virtio-blk%zu", index);
    ret = host_loop_create(&m->disk_loops[index], instance + strlen("virtio-"), err);
    if (ret) {
        disk_close(disk);
        return ret;
    }
    host = virtio_host(m, m->disk_loops[index]);
    ret = virtio_blk_create(&dev, &host, instance, disk, from->serial, m->config.cpus);
    if (ret)
        disk_close(disk);
    ret = plug(m, ret, dev, instance, err);
    if (!ret)
        note_disk(m, index, disk, instance);
    return ret;
}

static int create_console(struct machine *m, size_t index, struct error *err)
{
    const struct virtio_host host = virtio_host(m, m->io);
    struct virtio_device *dev = NULL;
    char instance[32];
    int ret;

    snprintf(instance, sizeof(instance), "virtio-console%u", (unsigned)index);
    ret = virtio_console_create(&dev, &host, instance, m->consoles[index]);
    m->console_owned[index] = ret == 0;
    return plug(m, ret, dev, instance, err);
}

static int create_consoles(struct machine *m, struct error *err)
{
    const struct console_client client = {uart_receive, m};
    size_t uart = uart_console(m);

    for (size_t i = 0; i < m->config.console_count; i++) {
        int ret = open_console(m, i, err);

        if (!ret && i == uart) {
            m->uart_console = m->consoles[i];
            ret = console_attach(m->consoles[i], m->io, &client);
            if (ret)
                error_set(err, -ret, "cannot attach console %zu: %s", i, strerror(-ret));
        } else if (!ret) {
            ret = create_console(m, i, err);
        }
        if (ret)
            return ret;
    }
    return 0;
}

/* Whether the guest has a console that its user may be looking at. */
static bool has_serial(const struct machine *m)
{
    for (size_t i = 0; i < m->config.console_count; i++)
        if (m->config.consoles[i].kind != ATOLL_CONSOLE_NONE)
            return true;
    return false;
}

static int create_gpu(struct machine *m, struct error *err)
{
    struct virtio_device *dev = NULL;
    struct virtio_host host;
    struct display *display;
    int ret = screen_open(&m->screen, m->config.screenshot, has_serial(m), &m->log, err);

    ret = ret ? ret : host_loop_create(&m->gpu_loop, "gpu0", err);
    if (ret)
        return ret;
    if (display_create(&display, m->config.gpu.width, m->config.gpu.height))
        return error_set(err, ENOMEM, "out of memory");
    host = virtio_host(m, m->gpu_loop);
    ret = virtio_gpu_create(&dev, &host, "virtio-gpu0", display);
    if (ret)
        display_free(display);
    ret = plug(m, ret, dev, "virtio-gpu0", err);
    if (ret)
        return ret;
    m->gpu = dev;
    screen_watch(&m->screen, display);
    return 0;
}

/* The controller frees what is connected to it. */
static int connect_usb(struct machine *m, struct xhci *xhci)
{
    struct usb_device *keyboard, *pointer;
    int ret = usb_keyboard_create(&keyboard, m->input);

    ret = ret ? ret : xhci_connect(xhci, 1, keyboard);
    ret = ret ? ret : usb_pointer_create(&pointer, keyboard);
    return ret ? ret : xhci_connect(xhci, 2, pointer);
}

static int create_usb(struct machine *m, struct error *err)
{
    const struct xhci_host host = {
        .mem = m->mem,
        .loop = m->io,
        .log = &m->log,
        .interrupt_pin = (uint8_t)(m->quirks.value[QUIRK_PCI_INTERRUPT_PIN] + 1),
    };
    int ret = xhci_create(&m->xhci, &host, m->pci, 0);

    if (!ret) {
        machine_add_device(m, &xhci_ops, m->xhci, "xhci0");
        ret = connect_usb(m, m->xhci);
    }
    return ret ? error_set(err, -ret, "cannot create xhci0: %s", strerror(-ret)) : 0;
}

static int create_virtio_input(struct machine *m, struct error *err)
{
    const struct virtio_host host = virtio_host(m, m->io);
    struct virtio_device *keyboard = NULL, *pointer = NULL;
    int ret = virtio_keyboard_create(&keyboard, &host, "virtio-keyboard0", m->input);

    ret = plug(m, ret, keyboard, "virtio-keyboard0", err);
    if (ret)
        return ret;
    ret = virtio_pointer_create(&pointer, &host, "virtio-pointer0", keyboard);
    return plug(m, ret, pointer, "virtio-pointer0", err);
}

static int create_rng(struct machine *m, struct error *err)
{
    const struct virtio_host host = virtio_host(m, m->io);
    struct virtio_device *dev = NULL;
    int ret = virtio_rng_create(&dev, &host, "virtio-rng0");

    return plug(m, ret, dev, "virtio-rng0", err);
}

static int create_balloon(struct machine *m, struct error *err)
{
    const struct virtio_host host = virtio_host(m, m->io);
    struct virtio_device *dev = NULL;
    int ret = virtio_balloon_create(&dev, &host, "virtio-balloon0");

    ret = plug(m, ret, dev, "virtio-balloon0", err);
    if (!ret)
        m->balloon = dev;
    return ret;
}

static void msi_sent(void *ctx, uint64_t address, uint32_t data)
{
    struct machine *m = ctx;

    if (address == m->platform.gicv2m.base + GICV2M_SETSPI)
        gic_msi(m, data);
}

static int create_pci(struct machine *m)
{
    const struct platform *p = &m->platform;
    const struct pci_windows windows = {
        .ecam_base = p->ecam.base,
        .ecam_size = p->ecam.size,
        .mem32_base = p->pci_mem32.base,
        .mem32_size = p->pci_mem32.size,
        .mem64_base = p->pci_mem64.base,
        .mem64_size = p->pci_mem64.size,
        .io_base = p->pci_io.base,
        .io_size = p->pci_io.size,
    };
    const struct msi_sink msi = {msi_sent, m};
    struct irq_line intx[PCI_SLOTS];
    int ret;

    for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
        intx[slot] = gic_spi(m, p->pci_intx_base + slot);
    ret = pci_host_create(&m->pci, m->bus, &windows, &msi, intx, &m->log);
    if (!ret)
        machine_add_device(m, &pci_host_ops, m->pci, "pci");
    return ret;
}

static int create_chips(struct machine *m)
{
    int ret = create_rtc(m);

    ret = ret ? ret : create_gpio(m);
    if (m->platform.uart.size)
        ret = ret ? ret : create_uart(m);
    return ret ? ret : create_pci(m);
}

int devices_create(struct machine *m, struct error *err)
{
    int ret = host_loop_create(&m->io, "io", err);

    if (ret)
        return ret;
    ret = gic_create(m, err);
    if (ret)
        return ret;
    ret = create_chips(m);
    if (ret)
        return error_set(err, -ret, "cannot create the machine's chips: %s", strerror(-ret));
    if (m->config.input != ATOLL_INPUT_NONE)
        ret = input_create(&m->input, m->config.keyboard, err);
    for (size_t i = 0; i < m->config.net_count && !ret; i++)
        ret = create_net(m, i, err);
    for (size_t i = 0; i < m->config.disk_count && !ret; i++)
        ret = create_disk(m, i, err);
    if (m->config.gpu.width)
        ret = ret ? ret : create_gpu(m, err);
    if (m->config.input == ATOLL_INPUT_USB)
        ret = ret ? ret : create_usb(m, err);
    ret = ret ? ret : create_rng(m, err);
    ret = ret ? ret : create_balloon(m, err);
    ret = ret ? ret : create_consoles(m, err);
    if (m->config.input == ATOLL_INPUT_VIRTIO)
        ret = ret ? ret : create_virtio_input(m, err);
    return ret ? ret : displays_create(m, err);
}

void devices_destroy(struct machine *m)
{
    displays_destroy(m);
    screen_close(&m->screen);
    if (m->uart_console)
        console_close(m->uart_console);
    for (size_t i = 0; i < m->config.console_count; i++)
        if (m->consoles[i] && m->consoles[i] != m->uart_console && !m->console_owned[i])
            console_close(m->consoles[i]);
    if (m->rtc_timer)
        host_timer_destroy(m->rtc_timer);
    while (m->device_count > 0) {
        struct machine_device *device = &m->devices[--m->device_count];

        device->ops->free(device->dev);
    }
    input_free(m->input);
    for (size_t i = 0; i < ATOLL_DISKS_MAX; i++)
        if (m->disk_loops[i])
            host_loop_destroy(m->disk_loops[i]);
    if (m->gpu_loop)
        host_loop_destroy(m->gpu_loop);
    if (m->io)
        host_loop_destroy(m->io);
}

void devices_reset(struct machine *m)
{
    for (size_t i = 0; i < m->device_count; i++)
        m->devices[i].ops->reset(m->devices[i].dev);
    displays_reset(m);
    if (m->input)
        input_reset(m->input);
    if (m->gpu) /* a driver's reset leaves it alone: only the machine's ends what firmware shows */
        virtio_gpu_firmware_scanout(m->gpu, 0, 0, 0, 0);
}

static void each_virtio(struct machine *m, void (*visit)(struct virtio_device *dev))
{
    for (size_t i = 0; i < m->device_count; i++)
        if (m->devices[i].ops == &virtio_pci_ops)
            visit(virtio_pci_device(m->devices[i].dev));
}

static void consoles_hurry(struct machine *m, bool hurry)
{
    for (size_t i = 0; i < m->config.console_count; i++)
        if (m->consoles[i])
            console_hurry(m->consoles[i], hurry);
}

struct virtio_device *devices_find_virtio(struct machine *m, const char *instance)
{
    for (size_t i = 0; i < m->device_count; i++) {
        struct machine_device *device = &m->devices[i];

        if (device->ops == &virtio_pci_ops && strcmp(device->instance, instance) == 0)
            return virtio_pci_device(device->dev);
    }
    return NULL;
}

struct virtio_device *devices_virtio(struct machine *m, size_t index)
{
    for (size_t i = 0; i < m->device_count; i++) {
        struct machine_device *device = &m->devices[i];

        if (device->ops == &virtio_pci_ops && index-- == 0)
            return virtio_pci_device(device->dev);
    }
    return NULL;
}

void devices_hurry(struct machine *m)
{
    consoles_hurry(m, true);
}

void devices_quiesce(struct machine *m)
{
    each_virtio(m, virtio_device_quiesce);
    if (m->xhci)
        xhci_quiesce(m->xhci);
}

void devices_resume(struct machine *m)
{
    consoles_hurry(m, false);
    each_virtio(m, virtio_device_resume);
    if (m->xhci)
        xhci_resume(m->xhci);
}
