/* SPDX-License-Identifier: ISC */
/*
 * The in-kernel GICv3 (Documentation/virt/kvm/devices/arm-vgic-v3.rst). Its state is read and
 * written register by register, which is also how it is reset: KVM has no other way.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/kvm/private.h"

#define GROUP      32  /* KVM counts INTIDs in steps of so many */
#define INTIDS_MAX 992 /* up to INTID 991 */
#define GROUPS_MAX (INTIDS_MAX / GROUP)

static int create_device(int vm, uint32_t flags)
{
    struct kvm_create_device device = {.type = KVM_DEV_TYPE_ARM_VGIC_V3, .flags = flags};
    int ret = kvm_ioctl(vm, KVM_CREATE_DEVICE, &device);

    return ret < 0 ? ret : (int)device.fd;
}

int kvm_gic_probe(int vm)
{
    int ret = create_device(vm, KVM_CREATE_DEVICE_TEST);

    return ret < 0 ? ret : 0;
}

static int attribute(struct engine_vm *vm, unsigned long request, uint32_t group, uint64_t attr,
                     void *value)
{
    struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)value};

    return kvm_ioctl(vm->gic, request, &a);
}

static int set(struct engine_vm *vm, uint32_t group, uint64_t attr, const void *value)
{
    return attribute(vm, KVM_SET_DEVICE_ATTR, group, attr, (void *)(uintptr_t)value);
}

int kvm_gic_create(struct engine_vm *vm, const struct engine_gic_config *config, struct error *err)
{
    const uint32_t intids = MIN(GROUP + config->spis, INTIDS_MAX) / GROUP * GROUP;
    int ret;

    vm->gic_groups = intids / GROUP;
    vm->gic = create_device(vm->fd, 0);
    if (vm->gic < 0)
        return error_set(err, -vm->gic, "KVM makes no GICv3: %s", strerror(-vm->gic));
    ret = set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &config->distributor);
    ret = ret ? ret
              : set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
                    &config->redistributors);
    ret = ret ? ret : set(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &intids);
    return ret ? error_set(err, -ret, "KVM does not place its GICv3: %s", strerror(-ret)) : 0;
}

int kvm_gic_ready(struct engine_vm *vm, struct error *err)
{
    int ret = set(vm, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);

    if (ret)
        return error_set(err, -ret, "KVM does not start its GICv3: %s", strerror(-ret));
    kvm_gic_reset(vm); /* KVM's own has SPIs edge-triggered */
    return 0;
}

int kvm_gic_spi(struct engine_vm *vm, unsigned intid, bool level)
{
    struct kvm_irq_level line = {.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid,
                                 .level = level};

    return kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line);
}

int kvm_gic_msi(struct engine_vm *vm, unsigned intid)
{
    int ret = kvm_gic_spi(vm, intid, true);

    return ret ? ret : kvm_gic_spi(vm, intid, false);
}

/* --- state --- */

#define DIST                    KVM_DEV_ARM_VGIC_GRP_DIST_REGS
#define REDIST                  KVM_DEV_ARM_VGIC_GRP_REDIST_REGS
#define CPUIF                   KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS
#define LEVEL                   KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO
#define ICC(op1, crn, crm, op2) SYSREG_KEY(3, op1, crn, crm, op2)

/* In the order of loading: what is enabled, pending and active is cleared first, because KVM's
 * registers of those only set. `clear`: where all bits are cleared through. */
