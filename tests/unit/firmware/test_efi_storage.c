/* SPDX-License-Identifier: ISC */
/*
 * Disks, partitions and files as a guest sees them: the protocols' methods over real disk images,
 * with a small stand-in for what holds handles, interfaces and guest memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/storage.h"
#include "image.h"

/* --- the stand-in: guest memory is an array, of which interfaces take the beginning --- */

#define GUEST      UINT64_C(0x80000000)
#define GUEST_SIZE (1u << 20)
#define SCRATCH    (GUEST + (GUEST_SIZE / 2)) /* what the tests pass to calls */
#define MANY       256u

struct efi {
    struct efi_config config;
    struct efi_storage *storage;
    uint8_t *memory;
    size_t used;
    struct {
        uint64_t guest;
        const struct efi_protocol *type;
        void *object;
    } interfaces[MANY];
    struct {
        uint64_t handle, interface;
        struct efi_guid guid;
    } installed[MANY];
    unsigned interface_count, installed_count, freed;
    uint64_t handles, signalled;
};

struct efi_storage **efi_storage_of(struct efi *efi)
{
    return &efi->storage;
}

const struct efi_config *efi_config_of(const struct efi *efi)
{
    return &efi->config;
}

static int guest_range(const struct efi *efi, uint64_t va, size_t length)
{
    return va >= GUEST && range_fits(va - GUEST, length, GUEST_SIZE) ? 0 : -EFAULT;
}

int efi_read(struct efi_call *call, uint64_t va, void *to, size_t length)
{
    if (guest_range(call->efi, va, length))
        return -EFAULT;
    memcpy(to, call->efi->memory + (va - GUEST), length);
    return 0;
}

int efi_write(struct efi_call *call, uint64_t va, const void *from, size_t length)
{
    if (guest_range(call->efi, va, length))
        return -EFAULT;
    memcpy(call->efi->memory + (va - GUEST), from, length);
    return 0;
}

int efi_read_u64(struct efi_call *call, uint64_t va, uint64_t *value)
{
    return efi_read(call, va, value, sizeof(*value));
}

int efi_write_u64(struct efi_call *call, uint64_t va, uint64_t value)
{
    return efi_write(call, va, &value, sizeof(value));
}

int efi_read_guid(struct efi_call *call, uint64_t va, struct efi_guid *guid)
{
    return efi_read(call, va, guid, sizeof(*guid));
}

int efi_read_string(struct efi_call *call, uint64_t va, uint16_t *to, size_t room)
{
    for (size_t i = 0; i < room; i++, va += 2) {
        if (efi_read(call, va, &to[i], 2))
            return -EFAULT;
        if (to[i] == 0)
            return 0;
    }
    return -ENAMETOOLONG;
}

void efi_poke(struct efi *efi, uint64_t guest, const void *from, size_t length)
{
    assert_int_equal(guest_range(efi, guest, length), 0);
    memcpy(efi->memory + (guest - GUEST), from, length);
}

efi_status efi_pool_new(struct efi *efi, size_t length, uint64_t *guest)
{
    *guest = GUEST + efi->used;
    efi->used += align_up(length, 16);
    assert_true(efi->used < GUEST_SIZE / 2);
    return EFI_SUCCESS;
}

efi_status efi_interface_new(struct efi *efi, const struct efi_protocol *type, void *object,
                             size_t extra, uint64_t *guest)
{
    unsigned i = efi->interface_count++;

    assert_true(i < MANY);
    efi_pool_new(efi, type->size + extra, guest);
    efi->interfaces[i].guest = *guest;
    efi->interfaces[i].type = type;
    efi->interfaces[i].object = object;
    return EFI_SUCCESS;
}

void efi_interface_free(struct efi *efi, uint64_t guest, const void *object)
{
    for (unsigned i = 0; i < efi->interface_count; i++) {
        if (efi->interfaces[i].guest == guest && efi->interfaces[i].object == object) {
            efi->interfaces[i].object = NULL;
            efi->freed++;
            return;
        }
    }
    fail_msg("no interface at %#llx", (unsigned long long)guest);
}

