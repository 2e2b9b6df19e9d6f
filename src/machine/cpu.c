/* SPDX-License-Identifier: ISC */
/*
 * vCPU threads: parked or running, and what to do at each exit.
 *
 * Waking is the delicate part. cpu_wake may come from any thread while the CPU runs, is about to
 * wait, or waits. It sets `poked` under wait_lock and, when the CPU does not wait, kicks the engine
 * as well. The run loop clears `poked` before it reads the interrupt outputs, and cpu_wait returns
 * at once when it is set; so whatever happened before the wake is seen either by the run loop's
 * next reading or by a wait that does not begin.
 */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "chip/gicv3.h"
#include "host/clock.h"
#include "host/thread.h"
#include "machine/efi.h"
#include "machine/layout.h"

/* To wake a thread takes its host some ten microseconds, which is as long as guests need to hand
 * over from one CPU to another. So a CPU whose waits have all been short of late looks for their
 * end itself for a while before it sleeps. One long wait, such as a busy host makes of any, puts an
 * end to that. */
#define POLL_NS    UINT64_C(200000)
#define POLL_AFTER 8

void cpu_wake(struct cpu *cpu)
{
    bool waiting;

    if (!cpu->started || pthread_equal(pthread_self(), cpu->thread))
        return; /* its own doing: the run loop reads the outputs next */
    pthread_mutex_lock(&cpu->wait_lock);
    cpu->poked = true;
    waiting = cpu->waiting;
    if (waiting)
        pthread_cond_signal(&cpu->wait_cond);
    pthread_mutex_unlock(&cpu->wait_lock);
    if (!waiting && cpu->vcpu)
        cpu->machine->engine->vcpu_kick(cpu->vcpu);
}

static bool interrupt_pending(struct cpu *cpu)
{
    bool irq, fiq;

    gic_outputs(cpu, &irq, &fiq);
    return irq || fiq;
}

static bool is_woken(struct cpu *cpu)
{
    return cpu->poked || atomic_load(&cpu->machine->leave) || interrupt_pending(cpu);
}

/* Whether polling could pay: another CPU runs meanwhile that may wake this one. */
static bool may_poll(const struct machine *m)
{
    return m->config.cpus > 1 && m->config.cpus <= m->processors;
}

/* With wait_lock held, but for the time it takes. */
static void poll_wake(struct cpu *cpu, uint64_t deadline)
{
    uint64_t end = MIN(host_clock_monotonic() + POLL_NS, deadline);

    pthread_mutex_unlock(&cpu->wait_lock);
    while (!cpu->poked && !atomic_load(&cpu->machine->leave) && host_clock_monotonic() < end)
        host_relax();
    pthread_mutex_lock(&cpu->wait_lock);
}

void cpu_wait(struct cpu *cpu, uint64_t deadline_ns)
{
    uint64_t deadline = clock_to_host(&cpu->machine->clock, deadline_ns);
    uint64_t start = host_clock_monotonic();

    pthread_mutex_lock(&cpu->wait_lock);
    cpu->waiting = true;
    if (cpu->short_waits >= POLL_AFTER && may_poll(cpu->machine) && !is_woken(cpu))
        poll_wake(cpu, deadline);
    while (!is_woken(cpu)) {
        if (host_cond_wait_until(&cpu->wait_cond, &cpu->wait_lock, deadline) == -ETIMEDOUT)
            break;
    }
    cpu->waiting = false;
    pthread_mutex_unlock(&cpu->wait_lock);
    cpu->short_waits = host_clock_monotonic() - start < POLL_NS ? cpu->short_waits + 1 : 0;
}

void cpu_stall(struct cpu *cpu)
{
    pthread_mutex_lock(&cpu->wait_lock);
    cpu->waiting = true;
    while (!atomic_load(&cpu->machine->leave))
        pthread_cond_wait(&cpu->wait_cond, &cpu->wait_lock);
    cpu->waiting = false;
    pthread_mutex_unlock(&cpu->wait_lock);
}

