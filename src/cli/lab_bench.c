/* SPDX-License-Identifier: ISC */
#include "cli/lab_bench.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "host/clock.h"

#define TEXT_MAX   (1u << 20) /* of a console; then the older half goes */
#define MESSAGE_MS 5000       /* for the rest of a message that has begun */
#define LAST_LINES 8
#define PAST_MS    1000 /* for what a console has said; it may have said nothing */

bool bench_fail(struct bench *bench, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(bench->why, sizeof(bench->why), format, args);
    va_end(args);
    return false;
}

void bench_add_console(struct bench *bench, const struct bench_console *c)
{
    size_t used = strlen(bench->why), begin = c->length;

    for (unsigned lines = 0; begin > 0 && lines <= LAST_LINES; begin--)
        lines += c->text[begin - 1] == '\n' && begin < c->length;
    if (begin)
        begin++;
    snprintf(bench->why + used, sizeof(bench->why) - used, "\nthe console's last lines:\n%s",
             c->length > begin ? c->text + begin : "(none)");
}

struct bench_console *bench_console(struct bench *bench, const char *vm)
{
    return &bench->consoles[config_vm_find(bench->config, vm) - bench->config->vms];
}

/* --- consoles --- */

static bool make_room(struct bench_console *c, size_t more)
{
    size_t room = MAX(2 * c->room, c->length + more + 4096);
    char *text;

    if (c->length > TEXT_MAX) {
        size_t drop = MIN(c->length / 2, c->line_start);

        memmove(c->text, c->text + drop, c->length - drop + 1);
        c->length -= drop;
        c->line_start -= drop;
        c->from = c->from > drop ? c->from - drop : 0;
    }
    if (c->room - c->length > more + 1)
        return true;
    text = realloc(c->text, room);
    if (!text)
        return false;
    c->text = text;
    c->room = room;
    return true;
}

/* The unfinished line is written anew each time: a terminal may have changed it. */
static void hear(struct bench_console *c, const char *bytes, size_t length)
{
    c->heard += length;
    while (length) {
        bool ended;
        size_t taken = console_line_take(&c->line, bytes, length, &ended);
        size_t line = strlen(c->line.text);

        c->length = c->line_start;
        if (!make_room(c, line + 1))
            return;
        memcpy(c->text + c->length, c->line.text, line + 1);
        c->length += line;
        if (ended) {
            c->text[c->length++] = '\n';
            c->text[c->length] = '\0';
            c->line_start = c->length;
        }
        bytes += taken;
        length -= taken;
    }
    c->from = MIN(c->from, c->length);
}

static void hang_up(struct bench_console *c)
{
    control_disconnect(c->following);
    c->following = NULL;
    c->ended = true;
}

static void take_console(struct bench_console *c)
{
    json_t *message;
    size_t length;
    void *bytes;

    if (control_receive(c->following, MESSAGE_MS, &message, &bytes, &length, NULL)) {
        hang_up(c);
        return;
    }
    if (bytes)
        hear(c, bytes, length);
    json_decref(message);
    free(bytes);
}

/* Of a machine that runs already all lines but the one that its cursor is on are of the past: what
 * has been said comes at once, in one message. */
static void pass_over(struct bench_console *c)
{
    struct pollfd fd = {.fd = c->following ? control_descriptor(c->following) : -1,
                        .events = POLLIN};

    if (poll(&fd, 1, PAST_MS) > 0)
        take_console(c);
    c->from = c->line_start;
    c->marks = (unsigned)getpid() % 10000 * 1000; /* unlike an earlier test's, still on its way */
}

static int open_console(struct bench *bench, size_t index, struct error *err)
{
    struct bench_console *c = &bench->consoles[index];
    const char *name = bench->run->machines[index].name;
    int ret;

    if (!make_room(c, 0))
        return error_set(err, ENOMEM, "out of memory");
    *c->text = '\0';
    ret = control_connect(&c->following, name, err);
    ret = ret ? ret : control_ask(c->following, "console", NULL, NULL, err);
    if (ret == -ENODEV) { /* a machine without a console can still be looked at */
        control_disconnect(c->following);
        c->following = NULL;
        ret = 0;
    }
    if (!ret && bench->borrowed)
        pass_over(c);
    return ret;
}

/* --- peers --- */

