/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own count of exits (KVM 4.130, KVM_GET_STATS_FD; Linux 5.14): most of them never
 * come to user space, and cost a guest all the same. Each vCPU has a file that begins with a
 * header, describes its numbers by name, and has them at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kvm/private.h"

#define DESCRIPTIONS_MAX 1024

static const char *const names[KERNEL_EXITS] = {
    [KERNEL_EXIT_ALL] = "exits",
    [KERNEL_EXIT_MMIO] = "mmio_exit_kernel",
    [KERNEL_EXIT_MMIO_USER] = "mmio_exit_user",
    [KERNEL_EXIT_WFI] = "wfi_exit_stat",
    [KERNEL_EXIT_WFE] = "wfe_exit_stat",
    [KERNEL_EXIT_HVC] = "hvc_exit_stat",
    [KERNEL_EXIT_SIGNAL] = "signal_exits",
};

static bool read_at(int fd, uint64_t at, void *to, size_t length)
{
    return pread(fd, to, length, (off_t)at) == (ssize_t)length;
}

/* Where the number that a description is of lies in the file, if it is one of ours. */
static void take(struct kvm_stats *stats, const struct kvm_stats_header *header,
                 const struct kvm_stats_desc *description)
{
    for (unsigned i = 0; i < KERNEL_EXITS; i++)
        if (strncmp(description->name, names[i], header->name_size) == 0)
            stats->at[i] = header->data_offset + description->offset;
}

static bool find(struct kvm_stats *stats)
{
    struct kvm_stats_header header;
    size_t step;
    char *all;
    bool found;

    if (!read_at(stats->fd, 0, &header, sizeof(header)) || header.num_desc > DESCRIPTIONS_MAX ||
        header.name_size > 256)
        return false;
    step = sizeof(struct kvm_stats_desc) + header.name_size;
    all = malloc(header.num_desc * step);
    found = all && read_at(stats->fd, header.desc_offset, all, header.num_desc * step);
    for (size_t i = 0; found && i < header.num_desc; i++)
        take(stats, &header, (const struct kvm_stats_desc *)(const void *)(all + i * step));
    free(all);
    return found;
}

void kvm_stats_open(struct kvm_stats *stats, int vcpu)
{
    *stats = (struct kvm_stats){.fd = kvm_ioctl_value(vcpu, KVM_GET_STATS_FD, 0)};
    if (stats->fd >= 0 && !find(stats))
        kvm_stats_close(stats);
}

void kvm_stats_close(struct kvm_stats *stats)
{
    if (stats->fd >= 0)
        close(stats->fd);
    stats->fd = -1;
}

int kvm_vcpu_kernel_exits(struct vcpu *v, uint64_t exits[KERNEL_EXITS])
{
    uint64_t number;

    if (v->kernel.fd < 0)
        return -ENOTSUP;
    for (unsigned i = 0; i < KERNEL_EXITS; i++)
        if (v->kernel.at[i] && read_at(v->kernel.fd, v->kernel.at[i], &number, sizeof(number)))
            exits[i] += number;
    return 0;
}
