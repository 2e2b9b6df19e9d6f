/* SPDX-License-Identifier: ISC */
/* What the double's files share. All of it under double_lock, but for what a thread owns. */
#ifndef TESTS_VZ_DOUBLE_PRIVATE_H
#define TESTS_VZ_DOUBLE_PRIVATE_H

#include <pthread.h>

#include "double.h"

#define PROPERTIES 24

struct property {
    enum vz_method key;
    id object; /* retained */
    int64_t number;
};

struct objc_object {
    Class isa;
    struct objc_object *next; /* of all that were ever made */
    unsigned references;
    bool initialised, freed;
    struct property properties[PROPERTIES];
    size_t property_count;

    /* By class. */
    char *text;     /* NSString, NSURL; an NSError's domain */
    char *reason;   /* NSError's description */
    long code;      /* NSError */
    uint8_t *bytes; /* NSData */
    size_t length;  /* NSData, NSArray */
    id *elements;   /* NSArray, retained */
    int descriptor; /* NSFileHandle */
    bool validated; /* VZVirtualMachineConfiguration */
    struct machine *machine;
    uint64_t ivars[8]; /* of a class made at run time */
};

struct objc_class {
    struct objc_object object; /* isa is the class's own class, NULL for that */
    const char *name;
    int row; /* in vz_classes; -1: made at run time */
    bool meta, registered, disposed;
    struct {
        SEL selector;
        IMP body;
    } added[8];
    size_t added_count;
    unsigned alive; /* objects */
};

struct objc_selector {
    struct objc_selector *next;
    char name[];
};

enum machine_state { STOPPED, RUNNING, PAUSED, CHANGING };

struct machine {
    id object;
    id configuration;
    id delegate; /* not retained */
    id balloon;
    dispatch_queue_t queue;
    enum machine_state state;
    uint64_t balloon_target;
    unsigned power_presses;
};

struct failure {
    bool armed;
    char domain[32], description[128];
    long code;
};

struct call {
    unsigned count;
    int first;
};

extern struct state {
    struct ns_version system;
    bool supported, nested, unloadable;
    struct objc_object *objects;
    struct objc_class classes[VZ_CLASSES], metas[VZ_CLASSES];
    struct objc_class *made[16];
    size_t made_count;
    struct objc_selector *selectors;
    struct failure failures[VZ_METHODS];
    struct call calls[VZ_METHODS];
    bool lacking[VZ_METHODS];
    int call_count;
    unsigned pools, queues; /* that are there now */
    struct machine *machine;
    bool hold;
    pthread_t main_thread;
    id window, window_delegate;
    id application, event; /* there is one of each */
    void (*on_event)(void *ctx);
    void *on_event_ctx;
    char faults[4096];
} double_state;

extern pthread_mutex_t double_lock;

void double_fault(const char *format, ...) PRINTF(1, 2);

id double_make(enum vz_class class, bool initialised);
void double_free_object(id object); /* what its class owns; without the lock */
void double_set(id object, enum vz_method key, id value, int64_t number);
const struct property *double_property(id object, enum vz_method key);

/* Whether the next call of this method is to fail; takes the failure, and the NSError to *error
 * (which may be NULL). */
bool double_fails(enum vz_method method, id *error);
id double_error(const struct failure *failure);

IMP double_body(enum vz_method method); /* framework.c */

/* dispatch.c */
dispatch_queue_t double_queue(void); /* the one whose thread this is, or NULL */
void double_let_go(void);

#endif
