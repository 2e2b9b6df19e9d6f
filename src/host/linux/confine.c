/* SPDX-License-Identifier: ISC */
/*
 * Confinement by seccomp. What is not in the table below fails with EPERM, which keeps the machine
 * and its disks alive when a library asks for something unforeseen; what nobody asks for by mistake
 * (exec, ptrace, ...) kills the process.
 *
 * W^X: no mapping may be writable and executable at once. The translator's code lives in a file
 * that is mapped twice (host/map.h).
 *
 * Calls with a pointer argument cannot be checked beyond their numbers: that is why nothing here
 * takes a path, but for newfstatat with AT_EMPTY_PATH, which is how the C library spells fstat.
 */
#include "host/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define VM   BIT(HOST_CONFINE_VM)
#define NET  BIT(HOST_CONFINE_NET)
#define BOTH (VM | NET)

#define KVM_IOCTL_TYPE  0xae00 /* linux/kvm.h: KVMIO, in bits 15 to 8 of a request */
#define IOCTL_TYPE_MASK 0xff00
#define WX              (PROT_WRITE | PROT_EXEC)

/* One permitted call; with a mask, only when (argument `arg` & mask) == value. */
struct permit {
    int call;
    unsigned roles;
    const char *reason;
    unsigned arg;
    uint64_t mask, value;
};

#define CALL(name, roles, reason)                                                                  \
    {                                                                                              \
        SCMP_SYS(name), roles, reason, 0, 0, 0                                                     \
    }
#define CALL_IF(name, roles, arg, mask, value, reason)                                             \
    {                                                                                              \
        SCMP_SYS(name), roles, reason, arg, mask, value                                            \
    }
#define CALL_WITH(name, roles, arg, value, reason)                                                 \
    {                                                                                              \
        SCMP_SYS(name), roles, reason, arg, UINT64_MAX, value                                      \
    }

static const struct permit permits[] = {
    /* memory */
    CALL(brk, BOTH, "malloc"),
    CALL_IF(mmap, BOTH, 2, PROT_EXEC, 0, "malloc, thread stacks, guest memory"),
    CALL_IF(mmap, VM, 2, WX, PROT_EXEC, "the translator's code, at its executable address"),
    CALL_IF(mprotect, BOTH, 2, PROT_EXEC, 0, "malloc, guard pages, guest memory"),
    CALL_IF(mprotect, VM, 2, WX, PROT_EXEC, "the translator's code"),
    CALL(munmap, BOTH, "free"),
    CALL(mremap, BOTH, "realloc"),
    CALL(madvise, BOTH, "free, guest memory and its balloon"),
    CALL(mincore, VM, "how much guest memory is resident"),
    CALL(msync, VM, "guest memory that is a file"),
    CALL(memfd_create, VM, "code: a file without a name"),
    CALL(membarrier, VM, "code that other vCPUs run is replaced"),

    /* threads */
    CALL_IF(clone, BOTH, 0, CLONE_THREAD, CLONE_THREAD, "threads, and never processes"),
    CALL(set_robust_list, BOTH, "a thread's start"),
    CALL(rseq, BOTH, "a thread's start"),
    CALL(set_tid_address, BOTH, "a thread's start"),
    CALL(futex, BOTH, "locks and conditions"),
    CALL(sched_yield, BOTH, "waiting for another thread"),
    CALL(sched_getaffinity, BOTH, "how many processors there are"),
    CALL(getcpu, BOTH, "malloc's arenas"),
    CALL(gettid, BOTH, "signals to threads"),
    CALL(getpid, BOTH, "signals to threads"),
    CALL_WITH(prctl, BOTH, 0, PR_SET_NAME, "a thread's name"),
    CALL_WITH(prctl, VM, 0, PR_SET_VMA, "the name of guest memory"),
    CALL(exit, BOTH, "a thread's end"),
    CALL(exit_group, BOTH, "the end"),

    /* signals; tgkill to ourselves is added below */
    CALL(rt_sigaction, BOTH, "abort, terminal signals"),
    CALL(rt_sigprocmask, BOTH, "threads take no signals"),
    CALL(rt_sigreturn, BOTH, "the end of a handler"),
    CALL(rt_sigtimedwait, BOTH, "the main thread waits for signals"),
    CALL(rt_sigsuspend, BOTH, "the main thread waits for signals"),
    CALL(pause, BOTH, "the main thread waits for signals"),
    CALL(sigaltstack, BOTH, "handlers of faults"),
    CALL(restart_syscall, BOTH, "the kernel's own, after a stop"),

    /* time */
    CALL(clock_gettime, BOTH, "clocks where the vDSO has none"),
    CALL(clock_getres, BOTH, "clocks"),
    CALL(gettimeofday, BOTH, "clocks"),
    CALL(clock_nanosleep, BOTH, "waiting"),
    CALL(nanosleep, BOTH, "waiting"),

    /* what is open */
    CALL(read, BOTH, "consoles, pipes"),
    CALL(write, BOTH, "consoles, pipes, the log"),
    CALL(readv, BOTH, "frames"),
    CALL(writev, BOTH, "frames, the log"),
    CALL(pread64, VM, "disks"),
    CALL(pwrite64, VM, "disks"),
    CALL(preadv, VM, "disks"),
    CALL(pwritev, VM, "disks"),
    CALL(fdatasync, VM, "disks: flush"),
    CALL(fsync, VM, "saved state"),
    CALL(fallocate, VM, "disks: discard"),
    CALL(ftruncate, BOTH, "code, saved state, captures"),
    CALL(lseek, BOTH, "saved state, captures"),
    CALL(fstat, BOTH, "sizes of what is open"),
    CALL_IF(newfstatat, BOTH, 3, AT_EMPTY_PATH, AT_EMPTY_PATH, "fstat in the C library"),
    CALL(fcntl, BOTH, "descriptor flags, image locks"),
    CALL(dup, BOTH, "descriptors that two parts own"),
    CALL(close, BOTH, "descriptors"),
    CALL_WITH(ioctl, VM, 1, TCGETS, "the terminal's mode"),
    CALL_WITH(ioctl, VM, 1, TCSETS, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TCSETSW, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TCSETSF, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TIOCGWINSZ, "the terminal's size"),
    CALL_WITH(ioctl, BOTH, 1, FIONREAD, "how much there is to read"),
    CALL_WITH(ioctl, NET, 1, FIONBIO, "libslirp's sockets do not block"),
    CALL_IF(ioctl, VM, 1, IOCTL_TYPE_MASK, KVM_IOCTL_TYPE,
            "the KVM engine, on its own descriptors"),

    /* waiting for descriptors */
    CALL(poll, BOTH, "event loops"),
    CALL(ppoll, BOTH, "event loops"),
    CALL(pselect6, BOTH, "libraries that wait"),
    CALL(select, BOTH, "libraries that wait"),
    CALL(epoll_wait, BOTH, "event loops"),
    CALL(epoll_pwait, BOTH, "event loops"),
    CALL(epoll_ctl, BOTH, "event loops"),
    CALL(pipe2, BOTH, "an event loop's wake-up"),
    CALL(pipe, BOTH, "an event loop's wake-up"),
    CALL(eventfd2, BOTH, "an event loop's wake-up"),
    CALL(timerfd_settime, BOTH, "timers"),

    /* sockets that are open already */
    CALL(accept, BOTH, "a console's and the control socket's clients, forwarded ports"),
    CALL(accept4, BOTH, "likewise"),
    CALL(recvmsg, BOTH, "frames, passed descriptors"),
    CALL(sendmsg, BOTH, "frames"),
    CALL(recvmmsg, BOTH, "frames"),
    CALL(sendmmsg, BOTH, "frames"),
    CALL(recvfrom, BOTH, "consoles, frames"),
    CALL(sendto, BOTH, "consoles, frames"),
    CALL(shutdown, BOTH, "the end of a connection"),
    CALL(getsockopt, BOTH, "a connection's error"),
    CALL(setsockopt, NET, "TCP_NODELAY and the like"),
    CALL(getsockname, NET, "the address of a forwarded port"),
    CALL(getpeername, NET, "the address of who connects to one"),

    /* the guest's connections to the world */
    CALL_WITH(socket, NET, 0, AF_INET, "a connection of the guest"),
    CALL_WITH(socket, NET, 0, AF_INET6, "a connection of the guest"),
    CALL(connect, NET, "a connection of the guest"),
    CALL(bind, NET, "UDP of the guest"),
    CALL(listen, NET, "forwarded ports"),

    /* the rest of the C library */
    CALL(getrandom, BOTH, "entropy"),
    CALL(getrusage, BOTH, "statistics"),
    CALL(sysinfo, BOTH, "how much memory there is"),
    CALL(uname, BOTH, "libraries"),
    CALL(wait4, BOTH, "the end of a helper process"),
    CALL_WITH(prlimit64, BOTH, 2, 0, "limits are read, not set"),
};

