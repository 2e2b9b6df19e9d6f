/* SPDX-License-Identifier: ISC */
/*
 * The FAT volume as a whole: its boot sector, its label, its state. FAT12 and FAT16 are told apart
 * by their count of clusters; FAT32 by having no 16-bit size of the table, since small volumes of
 * that kind exist although the specification knows none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/fat.h"

/* Offsets in the boot sector. */
enum {
    BOOT_SECTOR_SIZE = 11,
    BOOT_CLUSTER_SECTORS = 13,
    BOOT_RESERVED = 14,
    BOOT_TABLES = 16,
    BOOT_ROOT_ENTRIES = 17,
    BOOT_SECTORS_16 = 19,
    BOOT_MEDIA = 21,
    BOOT_TABLE_SECTORS_16 = 22,
    BOOT_SECTORS_32 = 32,
    BOOT_EXTENSION = 38, /* FAT12 and FAT16: the label follows 5 bytes later */
    BOOT32_TABLE_SECTORS = 36,
    BOOT32_FLAGS = 40,
    BOOT32_ROOT = 44,
    BOOT32_FSINFO = 48,
    BOOT32_EXTENSION = 66,

    EXTENSION_MAGIC = 0x29,
    EXTENSION_LABEL = 5,

    FSINFO_FREE = 488,
    FSINFO_NEXT = 492,
};

#define FSINFO_MAGIC_1    UINT32_C(0x41615252)
#define FSINFO_MAGIC_2    UINT32_C(0x61417272)
#define FSINFO_MAGIC_2_AT 484
#define FLAG_ONE_TABLE    0x80u
#define FAT12_MAX         4085u
#define LABEL_BYTES       11u

struct geometry {
    uint32_t sector, cluster_sectors, reserved, tables, table_sectors, root_sectors, sectors;
};

/* The first field that no FAT volume has like this ends the search for one. */
static bool geometry_read(const uint8_t *boot, struct geometry *g)
{
    uint32_t root_bytes = load_le16(boot + BOOT_ROOT_ENTRIES) * FAT_ENTRY;

    *g = (struct geometry){
        .sector = load_le16(boot + BOOT_SECTOR_SIZE),
        .cluster_sectors = boot[BOOT_CLUSTER_SECTORS],
        .reserved = load_le16(boot + BOOT_RESERVED),
        .tables = boot[BOOT_TABLES],
        .table_sectors = load_le16(boot + BOOT_TABLE_SECTORS_16),
        .sectors = load_le16(boot + BOOT_SECTORS_16),
    };
    if ((boot[0] != 0xeb && boot[0] != 0xe9) || boot[BOOT_MEDIA] < 0xf0)
        return false;
    if (!is_power_of_2(g->sector) || g->sector < MEDIUM_BLOCK || g->sector > 4096 ||
        !is_power_of_2(g->cluster_sectors) || g->reserved == 0 || g->tables == 0 || g->tables > 4)
        return false;
    g->root_sectors = (root_bytes + g->sector - 1) / g->sector;
    if (g->sectors == 0)
        g->sectors = load_le32(boot + BOOT_SECTORS_32);
    if (g->table_sectors)
        return g->root_sectors > 0;
    g->table_sectors = load_le32(boot + BOOT32_TABLE_SECTORS);
    g->root_sectors = 0;
    return true;
}

static bool layout(struct volume *volume, const uint8_t *boot)
{
    struct geometry g;
    uint64_t data;
    uint32_t fit;

    if (!geometry_read(boot, &g))
        return false;
    data = g.reserved + (uint64_t)g.tables * g.table_sectors + g.root_sectors;
    if (g.table_sectors == 0 || data >= g.sectors || data * g.sector > volume->medium.size)
        return false;
    volume->cluster_size = g.sector * g.cluster_sectors;
    volume->cluster_count = (uint32_t)((g.sectors - data) / g.cluster_sectors);
    volume->bits = g.root_sectors == 0 ? 32 : volume->cluster_count < FAT12_MAX ? 12 : 16;
    volume->size = (uint64_t)g.sectors * g.sector;
    volume->table = (uint64_t)g.reserved * g.sector;
    volume->table_size = (uint64_t)g.table_sectors * g.sector;
    volume->table_count = g.tables;
    volume->root = volume->table + g.tables * volume->table_size;
    volume->root_size = g.root_sectors * g.sector;
    volume->data = data * g.sector;
    fit = (uint32_t)MIN(volume->table_size * 8 / volume->bits, UINT32_C(0x0ffffff5));
    if (fit <= 2)
        return false;
    volume->cluster_count = MIN(volume->cluster_count, fit - 2);
    return volume->cluster_count > 0;
}

