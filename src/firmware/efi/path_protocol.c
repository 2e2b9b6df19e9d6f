/* SPDX-License-Identifier: ISC */
/*
 * Device paths as services: to text, and put together (UEFI 2.10, 10.5 and 10.6).
 */
#include <string.h>

#include "firmware/efi/core.h"

const struct efi_guid efi_device_path_guid = {
    0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

#define NODE_HEADER 4u

size_t efi_path_read(struct efi *efi, uint64_t at, uint8_t *path, size_t room)
{
    size_t length = 0;

    while (length + NODE_HEADER <= room) {
        uint8_t *node = path + length;
        size_t size;

        if (!efi_phys_read(efi, at + length, node, NODE_HEADER))
            return 0;
        size = node[2] | (size_t)node[3] << 8;
        if (size < NODE_HEADER || size > room - length ||
            !efi_phys_read(efi, at + length, node, size))
            return 0;
        length += size;
        if (node[0] == DEVICE_PATH_END && node[1] == DEVICE_PATH_END_ENTIRE)
            return length;
    }
    return 0;
}

/* Gives the caller bytes of its own, which it frees; 0: none. */
static efi_status give(struct efi_call *call, const void *bytes, size_t length)
{
    uint64_t at;

    if (!length || efi_pool_new(call->efi, length, &at) != EFI_SUCCESS)
        return 0;
    efi_poke(call->efi, at, bytes, length);
    return at;
}

static efi_status give_text(struct efi_call *call, const char *text)
{
    uint16_t wide[DEVICE_PATH_MAX];
    size_t n = 0;

    for (; text[n] && n < nitems(wide) - 1; n++)
        wide[n] = (uint8_t)text[n];
    wide[n++] = 0;
    return give(call, wide, n * sizeof(*wide));
}

/* ConvertDevicePathToText(*DevicePath, DisplayOnly, AllowShortcuts) */
static efi_status path_to_text(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX];
    size_t length = efi_path_read(call->efi, call->arg[0], path, sizeof(path));
    char text[DEVICE_PATH_MAX];

    if (!call->arg[0] || !length)
        return 0;
    device_path_text(path, length, text, sizeof(text));
    return give_text(call, text);
}

/* ConvertDeviceNodeToText: a path of that node alone. */
static efi_status node_to_text(struct efi_call *call)
{
    static const uint8_t end[] = {DEVICE_PATH_END, DEVICE_PATH_END_ENTIRE, NODE_HEADER, 0};
    uint8_t path[DEVICE_PATH_MAX];
    char text[DEVICE_PATH_MAX];
    size_t size;

    if (!efi_phys_read(call->efi, call->arg[0], path, NODE_HEADER))
        return 0;
    size = path[2] | (size_t)path[3] << 8;
    if (size < NODE_HEADER || size > sizeof(path) - sizeof(end) ||
        !efi_phys_read(call->efi, call->arg[0], path, size))
        return 0;
    memcpy(path + size, end, sizeof(end));
    device_path_text(path, size + sizeof(end), text, sizeof(text));
    return give_text(call, text);
}

static const struct efi_method to_text_methods[] = {
    {0, "ConvertDeviceNodeToText", node_to_text},
    {8, "ConvertDevicePathToText", path_to_text},
};

const struct efi_protocol efi_device_path_to_text = {
    {0x8b843e20, 0x8132, 0x4852, {0x90, 0xcc, 0x55, 0x1a, 0x4e, 0x4a, 0x7f, 0x1c}},
    "Device Path to Text",
    16,
    to_text_methods,
    nitems(to_text_methods),
};

/* GetDevicePathSize(*DevicePath) */
static efi_status path_size(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX];

    return call->arg[0] ? efi_path_read(call->efi, call->arg[0], path, sizeof(path)) : 0;
}

/* DuplicateDevicePath(*DevicePath) */
static efi_status path_duplicate(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX];
    size_t length = call->arg[0] ? efi_path_read(call->efi, call->arg[0], path, sizeof(path)) : 0;

    return give(call, path, length);
}

