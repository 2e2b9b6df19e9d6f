/* SPDX-License-Identifier: ISC */
/*
 * The explainer with events, registers, tables and a memory map made up here: the exact words, that
 * they follow the numbers, that a right driver causes none, and that there is an end of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm/regs.h"
#include "debug/explain.h"

#define RAM      UINT64_C(0x70000000)
#define RAM_SIZE UINT64_C(0x10000000)
#define TABLES   (RAM + 0x10000) /* translation tables grow from here, 4 KiB each */
#define WORDS    4096

/* Features of virtio-net (VIRTIO 1.2, 5.1.3). */
#define MTU       BIT(3)
#define MAC       BIT(5)
#define GUEST_TSO (BIT(7) | BIT(8))
#define HOST_TSO  (BIT(11) | BIT(12))
#define VERSION_1 BIT(32)
#define OFFERED   (BIT(0) | BIT(1) | MTU | MAC | GUEST_TSO | HOST_TSO | BIT(16) | VERSION_1)

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };

struct bench {
    struct explainer *explainer;
    struct explain_host host;
    struct log log;
    char lines[128][512];
    unsigned count, asked, delayed;
    struct arm_walk_regs regs;
    bool knows_regs;
    uint64_t words[WORDS]; /* guest memory from TABLES on */
    unsigned tables, va_bits;
    uint64_t backing, backing_size; /* of a virtio-gpu resource */
    unsigned resource;
};

static void take_line(void *ctx, enum log_level level, const char *line)
{
    struct bench *b = ctx;

    assert_int_equal(level, LOG_WARN);
    assert_true(strlen(line) < 511); /* nothing was cut off */
    assert_true(b->count < 128);
    snprintf(b->lines[b->count++], sizeof(b->lines[0]), "%s", line);
}

static bool regs(void *ctx, unsigned cpu, struct arm_walk_regs *to)
{
    struct bench *b = ctx;

    *to = b->regs;
    return b->knows_regs;
}

static bool read_word(void *ctx, uint64_t pa, uint64_t *value)
{
    struct bench *b = ctx;

    if (pa < TABLES || pa >= TABLES + sizeof(b->words))
        return false;
    *value = b->words[(pa - TABLES) / 8];
    return true;
}

static bool place(void *ctx, uint64_t pa, char *text, size_t room)
{
    struct bench *b = ctx;

    if (pa - b->backing < b->backing_size)
        snprintf(text, room, "the backing of virtio-gpu resource %u, offset 0x%llx", b->resource,
                 (unsigned long long)(pa - b->backing));
    else if (pa - RAM < RAM_SIZE)
        snprintf(text, room, "RAM, offset 0x%llx", (unsigned long long)(pa - RAM));
    else if (pa >> 12 == 0x20050)
        snprintf(text, room, "the PL031 clock, offset 0x%llx", (unsigned long long)(pa & 0xfff));
    else
        return false;
    return true;
}

static bool ring(void *ctx, const char *device, unsigned queue, unsigned line, char *text,
                 size_t room)
{
    snprintf(text, room, "line %u of %s's queue %u", line, device, queue);
    return line < 2;
}

static void ask(void *ctx)
{
    ((struct bench *)ctx)->asked++;
}

static void later(void *ctx)
{
    ((struct bench *)ctx)->delayed++;
}

static struct bench *bench_at(enum explain_level level)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->log = (struct log){take_line, b, LOG_WARN};
    b->host = (struct explain_host){.log = &b->log,
                                    .level = level,
                                    .ram_base = RAM,
                                    .ram_size = RAM_SIZE,
                                    .wild_outcome = "OUTCOME",
                                    .ctx = b,
                                    .regs = regs,
                                    .read = read_word,
                                    .place = place,
                                    .ring = ring,
                                    .ask = ask,
                                    .later = later};
    b->knows_regs = true;
    assert_int_equal(explainer_create(&b->explainer, &b->host), 0);
    return b;
}

static int setup(void **state)
{
    *state = bench_at(EXPLAIN_BRIEF);
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    explainer_destroy(b->explainer);
    free(b);
    return 0;
}

static void expect_lines(struct bench *b, unsigned count, ...)
{
    va_list lines;

    va_start(lines, count);
    for (unsigned i = 0; i < count && i < b->count; i++)
        assert_string_equal(b->lines[i], va_arg(lines, const char *));
    va_end(lines);
    assert_int_equal(b->count, count);
    b->count = 0;
}

