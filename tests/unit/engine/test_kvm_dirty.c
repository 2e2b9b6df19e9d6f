/* SPDX-License-Identifier: ISC */
/*
 * How the engine kvm divides RAM into slots and reads their logs, over a kernel that is made up
 * here and holds to KVM's rules (KVM 4.8, 4.35, 4.117).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "engine/kvm/private.h"

#define RAM     UINT64_C(0x70000000)
#define CHUNK   (2 * MIB)
#define MIRRORS UINT64_C(0x50000000)

struct kernel_slot {
    struct kvm_userspace_memory_region region; /* memory_size 0: there is none */
    uint64_t *dirty;                           /* as long as it is logged */
};

struct fixture {
    struct engine_vm vm;
    struct mem *mem;
    struct mem_watch *watch;
    uint64_t size;
    bool clears;   /* the kernel has KVM_CLEAR_DIRTY_LOG */
    unsigned fail; /* which slot's making from now on fails; 0: none */
    struct kernel_slot slots[KVM_SLOTS];
};

static struct fixture f;

/* --- the kernel --- */

static uint64_t words_of(const struct kernel_slot *slot)
{
    return slot->region.memory_size / f.vm.page_size / 64 + 1;
}

static int begin_log(struct kernel_slot *slot)
{
    if (slot->dirty)
        return 0;
    slot->dirty = malloc(words_of(slot) * sizeof(uint64_t));
    assert_non_null(slot->dirty);
    memset(slot->dirty, 0, words_of(slot) * sizeof(uint64_t));
    for (uint64_t i = 0; f.clears && i < slot->region.memory_size / f.vm.page_size; i++)
        slot->dirty[i / 64] |= BIT(i % 64);
    return 0;
}

static int end_log(struct kernel_slot *slot)
{
    free(slot->dirty);
    slot->dirty = NULL;
    return 0;
}

static bool overlap(const struct kvm_userspace_memory_region *a,
                    const struct kvm_userspace_memory_region *b)
{
    return a->guest_phys_addr < b->guest_phys_addr + b->memory_size &&
           b->guest_phys_addr < a->guest_phys_addr + a->memory_size;
}

static int make_slot(struct kernel_slot *slot, const struct kvm_userspace_memory_region *region)
{
    for (size_t i = 0; i < KVM_SLOTS; i++)
        if (overlap(&f.slots[i].region, region))
            return -EEXIST;
    if (f.fail && --f.fail == 0)
        return -ENOMEM;
    slot->region = *region;
    return region->flags & KVM_MEM_LOG_DIRTY_PAGES ? begin_log(slot) : 0;
}

static int set_slot(const struct kvm_userspace_memory_region *region)
{
    struct kernel_slot *slot = &f.slots[region->slot];
    struct kvm_userspace_memory_region before = slot->region;

    assert_true(region->slot < KVM_SLOTS);
    if (region->memory_size == 0) {
        slot->region.memory_size = 0;
        end_log(slot);
        return before.memory_size ? 0 : -EINVAL;
    }
    if (before.memory_size == 0)
        return make_slot(slot, region);
    if (before.memory_size != region->memory_size ||
        before.guest_phys_addr != region->guest_phys_addr ||
        before.userspace_addr != region->userspace_addr ||
        (before.flags ^ region->flags) & KVM_MEM_READONLY)
        return -EINVAL;
    slot->region = *region;
    return region->flags & KVM_MEM_LOG_DIRTY_PAGES ? begin_log(slot) : end_log(slot);
}

static int get_log(const struct kvm_dirty_log *get)
{
    struct kernel_slot *slot = &f.slots[get->slot];

    assert_non_null(slot->dirty);
    memcpy(get->dirty_bitmap, slot->dirty,
           align_up(slot->region.memory_size / f.vm.page_size, 64) / 8);
    if (!f.clears)
        memset(slot->dirty, 0, words_of(slot) * sizeof(uint64_t));
    return 0;
}

static int clear_log(const struct kvm_clear_dirty_log *clear)
{
    struct kernel_slot *slot = &f.slots[clear->slot];
    uint64_t pages = slot->region.memory_size / f.vm.page_size;
    const uint64_t *bits = clear->dirty_bitmap;

    assert_true(f.clears && slot->dirty);
    assert_true(clear->first_page % 64 == 0 && clear->first_page < pages);
    assert_true(clear->num_pages <= pages - clear->first_page);
    assert_true(clear->num_pages % 64 == 0 || clear->num_pages == pages - clear->first_page);
    for (uint64_t i = 0; i < clear->num_pages; i += 64)
        slot->dirty[(clear->first_page + i) / 64] &= ~bits[i / 64];
    return 0;
}

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
    switch (request) {
    case KVM_SET_USER_MEMORY_REGION: return set_slot(argument);
    case KVM_GET_DIRTY_LOG: return get_log(argument);
    case KVM_CLEAR_DIRTY_LOG: return clear_log(argument);
    case KVM_ENABLE_CAP: return f.clears ? 0 : -EINVAL;
    default: return -ENOTTY;
    }
}

int kvm_ioctl_value(int fd, unsigned long request, unsigned long argument)
{
    return -ENOTTY;
}

