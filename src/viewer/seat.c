/* SPDX-License-Identifier: ISC */
/*
 * One client, from its first byte to its last, on a thread and a libvncserver screen of its own.
 * What libvncserver offers beyond RFC 6143 and its resizing of screens is refused before it is
 * read: its scaling and file transfer are more than a display needs.
 */
#include "viewer/seat.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <rfb/rfbregion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/font.h"
#include "base/units.h"
#include "host/clock.h"
#include "viewer/seat_input.h"

#define GREETING "RFB 003.008\n"
/* After an update the thread rests for so many times the processor time that it took, at most
 * REST_MAX: pixels that change all the time and all over cost a viewer a fifth of a core. */
#define REST     4
#define REST_MAX (100 * NS_PER_MSEC)

#define HOLD_NS NS_PER_SEC /* for pixels that are not stale; a machine that hangs has none */

#define PATIENCE_MS      10000 /* for the rest of a message, and for room to write one */
#define GREETING_NS      (20 * NS_PER_SEC) /* from the connection to the first request */
#define RESIZE_FORWARDED 4 /* rfbproto.rst, "ExtendedDesktopSize": the guest may, and later */
#define DARK_INK         0x808080
#define PENALTY_S        1 /* for a wrong password */
#define ENCODING_LEDS                                                                              \
    (-261) /* QEMU's LED state: rfbproto.rst, "QEMU LED State Pseudo-encoding"                     \
            */
#define QEMU_SCROLL 1u
#define QEMU_NUM    2u
#define QEMU_CAPS   4u
#define LED_NUM     1u /* of the HID Usage Tables' page 8, from bit 0 on */
#define LED_CAPS    2u
#define LED_SCROLL  4u

static struct seat *seat_of(rfbScreenInfoPtr screen)
{
    return screen->screenData;
}

/* --- what the client sees --- */

/* 0xXXRRGGBB, whatever libvncserver took its words for. */
static void set_format(rfbScreenInfoPtr screen)
{
    screen->depth = 24;
    screen->serverFormat.depth = 24;
    screen->serverFormat.redShift = 16;
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
}

static void draw_character(uint32_t *to, size_t stride, char c)
{
    const uint8_t *rows = font_glyph((uint8_t)c);

    for (unsigned y = 0; y < FONT_HEIGHT; y++, to += stride)
        for (unsigned x = 0; x < FONT_WIDTH; x++)
            to[x] = rows[y] & 0x80 >> x ? DARK_INK : 0;
}

/* In the middle, where there is room. */
static void draw_dark(uint32_t *pixels, uint32_t width, uint32_t height)
{
    static const char text[] = "The screen is off.";
    const uint32_t length = (sizeof(text) - 1) * FONT_WIDTH;

    if (width < length || height < FONT_HEIGHT)
        return;
    pixels += (size_t)((height - FONT_HEIGHT) / 2) * width + (width - length) / 2;
    for (const char *c = text; *c; c++, pixels += FONT_WIDTH)
        draw_character(pixels, width, *c);
}

/* A screen that is off is a picture of the seat's own; without memory for it the last one stays. */
static void set_mode(struct seat *seat, const struct viewer_mode *mode)
{
    uint32_t *dark = mode->on ? NULL : calloc((size_t)mode->width * mode->height, sizeof(*dark));
    const uint32_t *pixels = dark ? dark : seat->server->link->pixels;

    if (dark)
        draw_dark(dark, mode->width, mode->height);
    rfbNewFramebuffer(seat->screen, (char *)(uintptr_t)pixels, (int)mode->width, (int)mode->height,
                      8, 3, 4);
    set_format(seat->screen);
    if (seat->client)
        rfbSetTranslateFunction(seat->client);
    free(seat->dark);
    seat->dark = dark;
    seat->on = mode->on;
}

static void mark(struct seat *seat, const struct viewer_rect *r)
{
    rfbScreenInfoPtr screen = seat->screen;

    if (seat->on && r->x + r->width <= (uint32_t)screen->width &&
        r->y + r->height <= (uint32_t)screen->height)
        rfbMarkRectAsModified(screen, (int)r->x, (int)r->y, (int)(r->x + r->width),
                              (int)(r->y + r->height));
}

/* Half-transparent pixels are there or not: RFC 6143's cursors have a mask. */
static void set_mask(unsigned char *mask, const uint32_t *pixels)
{
    for (unsigned i = 0; i < VIEWER_CURSOR_SIDE * VIEWER_CURSOR_SIDE; i++)
        if (pixels[i] >> 31)
            mask[i / 8] |= (unsigned char)(0x80 >> (i % 8));
}

