/* SPDX-License-Identifier: ISC */
/*
 * The controller as a whole: its PCI function, its work on the loop, errors and life.
 *
 * Work is bounded twice: so many TRBs a frame, as a bus has it, and what a guest cannot wait for
 * the loop does again a frame later. So rings that have no end cost a little, and nobody else waits
 * for long.
 */
#include "usb/xhci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "host/clock.h"
#include "usb/xhci_internal.h"

#define APPLE        0x106b
#define APPLE_XHCI   0x1a06
#define CLASS_XHCI   0x0c0330
#define REGISTER_BAR 0
#define MSIX_BAR     1
#define BAR_SIZE     (4 * KIB)
#define SBRN         0x60 /* Serial Bus Release Number (5.2.3), and the Frame Length Adjustment */
#define SBRN_USB3    0x30
#define FLADJ        0x20 /* 60000 */
#define BUDGET       1024 /* TRBs in a frame */

/* --- guest memory and errors --- */

void xhci_fail(struct xhci *x, uint32_t status, const char *what, uint64_t where)
{
    if (!(x->usbsts & (STS_HSE | STS_HCE)))
        log_warn(x->host.log, "%s: %s (%#llx); the controller needs a reset", x->function.name,
                 what, (unsigned long long)where);
    x->usbsts |= status;
    xhci_stop(x);
}

bool xhci_read(struct xhci *x, uint64_t address, void *to, size_t length)
{
    if (mem_read(x->host.mem, address, to, length) == 0)
        return true;
    xhci_fail(x, STS_HSE, "a structure or buffer is not in memory", address);
    return false;
}

bool xhci_write(struct xhci *x, uint64_t address, const void *from, size_t length)
{
    if (mem_write(x->host.mem, address, from, length) == 0)
        return true;
    xhci_fail(x, STS_HSE, "a structure or buffer is not in memory", address);
    return false;
}

/* --- the loop --- */

void xhci_wake(struct xhci *x)
{
    host_work_post(x->work);
}

void xhci_wake_at(struct xhci *x, uint64_t ns)
{
    if (ns >= x->timer_ns)
        return;
    x->timer_ns = ns;
    host_timer_set(x->timer, ns);
}

static void run_wraps(struct xhci *x)
{
    static const struct xhci_trb event = {0, (uint32_t)CC_SUCCESS << 24, TRB_MFINDEX_WRAP << 10};
    uint64_t wraps = xhci_microframes(x) >> XHCI_MFINDEX_BITS;

    if (!(x->usbcmd & CMD_EWE))
        return;
    if (wraps != x->wraps && xhci_events_fit(x, 0, 1)) {
        xhci_event_post(x, 0, &event, false);
        x->wraps = wraps;
    }
    xhci_wake_at(x,
                 x->mfindex_start_ns + (wraps + 1) * (BIT(XHCI_MFINDEX_BITS) * XHCI_MICROFRAME_NS));
}

static void run_running(struct xhci *x)
{
    x->budget = BUDGET;
    x->unfinished = false;
    xhci_commands_run(x);
    xhci_ports_run(x);
    xhci_transfers_run(x);
    run_wraps(x);
    if (x->unfinished)
        xhci_wake_at(x, host_clock_monotonic() + XHCI_FRAME_NS);
}

static void run(void *ctx)
{
    struct xhci *x = ctx;
    bool paused;

    pthread_mutex_lock(&x->lock);
    paused = x->paused;
    if (!paused && (x->usbcmd & CMD_RS))
        run_running(x);
    if (!paused)
        xhci_interrupts_run(x);
    pthread_mutex_unlock(&x->lock);
    for (unsigned i = 0; i < XHCI_USB2_PORTS && !paused; i++)
        if (x->ports[i].device)
            x->ports[i].device->ops->settle(x->ports[i].device);
}

static void timer_expired(void *ctx)
{
    struct xhci *x = ctx;

    pthread_mutex_lock(&x->lock);
    x->timer_ns = UINT64_MAX;
    pthread_mutex_unlock(&x->lock);
    run(x);
}

static void wake_from_device(void *ctx)
{
    xhci_wake(ctx);
}

/* --- starting, stopping, reset --- */

void xhci_stop(struct xhci *x)
{
    x->mfindex_stopped = xhci_microframes(x);
    x->usbcmd &= (uint32_t)~CMD_RS;
    x->usbsts |= STS_HCH;
    x->command_running = x->command_doorbell = x->command_stopping = false;
}

void xhci_reset_registers(struct xhci *x)
{
    x->usbcmd = 0;
    x->usbsts = STS_HCH;
    x->dnctrl = x->config = 0;
    x->dcbaap = 0;
    x->command = (struct xhci_ring){0};
    x->command_running = x->command_doorbell = x->command_stopping = x->starved = false;
    x->mfindex_stopped = x->wraps = 0;
    memset(x->slots, 0, sizeof(x->slots));
    memset(x->interrupters, 0, sizeof(x->interrupters));
    for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
        x->interrupters[i].imod = IMOD_RESET;
    xhci_ports_reset(x);
    xhci_interrupts_update(x);
}

