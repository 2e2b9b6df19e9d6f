/* SPDX-License-Identifier: ISC */
/*
 * Directories: files of entries of 32 bytes. A file is a short entry with the parts of its long
 * name before it, last part first, each with a checksum of the short name. What does not fit
 * together is read as the short name alone.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

#define LONG_UNITS     13u
#define LONG_MAX_PARTS 20u
#define LONG_LAST      0x40u
#define LONG_CHECKSUM  13u
#define ATTRIBUTES     0x3fu
#define SHORT_ATTEMPTS 64u

/* A long name as its parts come in. */
struct long_name {
    unsigned left; /* parts that are to come */
    bool begun;
    uint8_t checksum;
    uint32_t first;
    uint16_t units[LONG_MAX_PARTS * LONG_UNITS + 1];
};

/* -ENODATA: the directory ends before it. */
static int entry_at(struct fat_cursor *cursor, uint32_t index, const uint8_t **raw)
{
    uint64_t at = (uint64_t)index * FAT_ENTRY, block = at / MEDIUM_BLOCK;
    int ret;

    if (index >= FAT_DIR_MAX)
        return -EBADMSG;
    if (cursor->block != block + 1) {
        cursor->block = 0;
        ret = fat_data_read(cursor->dir, block * MEDIUM_BLOCK, cursor->bytes, MEDIUM_BLOCK);
        if (ret)
            return ret;
        cursor->block = (uint32_t)block + 1;
    }
    *raw = cursor->bytes + at % MEDIUM_BLOCK;
    return 0;
}

static void long_part(struct long_name *name, const uint8_t *raw, uint32_t index)
{
    unsigned ordinal = raw[0] & (LONG_LAST - 1);

    if (raw[0] & LONG_LAST) {
        name->begun = ordinal > 0 && ordinal <= LONG_MAX_PARTS;
        name->left = name->begun ? ordinal : 0;
        name->checksum = raw[LONG_CHECKSUM];
        name->first = index;
        name->units[name->left * LONG_UNITS] = 0;
    }
    if (!name->begun || name->left == 0 || ordinal != name->left ||
        raw[LONG_CHECKSUM] != name->checksum) {
        name->begun = false;
        return;
    }
    name->left--;
    fat_long_decode(raw, name->units + name->left * LONG_UNITS);
}

static void take_name(struct fat_entry *entry, const struct long_name *name)
{
    size_t length = 0;

    entry->first = entry->index;
    if (name->begun && name->left == 0 && name->checksum == fat_short_checksum(entry->raw)) {
        while (name->units[length])
            length++;
        entry->first = name->first;
    }
    if (length == 0 || length >= VOLUME_NAME_MAX)
        fat_short_decode(entry->raw, entry->name);
    else
        memcpy(entry->name, name->units, (length + 1) * sizeof(name->units[0]));
}

int fat_dir_next(struct fat_cursor *cursor, struct fat_entry *entry)
{
    struct long_name name = {.begun = false};

    for (;;) {
        const uint8_t *raw;
        int ret = entry_at(cursor, cursor->index, &raw);

        if (ret || raw[0] == 0)
            return ret && ret != -ENODATA ? ret : -ENOENT;
        entry->index = cursor->index++;
        if (raw[0] == DIR_DELETED) {
            name.begun = false;
        } else if ((raw[DIR_ATTRIBUTES] & ATTRIBUTES) == DIR_LONG) {
            long_part(&name, raw, entry->index);
        } else if (raw[DIR_ATTRIBUTES] & DIR_LABEL) {
            name.begun = false;
        } else {
            memcpy(entry->raw, raw, FAT_ENTRY);
            take_name(entry, &name);
            return 0;
        }
    }
}

int fat_dir_find(struct volume_file *dir, const uint16_t *name, struct fat_entry *entry)
{
    struct fat_cursor cursor = {.dir = dir};
    uint16_t shown[VOLUME_NAME_MAX];
    int ret;

    while ((ret = fat_dir_next(&cursor, entry)) == 0) {
        if (entry->raw[0] == '.')
            continue;
        fat_short_decode(entry->raw, shown);
        if (fat_name_equal(name, entry->name) || fat_name_equal(name, shown))
            return 0;
    }
    return ret;
}

/* 1: a file of the directory, other than `except`, has the short name. */
static int short_used(struct volume_file *dir, const uint8_t *raw, const struct volume_file *except)
{
    struct fat_cursor cursor = {.dir = dir};
    struct fat_entry entry;
    int ret;

    while ((ret = fat_dir_next(&cursor, &entry)) == 0) {
        if (memcmp(entry.raw, raw, FAT_SHORT) == 0 && !(except && except->entry == entry.index))
            return 1;
    }
    return ret == -ENOENT ? 0 : ret;
}

static int short_choose(struct volume_file *dir, const uint16_t *name,
                        const struct volume_file *except, uint8_t raw[FAT_SHORT])
{
    bool whole = fat_short_encode(name, raw);
    uint8_t base[FAT_SHORT];
    int used = 1;

    memcpy(base, raw, FAT_SHORT);
    if (whole)
        used = short_used(dir, raw, except);
    for (unsigned attempt = 1; used > 0 && attempt <= SHORT_ATTEMPTS; attempt++) {
        memcpy(raw, base, FAT_SHORT);
        fat_short_number(name, attempt, raw);
        used = short_used(dir, raw, except);
    }
    return used > 0 ? -ENOSPC : used;
}

