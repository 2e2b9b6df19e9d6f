/* SPDX-License-Identifier: ISC */
/*
 * Runs a bare-metal guest (guest/) on an engine: 64 MiB of RAM at 1 GiB, four CPUs on a thread
 * each, a PL011's data register at 0x09000000 that prints, PSCI CPU_ON and SYSTEM_OFF by HVC, the
 * timers' outputs as IRQ. Everything else answers as an external abort.
 *
 *     run_guest [--engine NAME] [--cpu atoll|apple] [--stats] [--argument N] FILE
 *
 * FILE is the flat image, loaded and entered 1 MiB into RAM, with N (0) in X0. Exits with 0 when
 * the guest powers off.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "engine/engine.h"
#include "engine_name.h"
#include "mem/mem.h"

#define CPUS              4
#define RAM_BASE          (1 * GIB)
#define RAM_SIZE          (64 * MIB)
#define LOAD_OFFSET       (1 * MIB)
#define UART_BASE         UINT64_C(0x09000000)
#define PSCI_SYSTEM_OFF   UINT32_C(0x84000008)
#define PSCI_SYSTEM_RESET UINT32_C(0x84000009)
#define PSCI_CPU_ON       UINT32_C(0xc4000003)
#define NOT_SUPPORTED     UINT64_MAX

struct host;

struct cpu {
    struct host *host;
    unsigned index;
    pthread_t thread;
    struct vcpu *vcpu;
    bool on; /* under host->lock, as entry and context */
    uint64_t entry, context;
};

struct host {
    const struct engine_ops *ops;
    struct engine_vm *vm;
    struct cpu cpu[CPUS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned created; /* under lock */
    _Atomic bool stop;
    _Atomic int status;
};

static int load(struct mem *mem, const char *path)
{
    static uint8_t buffer[8 * MIB];
    FILE *file = fopen(path, "rb");
    size_t n;

    if (!file) {
        fprintf(stderr, "run_guest: %s: %s\n", path, strerror(errno));
        return -1;
    }
    n = fread(buffer, 1, sizeof(buffer), file);
    fclose(file);
    return mem_write(mem, RAM_BASE + LOAD_OFFSET, buffer, n);
}

static void stop(struct host *host, int status)
{
    pthread_mutex_lock(&host->lock);
    atomic_store(&host->status, status);
    atomic_store(&host->stop, true);
    pthread_cond_broadcast(&host->changed);
    for (unsigned i = 0; i < CPUS; i++)
        host->ops->vcpu_kick(host->cpu[i].vcpu);
    pthread_mutex_unlock(&host->lock);
}

static uint64_t cpu_on(struct host *host, uint64_t target, uint64_t entry, uint64_t context)
{
    if (target >= CPUS)
        return NOT_SUPPORTED;
    pthread_mutex_lock(&host->lock);
    host->cpu[target].entry = entry;
    host->cpu[target].context = context;
    host->cpu[target].on = true;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->lock);
    return 0;
}

static void answer_mmio(struct vcpu_exit *e)
{
    if (e->mmio.ipa != UART_BASE)
        e->mmio.abort = true;
    else if (e->mmio.write)
        putchar((int)(e->mmio.value & 0xff));
}

static void answer_smccc(struct host *host, struct vcpu_exit *e)
{
    switch ((uint32_t)e->smccc.x[0]) {
    case PSCI_SYSTEM_OFF: stop(host, 0); break;
    case PSCI_SYSTEM_RESET: stop(host, 1); break;
    case PSCI_CPU_ON:
        e->smccc.x[0] = cpu_on(host, e->smccc.x[1], e->smccc.x[2], e->smccc.x[3]);
        break;
    default: e->smccc.x[0] = NOT_SUPPORTED; break;
    }
}

/* Waits a little at a time, so that neither a kick nor a timer has to wake it. */
static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000}, NULL);
}

static void run(struct cpu *cpu)
{
    struct host *host = cpu->host;
    const struct engine_ops *ops = host->ops;
    struct vcpu_exit *e;
    bool virt, phys;
    uint64_t deadline;

    while (!atomic_load(&host->stop)) {
        ops->vcpu_vtimer(cpu->vcpu, &virt, &phys, &deadline);
        ops->vcpu_irq(cpu->vcpu, virt || phys, false);
        if (ops->vcpu_run(cpu->vcpu, &e)) {
            stop(host, 2);
            return;
        }
        switch (e->kind) {
        case EXIT_MMIO: answer_mmio(e); break;
        case EXIT_SMCCC: answer_smccc(host, e); break;
        case EXIT_SYSREG: e->sysreg.undefined = true; break;
        case EXIT_WFI: wait_a_little(); break;
        case EXIT_VTIMER:
        case EXIT_KICKED: break;
        default:
            fprintf(stderr, "run_guest: exit %d\n", e->kind);
            stop(host, 2);
            return;
        }
    }
}