/* --- drivers --- */

static void emit(struct bench *b, enum event_kind kind, const char *device, const char *text,
                 uint64_t a, uint64_t b_, uint64_t c)
{
    const struct event event = {
        .kind = kind, .cpu = -1, .device = device, .text = text, .a = a, .b = b_, .c = c};

    explainer_event(b->explainer, &event);
}

static void features(struct bench *b, const char *device, bool accepted, uint64_t wanted)
{
    emit(b, EVENT_DEVICE_STATUS, device, NULL, ACKNOWLEDGE | DRIVER, ACKNOWLEDGE | DRIVER, 0);
    emit(b, accepted ? EVENT_FEATURES_ACCEPTED : EVENT_FEATURES_REFUSED, device, NULL, wanted,
         OFFERED, 0);
    emit(b, EVENT_DEVICE_STATUS, device, NULL, ACKNOWLEDGE | DRIVER | (accepted ? FEATURES_OK : 0),
         ACKNOWLEDGE | DRIVER | FEATURES_OK, 0);
}

static void status(struct bench *b, const char *device, uint8_t now, uint8_t written)
{
    emit(b, EVENT_DEVICE_STATUS, device, NULL, now, written, 0);
}

#define NO_MTU                                                                                     \
    "it did not accept VIRTIO_NET_F_MTU, which was offered and which a driver should accept "      \
    "(VIRTIO 1.2, 5.1.4.2); without it, Apple's clears FEATURES_OK"
#define VIO(n)                                                                                     \
    "virtio-net" n ": OpenBSD's if_vio.c before 1.78 does not ask for MTU; what it says on "       \
    "Apple's machine is \"vio" n ": Feature negotiation failed\""

static void accepted_without_mtu(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net0", true, MAC | VERSION_1);
    assert_int_equal(b->count, 0); /* the driver may negotiate again */
    status(b, "virtio-net0", 15, 15);
    expect_lines(b, 2, "virtio-net0: Apple's machine would refuse this driver, because " NO_MTU,
                 VIO("0"));
    /* Once, whatever comes; another device is another story. */
    emit(b, EVENT_DEVICE_RESET, "virtio-net0", NULL, 15, 0, 0);
    features(b, "virtio-net0", true, MAC | VERSION_1);
    status(b, "virtio-net0", 15, 15);
    assert_int_equal(b->count, 0);
    features(b, "virtio-net12", true, VERSION_1);
    status(b, "virtio-net12", 15, 15);
    expect_lines(b, 2, "virtio-net12: Apple's machine would refuse this driver, because " NO_MTU,
                 VIO("12"));
}

static void refused_without_mtu(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net1", false, MAC | VERSION_1);
    assert_int_equal(b->count, 0);
    assert_int_equal(b->delayed, 1);
    status(b, "virtio-net1", 131, 131);
    expect_lines(b, 2, "virtio-net1: the driver's features were refused, because " NO_MTU,
                 VIO("1"));
    explainer_settle(b->explainer);
    status(b, "virtio-net1", 131, 131);
    assert_int_equal(b->count, 0);
}

/* A driver that goes away without a word; one that tries the same again; one that goes on. */
static void refused_and_silent(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net0", false, MAC | VERSION_1);
    emit(b, EVENT_DEVICE_RESET, "virtio-net0", NULL, 3, 0, 0);
    assert_int_equal(b->count, 0);
    explainer_settle(b->explainer);
    assert_int_equal(b->count, 2);
    features(b, "virtio-net1", false, MAC | VERSION_1);
    features(b, "virtio-net1", false, MAC | VERSION_1);
    assert_int_equal(b->count, 4);
    features(b, "virtio-net2", false, MAC | VERSION_1);
    status(b, "virtio-net2", 3, 15);
    assert_int_equal(b->count, 6);
}

