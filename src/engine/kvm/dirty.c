/* SPDX-License-Identifier: ISC */
/*
 * Watched pages (mem/watch.c): KVM logs the pages that guests store to (KVM 4.8, 4.117, 7.18).
 *
 * A log is of a whole slot, whose pages are mapped one by one then: so a slot is divided, where
 * what is watched begins and ends, and only pieces with watched pages have a log. Within them only
 * watched pages are taken out of the log, which protects them from writes again; others stay in it
 * from the beginning (KVM_DIRTY_LOG_INITIALLY_SET), and are protected only where they lie between
 * two that are watched, by 64. Dividing takes the piece away for a moment and has vCPUs pause
 * (pause.c). A division stays for the next watch, so that a guest can bring about only so many.
 *
 * A page that begins to be watched may be in the log already. It counts as written anyway.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kvm/private.h"

#define WORD 64 /* pages in a word of a log; KVM_CLEAR_DIRTY_LOG takes whole words */
/* Slots are divided at multiples of the larger pages that KVM maps memory by: they stay whole. */
#define CHUNK (UINT64_C(2) << 20)

static bool is_ram(const struct kvm_slot *slot)
{
    return slot->size != 0 && slot->region;
}

static uint64_t pages_of(const struct engine_vm *vm, const struct kvm_slot *slot)
{
    return slot->size / vm->page_size;
}

/* --- dividing --- */

static bool chunk_watched(const struct kvm_slot *slot, uint64_t at)
{
    uint64_t first = MAX(align_down(at, CHUNK), slot->ipa);
    uint64_t end = MIN(align_down(at, CHUNK) + CHUNK, slot->ipa + slot->size);

    return mem_range_watched(slot->region, first, end - first);
}

/* Where watched chunks begin after others, or end; 0: nowhere. */
static uint64_t find_edge(const struct kvm_slot *slot)
{
    bool first = chunk_watched(slot, slot->ipa);

    for (uint64_t at = align_down(slot->ipa, CHUNK) + CHUNK; at < slot->ipa + slot->size;
         at += CHUNK)
        if (chunk_watched(slot, at) != first)
            return at;
    return 0;
}

/* What is divided leaves slots for what is mapped later. */
static bool slots_left(const struct engine_vm *vm)
{
    unsigned used = 0;

    for (unsigned i = 0; i < KVM_SLOTS; i++)
        used += vm->slots[i].size != 0;
    return used < KVM_SLOTS - KVM_SLOTS_KEPT;
}

/* Where a slot is to be divided; 0: it stays. One with a log does, for what is in it. */
static uint64_t where_to_divide(const struct engine_vm *vm, unsigned index)
{
    const struct kvm_slot *slot = &vm->slots[index];

    return is_ram(slot) && !slot->log && slots_left(vm) ? find_edge(slot) : 0;
}

/* Divides a slot without a log at `at`. Returns the upper one's index, or -errno with all as it
 * was. vCPUs pause. */
static int divide(struct engine_vm *vm, unsigned index, uint64_t at)
{
    const struct kvm_slot whole = vm->slots[index];
    struct kvm_slot upper = whole;
    int ret = kvm_slot_drop(vm, index);

    if (ret) {
        vm->slots[index] = whole;
        return ret;
    }
    upper.ipa = at;
    upper.host = (const uint8_t *)whole.host + (at - whole.ipa);
    upper.size = whole.ipa + whole.size - at;
    vm->slots[index] = whole;
    vm->slots[index].size = at - whole.ipa;
    ret = kvm_slot_set(vm, index);
    if (ret == 0) {
        ret = kvm_slot_add(vm, &upper);
        if (ret >= 0)
            return ret;
        kvm_slot_drop(vm, index);
    }
    vm->slots[index] = whole;
    if (kvm_slot_set(vm, index))
        log_error(vm->config.log, "kvm: the guest's memory at %#llx is lost",
                  (unsigned long long)whole.ipa);
    return ret;
}

/* Divides a slot from below until each piece is watched, or is not. */
static void divide_slot(struct engine_vm *vm, int index)
{
    while (index >= 0) {
        uint64_t at = where_to_divide(vm, (unsigned)index);

        if (at == 0)
            return;
        index = divide(vm, (unsigned)index, at);
    }
}

static void divide_all(struct engine_vm *vm)
{
    bool any = false;

    for (unsigned i = 0; i < KVM_SLOTS && !any; i++)
        any = where_to_divide(vm, i) != 0;
    if (!any)
        return;
    kvm_pause(vm);
    for (int i = 0; i < KVM_SLOTS; i++)
        divide_slot(vm, i);
    kvm_resume(vm);
}

/* --- logs --- */

static int begin_log(struct engine_vm *vm, unsigned index)
{
    struct kvm_slot *slot = &vm->slots[index];
    int ret;

    slot->log = calloc(pages_of(vm, slot) / WORD + 1, sizeof(uint64_t));
    if (!slot->log)
        return -ENOMEM;
    ret = kvm_slot_set(vm, index);
    if (ret) {
        free(slot->log);
        slot->log = NULL;
    }
    return ret;
}

