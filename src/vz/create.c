/* SPDX-License-Identifier: ISC */
/*
 * From a configuration to a machine of the framework's, and back. The configuration is complete and
 * validated before the machine is made: the framework copies it then, and would throw at a bad one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vz/private.h"

int vz_probe(struct error *err)
{
    int ret = vz_load(err);
    void *pool;
    id meta;

    if (ret)
        return ret;
    pool = objc_autoreleasePoolPush();
    ret = vz_check_table(err);
    ret = ret ? ret : vz_need_class(VZ_CLASS_VZVirtualMachine, "Virtualization.framework", err);
    if (!ret) {
        meta = vz_class(VZ_CLASS_VZVirtualMachine);
        if (!SEND(meta, supported))
            ret = error_set(err, ENOTSUP,
                            "Virtualization.framework does not work here: in a virtual machine "
                            "that cannot nest, or switched off by this Mac's owner");
    }
    objc_autoreleasePoolPop(pool);
    return ret;
}

static void log_line(void *ctx, enum log_level level, const char *line)
{
    struct vz *vz = ctx;

    vz->log_line(vz->log_ctx, (enum atoll_log_level)level, line);
}

static void set_log(struct vz *vz, const struct atoll_config *config)
{
    if (!config->log)
        return;
    vz->log_line = config->log;
    vz->log_ctx = config->log_ctx;
    vz->log = (struct log){log_line, vz, (enum log_level)config->log_level};
}

static int configure(struct vz *vz, id configuration, const struct atoll_config *config,
                     vz_open_net *open_net, struct error *err)
{
    id error = NULL;
    int ret = vz_configure_boot(vz, configuration, config, err);

    ret = ret ? ret : vz_configure_disks(configuration, config, err);
    ret = ret ? ret : vz_configure_devices(vz, configuration, config, open_net, err);
    if (ret || SEND(configuration, validate, &error))
        return ret;
    return vz_explain(error, err, "the machine cannot be made");
}

struct making {
    struct vz *vz;
    id configuration;
};

/* The delegate is not retained by the machine. */
static void make(void *ctx)
{
    struct making *making = ctx;
    struct vz *vz = making->vz;

    vz->machine = vz_alloc(VZ_CLASS_VZVirtualMachine);
    vz->machine = SEND(vz->machine, init_machine, making->configuration, vz->queue);
    if (vz->machine)
        SEND(vz->machine, set_delegate, vz->delegate);
}

static int want_window(struct vz *vz, const struct atoll_config *config, struct error *err)
{
    int ret = vz_need_class(VZ_CLASS_VZVirtualMachineView, "a window", err);

    if (ret)
        return ret;
    vz->title = strdup(config->name ? config->name : "Atoll");
    vz->window = true;
    vz->width = config->gpu.width;
    vz->height = config->gpu.height;
    return vz->title ? 0 : error_set(err, ENOMEM, "out of memory");
}

static int build(struct vz *vz, const struct atoll_config *config, vz_open_net *open_net,
                 struct error *err)
{
    struct making making = {.vz = vz};
    int ret = host_loop_create(&vz->loop, "vz", err);

    if (ret)
        return ret;
    vz->queue = dispatch_queue_create("atoll.machine", NULL);
    if (!vz->queue)
        return error_set(err, ENOMEM, "cannot make a queue for the machine");
    ret = vz_delegate_create(vz, err);
    for (size_t i = 0; i < config->display_count && !ret; i++)
        if (config->displays[i].kind == ATOLL_DISPLAY_WINDOW)
            ret = want_window(vz, config, err);
    if (ret)
        return ret;
    making.configuration = vz_new(VZ_CLASS_VZVirtualMachineConfiguration);
    ret = configure(vz, making.configuration, config, open_net, err);
    if (ret)
        return ret;
    vz_on_queue(vz, make, &making);
    return vz->machine ? 0 : error_set(err, EIO, "the framework makes no machine of this");
}

static void tell_what_differs(const struct vz *vz, const struct atoll_config *config)
{
    if (!config->reboot)
        log_info(&vz->log, "Apple's framework starts a guest again that resets itself, and tells "
                           "nobody");
}

int vz_create(struct atoll **vm, const struct atoll_config *config, vz_open_net *open_net,
              struct error *err)
{
    int ret = vz_refuse(config, err);
    struct vz *vz;
    void *pool;

    ret = ret ? ret : vz_probe(err);
    if (ret)
        return ret;
    vz = calloc(1, sizeof(*vz));
    if (!vz)
        return error_set(err, ENOMEM, "out of memory");
    vz->face.ops = &vz_ops;
    vz->memory = config->memory;
    pthread_mutex_init(&vz->verb, NULL);
    pthread_mutex_init(&vz->lock, NULL);
    pthread_cond_init(&vz->changed, NULL);
    set_log(vz, config);
    pool = objc_autoreleasePoolPush();
    ret = build(vz, config, open_net, err);
    objc_autoreleasePoolPop(pool);
    if (ret) {
        vz_destroy(vz);
        return ret;
    }
    tell_what_differs(vz, config);
    *vm = &vz->face;
    return 0;
}

/* On the queue, behind all that was posted there. */
static void unmake(void *ctx)
{
    struct vz *vz = ctx;

    if (vz->machine) {
        SEND(vz->machine, set_delegate, NULL);
        objc_release(vz->machine);
    }
    vz_delegate_destroy(vz);
}

void vz_destroy(struct vz *vz)
{
    if (vz->queue) {
        vz_on_queue(vz, unmake, vz);
        dispatch_release(vz->queue);
    }
    for (size_t i = 0; i < vz->port_count; i++)
        vz_port_close(vz, &vz->ports[i]);
    for (size_t i = 0; i < vz->wire_count; i++)
        vz_wire_close(vz->wires[i]);
    if (vz->loop)
        host_loop_destroy(vz->loop);
    if (vz->scratch)
        unlink(vz->scratch);
    free(vz->scratch);
    free(vz->title);
    pthread_cond_destroy(&vz->changed);
    pthread_mutex_destroy(&vz->lock);
    pthread_mutex_destroy(&vz->verb);
    free(vz);
}
