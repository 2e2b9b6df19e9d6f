/* SPDX-License-Identifier: ISC */
/*
 * Runs a bare-metal guest (guest/) on an engine: 64 MiB of RAM at 1 GiB, a PL011's data register at
 * 0x09000000 that prints, PSCI SYSTEM_OFF by HVC. Everything else answers as an external abort.
 *
 *     run_guest [--engine NAME] [--stats] FILE
 *
 * FILE is the flat image, loaded and entered 1 MiB into RAM. Exits with 0 when the guest powers
 * off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "engine/engine.h"
#include "mem/mem.h"

#define RAM_BASE        (1 * GIB)
#define RAM_SIZE        (64 * MIB)
#define LOAD_OFFSET     (1 * MIB)
#define UART_BASE       UINT64_C(0x09000000)
#define PSCI_SYSTEM_OFF UINT32_C(0x84000008)
#define NOT_SUPPORTED   UINT64_MAX

static int die(const char *what, const struct error *err)
{
    fprintf(stderr, "run_guest: %s: %s\n", what, err->text);
    return 2;
}

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

static void answer_mmio(struct vcpu_exit *e)
{
    if (e->mmio.ipa != UART_BASE)
        e->mmio.abort = true;
    else if (e->mmio.write)
        putchar((int)(e->mmio.value & 0xff));
}

/* Returns the exit status. */
static int run(const struct engine_ops *ops, struct vcpu *vcpu)
{
    struct vcpu_exit *e;

    for (;;) {
        if (ops->vcpu_run(vcpu, &e))
            return 2;
        switch (e->kind) {
        case EXIT_MMIO: answer_mmio(e); break;
        case EXIT_SMCCC:
            if ((uint32_t)e->smccc.x[0] == PSCI_SYSTEM_OFF)
                return 0;
            e->smccc.x[0] = NOT_SUPPORTED;
            break;
        case EXIT_SYSREG: e->sysreg.undefined = true; break;
        case EXIT_WFI:
        case EXIT_VTIMER: {
            bool virt, phys;
            uint64_t deadline;

            ops->vcpu_vtimer(vcpu, &virt, &phys, &deadline);
            ops->vcpu_irq(vcpu, virt || phys, false);
            break;
        }
        default: fprintf(stderr, "run_guest: exit %d\n", e->kind); return 2;
        }
    }
}

static void print_stats(const struct engine_ops *ops, struct vcpu *vcpu,
                        const struct timespec *start)
{
    struct vcpu_stats stats;
    struct timespec now;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
    ops->vcpu_stats(vcpu, &stats);
    fprintf(stderr, "%llu instructions in %.3f s: %.1f million a second\n",
            (unsigned long long)stats.instructions, seconds,
            (double)stats.instructions / seconds / 1e6);
}

int main(int argc, char **argv)
{
    const char *engine = "auto", *file = NULL;
    const struct engine_ops *ops;
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    struct engine_vm *vm;
    struct vcpu *vcpu;
    struct error err = {0};
    struct timespec start;
    bool stats = false;
    int status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--engine") == 0 && i + 1 < argc)
            engine = argv[++i];
        else if (strcmp(argv[i], "--stats") == 0)
            stats = true;
        else
            file = argv[i];
    }
    ops = engine_find(engine, &err);
    if (!ops)
        return die(engine, &err);
    if (mem_create(&config.mem) || mem_add_ram(config.mem, RAM_BASE, RAM_SIZE, &err))
        return die("RAM", &err);
    if (!file || load(config.mem, file))
        return 2;
    if (ops->vm_create(&vm, &config, &err) || ops->vm_map(vm, RAM_BASE, RAM_SIZE, true, &err) ||
        ops->vcpu_create(vm, 0, &vcpu, &err) || ops->vm_ready(vm, &err))
        return die(ops->name, &err);
    ops->vcpu_set(vcpu, VCPU_PC, RAM_BASE + LOAD_OFFSET);
    clock_gettime(CLOCK_MONOTONIC, &start);
    status = run(ops, vcpu);
    if (stats)
        print_stats(ops, vcpu, &start);
    ops->vcpu_destroy(vcpu);
    ops->vm_destroy(vm);
    mem_destroy(config.mem);
    return status;
}
