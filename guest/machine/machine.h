/* SPDX-License-Identifier: ISC */
/*
 * What the guests for the whole machine share: its memory map (src/machine/layout.h), the interrupt
 * controller, PSCI, PCI and a small virtio driver. The tests that run them are in tests/machine/.
 *
 * A guest checks what it sees with expect(), and says "done" last: a test looks for that, and for
 * no line that begins with "FAIL". The MMU is off, so all memory is Device: no unaligned accesses.
 */
#ifndef MACHINE_GUEST_H
#define MACHINE_GUEST_H

#include "../guest.h"

#define RAM_BASE   UINT64_C(0x70000000)
#define GICD       UINT64_C(0x10000000)
#define GICR       UINT64_C(0x10010000)
#define GICR_SIZE  UINT64_C(0x20000)
#define RTC        UINT64_C(0x20050000)
#define GPIO       UINT64_C(0x20060000)
#define UART       UINT64_C(0x20100000)
#define ECAM       UINT64_C(0x40000000)
#define PCI_MEM32  UINT64_C(0x50000000)
#define MSI_SETSPI UINT64_C(0x1fff0040)

#define INTID_VTIMER 27
#define INTID_PTIMER 30
#define INTID_RTC    34
#define INTID_GPIO   37
#define INTID_UART   48
#define INTID_MSI    128

#define VECTOR_SYNC 0x200
#define VECTOR_IRQ  0x280

/* Memory-mapped registers, by the plainest instructions. */
#define MMIO_ACCESSORS(bits, type, reg, suffix)                                                    \
    static inline type read##bits(uint64_t address)                                                \
    {                                                                                              \
        type value;                                                                                \
        __asm__ volatile("ldr" suffix " %" reg "0, [%1]" : "=r"(value) : "r"(address) : "memory"); \
        return value;                                                                              \
    }                                                                                              \
    static inline void write##bits(uint64_t address, type value)                                   \
    {                                                                                              \
        __asm__ volatile("str" suffix " %" reg "0, [%1]" : : "r"(value), "r"(address) : "memory"); \
    }
MMIO_ACCESSORS(8, uint8_t, "w", "b")
MMIO_ACCESSORS(16, uint16_t, "w", "h")
MMIO_ACCESSORS(32, uint32_t, "w", "")
MMIO_ACCESSORS(64, uint64_t, "", "")

/* Checks: nothing is printed when `got` is what is wanted. */
void expect(const char *what, uint64_t got, uint64_t want);

/* What follows "guest:" on the kernel's command line, or "". */
const char *guest_argument(void);
uint64_t parse_number(const char *text);

/* --- PSCI --- */

#define PSCI_VERSION         UINT64_C(0x84000000)
#define PSCI_CPU_SUSPEND     UINT64_C(0xc4000001)
#define PSCI_CPU_SUSPEND_32  UINT64_C(0x84000001)
#define PSCI_CPU_OFF         UINT64_C(0x84000002)
#define PSCI_CPU_ON          UINT64_C(0xc4000003)
#define PSCI_CPU_ON_32       UINT64_C(0x84000003)
#define PSCI_AFFINITY_INFO   UINT64_C(0xc4000004)
#define PSCI_AFFINITY_INFO32 UINT64_C(0x84000004)
#define PSCI_MIGRATE_TYPE    UINT64_C(0x84000006)
#define PSCI_SYSTEM_OFF      UINT64_C(0x84000008)
#define PSCI_SYSTEM_RESET    UINT64_C(0x84000009)
#define PSCI_FEATURES        UINT64_C(0x8400000a)

uint64_t psci(bool smc, uint64_t id, uint64_t x1, uint64_t x2, uint64_t x3);

/* Another CPU's life; head.S knows the layout. `seen` is the state that it woke up in. */
struct secondary {
    uint64_t stack_top;
    void (*run)(uint64_t argument);
    uint64_t argument;
    struct {
        uint64_t current_el, daif, sctlr, spsel, mpidr, context;
    } seen;
};

void secondary_entry(void);
/* Starts CPU `cpu` (1 to 15) with a stack of its own. Returns PSCI's answer. */
uint64_t secondary_start(unsigned cpu, void (*run)(uint64_t), uint64_t argument);
struct secondary *secondary_of(unsigned cpu);
static inline unsigned cpu_index(void)
{
    return read_sysreg(mpidr_el1) & 0xff;
}

/* --- interrupts --- */

/* Group 1, everything enabled in the CPU interface of `cpu`, the caller. */
void gic_init(void);
/* Enables an SGI or PPI of this CPU, or an SPI routed to it. */
void gic_enable(unsigned intid);
/* The number of the pending interrupt, 1023 when there is none; and its end. */
unsigned gic_acknowledge(void);
void gic_end(unsigned intid);
void gic_send_sgi(unsigned intid, uint16_t targets);

static inline void irq_unmask(void)
{
    __asm__ volatile("msr daifclr, #2" : : : "memory");
}
static inline void irq_mask(void)
{
    __asm__ volatile("msr daifset, #2" : : : "memory");
}
static inline void wfi(void)
{
    __asm__ volatile("dsb sy; wfi" : : : "memory");
}
/* With interrupts masked, waits until one is pending and lets its vector run. A caller looks for
 * what it waits for before, while they are masked: nothing is missed. */
static inline void irq_sleep(void)
{
    wfi();
    irq_unmask();
    isb();
    irq_mask();
}
/* With interrupts masked, waits until one is pending, takes it and returns its number. */
unsigned irq_wait(void);

/* --- UART --- */

bool uart_has_input(void);
char uart_get(void); /* waits */

/* --- PCI and virtio --- */

#define VIRTIO_QUEUE_SIZE 16

struct virtio_ring {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } desc[VIRTIO_QUEUE_SIZE];
    struct {
        uint16_t flags, index, ring[VIRTIO_QUEUE_SIZE];
    } avail;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[VIRTIO_QUEUE_SIZE];
    } used __attribute__((aligned(16)));
};

struct virtio {
    uint64_t config; /* of the PCI function */
    uint64_t common, notify, device;
    uint32_t notify_multiplier;
    uint64_t msix; /* the table */
};

/* Finds virtio device type `type` (4 is entropy), turns memory on, finds its structures, and goes
 * through the handshake with no features but VERSION_1 up to FEATURES_OK. Returns false when there
 * is none. */
bool virtio_open(struct virtio *dev, unsigned type);
/* Sets up queue `index` with interrupts to MSI-X `vector` (0xffff: none). */
void virtio_queue(struct virtio *dev, unsigned index, struct virtio_ring *ring, unsigned vector);
/* MSI-X on, and vector `vector` sends `intid`. */
void virtio_msix(struct virtio *dev, unsigned vector, unsigned intid);
void virtio_driver_ok(struct virtio *dev);

#define RING_WRITE 2 /* VIRTQ_DESC_F_WRITE */

struct virtio_part {
    const void *at;
    uint32_t length;
    bool write;
};

/* Gives the device a chain of `count` parts from descriptor 0 and rings its bell. */
void virtio_submit(struct virtio *dev, unsigned index, struct virtio_ring *ring,
                   const struct virtio_part *parts, unsigned count);
/* Waits, polling, until it is used. Returns the bytes written. */
uint32_t virtio_await(struct virtio_ring *ring);

#endif
