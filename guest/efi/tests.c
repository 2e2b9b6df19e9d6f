/* SPDX-License-Identifier: ISC */
#include "efi.h"

/* Without a C library, gcc's own calls. */
void *memset(void *to, int byte, size_t length);
void *memcpy(void *to, const void *from, size_t length);

void *memset(void *to, int byte, size_t length)
{
    for (volatile uint8_t *at = to; length--; at++)
        *at = (uint8_t)byte;
    return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
    volatile uint8_t *at = to;

    for (const uint8_t *b = from; length--; at++, b++)
        *at = *b;
    return to;
}

/* --- timers --- */

static uint64_t counted(uint64_t event, volatile uint64_t *count)
{
    *count += 1;
    return 0;
}

static uint64_t create(struct program *p, uint32_t type, uint64_t tpl, volatile uint64_t *count)
{
    uint64_t event = 0;

    CHECK(p,
          EFI_CALL(p->boot, CREATE_EVENT, type, tpl, type & EVT_NOTIFY_SIGNAL ? counted : NULL,
                   count, &event),
          0);
    return event;
}

/* A program that spins on a flag, and calls nothing, sees its timer; and nothing else of it. */
void test_timers(struct program *p)
{
    volatile uint64_t count = 0;
    uint64_t every = create(p, EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, &count);
    uint64_t once = create(p, EVT_TIMER, 0, NULL), index = 9, old;

    CHECK(p, EFI_CALL(p->boot, SET_TIMER, every, TIMER_PERIODIC, 100000), 0);
    CHECK(p, spin(&count, 8), 0);

    /* Not while the priority is as high as the function's. */
    old = EFI_CALL(p->boot, RAISE_TPL, TPL_CALLBACK);
    CHECK(p, old, TPL_APPLICATION);
    uint64_t before = count;
    EFI_CALL(p->boot, STALL, 50000);
    CHECK(p, count, before);
    EFI_CALL(p->boot, RESTORE_TPL, old);
    CHECK(p, count > before, true);

    CHECK(p, EFI_CALL(p->boot, SET_TIMER, once, TIMER_RELATIVE, 300000), 0);
    CHECK(p, EFI_CALL(p->boot, WAIT_FOR_EVENT, 1, &once, &index), 0);
    CHECK(p, index, 0);
    CHECK(p, EFI_CALL(p->boot, CHECK_EVENT, once), EFI_NOT_READY);
    CHECK(p, EFI_CALL(p->boot, SET_TIMER, every, TIMER_CANCEL, 0), 0);
    before = count;
    EFI_CALL(p->boot, STALL, 30000);
    CHECK(p, count, before);
}

/* --- images --- */

/* Ends the program from deep inside, with other values in every register. */
static uint64_t go_down(struct program *p, unsigned depth)
{
    volatile uint64_t here[8] = {depth};
    uint64_t lost;

    if (depth)
        return go_down(p, depth - 1) + here[0];
    return call_kept(p->boot[EXIT], p->image, 0x51, 0, &lost);
}

uint64_t run_child(struct program *p)
{
    if (p->loaded->options_size > 12) /* "child, which returns" */
        return 0x52;
    return go_down(p, 20);
}

