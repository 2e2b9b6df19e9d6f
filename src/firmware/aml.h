/* SPDX-License-Identifier: ISC */
/*
 * A writer of AML, the bytecode of ACPI's namespace (ACPI 6.5, chapter 20), and of resource
 * templates (6.4). It is as large as the machine's DSDT needs: terms are written in the order in
 * which ASL source has them, and what has a body is closed by aml_end():
 *
 *     aml_device(a, "COM0");                      Device (COM0)
 *     aml_name(a, "_UID"), aml_integer(a, 0);     { Name (_UID, Zero)
 *     aml_end(a);                                 }
 *
 * A term's length (PkgLength, 20.2.4) precedes its body and is itself of variable length: aml_end()
 * puts it in when the body is known. The writer latches an error (out of room, nested too deeply, a
 * name that cannot be) and then writes nothing more; aml_finish() reports it.
 */
#ifndef FIRMWARE_AML_H
#define FIRMWARE_AML_H

#include "base/bits.h"

#define AML_MAX_DEPTH 8

struct aml {
    uint8_t *bytes;
    size_t room, used;
    int error; /* 0, or the first -errno */
    unsigned depth;
    struct {
        size_t body; /* where it starts */
        bool buffer; /* a BufferSize comes before it */
    } open[AML_MAX_DEPTH];
};

/* Starts at `bytes`, which has `room` bytes and stays the caller's. */
void aml_init(struct aml *aml, void *bytes, size_t room);

/* Returns the length written, -ENOSPC (`room` is too small) or -EINVAL (a mistake of the caller's:
 * an end missing or too many, a bad name). */
int64_t aml_finish(const struct aml *aml);

/* --- named objects and what they hold (20.2.5) ---
 * A name is "PCI0", a path of such segments "_SB.PCI0", or either from the root, "\\_SB". Segments
 * are of one to four characters and are filled up with '_' as 20.2.2 wants. */
void aml_scope(struct aml *aml, const char *name);                      /* until aml_end */
void aml_device(struct aml *aml, const char *name);                     /* until aml_end */
void aml_method(struct aml *aml, const char *name, unsigned arguments); /* until aml_end */
void aml_name(struct aml *aml, const char *name); /* the next term is its value */
void aml_end(struct aml *aml);

/* --- values (20.2.3, 20.2.5.4) --- */
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *value);
void aml_eisa_id(struct aml *aml, const char *id);    /* "PNP0A08", as a number (19.3.4) */
void aml_package(struct aml *aml, unsigned elements); /* until aml_end */

/* --- statements (20.2.5.3) --- */
void aml_notify(struct aml *aml, const char *object, uint64_t value);

/* --- resource templates (6.4) --- */
enum aml_trigger { AML_LEVEL, AML_EDGE };

void aml_resources(struct aml *aml); /* until aml_resources_end */
void aml_resources_end(struct aml *aml);
/* A fixed range below 4 GiB, for reading and writing (6.4.3.4). */
void aml_memory32(struct aml *aml, uint64_t base, uint64_t size);
/* An active-high interrupt that the device consumes and does not share, by GSI, which on Arm is the
 * INTID (6.4.3.6). */
void aml_interrupt(struct aml *aml, enum aml_trigger trigger, unsigned gsi);
/* An active-high interrupt by a GPIO controller's pin (6.4.3.8.1). */
void aml_gpio_interrupt(struct aml *aml, enum aml_trigger trigger, unsigned pin,
                        const char *controller);
/* Ranges that a bridge decodes positively, passes on and does not consume (6.4.3.5). Memory is not
 * cacheable; `translation` is what the host adds to an I/O port to get a memory address. */
void aml_bus_range(struct aml *aml, uint16_t first, uint16_t last);
void aml_memory_window32(struct aml *aml, uint64_t base, uint64_t size);
void aml_memory_window64(struct aml *aml, uint64_t base, uint64_t size);
void aml_io_window(struct aml *aml, uint64_t first, uint64_t size, uint64_t translation);

#endif
