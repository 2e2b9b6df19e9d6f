/* SPDX-License-Identifier: ISC */
/* A machine's folder, its lock, its log, and copies of images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/copy.h"
#include "cli/folder.h"
#include "cli/logfile.h"

static char here[64];

static int setup(void **state)
{
    strcpy(here, "/tmp/atoll-folder-XXXXXX");
    return mkdtemp(here) && setenv("XDG_DATA_HOME", here, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", here);
    return system(command);
}

static void touch(const struct folder *folder, const char *name)
{
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static void test_life(void **state)
{
    struct folder folder, again;
    struct error err;
    struct stat st;
    char holder[32];

    assert_int_equal(folder_open(&folder, "demo", &err), -ENOENT);
    assert_non_null(strstr(err.text, "`atoll create demo` makes one"));
    assert_false(folder_exists("demo"));
    assert_int_equal(folder_create(&folder, "demo", NULL), 0);
    assert_true(folder_exists("demo"));
    assert_int_equal(fstat(folder.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(folder_create(&again, "demo", &err), -EEXIST);

    assert_int_equal(folder_open(&again, "demo", NULL), 0);
    assert_int_equal(folder_lock(&again, 0, &err), -EBUSY);
    snprintf(holder, sizeof(holder), "by process %ld;", (long)getpid());
    assert_non_null(strstr(err.text, holder));
    folder_close(&folder);
    assert_int_equal(folder_lock(&again, 0, NULL), 0);

    touch(&again, "disk0.raw");
    mkdirat(again.fd, "mine", 0700);
    assert_int_equal(folder_remove(&again, &err), -ENOTEMPTY);
    assert_int_equal(faccessat(again.fd, "disk0.raw", F_OK, 0), 0);
    unlinkat(again.fd, "mine", AT_REMOVEDIR);
    assert_int_equal(symlinkat("/etc/passwd", again.fd, "link"), 0);
    assert_int_equal(folder_remove(&again, NULL), 0);
    folder_close(&again);
    assert_false(folder_exists("demo"));
    assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void test_strangers(void **state)
{
    struct folder folder;
    char path[PATH_MAX], link[PATH_MAX];

    assert_int_equal(folder_create(&folder, "demo", NULL), 0);
    strcpy(path, folder.path);
    fchmod(folder.fd, 0770);
    folder_close(&folder);
    assert_int_equal(folder_open(&folder, "demo", NULL), -EPERM);
    chmod(path, 0750); /* to be read is harmless */
    assert_int_equal(folder_open(&folder, "demo", NULL), 0);
    unlinkat(folder.fd, FOLDER_LOCK, 0);
    assert_int_equal(symlinkat("/tmp/no", folder.fd, FOLDER_LOCK), 0);
    assert_true(folder_lock(&folder, 0, NULL) < 0);
    folder_close(&folder);
    snprintf(link, sizeof(link), "%s/atoll/other", here);
    assert_int_equal(symlink(path, link), 0);
    assert_true(folder_open(&folder, "other", NULL) < 0);
    assert_true(folder_exists("other"));
}

static size_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (size_t)st.st_size;
}

/* The log and what it was before stay below their size, and the last line is there. */
static void test_log(void **state)
{
    char path[PATH_MAX], old[PATH_MAX + 8], line[512], last[1024] = "";
    struct logfile *log;
    FILE *file;

    snprintf(path, sizeof(path), "%s/log", here);
    snprintf(old, sizeof(old), "%s" LOGFILE_OLD, path);
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    assert_int_equal(logfile_open(&log, path, NULL), 0);
    for (int i = 0; i < 3 * (int)(LOGFILE_MAX / sizeof(line)); i++) {
        memcpy(line, "number", 6);
        logfile_write(log, line);
        assert_true(size_of(path) < LOGFILE_MAX + 1024);
    }
    assert_true(size_of(old) >= LOGFILE_MAX / 2 && size_of(old) <= LOGFILE_MAX + 1024);
    logfile_write(log, "the last one");
    logfile_close(log);
    assert_int_equal(logfile_open(&log, path, NULL), 0); /* adds */
    logfile_close(log);
    file = fopen(path, "r");
    while (fgets(last, sizeof(last), file))
        ;
    fclose(file);
    assert_string_equal(last + strlen("2026-11-23T01:02:03Z "), "the last one\n");

    unlink(path);
    assert_int_equal(symlink("/tmp/elsewhere", path), 0);
    assert_true(logfile_open(&log, path, NULL) < 0);
    assert_int_equal(access("/tmp/elsewhere", F_OK), -1);
}

/* A file's size, and what does not fit is an error instead of a signal. */
static void limit_files(rlim_t size)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk that is full for a while: no half lines, and where some are missing it says so. */
static void test_log_full(void **state)
{
    static const char *const expected[] = {
        "first\n", "2 lines are missing here: the disk was full\n", "last\n"};
    char path[PATH_MAX], line[512];
    struct logfile *log;
    size_t size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/full", here);
    assert_int_equal(logfile_open(&log, path, NULL), 0);
    logfile_write(log, "first");
    size = size_of(path);
    limit_files(size + 10);
    logfile_write(log, "second");
    logfile_write(log, "third");
    assert_int_equal(size_of(path), size);
    limit_files(RLIM_INFINITY);
    logfile_write(log, "last");
    logfile_close(log);
    file = fopen(path, "r");
    for (size_t i = 0; i < nitems(expected); i++) {
        assert_non_null(fgets(line, sizeof(line), file));
        assert_string_equal(line + strlen("2026-11-23T01:02:03Z "), expected[i]);
    }
    assert_null(fgets(line, sizeof(line), file));
    fclose(file);
}

static unsigned seen;

static bool go_on(unsigned percent)
{
    assert_true(percent >= seen && percent <= 100);
    seen = percent;
    return true;
}

static bool break_off(unsigned percent)
{
    return false;
}

static int temporary(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/XXXXXX", here);
    return mkstemp(path);
}

static void test_copy(void **state)
{
    const off_t size = 64 * (off_t)MIB + 12345, at = 33 * (off_t)MIB + 7;
    static uint8_t data[3 * MIB], back[sizeof(data)];
    int from = temporary(), to = temporary();
    struct stat st;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9) + 1);
    assert_int_equal(pwrite(from, data, sizeof(data), at), sizeof(data));
    assert_int_equal(ftruncate(from, size), 0);
    assert_int_equal(copy_image(from, to, "image", go_on, NULL), 0);
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, size);
    assert_true(st.st_blocks * 512 < 16 * (off_t)MIB);
    assert_int_equal(pread(to, back, sizeof(back), at), sizeof(back));
    assert_memory_equal(back, data, sizeof(data));
    close(from);
    from = open("/dev/null", O_RDONLY);
    assert_int_equal(copy_image(from, to, "/dev/null", go_on, NULL), -EINVAL);
    close(from);
    close(to);
}

static void test_copy_ends(void **state)
{
    int from = temporary(), to = temporary(), shared = temporary();
    static uint8_t data[MIB];
    struct error err;

    assert_int_equal(pwrite(from, data, sizeof(data), 0), sizeof(data));
    if (copy_image(from, shared, "image", go_on, NULL) == 0 && seen == 0)
        skip(); /* there is nothing to break off where files share their blocks */
    assert_int_equal(copy_image(from, to, "image", break_off, &err), -EINTR);
    close(to);
    to = open("/dev/full", O_WRONLY);
    assert_int_equal(copy_image(from, to, "image", go_on, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "image: cannot write the copy"));
    close(to);
    close(from);
    close(shared);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_ends, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
