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
#include <linux/if_tun.h>
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

#define VM     BIT(HOST_CONFINE_VM)
#define NET    BIT(HOST_CONFINE_NET)
#define VIEWER BIT(HOST_CONFINE_VIEWER)
#define SWITCH BIT(HOST_CONFINE_SWITCH)
#define ALL    (VM | NET | VIEWER | SWITCH)
#define PEERS  (NET | VIEWER)

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
    CALL(brk, ALL, "malloc"),
    CALL_IF(mmap, ALL, 2, PROT_EXEC, 0, "malloc, thread stacks, guest memory"),
    CALL_IF(mmap, VM, 2, WX, PROT_EXEC, "the translator's code, at its executable address"),
    CALL_IF(mprotect, ALL, 2, PROT_EXEC, 0, "malloc, guard pages, guest memory"),
    CALL_IF(mprotect, VM, 2, WX, PROT_EXEC, "the translator's code"),
    CALL(munmap, ALL, "free"),
    CALL(mremap, ALL, "realloc"),
    CALL(madvise, ALL, "free, guest memory and its balloon"),
    CALL(mincore, VM, "how much guest memory is resident"),
    CALL(msync, VM, "guest memory that is a file"),
    CALL(memfd_create, VM | SWITCH, "code, rings: a file without a name"),
    CALL(membarrier, VM, "code that other vCPUs run is replaced"),

    /* threads */
    CALL_IF(clone, ALL, 0, CLONE_THREAD, CLONE_THREAD, "threads, and never processes"),
    CALL(set_robust_list, ALL, "a thread's start"),
    CALL(rseq, ALL, "a thread's start"),
    CALL(set_tid_address, ALL, "a thread's start"),
    CALL(futex, ALL, "locks and conditions"),
    CALL(sched_yield, ALL, "waiting for another thread"),
    CALL(sched_getaffinity, ALL, "how many processors there are"),
    CALL(getcpu, ALL, "malloc's arenas"),
    CALL(gettid, ALL, "signals to threads"),
    CALL(getpid, ALL, "signals to threads"),
    CALL_WITH(prctl, ALL, 0, PR_SET_NAME, "a thread's name"),
    CALL_WITH(prctl, VM, 0, PR_SET_VMA, "the name of guest memory"),
    CALL(exit, ALL, "a thread's end"),
    CALL(exit_group, ALL, "the end"),

    /* signals; tgkill to ourselves is added below */
    CALL(rt_sigaction, ALL, "abort, terminal signals"),
    CALL(rt_sigprocmask, ALL, "threads take no signals"),
    CALL(rt_sigreturn, ALL, "the end of a handler"),
    CALL(rt_sigtimedwait, ALL, "the main thread waits for signals"),
    CALL(rt_sigsuspend, ALL, "the main thread waits for signals"),
    CALL(pause, ALL, "the main thread waits for signals"),
    CALL(sigaltstack, ALL, "handlers of faults"),
    CALL(restart_syscall, ALL, "the kernel's own, after a stop"),

    /* time */
    CALL(clock_gettime, ALL, "clocks where the vDSO has none"),
    CALL(clock_getres, ALL, "clocks"),
    CALL(gettimeofday, ALL, "clocks"),
    CALL(clock_nanosleep, ALL, "waiting"),
    CALL(nanosleep, ALL, "waiting"),

    /* what is open */
    CALL(read, ALL, "consoles, pipes"),
    CALL(write, ALL, "consoles, pipes, the log"),
    CALL(readv, ALL, "frames"),
    CALL(writev, ALL, "frames, the log"),
    CALL(pread64, VM, "disks"),
    CALL(pwrite64, VM, "disks"),
    CALL(preadv, VM, "disks"),
    CALL(pwritev, VM, "disks"),
    CALL(fdatasync, VM, "disks: flush"),
    CALL(fsync, VM, "saved state"),
    CALL(fallocate, VM, "disks: discard"),
    CALL(ftruncate, ALL, "code, saved state, captures"),
    CALL(lseek, ALL, "saved state, captures"),
    CALL(fstat, ALL, "sizes of what is open"),
    CALL_IF(newfstatat, ALL, 3, AT_EMPTY_PATH, AT_EMPTY_PATH, "fstat in the C library"),
    CALL(fcntl, ALL, "descriptor flags, image locks"),
    CALL(dup3, VIEWER, "a client's connection in the place of another stream"),
    CALL(dup, ALL, "descriptors that two parts own"),
    CALL(close, ALL, "descriptors"),
    CALL_WITH(ioctl, VM, 1, TCGETS, "the terminal's mode"),
    CALL_WITH(ioctl, VM, 1, TCSETS, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TCSETSW, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TCSETSF, "the terminal's mode is restored"),
    CALL_WITH(ioctl, VM, 1, TIOCGWINSZ, "the terminal's size"),
    CALL_WITH(ioctl, ALL, 1, FIONREAD, "how much there is to read"),
    CALL_WITH(ioctl, NET, 1, FIONBIO, "libslirp's sockets do not block"),
    CALL_WITH(ioctl, VM, 1, TUNSETOFFLOAD, "what a tap device's frames leave undone"),
    CALL_IF(ioctl, VM, 1, IOCTL_TYPE_MASK, KVM_IOCTL_TYPE,
            "the KVM engine, on its own descriptors"),

    /* waiting for descriptors */
    CALL(poll, ALL, "event loops"),
    CALL(ppoll, ALL, "event loops"),
    CALL(pselect6, ALL, "libraries that wait"),
    CALL(select, ALL, "libraries that wait"),
    CALL(epoll_wait, ALL, "event loops"),
    CALL(epoll_pwait, ALL, "event loops"),
    CALL(epoll_ctl, ALL, "event loops"),
    CALL(pipe2, ALL, "an event loop's wake-up"),
    CALL(pipe, ALL, "an event loop's wake-up"),
    CALL(eventfd2, ALL, "an event loop's wake-up"),
    CALL(timerfd_settime, ALL, "timers"),

    /* sockets that are open already */
    CALL(accept, ALL, "clients of consoles, the control socket and displays"),
    CALL(accept4, ALL, "likewise"),
    CALL(recvmsg, ALL, "frames, passed descriptors"),
    CALL(sendmsg, ALL, "frames"),
    CALL(recvmmsg, ALL, "frames"),
    CALL(sendmmsg, ALL, "frames"),
    CALL(recvfrom, ALL, "consoles, frames"),
    CALL(sendto, ALL, "consoles, frames"),
    CALL(socketpair, VIEWER, "a browser's connection, without its websocket"),
    CALL(shutdown, ALL, "the end of a connection"),
    CALL(getsockopt, ALL, "a connection's error"),
    CALL(setsockopt, PEERS, "TCP_NODELAY and the like"),
    CALL(getsockname, PEERS, "the address of a forwarded port, and of a display"),
    CALL(getpeername, PEERS, "the address of who connects to one"),

    /* the guest's connections to the world */
    CALL_WITH(socket, NET, 0, AF_INET, "a connection of the guest"),
    CALL_WITH(socket, NET, 0, AF_INET6, "a connection of the guest"),
    CALL(connect, NET, "a connection of the guest"),
    CALL(bind, NET, "UDP of the guest"),
    CALL(listen, NET, "forwarded ports"),

    /* the rest of the C library */
    CALL(getrandom, ALL, "entropy"),
    CALL(getrusage, ALL, "statistics"),
    CALL(sysinfo, ALL, "how much memory there is"),
    CALL(uname, ALL, "libraries"),
    CALL(wait4, ALL, "the end of a helper process"),
    CALL_WITH(prlimit64, ALL, 2, 0, "limits are read, not set"),
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
        CALL_WITH(tgkill, ALL, 0, (uint64_t)getpid(), "signals to our own threads, abort");
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
