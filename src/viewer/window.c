/* SPDX-License-Identifier: ISC */
/*
 * atoll-window: shows a machine's screen in a window of this desktop, by SDL 2. A machine starts it
 * (viewer/protocol.h). It is not confined: it has the rights of everything on its user's desktop,
 * and nobody else speaks to it.
 *
 * Keys go by their place on the keyboard, so that the guest's own layout says what they make; SDL's
 * scancodes are the usages of the HID tables. With Ctrl and Alt held, F fills the screen, G keeps
 * the desktop's own keys from it, R asks the guest for the window's size and V types the clipboard.
 */
#include <SDL.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/input.h"
#include "viewer/link.h"

#define KEYS          0xe8 /* the usages end with the right GUI key, 0xe7 */
#define CLOSE_WAIT_MS 1000 /* a close that follows so soon is the same one */
#define WHEEL_MAX     127
#define HINT          "Ctrl-Alt-F fills the screen, Ctrl-Alt-G grabs the keyboard"

struct window {
    struct link link;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    SDL_Cursor *cursor;
    SDL_sem *taken; /* the messages that the watcher found */
    Uint32 message_event;
    int width, height; /* the guest's screen */
    bool on, dirty, over;
    bool told; /* of something that is not seen yet */
    bool grabbed, closing;
    Uint32 closed_at;
    bool keys[KEYS];
    unsigned buttons;
    int x, y;
};

/* --- to the machine --- */

static void send_key(struct window *w, unsigned usage, bool down)
{
    const struct viewer_key message = {.message = VIEWER_KEY, .key = usage, .down = down};

    if (usage >= KEYS || w->keys[usage] == down)
        return;
    w->keys[usage] = down;
    link_send(&w->link, &message, sizeof(message));
}

static void release_keys(struct window *w)
{
    for (unsigned usage = 0; usage < KEYS; usage++)
        send_key(w, usage, false);
}

static uint32_t scale(int at, int side)
{
    return side < 2 ? 0
                    : (uint32_t)((uint64_t)MIN(MAX(at, 0), side - 1) * INPUT_AXIS_MAX /
                                 (unsigned)(side - 1));
}

static void send_pointer(struct window *w, int wheel, int pan)
{
    const struct viewer_pointer message = {
        .message = VIEWER_POINTER,
        .x = scale(w->x, w->width),
        .y = scale(w->y, w->height),
        .buttons = w->buttons,
        .wheel = MAX(-WHEEL_MAX, MIN(wheel, WHEEL_MAX)),
        .pan = MAX(-WHEEL_MAX, MIN(pan, WHEEL_MAX)),
    };

    link_send(&w->link, &message, sizeof(message));
}

static void send_watch(struct window *w, unsigned count)
{
    const struct viewer_watch message = {.message = VIEWER_WATCH, .count = count};

    link_send(&w->link, &message, sizeof(message));
}

/* What was told is seen: more can come. */
static void send_want(struct window *w)
{
    const struct viewer_want message = {.message = VIEWER_WANT};

    w->told = false;
    link_send(&w->link, &message, sizeof(message));
}

static void send_button(struct window *w, enum viewer_button_kind button)
{
    const struct viewer_button message = {.message = VIEWER_BUTTON, .button = button};

    link_send(&w->link, &message, sizeof(message));
}

static void send_clipboard(struct window *w)
{
    char *text = SDL_GetClipboardText();

    if (text && strlen(text) <= UINT16_MAX)
        link_type(&w->link, text, strlen(text));
    SDL_free(text);
}

static void send_size(struct window *w)
{
    struct viewer_resize message = {.message = VIEWER_RESIZE};
    int width, height;

    SDL_GetWindowSize(w->window, &width, &height);
    message.width = (uint32_t)width;
    message.height = (uint32_t)height;
    link_send(&w->link, &message, sizeof(message));
}

/* --- what is seen --- */

static void set_title(struct window *w)
{
    const char *name = *w->link.setup.name ? w->link.setup.name : "Atoll", *state = HINT;
    char title[256];

    if (w->closing)
        state = "the power button is pressed; close again to switch off";
    else if (!w->on)
        state = "the screen is off";
    else if (w->grabbed)
        state = "Ctrl-Alt-G lets go of the keyboard";
    snprintf(title, sizeof(title), "%s - %s", name, state);
    SDL_SetWindowTitle(w->window, title);
}

static void draw(struct window *w)
{
    w->dirty = false;
    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, SDL_ALPHA_OPAQUE);
    SDL_RenderClear(w->renderer);
    if (w->on && w->texture)
        SDL_RenderCopy(w->renderer, w->texture, NULL, NULL);
    SDL_RenderPresent(w->renderer);
}