/* The nodes of a path without its end; nothing for a null pointer. */
static size_t nodes(struct efi_call *call, uint64_t at, uint8_t *path, size_t room)
{
    size_t length = at ? efi_path_read(call->efi, at, path, room) : 0;

    return length ? length - NODE_HEADER : 0;
}

static efi_status give_joined(struct efi_call *call, uint8_t *path, size_t length)
{
    static const uint8_t end[] = {DEVICE_PATH_END, DEVICE_PATH_END_ENTIRE, NODE_HEADER, 0};

    memcpy(path + length, end, sizeof(end));
    return give(call, path, length + sizeof(end));
}

/* AppendDevicePath(*Src1, *Src2) */
static efi_status path_append(struct efi_call *call)
{
    uint8_t path[2 * DEVICE_PATH_MAX];
    size_t length = nodes(call, call->arg[0], path, DEVICE_PATH_MAX);

    length += nodes(call, call->arg[1], path + length, DEVICE_PATH_MAX);
    return give_joined(call, path, length);
}

/* AppendDeviceNode(*DevicePath, *DeviceNode) */
static efi_status path_append_node(struct efi_call *call)
{
    uint8_t path[2 * DEVICE_PATH_MAX];
    size_t length = nodes(call, call->arg[0], path, DEVICE_PATH_MAX), size;

    if (call->arg[1]) {
        if (!efi_phys_read(call->efi, call->arg[1], path + length, NODE_HEADER))
            return 0;
        size = path[length + 2] | (size_t)path[length + 3] << 8;
        if (size < NODE_HEADER || size > DEVICE_PATH_MAX - NODE_HEADER ||
            !efi_phys_read(call->efi, call->arg[1], path + length, size))
            return 0;
        length += size;
    }
    return give_joined(call, path, length);
}

/* Paths of several instances are not made here. */
static efi_status path_nothing(struct efi_call *call)
{
    return 0;
}

/* CreateDeviceNode(NodeType, NodeSubType, NodeLength) */
static efi_status path_create_node(struct efi_call *call)
{
    uint16_t size = (uint16_t)call->arg[2];
    uint8_t node[DEVICE_PATH_MAX] = {(uint8_t)call->arg[0], (uint8_t)call->arg[1], (uint8_t)size,
                                     (uint8_t)(size >> 8)};

    return size < NODE_HEADER || size > sizeof(node) ? 0 : give(call, node, size);
}

static const struct efi_method utility_methods[] = {
    {0, "GetDevicePathSize", path_size},
    {8, "DuplicateDevicePath", path_duplicate},
    {16, "AppendDevicePath", path_append},
    {24, "AppendDeviceNode", path_append_node},
    {32, "AppendDevicePathInstance", path_nothing},
    {40, "GetNextDevicePathInstance", path_nothing},
    {48, "IsDevicePathMultiInstance", path_nothing},
    {56, "CreateDeviceNode", path_create_node},
};

const struct efi_protocol efi_device_path_utilities = {
    {0x0379be4e, 0xd706, 0x437d, {0xb0, 0x37, 0xed, 0xb8, 0x2f, 0xb7, 0x72, 0xa4}},
    "Device Path Utilities",
    64,
    utility_methods,
    nitems(utility_methods),
};

efi_status efi_path_protocols_start(struct efi *efi)
{
    static const struct efi_protocol *const types[] = {&efi_device_path_to_text,
                                                       &efi_device_path_utilities};
    uint64_t handle = 0, guest;

    for (size_t i = 0; i < nitems(types); i++) {
        efi_status status = efi_interface_new(efi, types[i], efi, 0, &guest);

        if (status == EFI_SUCCESS)
            status = efi_install(efi, &handle, &types[i]->guid, guest);
        if (status != EFI_SUCCESS)
            return status;
    }
    return EFI_SUCCESS;
}
