/* SPDX-License-Identifier: ISC */
/*
 * hv_gic over the project's own GICv3: part of the double on macOS 15. See double.h.
 */
#include "double_private.h"

#include <os/object.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "chip/gicv2m.h"
#include "chip/gicv3.h"

#define SPIS         988
#define PPI_VIRTUAL  27
#define PPI_PHYSICAL 30

struct hv_gic_config_s {
    struct double_object object;
    hv_ipa_t distributor, redistributors, msi_frame;
    uint32_t msi_first, msi_count;
};

struct hv_gic_state_s {
    struct double_object object;
    struct state *state;
};

static struct {
    struct gicv3 *gic;
    struct gicv2m *msi;
    struct bus *bus;
    struct hv_gic_config_s config;
    uint64_t affinities[ENGINE_MAX_VCPUS];
} the;

/* --- the double's side --- */

static void changed(void *ctx, unsigned index)
{
    struct double_cpu *cpu = &double_vm.cpu[index];

    /* No exit: the engine below looks at its inputs again. */
    if (cpu->there && !pthread_equal(cpu->owner, pthread_self()))
        double_vm.ops->vcpu_kick(cpu->under);
}

static void destroy(void)
{
    gicv2m_ops.free(the.msi);
    gicv3_ops.free(the.gic);
    bus_destroy(the.bus);
    the.gic = NULL;
}

static void outputs(struct double_cpu *cpu, bool *irq, bool *fiq)
{
    gicv3_outputs(the.gic, cpu->index, irq, fiq);
}

static bool ours(uint64_t ipa)
{
    const struct hv_gic_config_s *c = &the.config;

    return ipa - c->distributor < GICV3_DIST_SIZE ||
           ipa - c->redistributors < (uint64_t)GICV3_REDIST_SIZE * ENGINE_MAX_VCPUS ||
           ipa - c->msi_frame < GICV2M_SIZE;
}

static bool answer(struct double_cpu *cpu, struct vcpu_exit *exit)
{
    if (exit->kind == EXIT_SYSREG) {
        int ret =
            exit->sysreg.write
                ? gicv3_sysreg_write(the.gic, cpu->index, exit->sysreg.key, exit->sysreg.value)
                : gicv3_sysreg_read(the.gic, cpu->index, exit->sysreg.key, &exit->sysreg.value);

        exit->sysreg.undefined = ret < 0;
        return true;
    }
    if (exit->kind != EXIT_MMIO || exit->mmio.fetch || !ours(exit->mmio.ipa))
        return false;
    if (exit->mmio.write)
        bus_write(the.bus, exit->mmio.ipa, exit->mmio.size, exit->mmio.value);
    else if (bus_read(the.bus, exit->mmio.ipa, exit->mmio.size, &exit->mmio.value))
        exit->mmio.value = 0;
    return true;
}

static void timers(struct double_cpu *cpu, bool virt, bool phys)
{
    gicv3_set_ppi(the.gic, cpu->index, PPI_VIRTUAL, virt);
    gicv3_set_ppi(the.gic, cpu->index, PPI_PHYSICAL, phys);
}

static const struct double_gic this_gic = {destroy, outputs, answer, timers};

/* --- configuration --- */

hv_gic_config_t hv_gic_config_create(void)
{
    hv_gic_config_t config = calloc(1, sizeof(*config));

    if (config) {
        config->object.references = 1;
        config->object.destroy = (void (*)(struct double_object *))(void (*)(void))free;
    }
    return config;
}