void xhci_quiesce(struct xhci *x)
{
    pthread_mutex_lock(&x->lock);
    x->paused = true;
    pthread_mutex_unlock(&x->lock);
    host_loop_drain(x->host.loop);
}

void xhci_resume(struct xhci *x)
{
    pthread_mutex_lock(&x->lock);
    x->paused = false;
    pthread_mutex_unlock(&x->lock);
    xhci_wake(x);
}

static void reset(void *dev)
{
    struct xhci *x = dev;

    pthread_mutex_lock(&x->lock);
    xhci_reset_registers(x);
    pthread_mutex_unlock(&x->lock);
    xhci_wake(x);
}

/* --- assembly --- */

/* The command register or MSI-X changed: an interrupt that waits goes the other way. */
static void function_changed(struct pci_function *function)
{
    struct xhci *x = container_of(function, struct xhci, function);

    pthread_mutex_lock(&x->lock);
    xhci_interrupts_update(x);
    pthread_mutex_unlock(&x->lock);
}

static int describe(struct xhci *x)
{
    struct pci_function *function = &x->function;
    int ret;

    function->name = "xhci0";
    function->vendor = APPLE;
    function->device = APPLE_XHCI;
    function->class_code = CLASS_XHCI;
    function->interrupt_pin = MAX(x->host.interrupt_pin, 1);
    function->changed = function_changed;
    ret = pci_function_init(function);
    if (ret)
        return ret;
    function->config[SBRN] = SBRN_USB3;
    function->config[SBRN + 1] = FLADJ;
    ret = pci_add_bar(function, REGISTER_BAR, BAR_SIZE, false, BUS_WIDTH_ALL, &xhci_bar_ops, x);
    ret = ret ? ret : pci_add_msix(function, MSIX_BAR, XHCI_INTERRUPTERS);
    if (ret)
        pci_function_fini(function);
    return ret;
}

static int create_work(struct xhci *x)
{
    int ret = host_work_create(x->host.loop, run, x, &x->work);

    if (ret)
        return ret;
    ret = host_timer_create(x->host.loop, timer_expired, x, &x->timer);
    if (ret)
        host_work_destroy(x->work);
    return ret;
}

int xhci_create(struct xhci **xhci, const struct xhci_host *host, struct pci_host *pci,
                unsigned slot)
{
    struct xhci *x = calloc(1, sizeof(*x));
    int ret;

    if (!x)
        return -ENOMEM;
    x->host = *host;
    x->timer_ns = UINT64_MAX;
    pthread_mutex_init(&x->lock, NULL);
    ret = create_work(x);
    if (ret)
        goto free_controller;
    ret = describe(x);
    if (ret)
        goto destroy_work;
    xhci_reset_registers(x);
    ret = pci_attach(pci, &x->function, slot);
    if (ret)
        goto fini_function;
    *xhci = x;
    return 0;

fini_function:
    pci_function_fini(&x->function);
destroy_work:
    host_timer_destroy(x->timer);
    host_work_destroy(x->work);
free_controller:
    pthread_mutex_destroy(&x->lock);
    free(x);
    return ret;
}

int xhci_connect(struct xhci *x, unsigned port, struct usb_device *device)
{
    if (port == 0 || port > XHCI_USB2_PORTS)
        return -EINVAL;
    if (x->ports[port - 1].device)
        return -EBUSY;
    device->wake = wake_from_device;
    device->wake_ctx = x;
    pthread_mutex_lock(&x->lock);
    x->ports[port - 1].device = device;
    xhci_ports_reset(x);
    pthread_mutex_unlock(&x->lock);
    return 0;
}

/* The devices' backends are let go of first: they may wake the controller until then. */
static void destroy(void *dev)
{
    struct xhci *x = dev;

    xhci_quiesce(x);
    pci_detach(&x->function);
    for (unsigned i = 0; i < XHCI_USB2_PORTS; i++)
        if (x->ports[i].device)
            x->ports[i].device->ops->free(x->ports[i].device);
    host_timer_destroy(x->timer);
    host_work_destroy(x->work);
    pci_function_fini(&x->function);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

static int save(void *dev, struct state *state, const char *instance)
{
    struct xhci *x = dev;
    int ret;

    pthread_mutex_lock(&x->lock);
    ret = xhci_save(x, state, instance);
    pthread_mutex_unlock(&x->lock);
    return ret;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct xhci *x = dev;
    int ret;

    xhci_quiesce(x);
    pthread_mutex_lock(&x->lock);
    xhci_reset_registers(x);
    ret = xhci_load(x, state, instance, err);
    if (ret)
        xhci_reset_registers(x);
    xhci_interrupts_update(x);
    pthread_mutex_unlock(&x->lock);
    return ret;
}

const struct device_ops xhci_ops = {"xhci", reset, save, load, destroy};
