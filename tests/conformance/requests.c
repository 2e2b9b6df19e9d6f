/* SPDX-License-Identifier: ISC */
/*
 * What the host's side does to CPU 0 while the machine is paused, by the engine's contract alone
 * (engine/engine.h). The guest has just stored to PROBE_HOST: that exit is still to be completed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arm/sysreg.h"
#include "session.h"

#define PATTERN UINT64_C(0x9e3779b97f4a7c15)

/* One more thing that is wrong, with a line for people. */
static void wrong(struct session *s, const char *format, ...)
{
    size_t n;
    va_list args;

    pthread_mutex_lock(&s->lock);
    n = strlen(s->text);
    va_start(args, format);
    vsnprintf(s->text + n, sizeof(s->text) - n, format, args);
    va_end(args);
    s->result++;
    pthread_mutex_unlock(&s->lock);
}

static void on_cpu(struct session *s, void (*call)(struct cpu *cpu, void *ctx))
{
    s->result = 0;
    cpu_call(&s->machine->cpus[0], call, s);
}

/* --- registers --- */

static void check_general(struct session *s, struct cpu *cpu, enum vcpu_reg reg, uint64_t mask)
{
    const struct engine_ops *ops = s->machine->engine;
    uint64_t old, value = 0;
    const uint64_t want = PATTERN * (reg + 1) & mask;

    if (ops->vcpu_get(cpu->vcpu, reg, &old) || ops->vcpu_set(cpu->vcpu, reg, want) ||
        ops->vcpu_get(cpu->vcpu, reg, &value) || ops->vcpu_set(cpu->vcpu, reg, old))
        wrong(s, "register %d is refused\n", reg);
    else if (value != want)
        wrong(s, "register %d: set to %llx, is %llx\n", reg, (unsigned long long)want,
              (unsigned long long)value);
}

static void check_vector(struct session *s, struct cpu *cpu, unsigned index)
{
    const struct engine_ops *ops = s->machine->engine;
    const uint64_t want[2] = {PATTERN * (index + 100), PATTERN * (index + 200)};
    uint64_t old[2], value[2] = {0};

    if (ops->vcpu_get_v(cpu->vcpu, index, old) || ops->vcpu_set_v(cpu->vcpu, index, want) ||
        ops->vcpu_get_v(cpu->vcpu, index, value) || ops->vcpu_set_v(cpu->vcpu, index, old))
        wrong(s, "V%u is refused\n", index);
    else if (value[0] != want[0] || value[1] != want[1])
        wrong(s, "V%u is not what it was set to\n", index);
}

/* Registers that every CPU has, and bits of theirs that every CPU keeps. */
static const struct {
    enum sysreg_id id;
    uint64_t mask;
} system_registers[] = {
    {SYSREG_SP_EL0, ~UINT64_C(0)},
    {SYSREG_ELR_EL1, ~UINT64_C(3)},
    {SYSREG_SPSR_EL1, 0xf00003c5},
    {SYSREG_TPIDR_EL0, ~UINT64_C(0)},
    {SYSREG_TPIDRRO_EL0, ~UINT64_C(0)},
    {SYSREG_TPIDR_EL1, ~UINT64_C(0)},
    {SYSREG_TTBR0_EL1, 0x00007ffffffff000},
    {SYSREG_TTBR1_EL1, 0x00007ffffffff000},
    {SYSREG_CONTEXTIDR_EL1, 0xffffffff},
    {SYSREG_VBAR_EL1, 0x0000fffffffff800},
    {SYSREG_FAR_EL1, ~UINT64_C(0)},
    {SYSREG_ESR_EL1, 0xffffffff},
    {SYSREG_MAIR_EL1, 0xffffffffffffffff},
    {SYSREG_CPACR_EL1, 0x300000},
    {SYSREG_CNTKCTL_EL1, 0x3ff},
    {SYSREG_CNTV_CVAL_EL0, ~UINT64_C(0)},
};

static void check_system(struct session *s, struct cpu *cpu, enum sysreg_id id, uint64_t mask)
{
    const struct engine_ops *ops = s->machine->engine;
    const struct sysreg_info *info = sysreg_info(id);
    const uint64_t want = PATTERN * (id + 1) & mask;
    uint64_t old, value = 0;

    if (ops->vcpu_sysreg_get(cpu->vcpu, info->key, &old) ||
        ops->vcpu_sysreg_set(cpu->vcpu, info->key, want) ||
        ops->vcpu_sysreg_get(cpu->vcpu, info->key, &value) ||
        ops->vcpu_sysreg_set(cpu->vcpu, info->key, old))
        wrong(s, "%s is refused\n", info->name);
    else if ((value & mask) != want)
        wrong(s, "%s: set to %llx, is %llx\n", info->name, (unsigned long long)want,
              (unsigned long long)value);
}

