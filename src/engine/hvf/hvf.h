/* SPDX-License-Identifier: ISC */
/* The engine on Apple's Hypervisor.framework: macOS 13 and later on arm64. */
#ifndef ENGINE_HVF_HVF_H
#define ENGINE_HVF_HVF_H

#include "engine/engine.h"

extern const struct engine_ops hvf_engine;

#endif
