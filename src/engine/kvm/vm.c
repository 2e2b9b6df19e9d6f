/* SPDX-License-Identifier: ISC */
/* Virtual machines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/kvm/private.h"

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
    int ret = ioctl(fd, request, argument);

    return ret < 0 ? -errno : ret;
}

int kvm_ioctl_value(int fd, unsigned long request, unsigned long argument)
{
    int ret = ioctl(fd, request, argument);

    return ret < 0 ? -errno : ret;
}

/* --- virtual machines --- */

static void nothing(int number)
{
}

static void enable(struct engine_vm *vm)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER};

    vm->nisv = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap) == 0;
}

static int vm_create(struct engine_vm **out, const struct engine_vm_config *config,
                     struct error *err)
{
    /* Without SA_RESTART, so that KVM_RUN returns. */
    const struct sigaction action = {.sa_handler = nothing};
    struct engine_vm *vm;

    if (config->dump.to || config->trace.to)
        return error_set(err, ENOTSUP,
                         "the kvm engine does not translate: there is nothing to dump or to "
                         "trace; --engine jit does, on x86-64");
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return error_set(err, ENOMEM, "out of memory");
    vm->config = *config;
    vm->gic = vm->fd = -1;
    vm->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_init(&vm->lock, NULL);
    pthread_cond_init(&vm->changed, NULL);
    vm->kvm = kvm_open(err);
    if (vm->kvm >= 0) {
        vm->run_size = (size_t)kvm_ioctl_value(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
        vm->fd = kvm_open_vm(vm->kvm, err);
    }
    if (vm->fd < 0) {
        int ret = vm->kvm < 0 ? vm->kvm : vm->fd;

        if (vm->kvm >= 0)
            close(vm->kvm);
        free(vm);
        return ret;
    }
    sigaction(KVM_KICK_SIGNAL, &action, NULL);
    enable(vm);
    kvm_features(vm);
    kvm_time_init(vm);
    kvm_dirty_init(vm);
    *out = vm;
    return 0;
}

static void vm_destroy(struct engine_vm *vm)
{
    kvm_dirty_fini(vm);
    if (vm->gic >= 0)
        close(vm->gic);
    close(vm->fd);
    close(vm->kvm);
    free(vm->doorbells);
    pthread_cond_destroy(&vm->changed);
    pthread_mutex_destroy(&vm->lock);
    free(vm);
}

/* The host's stores have to be in memory before the guest's fetches look there. */
static void vm_code_written(struct engine_vm *vm, uint64_t ipa, uint64_t len)
{
    const struct mem_region *region = mem_find(vm->config.mem, ipa, len);

    if (region) {
        char *from = (char *)region->host + (ipa - region->ipa);

        __builtin___clear_cache(from, from + len);
    }
}

static int vm_ready(struct engine_vm *vm, struct error *err)
{
    return vm->gic >= 0 ? kvm_gic_ready(vm, err) : 0;
}

/* --- doorbells (KVM 4.59) --- */

static int set_doorbell(struct engine_vm *vm, const struct kvm_doorbell *bell, uint32_t flags)
{
    struct kvm_ioeventfd event = {
        .addr = bell->ipa, .len = bell->size, .fd = bell->fd, .flags = flags};

    return kvm_ioctl(vm->fd, KVM_IOEVENTFD, &event);
}

static struct kvm_doorbell *find_doorbell(struct engine_vm *vm, uint64_t ipa, unsigned size)
{
    for (size_t i = 0; i < vm->doorbell_count; i++)
        if (vm->doorbells[i].ipa == ipa && vm->doorbells[i].size == size &&
            vm->doorbells[i].fd >= 0)
            return &vm->doorbells[i];
    return NULL;
}

static struct kvm_doorbell *new_doorbell(struct engine_vm *vm)
{
    struct kvm_doorbell *more;

    for (size_t i = 0; i < vm->doorbell_count; i++)
        if (vm->doorbells[i].fd < 0)
            return &vm->doorbells[i];
    more = realloc(vm->doorbells, (vm->doorbell_count + 1) * sizeof(*more));
    if (!more)
        return NULL;
    vm->doorbells = more;
    return &more[vm->doorbell_count++];
}

static int add_doorbell(struct engine_vm *vm, const struct kvm_doorbell *bell)
{
    struct kvm_doorbell *place = new_doorbell(vm);
    int ret;

    if (!place)
        return -ENOMEM;
    *place = *bell;
    ret = set_doorbell(vm, place, 0);
    if (ret)
        place->fd = -1;
    return ret;
}

static int remove_doorbell(struct engine_vm *vm, uint64_t ipa, unsigned size)
{
    struct kvm_doorbell *bell = find_doorbell(vm, ipa, size);
    int ret = bell ? set_doorbell(vm, bell, KVM_IOEVENTFD_FLAG_DEASSIGN) : -ENOENT;

    if (bell)
        bell->fd = -1;
    return ret;
}

static int vm_notify_fd(struct engine_vm *vm, uint64_t ipa, unsigned size, int fd)
{
    int ret;

    pthread_mutex_lock(&vm->lock);
    ret = fd < 0 ? remove_doorbell(vm, ipa, size)
                 : add_doorbell(vm, &(struct kvm_doorbell){ipa, size, fd});
    pthread_mutex_unlock(&vm->lock);
    return ret;
}

const struct engine_ops kvm_engine = {
    .name = "kvm",
    .about = "native speed by Linux's KVM",
    .probe = kvm_probe,
    .caps = kvm_caps,
    .vm_create = vm_create,
    .vm_destroy = vm_destroy,
    .vm_map = kvm_vm_map,
    .vm_map_reads = kvm_vm_map_reads,
    .vm_unmap = kvm_vm_unmap,
    .vm_protect = kvm_vm_protect,
    .vm_code_written = vm_code_written,
    .vm_ready = vm_ready,
    .vm_clock = kvm_vm_clock,
    .vm_notify_fd = vm_notify_fd,
    .gic_create = kvm_gic_create,
    .gic_spi = kvm_gic_spi,
    .gic_msi = kvm_gic_msi,
    .gic_reset = kvm_gic_reset,
    .gic_save = kvm_gic_save,
    .gic_load = kvm_gic_load,
    .vcpu_create = kvm_vcpu_create,
    .vcpu_destroy = kvm_vcpu_destroy,
    .vcpu_reset = kvm_vcpu_reset,
    .vcpu_run = kvm_vcpu_run,
    .vcpu_kick = kvm_vcpu_kick,
    .vcpu_stats = kvm_vcpu_stats,
    .vcpu_kernel_exits = kvm_vcpu_kernel_exits,
    .vcpu_get = kvm_vcpu_get,
    .vcpu_set = kvm_vcpu_set,
    .vcpu_get_v = kvm_vcpu_get_v,
    .vcpu_set_v = kvm_vcpu_set_v,
    .vcpu_sysreg_get = kvm_vcpu_sysreg_get,
    .vcpu_sysreg_set = kvm_vcpu_sysreg_set,
    .vcpu_irq = kvm_vcpu_irq,
    .vcpu_vtimer = kvm_vcpu_vtimer,
    .vcpu_debug = kvm_vcpu_debug,
    .vcpu_save = kvm_vcpu_save,
    .vcpu_load = kvm_vcpu_load,
    .vcpu_translate = kvm_vcpu_translate,
};
