/* SPDX-License-Identifier: ISC */
/*
 * What the files of the hvf engine share. The framework's rules that shape them:
 *
 *  - One VM a process. A vCPU belongs to the thread that created it; hv_vcpus_exit() alone may come
 *    from another.
 *  - Memory is mapped in granules of 16 KiB, the host's pages.
 *  - An exit by an exception that the guest's instruction caused leaves PC at the instruction, but
 *    for HVC, where it is past it already. What the instruction does, the engine does (mmio.c,
 *    trap.c), and then it moves PC.
 *  - When the virtual timer fires, it is masked until the engine unmasks it; the level of its
 *    output has to be looked up (timer.c).
 *  - Pending interrupts are forgotten with every exit.
 *  - hv_gic, where there is one, is created before the first vCPU, and each MPIDR_EL1 is set before
 *    its vCPU runs.
 */
#ifndef ENGINE_HVF_PRIVATE_H
#define ENGINE_HVF_PRIVATE_H

#include <Hypervisor/Hypervisor.h>
#include <pthread.h>
#include <stdatomic.h>

#include "arm/cpuid.h"
#include "arm/regs.h"
#include "arm/sysreg.h"
#include "arm/walk.h"
#include "engine/engine.h"
#include "engine/native/decode.h"

#define HVF_GRANULE UINT64_C(16384)

#define HVF_READ_ONLY 8
#define HVF_EL2_REGS  21

/* When a physical timer fires next, for the thread that looks after them (timer.c). */
struct hvf_alarm {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, ending;          /* under lock, as all that follows */
    uint64_t at[ENGINE_MAX_VCPUS]; /* host_clock_monotonic() time, UINT64_MAX: never */
};

/* vCPUs that wait for an interrupt of the framework's GIC (wait.c). */
struct hvf_wait {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic unsigned sleepers; /* changed under lock */
    _Atomic uint64_t raised;   /* interrupts that devices have raised so far */
};

struct engine_vm {
    struct engine_vm_config config;
    const struct cpuid *cpuid;          /* the model that guests are promised */
    uint64_t id[SYSREG_COUNT];          /* what they see of SYSREG_CONSTANT registers (id.c) */
    bool gic;                           /* the framework's */
    hv_ipa_t msi_frame;                 /* of that */
    uint32_t numer, denom;              /* nanoseconds a tick of the counter */
    struct vcpu *cpu[ENGINE_MAX_VCPUS]; /* under alarm.lock */
    struct hvf_alarm alarm;
    struct hvf_wait wait;

    pthread_mutex_t clock_lock;
    _Atomic uint64_t offset; /* host ticks less the guest's; written under clock_lock */

    pthread_mutex_t protect_lock; /* over hv_vm_protect and mem_mark_dirty (dirty.c) */

    struct {
        uint64_t ipa, size;
    } read_only[HVF_READ_ONLY]; /* RAM that guests may not write; size 0: unused */
};

/* What vcpu_run's next call has to complete. */
enum hvf_pending { HVF_PENDING_NONE, HVF_PENDING_MMIO, HVF_PENDING_SYSREG, HVF_PENDING_SMCCC };

struct hvf_ptimer {
    uint64_t ctl, cval;
};

struct vcpu {
    struct engine_vm *vm;
    unsigned index;
    hv_vcpu_t id;
    hv_vcpu_exit_t *why; /* the framework's, of the last hv_vcpu_run */
    struct vcpu_exit exit;
    struct vcpu_stats stats;
    _Atomic bool kicked;
    bool irq, fiq;
    bool serror;                  /* waits for PSTATE.A */
    bool native[SYSREG_COUNT];    /* registers that the framework has */
    uint64_t local[SYSREG_COUNT]; /* the others */

    uint8_t pending; /* enum hvf_pending */
    uint8_t rt;      /* of the MRS or MSR that is pending */
    struct {
        struct native_access access; /* what the instruction does */
        unsigned done;               /* parts that have their answers, in `value` */
        uint64_t value[NATIVE_MAX_PARTS];
        uint64_t va, ipa; /* of the first part */
    } mmio;

    uint64_t el2[HVF_EL2_REGS]; /* at the vCPU's creation */

    uint64_t raised; /* the count of struct hvf_wait when the vCPU was entered last */
    uint64_t nap;    /* nanoseconds of its last, 0: it has done something since */

    uint64_t offset; /* as the framework was told */
    bool vtimer_masked;
    bool virt, phys; /* outputs of the timers, as machine/ was told last */
    struct hvf_ptimer ptimer;

