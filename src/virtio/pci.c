/* SPDX-License-Identifier: ISC */
/*
 * Virtio over PCI (VIRTIO 1.2, 4.1): the modern interface only, as on Apple's machine.
 *
 * BAR 0 has the four structures, BAR 2 the MSI-X table; where things lie follows what was seen of
 * Apple's machine, but a driver finds them by the capabilities. Registers are answered on the
 * vCPU's thread under the device's lock; a notification takes no lock at all, or is the engine's to
 * take (virtio/doorbell.h). Interrupts are MSI-X,
 * or INTx with the ISR register while MSI-X is off.
 *
 * Bus Master Enable does not gate the device: drivers exist that forget it, and Apple's firmware
 * leaves it on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "virtio/devices.h"
#include "virtio/doorbell.h"
#include "virtio/queue.h"

#define VIRTIO_VENDOR      0x1af4
#define VIRTIO_DEVICE_BASE 0x1040 /* plus the device's type (4.1.2.1) */
#define VIRTIO_REVISION    1
#define VIRTIO_SUBSYSTEM   0x40 /* any from 0x40 on says: not transitional (4.1.2.2) */
#define VIRTIO_NO_VECTOR   0xffff
#define PCI_CAP_VENDOR     0x09

#define ISR_QUEUE  1 /* (4.1.4.5) */
#define ISR_CONFIG 2

/* Structure types of the vendor capabilities (4.1.4) */
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };

#define REGISTER_BAR      0
#define MSIX_BAR          2
#define BAR_SIZE          (64 * KIB)
#define COMMON_AT         0x0000u
#define COMMON_LENGTH     56u
#define ISR_AT            0x1000u
#define NOTIFY_AT         0x4000u
#define NOTIFY_MULTIPLIER 4u
#define DEVICE_AT         0x8000u

/* The common configuration structure (4.1.4.3): each register's offset; its width stands in
 * common_width. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
};

static const uint8_t common_width[COMMON_LENGTH] = {
    [DEVICE_FEATURE_SELECT] = 4, [DEVICE_FEATURE] = 4,
    [DRIVER_FEATURE_SELECT] = 4, [DRIVER_FEATURE] = 4,
    [CONFIG_MSIX_VECTOR] = 2,    [NUM_QUEUES] = 2,
    [DEVICE_STATUS] = 1,         [CONFIG_GENERATION] = 1,
    [QUEUE_SELECT] = 2,          [QUEUE_SIZE] = 2,
    [QUEUE_MSIX_VECTOR] = 2,     [QUEUE_ENABLE] = 2,
    [QUEUE_NOTIFY_OFF] = 2,      [QUEUE_DESC] = 8,
    [QUEUE_DRIVER] = 8,          [QUEUE_DEVICE] = 8,
};

struct virtio_pci {
    struct pci_function function;
    struct virtio_device *dev;
    struct virtio_doorbells doorbells;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    _Atomic uint16_t config_vector;
    _Atomic uint16_t queue_vector[VIRTIO_MAX_QUEUES];
    unsigned access_at; /* configuration space offset of the PCI configuration access capability */
    pthread_mutex_t intx_lock; /* keeps the ISR register and the wire together; below dev->lock */
};

/* Interrupts */

static void raise_interrupt(struct virtio_pci *pci, uint16_t vector, uint8_t cause)
{
    if (pci_msix_enabled(&pci->function)) {
        if (vector != VIRTIO_NO_VECTOR)
            pci_msix_signal(&pci->function, vector);
        return;
    }
    pthread_mutex_lock(&pci->intx_lock);
    atomic_fetch_or(&pci->dev->isr, cause);
    pci_intx_set(&pci->function, true);
    pthread_mutex_unlock(&pci->intx_lock);
}

static uint8_t read_isr(struct virtio_pci *pci)
{
    uint8_t isr;

    pthread_mutex_lock(&pci->intx_lock);
    isr = atomic_exchange(&pci->dev->isr, 0);
    pci_intx_set(&pci->function, false);
    pthread_mutex_unlock(&pci->intx_lock);
    return isr;
}

