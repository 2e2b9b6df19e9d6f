/* SPDX-License-Identifier: ISC */
/*
 * Virtualization.framework comes into the process when a machine wants it, and no sooner: a program
 * that never runs one starts without Foundation, and may fork, which Foundation does not survive.
 * It stays, as all Objective-C does.
 */
#include <dlfcn.h>
#include <errno.h>

#include "vz/private.h"

#define FRAMEWORK "/System/Library/Frameworks/Virtualization.framework/Virtualization"

int vz_load(struct error *err)
{
    const char *why;

    if (dlopen(FRAMEWORK, RTLD_LAZY | RTLD_GLOBAL))
        return 0;
    why = dlerror();
    return error_set(err, ENOTSUP,
                     "Virtualization.framework, which macOS 11 and later have, cannot "
                     "be loaded: %s",
                     why ? why : "nobody says why");
}
