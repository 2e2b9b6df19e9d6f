/* SPDX-License-Identifier: ISC */
#include "cli/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/lab_run.h"
#include "switch/client.h"

static void say(void *ctx, const struct config_place *place, const char *line)
{
    struct lab *lab = ctx;

    if (place->line)
        fprintf(stderr, "%s:%u:%u: %s\n", place->file, place->line, place->column, line);
    else
        fprintf(stderr, "atoll: %s\n", line);
    lab->errors++;
}

void lab_complain(struct lab *lab, const struct config_place *place, const char *format, ...)
{
    char line[512];
    va_list args;

    for (size_t i = 0; i < lab->told_count; i++)
        if (strcmp(lab->told[i].file, place->file) == 0 && lab->told[i].line == place->line &&
            lab->told[i].column == place->column)
            return;
    if (lab->told_count < LAB_TOLD_MAX)
        lab->told[lab->told_count++] = *place;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    say(lab, place, line);
}

/* --- forwards --- */

/* Whether the host's port could be had now. */
static void check_forward(struct lab *lab, const struct config_forward *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(f->host_port),
        .sin_addr = {htonl(f->host_address ? f->host_address : INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, f->udp ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;

    if (fd < 0)
        return;
    if (!f->udp) /* what was there a minute ago is not in the way */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
        lab_complain(lab, &f->place, "the host's %s port %u cannot be forwarded: %s",
                     f->udp ? "UDP" : "TCP", f->host_port, strerror(errno));
    close(fd);
}

static void check_forwards(struct lab *lab, const struct config_user *user)
{
    for (size_t i = 0; i < user->forward_count; i++)
        check_forward(lab, &user->forwards[i]);
}

/* A lab that is up has its own. */
static void check_all_forwards(struct lab *lab)
{
    const struct config *c = &lab->config;

    if (lab_keeper(c->name))
        return;
    for (size_t i = 0; i < c->switch_count; i++)
        check_forwards(lab, &c->switches[i].uplink);
    for (size_t i = 0; i < c->vm_count; i++)
        for (size_t j = 0; j < c->vms[i].interface_count; j++)
            check_forwards(lab, &c->vms[i].interfaces[j].user);
}

/* --- switches --- */

/* Whether the file could be made. */
static void check_capture(struct lab *lab, const struct config_place *place, const char *path,
                          const char *filter)
{
    char folder[PATH_MAX];
    const char *slash = path ? strrchr(path, '/') : NULL;
    struct error err;

    if (!path)
        return;
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    if (access(folder, W_OK))
        lab_complain(lab, place, "\"%s\" cannot be written: %s: %s", path, folder, strerror(errno));
    if (filter && switch_filter_check(filter, &err))
        lab_complain(lab, place, "%s", err.text);
}

/* How many ports the switch has, and whether their captures can be. */
static size_t check_ports(struct lab *lab, const struct config_switch *wire)
{
    const struct config *c = &lab->config;
    size_t count = wire->uplink.given || wire->uplink_socket;

    for (size_t i = 0; i < c->vm_count; i++) {
        for (size_t j = 0; j < c->vms[i].interface_count; j++) {
            const struct config_interface *in = &c->vms[i].interfaces[j];

            if (!in->wire || strcmp(in->wire, wire->name) != 0)
                continue;
            count++;
            check_capture(lab, &in->place, in->port.capture, in->port.filter);
        }
    }
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *peer = &c->peers[i];

        if (strcmp(peer->wire, wire->name) != 0)
            continue;
        count++;
        check_capture(lab, &peer->place, peer->port.capture, peer->port.filter);
    }
    return count;
}

static void check_switches(struct lab *lab)
{
    const struct config *c = &lab->config;

    for (size_t i = 0; i < c->switch_count; i++) {
        const struct config_switch *wire = &c->switches[i];
        size_t count = check_ports(lab, wire);

        check_capture(lab, &wire->place, wire->capture, wire->filter);
        if (count > SWITCH_PORTS)
            lab_complain(
                lab, &wire->place,
                "\"%s\" has %d ports, and %zu would be on it; another switch can have some",
                wire->name, SWITCH_PORTS, count);
    }
}

/* --- tests --- */

static void check_filters(struct lab *lab, const struct config_test *test)
{
    struct error err;

    for (size_t i = 0; i < test->step_count; i++)
        if (test->steps[i].kind == CONFIG_STEP_SEE &&
            switch_filter_check(test->steps[i].text, &err))
            lab_complain(lab, &test->steps[i].place, "%s", err.text);
}

unsigned lab_read(struct lab *lab, const struct lab_source *source)
{
    const struct config_io io = {lab, config_read_file, say, source->macros, source->macro_count};
    struct config *c = &lab->config;

    *lab = (struct lab){.errors = 0};
    if (config_read(c, source->files, source->file_count, &io))
        return lab->errors;
    if (source->name)
        c->name = source->name;
    lab->vms = calloc(c->vm_count + 1, sizeof(*lab->vms));
    if (!lab->vms) {
        const struct config_place nowhere = {.file = source->files[0]};

        lab_complain(lab, &nowhere, "out of memory");
        return lab->errors;
    }
    for (size_t i = 0; i < c->vm_count; i++)
        lab_vm_options(lab, &c->vms[i], &lab->vms[i]);
    check_all_forwards(lab);
    check_switches(lab);
    for (size_t i = 0; i < c->test_count; i++)
        check_filters(lab, &c->tests[i]);
    return lab->errors;
}

void lab_free(struct lab *lab)
{
    for (size_t i = 0; lab->vms && i < lab->config.vm_count; i++)
        options_free(&lab->vms[i]);
    free(lab->vms);
    lab->vms = NULL;
    config_release(&lab->config);
}
