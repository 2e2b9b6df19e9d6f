/* SPDX-License-Identifier: ISC */
/*
 * Open files of a FAT volume. The order of writes: data, then the table, then the directory's
 * entry, so that a machine that stops in between leaves lost clusters at worst; removing goes the
 * other way. Size and first cluster of a file that grows reach its entry at volume_sync() or
 * release.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

uint32_t fat_clusters(const struct volume *volume, uint64_t size)
{
    return (uint32_t)((size + volume->cluster_size - 1) / volume->cluster_size);
}

uint32_t fat_first_cluster(const struct volume *volume, const uint8_t *raw)
{
    uint32_t high = volume->bits == 32 ? load_le16(raw + DIR_CLUSTER_HIGH) : 0;

    return high << 16 | load_le16(raw + DIR_CLUSTER);
}

void fat_set_first_cluster(const struct volume *volume, uint8_t *raw, uint32_t cluster)
{
    store_le16(raw + DIR_CLUSTER, (uint16_t)cluster);
    store_le16(raw + DIR_CLUSTER_HIGH, (uint16_t)(volume->bits == 32 ? cluster >> 16 : 0));
}

struct volume_file *fat_file_retain(struct volume_file *file)
{
    file->references++;
    return file;
}

/* A directory must not be inside of itself: damage that a search would never leave. */
static int check_place(const struct volume_file *parent, uint32_t cluster)
{
    if (parent->depth + 1 >= FAT_DEPTH_MAX || cluster == 0)
        return -EBADMSG;
    for (; parent; parent = parent->parent) {
        if (parent->chain.first == cluster)
            return -EBADMSG;
    }
    return 0;
}

static struct volume_file *find_open(struct volume_file *parent, uint32_t entry)
{
    struct volume_file *file = parent->volume->files;

    while (file && (file->parent != parent || file->entry != entry || file->removed))
        file = file->next;
    return file;
}

void fat_file_take(struct volume_file *file, const struct fat_entry *entry)
{
    file->first_entry = entry->first;
    file->entry = entry->index;
    memcpy(file->raw, entry->raw, FAT_ENTRY);
    memcpy(file->name, entry->name, sizeof(file->name));
}

int fat_file_get(struct volume_file *parent, const struct fat_entry *entry,
                 struct volume_file **file)
{
    struct volume *volume = parent->volume;
    uint32_t cluster = fat_first_cluster(volume, entry->raw);
    bool directory = entry->raw[DIR_ATTRIBUTES] & VOLUME_DIRECTORY;
    struct volume_file *f = find_open(parent, entry->index);

    if (f) {
        *file = fat_file_retain(f);
        return 0;
    }
    if (directory && check_place(parent, cluster))
        return -EBADMSG;
    if (volume->file_count == FAT_FILES_MAX)
        return -ENFILE;
    f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->volume = volume;
    f->parent = fat_file_retain(parent);
    f->references = 1;
    f->depth = parent->depth + 1;
    f->directory = directory;
    f->size = directory ? 0 : load_le32(entry->raw + DIR_SIZE);
    fat_file_take(f, entry);
    fat_chain_start(&f->chain, cluster);
    f->next = volume->files;
    volume->files = f;
    volume->file_count++;
    *file = f;
    return 0;
}

struct volume_file *volume_root(struct volume *volume)
{
    struct volume_file *root = volume->files;

    while (root && root->parent)
        root = root->next;
    if (root)
        return fat_file_retain(root);
    root = calloc(1, sizeof(*root));
    if (!root)
        return NULL;
    root->volume = volume;
    root->references = 1;
    root->directory = true;
    root->fixed = volume->root_cluster == 0;
    root->raw[DIR_ATTRIBUTES] = VOLUME_DIRECTORY;
    fat_chain_start(&root->chain, volume->root_cluster);
    root->next = volume->files;
    volume->files = root;
    volume->file_count++;
    return root;
}

static void forget(struct volume_file *file)
{
    struct volume_file **at = &file->volume->files;

    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    file->volume->file_count--;
    free(file);
}

void volume_release(struct volume_file *file)
{
    while (file) {
        struct volume_file *parent = file->parent;

        fat_file_commit(file); /* who wants to know whether it worked calls volume_sync() before */
        if (--file->references)
            return;
        forget(file);
        file = parent;
    }
}

bool volume_is_directory(const struct volume_file *file)
{
    return file->directory;
}

int fat_file_commit(struct volume_file *file)
{
    int ret;

    if (!file->dirty || file->removed || !file->parent)
        return 0;
    fat_set_first_cluster(file->volume, file->raw, file->chain.first);
    store_le32(file->raw + DIR_SIZE, file->size);
    ret = fat_table_sync(file->volume);
    ret =
        ret ? ret
            : fat_data_write(file->parent, (uint64_t)file->entry * FAT_ENTRY, file->raw, FAT_ENTRY);
    file->dirty = ret != 0;
    return ret;
}

int volume_sync(struct volume_file *file)
{
    int ret = fat_file_commit(file);

    return ret ? ret : volume_flush(file->volume);
}

int fat_whole(int ret)
{
    return ret == -ENODATA ? -EBADMSG : ret;
}

int volume_read(struct volume_file *file, uint64_t offset, void *to, size_t length, size_t *got)
{
    *got = 0;
    if (file->directory)
        return -EISDIR;
    if (file->removed)
        return -ENOENT;
    if (offset >= file->size)
        return 0;
    *got = MIN(length, file->size - offset);
    return fat_whole(fat_data_read(file, offset, to, *got));
}