static const struct bank {
    uint32_t group;
    uint32_t first; /* register, of 4 bytes each */
    uint32_t count; /* of them, for the first 32 INTIDs or all */
    uint32_t spis;  /* and for each further 32, which are SPIs */
    uint32_t clear;
} banks[] = {
    {DIST, 0x0000, 1, 0, 0},      /* GICD_CTLR: KVM queues nothing while it is off */
    {DIST, 0x0080, 1, 1, 0},      /* GICD_IGROUPR; KVM ignores the first */
    {DIST, 0x0c00, 2, 2, 0},      /* GICD_ICFGR */
    {DIST, 0x0400, 8, 8, 0},      /* GICD_IPRIORITYR */
    {DIST, 0x6100, 0, 64, 0},     /* GICD_IROUTER */
    {DIST, 0x0100, 1, 1, 0x0180}, /* GICD_ISENABLER */
    {DIST, 0x0200, 1, 1, 0},      /* GICD_ISPENDR: as written */
    {DIST, 0x0300, 1, 1, 0x0380}, /* GICD_ISACTIVER */
    {REDIST, 0x10080, 1, 0, 0},       {REDIST, 0x10c00, 2, 0, 0}, {REDIST, 0x10400, 8, 0, 0},
    {REDIST, 0x10100, 1, 0, 0x10180}, {REDIST, 0x10200, 1, 0, 0}, {REDIST, 0x10300, 1, 0, 0x10380},
    {REDIST, 0x00014, 1, 0, 0}, /* GICR_WAKER */
};

static const uint32_t cpu_registers[] = {
    ICC(0, 12, 12, 5),                    /* ICC_SRE_EL1, first: it decides about the others */
    ICC(0, 12, 12, 4),                    /* ICC_CTLR_EL1 */
    ICC(0, 4, 6, 0),                      /* ICC_PMR_EL1 */
    ICC(0, 12, 8, 3),  ICC(0, 12, 12, 3), /* ICC_BPR0_EL1, ICC_BPR1_EL1 */
    ICC(0, 12, 8, 4),  ICC(0, 12, 9, 0),  /* ICC_AP0R0_EL1, ICC_AP1R0_EL1 */
    ICC(0, 12, 12, 6), ICC(0, 12, 12, 7), /* ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1 */
};

#define WORDS_MAX 8192

/* Everything, in the order of the tables. */
struct image {
    uint32_t count;
    uint32_t word[WORDS_MAX];
};

static uint64_t of_cpu(unsigned cpu, uint64_t attr)
{
    return (uint64_t)cpu << 32 | attr; /* the affinities of KVM's CPUs are their numbers */
}

typedef int (*word_visitor)(struct engine_vm *vm, uint32_t group, uint64_t attr, uint32_t clear,
                            void *ctx);

static int each_word_of(struct engine_vm *vm, const struct bank *bank, unsigned cpu,
                        word_visitor visit, void *ctx)
{
    uint32_t count = bank->count + bank->spis * (vm->gic_groups - 1);
    int ret = 0;

    for (uint32_t i = 0; i < count && !ret; i++)
        ret = visit(vm, bank->group, of_cpu(cpu, bank->first + i * 4),
                    bank->clear ? bank->clear + i * 4 : 0, ctx);
    return ret;
}

/* Visits each word of the state: the distributor's once, the others for each CPU. */
static int each_word(struct engine_vm *vm, word_visitor visit, void *ctx)
{
    int ret = 0;

    for (size_t b = 0; b < nitems(banks); b++)
        for (unsigned cpu = 0; cpu < (banks[b].group == DIST ? 1 : vm->vcpus) && !ret; cpu++)
            ret = each_word_of(vm, &banks[b], cpu, visit, ctx);
    return ret;
}

static int read_word(struct engine_vm *vm, uint32_t group, uint64_t attr, uint32_t clear, void *ctx)
{
    struct image *image = ctx;

    return image->count < WORDS_MAX
               ? attribute(vm, KVM_GET_DEVICE_ATTR, group, attr, &image->word[image->count++])
               : -ENOSPC;
}

static int write_word(struct engine_vm *vm, uint32_t group, uint64_t attr, uint32_t clear,
                      void *ctx)
{
    const uint32_t all = UINT32_MAX;
    struct image *image = ctx;
    int ret = 0;

    if (clear)
        ret = set(vm, group, (attr & ~UINT64_C(0xffffffff)) | clear, &all);
    return ret ? ret : set(vm, group, attr, &image->word[image->count++]);
}

static int zero_word(struct engine_vm *vm, uint32_t group, uint64_t attr, uint32_t clear, void *ctx)
{
    struct image none = {0};

    none.word[0] = group == REDIST && (attr & 0xffff) == 0x0014 ? 6 : 0; /* GICR_WAKER: asleep */
    return write_word(vm, group, attr, clear, &none);
}

