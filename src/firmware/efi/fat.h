/* SPDX-License-Identifier: ISC */
/*
 * What the files of the FAT volume share. From the bottom up: fat_table.c (clusters and chains),
 * fat_name.c (long and short names), fat_data.c (bytes of a file or directory), fat_dir.c
 * (entries), fat_file.c (open files), fat.c (the volume).
 */
#ifndef FIRMWARE_EFI_FAT_H
#define FIRMWARE_EFI_FAT_H

#include "firmware/efi/volume.h"

#define FAT_CACHE_SLOTS 8u
#define FAT_CACHE_BYTES 4096u
#define FAT_ENTRY       32u    /* bytes of a directory entry */
#define FAT_DIR_MAX     65536u /* entries of a directory: 2 MiB, as the specification bounds it */
#define FAT_DEPTH_MAX   64u
#define FAT_FILES_MAX   1024u /* open at a time */
#define FAT_SIZE_MAX    UINT64_C(0xffffffff)
/* Attributes that may change. */
#define FAT_CHANGEABLE (VOLUME_READ_ONLY | VOLUME_HIDDEN | VOLUME_SYSTEM | VOLUME_ARCHIVE)
#define FAT_SHORT      11u /* bytes of a short name */

/* Values of a table's entry, whatever its width. */
#define FAT_FREE UINT32_C(0)
#define FAT_BAD  UINT32_C(0x0ffffff7)
#define FAT_END  UINT32_C(0x0fffffff) /* and what fat_get gives for all ends */

/* Offsets in a directory entry. */
enum {
    DIR_NAME = 0,
    DIR_ATTRIBUTES = 11,
    DIR_CASE = 12,
    DIR_CREATED_TENTHS = 13,
    DIR_CREATED = 14, /* time, then date */
    DIR_ACCESSED = 18,
    DIR_CLUSTER_HIGH = 20,
    DIR_MODIFIED = 22,
    DIR_CLUSTER = 26,
    DIR_SIZE = 28,
};

#define DIR_DELETED     0xe5u
#define DIR_LABEL       0x08u /* an attribute */
#define DIR_LONG        0x0fu /* the attributes of a part of a long name */
#define DIR_CASE_BASE   0x08u /* the short name's base, its extension, are in lower case */
#define DIR_CASE_SUFFIX 0x10u

/* A part of the table in memory. */
struct fat_slot {
    uint64_t offset; /* in the table */
    uint64_t used;   /* when, for replacement */
    bool valid, dirty;
    uint8_t bytes[FAT_CACHE_BYTES];
};

struct volume {
    struct medium medium;
    struct volume_clock clock;
    bool readonly;
    unsigned bits; /* 12, 16, 32 */
    uint32_t cluster_size;
    uint32_t cluster_count; /* they are numbered from 2 */
    uint64_t size;
    uint64_t table, table_size; /* the first of the tables in use; bytes */
    unsigned table_count;       /* that are written */
    uint64_t root;              /* FAT12 and FAT16 */
    uint32_t root_size;
    uint32_t root_cluster; /* FAT32; 0: not so */
    uint64_t data;
    uint64_t fsinfo; /* 0: none */

    uint32_t free; /* clusters, once counted */
    bool counted;
    uint32_t next_free; /* where to look first */
    bool unclean;       /* it was when it was opened, and stays so */
    bool writing;       /* marked unclean by us */

    struct fat_slot cache[FAT_CACHE_SLOTS];
    uint64_t tick;
    struct volume_file *files; /* open ones */
    unsigned file_count;
};

/* A place in a chain, to go on from. `mark` is a cluster seen before, moved at every power of two
 * (Brent): to meet it again is a loop. */
struct fat_chain {
    uint32_t first; /* 0: no cluster */
    uint32_t index, cluster;
    uint32_t mark, mark_until;
};

struct volume_file {
    struct volume *volume;
    struct volume_file *next;   /* in the volume's list */
    struct volume_file *parent; /* held; NULL: the root */
    unsigned references, depth;
    uint32_t first_entry, entry; /* in the parent: of the whole set, of the short one */
    uint8_t raw[FAT_ENTRY];
    uint16_t name[VOLUME_NAME_MAX];
    struct fat_chain chain;
    uint32_t size;
    bool directory, fixed; /* fixed: the root of FAT12 and FAT16 */
    bool dirty;            /* `raw`, chain or size differ from the directory's */
    bool removed;
};

/* --- fat_table.c --- */
/* -EBADMSG: no such cluster. Gives FAT_FREE, FAT_BAD, FAT_END or a number that may be wrong. */
int fat_get(struct volume *volume, uint32_t cluster, uint32_t *next);
int fat_set(struct volume *volume, uint32_t cluster, uint32_t next);
/* The mark of entry 1 that says the volume was put away in order; FAT12 has none. */
int fat_clean_get(struct volume *volume, bool *clean);
int fat_clean_set(struct volume *volume, bool clean);
int fat_table_sync(struct volume *volume);
int fat_count_free(struct volume *volume);
/* The cluster at `index`, and how many follow one another from there on, at most `most`.
 * -ENODATA: the chain is shorter; -EBADMSG. */
