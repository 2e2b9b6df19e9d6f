/* SPDX-License-Identifier: ISC */
/* The GIC's frames as kernels probe them, what is not there, reset, and saved state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gic.h"

static void identifies_itself(void **state)
{
    struct fixture f = {0};

    make(&f, 988);
    assert_int_equal(dist(&f, 0x0), 0x50);           /* DS, ARE; groups off */
    assert_int_equal(dist(&f, 0x4) & 0x1f, 31);      /* 1024 INTIDs */
    assert_int_equal(dist(&f, 0x4) >> 19 & 0x1f, 9); /* ten bits of INTID */
    assert_int_equal(dist(&f, 0x4) & (BIT(16) | BIT(17) | BIT(10) | BIT(24)), 0);
    assert_true(dist(&f, 0x4) & BIT(26)); /* RSS */
    assert_int_equal(dist(&f, 0xc), 0);   /* TYPER2 */
    assert_int_equal(dist(&f, 0xffe8), 0x3b);
    assert_int_equal(dist(&f, 0xfff0), 0x0d);
    assert_int_equal(dist(&f, 0xfffc), 0xb1);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        uint64_t typer = rd(&f, REDIST + cpu * GICV3_REDIST_SIZE + 8, 8);

        assert_int_equal(typer >> 32, cpu == 2 ? 0x112 : cpu);
        assert_int_equal(typer >> 8 & 0xffff, cpu);
        assert_int_equal(typer & 0xff, cpu == 2 ? 0x10 : 0); /* Last; no LPIs */
        assert_int_equal(redist(&f, cpu, 0), 0);             /* no RWP, no UWP */
        assert_int_equal(redist(&f, cpu, 0x14), 6);          /* asleep */
        assert_int_equal(redist(&f, cpu, 0xffe8), 0x3b);
        assert_int_equal(redist(&f, cpu, SGIS + 0xffe8), 0x3b);
    }
    unmake(&f);
}

static void has_what_was_asked_for(void **state)
{
    const uint64_t far[] = {UINT64_C(1) << 32}, near[] = {0};
    struct gicv3_config config = {.cpus = 1, .spis = 32, .affinities = far};
    struct fixture f = {0};
    struct gicv3 *gic;

    assert_int_equal(gicv3_create(&gic, &config), -EINVAL); /* Aff3 */
    config.affinities = near;
    config.spis = 989;
    assert_int_equal(gicv3_create(&gic, &config), -EINVAL);
    config.cpus = 0;
    assert_int_equal(gicv3_create(&gic, &config), -EINVAL);

    make(&f, 224);
    assert_int_equal(dist(&f, 0x4) & 0x1f, 7);
    for (unsigned at = 0x80; at < 0x400; at += 4)
        dist_set(&f, at, UINT32_MAX);
    dist_set(&f, 0x100 + 4 * 7, UINT32_MAX);
    assert_int_equal(dist(&f, 0x100 + 4 * 7), UINT32_MAX); /* INTIDs 224 to 255 */
    assert_int_equal(dist(&f, 0x100 + 4 * 8), 0);
    assert_int_equal(dist(&f, 0x100), 0); /* INTIDs 0 to 31 live elsewhere */
    dist_set(&f, 0x400 + 256, UINT32_MAX);
    assert_int_equal(dist(&f, 0x400 + 256), 0);
    dist_set(&f, 0x400 + 252, UINT32_MAX);
    assert_int_equal(dist(&f, 0x400 + 252), 0xf8f8f8f8);
    unmake(&f);

    make(&f, 988);
    dist_set(&f, 0x100 + 4 * 31, UINT32_MAX);
    assert_int_equal(dist(&f, 0x100 + 4 * 31), 0x0fffffff); /* 1020 to 1023 are special */
    unmake(&f);
}

/* agintc writes NSACR to see whether it is secure, and toggles SGI priorities to see which it may
 * use. */
