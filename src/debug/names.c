/* SPDX-License-Identifier: ISC */
#include "debug/names.h"

#include <stdio.h>
#include <string.h>

struct bit_name {
    uint8_t bit;
    const char *name;
};

static const struct bit_name net_bits[] = {
    {0, "CSUM"},
    {1, "GUEST_CSUM"},
    {2, "CTRL_GUEST_OFFLOADS"},
    {3, "MTU"},
    {5, "MAC"},
    {6, "GSO"},
    {7, "GUEST_TSO4"},
    {8, "GUEST_TSO6"},
    {9, "GUEST_ECN"},
    {10, "GUEST_UFO"},
    {11, "HOST_TSO4"},
    {12, "HOST_TSO6"},
    {13, "HOST_ECN"},
    {14, "HOST_UFO"},
    {15, "MRG_RXBUF"},
    {16, "STATUS"},
    {17, "CTRL_VQ"},
    {18, "CTRL_RX"},
    {19, "CTRL_VLAN"},
    {20, "CTRL_RX_EXTRA"},
    {21, "GUEST_ANNOUNCE"},
    {22, "MQ"},
    {23, "CTRL_MAC_ADDR"},
    {54, "GUEST_USO4"},
    {55, "GUEST_USO6"},
    {56, "HOST_USO"},
    {57, "HASH_REPORT"},
    {59, "GUEST_HDRLEN"},
    {60, "RSS"},
    {61, "RSC_EXT"},
    {62, "STANDBY"},
    {63, "SPEED_DUPLEX"},
};

static const struct bit_name blk_bits[] = {
    {0, "BARRIER"},  {1, "SIZE_MAX"}, {2, "SEG_MAX"},       {4, "GEOMETRY"},  {5, "RO"},
    {6, "BLK_SIZE"}, {7, "SCSI"},     {9, "FLUSH"},         {10, "TOPOLOGY"}, {11, "CONFIG_WCE"},
    {12, "MQ"},      {13, "DISCARD"}, {14, "WRITE_ZEROES"}, {15, "LIFETIME"}, {16, "SECURE_ERASE"},
    {17, "ZONED"},
};

static const struct bit_name console_bits[] = {
    {0, "SIZE"},
    {1, "MULTIPORT"},
    {2, "EMERG_WRITE"},
};

static const struct bit_name balloon_bits[] = {
    {0, "MUST_TELL_HOST"}, {1, "STATS_VQ"},    {2, "DEFLATE_ON_OOM"},
    {3, "FREE_PAGE_HINT"}, {4, "PAGE_POISON"}, {5, "PAGE_REPORTING"},
};

static const struct bit_name gpu_bits[] = {
    {0, "VIRGL"}, {1, "EDID"}, {2, "RESOURCE_UUID"}, {3, "RESOURCE_BLOB"}, {4, "CONTEXT_INIT"},
};

/* Of every device (6); the first two of legacy ones (6.3). */
static const struct bit_name reserved_bits[] = {
    {24, "NOTIFY_ON_EMPTY"}, {27, "ANY_LAYOUT"},        {28, "INDIRECT_DESC"},
    {29, "EVENT_IDX"},       {32, "VERSION_1"},         {33, "ACCESS_PLATFORM"},
    {34, "RING_PACKED"},     {35, "IN_ORDER"},          {36, "ORDER_PLATFORM"},
    {37, "SR_IOV"},          {38, "NOTIFICATION_DATA"}, {39, "NOTIF_CONFIG_DATA"},
    {40, "RING_RESET"},
};

static const struct bit_name status_bits[] = {
    {0, "ACKNOWLEDGE"},        {1, "DRIVER"}, {2, "DRIVER_OK"}, {3, "FEATURES_OK"},
    {6, "DEVICE_NEEDS_RESET"}, {7, "FAILED"},
};

static const struct device_bits {
    const char *kind;
    const struct bit_name *bits;
    size_t count;
} devices[] = {
    {"virtio-net", net_bits, nitems(net_bits)},
    {"virtio-blk", blk_bits, nitems(blk_bits)},
    {"virtio-console", console_bits, nitems(console_bits)},
    {"virtio-balloon", balloon_bits, nitems(balloon_bits)},
    {"virtio-gpu", gpu_bits, nitems(gpu_bits)},
};

bool device_is(const char *device, const char *kind)
{
    size_t length = strlen(kind);

    return strncmp(device, kind, length) == 0 &&
           strspn(device + length, "0123456789") == strlen(device + length);
}

static const char *find(const struct bit_name *bits, size_t count, unsigned bit)
{
    for (size_t i = 0; i < count; i++)
        if (bits[i].bit == bit)
            return bits[i].name;
    return NULL;
}

static const char *feature_name(const char *device, unsigned bit)
{
    for (size_t i = 0; i < nitems(devices); i++)
        if (device_is(device, devices[i].kind)) {
            const char *name = find(devices[i].bits, devices[i].count, bit);

            if (name)
                return name;
        }
    return find(reserved_bits, nitems(reserved_bits), bit);
}

static void append(char *text, size_t room, const char *name, unsigned bit)
{
    size_t used = strlen(text);

    if (name)
        snprintf(text + used, room - used, "%s%s", used ? " " : "", name);
    else
        snprintf(text + used, room - used, "%sbit %u", used ? " " : "", bit);
}

const char *features_name(const char *device, uint64_t features, char *text, size_t room)
{
    text[0] = '\0';
    for (unsigned bit = 0; bit < 64; bit++)
        if (features & BIT(bit))
            append(text, room, feature_name(device, bit), bit);
    return features ? text : "none";
}

const char *status_name(uint8_t status, char *text, size_t room)
{
    text[0] = '\0';
    for (unsigned bit = 0; bit < 8; bit++)
        if (status & BIT(bit))
            append(text, room, find(status_bits, nitems(status_bits), bit), bit);
    return status ? text : "none";
}