/* Makes the directory `count` entries long; those from `end` on hold nothing yet, and become zeros
 * as far as the last cluster goes, which is also what ends the directory. */
static int grow(struct volume_file *dir, uint32_t end, uint32_t count)
{
    struct volume *volume = dir->volume;
    uint64_t used = (uint64_t)end * FAT_ENTRY, bytes = (uint64_t)count * FAT_ENTRY;
    int ret;

    if (count > FAT_DIR_MAX || (dir->fixed && bytes > volume->root_size))
        return -ENOSPC;
    if (dir->fixed)
        return fat_data_clear(dir, used, volume->root_size - used);
    ret = fat_chain_extend(volume, &dir->chain, MAX(fat_clusters(volume, used), 1),
                           fat_clusters(volume, bytes));
    if (ret)
        return ret;
    bytes = (uint64_t)fat_clusters(volume, bytes) * volume->cluster_size;
    ret = fat_data_clear(dir, used, bytes - used);
    return ret ? ret : fat_table_sync(volume);
}

/* The first of `count` entries in a row that hold nothing. */
static int find_room(struct volume_file *dir, uint32_t count, uint32_t *first)
{
    struct fat_cursor cursor = {.dir = dir};
    uint32_t run = 0, index = 0;
    const uint8_t *raw;
    int ret;

    for (; run < count; index++) {
        ret = index < FAT_DIR_MAX ? entry_at(&cursor, index, &raw) : -ENODATA;
        if (ret && ret != -ENODATA)
            return ret;
        if (ret || raw[0] == 0) {
            *first = index - run;
            return grow(dir, index, *first + count);
        }
        run = raw[0] == DIR_DELETED ? run + 1 : 0;
    }
    *first = index - run;
    return 0;
}

static bool same_name(const uint16_t *a, const uint16_t *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Entries that the long name takes before the short one. */
static unsigned long_parts(const uint16_t *name, const uint8_t *raw)
{
    uint16_t shown[VOLUME_NAME_MAX];
    unsigned length = 0;

    fat_short_decode(raw, shown);
    if (same_name(shown, name))
        return 0;
    while (name[length])
        length++;
    return (length + LONG_UNITS - 1) / LONG_UNITS;
}

int fat_dir_add(struct volume_file *dir, const uint16_t *name, const uint8_t *raw,
                const struct volume_file *except, struct fat_entry *entry)
{
    uint8_t set[(LONG_MAX_PARTS + 1) * FAT_ENTRY];
    unsigned parts, length = 0;
    int ret;

    memcpy(entry->raw, raw, FAT_ENTRY);
    entry->raw[DIR_CASE] = 0;
    ret = short_choose(dir, name, except, entry->raw);
    if (ret)
        return ret;
    parts = long_parts(name, entry->raw);
    ret = find_room(dir, parts + 1, &entry->first);
    if (ret)
        return ret;
    for (unsigned i = 0; i < parts; i++)
        fat_long_encode(name, parts - i, i == 0, fat_short_checksum(entry->raw),
                        set + i * FAT_ENTRY);
    memcpy(set + parts * FAT_ENTRY, entry->raw, FAT_ENTRY);
    entry->index = entry->first + parts;
    while (name[length])
        length++;
    memcpy(entry->name, name, (length + 1) * sizeof(*name));
    return fat_data_write(dir, (uint64_t)entry->first * FAT_ENTRY, set, (parts + 1) * FAT_ENTRY);
}

/* The short entry goes first: parts of a long name without it are nothing. */
int fat_dir_delete(struct volume_file *dir, uint32_t first, uint32_t last)
{
    const uint8_t deleted = DIR_DELETED;
    int ret = 0;

    for (uint32_t i = last + 1; i > first && !ret; i--)
        ret = fat_data_write(dir, (uint64_t)(i - 1) * FAT_ENTRY, &deleted, 1);
    return ret;
}

int fat_dir_empty(struct volume_file *dir)
{
    struct fat_cursor cursor = {.dir = dir};
    struct fat_entry entry;
    int ret;

    while ((ret = fat_dir_next(&cursor, &entry)) == 0) {
        if (entry.raw[0] != '.')
            return -ENOTEMPTY;
    }
    return ret == -ENOENT ? 0 : ret;
}

int fat_dir_label(struct volume_file *root, uint32_t *index, uint8_t raw[FAT_ENTRY])
{
    struct fat_cursor cursor = {.dir = root};
    const uint8_t *at;
    int ret;

    for (*index = 0; (ret = entry_at(&cursor, *index, &at)) == 0 && at[0]; ++*index) {
        uint8_t attributes = at[DIR_ATTRIBUTES] & ATTRIBUTES;

        if (at[0] != DIR_DELETED && attributes != DIR_LONG && attributes & DIR_LABEL) {
            memcpy(raw, at, FAT_ENTRY);
            return 0;
        }
    }
    return ret && ret != -ENODATA ? ret : -ENOENT;
}

int fat_dir_put(struct volume_file *dir, const uint8_t *raw)
{
    uint32_t index;
    int ret = find_room(dir, 1, &index);

    return ret ? ret : fat_data_write(dir, (uint64_t)index * FAT_ENTRY, raw, FAT_ENTRY);
}