void *efi_this(struct efi_call *call, const struct efi_protocol *type)
{
    for (unsigned i = 0; i < call->efi->interface_count; i++) {
        if (call->efi->interfaces[i].guest == call->arg[0] && call->efi->interfaces[i].type == type)
            return call->efi->interfaces[i].object;
    }
    return NULL;
}

efi_status efi_install(struct efi *efi, uint64_t *handle, const struct efi_guid *guid,
                       uint64_t interface)
{
    unsigned i = efi->installed_count++;

    assert_true(i < MANY);
    if (!*handle)
        *handle = ++efi->handles;
    efi->installed[i].handle = *handle;
    efi->installed[i].guid = *guid;
    efi->installed[i].interface = interface;
    return EFI_SUCCESS;
}

void efi_event_signal(struct efi *efi, uint64_t event)
{
    efi->signalled = event;
}

/* --- the guest --- */

static const struct efi_guid info_guid = {
    0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid system_guid = {
    0x09576e93, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid label_guid = {
    0xdb47d7d3, 0xfe81, 0x11d3, {0x9a, 0x35, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
static const struct efi_guid partition_info_guid = {
    0x8cf2f62c, 0xbc9b, 0x4821, {0x80, 0x8d, 0xec, 0x9e, 0xc4, 0x21, 0xa1, 0xa0}};

static uint64_t interface_of(const struct efi *efi, uint64_t handle, const struct efi_guid *guid)
{
    for (unsigned i = 0; i < efi->installed_count; i++) {
        if (efi->installed[i].handle == handle &&
            memcmp(&efi->installed[i].guid, guid, sizeof(*guid)) == 0)
            return efi->installed[i].interface;
    }
    return 0;
}

/* Calls a method by its place in the interface. */
static efi_status call_method(struct efi *efi, const struct efi_protocol *type, unsigned offset,
                              const uint64_t arg[7])
{
    struct efi_call call = {.efi = efi};

    memcpy(call.arg, arg, 7 * sizeof(*arg));
    for (unsigned i = 0; i < type->method_count; i++) {
        if (type->methods[i].offset == offset)
            return type->methods[i].service(&call);
    }
    fail_msg("%s has no method at %u", type->name, offset);
    return 0;
}

#define CALL(type, offset, ...) call_method(efi, &(type), offset, (const uint64_t[7]){__VA_ARGS__})

enum { BLOCK_RESET = 16, BLOCK_READ = 24, BLOCK_WRITE = 32, BLOCK_FLUSH = 40 };
enum { DISK_READ = 8, DISK_WRITE = 16, OPEN_VOLUME = 8 };
enum {
    OPEN = 8,
    CLOSE = 16,
    DELETE = 24,
    READ = 32,
    WRITE = 40,
    GET_POSITION = 48,
    SET_POSITION = 56,
    GET_INFO = 64,
    SET_INFO = 72,
    FLUSH = 80,
    OPEN_EX = 88,
    READ_EX = 96,
    WRITE_EX = 104,
    FLUSH_EX = 112,
};

#define MODE_READ   UINT64_C(1)
#define MODE_WRITE  UINT64_C(3)
#define MODE_CREATE (UINT64_C(3) | BIT(63))

static uint64_t get64(const struct efi *efi, uint64_t at)
{
    return load_le64(efi->memory + (at - GUEST));
}

static uint8_t *at(const struct efi *efi, uint64_t guest)
{
    return efi->memory + (guest - GUEST);
}

static struct efi *start(struct image *image, bool readonly)
{
    struct efi *efi = calloc(1, sizeof(*efi));

    efi->memory = calloc(1, GUEST_SIZE);
    efi->used = 64;
    efi->config.disk_count = 1;
    efi->config.disks[0] = (struct efi_disk){.name = "virtio-blk0",
                                             .slot = 5,
                                             .size = image->size,
                                             .readonly = readonly,
                                             .read = image->medium.read,
                                             .write = image->medium.write,
                                             .flush = image->medium.flush,
                                             .ctx = image};
    assert_int_equal(efi_storage_start(efi), EFI_SUCCESS);
    return efi;
}

static void stop(struct efi *efi)
{
    efi_storage_stop(efi);
    assert_null(efi->storage);
    assert_int_equal(efi->freed, efi->interface_count);
    efi_storage_stop(efi);
    free(efi->memory);
    free(efi);
}

/* A GPT disk with an ESP that has two files, and a partition without a volume. */
static void make_disk(struct image *image)
{
    image_make(image, 16 * MIB);
    image_must(image, "sgdisk -n 1:2048:22527 -t 1:ef00 -n 2:22528:24575 -t 2:8300 image && "
                      "mkfs.vfat --offset 2048 -n ESP image 10240 && "
                      "mmd -i image@@1M ::/EFI ::/EFI/BOOT && seq 1 20000 >numbers && "
                      "mcopy -i image@@1M numbers ::/EFI/BOOT/BOOTAA64.EFI");
}

static uint64_t volume_handle(struct efi *efi)
{
    uint64_t handles[4];

    assert_int_equal(efi_storage_volumes(efi, handles, 4), 1);
    return handles[0];
}

static uint64_t open_root(struct efi *efi)
{
    uint64_t sfs = interface_of(efi, volume_handle(efi), &efi_simple_file_system.guid);

    assert_int_equal(get64(efi, sfs), 0x10000);
    assert_int_equal(CALL(efi_simple_file_system, OPEN_VOLUME, sfs, SCRATCH), EFI_SUCCESS);
    return get64(efi, SCRATCH);
}

static efi_status open_status(struct efi *efi, uint64_t from, const char *name, uint64_t mode,
                              uint64_t attributes, uint64_t *file)
{
    const uint16_t *text = wide(name);
    efi_status status;

    memcpy(at(efi, SCRATCH + 16), text, 2 * strlen(name) + 2);
    status = CALL(efi_file, OPEN, from, SCRATCH, SCRATCH + 16, mode, attributes);
    *file = get64(efi, SCRATCH);
    return status;
}

static uint64_t open_file(struct efi *efi, uint64_t from, const char *name, uint64_t mode,
                          uint64_t attributes)
{
    uint64_t file;

    assert_int_equal(open_status(efi, from, name, mode, attributes, &file), EFI_SUCCESS);
    assert_int_equal(get64(efi, file), 0x20000);
    return file;
}

/* Reads or writes `length` bytes at SCRATCH + 4096; returns how many were. */
static uint64_t transfer(struct efi *efi, unsigned method, uint64_t file, uint64_t length,
                         efi_status expected)
{
    store_le64(at(efi, SCRATCH), length);
    assert_int_equal(CALL(efi_file, method, file, SCRATCH, SCRATCH + 4096), expected);
    return get64(efi, SCRATCH);
}

static uint8_t *info_of(struct efi *efi, uint64_t file, const struct efi_guid *type,
                        uint64_t *length)
{
    memcpy(at(efi, SCRATCH), type, sizeof(*type));
    store_le64(at(efi, SCRATCH + 16), 600);
    assert_int_equal(CALL(efi_file, GET_INFO, file, SCRATCH, SCRATCH + 16, SCRATCH + 4096),
                     EFI_SUCCESS);
    *length = get64(efi, SCRATCH + 16);
    return at(efi, SCRATCH + 4096);
}

static efi_status set_info(struct efi *efi, uint64_t file, const struct efi_guid *type,
                           uint64_t length)
{
    memcpy(at(efi, SCRATCH), type, sizeof(*type));
    return CALL(efi_file, SET_INFO, file, SCRATCH, length, SCRATCH + 4096);
}

static void handles_of_a_disk(void **state)
{
    struct efi *efi;
    struct efi_storage *storage;
    const struct device_path *path;
    uint64_t block, media, info;
    char text[200];

    make_disk(*state);
    efi = start(*state, false);
    assert_int_equal(efi->handles, 3);
    storage = efi->storage;
    for (struct storage_device *d = storage->devices; d; d = d->next) {
        block = interface_of(efi, d->handle, &efi_block_io.guid);
        media = get64(efi, block + 8);
        assert_int_equal(get64(efi, block), 0x2001f);
        assert_int_equal(load_le32(at(efi, media + 12)), 512);
        assert_int_equal(get64(efi, media + 24), d->medium.size / 512 - 1);
        assert_int_equal(at(efi, media)[5], 1);
        assert_int_equal(at(efi, media)[6], d != storage->devices);
        assert_true(interface_of(efi, d->handle, &efi_disk_io.guid));
        path = efi_path_of(efi, d->handle);
        assert_ptr_equal(path, &d->path);
    }
    path = efi_path_of(efi, volume_handle(efi));
    device_path_text(path->bytes, path->length, text, sizeof(text));
    assert_non_null(strstr(text, "PcieRoot(0x0)/Pci(0x5,0x0)/HD(1,GPT,"));
    info = interface_of(efi, volume_handle(efi), &partition_info_guid);
    assert_int_equal(load_le32(at(efi, info)), 0x1000);
    assert_int_equal(load_le32(at(efi, info + 4)), 2);
    assert_int_equal(at(efi, info)[8], 1);
    assert_int_equal(load_le32(at(efi, info + 16)), 0xc12a7328);
    stop(efi);
}

static void blocks_and_bytes(void **state)
{
    struct image *image = *state;
    struct efi *efi;
    uint64_t block, disk, to = SCRATCH + 64, last;

    make_disk(image);
    efi = start(image, false);
    block = interface_of(efi, 1, &efi_block_io.guid);
    disk = interface_of(efi, 1, &efi_disk_io.guid);
    last = image->size / 512 - 1;
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, 1, 1024, to), EFI_SUCCESS);
    assert_memory_equal(at(efi, to), image->bytes + 512, 1024);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, last, 512, to), EFI_SUCCESS);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, last, 1024, to),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, UINT64_MAX, 512, to),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, 0, 100, to), EFI_BAD_BUFFER_SIZE);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 2, 0, 512, to), EFI_MEDIA_CHANGED);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, 0, 512, 0), EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, 0, 1 << 20, to),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block + 8, 1, 0, 512, to),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_block_io, BLOCK_READ, block, 1, 0, 0, 0), EFI_SUCCESS);
    assert_int_equal(CALL(efi_disk_io, DISK_READ, disk, 1, 513, 1500, to), EFI_SUCCESS);
    assert_memory_equal(at(efi, to), image->bytes + 513, 1500);
    assert_int_equal(CALL(efi_disk_io, DISK_READ, disk, 1, image->size - 3, 3, to), EFI_SUCCESS);
    assert_int_equal(CALL(efi_disk_io, DISK_READ, disk, 1, image->size - 3, 4, to),
                     EFI_INVALID_PARAMETER);
    memset(at(efi, to), 0x5a, 2048);
    assert_int_equal(CALL(efi_disk_io, DISK_WRITE, disk, 1, 13 * MIB + 7, 1001, to), EFI_SUCCESS);
    assert_int_equal(image->bytes[13 * MIB + 6], 0);
    assert_int_equal(image->bytes[13 * MIB + 7], 0x5a);
    assert_int_equal(image->bytes[13 * MIB + 1007], 0x5a);
    assert_int_equal(image->bytes[13 * MIB + 1008], 0);
    assert_int_equal(CALL(efi_block_io, BLOCK_WRITE, block, 1, 26 * 1024, 512, to), EFI_SUCCESS);
    assert_int_equal(image->bytes[13 * MIB], 0x5a);
    image->flushes = 0;
    assert_int_equal(CALL(efi_block_io, BLOCK_FLUSH, block), EFI_SUCCESS);
    assert_int_equal(image->flushes, 1);
    assert_int_equal(CALL(efi_block_io, BLOCK_RESET, block, 1), EFI_SUCCESS);
    stop(efi);
    efi = start(image, true);
    block = interface_of(efi, 1, &efi_block_io.guid);
    assert_int_equal(at(efi, get64(efi, block + 8))[7], 1);
    assert_int_equal(CALL(efi_block_io, BLOCK_WRITE, block, 1, 0, 512, to), EFI_WRITE_PROTECTED);
    stop(efi);
}

