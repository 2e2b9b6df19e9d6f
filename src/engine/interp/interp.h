/* SPDX-License-Identifier: ISC */
/*
 * The interp engine (engine/engine.h): any host, one host thread a vCPU.
 */
#ifndef ENGINE_INTERP_INTERP_H
#define ENGINE_INTERP_INTERP_H

#include "engine/engine.h"

extern const struct engine_ops interp_engine;

#endif
