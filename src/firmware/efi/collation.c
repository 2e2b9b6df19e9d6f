/* SPDX-License-Identifier: ISC */
/*
 * EFI_UNICODE_COLLATION_PROTOCOL2 (UEFI 2.10, 13.6) for English: shells and systemd-boot match file
 * names with it.
 */
#include "firmware/efi/core.h"

#define STRING_MAX 1024u

static uint16_t upper(uint16_t c)
{
    return c >= 'a' && c <= 'z' ? (uint16_t)(c - 'a' + 'A') : c;
}

static uint16_t lower(uint16_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint16_t)(c - 'A' + 'a') : c;
}

/* StriColl(This, *S1, *S2) */
static efi_status compare(struct efi_call *call)
{
    for (uint64_t i = 0; i < STRING_MAX; i++) {
        uint16_t a, b;

        if (efi_read(call, call->arg[1] + i * 2, &a, sizeof(a)) ||
            efi_read(call, call->arg[2] + i * 2, &b, sizeof(b)))
            return 0;
        if (upper(a) != upper(b))
            return (uint64_t)(int64_t)(upper(a) - upper(b));
        if (a == 0)
            return 0;
    }
    return 0;
}

/* Whether `c` is in the set that begins after '['; *pattern moves to its ']'. */
static bool in_set(const uint16_t **pattern, uint16_t c)
{
    const uint16_t *p = *pattern + 1;
    bool found = false;

    for (; *p && *p != ']'; p++) {
        if (p[1] == '-' && p[2] && p[2] != ']') {
            found |= upper(c) >= upper(p[0]) && upper(c) <= upper(p[2]);
            p += 2;
        } else {
            found |= upper(*p) == upper(c);
        }
    }
    *pattern = *p ? p : p - 1;
    return found;
}

static bool matches_one(const uint16_t **pattern, uint16_t c)
{
    if (**pattern == '[')
        return in_set(pattern, c);
    return **pattern == '?' || upper(**pattern) == upper(c);
}

/* Whether a name matches, with one step back for the last '*': linear in both for one star. */
static bool matches(const uint16_t *name, const uint16_t *pattern)
{
    const uint16_t *star = NULL, *resume = NULL;

    while (*name) {
        const uint16_t *p = pattern;

        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*p && matches_one(&p, *name)) {
            pattern = p + 1;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

/* MetaiMatch(This, *String, *Pattern) */
static efi_status meta_match(struct efi_call *call)
{
    uint16_t name[STRING_MAX], pattern[STRING_MAX];

    if (efi_read_string(call, call->arg[1], name, STRING_MAX) ||
        efi_read_string(call, call->arg[2], pattern, STRING_MAX))
        return 0;
    return matches(name, pattern);
}

static efi_status change(struct efi_call *call, uint16_t (*to)(uint16_t c))
{
    for (uint64_t i = 0; i < STRING_MAX; i++) {
        uint64_t at = call->arg[1] + i * 2;
        uint16_t c;

        if (efi_read(call, at, &c, sizeof(c)) || c == 0)
            break;
        c = to(c);
        efi_write(call, at, &c, sizeof(c));
    }
    return EFI_SUCCESS;
}

static efi_status to_lower(struct efi_call *call)
{
    return change(call, lower);
}

static efi_status to_upper(struct efi_call *call)
{
    return change(call, upper);
}

/* FatToStr, StrToFat: 8.3 names in a codepage, which nobody asks for. */
static efi_status no_fat_names(struct efi_call *call)
{
    return 0;
}

static const struct efi_method methods[] = {
    {0, "StriColl", compare}, {8, "MetaiMatch", meta_match},  {16, "StrLwr", to_lower},
    {24, "StrUpr", to_upper}, {32, "FatToStr", no_fat_names}, {40, "StrToFat", no_fat_names},
};

const struct efi_protocol efi_unicode_collation = {
    {0xa4c751fc, 0x23ae, 0x4c3e, {0x92, 0xe9, 0x49, 0x64, 0xcf, 0x63, 0xf3, 0x49}},
    "Unicode Collation 2",
    56,
    methods,
    nitems(methods),
};

efi_status efi_collation_start(struct efi *efi)
{
    static const char languages[] = "en";
    uint64_t guest, handle = 0;
    efi_status status =
        efi_interface_new(efi, &efi_unicode_collation, efi, sizeof(languages), &guest);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke(efi, guest + efi_unicode_collation.size, languages, sizeof(languages));
    efi_poke64(efi, guest + 48, guest + efi_unicode_collation.size);
    return efi_install(efi, &handle, &efi_unicode_collation.guid, guest);
}
