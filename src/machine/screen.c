/* SPDX-License-Identifier: ISC */
#include "machine/screen.h"

#include <errno.h>
#include <stdio.h>

/* A driver has set its first scanout. Some guests, OpenBSD among them, move their console there,
 * and whoever watches the serial port sees it fall silent. */
static void mode_changed(void *ctx, uint32_t width, uint32_t height)
{
    struct screen *screen = ctx;
    struct display_surface surface;
    const char *how = *screen->where ? "it is shown"
                      : screen->path ? "SIGUSR1 writes a picture of it to"
                                     : "to see it give";
    const char *what = *screen->where ? screen->where
                       : screen->path ? screen->path
                                      : "--display vnc, or --screenshot FILE.png";

    if (!screen->serial || screen->said || width == 0)
        return;
    display_lock(screen->display);
    surface = display_surface(screen->display);
    display_unlock(screen->display);
    if (surface.firmware)
        return;
    screen->said = true;
    log_info(screen->log,
             "the guest draws on its display now (%ux%u), and may have moved its console there; "
             "%s %s",
             width, height, how, what);
}

int screen_open(struct screen *screen, const char *path, bool serial, const struct log *log,
                struct error *err)
{
    pthread_mutex_init(&screen->lock, NULL);
    pthread_mutex_init(&screen->text_lock, NULL);
    screen->log = log;
    screen->serial = serial;
    screen->path = path;
    return path ? screenshot_open(&screen->screenshot, path, err) : 0;
}

void screen_watch(struct screen *screen, struct display *display)
{
    screen->display = display;
    screen->viewer = (struct display_viewer){.mode = mode_changed, .ctx = screen};
    display_attach(display, &screen->viewer);
}

void screen_shown(struct screen *screen, const char *where)
{
    if (!*screen->where)
        snprintf(screen->where, sizeof(screen->where), "%s", where);
}

/* Into the file that is open, on one thread at a time. */
static int shoot_open(struct screen *screen, bool last, struct error *err)
{
    int ret;

    if (!screen->screenshot)
        return error_set(err, EINVAL,
                         "no file for a picture of the screen; give one with --screenshot FILE");
    pthread_mutex_lock(&screen->lock);
    ret = screenshot_write(screen->screenshot, screen->display, last, err);
    pthread_mutex_unlock(&screen->lock);
    return ret;
}

int screen_shoot(struct screen *screen, const char *path, struct error *err)
{
    struct screenshot *shot;
    int ret;

    if (!screen->display)
        return error_set(err, ENODEV, "the machine has no GPU; give it one with --gpu WxH");
    if (!path)
        return shoot_open(screen, false, err);
    ret = screenshot_open(&shot, path, err);
    if (ret)
        return ret;
    ret = screenshot_write(shot, screen->display, false, err);
    screenshot_close(shot);
    return ret;
}

void screen_finish(struct screen *screen)
{
    struct display_surface surface;
    struct error err;

    if (!screen->display || !screen->screenshot)
        return;
    if (shoot_open(screen, true, &err))
        log_error(screen->log, "%s", err.text);
    display_lock(screen->display);
    surface = display_surface(screen->display);
    display_unlock(screen->display);
    if (!surface.pixels)
        log_info(screen->log, "the guest has shown nothing on its display: %s is black",
                 screen->path);
}

void screen_close(struct screen *screen)
{
    if (!screen->log)
        return;
    if (screen->display)
        display_detach(screen->display, &screen->viewer);
    screenshot_close(screen->screenshot);
    text_reader_free(screen->reader);
    pthread_mutex_destroy(&screen->text_lock);
    pthread_mutex_destroy(&screen->lock);
}
