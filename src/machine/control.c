/* SPDX-License-Identifier: ISC */
/*
 * What happens to the machine as a whole: start, stop, reset, pause. Requests come from any thread
 * (a guest's PSCI call, an escape on the console, a signal's handler by way of the caller) as bits;
 * the control loop takes them one after the other.
 */
#include "machine/machine.h"

#include <errno.h>

#include "chip/pl061.h"
#include "host/clock.h"
#include "host/thread.h"
#include "machine/layout.h"

#define BUTTON_PRESS_NS (100 * NS_PER_MSEC)

static void tell_engine(struct machine *m, bool runs)
{
    if (m->engine->vm_clock)
        m->engine->vm_clock(m->vm, runs);
}

/* Parks the vCPUs and ends the requests in flight. Afterwards nothing touches the guest. */
static void quiesce(struct machine *m)
{
    devices_hurry(m);
    cpus_park(m);
    devices_quiesce(m);
    clock_stop(&m->clock);
    tell_engine(m, false);
}

static void go_on(struct machine *m)
{
    clock_start(&m->clock);
    tell_engine(m, true);
    devices_resume(m);
    cpus_run(m);
}

static void stop(struct machine *m, enum atoll_stop why)
{
    if (m->phase == MACHINE_STOPPED)
        return;
    quiesce(m);
    screen_finish(&m->screen);
    if (m->input)
        input_end(m->input); /* nobody is to wait for a guest that is gone */
    pthread_mutex_lock(&m->lock);
    m->phase = MACHINE_STOPPED;
    m->why = why;
    pthread_cond_broadcast(&m->ended);
    pthread_mutex_unlock(&m->lock);
}

static void reset(struct machine *m)
{
    struct error err;

    if (m->phase == MACHINE_STOPPED)
        return;
    quiesce(m);
    devices_reset(m);
    clock_set(&m->clock, 0);
    if (boot_load(m, &err)) {
        log_error(&m->log, "cannot start again: %s", err.text);
        stop(m, ATOLL_STOP_FAULT);
        return;
    }
    if (m->phase == MACHINE_RUNNING)
        go_on(m);
}

/* The button's own interrupt is an edge, for guests that have no driver for the PL061. */
static void press_button(struct machine *m)
{
    log_info(&m->log, "power button pressed");
    pl061_set_input(m->gpio, LAYOUT_POWER_BUTTON_LINE, true);
    if (m->platform.power_button_intid) {
        const struct irq_line line = gic_spi(m, m->platform.power_button_intid);

        irq_set(&line, true);
        irq_set(&line, false);
    }
    host_timer_set(m->button_timer, host_clock_monotonic() + BUTTON_PRESS_NS);
}

static void release_button(void *ctx)
{
    struct machine *m = ctx;

    pl061_set_input(m->gpio, LAYOUT_POWER_BUTTON_LINE, false);
}

static void take_requests(void *ctx)
{
    struct machine *m = ctx;
    unsigned requests;

    if (m->phase == MACHINE_OFF)
        return; /* what is asked of a machine on its way up is heard once it is there */
    requests = atomic_exchange(&m->requests, 0);
    if (m->phase == MACHINE_STOPPED)
        return;
    if (requests & REQUEST_QUIT)
        stop(m, ATOLL_STOP_QUIT);
    else if (requests & REQUEST_FAULT)
        stop(m, ATOLL_STOP_FAULT);
    else if (requests & REQUEST_POWEROFF)
        stop(m, ATOLL_STOP_POWEROFF);
    else if ((requests & REQUEST_RESET) && !m->config.reboot)
        stop(m, ATOLL_STOP_RESET);
    else if (requests & (REQUEST_RESET | REQUEST_FORCED_RESET))
        reset(m);
    else if (requests & REQUEST_POWER_BUTTON)
        press_button(m);
}

void machine_request(struct machine *m, unsigned request)
{
    atomic_fetch_or(&m->requests, request);
    host_work_post(m->control_work);
}

int control_create(struct machine *m, struct error *err)
{
    int ret;

    pthread_mutex_init(&m->lock, NULL);
    host_cond_init(&m->go);
    host_cond_init(&m->parked);
    host_cond_init(&m->ended);
    atomic_init(&m->leave, true);
    ret = host_loop_create(&m->control, "control", err);
    if (ret)
        return ret;
    ret = host_work_create(m->control, take_requests, m, &m->control_work);
    if (!ret)
        ret = host_timer_create(m->control, release_button, m, &m->button_timer);
    return ret ? error_set(err, -ret, "cannot set up the control loop") : 0;
}

