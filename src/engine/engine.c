/* SPDX-License-Identifier: ISC */
/*
 * The engines of this build, best first, and finding one.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#if defined(__APPLE__) && defined(__aarch64__)
#include "engine/hvf/hvf.h"
#endif
#include "engine/interp/interp.h"
#if defined(__x86_64__)
#include "engine/jit/jit.h"
#endif
#if defined(__linux__) && defined(__aarch64__)
#include "engine/kvm/kvm.h"
#endif

/*
 * Engines of the design that this build does not contain. They are listed so that whoever looks for
 * one learns where it stands; none of them probes, so none is ever chosen.
 */
#if !defined(__x86_64__)
static int probe_jit(struct error *err)
{
    return error_set(err, ENOTSUP, "it makes x86-64 code, and this host is not x86-64");
}

static const struct engine_ops jit_engine = {
    .name = "jit", .about = "a translator to x86-64", .probe = probe_jit};
#endif

#if !defined(__linux__) || !defined(__aarch64__)
static int probe_kvm(struct error *err)
{
    return error_set(
        err, ENOTSUP,
        "it needs Linux on an arm64 processor; arm64 guests cannot use this processor's "
        "virtualisation");
}

static const struct engine_ops kvm_engine = {
    .name = "kvm", .about = "native speed by Linux's KVM", .probe = probe_kvm};
#endif

#if defined(HVF_DOUBLE) /* programs that test it on other hosts (tests/macos/) */
extern struct engine_ops hvf_double_engine;
#define hvf_engine hvf_double_engine
#elif !defined(__APPLE__) || !defined(__aarch64__)
static int probe_hvf(struct error *err)
{
    return error_set(err, ENOTSUP, "it needs macOS on Apple silicon");
}

static const struct engine_ops hvf_engine = {
    .name = "hvf", .about = "native speed by Apple's Hypervisor.framework", .probe = probe_hvf};
#endif

const struct engine_ops *const engines[] = {&hvf_engine, &kvm_engine, &jit_engine, &interp_engine,
                                            NULL};

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
        if (strcmp(engines[i]->name, name) == 0) {
            if (engines[i]->probe(err) == 0)
                return engines[i];
            error_prefix(err, "the engine \"%s\" is not here", name);
            return NULL;
        }
    error_set(err, EINVAL, "no engine is called \"%s\": `atoll engines` lists them", name);
    return NULL;
}
