/* SPDX-License-Identifier: ISC */
/*
 * What the disk tests share: a scratch directory, commands, a log that keeps its last line, random
 * numbers.
 */
#ifndef TESTS_BACKEND_SCRATCH_H
#define TESTS_BACKEND_SCRATCH_H

#include "backend/disk.h"

struct scratch {
    char dir[64];
    char line[512]; /* the last one logged */
    struct log log;
    uint64_t seed;
};

/* cmocka's: make a struct scratch whose directory is in memory, if it can be (many syncs), or in a
 * real file system. */
int scratch_setup(void **state);
int scratch_setup_on_disk(void **state);

int scratch_teardown(void **state); /* removes the directory with all that is in it */

/* A path in the scratch directory; one of eight buffers that take turns. */
const char *scratch_path(const struct scratch *s, const char *name);

/* Runs a shell command quietly in the scratch directory. Returns its exit status. */
int scratch_run(const struct scratch *s, const char *format, ...) PRINTF(2, 3);

uint64_t scratch_random(struct scratch *s, uint64_t below);
void scratch_fill(struct scratch *s, void *bytes, size_t length);

/* Opens a disk of the scratch directory or fails the test. */
struct disk *scratch_open(struct scratch *s, const char *name, const char *backing, bool readonly);

/* Single-vector I/O that must succeed. */
void scratch_read(struct disk *disk, void *bytes, size_t length, uint64_t offset);
void scratch_write(struct disk *disk, const void *bytes, size_t length, uint64_t offset);

#endif
