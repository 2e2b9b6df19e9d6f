/* SPDX-License-Identifier: ISC */
/*
 * Accesses to devices. The kernel carries out loads and stores of one general-purpose register
 * (KVM_EXIT_MMIO, completed at the next KVM_RUN); all others it leaves to us with no more than an
 * address (KVM_EXIT_ARM_NISV, KVM 6.29), and there the instruction is decoded and carried out here.
 */
#include <string.h>

#include "base/endian.h"
#include "engine/kvm/private.h"

static bool leave(struct vcpu *v, uint64_t ipa, unsigned size, bool write, uint64_t value)
{
    v->exit.kind = EXIT_MMIO;
    v->exit.mmio.ipa = v->exit.mmio.va = ipa;
    v->exit.mmio.size = (uint8_t)size;
    v->exit.mmio.write = write;
    v->exit.mmio.fetch = v->exit.mmio.more = false;
    v->exit.mmio.abort = EXIT_ABORT_NONE;
    v->exit.mmio.value = value;
    return true;
}

/* An external abort at the address that faulted last, or an SError (KVM 4.32). */
static void inject(struct vcpu *v, enum exit_abort abort)
{
    struct kvm_vcpu_events events = {0};

    kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &events);
    if (abort == EXIT_ABORT_SYNC)
        events.exception.ext_dabt_pending = 1;
    else
        events.exception.serror_pending = 1;
    kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &events);
}

bool kvm_mmio_exit(struct vcpu *v)
{
    uint64_t value = 0;

    if (v->run->mmio.is_write)
        memcpy(&value, v->run->mmio.data, MIN(v->run->mmio.len, sizeof(value)));
    v->pending = KVM_PENDING_MMIO;
    return leave(v, v->run->mmio.phys_addr, v->run->mmio.len, v->run->mmio.is_write, value);
}

/* The kernel is let finish the instruction, which an abort must not have done: so what it changes
 * (one register, PC) is put back. */
static void abort_finished(struct vcpu *v)
{
    uint64_t x[31], pc;

    for (unsigned i = 0; i < 31; i++)
        kvm_vcpu_get(v, i, &x[i]);
    kvm_vcpu_get(v, VCPU_PC, &pc);
    kvm_settle(v);
    for (unsigned i = 0; i < 31; i++)
        kvm_vcpu_set(v, i, x[i]);
    kvm_vcpu_set(v, VCPU_PC, pc);
    inject(v, EXIT_ABORT_SYNC);
}

bool kvm_mmio_complete(struct vcpu *v)
{
    if (!v->exit.mmio.write)
        memcpy(v->run->mmio.data, &v->exit.mmio.value, sizeof(v->run->mmio.data));
    if (v->exit.mmio.abort == EXIT_ABORT_SYNC) {
        abort_finished(v);
    } else if (v->exit.mmio.abort == EXIT_ABORT_SERROR) {
        kvm_settle(v);
        inject(v, EXIT_ABORT_SERROR);
    }
    return false;
}

/* --- decoded --- */

static uint64_t get_x(void *ctx, unsigned n)
{
    uint64_t value;

    kvm_vcpu_get(ctx, n, &value);
    return value;
}

static void set_x(void *ctx, unsigned n, uint64_t value)
{
    kvm_vcpu_set(ctx, n, value);
}

static uint64_t get_sp(void *ctx)
{
    uint64_t value;

    kvm_vcpu_get(ctx, VCPU_SP, &value);
    return value;
}

static void set_sp(void *ctx, uint64_t value)
{
    kvm_vcpu_set(ctx, VCPU_SP, value);
}

static void get_v(void *ctx, unsigned n, uint64_t value[2])
{
    kvm_vcpu_get_v(ctx, n, value);
}

static void set_v(void *ctx, unsigned n, const uint64_t value[2])
{
    kvm_vcpu_set_v(ctx, n, value);
}

static struct native_regs registers(struct vcpu *v)
{
    return (struct native_regs){get_x, set_x, get_sp, set_sp, get_v, set_v, v};
}

static bool leave_part(struct vcpu *v)
{
    const struct native_regs regs = registers(v);
    const struct native_access *a = &v->decoded.access;
    unsigned n = v->decoded.done;

    v->pending = KVM_PENDING_DECODED;
    leave(v, v->decoded.ipa + (uint64_t)n * a->size, a->size, a->write,
          a->write ? native_store_value(a, n, &regs) : 0);
    v->exit.mmio.more = n + 1 < a->parts;
    return true;
}

static bool fetch_word(struct vcpu *v, uint32_t *word)
{
    uint64_t pc, ipa, value;

    if (kvm_vcpu_get(v, VCPU_PC, &pc) || kvm_vcpu_translate(v, pc, &ipa) ||
        mem_load(v->vm->config.mem, ipa, sizeof(*word), &value))
        return false;
    *word = (uint32_t)value;
    return true;
}

/* What is no load or store that a device could answer (an exclusive, an atomic) aborts. */
bool kvm_decoded_exit(struct vcpu *v)
{
    uint32_t word;

    if (!fetch_word(v, &word) || !native_decode(word, &v->decoded.access)) {
        inject(v, EXIT_ABORT_SYNC);
        return false;
    }
    v->decoded.ipa = v->run->arm_nisv.fault_ipa;
    v->decoded.done = 0;
    return leave_part(v);
}

bool kvm_decoded_complete(struct vcpu *v)
{
    const struct native_regs regs = registers(v);
    uint64_t pc;

    if (v->exit.mmio.abort == EXIT_ABORT_SYNC) {
        inject(v, EXIT_ABORT_SYNC);
        return false;
    }
    if (v->exit.mmio.abort == EXIT_ABORT_SERROR)
        inject(v, EXIT_ABORT_SERROR);
    v->decoded.value[v->decoded.done++] = v->exit.mmio.value;
    if (v->decoded.done < v->decoded.access.parts)
        return leave_part(v);
    native_finish(&v->decoded.access, v->decoded.value, &regs);
    kvm_vcpu_get(v, VCPU_PC, &pc);
    kvm_vcpu_set(v, VCPU_PC, pc + 4);
    return false;
}
