/* SPDX-License-Identifier: ISC */
/*
 * The machine in a window of this desktop: a VZVirtualMachineView, which draws the guest's screen
 * and gives it keys and the pointer. AppKit wants the process's main thread, and has it while that
 * waits for the machine's end: events are taken here, one at a time, so that the wait can end when
 * the machine does.
 */
#include "vz/private.h"

int pthread_main_np(void); /* macOS's pthread.h */

#define POLICY_REGULAR 0               /* NSApplicationActivationPolicyRegular */
#define WINDOW_STYLE   (1 | 2 | 4 | 8) /* titled, closable, miniaturizable, resizable */
#define BUFFERED       2               /* NSBackingStoreBuffered */
#define ANY_EVENT      (~0ul)          /* NSEventMaskAny */
#define DEFAULT_MODE   "kCFRunLoopDefaultMode"

#define GLANCE 0.1 /* seconds: how late the end of the machine may be seen */

static bool has_stopped(struct vz *vz)
{
    return vz->face.ops->state(&vz->face) == ATOLL_STATE_STOPPED;
}

static id application(void)
{
    id meta = vz_class(VZ_CLASS_NSApplication);

    return SEND(meta, application);
}

static id make_view(struct vz *vz)
{
    id view = vz_new(VZ_CLASS_VZVirtualMachineView);

    SEND(view, set_machine, vz->machine);
    SEND(view, capture_keys, true);
    if (vz_has_method(VZ_METHOD_follow_size))
        SEND(view, follow_size, true); /* the guest's screen has the window's size */
    return view;
}

/* The window, which is the caller's to release, or NULL. */
static id open_window(struct vz *vz)
{
    const struct cg_rect frame = {0, 0, vz->width, vz->height};
    id window = vz_alloc(VZ_CLASS_NSWindow), title, view;

    window = SEND(window, init_window, frame, WINDOW_STYLE, BUFFERED, false);
    if (!window)
        return NULL;
    view = make_view(vz);
    SEND(window, set_released, false);
    SEND(window, set_content, view);
    SEND(window, set_window_delegate, vz->delegate);
    if (vz_string(vz->title, &title, NULL) == 0)
        SEND(window, set_title, title);
    SEND(window, center);
    SEND(window, show, NULL);
    return window;
}

static void close_window(id window)
{
    SEND(window, set_window_delegate, NULL);
    SEND(window, set_content, NULL); /* and so the view lets go of the machine */
    SEND(window, close_window);
    objc_release(window);
}

static void take_event(id app)
{
    void *pool = objc_autoreleasePoolPush();
    id meta = vz_class(VZ_CLASS_NSDate), until = SEND(meta, date_after, GLANCE), mode, event;

    if (vz_string(DEFAULT_MODE, &mode, NULL) == 0) {
        event = SEND(app, next_event, ANY_EVENT, until, mode, true);
        if (event)
            SEND(app, send_event, event);
    }
    objc_autoreleasePoolPop(pool);
}

static void run(struct vz *vz)
{
    id app = application(), window;

    SEND(app, set_policy, POLICY_REGULAR);
    SEND(app, finish_launching);
    window = open_window(vz);
    if (!window) {
        log_warn(&vz->log, "this desktop gives no window");
        return;
    }
    SEND(app, activate, true);
    while (!has_stopped(vz))
        take_event(app);
    close_window(window);
}

void vz_window_run(struct vz *vz)
{
    void *pool;

    if (!pthread_main_np()) {
        log_warn(&vz->log, "a window is the main thread's, which does not wait for this machine");
        return;
    }
    pool = objc_autoreleasePoolPush();
    run(vz);
    objc_autoreleasePoolPop(pool);
}
