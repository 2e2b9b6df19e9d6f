/* SPDX-License-Identifier: ISC */
#include "firmware/efi/device_path.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"

#define HEADER     4u
#define ACPI_PNP   UINT32_C(0x41d0) /* "PNP", compressed */
#define PNP_PCI    UINT32_C(0x0a03)
#define PNP_PCIE   UINT32_C(0x0a08)
#define GUID_BYTES 16u
#define MBR_NUMBER 4u /* bytes of a disk's signature */

/* Offsets in the data of a Hard Drive node (10.3.5.1). */
enum {
    HD_NUMBER = 0,
    HD_START = 4,
    HD_SIZE = 12,
    HD_SIGNATURE = 20,
    HD_FORMAT = 36,
    HD_SIGNATURE_TYPE = 37,
    HD_LENGTH = 38,
};

static void put_header(uint8_t *to, uint8_t type, uint8_t subtype, size_t length)
{
    to[0] = type;
    to[1] = subtype;
    store_le16(to + 2, (uint16_t)length);
}

void device_path_empty(struct device_path *path)
{
    path->length = HEADER;
    put_header(path->bytes, DEVICE_PATH_END, DEVICE_PATH_END_ENTIRE, HEADER);
}

int device_path_add(struct device_path *path, uint8_t type, uint8_t subtype, const void *data,
                    size_t length)
{
    uint8_t *node = path->bytes + path->length - HEADER;

    if (length > sizeof(path->bytes) - HEADER - path->length)
        return -ENOSPC;
    put_header(node, type, subtype, HEADER + length);
    memcpy(node + HEADER, data, length);
    put_header(node + HEADER + length, DEVICE_PATH_END, DEVICE_PATH_END_ENTIRE, HEADER);
    path->length += HEADER + length;
    return 0;
}

void device_path_pci(struct device_path *path, unsigned slot)
{
    const uint8_t function[2] = {0, (uint8_t)slot};
    uint8_t root[8] = {0}; /* _HID, _UID */

    store_le32(root, PNP_PCIE << 16 | ACPI_PNP);
    device_path_empty(path);
    device_path_add(path, DEVICE_PATH_ACPI, DEVICE_PATH_ACPI_DEVICE, root, sizeof(root));
    device_path_add(path, DEVICE_PATH_HARDWARE, DEVICE_PATH_PCI, function, sizeof(function));
}

static int add_cd(struct device_path *path, const struct partition *partition)
{
    uint8_t data[20];

    store_le32(data, partition->number);
    store_le64(data + 4, partition->start / 2048);
    store_le64(data + 12, partition->size / 2048);
    return device_path_add(path, DEVICE_PATH_MEDIA, DEVICE_PATH_CD, data, sizeof(data));
}

int device_path_add_partition(struct device_path *path, const struct partition *partition)
{
    uint8_t data[HD_LENGTH] = {0};

    if (partition->scheme == PARTITION_CD)
        return add_cd(path, partition);
    store_le32(data + HD_NUMBER, partition->number);
    store_le64(data + HD_START, partition->start / MEDIUM_BLOCK);
    store_le64(data + HD_SIZE, partition->size / MEDIUM_BLOCK);
    if (partition->scheme == PARTITION_GPT)
        memcpy(data + HD_SIGNATURE, partition->guid, GUID_BYTES);
    else
        store_le32(data + HD_SIGNATURE, partition->mbr_signature);
    data[HD_FORMAT] = data[HD_SIGNATURE_TYPE] = (uint8_t)partition->scheme;
    return device_path_add(path, DEVICE_PATH_MEDIA, DEVICE_PATH_HARD_DRIVE, data, sizeof(data));
}

int device_path_add_file(struct device_path *path, const uint16_t *name)
{
    size_t length = 0;

    while (name[length])
        length++;
    return device_path_add(path, DEVICE_PATH_MEDIA, DEVICE_PATH_FILE, name, (length + 1) * 2);
}