/* if_vio.c 1.78: all of TSO first, then none; and a driver that learns of MTU by being refused. */
static void recovers(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net0", true, MTU | MAC | GUEST_TSO | HOST_TSO | VERSION_1);
    emit(b, EVENT_DEVICE_RESET, "virtio-net0", NULL, 11, 0, 0);
    features(b, "virtio-net0", true, MTU | MAC | VERSION_1);
    status(b, "virtio-net0", 15, 15);
    features(b, "virtio-net1", false, MAC | VERSION_1);
    emit(b, EVENT_DEVICE_RESET, "virtio-net1", NULL, 3, 0, 0);
    features(b, "virtio-net1", true, MTU | MAC | VERSION_1);
    status(b, "virtio-net1", 15, 15);
    features(b, "virtio-blk0", true, VERSION_1);
    status(b, "virtio-blk0", 15, 15);
    explainer_settle(b->explainer);
    assert_int_equal(b->count, 0);
    assert_int_equal(explainer_count(b->explainer, EVENT_FEATURES_ACCEPTED), 4);
    assert_int_equal(explainer_count(b->explainer, EVENT_FEATURES_REFUSED), 1);
}

static void host_tso_alone(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net0", true, MTU | BIT(12) | VERSION_1);
    status(b, "virtio-net0", 15, 15);
    expect_lines(
        b, 2,
        "virtio-net0: Apple's machine would refuse this driver, because it accepted "
        "HOST_TSO6 without GUEST_TSO4 or GUEST_TSO6; VIRTIO 1.2, 5.1.3.1 allows that, but "
        "Apple's clears FEATURES_OK",
        "virtio-net0: OpenBSD's if_vio.c since 1.78 gives up TSO altogether when it cannot "
        "have GUEST_TSO, and negotiates again");
}

static void the_standards_rules(void **state)
{
    struct bench *b = *state;

    features(b, "virtio-net0", false, MTU | BIT(15) | BIT(45) | VERSION_1);
    status(b, "virtio-net0", 131, 131);
    expect_lines(b, 1,
                 "virtio-net0: the driver's features were refused, because it accepted MRG_RXBUF "
                 "bit 45, which was not offered, and a driver must not (VIRTIO 1.2, 2.2.1)");
    features(b, "virtio-blk0", false, BIT(0));
    status(b, "virtio-blk0", 131, 131);
    expect_lines(b, 1,
                 "virtio-blk0: the driver's features were refused, because it did not accept "
                 "VIRTIO_F_VERSION_1, and a driver must (VIRTIO 1.2, 6.1); this device has no "
                 "legacy interface");
    status(b, "virtio-rng0", 3, 7);
    assert_int_equal(b->count, 1);
    assert_non_null(
        strstr(b->lines[0], "virtio-rng0: the driver set DRIVER_OK without FEATURES_OK"));
}

static void queues(void **state)
{
    struct bench *b = *state;

    for (unsigned i = 0; i < 3; i++)
        emit(b, EVENT_QUEUE_BEFORE_OK, "virtio-balloon0", NULL, 2, 0, 0);
    status(b, "virtio-balloon0", 15, 15); /* as Linux's driver does: no harm came of it */
    for (unsigned i = 0; i < 3; i++)
        emit(b, EVENT_QUEUE_BEFORE_OK, "virtio-gpu0", NULL, 1, 0, 0);
    assert_int_equal(b->count, 0);
    assert_int_equal(b->delayed, 2);
    explainer_settle(b->explainer);
    explainer_settle(b->explainer);
    assert_int_equal(b->count, 1);
    assert_non_null(strstr(b->lines[0], "virtio-gpu0: the driver notified queue 1 and waits"));
    for (unsigned i = 0; i < 3; i++)
        emit(b, EVENT_QUEUE_DISABLED, "virtio-gpu0", NULL, 7, 0, 0);
    assert_int_equal(b->count, 2);
    assert_non_null(strstr(b->lines[1], "notified queue 7, which it has not enabled"));
    assert_int_equal(explainer_count(b->explainer, EVENT_QUEUE_DISABLED), 3);
}

static void full_names(void **state)
{
    struct bench *b = bench_at(EXPLAIN_FULL);

    features(b, "virtio-net0", false, MAC | VERSION_1);
    status(b, "virtio-net0", 131, 131);
    expect_lines(b, 5, "virtio-net0: the driver's features were refused, because " NO_MTU, VIO("0"),
                 "virtio-net0: offered: CSUM GUEST_CSUM MTU MAC GUEST_TSO4 GUEST_TSO6 HOST_TSO4 "
                 "HOST_TSO6 STATUS VERSION_1",
                 "virtio-net0: accepted by the driver: MAC VERSION_1",
                 "virtio-net0: device status: ACKNOWLEDGE DRIVER FAILED");
    teardown((void *[]){b});
}