/* What only FAT32 has: which table counts, where the root begins, a count of free clusters. */
static bool layout_32(struct volume *volume, const uint8_t *boot)
{
    unsigned flags = load_le16(boot + BOOT32_FLAGS), active = flags & 15;
    uint64_t fsinfo =
        (uint64_t)load_le16(boot + BOOT32_FSINFO) * load_le16(boot + BOOT_SECTOR_SIZE);
    uint8_t info[MEDIUM_BLOCK];

    volume->root_cluster = load_le32(boot + BOOT32_ROOT);
    if (volume->root_cluster < 2 || volume->root_cluster - 2 >= volume->cluster_count)
        return false;
    if (flags & FLAG_ONE_TABLE) {
        if (active >= volume->table_count)
            return false;
        volume->table += active * volume->table_size;
        volume->table_count = 1;
    }
    if (fsinfo == 0 || fsinfo >= volume->table ||
        medium_read(&volume->medium, fsinfo, info, sizeof(info)) ||
        load_le32(info) != FSINFO_MAGIC_1 || load_le32(info + FSINFO_MAGIC_2_AT) != FSINFO_MAGIC_2)
        return true;
    volume->fsinfo = fsinfo;
    volume->next_free = load_le32(info + FSINFO_NEXT);
    return true;
}

static int mount(struct volume *volume)
{
    uint8_t boot[MEDIUM_BLOCK];
    bool clean = true;
    int ret;

    if (volume->medium.size < sizeof(boot))
        return -ENODEV;
    ret = medium_read(&volume->medium, 0, boot, sizeof(boot));
    if (ret)
        return ret;
    if (!layout(volume, boot) || (volume->bits == 32 && !layout_32(volume, boot)))
        return -ENODEV;
    /* One that was cut off can be read as far as it goes. */
    volume->readonly = !volume->medium.write || volume->size > volume->medium.size;
    ret = fat_clean_get(volume, &clean);
    volume->unclean = !clean;
    return ret;
}

int volume_open(struct volume **volume, const struct medium *medium,
                const struct volume_clock *clock)
{
    struct volume *v = calloc(1, sizeof(*v));
    int ret;

    if (!v)
        return -ENOMEM;
    v->medium = *medium;
    if (clock)
        v->clock = *clock;
    ret = mount(v);
    if (ret)
        free(v);
    else
        *volume = v;
    return ret;
}

void volume_close(struct volume *volume)
{
    if (!volume)
        return;
    volume_flush(volume);
    free(volume);
}

static int write_fsinfo(struct volume *volume)
{
    uint8_t fields[8];

    if (!volume->fsinfo || !volume->counted)
        return 0;
    store_le32(fields, volume->free);
    store_le32(fields + 4, volume->next_free);
    return medium_write(&volume->medium, volume->fsinfo + FSINFO_FREE, fields, sizeof(fields));
}

int volume_flush(struct volume *volume)
{
    int ret = 0;

    if (!volume->writing)
        return 0;
    for (struct volume_file *file = volume->files; file && !ret; file = file->next)
        ret = fat_file_commit(file);
    ret = ret ? ret : fat_table_sync(volume);
    ret = ret ? ret : write_fsinfo(volume);
    ret = ret ? ret : medium_flush(&volume->medium);
    if (!ret && !volume->unclean)
        ret = fat_clean_set(volume, true);
    ret = ret ? ret : fat_table_sync(volume);
    ret = ret ? ret : medium_flush(&volume->medium);
    volume->writing = ret != 0;
    return ret;
}

void volume_forget(struct volume *volume)
{
    for (unsigned i = 0; i < FAT_CACHE_SLOTS; i++)
        volume->cache[i].valid = volume->cache[i].dirty;
    volume->counted = false;
}