static void note_seen(struct bench_probe *p, size_t peer, const struct peer_message *m)
{
    if (p->seen_count < BENCH_SEEN_MAX)
        p->seen[p->seen_count++] = (struct bench_seen){peer,     m->protocol,    m->remote,
                                                       m->local, m->remote_port, m->local_port};
}

static void note_said(struct bench_probe *p, const struct peer_message *m)
{
    size_t length = MIN(m->length, BENCH_SAID_MAX - p->said_length);

    for (size_t i = 0; i < length; i++) /* what is looked for is text */
        p->said[p->said_length + i] = m->data[i] ? (char)m->data[i] : '?';
    p->said_length += length;
    p->said[p->said_length] = '\0';
}

static void note_refused(struct bench_probe *p, const struct peer_message *m)
{
    if (p->outcome == BENCH_ANSWERED)
        return;
    p->outcome = BENCH_REFUSED;
    p->refused_as = m->local_port;
    p->refuser = (struct ip){.bytes = {0}};
    if (m->length == sizeof(p->refuser))
        memcpy(&p->refuser, m->data, sizeof(p->refuser));
}

static bool take_peer(struct bench *bench, size_t index)
{
    struct bench_probe *p = &bench->probe;
    struct peer_message m;
    struct error err;
    int ret = peer_hear(lab_wires_peer(bench->run->wires, index), &m, &err);

    if (ret < 0)
        return bench_fail(bench, "the peer \"%s\": %s", bench->config->peers[index].name, err.text);
    if (ret == 0)
        return true;
    if (m.kind == PEER_SEEN)
        note_seen(p, index, &m);
    if (index != p->peer || m.id != p->id)
        return true;
    if (m.kind == PEER_ANSWERED)
        p->outcome = BENCH_ANSWERED;
    else if (m.kind == PEER_REFUSED)
        note_refused(p, &m);
    else if (m.kind == PEER_SAID)
        note_said(p, &m);
    else if (m.kind == PEER_FAILED)
        return bench_fail(bench, "the peer \"%s\": %.*s", bench->config->peers[index].name,
                          (int)m.length, (const char *)m.data);
    return true;
}

/* --- waiting --- */

bool bench_turn(struct bench *bench, uint64_t deadline)
{
    size_t vms = bench->config->vm_count, peers = bench->config->peer_count;
    struct pollfd *fds = calloc(vms + peers + 1, sizeof(*fds));
    uint64_t now = host_clock_monotonic();
    uint64_t left = deadline > now ? (deadline - now) / NS_PER_MSEC + 1 : 0;
    bool right = fds != NULL;

    if (!right)
        return bench_fail(bench, "out of memory");
    for (size_t i = 0; i < vms; i++)
        fds[i] = (struct pollfd){.fd = bench->consoles[i].following
                                           ? control_descriptor(bench->consoles[i].following)
                                           : -1,
                                 .events = POLLIN};
    for (size_t i = 0; i < peers; i++)
        fds[vms + i] = (struct pollfd){.fd = peer_descriptor(lab_wires_peer(bench->run->wires, i)),
                                       .events = POLLIN};
    if (lab_run_wait(fds, vms + peers, (int)MIN(left, 1000u))) {
        bench->interrupted = true;
        right = bench_fail(bench, "broken off");
    }
    for (size_t i = 0; i < vms && right; i++)
        if (fds[i].revents)
            take_console(&bench->consoles[i]);
    for (size_t i = 0; i < peers && right; i++)
        if (fds[vms + i].revents)
            right = take_peer(bench, i);
    free(fds);
    return right && host_clock_monotonic() < deadline;
}

/* --- all of it --- */

int bench_init(struct bench *bench, struct lab_run *run, const char *folder, bool borrowed,
               struct error *err)
{
    const struct config *c = &run->lab->config;
    int ret = 0;

    *bench = (struct bench){.run = run, .config = c, .folder = folder, .borrowed = borrowed};
    bench->consoles = calloc(c->vm_count + 1, sizeof(*bench->consoles));
    bench->probe.said = malloc(BENCH_SAID_MAX + 1);
    if (!bench->consoles || !bench->probe.said)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < c->vm_count && !ret; i++)
        ret = open_console(bench, i, err);
    return ret;
}

void bench_fini(struct bench *bench)
{
    for (size_t i = 0; bench->consoles && i < bench->config->vm_count; i++) {
        control_disconnect(bench->consoles[i].following);
        free(bench->consoles[i].text);
    }
    free(bench->consoles);
    free(bench->probe.said);
}