/* Nothing answers at the address: what the wild-access quirk makes of that. */
static void exit_wild(struct cpu *cpu, struct vcpu_exit *exit)
{
    static const enum exit_abort aborts[] = {[WILD_ACCESS_SYNC] = EXIT_ABORT_SYNC,
                                             [WILD_ACCESS_SERROR] = EXIT_ABORT_SERROR,
                                             [WILD_ACCESS_IGNORE] = EXIT_ABORT_NONE};
    struct event event = {.kind = EVENT_WILD_ACCESS,
                          .write = exit->mmio.write,
                          .cpu = (int)cpu->index,
                          .text = exit->mmio.fetch ? "fetch" : NULL,
                          .a = exit->mmio.va,
                          .b = exit->mmio.ipa};

    cpu->machine->engine->vcpu_get(cpu->vcpu, VCPU_PC, &event.c);
    event_emit(&cpu->machine->events, &event);
    exit->mmio.abort = aborts[cpu->machine->quirks.value[QUIRK_WILD_ACCESS]];
    exit->mmio.value = 0;
}

static void exit_mmio(struct cpu *cpu, struct vcpu_exit *exit)
{
    struct machine *m = cpu->machine;
    int ret;

    if (exit->mmio.fetch)
        ret = -EFAULT; /* devices hold no code */
    else if (exit->mmio.write && machine_efi_store(cpu, exit->mmio.ipa, exit->mmio.value, &ret))
        ;
    else if (exit->mmio.write)
        ret = bus_write(m->bus, exit->mmio.ipa, exit->mmio.size, exit->mmio.value);
    else
        ret = bus_read(m->bus, exit->mmio.ipa, exit->mmio.size, &exit->mmio.value);
    if (ret < 0)
        exit_wild(cpu, exit);
}

static void exit_smccc(struct cpu *cpu, struct vcpu_exit *exit)
{
    psci_call(cpu, exit);
}

/* The only system registers that leave an engine are those of the GIC's CPU interface, where the
 * machine has it. */
static void exit_sysreg(struct cpu *cpu, struct vcpu_exit *exit)
{
    struct gicv3 *gic = cpu->machine->gic;
    int ret = !gic ? -ENOENT
              : exit->sysreg.write
                  ? gicv3_sysreg_write(gic, cpu->index, exit->sysreg.key, exit->sysreg.value)
                  : gicv3_sysreg_read(gic, cpu->index, exit->sysreg.key, &exit->sysreg.value);

    exit->sysreg.undefined = ret < 0;
}

static void exit_wfi(struct cpu *cpu, struct vcpu_exit *exit)
{
    cpu_wait(cpu, exit->wfi.deadline_ns);
}

static void exit_vtimer(struct cpu *cpu, struct vcpu_exit *exit)
{
    gic_timers(cpu, exit->vtimer.virt, exit->vtimer.phys);
}

static void exit_nothing(struct cpu *cpu, struct vcpu_exit *exit)
{
}

static void exit_power(struct cpu *cpu, struct vcpu_exit *exit)
{
    machine_request(cpu->machine,
                    exit->power.what == EXIT_POWER_OFF ? REQUEST_POWEROFF : REQUEST_RESET);
    cpu_stall(cpu); /* the guest is told that such a call does not return (PSCI 5.9.3) */
}

static void exit_fault(struct cpu *cpu, struct vcpu_exit *exit)
{
    log_error(&cpu->machine->log, "CPU %u cannot go on at pc 0x%llx: %s", cpu->index,
              (unsigned long long)exit->fault.pc, exit->fault.text);
    machine_request(cpu->machine, REQUEST_FAULT);
}

static void (*const exit_handlers[])(struct cpu *, struct vcpu_exit *) = {
    [EXIT_MMIO] = exit_mmio,      [EXIT_SMCCC] = exit_smccc,   [EXIT_SYSREG] = exit_sysreg,
    [EXIT_WFI] = exit_wfi,        [EXIT_VTIMER] = exit_vtimer, [EXIT_DEBUG] = exit_nothing,
    [EXIT_KICKED] = exit_nothing, [EXIT_POWER] = exit_power,   [EXIT_FAULT] = exit_fault,
};

static void clear_poke(struct cpu *cpu)
{
    pthread_mutex_lock(&cpu->wait_lock);
    cpu->poked = false;
    pthread_mutex_unlock(&cpu->wait_lock);
}

