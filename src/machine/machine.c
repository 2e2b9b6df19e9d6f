/* SPDX-License-Identifier: ISC */
/*
 * Assembly: from a configuration to a machine that is powered off but complete, and back.
 */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "host/map.h"
#include "firmware/efi/efi.h"
#include "machine/efi.h"
#include "machine/layout.h"

void machine_describe(const struct atoll_config *config, const struct quirks *quirks,
                      struct platform *p)
{
    *p = (struct platform){
        .cpus = config->cpus,
        .ram = {LAYOUT_RAM_BASE, config->memory},
        .gicd = {LAYOUT_GICD_BASE, LAYOUT_GICD_SIZE},
        .gicr = {LAYOUT_GICR_BASE, LAYOUT_GICR_SIZE * config->cpus},
        .gicv2m = {LAYOUT_GICV2M_BASE, LAYOUT_GICV2M_SIZE},
        .msi_base = LAYOUT_MSI_BASE,
        .msi_count = LAYOUT_MSI_COUNT,
        .ppi_phys = LAYOUT_PPI_PTIMER,
        .ppi_virt = LAYOUT_PPI_VTIMER,
        .ppi_hyp = LAYOUT_PPI_HYP_TIMER,
        .ppi_maintenance = LAYOUT_PPI_MAINTENANCE,
        .ppi_pmu = LAYOUT_PPI_PMU,
        .psci_smc = quirks->value[QUIRK_PSCI_CONDUIT],
        .ecam = {LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE},
        .pci_mem32 = {LAYOUT_MEM32_BASE, LAYOUT_MEM32_SIZE},
        .pci_mem64 = {align_up(LAYOUT_RAM_BASE + config->memory, LAYOUT_MEM64_ALIGN),
                      LAYOUT_MEM64_SIZE},
        .pci_io = {LAYOUT_IO_BASE, LAYOUT_IO_SIZE},
        .pci_intx_base = LAYOUT_INTID_INTX,
        .pci_intx_pin = quirks->value[QUIRK_PCI_INTERRUPT_PIN] + 1,
        .rtc = {LAYOUT_RTC_BASE, LAYOUT_CHIP_SIZE},
        .gpio = {LAYOUT_GPIO_BASE, LAYOUT_CHIP_SIZE},
        .rtc_intid = LAYOUT_INTID_RTC,
        .gpio_intid = LAYOUT_INTID_GPIO,
        .power_button_line = LAYOUT_POWER_BUTTON_LINE,
        .uart_clock_hz = LAYOUT_UART_CLOCK_HZ,
    };
    for (unsigned i = 0; i < config->cpus; i++)
        p->mpidr[i] = i;
    if (quirks->value[QUIRK_PL011]) {
        p->uart = (struct platform_range){LAYOUT_UART_BASE, LAYOUT_CHIP_SIZE};
        p->uart_intid = LAYOUT_INTID_UART;
    }
    if (quirks->value[QUIRK_POWER_BUTTON])
        p->power_button_intid = LAYOUT_INTID_POWER_BUTTON;
}

static void log_line(void *ctx, enum log_level level, const char *line)
{
    struct machine *m = ctx;
    uint64_t left_out;
    char text[64];

    if (!log_limit_take(&m->log_limit, level, host_clock_monotonic(), &left_out))
        return;
    if (left_out) {
        snprintf(text, sizeof(text), "(%llu more lines like these were left out)",
                 (unsigned long long)left_out);
        m->config.log(m->config.log_ctx, (enum atoll_log_level)level, text);
    }
    m->config.log(m->config.log_ctx, (enum atoll_log_level)level, line);
}

static void set_log(struct machine *m)
{
    if (!m->config.log)
        return;
    m->log = (struct log){log_line, m, (enum log_level)m->config.log_level};
}

static int create_memory(struct machine *m, struct error *err)
{
    uint64_t host = host_memory_size();
    int ret = mem_create(&m->mem);

    if (host && m->config.memory > host)
        log_warn(&m->log,
                 "%llu MiB of guest memory is more than the host's %llu MiB: it will be slow or "
                 "killed if the guest uses it all",
                 (unsigned long long)(m->config.memory / MIB), (unsigned long long)(host / MIB));
    if (ret)
        return error_set(err, -ret, "out of memory");
    return mem_add_ram(m->mem, m->platform.ram.base, m->platform.ram.size, err);
}

