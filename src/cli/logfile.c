/* SPDX-License-Identifier: ISC */
/* A confined process can neither open nor rename: the old log is copied, while both are open. */
#include "cli/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"

#define PART (16u << 10)

struct logfile {
    pthread_mutex_t lock;
    int fd, old;
    unsigned lost; /* lines for which there was no room, since the last that was written */
};

static int open_one(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;

    if (fd < 0)
        return error_set(err, errno, "%s: cannot open the log: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return error_set(err, EINVAL, "%s: the log cannot be there: it is no file", path);
}

int logfile_open(struct logfile **out, const char *path, struct error *err)
{
    struct logfile *log = malloc(sizeof(*log));
    char old[PATH_MAX];

    if (!log)
        return error_set(err, ENOMEM, "out of memory");
    *log = (struct logfile){.fd = open_one(path, err), .old = -1};
    pthread_mutex_init(&log->lock, NULL);
    if (log->fd >= 0 && (size_t)snprintf(old, sizeof(old), "%s" LOGFILE_OLD, path) < sizeof(old))
        log->old = open_one(old, err);
    else if (log->fd >= 0)
        log->old = error_set(err, ENAMETOOLONG, "%s: the path is too long", path);
    if (log->fd < 0 || log->old < 0) {
        int ret = log->fd < 0 ? log->fd : log->old;

        logfile_close(log);
        return ret;
    }
    *out = log;
    return 0;
}

void logfile_close(struct logfile *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (log->old >= 0)
        close(log->old);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

int logfile_descriptor(const struct logfile *log)
{
    return log->fd;
}

/* On a full disk, what is copied is lost. */
static void put(int fd, const void *bytes, size_t length)
{
    ssize_t written = write(fd, bytes, length);

    (void)written;
}

static void clear(int fd)
{
    int ret = ftruncate(fd, 0);

    (void)ret;
}

/* Only what came last is copied, for others may have written any amount. */
static void turn(struct logfile *log, off_t size)
{
    off_t at = size > LOGFILE_MAX ? size - LOGFILE_MAX : 0;
    char part[PART];
    ssize_t length;

    clear(log->old);
    while ((length = pread(log->fd, part, sizeof(part), at)) > 0) {
        put(log->old, part, (size_t)length);
        at += length;
    }
    clear(log->fd);
}

/* All of it or nothing: half a line would be taken for the beginning of the next. */
static bool put_line(struct logfile *log, const char *when, const char *line)
{
    struct iovec parts[] = {{(char *)(uintptr_t)when, strlen(when)},
                            {(char *)(uintptr_t)line, strlen(line)},
                            {"\n", 1}};
    size_t length = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
    struct stat st;
    bool known = fstat(log->fd, &st) == 0;
    ssize_t written;

    if (known && st.st_size >= LOGFILE_MAX)
        turn(log, st.st_size);
    known = known && fstat(log->fd, &st) == 0;
    written = writev(log->fd, parts, nitems(parts));
    if (written == (ssize_t)length)
        return true;
    if (known && written > 0 && ftruncate(log->fd, st.st_size))
        return true; /* what there is of it stays */
    return false;
}

void logfile_write(struct logfile *log, const char *line)
{
    time_t now = time(NULL);
    char when[32], gap[80];
    struct tm utc;

    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&now, &utc));
    pthread_mutex_lock(&log->lock);
    snprintf(gap, sizeof(gap), "%u lines are missing here: the disk was full", log->lost);
    if (log->lost && put_line(log, when, gap))
        log->lost = 0;
    if (log->lost || !put_line(log, when, line))
        log->lost++;
    pthread_mutex_unlock(&log->lock);
}
