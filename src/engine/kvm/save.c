/* SPDX-License-Identifier: ISC */
/*
 * A vCPU's saved state: every register that KVM lists (KVM 4.69), as it lists it, and what is in
 * none of them. It is for a host with the same CPU, or one that has more and can hide it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kvm/private.h"

/* The state is a row of these, each its number and as many bytes as that says, and a tail. */
struct entry {
    uint64_t id;
    uint8_t value[KVM_REG_MAX];
};

struct tail {
    struct kvm_mp_state mp;
    struct kvm_vcpu_events events;
};

static size_t size_of(uint64_t id)
{
    return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static size_t entry_size(uint64_t id)
{
    return sizeof(id) + size_of(id);
}

static struct kvm_reg_list *list(struct vcpu *v)
{
    struct kvm_reg_list count = {0}, *all;

    kvm_ioctl(v->fd, KVM_GET_REG_LIST, &count); /* -E2BIG: and how many there are */
    all = calloc(1, sizeof(*all) + count.n * sizeof(all->reg[0]));
    if (!all)
        return NULL;
    all->n = count.n;
    if (kvm_ioctl(v->fd, KVM_GET_REG_LIST, all)) {
        free(all);
        return NULL;
    }
    return all;
}

static int read_all(struct vcpu *v, const struct kvm_reg_list *all, uint8_t *to)
{
    int ret = 0;

    for (uint64_t i = 0; i < all->n && !ret; i++) {
        struct entry e = {.id = all->reg[i]};

        ret = kvm_any_get(v, e.id, e.value);
        memcpy(to, &e, entry_size(e.id));
        to += entry_size(e.id);
    }
    return ret;
}

static int read_tail(struct vcpu *v, struct tail *tail)
{
    int ret = kvm_ioctl(v->fd, KVM_GET_MP_STATE, &tail->mp);

    return ret ? ret : kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &tail->events);
}

static int save_listed(struct vcpu *v, const struct kvm_reg_list *all, struct state *state,
                       const char *instance)
{
    struct tail tail = {0};
    size_t length = 0;
    uint8_t *bytes;
    int ret;

    for (uint64_t i = 0; i < all->n; i++) {
        if (size_of(all->reg[i]) > KVM_REG_MAX)
            return -ENOTSUP;
        length += entry_size(all->reg[i]);
    }
    bytes = malloc(length + sizeof(tail));
    ret = bytes ? read_all(v, all, bytes) : -ENOMEM;
    ret = ret ? ret : read_tail(v, &tail);
    if (ret == 0) {
        memcpy(bytes + length, &tail, sizeof(tail));
        ret = state_save_bytes(state, instance, bytes, length + sizeof(tail));
    }
    free(bytes);
    return ret;
}

int kvm_vcpu_save(struct vcpu *v, struct state *state, const char *instance)
{
    struct kvm_reg_list *all;
    int ret;

    kvm_settle(v);
    all = list(v);
    ret = all ? save_listed(v, all, state, instance) : -ENOMEM;
    free(all);
    return ret;
}

/* What the host's own CPU decides may be refused, as long as it is the same. */
static int load_register(struct vcpu *v, const struct entry *e)
{
    uint8_t now[KVM_REG_MAX] = {0};

    if (kvm_any_set(v, e->id, e->value) == 0)
        return 0;
    return kvm_any_get(v, e->id, now) == 0 && memcmp(now, e->value, size_of(e->id)) == 0 ? 0
                                                                                         : -EINVAL;
}

/* Takes the next entry off `bytes`. False: there is no whole one. */
static bool next(const uint8_t **bytes, size_t *length, struct entry *e)
{
    if (*length < sizeof(e->id))
        return false;
    memcpy(&e->id, *bytes, sizeof(e->id));
    if (size_of(e->id) > KVM_REG_MAX || entry_size(e->id) > *length)
        return false;
    memcpy(e, *bytes, entry_size(e->id));
    *bytes += entry_size(e->id);
    *length -= entry_size(e->id);
    return true;
}

int kvm_vcpu_load(struct vcpu *v, const struct state *state, const char *instance,
                  struct error *err)
{
    const void *whole;
    const uint8_t *bytes;
    struct tail tail;
    size_t length;
    int ret = state_load_bytes(state, instance, &whole, &length, err);

    if (ret)
        return ret;
    if (length < sizeof(tail))
        return error_set(err, EINVAL, "saved state: \"%s\" is of another engine", instance);
    bytes = whole;
    length -= sizeof(tail);
    memcpy(&tail, bytes + length, sizeof(tail));
    kvm_vcpu_reset(v);
    while (length > 0) {
        struct entry e = {0};

        if (!next(&bytes, &length, &e))
            return error_set(err, EINVAL, "saved state: \"%s\" is of another engine", instance);
        if (load_register(v, &e))
            return error_set(err, EINVAL,
                             "saved state: this host's KVM does not take \"%s\"'s register %#llx",
                             instance, (unsigned long long)e.id);
    }
    ret = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &tail.events);
    ret = ret ? ret : kvm_ioctl(v->fd, KVM_SET_MP_STATE, &tail.mp);
    return ret ? error_set(err, -ret, "saved state: KVM does not take \"%s\"", instance) : 0;
}
