/* SPDX-License-Identifier: ISC */
#include "vm.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SKIPPED 77

void vm_need_guests(void)
{
    if (getenv("GUESTS"))
        return;
    fprintf(stderr, "no aarch64-linux-gnu-gcc: there are no guests\n");
    exit(SKIPPED);
}

static void take_line(void *ctx, enum atoll_log_level level, const char *line)
{
    struct vm *vm = ctx;
    size_t used;

    pthread_mutex_lock(&vm->log_lock);
    used = strlen(vm->log);
    snprintf(vm->log + used, sizeof(vm->log) - used, "%s\n", line);
    vm->log_lines++;
    pthread_mutex_unlock(&vm->log_lock);
}

void vm_describe(struct vm *vm, const char *name, const char *argument)
{
    atoll_destroy(vm->atoll); /* what a failed test left */
    memset(vm, 0, sizeof(*vm));
    pthread_mutex_init(&vm->log_lock, NULL);
    snprintf(vm->kernel, sizeof(vm->kernel), "%s/%s.img", getenv("GUESTS"), name);
    atoll_config_init(&vm->config);
    vm->config.kernel = vm->kernel;
    if (argument) {
        snprintf(vm->append, sizeof(vm->append), "guest:%s", argument);
        vm->config.append = vm->append;
    }
    vm->config.memory = ATOLL_MEMORY_MIN;
    vm->config.confine = false; /* it would be for the whole test program */
    vm->config.net_count = 0;
    vm->config.consoles[0].kind = ATOLL_CONSOLE_MEMORY;
    vm->config.log = take_line;
    vm->config.log_ctx = vm;
    vm->config.log_level = ATOLL_LOG_DEBUG;
}

void vm_create(struct vm *vm)
{
    struct atoll_error error = {0};

    if (atoll_create(&vm->atoll, &vm->config, &error))
        fail_msg("create: %s", error.text);
}

void vm_start(struct vm *vm)
{
    struct atoll_error error = {0};

    vm_create(vm);
    if (atoll_start(vm->atoll, &error))
        fail_msg("start: %s", error.text);
}

void vm_collect(struct vm *vm)
{
    int64_t got = atoll_console_read(vm->atoll, 0, vm->output + vm->length,
                                     sizeof(vm->output) - 1 - vm->length);

    assert_true(got >= 0);
    vm->length += (size_t)got;
    vm->output[vm->length] = '\0';
}

void vm_await(struct vm *vm, const char *text)
{
    uint64_t limit = now_ns() + VM_PATIENCE * UINT64_C(1000000000);

    for (;;) {
        const char *at;

        vm_collect(vm);
        at = strstr(vm->output + vm->seen, text);
        if (at) {
            vm->seen = (size_t)(at - vm->output) + strlen(text);
            break;
        }
        if (now_ns() > limit)
            fail_msg("the guest does not say \"%s\", but:\n%s\nlog:\n%s", text, vm->output,
                     vm->log);
        sleep_ms(2);
    }
    if (strstr(vm->output, "FAIL"))
        fail_msg("%s", vm->output);
}

uint64_t vm_value(struct vm *vm)
{
    vm_await(vm, "\n");
    assert_true(vm->seen >= 17);
    return strtoull(vm->output + vm->seen - 17, NULL, 16);
}

void vm_type(struct vm *vm, const char *text)
{
    assert_int_equal(atoll_console_write(vm->atoll, 0, text, strlen(text)), strlen(text));
}

void vm_finish(struct vm *vm)
{
    vm_await(vm, "done\n");
    assert_int_equal(atoll_wait(vm->atoll), ATOLL_STOP_POWEROFF);
    vm_destroy(vm);
}

void vm_destroy(struct vm *vm)
{
    atoll_destroy(vm->atoll);
    vm->atoll = NULL;
    pthread_mutex_destroy(&vm->log_lock);
}

int vm_logged(struct vm *vm, const char *text)
{
    int found;

    pthread_mutex_lock(&vm->log_lock);
    found = strstr(vm->log, text) != NULL;
    pthread_mutex_unlock(&vm->log_lock);
    return found;
}

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

unsigned open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}
