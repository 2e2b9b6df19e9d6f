/* SPDX-License-Identifier: ISC */
/*
 * Aborts of stage 2: guests' accesses to what is no RAM. The instruction is carried out here: each
 * of its accesses is an exit of its own, in order, and the last one's completion writes its
 * registers and moves PC.
 */
#include "engine/hvf/private.h"

#include "arm/esr.h"

/* --- registers, for engine/native/decode.c --- */

static uint64_t get_x(void *ctx, unsigned n)
{
    return hvf_x(ctx, n);
}

static void set_x(void *ctx, unsigned n, uint64_t value)
{
    hvf_set_x(ctx, n, value);
}

static uint64_t get_sp(void *ctx)
{
    uint64_t value = 0;

    hvf_vcpu_get(ctx, VCPU_SP, &value);
    return value;
}

static void set_sp(void *ctx, uint64_t value)
{
    hvf_vcpu_set(ctx, VCPU_SP, value);
}

static void get_v(void *ctx, unsigned n, uint64_t value[2])
{
    hvf_vcpu_get_v(ctx, n, value);
}

static void set_v(void *ctx, unsigned n, const uint64_t value[2])
{
    hvf_vcpu_set_v(ctx, n, value);
}

static struct native_regs registers(struct vcpu *v)
{
    return (struct native_regs){get_x, set_x, get_sp, set_sp, get_v, set_v, v};
}

/* --- exits --- */

/* The access that comes next. */
static bool leave(struct vcpu *v)
{
    const struct native_regs regs = registers(v);
    const struct native_access *a = &v->mmio.access;
    unsigned n = v->mmio.done;

    v->exit.kind = EXIT_MMIO;
    v->exit.mmio.ipa = v->mmio.ipa + (uint64_t)n * a->size;
    v->exit.mmio.va = v->mmio.va + (uint64_t)n * a->size;
    v->exit.mmio.size = a->size;
    v->exit.mmio.write = a->write;
    v->exit.mmio.fetch = false;
    v->exit.mmio.more = n + 1 < a->parts;
    v->exit.mmio.abort = EXIT_ABORT_NONE;
    v->exit.mmio.value = a->write ? native_store_value(a, n, &regs) : 0;
    v->pending = HVF_PENDING_MMIO;
    return true;
}

static bool leave_fetch(struct vcpu *v)
{
    v->exit.kind = EXIT_MMIO;
    v->exit.mmio.ipa = v->why->exception.physical_address;
    v->exit.mmio.va = v->why->exception.virtual_address;
    v->exit.mmio.size = 4;
    v->exit.mmio.write = false;
    v->exit.mmio.fetch = true;
    v->exit.mmio.more = false;
    v->exit.mmio.abort = EXIT_ABORT_SYNC;
    v->exit.mmio.value = 0;
    v->pending = HVF_PENDING_MMIO;
    return true;
}

bool hvf_mmio_complete(struct vcpu *v)
{
    const struct native_regs regs = registers(v);

    if (v->exit.mmio.abort == EXIT_ABORT_SERROR)
        v->serror = true;
    if (v->exit.mmio.abort == EXIT_ABORT_SYNC || v->exit.mmio.fetch) {
        hvf_inject_abort(v, v->exit.mmio.fetch, v->exit.mmio.write, ESR_FSC_EXTERNAL,
                         v->exit.mmio.va);
        return false;
    }
    v->mmio.value[v->mmio.done++] = v->exit.mmio.value;
    if (v->mmio.done < v->mmio.access.parts)
        return leave(v);
    native_finish(&v->mmio.access, v->mmio.value, &regs);
    hvf_advance(v);
    return false;
}

/* --- aborts --- */

static bool fetch_word(struct vcpu *v, uint32_t *word)
{
    uint64_t ipa, value;

    if (hvf_vcpu_translate(v, hvf_get(v, HV_REG_PC), &ipa) ||
        mem_load(v->vm->config.mem, ipa, sizeof(*word), &value))
        return false;
    *word = (uint32_t)value;
    return true;
}

static bool decode(struct vcpu *v, uint32_t esr)
{
    uint32_t word;

    return native_decode_syndrome(esr, &v->mmio.access) ||
           (fetch_word(v, &word) && native_decode(word, &v->mmio.access));
}

static bool data_abort(struct vcpu *v, uint32_t esr)
{
    uint64_t va = v->why->exception.virtual_address;

    if (esr & ESR_DABT_CM) { /* cache maintenance: a device has no cache */
        hvf_advance(v);
        return false;
    }
    if (!decode(v, esr)) {
        hvf_inject_abort(v, false, esr & ESR_DABT_WNR, ESR_FSC_EXTERNAL, va);
        return false;
    }
    v->mmio.done = 0;
    v->mmio.va = va;
    v->mmio.ipa = v->why->exception.physical_address;
    return leave(v);
}

#define FSC_TYPE  0x3cu /* without the level */
#define FSC_LEVEL 3u

bool hvf_abort(struct vcpu *v, uint32_t esr)
{
    bool fetch = esr_ec(esr) == ESR_EC_IABT_LOWER;
    uint64_t ipa = v->why->exception.physical_address;

    /* A walk that sets a descriptor's flags stores as well. */
    if ((esr & FSC_TYPE) == ESR_FSC_PERMISSION && hvf_dirty_fault(v->vm, ipa))
        return false;
    /* A descriptor that is in no RAM. */
    if (esr & ESR_ABT_S1PTW) {
        hvf_inject_abort(v, fetch, esr & ESR_DABT_WNR, ESR_FSC_EXTERNAL_WALK | (esr & FSC_LEVEL),
                         v->why->exception.virtual_address);
        return false;
    }
    return fetch ? leave_fetch(v) : data_abort(v, esr);
}
