/* SPDX-License-Identifier: ISC */
/*
 * The flattened device tree (Devicetree Specification 0.4, chapter 5), read where it lies: as much
 * of it as finding a handful of devices takes. Nodes with `reg` are read with their parent's cells.
 */
#ifndef BSD_FDT_H
#define BSD_FDT_H

#include "bsd.h"

struct fdt_node {
    const uint32_t *at; /* behind the node's name; NULL: there is none */
    unsigned address_cells, size_cells;
};

/* Where the tree is from now on. False when there is none at that address. */
bool fdt_init(const void *tree);
uint32_t fdt_size(void);
/* The first node whose `compatible` has the string. */
struct fdt_node fdt_compatible(const char *compatible);
/* The node of this path, such as "/chosen"; a name may leave its unit address out. */
struct fdt_node fdt_path(const char *path);
/* A property of the node, and its length in bytes; NULL without. */
const void *fdt_property(const struct fdt_node *node, const char *name, uint32_t *length);
/* The first cell of a property, or `fallback`. */
uint32_t fdt_cell(const struct fdt_node *node, const char *name, uint32_t fallback);
/* Entry `index` of `reg`. */
bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size);
/* /chosen/bootargs, or "". */
const char *fdt_bootargs(void);

/* A big-endian number of `cells` cells. */
uint64_t fdt_number(const uint32_t *at, unsigned cells);

#endif