/* --- a CPU's access --- */

static uint64_t new_table(struct bench *b)
{
    return TABLES + 4096 * b->tables++;
}

static uint64_t *entry(struct bench *b, uint64_t table, uint64_t va, unsigned level)
{
    va &= bits_mask(b->va_bits);
    return &b->words[(table - TABLES) / 8 + bits_get(va, 47 - 9 * level, 39 - 9 * level)];
}

/* Maps a page in 4 KiB tables whose first level is `level`. */
static void map(struct bench *b, uint64_t top, unsigned level, uint64_t va, uint64_t pa)
{
    for (; level < 3; level++) {
        uint64_t *e = entry(b, top, va, level);

        if (!*e)
            *e = new_table(b) | 3;
        top = *e & bits_mask(48) & ~bits_mask(12);
    }
    *entry(b, top, va, 3) = (pa & bits_mask(48)) | BIT(10) | BIT(6) | 3;
}

/* A machine of 40 bits with `bits` of virtual addresses in each half. */
static void mmu_on(struct bench *b, unsigned bits, unsigned el)
{
    b->va_bits = bits;
    b->regs = (struct arm_walk_regs){
        .sctlr = SCTLR_M,
        .tcr = (64 - bits) | (uint64_t)(64 - bits) << TCR_T1SZ_SHIFT |
               UINT64_C(2) << TCR_TG1_SHIFT | UINT64_C(2) << TCR_IPS_SHIFT,
        .ttbr = {new_table(b), new_table(b)},
        .mmfr0 = 2,
        .el = el,
    };
}

static void wild(struct bench *b, uint64_t va, uint64_t pa, uint64_t pc, bool write)
{
    const struct event event = {
        .kind = EVENT_WILD_ACCESS, .write = write, .cpu = 2, .a = va, .b = pa, .c = pc};

    explainer_event(b->explainer, &event);
}

struct frame_buffer {
    unsigned va_bits;
    uint64_t kva, pa, user, pc;
    unsigned resource;
};

/* A frame buffer at `kva`, mapped for a user by that number and touched. */
static void paint(struct bench *b, const struct frame_buffer *f)
{
    unsigned level = f->va_bits > 39 ? 0 : 1;

    mmu_on(b, f->va_bits, 0);
    map(b, b->regs.ttbr[1], level, f->kva, f->pa);
    map(b, b->regs.ttbr[0], level, f->user, f->kva);
    b->backing = f->pa;
    b->backing_size = 0x1000;
    b->resource = f->resource;
    wild(b, f->user + 0x10, f->kva & bits_mask(48), f->pc, true);
}

static void words_follow_the_numbers(void **state)
{
    static const struct frame_buffer buffers[] = {
        {39, 0xffffff8012345000, 0x72000000, 0x40000000, 0x100e8, 1},
        {39, 0xffffffc000001000, 0x7abcd000, 0x123456000, 0x20000, 7},
        {48, 0xffff800010203000, 0x7fff0000, 0x7f0000000000, 0xaaaa0000, 33},
        {48, 0xffff000300000000, 0x70f00000, 0x1000, 0x400, 4096},
        {42, 0xfffffe0000345000, 0x71234000, 0x20000000000, 0x44, 2},
    };

    for (size_t i = 0; i < nitems(buffers); i++) {
        const struct frame_buffer *f = &buffers[i];
        unsigned long long low = f->kva & bits_mask(48);
        char first[512], second[512];
        struct bench *b = bench_at(EXPLAIN_BRIEF);

        paint(b, f);
        snprintf(first, sizeof(first),
                 "CPU 2: the program at EL0, pc 0x%llx, wrote to virtual address 0x%llx, which its "
                 "tables map to physical address 0x%llx, which is above its 40 bits of physical "
                 "addresses: OUTCOME",
                 (unsigned long long)f->pc, (unsigned long long)f->user + 0x10, low + 0x10);
        if (!(low >> 40))
            snprintf(strstr(first, "which is above"), 64, "where there is nothing: OUTCOME");
        snprintf(second, sizeof(second),
                 "CPU 2: 0x%llx, sign-extended, is the kernel virtual address 0x%llx, which is "
                 "mapped to physical address 0x%llx: the backing of virtio-gpu resource %u, offset "
                 "0x10. So a virtual address was entered in a page table where the physical one "
                 "belongs, by a driver's mmap routine, say (OpenBSD's viogpu.c before 1.13 does "
                 "that)",
                 low + 0x10, (unsigned long long)f->kva + 0x10, (unsigned long long)f->pa + 0x10,
                 f->resource);
        wild(b, f->user + 0x10, low, f->pc, true); /* refaults are not told */
        wild(b, f->user + 0x2010, low + 0x2000, f->pc, true);
        expect_lines(b, 2, first, second);
        assert_int_equal(explainer_count(b->explainer, EVENT_WILD_ACCESS), 3);
        teardown((void *[]){b});
    }
}

