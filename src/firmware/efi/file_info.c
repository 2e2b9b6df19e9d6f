/* SPDX-License-Identifier: ISC */
#include "firmware/efi/file_info.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/storage.h"

enum {
    INFO_SIZE = 0,
    INFO_FILE_SIZE = 8,
    INFO_PHYSICAL = 16,
    INFO_CREATED = 24,
    INFO_ACCESSED = 40,
    INFO_MODIFIED = 56,
    INFO_ATTRIBUTES = 72,
    INFO_NAME = 80,

    SYSTEM_SIZE = 0,
    SYSTEM_READ_ONLY = 8,
    SYSTEM_VOLUME = 16,
    SYSTEM_FREE = 24,
    SYSTEM_BLOCK = 32,
    SYSTEM_LABEL = 36,

    TIME_ZONE = 12, /* in an EFI_TIME */
};

#define UNSPECIFIED_TIME_ZONE 0x07ffu

static const struct efi_guid info_guid = {
    0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid system_guid = {
    0x09576e93, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid label_guid = {
    0xdb47d7d3, 0xfe81, 0x11d3, {0x9a, 0x35, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

static bool is(const struct efi_guid *type, const struct efi_guid *guid)
{
    return memcmp(type, guid, sizeof(*guid)) == 0;
}

static void time_encode(const struct volume_time *time, uint8_t *to)
{
    if (time->year == 0)
        return;
    store_le16(to, time->year);
    to[2] = time->month;
    to[3] = time->day;
    to[4] = time->hour;
    to[5] = time->minute;
    to[6] = time->second;
    store_le16(to + TIME_ZONE, UNSPECIFIED_TIME_ZONE);
}

static void time_decode(const uint8_t *from, struct volume_time *time)
{
    *time = (struct volume_time){load_le16(from), from[2], from[3], from[4], from[5], from[6]};
}

/* All zeros is "leave it". */
static bool time_valid(const struct volume_time *t)
{
    return t->year == 0 || (t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= 31 &&
                            t->hour < 24 && t->minute < 60 && t->second < 60);
}

/* Copies with the NUL; returns bytes. */
static size_t put_string(const uint16_t *from, uint8_t *to)
{
    size_t length = 0;

    do
        store_le16(to + 2 * length, from[length]);
    while (from[length++]);
    return length * 2;
}

size_t file_info_encode(const struct volume_stat *stat, uint8_t *info)
{
    size_t length = INFO_NAME;

    memset(info, 0, INFO_NAME);
    length += put_string(stat->name, info + INFO_NAME);
    store_le64(info + INFO_SIZE, length);
    store_le64(info + INFO_FILE_SIZE, stat->size);
    store_le64(info + INFO_PHYSICAL, stat->physical);
    time_encode(&stat->created, info + INFO_CREATED);
    time_encode(&stat->accessed, info + INFO_ACCESSED);
    time_encode(&stat->modified, info + INFO_MODIFIED);
    store_le64(info + INFO_ATTRIBUTES, stat->attributes);
    return length;
}

static size_t system_encode(const struct volume_info *volume, uint8_t *info)
{
    size_t length = SYSTEM_LABEL;

    memset(info, 0, SYSTEM_LABEL);
    length += put_string(volume->label, info + SYSTEM_LABEL);
    store_le64(info + SYSTEM_SIZE, length);
    info[SYSTEM_READ_ONLY] = volume->readonly;
    store_le64(info + SYSTEM_VOLUME, volume->size);
    store_le64(info + SYSTEM_FREE, volume->free);
    store_le32(info + SYSTEM_BLOCK, volume->cluster_size);
    return length;
}

efi_status file_info_get(const struct efi_guid *type, struct volume *volume,
                         const struct volume_file *file, uint8_t *info, size_t *length)
{
    struct volume_stat stat;
    struct volume_info about;
    int ret;

    if (is(type, &info_guid)) {
        volume_stat(file, &stat);
        *length = file_info_encode(&stat, info);
        return EFI_SUCCESS;
    }
    if (!is(type, &system_guid) && !is(type, &label_guid))
        return EFI_UNSUPPORTED;
    ret = volume_info(volume, &about);
    if (ret)
        return storage_status(ret);
    *length = is(type, &system_guid) ? system_encode(&about, info) : put_string(about.label, info);
    return EFI_SUCCESS;
}

static bool same_time(const struct volume_time *a, const struct volume_time *b)
{
    return a->year == 0 ||
           (a->year == b->year && a->month == b->month && a->day == b->day && a->hour == b->hour &&
            a->minute == b->minute && a->second / 2 == b->second / 2);
}

static void get_stat(const uint8_t *info, struct volume_stat *stat)
{
    stat->size = load_le64(info + INFO_FILE_SIZE);
    stat->attributes = info[INFO_ATTRIBUTES];
    time_decode(info + INFO_CREATED, &stat->created);
    time_decode(info + INFO_ACCESSED, &stat->accessed);
    time_decode(info + INFO_MODIFIED, &stat->modified);
    memcpy(stat->name, info + INFO_NAME, sizeof(stat->name));
    stat->name[VOLUME_NAME_MAX - 1] = 0;
}

static bool same_name(const uint16_t *a, const uint16_t *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Size and name first, which are refused most often; what is refused leaves the rest as it was. */
static int change(struct volume_file *file, const struct volume_stat *old,
                  const struct volume_stat *new)
{
    int ret = 0;

    if (new->size != old->size)
        ret = volume_resize(file, new->size);
    if (!ret && !same_name(new->name, old->name))
        ret = volume_rename(file, new->name);
    if (!ret && (new->attributes != old->attributes || !same_time(&new->created, &old->created) ||
                 !same_time(&new->modified, &old->modified)))
        ret = volume_set(file, new);
    return ret;
}

static efi_status set_file(struct volume_file *file, bool writable, const uint8_t *info,
                           size_t length)
{
    struct volume_stat old, new;
    bool only_attributes;

    if (length < INFO_NAME + 2 || load_le64(info + INFO_SIZE) > length)
        return EFI_BAD_BUFFER_SIZE;
    volume_stat(file, &old);
    get_stat(info, &new);
    if (load_le64(info + INFO_ATTRIBUTES) & ~UINT64_C(0x37) ||
        (new.attributes ^ old.attributes) & VOLUME_DIRECTORY || !time_valid(&new.created) ||
        !time_valid(&new.accessed) || !time_valid(&new.modified))
        return EFI_INVALID_PARAMETER;
    only_attributes = new.size == old.size &&same_name(new.name, old.name) &&
                      same_time(&new.created, &old.created) &&
                      same_time(&new.modified, &old.modified);
    if (!only_attributes && !writable)
        return EFI_ACCESS_DENIED;
    if (new.size != old.size && volume_is_directory(file))
        return EFI_ACCESS_DENIED;
    return storage_status(change(file, &old, &new));
}

efi_status file_info_set(const struct efi_guid *type, struct volume *volume,
                         struct volume_file *file, bool writable, const uint8_t *info,
                         size_t length)
{
    uint16_t label[VOLUME_LABEL + 1] = {0};
    size_t at = is(type, &system_guid) ? SYSTEM_LABEL : 0;

    if (is(type, &info_guid))
        return set_file(file, writable, info, length);
    if (!is(type, &system_guid) && !is(type, &label_guid))
        return EFI_UNSUPPORTED;
    if (length < at + 2)
        return EFI_BAD_BUFFER_SIZE;
    /* One that is too long stays too long, and is refused. */
    memcpy(label, info + at, MIN(length - at, sizeof(label) - 2));
    return storage_status(volume_set_label(volume, label));
}
