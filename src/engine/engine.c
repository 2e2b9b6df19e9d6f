/* SPDX-License-Identifier: ISC */
/*
 * The engines of this build, best first, and finding one.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "engine/interp/interp.h"

const struct engine_ops *const engines[] = {&interp_engine, NULL};

static const struct engine_ops *find_best(struct error *err)
{
    for (size_t i = 0; engines[i]; i++)
        if (engines[i]->probe(err) == 0)
            return engines[i];
    return NULL;
}

const struct engine_ops *engine_find(const char *name, struct error *err)
{
    if (strcmp(name, "auto") == 0)
        return find_best(err);
    for (size_t i = 0; engines[i]; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i]->probe(err) == 0 ? engines[i] : NULL;
    error_set(err, EINVAL, "no engine is called \"%s\": `atoll engines` lists them", name);
    return NULL;
}
