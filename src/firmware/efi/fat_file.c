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

#define CHANGEABLE (VOLUME_READ_ONLY | VOLUME_HIDDEN | VOLUME_SYSTEM | VOLUME_ARCHIVE)

uint32_t fat_clusters(const struct volume *volume, uint64_t size)
{
    return (uint32_t)((size + volume->cluster_size - 1) / volume->cluster_size);
}

uint32_t fat_first_cluster(const struct volume *volume, const uint8_t *raw)
{
    uint32_t high = volume->bits == 32 ? load_le16(raw + DIR_CLUSTER_HIGH) : 0;

    return high << 16 | load_le16(raw + DIR_CLUSTER);
}

static void set_first_cluster(const struct volume *volume, uint8_t *raw, uint32_t cluster)
{
    store_le16(raw + DIR_CLUSTER, (uint16_t)cluster);
    store_le16(raw + DIR_CLUSTER_HIGH, (uint16_t)(volume->bits == 32 ? cluster >> 16 : 0));
}

static struct volume_file *retain(struct volume_file *file)
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

static void take_entry(struct volume_file *file, const struct fat_entry *entry)
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
        *file = retain(f);
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
    f->parent = retain(parent);
    f->references = 1;
    f->depth = parent->depth + 1;
    f->directory = directory;
    f->size = directory ? 0 : load_le32(entry->raw + DIR_SIZE);
    take_entry(f, entry);
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
        return retain(root);
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

static bool more_of(const uint16_t *path)
{
    while (*path == '\\')
        path++;
    return *path != 0;
}

/* One step down (or up) from *at, whose reference is exchanged. */
static int step(struct volume_file **at, const uint16_t *name)
{
    struct volume_file *next;
    struct fat_entry entry;
    int ret;

    if (!(*at)->directory)
        return -ENOTDIR;
    if (name[0] == '.' && name[1] == 0)
        return 0;
    if (name[0] == '.' && name[1] == '.' && name[2] == 0) {
        if (!(*at)->parent)
            return -ENOENT;
        next = retain((*at)->parent);
    } else {
        ret = (*at)->removed ? -ENOENT : fat_dir_find(*at, name, &entry);
        ret = ret ? ret : fat_file_get(*at, &entry, &next);
        if (ret)
            return ret;
    }
    volume_release(*at);
    *at = next;
    return 0;
}

/* Follows the path; with `leaf`, only to the directory of its last name, which is put there ("":
 * the path has none). */
static int walk(struct volume_file *dir, const uint16_t *path, uint16_t *leaf,
                struct volume_file **file)
{
    struct volume_file *from = dir->directory || !dir->parent ? dir : dir->parent;
    struct volume_file *at = *path == '\\' ? volume_root(dir->volume) : retain(from);
    uint16_t name[VOLUME_NAME_MAX];
    int ret = at ? 0 : -ENOMEM;

    if (leaf)
        leaf[0] = 0;
    while (!ret && (ret = fat_path_next(&path, name)) == 1) {
        if (leaf && !more_of(path) && !fat_name_is_dots(name)) {
            memcpy(leaf, name, sizeof(name));
            ret = !at->directory ? -ENOTDIR : fat_name_valid(name) ? 0 : -EINVAL;
            break;
        }
        ret = step(&at, name);
    }
    if (ret)
        volume_release(at);
    else
        *file = at;
    return ret;
}

int volume_lookup(struct volume_file *dir, const uint16_t *path, struct volume_file **file)
{
    return walk(dir, path, NULL, file);
}

/* What "." and ".." of a directory in `parent` point to. */
static uint32_t dotdot_cluster(const struct volume_file *parent)
{
    return parent->parent ? parent->chain.first : 0;
}

static void dot_entry(const struct volume_file *dir, const uint8_t *raw, unsigned dots,
                      uint32_t cluster, uint8_t *to)
{
    memcpy(to, raw, FAT_ENTRY);
    memset(to, ' ', FAT_SHORT);
    memset(to, '.', dots);
    set_first_cluster(dir->volume, to, cluster);
}

/* A new directory's first cluster, and what is in it. */
static int make_directory(struct volume_file *parent, uint8_t *raw, struct fat_chain *chain)
{
    struct volume *volume = parent->volume;
    struct volume_file self = {.volume = volume, .directory = true};
    uint8_t dots[2 * FAT_ENTRY];
    int ret = fat_chain_extend(volume, chain, 0, 1);

    if (ret)
        return ret;
    self.chain = *chain;
    dot_entry(parent, raw, 1, chain->first, dots);
    dot_entry(parent, raw, 2, dotdot_cluster(parent), dots + FAT_ENTRY);
    ret = fat_data_clear(&self, 0, volume->cluster_size);
    ret = ret ? ret : fat_data_write(&self, 0, dots, sizeof(dots));
    ret = ret ? ret : fat_table_sync(volume);
    set_first_cluster(volume, raw, chain->first);
    return ret;
}

static int make_file(struct volume_file *parent, const uint16_t *name, uint8_t attributes,
                     struct volume_file **file)
{
    struct volume *volume = parent->volume;
    struct fat_chain chain = {0};
    uint8_t raw[FAT_ENTRY] = {0};
    struct fat_entry entry;
    int ret = parent->removed ? -ENOENT : fat_begin(volume);

