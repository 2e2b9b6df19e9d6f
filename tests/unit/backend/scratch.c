/* SPDX-License-Identifier: ISC */
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void keep_line(void *ctx, enum log_level level, const char *line)
{
    struct scratch *s = ctx;

    snprintf(s->line, sizeof(s->line), "%s", line);
}

static int setup_in(void **state, const char *where)
{
    struct scratch *s = calloc(1, sizeof(*s));

    snprintf(s->dir, sizeof(s->dir), "%s/atoll-disk-XXXXXX", where);
    s->log = (struct log){keep_line, s, LOG_WARN};
    s->seed = 88172645463325252u;
    *state = s;
    return mkdtemp(s->dir) ? 0 : -1;
}

int scratch_setup(void **state)
{
    return setup_in(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

int scratch_setup_on_disk(void **state)
{
    return setup_in(state, "/tmp");
}

int scratch_teardown(void **state)
{
    struct scratch *s = *state;
    int ret = scratch_run(s, "rm -rf %s", s->dir);

    free(s);
    return ret;
}

const char *scratch_path(const struct scratch *s, const char *name)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % nitems(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", s->dir, name);
    return path;
}

int scratch_run(const struct scratch *s, const char *format, ...)
{
    char command[1024], all[1200];
    va_list args;
    int status;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    snprintf(all, sizeof(all), "cd %s && { %s; } >output 2>&1", s->dir, command);
    status = system(all);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* xorshift64* */
uint64_t scratch_random(struct scratch *s, uint64_t below)
{
    s->seed ^= s->seed >> 12;
    s->seed ^= s->seed << 25;
    s->seed ^= s->seed >> 27;
    return (s->seed * UINT64_C(2685821657736338717) >> 11) % below;
}

void scratch_fill(struct scratch *s, void *bytes, size_t length)
{
    uint64_t word = scratch_random(s, UINT64_MAX);
    uint8_t *to = bytes;

    for (size_t i = 0; i < length; i++)
        to[i] = (uint8_t)(word >> (i % 7 * 8)) + (uint8_t)(i >> 9);
}

struct disk *scratch_open(struct scratch *s, const char *name, const char *backing, bool readonly)
{
    struct disk_config config = {
        .path = scratch_path(s, name),
        .readonly = readonly,
        .backing = backing ? scratch_path(s, backing) : NULL,
    };
    struct disk *disk;
    struct error err;

    if (disk_open(&disk, &config, &s->log, &err))
        fail_msg("%s", err.text);
    return disk;
}

void scratch_read(struct disk *disk, void *bytes, size_t length, uint64_t offset)
{
    const struct iovec iov = {bytes, length};

    assert_int_equal(disk_readv(disk, &iov, 1, offset), 0);
}

void scratch_write(struct disk *disk, const void *bytes, size_t length, uint64_t offset)
{
    const struct iovec iov = {(void *)(uintptr_t)bytes, length};

    assert_int_equal(disk_writev(disk, &iov, 1, offset), 0);
}
