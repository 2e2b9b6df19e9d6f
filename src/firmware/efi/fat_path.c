/* SPDX-License-Identifier: ISC */
/*
 * Paths of a FAT volume, and what changes them: files and directories are made, removed and given
 * other names.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

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
        next = fat_file_retain((*at)->parent);
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
    struct volume_file *at = *path == '\\' ? volume_root(dir->volume) : fat_file_retain(from);
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
    fat_set_first_cluster(dir->volume, to, cluster);
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
    fat_set_first_cluster(volume, raw, chain->first);
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
    raw[DIR_ATTRIBUTES] = attributes & (FAT_CHANGEABLE | VOLUME_DIRECTORY);
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
    fat_file_take(file, &entry);
    if (dir == old)
        return 0;
    file->parent = fat_file_retain(dir);
    volume_release(old);
    if (!file->directory)
        return 0;
    dot_entry(dir, file->raw, 2, dotdot_cluster(dir), dotdot);
    return fat_whole(fat_data_write(file, FAT_ENTRY, dotdot, FAT_ENTRY));
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
