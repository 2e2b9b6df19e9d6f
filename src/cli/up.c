/* SPDX-License-Identifier: ISC */
/*
 * `atoll up`: a lab in the background. The command returns when everything runs, or when it is
 * known that it does not and nothing of it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/detach.h"
#include "cli/lab_ask.h"
#include "cli/lab_lend.h"

/* What `atoll ps` is to know, in the lab's folder. */
static int write_facts(const struct lab_run *run, const char *file, struct error *err)
{
    const struct config *c = &run->lab->config;
    json_t *vms = json_array(), *switches = json_array(), *peers = json_array(), *facts;
    char path[PATH_MAX + 16], whole[PATH_MAX];
    int ret;

    for (size_t i = 0; i < c->vm_count; i++) {
        json_t *wires = json_array();

        for (size_t j = 0; j < c->vms[i].interface_count; j++)
            json_array_append_new(wires, c->vms[i].interfaces[j].wire
                                             ? json_string(c->vms[i].interfaces[j].wire)
                                             : json_string("user"));
        json_array_append_new(vms, json_pack("{s:s, s:o}", "name", c->vms[i].name, "on", wires));
    }
    for (size_t i = 0; i < c->switch_count; i++)
        json_array_append_new(switches, json_string(c->switches[i].name));
    for (size_t i = 0; i < c->peer_count; i++)
        json_array_append_new(
            peers, json_pack("{s:s, s:s}", "name", c->peers[i].name, "on", c->peers[i].wire));
    facts = json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", run->name, "file",
                      realpath(file, whole) ? whole : file, "vms", vms, "switches", switches,
                      "peers", peers);
    snprintf(path, sizeof(path), "%s/facts", run->folder);
    ret = json_dump_file(facts, path, 0);
    json_decref(facts);
    return ret ? error_set(err, EIO, "%s: cannot write it", path) : 0;
}

/* The keeper, from here until it is asked to end. */
static int keep(struct lab *lab, const char *file, struct detach *detach)
{
    struct lab_lend lend = {.listener = -1, .test = -1};
    struct lab_run run;
    int null, terminal, status;
    struct error err;

    lab_run_catch_signals();
    status = lab_run_start(&run, lab, lab->config.name, stderr, detach->tell);
    if (status == EXIT_STATUS_QUIT)
        fail(0, "the lab \"%s\" was told to end before it was up", lab->config.name);
    if (status == 0 && (lab_lend_open(&lend, &run, &err) || write_facts(&run, file, &err)))
        status = fail(EXIT_STATUS_FAILURE, "%s", err.text);
    if (status == 0) {
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        terminal = null < 0 ? -1 : detach_leave(null, &err);
        if (terminal < 0 || detach_done(detach, terminal))
            status = EXIT_STATUS_FAILURE; /* who asked for it has been interrupted meanwhile */
        while (status == 0 && !lab_lend_wait(&lend))
            continue;
    }
    lab_lend_close(&lend);
    lab_run_stop(&run);
    return status;
}

static int up(struct lab *lab, const char *file)
{
    struct detach detach;
    struct error err;
    int status, ret = detach_begin(&detach, &status, &err);

    if (ret < 0)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    if (ret == 0)
        return keep(lab, file, &detach);
    if (status == 0)
        printf("The lab \"%s\" is up; `atoll down %s` ends it.\n", lab->config.name,
               lab->config.name);
    return status;
}

int command_up(int argc, char **argv)
{
    struct lab_source source;
    struct lab lab;
    int status;

    if (lab_ask(argc, argv, NULL, 0, &source, &status))
        return status;
    status = lab_read(&lab, &source) ? EXIT_STATUS_USAGE : up(&lab, source.files[0]);
    lab_free(&lab);
    return status;
}
