/* SPDX-License-Identifier: ISC */
/*
 * Memory maps: guest RAM, and dual maps for generated code.
 */
#ifndef HOST_MAP_H
#define HOST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Memory for a guest, mapped whole, lazily, without reservation, at an address and with advice that
 * let the host use huge pages. No helper process has it, nor a core file. */
struct host_ram {
    void *base;
    uint64_t size;
};

/* Maps `size` bytes of zeros, read-write, rounded up to host pages; `name` is for messages and for
 * the host's lists of mappings. Returns 0 or -errno. */
int host_ram_create(struct host_ram *ram, const char *name, uint64_t size, struct error *err);
void host_ram_destroy(struct host_ram *ram);

/* Gives the pages of [offset, offset + length) back to the host; they read as zeros afterwards.
 * Both must be multiples of the host's page size. Returns 0 or -errno. Any thread. */
int host_ram_discard(struct host_ram *ram, uint64_t offset, uint64_t length);

/* Bytes of `ram` that are resident now; it takes time in proportion to its size. Returns bytes or
 * -errno. Any thread. */
int64_t host_ram_resident(const struct host_ram *ram);

/* The next run of resident pages at or after *offset: its place to *offset and its size to *length.
 * Returns whether there is one. Any thread. */
bool host_ram_next_resident(const struct host_ram *ram, uint64_t *offset, uint64_t *length);

/*
 * Memory for generated code, mapped twice: what is written through `write` runs at the same offset
 * of `exec`, and no page is ever writable and executable at one address (W^X).
 */
struct host_code {
    void *write;
    const void *exec;
    size_t size;
};

/* Creates `size` bytes of zeros mapped both ways, rounded up to host pages; a host's policy may
 * forbid it
 * (-EACCES, -EPERM). On hosts with separate instruction caches the writer keeps them coherent. */
int host_code_create(struct host_code *code, const char *name, size_t size, struct error *err);
void host_code_destroy(struct host_code *code);

/* Memory that another process may look at, and neither write nor cut: mapped here to be written,
 * and a descriptor that maps it to be read. Lazily, without reservation. */
struct host_shared {
    void *base;
    uint64_t size;
    int reader; /* host_shared_destroy closes it, if it is not -1 by then */
};

/* Creates `size` bytes of zeros, rounded up to host pages. Returns 0 or -errno. Before the process
 * is confined. */
int host_shared_create(struct host_shared *shared, const char *name, uint64_t size,
                       struct error *err);
void host_shared_destroy(struct host_shared *shared);

/*
 * Memory that two processes both write. Its size is fixed for good: neither can cut it under the
 * other's feet. Who makes it hands the descriptor on.
 */

/* Creates `size` bytes of zeros, a multiple of HOST_EXCHANGE_ALIGN. Returns a descriptor, or
 * -errno. A confined process may. */
int host_exchange_create(const char *name, uint64_t size, struct error *err);
#define HOST_EXCHANGE_ALIGN UINT64_C(65536)

/* Maps `length` bytes at `offset`, both multiples of HOST_EXCHANGE_ALIGN, `times` times in a row (1
 * or 2: then what runs over the end goes on at the start). -EINVAL: the descriptor is no such
 * memory, or shorter. Returns 0 or -errno. */
int host_exchange_map(int fd, uint64_t offset, uint64_t length, unsigned times, void **base,
                      struct error *err);
void host_exchange_unmap(void *base, uint64_t length, unsigned times); /* NULL is allowed */

uint64_t host_page_size(void);

/* Physical memory of the host in bytes (0 when unknown). */
uint64_t host_memory_size(void);

#endif