static uint64_t start_child(struct program *p, const uint16_t *options, uint32_t size)
{
    static const struct guid guid = {
        0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
    struct loaded_image *loaded;
    uint64_t child = 0, lost = 1, status;

    CHECK(p,
          EFI_CALL(p->boot, LOAD_IMAGE, 0, p->image, 0, p->loaded->base, p->loaded->size, &child),
          0);
    CHECK(p, EFI_CALL(p->boot, HANDLE_PROTOCOL, child, &guid, &loaded), 0);
    loaded->options = (uint16_t *)(uintptr_t)options;
    loaded->options_size = size;
    status = call_kept(p->boot[START_IMAGE], child, 0, 0, &lost);
    CHECK(p, lost, 0);
    return status;
}

void test_images(struct program *p)
{
    for (unsigned i = 0; i < 20; i++) {
        CHECK(p, start_child(p, u"child", 12), 0x51);
        CHECK(p, start_child(p, u"child, which returns", 42), 0x52);
    }
}

/* --- the end of a program --- */

void test_crash(struct program *p)
{
    say(p, "over\n");
    *(volatile uint64_t *)(UINT64_C(0xdead) << 32) = 1;
}

/* A stack that is not there: the vectors must not need it. */
void test_bad_stack(struct program *p)
{
    say(p, "over\n");
    __asm__ volatile("msr daifset, #2; mov sp, %0; str xzr, [sp]" ::"r"(UINT64_C(0xdead) << 32)
                     : "memory");
}

/* Stays with EFI. */
void test_wait(struct program *p)
{
    say(p, "waiting\n");
    for (;;)
        EFI_CALL(p->boot, STALL, 100000);
}

/* --- an operating system --- */

#define OFFSET (UINT64_C(128) << 39) /* another entry of the level 0 table */
#define MAP    16384u

struct memory_map {
    uint64_t size, key, step;
    uint32_t version;
    uint8_t *at;
};

static void get_map(struct program *p, struct memory_map *map)
{
    map->size = MAP;
    CHECK(p,
          EFI_CALL(p->boot, GET_MEMORY_MAP, &map->size, map->at, &map->key, &map->step,
                   &map->version),
          0);
}

/* The same memory once more, OFFSET higher. */
static void map_twice(uint64_t *table)
{
    uint64_t old;

    __asm__ volatile("mrs %0, ttbr0_el1" : "=r"(old));
    for (unsigned i = 0; i < 512; i++)
        table[i] = ((uint64_t *)old)[i];
    table[128] = table[0];
    __asm__ volatile("dsb ish; msr ttbr0_el1, %0; isb; tlbi vmalle1; dsb ish; isb" ::"r"(table)
                     : "memory");
}

static void use_variable(struct program *p, const uint16_t *name, const struct guid *guid,
                         uint64_t *words, uint64_t by)
{
    words[0] = 0x1122334455667788;
    CHECK(p,
          EFI_CALL(p->runtime, SET_VARIABLE, (uint64_t)name + by, (uint64_t)guid + by, 7, 8,
                   (uint64_t)words + by),
          0);
    words[0] = 0;
    words[1] = 8;
    CHECK(p,
          EFI_CALL(p->runtime, GET_VARIABLE, (uint64_t)name + by, (uint64_t)guid + by, 0,
                   (uint64_t)&words[1] + by, (uint64_t)&words[0] + by),
          0);
    CHECK(p, words[0], 0x1122334455667788);
}

/* ExitBootServices; runtime services one to one, with the caller's map, and with pointers that lead
 * nowhere. */
void test_take_over(struct program *p)
{
    static uint64_t table[512] __attribute__((aligned(4096)));
    static const struct guid guid = {1, 2, 3, {4}};
    static uint64_t words[4] __attribute__((aligned(16)));
    struct memory_map map;
    uint64_t *virtual;

    CHECK(p, EFI_CALL(p->boot, ALLOCATE_POOL, LOADER_DATA, MAP, &map.at), 0);
    get_map(p, &map);
    CHECK(p, EFI_CALL(p->boot, EXIT_BOOT_SERVICES, p->image, map.key), 0);
    p->boot = NULL;
    CHECK(p, EFI_CALL(p->runtime, GET_TIME, words, 0), 0);
    use_variable(p, u"Test", &guid, words, 0);

    map_twice(table);
    for (uint64_t at = 0; at < map.size; at += map.step) {
        struct descriptor *d = (struct descriptor *)(map.at + at);

        if (d->attributes & EFI_MEMORY_RUNTIME)
            d->virtual = d->physical + OFFSET;
    }
    CHECK(p, EFI_CALL(p->runtime, SET_VIRTUAL_ADDRESS_MAP, map.size, map.step, map.version, map.at),
          0);
    virtual = (uint64_t *)((uint64_t)p->runtime + OFFSET);
    CHECK(p, virtual[GET_TIME] >= OFFSET, true);
    p->runtime = virtual;
    use_variable(p, u"Test", &guid, words, OFFSET);
    CHECK(p, EFI_CALL(p->runtime, GET_TIME, UINT64_C(0xffff) << 48, 0), EFI_INVALID_PARAMETER);
    CHECK(p, EFI_CALL(p->runtime, GET_TIME, OFFSET * 2, 0), EFI_INVALID_PARAMETER);
}

/* --- anything --- */

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t any(struct program *p, uint64_t *state, uint64_t *arena)
{
    uint64_t r = next(state);

    switch (r % 8) {
    case 0: return 0;
    case 1: return r >> 32;
    case 2: return r;
    case 3: return p->image;
    case 4: return arena[r >> 8 & 63];
    default: return (uint64_t)&arena[r >> 8 & 63];
    }
}

/* Calls whatever, with whatever. It may well be the end of the program; never of the machine that
 * it runs on. */
void test_wild(struct program *p, uint64_t seed)
{
    uint64_t arena[64], state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

    for (unsigned i = 0; i < 64; i++)
        arena[i] = next(&state) >> (next(&state) & 63);
    say(p, "wild\n");
    for (unsigned i = 0; i < 400; i++) {
        unsigned n = 3 + (unsigned)(next(&state) >> 16) % (BOOT_SERVICES - 3);
        uint64_t *at = next(&state) % 4 ? p->boot : p->runtime;

        if (n == WAIT_FOR_EVENT || n == STALL || n == EXIT || n == 20 ||
            (at == p->runtime && (n >= RUNTIME_SERVICES || n == RESET_SYSTEM)))
            continue;
        EFI_CALL(at, n, any(p, &state, arena), any(p, &state, arena), any(p, &state, arena),
                 any(p, &state, arena), any(p, &state, arena), any(p, &state, arena));
    }
}
