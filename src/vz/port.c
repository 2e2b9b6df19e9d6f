/* SPDX-License-Identifier: ISC */
/*
 * A serial port of the guest's and the console behind it: a pipe each way between the framework and
 * a console of backend/console.h, on the machine's loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vz/private.h"

#define CHUNK 4096

static void console_command(void *ctx, enum console_command command)
{
    struct vz *vz = ctx;

    switch (command) {
    case CONSOLE_QUIT: vz_ops.quit(&vz->face); break;
    case CONSOLE_POWER_BUTTON: vz_ops.power_button(&vz->face); break;
    case CONSOLE_RESET: vz_ops.reset(&vz->face); break;
    }
}

static int open_console(struct vz_port *port, struct vz *vz, const struct atoll_console *from,
                        struct error *err)
{
    static const enum console_kind kinds[] = {
        [ATOLL_CONSOLE_NONE] = CONSOLE_NONE, [ATOLL_CONSOLE_STDIO] = CONSOLE_STDIO,
        [ATOLL_CONSOLE_PTY] = CONSOLE_PTY,   [ATOLL_CONSOLE_FILE] = CONSOLE_FILE,
        [ATOLL_CONSOLE_UNIX] = CONSOLE_UNIX, [ATOLL_CONSOLE_MEMORY] = CONSOLE_MEMORY,
    };
    const struct console_config config = {.kind = kinds[from->kind],
                                          .path = from->path,
                                          .input = STDIN_FILENO,
                                          .output = STDOUT_FILENO,
                                          .command = console_command,
                                          .ctx = vz};

    return console_open(&port->console, &config, &vz->log, err);
}

/* Input for the guest: what the pipe has no room for comes again. A guest that is gone reads
 * nothing, and nothing is kept for it. */
static size_t receive(void *ctx, const uint8_t *bytes, size_t length)
{
    struct vz_port *port = ctx;
    ssize_t written = write(port->to_guest, bytes, length);

    if (written >= 0 && (size_t)written == length)
        return length;
    if (written < 0 && errno != EAGAIN && errno != EINTR)
        return length;
    host_watch_want(port->room, HOST_WRITABLE);
    return written < 0 ? 0 : (size_t)written;
}

static void has_room(void *ctx, unsigned events)
{
    struct vz_port *port = ctx;

    host_watch_want(port->room, 0);
    console_resume(port->console);
}

static void has_output(void *ctx, unsigned events)
{
    struct vz_port *port = ctx;
    uint8_t bytes[CHUNK];
    ssize_t got = read(port->from_guest, bytes, sizeof(bytes));

    if (got > 0)
        console_write(port->console, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        host_watch_want(port->output, 0); /* the framework has closed its end */
}

static int make_pipe(int ends[2], int ours)
{
    if (pipe(ends))
        return -errno;
    for (int i = 0; i < 2; i++)
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    return 0;
}

static int connect_pipes(struct vz_port *port, struct vz *vz, int *guest_reads, int *guest_writes)
{
    int to[2], from[2], ret = make_pipe(to, 1);

    if (ret)
        return ret;
    port->to_guest = to[1];
    *guest_reads = to[0];
    ret = make_pipe(from, 0);
    if (ret)
        return ret;
    port->from_guest = from[0];
    *guest_writes = from[1];
    ret = host_watch_create(vz->loop, port->to_guest, 0, has_room, port, &port->room);
    return ret ? ret
               : host_watch_create(vz->loop, port->from_guest, HOST_READABLE, has_output, port,
                                   &port->output);
}

int vz_port_open(struct vz_port *port, struct vz *vz, const struct atoll_console *config,
                 int *guest_reads, int *guest_writes, struct error *err)
{
    const struct console_client client = {receive, port};
    int ret;

    *port = (struct vz_port){.kind = config->kind, .to_guest = -1, .from_guest = -1};
    *guest_reads = *guest_writes = -1;
    ret = open_console(port, vz, config, err);
    if (ret)
        return ret;
    ret = connect_pipes(port, vz, guest_reads, guest_writes);
    ret = ret ? ret : console_attach(port->console, vz->loop, &client);
    if (!ret)
        return 0;
    if (*guest_reads >= 0)
        close(*guest_reads);
    if (*guest_writes >= 0)
        close(*guest_writes);
    vz_port_close(vz, port);
    return error_set(err, -ret, "cannot make a serial port: %s", strerror(-ret));
}

static void close_port(void *ctx)
{
    struct vz_port *port = ctx;

    if (port->output)
        host_watch_destroy(port->output);
    if (port->room)
        host_watch_destroy(port->room);
    console_close(port->console);
    if (port->to_guest >= 0)
        close(port->to_guest);
    if (port->from_guest >= 0)
        close(port->from_guest);
}

/* On the loop, where nothing can come between. */
void vz_port_close(struct vz *vz, struct vz_port *port)
{
    host_loop_call(vz->loop, close_port, port);
}
