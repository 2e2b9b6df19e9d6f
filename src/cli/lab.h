/* SPDX-License-Identifier: ISC */
/*
 * A lab (atoll.conf(5)): its files as options of the machines in it. Nothing is started or written
 * here, and what is wrong is said on standard error, as FILE:LINE:COLUMN: and what would be right.
 */
#ifndef CLI_LAB_H
#define CLI_LAB_H

#include "cli/options.h"
#include "config/config.h"

#define LAB_TOLD_MAX 64

struct lab {
    struct config config;
    struct options *vms; /* of config.vms, in the same order; disks are as the file has them */
    unsigned errors;
    struct config_place told[LAB_TOLD_MAX]; /* places of what was complained of */
    size_t told_count;
};

#define LAB_FILES_MAX  16
#define LAB_MACROS_MAX 64

/* What a command is told of a lab: its arguments, which stay the caller's. */
struct lab_source {
    const char *files[LAB_FILES_MAX]; /* said to be one */
    size_t file_count;
    const char *macros[LAB_MACROS_MAX]; /* "NAME=VALUE", instead of what the files say */
    size_t macro_count;
    const char *name; /* the lab's, whatever the files say; or NULL */
};

/* Reads the files and checks all that can be checked without starting anything. Returns how many
 * errors there are; lab_free is due in either case. */
unsigned lab_read(struct lab *lab, const struct lab_source *source);
void lab_free(struct lab *lab);

/* Says that something is wrong there, once: machines share what their template says. */
void lab_complain(struct lab *lab, const struct config_place *place, const char *format, ...)
    PRINTF(3, 4);

/* --- lab_vm.c --- */

/* One machine's options; what is wrong with them is said. They point into `lab`. */
void lab_vm_options(struct lab *lab, const struct config_vm *vm, struct options *options);

/* A path of the lab's, absolute, in memory of the options; NULL: out of memory. */
const char *lab_path(struct options *options, const char *path);

#endif
