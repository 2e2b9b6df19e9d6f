/* SPDX-License-Identifier: ISC */
/*
 * The conformance suite: one list of bodies (guest/conformance/bodies.h), the same on every engine,
 * each in a machine of its own.
 *
 *     test_conformance --engine NAME [--patience SECONDS] [--todo TEST] [--list] [TEST...]
 *
 * A failure of the TEST of --todo does not count: the host that the engine runs on is known to have
 * it wrong. Prints TAP (testanything.org); what a body writes down follows its line after "#".
 * Exits with 0 when nothing failed. An engine NAME-lazy or NAME-v2 is NAME as engine_vm_config's
 * `eager` and `plain_host` make it, NAME-host is with --cpu host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_image.h"
#include "session.h"

struct body {
    const char *name;
    unsigned cpus;
    const char *about;
};

static const struct body bodies[] = {
#define BODY(name, cpus, about) {#name, cpus, about},
#include "guest/conformance/bodies.h"
#undef BODY
};

struct options {
    const char *engine;
    unsigned patience;
    const char *todo;
    bool list;
    char **names;
    int count;
};

static bool chosen(const struct options *o, const struct body *body)
{
    for (int i = 0; i < o->count; i++)
        if (strcmp(o->names[i], body->name) == 0)
            return true;
    return o->count == 0;
}

/* Why the engine cannot be asked this, or NULL. */
static const char *not_applicable(const struct engine_ops *ops, const struct engine_caps *caps,
                                  const struct body *body)
{
    bool debug =
        strcmp(body->name, "debug_step") == 0 || strcmp(body->name, "debug_breakpoint") == 0;
    bool saves =
        strcmp(body->name, "state_registers") == 0 || strcmp(body->name, "state_interrupts") == 0;

    if (body->cpus > caps->max_vcpus)
        return "the engine does not run that many CPUs";
    if (debug && !ops->vcpu_debug)
        return "the engine has no vcpu_debug";
    if (saves && (!ops->vcpu_save || (caps->gic == ENGINE_GIC_IN_ENGINE && !ops->gic_save)))
        return "the engine cannot save its state";
    return NULL;
}

/* Lines of `text`, as TAP's comments. */
static void print_lines(const char *what, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        printf("# %s%.*s\n", what, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static bool run_body(const struct options *o, const struct body *body, unsigned number,
                     const char *kernel, struct session *s)
{
    const struct session_config config = {.engine = o->engine,
                                          .body = body->name,
                                          .kernel = kernel,
                                          .cpus = body->cpus,
                                          .patience = o->patience};
    struct error err = {0};
    bool todo = o->todo && strcmp(o->todo, body->name) == 0, ok = session_run(s, &config, &err);

    printf("%sok %u - %s: %s%s\n", ok ? "" : "not ", number, body->name, body->about,
           todo ? " # TODO the host's" : "");
    if (!ok)
        print_lines("", err.text);
    print_lines("", s->text);
    if (!ok)
        print_lines("log: ", s->log);
    fflush(stdout);
    return ok || todo;
}

static int run_all(const struct options *o, const struct engine_ops *ops,
                   const struct engine_caps *caps, const char *kernel)
{
    struct session *s = malloc(sizeof(*s));
    unsigned number = 0, failed = 0, plan = 0;

    if (!s)
        return 1;
    for (size_t i = 0; i < nitems(bodies); i++)
        plan += chosen(o, &bodies[i]);
    printf("TAP version 13\n1..%u\n", plan);
    for (size_t i = 0; i < nitems(bodies); i++) {
        const char *why = not_applicable(ops, caps, &bodies[i]);

        if (!chosen(o, &bodies[i]))
            continue;
        number++;
        if (why)
            printf("ok %u - %s # SKIP %s\n", number, bodies[i].name, why);
        else
            failed += !run_body(o, &bodies[i], number, kernel, s);
    }
    free(s);
    if (failed)
        printf("# %u of %u failed on %s\n", failed, plan, o->engine);
    return failed || plan == 0;
}

/* The machine reads its kernel from a file. Returns 0 or -errno. */
static int write_kernel(char *path, size_t room)
{
    const char *folder = getenv("TMPDIR");
    int fd;
    bool whole;

    snprintf(path, room, "%s/conformance-XXXXXX", folder ? folder : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return -errno;
    whole = write(fd, guest_image, guest_image_length) == (ssize_t)guest_image_length;
    close(fd);
    return whole ? 0 : -EIO;
}

static int bail_out(const char *what, const char *why)
{
    printf("Bail out! %s: %s\n", what, why);
    return 1;
}

static int run(const struct options *o)
{
    struct atoll_config config;
    struct engine_caps caps;
    const struct engine_ops *ops;
    struct error err = {0};
    char bare[32], path[256];
    int ret;

    session_engine(&config, o->engine, bare);
    ops = engine_find(bare, &err);
    if (!ops)
        return bail_out(o->engine, err.text);
    ret = ops->caps(&caps);
    if (ret)
        return bail_out(o->engine, strerror(-ret));
    ret = write_kernel(path, sizeof(path));
    if (ret)
        return bail_out(path, strerror(-ret));
    ret = run_all(o, ops, &caps, path);
    unlink(path);
    return ret;
}

static int usage(void)
{
    fprintf(stderr, "test_conformance --engine NAME [--patience SECONDS] [--todo TEST] [--list] "
                    "[TEST...]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct options o = {.engine = "auto", .patience = 120};
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--list") == 0)
            o.list = true;
        else if (strcmp(argv[i], "--engine") == 0 && i + 1 < argc)
            o.engine = argv[++i];
        else if (strcmp(argv[i], "--todo") == 0 && i + 1 < argc)
            o.todo = argv[++i];
        else if (strcmp(argv[i], "--patience") == 0 && i + 1 < argc)
            o.patience = (unsigned)strtoul(argv[++i], NULL, 10);
        else
            return usage();
    }
    o.names = argv + i;
    o.count = argc - i;
    if (!o.list)
        return run(&o);
    for (size_t n = 0; n < nitems(bodies); n++)
        printf("%-20s %s\n", bodies[n].name, bodies[n].about);
    return 0;
}
