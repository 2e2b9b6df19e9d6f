/* SPDX-License-Identifier: ISC */
/* See double_private.h. */
#include "engine/soft/private.h"

#include <Hypervisor/Hypervisor.h>

void double_abandon(struct vcpu *under);
unsigned double_sysreg_rt(const struct vcpu *under);
void double_rearm(struct engine_vm *under, uint64_t ipa, uint64_t len);

void double_abandon(struct vcpu *under)
{
    under->priv.pending = SOFT_PENDING_NONE;
    under->priv.replay.count = under->priv.replay.next = 0;
}

unsigned double_sysreg_rt(const struct vcpu *under)
{
    return under->priv.pending_rt;
}

void double_rearm(struct engine_vm *under, uint64_t ipa, uint64_t len)
{
    soft_rearm(&under->soft, ipa, len, true);
}