static void openbsd_probes(void **state)
{
    struct fixture f = {0};

    make(&f, 988);
    dist_set(&f, 0xe08, UINT32_MAX);
    assert_int_equal(dist(&f, 0xe08), 0);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t at = REDIST + SGIS + 0x400 + i, old = rd(&f, at, 1);

        wr(&f, at, 1, old ^ 0x20);
        assert_int_equal(rd(&f, at, 1), old ^ 0x20);
        wr(&f, at, 1, old);
    }
    dist_set(&f, 0xd04, UINT32_MAX); /* IGRPMODR */
    assert_int_equal(dist(&f, 0xd04), 0);
    dist_set(&f, 0x800 + 40, UINT32_MAX); /* ITARGETSR */
    assert_int_equal(dist(&f, 0x800 + 40), 0);
    dist_set(&f, 0x0, UINT32_MAX);
    assert_int_equal(dist(&f, 0x0), 0x53);
    unmake(&f);
}

static void configures_edges(void **state)
{
    struct fixture f = {0};

    make(&f, 988);
    assert_int_equal(redist(&f, 0, SGIS + 0xc00), 0xaaaaaaaa); /* SGIs stay edges */
    redist_set(&f, 0, SGIS + 0xc00, 0);
    assert_int_equal(redist(&f, 0, SGIS + 0xc00), 0xaaaaaaaa);
    redist_set(&f, 0, SGIS + 0xc04, 0xffffffff);
    assert_int_equal(redist(&f, 0, SGIS + 0xc04), 0xaaaaaaaa);
    dist_set(&f, 0xc08, 0x3);
    dist_set(&f, 0xc0c, 0x80000000);
    assert_int_equal(dist(&f, 0xc08), 0x2);
    assert_int_equal(dist(&f, 0xc0c), 0x80000000);
    unmake(&f);
}

/* Every register at every width: nothing but values comes back, and nothing pends from nowhere. */
static void every_access_is_harmless(void **state)
{
    struct fixture f = {0};
    uint64_t value;

    make(&f, 988);
    for (unsigned size = 1; size <= 8; size *= 2)
        for (uint64_t at = 0; at < GICV3_DIST_SIZE + CPUS * GICV3_REDIST_SIZE; at += size) {
            assert_int_equal(bus_write(f.bus, DIST + at, size, UINT64_C(0xa5a5a5a55a5a5a5a) * size),
                             0);
            assert_int_equal(bus_read(f.bus, DIST + at, size, &value), 0);
        }
    for (uint32_t key = GICV3_KEY(3, 0, 0, 0, 0); key <= GICV3_KEY(3, 7, 15, 15, 7); key++) {
        gicv3_sysreg_write(f.gic, 1, key, UINT64_MAX);
        gicv3_sysreg_read(f.gic, 1, key, &value);
    }
    gicv3_ops.reset(f.gic);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        assert_false(irq(&f, cpu) || fiq(&f, cpu));
    assert_int_equal(dist(&f, 0x104), 0);
    assert_int_equal(rd(&f, DIST + 0x6000 + 8 * 40, 8), 0);
    assert_int_equal(dist(&f, 0x400 + 40), 0);
    assert_int_equal(icc(&f, 1, BPR0), 2);
    unmake(&f);
}

static void continues_after_restore(void **state)
{
    struct fixture f = {0}, g = {0};
    struct state *saved = state_new(), *parsed;
    const void *bytes;
    size_t length;

    make(&f, 988);
    bring_up(&f);
    make_edge(&f, 130);
    enable(&f, 130);
    enable(&f, 40);
    wr(&f, DIST + 0x6000 + 8 * 40, 8, 1);
    set_priority(&f, 130, 0x60);
    redist_set(&f, 2, SGIS + 0x100, 1u << 27 | 1);
    gicv3_set_spi(f.gic, 40, true);
    pulse(&f, 130);
    gicv3_set_ppi(f.gic, 2, 27, true);
    icc_set(&f, 2, CTLR, 2);
    assert_int_equal(icc(&f, 1, IAR1), 40); /* active on 1; 130 pends on 0; the timer on 2 */
    assert_int_equal(gicv3_ops.save(f.gic, saved, "gic"), 0);
    unmake(&f);

    bytes = state_bytes(saved, &length);
    parsed = state_parse(bytes, length, NULL);
    assert_non_null(parsed);
    make(&g, 988);
    assert_int_equal(gicv3_ops.load(g.gic, parsed, "gic", NULL), 0);
    state_free(saved);
    state_free(parsed);

    assert_true(irq(&g, 0));
    assert_int_equal(icc(&g, 0, IAR1), 130);
    assert_int_equal(icc(&g, 0, RPR), 0x60);
    icc_set(&g, 0, EOIR1, 130);
    assert_false(irq(&g, 0));
    assert_int_equal(icc(&g, 1, RPR), 0xa0);
    icc_set(&g, 1, EOIR1, 40);
    assert_true(irq(&g, 1)); /* its wire was high and is */
    gicv3_set_spi(g.gic, 40, false);
    assert_false(irq(&g, 1));
    assert_int_equal(icc(&g, 2, IAR1), 27);
    icc_set(&g, 2, EOIR1, 27);
    assert_int_equal(redist(&g, 2, SGIS + 0x300), 1u << 27); /* EOImode came along */
    unmake(&g);
}