struct cpu_image {
    uint64_t value[nitems(cpu_registers)];
};

static int cpu_transfer(struct engine_vm *vm, unsigned long request, struct cpu_image *cpus)
{
    int ret = 0;

    for (unsigned cpu = 0; cpu < vm->vcpus; cpu++)
        for (size_t i = 0; i < nitems(cpu_registers) && !ret; i++)
            ret = attribute(vm, request, CPUIF, of_cpu(cpu, cpu_registers[i]), &cpus[cpu].value[i]);
    return ret;
}

static int levels(struct engine_vm *vm, unsigned long request, uint32_t *words)
{
    int ret = 0;

    for (uint32_t i = 0; i < vm->gic_groups && !ret; i++)
        ret = attribute(vm, request, LEVEL,
                        VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT |
                            i * GROUP,
                        &words[i]);
    return ret;
}

/* What a reset leaves of the CPU interfaces belongs to the vCPUs (KVM_ARM_VCPU_INIT). */
void kvm_gic_reset(struct engine_vm *vm)
{
    uint32_t low[GROUPS_MAX] = {0};

    levels(vm, KVM_SET_DEVICE_ATTR, low);
    each_word(vm, zero_word, NULL);
}

int kvm_gic_save(struct engine_vm *vm, struct state *state, const char *instance)
{
    struct image image = {0};
    struct cpu_image cpus[ENGINE_MAX_VCPUS] = {0};
    uint32_t lines[GROUPS_MAX];
    char name[64];
    int ret = each_word(vm, read_word, &image);

    ret = ret ? ret : cpu_transfer(vm, KVM_GET_DEVICE_ATTR, cpus);
    ret = ret ? ret : levels(vm, KVM_GET_DEVICE_ATTR, lines);
    ret = ret ? ret
              : state_save_bytes(state, instance, image.word, image.count * sizeof(image.word[0]));
    snprintf(name, sizeof(name), "%s/cpus", instance);
    ret = ret ? ret : state_save_bytes(state, name, cpus, vm->vcpus * sizeof(cpus[0]));
    snprintf(name, sizeof(name), "%s/lines", instance);
    return ret ? ret : state_save_bytes(state, name, lines, vm->gic_groups * sizeof(lines[0]));
}

static int load_bytes(const struct state *state, const char *instance, const char *part, void *to,
                      size_t length, struct error *err)
{
    const void *bytes;
    char name[64];
    size_t have;
    int ret;

    snprintf(name, sizeof(name), "%s%s", instance, part);
    ret = state_load_bytes(state, name, &bytes, &have, err);
    if (ret)
        return ret;
    if (have != length)
        return error_set(err, EINVAL, "saved state: \"%s\" is of another kind of machine", name);
    memcpy(to, bytes, length);
    return 0;
}

static int count_word(struct engine_vm *vm, uint32_t group, uint64_t attr, uint32_t clear,
                      void *ctx)
{
    ++*(uint32_t *)ctx;
    return 0;
}

int kvm_gic_load(struct engine_vm *vm, const struct state *state, const char *instance,
                 struct error *err)
{
    struct image image = {0};
    struct cpu_image cpus[ENGINE_MAX_VCPUS];
    uint32_t lines[GROUPS_MAX], count = 0;
    int ret;

    each_word(vm, count_word, &count);
    ret = load_bytes(state, instance, "", image.word, count * sizeof(image.word[0]), err);
    ret = ret ? ret : load_bytes(state, instance, "/cpus", cpus, vm->vcpus * sizeof(cpus[0]), err);
    ret =
        ret ? ret
            : load_bytes(state, instance, "/lines", lines, vm->gic_groups * sizeof(lines[0]), err);
    if (ret)
        return ret;
    ret = each_word(vm, write_word, &image);
    /* After what is enabled: KVM queues an interrupt when its wire goes high. */
    ret = ret ? ret : levels(vm, KVM_SET_DEVICE_ATTR, lines);
    ret = ret ? ret : cpu_transfer(vm, KVM_SET_DEVICE_ATTR, cpus);
    return ret ? error_set(err, -ret, "KVM's GIC does not take its state: %s", strerror(-ret)) : 0;
}