hv_return_t hv_gic_config_set_distributor_base(hv_gic_config_t config, hv_ipa_t base)
{
    config->distributor = base;
    return base & 0xffff ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_gic_config_set_redistributor_base(hv_gic_config_t config, hv_ipa_t base)
{
    config->redistributors = base;
    return base & 0xffff ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_gic_config_set_msi_region_base(hv_gic_config_t config, hv_ipa_t base)
{
    config->msi_frame = base;
    return base & 0xffff ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t hv_gic_config_set_msi_interrupt_range(hv_gic_config_t config, uint32_t first,
                                                  uint32_t count)
{
    config->msi_first = first;
    config->msi_count = count;
    return first < 32 || count > SPIS ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

static hv_return_t alignment(size_t *bytes)
{
    *bytes = 0x10000;
    return HV_SUCCESS;
}

hv_return_t hv_gic_get_distributor_base_alignment(size_t *bytes)
{
    return alignment(bytes);
}

hv_return_t hv_gic_get_redistributor_base_alignment(size_t *bytes)
{
    return alignment(bytes);
}

hv_return_t hv_gic_get_msi_region_base_alignment(size_t *bytes)
{
    return alignment(bytes);
}

/* --- creation --- */

static int create(void)
{
    /* A redistributor for each vCPU, the last of which says that it is. */
    const struct gicv3_config gic = {.cpus = MAX(double_vm.config.vcpus, 1u),
                                     .spis = SPIS,
                                     .affinities = the.affinities,
                                     .changed = changed};
    struct gicv2m_config msi = {.base = the.config.msi_first, .count = the.config.msi_count};
    int ret = bus_create(&the.bus);

    for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++)
        the.affinities[i] = i;
    ret = ret ? ret : gicv3_create(&the.gic, &gic);
    ret =
        ret ? ret : gicv3_map(the.gic, the.bus, the.config.distributor, the.config.redistributors);
    if (ret)
        return ret;
    msi.lines = gicv3_spi_line(the.gic, the.config.msi_first);
    ret = gicv2m_create(&the.msi, &msi);
    return ret ? ret
               : bus_attach(the.bus, the.config.msi_frame, GICV2M_SIZE, BUS_WIDTH_4,
                            &gicv2m_bus_ops, the.msi);
}

hv_return_t hv_gic_create(hv_gic_config_t config)
{
    hv_return_t ret = HV_SUCCESS;

    pthread_mutex_lock(&double_vm.lock);
    if (!double_vm.there)
        ret = HV_NO_DEVICE;
    else if (double_vm.ever) {
        double_broken("hv_gic_create comes before the first vCPU");
        ret = HV_ERROR;
    } else if (double_gic) {
        ret = HV_BUSY;
    } else {
        the.config = *config;
        ret = create() ? HV_ERROR : HV_SUCCESS;
        double_gic = ret == HV_SUCCESS ? &this_gic : NULL;
    }
    pthread_mutex_unlock(&double_vm.lock);
    return ret;
}

hv_return_t hv_gic_reset(void)
{
    if (!double_gic)
        return HV_NO_DEVICE;
    gicv3_ops.reset(the.gic);
    gicv2m_ops.reset(the.msi);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_spi(uint32_t intid, bool level)
{
    if (!double_gic || intid < 32 || intid >= 32 + SPIS)
        return HV_BAD_ARGUMENT;
    gicv3_set_spi(the.gic, intid, level);
    return HV_SUCCESS;
}

hv_return_t hv_gic_send_msi(hv_ipa_t address, uint32_t intid)
{
    if (!double_gic || address != the.config.msi_frame + GICV2M_SETSPI)
        return HV_BAD_ARGUMENT;
    gicv2m_send(the.msi, intid);
    return HV_SUCCESS;
}

/* --- state --- */

hv_return_t hv_gic_get_icc_reg(hv_vcpu_t id, hv_gic_icc_reg_t reg, uint64_t *value)
{
    struct double_cpu *cpu = double_cpu(id, __func__);

    return !cpu || gicv3_sysreg_read(the.gic, cpu->index, reg, value) ? HV_BAD_ARGUMENT
                                                                      : HV_SUCCESS;
}

hv_return_t hv_gic_set_icc_reg(hv_vcpu_t id, hv_gic_icc_reg_t reg, uint64_t value)
{
    struct double_cpu *cpu = double_cpu(id, __func__);

    return !cpu || gicv3_sysreg_write(the.gic, cpu->index, reg, value) ? HV_BAD_ARGUMENT
                                                                       : HV_SUCCESS;
}

static void free_state(struct double_object *object)
{
    struct hv_gic_state_s *state = container_of(object, struct hv_gic_state_s, object);

    state_free(state->state);
    free(state);
}

hv_gic_state_t hv_gic_state_create(void)
{
    hv_gic_state_t state = calloc(1, sizeof(*state));

    if (!state)
        return NULL;
    state->object = (struct double_object){1, free_state};
    state->state = state_new();
    if (state->state && double_gic)
        gicv3_ops.save(the.gic, state->state, "gic");
    return state;
}

hv_return_t hv_gic_state_get_size(hv_gic_state_t state, size_t *size)
{
    state_bytes(state->state, size);
    return HV_SUCCESS;
}

hv_return_t hv_gic_state_get_data(hv_gic_state_t state, void *data)
{
    size_t size;
    const void *bytes = state_bytes(state->state, &size);

    memcpy(data, bytes, size);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_state(const void *data, size_t size)
{
    struct error err;
    struct state *state = state_parse(data, size, &err);
    int ret = state ? gicv3_ops.load(the.gic, state, "gic", &err) : -1;

    state_free(state);
    return ret ? HV_BAD_ARGUMENT : HV_SUCCESS;
}