static void refuses_another_machine(void **state)
{
    const uint64_t one[] = {0}, other[] = {5};
    struct gicv3_config config = {.cpus = 1, .spis = 64, .affinities = one};
    struct state *saved = state_new();
    struct gicv3 *gic;
    struct error err = {0};

    assert_int_equal(gicv3_create(&gic, &config), 0);
    assert_int_equal(gicv3_ops.save(gic, saved, "gic"), 0);
    gicv3_ops.free(gic);
    config.affinities = other;
    assert_int_equal(gicv3_create(&gic, &config), 0);
    assert_int_equal(gicv3_ops.load(gic, saved, "gic", &err), -EINVAL);
    assert_non_null(strstr(err.text, "affinity 0"));
    assert_int_equal(gicv3_ops.load(gic, saved, "gac", &err), -ENOENT);
    gicv3_ops.free(gic);
    config.affinities = one;
    config.spis = 96;
    assert_int_equal(gicv3_create(&gic, &config), 0);
    assert_int_equal(gicv3_ops.load(gic, saved, "gic", &err), -ENOENT);
    gicv3_ops.free(gic);
    state_free(saved);
}

/* Two vCPUs take interrupts while a device raises them; nothing is lost, doubled or left behind. */
struct storm {
    struct fixture *f;
    unsigned cpu;
    _Atomic bool *stop;
    unsigned taken;
};

static void *take_interrupts(void *arg)
{
    struct storm *storm = arg;
    uint64_t intid;

    for (bool last = false; !last;) {
        last = *storm->stop;
        while (gicv3_sysreg_read(storm->f->gic, storm->cpu, IAR1, &intid) == 0 && intid != 1023) {
            storm->taken++;
            gicv3_sysreg_write(storm->f->gic, storm->cpu, EOIR1, intid);
        }
    }
    return NULL;
}

static void storm(void **state)
{
    struct fixture f = {0};
    _Atomic bool stop = false;
    struct storm storms[2] = {{&f, 0, &stop, 0}, {&f, 1, &stop, 0}};
    pthread_t threads[2];

    make(&f, 988);
    bring_up(&f);
    for (unsigned i = 0; i < 2; i++) {
        make_edge(&f, 130 + i);
        enable(&f, 130 + i);
        wr(&f, DIST + 0x6000 + 8 * (130 + i), 8, i);
        redist_set(&f, i, SGIS + 0x100, 0xffff);
        assert_int_equal(pthread_create(&threads[i], NULL, take_interrupts, &storms[i]), 0);
    }
    for (unsigned i = 0; i < 20000; i++) {
        pulse(&f, 130 + i % 2);
        icc_set(&f, 2, SGI1R, 3ull << 24 | 3);
        wr(&f, DIST + 0x400 + 130, 1, i % 2 ? 0xa0 : 0x80);
    }
    stop = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(icc(&f, i, HPPIR1), 1023);
        assert_in_range(storms[i].taken, 2, 30000);
    }
    assert_int_equal(dist(&f, 0x310) | redist(&f, 0, SGIS + 0x300) | redist(&f, 1, SGIS + 0x300),
                     0);
    unmake(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifies_itself),        cmocka_unit_test(has_what_was_asked_for),
        cmocka_unit_test(openbsd_probes),           cmocka_unit_test(configures_edges),
        cmocka_unit_test(every_access_is_harmless), cmocka_unit_test(continues_after_restore),
        cmocka_unit_test(refuses_another_machine),  cmocka_unit_test(storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
