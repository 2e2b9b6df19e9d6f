/* SPDX-License-Identifier: ISC */
/*
 * The verbs of a machine that the framework runs. A verb posts itself to the queue, where the
 * framework's method is called with a completion handler; the handler runs on the queue too, and
 * wakes the caller. What ends without being asked for comes by the delegate.
 */
#include <errno.h>

#include "base/units.h"
#include "vz/private.h"

static struct vz *inside(struct atoll *vm)
{
    return (struct vz *)vm;
}

/* --- the queue --- */

struct errand {
    void (*work)(void *ctx);
    void *ctx;
};

static void run_errand(void *ctx)
{
    const struct errand *errand = ctx;
    void *pool = objc_autoreleasePoolPush();

    errand->work(errand->ctx);
    objc_autoreleasePoolPop(pool);
}

void vz_on_queue(struct vz *vz, void (*work)(void *ctx), void *ctx)
{
    struct errand errand = {work, ctx};

    dispatch_sync_f(vz->queue, &errand, run_errand);
}

/* --- states --- */

static enum atoll_state vz_state(struct atoll *vm)
{
    struct vz *vz = inside(vm);
    enum atoll_state state;

    pthread_mutex_lock(&vz->lock);
    state = vz->state;
    pthread_mutex_unlock(&vz->lock);
    return state;
}

/* From what it was when the verb began: the guest may have ended meanwhile. */
static void change_state(struct vz *vz, enum atoll_state from, enum atoll_state to)
{
    pthread_mutex_lock(&vz->lock);
    if (vz->state == from)
        vz->state = to;
    pthread_mutex_unlock(&vz->lock);
}

void vz_stopped(struct vz *vz, enum atoll_stop why)
{
    for (size_t i = 0; i < vz->port_count; i++)
        console_hurry(vz->ports[i].console, true);
    pthread_mutex_lock(&vz->lock);
    if (vz->state != ATOLL_STATE_STOPPED) {
        vz->state = ATOLL_STATE_STOPPED;
        vz->why = why;
    }
    pthread_cond_broadcast(&vz->changed);
    pthread_mutex_unlock(&vz->lock);
}

static enum atoll_stop wait_for_end(struct vz *vz)
{
    enum atoll_stop why;

    pthread_mutex_lock(&vz->lock);
    while (vz->state != ATOLL_STATE_STOPPED)
        pthread_cond_wait(&vz->changed, &vz->lock);
    why = vz->why;
    pthread_mutex_unlock(&vz->lock);
    return why;
}

/* A window lives in the main thread, which waits. */
static enum atoll_stop vz_wait(struct atoll *vm)
{
    struct vz *vz = inside(vm);

    if (vz->window)
        vz_window_run(vz);
    return wait_for_end(vz);
}

/* --- stopping --- */

static bool is_on(enum atoll_state state)
{
    return state == ATOLL_STATE_RUNNING || state == ATOLL_STATE_PAUSED;
}

/* A machine that cannot be stopped is given up: nobody is to wait for it for ever. */
static void has_quit(struct block *block, id error)
{
    struct vz *vz = block->ctx;
    void *pool = objc_autoreleasePoolPush();
    struct error err;

    if (error) {
        vz_explain(error, &err, "the machine does not stop");
        log_error(&vz->log, "%s", err.text);
    }
    vz_stopped(vz, error ? ATOLL_STOP_FAULT : ATOLL_STOP_QUIT);
    objc_autoreleasePoolPop(pool);
}

/* On the queue. While a verb is under way the framework cannot stop the machine; the verb's end
 * asks again. */
static void quit_if_possible(struct vz *vz)
{
    struct block block = vz_block(has_quit, vz);

    if (!vz->quitting || !is_on(vz_state(&vz->face)) || !SEND(vz->machine, can_stop))
        return;
    vz->quitting = false;
    SEND(vz->machine, stop, &block);
}

static void do_quit(void *ctx)
{
    struct vz *vz = ctx;
    void *pool = objc_autoreleasePoolPush();

    vz->quitting = vz_state(&vz->face) != ATOLL_STATE_STOPPED;
    quit_if_possible(vz);
    objc_autoreleasePoolPop(pool);
}

static void vz_quit(struct atoll *vm)
{
    dispatch_async_f(inside(vm)->queue, vm, do_quit);
}

/* --- verbs that wait for their end --- */

