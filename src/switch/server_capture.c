/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "switch/server.h"

/* Whoever asks says what the instructions are: libpcap's own check makes sure that they end and
 * read nothing but the frame. */
static int read_filter(json_t *list, struct bpf_insn **out, struct error *err)
{
    size_t count = json_array_size(list);
    struct bpf_insn *program;

    *out = NULL;
    if (!list)
        return 0;
    if (count == 0 || count > FILTER_MAX)
        return error_set(err, EINVAL, "a filter has 1 to %d instructions", FILTER_MAX);
    program = calloc(count, sizeof(*program));
    if (!program)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        int code, jt, jf;
        json_int_t k;

        if (json_unpack(json_array_get(list, i), "[i,i,i,I!]", &code, &jt, &jf, &k)) {
            free(program);
            return error_set(err, EINVAL, "the filter is none");
        }
        program[i] = (struct bpf_insn){(u_short)code, (u_char)jt, (u_char)jf, (bpf_u_int32)k};
    }
    if (!bpf_validate(program, (int)count)) {
        free(program);
        return error_set(err, EINVAL, "the filter is none");
    }
    *out = program;
    return 0;
}

static int add_interface(struct server_capture *capture, const struct server *server, unsigned port)
{
    int ret;

    if (capture->ports[port].interface >= 0)
        return 0;
    ret = net_capture_interface(capture->file, server->ports[port]->name);
    capture->ports[port].interface = MAX(ret, -1);
    return MIN(ret, 0);
}

static struct server_capture **free_place(struct server *server)
{
    for (size_t i = 0; i < SERVER_CAPTURES; i++)
        if (!server->captures[i])
            return &server->captures[i];
    return NULL;
}

/* Nothing that could make the switch wait. */
static int check_file(int fd, struct error *err)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (fd >= 0 && fstat(fd, &st) == 0 && flags >= 0 && (flags & O_ACCMODE) != O_RDONLY &&
        (S_ISREG(st.st_mode) || (S_ISFIFO(st.st_mode) && (flags & O_NONBLOCK))))
        return 0;
    return error_set(err, EINVAL,
                     "a capture needs a regular file to write, or a pipe that does not block");
}

static bool is_captured(const struct server_capture *capture, unsigned port)
{
    return capture->port < 0 || capture->port == (int)port;
}

static int begin(struct server_capture *capture, struct server *server, int fd, struct error *err)
{
    int ret = net_capture_create(&capture->file, fd, NULL);

    for (unsigned i = 0; i < FABRIC_PORTS; i++)
        capture->ports[i].interface = -1;
    for (unsigned i = 0; i < FABRIC_PORTS && !ret; i++) {
        if (!server->ports[i] || !is_captured(capture, i))
            continue;
        capture->ports[i].lost_before = server_port_lost(server, i);
        ret = add_interface(capture, server, i);
    }
    return ret ? error_set(err, -ret, "cannot write the capture: %s", strerror(-ret)) : 0;
}

int server_capture_start(struct server_connection *owner, int fd, int port, json_t *filter,
                         struct server_capture **out, struct error *err)
{
    struct server *server = owner->server;
    struct server_capture **place = free_place(server), *capture;
    struct bpf_insn *program = NULL;
    int ret = place ? check_file(fd, err)
                    : error_set(err, EBUSY, "the switch has %d captures already", SERVER_CAPTURES);

    ret = ret ? ret : read_filter(filter, &program, err);
    capture = ret ? NULL : calloc(1, sizeof(*capture));
    if (!capture) {
        free(program);
        if (fd >= 0)
            close(fd);
        return ret ? ret : error_set(err, ENOMEM, "out of memory");
    }
    *capture = (struct server_capture){
        .owner = owner, .id = ++server->next_capture, .port = port, .filter = program};
    if (port >= 0)
        memcpy(capture->name, server->ports[port]->name, sizeof(capture->name));
    *place = capture;
    ret = begin(capture, server, fd, err);
    if (ret)
        server_capture_end(server, capture);
    else
        *out = capture;
    return ret;
}

/* The port's part of the capture, with its counts at the end. */
static int finish_port(struct server_capture *capture, const struct server *server, unsigned port)
{
    struct captured_port *p = &capture->ports[port];
    int ret;

    p->counts.lost = server_port_lost(server, port) - p->lost_before;
    if (p->interface < 0 && !p->counts.seen && !p->counts.lost)
        return 0;
    ret = add_interface(capture, server, port);
    ret = ret ? ret : net_capture_counts(capture->file, (unsigned)p->interface, &p->counts);
    if (ret)
        return ret;
    p->finished = true;
    capture->lost += p->counts.lost;
    return 0;
}

int server_capture_finish(struct server *server, struct server_capture *capture)
{
    int ret = capture->failed;

    capture->stopping = true;
    for (unsigned i = 0; i < FABRIC_PORTS && !ret; i++)
        if (server->ports[i] && is_captured(capture, i) && !capture->ports[i].finished)
            ret = finish_port(capture, server, i);
    return ret ? ret : net_capture_flush(capture->file);
}

void server_capture_end(struct server *server, struct server_capture *capture)
{
    for (size_t i = 0; i < SERVER_CAPTURES; i++)
        if (server->captures[i] == capture)
            server->captures[i] = NULL;
    net_capture_close(capture->file);
    free(capture->filter);
    free(capture);
}

static void take(struct server_capture *capture, struct server *server, unsigned port,
                 enum fabric_direction direction, const void *frame, size_t length)
{
    const struct iovec iov = {(void *)(uintptr_t)frame, length};
    struct captured_port *p = &capture->ports[port];
    int ret;

    if (capture->failed || capture->stopping || !is_captured(capture, port))
        return;
    p->counts.seen++;
    if (capture->filter && !bpf_filter(capture->filter, frame, (u_int)length, (u_int)length))
        return;
    p->counts.wanted++;
    ret = add_interface(capture, server, port);
    ret = ret ? ret
              : net_capture_packet(capture->file, (unsigned)p->interface, direction == FABRIC_FROM,
                                   &iov, 1);
    if (ret == -EAGAIN) {
        p->counts.dropped++;
        capture->dropped++;
    } else if (ret) {
        capture->failed = ret;
    } else {
        capture->frames++;
    }
}

void server_capture_passed(void *ctx, unsigned port, enum fabric_direction direction,
                           const void *frame, size_t length)
{
    struct server *server = ctx;

    for (size_t i = 0; i < SERVER_CAPTURES; i++)
        if (server->captures[i])
            take(server->captures[i], server, port, direction, frame, length);
}

void server_capture_welcome(struct server *server, unsigned port)
{
    for (size_t i = 0; i < SERVER_CAPTURES; i++) {
        struct server_capture *capture = server->captures[i];

        if (capture && capture->port == FABRIC_PORTS &&
            strcmp(capture->name, server->ports[port]->name) == 0)
            capture->port = (int)port;
    }
}

void server_capture_forget(struct server *server, unsigned port)
{
    for (size_t i = 0; i < SERVER_CAPTURES; i++) {
        struct server_capture *capture = server->captures[i];

        if (!capture || !is_captured(capture, port))
            continue;
        if (!capture->failed && !capture->ports[port].finished)
            finish_port(capture, server, port);
        capture->ports[port] = (struct captured_port){.interface = -1};
        if (capture->port >= 0)
            capture->port = FABRIC_PORTS; /* it may come back */
    }
}