static void files_are_read(void **state)
{
    struct efi *efi;
    uint64_t root, dir, file, length, total = 0, got, position;
    static uint8_t all[200000];
    uint8_t *info;
    uint8_t *bytes;
    size_t size;

    make_disk(*state);
    efi = start(*state, false);
    root = open_root(efi);
    file = open_file(efi, root, "\\efi\\boot\\bootaa64.efi", MODE_READ, 0);
    do {
        got = transfer(efi, READ, file, 30000, EFI_SUCCESS);
        memcpy(all + total, at(efi, SCRATCH + 4096), got);
        total += got;
    } while (got);
    assert_int_equal(total, 108894);
    assert_memory_equal(all, "1\n2\n3\n", 6);
    assert_memory_equal(all + total - 6, "20000\n", 6);
    assert_int_equal(efi_storage_read_file(efi, volume_handle(efi),
                                           wide("\\EFI\\BOOT\\BOOTAA64.EFI"), &bytes, &size),
                     EFI_SUCCESS);
    assert_int_equal(size, total);
    assert_memory_equal(bytes, all, size);
    free(bytes);
    assert_int_equal(efi_storage_read_file(efi, volume_handle(efi), wide("\\EFI"), &bytes, &size),
                     EFI_NOT_FOUND);
    assert_int_equal(efi_storage_read_file(efi, 99, wide("\\EFI"), &bytes, &size), EFI_NOT_FOUND);

    assert_int_equal(CALL(efi_file, SET_POSITION, file, 4), EFI_SUCCESS);
    assert_int_equal(transfer(efi, READ, file, 2, EFI_SUCCESS), 2);
    assert_memory_equal(at(efi, SCRATCH + 4096), "3\n", 2);
    assert_int_equal(CALL(efi_file, GET_POSITION, file, SCRATCH), EFI_SUCCESS);
    assert_int_equal(get64(efi, SCRATCH), 6);
    assert_int_equal(CALL(efi_file, SET_POSITION, file, UINT64_MAX), EFI_SUCCESS);
    assert_int_equal(transfer(efi, READ, file, 2, EFI_SUCCESS), 0);
    assert_int_equal(CALL(efi_file, SET_POSITION, file, total + 1), EFI_SUCCESS);
    assert_int_equal(transfer(efi, READ, file, 2, EFI_DEVICE_ERROR), 0);
    assert_int_equal(transfer(efi, WRITE, file, 2, EFI_ACCESS_DENIED), 2);
    info = info_of(efi, file, &info_guid, &length);
    assert_int_equal(length, 80 + 2 * 13);
    assert_int_equal(load_le64(info + 8), total);
    assert_int_equal(load_le64(info + 72), VOLUME_ARCHIVE);
    assert_memory_equal(info + 80, wide("BOOTAA64.EFI"), 26);

    dir = open_file(efi, root, "EFI\\BOOT", MODE_READ, 0);
    file = open_file(efi, dir, "BOOTAA64.EFI", MODE_READ, 0);
    file = open_file(efi, file, "..\\BOOT\\BOOTAA64.EFI", MODE_READ, 0); /* beside a file */
    for (unsigned i = 0; i < 2; i++)
        assert_true(transfer(efi, READ, dir, 600, EFI_SUCCESS) > 80); /* "." and ".." */
    assert_int_equal(transfer(efi, READ, dir, 100, EFI_BUFFER_TOO_SMALL), 106);
    assert_int_equal(transfer(efi, READ, dir, 106, EFI_SUCCESS), 106);
    assert_memory_equal(at(efi, SCRATCH + 4096 + 80), wide("BOOTAA64.EFI"), 26);
    assert_int_equal(transfer(efi, READ, dir, 600, EFI_SUCCESS), 0);
    assert_int_equal(CALL(efi_file, SET_POSITION, dir, 5), EFI_UNSUPPORTED);
    assert_int_equal(CALL(efi_file, SET_POSITION, dir, 0), EFI_SUCCESS);
    assert_int_equal(CALL(efi_file, GET_POSITION, dir, SCRATCH), EFI_UNSUPPORTED);
    assert_true(transfer(efi, READ, dir, 600, EFI_SUCCESS) > 80);
    assert_int_equal(open_status(efi, root, "\\nothing", MODE_READ, 0, &position), EFI_NOT_FOUND);
    assert_int_equal(
        open_status(efi, root, "\\EFI\\BOOT\\BOOTAA64.EFI\\x", MODE_READ, 0, &position),
        EFI_NOT_FOUND);
    assert_int_equal(open_status(efi, root, "\\EFI", 2, 0, &position), EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_file, CLOSE, file), EFI_SUCCESS);
    assert_int_equal(CALL(efi_file, CLOSE, file), EFI_INVALID_PARAMETER);
    stop(efi);
}

