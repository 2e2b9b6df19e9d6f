/* SPDX-License-Identifier: ISC */
/*
 * PSCI 1.1 (DEN0022D) over HVC and SMC: all that 1.1 makes mandatory, and NOT_SUPPORTED for the
 * rest. SMCCC_VERSION is not implemented, as on Apple's machine, so guests take SMCCC 1.0.
 */
#include "arm/psci.h"

#include "host/clock.h"
#include "machine/machine.h"

struct psci_args {
    uint64_t x1, x2, x3;
};

static struct cpu *find_cpu(struct machine *m, uint64_t mpidr)
{
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->platform.mpidr[i] == mpidr)
            return &m->cpus[i];
    return NULL;
}

static int64_t psci_version(struct cpu *cpu, const struct psci_args *args)
{
    return PSCI_VERSION_1_1;
}

/* 5.4: a standby state returns here after the wake-up; a power-down state starts again at the entry
 * point. */
static int64_t psci_cpu_suspend(struct cpu *cpu, const struct psci_args *args)
{
    struct machine *m = cpu->machine;
    bool powerdown = args->x1 & BIT(16);
    uint64_t deadline;
    bool virt, phys;

    if (args->x1 & ~(BIT(16) | 0x0300ffff))
        return PSCI_INVALID_PARAMETERS;
    if (powerdown && !mem_is_ram(m->mem, args->x2, 4))
        return PSCI_INVALID_ADDRESS;
    m->engine->vcpu_vtimer(cpu->vcpu, &virt, &phys, &deadline);
    /* An engine's own GIC tells nobody when an interrupt ends the standby, which may end at any
     * time. */
    if (!virt && !phys && m->gic)
        cpu_wait(cpu, deadline);
    if (powerdown) {
        const struct kernel_entry entry = {.pc = args->x2, .x0 = args->x3};

        pthread_mutex_lock(&m->lock);
        cpu_power_on(cpu, &entry);
        pthread_mutex_unlock(&m->lock);
    }
    return PSCI_SUCCESS;
}

static int64_t psci_cpu_off(struct cpu *cpu, const struct psci_args *args)
{
    pthread_mutex_lock(&cpu->machine->lock);
    cpu->power = CPU_OFF;
    pthread_mutex_unlock(&cpu->machine->lock);
    return PSCI_SUCCESS; /* not seen by the guest: the CPU starts anew at its next CPU_ON */
}

static int64_t psci_cpu_on(struct cpu *cpu, const struct psci_args *args)
{
    const struct kernel_entry entry = {.pc = args->x2, .x0 = args->x3};
    struct cpu *target = find_cpu(cpu->machine, args->x1);
    int64_t ret = PSCI_SUCCESS;

    if (!target)
        return PSCI_INVALID_PARAMETERS;
    if (!mem_is_ram(cpu->machine->mem, args->x2, 4))
        return PSCI_INVALID_ADDRESS;
    pthread_mutex_lock(&cpu->machine->lock);
    if (target->power == CPU_ON)
        ret = PSCI_ALREADY_ON;
    else if (target->power == CPU_ON_PENDING)
        ret = PSCI_ON_PENDING;
    else
        cpu_power_on(target, &entry);
    pthread_mutex_unlock(&cpu->machine->lock);
    return ret;
}

static int64_t psci_affinity_info(struct cpu *cpu, const struct psci_args *args)
{
    struct cpu *target = find_cpu(cpu->machine, args->x1);
    int64_t ret;

    if (!target || args->x2 != 0) /* affinity levels above 0 are not required since PSCI 1.0 */
        return PSCI_INVALID_PARAMETERS;
    pthread_mutex_lock(&cpu->machine->lock);
    ret = target->power; /* ON 0, OFF 1, ON_PENDING 2 */
    pthread_mutex_unlock(&cpu->machine->lock);
    return ret;
}

/* 2: no Trusted OS that would have to be migrated. */
static int64_t psci_migrate_info_type(struct cpu *cpu, const struct psci_args *args)
{
    return 2;
}

static int64_t psci_system_off(struct cpu *cpu, const struct psci_args *args)
{
    machine_request(cpu->machine, REQUEST_POWEROFF);
    cpu_stall(cpu); /* the call does not return */
    return PSCI_SUCCESS;
}

static int64_t psci_system_reset(struct cpu *cpu, const struct psci_args *args)
{
    machine_request(cpu->machine, REQUEST_RESET);
    cpu_stall(cpu);
    return PSCI_SUCCESS;
}

static int64_t psci_features(struct cpu *cpu, const struct psci_args *args);

static const struct function {
    uint32_t id;
    int64_t (*call)(struct cpu *cpu, const struct psci_args *args);
} functions[] = {
    {PSCI_VERSION, psci_version},
    {PSCI_CPU_SUSPEND, psci_cpu_suspend},
    {PSCI_CPU_SUSPEND_64, psci_cpu_suspend},
    {PSCI_CPU_OFF, psci_cpu_off},
    {PSCI_CPU_ON, psci_cpu_on},
    {PSCI_CPU_ON_64, psci_cpu_on},
    {PSCI_AFFINITY_INFO, psci_affinity_info},
    {PSCI_AFFINITY_INFO_64, psci_affinity_info},
    {PSCI_MIGRATE_INFO_TYPE, psci_migrate_info_type},
    {PSCI_SYSTEM_OFF, psci_system_off},
    {PSCI_SYSTEM_RESET, psci_system_reset},
    {PSCI_FEATURES, psci_features},
};

static const struct function *find_function(uint32_t id)
{
    for (size_t i = 0; i < nitems(functions); i++)
        if (functions[i].id == id)
            return &functions[i];
    return NULL;
}

/* 5.15: zero flags: the original power state format, no OS-initiated mode. */
static int64_t psci_features(struct cpu *cpu, const struct psci_args *args)
{
    return find_function((uint32_t)args->x1) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

void psci_call(struct cpu *cpu, struct vcpu_exit *exit)
{
    uint32_t id = (uint32_t)exit->smccc.x[0]; /* W0 in both calling conventions */
    const struct function *function = find_function(id);
    struct psci_args args = {exit->smccc.x[1], exit->smccc.x[2], exit->smccc.x[3]};
    int64_t ret = PSCI_NOT_SUPPORTED;

    if (!(id & SMCCC_64BIT))
        args = (struct psci_args){(uint32_t)args.x1, (uint32_t)args.x2, (uint32_t)args.x3};
    if (function)
        ret = function->call(cpu, &args);
    event_emit(
        &cpu->machine->events,
        &(struct event){.kind = EVENT_PSCI, .cpu = (int)cpu->index, .a = id, .b = (uint64_t)ret});
    /* An SMC32 call returns 32 bits; both signs read well as a sign-extended W0 (DEN0028 3.1). */
    exit->smccc.x[0] = id & SMCCC_64BIT ? (uint64_t)ret : (uint32_t)ret;
}
