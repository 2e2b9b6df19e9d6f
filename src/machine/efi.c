/* SPDX-License-Identifier: ISC */
#include "machine/efi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "firmware/efi/efi.h"
#include "host/clock.h"
#include "machine/efi_terminal.h"
#include "machine/identity.h"
#include "machine/layout.h"
#include "virtio/devices.h"

struct disk_access {
    struct disk *disk;
    struct host_loop *loop;
};

struct machine_efi {
    struct efi *efi;
    int nvram; /* -1: none */
    uint8_t *program, *initrd;
    size_t program_length, initrd_length;
    struct disk_access disks[ATOLL_DISKS_MAX];
    struct efi_terminal terminal;
};

bool machine_boots_efi(const struct atoll_config *config)
{
    return !config->kernel;
}

/* --- files --- */

static int open_nvram(struct machine *m, struct error *err)
{
    const char *path = m->config.nvram;
    struct stat st;

    if (!path)
        return 0;
    m->efi->nvram = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (m->efi->nvram < 0)
        return error_set(err, errno, "cannot open the file for EFI's variables \"%s\": %s", path,
                         strerror(errno));
    if (fstat(m->efi->nvram, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "\"%s\" is no file that can keep EFI's variables", path);
    return 0;
}

static int read_file(const char *what, const char *path, uint8_t **bytes, size_t *length,
                     struct error *err)
{
    struct boot_file file;
    int ret;

    if (!path)
        return 0;
    ret = boot_file_open(&file, what, path, err);
    if (ret)
        return ret;
    ret = boot_file_read(&file, bytes, length, err);
    boot_file_close(&file);
    return ret;
}

int machine_efi_open(struct machine *m, struct error *err)
{
    const struct atoll_config *c = &m->config;
    int ret;

    m->efi = calloc(1, sizeof(*m->efi));
    if (!m->efi)
        return error_set(err, ENOMEM, "out of memory");
    m->efi->nvram = -1;
    ret = open_nvram(m, err);
    ret = ret ? ret
              : read_file("EFI program", c->efi, &m->efi->program, &m->efi->program_length, err);
    return ret ? ret
               : read_file("initial ramdisk", c->initrd, &m->efi->initrd, &m->efi->initrd_length,
                           err);
}

/* --- disks: on the loop that owns them, while the CPU waits --- */

struct disk_request {
    struct disk *disk;
    enum { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH } what;
    uint64_t offset;
    struct iovec iov;
    int ret;
};

static void run_request(void *ctx)
{
    struct disk_request *r = ctx;

    if (r->what == REQUEST_READ)
        r->ret = disk_readv(r->disk, &r->iov, 1, r->offset);
    else if (r->what == REQUEST_WRITE)
        r->ret = disk_writev(r->disk, &r->iov, 1, r->offset);
    else
        r->ret = disk_flush(r->disk);
}

static int ask_disk(void *ctx, struct disk_request *request)
{
    struct disk_access *access = ctx;

    request->disk = access->disk;
    host_loop_call(access->loop, run_request, request);
    return request->ret;
}

static int read_disk(void *ctx, uint64_t offset, void *to, size_t length)
{
    return ask_disk(
        ctx, &(struct disk_request){.what = REQUEST_READ, .offset = offset, .iov = {to, length}});
}

static int write_disk(void *ctx, uint64_t offset, const void *from, size_t length)
{
    return ask_disk(ctx, &(struct disk_request){.what = REQUEST_WRITE,
                                                .offset = offset,
                                                .iov = {(void *)(uintptr_t)from, length}});
}

static int flush_disk(void *ctx)
{
    return ask_disk(ctx, &(struct disk_request){.what = REQUEST_FLUSH});
}

static void add_disks(struct machine *m, struct efi_config *config)
{
    for (size_t i = 0; i < m->config.disk_count; i++) {
        struct disk *disk = m->disks[i].disk;

        m->efi->disks[i] = (struct disk_access){disk, m->disk_loops[i]};
        config->disks[config->disk_count++] = (struct efi_disk){
            .name = m->disks[i].name,
            .slot = m->disks[i].slot,
            .size = disk->size,
            .readonly = disk->readonly,
            .read = read_disk,
            .write = write_disk,
            .flush = flush_disk,
            .ctx = &m->efi->disks[i],
        };
    }
}

/* --- clocks, and what stops the machine --- */

static uint64_t now_ns(void *ctx)
{
    return clock_now(&((struct machine *)ctx)->clock);
}

static uint64_t wall_seconds(void *ctx)
{
    return host_clock_realtime() / NS_PER_SEC;
}

static void reset(void *ctx, enum efi_reset how)
{
    machine_request(ctx, how == EFI_RESET_SHUTDOWN ? REQUEST_POWEROFF : REQUEST_RESET);
}

static void stop(void *ctx)
{
    machine_request(ctx, REQUEST_FAULT);
}

static void code_written(void *ctx, uint64_t ipa, uint64_t length)
{
    struct machine *m = ctx;

    m->engine->vm_code_written(m->vm, ipa, length);
}

/* --- the device --- */

static void reset_device(void *dev)
{
    efi_terminal_drop(&((struct machine *)dev)->efi->terminal);
}

static int save_device(void *dev, struct state *state, const char *instance)
{
    return efi_save(((struct machine *)dev)->efi->efi, state, instance);
}

static int load_device(void *dev, const struct state *state, const char *instance,
                       struct error *err)
{
    return efi_load(((struct machine *)dev)->efi->efi, state, instance, err);
}

static void free_device(void *dev)
{
    struct machine_efi *e = ((struct machine *)dev)->efi;

    efi_terminal_end(&e->terminal);
    efi_destroy(e->efi);
    e->efi = NULL;
}

static const struct device_ops efi_device_ops = {
    .reset = reset_device, .save = save_device, .load = load_device, .free = free_device};

/* A frame buffer for programs, at the top of RAM (--gpu WxH,gop). */
static void place_frame_buffer(struct machine *m, struct efi_config *config)
{
    const struct atoll_gpu *gpu = &m->config.gpu;
    uint64_t size = align_up((uint64_t)gpu->width * gpu->height * 4, 64 * KIB);

    if (!gpu->gop || !gpu->width)
        return;
    config->gop.width = gpu->width;
    config->gop.height = gpu->height;
    config->gop.base = align_down(m->platform.ram.base + m->platform.ram.size - size, 64 * KIB);
}

int machine_efi_create(struct machine *m, struct error *err)
{
    struct machine_efi *e = m->efi;
    struct efi_config config = {
        .mem = m->mem,
        .log = &m->log,
        .platform = &m->platform,
        .doorbell = LAYOUT_EFI_BASE,
        .acpi = tables_acpi(&m->config),
        .fdt = tables_fdt(&m->config),
        .program = e->program,
        .program_length = e->program_length,
        .program_name = m->config.efi,
        .initrd = e->initrd,
        .initrd_length = e->initrd_length,
        .append = m->config.append,
        .nvram = e->nvram,
        .nvram_path = m->config.nvram,
        .counter_hz = m->caps.counter_hz,
        .pa_range = m->caps.pa_range,
        .now_ns = now_ns,
        .wall_seconds = wall_seconds,
        .reset = reset,
        .stop = stop,
        .code_written = code_written,
        .ctx = m,
    };
    int ret;

    config.identified = m->config.uuid && identity_parse(m->config.uuid, config.uuid) == 0;
    add_disks(m, &config);
    place_frame_buffer(m, &config);
    ret = efi_terminal_begin(&e->terminal, m, &config, err);
    ret = ret ? ret : efi_create(&e->efi, &config, err);
    if (ret) {
        efi_terminal_end(&e->terminal);
        return ret;
    }
    machine_add_device(m, &efi_device_ops, m, "efi");
    return 0;
}

void machine_efi_destroy(struct machine *m)
{
    struct machine_efi *e = m->efi;

    if (!e)
        return;
    efi_destroy(e->efi);
    if (e->nvram >= 0)
        close(e->nvram);
    free(e->program);
    free(e->initrd);
    free(e);
    m->efi = NULL;
}

int machine_efi_power_on(struct machine *m, struct kernel_entry *entry, struct error *err)
{
    efi_terminal_power_on(&m->efi->terminal);
    return efi_power_on(m->efi->efi, entry, err);
}

bool machine_efi_booting(struct machine *m)
{
    return m->efi && m->efi->efi && efi_is_booting(m->efi->efi);
}

bool machine_efi_input(struct machine *m, const uint8_t *bytes, size_t length, size_t *taken)
{
    if (!machine_efi_booting(m))
        return false;
    *taken = efi_terminal_receive(&m->efi->terminal, bytes, length);
    return true;
}

/* --- the doorbell --- */

static int translate(void *ctx, uint64_t va, bool write, uint64_t *pa)
{
    struct arm_walk walk;
    int ret = cpu_translate(ctx, va, write, &walk);

    if (ret)
        return ret;
    *pa = walk.pa;
    return 0;
}

bool machine_efi_store(struct cpu *cpu, uint64_t ipa, uint64_t value, int *ret)
{
    const struct efi_cpu caller = {translate, cpu};
    struct machine_efi *e = cpu->machine->efi;
    bool booting;

    if (!e || !e->efi || ipa != LAYOUT_EFI_BASE)
        return false;
    booting = efi_is_booting(e->efi);
    *ret = efi_ring(e->efi, &caller, value);
    if (booting && !efi_is_booting(e->efi))
        efi_terminal_drop(&e->terminal);
    return true;
}
