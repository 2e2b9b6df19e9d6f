/* SPDX-License-Identifier: ISC */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void log_line(void *ctx, enum atoll_log_level level, const char *line)
{
    struct rig *rig = ctx;

    if (strlen(rig->log) + strlen(line) + 2 < sizeof(rig->log))
        strcat(strcat(rig->log, line), "\n");
}

void rig_write(struct rig *rig, const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    length = length ? length : strlen(bytes);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

int rig_setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    uint8_t image[128] = {0};

    double_begin(14, 5);
    strcpy(rig->folder, "/tmp/atoll-test-vz-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->kernel, sizeof(rig->kernel), "%s/Image", rig->folder);
    snprintf(rig->initrd, sizeof(rig->initrd), "%s/initrd", rig->folder);
    snprintf(rig->disk, sizeof(rig->disk), "%s/disk", rig->folder);
    snprintf(rig->nvram, sizeof(rig->nvram), "%s/nvram", rig->folder);
    memcpy(image + 56, "ARM\x64", 4);
    rig_write(rig, rig->kernel, image, sizeof(image));
    rig_write(rig, rig->initrd, "initrd", 0);
    rig_write(rig, rig->disk, image, 1);
    rig->config = (struct atoll_config){.engine = "vz",
                                        .memory = GUEST_MEMORY,
                                        .cpus = 2,
                                        .kernel = rig->kernel,
                                        .reboot = true,
                                        .log = log_line,
                                        .log_ctx = rig,
                                        .log_level = ATOLL_LOG_INFO};
    setenv("TMPDIR", rig->folder, 1);
    rig->descriptors = count_entries("/proc/self/fd");
    *state = rig;
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

int rig_teardown(void **state)
{
    struct rig *rig = *state;

    if (rig->vm)
        rig->vm->ops->destroy(rig->vm);
    assert_string_equal(double_end(), "");
    assert_int_equal(count_entries("/proc/self/fd"), rig->descriptors);
    assert_int_equal(rig->nets_open, 0);
    remove_folder(rig->folder);
    free(rig);
    return 0;
}

unsigned rig_new_files(struct rig *rig)
{
    return (unsigned)count_entries(rig->folder) - 2 - 3;
}

/* --- the network --- */

static struct rig *rig_of(struct net *net)
{
    return (struct rig *)((char *)net - offsetof(struct rig, net));
}

static int attach(struct net *net, struct host_loop *loop)
{
    rig_of(net)->net_loop = loop;
    return 0;
}

static int send_frame(struct net *net, const struct iovec *iov, int count)
{
    struct rig *rig = rig_of(net);

    assert_int_equal(count, 1);
    memcpy(rig->sent, iov->iov_base, MIN(iov->iov_len, sizeof(rig->sent)));
    __atomic_store_n(&rig->sent_length, iov->iov_len, __ATOMIC_RELEASE);
    return 0;
}

static void resume(struct net *net)
{
}

static void close_net(struct net *net)
{
    rig_of(net)->nets_open--;
}

static int open_net(struct net **net, const struct atoll_config *config, size_t index,
                    const struct log *log, struct error *err)
{
    static const struct net_ops ops = {
        .attach = attach, .send = send_frame, .resume = resume, .close = close_net};
    struct rig *rig = config->log_ctx;

    if (rig->net_refused)
        return error_set(err, EADDRINUSE, "the port is taken");
    rig->net = (struct net){.ops = &ops, .log = log};
    rig->nets_open++;
    *net = &rig->net;
    return 0;
}

struct frame {
    struct rig *rig;
    const void *bytes;
    size_t length;
};

static void deliver(void *ctx)
{
    const struct frame *frame = ctx;
    struct net_client *client = &frame->rig->net.client;

    assert_true(client->receive(client->ctx, frame->bytes, frame->length));
}

void rig_deliver(struct rig *rig, const void *bytes, size_t length)
{
    struct frame frame = {rig, bytes, length};

    host_loop_call(rig->net_loop, deliver, &frame);
}

/* --- machines --- */

int rig_create(struct rig *rig)
{
    return vz_create(&rig->vm, &rig->config, open_net, &rig->err);
}

void rig_create_well(struct rig *rig)
{
    if (rig_create(rig))
        fail_msg("%s", rig->err.text);
}

void rig_refused(struct rig *rig, int number, const char *text)
{
    assert_int_equal(rig_create(rig), -number);
    assert_null(rig->vm);
    if (!strstr(rig->err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", rig->err.text, text);
}