int device_path_next(const uint8_t *path, size_t length, size_t *at, struct device_node *node)
{
    const uint8_t *bytes = path + *at;
    size_t size;

    if (!range_fits(*at, HEADER, length))
        return -EINVAL;
    size = load_le16(bytes + 2);
    if (size < HEADER || !range_fits(*at, size, length))
        return -EINVAL;
    *node = (struct device_node){bytes[0], bytes[1], bytes, size, bytes + HEADER, size - HEADER};
    *at += size;
    return node->type != DEVICE_PATH_END || node->subtype != DEVICE_PATH_END_ENTIRE;
}

size_t device_path_size(const uint8_t *path, size_t room)
{
    struct device_node node;
    size_t at = 0;
    int ret;

    do
        ret = device_path_next(path, room, &at, &node);
    while (ret == 1);
    return ret == 0 ? at : 0;
}

bool device_path_begins(const uint8_t *path, size_t length, const struct device_path *prefix,
                        size_t *rest)
{
    size_t nodes = prefix->length - HEADER;

    /* Equal bytes have equal node lengths, so the prefix ends at a node's end in both. */
    *rest = nodes;
    return length >= nodes && memcmp(path, prefix->bytes, nodes) == 0;
}

bool device_path_names_partition(const struct device_node *node, const struct partition *partition)
{
    const uint8_t *data = node->data;

    if (node->type != DEVICE_PATH_MEDIA || node->subtype != DEVICE_PATH_HARD_DRIVE ||
        node->data_length != HD_LENGTH || data[HD_SIGNATURE_TYPE] != partition->scheme)
        return false;
    if (partition->scheme == PARTITION_GPT)
        return memcmp(data + HD_SIGNATURE, partition->guid, GUID_BYTES) == 0;
    return partition->scheme == PARTITION_MBR &&
           load_le32(data + HD_SIGNATURE) == partition->mbr_signature &&
           load_le32(data + HD_NUMBER) == partition->number;
}

/* Appends a File Path node's name; one backslash between two. */
static int join(const struct device_node *node, uint16_t *name, size_t *used, size_t room)
{
    size_t units = node->data_length / 2, i = 0;
    bool slash = *used && name[*used - 1] == '\\';

    if (slash && units && load_le16(node->data) == '\\')
        i = 1;
    else if (*used && !slash && !(units && load_le16(node->data) == '\\') && *used < room)
        name[(*used)++] = '\\';
    for (; i < units && load_le16(node->data + 2 * i); i++) {
        if (*used >= room)
            return -ENAMETOOLONG;
        name[(*used)++] = load_le16(node->data + 2 * i);
    }
    return *used < room ? 0 : -ENAMETOOLONG;
}

int device_path_file(const uint8_t *path, size_t length, size_t at, uint16_t *name, size_t room)
{
    struct device_node node;
    size_t used = 0;
    int ret;

    while ((ret = device_path_next(path, length, &at, &node)) == 1) {
        if (node.type == DEVICE_PATH_MEDIA && node.subtype == DEVICE_PATH_FILE)
            ret = join(&node, name, &used, room);
        else
            ret = -EINVAL;
        if (ret < 0)
            return ret;
    }
    if (ret == 0)
        name[used] = 0;
    return ret;
}

/* Text that is cut where its room ends. */
struct text {
    char *at, *end;
};

static void say(struct text *text, const char *format, ...) PRINTF(2, 3);

static void say(struct text *text, const char *format, ...)
{
    size_t room = (size_t)(text->end - text->at);
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->at, room, format, args);
    va_end(args);
    if (length > 0)
        text->at += MIN((size_t)length, room - 1);
}