static void publish(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

/* Exits as the engine counts them, those that it answers itself among them. */
static void publish_stats(struct cpu *cpu)
{
    struct vcpu_stats stats;

    cpu->machine->engine->vcpu_stats(cpu->vcpu, &stats);
    publish(&cpu->instructions, stats.instructions);
    publish(&cpu->regions, stats.regions);
    publish(&cpu->translated, stats.translated);
    publish(&cpu->code_bytes, stats.code_bytes);
    publish(&cpu->code_limit, stats.code_limit);
    publish(&cpu->code_flushes, stats.code_flushes);
    publish(&cpu->code_misses, stats.code_misses);
    for (size_t i = 0; i < nitems(stats.exits); i++)
        publish(&cpu->exits[i], stats.exits[i]);
}

/* Whether the exit was answered, but not all of its instruction. */
static bool is_under_way(const struct vcpu_exit *exit)
{
    return exit->kind == EXIT_MMIO && exit->mmio.more && exit->mmio.abort != EXIT_ABORT_SYNC;
}

/* Runs the guest until the machine wants its CPUs parked or this CPU has switched itself off. */
static void run(struct cpu *cpu)
{
    struct machine *m = cpu->machine;
    bool under_way = false;

    while ((!atomic_load(&m->leave) || under_way) && cpu->power == CPU_ON) {
        struct vcpu_exit *exit;
        bool irq, fiq;
        int ret;

        clear_poke(cpu);
        gic_outputs(cpu, &irq, &fiq);
        m->engine->vcpu_irq(cpu->vcpu, irq, fiq);
        ret = m->engine->vcpu_run(cpu->vcpu, &exit);
        if (ret) {
            log_error(&m->log, "CPU %u: the %s engine failed: %s", cpu->index, m->engine->name,
                      strerror(-ret));
            machine_request(m, REQUEST_FAULT);
            return;
        }
        publish_stats(cpu);
        exit_handlers[exit->kind](cpu, exit);
        under_way = is_under_way(exit);
        if (atomic_load(&m->asking))
            explain_ask_cpu(cpu);
    }
}

/* A reset CPU at `entry`: EL1h, everything masked, MMU off (Arm ARM D1.9.1; PSCI DEN0022 6.4). */
static void enter(struct cpu *cpu)
{
    const struct engine_ops *engine = cpu->machine->engine;

    engine->vcpu_reset(cpu->vcpu);
    gic_cpu_reset(cpu);
    /* The timers' outputs are low now. An engine tells changes from here on only: a wire that was
     * high at the reset would stay so, and an interrupt that no timer makes would never end. */
    gic_timers(cpu, false, false);
    engine->vcpu_set(cpu->vcpu, VCPU_PC, cpu->entry.pc);
    engine->vcpu_set(cpu->vcpu, VCPU_X0 + 0, cpu->entry.x0);
    engine->vcpu_set(cpu->vcpu, VCPU_X0 + 1, cpu->entry.x1);
    engine->vcpu_set(cpu->vcpu, VCPU_X0 + 2, cpu->entry.x2);
}

/* Waits until there is something to run. Returns false when the thread should end. Called and
 * returns with the lock held. */
static bool park(struct cpu *cpu)
{
    struct machine *m = cpu->machine;

    while (!m->exiting && !(m->running && (cpu->power == CPU_ON || cpu->entry_pending))) {
        cpu->parked = true;
        pthread_cond_broadcast(&m->parked);
        if (cpu->call) {
            cpu->call(cpu, cpu->call_ctx);
            cpu->call = NULL;
            continue;
        }
        pthread_cond_wait(&m->go, &m->lock);
    }
    cpu->parked = false;
    return !m->exiting;
}

static void *cpu_thread(void *arg)
{
    struct cpu *cpu = arg;
    struct machine *m = cpu->machine;

    pthread_mutex_lock(&m->lock);
    while (park(cpu)) {
        bool start = cpu->entry_pending;

        cpu->entry_pending = false;
        cpu->power = CPU_ON;
        pthread_mutex_unlock(&m->lock);
        if (start)
            enter(cpu);
        run(cpu);
        pthread_mutex_lock(&m->lock);
    }
    cpu->parked = true;
    pthread_cond_broadcast(&m->parked);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

void cpu_power_on(struct cpu *cpu, const struct kernel_entry *entry)
{
    cpu->entry = *entry;
    cpu->entry_pending = true;
    cpu->power = CPU_ON_PENDING;
    pthread_cond_broadcast(&cpu->machine->go);
}

static void wait_parked(struct machine *m)
{
    for (unsigned i = 0; i < m->config.cpus; i++)
        while (m->cpus[i].started && !m->cpus[i].parked)
            pthread_cond_wait(&m->parked, &m->lock);
}

void cpus_run(struct machine *m)
{
    pthread_mutex_lock(&m->lock);
    m->running = true;
    atomic_store(&m->leave, false);
    pthread_cond_broadcast(&m->go);
    pthread_mutex_unlock(&m->lock);
}

void cpus_park(struct machine *m)
{
    atomic_store(&m->leave, true);
    pthread_mutex_lock(&m->lock);
    m->running = false;
    pthread_mutex_unlock(&m->lock);
    for (unsigned i = 0; i < m->config.cpus; i++)
        cpu_wake(&m->cpus[i]);
    pthread_mutex_lock(&m->lock);
    wait_parked(m);
    pthread_mutex_unlock(&m->lock);
}

void cpu_call(struct cpu *cpu, void (*call)(struct cpu *cpu, void *ctx), void *ctx)
{
    struct machine *m = cpu->machine;

    pthread_mutex_lock(&m->lock);
    cpu->call = call;
    cpu->call_ctx = ctx;
    pthread_cond_broadcast(&m->go);
    while (cpu->call)
        pthread_cond_wait(&m->parked, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void reset_vcpu(struct cpu *cpu, void *ctx)
{
    cpu->machine->engine->vcpu_reset(cpu->vcpu);
}

void cpu_reset_off(struct cpu *cpu)
{
    cpu_call(cpu, reset_vcpu, NULL);
}

struct creation {
    struct error *err;
    int ret;
};

static void create_vcpu(struct cpu *cpu, void *ctx)
{
    struct creation *creation = ctx;
    struct machine *m = cpu->machine;

    creation->ret = m->engine->vcpu_create(m->vm, cpu->index, &cpu->vcpu, creation->err);
}

static void destroy_vcpu(struct cpu *cpu, void *ctx)
{
    if (cpu->vcpu)
        cpu->machine->engine->vcpu_destroy(cpu->vcpu);
    cpu->vcpu = NULL;
}

static int start_thread(struct cpu *cpu, struct error *err)
{
    char name[16];
    int ret;

    pthread_mutex_init(&cpu->wait_lock, NULL);
    host_cond_init(&cpu->wait_cond);
    snprintf(name, sizeof(name), "cpu%u", cpu->index);
    ret = host_thread_start(&cpu->thread, name, cpu_thread, cpu);
    if (ret)
        return error_set(err, -ret, "cannot start a thread for CPU %u: %s", cpu->index,
                         strerror(-ret));
    cpu->started = true;
    return 0;
}

int cpus_start(struct machine *m, struct error *err)
{
    m->processors = host_processors();
    for (unsigned i = 0; i < m->config.cpus; i++) {
        struct cpu *cpu = &m->cpus[i];
        struct creation creation = {.err = err};
        int ret;

        cpu->machine = m;
        cpu->index = i;
        cpu->power = CPU_OFF;
        ret = start_thread(cpu, err);
        if (ret)
            return ret;
        cpu_call(cpu, create_vcpu, &creation);
        if (creation.ret)
            return creation.ret;
    }
    return 0;
}

void cpus_end(struct machine *m)
{
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpus[i].started)
            cpu_call(&m->cpus[i], destroy_vcpu, NULL);
    pthread_mutex_lock(&m->lock);
    m->exiting = true;
    pthread_cond_broadcast(&m->go);
    pthread_mutex_unlock(&m->lock);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        struct cpu *cpu = &m->cpus[i];

        if (!cpu->started)
            continue;
        pthread_join(cpu->thread, NULL);
        pthread_cond_destroy(&cpu->wait_cond);
        pthread_mutex_destroy(&cpu->wait_lock);
        cpu->started = false;
    }
}
