/* SPDX-License-Identifier: ISC */
/*
 * The machine's delegate: an object whose methods the framework calls, on the queue, when something
 * becomes of the machine that nobody asked for. Its class is made at run time, one a machine, so
 * that nothing is left behind; where the object's own variables would be, it holds the machine.
 */
#include <errno.h>
#include <stdio.h>

#include "vz/private.h"

static struct vz *machine_of(id self)
{
    return *(struct vz **)object_getIndexedIvars(self);
}

static void guest_stopped(id self, SEL command, id machine)
{
    vz_stopped(machine_of(self), ATOLL_STOP_POWEROFF);
}

/* The words for an error, in a pool of their own. */
static void explain(id error, struct error *err, const char *what)
{
    void *pool = objc_autoreleasePoolPush();

    vz_explain(error, err, "%s", what);
    objc_autoreleasePoolPop(pool);
}

static void failed(id self, SEL command, id machine, id error)
{
    struct vz *vz = machine_of(self);
    struct error err;

    explain(error, &err, "the machine has stopped");
    log_error(&vz->log, "%s", err.text);
    vz_stopped(vz, ATOLL_STOP_FAULT);
}

static void network_lost(id self, SEL command, id machine, id device, id error)
{
    struct vz *vz = machine_of(self);
    struct error err;

    explain(error, &err, "a network card has lost its connection");
    log_warn(&vz->log, "%s", err.text);
}

/* On the main thread. As with any window of a machine's: first the power button, then the plug. */
static bool window_should_close(id self, SEL command, id window)
{
    struct vz *vz = machine_of(self);

    if (vz->window_closed)
        vz_ops.quit(&vz->face);
    else
        vz_ops.power_button(&vz->face);
    vz->window_closed = true;
    return false; /* the window goes when the machine has stopped */
}

static const struct {
    const char *selector, *types;
    IMP body;
} methods[] = {
#define CLASS(...)
#define METHOD(...)
#define DELEGATE(name, selector, types, ...) {selector, types, (IMP)name},
#include "vz/table.def"
#undef CLASS
#undef METHOD
#undef DELEGATE
};

int vz_delegate_create(struct vz *vz, struct error *err)
{
    char name[48];

    snprintf(name, sizeof(name), "AtollMachineDelegate-%p", (void *)vz);
    vz->delegate_class = objc_allocateClassPair(objc_getClass("NSObject"), name, 0);
    if (!vz->delegate_class)
        return error_set(err, ENOMEM, "cannot make the class of a machine's delegate");
    for (size_t i = 0; i < nitems(methods); i++)
        class_addMethod(vz->delegate_class, sel_registerName(methods[i].selector), methods[i].body,
                        methods[i].types);
    objc_registerClassPair(vz->delegate_class);
    vz->delegate = class_createInstance(vz->delegate_class, sizeof(vz));
    if (!vz->delegate)
        return error_set(err, ENOMEM, "out of memory");
    *(struct vz **)object_getIndexedIvars(vz->delegate) = vz;
    return 0;
}

void vz_delegate_destroy(struct vz *vz)
{
    if (vz->delegate)
        objc_release(vz->delegate);
    if (vz->delegate_class)
        objc_disposeClassPair(vz->delegate_class);
    vz->delegate = NULL;
    vz->delegate_class = NULL;
}