static void signal_queue(void *transport, unsigned index)
{
    struct virtio_pci *pci = transport;

    raise_interrupt(pci, atomic_load(&pci->queue_vector[index]), ISR_QUEUE);
}

static void signal_config(void *transport)
{
    struct virtio_pci *pci = transport;

    raise_interrupt(pci, atomic_load(&pci->config_vector), ISR_CONFIG);
}

static uint16_t valid_vector(const struct virtio_pci *pci, uint64_t value)
{
    return value < pci->function.msix_vectors ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

/* The common configuration structure */

/* The selected queue, or NULL: the driver may select what does not exist, and then reads a size of
 * 0 (4.1.4.3.1). */
static struct virtq *selected(const struct virtio_pci *pci)
{
    return pci->queue_select < pci->dev->queue_count ? &pci->dev->queues[pci->queue_select] : NULL;
}

static uint32_t feature_word(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static uint64_t queue_read(const struct virtio_pci *pci, unsigned reg)
{
    const struct virtq *q = selected(pci);

    if (!q)
        return reg == QUEUE_MSIX_VECTOR ? VIRTIO_NO_VECTOR : 0;
    switch (reg) {
    case QUEUE_SIZE: return q->size;
    case QUEUE_MSIX_VECTOR: return atomic_load(&pci->queue_vector[q->index]);
    case QUEUE_ENABLE: return q->enabled;
    case QUEUE_NOTIFY_OFF: return q->index;
    case QUEUE_DESC: return q->desc;
    case QUEUE_DRIVER: return q->driver;
    default: return q->device;
    }
}

static uint64_t common_read(const struct virtio_pci *pci, unsigned reg)
{
    const struct virtio_device *dev = pci->dev;

    switch (reg) {
    case DEVICE_FEATURE_SELECT: return pci->device_feature_select;
    case DEVICE_FEATURE:
        return feature_word(virtio_device_features(dev), pci->device_feature_select);
    case DRIVER_FEATURE_SELECT: return pci->driver_feature_select;
    case DRIVER_FEATURE: return feature_word(dev->driver_features, pci->driver_feature_select);
    case CONFIG_MSIX_VECTOR: return atomic_load(&pci->config_vector);
    case NUM_QUEUES: return dev->queue_count;
    case DEVICE_STATUS: return atomic_load(&dev->status);
    case CONFIG_GENERATION: return atomic_load(&dev->config_generation);
    case QUEUE_SELECT: return pci->queue_select;
    default: return queue_read(pci, reg);
    }
}

static void driver_feature_write(struct virtio_pci *pci, uint32_t value)
{
    struct virtio_device *dev = pci->dev;
    unsigned shift = 32 * pci->driver_feature_select;

    if (pci->driver_feature_select > 1 || (atomic_load(&dev->status) & VIRTIO_STATUS_FEATURES_OK))
        return;
    dev->driver_features &= ~(bits_mask(32) << shift);
    dev->driver_features |= (uint64_t)value << shift;
}

/* A queue's size: what the driver may choose, or the old value stays (4.1.4.3.2). */
static void queue_size_write(struct virtq *q, uint64_t value)
{
    bool packed = q->dev->driver_features & VIRTIO_F_RING_PACKED;

    if (value && value <= q->max_size && (packed || is_power_of_2(value)))
        q->size = (uint16_t)value;
}

static void queue_write(struct virtio_pci *pci, unsigned reg, uint64_t mask, uint64_t value)
{
    struct virtq *q = selected(pci);

    if (!q)
        return;
    if (reg == QUEUE_MSIX_VECTOR) {
        atomic_store(&pci->queue_vector[q->index], valid_vector(pci, value));
        return;
    }
    if (q->enabled || (atomic_load(&q->dev->status) & VIRTIO_STATUS_DRIVER_OK))
        return; /* frozen */
    switch (reg) {
    case QUEUE_SIZE: queue_size_write(q, value); break;
    case QUEUE_ENABLE: q->enabled = value == 1; break;
    case QUEUE_DESC: q->desc = (q->desc & ~mask) | value; break;
    case QUEUE_DRIVER: q->driver = (q->driver & ~mask) | value; break;
    case QUEUE_DEVICE: q->device = (q->device & ~mask) | value; break;
    default: break;
    }
}

/* `mask` has the bits of the register that are written, and `value` is in their place. */
static void common_write(struct virtio_pci *pci, unsigned reg, uint64_t mask, uint64_t value)
{
    switch (reg) {
    case DEVICE_FEATURE_SELECT: pci->device_feature_select = (uint32_t)value; break;
    case DRIVER_FEATURE_SELECT: pci->driver_feature_select = (uint32_t)value; break;
    case DRIVER_FEATURE: driver_feature_write(pci, (uint32_t)value); break;
    case CONFIG_MSIX_VECTOR: atomic_store(&pci->config_vector, valid_vector(pci, value)); break;
    case QUEUE_SELECT: pci->queue_select = (uint16_t)value; break;
    default: queue_write(pci, reg, mask, value); break;
    }
}

/* Finds the register of an access: its own width, or for 64-bit registers also either half
 * (4.1.3.1). */
static bool common_register(unsigned offset, unsigned size, unsigned *reg, unsigned *shift)
{
    *reg = offset;
    *shift = 0;
    if (offset < COMMON_LENGTH && common_width[offset] == size)
        return true;
    *reg = (unsigned)align_down(offset, 8);
    *shift = 8 * (offset - *reg);
    return offset < COMMON_LENGTH && common_width[*reg] == 8 && size == 4;
}

static void bad_width(const struct virtio_pci *pci, uint64_t offset, unsigned size, bool write)
{
    const struct event event = {
        .kind = EVENT_ACCESS_BAD_WIDTH,
        .write = write,
        .cpu = -1,
        .device = pci->dev->instance,
        .a = pci->function.bars[REGISTER_BAR].mapped_at + offset,
        .b = size,
    };

    event_emit(pci->dev->host.events, &event);
}

/* The device's own configuration (4.1.4.6); what lies behind its end reads as zeros */

static uint64_t device_read(struct virtio_pci *pci, unsigned offset, unsigned size)
{
    struct virtio_device *dev = pci->dev;
    uint8_t bytes[8] = {0};

    if (offset < dev->ops->config_size && dev->ops->config_read)
        dev->ops->config_read(dev, offset, MIN(size, dev->ops->config_size - offset), bytes);
    return load_le64(bytes) & bits_mask(8 * size);
}

static void device_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint64_t value)
{
    struct virtio_device *dev = pci->dev;
    uint8_t bytes[8];

    store_le64(bytes, value);
    if (range_fits(offset, size, dev->ops->config_size) && dev->ops->config_write)
        dev->ops->config_write(dev, offset, size, bytes);
}

/* BAR 0 */

static uint64_t common_bar_read(struct virtio_pci *pci, unsigned offset, unsigned size)
{
    unsigned reg, shift;
    uint64_t value;

    if (!common_register(offset, size, &reg, &shift)) {
        bad_width(pci, offset, size, false);
        return bits_mask(8 * size);
    }
    pthread_mutex_lock(&pci->dev->lock);
    value = common_read(pci, reg);
    pthread_mutex_unlock(&pci->dev->lock);
    return (value >> shift) & bits_mask(8 * size);
}

static void common_bar_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint64_t value)
{
    unsigned reg, shift;

    value &= bits_mask(8 * size);
    if (!common_register(offset, size, &reg, &shift)) {
        bad_width(pci, offset, size, true);
        return;
    }
    if (reg == DEVICE_STATUS) {
        virtio_device_set_status(pci->dev, (uint8_t)value);
        return;
    }
    pthread_mutex_lock(&pci->dev->lock);
    common_write(pci, reg, bits_mask(8 * size) << shift, value << shift);
    pthread_mutex_unlock(&pci->dev->lock);
}

