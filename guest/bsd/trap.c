/* SPDX-License-Identifier: ISC */
/*
 * Exceptions, as OpenBSD's trap.c has them.
 *
 * What happens to a process that touches a page whose entry holds nonsense: the CPU says "address
 * size fault" when the address is above what the machine has, or "synchronous external abort" when
 * the bus answered that nothing is there. Both are data aborts from EL0, and like every data abort
 * they go to uvm_fault, which finds the mapping in good order, enters the same page again and
 * returns; the instruction runs again, and again. The process hangs without a word. So does this
 * kernel, up to the boot argument refaults=N (8); then it says what it saw and ends the process.
 *
 * A machine that answers by SError instead makes a kernel panic, since an SError is nobody's fault
 * in particular: DISR or ESR do not say which access it was.
 */
#include "pmap.h"
#include "syscall.h"
#include "uvm.h"
#include "virtio.h"

#define VECTOR_EL1_SYNC   0x200
#define VECTOR_EL1_IRQ    0x280
#define VECTOR_EL0_SYNC   0x400
#define VECTOR_EL0_IRQ    0x480
#define VECTOR_ERROR_MASK 0x180
#define VECTOR_ERROR      0x180 /* SError: 0x180, 0x380, 0x580 ... */

#define ESR_EC(esr)       ((esr) >> 26 & 0x3f)
#define EC_SVC64          0x15
#define EC_INSN_ABORT_EL0 0x20
#define EC_DATA_ABORT_EL0 0x24
#define ESR_WNR           (1u << 6)
#define ESR_FSC(esr)      ((esr)&0x3f)
#define FSC_TRANSLATION   0x04 /* and the three after it: the levels */

static const char *fault_name(uint64_t esr)
{
    switch (ESR_FSC(esr) & 0x3c) {
    case 0x00: return "address size fault";
    case 0x04: return "translation fault";
    case 0x08: return "access flag fault";
    case 0x0c: return "permission fault";
    case 0x10: return "synchronous external abort";
    case 0x14: return "synchronous external abort on a table walk";
    case 0x20: return "alignment fault";
    default: return "fault";
    }
}

static void describe(const struct trapframe *frame)
{
    kprintf("trap: %s: esr 0x%lx far 0x%lx pc 0x%lx\n", fault_name(frame->esr), frame->esr,
            frame->far, frame->elr);
}

/* A fault that uvm_fault resolved and that came again at once; true when it is time to give up. */
static bool refaulted(const struct trapframe *frame)
{
    static uint64_t last_pc, last_far, count;

    if (frame->elr != last_pc || frame->far != last_far) {
        last_pc = frame->elr;
        last_far = frame->far;
        count = 0;
        return false;
    }
    if (count++ == 0)
        describe(frame);
    return count >= bootarg_number("refaults", 8);
}

static void user_abort(struct trapframe *frame)
{
    unsigned access = frame->esr & ESR_WNR ? PROT_WRITE : PROT_READ;
    int error = uvm_fault(frame->far, access);

    if (error == 0 && !refaulted(frame))
        return;
    if (error == 0) {
        kprintf("user: stuck at pc 0x%lx: the page at 0x%lx faults however often it is entered\n",
                frame->elr, frame->far);
        kprintf("user: its driver gave the physical address 0x%lx\n",
                trunc_page(uvm_device_page(frame->far)));
    } else {
        describe(frame);
        kprintf("user: killed: nothing is mapped there\n");
    }
    user_return(UINT64_MAX);
}

static uint64_t sys_write(vaddr_t text, uint64_t length)
{
    if (length > 200 || !uvm_readable(text, length))
        return (uint64_t)-EFAULT;
    for (const char *at = (const char *)text; length--; at++)
        kprintf("%c", *at);
    return 0;
}

static void system_call(struct trapframe *frame)
{
    uint64_t *x = frame->x;

    switch (x[8]) {
    case SYS_EXIT: user_return(x[0]);
    case SYS_WRITE: x[0] = sys_write(x[0], x[1]); break;
    case SYS_FBINFO: x[0] = viogpu_info(); break;
    case SYS_MMAP: x[0] = uvm_map_device(x[0], x[1], PROT_READ | PROT_WRITE); break;
    default: x[0] = (uint64_t)-EINVAL;
    }
}

void trap(struct trapframe *frame)
{
    if ((frame->vector & VECTOR_ERROR_MASK) == VECTOR_ERROR)
        panic("SError: esr 0x%lx pc 0x%lx (%s)", frame->esr, frame->elr,
              frame->spsr & 0xf ? "kernel" : "user");
    switch (frame->vector) {
    case VECTOR_EL1_IRQ:
    case VECTOR_EL0_IRQ: gic_interrupt(); return;
    case VECTOR_EL0_SYNC:
        if (ESR_EC(frame->esr) == EC_SVC64)
            system_call(frame);
        else if (ESR_EC(frame->esr) == EC_DATA_ABORT_EL0)
            user_abort(frame);
        else {
            describe(frame);
            user_return(UINT64_MAX);
        }
        return;
    }
    describe(frame);
    panic("exception in the kernel, vector 0x%lx, x30 0x%lx", frame->vector, frame->x[30]);
}