void kvm_interrupt(struct vcpu *vcpu)
{
}

static struct kernel_slot *slot_at(uint64_t ipa)
{
    for (size_t i = 0; i < KVM_SLOTS; i++) {
        const struct kvm_userspace_memory_region *region = &f.slots[i].region;

        if (ipa - region->guest_phys_addr < region->memory_size)
            return &f.slots[i];
    }
    fail_msg("the guest has lost %#llx", (unsigned long long)ipa);
    return NULL;
}

static void guest_stores(uint64_t ipa)
{
    struct kernel_slot *slot = slot_at(ipa);
    uint64_t page = (ipa - slot->region.guest_phys_addr) / f.vm.page_size;

    if (slot->dirty)
        slot->dirty[page / 64] |= BIT(page % 64);
}

/* --- */

static void begin(uint64_t size, uint64_t page_size, bool clears)
{
    f = (struct fixture){.size = size, .clears = clears};
    assert_int_equal(mem_create(&f.mem), 0);
    assert_int_equal(mem_add_ram(f.mem, RAM, size, NULL), 0);
    f.vm.config.mem = f.mem;
    f.vm.page_size = page_size;
    pthread_mutex_init(&f.vm.lock, NULL);
    pthread_cond_init(&f.vm.changed, NULL);
    kvm_dirty_init(&f.vm);
    assert_int_equal(kvm_vm_map(&f.vm, RAM, size, true, NULL), 0);
}

static int end(void **state)
{
    mem_watch_destroy(f.watch);
    kvm_dirty_fini(&f.vm);
    for (size_t i = 0; i < KVM_SLOTS; i++)
        end_log(&f.slots[i]);
    pthread_cond_destroy(&f.vm.changed);
    pthread_mutex_destroy(&f.vm.lock);
    mem_destroy(f.mem);
    return 0;
}

static void watch(uint64_t ipa, uint64_t len)
{
    if (!f.watch)
        assert_int_equal(mem_watch_create(f.mem, &f.watch), 0);
    mem_watch_add(f.watch, ipa, len);
}

static void start(void)
{
    mem_watch_start(f.watch);
    mem_watch_take(f.watch);
    mem_watch_forget_all(f.watch);
}

/* All of RAM is there, where it was. Returns how many bytes of it are logged. */
static uint64_t logged(void)
{
    const struct mem_region *region = mem_find(f.mem, RAM, f.size);
    uint64_t sum = 0;

    for (uint64_t at = RAM; at < RAM + f.size;) {
        const struct kernel_slot *slot = slot_at(at);

        assert_true(slot->region.guest_phys_addr == at && !(slot->region.flags & KVM_MEM_READONLY));
        assert_true(slot->region.userspace_addr == (uintptr_t)region->host + (at - RAM));
        sum += slot->dirty ? slot->region.memory_size : 0;
        at += slot->region.memory_size;
    }
    return sum;
}

static unsigned slots_in_use(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < KVM_SLOTS; i++)
        count += f.slots[i].region.memory_size != 0;
    return count;
}

/* What a store to `at` alone is found to have written. */
static void expect_seen(uint64_t at)
{
    uint64_t page = align_down(at, f.vm.page_size);

    guest_stores(at);
    assert_true(mem_watch_take(f.watch));
    assert_true(mem_watch_written(f.watch, at, 1));
    mem_watch_forget(f.watch, page, f.vm.page_size);
    assert_false(mem_watch_written(f.watch, RAM, f.size));
    assert_false(mem_watch_take(f.watch));
}

static void what_is_not_watched_has_no_log(void **state)
{
    begin(64 * MIB, 4 * KIB, true);
    assert_int_equal(logged(), 0);
    watch(RAM + 10 * MIB + 4 * KIB, 4 * KIB);
    start();
    assert_int_equal(logged(), CHUNK);
    assert_int_equal(slots_in_use(), 3);
    mem_watch_destroy(f.watch);
    f.watch = NULL;
    assert_int_equal(logged(), 0);
    watch(RAM + 11 * MIB, 4 * KIB); /* the same piece */
    start();
    assert_int_equal(logged(), CHUNK);
    assert_int_equal(slots_in_use(), 3);
    mem_watch_destroy(f.watch);
    f.watch = NULL;
    watch(RAM, 4 * KIB);
    watch(RAM + 9 * MIB, 8 * MIB); /* over that piece, from the middle of one to that of another */
    watch(RAM + 64 * MIB - 1, 1);
    start();
    assert_int_equal(logged(), CHUNK + 10 * MIB + CHUNK);
}

static void stores_are_found(uint64_t page_size, bool clears)
{
    const uint64_t first = RAM + 5 * MIB, size = 3 * MIB;

    begin(64 * MIB, page_size, clears);
    watch(first, size);
    start();
    guest_stores(first - 1);
    guest_stores(first + size);
    guest_stores(RAM);
    assert_false(mem_watch_take(f.watch));
    for (unsigned again = 0; again < 2; again++) {
        expect_seen(first);
        expect_seen(first + MIB + 12345);
        expect_seen(first + size - 1);
    }
}

