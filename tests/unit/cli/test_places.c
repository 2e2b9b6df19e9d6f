/* SPDX-License-Identifier: ISC */
/* Where machines are, and what is refused there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/places.h"

static char here[64];

static int setup(void **state)
{
    strcpy(here, "/tmp/atoll-places-XXXXXX");
    return mkdtemp(here) && setenv("XDG_RUNTIME_DIR", here, 1) == 0 &&
                   setenv("XDG_DATA_HOME", here, 1) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/atoll", here);
    unlink(path);
    rmdir(path);
    return rmdir(here);
}

static void test_names(void **state)
{
    static const char *const right[] = {"a", "7", "demo", "A.b_c-9"},
                             *const wrong[] = {"",    ".",   "..",       "-x",        "_x", "a/b",
                                               "a b", "a\n", "\xc3\xa4", "../../etc", "a:b"};
    char name[PLACE_NAME_MAX + 2];

    for (size_t i = 0; i < nitems(right); i++)
        assert_int_equal(place_check_name(right[i], NULL), 0);
    for (size_t i = 0; i < nitems(wrong); i++)
        assert_int_equal(place_check_name(wrong[i], NULL), -EINVAL);
    memset(name, 'x', sizeof(name));
    name[PLACE_NAME_MAX] = '\0';
    assert_int_equal(place_check_name(name, NULL), 0);
    name[PLACE_NAME_MAX] = 'x';
    name[PLACE_NAME_MAX + 1] = '\0';
    assert_int_equal(place_check_name(name, NULL), -EINVAL);
}

static void test_runtime(void **state)
{
    char path[PATH_MAX], expected[PATH_MAX];
    struct stat st;

    snprintf(expected, sizeof(expected), "%s/atoll", here);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), 0);
    assert_string_equal(path, expected);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), 0); /* it is there now */
    chmod(path, 0720);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), -EPERM);
    chmod(path, 0702);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), -EPERM);
    rmdir(path);
    assert_int_equal(symlink("/tmp", path), 0);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), -EPERM);
}

/* Another user's folder, which only root can make. */
static void test_other_owner(void **state)
{
    char path[PATH_MAX];

    if (geteuid() != 0)
        skip();
    assert_int_equal(place_runtime(path, sizeof(path), NULL), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(place_runtime(path, sizeof(path), NULL), -EPERM);
}

/* A variable that holds no absolute path is as good as none (XDG Base Directory Specification). */
static void test_variables(void **state)
{
    char path[PATH_MAX], expected[PATH_MAX];

    assert_int_equal(place_folder("demo", path, sizeof(path), NULL), 0);
    snprintf(expected, sizeof(expected), "%s/atoll/demo", here);
    assert_string_equal(path, expected);
    setenv("XDG_DATA_HOME", "relative", 1);
    setenv("HOME", "/home/me", 1);
    assert_int_equal(place_folder("demo", path, sizeof(path), NULL), 0);
    assert_string_equal(path, "/home/me/.local/share/atoll/demo");
    unsetenv("HOME");
    assert_int_equal(place_folder("demo", path, sizeof(path), NULL), -ENOENT);
    setenv("XDG_DATA_HOME", here, 1);
    assert_int_equal(place_folder("../x", path, sizeof(path), NULL), -EINVAL);
    assert_int_equal(place_folder("demo", path, strlen(here) + 8, NULL), -ENAMETOOLONG);
}

static void test_socket(void **state)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)], expected[PATH_MAX],
        name[PLACE_NAME_MAX + 1];

    assert_int_equal(place_socket("demo", path, sizeof(path), NULL), 0);
    snprintf(expected, sizeof(expected), "%s/atoll/demo.sock", here);
    assert_string_equal(path, expected);
    memset(name, 'x', PLACE_NAME_MAX);
    name[PLACE_NAME_MAX] = '\0';
    assert_int_equal(place_socket(name, path, strlen(here) + 40, NULL), -ENAMETOOLONG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_runtime, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
