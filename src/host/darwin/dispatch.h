/* SPDX-License-Identifier: ISC */
/*
 * What C needs of libdispatch, and blocks made by hand, for the frameworks of macOS that call back
 * through them. Declared here and not taken from the system's headers, so that who uses it
 * compiles, and is tested over doubles, on every host (dispatch/queue.h; clang's "Block
 * Implementation Specification").
 */
#ifndef HOST_DARWIN_DISPATCH_H
#define HOST_DARWIN_DISPATCH_H

/* A serial queue, with attributes NULL: work runs in order, one at a time, on a thread of the
 * system's. Whoever makes a queue releases it. */
typedef struct dispatch_queue_s *dispatch_queue_t;

dispatch_queue_t dispatch_queue_create(const char *label, void *attributes);
void dispatch_sync_f(dispatch_queue_t queue, void *ctx, void (*work)(void *ctx));
void dispatch_async_f(dispatch_queue_t queue, void *ctx, void (*work)(void *ctx));
void dispatch_release(dispatch_queue_t queue);

/* The class of blocks on the stack: who keeps one copies it first. */
extern void *_NSConcreteStackBlock[32];

struct block_descriptor {
    unsigned long reserved, size;
    const char *signature; /* with BLOCK_HAS_SIGNATURE: the types of the call, encoded */
};

#define BLOCK_HAS_SIGNATURE (1 << 30)

/* A block with one variable, `ctx`. It is called as invoke(block, arguments...), by whoever knows
 * the arguments' types. */
struct block {
    void *isa;
    int flags, reserved;
    void (*invoke)(void);
    const struct block_descriptor *descriptor;
    void *ctx;
};

/* A block on the stack, whose descriptor is static. */
static inline struct block block_make(void (*invoke)(void),
                                      const struct block_descriptor *descriptor, void *ctx)
{
    return (struct block){.isa = _NSConcreteStackBlock,
                          .flags = BLOCK_HAS_SIGNATURE,
                          .invoke = invoke,
                          .descriptor = descriptor,
                          .ctx = ctx};
}

#endif
