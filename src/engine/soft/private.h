/* SPDX-License-Identifier: ISC */
/*
 * What the files of engine/soft share among themselves and with the engines built on it (interp,
 * jit). Instruction handlers need soft.h only.
 *
 * Threads: a vCPU belongs to its own thread but for the atomic fields here and in state.h, the
 * mailbox (under its lock), and what is constant once vm_ready was called.
 */
#ifndef ENGINE_SOFT_PRIVATE_H
#define ENGINE_SOFT_PRIVATE_H

#include <pthread.h>

#include "arm/cpuid.h"
#include "engine/soft/soft.h"

/* --- what an engine built on soft/ brings along --- */

struct soft_engine {
    const char *name;
    int32_t slice; /* instructions between two looks at the clock */
    /* Allocates and frees c->icache. Returns 0 or -ENOMEM. */
    int (*create)(struct soft_cpu *c);
    void (*destroy)(struct soft_cpu *c);
    /* Runs instructions from c->pc on. Never returns: it leaves through c->unwind. */
    void (*loop)(struct soft_cpu *c);
    /* Runs the one instruction at c->pc and moves c->pc on. May raise. */
    void (*step)(struct soft_cpu *c);
    /* Forgets what it made of the instructions in [pa, pa + len). */
    void (*drop_code)(struct soft_cpu *c, uint64_t pa, uint64_t len);
    /* NULL, or brings c->fpsr up to date with flags that the engine keeps elsewhere while it runs.
     */
    void (*sync)(struct soft_cpu *c);
    /* NULL, or adds what it counts itself. */
    void (*stats)(const struct soft_cpu *c, struct vcpu_stats *stats);
};

/* --- requests from one vCPU, or the host, to another (maintain.c) --- */

enum soft_request_kind {
    SOFT_FLUSH_ALL,
    SOFT_FLUSH_ASID, /* asid */
    SOFT_FLUSH_VA,   /* arg: virtual address; asid, or SOFT_ASID_ANY */
    SOFT_DROP_CODE,  /* arg: physical address, len: bytes */
    SOFT_REARM,      /* likewise: watched pages there are to be marked again before a store */
};

struct soft_request {
    enum soft_request_kind kind;
    uint64_t arg, len;
    uint32_t asid;
};

#define SOFT_MAILBOX 32

struct soft_mailbox {
    pthread_mutex_t lock;
    struct soft_request request[SOFT_MAILBOX]; /* under lock */
    unsigned count;                /* under lock; above SOFT_MAILBOX: everything is to be dropped */
    _Atomic uint64_t posted, done; /* requests so far; done is written by the owner */
};

/* --- MMIO accesses of the instruction that runs (access.c) --- */

/* An instruction with an MMIO access leaves with an exit and is executed again once machine/ has
 * answered; it then finds the answers here, in the order of its accesses. The longest instruction,
 * LD4 of 64 bytes in bytes, has 64. */
#define SOFT_REPLAY 64

struct soft_replay {
    unsigned count; /* answers here */
    unsigned next;  /* of the access to come */
    uint64_t value[SOFT_REPLAY];
    uint8_t abort[SOFT_REPLAY];
};

enum soft_pending { SOFT_PENDING_NONE, SOFT_PENDING_MMIO, SOFT_PENDING_SYSREG, SOFT_PENDING_SMCCC };

/* The generic timers (timer.c). */
enum { SOFT_TIMER_VIRT, SOFT_TIMER_PHYS, SOFT_TIMER_COUNT };

#define SOFT_MARKED 4096 /* entries: 16 MiB of a screen, seen through one view */

struct soft_private {
    struct soft_mailbox mailbox;
    _Atomic bool
        running; /* inside vcpu_run: it must be asked; outside, it flushes when it enters */
    uint64_t waits[ENGINE_MAX_VCPUS]; /* requests this vCPU posted to each other one and has not
                                         waited for */
    struct soft_request gathered;     /* of IC IVAU, not yet posted; len 0: nothing */

    struct soft_replay replay;
    uint8_t pending;    /* enum soft_pending */
    uint8_t pending_rt; /* of an MRS that is pending */
    bool leaving;       /* c->exit is filled: vcpu_run returns */

    bool timer_level[SOFT_TIMER_COUNT]; /* outputs as last told to machine/ */
    uint64_t timer_next; /* the count at which an output changes next; UINT64_MAX: never */
    /* Entries of the TLB that let watched pages be written. Above SOFT_MARKED: they were too many,
     * and any entry may be one. */
    struct soft_tlb_entry *marked[SOFT_MARKED];
    unsigned marked_count;
    bool watching; /* a watchpoint is armed */