static void *cpu_thread(void *arg)
{
    struct cpu *cpu = arg;
    struct host *host = cpu->host;
    struct error err = {0};
    bool failed = host->ops->vcpu_create(host->vm, cpu->index, &cpu->vcpu, &err);

    pthread_mutex_lock(&host->lock);
    if (failed)
        fprintf(stderr, "run_guest: %s\n", err.text);
    host->created++;
    pthread_cond_broadcast(&host->changed);
    while (!cpu->on && !atomic_load(&host->stop))
        pthread_cond_wait(&host->changed, &host->lock);
    pthread_mutex_unlock(&host->lock);
    if (!atomic_load(&host->stop)) {
        host->ops->vcpu_set(cpu->vcpu, VCPU_PC, cpu->entry);
        host->ops->vcpu_set(cpu->vcpu, VCPU_X0, cpu->context);
        run(cpu);
    }
    return NULL;
}

static void start_and_join(struct host *host, uint64_t argument)
{
    struct error err;

    for (unsigned i = 0; i < CPUS; i++) {
        host->cpu[i] = (struct cpu){.host = host, .index = i};
        pthread_create(&host->cpu[i].thread, NULL, cpu_thread, &host->cpu[i]);
    }
    pthread_mutex_lock(&host->lock);
    while (host->created < CPUS)
        pthread_cond_wait(&host->changed, &host->lock);
    pthread_mutex_unlock(&host->lock);
    host->ops->vm_ready(host->vm, &err);
    cpu_on(host, 0, RAM_BASE + LOAD_OFFSET, argument);
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(host->cpu[i].thread, NULL);
}

static void print_stats(const struct host *host, const struct timespec *start)
{
    struct timespec now;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
    for (unsigned i = 0; i < CPUS; i++) {
        struct vcpu_stats stats;

        host->ops->vcpu_stats(host->cpu[i].vcpu, &stats);
        fprintf(stderr,
                "CPU %u: %llu instructions in %.3f s: %.1f million a second; %llu TLB fills, %llu "
                "flushes\n",
                i, (unsigned long long)stats.instructions, seconds,
                (double)stats.instructions / seconds / 1e6, (unsigned long long)stats.tlb_fills,
                (unsigned long long)stats.tlb_flushes);
    }
}

static int die(const char *what, const struct error *err)
{
    fprintf(stderr, "run_guest: %s: %s\n", what, err->text);
    return 2;
}

int main(int argc, char **argv)
{
    static struct host host = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .changed = PTHREAD_COND_INITIALIZER};
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    const char *engine = "auto", *file = NULL;
    struct error err = {0};
    struct timespec start;
    uint64_t argument = 0;
    bool stats = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--engine") == 0 && i + 1 < argc)
            engine = argv[++i];
        else if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc)
            config.cpu = strcmp(argv[++i], "apple") == 0 ? ENGINE_CPU_APPLE : ENGINE_CPU_ATOLL;
        else if (strcmp(argv[i], "--argument") == 0 && i + 1 < argc)
            argument = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--stats") == 0)
            stats = true;
        else
            file = argv[i];
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    host.ops = engine_by_name(engine, &config, &err);
    if (!host.ops)
        return die(engine, &err);
    if (mem_create(&config.mem) || mem_add_ram(config.mem, RAM_BASE, RAM_SIZE, &err))
        return die("RAM", &err);
    if (!file || load(config.mem, file))
        return 2;
    if (host.ops->vm_create(&host.vm, &config, &err) ||
        host.ops->vm_map(host.vm, RAM_BASE, RAM_SIZE, true, &err))
        return die(host.ops->name, &err);
    clock_gettime(CLOCK_MONOTONIC, &start);
    start_and_join(&host, argument);
    if (stats)
        print_stats(&host, &start);
    for (unsigned i = 0; i < CPUS; i++)
        host.ops->vcpu_destroy(host.cpu[i].vcpu);
    host.ops->vm_destroy(host.vm);
    mem_destroy(config.mem);
    return atomic_load(&host.status);
}
