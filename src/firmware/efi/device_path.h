/* SPDX-License-Identifier: ISC */
/*
 * Device paths (UEFI 2.10, chapter 10): packed nodes that say how a device, or a file on it, is
 * reached. Those that a guest gives, or a boot option keeps, are walked within their bounds.
 */
#ifndef FIRMWARE_EFI_DEVICE_PATH_H
#define FIRMWARE_EFI_DEVICE_PATH_H

#include "firmware/efi/partition.h"

#define DEVICE_PATH_MAX 1024u

/* Types and sub-types that we make or look at. */
enum {
    DEVICE_PATH_HARDWARE = 1,
    DEVICE_PATH_ACPI = 2,
    DEVICE_PATH_MEDIA = 4,
    DEVICE_PATH_END = 0x7f,

    DEVICE_PATH_PCI = 1,
    DEVICE_PATH_ACPI_DEVICE = 1,
    DEVICE_PATH_HARD_DRIVE = 1,
    DEVICE_PATH_CD = 2,
    DEVICE_PATH_VENDOR = 3, /* of hardware and of media */
    DEVICE_PATH_FILE = 4,
    DEVICE_PATH_END_ENTIRE = 0xff,
};

/* One that we build; always whole, with its end node. */
struct device_path {
    size_t length;
    uint8_t bytes[DEVICE_PATH_MAX];
};

struct device_node {
    uint8_t type, subtype;
    const uint8_t *bytes; /* the whole node */
    size_t length;
    const uint8_t *data; /* what follows its header of four bytes */
    size_t data_length;
};

/* Begins a path with the PCI root bridge and a function 0 behind it. */
void device_path_pci(struct device_path *path, unsigned slot);
/* Begins an empty path. */
void device_path_empty(struct device_path *path);

/* Add a node: -ENOSPC when the path would be longer than DEVICE_PATH_MAX. */
int device_path_add(struct device_path *path, uint8_t type, uint8_t subtype, const void *data,
                    size_t length);
int device_path_add_partition(struct device_path *path, const struct partition *partition);
int device_path_add_file(struct device_path *path, const uint16_t *name);

/* The node at *at, which is moved behind it. 1: a node, 0: the end of the path, -EINVAL: no node
 * within `length` bytes. */
int device_path_next(const uint8_t *path, size_t length, size_t *at, struct device_node *node);

/* The length of the path with its end node; 0: it has no end within `room`. */
size_t device_path_size(const uint8_t *path, size_t room);

/* Whether `path` begins with all the nodes of `prefix` (both valid); *rest: where it goes on. */
bool device_path_begins(const uint8_t *path, size_t length, const struct device_path *prefix,
                        size_t *rest);

/* Whether a Hard Drive node means this partition: by its GUID, or its disk's signature and its
 * number, wherever the disk may be now. */
bool device_path_names_partition(const struct device_node *node, const struct partition *partition);

/* The File Path nodes from `at` on, joined: "\EFI\BOOT\BOOTAA64.EFI". 0 (with "" when there are
 * none), or -EINVAL, -ENAMETOOLONG. `room` is in units. */
int device_path_file(const uint8_t *path, size_t length, size_t at, uint16_t *name, size_t room);

/* As text (UEFI 2.10, 10.6), UTF-8, cut to `room`: "PcieRoot(0x0)/Pci(0x2,0x0)/HD(1,GPT,...)". */
void device_path_text(const uint8_t *path, size_t length, char *text, size_t room);

#endif
