/* SPDX-License-Identifier: ISC */
/*
 * File names: long ones (UCS-2, up to 255 units, in directory entries of 13 units each) and the
 * short ones that every file has beside. Case is ignored for Latin-1, as EDK2's English collation
 * does; the bytes of a short name stand for the characters of that number.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/fat.h"

#define SHORT_BASE   8u
#define SHORT_SUFFIX 3u
#define LONG_UNITS   13u
#define KANJI_E5     0x05u /* stands for 0xe5, which would say "deleted" */

static const uint8_t long_places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};

uint16_t fat_upper(uint16_t c)
{
    bool latin = c >= 0xe0 && c <= 0xfe && c != 0xf7;

    return (c >= 'a' && c <= 'z') || latin ? (uint16_t)(c - 0x20) : c;
}

bool fat_name_equal(const uint16_t *a, const uint16_t *b)
{
    while (*a && fat_upper(*a) == fat_upper(*b)) {
        a++;
        b++;
    }
    return fat_upper(*a) == fat_upper(*b);
}

bool fat_name_is_dots(const uint16_t *name)
{
    return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

int fat_path_next(const uint16_t **path, uint16_t name[VOLUME_NAME_MAX])
{
    size_t length = 0;

    while (**path == '\\')
        ++*path;
    if (**path == 0)
        return 0;
    for (; **path && **path != '\\'; ++*path) {
        if (length == VOLUME_NAME_MAX - 1)
            return -EINVAL;
        name[length++] = **path;
    }
    name[length] = 0;
    if (fat_name_is_dots(name))
        return 1;
    while (length && (name[length - 1] == '.' || name[length - 1] == ' '))
        name[--length] = 0;
    return length ? 1 : -EINVAL;
}

static bool is_one_of(uint16_t c, const char *set)
{
    return c < 0x80 && strchr(set, c) && c;
}

bool fat_name_valid(const uint16_t *name)
{
    if (name[0] == 0 || fat_name_is_dots(name))
        return false;
    for (; *name; name++) {
        if (*name < 0x20 || is_one_of(*name, "\"*/:<>?\\|"))
            return false;
    }
    return true;
}

static size_t decode_part(const uint8_t *from, size_t length, bool lower, uint16_t *to)
{
    while (length && from[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < length; i++)
        to[i] = lower && from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i];
    return length;
}

void fat_short_decode(const uint8_t *raw, uint16_t name[VOLUME_NAME_MAX])
{
    uint8_t flags = raw[DIR_CASE];
    size_t base = decode_part(raw, SHORT_BASE, flags & DIR_CASE_BASE, name), suffix;

    if (raw[0] == KANJI_E5)
        name[0] = DIR_DELETED;
    suffix = decode_part(raw + SHORT_BASE, SHORT_SUFFIX, flags & DIR_CASE_SUFFIX, name + base + 1);
    if (suffix)
        name[base++] = '.';
    name[base + suffix] = 0;
}

/* Fills one part of a short name; false: some of it was left out or replaced. */
static bool encode_part(const uint16_t *from, const uint16_t *end, uint8_t *to, size_t room)
{
    bool whole = true;
    size_t n = 0;

    for (; from < end; from++) {
        uint16_t c = *from >= 'a' && *from <= 'z' ? *from - 0x20 : *from;

        if (c == ' ' || c == '.' || n == room) {
            whole = false;
            continue;
        }
        if (c <= 0x20 || c >= 0x7f || is_one_of(c, "+,;=[]")) {
            c = '_';
            whole = false;
        }
        to[n++] = (uint8_t)c;
    }
    return whole;
}

bool fat_short_encode(const uint16_t *name, uint8_t to[FAT_SHORT])
{
    const uint16_t *end = name, *dot = NULL, *start = name;
    bool whole;

    memset(to, ' ', FAT_SHORT);
    while (*start == '.')
        start++;
    for (end = start; *end; end++)
        dot = *end == '.' ? end : dot;
    whole = encode_part(start, dot ? dot : end, to, SHORT_BASE) && start == name;
    if (dot)
        whole &= encode_part(dot + 1, end, to + SHORT_BASE, SHORT_SUFFIX);
    if (to[0] == ' ') {
        to[0] = '_';
        whole = false;
    }
    return whole;
}

static uint16_t digest(const uint16_t *name, unsigned attempt)
{
    uint32_t hash = 2166136261u ^ attempt; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ *name) * 16777619u;
    return (uint16_t)(hash ^ hash >> 16);
}

void fat_short_number(const uint16_t *name, unsigned attempt, uint8_t to[FAT_SHORT])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t base = 0;

    while (base < SHORT_BASE - 2 && to[base] != ' ')
        base++;
    if (attempt > 9) {
        uint16_t hash = digest(name, attempt);

        for (base = MIN(base, 2); hash && base < SHORT_BASE - 2; hash >>= 4)
            to[base++] = (uint8_t)digits[hash & 15];
    }
    to[base++] = '~';
    to[base++] = (uint8_t)digits[attempt > 9 ? 1 : attempt];
    memset(to + base, ' ', SHORT_BASE - base);
}

uint8_t fat_short_checksum(const uint8_t *raw)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < FAT_SHORT; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + raw[i]);
    return sum;
}

void fat_long_encode(const uint16_t *name, unsigned ordinal, bool last, uint8_t checksum,
                     uint8_t raw[FAT_ENTRY])
{
    const uint16_t *from = name + (ordinal - 1) * LONG_UNITS;
    bool ended = false;

    memset(raw, 0, FAT_ENTRY);
    raw[0] = (uint8_t)(ordinal | (last ? 0x40 : 0));
    raw[DIR_ATTRIBUTES] = DIR_LONG;
    raw[13] = checksum;
    for (unsigned i = 0; i < LONG_UNITS; i++) {
        uint16_t unit = ended ? 0xffff : from[i];

        store_le16(raw + long_places[i], unit);
        ended |= unit == 0;
    }
}

void fat_long_decode(const uint8_t *raw, uint16_t *to)
{
    for (unsigned i = 0; i < LONG_UNITS; i++)
        to[i] = load_le16(raw + long_places[i]);
}
