/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"
#include "host/entropy.h"
#include "host/map.h"

static void shm_is_lazy(void **state)
{
    struct host_shm shm;
    struct error err;
    uint8_t *bytes;

    assert_int_equal(host_shm_create(&shm, "ram", 64 * GIB, &err), 0);
    assert_true(shm.size == 64 * GIB);
    assert_int_equal(host_shm_resident(&shm), 0);
    bytes = shm.base;
    bytes[5 * GIB] = 7;
    assert_in_range(host_shm_resident(&shm), 1, 4 * MIB);
    host_shm_destroy(&shm);
    assert_null(shm.base);
    host_shm_destroy(&shm); /* twice is once */
}

static void shm_discard_gives_zeros_and_pages_back(void **state)
{
    uint64_t page = host_page_size();
    struct host_shm shm;
    uint8_t *bytes;
    int64_t before;

    assert_int_equal(host_shm_create(&shm, "ram", 16 * page - 1, NULL), 0);
    assert_int_equal(shm.size, 16 * page);
    bytes = shm.base;
    memset(bytes, 0xa5, shm.size);
    before = host_shm_resident(&shm);
    assert_int_equal(host_shm_discard(&shm, page, 4 * page), 0);
    assert_int_equal(bytes[page - 1], 0xa5);
    assert_int_equal(bytes[page], 0);
    assert_int_equal(bytes[5 * page - 1], 0);
    assert_int_equal(bytes[5 * page], 0xa5);
    assert_true(host_shm_resident(&shm) < before);
    assert_int_equal(host_shm_discard(&shm, 1, page), -EINVAL);
    assert_int_equal(host_shm_discard(&shm, 0, 17 * page), -EINVAL);
    assert_int_equal(host_shm_discard(&shm, UINT64_MAX - page + 1, 2 * page), -EINVAL);
    assert_int_equal(host_shm_discard(&shm, 16 * page, 0), 0);
    host_shm_destroy(&shm);
}

static void shm_is_shared_and_sealed(void **state)
{
    struct host_shm shm;
    uint8_t *other;

    assert_int_equal(host_shm_create(&shm, "ram", MIB, NULL), 0);
    other = mmap(NULL, MIB, PROT_READ, MAP_SHARED, shm.fd, 0);
    assert_ptr_not_equal(other, MAP_FAILED);
    ((uint8_t *)shm.base)[123] = 45;
    assert_int_equal(other[123], 45);
    munmap(other, MIB);
    assert_int_equal(ftruncate(shm.fd, 0), -1);
    assert_int_equal(fcntl(shm.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    host_shm_destroy(&shm);
}

static void shm_refuses_nonsense(void **state)
{
    struct host_shm shm;
    struct error err;

    assert_int_equal(host_shm_create(&shm, "ram", 0, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ram"));
    assert_int_equal(host_shm_create(&shm, "ram", UINT64_MAX, &err), -EINVAL);
    assert_true(host_shm_create(&shm, "ram", BIT(62), &err) < 0);
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

static void host_has_memory(void **state)
{
    assert_true(is_power_of_2(host_page_size()));
    assert_true(host_memory_size() > 64 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shm_is_lazy),
        cmocka_unit_test(shm_discard_gives_zeros_and_pages_back),
        cmocka_unit_test(shm_is_shared_and_sealed),
        cmocka_unit_test(shm_refuses_nonsense),
        cmocka_unit_test(code_is_written_and_run_at_two_addresses),
        cmocka_unit_test(entropy_fills_everything),
        cmocka_unit_test(host_has_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
