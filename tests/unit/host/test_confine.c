/* SPDX-License-Identifier: ISC */
/*
 * Each case confines a child process and looks at what it can still do. A sanitizer's build cannot
 * be confined, and the cases are skipped there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/confine.h"
#include "host/entropy.h"
#include "host/loop.h"
#include "host/map.h"
#include "host/thread.h"

#define CANNOT_CONFINE 99

/* Runs `body` confined, in a child; returns its wait status. Body returns 0, or the line that
 * failed. */
static int confined(enum host_confine_role role, int (*body)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct error err;
        int ret = host_confine(role, &err);

        _exit(ret == -ENOSYS ? CANNOT_CONFINE : ret ? CANNOT_CONFINE - 1 : body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_CONFINE)
        skip();
    return status;
}

/* Lines of this file are below 256, which is what an exit status holds. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static int null_device = -1;

static int refused_calls(void)
{
    struct stat st;

    EXPECT(open("/dev/null", O_RDONLY) == -1 && errno == EPERM);
    EXPECT(open("/tmp/atoll-confine", O_CREAT | O_WRONLY, 0600) == -1 && errno == EPERM);
    EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
    EXPECT(unlink("/nonexistent") == -1 && errno == EPERM);
    EXPECT(rename("/nonexistent", "/nonexistent2") == -1 && errno == EPERM);
    EXPECT(stat("/etc/passwd", &st) == -1 && errno == EPERM);
    EXPECT(fork() == -1 && errno == EPERM);
    EXPECT(kill(getppid(), 0) == -1);
    EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED);
    return 0;
}

static int refused_inet(void)
{
    EXPECT(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
    EXPECT(socket(AF_INET6, SOCK_DGRAM, 0) == -1 && errno == EPERM);
    return 0;
}

static int allowed_inet(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    EXPECT(fd >= 0);
    close(fd);
    EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
    EXPECT(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
    return 0;
}

static int listening = -1;

static int takes_clients(void)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int ends[2], fd;

    EXPECT(getsockname(listening, (struct sockaddr *)&address, &length) == 0);
    EXPECT(accept4(listening, NULL, NULL, SOCK_NONBLOCK) == -1 && errno == EAGAIN);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fd = ends[0];
    EXPECT(send(fd, "x", 1, MSG_NOSIGNAL) == 1);
    EXPECT(connect(fd, (struct sockaddr *)&address, length) == -1 && errno == EPERM);
    EXPECT(bind(fd, (struct sockaddr *)&address, length) == -1 && errno == EPERM);
    EXPECT(listen(fd, 1) == -1 && errno == EPERM);
    return 0;
}

static void note(void *ctx)
{
    *(int *)ctx = 1;
}

static int machine_works(void)
{
    struct host_loop *loop;
    struct host_ram ram;
    struct host_code code;
    struct host_timer *timer;
    struct error err;
    struct stat st;
    uint8_t bytes[32];
    int called = 0;
    void *big;

    EXPECT(host_loop_create(&loop, "confined", &err) == 0);
    EXPECT(host_timer_create(loop, note, &called, &timer) == 0);
    host_timer_set(timer, host_clock_monotonic() + 1000000);
    host_loop_call(loop, note, &called);
    EXPECT(called == 1);
    host_timer_destroy(timer);
    host_loop_destroy(loop);
    EXPECT(host_ram_create(&ram, "ram", 64 << 20, &err) == 0);
    memset(ram.base, 1, 1 << 20);
    EXPECT(host_ram_discard(&ram, 0, 1 << 20) == 0);
    EXPECT(host_ram_resident(&ram) >= 0);
    host_ram_destroy(&ram);
    EXPECT(host_code_create(&code, "code", 65536, &err) == 0);
    host_code_destroy(&code);
    EXPECT(host_entropy(bytes, sizeof(bytes)) == 0);
    EXPECT(write(null_device, bytes, sizeof(bytes)) == sizeof(bytes));
    EXPECT(fstat(null_device, &st) == 0);
    big = malloc(100 << 20);
    EXPECT(big);
    free(big);
    EXPECT(pthread_kill(pthread_self(), 0) == 0);
    return 0;
}

static int run_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}

static void *try_open(void *arg)
{
    pthread_barrier_t *barrier = arg;

    pthread_barrier_wait(barrier); /* until the process is confined */
    pthread_barrier_wait(barrier);
    return (void *)(intptr_t)(open("/dev/null", O_RDONLY) == -1 && errno == EPERM);
}

static void assert_passed(int status)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_vm_cannot_reach_out(void **state)
{
    assert_passed(confined(HOST_CONFINE_VM, refused_calls));
    assert_passed(confined(HOST_CONFINE_VM, refused_inet));
}

static void a_vm_can_do_its_work(void **state)
{
    assert_passed(confined(HOST_CONFINE_VM, machine_works));
}

static void a_network_makes_internet_sockets_only(void **state)
{
    assert_passed(confined(HOST_CONFINE_NET, refused_calls));
    assert_passed(confined(HOST_CONFINE_NET, allowed_inet));
}

static void a_viewer_takes_clients_only(void **state)
{
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(listen(listening, 1), 0); /* on a port that the system chooses */
    assert_passed(confined(HOST_CONFINE_VIEWER, refused_calls));
    assert_passed(confined(HOST_CONFINE_VIEWER, refused_inet));
    assert_passed(confined(HOST_CONFINE_VIEWER, takes_clients));
    close(listening);
}

static void exec_ends_the_process(void **state)
{
    int status = confined(HOST_CONFINE_VM, run_program);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void threads_that_run_are_confined_too(void **state)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        pthread_barrier_t barrier;
        pthread_t thread;
        void *ok = NULL;
        int ret;

        pthread_barrier_init(&barrier, NULL, 2);
        pthread_create(&thread, NULL, try_open, &barrier);
        pthread_barrier_wait(&barrier);
        ret = host_confine(HOST_CONFINE_VM, NULL);
        pthread_barrier_wait(&barrier);
        pthread_join(thread, &ok);
        _exit(ret == -ENOSYS ? CANNOT_CONFINE : ret || !ok);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_CONFINE)
        skip();
    assert_passed(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_cannot_reach_out),
        cmocka_unit_test(a_vm_can_do_its_work),
        cmocka_unit_test(a_network_makes_internet_sockets_only),
        cmocka_unit_test(a_viewer_takes_clients_only),
        cmocka_unit_test(exec_ends_the_process),
        cmocka_unit_test(threads_that_run_are_confined_too),
    };

    null_device = open("/dev/null", O_WRONLY);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