    struct vcpu_debug debug;
    bool debugging;
    uint64_t guest_mdscr, guest_bvr[16], guest_bcr[16]; /* meanwhile */
};

/* --- error.c --- */
/* What is wrong and what to do about it. */
const char *hvf_reason(hv_return_t code);
int hvf_errno(hv_return_t code);
/* -errno, with "WHAT: reason" in `err`; 0 for HV_SUCCESS. */
int hvf_check(hv_return_t code, const char *what, struct error *err);

/* --- id.c --- */
/* Fills vm->id from the model and what the host has. */
int hvf_id_init(struct engine_vm *vm, struct error *err);
/* The PARange of the host, and in words what guests miss or see against the promise of `cpu`. */
int hvf_id_describe(const struct cpuid *cpu, unsigned *pa_range, char *text, size_t room);
/* Writes vm->id to the vCPU's own registers. */
void hvf_id_apply(struct vcpu *vcpu);

/* --- vm.c --- */
/* Whether the machine mapped the RAM at `ipa` without the right to write. */
bool hvf_read_only(const struct engine_vm *vm, uint64_t ipa);

/* --- gic.c --- */
bool hvf_gic_offered(void);
int hvf_gic_create(struct engine_vm *vm, const struct engine_gic_config *config, struct error *err);
int hvf_gic_spi(struct engine_vm *vm, unsigned intid, bool level);
int hvf_gic_msi(struct engine_vm *vm, unsigned intid);
void hvf_gic_reset(struct engine_vm *vm);
int hvf_gic_save(struct engine_vm *vm, struct state *state, const char *instance);
int hvf_gic_load(struct engine_vm *vm, const struct state *state, const char *instance,
                 struct error *err);
/* The CPU interface's registers, with the framework's GIC. */
#define HVF_ICC_REGS 8
void hvf_gic_cpu_get(struct vcpu *vcpu, uint64_t value[HVF_ICC_REGS]);
void hvf_gic_cpu_set(struct vcpu *vcpu, const uint64_t value[HVF_ICC_REGS]);
void hvf_gic_cpu_reset(struct vcpu *vcpu);

/* --- vcpu.c --- */
uint64_t hvf_get(struct vcpu *vcpu, hv_reg_t reg);
void hvf_set(struct vcpu *vcpu, hv_reg_t reg, uint64_t value);
uint64_t hvf_x(struct vcpu *vcpu, unsigned n); /* 31: XZR */
void hvf_set_x(struct vcpu *vcpu, unsigned n, uint64_t value);
uint64_t hvf_sysreg(struct vcpu *vcpu, enum sysreg_id id);
void hvf_set_sysreg(struct vcpu *vcpu, enum sysreg_id id, uint64_t value);
int hvf_vcpu_create(struct engine_vm *vm, unsigned index, struct vcpu **out, struct error *err);
void hvf_vcpu_destroy(struct vcpu *vcpu);
void hvf_vcpu_reset(struct vcpu *vcpu);
int hvf_vcpu_get(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t *value);
int hvf_vcpu_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
int hvf_vcpu_get_v(struct vcpu *vcpu, unsigned index, uint64_t value[2]);
int hvf_vcpu_set_v(struct vcpu *vcpu, unsigned index, const uint64_t value[2]);
int hvf_vcpu_sysreg_get(struct vcpu *vcpu, uint32_t key, uint64_t *value);
int hvf_vcpu_sysreg_set(struct vcpu *vcpu, uint32_t key, uint64_t value);
int hvf_vcpu_translate(struct vcpu *vcpu, uint64_t va, uint64_t *ipa);

/* --- run.c --- */
int hvf_vcpu_run(struct vcpu *vcpu, struct vcpu_exit **exit);
void hvf_vcpu_kick(struct vcpu *vcpu);
void hvf_vcpu_irq(struct vcpu *vcpu, bool irq, bool fiq);
void hvf_vcpu_stats(struct vcpu *vcpu, struct vcpu_stats *stats);
/* The exit that machine/ has answered. True: the instruction has another access to make, and
 * vcpu->exit is the exit for it. */
bool hvf_complete(struct vcpu *vcpu);
/* PC goes to the next instruction; a step is over. */
void hvf_advance(struct vcpu *vcpu);

/* --- mmio.c --- */
/* A data or instruction abort of stage 2. Returns whether it is an exit. */
bool hvf_abort(struct vcpu *vcpu, uint32_t esr);
bool hvf_mmio_complete(struct vcpu *vcpu);