static void stores_are_found_by_clearing(void **state)
{
    stores_are_found(4 * KIB, true);
    /* What is not watched has not been taken out: no store to it makes KVM take note. */
    assert_true(slot_at(RAM + 4 * MIB)->dirty[0] & 1);
}

static void stores_are_found_by_reading(void **state)
{
    stores_are_found(4 * KIB, false);
}

static void stores_are_found_in_larger_pages(void **state)
{
    stores_are_found(16 * KIB, true);
}

/* Two watches in one piece: what is read for the one is not lost for the other. */
static void watches_share_a_log(void **state)
{
    const uint64_t other = RAM + MIB;
    struct mem_watch *second;

    begin(4 * MIB, 4 * KIB, *(const bool *)*state);
    watch(RAM, 4 * KIB);
    start();
    assert_int_equal(mem_watch_create(f.mem, &second), 0);
    mem_watch_add(second, other, 4 * KIB);
    guest_stores(RAM);
    mem_watch_start(second);
    mem_watch_take(second);
    mem_watch_forget_all(second);
    guest_stores(other);
    assert_true(mem_watch_take(f.watch));
    assert_true(mem_watch_written(f.watch, RAM, 1));
    assert_true(mem_watch_take(second));
    assert_true(mem_watch_written(second, other, 1));
    assert_false(mem_watch_take(second));
    mem_watch_destroy(second);
}

/* A page in every other chunk of more than there are slots for. */
static void slots_are_kept_for_mappings(void **state)
{
    const uint64_t size = GIB;
    static uint8_t page[4096] __attribute__((aligned(4096)));

    begin(size, 4 * KIB, true);
    for (uint64_t at = RAM; at < RAM + size; at += 2 * CHUNK)
        watch(at, 4 * KIB);
    start();
    assert_int_equal(slots_in_use(), KVM_SLOTS - KVM_SLOTS_KEPT);
    assert_true(logged() > size / 2 && logged() < size);
    expect_seen(RAM);
    expect_seen(RAM + size - 2 * CHUNK);
    for (uint64_t i = 0; i < KVM_SLOTS_KEPT; i++)
        assert_int_equal(kvm_vm_map_reads(&f.vm, MIRRORS + i * 4096, 4096, page), 0);
    assert_int_equal(kvm_vm_map_reads(&f.vm, MIRRORS - 4096, 4096, page), -ENOSPC);
    assert_int_equal(kvm_vm_unmap(&f.vm, MIRRORS, 4096), 0);
    assert_int_equal(kvm_vm_map_reads(&f.vm, MIRRORS - 4096, 4096, page), 0);
    assert_int_equal(kvm_vm_unmap(&f.vm, MIRRORS, 4096), -ENOENT);
}

/* Whichever slot the kernel has no memory for, the guest keeps its own, and is watched. */
static void what_cannot_be_divided_is_watched_whole(void **state)
{
    for (unsigned fail = 1; fail <= 5; fail++) {
        begin(16 * MIB, 4 * KIB, true);
        watch(RAM + 4 * MIB, 4 * KIB);
        f.fail = fail;
        start();
        assert_true(logged() >= CHUNK);
        assert_true(slots_in_use() <= 3);
        expect_seen(RAM + 4 * MIB);
        end(NULL);
    }
    begin(MIB, 4 * KIB, true);
}

/* vm_protect and vm_unmap reach every piece, and a watch goes on. */
static void pieces_change_together(void **state)
{
    begin(16 * MIB, 4 * KIB, true);
    watch(RAM + 4 * MIB, 4 * KIB);
    start();
    assert_int_equal(kvm_vm_protect(&f.vm, RAM, f.size, false), 0);
    assert_int_equal(slots_in_use(), 3);
    for (size_t i = 0; i < KVM_SLOTS; i++)
        if (f.slots[i].region.memory_size)
            assert_true(f.slots[i].region.flags & KVM_MEM_READONLY);
    assert_int_equal(kvm_vm_protect(&f.vm, RAM, f.size, true), 0);
    assert_int_equal(logged(), CHUNK);
    mem_watch_take(f.watch);
    mem_watch_forget_all(f.watch);
    expect_seen(RAM + 4 * MIB);
    assert_int_equal(kvm_vm_unmap(&f.vm, RAM, f.size), 0);
    assert_int_equal(slots_in_use(), 0);
}

int main(void)
{
    static bool no = false, yes = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_not_watched_has_no_log, end),
        cmocka_unit_test_teardown(stores_are_found_by_clearing, end),
        cmocka_unit_test_teardown(stores_are_found_by_reading, end),
        cmocka_unit_test_teardown(stores_are_found_in_larger_pages, end),
        cmocka_unit_test_prestate_setup_teardown(watches_share_a_log, NULL, end, &no),
        cmocka_unit_test_prestate_setup_teardown(watches_share_a_log, NULL, end, &yes),
        cmocka_unit_test_teardown(slots_are_kept_for_mappings, end),
        cmocka_unit_test_teardown(what_cannot_be_divided_is_watched_whole, end),
        cmocka_unit_test_teardown(pieces_change_together, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
