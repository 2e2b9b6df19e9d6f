/* SPDX-License-Identifier: ISC */
/*
 * The configuration's devices as the framework's objects. Files that the guest's side uses go to
 * the framework as NSFileHandles, which close them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "vz/private.h"

#define MTU_DEFAULT 1500 /* VZFileHandleNetworkDeviceAttachment.h: the default and the least */

id vz_file_handle(int fd)
{
    id handle = vz_alloc(VZ_CLASS_NSFileHandle);

    handle = vz_made(SEND(handle, init_descriptor, fd, true));
    if (!handle)
        close(fd);
    return handle;
}

static id array_of(const id *objects, size_t count)
{
    id meta = vz_class(VZ_CLASS_NSArray);

    return SEND(meta, array_of, objects, count);
}

/* --- CPUs and memory --- */

static int configure_size(id configuration, const struct atoll_config *config, struct error *err)
{
    id meta = vz_class(VZ_CLASS_VZVirtualMachineConfiguration);
    unsigned long cpus_min = SEND(meta, cpus_min), cpus_max = SEND(meta, cpus_max);
    uint64_t min = SEND(meta, memory_min), max = SEND(meta, memory_max);

    if (config->cpus < cpus_min || config->cpus > cpus_max)
        return error_set(err, EINVAL,
                         "Apple's framework gives a machine on this Mac %lu to %lu "
                         "CPUs, not %u",
                         cpus_min, cpus_max, config->cpus);
    if (config->memory < min || config->memory > max)
        return error_set(err, EINVAL,
                         "Apple's framework gives a machine on this Mac %llu to %llu "
                         "MiB of memory, not %llu",
                         (unsigned long long)(min / MIB), (unsigned long long)(max / MIB),
                         (unsigned long long)(config->memory / MIB));
    SEND(configuration, set_cpus, config->cpus);
    SEND(configuration, set_memory, config->memory);
    return 0;
}

/* --- consoles --- */

static int configure_console(struct vz *vz, id *port, const struct atoll_console *console,
                             struct error *err)
{
    id in, out, attachment;
    int reads, writes;
    int ret = vz_port_open(&vz->ports[vz->port_count], vz, console, &reads, &writes, err);

    if (ret)
        return ret;
    vz->port_count++;
    in = vz_file_handle(reads);
    out = vz_file_handle(writes);
    if (!in || !out)
        return error_set(err, ENOMEM, "out of memory");
    attachment = vz_alloc(VZ_CLASS_VZFileHandleSerialPortAttachment);
    attachment = vz_made(SEND(attachment, init_pipes, in, out));
    *port = vz_new(VZ_CLASS_VZVirtioConsoleDeviceSerialPortConfiguration);
    SEND(*port, set_serial_port, attachment);
    return 0;
}

static int configure_consoles(struct vz *vz, id configuration, const struct atoll_config *config,
                              struct error *err)
{
    id ports[ATOLL_CONSOLES_MAX], array;

    for (size_t i = 0; i < config->console_count; i++) {
        int ret = configure_console(vz, &ports[i], &config->consoles[i], err);

        if (ret)
            return ret;
    }
    array = array_of(ports, config->console_count);
    SEND(configuration, set_serial_ports, array);
    return 0;
}

/* --- networks --- */

/* What Apple's own NAT does as well: then no frame passes through this process. */
static bool is_plain(const struct atoll_net *net)
{
    return net->kind == ATOLL_NET_USER && !net->forward_count && !net->host && !net->isolated &&
           !net->capture && (!net->mtu || net->mtu == MTU_DEFAULT);
}

/* One of our own networks, at the other end of a datagram socket. */
static int socket_attachment(struct vz *vz, id *attachment, const struct atoll_config *config,
                             size_t index, vz_open_net *open_net, struct error *err)
{
    const unsigned mtu = config->nets[index].mtu ? config->nets[index].mtu : MTU_DEFAULT;
    struct vz_wire **wire = &vz->wires[vz->wire_count];
    struct net *net;
    id handle;
    int ret = 0, guest;

    if (mtu < MTU_DEFAULT)
        return error_set(err, ENOTSUP, "Apple's network cards have an MTU of %d at least, not %u",
                         MTU_DEFAULT, mtu);
    if (mtu > MTU_DEFAULT)
        ret = vz_need_method(VZ_METHOD_set_mtu, "another MTU than 1500", err);
    ret = ret ? ret : open_net(&net, config, index, &vz->log, err);
    ret = ret ? ret : vz_wire_open(wire, net, vz->loop, &guest, err);
    if (ret)
        return ret;
    vz->wire_count++;
    handle = vz_file_handle(guest);
    if (!handle)
        return error_set(err, ENOMEM, "out of memory");
    *attachment = vz_alloc(VZ_CLASS_VZFileHandleNetworkDeviceAttachment);
    *attachment = vz_made(SEND(*attachment, init_socket, handle));
    if (mtu > MTU_DEFAULT)
        SEND(*attachment, set_mtu, (long)mtu);
    return 0;
}

