/* SPDX-License-Identifier: ISC */
/*
 * The KVM engine from the inside. The interface is the kernel's (Documentation/virt/kvm/api.rst);
 * "KVM 4.x" names its sections. It needs Linux 5.15; what is newer is asked for and done without.
 */
#ifndef ENGINE_KVM_PRIVATE_H
#define ENGINE_KVM_PRIVATE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "arm/regs.h"
#include "arm/sysreg.h"
#include "engine/engine.h"
#include "engine/kvm/kvm.h"
#include "engine/native/decode.h"

#define KVM_SLOTS      256 /* RAM in pieces, and pages that guests only read */
#define KVM_SLOTS_KEPT 40  /* of them for what is mapped; a mapping is not divided into these */
/* Interrupts a vCPU's thread out of KVM_RUN; its handler does nothing. */
#define KVM_KICK_SIGNAL SIGUSR2

struct kvm_slot {
    uint64_t ipa, size; /* size 0: free */
    const void *host;
    bool writable;
    const struct mem_region *region; /* of RAM; NULL: other memory of the host's */
    uint64_t *log; /* KVM logs stores to it, read to here: a bit a host page. NULL: it does not */
};

/* A place whose writes the kernel turns into an event. */
struct kvm_doorbell {
    uint64_t ipa;
    unsigned size;
    int fd; /* -1: free */
};

struct engine_vm {
    struct engine_vm_config config;
    int kvm, fd, gic;    /* gic is -1 without */
    uint32_t gic_groups; /* of 32 INTIDs that the GIC has */
    size_t run_size;     /* of struct kvm_run with its pages */
    bool nisv;           /* accesses without a syndrome come to user space */
    uint64_t page_size;  /* the host's */
    bool clears_log;     /* pages are taken out of a log one by one (dirty.c) */
    pthread_mutex_t lock;
    pthread_cond_t changed;           /* a vCPU has left KVM_RUN in a pause, or it is over */
    struct kvm_slot slots[KVM_SLOTS]; /* under lock */
    unsigned vcpus;
    struct vcpu *cpus[ENGINE_MAX_VCPUS]; /* under lock; NULL: none */
    atomic_bool pausing;                 /* set under lock */
    uint32_t features;                   /* of vCPUs: bits by KVM_ARM_VCPU_* */
    /* The guest's counter: while the machine clock stands, what both are then. */
    struct {
        bool runs;
        uint64_t counter, clock_ns;
    } time;
    struct kvm_doorbell *doorbells; /* under lock */
    size_t doorbell_count;
};

/* The kernel's numbers of a vCPU: their file (-1: none), and where each is in it (0: nowhere). */
struct kvm_stats {
    int fd;
    uint64_t at[KERNEL_EXITS];
};

struct vcpu {
    struct engine_vm *vm;
    unsigned index;
    int fd;
    struct kvm_stats kernel;
    pthread_t thread;
    struct kvm_run *run;
    struct vcpu_exit exit;
    atomic_bool kicked;
    atomic_bool entered; /* in KVM_RUN, or about to be */
    struct vcpu_stats stats;
    bool debugging, ran, finalized;

    enum { KVM_NOTHING, KVM_PENDING_MMIO, KVM_PENDING_DECODED } pending;
    /* Of an access that the kernel leaves to us to decode. */
    struct {
        struct native_access access;
        uint64_t ipa, value[NATIVE_MAX_PARTS];
        unsigned done;
    } decoded;
};

/* --- vm.c --- */
/* ioctl(2): its answer, or -errno. */
int kvm_ioctl(int fd, unsigned long request, void *argument);
int kvm_ioctl_value(int fd, unsigned long request, unsigned long argument);

/* --- memory.c --- */
int kvm_vm_map(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable, struct error *err);
int kvm_vm_map_reads(struct engine_vm *vm, uint64_t ipa, uint64_t size, const void *from);
int kvm_vm_unmap(struct engine_vm *vm, uint64_t ipa, uint64_t size);
int kvm_vm_protect(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable);
/* With the lock held. The first tells KVM of a slot, which may have a log now or none any more; the
 * last returns the new slot's index. */
int kvm_slot_set(struct engine_vm *vm, unsigned index);
int kvm_slot_drop(struct engine_vm *vm, unsigned index);
int kvm_slot_add(struct engine_vm *vm, const struct kvm_slot *slot);

/* --- dirty.c --- */
void kvm_dirty_init(struct engine_vm *vm);
void kvm_dirty_fini(struct engine_vm *vm);

/* --- pause.c --- */
/* KVM_RUN, unless there is a pause: -EINTR when it is over. */
int kvm_enter(struct vcpu *vcpu);
/* With the lock held; from the first to the second no vCPU is in KVM_RUN. The first may release the
 * lock meanwhile. Not on a vCPU's thread inside kvm_enter. */
void kvm_pause(struct engine_vm *vm);
void kvm_resume(struct engine_vm *vm);

/* --- caps.c --- */
int kvm_probe(struct error *err);
int kvm_caps(struct engine_caps *caps);
/* /dev/kvm, and a virtual machine of it: a file descriptor, or -errno with `err` set. */
int kvm_open(struct error *err);
int kvm_open_vm(int kvm, struct error *err);

