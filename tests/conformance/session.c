/* SPDX-License-Identifier: ISC */
/* See session.h. The caller's thread serves requests, and a thread a machine waits for its end. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/clock.h"

static void take_log(void *ctx, enum atoll_log_level level, const char *line)
{
    struct session *s = ctx;
    size_t used;

    pthread_mutex_lock(&s->lock);
    used = strlen(s->log);
    snprintf(s->log + used, sizeof(s->log) - used, "%s\n", line);
    pthread_mutex_unlock(&s->lock);
}

static bool ends_in(const char *name, const char *suffix, char *bare)
{
    size_t n = strlen(name), length = strlen(suffix);

    if (n <= length || strcmp(name + n - length, suffix) != 0)
        return false;
    bare[n - length] = '\0';
    return true;
}

void session_engine(struct atoll_config *config, const char *name, char *bare)
{
    snprintf(bare, 32, "%s", name);
    config->engine = bare;
    config->translate_eagerly = !ends_in(name, "-lazy", bare);
    config->plain_host = ends_in(name, "-v2", bare);
    if (ends_in(name, "-host", bare))
        config->cpu = ATOLL_CPU_HOST;
}

/* --- the machine --- */

static void destroy(struct session *s)
{
    watch_end(s);
    machine_destroy(s->machine);
    s->machine = NULL;
}

static int create(struct session *s, struct error *err)
{
    struct atoll_config config;
    char bare[32];
    int ret;

    atoll_config_init(&config);
    session_engine(&config, s->config.engine, bare);
    config.kernel = s->config.kernel;
    snprintf(s->append, sizeof(s->append), "guest:%s", s->config.body);
    config.append = s->append;
    config.memory = ATOLL_MEMORY_MIN;
    config.cpus = s->config.cpus;
    config.confine = false; /* it would be for the whole program */
    config.net_count = 0;
    config.console_count = 0;
    config.log = take_log;
    config.log_ctx = s;
    ret = machine_create(&s->machine, &config, err);
    if (ret)
        return ret;
    ret = bus_attach(s->machine->bus, PROBE_BASE, PROBE_SIZE, BUS_WIDTH_ALL, &probe_bus_ops, s);
    if (ret == 0)
        return 0;
    destroy(s);
    return error_set(err, -ret, "cannot attach the probe: %s", strerror(-ret));
}

static void *wait_for_end(void *arg)
{
    struct session *s = arg;
    enum atoll_stop why = machine_wait(s->machine);

    pthread_mutex_lock(&s->lock);
    s->why = why;
    s->stopped = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int begin_waiting(struct session *s, struct error *err)
{
    int ret;

    s->stopped = false;
    ret = pthread_create(&s->waiter, NULL, wait_for_end, s);
    if (ret == 0)
        return 0;
    destroy(s);
    return error_set(err, ret, "cannot start a thread: %s", strerror(ret));
}

static void end(struct session *s)
{
    machine_request(s->machine, REQUEST_QUIT);
    pthread_join(s->waiter, NULL);
    destroy(s);
}

/* --- requests --- */

static int save_and_load(struct session *s, struct error *err)
{
    struct atoll_error *error = (struct atoll_error *)err;
    size_t length;
    void *bytes;
    int ret = atoll_save(&s->machine->face, &bytes, &length, error);

    if (ret)
        return ret;
    end(s);
    ret = create(s, err);
    ret = ret ? ret : begin_waiting(s, err);
    ret = ret ? ret : atoll_load(&s->machine->face, bytes, length, error);
    free(bytes);
    return ret;
}

static int carry_out(struct session *s, unsigned request, struct error *err)
{
    int ret = machine_pause(s->machine);

    if (ret)
        return error_set(err, -ret, "cannot pause the machine: %s", strerror(-ret));
    switch (request) {
    case PROBE_DO_SAVE: ret = save_and_load(s, err); break;
    case PROBE_DO_REGISTERS: request_registers(s); break;
    case PROBE_DO_STEP: request_step(s); break;
    case PROBE_DO_BREAK: request_break(s); break;
    case PROBE_DO_REST: host_sleep(PROBE_REST_NS); break;
    case PROBE_DO_WATCH: request_watch(s); break;
    case PROBE_DO_TAKE: request_take(s); break;
    case PROBE_DO_FOLLOW: request_follow(s); break;
    case PROBE_DO_FOLLOWED: request_followed(s); break;
    default: break;
    }
    if (ret)
        return ret;
    ret = machine_resume(s->machine);
    return ret ? error_set(err, -ret, "cannot resume the machine: %s", strerror(-ret)) : 0;
}

/* Waits for a request or the end. Returns the request, 0 at the end, or -ETIMEDOUT. */
static int next_request(struct session *s, const struct timespec *limit)
{
    int ret = 0;

    pthread_mutex_lock(&s->lock);
    while (!s->request && !s->stopped && ret != ETIMEDOUT)
        ret = pthread_cond_timedwait(&s->changed, &s->lock, limit);
    ret = s->request ? (int)s->request : s->stopped ? 0 : -ETIMEDOUT;
    s->request = 0;
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* Where a CPU is that does not come to its end. */
static void say_where(struct cpu *cpu, void *ctx)
{
    struct session *s = ctx;
    uint64_t pc = 0;
    size_t n;

    cpu->machine->engine->vcpu_get(cpu->vcpu, VCPU_PC, &pc);
    pthread_mutex_lock(&s->lock);
    n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "CPU %u is at %#llx\n", cpu->index,
             (unsigned long long)pc);
    pthread_mutex_unlock(&s->lock);
}

static int no_end(struct session *s, struct error *err)
{
    if (machine_pause(s->machine) == 0)
        for (unsigned i = 0; i < s->config.cpus; i++)
            cpu_call(&s->machine->cpus[i], say_where, s);
    return error_set(err, ETIMEDOUT, "no end after %u s", s->config.patience);
}

static int serve(struct session *s, struct error *err)
{
    struct timespec limit;
    int request;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += s->config.patience;
    while ((request = next_request(s, &limit)) > 0) {
        int ret = carry_out(s, (unsigned)request, err);

        if (ret)
            return ret;
    }
    return request ? no_end(s, err) : 0;
}

static bool judge(struct session *s, struct error *err)
{
    static const char *const stops[] = {[ATOLL_STOP_POWEROFF] = "the guest switched off",
                                        [ATOLL_STOP_RESET] = "the guest reset",
                                        [ATOLL_STOP_QUIT] = "the machine was told to quit",
                                        [ATOLL_STOP_FAULT] = "the machine could not go on"};

    if (!s->finished || s->why != ATOLL_STOP_POWEROFF)
        error_set(err, EPROTO, "%s%s", stops[s->why], s->finished ? "" : " before the body's end");
    else if (strstr(s->text, "FAIL"))
        error_set(err, EPROTO, "what the guest found is not what it should find");
    else
        return true;
    return false;
}

bool session_run(struct session *s, const struct session_config *config, struct error *err)
{
    bool ok = false;

    memset(s, 0, sizeof(*s));
    s->config = *config;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    probe_init(s);
    if (create(s, err) == 0 && begin_waiting(s, err) == 0) {
        ok = machine_start(s->machine, err) == 0 && serve(s, err) == 0 && judge(s, err);
        if (s->machine)
            end(s);
    }
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    return ok;
}
