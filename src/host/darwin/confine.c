/* SPDX-License-Identifier: ISC */
/*
 * Confinement by macOS's sandbox (sandbox_init(3)), whose profiles are lists of operations that are
 * denied; the last rule that fits decides. Apple documents the call and not the language, which is
 * that of /System/Library/Sandbox/Profiles. What is open stays open: the sandbox looks at names
 * when they are opened, connected to or executed.
 *
 * Not denied is what macOS's own libraries may need unasked at any time: Mach services, their files
 * below /System, sysctl.
 */
#include "host/confine.h"

#include <errno.h>
#include <sandbox.h>
#include <stdio.h>

#ifdef __clang__
#pragma clang diagnostic ignored "-Wdeprecated-declarations" /* since 10.8, without a successor */
#endif

/* Of every role: no program, no other process, no file but the system's own. */
#define NO_PROGRAMS                                                                                \
    "(version 1)(allow default)"                                                                   \
    "(deny process-exec)(deny process-fork)(deny signal (target others))"
#define NO_FILES                                                                                   \
    "(deny file-read-data)(deny file-write*)"                                                      \
    "(allow file-read-data (subpath \"/System\")(subpath \"/usr/lib\")(subpath \"/usr/share\")"    \
    "(subpath \"/private/var/db/timezone\")(literal \"/dev/null\")(literal "                       \
    "\"/dev/random\")(literal \"/dev/urandom\"))"
/* It takes connections to sockets that listen already. */
#define NO_CONNECTIONS "(deny network-outbound)(deny network-bind)"
/* Logs and screenshots are cut to a length, which the sandbox looks at as if they were opened. */
#define CUT_FILES                                                                                  \
    "(allow file-write-data (regex #\"/log(\\.0)?$\" #\"\\.(log|log\\.0|png|pcapng)$\"))"
/* Files without a name, for memory that processes share, have one for a moment (map.c). */
#define MEMORY_FILES                                                                               \
    "(allow file-read-data file-write* (regex #\"/atoll-[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]"         \
    "[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]$\"))"
/* The user-mode network's sockets are internet ones. */
#define INTERNET "(deny network*)(allow network* (local ip)(remote ip))"

static const char *const profiles[] = {
    [HOST_CONFINE_VM] = NO_PROGRAMS NO_FILES NO_CONNECTIONS CUT_FILES,
    [HOST_CONFINE_NET] = NO_PROGRAMS NO_FILES INTERNET,
    [HOST_CONFINE_VIEWER] = NO_PROGRAMS NO_FILES NO_CONNECTIONS,
    [HOST_CONFINE_SWITCH] = NO_PROGRAMS NO_FILES NO_CONNECTIONS MEMORY_FILES,
};

int host_confine(enum host_confine_role role, struct error *err)
{
    char *why = NULL;

    if (sandbox_init(profiles[role], 0, &why) == 0)
        return 0;
    error_set(err, ENOSYS, "not confined: macOS does not take the sandbox: %.200s",
              why ? why : "it does not say why");
    if (why)
        sandbox_free_error(why);
    return -ENOSYS;
}