static struct rfbCursor *make_shape(const struct viewer_cursor *from)
{
    const size_t count = VIEWER_CURSOR_SIDE * VIEWER_CURSOR_SIDE;
    struct rfbCursor *shape = calloc(1, sizeof(*shape));

    if (!shape)
        return NULL;
    *shape = (struct rfbCursor){.cleanup = TRUE,
                                .cleanupSource = TRUE,
                                .cleanupMask = TRUE,
                                .cleanupRichSource = TRUE,
                                .width = VIEWER_CURSOR_SIDE,
                                .height = VIEWER_CURSOR_SIDE,
                                .xhot = (unsigned short)from->hot_x,
                                .yhot = (unsigned short)from->hot_y,
                                .mask = calloc(1, count / 8),
                                .richSource = malloc(count * 4)};
    if (!shape->mask || !shape->richSource) {
        rfbFreeCursor(shape);
        return NULL;
    }
    if (from->visible)
        set_mask(shape->mask, from->pixels);
    memcpy(shape->richSource, from->pixels, count * 4);
    return shape;
}

/* Never the screen's before the client is known to draw it itself: libvncserver would draw it into
 * pixels that are not its own. */
static void set_shape(struct seat *seat, const struct viewer_cursor *from)
{
    if (seat->shape) {
        seat->screen->cursor = NULL;
        rfbFreeCursor(seat->shape);
    }
    seat->shape = make_shape(from);
    if (seat->client)
        seat->client->cursorWasChanged = seat->shape != NULL;
}

static void before_update(rfbClientPtr client)
{
    struct seat *seat = seat_of(client->screen);

    client->screen->cursor = client->enableCursorShapeUpdates ? seat->shape : NULL;
    if (!seat->shape)
        client->cursorWasChanged = FALSE; /* the client keeps its own until the guest has one */
}

static int leds_of(rfbScreenInfoPtr screen)
{
    unsigned leds = seat_of(screen)->leds;

    return (leds & LED_NUM ? rfbKeyboardMaskNumLock : 0) |
           (leds & LED_CAPS ? rfbKeyboardMaskCapsLock : 0) |
           (leds & LED_SCROLL ? rfbKeyboardMaskScrollLock : 0);
}

/* By QEMU's message, which is one rectangle of a frame buffer update. */
static void send_leds(struct seat *seat)
{
    uint8_t message[] = {rfbFramebufferUpdate,   0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe,
                         (uint8_t)ENCODING_LEDS, 0};
    unsigned leds = seat->leds;

    if (!seat->tell_leds || seat->told == leds || seat->client->state != RFB_NORMAL)
        return;
    message[sizeof(message) - 1] =
        (uint8_t)((leds & LED_NUM ? QEMU_NUM : 0) | (leds & LED_CAPS ? QEMU_CAPS : 0) |
                  (leds & LED_SCROLL ? QEMU_SCROLL : 0));
    seat->told = leds;
    if (rfbWriteExact(seat->client, (const char *)message, sizeof(message)) < 0)
        rfbCloseClient(seat->client);
}

static rfbBool leds_wanted(rfbClientPtr client, void **data, int encoding)
{
    seat_of(client->screen)->tell_leds = true;
    return FALSE; /* there is no more to the extension than this */
}

/* Takes in what the machine has said meanwhile. */
static void take_news(struct seat *seat)
{
    struct server *server = seat->server;
    struct viewer_cursor cursor;
    struct viewer_mode mode;
    struct seat_news news;
    char woken[64];

    while (read(seat->wake[0], woken, sizeof(woken)) == sizeof(woken))
        ;
    pthread_mutex_lock(&server->lock);
    news = seat->news;
    mode = server->mode;
    if (news.cursor)
        cursor = server->cursor;
    seat->leds = server->leds;
    seat->news = (struct seat_news){0};
    pthread_mutex_unlock(&server->lock);
    if (news.answer)
        seat->held_ns = 0;
    if (news.mode)
        set_mode(seat, &mode);
    for (unsigned i = 0; i < news.count; i++)
        mark(seat, &news.rects[i]);
    if (news.cursor)
        set_shape(seat, &cursor);
}

/* --- what the client may ask --- */