/* --- trap.c --- */
/* A trapped MRS, MSR or SYS. Returns whether it is an exit. */
bool hvf_trap(struct vcpu *vcpu, uint32_t esr);
void hvf_trap_complete(struct vcpu *vcpu);

/* --- inject.c --- */
/* The guest takes an exception whose preferred return address is PC. */
void hvf_inject_abort(struct vcpu *vcpu, bool fetch, bool write, unsigned fsc, uint64_t va);
void hvf_inject_undefined(struct vcpu *vcpu);
/* Takes the SError that waits, if PSTATE.A lets it. */
void hvf_inject_serror(struct vcpu *vcpu);

/* --- el2.c --- */
/* An exception level, with the registers by which it takes exceptions. */
struct hvf_level {
    unsigned el;
    uint64_t handler; /* PSTATE.M */
    hv_sys_reg_t sctlr, spsr, elr, esr, far, vbar;
};
enum hvf_exception { HVF_UNDEFINED, HVF_ABORT, HVF_SERROR };
/* The level that takes what happens at the vCPU's PC. */
const struct hvf_level *hvf_level(struct vcpu *vcpu, enum hvf_exception exception);
bool hvf_serror_masked(struct vcpu *vcpu, const struct hvf_level *to);
/* The registers of the regime that PC is translated by. False: a guest of the guest's runs, and
 * its addresses have a stage more. */
bool hvf_walk_regs(struct vcpu *vcpu, struct arm_walk_regs *regs);
/* Once the vCPU is there; and at each reset, where the answer is PSTATE: the highest level that
 * guests have (D1.9.1). */
void hvf_el2_created(struct vcpu *vcpu);
uint64_t hvf_el2_reset(struct vcpu *vcpu);

/* --- timer.c --- */
int hvf_timer_init(struct engine_vm *vm, struct error *err);
void hvf_timer_fini(struct engine_vm *vm);
uint64_t hvf_clock(const struct engine_vm *vm); /* config.clock_ns */
uint64_t hvf_counter(const struct engine_vm *vm);
uint32_t hvf_counter_hz(void);
/* Before each hv_vcpu_run: the counter's offset, the timers' outputs. Returns whether they are not
 * what machine/ was told last. */
bool hvf_timer_enter(struct vcpu *vcpu);
void hvf_timer_reset(struct vcpu *vcpu);
void hvf_vcpu_vtimer(struct vcpu *vcpu, bool *virt, bool *phys, uint64_t *deadline_ns);
/* The physical timer's registers, where they trap. */
uint64_t hvf_ptimer_read(struct vcpu *vcpu, enum sysreg_id id);
void hvf_ptimer_write(struct vcpu *vcpu, enum sysreg_id id, uint64_t value);

/* --- wait.c: with the framework's GIC --- */
void hvf_wait_init(struct engine_vm *vm);
void hvf_wait_fini(struct engine_vm *vm);
/* A device has raised an interrupt; a vCPU was kicked. Any thread, afterwards. */
void hvf_wake(struct engine_vm *vm);
void hvf_wake_kicked(struct engine_vm *vm);
/* Before each hv_vcpu_run; and after one that a WFI ended: returns when there may be an interrupt.
 */
void hvf_wait_enter(struct vcpu *v);
void hvf_wait(struct vcpu *v);

/* --- debug.c --- */
int hvf_vcpu_debug(struct vcpu *vcpu, const struct vcpu_debug *debug);
/* Before each hv_vcpu_run. */
void hvf_debug_enter(struct vcpu *vcpu);
/* A debug exception. Returns whether it is an exit. */
bool hvf_debug_exception(struct vcpu *vcpu, uint32_t esr);
/* The guest's own value of a register that the debugger uses meanwhile; NULL: it does not. */
uint64_t *hvf_debug_shadow(struct vcpu *vcpu, enum sysreg_id id);

/* --- dirty.c --- */
void hvf_dirty_init(struct engine_vm *vm);
void hvf_dirty_fini(struct engine_vm *vm);
/* A store to RAM that is write-protected. Returns whether that is what it was. */
bool hvf_dirty_fault(struct engine_vm *vm, uint64_t ipa);

/* --- save.c --- */
int hvf_vcpu_save(struct vcpu *vcpu, struct state *state, const char *instance);
int hvf_vcpu_load(struct vcpu *vcpu, const struct state *state, const char *instance,
                  struct error *err);

#endif