static void check_registers(struct cpu *cpu, void *ctx)
{
    struct session *s = ctx;
    uint64_t value;

    for (unsigned i = 2; i < 31; i++) /* X0, X1 may be an exit's to complete */
        check_general(s, cpu, i, ~UINT64_C(0));
    check_general(s, cpu, VCPU_SP, ~UINT64_C(15));
    check_general(s, cpu, VCPU_FPCR, 0x07c00000);
    check_general(s, cpu, VCPU_FPSR, 0x0800001f);
    check_general(s, cpu, VCPU_PSTATE, 0xf0000000 | 0x3c5);
    check_general(s, cpu, VCPU_PC, ~UINT64_C(3));
    for (unsigned i = 0; i < 32; i++)
        check_vector(s, cpu, i);
    for (size_t i = 0; i < nitems(system_registers); i++)
        check_system(s, cpu, system_registers[i].id, system_registers[i].mask);
    if (s->machine->engine->vcpu_sysreg_get(cpu->vcpu, 0xffff, &value) == 0)
        wrong(s, "a system register that no CPU has can be read\n");
}

void request_registers(struct session *s)
{
    on_cpu(s, check_registers);
}

/* --- debug --- */

static uint64_t program_counter(struct session *s, struct cpu *cpu)
{
    uint64_t pc = 0;

    s->machine->engine->vcpu_get(cpu->vcpu, VCPU_PC, &pc);
    return pc;
}

/* Runs to the next exit that is the debugger's. Returns whether there was one: nothing else but a
 * kick that came before is to be expected from what is run here. */
static bool run_to_debug(struct session *s, struct cpu *cpu, struct vcpu_exit **exit)
{
    for (unsigned i = 0; i < 16; i++) {
        int ret;

        s->machine->engine->vcpu_irq(cpu->vcpu, false, false);
        ret = s->machine->engine->vcpu_run(cpu->vcpu, exit);
        if (ret) {
            wrong(s, "vcpu_run: %s\n", strerror(-ret));
            return false;
        }
        if ((*exit)->kind == EXIT_DEBUG)
            return true;
        if ((*exit)->kind != EXIT_KICKED && (*exit)->kind != EXIT_VTIMER)
            break;
    }
    wrong(s, "exit %d instead of the debugger's\n", (*exit)->kind);
    return false;
}

/* Where step_code (guest/conformance/registers.S) goes after its store. */
static const unsigned steps[] = {4, 8, 12, 20, 24, 28, 32};

/* The store itself may count as the first step, or the instruction after it. */
static void step_through(struct session *s, struct cpu *cpu)
{
    uint64_t store = s->argument[0];
    struct vcpu_exit *exit;

    for (size_t i = 0; i < nitems(steps); i++) {
        uint64_t pc;

        if (!run_to_debug(s, cpu, &exit))
            return;
        pc = program_counter(s, cpu);
        if (i == 0 && pc == store + steps[1])
            i++;
        if (pc != store + steps[i] || exit->debug.pc != pc)
            wrong(s, "step %zu: at the store's address + %lld, the exit says %lld\n", i,
                  (long long)(pc - store), (long long)(exit->debug.pc - store));
    }
}

static void set_debug(struct session *s, struct cpu *cpu, const struct vcpu_debug *debug)
{
    int ret = s->machine->engine->vcpu_debug(cpu->vcpu, debug);

    if (ret)
        wrong(s, "vcpu_debug: %s\n", strerror(-ret));
}

static void step(struct cpu *cpu, void *ctx)
{
    struct session *s = ctx;

    set_debug(s, cpu, &(struct vcpu_debug){.step = true});
    step_through(s, cpu);
    set_debug(s, cpu, &(struct vcpu_debug){.step = false});
}

void request_step(struct session *s)
{
    on_cpu(s, step);
}

static void run_to_breakpoint(struct cpu *cpu, void *ctx)
{
    struct session *s = ctx;
    struct vcpu_exit *exit;
    uint64_t x2 = 0;

    set_debug(s, cpu, &(struct vcpu_debug){.breakpoints = 1, .breakpoint = {s->argument[0]}});
    if (run_to_debug(s, cpu, &exit)) {
        s->machine->engine->vcpu_get(cpu->vcpu, 2, &x2);
        if (program_counter(s, cpu) != s->argument[0] || x2 != 41)
            wrong(s, "stopped at %llx with X2 %llu\n", (unsigned long long)program_counter(s, cpu),
                  (unsigned long long)x2);
    }
    set_debug(s, cpu, &(struct vcpu_debug){.breakpoints = 0});
}

void request_break(struct session *s)
{
    on_cpu(s, run_to_breakpoint);
}
