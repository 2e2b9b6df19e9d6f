/* SPDX-License-Identifier: ISC */
/*
 * The file of variables (--nvram). A running machine has one descriptor and may not rename, so the
 * file holds two slots, each a whole store, and a change writes the older one: a write that is cut
 * off leaves the other. Numbers are little-endian.
 *
 *     slot 0 at 0, slot 1 at 1 MiB; the newest is the valid one with the higher sequence number,
 *     whose lowest bit is the slot's number
 *
 *      0   8  "AtollNV1"
 *      8   4  CRC-32 (zlib's) of the bytes from 12 to the end of the records
 *     12   4  count of records
 *     16   8  sequence number, from 1
 *     24   4  bytes of records, which follow at 64
 *     28   4  zero
 *     32  16  the machine's UUID
 *     48  16  zero
 *
 *     the records are those of variable_record.c, non-volatile all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/variable_store.h"

enum {
    SLOT_CRC = 8,
    SLOT_COUNT = 12,
    SLOT_SEQUENCE = 16,
    SLOT_LENGTH = 24,
    SLOT_UUID = 32,
    SLOT_HEADER = 64,
};

#define SLOT_SIZE MIB
#define SLOT_MAX  (SLOT_HEADER + VARIABLE_STORE_MAX)
_Static_assert(SLOT_MAX <= SLOT_SIZE, "a full store fits a slot");

static const char slot_magic[8] = {'A', 't', 'o', 'l', 'l', 'N', 'V', '1'};

/* A slot as it was found: its bytes, and why it is not to be used. */
struct slot {
    uint8_t *bytes;
    uint64_t sequence; /* 0: not to be used */
    uint32_t length;
    bool ours;       /* it begins as a slot does */
    const char *why; /* NULL: it is sound, or was never written */
};

/* As disk_lock() of backend/disk: of the open file, so that two machines in one process exclude
 * each other too. */
static int file_lock(int fd)
{
#ifdef F_OFD_SETLK
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
#else
    return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
#endif
}

