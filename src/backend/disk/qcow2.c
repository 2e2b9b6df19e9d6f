/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/disk/qcow2.h"

static void qcow2_release(struct qcow2 *q)
{
    disk_close(q->backing);
    qcow2_cache_free(&q->l2);
    qcow2_cache_free(&q->refcounts);
    disk_file_close(&q->file);
    free(q->metadata.slots);
    free(q->frees);
    free(q->l1);
    free(q->reftable);
    free(q->cow);
    free(q->uncompressed);
    free(q->compressed);
    free(q->path);
    free(q);
}

void qcow2_close(struct disk *disk)
{
    struct qcow2 *q = container_of(disk, struct qcow2, disk);

    /* The second commit writes the counts that went down after the first. */
    if (!disk->readonly && (qcow2_commit(q) || qcow2_commit(q)))
        log_error(disk->log, "%s: not everything could be written", q->path);
    qcow2_release(q);
}

int qcow2_corrupt(struct qcow2 *q, const char *format, ...)
{
    char what[256];
    va_list args;

    if (q->corrupt)
        return -EIO;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    q->corrupt = true;
    q->disk.failure = EIO; /* what follows from it needs no line of its own */
    log_error(q->disk.log,
              "%s: the image is corrupted (%s); it is not written any more. Repair it with "
              "qemu-img check -r all",
              q->path, what);
    return -EIO;
}

/* The name that an image gives its backing file is never followed: an image must not choose host
 * files. */
static int backing_open(struct qcow2 *q, const struct disk_config *config, struct error *err)
{
    struct disk_config backing = {.path = config->backing, .readonly = true};

    if (!q->has_backing && !config->backing)
        return 0;
    if (!q->has_backing)
        return error_set(err, EINVAL, "%s: this image has no backing file; open it without one",
                         q->path);
    if (!config->backing)
        return error_set(err, EINVAL,
                         "%s: this image has a backing file; name the one that it may use",
                         q->path);
    if (strcmp(q->backing_format, "raw") == 0)
        backing.format = DISK_FORMAT_RAW;
    else if (strcmp(q->backing_format, "qcow2") == 0)
        backing.format = DISK_FORMAT_QCOW2;
    return disk_open(&q->backing, &backing, q->disk.log, err);
}

static int qcow2_prepare(struct qcow2 *q, const struct disk_config *config, struct error *err)
{
    int ret = qcow2_header_read(q, err);

    if (!ret && !config->readonly)
        ret = qcow2_layout_read(q, err);
    ret = ret ? ret : backing_open(q, config, err);
    if (!ret && !config->readonly)
        ret = qcow2_header_begin_writing(q, err);
    if (ret)
        return ret;
    q->cow = malloc(q->cluster_size);
    q->frees = calloc(QCOW2_MAX_FREES, sizeof(*q->frees));
    if (!q->cow || !q->frees || qcow2_cache_init(q, &q->l2) || qcow2_cache_init(q, &q->refcounts))
        return error_set(err, ENOMEM, "%s: out of memory", q->path);
    return 0;
}

int disk_qcow2_open(struct disk **disk, struct disk_file *file, const struct disk_config *config,
                    const struct log *log, struct error *err)
{
    struct qcow2 *q = calloc(1, sizeof(*q));
    int ret;

    if (!q || !(q->path = strdup(config->path))) {
        disk_file_close(file);
        free(q);
        return error_set(err, ENOMEM, "%s: out of memory", config->path);
    }
    q->file = *file;
    q->disk = (struct disk){.ops = &qcow2_ops, .readonly = config->readonly, .log = log};
    ret = qcow2_prepare(q, config, err);
    if (ret) {
        qcow2_release(q);
        return ret;
    }
    *disk = &q->disk;
    return 0;
}