/* No kernel has it mapped, or what it maps to is nothing: only what was seen is said. */
static void no_kernel_address(void **state)
{
    struct bench *b = *state;

    mmu_on(b, 39, 1);
    map(b, b->regs.ttbr[0], 1, 0x5000, 0x60000000);
    wild(b, 0x5008, 0x60000008, 0x1234, false);
    expect_lines(b, 1,
                 "CPU 2: the program at EL1, pc 0x1234, read from virtual address 0x5008, which "
                 "its tables map to physical address 0x60000008, where there is nothing: OUTCOME");
    map(b, b->regs.ttbr[1], 1, 0xffffff8000777000, 0x60001000);
    map(b, b->regs.ttbr[0], 1, 0x6000, 0xff8000777000);
    wild(b, 0x6000, 0xff8000777000, 0x5678, false);
    assert_int_equal(b->count, 1);
    b->knows_regs = false;
    b->count = 0;
    wild(b, 0x7000, 0x61000000, 0x9999, false);
    expect_lines(b, 1,
                 "CPU 2: the program at pc 0x9999 accessed physical address 0x61000000, where "
                 "there is nothing: OUTCOME");
}

static void full_walk(void **state)
{
    struct bench *b = bench_at(EXPLAIN_FULL);

    paint(b, &(struct frame_buffer){39, 0xffffff8012345000, 0x72000000, 0x40000000, 0x100e8, 1});
    assert_int_equal(b->count, 10);
    assert_string_equal(b->lines[1],
                        "CPU 2: walk of 0x40000010: level 1, descriptor 0x70014003 at 0x70010008");
    assert_string_equal(b->lines[4], "CPU 2: walk of 0x40000010: address size fault at level 3");
    assert_string_equal(b->lines[9],
                        "CPU 2: walk of 0xffffff8012345010: physical address 0x72000010, a 4 KiB "
                        "mapping, memory attributes 0x00");
    teardown((void *[]){b});
}

static void has_an_end(void **state)
{
    struct bench *b = *state;

    mmu_on(b, 39, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        wild(b, i << 12, (i << 12) + BIT(35), 4 * i, false);
        emit(b, EVENT_RING_MALFORMED, "virtio-blk0", "buffer is not in RAM", 0, i << 20, 512);
    }
    while (!explainer_ask_cpu(b->explainer, 0))
        ;
    assert_in_range(b->count, 1, 32);
    assert_int_equal(explainer_count(b->explainer, EVENT_WILD_ACCESS), 1000);
}

static void off(void **state)
{
    struct bench *b = bench_at(EXPLAIN_OFF);

    features(b, "virtio-net0", true, VERSION_1);
    status(b, "virtio-net0", 15, 15);
    paint(b, &(struct frame_buffer){39, 0xffffff8012345000, 0x72000000, 0x40000000, 0x100e8, 1});
    assert_int_equal(b->count, 0);
    assert_int_equal(explainer_count(b->explainer, EVENT_WILD_ACCESS), 1);
    teardown((void *[]){b});
}

/* --- addresses that devices are given --- */

static void descriptor_by_kernel_address(void **state)
{
    struct bench *b = *state;

    mmu_on(b, 39, 0);
    map(b, b->regs.ttbr[1], 1, 0xffffff8080003000, 0x700d6000);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk3", "buffer is not in RAM", 5,
         UINT64_C(0xffffff8080003010), 512);
    assert_int_equal(b->asked, 1);
    assert_int_equal(b->count, 0);
    assert_false(explainer_ask_cpu(b->explainer, 0)); /* a program runs, its kernel may be hidden */
    b->regs.el = 1;
    assert_true(explainer_ask_cpu(b->explainer, 0));
    expect_lines(b, 1,
                 "virtio-blk3: queue 5, buffer is not in RAM: 0xffffff8080003010 is a kernel "
                 "virtual address, where a physical one belongs (VIRTIO 1.2, 2.7.5); it is mapped "
                 "to physical address 0x700d6010: RAM, offset 0xd6010");
}