/* --- id.c --- */
/* Chooses vm->features: what vCPUs are made with. */
void kvm_features(struct engine_vm *vm);
/* Hides of the host's CPU what the kernel hides, before any vCPU runs; for all of them. */
void kvm_id_hide(struct vcpu *vcpu);
/* Appends to `text` what guests see of it against the promise, and gives their PARange. */
void kvm_id_describe(struct vcpu *vcpu, unsigned *pa_range, char *text, size_t room);

/* --- stats.c --- */
void kvm_stats_open(struct kvm_stats *stats, int vcpu);
void kvm_stats_close(struct kvm_stats *stats);
int kvm_vcpu_kernel_exits(struct vcpu *vcpu, uint64_t exits[KERNEL_EXITS]);

/* --- gic.c --- */
int kvm_gic_probe(int vm);
int kvm_gic_create(struct engine_vm *vm, const struct engine_gic_config *config, struct error *err);
int kvm_gic_ready(struct engine_vm *vm, struct error *err);
int kvm_gic_spi(struct engine_vm *vm, unsigned intid, bool level);
int kvm_gic_msi(struct engine_vm *vm, unsigned intid);
void kvm_gic_reset(struct engine_vm *vm);
int kvm_gic_save(struct engine_vm *vm, struct state *state, const char *instance);
int kvm_gic_load(struct engine_vm *vm, const struct state *state, const char *instance,
                 struct error *err);

/* --- time.c --- */
void kvm_time_init(struct engine_vm *vm);
void kvm_vm_clock(struct engine_vm *vm, bool runs);
/* CNTVCT_EL0 while the clock stands. */
uint64_t kvm_time_get(const struct engine_vm *vm);
void kvm_time_set(struct engine_vm *vm, uint64_t counter);
uint32_t kvm_counter_hz(void);

/* --- regs.c --- */
#define KVM_REG_MAX 256 /* bytes: SVE's vectors of 2048 bits */
int kvm_reg_get(struct vcpu *vcpu, uint64_t id, void *value);
int kvm_reg_set(struct vcpu *vcpu, uint64_t id, const void *value);
/* The same, of a counter that stands with the clock. */
int kvm_any_get(struct vcpu *vcpu, uint64_t id, void *value);
int kvm_any_set(struct vcpu *vcpu, uint64_t id, const void *value);
int kvm_vcpu_get(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t *value);
int kvm_vcpu_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
int kvm_vcpu_get_v(struct vcpu *vcpu, unsigned index, uint64_t value[2]);
int kvm_vcpu_set_v(struct vcpu *vcpu, unsigned index, const uint64_t value[2]);
int kvm_vcpu_sysreg_get(struct vcpu *vcpu, uint32_t key, uint64_t *value);
int kvm_vcpu_sysreg_set(struct vcpu *vcpu, uint32_t key, uint64_t value);
int kvm_vcpu_translate(struct vcpu *vcpu, uint64_t va, uint64_t *ipa);

/* --- save.c --- */
int kvm_vcpu_save(struct vcpu *vcpu, struct state *state, const char *instance);
int kvm_vcpu_load(struct vcpu *vcpu, const struct state *state, const char *instance,
                  struct error *err);

/* --- mmio.c --- */
/* Make an exit of the kernel's; return whether there is one. */
bool kvm_mmio_exit(struct vcpu *vcpu);
bool kvm_decoded_exit(struct vcpu *vcpu);
/* Complete what machine/ has answered. Return whether there is another exit. */
bool kvm_mmio_complete(struct vcpu *vcpu);
bool kvm_decoded_complete(struct vcpu *vcpu);

/* --- vcpu.c --- */
int kvm_vcpu_create(struct engine_vm *vm, unsigned index, struct vcpu **vcpu, struct error *err);
void kvm_vcpu_destroy(struct vcpu *vcpu);
/* KVM_ARM_VCPU_INIT: also what resets a vCPU. Returns 0 or -errno. */
int kvm_vcpu_init(struct vcpu *vcpu);
void kvm_vcpu_reset(struct vcpu *vcpu);
int kvm_vcpu_run(struct vcpu *vcpu, struct vcpu_exit **exit);
void kvm_vcpu_kick(struct vcpu *vcpu);
void kvm_vcpu_stats(struct vcpu *vcpu, struct vcpu_stats *stats);
void kvm_vcpu_irq(struct vcpu *vcpu, bool irq, bool fiq);
void kvm_vcpu_vtimer(struct vcpu *vcpu, bool *virt, bool *phys, uint64_t *deadline_ns);
int kvm_vcpu_debug(struct vcpu *vcpu, const struct vcpu_debug *debug);
/* Ends the current or the next KVM_RUN with -EINTR. Any thread. */
void kvm_interrupt(struct vcpu *vcpu);
/* Completes the exit that machine/ has answered, and no more of the guest: registers are those
 * after its instruction. */
void kvm_settle(struct vcpu *vcpu);

#endif