static uint64_t bar_read(void *ctx, uint64_t offset, unsigned size)
{
    struct virtio_pci *pci = ctx;
    uint64_t value = 0;

    if (offset < COMMON_LENGTH)
        return common_bar_read(pci, (unsigned)offset, size);
    if (offset == ISR_AT)
        return read_isr(pci);
    if (offset >= DEVICE_AT) {
        pthread_mutex_lock(&pci->dev->lock);
        value = device_read(pci, (unsigned)(offset - DEVICE_AT), size);
        pthread_mutex_unlock(&pci->dev->lock);
    }
    return value;
}

static void bar_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_pci *pci = ctx;

    if (offset < COMMON_LENGTH) {
        common_bar_write(pci, (unsigned)offset, size, value);
    } else if (offset >= NOTIFY_AT && offset < DEVICE_AT) {
        if (offset % NOTIFY_MULTIPLIER == 0)
            virtio_device_notify(pci->dev, (unsigned)((offset - NOTIFY_AT) / NOTIFY_MULTIPLIER));
    } else if (offset >= DEVICE_AT) {
        pthread_mutex_lock(&pci->dev->lock);
        device_write(pci, (unsigned)(offset - DEVICE_AT), size, value);
        pthread_mutex_unlock(&pci->dev->lock);
    }
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* The PCI configuration access capability (4.1.4.9): a window on BAR 0 for those who cannot map it.
 * Its registers lie at these offsets in the capability. */
