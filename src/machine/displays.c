/* SPDX-License-Identifier: ISC */
/*
 * The processes that show the machine's screen to people (backend/viewer.h), all on one loop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/viewer.h"
#include "machine/machine.h"

static const struct {
    const char *name;
    enum viewer_kind kind;
} kinds[] = {
    [ATOLL_DISPLAY_VNC] = {"vnc", VIEWER_VNC},
    [ATOLL_DISPLAY_WEB] = {"web", VIEWER_WEB},
    [ATOLL_DISPLAY_WINDOW] = {"window", VIEWER_WINDOW},
};

static void button(void *ctx, enum viewer_button_kind pressed)
{
    machine_request(ctx, pressed == VIEWER_BUTTON_QUIT ? REQUEST_QUIT : REQUEST_POWER_BUTTON);
}

static int create(struct machine *m, size_t index, struct error *err)
{
    const struct atoll_display *from = &m->config.displays[index];
    const struct viewer_config config = {.kind = kinds[from->kind].kind,
                                         .name = m->config.name,
                                         .address = from->address,
                                         .password_file = from->password,
                                         .display = m->screen.display,
                                         .input = m->input,
                                         .loop = m->display_loop,
                                         .button = button,
                                         .ctx = m};
    const char *address;
    char where[sizeof(m->screen.where)] = "in its window";
    int ret = viewer_open(&m->displays[index], &config, &m->log, err);

    if (ret)
        return ret;
    address = viewer_address(m->displays[index]);
    if (*address) {
        log_info(&m->log, "display: %s on %s", kinds[from->kind].name, address);
        snprintf(where, sizeof(where), "on %s", address);
    }
    screen_shown(&m->screen, where);
    return 0;
}

int displays_create(struct machine *m, struct error *err)
{
    int ret = 0;

    for (size_t i = 0; i < m->config.display_count && !ret; i++) {
        if (m->config.displays[i].kind == ATOLL_DISPLAY_NONE)
            continue;
        if (!m->display_loop)
            ret = host_loop_create(&m->display_loop, "displays", err);
        ret = ret ? ret : create(m, i, err);
    }
    return ret;
}

void displays_reset(struct machine *m)
{
    for (size_t i = 0; i < m->config.display_count; i++)
        if (m->displays[i])
            viewer_reset(m->displays[i]);
}

/* Nobody waits any more for a guest that is gone to take what is typed. */
void displays_destroy(struct machine *m)
{
    displays_reset(m);
    if (m->input)
        input_reset(m->input);
    for (size_t i = 0; i < m->config.display_count; i++)
        viewer_close(m->displays[i]);
    if (m->display_loop)
        host_loop_destroy(m->display_loop);
}

int displays_address(struct machine *m, size_t index, char *text, size_t room)
{
    if (index >= m->config.display_count || !m->displays[index])
        return -EINVAL;
    snprintf(text, room, "%s", viewer_address(m->displays[index]));
    return 0;
}
