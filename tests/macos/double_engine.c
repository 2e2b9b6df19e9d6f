/* SPDX-License-Identifier: ISC */
/* The hvf engine as engine.c lists it in programs with the double. */
#include "double.h"

#include "engine/hvf/hvf.h"

struct engine_ops hvf_double_engine;

static int vm_create(struct engine_vm **vm, const struct engine_vm_config *config,
                     struct error *err)
{
    double_attach(config);
    return hvf_engine.vm_create(vm, config, err);
}

__attribute__((constructor)) static void make_engine(void)
{
    hvf_double_engine = hvf_engine;
    hvf_double_engine.vm_create = vm_create;
}