static unsigned boot_extension(const struct volume *volume)
{
    return volume->bits == 32 ? BOOT32_EXTENSION : BOOT_EXTENSION;
}

/* The label's entry in the root, or else the boot sector's. */
static int label_read(struct volume *volume, uint8_t label[LABEL_BYTES])
{
    struct volume_file *root = volume_root(volume);
    uint8_t raw[FAT_ENTRY], boot[MEDIUM_BLOCK];
    uint32_t index;
    int ret = root ? fat_dir_label(root, &index, raw) : -ENOMEM;

    volume_release(root);
    memset(label, ' ', LABEL_BYTES);
    if (ret == 0) {
        memcpy(label, raw, LABEL_BYTES);
    } else if (ret == -ENOENT) {
        ret = medium_read(&volume->medium, 0, boot, sizeof(boot));
        if (!ret && boot[boot_extension(volume)] == EXTENSION_MAGIC &&
            memcmp(boot + boot_extension(volume) + EXTENSION_LABEL, "NO NAME    ", LABEL_BYTES))
            memcpy(label, boot + boot_extension(volume) + EXTENSION_LABEL, LABEL_BYTES);
    }
    return ret;
}

bool volume_is_readonly(const struct volume *volume)
{
    return volume->readonly;
}

int volume_info(struct volume *volume, struct volume_info *info)
{
    uint8_t label[LABEL_BYTES];
    size_t length = LABEL_BYTES;
    int ret = fat_count_free(volume);

    ret = ret ? ret : label_read(volume, label);
    if (ret)
        return ret;
    *info = (struct volume_info){
        .size = (uint64_t)volume->cluster_count * volume->cluster_size,
        .free = (uint64_t)volume->free * volume->cluster_size,
        .cluster_size = volume->cluster_size,
        .readonly = volume->readonly,
    };
    while (length && (label[length - 1] == ' ' || label[length - 1] == 0))
        length--;
    for (size_t i = 0; i < length; i++)
        info->label[i] = label[i];
    return 0;
}

static int label_encode(const uint16_t *label, uint8_t to[LABEL_BYTES])
{
    size_t length = 0;

    memset(to, ' ', LABEL_BYTES);
    for (; label[length]; length++) {
        uint16_t c = fat_upper(label[length]);

        if (length == LABEL_BYTES || c < 0x20 || c >= 0x7f || strchr("\"*/:<>?\\|+,.;=[]", c))
            return -EINVAL;
        to[length] = (uint8_t)c;
    }
    return 0;
}

/* In the root, and in the boot sector, so that the two agree. */
int volume_set_label(struct volume *volume, const uint16_t *label)
{
    struct volume_file *root = volume_root(volume);
    uint8_t raw[FAT_ENTRY] = {0}, name[LABEL_BYTES], boot[MEDIUM_BLOCK];
    uint32_t index;
    int ret = root ? label_encode(label, name) : -ENOMEM, found;

    ret = ret ? ret : fat_begin(volume);
    if (ret == 0) {
        found = fat_dir_label(root, &index, raw);
        memcpy(raw, name, LABEL_BYTES);
        raw[DIR_ATTRIBUTES] = DIR_LABEL;
        fat_time_now(volume, raw + DIR_MODIFIED);
        if (name[0] == ' ')
            ret = found ? 0 : fat_dir_delete(root, index, index);
        else
            ret = found ? fat_dir_put(root, raw)
                        : fat_data_write(root, (uint64_t)index * FAT_ENTRY, raw, FAT_ENTRY);
    }
    volume_release(root);
    ret = ret ? ret : medium_read(&volume->medium, 0, boot, sizeof(boot));
    if (ret || boot[boot_extension(volume)] != EXTENSION_MAGIC)
        return ret;
    memcpy(boot + boot_extension(volume) + EXTENSION_LABEL,
           name[0] == ' ' ? (const uint8_t *)"NO NAME    " : name, LABEL_BYTES);
    ret = medium_write(&volume->medium, 0, boot, sizeof(boot));
    return ret ? ret : volume_flush(volume);
}