static void files_are_written(void **state)
{
    struct image *image = *state;
    struct efi *efi;
    uint64_t root, file, again, length, token = SCRATCH + 64;
    uint8_t *info;

    make_disk(image);
    efi = start(image, false);
    root = open_root(efi);
    file = open_file(efi, root, "\\loader", MODE_CREATE, VOLUME_DIRECTORY);
    assert_int_equal(transfer(efi, WRITE, file, 2, EFI_UNSUPPORTED), 2);
    assert_int_equal(open_status(efi, root, "\\loader", MODE_CREATE, 0, &again), EFI_ACCESS_DENIED);
    file = open_file(efi, root, "\\loader\\random-seed", MODE_CREATE, 0);
    memset(at(efi, SCRATCH + 4096), 0x77, 512);
    assert_int_equal(transfer(efi, WRITE, file, 512, EFI_SUCCESS), 512);
    assert_int_equal(CALL(efi_file, FLUSH, file), EFI_SUCCESS);
    again = open_file(efi, root, "\\LOADER\\random-seed", MODE_READ, 0);
    assert_int_equal(transfer(efi, READ, again, 600, EFI_SUCCESS), 512);
    assert_int_equal(CALL(efi_file, FLUSH, again), EFI_ACCESS_DENIED);

    /* systemd-boot counts an entry's tries by renaming it. */
    info = info_of(efi, file, &info_guid, &length);
    memcpy(info + 80, wide("seed+2-1.conf"), 28);
    store_le64(info, 80 + 28);
    assert_int_equal(set_info(efi, file, &info_guid, 80 + 28), EFI_SUCCESS);
    assert_int_equal(open_status(efi, root, "\\loader\\random-seed", MODE_READ, 0, &again),
                     EFI_NOT_FOUND);
    info = info_of(efi, file, &info_guid, &length);
    assert_memory_equal(info + 80, wide("seed+2-1.conf"), 28);
    store_le64(info + 8, 100); /* shorter, hidden, older */
    store_le64(info + 72, VOLUME_HIDDEN);
    store_le16(info + 56, 2001);
    assert_int_equal(set_info(efi, file, &info_guid, length), EFI_SUCCESS);
    info = info_of(efi, file, &info_guid, &length);
    assert_int_equal(load_le64(info + 8), 100);
    assert_int_equal(load_le64(info + 72), VOLUME_HIDDEN);
    assert_int_equal(load_le16(info + 56), 2001);
    store_le64(info + 72, VOLUME_DIRECTORY);
    assert_int_equal(set_info(efi, file, &info_guid, length), EFI_INVALID_PARAMETER);
    assert_int_equal(set_info(efi, file, &info_guid, 40), EFI_BAD_BUFFER_SIZE);
    info_of(efi, root, &info_guid, &length);

    /* Revision 2: with a token's event, and without. */
    memset(at(efi, token), 0, 32);
    store_le64(at(efi, token), 0x1234);
    store_le64(at(efi, token + 16), 5);
    store_le64(at(efi, token + 24), SCRATCH + 4096);
    memcpy(at(efi, SCRATCH + 4096), "hello", 5);
    CALL(efi_file, SET_POSITION, file, UINT64_MAX);
    assert_int_equal(CALL(efi_file, WRITE_EX, file, token), EFI_SUCCESS);
    assert_int_equal(efi->signalled, 0x1234);
    assert_int_equal(get64(efi, token + 8), EFI_SUCCESS);
    CALL(efi_file, SET_POSITION, file, 100);
    store_le64(at(efi, token), 0);
    store_le64(at(efi, token + 16), 50);
    assert_int_equal(CALL(efi_file, READ_EX, file, token), EFI_SUCCESS);
    assert_int_equal(get64(efi, token + 16), 5);
    assert_int_equal(CALL(efi_file, FLUSH_EX, file, token), EFI_SUCCESS);
    memcpy(at(efi, SCRATCH + 16), wide("new"), 8);
    assert_int_equal(CALL(efi_file, OPEN_EX, root, SCRATCH, SCRATCH + 16, MODE_CREATE, 0, token),
                     EFI_SUCCESS);
    assert_int_equal(CALL(efi_file, DELETE, get64(efi, SCRATCH)), EFI_SUCCESS);
    assert_int_equal(CALL(efi_file, CLOSE, file), EFI_SUCCESS);
    file = open_file(efi, root, "\\EFI", MODE_WRITE, 0);
    assert_int_equal(CALL(efi_file, DELETE, file), 2); /* EFI_WARN_DELETE_FAILURE: not empty */
    stop(efi);
    image_must(image, "dd if=image of=esp bs=1M skip=1 count=10 && fsck.vfat -n -v esp");
    image_must(image, "mcopy -i esp ::/loader/seed+2-1.conf x && test $(stat -c %%s x) = 105");
}

