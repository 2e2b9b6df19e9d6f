/* SPDX-License-Identifier: ISC */
/*
 * A FAT volume (Microsoft FAT: General Overview of On-Disk Format; long names as in VFAT): FAT12,
 * FAT16 and FAT32, read and written. Knows nothing of EFI. The volume is hostile: every cluster
 * number is checked, every chain bounded.
 *
 * Functions return 0 or -errno: -ENOENT, -EEXIST, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EINVAL (no name
 * for a file), -EROFS, -EACCES (a file that is marked read-only), -ENOSPC, -EFBIG (4 GiB), -ENFILE,
 * -ENOMEM, -EBADMSG (the volume's structures are damaged), or what the medium answered. Not for two
 * threads at a time.
 */
#ifndef FIRMWARE_EFI_VOLUME_H
#define FIRMWARE_EFI_VOLUME_H

#include "firmware/efi/medium.h"

#define VOLUME_NAME_MAX 256u /* CHAR16 units with the NUL */
#define VOLUME_LABEL    12u  /* the same, of a volume's label */

/* A file's attributes, as FAT and EFI have them. */
#define VOLUME_READ_ONLY 0x01u
#define VOLUME_HIDDEN    0x02u
#define VOLUME_SYSTEM    0x04u
#define VOLUME_DIRECTORY 0x10u
#define VOLUME_ARCHIVE   0x20u

struct volume;
struct volume_file;

struct volume_time {
    uint16_t year; /* 0: not known */
    uint8_t month, day, hour, minute, second;
};

struct volume_stat {
    uint64_t size, physical;
    uint8_t attributes;
    struct volume_time created, accessed, modified;
    uint16_t name[VOLUME_NAME_MAX];
};

struct volume_info {
    uint64_t size, free; /* bytes */
    uint32_t cluster_size;
    bool readonly;
    uint16_t label[VOLUME_LABEL];
};

/* What new files are dated with: seconds since 1970. */
struct volume_clock {
    uint64_t (*seconds)(void *ctx);
    void *ctx;
};

/* -ENODEV: there is no FAT volume on the medium, which is copied. `clock` may be NULL. */
int volume_open(struct volume **volume, const struct medium *medium,
                const struct volume_clock *clock);
/* Writes back what is not written yet. All of its files have been released. */
void volume_close(struct volume *volume);
/* Everything that was written is on the disk when it returns, and the volume is marked clean. */
int volume_flush(struct volume *volume);
/* Somebody else wrote to the medium: what is known of it is read again. To be called with nothing
 * left to write (volume_flush). */
void volume_forget(struct volume *volume);
bool volume_is_readonly(const struct volume *volume);
int volume_info(struct volume *volume, struct volume_info *info);
int volume_set_label(struct volume *volume, const uint16_t *label);

/* Files. Every one that is handed out is given back by volume_release(); two for the same file
 * share what they know of it. Paths are CHAR16 with backslashes, relative to `dir` unless they
 * begin with one; names are compared without regard to case. */
struct volume_file *volume_root(struct volume *volume);
int volume_lookup(struct volume_file *dir, const uint16_t *path, struct volume_file **file);
/* An existing file is opened; *created says which. `attributes` with VOLUME_DIRECTORY makes a
 * directory. */
int volume_create(struct volume_file *dir, const uint16_t *path, uint8_t attributes,
                  struct volume_file **file, bool *created);
void volume_release(struct volume_file *file);
bool volume_is_directory(const struct volume_file *file);
void volume_stat(const struct volume_file *file, struct volume_stat *stat);

/* *got is less than length only at the file's end. */
int volume_read(struct volume_file *file, uint64_t offset, void *to, size_t length, size_t *got);
/* Extends the file when it has to; a gap becomes zeros. All is written, or (-ENOSPC) nothing. */
int volume_write(struct volume_file *file, uint64_t offset, const void *from, size_t length);
int volume_resize(struct volume_file *file, uint64_t size);
/* The file's entry in its directory is as it should be, and all is on the disk. */
int volume_sync(struct volume_file *file);

/* The entry of a directory at *position (0: the first), which is moved behind it. -ENOENT: no more.
 */
int volume_next(struct volume_file *dir, uint32_t *position, struct volume_stat *stat);

/* Removes file or empty directory; it can only be released then. */
int volume_remove(struct volume_file *file);
/* Gives the file another name, or place; -EEXIST when another file is there. */
int volume_rename(struct volume_file *file, const uint16_t *path);
/* Attributes (VOLUME_DIRECTORY stays as it is) and times; a time of year 0 stays. */
int volume_set(struct volume_file *file, const struct volume_stat *stat);

#endif
