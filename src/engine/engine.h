/* SPDX-License-Identifier: ISC */
/*
 * The engine contract: what runs a guest's CPUs. Modelled on the C API of Apple's
 * Hypervisor.framework, the narrowest of the native ones; KVM and the soft engines fit into it.
 *
 * An engine never sees a device. It runs a vCPU until something happens that it cannot do alone (an
 * exit), and machine/ answers. Rules:
 *
 *  - Every vcpu_* verb runs on that vCPU's own thread, the one that called vcpu_create; vcpu_kick
 * alone may come from anywhere.
 *  - A pending exit is completed at the start of the next vcpu_run, from what machine/ has written
 * into `struct vcpu_exit` (an MMIO read's value, an SMCCC call's results, a system register's
 * value).
 *  - Interrupt levels are asserted again (vcpu_irq) before every vcpu_run.
 *  - Engines hold no global state: several VMs may live in one process where the engine can do it
 * (caps.many_vms).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdio.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/event.h"
#include "base/log.h"
#include "base/state.h"
#include "mem/mem.h"

#define ENGINE_MAX_VCPUS 16

struct engine_vm;
struct vcpu;

enum engine_gic { ENGINE_GIC_NONE, ENGINE_GIC_IN_ENGINE };

/* Where the machine has its interrupt controller (docs/apple-machine.md), for engines with one of
 * their own: guest physical addresses, the SPIs that there are (an engine that cannot choose has
 * others), and those that the MSI frame may raise. */
struct engine_gic_config {
    uint64_t distributor, redistributors;
    uint64_t msi_frame; /* of the registers of a GICv2m frame */
    unsigned spis;
    unsigned msi_first, msi_count;
};

struct engine_caps {
    uint32_t counter_hz;     /* frequency of the guest's counter (CNTFRQ_EL0) */
    unsigned ipa_bits;       /* guest physical addresses that can be mapped */
    unsigned pa_range;       /* ID_AA64MMFR0_EL1.PARange that guests see */
    uint64_t host_page_size; /* granularity of vm_map */
    unsigned max_vcpus;
    enum engine_gic gic; /* ENGINE_GIC_NONE: machine/ uses chip/gicv3.c */
    bool msi_in_engine;  /* its GIC has the MSI frame as well; else machine/ uses chip/gicv2m.c */
    bool psci_hvc, psci_smc;
    bool psci_in_engine; /* KVM answers PSCI itself */
    bool id_regs_masked; /* every ID register can be set (soft engines) */
    bool many_vms;
    bool el2;
    char shown[256]; /* what of the host's CPU guests see against the machine's promise, for
                      * people: "RAS, no LSE"; empty: nothing */
};

/* Which CPU guests see: a row of arm/cpuid.h's table. */
enum engine_cpu { ENGINE_CPU_ATOLL, ENGINE_CPU_APPLE, ENGINE_CPU_HOST };

/* Text that a translating engine writes for people. */
struct engine_listing {
    FILE *to; /* NULL: not wanted. The caller's, until vm_destroy; any vCPU's thread writes */
    bool one; /* only about the code at guest address `at`, virtual or physical */
    uint64_t at;
};

struct engine_vm_config {
    enum engine_cpu cpu;
    struct mem *mem;
    const struct log *log;
    const struct event_sink *events;
    /* The machine clock (docs/architecture.md, "Clock"): nanoseconds of guest time now; its source
     * can be replaced by a counted one. NULL: the host's monotonic clock. Any thread. Deadlines in
     * exits are in its time. */
    uint64_t (*clock_ns)(void *ctx);
    void *clock_ctx;
    bool clock_steady; /* inside of vcpu_run it runs as the host's monotonic clock does */
    /* How many vCPUs there will be, among which memory for translated code is shared out; 0: 1. */
    unsigned vcpus;
    /* Every stage of each translation; a line for each time that a translation is entered, in the
     * order of each vCPU. Engines that do not translate refuse either with -ENOTSUP. */
    struct engine_listing dump, trace;
    /* A page or block whose output address the CPU does not have is no address size fault: the
     * access leaves as EXIT_MMIO like any other to where nothing is. Soft engines. */
    bool wild_accesses;
    /* Of the host's instruction set only what the engine cannot do without, for tests. */
    bool plain_host;
    /* Code is translated when it is reached first, not when it is reached again, for tests. */
    bool eager;
    /* The guest starts at EL2 and may run guests of its own. Engines that say caps.el2. */
    bool el2;
    /* The physical timer's registers leave as EXIT_SYSREG, as they do on Hypervisor.framework, for
     * tests. Soft engines. */
    bool ptimer_traps;
};