static void volumes_are_described(void **state)
{
    struct efi *efi;
    uint64_t root, length;
    uint8_t *info;

    make_disk(*state);
    efi = start(*state, false);
    root = open_root(efi);
    info = info_of(efi, root, &system_guid, &length);
    assert_int_equal(length, 36 + 8);
    assert_int_equal(load_le64(info), length);
    assert_int_equal(info[8], 0);
    assert_in_range(load_le64(info + 16), 9 * MIB, 10 * MIB);
    assert_in_range(load_le64(info + 24), 9 * MIB, load_le64(info + 16));
    assert_memory_equal(info + 36, wide("ESP"), 8);
    info = info_of(efi, root, &label_guid, &length);
    assert_int_equal(length, 8);
    assert_memory_equal(info, wide("ESP"), 8);
    memcpy(info, wide("BOOT"), 10);
    assert_int_equal(set_info(efi, root, &label_guid, 10), EFI_SUCCESS);
    info = info_of(efi, root, &label_guid, &length);
    assert_memory_equal(info, wide("BOOT"), 10);
    memcpy(info, wide("far too long a label"), 42);
    assert_int_equal(set_info(efi, root, &label_guid, 42), EFI_INVALID_PARAMETER);
    memcpy(at(efi, SCRATCH), &partition_info_guid, 16);
    assert_int_equal(CALL(efi_file, GET_INFO, root, SCRATCH, SCRATCH + 16, SCRATCH + 64),
                     EFI_UNSUPPORTED);
    stop(efi);
    efi = start(*state, true);
    root = open_root(efi);
    info = info_of(efi, root, &system_guid, &length);
    assert_int_equal(info[8], 1);
    assert_int_equal(open_status(efi, root, "\\x", MODE_CREATE, 0, &length), EFI_WRITE_PROTECTED);
    stop(efi);
}

