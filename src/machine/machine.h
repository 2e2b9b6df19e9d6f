/* SPDX-License-Identifier: ISC */
/*
 * One machine from the inside of this room. The public face is include/atoll/atoll.h.
 *
 * Threads. One thread a vCPU (cpu.c), which parks whenever the machine does not run; I/O loops, on
 * which devices work; and one control loop (control.c), on which everything happens that concerns
 * the machine as a whole: start, stop, reset, pause, save. Only the control loop changes `phase`,
 * and it touches devices only while all vCPUs are parked and the I/O loops are drained
 * (machine_quiesce), so none of that needs a lock beyond the handshake with the vCPUs in `lock`.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "arm/walk.h"
#include "atoll/atoll.h"
#include "backend/console.h"
#include "backend/disk.h"
#include "backend/input.h"
#include "backend/net.h"
#include "base/event.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/irq.h"
#include "engine/engine.h"
#include "firmware/file.h"
#include "firmware/kernel.h"
#include "firmware/platform.h"
#include "host/loop.h"
#include "lib/ops.h"
#include "machine/clock.h"
#include "machine/log_limit.h"
#include "machine/quirk.h"
#include "machine/screen.h"
#include "pci/pci.h"

struct explainer;
struct machine;
struct viewer;
struct xhci;

/* A CPU as PSCI sees it (DEN0022, AFFINITY_INFO). */
enum cpu_power { CPU_ON, CPU_OFF, CPU_ON_PENDING };

struct cpu {
    struct machine *machine;
    unsigned index;
    pthread_t thread;
    bool started; /* the thread exists */
    struct vcpu *vcpu;

    /* Under machine->lock. */
    _Atomic enum cpu_power power; /* the run loop reads it without the lock */
    bool parked;
    bool entry_pending; /* reset, then start at `entry` */
    struct kernel_entry entry;
    void (*call)(struct cpu *cpu, void *ctx); /* to run on this thread while it is parked */
    void *call_ctx;

    /* Published by the thread for atoll_stats. */
    _Atomic uint64_t instructions, exits[EXIT_FAULT + 1];
    _Atomic uint64_t regions, translated, code_bytes, code_limit, code_flushes, code_misses;

    /* The handshake of cpu_wake and cpu_wait. */
    pthread_mutex_t wait_lock;
    pthread_cond_t wait_cond;
    _Atomic bool poked;   /* written under wait_lock */
    bool waiting;         /* under wait_lock */
    unsigned short_waits; /* one after another, so far */
};

/* A device that the machine resets, saves and frees, in this order of creation. */
struct machine_device {
    const struct device_ops *ops;
    void *dev;
    char instance[32];
};

#define MACHINE_MAX_DEVICES 64

enum machine_phase { MACHINE_OFF, MACHINE_RUNNING, MACHINE_PAUSED, MACHINE_STOPPED };

/* What has been asked of the control loop; or-ed into `requests` from any thread. */
enum {
    REQUEST_POWEROFF = 1,
    REQUEST_RESET = 2,
    REQUEST_QUIT = 4,
    REQUEST_FAULT = 8,
    REQUEST_POWER_BUTTON = 16,
    REQUEST_FORCED_RESET = 32, /* the user's: resets whatever config.reboot says */
};

struct machine {
    struct atoll face;          /* what libatoll's callers hold */
    struct atoll_config config; /* a copy; strings are owned */
    struct log log;
    struct log_limit log_limit; /* what lies between `log` and config.log */
    struct event_sink events;
    struct explainer *explainer;
    struct host_timer *settle_timer; /* of the explainer */
    atomic_bool asking;              /* the explainer wants to look at a CPU */
    struct quirks quirks;
    struct platform platform;
    struct clock clock;

    struct mem *mem;
    struct bus *bus;
    struct gicv3 *gic;     /* NULL: the engine's */
    struct gicv2m *gicv2m; /* NULL: likewise */
    struct pl011 *uart;
    void *uart_mirror; /* its registers as guests read them, or NULL */
    struct pl031 *rtc;
    struct pl061 *gpio;
    struct pci_host *pci;
    uint8_t *mirror; /* of its functions' configuration, or NULL */
    struct virtio_device *balloon;
    struct xhci *xhci;         /* NULL without input on USB */
    struct virtio_device *gpu; /* or NULL */
    struct screen screen;
    struct viewer *displays[ATOLL_DISPLAYS_MAX]; /* or NULL, by index in the configuration */
    struct input *input; /* the keyboard's and the pointer's; NULL: the machine has none */
    struct machine_device devices[MACHINE_MAX_DEVICES];
    size_t device_count;

