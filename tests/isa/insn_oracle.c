/* SPDX-License-Identifier: ISC */
/*
 * The oracle's side of the differential instruction test: an arm64 Linux program for qemu-aarch64
 * (or a real machine).
 *
 * Reads struct insn_case from standard input until its end, runs each and writes struct case_state
 * to standard output. The signal handler does it all: returning from it loads every register of the
 * case and jumps to its instruction, which is followed by BRK, whose signal brings the result back.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <asm/sigcontext.h>

#include "insn_case.h"

#define BRK      0xd4200000u
#define NZCV     0xf0000000u
#define ALTSTACK 65536

static int started;

static struct fpsimd_context *fpsimd_of(mcontext_t *m)
{
    char *at = (char *)m->__reserved;

    while (((struct _aarch64_ctx *)at)->magic != FPSIMD_MAGIC) {
        at += ((struct _aarch64_ctx *)at)->size;
    }
    return (struct fpsimd_context *)at;
}

static void transfer(int write_out, void *buf, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = write_out ? write(1, (char *)buf + done, size - done)
                              : read(0, (char *)buf + done, size - done);

        if (n <= 0) {
            _exit(write_out || done);
        }
        done += (size_t)n;
    }
}

static void report(int signo, mcontext_t *m)
{
    static struct case_state s;
    struct fpsimd_context *fp = fpsimd_of(m);

    memcpy(s.x, m->regs, 31 * sizeof(s.x[0]));
    s.x[31] = m->sp;
    memcpy(s.v, fp->vregs, sizeof(s.v));
    s.pc = m->pc;
    s.nzcv = (uint32_t)m->pstate & NZCV;
    s.fpcr = fp->fpcr;
    s.fpsr = fp->fpsr;
    s.signal = (uint32_t)signo;
    memcpy(s.memory, (void *)CASE_MEMORY, sizeof(s.memory));
    transfer(1, &s, sizeof(s));
}

static void load(mcontext_t *m)
{
    static struct insn_case c;
    struct fpsimd_context *fp = fpsimd_of(m);
    uint32_t *code = (uint32_t *)CASE_CODE;

    transfer(0, &c, sizeof(c));
    memcpy(m->regs, c.state.x, 31 * sizeof(c.state.x[0]));
    m->sp = c.state.x[31];
    memcpy(fp->vregs, c.state.v, sizeof(c.state.v));
    m->pc = CASE_CODE;
    m->pstate = (m->pstate & ~(uint64_t)NZCV) | c.state.nzcv;
    fp->fpcr = c.state.fpcr;
    fp->fpsr = c.state.fpsr;
    memcpy((void *)CASE_MEMORY, c.state.memory, sizeof(c.state.memory));
    for (unsigned i = 0; i < CASE_WORDS; i++) {
        code[i] = i < c.count ? c.word[i] : BRK;
    }
    __builtin___clear_cache((char *)code, (char *)(code + CASE_WORDS));
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;

    (void)info;
    if (started) {
        report(signo, m);
    }
    started = 1;
    load(m);
}

int main(void)
{
    static const int SIGNALS[] = {SIGTRAP, SIGILL, SIGSEGV, SIGBUS};
    static char stack[ALTSTACK];
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    uint32_t *code = (uint32_t *)CASE_CODE;
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    if (mmap((void *)CASE_MEMORY, CASE_PAGE, prot, flags, -1, 0) == MAP_FAILED ||
        mmap(code, CASE_PAGE, prot | PROT_EXEC, flags, -1, 0) == MAP_FAILED ||
        sigaltstack(&alternate, NULL) != 0) {
        return 2;
    }
    for (size_t i = 0; i < CASE_PAGE / sizeof(*code); i++) {
        code[i] = BRK;
    }
    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
        sigaction(SIGNALS[i], &action, NULL);
    }
    raise(SIGTRAP);
    return 2;
}