struct verb {
    struct vz *vz;
    void (*send)(id machine, struct block *block);
    enum atoll_state from, to;
    const char *failure;
    struct error *err;
    int ret;
    bool done; /* under vz->lock */
};

static void send_start(id machine, struct block *block)
{
    SEND(machine, start, block);
}

static void send_pause(id machine, struct block *block)
{
    SEND(machine, pause, block);
}

static void send_resume(id machine, struct block *block)
{
    SEND(machine, resume, block);
}

/* The caller may go on, and take the verb with it, as soon as `done` can be seen. */
static void verb_ended(struct block *block, id error)
{
    struct verb *verb = block->ctx;
    struct vz *vz = verb->vz;
    void *pool = objc_autoreleasePoolPush();

    verb->ret = error ? vz_explain(error, verb->err, "%s", verb->failure) : 0;
    if (!error)
        change_state(vz, verb->from, verb->to);
    pthread_mutex_lock(&vz->lock);
    verb->done = true;
    pthread_cond_broadcast(&vz->changed);
    pthread_mutex_unlock(&vz->lock);
    quit_if_possible(vz);
    objc_autoreleasePoolPop(pool);
}

static void send_verb(void *ctx)
{
    struct verb *verb = ctx;
    struct block block = vz_block(verb_ended, verb);

    verb->send(verb->vz->machine, &block);
}

static int carry_out(struct verb *verb)
{
    struct vz *vz = verb->vz;

    vz_on_queue(vz, send_verb, verb);
    pthread_mutex_lock(&vz->lock);
    while (!verb->done)
        pthread_cond_wait(&vz->changed, &vz->lock);
    pthread_mutex_unlock(&vz->lock);
    return verb->ret;
}

/* Returns -EBUSY when the machine is not in the state that the verb starts from. */
static int change(struct verb *verb)
{
    struct vz *vz = verb->vz;
    int ret;

    pthread_mutex_lock(&vz->verb);
    ret = vz_state(&vz->face) == verb->from ? carry_out(verb) : -EBUSY;
    pthread_mutex_unlock(&vz->verb);
    return ret;
}

static int vz_start(struct atoll *vm, struct error *err)
{
    struct verb verb = {.vz = inside(vm),
                        .send = send_start,
                        .from = ATOLL_STATE_OFF,
                        .to = ATOLL_STATE_RUNNING,
                        .failure = "the machine does not start",
                        .err = err};
    int ret = change(&verb);

    return ret == -EBUSY ? error_set(err, EBUSY, "the machine has been started before") : ret;
}

static int vz_pause(struct atoll *vm)
{
    struct verb verb = {.vz = inside(vm),
                        .send = send_pause,
                        .from = ATOLL_STATE_RUNNING,
                        .to = ATOLL_STATE_PAUSED,
                        .failure = "the machine does not pause"};
    int ret = change(&verb);

    if (ret != -EBUSY)
        return ret;
    return vz_state(vm) == ATOLL_STATE_PAUSED ? -EALREADY : -EINVAL;
}

static int vz_resume(struct atoll *vm)
{
    struct verb verb = {.vz = inside(vm),
                        .send = send_resume,
                        .from = ATOLL_STATE_PAUSED,
                        .to = ATOLL_STATE_RUNNING,
                        .failure = "the machine does not go on"};
    int ret = change(&verb);

    return ret == -EBUSY ? -EINVAL : ret;
}

/* --- the buttons --- */

static void do_power_button(void *ctx)
{
    struct vz *vz = ctx;
    void *pool = objc_autoreleasePoolPush();
    struct error err;
    id error = NULL;

    if (vz_state(&vz->face) == ATOLL_STATE_RUNNING && !SEND(vz->machine, request_stop, &error)) {
        vz_explain(error, &err, "the power button cannot be pressed");
        log_warn(&vz->log, "%s", err.text);
    }
    objc_autoreleasePoolPop(pool);
}

static void vz_power_button(struct atoll *vm)
{
    dispatch_async_f(inside(vm)->queue, vm, do_power_button);
}

static void reset_failed(struct vz *vz, id error)
{
    struct error err;

    vz_explain(error, &err, "the machine cannot be reset");
    log_error(&vz->log, "%s", err.text);
    vz_stopped(vz, ATOLL_STOP_FAULT);
}

static void has_restarted(struct block *block, id error)
{
    struct vz *vz = block->ctx;
    void *pool = objc_autoreleasePoolPush();

    if (error)
        reset_failed(vz, error);
    quit_if_possible(vz);
    objc_autoreleasePoolPop(pool);
}