int fat_chain_run(struct volume *volume, struct fat_chain *chain, uint32_t index, uint32_t most,
                  uint32_t *cluster, uint32_t *count);
void fat_chain_start(struct fat_chain *chain, uint32_t first);
/* Makes the chain at least `count` clusters long, of which it has `have`; -ENOSPC: as it was. */
int fat_chain_extend(struct volume *volume, struct fat_chain *chain, uint32_t have, uint32_t count);
/* The chain has an end, and `count` clusters at least. -ENODATA, -EBADMSG. */
int fat_chain_check(struct volume *volume, struct fat_chain *chain, uint32_t count);
/* Cuts the chain, if it has an end, to `count` clusters. */
int fat_chain_cut(struct volume *volume, struct fat_chain *chain, uint32_t count);

/* --- fat_name.c --- */
uint16_t fat_upper(uint16_t c);
bool fat_name_equal(const uint16_t *a, const uint16_t *b);
/* The next component of a path: 1 and the name (without trailing dots and spaces), 0 at the end,
 * -EINVAL when it is too long or none. */
int fat_path_next(const uint16_t **path, uint16_t name[VOLUME_NAME_MAX]);
/* "." or "..". */
bool fat_name_is_dots(const uint16_t *name);
bool fat_name_valid(const uint16_t *name);
/* The name that a short entry shows. */
void fat_short_decode(const uint8_t *raw, uint16_t name[VOLUME_NAME_MAX]);
/* A short name made of a long one; false: not all of it is in there, so that it wants a number. */
bool fat_short_encode(const uint16_t *name, uint8_t to[FAT_SHORT]);
/* Puts ~attempt, or after nine of them a digest of the name, into a short name. */
void fat_short_number(const uint16_t *name, unsigned attempt, uint8_t to[FAT_SHORT]);
uint8_t fat_short_checksum(const uint8_t *raw);
/* Parts of long names: `ordinal` from 1, 13 units each. */
void fat_long_encode(const uint16_t *name, unsigned ordinal, bool last, uint8_t checksum,
                     uint8_t raw[FAT_ENTRY]);
void fat_long_decode(const uint8_t *raw, uint16_t *to);

/* --- fat_data.c: the bytes of a file, or of a directory's entries --- */
int fat_data_read(struct volume_file *file, uint64_t offset, void *to, size_t length);
int fat_data_write(struct volume_file *file, uint64_t offset, const void *from, size_t length);
/* Zeros; the clusters are there. */
int fat_data_clear(struct volume_file *file, uint64_t offset, uint64_t length);
/* Before the first change of all: refuses, or marks the volume unclean. */
int fat_begin(struct volume *volume);
void fat_time_now(const struct volume *volume, uint8_t to[4]);
void fat_time_decode(const uint8_t *from, struct volume_time *time);
void fat_time_encode(const struct volume_time *time, uint8_t to[4]);

/* --- fat_dir.c --- */
struct fat_cursor {
    struct volume_file *dir;
    uint32_t index; /* of the next entry */
    uint32_t block; /* which one `bytes` holds, plus 1 */
    uint8_t bytes[MEDIUM_BLOCK];
};

struct fat_entry {
    uint32_t first, index; /* of the set, of the short entry */
    uint8_t raw[FAT_ENTRY];
    uint16_t name[VOLUME_NAME_MAX];
};

/* The next file of the directory, "." and ".." among them; -ENOENT: no more. */
int fat_dir_next(struct fat_cursor *cursor, struct fat_entry *entry);
/* -ENOENT when there is none of that name. */
int fat_dir_find(struct volume_file *dir, const uint16_t *name, struct fat_entry *entry);
/* Adds `name` with the fields of `raw`; `entry` says where it is. `except` (NULL: none) is an entry
 * of the same directory whose short name may be taken again. */
int fat_dir_add(struct volume_file *dir, const uint16_t *name, const uint8_t *raw,
                const struct volume_file *except, struct fat_entry *entry);
int fat_dir_delete(struct volume_file *dir, uint32_t first, uint32_t last);
int fat_dir_empty(struct volume_file *dir);
/* The label's entry of a root directory: its index, or -ENOENT. */
int fat_dir_label(struct volume_file *root, uint32_t *index, uint8_t raw[FAT_ENTRY]);
/* A single entry in the first place that is free. */
int fat_dir_put(struct volume_file *dir, const uint8_t *raw);

/* --- fat_file.c --- */
/* The file of an entry: a new one, or the open one with a reference more. */
int fat_file_get(struct volume_file *parent, const struct fat_entry *entry,
                 struct volume_file **file);
/* Writes the file's entry when it changed. */
int fat_file_commit(struct volume_file *file);
uint32_t fat_clusters(const struct volume *volume, uint64_t size);
uint32_t fat_first_cluster(const struct volume *volume, const uint8_t *raw);
void fat_set_first_cluster(const struct volume *volume, uint8_t *raw, uint32_t cluster);
struct volume_file *fat_file_retain(struct volume_file *file);
/* The file is where the entry says, under the entry's name. */
void fat_file_take(struct volume_file *file, const struct fat_entry *entry);
/* A chain that ends before the file does (-ENODATA) is damage. */
int fat_whole(int ret);

#endif
