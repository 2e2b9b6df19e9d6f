/* SPDX-License-Identifier: ISC */
/*
 * The sandbox profiles of macOS (host/darwin/confine.c), over a double of sandbox_init that reads
 * them as far as their form goes: lists of known operations, the last that fits decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sandbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "host/confine.h"

static struct {
    char profile[4096];
    const char *refuse;
} t;

int sandbox_init(const char *profile, uint64_t flags, char **errorbuf)
{
    assert_int_equal(flags, 0);
    if (t.refuse) {
        *errorbuf = strdup(t.refuse);
        return -1;
    }
    assert_true(strlen(profile) < sizeof(t.profile));
    snprintf(t.profile, sizeof(t.profile), "%s", profile);
    return 0;
}

void sandbox_free_error(char *errorbuf)
{
    free(errorbuf);
}

/* Past a list in parentheses; strings may hold any. NULL: it does not end. */
static const char *past_list(const char *at)
{
    unsigned depth = 0;

    do {
        if (*at == '"') {
            at = strchr(at + 1, '"');
            if (!at)
                return NULL;
        }
        depth += *at == '(';
        depth -= *at == ')';
    } while (*at++ && depth);
    return depth ? NULL : at;
}

/* What the profile says of an operation: whether its last rule without a filter that names it, or
 * the group it belongs to ("file-write*" has "file-write-create"), allows it. */
static bool allowed(const char *operation)
{
    bool allow = false;
    const char *next;

    for (const char *at = t.profile; *at; at = next) {
        char verb[16], name[64];
        size_t length;

        next = past_list(at);
        assert_non_null(next);
        if (sscanf(at, "(%15[a-z] %63[a-z*-]", verb, name) != 2 || strcmp(verb, "version") == 0)
            continue;
        length = strcspn(name, "*");
        if (memchr(at + 1, '(', (size_t)(next - at - 1)))
            continue; /* of some names only */
        if (strcmp(name, "default") == 0 || strcmp(name, operation) == 0 ||
            (name[length] == '*' && strncmp(name, operation, length) == 0))
            allow = strcmp(verb, "allow") == 0;
    }
    return allow;
}

static void test_profiles(void **state)
{
    static const char *const never[] = {"process-exec",      "process-fork",
                                        "file-read-data",    "file-write-create",
                                        "file-write-unlink", "network-outbound"};
    static const enum host_confine_role roles[] = {HOST_CONFINE_VM, HOST_CONFINE_NET,
                                                   HOST_CONFINE_VIEWER, HOST_CONFINE_SWITCH};

    for (size_t i = 0; i < nitems(roles); i++) {
        struct error err;

        assert_int_equal(host_confine(roles[i], &err), 0);
        assert_int_equal(strncmp(t.profile, "(version 1)", 11), 0);
        for (size_t j = 0; j < nitems(never); j++)
            if (allowed(never[j]))
                fail_msg("role %u may %s", (unsigned)roles[i], never[j]);
        assert_true(allowed("mach-lookup"));
    }
}

/* The network's process makes internet sockets; nobody else does. */
static void test_internet(void **state)
{
    host_confine(HOST_CONFINE_NET, NULL);
    assert_non_null(strstr(t.profile, "(allow network* (local ip)(remote ip))"));
    host_confine(HOST_CONFINE_VM, NULL);
    assert_null(strstr(t.profile, "allow network"));
}

/* A system that does not take the profile is one that cannot confine: it says so. */
static void test_refused(void **state)
{
    struct error err = {0};

    t.refuse = "line 1: no such operation";
    assert_int_equal(host_confine(HOST_CONFINE_VM, &err), -ENOSYS);
    assert_non_null(strstr(err.text, t.refuse));
    assert_int_equal(host_confine(HOST_CONFINE_SWITCH, NULL), -ENOSYS);
    t.refuse = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_internet),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