    struct host_loop *io; /* chips, net, console, rng, balloon, USB */
    struct {
        struct disk *disk; /* the device's */
        unsigned slot;
        char name[32];
    } disks[ATOLL_DISKS_MAX];
    struct host_loop *disk_loops[ATOLL_DISKS_MAX]; /* one a disk: a slow flush delays nobody else */
    struct host_loop *gpu_loop;                    /* large copies delay nobody else */
    struct host_loop *display_loop;                /* likewise; NULL: there are no displays */
    struct console *consoles[ATOLL_CONSOLES_MAX];
    bool console_owned[ATOLL_CONSOLES_MAX]; /* by a virtio device, which closes it */
    struct console *uart_console;           /* NULL: the PL011's output goes nowhere */

    const struct engine_ops *engine;
    struct engine_caps caps;
    struct engine_vm *vm;
    FILE *dump, *trace; /* or NULL */
    struct cpu cpus[ATOLL_CPUS_MAX];
    unsigned processors; /* of the host */

    struct machine_efi *efi; /* NULL: direct boot */
    struct boot_file kernel, initrd;
    struct {
        uint8_t *bytes;
        size_t length;
    } checked; /* the kernel as boot_open() read it, for the first boot_load() */

    struct host_loop *control;
    struct host_work *control_work;
    struct host_timer *button_timer, *rtc_timer;
    _Atomic unsigned requests;

    pthread_mutex_t lock;
    pthread_cond_t go;     /* vCPUs wait on it while parked */
    pthread_cond_t parked; /* the control loop waits on it */
    pthread_cond_t ended;  /* atoll_wait */
    enum machine_phase phase;
    bool running, exiting; /* what the vCPU threads should do */
    atomic_bool leave;     /* !running, for their loops to see without the lock */
    enum atoll_stop why;
};

/* --- cpu.c --- */

/* Starts all vCPU threads, parked, and creates their vCPUs. Returns 0 or -errno. */
int cpus_start(struct machine *machine, struct error *err);
/* Ends the threads and destroys the vCPUs. */
void cpus_end(struct machine *machine);
/* Lets the powered-on CPUs run; stops and parks all of them. Control loop only. */
void cpus_run(struct machine *machine);
void cpus_park(struct machine *machine);
/* Runs `call` on the CPU's thread while it is parked, and waits for it. Control loop or creator
 * only. */
void cpu_call(struct cpu *cpu, void (*call)(struct cpu *cpu, void *ctx), void *ctx);
/* Something that the CPU may have waited for has happened. Any thread, with no lock above "vCPU
 * kick" held. */
void cpu_wake(struct cpu *cpu);
/* Waits (WFI, CPU_SUSPEND) until cpu_wake, an interrupt, or guest time `deadline_ns`. On the CPU's
 * thread. */
void cpu_wait(struct cpu *cpu, uint64_t deadline_ns);
/* Waits until the control loop parks the CPUs, whatever else happens. On the CPU's thread. */
void cpu_stall(struct cpu *cpu);
/* Makes the CPU start at `entry` when it runs next. With machine->lock held. */
void cpu_power_on(struct cpu *cpu, const struct kernel_entry *entry);

/* Resets a CPU that is off: for an engine with PSCI of its own, in which such CPUs wait. Control
 * loop or creator only. */
void cpu_reset_off(struct cpu *cpu);

/* --- translate.c --- */
/* What a CPU translates by, and its translation of va for a load or store at its own exception
 * level (arm/walk.h). On its thread, inside or outside of vcpu_run. Return 0, -EIO (the engine does
 * not say) or -EFAULT (walk->fault says why). */
int cpu_walk_regs(struct cpu *cpu, struct arm_walk_regs *regs);
int cpu_translate(struct cpu *cpu, uint64_t va, bool write, struct arm_walk *walk);
/* For struct arm_walk_memory, with the machine as ctx: RAM alone. Any thread. */
bool machine_read_descriptor(void *ctx, uint64_t pa, uint64_t *value);

/* --- explain.c --- */
/* Makes the sink of machine->events, before anything that has events to tell. Returns 0 or -errno.
 */
int explain_create(struct machine *machine);
/* Tells what still waits, with the CPUs gone and the devices there; and the end of it, when nobody
 * can have an event any more. */
void explain_end(struct machine *machine);
void explain_destroy(struct machine *machine);
/* Lets the explainer look at the CPU, while machine->asking. On its thread. */
void explain_ask_cpu(struct cpu *cpu);

/* --- gic.c --- */
/* After the engine's VM, before its vCPUs. */
int gic_create(struct machine *machine, struct error *err);
/* The wire of an SPI. */
struct irq_line gic_spi(struct machine *machine, unsigned intid);
/* A message to the MSI frame; INTIDs that are not its own are dropped. Any thread. */
void gic_msi(struct machine *machine, uint32_t intid);
/* The chip's interrupt outputs to a CPU; none where the engine has the GIC. Any thread. */
void gic_outputs(struct cpu *cpu, bool *irq, bool *fiq);
/* The levels of the CPU's timers. */
void gic_timers(struct cpu *cpu, bool virt, bool phys);
void gic_cpu_reset(struct cpu *cpu);