static void update(struct window *w, const struct viewer_rect *r)
{
    const SDL_Rect rect = {(int)r->x, (int)r->y, (int)r->width, (int)r->height};

    if (!w->texture || r->x >= (uint32_t)w->width || r->y >= (uint32_t)w->height ||
        r->width > (uint32_t)w->width - r->x || r->height > (uint32_t)w->height - r->y)
        return;
    SDL_UpdateTexture(w->texture, &rect, w->link.pixels + (size_t)r->y * (size_t)w->width + r->x,
                      w->width * 4);
    w->dirty = true;
}

/* A window that its user has not made larger or smaller follows the guest. */
static void set_size(struct window *w, int width, int height)
{
    int now_width, now_height;

    SDL_GetWindowSize(w->window, &now_width, &now_height);
    if (now_width == w->width && now_height == w->height &&
        !(SDL_GetWindowFlags(w->window) & SDL_WINDOW_FULLSCREEN_DESKTOP))
        SDL_SetWindowSize(w->window, width, height);
    if (w->texture)
        SDL_DestroyTexture(w->texture);
    w->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   width, height);
    SDL_RenderSetLogicalSize(w->renderer, width, height);
    w->width = width;
    w->height = height;
}

static void set_mode(struct window *w, const struct viewer_mode *mode)
{
    if (!w->texture || (int)mode->width != w->width || (int)mode->height != w->height)
        set_size(w, (int)mode->width, (int)mode->height);
    w->on = mode->on;
    update(w, &(struct viewer_rect){.width = mode->width, .height = mode->height});
    w->dirty = true;
    set_title(w);
}

static void set_cursor(struct window *w, const struct viewer_cursor *from)
{
    SDL_Surface *shape = SDL_CreateRGBSurfaceWithFormatFrom(
        (void *)(uintptr_t)from->pixels, VIEWER_CURSOR_SIDE, VIEWER_CURSOR_SIDE, 32,
        VIEWER_CURSOR_SIDE * 4, SDL_PIXELFORMAT_ARGB8888);
    SDL_Cursor *cursor =
        shape ? SDL_CreateColorCursor(shape, (int)from->hot_x, (int)from->hot_y) : NULL;

    SDL_FreeSurface(shape);
    if (from->visible && cursor) {
        SDL_SetCursor(cursor);
        if (w->cursor)
            SDL_FreeCursor(w->cursor);
        w->cursor = cursor;
    } else if (cursor) {
        SDL_FreeCursor(cursor);
    }
    /* Until the guest has a pointer, the desktop's own says where it would be. */
    if (w->cursor)
        SDL_ShowCursor(from->visible ? SDL_ENABLE : SDL_DISABLE);
}

static void take_message(struct window *w, const union link_message *m)
{
    switch (m->message) {
    case VIEWER_MODE:
        set_mode(w, &m->mode);
        w->told = true;
        break;
    case VIEWER_DAMAGE:
        for (unsigned i = 0; i < m->damage.count; i++)
            update(w, &m->damage.rects[i]);
        w->told |= m->damage.count > 0;
        break;
    case VIEWER_CURSOR: set_cursor(w, &m->cursor); break;
    default: break;
    }
}

static void take_messages(struct window *w)
{
    union link_message message;
    int ret;

    while ((ret = link_receive(&w->link, &message)) > 0)
        take_message(w, &message);
    w->over |= ret < 0;
    SDL_SemPost(w->taken);
}

/* --- what the user does --- */

static void toggle_grab(struct window *w)
{
    w->grabbed = !w->grabbed;
    SDL_SetWindowKeyboardGrab(w->window, w->grabbed ? SDL_TRUE : SDL_FALSE);
    set_title(w);
}