/* Reads at most `length` bytes; *got is less only at the end of the file. */
static int read_at(int fd, uint64_t offset, uint8_t *to, size_t length, size_t *got)
{
    *got = 0;
    while (*got < length) {
        ssize_t n = pread(fd, to + *got, length - *got, (off_t)(offset + *got));

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        *got += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_at(int fd, uint64_t offset, const uint8_t *from, size_t length)
{
    while (length) {
        ssize_t n = pwrite(fd, from, length, (off_t)offset);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            from += n;
            offset += (uint64_t)n;
            length -= (size_t)n;
        }
    }
    return 0;
}

static uint32_t slot_crc(const uint8_t *slot, uint32_t length)
{
    return (uint32_t)crc32_z(0, slot + SLOT_COUNT, SLOT_HEADER - SLOT_COUNT + length);
}

static const char *slot_check(struct slot *slot, size_t got, unsigned number)
{
    static const uint8_t unwritten[SLOT_HEADER];

    if (got == 0 || (got >= SLOT_HEADER && memcmp(slot->bytes, unwritten, SLOT_HEADER) == 0))
        return NULL;
    slot->ours =
        got >= sizeof(slot_magic) && memcmp(slot->bytes, slot_magic, sizeof(slot_magic)) == 0;
    if (!slot->ours)
        return "it does not begin with \"AtollNV1\"";
    if (got < SLOT_HEADER)
        return "it is cut short";
    slot->length = load_le32(slot->bytes + SLOT_LENGTH);
    if (slot->length > VARIABLE_STORE_MAX || slot->length > got - SLOT_HEADER)
        return "it is cut short, or its length is wrong";
    if (load_le32(slot->bytes + SLOT_CRC) != slot_crc(slot->bytes, slot->length))
        return "its checksum is wrong";
    slot->sequence = load_le64(slot->bytes + SLOT_SEQUENCE);
    if (slot->sequence == 0 || slot->sequence == UINT64_MAX || slot->sequence % 2 != number) {
        slot->sequence = 0;
        return "its sequence number is wrong";
    }
    return NULL;
}

static int slot_read(const struct variables *variables, unsigned number, struct slot *slot,
                     struct error *err)
{
    size_t got;
    int ret;

    slot->bytes = malloc(SLOT_MAX);
    if (!slot->bytes)
        return error_set(err, ENOMEM, "%s: out of memory", variables->path);
    ret = read_at(variables->fd, number * SLOT_SIZE, slot->bytes, SLOT_MAX, &got);
    if (ret)
        return error_set(err, -ret, "%s: cannot read the EFI variables: %s", variables->path,
                         strerror(-ret));
    slot->why = slot_check(slot, got, number);
    return 0;
}

static int slot_load(struct variables *variables, const struct slot *slot, unsigned number,
                     struct error *err)
{
    uint32_t count = load_le32(slot->bytes + SLOT_COUNT), at = 0;

    for (uint32_t i = 0; i < count; i++) {
        size_t size = variable_record_load(variables, slot->bytes + SLOT_HEADER + at,
                                           slot->length - at, VARIABLE_NON_VOLATILE);

        if (size == 0)
            return error_set(err, EINVAL,
                             "%s: the EFI variables are damaged: record %u, at offset %llu, is "
                             "none; delete the file to start without variables",
                             variables->path, i + 1,
                             (unsigned long long)(number * SLOT_SIZE + SLOT_HEADER + at));
        at += (uint32_t)size;
    }
    variables->sequence = slot->sequence;
    memcpy(variables->uuid, slot->bytes + SLOT_UUID, sizeof(variables->uuid));
    return 0;
}

static int refuse(const struct variables *variables, const struct slot slot[2], struct error *err)
{
    unsigned worst = slot[0].why ? 0 : 1;

    if (!slot[0].ours && !slot[1].ours)
        return error_set(err, EINVAL,
                         "%s is no file of Atoll's EFI variables; give one of its own, or the name "
                         "of a file that does not exist yet",
                         variables->path);
    return error_set(err, EINVAL,
                     "%s: the EFI variables are damaged: the store at offset %llu cannot be used "
                     "(%s); delete the file to start without variables",
                     variables->path, (unsigned long long)(worst * SLOT_SIZE), slot[worst].why);
}

static int load_newest(struct variables *variables, const struct slot slot[2], struct error *err)
{
    unsigned newest = slot[1].sequence > slot[0].sequence;

    if (slot[newest].sequence == 0)
        return refuse(variables, slot, err);
    if (slot[!newest].why)
        log_warn(variables->log,
                 "%s: the store of EFI variables at offset %llu cannot be used (%s): an earlier "
                 "machine was stopped while writing it. The one before is used",
                 variables->path, (unsigned long long)(!newest * SLOT_SIZE), slot[!newest].why);
    return slot_load(variables, &slot[newest], newest, err);
}

int variables_file_open(struct variables *variables, struct error *err)
{
    struct slot slot[2] = {{0}};
    struct stat st;
    int ret = file_lock(variables->fd);

    if (ret == -EAGAIN || ret == -EACCES)
        return error_set(err, EBUSY, "%s: another virtual machine uses these EFI variables",
                         variables->path);
    if (ret == 0 && fstat(variables->fd, &st))
        ret = -errno;
    if (ret == 0 && st.st_size == 0)
        ret = variables_file_write(variables);
    else if (ret == 0) {
        ret = slot_read(variables, 0, &slot[0], err);
        ret = ret ? ret : slot_read(variables, 1, &slot[1], err);
        ret = ret ? ret : load_newest(variables, slot, err);
        free(slot[0].bytes);
        free(slot[1].bytes);
        return ret;
    }
    return ret ? error_set(err, -ret, "%s: cannot keep EFI variables in it: %s", variables->path,
                           strerror(-ret))
               : 0;
}

static void slot_save(const struct variables *variables, uint8_t *slot, uint32_t *length)
{
    uint32_t count = 0;

    memset(slot, 0, SLOT_HEADER);
    *length = 0;
    for (const struct variable *v = variables->first; v; v = v->next) {
        if (v->attributes & VARIABLE_NON_VOLATILE) {
            *length += variable_record_save(v, slot + SLOT_HEADER + *length);
            count++;
        }
    }
    memcpy(slot, slot_magic, sizeof(slot_magic));
    store_le32(slot + SLOT_COUNT, count);
    store_le64(slot + SLOT_SEQUENCE, variables->sequence + 1);
    store_le32(slot + SLOT_LENGTH, *length);
    memcpy(slot + SLOT_UUID, variables->uuid, sizeof(variables->uuid));
    store_le32(slot + SLOT_CRC, slot_crc(slot, *length));
}

int variables_file_write(struct variables *variables)
{
    uint64_t number = (variables->sequence + 1) % 2;
    uint8_t *slot;
    uint32_t length;
    int ret;

    if (variables->fd < 0)
        return 0;
    slot = malloc(SLOT_HEADER + variables->used);
    if (!slot)
        return -ENOMEM;
    slot_save(variables, slot, &length);
    ret = write_at(variables->fd, number * SLOT_SIZE, slot, SLOT_HEADER + length);
    if (!ret && fdatasync(variables->fd))
        ret = -errno;
    free(slot);
    if (ret)
        log_error(variables->log, "%s: an EFI variable could not be written: %s", variables->path,
                  strerror(-ret));
    else
        variables->sequence++;
    return ret;
}
