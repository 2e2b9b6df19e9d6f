/* SPDX-License-Identifier: ISC */
/*
 * FAT volumes that lie, and what a guest does to them. The input is a script of 64 bytes and the
 * volume's first bytes, the others being zero, or (first byte 0x80 and above) what to damage in a
 * volume that is made here. Whatever happens, each call returns with success or one of the errors
 * of its contract, and soon.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/endian.h"
#include "firmware/efi/volume.h"
#include "fuzz.h"

#define STORED    (160u << 10)
#define SCRIPT    64
#define OPEN_MAX_ 6
#define STEPS     100000 /* of block reads and writes in one run */

static uint8_t stored[STORED];
static unsigned steps;

static int medium_get(void *ctx, uint64_t offset, void *to, size_t length)
{
    size_t have = offset < STORED ? MIN(length, STORED - offset) : 0;

    if (offset % MEDIUM_BLOCK || length % MEDIUM_BLOCK || ++steps > STEPS)
        abort();
    memcpy(to, stored + (have ? offset : 0), have);
    memset((uint8_t *)to + have, 0, length - have);
    return 0;
}

static int medium_put(void *ctx, uint64_t offset, const void *from, size_t length)
{
    size_t have = offset < STORED ? MIN(length, STORED - offset) : 0;

    if (offset % MEDIUM_BLOCK || length % MEDIUM_BLOCK || ++steps > STEPS)
        abort();
    memcpy(stored + (have ? offset : 0), from, have);
    return 0;
}

static int medium_done(void *ctx)
{
    return 0;
}

static uint64_t odd(struct fuzz_input *input, uint64_t usual, unsigned bytes)
{
    return fuzz_take(input, 1) % 32 == 1 ? fuzz_take(input, bytes) : usual;
}

static void make_boot(struct fuzz_input *input, unsigned bits)
{
    stored[0] = (uint8_t)odd(input, 0xeb, 1);
    store_le16(stored + 11, (uint16_t)odd(input, 512, 2));
    stored[13] = (uint8_t)odd(input, 1, 1);
    store_le16(stored + 14, (uint16_t)odd(input, 2, 2));
    stored[16] = (uint8_t)odd(input, 2, 1);
    store_le16(stored + 17, (uint16_t)odd(input, bits == 32 ? 0 : 32, 2));
    store_le16(stored + 19, (uint16_t)odd(input, bits == 16 ? 6000 : 300, 2));
    stored[21] = (uint8_t)odd(input, 0xf8, 1);
    store_le16(stored + 22, (uint16_t)odd(input, bits == 32 ? 0 : bits == 16 ? 24 : 2, 2));
    stored[bits == 32 ? 66 : 38] = 0x29;
    if (bits != 32)
        return;
    store_le32(stored + 36, (uint32_t)odd(input, 3, 4));
    store_le16(stored + 40, (uint16_t)odd(input, 0, 2));
    store_le32(stored + 44, (uint32_t)odd(input, 2, 4));
    store_le16(stored + 48, (uint16_t)odd(input, 1, 2));
    store_le32(stored + 512, 0x41615252);
    store_le32(stored + 512 + 484, 0x61417272);
}

/* One long chain from cluster 2, with oddities. */
static void make_table(struct fuzz_input *input, unsigned bits)
{
    uint8_t *table = stored + 1024;

    for (unsigned i = 2; i < 60; i++) {
        uint32_t next = (uint32_t)odd(input, i % 6 == 0 ? 0x0fffffff : i < 40 ? i + 1 : 0, 4);

        if (bits == 32)
            store_le32(table + 4 * i, next);
        else if (bits == 16)
            store_le16(table + 2 * i, (uint16_t)next);
        else if (i % 2)
            store_le16(table + i * 3 / 2, (uint16_t)((table[i * 3 / 2] & 15) | next << 4));
        else
            store_le16(table + i * 3 / 2, (uint16_t)(next & 0xfff));
    }
}

static void make_entries(struct fuzz_input *input, uint8_t *at)
{
    for (unsigned i = 0; i < 12; i++, at += 32) {
        memcpy(at, "NAME    EXT", 11);
        at[4] = (uint8_t)('A' + i);
        at[0] = (uint8_t)odd(input, 'N', 1);
        at[11] = (uint8_t)odd(input, i % 3 == 0 ? 0x10 : i % 3 == 1 ? 0x20 : 0x0f, 1);
        at[13] = (uint8_t)odd(input, 0, 1);
        store_le16(at + 26, (uint16_t)odd(input, 3 + i, 2));
        store_le32(at + 28, (uint32_t)odd(input, i % 3 ? 2000 : 0, 4));
    }
}

static void make_volume(struct fuzz_input *input, unsigned choice)
{
    static const unsigned kinds[] = {12, 16, 32};
    unsigned bits = kinds[choice % 3];
    uint32_t tables;

    make_boot(input, bits);
    make_table(input, bits);
    tables = bits == 32 ? 3 : bits == 16 ? 24 : 2;
    make_entries(input, stored + 1024 + (size_t)tables * 2 * 512);
    make_entries(input, stored + 1024 + ((size_t)tables * 2 + 2) * 512);
}