/* --- psci.c --- */
void psci_call(struct cpu *cpu, struct vcpu_exit *exit);

/* --- devices.c --- */
int devices_create(struct machine *machine, struct error *err);
void devices_destroy(struct machine *machine);
void devices_reset(struct machine *machine);
/* The virtio device called `instance`, or NULL. Any thread, while there are devices. */
struct virtio_device *devices_find_virtio(struct machine *machine, const char *instance);
/* The `index`th virtio device, or NULL. Likewise. */
struct virtio_device *devices_virtio(struct machine *machine, size_t index);
/* Lets nobody wait for a console's reader any more, a vCPU that is to be parked least of all. */
void devices_hurry(struct machine *machine);
/* Opens what the configuration's network card `index` is plugged into. Returns 0 or -errno. */
int machine_open_net(struct net **net, const struct atoll_config *config, size_t index,
                     const struct log *log, struct error *err);
/* Takes note of a device that exists: from now on the machine resets, saves and frees it. */
void machine_add_device(struct machine *machine, const struct device_ops *ops, void *dev,
                        const char *instance);
/* All queue work done, no request in flight. With vCPUs parked. */
void devices_quiesce(struct machine *machine);
/* The devices work again, and consoles wait for their readers. */
void devices_resume(struct machine *machine);

/* --- input.c, text.c --- (as atoll.h says of atoll_key and its like, and of atoll_screen_text) */
int machine_key(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms,
                struct error *err);
int machine_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct error *err);
int machine_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
                 struct error *err);
int machine_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                    unsigned timeout_ms, struct error *err);
int machine_screen_text(struct atoll *vm, struct atoll_text *text, struct error *err);

/* --- mirror.c --- */
/* Once there are PCI functions; and when neither they nor the engine's VM are there any more. */
void mirror_create(struct machine *machine);
void mirror_destroy(struct machine *machine);

/* --- displays.c --- */
/* Starts the processes that config.displays names, once there is a screen. Returns 0 or -errno;
 * displays_destroy is called either way, before the screen goes away. */
int displays_create(struct machine *machine, struct error *err);
void displays_reset(struct machine *machine);
void displays_destroy(struct machine *machine);
/* Where display `index` of the configuration is reached. Returns 0, or -EINVAL (there is none). Any
 * thread. */
int displays_address(struct machine *machine, size_t index, char *text, size_t room);

/* --- boot.c --- */
int boot_open(struct machine *machine, struct error *err);
void boot_close(struct machine *machine);
/* Nothing is to be booted: gives back the memory of what boot_open() has read. */
void boot_forget(struct machine *machine);
/* Clears RAM, loads the images and makes CPU 0 ready to start. With vCPUs parked. */
int boot_load(struct machine *machine, struct error *err);

/* --- control.c --- */
int control_create(struct machine *machine, struct error *err);
void control_destroy(struct machine *machine);
void machine_request(struct machine *machine, unsigned request); /* any thread */
int machine_start(struct machine *machine, struct error *err);
int machine_pause(struct machine *machine);
int machine_resume(struct machine *machine);
/* Of a paused machine; and into one that has not been started, which is paused afterwards. */
int machine_save(struct machine *machine, struct state *state, struct error *err);
int machine_load(struct machine *machine, const struct state *state, struct error *err);
enum atoll_stop machine_wait(struct machine *machine);

/* --- snapshot.c --- (paused) */
int snapshot_save(struct machine *machine, struct state *state, struct error *err);
int snapshot_load(struct machine *machine, const struct state *state, struct error *err);

/* --- twin.c --- */
extern const struct atoll_ops twin_ops;

/* --- machine.c --- */
int machine_create(struct machine **machine, const struct atoll_config *config, struct error *err);
void machine_destroy(struct machine *machine);
/* The description from which tables are made; no engine or file is touched. */
void machine_describe(const struct atoll_config *config, const struct quirks *quirks,
                      struct platform *platform);

/* --- config.c --- */
/* Checks every value; -EINVAL with one line that says what would be right. */
int config_check(const struct atoll_config *config, struct error *err);
/* A deep copy in which what depends on other values is settled (the GPU's size, the kind of input),
 * and its end. */
int config_copy(struct atoll_config *to, const struct atoll_config *from);
void config_free(struct atoll_config *config);
int config_quirks(const struct atoll_config *config, struct quirks *quirks, struct error *err);
/* Which descriptions of the machine its guest is given: either or both. */
bool tables_acpi(const struct atoll_config *config);
bool tables_fdt(const struct atoll_config *config);

#endif