enum { ACCESS_BAR = 4, ACCESS_OFFSET = 8, ACCESS_LENGTH = 12, ACCESS_DATA = 16 };

/* The guest touched the window's data register; makes the access that the other registers describe,
 * if BAR 0 takes such. */
static void accessed(struct pci_function *function, unsigned offset, unsigned size, bool write)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    unsigned window = pci->access_at, data = window + ACCESS_DATA;
    uint32_t at, width;

    if (offset != data)
        return;
    at = pci_config_get(function, window + ACCESS_OFFSET, 4);
    width = pci_config_get(function, window + ACCESS_LENGTH, 4);
    if (pci_config_get(function, window + ACCESS_BAR, 1) != REGISTER_BAR ||
        (width != 1 && width != 2 && width != 4) || at % width || !range_fits(at, width, BAR_SIZE))
        return;
    if (write)
        bar_write(pci, at, width, pci_config_get(function, data, width));
    else
        pci_config_set(function, data, width, (uint32_t)bar_read(pci, at, width));
}

/* Assembly */

static int add_structure(struct virtio_pci *pci, uint8_t type, uint32_t at, uint32_t length,
                         uint32_t extra)
{
    /* struct virtio_pci_cap (4.1.4), and one register more for the two types that have it. */
    uint8_t cap[20] = {0};
    size_t size = type == CFG_NOTIFY || type == CFG_PCI ? 20 : 16;

    cap[2] = (uint8_t)size;
    cap[3] = type;
    cap[4] = REGISTER_BAR;
    store_le32(cap + 8, at);
    store_le32(cap + 12, length);
    if (size > 16)
        store_le32(cap + 16, extra);
    return pci_add_capability(&pci->function, PCI_CAP_VENDOR, cap, size);
}