static int create_bus(struct machine *m)
{
    const struct platform *p = &m->platform;
    int ret = bus_create(&m->bus);

    if (ret)
        return ret;
    bus_set_events(m->bus, &m->events);
    /* What is in a window but belongs to nobody: GIC holes read as zero, PCI's as all ones. */
    ret = bus_window(m->bus, p->gicd.base, p->gicd.size + p->gicr.size, 0x00);
    ret = ret ? ret : bus_window(m->bus, p->gicv2m.base, p->gicv2m.size, 0x00);
    ret = ret ? ret : bus_window(m->bus, p->ecam.base, p->ecam.size, 0xff);
    ret = ret ? ret : bus_window(m->bus, p->pci_mem32.base, p->pci_mem32.size, 0xff);
    ret = ret ? ret : bus_window(m->bus, p->pci_mem64.base, p->pci_mem64.size, 0xff);
    if (m->efi)
        ret = ret ? ret : bus_window(m->bus, LAYOUT_EFI_BASE, EFI_DOORBELL_SIZE, 0x00);
    return ret ? ret : bus_window(m->bus, p->pci_io.base, p->pci_io.size, 0xff);
}

static int open_listing(FILE **file, const struct atoll_listing *listing, int buffering,
                        struct error *err)
{
    if (!listing->path)
        return 0;
    *file = fopen(listing->path, "we");
    if (!*file)
        return error_set(err, errno, "cannot write \"%s\": %s", listing->path, strerror(errno));
    setvbuf(*file, NULL, buffering, BUFSIZ);
    return 0;
}

static struct engine_listing engine_listing(FILE *file, const struct atoll_listing *listing)
{
    return (struct engine_listing){.to = file, .one = listing->one, .at = listing->at};
}

static void close_listings(struct machine *m)
{
    if (m->dump)
        fclose(m->dump);
    if (m->trace)
        fclose(m->trace);
}

/* An engine for the host's own processor that cannot run is what a user may not think of. */
static void say_engine(struct machine *m)
{
    struct error why;

    log_debug(&m->log, "engine %s: the fastest that this host has", m->engine->name);
    for (size_t i = 0; engines[i] != m->engine; i++)
        if (engines[i]->caps && engines[i]->probe(&why))
            log_warn(&m->log, "engine %s, which is slow, since %s is not here: %s", m->engine->name,
                     engines[i]->name, why.text);
}

static int find_engine(struct machine *m, struct error *err)
{
    const char *name = m->config.engine ? m->config.engine : "auto";
    struct error why = {0};

    m->engine = engine_find(name, &why);
    if (!m->engine)
        return error_set(err, ENOTSUP, "%s", why.text);
    if (strcmp(name, "auto") == 0)
        say_engine(m);
    return 0;
}

static enum engine_cpu cpu_model(const struct atoll_config *config)
{
    static const enum engine_cpu models[] = {[ATOLL_CPU_ATOLL] = ENGINE_CPU_ATOLL,
                                             [ATOLL_CPU_APPLE] = ENGINE_CPU_APPLE,
                                             [ATOLL_CPU_HOST] = ENGINE_CPU_HOST};

    return config->strict ? ENGINE_CPU_APPLE : models[config->cpu];
}

/* A hypervisor takes HVC for its own guests' calls, and EFI's services are called at EL1. */
static int check_nested(const struct machine *m, struct error *err)
{
    if (!m->config.nested)
        return 0;
    if (!m->caps.el2)
        return error_set(err, ENOTSUP,
                         "the %s engine has no EL2 for guests that run guests of their own; hvf "
                         "has it on macOS 15 and newer processors, and vz as well",
                         m->engine->name);
    if (!m->config.kernel)
        return error_set(err, ENOTSUP,
                         "--nested needs a kernel that is booted directly, with --kernel");
    if (!m->platform.psci_smc)
        return error_set(err, ENOTSUP, "--nested needs PSCI by SMC: leave the quirk psci-conduit");
    return 0;
}

static int choose_engine(struct machine *m, struct error *err)
{
    const struct engine_vm_config config = {
        .cpu = cpu_model(&m->config),
        .mem = m->mem,
        .log = &m->log,
        .events = &m->events,
        .clock_ns = clock_now,
        .clock_steady = m->clock.source == host_clock_monotonic,
        .clock_ctx = &m->clock,
        .vcpus = m->config.cpus,
        .el2 = m->config.nested,
        .wild_accesses = m->quirks.value[QUIRK_WILD_ACCESS] != WILD_ACCESS_SYNC,
        .dump = engine_listing(m->dump, &m->config.dump),
        .trace = engine_listing(m->trace, &m->config.trace),
        .eager = m->config.translate_eagerly,
        .plain_host = m->config.plain_host,
    };
    int ret = find_engine(m, err);

    if (ret)
        return ret;
    ret = m->engine->caps(&m->caps);
    if (ret)
        return error_set(err, -ret, "the %s engine does not say what it can do: %s",
                         m->engine->name, strerror(-ret));
    if (m->config.cpus > m->caps.max_vcpus)
        return error_set(err, EINVAL, "the %s engine runs at most %u CPUs", m->engine->name,
                         m->caps.max_vcpus);
    ret = check_nested(m, err);
    if (ret)
        return ret;
    ret = m->engine->vm_create(&m->vm, &config, err);
    return ret ? ret
               : m->engine->vm_map(m->vm, m->platform.ram.base, m->platform.ram.size, true, err);
}

