/* SPDX-License-Identifier: ISC */
/*
 * How a disk is divided: GPT (UEFI 2.10, 5.3), MBR with logical partitions (5.2), or the boot
 * catalog of a CD (El Torito 1.0; UEFI 13.3.2.1). Pure functions over a medium that nobody vouches
 * for.
 */
#ifndef FIRMWARE_EFI_PARTITION_H
#define FIRMWARE_EFI_PARTITION_H

#include "base/log.h"
#include "firmware/efi/medium.h"

#define PARTITIONS_MAX 128u

enum partition_scheme {
    PARTITION_NONE,
    PARTITION_MBR, /* these two are also the values in a Hard Drive device path */
    PARTITION_GPT,
    PARTITION_CD,
};

struct partition {
    enum partition_scheme scheme;
    uint32_t mbr_signature; /* of the disk */
    unsigned number;      /* from 1, logical ones from 5; of a CD: the entry in its boot catalog */
    uint64_t start, size; /* bytes */
    uint8_t type[16];     /* GPT: GUIDs as they lie on the disk */
    uint8_t guid[16];
    uint8_t mbr_type;
    uint8_t record[16]; /* MBR: the partition's record */
    uint16_t name[36];  /* GPT */
    uint64_t attributes;
};

struct partition_table {
    enum partition_scheme scheme;
    size_t count;
    struct partition list[PARTITIONS_MAX];
};

/* Finds the disk's partitions: of the first scheme of GPT, El Torito and MBR that is there, as EDK2
 * does. Whatever is damaged is left out and said in one line of the log; `name` is the disk's.
 * Returns 0, or -errno when the disk cannot be read. */
int partitions_read(const struct medium *medium, const char *name, const struct log *log,
                    struct partition_table *table);

/* An EFI system partition of a GPT. */
bool partition_is_esp(const struct partition *partition);

/* The steps of it, one file each: whether that scheme is there and has any partition. `mbr` is the
 * first block. */
bool partitions_gpt(const struct medium *medium, const char *name, const struct log *log,
                    struct partition_table *table);
bool partitions_el_torito(const struct medium *medium, struct partition_table *table);
bool partitions_mbr(const struct medium *medium, const uint8_t *mbr, struct partition_table *table);

#endif
