/* SPDX-License-Identifier: ISC */
/*
 * Engines by name for test programs: as engine_find() knows them, but that they translate all they
 * run (config->eager); NAME-lazy, which is NAME without this; and NAME-v2, which is the engine NAME
 * with no more of the host's instruction set than it needs (config->plain_host). With "jit-v2" the
 * code for x86-64-v2 hosts runs on every host.
 */
#ifndef ENGINE_NAME_H
#define ENGINE_NAME_H

#include <stdio.h>
#include <string.h>

#include "engine/engine.h"

static inline const struct engine_ops *
engine_by_name(const char *name, struct engine_vm_config *config, struct error *err)
{
    const char *suffix = strrchr(name, '-');
    bool lazy = suffix && strcmp(suffix, "-lazy") == 0;
    char bare[32];

    config->plain_host = suffix && strcmp(suffix, "-v2") == 0;
    config->eager = !lazy;
    snprintf(bare, sizeof(bare), "%.*s",
             (int)(lazy || config->plain_host ? (size_t)(suffix - name) : strlen(name)), name);
    return engine_find(bare, err);
}

#endif