/* What is written below a volume is seen by it. */
static void blocks_below_a_volume(void **state)
{
    struct image *image = *state;
    struct efi *efi;
    uint64_t root, disk, length, free, at_fat;

    make_disk(image);
    efi = start(image, false);
    root = open_root(efi);
    free = load_le64(info_of(efi, root, &system_guid, &length) + 24);
    disk = interface_of(efi, 1, &efi_disk_io.guid);
    /* The last entries of the first table are taken: two bytes for FAT16, an eighth of it or so. */
    at_fat = MIB + load_le16(image->bytes + MIB + 14) * 512u + 0x400;
    memset(at(efi, SCRATCH + 64), 0xff, 512);
    assert_int_equal(CALL(efi_disk_io, DISK_WRITE, disk, 1, at_fat, 512, SCRATCH + 64),
                     EFI_SUCCESS);
    assert_true(load_le64(info_of(efi, root, &system_guid, &length) + 24) < free);
    stop(efi);
}

static void paths_lead_to_devices(void **state)
{
    struct efi *efi;
    struct device_path full, brief, moved;
    const struct device_path *own;
    struct device_node node;
    uint64_t handle;
    size_t rest, from = 0;

    make_disk(*state);
    efi = start(*state, false);
    own = efi_path_of(efi, volume_handle(efi));
    full = *own;
    device_path_add_file(&full, wide("\\EFI\\BOOT\\BOOTAA64.EFI"));
    assert_int_equal(efi_path_find(efi, full.bytes, full.length, &handle, &rest), EFI_SUCCESS);
    assert_int_equal(handle, volume_handle(efi));
    assert_int_equal(rest, own->length - 4);

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(device_path_next(own->bytes, own->length, &from, &node), 1);
    device_path_empty(&brief);
    device_path_add(&brief, node.type, node.subtype, node.data, node.data_length);
    device_path_add_file(&brief, wide("\\shim.efi"));
    assert_int_equal(efi_path_find(efi, brief.bytes, brief.length, &handle, &rest), EFI_SUCCESS);
    assert_int_equal(handle, volume_handle(efi));
    assert_int_equal(rest, 42);

    device_path_pci(&moved, 9); /* the disk was in another slot */
    device_path_add(&moved, node.type, node.subtype, node.data, node.data_length);
    assert_int_equal(efi_path_find(efi, moved.bytes, moved.length, &handle, &rest), EFI_SUCCESS);
    assert_int_equal(handle, volume_handle(efi));

    device_path_pci(&moved, 5);
    assert_int_equal(efi_path_find(efi, moved.bytes, moved.length, &handle, &rest), EFI_SUCCESS);
    assert_int_equal(handle, 1);
    device_path_pci(&moved, 6);
    assert_int_equal(efi_path_find(efi, moved.bytes, moved.length, &handle, &rest), EFI_NOT_FOUND);
    assert_int_equal(efi_path_find(efi, moved.bytes, 10, &handle, &rest), EFI_INVALID_PARAMETER);
    stop(efi);
}

