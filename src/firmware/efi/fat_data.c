/* SPDX-License-Identifier: ISC */
/*
 * Bytes of a file or of a directory: from its clusters, or from the fixed root of FAT12 and FAT16.
 * And what goes with changing them: dates, and the mark that the volume is being written.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

#define FIRST_CLUSTER 2u

/* Where the file's bytes from `offset` lie on the medium, and how many of `length` follow there. */
static int extent(struct volume_file *file, uint64_t offset, uint64_t length, uint64_t *at,
                  uint64_t *run)
{
    struct volume *volume = file->volume;
    uint64_t within = offset % volume->cluster_size, clusters;
    uint32_t cluster, count;
    int ret;

    if (file->fixed) {
        *at = volume->root + offset;
        *run = offset < volume->root_size ? MIN(length, volume->root_size - offset) : 0;
        return *run ? 0 : -ENODATA;
    }
    clusters = (within + length + volume->cluster_size - 1) / volume->cluster_size;
    ret = fat_chain_run(volume, &file->chain, (uint32_t)(offset / volume->cluster_size),
                        (uint32_t)MIN(clusters, UINT32_MAX), &cluster, &count);
    if (ret)
        return ret;
    *at = volume->data + (uint64_t)(cluster - FIRST_CLUSTER) * volume->cluster_size + within;
    *run = MIN(length, (uint64_t)count * volume->cluster_size - within);
    return 0;
}

int fat_data_read(struct volume_file *file, uint64_t offset, void *to, size_t length)
{
    int ret = 0;

    while (length && !ret) {
        uint64_t at, run = 0;

        ret = extent(file, offset, length, &at, &run);
        ret = ret ? ret : medium_read(&file->volume->medium, at, to, run);
        to = (uint8_t *)to + run;
        offset += run;
        length -= run;
    }
    return ret;
}

int fat_data_write(struct volume_file *file, uint64_t offset, const void *from, size_t length)
{
    int ret = 0;

    while (length && !ret) {
        uint64_t at, run = 0;

        ret = extent(file, offset, length, &at, &run);
        ret = ret ? ret : medium_write(&file->volume->medium, at, from, run);
        from = (const uint8_t *)from + run;
        offset += run;
        length -= run;
    }
    return ret;
}

int fat_data_clear(struct volume_file *file, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[16384];
    int ret = 0;

    while (length && !ret) {
        size_t n = MIN(length, sizeof(zeros) - offset % sizeof(zeros));

        ret = fat_data_write(file, offset, zeros, n);
        offset += n;
        length -= n;
    }
    return ret;
}

int fat_begin(struct volume *volume)
{
    int ret = volume->readonly ? -EROFS : 0;

    if (ret || volume->writing)
        return ret;
    ret = fat_count_free(volume);
    if (!ret && !volume->unclean)
        ret = fat_clean_set(volume, false);
    ret = ret ? ret : fat_table_sync(volume);
    volume->writing = ret == 0;
    return ret;
}

/* Time, then date: two seconds, minutes, hours; days, months, years since 1980. */
void fat_time_encode(const struct volume_time *t, uint8_t to[4])
{
    unsigned year = t->year < 1980 ? 0 : MIN(t->year - 1980u, 127u);

    store_le16(to, (uint16_t)(t->hour << 11 | t->minute << 5 | t->second / 2));
    store_le16(to + 2, (uint16_t)(year << 9 | t->month << 5 | t->day));
}

void fat_time_decode(const uint8_t *from, struct volume_time *t)
{
    unsigned time = load_le16(from), date = load_le16(from + 2);

    *t = (struct volume_time){
        .year = (uint16_t)(date ? 1980 + (date >> 9) : 0),
        .month = (uint8_t)(date >> 5 & 15),
        .day = (uint8_t)(date & 31),
        .hour = (uint8_t)(time >> 11),
        .minute = (uint8_t)(time >> 5 & 63),
        .second = (uint8_t)((time & 31) * 2),
    };
}

void fat_time_now(const struct volume *volume, uint8_t to[4])
{
    time_t seconds =
        volume->clock.seconds ? (time_t)volume->clock.seconds(volume->clock.ctx) : 315532800;
    struct tm tm = {.tm_year = 80, .tm_mday = 1};
    struct volume_time t;

    gmtime_r(&seconds, &tm);
    t = (struct volume_time){
        (uint16_t)(1900 + tm.tm_year), (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday,
        (uint8_t)tm.tm_hour,           (uint8_t)tm.tm_min,       (uint8_t)MIN(tm.tm_sec, 59)};
    fat_time_encode(&t, to);
}
