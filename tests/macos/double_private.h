/* SPDX-License-Identifier: ISC */
/* What the files of the double share. */
#ifndef TESTS_MACOS_DOUBLE_PRIVATE_H
#define TESTS_MACOS_DOUBLE_PRIVATE_H

#include <Hypervisor/Hypervisor.h>
#include <pthread.h>
#include <stdatomic.h>

#include "arm/sysreg.h"
#include "double.h"

#define DOUBLE_BREAKPOINTS 6
#define DOUBLE_GRANULE     UINT64_C(16384)
#define DOUBLE_BANKED      11
#define DOUBLE_EL2_ONLY    12

/* A counted object (os/object.h). */
struct double_object {
    unsigned references;
    void (*destroy)(struct double_object *object);
};

struct hv_vm_config_s {
    struct double_object object;
    uint32_t ipa_bits;
    const struct double_el2 *el2; /* NULL: guests have none */
};

struct hv_vcpu_config_s {
    struct double_object object;
};

/* What the last exit was, and what must have become of it when the vCPU runs again. */
enum double_after { AFTER_NOTHING, AFTER_HVC, AFTER_SMC, AFTER_ABORT, AFTER_WFX };

struct double_cpu {
    bool there;
    unsigned index;
    pthread_t owner;
    struct vcpu *under;
    hv_vcpu_exit_t exit;
    _Atomic bool exit_requested;
    bool pending[2]; /* IRQ, FIQ */
    bool vtimer_masked;
    unsigned vtimer_storm; /* exits by the timer without an instruction in between */
    bool mpidr_set;
    uint64_t mpidr;

    enum double_after after;
    uint64_t after_pc;      /* at the exit */
    uint64_t after_x[31];   /* likewise */
    uint32_t after_changes; /* the registers that the instruction writes */
    bool after_writeback;   /* X<base> must be */
    unsigned after_base;
    uint64_t after_value;

    bool at_el2; /* or at EL0 below it */
    uint64_t bank[DOUBLE_BANKED], only[DOUBLE_EL2_ONLY];

    bool trap_debug, step;
    uint64_t mdscr, bvr[DOUBLE_BREAKPOINTS], bcr[DOUBLE_BREAKPOINTS];
};

struct double_map {
    uint64_t ipa, size;
    _Atomic uint64_t *denied; /* bit n: granule n may not be written */
};

struct double_vm {
    pthread_mutex_t lock; /* over what follows, but for what is a vCPU's own */
    bool there;
    const struct engine_ops *ops; /* the engine under this */
    struct engine_vm *under;
    struct engine_vm_config config; /* as attached */
    bool without_el2;               /* a processor of before M3 */
    const struct double_el2 *el2;   /* NULL: the VM's guest has none */
    struct double_cpu cpu[ENGINE_MAX_VCPUS];
    unsigned ever; /* vCPUs made so far */
    struct double_map map[8];
    unsigned maps;
    _Atomic uint64_t offset; /* of the counter */
    void (*broken)(void *ctx, const char *rule);
    void *broken_ctx;
};

extern struct double_vm double_vm;

/* A rule is broken. */
void double_broken(const char *rule);

/* The vCPU, whose owner calls. NULL: that rule is broken, and the call returns HV_BAD_ARGUMENT. */
struct double_cpu *double_cpu(hv_vcpu_t id, const char *call);

/* Whether vCPUs may store to the mapped memory at `ipa`. */
bool double_may_store(uint64_t ipa);

bool double_virt_output(struct double_cpu *cpu);
uint64_t double_get(struct double_cpu *cpu, enum vcpu_reg reg);
/* System registers as the engine below has them. */
hv_return_t double_get_sysreg(struct double_cpu *cpu, hv_sys_reg_t reg, uint64_t *value);
hv_return_t double_set_sysreg(struct double_cpu *cpu, hv_sys_reg_t reg, uint64_t value);

/* Before and after hv_vcpu_run: what the engine made of the last exit; what the exit is. */
void double_check_after(struct double_cpu *cpu);
/* The word at the vCPU's PC; 0 when there is none. */
uint32_t double_word(struct double_cpu *cpu);
/* Syndrome of an abort that the instruction causes at `va`, as the processor gives it: without the
 * fields of a single load or store where the architecture leaves those out; and what the
 * instruction will change. */
uint32_t double_abort_syndrome(struct double_cpu *cpu, const struct vcpu_exit *exit);

/* --- double_soft.c: the engine under the double, from within --- */

/* Somebody else does what the exit is for. */
void double_abandon(struct vcpu *under);
/* The register of the MRS or MSR that is pending. */
unsigned double_sysreg_rt(const struct vcpu *under);
/* Stores go where double_may_store says that they may; from now on, with what was known dropped. */
void double_rights(struct engine_vm *under);
void double_flush(struct engine_vm *under);

/* --- double_el2.c --- */

struct double_el2 {
    void (*created)(struct double_cpu *cpu);
    /* Where the register is kept; NULL: `reg` is what the engine below calls it. */
    uint64_t *(*kept)(struct double_cpu *cpu, hv_sys_reg_t *reg);
    /* PSTATE as the engine below has it, which goes there now; and back. */
    uint64_t (*below)(struct double_cpu *cpu, uint64_t pstate);
    uint64_t (*above)(struct double_cpu *cpu, uint64_t pstate);
};

/* --- double_gic.c --- */

struct double_gic {
    void (*destroy)(void);
    void (*outputs)(struct double_cpu *cpu, bool *irq, bool *fiq);
    /* Whether the exit is the GIC's; it is answered then. */
    bool (*answer)(struct double_cpu *cpu, struct vcpu_exit *exit);
    void (*timers)(struct double_cpu *cpu, bool virt, bool phys);
};

extern const struct double_gic *double_gic; /* NULL: no hv_gic_create so far */

#endif
