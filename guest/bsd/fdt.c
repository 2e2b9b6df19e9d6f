/* SPDX-License-Identifier: ISC */
/*
 * See fdt.h. The tree comes from the machine that the kernel runs on, which could do worse than
 * give a malformed one, so lengths are not checked. bootstrap.c uses this before relocation: no
 * tables of pointers here.
 */
#include "fdt.h"

#define FDT_MAGIC      0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE   2u
#define FDT_PROP       3u
#define FDT_NOP        4u
#define MAX_DEPTH      16

static const uint8_t *tree;

static uint32_t cell(const uint32_t *at)
{
    return __builtin_bswap32(*at);
}

uint64_t fdt_number(const uint32_t *at, unsigned cells)
{
    uint64_t value = 0;

    while (cells--)
        value = value << 32 | cell(at++);
    return value;
}

static uint32_t header(unsigned word)
{
    return cell((const uint32_t *)tree + word);
}

bool fdt_init(const void *at)
{
    tree = at;
    return at && ((uintptr_t)at & 3) == 0 && header(0) == FDT_MAGIC;
}

uint32_t fdt_size(void)
{
    return header(1);
}

static const uint32_t *first_token(void)
{
    return (const uint32_t *)(tree + header(2));
}

static const char *string(uint32_t offset)
{
    return (const char *)tree + header(3) + offset;
}

static const uint32_t *behind(const uint32_t *at, size_t bytes)
{
    return at + (bytes + 3) / 4;
}

static bool equal(const char *a, const char *b)
{
    return memcmp(a, b, strlen(b) + 1) == 0;
}

/* The next BEGIN_NODE, END_NODE or PROP after the token at `at`. */
static const uint32_t *next_token(const uint32_t *at)
{
    switch (cell(at)) {
    case FDT_BEGIN_NODE: at = behind(at + 1, strlen((const char *)(at + 1)) + 1); break;
    case FDT_PROP: at = behind(at + 3, cell(at + 1)); break;
    default: at++;
    }
    while (cell(at) == FDT_NOP)
        at++;
    return at;
}

const void *fdt_property(const struct fdt_node *node, const char *name, uint32_t *length)
{
    for (const uint32_t *at = node->at; at && cell(at) == FDT_PROP; at = next_token(at)) {
        if (!equal(string(cell(at + 2)), name))
            continue;
        if (length)
            *length = cell(at + 1);
        return at + 3;
    }
    return NULL;
}

uint32_t fdt_cell(const struct fdt_node *node, const char *name, uint32_t fallback)
{
    const uint32_t *at = fdt_property(node, name, NULL);

    return at ? cell(at) : fallback;
}

bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size)
{
    unsigned cells = node->address_cells + node->size_cells;
    uint32_t length;
    const uint32_t *at = fdt_property(node, "reg", &length);

    if (!at || (index + 1) * cells * 4 > length)
        return false;
    *address = fdt_number(at + index * cells, node->address_cells);
    *size = fdt_number(at + index * cells + node->address_cells, node->size_cells);
    return true;
}

static bool is_compatible(const struct fdt_node *node, const char *name)
{
    uint32_t length;
    const char *list = fdt_property(node, "compatible", &length);

    for (uint32_t at = 0; list && at < length; at += (uint32_t)strlen(list + at) + 1)
        if (equal(list + at, name))
            return true;
    return false;
}

/* A name in the tree, and one in a path that may leave "@..." out and ends with '/' or the string.
 */
static bool same_name(const char *name, const char *path)
{
    while (*name && *name == *path) {
        name++;
        path++;
    }
    return (*path == '\0' || *path == '/') && (*name == '\0' || *name == '@');
}

/* Walks the tree for the node that has `compatible`, or else the one at `path`. */
static struct fdt_node find(const char *compatible, const char *path)
{
    struct fdt_node node = {NULL, 2, 1};
    unsigned address_cells[MAX_DEPTH] = {2}, size_cells[MAX_DEPTH] = {1};
    unsigned depth = 0, matched = 0; /* of the path: names, from the root's children on */

    for (const uint32_t *at = first_token(); depth < MAX_DEPTH - 1; at = next_token(at)) {
        if (cell(at) == FDT_BEGIN_NODE) {
            const char *name = (const char *)(at + 1);

            node = (struct fdt_node){next_token(at), address_cells[depth], size_cells[depth]};
            if (path && depth == matched + 1 && same_name(name, path + 1)) {
                matched++;
                for (path++; *path && *path != '/';)
                    path++;
            }
            if (compatible ? is_compatible(&node, compatible) : *path == '\0' && matched)
                return node;
            depth++;
            address_cells[depth] = fdt_cell(&node, "#address-cells", 2);
            size_cells[depth] = fdt_cell(&node, "#size-cells", 1);
        } else if (cell(at) == FDT_END_NODE) {
            depth--;
        } else if (cell(at) != FDT_PROP) {
            break;
        }
    }
    node.at = NULL;
    return node;
}

struct fdt_node fdt_compatible(const char *compatible)
{
    return find(compatible, NULL);
}

struct fdt_node fdt_path(const char *path)
{
    return find(NULL, path);
}

const char *fdt_bootargs(void)
{
    struct fdt_node chosen = fdt_path("/chosen");
    const char *text = fdt_property(&chosen, "bootargs", NULL);

    return text ? text : "";
}