enum exit_kind {
    EXIT_MMIO,   /* an access outside what vm_map mapped */
    EXIT_SMCCC,  /* HVC or SMC with immediate 0: PC is already past it */
    EXIT_SYSREG, /* a system register that the engine leaves to the machine: the GIC's CPU interface
                  */
    EXIT_WFI,    /* the vCPU waits for an interrupt; PC is past the WFI */
    EXIT_VTIMER, /* the output of a generic timer changed */
    EXIT_DEBUG,  /* a breakpoint, watchpoint or step that vcpu_debug asked for */
    EXIT_KICKED, /* vcpu_kick */
    EXIT_POWER,  /* only from engines with PSCI of their own */
    EXIT_FAULT,  /* the engine cannot go on; `text` says why */
};

/* How an MMIO access ends: with its value, or as machine/ has it aborted. An SError is
 * asynchronous: the access reads as its value, or is lost, and the exception comes once PSTATE.A
 * lets it. */
enum exit_abort { EXIT_ABORT_NONE, EXIT_ABORT_SYNC, EXIT_ABORT_SERROR };

enum exit_power { EXIT_POWER_OFF, EXIT_POWER_RESET };

struct vcpu_exit {
    enum exit_kind kind;
    union {
        struct {
            uint64_t ipa, va, value;
            uint8_t size; /* 1, 2, 4, 8; wider guest accesses arrive in parts */
            bool write;
            bool fetch;
            bool more; /* the same instruction's next part follows: no stop in between, at which
                        * what a device was told would be lost */
            enum exit_abort abort; /* set by machine/ */
        } mmio;
        struct {
            bool smc;
            uint64_t x[18]; /* X0..X17 in; machine/ changes X0..X3, the engine writes those back */
        } smccc;
        struct {
            uint32_t key; /* op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2 */
            bool write;
            uint64_t value;
            bool undefined; /* set by machine/: complete with an Undefined Instruction exception */
        } sysreg;
        struct {
            uint64_t
                deadline_ns; /* config.clock_ns() time at which a timer fires; UINT64_MAX: none */
        } wfi;
        struct {
            bool virt, phys; /* output levels now: PPI 27 and PPI 30 */
        } vtimer;
        struct {
            uint64_t pc, address;
            uint32_t esr;
        } debug;
        struct {
            enum exit_power what;
        } power;
        struct {
            char text[128];
            uint64_t pc;
        } fault;
    };
};

/* Registers of vcpu_get and vcpu_set. */
enum vcpu_reg {
    VCPU_X0 = 0,  /* ... X30 = 30 */
    VCPU_SP = 31, /* SP of the current exception level */
    VCPU_PC = 32,
    VCPU_PSTATE = 33, /* in SPSR_EL1's format */
    VCPU_FPCR = 34,
    VCPU_FPSR = 35,
    VCPU_V0 = 64, /* ... V31 = 95: 16 bytes, through vcpu_get_v and vcpu_set_v */
};

struct vcpu_stats {
    uint64_t instructions; /* 0 when the engine does not count */
    uint64_t exits[EXIT_FAULT + 1];
    uint64_t tlb_fills, tlb_walks, tlb_flushes, blocks;
    /* Of translators, 0 in others: what was translated so far; bytes that translations and tables
     * about them occupy now and at most; how often all were dropped to make room; and how often a
     * branch's target was not known to the caches that translated code itself looks into. */
    uint64_t regions, translated, code_bytes, code_limit, code_flushes, code_misses;
};

/* Exits that the host's kernel counts, where the engine lives in one: all of them, and of those the
 * accesses to devices that it answered itself and that it did not, WFIs, WFEs, hypercalls, and
 * exits for a signal. What is left are page faults, interrupts and system registers. */
enum kernel_exit {
    KERNEL_EXIT_ALL,
    KERNEL_EXIT_MMIO,
    KERNEL_EXIT_MMIO_USER,
    KERNEL_EXIT_WFI,
    KERNEL_EXIT_WFE,
    KERNEL_EXIT_HVC,
    KERNEL_EXIT_SIGNAL,
    KERNEL_EXITS
};

/* What vcpu_debug asks for; zeroed: nothing. */
struct vcpu_debug {
    bool step;
    unsigned breakpoints;
    uint64_t breakpoint[16];
};

struct engine_ops {
    const char *name;
    const char *about; /* one line for `atoll engines` */

    /* Whether this host can run it. Returns 0, or -errno with the reason and the remedy in `err`.
     */
    int (*probe)(struct error *err);
    /* What it offers; valid after a successful probe. */
    int (*caps)(struct engine_caps *caps);

    int (*vm_create)(struct engine_vm **vm, const struct engine_vm_config *config,
                     struct error *err);
    void (*vm_destroy)(struct engine_vm *vm);
    /* Maps RAM that is in config.mem at [ipa, ipa + size). All before vm_ready. */
    int (*vm_map)(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable,
                  struct error *err);
    int (*vm_unmap)(struct engine_vm *vm, uint64_t ipa, uint64_t size);
    int (*vm_protect)(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable);
    /* The host wrote code at [ipa, ipa + len): what was cached of it is dropped. vCPUs may run. */
    void (*vm_code_written)(struct engine_vm *vm, uint64_t ipa, uint64_t len);
    /* Optional. Reads of [ipa, ipa + size) see host memory at `from`, both in whole host pages,
     * until vm_unmap; writes leave as EXIT_MMIO. Whoever changes that memory cleans it
     * (base/cache.h), since guests may read it around the host's cache. Any thread. */
    int (*vm_map_reads)(struct engine_vm *vm, uint64_t ipa, uint64_t size, const void *from);
    /* All vCPUs exist; the first vcpu_run may follow. */
    int (*vm_ready)(struct engine_vm *vm, struct error *err);