    uint64_t excl_pc;          /* of the load-exclusive, when it has no name (monitor.c) */
    uint64_t excl_unproven[8]; /* load-exclusives whose store-exclusive has met such a monitor */
    unsigned excl_refusals;    /* store-exclusives that met another's name, one after another */
    uint64_t section_pc;       /* where SOFT_ATTEND_SECTION is for */
    _Atomic bool parked;       /* stands still for another vCPU's section */
    struct vcpu_debug debug;   /* what vcpu_debug asked for */
    bool debug_first; /* the first instruction of this vcpu_run: its breakpoint has been told */
    bool stepping;    /* software step was active when the instruction began */
    bool step_done, step_excl; /* a software step ran an instruction; it was a load-exclusive */
    struct vcpu_stats stats;
};

/* --- the VM --- */

#define SOFT_MAX_MAPS 8

struct soft_map {
    uint64_t ipa, size;
    uint8_t *host;
    const struct mem_region *region;
    bool writable;
};

struct soft_vm {
    const struct soft_engine *engine;
    struct engine_vm_config config;
    struct soft_map map[SOFT_MAX_MAPS];
    size_t maps;
    /* For tests/macos/: asked in place of the watches whether a vCPU may store to RAM at `pa`; a
     * store that may not leaves as EXIT_MMIO. */
    bool (*may_store)(uint64_t pa);
    _Atomic(struct soft_cpu *) cpu[ENGINE_MAX_VCPUS];
    _Atomic unsigned cpus; /* highest index + 1 */
    const struct cpuid *cpuid;
    unsigned pa_bits; /* PARange of the CPU model */
    unsigned asid_bits;
    _Atomic(struct soft_cpu *) section_owner; /* section.c; NULL: none */
    pthread_mutex_t rearm_lock; /* over CPUs that come and go while somebody waits for them */
};

struct engine_vm {
    struct soft_vm soft;
};

struct vcpu {
    struct soft_cpu cpu;
    struct soft_private priv;
    struct soft_tlb tlb;
};

/* The mapped RAM that holds all of [pa, pa + len), or NULL. */
const struct soft_map *soft_find_map(const struct soft_vm *vm, uint64_t pa, uint64_t len);

/* --- attention: why the dispatch loop must look up (state.h) --- */

enum {
    SOFT_ATTEND_KICK = 1,
    SOFT_ATTEND_MAINTAIN = 2,  /* the mailbox has requests */
    SOFT_ATTEND_INTERRUPT = 4, /* an interrupt is asserted and not masked */
    SOFT_ATTEND_TIMER = 8,     /* timers are to be evaluated */
    SOFT_ATTEND_DEBUG = 16,    /* every instruction is looked at (stays set) */
    SOFT_ATTEND_PARK = 32,     /* another vCPU wants an exclusive section */
    SOFT_ATTEND_SECTION = 64,  /* this one does */
};

/* What is taken off c->slice to make it negative; more than any slice, so that it can be told apart
 * and given back. */
#define SOFT_POKE (1 << 27)

