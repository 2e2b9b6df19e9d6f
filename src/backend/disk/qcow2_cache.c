/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/disk/qcow2.h"
#include "base/endian.h"
#include "base/units.h"

#define CACHE_BYTES (4 * MIB)
#define CACHE_MIN   8
#define CACHE_MAX   256

#define SECTOR_DOWN(n) ((n) & ~(size_t)(DISK_SECTOR - 1))

int qcow2_cache_init(struct qcow2 *q, struct qcow2_cache *cache)
{
    uint64_t count = CACHE_BYTES / q->cluster_size;

    count = MIN(MAX(count, CACHE_MIN), CACHE_MAX);
    cache->tables = calloc(count, sizeof(*cache->tables));
    cache->count = cache->tables ? (unsigned)count : 0;
    return cache->tables ? 0 : -ENOMEM;
}

void qcow2_cache_free(struct qcow2_cache *cache)
{
    for (unsigned i = 0; i < cache->count; i++)
        free(cache->tables[i].bytes);
    free(cache->tables);
    *cache = (struct qcow2_cache){0};
}

static bool table_is_dirty(const struct qcow2_table *table)
{
    return table->dirty_to > table->dirty_from;
}

void qcow2_table_dirty(struct qcow2_table *table, size_t from, size_t length)
{
    if (!table_is_dirty(table)) {
        table->dirty_from = from;
        table->dirty_to = from + length;
        return;
    }
    table->dirty_from = MIN(table->dirty_from, from);
    table->dirty_to = MAX(table->dirty_to, from + length);
}

/* Writes whole sectors: a part of one would make the host read it first, and could tear. */
static int table_write(struct qcow2 *q, struct qcow2_table *table)
{
    size_t from = SECTOR_DOWN(table->dirty_from);
    size_t to = SECTOR_DOWN(table->dirty_to + DISK_SECTOR - 1);
    int ret = disk_file_write(&q->file, table->bytes + from, to - from, table->offset + from);

    if (!ret)
        table->dirty_from = table->dirty_to = 0;
    return ret;
}

static bool cache_is_dirty(const struct qcow2_cache *cache)
{
    for (unsigned i = 0; i < cache->count; i++)
        if (table_is_dirty(&cache->tables[i]))
            return true;
    return false;
}

static int cache_write(struct qcow2 *q, struct qcow2_cache *cache)
{
    int ret = 0;

    for (unsigned i = 0; i < cache->count && !ret; i++)
        if (table_is_dirty(&cache->tables[i]))
            ret = table_write(q, &cache->tables[i]);
    return ret;
}

static int l1_write(struct qcow2 *q)
{
    int ret = 0;

    while (q->l1_dirty_from < q->l1_dirty_to && !ret) {
        uint8_t bytes[DISK_SECTOR];
        uint32_t count = MIN(q->l1_dirty_to - q->l1_dirty_from, (uint32_t)sizeof(bytes) / 8);

        for (uint32_t i = 0; i < count; i++)
            store_be64(bytes + 8 * i, q->l1[q->l1_dirty_from + i]);
        ret = disk_file_write(&q->file, bytes, 8 * (size_t)count,
                              q->l1_offset + 8 * (uint64_t)q->l1_dirty_from);
        if (!ret)
            q->l1_dirty_from += count;
    }
    return ret;
}

int qcow2_commit(struct qcow2 *q)
{
    bool l1 = q->l1_dirty_from < q->l1_dirty_to;
    int ret;

    if (q->corrupt)
        return -EIO;
    ret = cache_write(q, &q->refcounts);
    if (!ret && (l1 || cache_is_dirty(&q->l2))) {
        ret = disk_file_sync(&q->file);
        ret = ret ? ret : cache_write(q, &q->l2);
    }
    if (!ret && l1) {
        ret = disk_file_sync(&q->file);
        ret = ret ? ret : l1_write(q);
    }
    ret = ret ? ret : disk_file_sync(&q->file);
    if (!ret)
        qcow2_frees_apply(q);
    return ret;
}

/* The place of the table at `offset`, or else one that was used longest ago, made free. */
static int cache_place(struct qcow2 *q, struct qcow2_cache *cache, uint64_t offset,
                       struct qcow2_table **out)
{
    struct qcow2_table *table = &cache->tables[0];
    int ret = 0;

    for (unsigned i = 0; i < cache->count && table->offset != offset; i++)
        if (cache->tables[i].offset == offset || cache->tables[i].used < table->used)
            table = &cache->tables[i];
    table->used = ++cache->clock;
    *out = table;
    if (table->offset == offset)
        return 0;
    if (table_is_dirty(table)) /* an L2 table waits for the counts it relies on */
        ret = cache == &q->l2 ? qcow2_commit(q) : table_write(q, table);
    if (ret)
        return ret;
    table->offset = 0;
    if (!table->bytes)
        table->bytes = malloc(q->cluster_size);
    return table->bytes ? 0 : -ENOMEM;
}

int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, uint64_t offset,
                    struct qcow2_table **table)
{
    int ret = cache_place(q, cache, offset, table);

    if (ret || (*table)->offset == offset)
        return ret;
    if (!range_fits(offset, q->cluster_size, q->file.size))
        return qcow2_corrupt(q, "a table at offset 0x%llx lies past the end of the file",
                             (unsigned long long)offset);
    ret = disk_file_read(&q->file, (*table)->bytes, q->cluster_size, offset);
    if (!ret)
        (*table)->offset = offset;
    return ret;
}

int qcow2_cache_new(struct qcow2 *q, struct qcow2_cache *cache, uint64_t offset,
                    struct qcow2_table **table)
{
    int ret = cache_place(q, cache, offset, table);

    if (ret)
        return ret;
    memset((*table)->bytes, 0, q->cluster_size);
    (*table)->offset = offset;
    (*table)->dirty_from = (*table)->dirty_to = 0;
    qcow2_table_dirty(*table, 0, q->cluster_size);
    return 0;
}