    if (ret)
        return ret;
    raw[DIR_ATTRIBUTES] = attributes & (CHANGEABLE | VOLUME_DIRECTORY);
    fat_time_now(volume, raw + DIR_MODIFIED);
    memcpy(raw + DIR_CREATED, raw + DIR_MODIFIED, 4);
    memcpy(raw + DIR_ACCESSED, raw + DIR_MODIFIED + 2, 2);
    if (attributes & VOLUME_DIRECTORY)
        ret = make_directory(parent, raw, &chain);
    else
        raw[DIR_ATTRIBUTES] |= VOLUME_ARCHIVE;
    ret = ret ? ret : fat_dir_add(parent, name, raw, NULL, &entry);
    if (ret) {
        fat_chain_cut(volume, &chain, 0);
        return ret;
    }
    return fat_file_get(parent, &entry, file);
}

int volume_create(struct volume_file *dir, const uint16_t *path, uint8_t attributes,
                  struct volume_file **file, bool *created)
{
    uint16_t leaf[VOLUME_NAME_MAX];
    struct volume_file *parent;
    struct fat_entry entry;
    int ret = walk(dir, path, leaf, &parent);

    *created = false;
    if (ret)
        return ret;
    if (!leaf[0]) { /* the root, "." or "..": a directory that is there */
        *file = parent;
        return 0;
    }
    ret = fat_dir_find(parent, leaf, &entry);
    if (ret == 0) {
        ret = fat_file_get(parent, &entry, file);
    } else if (ret == -ENOENT) {
        ret = make_file(parent, leaf, attributes, file);
        *created = ret == 0;
    }
    volume_release(parent);
    return ret;
}

int fat_file_commit(struct volume_file *file)
{
    int ret;

    if (!file->dirty || file->removed || !file->parent)
        return 0;
    set_first_cluster(file->volume, file->raw, file->chain.first);
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

/* A chain that ends before the file does is damage. */
static int whole(int ret)
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
    return whole(fat_data_read(file, offset, to, *got));
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
        return whole(ret);
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
        return whole(ret);
    if (count == 0)
        fat_chain_start(&file->chain, 0);
    changed(file, size);
    ret = fat_file_commit(file);
    ret = ret ? ret : fat_chain_cut(file->volume, count ? &file->chain : &all, count);
    ret = ret ? ret : fat_table_sync(file->volume);
    return whole(ret);
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

int volume_remove(struct volume_file *file)
{
    int ret = !file->parent ? -EACCES : file->removed ? -ENOENT : 0;

    if (!ret && file->raw[DIR_ATTRIBUTES] & VOLUME_READ_ONLY)
        ret = -EACCES;
    if (!ret && file->directory)
        ret = fat_dir_empty(file);
    ret = ret ? ret : fat_begin(file->volume);
    ret = ret ? ret : fat_dir_delete(file->parent, file->first_entry, file->entry);
    if (ret)
        return ret;
    file->removed = true;
    ret = fat_chain_cut(file->volume, &file->chain, 0);
    return ret ? ret : fat_table_sync(file->volume);
}

/* Whether `dir` is the file itself or lies below it. */
static bool is_below(const struct volume_file *dir, const struct volume_file *file)
{
    while (dir && dir != file)
        dir = dir->parent;
    return dir != NULL;
}

/* The new entry is written before the old one goes: a machine that stops in between leaves two
 * names for a file, and not none. */
static int move(struct volume_file *file, struct volume_file *dir, const uint16_t *name)
{
    struct volume_file *old = file->parent;
    struct fat_entry entry;
    uint8_t dotdot[FAT_ENTRY];
    int ret = fat_dir_add(dir, name, file->raw, dir == old ? file : NULL, &entry);

    ret = ret ? ret : fat_dir_delete(old, file->first_entry, file->entry);
    if (ret)
        return ret;
    take_entry(file, &entry);
    if (dir == old)
        return 0;
    file->parent = retain(dir);
    volume_release(old);
    if (!file->directory)
        return 0;
    dot_entry(dir, file->raw, 2, dotdot_cluster(dir), dotdot);
    return whole(fat_data_write(file, FAT_ENTRY, dotdot, FAT_ENTRY));
}

int volume_rename(struct volume_file *file, const uint16_t *path)
{
    uint16_t leaf[VOLUME_NAME_MAX];
    struct volume_file *dir;
    struct fat_entry entry;
    int ret = !file->parent ? -EACCES : file->removed ? -ENOENT : 0;

    ret = ret ? ret : walk(file->parent, path, leaf, &dir);
    if (ret)
        return ret;
    ret = !leaf[0] || is_below(dir, file) ? -EINVAL : fat_dir_find(dir, leaf, &entry);
    if (ret == 0 && (dir != file->parent || entry.index != file->entry))
        ret = -EEXIST;
    if (ret == 0 || ret == -ENOENT) {
        ret = fat_begin(file->volume);
        ret = ret ? ret : fat_file_commit(file);
        ret = ret ? ret : move(file, dir, leaf);
    }
    volume_release(dir);
    return ret;
}

static void stat_entry(const struct volume *volume, const uint8_t *raw, uint64_t size,
                       const uint16_t *name, struct volume_stat *stat)
{
    uint8_t accessed[4] = {0, 0, raw[DIR_ACCESSED], raw[DIR_ACCESSED + 1]};

    stat->size = size;
    stat->physical = (uint64_t)fat_clusters(volume, size) * volume->cluster_size;
    stat->attributes = raw[DIR_ATTRIBUTES] & (CHANGEABLE | VOLUME_DIRECTORY);
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
    file->raw[DIR_ATTRIBUTES] =
        (uint8_t)((file->raw[DIR_ATTRIBUTES] & ~CHANGEABLE) | (stat->attributes & CHANGEABLE));
    set_time(&stat->created, file->raw + DIR_CREATED, 0);
    set_time(&stat->modified, file->raw + DIR_MODIFIED, 0);
    set_time(&stat->accessed, file->raw + DIR_ACCESSED, 2);
    file->dirty = true;
    return fat_file_commit(file);
}