/* Every message that the client may begin; what it has sent otherwise ends the connection. */
static bool may_ask(struct seat *seat)
{
    uint8_t type;

    if (seat->client->state != RFB_NORMAL ||
        recv(seat->client->sock, &type, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        return true; /* libvncserver finds out what has happened */
    switch (type) {
    case rfbFramebufferUpdateRequest: seat->asked = true; return true;
    case rfbSetPixelFormat:
    case rfbSetEncodings:
    case rfbKeyEvent:
    case rfbPointerEvent:
    case rfbClientCutText:
    case rfbSetDesktopSize: return true;
    default: return false;
    }
}

static bool same(const uint8_t *a, const uint8_t *b, size_t length)
{
    uint8_t differ = 0;

    for (size_t i = 0; i < length; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

/* Who guesses wrong waits, and nobody else does. */
static rfbBool check_password(rfbClientPtr client, const char *response, int length)
{
    struct server *server = seat_of(client->screen)->server;
    const struct timespec penalty = {.tv_sec = PENALTY_S};
    uint8_t expected[CHALLENGESIZE];

    memcpy(expected, client->authChallenge, sizeof(expected));
    pthread_mutex_lock(&server->crypt_lock);
    rfbEncryptBytes(expected, server->password);
    pthread_mutex_unlock(&server->crypt_lock);
    if (length == CHALLENGESIZE && same(expected, (const uint8_t *)response, sizeof(expected)))
        return TRUE;
    log_warn(&server->link->log, "%s gave a wrong password", seat_of(client->screen)->name);
    nanosleep(&penalty, NULL);
    return FALSE;
}

static int resize_wished(int width, int height, int count, struct rfbExtDesktopScreen *screens,
                         rfbClientPtr client)
{
    const struct viewer_resize message = {
        .message = VIEWER_RESIZE, .width = (uint32_t)width, .height = (uint32_t)height};

    if (width <= 0 || height <= 0 || width > VIEWER_SIDE_MAX || height > VIEWER_SIDE_MAX)
        return rfbExtDesktopSize_InvalidScreenLayout;
    link_send(seat_of(client->screen)->server->link, &message, sizeof(message));
    return RESIZE_FORWARDED;
}

/* --- life --- */

int seat_create(struct seat *seat, struct server *server)
{
    char *program[] = {(char *)(uintptr_t) "atoll-vnc", NULL};
    int count = 1;
    rfbScreenInfoPtr screen =
        rfbGetScreen(&count, program, (int)server->mode.width, (int)server->mode.height, 8, 3, 4);

    if (!screen)
        return -ENOMEM;
    if (pipe2(seat->wake, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    set_format(screen);
    screen->screenData = seat;
    screen->desktopName = *server->link->setup.name ? server->link->setup.name : "Atoll";
    screen->frameBuffer = (char *)(uintptr_t)server->link->pixels;
    screen->cursor = NULL;
    screen->alwaysShared = TRUE;
    screen->deferUpdateTime = 0;
    screen->maxClientWait = PATIENCE_MS;
    screen->authPasswdData = *server->password ? server->password : NULL;
    screen->passwordCheck = check_password;
    screen->displayHook = before_update;
    screen->getKeyboardLedStateHook = leds_of;
    screen->setDesktopSizeHook = resize_wished;
    screen->kbdAddEvent = seat_key;
    screen->ptrAddEvent = seat_pointer;
    screen->setXCutText = seat_cut_latin1;
    screen->setXCutTextUTF8 = seat_cut_utf8;
    seat->server = server;
    seat->screen = screen;
    return 0;
}

/*
 * A client of libvncserver's on `fd`, which becomes its own. It is begun on another stream, where
 * nobody speaks HTTP: libvncserver would wait for that, and let in any page of any site.
 */
static rfbClientPtr begin_client(struct seat *seat, int fd)
{
    rfbClientPtr client = NULL;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        close(fd);
        return NULL;
    }
    if (send(ends[0], GREETING, strlen(GREETING), MSG_NOSIGNAL) > 0)
        client = rfbNewClient(seat->screen, ends[1]);
    close(ends[0]);
    if (client && (dup3(fd, client->sock, O_CLOEXEC) < 0 ||
                   rfbWriteExact(client, GREETING, (int)strlen(GREETING)) < 0))
        rfbCloseClient(client);
    close(fd);
    return client;
}

static void end_client(rfbClientPtr client)
{
    if (client->sock != RFB_INVALID_SOCKET)
        rfbCloseClient(client);
    rfbClientConnectionGone(client);
}

/* It keeps lists of what it offers in variables that it does not lock, and adds to them when it
 * needs them first. */
int seat_rehearse(struct seat *seat)
{
    static int encodings[] = {ENCODING_LEDS, 0};
    static rfbProtocolExtension leds = {.pseudoEncodings = encodings,
                                        .enablePseudoEncoding = leds_wanted};
    uint8_t before[CHALLENGESIZE] = {0}, block[CHALLENGESIZE] = {0};
    rfbClientPtr client;
    int ends[2];

    rfbRegisterProtocolExtension(&leds);
    rfbEncryptBytes(block, seat->server->password);
    if (*seat->server->password && same(block, before, sizeof(block)))
        return -EINVAL; /* a weak key: what shows the password would be the challenge itself */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return -errno;
    client = begin_client(seat, ends[1]);
    if (client) {
        if (send(ends[0], GREETING, strlen(GREETING), MSG_NOSIGNAL) > 0)
            rfbProcessClientMessage(client);
        end_client(client);
    }
    close(ends[0]);
    return 0;
}

static bool client_there(const struct seat *seat)
{
    return seat->client->sock != RFB_INVALID_SOCKET;
}

static void name_client(struct seat *seat)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (getpeername(seat->fd, (struct sockaddr *)&address, &length) ||
        address.ss_family == AF_UNIX ||
        getnameinfo((struct sockaddr *)&address, length, seat->name, sizeof(seat->name), NULL, 0,
                    NI_NUMERICHOST))
        snprintf(seat->name, sizeof(seat->name), "%s", seat->web ? "a browser" : "a local client");
}

static void greet(struct seat *seat)
{
    if (seat->greeted || seat->client->state != RFB_NORMAL)
        return;
    seat->greeted = true;
    log_info(&seat->server->link->log, "%s watches", seat->name);
    server_watch(seat->server, 1);
}

static uint64_t own_time(void)
{
    struct timespec time = {0};

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * NS_PER_SEC + (uint64_t)time.tv_nsec;
}

/* Until when there is no update; 0: now is right. */
static uint64_t update_due(const struct seat *seat)
{
    uint64_t due = MAX(seat->rested_ns, seat->held_ns);

    return host_clock_monotonic() < due ? due : 0;
}

/*
 * Sends what has changed. The machine looks at its screen for those who want it: a client that has
 * asked is shown nothing stale, and one that got nothing waits for what will change. One that asks
 * for nothing is none of the machine's concern. One that the machine could not be told of gets what
 * there is, and the machine is told later.
 */
static void update(struct seat *seat)
{
    uint64_t start = own_time();
    int wanted;

    if (update_due(seat))
        return;
    if (seat->asked) {
        wanted = server_want(seat->server);
        seat->asked = wanted < 0;
        seat->held_ns = wanted > 0 ? host_clock_monotonic() + HOLD_NS : 0;
    }
    if (update_due(seat))
        return;
    rfbUpdateClient(seat->client);
    if (client_there(seat) && !sraRgnEmpty(seat->client->requestedRegion))
        seat->asked |= server_want(seat->server) < 0;
    seat->rested_ns = host_clock_monotonic() +
                      (seat->asked ? REST_MAX : MIN(REST * (own_time() - start), REST_MAX));
}

/* Waits for the client or for news, or to have rested. Returns false when the client has had its
 * time. */
static bool wait(struct seat *seat, uint64_t deadline)
{
    struct pollfd fds[] = {{.fd = seat->client->sock, .events = POLLIN},
                           {.fd = seat->wake[0], .events = POLLIN}};
    uint64_t now = host_clock_monotonic(), until = seat->greeted ? UINT64_MAX : deadline;
    uint64_t due = update_due(seat);

    if (!seat->greeted && now >= deadline)
        return false;
    if (due)
        until = MIN(until, due);
    poll(fds, 2, until == UINT64_MAX ? -1 : (int)((MAX(until, now) - now) / NS_PER_MSEC) + 1);
    if (!fds[0].revents)
        return true;
    if (!may_ask(seat))
        return false;
    rfbProcessClientMessage(seat->client);
    return true;
}

static void converse(struct seat *seat)
{
    const int yes = 1;
    uint64_t deadline = host_clock_monotonic() + GREETING_NS;

    setsockopt(seat->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    setsockopt(seat->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    name_client(seat);
    take_news(seat);
    seat->client = begin_client(seat, seat->fd);
    if (!seat->client)
        return;
    while (client_there(seat)) {
        take_news(seat);
        send_leds(seat);
        if (client_there(seat))
            update(seat);
        if (client_there(seat) && !wait(seat, deadline))
            rfbCloseClient(seat->client);
        greet(seat);
    }
    if (seat->greeted)
        log_info(&seat->server->link->log, "%s has gone", seat->name);
    end_client(seat->client);
}

static void leave(struct seat *seat)
{
    struct server *server = seat->server;

    seat_let_go(seat);
    if (seat->greeted)
        server_watch(server, -1);
    seat->screen->cursor = NULL;
    if (seat->shape)
        rfbFreeCursor(seat->shape);
    free(seat->dark);
    seat->client = NULL;
    seat->greeted = seat->tell_leds = seat->asked = false;
    seat->held_ns = 0;
    seat->told = ~0u;
    seat->shape = NULL;
    seat->dark = NULL;
    pthread_mutex_lock(&server->lock);
    seat->taken = false;
    pthread_mutex_unlock(&server->lock);
}

void *seat_serve(void *arg)
{
    struct seat *seat = arg;

    seat->told = ~0u;
    converse(seat);
    leave(seat);
    return NULL;
}
