/* SPDX-License-Identifier: ISC */
/*
 * The whole machine as named sections: clock, CPUs, devices, and memory in chunks of which only
 * those that hold anything are written. The machine is paused, so nothing moves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "host/loop.h"
#include "machine/machine.h"

#define RAM_CHUNK (4 * MIB)

/* What the machine itself adds to its devices' state. */
struct machine_record {
    uint64_t memory, clock_ns;
    uint32_t cpus, strict;
    uint32_t power[ATOLL_CPUS_MAX];
    bool entry_pending[ATOLL_CPUS_MAX];
    uint64_t entry_pc[ATOLL_CPUS_MAX], entry_x0[ATOLL_CPUS_MAX];
};

static const struct state_field record_fields[] = {
    STATE_FIELD(struct machine_record, memory, STATE_U64),
    STATE_FIELD(struct machine_record, clock_ns, STATE_U64),
    STATE_FIELD(struct machine_record, cpus, STATE_U32),
    STATE_FIELD(struct machine_record, strict, STATE_U32),
    STATE_ARRAY(struct machine_record, power, STATE_U32, ATOLL_CPUS_MAX),
    STATE_ARRAY(struct machine_record, entry_pending, STATE_BOOL, ATOLL_CPUS_MAX),
    STATE_ARRAY(struct machine_record, entry_pc, STATE_U64, ATOLL_CPUS_MAX),
    STATE_ARRAY(struct machine_record, entry_x0, STATE_U64, ATOLL_CPUS_MAX),
};
static const struct state_table record_table = {"machine", 1, record_fields, nitems(record_fields)};

static void fill_record(struct machine *m, struct machine_record *record)
{
    *record = (struct machine_record){.memory = m->config.memory,
                                      .clock_ns = clock_now(&m->clock),
                                      .cpus = m->config.cpus,
                                      .strict = m->config.strict};
    for (unsigned i = 0; i < m->config.cpus; i++) {
        record->power[i] = m->cpus[i].power;
        record->entry_pending[i] = m->cpus[i].entry_pending;
        record->entry_pc[i] = m->cpus[i].entry.pc;
        record->entry_x0[i] = m->cpus[i].entry.x0;
    }
}

static int take_record(struct machine *m, const struct machine_record *record, struct error *err)
{
    if (record->memory != m->config.memory || record->cpus != m->config.cpus ||
        record->strict != m->config.strict)
        return error_set(err, EINVAL,
                         "the saved machine has %llu MiB, %u CPUs and strict %u; this one has %llu "
                         "MiB, %u CPUs and "
                         "strict %u",
                         (unsigned long long)(record->memory / MIB), record->cpus, record->strict,
                         (unsigned long long)(m->config.memory / MIB), m->config.cpus,
                         m->config.strict);
    clock_set(&m->clock, record->clock_ns);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        if (record->power[i] > CPU_ON_PENDING)
            return error_set(err, EINVAL, "saved state: CPU %u has the power state %u", i,
                             record->power[i]);
        m->cpus[i].power = record->power[i];
        m->cpus[i].entry_pending = record->entry_pending[i];
        m->cpus[i].entry =
            (struct kernel_entry){.pc = record->entry_pc[i], .x0 = record->entry_x0[i]};
    }
    return 0;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static int each_chunk(struct machine *m,
                      int (*visit)(struct machine *m, uint64_t ipa, uint64_t length, void *ctx),
                      void *ctx)
{
    const struct platform_range *ram = &m->platform.ram;

    for (uint64_t at = 0; at < ram->size; at += RAM_CHUNK) {
        int ret = visit(m, ram->base + at, MIN(RAM_CHUNK, ram->size - at), ctx);

        if (ret)
            return ret;
    }
    return 0;
}

static void chunk_name(uint64_t ipa, char *name, size_t room)
{
    snprintf(name, room, "ram/%llx", (unsigned long long)ipa);
}

static int save_chunk(struct machine *m, uint64_t ipa, uint64_t length, void *ctx)
{
    struct state *state = ctx;
    struct iovec iov;
    char name[32];
    int ret = mem_iov(m->mem, ipa, length, &iov);

    if (ret || all_zero(iov.iov_base, iov.iov_len))
        return ret;
    chunk_name(ipa, name, sizeof(name));
    return state_save_bytes(state, name, iov.iov_base, iov.iov_len);
}

static int load_chunk(struct machine *m, uint64_t ipa, uint64_t length, void *ctx)
{
    const struct state *state = ctx;
    const void *bytes;
    size_t have;
    char name[32];

    chunk_name(ipa, name, sizeof(name));
    if (state_load_bytes(state, name, &bytes, &have, NULL))
        return 0; /* nothing but zeros */
    return have == length ? mem_write(m->mem, ipa, bytes, length) : -EINVAL;
}

/* Saves or loads one vCPU, on its thread. */
struct vcpu_transfer {
    struct state *save;
    const struct state *load;
    struct error *err;
    int ret;
};

static void transfer_vcpu(struct cpu *cpu, void *ctx)
{
    struct vcpu_transfer *t = ctx;
    const struct engine_ops *engine = cpu->machine->engine;
    char name[16];

    snprintf(name, sizeof(name), "cpu%u", cpu->index);
    t->ret = t->save ? engine->vcpu_save(cpu->vcpu, t->save, name)
                     : engine->vcpu_load(cpu->vcpu, t->load, name, t->err);
}

static int transfer_vcpus(struct machine *m, struct vcpu_transfer *transfer)
{
    for (unsigned i = 0; i < m->config.cpus && !transfer->ret; i++)
        cpu_call(&m->cpus[i], transfer_vcpu, transfer);
    return transfer->ret;
}

int snapshot_save(struct machine *m, struct state *state, struct error *err)
{
    struct machine_record record;
    struct vcpu_transfer transfer = {.save = state, .err = err};
    int ret;

    fill_record(m, &record);
    ret = state_save(state, "machine", &record_table, &record);
    ret = ret ? ret : transfer_vcpus(m, &transfer);
    for (size_t i = 0; i < m->device_count && !ret; i++)
        ret = m->devices[i].ops->save(m->devices[i].dev, state, m->devices[i].instance);
    ret = ret ? ret : each_chunk(m, save_chunk, state);
    return ret ? error_set(err, -ret, "cannot save the machine: %s", strerror(-ret)) : 0;
}

int snapshot_load(struct machine *m, const struct state *state, struct error *err)
{
    struct machine_record record = {0};
    struct vcpu_transfer transfer = {.load = state, .err = err};
    int ret = state_load(state, "machine", &record_table, &record, err);

    ret = ret ? ret : take_record(m, &record, err);
    if (ret)
        return ret;
    boot_forget(m);
    mem_clear(m->mem);
    ret = each_chunk(m, load_chunk, (void *)(uintptr_t)state);
    if (ret)
        return error_set(err, -ret, "saved state: its memory does not fit this machine");
    m->engine->vm_code_written(m->vm, m->platform.ram.base, m->platform.ram.size);
    ret = transfer_vcpus(m, &transfer);
    for (size_t i = 0; i < m->device_count && !ret; i++)
        ret = m->devices[i].ops->load(m->devices[i].dev, state, m->devices[i].instance, err);
    return ret;
}
