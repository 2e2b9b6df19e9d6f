/* SPDX-License-Identifier: ISC */
/*
 * What the tests of src/vz/ share: a folder of files to boot from, a configuration, a network that
 * is a pair of buffers, and a log. The teardown asks the double whether a rule was broken, and
 * counts descriptors.
 */
#ifndef TESTS_VZ_RIG_H
#define TESTS_VZ_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "double.h"
#include "vz/vz.h"

#define GUEST_MEMORY (UINT64_C(1) << 30)

struct rig {
    char folder[64];
    char kernel[96], initrd[96], disk[96], nvram[96];
    struct atoll_config config; /* the kernel, nothing else */
    struct atoll *vm;
    struct error err;
    char log[4096]; /* its lines */
    int descriptors;

    /* The network's side. */
    struct net net;
    struct host_loop *net_loop;
    uint8_t sent[2048];
    size_t sent_length;
    unsigned nets_open;
    bool net_refused;
};

int rig_setup(void **state);    /* macOS 14.5 */
int rig_teardown(void **state); /* with no faults */

/* A file in the folder, of `length` bytes (0: of the text's). */
void rig_write(struct rig *rig, const char *path, const void *bytes, size_t length);

/* What is in the folder, but for the files that the rig made. */
unsigned rig_new_files(struct rig *rig);

/* Creates rig->vm. */
int rig_create(struct rig *rig);
void rig_create_well(struct rig *rig); /* and asserts it */

/* Creates a machine, which fails with this errno and a line that holds `text`. */
void rig_refused(struct rig *rig, int number, const char *text);

/* The network gives the guest a frame. */
void rig_deliver(struct rig *rig, const void *frame, size_t length);

#endif