/* What the tables tell guests to call by, the engine has to hear. */
static int choose_conduit(struct machine *m, struct error *err)
{
    if (!m->platform.psci_smc || m->caps.psci_smc)
        return 0;
    if (m->config.strict)
        return error_set(err, ENOTSUP,
                         "Apple's machine takes PSCI's calls by SMC, and the %s engine takes them "
                         "by HVC only: leave --strict away, or add --quirk psci-conduit=hvc",
                         m->engine->name);
    m->platform.psci_smc = false;
    return 0;
}

/* The counter is the host's on engines that do not make it themselves. */
static int check_counter(const struct machine *m, struct error *err)
{
    if (!m->config.strict || m->caps.counter_hz == LAYOUT_COUNTER_HZ)
        return 0;
    return error_set(
        err, ENOTSUP,
        "the counter of Apple's machine runs at 24 MHz, and with the %s engine at this "
        "host's %g MHz: leave --strict away, or take --engine interp",
        m->engine->name, m->caps.counter_hz / 1e6);
}

static int create_engine(struct machine *m, struct error *err)
{
    /* The trace goes out line by line, so that all of it is there if the process comes to a bad
     * end; the engine does the same for the dump, region by region. */
    int ret = open_listing(&m->dump, &m->config.dump, _IOFBF, err);

    ret = ret ? ret : open_listing(&m->trace, &m->config.trace, _IOLBF, err);
    ret = ret ? ret : choose_engine(m, err);
    ret = ret ? ret : choose_conduit(m, err);
    return ret ? ret : check_counter(m, err);
}

static int build(struct machine *m, struct error *err)
{
    int ret = config_quirks(&m->config, &m->quirks, err);

    if (ret)
        return ret;
    machine_describe(&m->config, &m->quirks, &m->platform);
    clock_init(&m->clock);
    if (explain_create(m))
        return error_set(err, ENOMEM, "out of memory");
    ret = boot_open(m, err);
    ret = ret ? ret : create_memory(m, err);
    ret = ret ? ret : create_engine(m, err);
    if (ret)
        return ret;
    ret = create_bus(m);
    if (ret)
        return error_set(err, -ret, "cannot create the bus: %s", strerror(-ret));
    ret = devices_create(m, err);
    if (!ret)
        mirror_create(m);
    if (!ret && m->efi)
        ret = machine_efi_create(m, err);
    ret = ret ? ret : cpus_start(m, err);
    return ret || !m->engine->vm_ready ? ret : m->engine->vm_ready(m->vm, err);
}

int machine_create(struct machine **machine, const struct atoll_config *config, struct error *err)
{
    struct machine *m;
    int ret = config_check(config, err);

    if (ret)
        return ret;
    if (!config->kernel && !config->efi && !config->disk_count)
        return error_set(err, EINVAL,
                         "nothing to boot: give a kernel with --kernel FILE, or a disk image");
    m = calloc(1, sizeof(*m));
    if (!m)
        return error_set(err, ENOMEM, "out of memory");
    m->face.ops = &twin_ops;
    log_limit_init(&m->log_limit);
    ret = config_copy(&m->config, config) ? error_set(err, ENOMEM, "out of memory") : 0;
    set_log(m);
    ret = control_create(m, ret ? NULL : err) ? -ENOMEM : ret;
    ret = ret ? ret : build(m, err);
    if (ret) {
        machine_destroy(m);
        return ret;
    }
    *machine = m;
    return 0;
}

static void do_stop(void *ctx)
{
    struct machine *m = ctx;

    if (!m->running)
        return;
    devices_hurry(m);
    cpus_park(m);
    devices_quiesce(m);
}

void machine_destroy(struct machine *m)
{
    if (m->control) {
        host_loop_call(m->control, do_stop, m);
        cpus_end(m);
    }
    explain_end(m);
    devices_destroy(m);
    control_destroy(m);
    if (m->vm)
        m->engine->vm_destroy(m->vm);
    mirror_destroy(m);
    close_listings(m);
    if (m->bus)
        bus_destroy(m->bus);
    if (m->mem)
        mem_destroy(m->mem);
    explain_destroy(m);
    boot_close(m);
    machine_efi_destroy(m);
    config_free(&m->config);
    log_limit_fini(&m->log_limit);
    free(m);
}