static void toggle_fullscreen(struct window *w)
{
    bool full = SDL_GetWindowFlags(w->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;

    SDL_SetWindowFullscreen(w->window, full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
}

/* Keys of our own. The guest has seen Ctrl and Alt go down: it is to see them go up. */
static bool take_shortcut(struct window *w, const SDL_Keysym *key)
{
    static const struct {
        SDL_Keycode key;
        void (*act)(struct window *w);
    } shortcuts[] = {{SDLK_g, toggle_grab},
                     {SDLK_f, toggle_fullscreen},
                     {SDLK_r, send_size},
                     {SDLK_v, send_clipboard}};

    if (!(key->mod & KMOD_CTRL) || !(key->mod & KMOD_ALT))
        return false;
    for (size_t i = 0; i < nitems(shortcuts); i++)
        if (shortcuts[i].key == key->sym) {
            release_keys(w);
            shortcuts[i].act(w);
            return true;
        }
    return false;
}

static void take_key(struct window *w, const SDL_KeyboardEvent *event)
{
    bool down = event->type == SDL_KEYDOWN;

    if (down && (event->repeat || take_shortcut(w, &event->keysym)))
        return;
    send_key(w, event->keysym.scancode, down);
}

static unsigned button_of(Uint8 button)
{
    switch (button) {
    case SDL_BUTTON_LEFT: return INPUT_LEFT;
    case SDL_BUTTON_RIGHT: return INPUT_RIGHT;
    case SDL_BUTTON_MIDDLE: return INPUT_MIDDLE;
    default: return 0;
    }
}

static void take_mouse_button(struct window *w, const SDL_MouseButtonEvent *event)
{
    w->x = event->x;
    w->y = event->y;
    if (event->state == SDL_PRESSED)
        w->buttons |= button_of(event->button);
    else
        w->buttons &= ~button_of(event->button);
    send_pointer(w, 0, 0);
}

/* First the power button, which a guest may take its time with, or ignore; then the plug. */
static void take_close(struct window *w)
{
    Uint32 now = SDL_GetTicks();

    if (w->closing && now - w->closed_at < CLOSE_WAIT_MS)
        return;
    send_button(w, w->closing ? VIEWER_BUTTON_QUIT : VIEWER_BUTTON_POWER);
    w->closing = true;
    w->closed_at = now;
    set_title(w);
}

static void take_window_event(struct window *w, const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_CLOSE: take_close(w); break;
    case SDL_WINDOWEVENT_FOCUS_LOST: release_keys(w); break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: send_watch(w, 0); break;
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED: send_watch(w, 1); break;
    default: w->dirty = true; break;
    }
}

static void take_event(struct window *w, const SDL_Event *event)
{
    if (event->type == w->message_event)
        take_messages(w);
    switch (event->type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP: take_key(w, &event->key); break;
    case SDL_MOUSEMOTION:
        w->x = event->motion.x;
        w->y = event->motion.y;
        send_pointer(w, 0, 0);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: take_mouse_button(w, &event->button); break;
    case SDL_MOUSEWHEEL: send_pointer(w, event->wheel.y, event->wheel.x); break;
    case SDL_WINDOWEVENT: take_window_event(w, &event->window); break;
    default: break;
    }
}

/* --- life --- */

/* Waits for messages on a thread of its own, since SDL waits for the desktop alone. */
static int watch_link(void *ctx)
{
    struct window *w = ctx;
    struct pollfd ready = {.fd = w->link.socket, .events = POLLIN};
    SDL_Event event = {.type = w->message_event};

    for (;;) {
        if (poll(&ready, 1, -1) < 0)
            continue;
        if (SDL_PushEvent(&event) > 0)
            SDL_SemWait(w->taken);
        else
            SDL_Delay(1); /* the desktop's queue is full */
        if (ready.revents & POLLHUP)
            return 0;
    }
}

static int failed(const char *what, struct error *err)
{
    return error_set(err, ENOTSUP,
                     "%s: %s; a window needs a desktop (DISPLAY or WAYLAND_DISPLAY), --display vnc "
                     "and web do not",
                     what, SDL_GetError());
}

/* Without a desktop SDL may draw where nobody sees it. */
static bool is_seen(void)
{
    const char *driver = SDL_GetCurrentVideoDriver();

    return getenv("SDL_VIDEODRIVER") ||
           (strcmp(driver, "offscreen") != 0 && strcmp(driver, "dummy") != 0);
}

static int open_window(struct window *w, struct error *err)
{
    w->width = (int)w->link.setup.width;
    w->height = (int)w->link.setup.height;
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    if (SDL_Init(SDL_INIT_VIDEO))
        return failed("no desktop", err);
    if (!is_seen()) {
        SDL_SetError("nothing here shows windows");
        return failed("no desktop", err);
    }
    w->message_event = SDL_RegisterEvents(1);
    w->taken = SDL_CreateSemaphore(0);
    w->window = SDL_CreateWindow("Atoll", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                 w->width, w->height, SDL_WINDOW_RESIZABLE);
    w->renderer = w->window ? SDL_CreateRenderer(w->window, -1, 0) : NULL;
    if (!w->renderer || !w->taken)
        return failed("no window", err);
    set_title(w);
    return 0;
}

static void run(struct window *w)
{
    SDL_Event event;

    SDL_DetachThread(SDL_CreateThread(watch_link, "link", w));
    send_watch(w, 1);
    while (!w->over && SDL_WaitEvent(&event)) {
        do
            take_event(w, &event);
        while (SDL_PollEvent(&event));
        if (w->dirty)
            draw(w);
        if (w->told)
            send_want(w);
    }
}

int main(int argc, char **argv)
{
    static struct window w;
    struct error err;
    int ret = link_open(&w.link, &err);

    if (ret == -ENOTSOCK) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text);
        return 1;
    }
    ret = ret ? ret : open_window(&w, &err);
    link_ready(&w.link, ret ? &err : NULL, "");
    if (ret)
        return 1;
    run(&w);
    SDL_Quit();
    return 0;
}
