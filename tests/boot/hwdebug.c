/* SPDX-License-Identifier: ISC */
/*
 * Runs in the guest: the CPU's debug hardware as a debugger uses it through ptrace. A parent steps
 * its child, then catches it by a hardware breakpoint, a write watchpoint and a read watchpoint,
 * and says each in one line.
 */
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asm/ptrace.h>

#define STEPS 20
#define CALLS 3

/* DBGBCR and DBGWCR: enabled, EL0, all bytes of the word or doubleword (Arm ARM D19.3). */
#define BREAK_CONTROL (0xfu << 5 | 2u << 1 | 1u)
#define WATCH_WRITE   (0xffu << 5 | 2u << 3 | 2u << 1 | 1u)
#define WATCH_READ    (0xffu << 5 | 1u << 3 | 2u << 1 | 1u)

static volatile int calls;
static volatile long written, read_from;

__attribute__((noinline)) static void called(void)
{
    calls++;
}

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (int i = 0; i < CALLS; i++)
        called();
    written = 1;
    _exit(7 + (int)read_from);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t pc_of(pid_t pid)
{
    struct user_pt_regs regs;
    struct iovec iov = {&regs, sizeof(regs)};

    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        fail("PTRACE_GETREGSET");
    return regs.pc;
}

/* Sets slot 0 of the breakpoints or watchpoints; returns how many slots the CPU has. */
static unsigned arm(pid_t pid, int type, const volatile void *address, uint32_t control)
{
    struct user_hwdebug_state state = {0};
    struct iovec iov = {&state, sizeof(state)};

    if (ptrace(PTRACE_GETREGSET, pid, type, &iov) < 0)
        fail("PTRACE_GETREGSET");
    state.dbg_regs[0].addr = (uintptr_t)address;
    state.dbg_regs[0].ctrl = control;
    iov.iov_len = offsetof(struct user_hwdebug_state, dbg_regs) + sizeof(state.dbg_regs[0]);
    if (ptrace(PTRACE_SETREGSET, pid, type, &iov) < 0)
        fail("PTRACE_SETREGSET");
    return state.dbg_info & 0xff;
}

/* Lets the child run to its next SIGTRAP and returns the address that the kernel reports with it.
 */
static uint64_t trap(pid_t pid, int request)
{
    siginfo_t info;
    int status;

    if (ptrace(request, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
        fail("ptrace");
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        printf("unexpected status 0x%x\n", status);
        exit(1);
    }
    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) < 0)
        fail("PTRACE_GETSIGINFO");
    return (uintptr_t)info.si_addr;
}

static void report(const char *what, uint64_t got, const volatile void *wanted)
{
    if (got != (uintptr_t)wanted) {
        printf("%s at 0x%llx, expected %p\n", what, (unsigned long long)got, (const void *)wanted);
        exit(1);
    }
    printf("%s\n", what);
}

int main(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        child();
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("fork");
    for (int i = 0; i < STEPS; i++) {
        uint64_t before = pc_of(pid);

        trap(pid, PTRACE_SINGLESTEP);
        if (pc_of(pid) == before)
            fail("a step that stands still");
    }
    printf("%d steps\n", STEPS);
    printf("%u breakpoints\n",
           arm(pid, NT_ARM_HW_BREAK, (const void *)(uintptr_t)called, BREAK_CONTROL));
    for (int i = 0; i < CALLS; i++) {
        trap(pid, PTRACE_CONT);
        report("breakpoint", pc_of(pid), (const void *)(uintptr_t)called);
    }
    arm(pid, NT_ARM_HW_BREAK, NULL, 0);
    printf("%u watchpoints\n", arm(pid, NT_ARM_HW_WATCH, &written, WATCH_WRITE));
    report("written", trap(pid, PTRACE_CONT), &written);
    arm(pid, NT_ARM_HW_WATCH, &read_from, WATCH_READ);
    report("read", trap(pid, PTRACE_CONT), &read_from);
    arm(pid, NT_ARM_HW_WATCH, NULL, 0);
    if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
        fail("ptrace");
    printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}
