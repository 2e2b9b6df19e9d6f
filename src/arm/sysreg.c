/* SPDX-License-Identifier: ISC */
/*
 * Look-ups in the tables of system registers and SYS instructions. Each is a switch over keys, so
 * that the compiler refuses two entries with one encoding and makes the search.
 */
#include "arm/sysreg.h"

#include <string.h>

#define KEY_OP0_ID       3u
#define KEY_ID_SPACE     SYSREG_KEY(KEY_OP0_ID, 0, 0, 1, 0)
#define KEY_ID_SPACE_END SYSREG_KEY(KEY_OP0_ID, 0, 0, 7, 7)

static const struct sysreg_info REGISTERS[SYSREG_COUNT] = {
#define X(n, op0, op1, crn, crm, op2, acc, gt, knd, save, mask, ones, initial)                     \
    [SYSREG_##n] = {.name = #n,                                                                    \
                    .key = SYSREG_KEY(op0, op1, crn, crm, op2),                                    \
                    .id = SYSREG_##n,                                                              \
                    .access = SYSREG_##acc,                                                        \
                    .gate = SYSREG_GATE_##gt,                                                      \
                    .kind = SYSREG_##knd,                                                          \
                    .saved = save,                                                                 \
                    .writable = mask,                                                              \
                    .fixed = ones,                                                                 \
                    .reset = initial},
#include "arm/sysregs.def"
#undef X
};

static const struct sysop_info OPERATIONS[SYSOP_COUNT] = {
#define X(n, op1, crn, crm, op2, lvl, gt)                                                          \
    [SYSOP_##n] = {.name = #n,                                                                     \
                   .key = SYSREG_KEY(1, op1, crn, crm, op2),                                       \
                   .id = SYSOP_##n,                                                                \
                   .level = lvl,                                                                   \
                   .gate = SYSREG_GATE_##gt},
#include "arm/sysops.def"
#undef X
};

const struct sysreg_info *sysreg_lookup(uint32_t key)
{
    switch (key) {
#define X(n, op0, op1, crn, crm, op2, ...)                                                         \
    case SYSREG_KEY(op0, op1, crn, crm, op2):                                                      \
        return &REGISTERS[SYSREG_##n];
#include "arm/sysregs.def"
#undef X
    default: break;
    }
    if (key >= KEY_ID_SPACE && key <= KEY_ID_SPACE_END) {
        return &REGISTERS[SYSREG_ID_RESERVED];
    }
    return NULL;
}

const struct sysreg_info *sysreg_by_name(const char *name)
{
    for (size_t i = 0; i < SYSREG_COUNT; i++) {
        if (strcmp(REGISTERS[i].name, name) == 0) {
            return &REGISTERS[i];
        }
    }
    return NULL;
}

const struct sysreg_info *sysreg_info(enum sysreg_id id)
{
    return &REGISTERS[id];
}

const struct sysop_info *sysop_info(enum sysop_id id)
{
    return &OPERATIONS[id];
}

const struct sysop_info *sysop_lookup(uint32_t key)
{
    switch (key) {
#define X(n, op1, crn, crm, op2, ...)                                                              \
    case SYSREG_KEY(1, op1, crn, crm, op2):                                                        \
        return &OPERATIONS[SYSOP_##n];
#include "arm/sysops.def"
#undef X
    default: return NULL;
    }
}
