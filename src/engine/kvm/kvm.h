/* SPDX-License-Identifier: ISC */
/* Linux's KVM on arm64 processors, with its in-kernel GICv3. */
#ifndef ENGINE_KVM_KVM_H
#define ENGINE_KVM_KVM_H

#include "engine/engine.h"

extern const struct engine_ops kvm_engine;

#endif