/* Nothing in the program asks for these, not even by mistake: whoever does is not the program any
 * more. */
static const int fatal[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(mount),
    SCMP_SYS(pivot_root),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(bpf),
    SCMP_SYS(kexec_load),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
};

static int permit_add(scmp_filter_ctx filter, const struct permit *permit)
{
    struct scmp_arg_cmp check = {
        .arg = permit->arg,
        .op = SCMP_CMP_MASKED_EQ,
        .datum_a = permit->mask,
        .datum_b = permit->value,
    };

    if (permit->call < 0) /* this architecture has no such call */
        return 0;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, permit->call, permit->mask ? 1 : 0,
                                  &check);
}

static int filter_fill(scmp_filter_ctx filter, enum host_confine_role role)
{
    const struct permit tgkill_self =
        CALL_WITH(tgkill, BOTH, 0, (uint64_t)getpid(), "signals to our own threads, abort");
    int ret = permit_add(filter, &tgkill_self);

    for (size_t i = 0; i < nitems(permits) && !ret; i++)
        if (permits[i].roles & BIT(role))
            ret = permit_add(filter, &permits[i]);
    for (size_t i = 0; i < nitems(fatal) && !ret; i++)
        if (fatal[i] >= 0)
            ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, fatal[i], 0);
    /* Its flags are behind a pointer: the C library makes its threads by clone when there is no
     * clone3. */
    return ret ? ret : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int host_confine(enum host_confine_role role, struct error *err)
{
    scmp_filter_ctx filter;
    int ret;

    if (SANITIZED)
        return error_set(err, ENOSYS,
                         "not confined: this program was built with a sanitizer, which "
                         "opens files");
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return error_set(err, ENOMEM, "cannot confine the process: out of memory");
    ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
    ret = ret ? ret : filter_fill(filter, role);
    ret = ret ? ret : seccomp_load(filter);
    seccomp_release(filter);
    return ret ? error_set(err, -ret, "cannot confine the process: %s", strerror(-ret)) : 0;
}
