/* SPDX-License-Identifier: ISC */
/*
 * What the machine boots from. Files are opened once, before confinement, and read again at each
 * reset, so that a guest which rewrote its kernel's memory starts from the same bytes again.
 */
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "firmware/unpack.h"
#include "machine/efi.h"

/* Reads and unpacks the kernel; *bytes is the caller's. */
static int read_kernel(struct machine *m, uint8_t **bytes, size_t *length, struct error *err)
{
    int ret = boot_file_read(&m->kernel, bytes, length, err);

    if (ret)
        return ret;
    ret = unpack_kernel(bytes, length, m->kernel.path, err);
    if (ret) {
        free(*bytes);
        *bytes = NULL;
    }
    return ret;
}

int boot_open(struct machine *m, struct error *err)
{
    enum kernel_kind kind;
    int ret;

    if (machine_boots_efi(&m->config))
        return machine_efi_open(m, err);
    ret = boot_file_open(&m->kernel, "kernel", m->config.kernel, err);

    if (!ret && m->config.initrd)
        ret = boot_file_open(&m->initrd, "initial ramdisk", m->config.initrd, err);
    if (ret)
        return ret;
    /* A file that is no kernel is refused now, while nothing runs yet. */
    ret = read_kernel(m, &m->checked.bytes, &m->checked.length, err);
    if (ret)
        return ret;
    return kernel_identify(m->checked.bytes, m->checked.length, m->kernel.path, &kind, err);
}

/* What boot_open() has read serves the first boot; a reset reads again. */
static int take_kernel(struct machine *m, uint8_t **bytes, size_t *length, struct error *err)
{
    if (!m->checked.bytes)
        return read_kernel(m, bytes, length, err);
    *bytes = m->checked.bytes;
    *length = m->checked.length;
    m->checked.bytes = NULL;
    return 0;
}

void boot_forget(struct machine *m)
{
    free(m->checked.bytes);
    m->checked.bytes = NULL;
}

void boot_close(struct machine *m)
{
    boot_file_close(&m->kernel);
    boot_file_close(&m->initrd);
    boot_forget(m);
}

/* An engine with PSCI switches the others on itself: they run, and wait inside. */
static void power_off_all(struct machine *m)
{
    for (unsigned i = 0; i < m->config.cpus; i++) {
        m->cpus[i].power = i > 0 && m->caps.psci_in_engine ? CPU_ON : CPU_OFF;
        m->cpus[i].entry_pending = false;
    }
}

static int load(struct machine *m, struct kernel_entry *entry, struct error *err)
{
    uint8_t *kernel = NULL, *initrd = NULL;
    struct kernel_inputs inputs = {
        .name = m->config.kernel, .initrd_name = m->config.initrd, .append = m->config.append};
    int ret = take_kernel(m, &kernel, &inputs.kernel_length, err);

    if (!ret && m->config.initrd)
        ret = boot_file_read(&m->initrd, &initrd, &inputs.initrd_length, err);
    inputs.kernel = kernel;
    inputs.initrd = initrd;
    if (!ret)
        ret = kernel_load(m->mem, &m->platform, &inputs, entry, err);
    free(kernel);
    free(initrd);
    return ret;
}

int boot_load(struct machine *m, struct error *err)
{
    struct kernel_entry entry;
    int ret;

    mem_clear(m->mem);
    ret = m->efi ? machine_efi_power_on(m, &entry, err) : load(m, &entry, err);
    if (ret)
        return ret;
    m->engine->vm_code_written(m->vm, m->platform.ram.base, m->platform.ram.size);
    /* Before CPU 0 can switch one of them on. */
    for (unsigned i = 1; i < m->config.cpus && m->caps.psci_in_engine; i++)
        cpu_reset_off(&m->cpus[i]);
    pthread_mutex_lock(&m->lock);
    power_off_all(m);
    cpu_power_on(&m->cpus[0], &entry);
    pthread_mutex_unlock(&m->lock);
    return 0;
}