    /* Optional. The machine clock (config.clock_ns) runs from now on, or stands still, as it does
     * at first: so has a counter to do that is the host's. With all vCPUs parked, any thread. */
    void (*vm_clock)(struct engine_vm *vm, bool runs);

    /* NULL in engines without a GIC of their own. gic_create comes after vm_create and before any
     * vcpu_create, the others after vm_ready, from any thread. A level line stays up until it is
     * lowered; gic_msi is one edge of interrupt `intid`. */
    int (*gic_create)(struct engine_vm *vm, const struct engine_gic_config *config,
                      struct error *err);
    int (*gic_spi)(struct engine_vm *vm, unsigned intid, bool level);
    int (*gic_msi)(struct engine_vm *vm, unsigned intid);
    void (*gic_reset)(struct engine_vm *vm);
    int (*gic_save)(struct engine_vm *vm, struct state *state, const char *instance);
    int (*gic_load)(struct engine_vm *vm, const struct state *state, const char *instance,
                    struct error *err);

    /* Optional. A guest's write of `size` bytes (1, 2 or 4; 0: of any size) at `ipa` signals the
     * eventfd `fd` instead of leaving as EXIT_MMIO; `fd` -1 takes that back. */
    int (*vm_notify_fd)(struct engine_vm *vm, uint64_t ipa, unsigned size, int fd);

    int (*vcpu_create)(struct engine_vm *vm, unsigned index, struct vcpu **vcpu, struct error *err);
    void (*vcpu_destroy)(struct vcpu *vcpu);
    /* Power-on state: EL1h, DAIF masked, MMU off, PC 0 (Arm ARM D1.9.1). */
    void (*vcpu_reset)(struct vcpu *vcpu);
    /* Runs until an exit. Returns 0 with *exit filled (it stays valid and is completed by the next
     * call), or -errno. */
    int (*vcpu_run)(struct vcpu *vcpu, struct vcpu_exit **exit);
    void (*vcpu_kick)(
        struct vcpu *vcpu); /* any thread: the current or the next vcpu_run returns EXIT_KICKED */
    void (*vcpu_stats)(struct vcpu *vcpu, struct vcpu_stats *stats);
    /* Optional: adds this vCPU's numbers to `exits`. Any thread. Returns 0, or -ENOTSUP where the
     * kernel does not tell. */
    int (*vcpu_kernel_exits)(struct vcpu *vcpu, uint64_t exits[KERNEL_EXITS]);

    int (*vcpu_get)(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t *value);
    int (*vcpu_set)(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
    int (*vcpu_get_v)(struct vcpu *vcpu, unsigned index, uint64_t value[2]);
    int (*vcpu_set_v)(struct vcpu *vcpu, unsigned index, const uint64_t value[2]);
    /* Raw system registers by key, without traps or side effects. -ENOENT: no such register. */
    int (*vcpu_sysreg_get)(struct vcpu *vcpu, uint32_t key, uint64_t *value);
    int (*vcpu_sysreg_set)(struct vcpu *vcpu, uint32_t key, uint64_t value);

    void (*vcpu_irq)(struct vcpu *vcpu, bool irq, bool fiq);
    /* Timer outputs now, and the deadline of the next change (config.clock_ns() time, UINT64_MAX:
     * none). */
    void (*vcpu_vtimer)(struct vcpu *vcpu, bool *virt, bool *phys, uint64_t *deadline_ns);
    int (*vcpu_debug)(struct vcpu *vcpu, const struct vcpu_debug *debug);

    /* The vCPU's whole architectural state, a pending exit included. */
    int (*vcpu_save)(struct vcpu *vcpu, struct state *state, const char *instance);
    int (*vcpu_load)(struct vcpu *vcpu, const struct state *state, const char *instance,
                     struct error *err);

    /* Translates a virtual address as the vCPU would now for a load at its own exception level,
     * without side effects. Returns 0 with *ipa, or -EFAULT. Optional. */
    int (*vcpu_translate)(struct vcpu *vcpu, uint64_t va, uint64_t *ipa);
};

/* The engines that this build knows, best first; NULL-terminated. Those that are for other hosts
 * have nothing but a name and a probe that says so. */
extern const struct engine_ops *const engines[];

/* The engine called `name`, or the first that probes when `name` is "auto". NULL with `err` set
 * otherwise. */
const struct engine_ops *engine_find(const char *name, struct error *err);

#endif