static int end_log(struct engine_vm *vm, unsigned index)
{
    free(vm->slots[index].log);
    vm->slots[index].log = NULL;
    return kvm_slot_set(vm, index);
}

/* Slots have a log when they have watched pages. */
static void update_logs(struct engine_vm *vm)
{
    for (unsigned i = 0; i < KVM_SLOTS; i++) {
        const struct kvm_slot *slot = &vm->slots[i];
        bool wanted = is_ram(slot) && mem_range_watched(slot->region, slot->ipa, slot->size);
        int ret = 0;

        if (wanted != (slot->log != NULL))
            ret = wanted ? begin_log(vm, i) : end_log(vm, i);
        if (ret)
            log_error(vm->config.log, "kvm: stores to memory at %#llx are not seen: %s",
                      (unsigned long long)slot->ipa, strerror(-ret));
    }
}

/* The watched pages of a word of the log are marked. Returns them. */
static uint64_t mark_word(struct engine_vm *vm, const struct kvm_slot *slot, uint64_t word)
{
    uint64_t marked = 0;

    for (uint64_t left = slot->log[word]; left; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        uint64_t page = slot->ipa + (word * WORD + bit) * vm->page_size;

        if (!mem_range_watched(slot->region, page, vm->page_size))
            continue;
        mem_mark_dirty(vm->config.mem, page, vm->page_size);
        marked |= BIT(bit);
    }
    return marked;
}

/* Takes the pages that slot->log has in words [first, last] out of KVM's. What is stored to them
 * from here on is logged again. */
static void clear_log(struct engine_vm *vm, unsigned index, uint64_t first, uint64_t last)
{
    const struct kvm_slot *slot = &vm->slots[index];
    struct kvm_clear_dirty_log clear = {
        .slot = index,
        .first_page = first * WORD,
        .num_pages = (uint32_t)(MIN((last + 1) * WORD, pages_of(vm, slot)) - first * WORD),
        .dirty_bitmap = &slot->log[first]};

    kvm_ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear);
}

/* The pages of [ipa, end) that a slot's log has. One that KVM protects all of when its log is read
 * gives all of it. */
static void read_log(struct engine_vm *vm, unsigned index, uint64_t ipa, uint64_t end)
{
    const struct kvm_slot *slot = &vm->slots[index];
    struct kvm_dirty_log get = {.slot = index, .dirty_bitmap = slot->log};
    uint64_t low = UINT64_MAX, high = 0, pages = pages_of(vm, slot);
    uint64_t first = vm->clears_log ? (MAX(ipa, slot->ipa) - slot->ipa) / vm->page_size : 0;
    uint64_t last = vm->clears_log
                        ? (MIN(end, slot->ipa + slot->size) - 1 - slot->ipa) / vm->page_size
                        : pages - 1;

    if (kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &get)) {
        mem_mark_dirty(vm->config.mem, slot->ipa, slot->size);
        return;
    }
    for (uint64_t word = first / WORD; word <= last / WORD; word++) {
        slot->log[word] = mark_word(vm, slot, word);
        if (!slot->log[word])
            continue;
        low = MIN(low, word);
        high = word;
    }
    if (vm->clears_log && low <= high)
        clear_log(vm, index, low, high);
}

/* --- what mem/watch.c asks for --- */

static void collect(void *ctx, uint64_t ipa, uint64_t len)
{
    struct engine_vm *vm = ctx;

    pthread_mutex_lock(&vm->lock);
    for (unsigned i = 0; i < KVM_SLOTS; i++) {
        const struct kvm_slot *slot = &vm->slots[i];

        if (slot->log && slot->ipa < ipa + len && ipa < slot->ipa + slot->size)
            read_log(vm, i, ipa, ipa + len);
    }
    pthread_mutex_unlock(&vm->lock);
}

/* What has been collected is protected already. */
static void rearm(void *ctx, uint64_t ipa, uint64_t len, bool all)
{
    struct engine_vm *vm = ctx;

    if (!all)
        return;
    pthread_mutex_lock(&vm->lock);
    divide_all(vm);
    update_logs(vm);
    pthread_mutex_unlock(&vm->lock);
}

static void unwatch(void *ctx)
{
    struct engine_vm *vm = ctx;

    pthread_mutex_lock(&vm->lock);
    update_logs(vm);
    pthread_mutex_unlock(&vm->lock);
}

void kvm_dirty_init(struct engine_vm *vm)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
        .args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET}};

    vm->clears_log = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap) == 0;
    mem_set_tracker(
        vm->config.mem,
        &(struct mem_tracker){.rearm = rearm, .collect = collect, .unwatch = unwatch, .ctx = vm});
}

void kvm_dirty_fini(struct engine_vm *vm)
{
    mem_set_tracker(vm->config.mem, &(struct mem_tracker){0});
    for (unsigned i = 0; i < KVM_SLOTS; i++)
        free(vm->slots[i].log);
}
