/* SPDX-License-Identifier: ISC */
/*
 * Captures while a test runs: one of each switch, which is kept when the test fails, and one with
 * the filter of each step that watches a wire, whose frames are counted where the switch has
 * written them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/endian.h"
#include "cli/lab_bench.h"

/* pcapng, draft-ietf-opsawg-pcapng, 3.1 and 4.3: blocks of a type, a length, ... and the length. */
#define BLOCK_PACKET 6
#define BLOCK_HEAD   8

static int begin(struct bench_capture *c, struct switch_client *client, const char *filter,
                 struct error *err)
{
    int ret;

    c->client = client;
    c->fd = open(c->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (c->fd < 0)
        return error_set(err, errno, "%s: cannot write the capture: %s", c->path, strerror(errno));
    ret = switch_capture_start(client, NULL, filter, c->fd, &c->id, err);
    if (ret) {
        close(c->fd);
        unlink(c->path);
        c->fd = -1;
    }
    return ret;
}

static size_t count_watching(const struct config_test *test)
{
    size_t count = 0;

    for (size_t i = 0; i < test->step_count; i++)
        count += test->steps[i].kind == CONFIG_STEP_SEE;
    return count;
}

int bench_capture_begin(struct bench *bench, const struct config_test *test, size_t number,
                        struct error *err)
{
    const struct config *config = bench->config;
    struct bench_capture *c;
    size_t watching = 0;
    int ret = 0;

    c = bench->captures = calloc(config->switch_count + count_watching(test) + 1, sizeof(*c));
    if (!c)
        return error_set(err, ENOMEM, "out of memory");
    bench->capture_count = 0;
    for (size_t i = 0; i < config->switch_count && !ret; i++, c++) {
        snprintf(c->path, sizeof(c->path), "%s/%s-%zu-%s.pcapng", bench->folder, config->name,
                 number, config->switches[i].name);
        ret = begin(c, lab_wires_switch(bench->run->wires, config->switches[i].name), NULL, err);
        bench->capture_count += !ret;
    }
    for (size_t i = 0; i < test->step_count && !ret; i++) {
        const struct config_step *s = &test->steps[i];

        if (s->kind != CONFIG_STEP_SEE)
            continue;
        snprintf(c->path, sizeof(c->path), "%.*s/watch%zu", PATH_MAX - 32, bench->run->folder,
                 watching++);
        ret = begin(c, lab_wires_switch(bench->run->wires, s->who), s->text, err);
        if (!ret)
            unlink(c->path); /* only its frames are counted */
        c++;
        bench->capture_count += !ret;
        if (ret)
            error_prefix(err, "%s:%u:%u: \"%s\"", s->place.file, s->place.line, s->place.column,
                         s->text);
    }
    return ret;
}

/* Whole blocks alone count: the last may be on its way. */
static size_t count_packets(int fd)
{
    uint8_t head[BLOCK_HEAD];
    size_t count = 0;
    off_t at = 0, size = lseek(fd, 0, SEEK_END);

    while (at + BLOCK_HEAD <= size && pread(fd, head, BLOCK_HEAD, at) == BLOCK_HEAD) {
        uint32_t length = load_le32(head + 4);

        if (length < BLOCK_HEAD + 4 || length > size - at)
            break;
        count += load_le32(head) == BLOCK_PACKET;
        at += length;
    }
    return count;
}

/* What was watched for and could not be written may have passed all the same. */
static bool end_watching(struct bench *bench, bool right)
{
    for (size_t i = bench->config->switch_count; i < bench->capture_count; i++) {
        struct bench_capture *c = &bench->captures[i];
        struct error err;

        if (switch_capture_stop(c->client, c->id, NULL, &err) && right && !count_packets(c->fd))
            right = bench_fail(bench, "frames that a step looked for could not be written: %s",
                               err.text);
        close(c->fd);
    }
    return right;
}

bool bench_capture_end(struct bench *bench, bool right)
{
    right = end_watching(bench, right);
    for (size_t i = 0; i < MIN(bench->capture_count, bench->config->switch_count); i++) {
        struct bench_capture *c = &bench->captures[i];
        size_t used = strlen(bench->why);
        struct error err;
        bool whole = switch_capture_stop(c->client, c->id, NULL, &err) == 0;

        close(c->fd);
        if (right)
            unlink(c->path);
        else
            snprintf(bench->why + used, sizeof(bench->why) - used, "\ncapture: %s%s%s", c->path,
                     whole ? "" : ", not whole: ", whole ? "" : err.text);
    }
    free(bench->captures);
    bench->captures = NULL;
    bench->capture_count = 0;
    return right;
}

size_t bench_capture_frames(struct bench *bench, const struct config_test *test,
                            const struct config_step *step)
{
    size_t at = bench->config->switch_count;

    for (const struct config_step *s = test->steps; s < step; s++)
        at += s->kind == CONFIG_STEP_SEE;
    return at < bench->capture_count ? count_packets(bench->captures[at].fd) : 0;
}
