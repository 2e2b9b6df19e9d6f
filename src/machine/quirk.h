/* SPDX-License-Identifier: ISC */
/*
 * Apple's behaviours, as rows of one table: what each does, where it was seen, its value on a
 * strict machine and otherwise.
 */
#ifndef MACHINE_QUIRK_H
#define MACHINE_QUIRK_H

#include "base/error.h"

enum quirk {
    QUIRK_NET_REQUIRES_MTU,
    QUIRK_NET_REFUSES_HOST_TSO_ALONE,
    QUIRK_NET_APPLE_FEATURES,
    QUIRK_PCI_INTERRUPT_PIN,
    QUIRK_PSCI_CONDUIT,
    QUIRK_PL011,
    QUIRK_POWER_BUTTON,
    QUIRK_WILD_ACCESS,
    QUIRK_GIC_SPIS,
    QUIRK_COUNT
};

/* Values of QUIRK_WILD_ACCESS. */
enum { WILD_ACCESS_SYNC, WILD_ACCESS_SERROR, WILD_ACCESS_IGNORE };

/* Values of QUIRK_GIC_SPIS. */
enum { GIC_SPIS_224, GIC_SPIS_988 };

struct quirk_row {
    const char *name, *about, *source;
    const char *values; /* "|" between them; a value is stored as its place in this list */
    unsigned strict, normal;
};

extern const struct quirk_row quirk_table[QUIRK_COUNT];

/* Values of all quirks for one machine. */
struct quirks {
    unsigned value[QUIRK_COUNT];
};

void quirks_init(struct quirks *quirks, bool strict);

/* Sets quirk `name` to `value`. -EINVAL with the names or values that exist in `err`. */
int quirks_set(struct quirks *quirks, const char *name, const char *value, struct error *err);

/* The `index`th of a row's values, into `text`. False past the last. */
bool quirk_value_name(const struct quirk_row *row, unsigned index, char *text, size_t room);

#endif
