/* SPDX-License-Identifier: ISC */
/*
 * Saving and loading a vCPU: its registers, the exit that waits for completion, and the MMIO
 * answers that an instruction under way has had. TLB, decoded code, and interrupt levels (asserted
 * again before every run) are not state.
 */
#include "engine/soft/private.h"

#include <errno.h>
#include <string.h>

#include "arm/regs.h"
#include "engine/soft/pauth.h"

/* What a state holds, flat. */
struct image {
    uint64_t x[31], sp[2], pc, v[64];
    uint32_t pstate, fpcr, fpsr;
    uint64_t instructions;
    uint8_t pending, pending_rt, serror;
    uint64_t exit[20]; /* by pending: see pack_exit */
    uint32_t replay_count;
    uint64_t replay_value[SOFT_REPLAY];
    uint8_t replay_abort[SOFT_REPLAY];
    uint64_t sysreg[SYSREG_COUNT];
    uint8_t
        pauth_algorithm; /* that pointers are signed by; 0: what was before there were numbers */
};

#define SYSREG_FIELD_0(name)
#define SYSREG_FIELD_2(name)
#define SYSREG_FIELD_1(name)                                                                       \
    {#name, STATE_U64, offsetof(struct image, sysreg) + 8 * SYSREG_##name, 1, false},

static const struct state_field fields[] = {
    STATE_ARRAY(struct image, x, STATE_U64, 31),
    STATE_ARRAY(struct image, sp, STATE_U64, 2),
    STATE_FIELD(struct image, pc, STATE_U64),
    STATE_ARRAY(struct image, v, STATE_U64, 64),
    STATE_FIELD(struct image, pstate, STATE_U32),
    STATE_FIELD(struct image, fpcr, STATE_U32),
    STATE_FIELD(struct image, fpsr, STATE_U32),
    STATE_FIELD(struct image, instructions, STATE_U64),
    STATE_FIELD(struct image, pending, STATE_U8),
    STATE_FIELD(struct image, pending_rt, STATE_U8),
    {"serror", STATE_U8, offsetof(struct image, serror), 1, true},
    STATE_ARRAY(struct image, exit, STATE_U64, 20),
    STATE_FIELD(struct image, replay_count, STATE_U32),
    STATE_ARRAY(struct image, replay_value, STATE_U64, SOFT_REPLAY),
    STATE_ARRAY(struct image, replay_abort, STATE_U8, SOFT_REPLAY),
#define X(name, op0, op1, crn, crm, op2, access, gate, kind, saved, ...) SYSREG_FIELD_##saved(name)
#include "arm/sysregs.def"
#undef X
    {"pauth_keys", STATE_U64, offsetof(struct image, sysreg) + 8 * SYSREG_APIAKeyLo_EL1, 10, true},
    {"pauth_algorithm", STATE_U8, offsetof(struct image, pauth_algorithm), 1, true},
};

static const struct state_table table = {"vcpu", 1, fields, nitems(fields)};

static void pack_exit(const struct vcpu_exit *e, enum soft_pending pending, uint64_t word[20])
{
    switch (pending) {
    case SOFT_PENDING_NONE: break;
    case SOFT_PENDING_MMIO:
        word[0] = e->mmio.ipa;
        word[1] = e->mmio.va;
        word[2] = e->mmio.value;
        word[3] = e->mmio.size;
        word[4] = e->mmio.write;
        word[5] = e->mmio.abort;
        break;
    case SOFT_PENDING_SYSREG:
        word[0] = e->sysreg.key;
        word[1] = e->sysreg.write;
        word[2] = e->sysreg.value;
        word[3] = e->sysreg.undefined;
        break;
    case SOFT_PENDING_SMCCC:
        word[0] = e->smccc.smc;
        memcpy(&word[1], e->smccc.x, sizeof(e->smccc.x));
        break;
    }
}

static void unpack_exit(struct vcpu_exit *e, enum soft_pending pending, const uint64_t word[20])
{
    switch (pending) {
    case SOFT_PENDING_NONE: break;
    case SOFT_PENDING_MMIO:
        e->kind = EXIT_MMIO;
        e->mmio.ipa = word[0];
        e->mmio.va = word[1];
        e->mmio.value = word[2];
        e->mmio.size = (uint8_t)word[3];
        e->mmio.write = word[4];
        e->mmio.abort = word[5] == EXIT_ABORT_SERROR ? EXIT_ABORT_SERROR : !!word[5];
        break;
    case SOFT_PENDING_SYSREG:
        e->kind = EXIT_SYSREG;
        e->sysreg.key = (uint32_t)word[0];
        e->sysreg.write = word[1];
        e->sysreg.value = word[2];
        e->sysreg.undefined = word[3];
        break;
    case SOFT_PENDING_SMCCC:
        e->kind = EXIT_SMCCC;
        e->smccc.smc = word[0];
        memcpy(e->smccc.x, &word[1], sizeof(e->smccc.x));
        break;
    }
}

int soft_vcpu_save(struct vcpu *v, struct state *state, const char *instance)
{
    const struct soft_cpu *c = &v->cpu;
    struct image image = {
        .sp = {c->el && c->spsel ? c->sp_el[0] : c->x[31],
               c->el && c->spsel ? c->x[31] : c->sp_el[1]},
        .pc = c->pc,
        .pstate = soft_pstate_get(c),
        .fpcr = c->fpcr,
        .fpsr = c->fpsr,
        .instructions = soft_instructions(c),
        .pending = v->priv.pending,
        .pending_rt = v->priv.pending_rt,
        .serror = !!(c->held & PSTATE_A),
        .replay_count = v->priv.replay.count,
        .pauth_algorithm = PAUTH_ALGORITHM,
    };

    memcpy(image.x, c->x, sizeof(image.x));
    memcpy(image.v, c->v, sizeof(image.v));
    memcpy(image.sysreg, c->sysreg, sizeof(image.sysreg));
    memcpy(image.replay_value, v->priv.replay.value, sizeof(image.replay_value));
    memcpy(image.replay_abort, v->priv.replay.abort, sizeof(image.replay_abort));
    pack_exit(&c->exit, v->priv.pending, image.exit);
    return state_save(state, instance, &table, &image);
}

static bool plausible(const struct image *image)
{
    unsigned mode = image->pstate & 0x1f;

    return (mode == 0 || mode == 4 || mode == 5) && image->pending <= SOFT_PENDING_SMCCC &&
           image->pending_rt < 32 && image->replay_count < SOFT_REPLAY;
}

/* Whether the guest may have signed pointers in a way that they are not authenticated by. */
static bool signed_otherwise(const struct image *image)
{
    for (unsigned i = SYSREG_APIAKeyLo_EL1; i < SYSREG_APIAKeyLo_EL1 + 10; i++)
        if (image->sysreg[i] && image->pauth_algorithm != PAUTH_ALGORITHM)
            return true;
    return false;
}

int soft_vcpu_load(struct vcpu *v, const struct state *state, const char *instance,
                   struct error *err)
{
    struct soft_cpu *c = &v->cpu;
    struct image image = {0};
    int ret = state_load(state, instance, &table, &image, err);

    if (ret)
        return ret;
    if (!plausible(&image))
        return error_set(err, EINVAL, "%s: its state is damaged", instance);
    if (signed_otherwise(&image))
        return error_set(err, ENOTSUP,
                         "%s: the guest uses pointer authentication, and was saved by a version "
                         "of Atoll that did it in another way: load it with that version",
                         instance);
    soft_vcpu_reset(v);
    for (unsigned i = 0; i < SYSREG_COUNT; i++) {
        const struct sysreg_info *info = sysreg_info(i);

        if (info->saved)
            c->sysreg[i] = (image.sysreg[i] & info->writable) | info->fixed;
    }
    pauth_update(c);
    soft_tlb_switch(c);
    memcpy(c->x, image.x, sizeof(image.x));
    memcpy(c->v, image.v, sizeof(image.v));
    soft_set_spsel(c, 1);
    c->sp_el[0] = image.sp[0];
    c->x[31] = image.sp[1];
    c->fpcr = image.fpcr;
    soft_pstate_set(c, image.pstate);
    c->held |= image.serror ? PSTATE_A : 0;
    soft_interrupts_changed(c);
    c->pc = image.pc;
    c->fpsr = image.fpsr;
    c->instructions = image.instructions;
    v->priv.pending = image.pending;
    v->priv.pending_rt = image.pending_rt;
    v->priv.replay.count = image.replay_count;
    memcpy(v->priv.replay.value, image.replay_value, sizeof(image.replay_value));
    memcpy(v->priv.replay.abort, image.replay_abort, sizeof(image.replay_abort));
    unpack_exit(&c->exit, image.pending, image.exit);
    soft_timer_update(c);
    return 0;
}