static int add_structures(struct virtio_pci *pci)
{
    struct virtio_device *dev = pci->dev;
    int ret = add_structure(pci, CFG_COMMON, COMMON_AT, COMMON_LENGTH, 0);

    if (ret >= 0)
        ret = add_structure(pci, CFG_ISR, ISR_AT, 1, 0);
    if (ret >= 0)
        ret = add_structure(pci, CFG_NOTIFY, NOTIFY_AT, NOTIFY_MULTIPLIER * dev->queue_count,
                            NOTIFY_MULTIPLIER);
    if (ret >= 0 && dev->ops->config_size)
        ret = add_structure(pci, CFG_DEVICE, DEVICE_AT, dev->ops->config_size, 0);
    if (ret >= 0)
        ret = add_structure(pci, CFG_PCI, 0, 0, 0);
    if (ret < 0)
        return ret;
    pci->access_at = (unsigned)ret;
    pci->function.writable[pci->access_at + ACCESS_BAR] = 0xff;
    memset(pci->function.writable + pci->access_at + ACCESS_OFFSET, 0xff, 12);
    pci->function.accessed = accessed;
    pci->function.acts = pci->access_at + ACCESS_BAR;
    pci->function.acts_length = ACCESS_DATA + 4 - ACCESS_BAR;
    return 0;
}

static int describe(struct virtio_pci *pci)
{
    struct pci_function *function = &pci->function;
    int ret;

    function->name = pci->dev->instance;
    function->vendor = VIRTIO_VENDOR;
    function->device = (uint16_t)(VIRTIO_DEVICE_BASE + pci->dev->ops->id);
    function->subsystem_vendor = VIRTIO_VENDOR;
    function->subsystem = VIRTIO_SUBSYSTEM;
    function->class_code = pci->dev->ops->pci_class;
    function->revision = VIRTIO_REVISION;
    function->interrupt_pin = MAX(pci->dev->host.quirks.interrupt_pin, 1);
    ret = pci_function_init(function);
    if (ret)
        return ret;
    ret = pci_add_bar(function, REGISTER_BAR, BAR_SIZE, true, BUS_WIDTH_ALL, &bar_ops, pci);
    ret = ret ? ret : add_structures(pci);
    ret = ret ? ret : pci_add_msix(function, MSIX_BAR, pci->dev->queue_count + 1);
    if (ret)
        pci_function_fini(function);
    return ret;
}

static void moved(struct pci_function *function, unsigned bar)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    uint64_t at = function->bars[bar].mapped_at;

    if (bar == REGISTER_BAR)
        virtio_doorbells_move(&pci->doorbells, at ? at + NOTIFY_AT : 0);
}

static void transport_enable(void *transport, uint32_t queues)
{
    struct virtio_pci *pci = transport;

    virtio_doorbells_want(&pci->doorbells, queues);
}

/* The transport's registers back to power-on: under dev->lock, on the loop. */
static void transport_reset(void *transport)
{
    struct virtio_pci *pci = transport;

    pci->device_feature_select = pci->driver_feature_select = 0;
    pci->queue_select = 0;
    atomic_store(&pci->config_vector, VIRTIO_NO_VECTOR);
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
        atomic_store(&pci->queue_vector[i], VIRTIO_NO_VECTOR);
    read_isr(pci);
    virtio_doorbells_want(&pci->doorbells, 0);
}

int virtio_pci_create(struct virtio_pci **out, struct pci_host *host, unsigned slot,
                      struct virtio_device *dev, struct error *err)
{
    struct virtio_pci *pci = calloc(1, sizeof(*pci));
    int ret;

    if (!pci)
        return error_set(err, ENOMEM, "%s: no memory", dev->instance);
    pci->dev = dev;
    atomic_init(&pci->config_vector, VIRTIO_NO_VECTOR);
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
        atomic_init(&pci->queue_vector[i], VIRTIO_NO_VECTOR);
    pthread_mutex_init(&pci->intx_lock, NULL);
    ret = describe(pci);
    if (ret) {
        error_set(err, -ret, "%s: cannot be described as a PCI function: %s", dev->instance,
                  strerror(-ret));
        goto free_pci;
    }
    dev->signal_queue = signal_queue;
    dev->signal_config = signal_config;
    dev->transport_enable = transport_enable;
    dev->transport_reset = transport_reset;
    dev->transport = pci;
    virtio_doorbells_init(&pci->doorbells, dev, NOTIFY_MULTIPLIER);
    pci->function.moved = moved;
    ret = pci_attach(host, &pci->function, slot);
    if (ret) {
        error_set(err, -ret, "%s: PCI slot %u cannot take it: %s", dev->instance, slot,
                  strerror(-ret));
        goto undescribe;
    }
    *out = pci;
    return 0;

undescribe:
    dev->signal_queue = NULL;
    dev->signal_config = NULL;
    dev->transport_enable = NULL;
    dev->transport_reset = NULL;
    dev->transport = NULL;
    virtio_doorbells_fini(&pci->doorbells);
    pci_function_fini(&pci->function);
free_pci:
    pthread_mutex_destroy(&pci->intx_lock);
    free(pci);
    return ret;
}

