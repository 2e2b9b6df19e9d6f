/* SPDX-License-Identifier: ISC */
/*
 * What an engine tells people of its work (struct engine_listing), and that it refuses where there
 * is nothing to tell; what it counts (struct vcpu_stats).
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "engine_name.h"

#define BL(words)      (0x94000000u | ((uint32_t)(words)&0x3ffffff))
#define CBNZ_X2(words) (0xb5000002u | ((uint32_t)(words)&0x7ffff) << 5)
#define SUB_X2_1       0xd1000442u
#define ADD_X0_1       0x91000400u
#define RET            0xd65f03c0u

static const char *engine(void)
{
    return getenv("ATOLL_ENGINE") ? getenv("ATOLL_ENGINE") : "auto";
}

/* Engines that make no translations. */
static bool interprets(void)
{
    return strcmp(engine(), "interp") == 0;
}

static void refused(void **state)
{
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    struct error err = {0};
    struct engine_vm *vm;
    FILE *file;

    if (!interprets())
        skip();
    file = tmpfile();
    assert_non_null(file);
    for (unsigned k = 0; k < 2; k++) {
        config.dump.to = k ? NULL : file;
        config.trace.to = k ? file : NULL;
        assert_int_equal(engine_by_name(engine(), &config, &err)->vm_create(&vm, &config, &err),
                         -ENOTSUP);
        assert_non_null(strstr(err.text, "--engine jit"));
    }
    fclose(file);
}

static char *text_of(FILE *file)
{
    long size;
    char *text;

    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

/* At CODE: calls three times, in a loop, a function 32 bytes on. */
static void run_calls(struct rig *rig)
{
    rig_code(rig, 10, BL(8), SUB_X2_1, CBNZ_X2(-2), HVC, NOP, NOP, NOP, NOP, ADD_X0_1, RET);
    rig_set(rig, VCPU_X0, 0);
    rig_set(rig, VCPU_X0 + 2, 3);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, VCPU_X0), 3);
}

static void dump(void **state)
{
    static const char *const parts[] = {
        "=== region at 0x40100000 (physical 0x40100000)",
        "--- guest code",
        "  add x0, x0, #1\n",
        "--- IR, as translated",
        "--- IR, folded",
        "--- IR, with the flags that are needed",
        "x0 = lea.8 x0, #0x1",
        "--- registers",
        "--- host code",
        "  entry\n",
    };
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    struct rig *rig;
    char *text;

    if (interprets())
        skip();
    config.dump.to = tmpfile();
    assert_non_null(config.dump.to);
    rig = rig_create_with(config);
    run_calls(rig);
    rig_destroy(rig);
    text = text_of(config.dump.to);
    for (unsigned k = 0; k < nitems(parts); k++)
        if (!strstr(text, parts[k]))
            fail_msg("the dump does not have \"%s\":\n%s", parts[k], text);
    free(text);
}

/* One place: only regions with the instruction there. */
static void dump_one(void **state)
{
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL,
                                      .dump = {.one = true, .at = CODE + 36}};
    struct rig *rig;
    char *text;

    if (interprets())
        skip();
    config.dump.to = tmpfile();
    assert_non_null(config.dump.to);
    rig = rig_create_with(config);
    run_calls(rig);
    rig_destroy(rig);
    text = text_of(config.dump.to);
    assert_int_equal(count(text, "==="), 1);
    assert_non_null(strstr(text, "=== region at 0x40100020"));
    free(text);
}

/* The function is entered three times, and between them where it returns to. */
static void trace(void **state)
{
    struct engine_vm_config config = {.cpu = ENGINE_CPU_ATOLL};
    struct rig *rig;
    char *text;

    if (interprets())
        skip();
    config.trace.to = tmpfile();
    assert_non_null(config.trace.to);
    rig = rig_create_with(config);
    run_calls(rig);
    rig_destroy(rig);
    text = text_of(config.trace.to);
    assert_ptr_equal(strstr(text, "0 EL1 0000000040100000\n0 EL1 0000000040100020\n"), text);
    assert_int_equal(count(text, "0 EL1 0000000040100020\n"), 3);
    assert_int_equal(count(text, "0 EL1 0000000040100020\n0 EL1 0000000040100004\n"), 3);
    free(text);
}

static void counts(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    struct vcpu_stats stats;

    run_calls(rig);
    rig->ops->vcpu_stats(rig->cpu, &stats);
    if (interprets()) {
        assert_int_equal(stats.regions | stats.translated | stats.code_limit, 0);
    } else {
        assert_in_range(stats.regions, 3, 10);
        assert_in_range(stats.translated, 6, 100);
        assert_in_range(stats.code_bytes, 1, stats.code_limit);
        assert_int_equal(stats.code_flushes, 0);
    }
    rig_destroy(rig);
}

/* What one vCPU may have of translations is less when there are many, to a limit. */
static void bound(void **state)
{
    static const unsigned vcpus[] = {0, 1, 2, 16};
    uint64_t limit[nitems(vcpus)];

    if (interprets())
        skip();
    for (unsigned k = 0; k < nitems(vcpus); k++) {
        struct rig *rig = rig_create_with((struct engine_vm_config){.vcpus = vcpus[k]});
        struct vcpu_stats stats;

        rig->ops->vcpu_stats(rig->cpu, &stats);
        limit[k] = stats.code_limit;
        rig_destroy(rig);
    }
    assert_int_equal(limit[0], limit[1]);
    assert_true(limit[2] < limit[1] && limit[3] < limit[2]);
    assert_in_range(limit[1], 128 * MIB, 192 * MIB);
    assert_in_range(limit[3], 8 * MIB, 12 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused), cmocka_unit_test(dump),   cmocka_unit_test(dump_one),
        cmocka_unit_test(trace),   cmocka_unit_test(counts), cmocka_unit_test(bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
