/* SPDX-License-Identifier: ISC */
/*
 * A program at the other end of --net socket that writes what it likes, in both protocols: QEMU's
 * lengths and bytes, cut anywhere, and vfkit's messages of every length. The card gets the frames
 * that are in them, in order and no others, also when it has no buffers at times; and what the card
 * sends arrives in the same words.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/net.h"
#include "base/endian.h"
#include "base/units.h"
#include "fuzz.h"
#include "host/clock.h"

#define CHECK(right)                                                                               \
    do {                                                                                           \
        if (!(right))                                                                              \
            abort();                                                                               \
    } while (0)

#define PATIENCE_MS 60000
#define HEADER      14

/* The card, and what it has got. */
struct card {
    struct host_loop *loop;
    struct net *net;
    bool picky; /* has no buffer for every third frame at first */
    unsigned refused;
    _Atomic uint32_t frames;
    _Atomic bool waits, unplugged;
    uint64_t hash;
};

static uint64_t hash_frame(uint64_t hash, const uint8_t *frame, size_t length)
{
    hash = (hash ^ length) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < MIN(length, (size_t)64); i++)
        hash = (hash ^ frame[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool on_frame(void *ctx, const void *frame, size_t length)
{
    struct card *card = ctx;

    CHECK(length >= HEADER && length <= NET_MAX_FRAME);
    if (card->picky && ++card->refused % 3 == 0) {
        card->waits = true;
        return false;
    }
    card->hash = hash_frame(card->hash, frame, length);
    card->frames++;
    return true;
}

static void on_link(void *ctx, bool up)
{
    ((struct card *)ctx)->unplugged = !up;
}

#define SENT 100 /* bytes of the frame that the card sends */

static void send_frame(void *ctx)
{
    static uint8_t frame[SENT] = {2, 3};
    const struct iovec iov[] = {{frame, HEADER}, {frame + HEADER, SENT - HEADER}};

    net_send(((struct card *)ctx)->net, iov, nitems(iov));
}

/* More than fits while nobody reads, and one that is too long: what has no room is dropped. */
static void send_flood(void *ctx)
{
    static uint8_t frame[NET_MAX_FRAME + 1];
    const struct iovec iov = {frame, sizeof(frame)};

    CHECK(net_send(((struct card *)ctx)->net, &iov, 1) == -EMSGSIZE);
    for (unsigned i = 0; i < 1000; i++)
        send_frame(ctx);
}

static void resume(void *ctx)
{
    net_resume(((struct card *)ctx)->net);
}

static void close_net(void *ctx)
{
    net_close(((struct card *)ctx)->net);
}

/* One look at a card that one waits for: it has its buffers back. */
static void give_buffers(struct card *card, uint64_t deadline)
{
    if (atomic_exchange(&card->waits, false))
        host_loop_call(card->loop, resume, card);
    CHECK(host_clock_monotonic() < deadline);
    sched_yield();
}

static uint64_t patience(void)
{
    return host_clock_monotonic() + PATIENCE_MS * NS_PER_MSEC;
}

/* Whatever else they do, the frames come. */
static void await(struct card *card, unsigned frames, bool end)
{
    uint64_t deadline = patience();

    while (card->frames < frames || (end && !card->unplugged))
        give_buffers(card, deadline);
}

/* Sends all of it, unless the card hangs up: then nobody reads, and the socket fills. */
static bool send_piece(struct card *card, int program, const uint8_t *data, size_t size)
{
    uint64_t deadline = patience();

    while (size > 0) {
        ssize_t sent = send(program, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && (errno != EAGAIN || card->unplugged))
            return false;
        if (sent < 0) {
            give_buffers(card, deadline);
            continue;
        }
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* A listening socket in a folder of its own, which goes at once. */
static int listen_at(int type, struct sockaddr_un *address)
{
    char folder[] = "/tmp/fuzz-socket-XXXXXX";
    int fd = socket(AF_UNIX, type, 0);

    CHECK(mkdtemp(folder));
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "%s/program", folder);
    CHECK(bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
    CHECK(type == SOCK_DGRAM || listen(fd, 1) == 0);
    return fd;
}

static void forget(const struct sockaddr_un *address)
{
    char folder[sizeof(address->sun_path)];

    unlink(address->sun_path);
    strcpy(folder, address->sun_path);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
}

static void open_card(struct card *card, const struct sockaddr_un *address)
{
    const struct net_socket_config config = {.path = address->sun_path};
    const struct net_client client = {.receive = on_frame, .ctx = card, .link = on_link};

    CHECK(host_loop_create(&card->loop, "fuzz", NULL) == 0);
    CHECK(net_socket_open(&card->net, &config, NULL, NULL) == 0);
    CHECK(net_attach(card->net, card->loop, &client) == 0);
}

static void close_card(struct card *card)
{
    host_loop_call(card->loop, close_net, card);
    host_loop_destroy(card->loop);
}

/* What is in the bytes by the protocol's own words: a length, big-endian, and the frame. */
static unsigned expect_stream(const uint8_t *data, size_t size, uint64_t *hash)
{
    unsigned count = 0;

    while (size >= 4) {
        size_t length = load_be32(data);

        if (length < HEADER || length > NET_MAX_FRAME || length > size - 4)
            break;
        *hash = hash_frame(*hash, data + 4, length);
        count++;
        data += 4 + length;
        size -= 4 + length;
    }
    return count;
}

static void feed_stream(struct card *card, const uint8_t *data, size_t size, size_t piece)
{
    struct sockaddr_un address;
    int listener = listen_at(SOCK_STREAM, &address), program;
    uint8_t sent[4 + SENT];
    uint64_t hash = 0;
    unsigned frames = expect_stream(data, size, &hash);

    open_card(card, &address);
    program = accept(listener, NULL, NULL);
    host_loop_call(card->loop, send_frame, card);
    CHECK(recv(program, sent, sizeof(sent), MSG_WAITALL) == sizeof(sent));
    CHECK(load_be32(sent) == SENT && sent[4] == 2 && sent[5] == 3);
    if (card->picky)
        host_loop_call(card->loop, send_flood, card);
    while (recv(program, sent, sizeof(sent), MSG_DONTWAIT) > 0)
        continue;
    for (size_t at = 0; at < size; at += piece)
        if (!send_piece(card, program, data + at, MIN(piece, size - at)))
            break;
    shutdown(program, SHUT_WR);
    await(card, frames, true);
    close_card(card);
    CHECK(card->frames == frames && card->hash == hash);
    close(program);
    close(listener);
    forget(&address);
}

/* Each message: its length, and the start of it. */
static void feed_messages(struct card *card, struct fuzz_input *input)
{
    static uint8_t message[NET_MAX_FRAME + 100];
    struct sockaddr_un address, guest;
    int program = listen_at(SOCK_DGRAM, &address);
    socklen_t room = sizeof(guest);
    uint64_t hash = 0;
    unsigned frames = 0;

    open_card(card, &address);
    CHECK(recvfrom(program, message, sizeof(message), 0, (struct sockaddr *)&guest, &room) == 4);
    CHECK(memcmp(message, "VFKT", 4) == 0);
    host_loop_call(card->loop, send_frame, card);
    CHECK(recv(program, message, sizeof(message), 0) == SENT && message[1] == 3);
    for (bool last = false; !last;) {
        size_t length = fuzz_take(input, 2) % sizeof(message);

        last = input->at == input->end;
        length = last ? HEADER : MAX(length, (size_t)1);
        memset(message, 0, MIN(length, (size_t)64));
        for (size_t i = 0; i < MIN(length, (size_t)16); i++)
            message[i] = (uint8_t)fuzz_take(input, 1);
        CHECK(sendto(program, message, length, 0, (struct sockaddr *)&guest, room) ==
              (ssize_t)length);
        if (length < HEADER || length > NET_MAX_FRAME)
            continue;
        hash = hash_frame(hash, message, length);
        await(card, ++frames, false);
    }
    close_card(card);
    CHECK(card->frames == frames && card->hash == hash);
    close(program);
    forget(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct card card = {0};
    struct fuzz_input input = {data + 1, data + size};

    if (size < 2)
        return 0;
    card.picky = data[0] & 2;
    if (data[0] & 1)
        feed_stream(&card, data + 1, size - 1, 1 + data[0] / 4);
    else
        feed_messages(&card, &input);
    return 0;
}