static void volume_without_partitions(void **state)
{
    struct image *image = *state;
    struct efi *efi;

    image_make(image, 4 * MIB);
    image_must(image, "mkfs.vfat image");
    efi = start(image, false);
    assert_int_equal(efi->handles, 1);
    assert_int_equal(volume_handle(efi), 1);
    stop(efi);
    image_make(image, 512);
    efi = start(image, false);
    assert_int_equal(efi->handles, 1);
    stop(efi);
    image_make(image, 100);
    efi = start(image, false);
    assert_int_equal(efi->handles, 0);
    stop(efi);
}

static void wild_calls_are_refused(void **state)
{
    struct efi *efi;
    uint64_t root, file, kept[200];
    unsigned count = 0;

    make_disk(*state);
    efi = start(*state, false);
    root = open_root(efi);
    for (; count < nitems(kept); count++)
        kept[count] = open_file(efi, root, "\\EFI", MODE_READ, 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(CALL(efi_file, CLOSE, kept[i]), EFI_SUCCESS);
    /* Wild pointers. */
    memcpy(at(efi, SCRATCH + 16), wide("EFI"), 8);
    assert_int_equal(CALL(efi_file, OPEN, root, 8, SCRATCH + 16, MODE_READ), EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_file, OPEN, root, SCRATCH, 4, MODE_READ), EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_file, READ, root, 4, SCRATCH), EFI_INVALID_PARAMETER);
    assert_int_equal(CALL(efi_file, OPEN, 12345, SCRATCH, SCRATCH + 16, MODE_READ),
                     EFI_INVALID_PARAMETER);
    file = open_file(efi, root, "\\EFI\\BOOT\\BOOTAA64.EFI", MODE_WRITE, 0);
    store_le64(at(efi, SCRATCH), UINT64_MAX);
    assert_int_equal(CALL(efi_file, READ, file, SCRATCH, GUEST + GUEST_SIZE - 100),
                     EFI_INVALID_PARAMETER);
    store_le64(at(efi, SCRATCH), UINT64_MAX);
    assert_int_equal(CALL(efi_file, WRITE, file, SCRATCH, GUEST + GUEST_SIZE - 100),
                     EFI_INVALID_PARAMETER);
    stop(efi);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, image_setup, image_teardown)
    const struct CMUnitTest tests[] = {
        TEST(handles_of_a_disk),     TEST(blocks_and_bytes),          TEST(files_are_read),
        TEST(files_are_written),     TEST(volumes_are_described),     TEST(blocks_below_a_volume),
        TEST(paths_lead_to_devices), TEST(volume_without_partitions), TEST(wild_calls_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