static void say_file(struct text *text, const struct device_node *node)
{
    for (size_t i = 0; i + 2 <= node->data_length; i += 2) {
        unsigned c = load_le16(node->data + i);

        if (c == 0)
            return;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000))
            say(text, "?");
        else if (c < 0x80)
            say(text, "%c", c);
        else if (c < 0x800)
            say(text, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 63));
        else
            say(text, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 63), 0x80 | (c & 63));
    }
}

static void say_guid(struct text *text, const uint8_t *g)
{
    say(text, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", load_le32(g), load_le16(g + 4),
        load_le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static void say_hard_drive(struct text *text, const uint8_t *hd)
{
    say(text, "HD(%u,", load_le32(hd + HD_NUMBER));
    if (hd[HD_SIGNATURE_TYPE] == PARTITION_GPT) {
        say(text, "GPT,");
        say_guid(text, hd + HD_SIGNATURE);
    } else {
        say(text, "MBR,0x%08X", load_le32(hd + HD_SIGNATURE));
    }
    say(text, ",0x%llX,0x%llX)", (unsigned long long)load_le64(hd + HD_START),
        (unsigned long long)load_le64(hd + HD_SIZE));
}

static void say_vendor(struct text *text, const struct device_node *node)
{
    say(text, node->type == DEVICE_PATH_HARDWARE ? "VenHw(" : "VenMedia(");
    say_guid(text, node->data);
    for (size_t i = GUID_BYTES; i < node->data_length; i++)
        say(text, i == GUID_BYTES ? ",%02X" : "%02X", node->data[i]);
    say(text, ")");
}

static void say_acpi(struct text *text, const uint8_t *acpi)
{
    uint32_t hid = load_le32(acpi), uid = load_le32(acpi + 4);

    if (hid == (PNP_PCIE << 16 | ACPI_PNP))
        say(text, "PcieRoot(0x%X)", uid);
    else if (hid == (PNP_PCI << 16 | ACPI_PNP))
        say(text, "PciRoot(0x%X)", uid);
    else
        say(text, "Acpi(0x%X,0x%X)", hid, uid);
}

static void say_node(struct text *text, const struct device_node *n)
{
    if (n->type == DEVICE_PATH_ACPI && n->subtype == DEVICE_PATH_ACPI_DEVICE && n->data_length >= 8)
        say_acpi(text, n->data);
    else if (n->type == DEVICE_PATH_HARDWARE && n->subtype == DEVICE_PATH_PCI &&
             n->data_length >= 2)
        say(text, "Pci(0x%X,0x%X)", n->data[1], n->data[0]);
    else if (n->type == DEVICE_PATH_MEDIA && n->subtype == DEVICE_PATH_HARD_DRIVE &&
             n->data_length >= HD_LENGTH)
        say_hard_drive(text, n->data);
    else if (n->type == DEVICE_PATH_MEDIA && n->subtype == DEVICE_PATH_CD && n->data_length >= 20)
        say(text, "CDROM(0x%X,0x%llX,0x%llX)", load_le32(n->data),
            (unsigned long long)load_le64(n->data + 4),
            (unsigned long long)load_le64(n->data + 12));
    else if (n->type == DEVICE_PATH_MEDIA && n->subtype == DEVICE_PATH_FILE)
        say_file(text, n);
    else if ((n->type == DEVICE_PATH_HARDWARE || n->type == DEVICE_PATH_MEDIA) &&
             n->subtype == DEVICE_PATH_VENDOR && n->data_length >= GUID_BYTES)
        say_vendor(text, n);
    else
        say(text, "Path(%u,%u)", n->type, n->subtype);
}

void device_path_text(const uint8_t *path, size_t length, char *text, size_t room)
{
    struct text to = {text, text + room};
    struct device_node node;
    size_t at = 0;
    int ret;

    text[0] = 0;
    while ((ret = device_path_next(path, length, &at, &node)) == 1) {
        if (to.at > text)
            say(&to, "/");
        say_node(&to, &node);
    }
    if (ret < 0)
        say(&to, "%s(damaged)", to.at > text ? "/" : "");
}
