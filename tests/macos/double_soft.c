/* SPDX-License-Identifier: ISC */
/* See double_private.h. */
#include "engine/soft/private.h"

#include <Hypervisor/Hypervisor.h>

void double_abandon(struct vcpu *under);
unsigned double_sysreg_rt(const struct vcpu *under);
bool double_may_store(uint64_t ipa);
void double_rights(struct engine_vm *under);
void double_flush(struct engine_vm *under);

void double_abandon(struct vcpu *under)
{
    under->priv.pending = SOFT_PENDING_NONE;
    under->priv.replay.count = under->priv.replay.next = 0;
}

unsigned double_sysreg_rt(const struct vcpu *under)
{
    return under->priv.pending_rt;
}

void double_rights(struct engine_vm *under)
{
    under->soft.may_store = double_may_store;
}

void double_flush(struct engine_vm *under)
{
    soft_rearm(&under->soft, 0, UINT64_MAX, true);
}