void control_destroy(struct machine *m)
{
    if (m->button_timer)
        host_timer_destroy(m->button_timer);
    if (m->control_work)
        host_work_destroy(m->control_work);
    if (m->control)
        host_loop_destroy(m->control);
    pthread_cond_destroy(&m->ended);
    pthread_cond_destroy(&m->parked);
    pthread_cond_destroy(&m->go);
    pthread_mutex_destroy(&m->lock);
}

/* A verb that the control loop carries out for a caller who waits. */
struct verb {
    struct machine *machine;
    struct state *save;
    const struct state *load;
    struct error *err;
    int ret;
};

static void set_phase(struct machine *m, enum machine_phase phase)
{
    pthread_mutex_lock(&m->lock);
    m->phase = phase;
    pthread_mutex_unlock(&m->lock);
    host_work_post(m->control_work); /* for requests that have waited for this */
}

static void do_start(void *ctx)
{
    struct verb *verb = ctx;
    struct machine *m = verb->machine;

    if (m->phase != MACHINE_OFF) {
        verb->ret = error_set(verb->err, EBUSY, "the machine has been started before");
        return;
    }
    verb->ret = boot_load(m, verb->err);
    if (verb->ret)
        return;
    set_phase(m, MACHINE_RUNNING);
    go_on(m);
}

static void do_pause(void *ctx)
{
    struct verb *verb = ctx;
    struct machine *m = verb->machine;

    verb->ret = m->phase == MACHINE_RUNNING ? 0 : m->phase == MACHINE_PAUSED ? -EALREADY : -EINVAL;
    if (verb->ret)
        return;
    quiesce(m);
    set_phase(m, MACHINE_PAUSED);
}

static void do_resume(void *ctx)
{
    struct verb *verb = ctx;
    struct machine *m = verb->machine;

    verb->ret = m->phase == MACHINE_PAUSED ? 0 : -EINVAL;
    if (verb->ret)
        return;
    set_phase(m, MACHINE_RUNNING);
    go_on(m);
}

static void do_save(void *ctx)
{
    struct verb *verb = ctx;

    if (verb->machine->phase != MACHINE_PAUSED)
        verb->ret = error_set(verb->err, EBUSY, "only a paused machine can be saved");
    else
        verb->ret = snapshot_save(verb->machine, verb->save, verb->err);
}

static void do_load(void *ctx)
{
    struct verb *verb = ctx;
    struct machine *m = verb->machine;

    if (m->phase != MACHINE_OFF) {
        verb->ret =
            error_set(verb->err, EBUSY, "state is loaded into a machine that has not been started");
        return;
    }
    devices_quiesce(m);
    verb->ret = snapshot_load(m, verb->load, verb->err);
    if (verb->ret == 0)
        set_phase(m, MACHINE_PAUSED);
}

static int carry_out(struct machine *m, void (*verb)(void *), struct error *err)
{
    struct verb call = {.machine = m, .err = err};

    host_loop_call(m->control, verb, &call);
    return call.ret;
}

int machine_save(struct machine *m, struct state *state, struct error *err)
{
    struct verb call = {.machine = m, .save = state, .err = err};

    if (m->config.nested)
        return error_set(err, ENOTSUP, "a machine with --nested cannot be saved");
    host_loop_call(m->control, do_save, &call);
    return call.ret;
}

int machine_load(struct machine *m, const struct state *state, struct error *err)
{
    struct verb call = {.machine = m, .load = state, .err = err};

    host_loop_call(m->control, do_load, &call);
    return call.ret;
}

int machine_start(struct machine *m, struct error *err)
{
    return carry_out(m, do_start, err);
}

int machine_pause(struct machine *m)
{
    return carry_out(m, do_pause, NULL);
}

int machine_resume(struct machine *m)
{
    return carry_out(m, do_resume, NULL);
}

enum atoll_stop machine_wait(struct machine *m)
{
    enum atoll_stop why;

    pthread_mutex_lock(&m->lock);
    while (m->phase != MACHINE_STOPPED)
        pthread_cond_wait(&m->ended, &m->lock);
    why = m->why;
    pthread_mutex_unlock(&m->lock);
    return why;
}