static int check_change(struct volume_file *file, uint64_t size)
{
    if (file->directory)
        return -EISDIR;
    if (file->removed)
        return -ENOENT;
    if (file->raw[DIR_ATTRIBUTES] & VOLUME_READ_ONLY)
        return -EACCES;
    return size > FAT_SIZE_MAX ? -EFBIG : fat_begin(file->volume);
}

static void changed(struct volume_file *file, uint32_t size)
{
    file->size = size;
    fat_time_now(file->volume, file->raw + DIR_MODIFIED);
    file->raw[DIR_ATTRIBUTES] |= VOLUME_ARCHIVE;
    file->dirty = true;
}

/* Writes [offset, offset + length), and zeros from the old end to it; `from` NULL: nothing there.
 */
static int write_grown(struct volume_file *file, uint64_t offset, const void *from, size_t length)
{
    uint64_t end = MAX(offset + length, file->size);
    uint32_t have = fat_clusters(file->volume, file->size);
    int ret = fat_chain_extend(file->volume, &file->chain, have, fat_clusters(file->volume, end));

    if (ret)
        return ret;
    if (offset > file->size)
        ret = fat_data_clear(file, file->size, offset - file->size);
    ret = ret ? ret : fat_data_write(file, offset, from, length);
    if (ret) {
        fat_chain_cut(file->volume, &file->chain, have);
        return fat_whole(ret);
    }
    changed(file, (uint32_t)end);
    return 0;
}

int volume_write(struct volume_file *file, uint64_t offset, const void *from, size_t length)
{
    uint64_t end;
    int ret;

    if (__builtin_add_overflow(offset, length, &end))
        return -EFBIG;
    ret = check_change(file, end);
    return ret || length == 0 ? ret : write_grown(file, offset, from, length);
}

/* The entry says so before the clusters are free: they must not belong to two files. */
static int shrink(struct volume_file *file, uint32_t size)
{
    uint32_t count = fat_clusters(file->volume, size);
    struct fat_chain all = file->chain;
    int ret = fat_chain_check(file->volume, &file->chain, count);

    if (ret)
        return fat_whole(ret);
    if (count == 0)
        fat_chain_start(&file->chain, 0);
    changed(file, size);
    ret = fat_file_commit(file);
    ret = ret ? ret : fat_chain_cut(file->volume, count ? &file->chain : &all, count);
    ret = ret ? ret : fat_table_sync(file->volume);
    return fat_whole(ret);
}

int volume_resize(struct volume_file *file, uint64_t size)
{
    int ret;

    if (size == file->size && !file->directory)
        return 0;
    ret = check_change(file, size);
    if (ret)
        return ret;
    return size < file->size ? shrink(file, (uint32_t)size) : write_grown(file, size, NULL, 0);
}

static void stat_entry(const struct volume *volume, const uint8_t *raw, uint64_t size,
                       const uint16_t *name, struct volume_stat *stat)
{
    uint8_t accessed[4] = {0, 0, raw[DIR_ACCESSED], raw[DIR_ACCESSED + 1]};

    stat->size = size;
    stat->physical = (uint64_t)fat_clusters(volume, size) * volume->cluster_size;
    stat->attributes = raw[DIR_ATTRIBUTES] & (FAT_CHANGEABLE | VOLUME_DIRECTORY);
    fat_time_decode(raw + DIR_CREATED, &stat->created);
    fat_time_decode(raw + DIR_MODIFIED, &stat->modified);
    fat_time_decode(accessed, &stat->accessed);
    memcpy(stat->name, name, sizeof(stat->name));
}

void volume_stat(const struct volume_file *file, struct volume_stat *stat)
{
    stat_entry(file->volume, file->raw, file->size, file->name, stat);
}

int volume_next(struct volume_file *dir, uint32_t *position, struct volume_stat *stat)
{
    struct fat_cursor cursor = {.dir = dir, .index = *position};
    const struct volume_file *open;
    struct fat_entry entry;
    int ret = !dir->directory ? -ENOTDIR : dir->removed ? -ENOENT : fat_dir_next(&cursor, &entry);

    if (ret)
        return ret;
    *position = cursor.index;
    open = find_open(dir, entry.index);
    if (open)
        volume_stat(open, stat);
    else
        stat_entry(dir->volume, entry.raw, load_le32(entry.raw + DIR_SIZE), entry.name, stat);
    return 0;
}

static void set_time(const struct volume_time *time, uint8_t *to, size_t skip)
{
    uint8_t encoded[4];

    fat_time_encode(time, encoded);
    if (time->year)
        memcpy(to, encoded + skip, sizeof(encoded) - skip);
}

int volume_set(struct volume_file *file, const struct volume_stat *stat)
{
    int ret = !file->parent ? -EACCES : file->removed ? -ENOENT : fat_begin(file->volume);

    if (ret)
        return ret;
    file->raw[DIR_ATTRIBUTES] = (uint8_t)((file->raw[DIR_ATTRIBUTES] & ~FAT_CHANGEABLE) |
                                          (stat->attributes & FAT_CHANGEABLE));
    set_time(&stat->created, file->raw + DIR_CREATED, 0);
    set_time(&stat->modified, file->raw + DIR_MODIFIED, 0);
    set_time(&stat->accessed, file->raw + DIR_ACCESSED, 2);
    file->dirty = true;
    return fat_file_commit(file);
}