/* Any thread. Translated code looks at c->slice alone, so that is poked too. */
static inline void soft_attention_set(struct soft_cpu *c, uint32_t bit)
{
    int32_t left;

    if (atomic_fetch_or_explicit(&c->attention, bit, memory_order_seq_cst) & bit)
        return;
    left = soft_slice(c);
    while (left > -SOFT_POKE / 2 &&
           !__atomic_compare_exchange_n(&c->slice, &left, left - SOFT_POKE, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

static inline void soft_attention_clear(struct soft_cpu *c, uint32_t bit)
{
    atomic_fetch_and_explicit(&c->attention, ~bit, memory_order_seq_cst);
}

/* To be called when a translation, a permission or code may have changed: the dispatcher looks
 * again. */
static inline void soft_code_moved(struct soft_cpu *c)
{
    c->code_base = ~c->next_pc;
}

/* Does what c->attention asks for, between two instructions. May raise, may leave.
 * SOFT_ATTEND_DEBUG is left to the caller: soft_debug_before and soft_debug_after around each
 * instruction while it is set. */
void soft_attend(struct soft_cpu *c);

/* Leaves vcpu_run with the exit that c->exit describes. */
_Noreturn void soft_leave(struct soft_cpu *c, enum exit_kind kind);

/* --- translation (mmu.c) --- */

/* Walks the tables for va as EL `el` would, `fetch` for an instruction. No side effects. */
void soft_walk(struct soft_cpu *c, uint64_t va, unsigned el, bool fetch, struct soft_walk *walk);

/* Effective size of output addresses in bits (D8.2): the smaller of TCR_EL1.IPS and PARange. */
unsigned soft_output_bits(const struct soft_cpu *c);

/* Returns false, for `return soft_walk_fails(...)`. */
static inline bool soft_walk_fails(struct soft_walk *walk, unsigned fault)
{
    walk->faulted = true;
    walk->fault = (uint8_t)fault;
    return false;
}

static inline bool soft_attr_is_device(uint8_t attr)
{
    return (attr & 0xf0) == 0;
}

/* --- the TLB (tlb.c) --- */

/* Where one access of at most a page goes. */
struct soft_ref {
    uint8_t *host; /* NULL: MMIO */
    uint64_t pa;
    bool device;
};

/* Translates va for a data access, through the TLB, and checks permissions and watchpoints on
 * `size` bytes (within the page). `how` as in soft.h. May raise. */
void soft_translate(struct soft_cpu *c, uint64_t va, unsigned size, enum soft_access access,
                    unsigned how, struct soft_ref *ref);

/* The page that holds the instruction at va, for the current EL. May raise. */
const struct soft_etlb_entry *soft_fetch_slow(struct soft_cpu *c, uint64_t va);
static inline const struct soft_etlb_entry *soft_fetch(struct soft_cpu *c, uint64_t va)
{
    const struct soft_etlb_entry *e = soft_etlb_slot(c->view->code, va);

    return __builtin_expect(e->tag == (va & SOFT_PAGE_MASK), 1) ? e : soft_fetch_slow(c, va);
}

/* Enters where va leads into c->jump. To be called only for an address in the page at c->code_base
 * (soft_fetch has found it since anything moved). */
static inline void soft_jump_enter(struct soft_cpu *c, uint64_t va, const void *code)
{
    struct soft_jump *slot = soft_jump_slot(c->jump, va);

    *slot = (struct soft_jump){va, code};
    soft_group_add(c->view->jump_used, (uint64_t)(slot - c->jump), SOFT_JUMP_SIZE);
}

/* Empties every jump array: translated code is gone. */
void soft_jump_clear(struct soft_cpu *c);

/* Makes an empty TLB of zeros. */
void soft_tlb_init(struct soft_tlb *tlb);
/* TLBI VMALLE1; ASIDE1; VAE1 with an ASID, or VAAE1 with SOFT_ASID_ANY (D8.14.5). */
void soft_tlb_flush(struct soft_cpu *c);
/* Stores to pages of [pa, pa + len) that are watched miss, once. */
void soft_tlb_rearm(struct soft_cpu *c, uint64_t pa, uint64_t len);
void soft_tlb_flush_asid(struct soft_cpu *c, unsigned asid);
void soft_tlb_flush_va(struct soft_cpu *c, uint64_t va, uint32_t asid);
/* After a change of TTBR0_EL1, TTBR1_EL1 or TCR_EL1: another address space, perhaps. */
void soft_tlb_switch(struct soft_cpu *c);
unsigned soft_current_asid(const struct soft_cpu *c);

/* Recomputes what depends on EL, SPSel, PAN, UAO, FPCR, SCTLR_EL1, CPACR_EL1 and the address space
 * (state.h). */
void soft_context_changed(struct soft_cpu *c);
/* The same, when nothing but EL, SPSel, PAN or UAO has changed. */
void soft_level_changed(struct soft_cpu *c);

/* --- exclusive sections (section.c) --- */

/* Has the instruction at c->pc start again in an exclusive section, which lasts until the monitor
 * is clear. Changes nothing else. */
_Noreturn void soft_section_request(struct soft_cpu *c);
/* Runs the section that was asked for, between two instructions. May raise, may leave. */
void soft_section_run(struct soft_cpu *c);
/* Ends this vCPU's section, if it is in one. */
void soft_section_end(struct soft_cpu *c);
/* Waits for the end of another vCPU's section, if there is one. */
void soft_section_park(struct soft_cpu *c);
/* Keeps others from having one, for a vCPU that is not running. */
void soft_section_lock(struct soft_cpu *c);
void soft_section_unlock(struct soft_cpu *c);

static inline bool soft_section_is_mine(const struct soft_cpu *c)
{
    return atomic_load_explicit(&c->vm->section_owner, memory_order_relaxed) == c;
}

/* --- maintenance across vCPUs (maintain.c) --- */

/* Carries out a request on this vCPU. */
void soft_request_apply(struct soft_cpu *c, const struct soft_request *request);
/* Posts it to every other vCPU. */
void soft_request_broadcast(struct soft_cpu *c, const struct soft_request *request);
/* Posts it to one vCPU; any thread. Returns the number to wait for in mailbox.done. */
uint64_t soft_request_post(struct soft_cpu *to, const struct soft_request *request);
/* For mem/ (struct mem_tracker): has all vCPUs mark watched pages again. Any thread but a vCPU's
 * inside vcpu_run; `ctx` is the soft_vm. */
void soft_rearm(void *ctx, uint64_t ipa, uint64_t len, bool all);
/* Carries out and acknowledges what others have posted. */
void soft_request_drain(struct soft_cpu *c);
/* Posts what IC IVAU of this vCPU has left to post: lines are gathered until DSB. */
void soft_request_drop_code(struct soft_cpu *c, uint64_t pa, uint64_t len);
/* Waits until every other vCPU has carried out what this one posted (DSB). */
void soft_request_wait(struct soft_cpu *c);

/* --- exceptions (exception.c) --- */

/* Enters EL1 at VBAR_EL1 plus the offset of `vector` (0 synchronous, 0x80 IRQ, 0x100 FIQ) and
 * leaves c->pc there. */
void soft_enter_el1(struct soft_cpu *c, unsigned vector, uint64_t elr);
/* Unwinds to the dispatch loop, which goes on at c->pc. */
_Noreturn void soft_unwind(struct soft_cpu *c);
_Noreturn void soft_raise_data_abort(struct soft_cpu *c, uint64_t va, unsigned fsc, bool write,
                                     bool maintenance);
_Noreturn void soft_raise_fetch_abort(struct soft_cpu *c, uint64_t va, unsigned fsc);
_Noreturn void soft_raise_pc_alignment(struct soft_cpu *c);
_Noreturn void soft_raise_illegal_state(struct soft_cpu *c);
/* A trapped MSR, MRS or system instruction (EC 0x18), which needs its registers back. */
_Noreturn void soft_raise_sys_trap(struct soft_cpu *c, uint32_t key, unsigned rt, bool read);
/* The interrupts of DAIF and c->held: IRQ and FIQ are levels, SError (A) is pending until taken. */
#define SOFT_INTERRUPTS UINT32_C(0x1c0)
/* Updates SOFT_ATTEND_INTERRUPT after a change of a level or a mask. */
void soft_interrupts_update(struct soft_cpu *c);
static inline void soft_interrupts_changed(struct soft_cpu *c)
{
    bool want = c->held & ~c->daif & SOFT_INTERRUPTS;
    uint32_t now = atomic_load_explicit(&c->attention, memory_order_relaxed);

    if (want != !!(now & SOFT_ATTEND_INTERRUPT))
        soft_interrupts_update(c);
}
void soft_take_interrupt(struct soft_cpu *c);

/* --- self-hosted debug (debug.c) --- */

/* Before and after each instruction (`word`) while SOFT_ATTEND_DEBUG is set. May raise or leave. */
void soft_debug_before(struct soft_cpu *c);
void soft_debug_after(struct soft_cpu *c, uint32_t word);
/* Raises or leaves when a watchpoint matches the access. */
void soft_debug_watch(struct soft_cpu *c, uint64_t va, unsigned size, bool write, bool maintenance,
                      unsigned el);
/* Whether a watchpoint could match in the page at va. */
bool soft_debug_watches_page(const struct soft_cpu *c, uint64_t va);
/* After a change of a debug register, PSTATE.SS, PSTATE.D, EL or vcpu_debug. */
void soft_debug_changed(struct soft_cpu *c);
/* After a write of MDSCR_EL1, a breakpoint or a watchpoint. */
void soft_debug_written(struct soft_cpu *c);
/* Whether SPSR.SS = 1 makes an exception return to `el`, with the D mask `masked` there, activate a
 * step. */
bool soft_debug_step_on_return(const struct soft_cpu *c, unsigned el, bool masked);

/* --- generic timer (timer.c) --- */

uint64_t soft_counter(struct soft_cpu *c);
void soft_timer_poll(struct soft_cpu *c); /* leaves with EXIT_VTIMER when an output changed */
bool soft_timer_update(
    struct soft_cpu *c); /* recomputes timer_next; true when soft_timer_poll would leave */
void soft_timer_levels(struct soft_cpu *c, bool *virt, bool *phys); /* outputs now */
uint64_t soft_timer_deadline_ns(struct soft_cpu *c);
uint64_t soft_timer_read(struct soft_cpu *c, unsigned timer, unsigned reg);
void soft_timer_write(struct soft_cpu *c, unsigned timer, unsigned reg, uint64_t value);
enum { SOFT_TIMER_CTL, SOFT_TIMER_CVAL, SOFT_TIMER_TVAL };

/* Instructions run so far. */
uint64_t soft_instructions(const struct soft_cpu *c);
/* The dispatch loop calls it when c->slice has run out. May leave. */
void soft_slice_end(struct soft_cpu *c);

/* --- system registers (sysreg.c, sysinsn.c) --- */

void soft_sysreg_reset(struct soft_cpu *c);
/* Without traps and side effects on the machine. */
uint64_t soft_sysreg_raw_get(struct soft_cpu *c, enum sysreg_id id);
void soft_sysreg_raw_set(struct soft_cpu *c, enum sysreg_id id, uint64_t value);
/* Raises when `gate` (enum sysreg_gate) traps the access at the current EL. */
void soft_check_gate(struct soft_cpu *c, unsigned gate, uint32_t key, unsigned rt, bool read);

/* --- the verbs of engine.h, for an engine's engine_ops (vm.c, vcpu.c) --- */

int soft_caps(struct engine_caps *caps);
int soft_vm_create(const struct soft_engine *engine, struct engine_vm **vm,
                   const struct engine_vm_config *config, struct error *err);
void soft_vm_destroy(struct engine_vm *vm);
int soft_vm_map(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable,
                struct error *err);
int soft_vm_unmap(struct engine_vm *vm, uint64_t ipa, uint64_t size);
int soft_vm_protect(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable);
void soft_vm_code_written(struct engine_vm *vm, uint64_t ipa, uint64_t len);
int soft_vm_ready(struct engine_vm *vm, struct error *err);
int soft_vcpu_create(struct engine_vm *vm, unsigned index, struct vcpu **vcpu, struct error *err);
void soft_vcpu_destroy(struct vcpu *vcpu);
void soft_vcpu_reset(struct vcpu *vcpu);
int soft_vcpu_run(struct vcpu *vcpu, struct vcpu_exit **exit);
void soft_vcpu_kick(struct vcpu *vcpu);
void soft_vcpu_stats(struct vcpu *vcpu, struct vcpu_stats *stats);
int soft_vcpu_get(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t *value);
int soft_vcpu_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
int soft_vcpu_get_v(struct vcpu *vcpu, unsigned index, uint64_t value[2]);
int soft_vcpu_set_v(struct vcpu *vcpu, unsigned index, const uint64_t value[2]);
int soft_vcpu_sysreg_get(struct vcpu *vcpu, uint32_t key, uint64_t *value);
int soft_vcpu_sysreg_set(struct vcpu *vcpu, uint32_t key, uint64_t value);
void soft_vcpu_irq(struct vcpu *vcpu, bool irq, bool fiq);
void soft_vcpu_vtimer(struct vcpu *vcpu, bool *virt, bool *phys, uint64_t *deadline_ns);
int soft_vcpu_debug(struct vcpu *vcpu, const struct vcpu_debug *debug);
int soft_vcpu_save(struct vcpu *vcpu, struct state *state, const char *instance);
int soft_vcpu_load(struct vcpu *vcpu, const struct state *state, const char *instance,
                   struct error *err);
int soft_vcpu_translate(struct vcpu *vcpu, uint64_t va, uint64_t *ipa);

/* All of them but `vm_create`, as initialisers of an engine_ops. */
#define SOFT_VERBS                                                                                 \
    .caps = soft_caps, .vm_destroy = soft_vm_destroy, .vm_map = soft_vm_map,                       \
    .vm_unmap = soft_vm_unmap, .vm_protect = soft_vm_protect,                                      \
    .vm_code_written = soft_vm_code_written, .vm_ready = soft_vm_ready,                            \
    .vcpu_create = soft_vcpu_create, .vcpu_destroy = soft_vcpu_destroy,                            \
    .vcpu_reset = soft_vcpu_reset, .vcpu_run = soft_vcpu_run, .vcpu_kick = soft_vcpu_kick,         \
    .vcpu_stats = soft_vcpu_stats, .vcpu_get = soft_vcpu_get, .vcpu_set = soft_vcpu_set,           \
    .vcpu_get_v = soft_vcpu_get_v, .vcpu_set_v = soft_vcpu_set_v,                                  \
    .vcpu_sysreg_get = soft_vcpu_sysreg_get, .vcpu_sysreg_set = soft_vcpu_sysreg_set,              \
    .vcpu_irq = soft_vcpu_irq, .vcpu_vtimer = soft_vcpu_vtimer, .vcpu_debug = soft_vcpu_debug,     \
    .vcpu_save = soft_vcpu_save, .vcpu_load = soft_vcpu_load,                                      \
    .vcpu_translate = soft_vcpu_translate

#endif
