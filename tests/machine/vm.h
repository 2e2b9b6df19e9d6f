/* SPDX-License-Identifier: ISC */
/*
 * A machine in a test, through the public API only: a bare-metal guest of guest/machine/ on 128
 * MiB, its UART a memory console, its log captured.
 */
#ifndef TESTS_MACHINE_VM_H
#define TESTS_MACHINE_VM_H

#include <pthread.h>

#include "atoll/atoll.h"

#define VM_OUTPUT_MAX 65536
#define VM_PATIENCE   60 /* seconds; sanitizers and a busy host are slow */

struct vm {
    struct atoll_config config;
    struct atoll *atoll;
    char kernel[512], append[64];
    char output[VM_OUTPUT_MAX];
    size_t length, seen; /* of output: what there is, and what vm_await has passed */
    pthread_mutex_t log_lock;
    char log[VM_OUTPUT_MAX];
    unsigned log_lines;
};

/* Skips the whole program (exit status 77) when there are no guests, for want of a cross compiler.
 */
void vm_need_guests(void);

/* A configuration that boots guest `name` with `argument` (may be NULL): not confined, no network.
 * The struct must have been zero when the program began. */
void vm_describe(struct vm *vm, const char *name, const char *argument);
/* Create, and start; a failure fails the test. */
void vm_create(struct vm *vm);
void vm_start(struct vm *vm);
/* Waits until the guest has said `text`, anew since the last call. Fails the test after
 * VM_PATIENCE, or when the guest says FAIL. */
void vm_await(struct vm *vm, const char *text);
/* The number (16 hexadecimal digits) after the text that vm_await found. */
uint64_t vm_value(struct vm *vm);
void vm_type(struct vm *vm, const char *text);
/* Takes what has been said so far into vm->output. */
void vm_collect(struct vm *vm);
/* Waits for "done" and the guest's power-off; destroys the machine. */
void vm_finish(struct vm *vm);
void vm_destroy(struct vm *vm);
/* Whether the log has `text`. */
int vm_logged(struct vm *vm, const char *text);

/* Nanoseconds of the monotonic clock, and of CPU that this process has used. */
uint64_t now_ns(void);
uint64_t cpu_ns(void);
void sleep_ms(unsigned ms);
/* Open descriptors of this process. */
unsigned open_files(void);

#endif
