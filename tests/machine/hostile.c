/* SPDX-License-Identifier: ISC */
/*
 * Lets guest/machine/hostile.c loose on one machine after the other, with everything that a user
 * does from outside at random moments: pause, save, load elsewhere, reset, power button, input,
 * balloon, quit.
 *
 *     hostile SECONDS [SEED]
 *
 * Nothing may crash, hang, leak, fill the log, or grow without bound; the sanitizers see most of
 * it, this program the rest. A guest that has gone silent has damaged itself: it is reset.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm.h"

#define LIFE_MS      4000 /* of one machine */
#define STEP_MS      20
#define SILENCE_MS   200
#define PATIENCE_S   60   /* for any call of the API: a hang otherwise */
#define LOG_LINES    1500 /* in one life */
#define RESIDENT_MAX (UINT64_C(3) << 30)

static struct vm vm, copy;
static char disks[2][32];
static uint64_t random_state;
static struct {
    unsigned lives, resets, saves, dots, stopped;
} seen;

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static void hang(int signal)
{
    static const char text[] = "hostile: a call does not come back\n";

    if (write(2, text, sizeof(text) - 1) < 0)
        _exit(3);
    abort(); /* a core says where */
}

static void describe(struct vm *machine, uint64_t seed, bool with_disks)
{
    char argument[32];

    snprintf(argument, sizeof(argument), "%llu", (unsigned long long)seed);
    vm_describe(machine, "hostile", argument);
    machine->config.cpus = 1 + (unsigned)(seed % 4);
    machine->config.reboot = true;
    machine->config.cpu = seed % 2 ? ATOLL_CPU_APPLE : ATOLL_CPU_ATOLL;
    machine->config.console_count = 2;
    machine->config.consoles[1] =
        (struct atoll_console){.kind = ATOLL_CONSOLE_MEMORY, .port = ATOLL_PORT_VIRTIO};
    if (!with_disks)
        return;
    machine->config.disk_count = 2;
    machine->config.disks[0] = (struct atoll_disk){.path = disks[0], .format = ATOLL_DISK_RAW};
    machine->config.disks[1] =
        (struct atoll_disk){.path = disks[1], .format = ATOLL_DISK_RAW, .readonly = true};
    if (seed % 3 == 0) {
        machine->config.net_count = 1;
        machine->config.nets[0].isolated = true;
    }
}

/* Takes the output away; says how much there was. */
static size_t drain(struct vm *machine)
{
    char buffer[4096];
    size_t total = 0;
    int64_t got;

    for (size_t i = 0; i < 2; i++)
        while ((got = atoll_console_read(machine->atoll, i, buffer, sizeof(buffer))) > 0)
            total += (size_t)got;
    return total;
}

/* Whatever a guest has done, its machine can be saved, and loaded by an equal one that goes on. */
static void save_and_load(uint64_t seed)
{
    struct atoll_error error = {0};
    size_t length;
    void *bytes;

    if (atoll_pause(vm.atoll))
        return; /* it has stopped */
    if (atoll_save(vm.atoll, &bytes, &length, &error))
        fail_msg("save: %s", error.text);
    seen.saves++;
    if (vm.config.disk_count == 0) {
        describe(&copy, seed, false);
        vm_create(&copy);
        if (atoll_load(copy.atoll, bytes, length, &error))
            fail_msg("load: %s", error.text);
        assert_int_equal(atoll_resume(copy.atoll), 0);
        sleep_ms(50);
        drain(&copy);
        vm_destroy(&copy);
    }
    free(bytes);
    assert_int_equal(atoll_resume(vm.atoll), 0);
}

static void disturb(uint64_t seed)
{
    char input[256];

    alarm(PATIENCE_S);
    switch (below(60)) {
    case 0:
        if (atoll_pause(vm.atoll) == 0)
            atoll_resume(vm.atoll);
        break;
    case 1: atoll_power_button(vm.atoll); break;
    case 2: atoll_balloon(vm.atoll, below(UINT64_C(256) << 20)); break;
    case 3:
    case 4:
        for (size_t i = 0; i < sizeof(input); i++)
            input[i] = (char)below(256);
        atoll_console_write(vm.atoll, below(2), input, sizeof(input));
        break;
    case 5: save_and_load(seed); break;
    case 6: atoll_reset(vm.atoll); break;
    }
    alarm(0);
}

static void live(uint64_t seed)
{
    unsigned silent = 0;

    describe(&vm, seed, seed % 2 == 0);
    alarm(PATIENCE_S);
    vm_start(&vm);
    for (unsigned ms = 0; ms < LIFE_MS; ms += STEP_MS) {
        size_t said;

        alarm(PATIENCE_S);
        sleep_ms(STEP_MS);
        said = drain(&vm);
        seen.dots += (unsigned)said;
        silent = said ? 0 : silent + STEP_MS;
        if (silent >= SILENCE_MS) {
            atoll_reset(vm.atoll);
            seen.resets++;
            silent = 0;
        }
        disturb(seed);
    }
    alarm(PATIENCE_S);
    atoll_quit(vm.atoll);
    switch (atoll_wait(vm.atoll)) {
    case ATOLL_STOP_QUIT: break;
    case ATOLL_STOP_POWEROFF: seen.stopped++; break; /* it called SYSTEM_OFF by accident */
    default:
        fail_msg("seed %llu: the machine could not go on:\n%s", (unsigned long long)seed, vm.log);
    }
    vm_destroy(&vm);
    alarm(0);
    if (vm.log_lines > LOG_LINES)
        fail_msg("seed %llu: %u lines of log:\n%.2000s", (unsigned long long)seed, vm.log_lines,
                 vm.log);
    seen.lives++;
}

static uint64_t seconds, first_seed;

static void test_hostile_guest(void **state)
{
    uint64_t end = now_ns() + seconds * UINT64_C(1000000000);
    unsigned files;
    struct rusage usage;

    live(first_seed);
    files = open_files();
    for (uint64_t seed = first_seed + 1; now_ns() < end; seed++) {
        live(seed);
        assert_int_equal(open_files(), files);
    }
    getrusage(RUSAGE_SELF, &usage);
    print_message("%u machines, %u bytes said, %u silent ones reset, %u saved, %u switched off; at "
                  "most %ld MiB\n",
                  seen.lives, seen.dots, seen.resets, seen.saves, seen.stopped,
                  usage.ru_maxrss / 1024);
    assert_true(seen.dots > 0);
    assert_true((uint64_t)usage.ru_maxrss * 1024 < RESIDENT_MAX);
}

static int make_disks(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        int fd;

        strcpy(disks[i], "/tmp/atoll-test-XXXXXX");
        fd = mkstemp(disks[i]);
        if (fd < 0 || ftruncate(fd, 4 << 20))
            return -1;
        close(fd);
    }
    return 0;
}

static int remove_disks(void **state)
{
    unlink(disks[0]);
    unlink(disks[1]);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile_guest)};

    vm_need_guests();
    seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    random_state = first_seed * 2 + 1;
    signal(SIGALRM, hang);
    return cmocka_run_group_tests(tests, make_disks, remove_disks);
}