struct virtio_device *virtio_pci_device(struct virtio_pci *pci)
{
    return pci->dev;
}

struct pci_function *virtio_pci_function(struct virtio_pci *pci)
{
    return &pci->function;
}

/* What the machine does to every device. The function's configuration is the host bridge's to
 * reset, save and load. */

struct registers {
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select, config_vector, queue_vector[VIRTIO_MAX_QUEUES];
};

static const struct state_field register_fields[] = {
    STATE_FIELD(struct registers, device_feature_select, STATE_U32),
    STATE_FIELD(struct registers, driver_feature_select, STATE_U32),
    STATE_FIELD(struct registers, queue_select, STATE_U16),
    STATE_FIELD(struct registers, config_vector, STATE_U16),
    STATE_ARRAY(struct registers, queue_vector, STATE_U16, VIRTIO_MAX_QUEUES),
};
static const struct state_table register_table = {"virtio-pci", 1, register_fields,
                                                  nitems(register_fields)};

static void reset(void *ctx)
{
    struct virtio_pci *pci = ctx;

    virtio_device_reset(pci->dev);
}

static int save(void *ctx, struct state *state, const char *instance)
{
    struct virtio_pci *pci = ctx;
    struct registers registers = {
        .device_feature_select = pci->device_feature_select,
        .driver_feature_select = pci->driver_feature_select,
        .queue_select = pci->queue_select,
        .config_vector = atomic_load(&pci->config_vector),
    };
    char name[64];
    int ret;

    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
        registers.queue_vector[i] = atomic_load(&pci->queue_vector[i]);
    snprintf(name, sizeof(name), "%s/pci", instance);
    ret = state_save(state, name, &register_table, &registers);
    return ret ? ret : virtio_device_save(pci->dev, state);
}

static void load_registers(struct virtio_pci *pci, const struct registers *registers)
{
    pci->device_feature_select = registers->device_feature_select;
    pci->driver_feature_select = registers->driver_feature_select;
    pci->queue_select = registers->queue_select;
    atomic_store(&pci->config_vector, valid_vector(pci, registers->config_vector));
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
        atomic_store(&pci->queue_vector[i], valid_vector(pci, registers->queue_vector[i]));
}

static int load(void *ctx, const struct state *state, const char *instance, struct error *err)
{
    struct virtio_pci *pci = ctx;
    struct registers registers;
    char name[64];
    int ret;

    virtio_device_quiesce(pci->dev);
    snprintf(name, sizeof(name), "%s/pci", instance);
    ret = state_load(state, name, &register_table, &registers, err);
    ret = ret ? ret : virtio_device_load(pci->dev, state, err);
    if (!ret)
        load_registers(pci, &registers);
    return ret;
}

static void destroy(void *ctx)
{
    struct virtio_pci *pci = ctx;

    virtio_device_quiesce(pci->dev);
    pci_detach(&pci->function);
    virtio_doorbells_fini(&pci->doorbells);
    pci->dev->ops->free(pci->dev);
    pci_function_fini(&pci->function);
    pthread_mutex_destroy(&pci->intx_lock);
    free(pci);
}

const struct device_ops virtio_pci_ops = {"virtio-pci", reset, save, load, destroy};