static void has_stopped_for_reset(struct block *block, id error)
{
    struct vz *vz = block->ctx;
    struct block restarted = vz_block(has_restarted, vz);
    void *pool = objc_autoreleasePoolPush();

    if (error)
        reset_failed(vz, error);
    else if (vz->quitting)
        vz_stopped(vz, ATOLL_STOP_QUIT);
    else
        SEND(vz->machine, start, &restarted);
    objc_autoreleasePoolPop(pool);
}

/* The framework has no reset button: the plug is pulled and put back. */
static void do_reset(void *ctx)
{
    struct vz *vz = ctx;
    struct block block = vz_block(has_stopped_for_reset, vz);
    void *pool = objc_autoreleasePoolPush();

    if (vz_state(&vz->face) == ATOLL_STATE_RUNNING && SEND(vz->machine, can_stop))
        SEND(vz->machine, stop, &block);
    else
        log_warn(&vz->log, "only a running machine can be reset");
    objc_autoreleasePoolPop(pool);
}

static void vz_reset(struct atoll *vm)
{
    dispatch_async_f(inside(vm)->queue, vm, do_reset);
}

/* --- memory, consoles --- */

struct balloon {
    struct vz *vz;
    uint64_t target;
    int ret;
};

static void do_balloon(void *ctx)
{
    struct balloon *balloon = ctx;
    id devices = SEND(balloon->vz->machine, balloons), device;

    balloon->ret = SEND(devices, count) ? 0 : -ENODEV;
    if (balloon->ret)
        return;
    device = SEND(devices, object_at, 0);
    SEND(device, set_balloon_target, balloon->target);
}

/* The framework is told what the guest keeps, in whole MiB. */
static int vz_balloon(struct atoll *vm, uint64_t bytes)
{
    struct vz *vz = inside(vm);
    struct balloon balloon = {.vz = vz};

    balloon.target = align_up(vz->memory - MIN(bytes, vz->memory - MIB), MIB);
    vz_on_queue(vz, do_balloon, &balloon);
    return balloon.ret;
}

static struct vz_port *port_of(struct atoll *vm, size_t index)
{
    struct vz *vz = inside(vm);

    return index < vz->port_count ? &vz->ports[index] : NULL;
}

static int64_t vz_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length)
{
    struct vz_port *port = port_of(vm, index);

    return port ? (int64_t)console_input(port->console, bytes, length) : -EINVAL;
}

static int64_t vz_console_read(struct atoll *vm, size_t index, void *bytes, size_t room)
{
    struct vz_port *port = port_of(vm, index);

    if (!port || port->kind != ATOLL_CONSOLE_MEMORY)
        return -EINVAL;
    return (int64_t)console_memory_output(port->console, bytes, room);
}

static int vz_console_follow(struct atoll *vm, size_t index,
                             void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                             struct atoll_follower **follower)
{
    struct vz_port *port = port_of(vm, index);

    return port ? console_follow(port->console, output, ctx, (struct console_follower **)follower)
                : -EINVAL;
}

static void vz_restore_terminal(struct atoll *vm)
{
    struct vz *vz = inside(vm);

    for (size_t i = 0; i < vz->port_count; i++)
        if (vz->ports[i].kind == ATOLL_CONSOLE_STDIO)
            console_restore_terminal(vz->ports[i].console);
}

/* The framework counts nothing. */
static void vz_stats(struct atoll *vm, struct atoll_stats *stats)
{
    *stats = (struct atoll_stats){.engine = VZ_ENGINE, .memory_resident = -1};
}

static void vz_end(struct atoll *vm)
{
    struct vz *vz = inside(vm);

    if (is_on(vz_state(vm))) {
        vz_quit(vm);
        wait_for_end(vz);
    }
    vz_destroy(vz);
}

const struct atoll_ops vz_ops = {
    .kind = "a machine that Apple's framework runs (--engine vz)",
    .start = vz_start,
    .wait = vz_wait,
    .quit = vz_quit,
    .reset = vz_reset,
    .power_button = vz_power_button,
    .pause = vz_pause,
    .resume = vz_resume,
    .state = vz_state,
    .stats = vz_stats,
    .destroy = vz_end,
    .console_write = vz_console_write,
    .console_read = vz_console_read,
    .console_follow = vz_console_follow,
    .restore_terminal = vz_restore_terminal,
    .balloon = vz_balloon,
};
