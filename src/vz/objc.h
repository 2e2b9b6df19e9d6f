/* SPDX-License-Identifier: ISC */
/*
 * Objective-C from C: the runtime's functions, and on them the classes and methods of vz/table.def
 * as C calls with checked types.
 *
 * The runtime's functions are declared here and not taken from the system's headers, so that this
 * room compiles, and is tested over a double, on every host (objc/runtime.h; objc_retain and its
 * like: clang's "Objective-C Automatic Reference Counting", runtime support).
 *
 * A method is called through class_getMethodImplementation instead of objc_msgSend: the same
 * function is reached, and a result in memory needs no variant of its own.
 *
 * Ownership. vz_new and vz_made give autoreleased objects, as the framework's own conveniences do:
 * whoever keeps one retains it. All of this runs between objc_autoreleasePoolPush and
 * objc_autoreleasePoolPop, and what is not kept is gone after it.
 */
#ifndef VZ_OBJC_H
#define VZ_OBJC_H

#include "base/bits.h"
#include "base/error.h"
#include "host/darwin/dispatch.h"

typedef struct objc_object *id;
typedef struct objc_class *Class;
typedef struct objc_selector *SEL;
typedef void (*IMP)(void);

/* --- libobjc --- */

Class objc_getClass(const char *name);
Class object_getClass(id object);
SEL sel_registerName(const char *name);
bool class_respondsToSelector(Class class, SEL selector);
IMP class_getMethodImplementation(Class class, SEL selector);
Class objc_allocateClassPair(Class superclass, const char *name, size_t extra);
bool class_addMethod(Class class, SEL selector, IMP body, const char *types);
void objc_registerClassPair(Class class);
void objc_disposeClassPair(Class class);
id class_createInstance(Class class, size_t extra);
void *object_getIndexedIvars(id object);
id objc_retain(id object);
void objc_release(id object);
id objc_autorelease(id object);
void *objc_autoreleasePoolPush(void);
void objc_autoreleasePoolPop(void *pool);

/* --- blocks --- */

/* A void (^)(NSError *): a completion handler. On the stack. */
struct block vz_block(void (*invoke)(struct block *block, id error), void *ctx);

/* --- the table --- */

/* NSOperatingSystemVersion. */
struct ns_version {
    long major, minor, patch;
};

/* CGRect. */
struct cg_rect {
    double x, y, width, height;
};

enum vz_class {
#define CLASS(name, ...) VZ_CLASS_##name,
#define METHOD(...)
#define DELEGATE(...)
#include "vz/table.def"
#undef CLASS
#undef METHOD
    VZ_CLASSES
};

enum vz_method {
#define CLASS(...)
#define METHOD(name, ...) VZ_METHOD_##name,
#include "vz/table.def"
#undef METHOD
    VZ_METHODS
};

#define METHOD(name, class, kind, selector, major, minor, source, result, ...)                     \
    typedef result vz_##name##_method(id self, SEL command, ##__VA_ARGS__);
#include "vz/table.def"
#undef METHOD
#undef CLASS
#undef DELEGATE

struct vz_class_row {
    const char *name;
    unsigned major, minor; /* the first macOS */
    const char *source;
};

struct vz_method_row {
    const char *name; /* as SEND spells it */
    enum vz_class class;
    bool meta;
    const char *selector;
    unsigned major, minor;
    const char *source;
};

extern const struct vz_class_row vz_classes[VZ_CLASSES];
extern const struct vz_method_row vz_methods[VZ_METHODS];

/* The class, as the object that its own methods are sent to; NULL: this system does not have it. */
id vz_class(enum vz_class class);

SEL vz_selector(enum vz_method method);

/* Sends a method to an object, which is not NULL. The types are the table's. */
#define SEND(object, name, ...)                                                                    \
    (((vz_##name##_method *)class_getMethodImplementation(object_getClass(object),                 \
                                                          vz_selector(VZ_METHOD_##name)))(         \
        object, vz_selector(VZ_METHOD_##name), ##__VA_ARGS__))

/* An object that alloc gave, for one of the init methods, which takes it over. */
id vz_alloc(enum vz_class class);

/* What an init method has returned: autoreleased; NULL stays NULL. */
id vz_made(id object);

/* [[[CLASS alloc] init] autorelease]. */
id vz_new(enum vz_class class);

/* --- what this system has --- */

struct ns_version vz_system(void);

/* Whether the system has a method of the table. */
bool vz_has_method(enum vz_method method);

/* Whether the system is new enough for a class or a method; otherwise -ENOTSUP, with `what` for:
 * "EFI boot needs macOS 13, and this is macOS 12.6". */
int vz_need_class(enum vz_class class, const char *what, struct error *err);
int vz_need_method(enum vz_method method, const char *what, struct error *err);

/* Every row of the table that this system should have is there; otherwise -ENOTSUP, naming the
 * first that is not, which calling would end the process. */
int vz_check_table(struct error *err);

/* --- strings --- */

/* An NSString or a file's NSURL; -EINVAL: the text is not UTF-8. */
int vz_string(const char *text, id *string, struct error *err);
int vz_file_url(const char *path, id *url, struct error *err);

#endif
