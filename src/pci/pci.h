/* SPDX-License-Identifier: ISC */
/*
 * PCI Express as Apple's machine has it: one flat bus behind an ECAM window, function 0 only,
 * memory BARs, MSI-X, legacy INTx by slot. PCI Local Bus 3.0 and PCIe Base 3.1 register names.
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include <pthread.h>

#include "base/log.h"
#include "bus/bus.h"
#include "bus/irq.h"

#define PCI_SLOTS       32
#define PCI_CONFIG_SIZE 4096
#define PCI_BARS        6

struct pci_bar {
    uint64_t size; /* 0: not there; a power of two, 16 bytes at least */
    bool is_64bit, prefetchable;
    unsigned widths; /* BUS_WIDTH_* */
    const struct bus_ops *ops;
    void *dev;
    uint64_t assigned_at; /* bus address that firmware would have given it: what the register holds
                             after reset */
    uint64_t mapped_at;   /* bus address where it answers now, 0 when it does not */
};

struct pci_msix_entry {
    uint64_t address;
    uint32_t data, control;
};

/* One function. Filled by its owner (identity), then by pci_add_bar and friends, then given to
 * pci_attach. */
struct pci_function {
    const char *name;
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
    uint8_t revision;
    uint8_t interrupt_pin; /* 0 none, 1 INTA ... */
    struct pci_host *host; /* set by pci_attach */
    unsigned slot;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the guest may change */
    struct pci_bar bars[PCI_BARS];
    unsigned next_capability, last_capability;
    struct pci_msix_entry *msix;
    unsigned msix_vectors, msix_offset, msix_bar;
    uint64_t *msix_pending;
    pthread_mutex_t lock;
    bool intx_level;
    /* Told after the guest changed the command register or MSI-X control, without any of PCI's
     * locks (may be NULL). */
    void (*changed)(struct pci_function *function);
    /* Told when BAR `bar` has begun to answer where its mapped_at says, or no more (0); with the
     * host's lock held (may be NULL). */
    void (*moved)(struct pci_function *function, unsigned bar);
    /* Told before each read and after each write of configuration space, without any of PCI's locks
     * (may be NULL). For a capability that acts, like virtio's VIRTIO_PCI_CAP_PCI_CFG: it uses
     * pci_config_get and pci_config_set. */
    void (*accessed)(struct pci_function *function, unsigned offset, unsigned size, bool write);
    /* Of registers that `accessed` acts for, and those that say what it does: offset and length. */
    unsigned acts, acts_length;
    uint8_t *mirror; /* what guests read (pci_host_mirror), or NULL; under lock */
};

struct pci_windows {
    uint64_t ecam_base, ecam_size;
    uint64_t mem32_base, mem32_size;
    uint64_t mem64_base, mem64_size;
    uint64_t io_base, io_size;
};

struct pci_host;

/*
 * Locks: the host's is held while BARs move, and waits for accesses to a BAR to end (bus_detach); a
 * function's guards its configuration and MSI-X table and is never held across a call to a device.
 * So a BAR's handlers may call anything here that says "any thread".
 */

/* Creates the host bridge (106b:1a05 at 00:00.0) with its ECAM and windows on `bus`. intx[slot] are
 * the legacy lines. */
int pci_host_create(struct pci_host **host, struct bus *bus, const struct pci_windows *windows,
                    const struct msi_sink *msi, const struct irq_line intx[PCI_SLOTS],
                    const struct log *log);
void pci_host_destroy(struct pci_host *host);
extern const struct device_ops
    pci_host_ops; /* resets, saves and loads the host and its functions' configuration */

/*
 * A copy of configuration space for guests to read without an exit, by the means of an engine that
 * can show host memory to a guest read-only.
 */
#define PCI_MIRROR_PAGE_MAX 0x8000 /* a slot's place in the ECAM */

struct pci_mirror {
    uint8_t *pages; /* PCI_SLOTS of them, which stay as long as the host bridge */
    size_t page;    /* the host's page size, at most that; `pages` is aligned to it */
    /* Shows `page` to guests at `ipa`, or no more; writes to it arrive at the ECAM as ever. `show`
     * returns 0 or -errno; `hide` may be called on a vCPU's thread. */
    int (*show)(void *ctx, uint64_t ipa, uint64_t size, const void *page);
    void (*hide)(void *ctx, uint64_t ipa, uint64_t size);
    void *ctx;
};

/* With every function in its slot, before vCPUs run. */
void pci_host_mirror(struct pci_host *host, const struct pci_mirror *mirror);

/* Leaves every function as firmware that has started devices does: memory space and bus mastering
 * on. Boot paths that stand for such firmware call it after a reset. */
void pci_firmware_setup(struct pci_host *host);

/* Makes the configuration header from the identity that its owner has filled in. Returns 0 or
 * -errno. */
int pci_function_init(struct pci_function *function);
void pci_function_fini(struct pci_function *function);

/* Describes BAR `index` (a 64-bit one takes two). Before pci_attach. Returns 0 or -EINVAL. */
int pci_add_bar(struct pci_function *function, unsigned index, uint64_t size, bool is_64bit,
                unsigned widths, const struct bus_ops *ops, void *dev);

/* Adds a capability of `length` bytes whose first two (id, next) are filled here. Returns its
 * offset or -ENOSPC. */
int pci_add_capability(struct pci_function *function, uint8_t id, const void *body, size_t length);

/* Adds MSI-X with `vectors` entries, table and PBA in a BAR of their own (32-bit, as Apple's). */
int pci_add_msix(struct pci_function *function, unsigned bar, unsigned vectors);

/* Plugs it into `slot` (1 to 31; 0: the next free one) and assigns BAR addresses as firmware would.
 * With vCPUs stopped, like pci_detach. Returns 0, -EBUSY (slot taken) or -ENOSPC (no slot, or no
 * room in a window). */
int pci_attach(struct pci_host *host, struct pci_function *function, unsigned slot);
void pci_detach(struct pci_function *function);

/* Bytes of configuration space, little-endian, past the writable masks; size is 1, 2 or 4. Any
 * thread. */
uint32_t pci_config_get(struct pci_function *function, unsigned offset, unsigned size);
void pci_config_set(struct pci_function *function, unsigned offset, unsigned size, uint32_t value);

/* Which function's BAR answers at bus address `address`, and how far into it. `name` is the
 * function's. False: none's. Any thread, outside of BARs' handlers. */
bool pci_bar_at(struct pci_host *host, uint64_t address, const char **name, unsigned *bar,
                uint64_t *offset);

/* Power-on values. Functions stay in their slots. */
void pci_function_reset(struct pci_function *function);

/* Signals MSI-X vector `vector` if MSI-X is enabled and unmasked (pending otherwise). Any thread.
 */
void pci_msix_signal(struct pci_function *function, unsigned vector);
bool pci_msix_enabled(struct pci_function *function); /* any thread */

/* Drives the function's INTx wire, gated by the command register's Interrupt Disable and by MSI-X
 * Enable. Any thread. */
void pci_intx_set(struct pci_function *function, bool level);

/* Whether the function may access memory (command register, Bus Master Enable). Any thread. */
bool pci_bus_master(struct pci_function *function);

int pci_function_save(struct pci_function *function, struct state *state, const char *instance);
int pci_function_load(struct pci_function *function, const struct state *state,
                      const char *instance, struct error *err);

#endif