static void check(int ret)
{
    switch (-ret) {
    case 0:
    case ENOENT:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EINVAL:
    case EROFS:
    case EACCES:
    case ENOSPC:
    case EFBIG:
    case ENFILE:
    case EBADMSG:
    case ERANGE: return;
    default: fprintf(stderr, "unexpected error %d\n", -ret); abort();
    }
}

struct guest {
    struct volume *volume;
    struct volume_file *open[OPEN_MAX_]; /* the first is the root */
    struct volume_stat stat;             /* of the last entry read */
    uint32_t position;
};

static void guest_name(struct guest *g, struct fuzz_input *input, uint16_t *name)
{
    static const char *const names[] = {"EFI",       "\\EFI\\BOOT\\BOOTAA64.EFI", "..",
                                        "NAMEA.EXT", "a name that is long.txt",   "\\x\\..\\x",
                                        "grubenv",   "Loader\\random-seed"};
    unsigned which = (unsigned)fuzz_take(input, 1);
    const char *from = names[which % nitems(names)];

    if (which & 0x80) {
        memcpy(name, g->stat.name, sizeof(g->stat.name));
        return;
    }
    do
        *name++ = (uint8_t)*from;
    while (*from++);
}

static void put(struct guest *g, unsigned slot, struct volume_file *file)
{
    slot = 1 + slot % (OPEN_MAX_ - 1);
    volume_release(g->open[slot]);
    g->open[slot] = file;
}

static void step(struct guest *g, struct fuzz_input *input)
{
    static uint8_t bytes[20000];
    unsigned what = (unsigned)fuzz_take(input, 1), slot = (unsigned)fuzz_take(input, 1);
    struct volume_file *file = g->open[slot % OPEN_MAX_], *opened;
    uint64_t offset = fuzz_take(input, 2);
    uint16_t name[VOLUME_NAME_MAX];
    struct volume_info info;
    bool created;
    size_t got;
    int ret = 0;

    guest_name(g, input, name);
    if (!file)
        file = g->open[0];
    switch (what % 14) {
    case 0:
    case 1:
        ret = volume_lookup(file, name, &opened);
        if (!ret)
            put(g, slot >> 4, opened);
        break;
    case 2:
        ret = volume_create(file, name, what & 0x80 ? VOLUME_DIRECTORY : 0, &opened, &created);
        if (!ret)
            put(g, slot >> 4, opened);
        break;
    case 3: ret = volume_read(file, offset, bytes, sizeof(bytes), &got); break;
    case 4: ret = volume_write(file, offset, bytes, offset % sizeof(bytes)); break;
    case 5: ret = volume_resize(file, offset); break;
    case 6: ret = volume_remove(file); break;
    case 7: ret = volume_rename(file, name); break;
    case 8: ret = volume_info(g->volume, &info); break;
    case 9: ret = volume_set_label(g->volume, name); break;
    case 10: ret = volume_sync(file); break;
    case 11:
        g->stat.attributes = (uint8_t)offset;
        ret = volume_set(file, &g->stat);
        break;
    case 12: volume_forget(g->volume); break;
    default:
        ret = volume_next(file, &g->position, &g->stat);
        if (ret)
            g->position = 0;
    }
    check(ret);
}

static void use(struct volume *volume, struct fuzz_input *input)
{
    struct guest g = {.volume = volume, .open = {volume_root(volume)}};
    uint16_t name[] = {'\\', 0};

    while (volume_next(g.open[0], &g.position, &g.stat) == 0)
        ;
    g.position = 0;
    check(volume_lookup(g.open[0], name, &g.open[1]));
    for (int i = 0; i < 24 && input->at < input->end; i++)
        step(&g, input);
    for (int i = 0; i < OPEN_MAX_; i++)
        volume_release(g.open[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    size_t script = MIN(length, SCRIPT), rest = MIN(length - script, STORED);
    struct fuzz_input input = {bytes, bytes + script};
    struct medium medium = {medium_get, medium_put, medium_done, NULL, 0, 4u << 20};
    unsigned choice = (unsigned)fuzz_take(&input, 1);
    struct volume *volume;
    int ret;

    steps = 0;
    memset(stored, 0, sizeof(stored));
    if (choice & 0x80) {
        struct fuzz_input damage = {bytes + script, bytes + length};

        make_volume(&damage, choice);
    } else {
        memcpy(stored, bytes + script, rest);
    }
    if (choice & 0x40)
        medium.size = align_down(1 + choice * 1000, MEDIUM_BLOCK);
    if ((choice & 0x38) == 0x38)
        medium.write = NULL;
    ret = volume_open(&volume, &medium, NULL);
    if (ret == 0) {
        use(volume, &input);
        volume_close(volume);
    } else if (ret != -ENODEV && ret != -ERANGE) {
        abort();
    }
    return 0;
}
