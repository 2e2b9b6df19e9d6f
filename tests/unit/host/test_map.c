/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "host/entropy.h"
#include "host/map.h"

static void ram_is_lazy(void **state)
{
    struct host_ram ram;
    struct error err;
    uint8_t *bytes;

    assert_int_equal(host_ram_create(&ram, "ram", 64 * GIB, &err), 0);
    assert_true(ram.size == 64 * GIB);
    assert_int_equal(host_ram_resident(&ram), 0);
    bytes = ram.base;
    bytes[5 * GIB] = 7;
    assert_in_range(host_ram_resident(&ram), 1, 4 * MIB);
    host_ram_destroy(&ram);
    assert_null(ram.base);
    host_ram_destroy(&ram); /* twice is once */
}

static void ram_discard_gives_zeros_and_pages_back(void **state)
{
    uint64_t page = host_page_size();
    struct host_ram ram;
    uint8_t *bytes;
    int64_t before;

    assert_int_equal(host_ram_create(&ram, "ram", 16 * page - 1, NULL), 0);
    assert_int_equal(ram.size, 16 * page);
    bytes = ram.base;
    memset(bytes, 0xa5, ram.size);
    before = host_ram_resident(&ram);
    assert_int_equal(host_ram_discard(&ram, page, 4 * page), 0);
    assert_int_equal(bytes[page - 1], 0xa5);
    assert_int_equal(bytes[page], 0);
    assert_int_equal(bytes[5 * page - 1], 0);
    assert_int_equal(bytes[5 * page], 0xa5);
    assert_true(host_ram_resident(&ram) < before);
    assert_int_equal(host_ram_discard(&ram, 1, page), -EINVAL);
    assert_int_equal(host_ram_discard(&ram, 0, 17 * page), -EINVAL);
    assert_int_equal(host_ram_discard(&ram, UINT64_MAX - page + 1, 2 * page), -EINVAL);
    assert_int_equal(host_ram_discard(&ram, 16 * page, 0), 0);
    host_ram_destroy(&ram);
}

/* Of huge pages, which a host may have switched off, only what they need of us. */
static void ram_is_aligned_for_huge_pages(void **state)
{
    struct host_ram ram;

    assert_int_equal(host_ram_create(&ram, "ram", 3 * MIB, NULL), 0);
    assert_int_equal((uintptr_t)ram.base % (2 * MIB), 0);
    assert_int_equal(ram.size, 3 * MIB);
    memset(ram.base, 1, ram.size);
    assert_int_equal(host_ram_resident(&ram), 3 * MIB);
    host_ram_destroy(&ram);
}

/* What is not there in a child cannot be read there. */
static void ram_is_not_in_a_child(void **state)
{
    struct host_ram ram;
    unsigned char is;
    int status;
    pid_t child;

#ifdef __SANITIZE_THREAD__
    skip(); /* its own thread in the child has its stack where the hole is */
#endif
    assert_int_equal(host_ram_create(&ram, "ram", MIB, NULL), 0);
    child = fork();
    if (child == 0)
        _exit(mincore(ram.base, host_page_size(), &is) == -1 && errno == ENOMEM ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    host_ram_destroy(&ram);
}

static void ram_refuses_nonsense(void **state)
{
    struct host_ram ram;
    struct error err;

    assert_int_equal(host_ram_create(&ram, "ram", 0, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ram"));
    assert_int_equal(host_ram_create(&ram, "ram", UINT64_MAX, &err), -EINVAL);
    assert_true(host_ram_create(&ram, "ram", BIT(62), &err) < 0);
}

static void code_is_written_and_run_at_two_addresses(void **state)
{
#if defined(__x86_64__)
    static const uint8_t return_42[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42,%eax; ret */
#elif defined(__aarch64__)
    static const uint8_t return_42[] = {0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6};
#endif
    struct host_code code;
    int (*run)(void);

    assert_int_equal(host_code_create(&code, "code", 1, NULL), 0);
    assert_int_equal(code.size, host_page_size());
    assert_ptr_not_equal(code.write, code.exec);
    memcpy((uint8_t *)code.write + 64, return_42, sizeof(return_42));
    __builtin___clear_cache((char *)(uintptr_t)code.exec, (char *)(uintptr_t)code.exec + code.size);
    run = (int (*)(void))((uintptr_t)code.exec + 64);
    assert_int_equal(run(), 42);
    host_code_destroy(&code);
}

static void entropy_fills_everything(void **state)
{
    uint8_t bytes[1000] = {0};
    unsigned zeros = 0;

    assert_int_equal(host_entropy(bytes, sizeof(bytes)), 0);
    for (size_t i = 744; i < sizeof(bytes); i++) /* past getentropy's first three portions */
        zeros += bytes[i] == 0;
    assert_in_range(zeros, 0, 40);
    assert_int_equal(host_entropy(bytes, 0), 0);
}

static void shared_memory_is_written_on_one_side(void **state)
{
    struct host_shared shared;
    const uint32_t *seen;

    assert_int_equal(host_shared_create(&shared, "shared", 256 * MIB, NULL), 0);
    seen = mmap(NULL, shared.size, PROT_READ, MAP_SHARED, shared.reader, 0);
    assert_true(seen != MAP_FAILED);
    ((uint32_t *)shared.base)[1000] = 7;
    assert_int_equal(seen[1000], 7);
    assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared.reader, 0) ==
                MAP_FAILED);
    assert_int_equal(ftruncate(shared.reader, 0), -1);
    munmap((void *)(uintptr_t)seen, shared.size);
    host_shared_destroy(&shared);
    host_shared_destroy(&shared);
}

static void host_has_memory(void **state)
{
    assert_true(is_power_of_2(host_page_size()));
    assert_true(host_memory_size() > 64 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_is_lazy),
        cmocka_unit_test(ram_discard_gives_zeros_and_pages_back),
        cmocka_unit_test(ram_is_aligned_for_huge_pages),
        cmocka_unit_test(ram_is_not_in_a_child),
        cmocka_unit_test(ram_refuses_nonsense),
        cmocka_unit_test(code_is_written_and_run_at_two_addresses),
        cmocka_unit_test(entropy_fills_everything),
        cmocka_unit_test(shared_memory_is_written_on_one_side),
        cmocka_unit_test(host_has_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