static int address_of(id *address, const struct atoll_net *net, struct error *err)
{
    id meta = vz_class(VZ_CLASS_VZMACAddress), string;
    const uint8_t *mac = net->mac;
    char text[18];
    int ret;

    if (!net->has_mac) {
        *address = SEND(meta, random_address);
        return 0;
    }
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    ret = vz_string(text, &string, err);
    if (ret)
        return ret;
    *address = vz_alloc(VZ_CLASS_VZMACAddress);
    *address = vz_made(SEND(*address, init_address, string));
    return *address ? 0
                    : error_set(err, EINVAL, "the framework does not take the address %s", text);
}

static int configure_net(struct vz *vz, id *device, const struct atoll_config *config, size_t index,
                         vz_open_net *open_net, struct error *err)
{
    const struct atoll_net *net = &config->nets[index];
    id attachment = NULL, address;
    int ret = address_of(&address, net, err);

    if (ret)
        return ret;
    if (is_plain(net))
        attachment = vz_new(VZ_CLASS_VZNATNetworkDeviceAttachment);
    else
        ret = socket_attachment(vz, &attachment, config, index, open_net, err);
    if (ret)
        return ret;
    *device = vz_new(VZ_CLASS_VZVirtioNetworkDeviceConfiguration);
    SEND(*device, set_network, attachment);
    SEND(*device, set_address, address);
    return 0;
}

static int configure_nets(struct vz *vz, id configuration, const struct atoll_config *config,
                          vz_open_net *open_net, struct error *err)
{
    id devices[ATOLL_NETS_MAX], array;

    for (size_t i = 0; i < config->net_count; i++) {
        int ret = configure_net(vz, &devices[i], config, i, open_net, err);

        if (ret)
            return ret;
    }
    array = array_of(devices, config->net_count);
    SEND(configuration, set_networks, array);
    return 0;
}

/* --- screen, keyboard and pointer --- */

static int configure_screen(id configuration, const struct atoll_gpu *gpu, struct error *err)
{
    int ret = gpu->width
                  ? vz_need_class(VZ_CLASS_VZVirtioGraphicsDeviceConfiguration, "a screen", err)
                  : 0;
    id scanout, device, array;

    if (ret || !gpu->width)
        return ret;
    scanout = vz_alloc(VZ_CLASS_VZVirtioGraphicsScanoutConfiguration);
    scanout = vz_made(SEND(scanout, init_scanout, (long)gpu->width, (long)gpu->height));
    if (!scanout)
        return error_set(err, EINVAL, "the framework does not take a screen of %ux%u", gpu->width,
                         gpu->height);
    device = vz_new(VZ_CLASS_VZVirtioGraphicsDeviceConfiguration);
    array = array_of(&scanout, 1);
    SEND(device, set_scanouts, array);
    array = array_of(&device, 1);
    SEND(configuration, set_graphics, array);
    return 0;
}

static int configure_input(id configuration, enum atoll_input input, struct error *err)
{
    int ret = input == ATOLL_INPUT_USB
                  ? vz_need_class(VZ_CLASS_VZUSBKeyboardConfiguration, "a keyboard", err)
                  : 0;
    id device, array;

    if (ret || input != ATOLL_INPUT_USB)
        return ret;
    device = vz_new(VZ_CLASS_VZUSBKeyboardConfiguration);
    array = array_of(&device, 1);
    SEND(configuration, set_keyboards, array);
    device = vz_new(VZ_CLASS_VZUSBScreenCoordinatePointingDeviceConfiguration);
    array = array_of(&device, 1);
    SEND(configuration, set_pointers, array);
    return 0;
}

/* Every machine has them, as Atoll's own has. */
static void configure_rest(id configuration)
{
    id device = vz_new(VZ_CLASS_VZVirtioEntropyDeviceConfiguration), array = array_of(&device, 1);

    SEND(configuration, set_entropy, array);
    device = vz_new(VZ_CLASS_VZVirtioTraditionalMemoryBalloonDeviceConfiguration);
    array = array_of(&device, 1);
    SEND(configuration, set_balloons, array);
}

int vz_configure_devices(struct vz *vz, id configuration, const struct atoll_config *config,
                         vz_open_net *open_net, struct error *err)
{
    int ret = configure_size(configuration, config, err);

    ret = ret ? ret : configure_screen(configuration, &config->gpu, err);
    ret = ret ? ret : configure_input(configuration, config->input, err);
    ret = ret ? ret : configure_nets(vz, configuration, config, open_net, err);
    ret = ret ? ret : configure_consoles(vz, configuration, config, err);
    if (!ret)
        configure_rest(configuration);
    return ret;
}