static void other_descriptors(void **state)
{
    struct bench *b = *state;

    mmu_on(b, 39, 1);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk0", "buffer is not in RAM", 0, RAM + RAM_SIZE - 256,
         512);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk0", "buffer is not in RAM", 0, 0x20050004, 16);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk0", "driver area is not in RAM", 1, 0x1000, 0);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk0", "chain is longer than the queue", 2, 77, 0);
    emit(b, EVENT_GPU_BACKING, "virtio-gpu0", NULL, 0x2000, 4096, 9);
    assert_true(explainer_ask_cpu(b->explainer, 0));
    expect_lines(
        b, 5,
        "virtio-blk0: queue 0, buffer is not in RAM: 0x7fffff00 is in RAM, but the 512 "
        "bytes there run off its end, which is at 0x80000000 (VIRTIO 1.2, 2.7.5)",
        "virtio-blk0: queue 0, buffer is not in RAM: what lives at 0x20050004 is the PL031 "
        "clock, offset 0x4; the address must be that of memory (VIRTIO 1.2, 2.7.5)",
        "virtio-blk0: queue 1, driver area is not in RAM: there is nothing at physical "
        "address 0x1000; RAM is from 0x70000000 to 0x7fffffff (VIRTIO 1.2, 2.7.5)",
        "virtio-blk0: queue 2, chain is longer than the queue (0x4d): the driver broke the "
        "ring's rules (VIRTIO 1.2, 2.7 and 2.8), and the device waits for a reset (2.1.2)",
        "virtio-gpu0: the backing of resource 9: there is nothing at physical address "
        "0x2000; RAM is from 0x70000000 to 0x7fffffff (VIRTIO 1.2, 5.7.6.8)");
}

static void full_ring(void **state)
{
    struct bench *b = bench_at(EXPLAIN_FULL);

    mmu_on(b, 39, 1);
    emit(b, EVENT_RING_MALFORMED, "virtio-blk1", "chain is longer than the queue", 2, 77, 0);
    assert_true(explainer_ask_cpu(b->explainer, 0));
    assert_int_equal(b->count, 3);
    assert_string_equal(b->lines[1], "virtio-blk1: queue 2: line 0 of virtio-blk1's queue 2");
    assert_string_equal(b->lines[2], "virtio-blk1: queue 2: line 1 of virtio-blk1's queue 2");
    teardown((void *[]){b});
}

/* No CPU answers: told without one in the end. */
static void nobody_to_ask(void **state)
{
    struct bench *b = *state;

    b->knows_regs = false;
    emit(b, EVENT_GPU_BACKING, "virtio-gpu0", NULL, UINT64_C(0xffffff8000002000), 4096, 9);
    assert_false(explainer_ask_cpu(b->explainer, 0));
    assert_int_equal(b->delayed, 1);
    explainer_settle(b->explainer);
    assert_int_equal(b->count, 1);
    explainer_settle(b->explainer);
    assert_int_equal(b->count, 1);
}

static void widths(void **state)
{
    struct bench *b = *state;

    mmu_on(b, 39, 1);
    emit(b, EVENT_ACCESS_BAD_WIDTH, NULL, NULL, 0x20050008, 8, 0);
    assert_int_equal(b->count, 0); /* not within the access */
    assert_true(explainer_ask_cpu(b->explainer, 0));
    assert_int_equal(b->count, 1);
    assert_non_null(strstr(b->lines[0], "an access of 8 bytes to physical address 0x20050008 (the "
                                        "PL031 clock, offset 0x8)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accepted_without_mtu),
        TEST(refused_without_mtu),
        TEST(refused_and_silent),
        TEST(recovers),
        TEST(host_tso_alone),
        TEST(the_standards_rules),
        TEST(queues),
        cmocka_unit_test(full_names),
        cmocka_unit_test(words_follow_the_numbers),
        TEST(no_kernel_address),
        cmocka_unit_test(full_walk),
        TEST(has_an_end),
        cmocka_unit_test(off),
        TEST(descriptor_by_kernel_address),
        TEST(other_descriptors),
        cmocka_unit_test(full_ring),
        TEST(nobody_to_ask),
        TEST(widths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
