/* SPDX-License-Identifier: ISC */
/* The double's runtime: classes, selectors, objects, pools, and what the tests ask. */
#include "double_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vz/private.h"

struct state double_state;
pthread_mutex_t double_lock = PTHREAD_MUTEX_INITIALIZER;

void *_NSConcreteStackBlock[32];

/* --- faults --- */

void double_fault(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    pthread_mutex_lock(&double_lock);
    if (strlen(double_state.faults) + strlen(line) + 2 < sizeof(double_state.faults))
        strcat(strcat(double_state.faults, line), "\n");
    pthread_mutex_unlock(&double_lock);
}

const char *double_faults(void)
{
    return double_state.faults;
}

/* --- classes --- */

static bool is_newer(unsigned major, unsigned minor)
{
    const struct ns_version *system = &double_state.system;

    return (long)major > system->major ||
           ((long)major == system->major && (long)minor > system->minor);
}

Class objc_getClass(const char *name)
{
    for (size_t i = 0; i < VZ_CLASSES; i++)
        if (strcmp(vz_classes[i].name, name) == 0)
            return is_newer(vz_classes[i].major, vz_classes[i].minor) ? NULL
                                                                      : &double_state.classes[i];
    for (size_t i = 0; i < double_state.made_count; i++) {
        Class class = double_state.made[i];

        if (class->registered && !class->disposed && strcmp(class->name, name) == 0)
            return class;
    }
    return NULL;
}

static const char *name_of(id object)
{
    return object->isa ? object->isa->name : "a class's class";
}

Class object_getClass(id object)
{
    if (!object) {
        double_fault("a message to nil");
        return NULL;
    }
    if (object->freed)
        double_fault("a message to a %s that is gone", name_of(object));
    return object->isa;
}

SEL sel_registerName(const char *name)
{
    struct objc_selector *selector;

    pthread_mutex_lock(&double_lock);
    for (selector = double_state.selectors; selector; selector = selector->next)
        if (strcmp(selector->name, name) == 0)
            break;
    if (!selector) {
        selector = malloc(sizeof(*selector) + strlen(name) + 1);
        strcpy(selector->name, name);
        selector->next = double_state.selectors;
        double_state.selectors = selector;
    }
    pthread_mutex_unlock(&double_lock);
    return selector;
}

/* The method of the table that an object of this class has by this selector, or -1. */
static int find_method(Class class, SEL selector)
{
    for (int i = 0; i < VZ_METHODS; i++) {
        const struct vz_method_row *row = &vz_methods[i];

        if (strcmp(row->selector, selector->name) == 0 && row->meta == class->meta &&
            (row->class == VZ_CLASS_NSObject || (int)row->class == class->row) &&
            !is_newer(row->major, row->minor) && !double_state.lacking[i])
            return i;
    }
    return -1;
}

static IMP added_method(Class class, SEL selector)
{
    for (size_t i = 0; i < class->added_count; i++)
        if (class->added[i].selector == selector)
            return class->added[i].body;
    return NULL;
}

bool class_respondsToSelector(Class class, SEL selector)
{
    return class && (added_method(class, selector) || find_method(class, selector) >= 0);
}

/* What is not there: on a Mac the program would end. */
static id unrecognized(id self, SEL command)
{
    return NULL;
}

IMP class_getMethodImplementation(Class class, SEL selector)
{
    int method;

    if (!class)
        return (IMP)unrecognized;
    if (added_method(class, selector))
        return added_method(class, selector);
    method = find_method(class, selector);
    if (method < 0) {
        double_fault("unrecognized selector %c[%s %s]", class->meta ? '+' : '-', class->name,
                     selector->name);
        return (IMP)unrecognized;
    }
    pthread_mutex_lock(&double_lock);
    if (!double_state.calls[method].count++)
        double_state.calls[method].first = double_state.call_count;
    double_state.call_count++;
    pthread_mutex_unlock(&double_lock);
    return double_body((enum vz_method)method);
}

Class objc_allocateClassPair(Class superclass, const char *name, size_t extra)
{
    struct objc_class *class;

    if (!superclass || objc_getClass(name)) {
        double_fault("the class %s cannot be made", name);
        return NULL;
    }
    class = calloc(1, sizeof(*class));
    *class = (struct objc_class){.name = strdup(name), .row = -1};
    pthread_mutex_lock(&double_lock);
    if (double_state.made_count < nitems(double_state.made))
        double_state.made[double_state.made_count++] = class;
    pthread_mutex_unlock(&double_lock);
    return class;
}

bool class_addMethod(Class class, SEL selector, IMP body, const char *types)
{
    size_t arguments = 0;

    for (const char *at = selector->name; *at; at++)
        arguments += *at == ':';
    if (strlen(types) != arguments + 3) /* the result, self, the selector */
        double_fault("the types \"%s\" are not those of %s", types, selector->name);
    if (class->added_count == nitems(class->added))
        return false;
    class->added[class->added_count].selector = selector;
    class->added[class->added_count++].body = body;
    return true;
}

void objc_registerClassPair(Class class)
{
    class->registered = true;
}

void objc_disposeClassPair(Class class)
{
    if (class->alive)
        double_fault("the class %s is disposed of with %u objects", class->name, class->alive);
    if (class->disposed)
        double_fault("the class %s is disposed of twice", class->name);
    class->disposed = true;
}

/* --- objects --- */

static id add_object(Class class, bool initialised)
{
    struct objc_object *object = calloc(1, sizeof(*object));

    object->isa = class;
    object->references = 1;
    object->initialised = initialised;
    object->descriptor = -1;
    pthread_mutex_lock(&double_lock);
    object->next = double_state.objects;
    double_state.objects = object;
    class->alive++;
    pthread_mutex_unlock(&double_lock);
    return object;
}

id double_make(enum vz_class class, bool initialised)
{
    return add_object(&double_state.classes[class], initialised);
}

id class_createInstance(Class class, size_t extra)
{
    if (!class->registered || class->disposed)
        double_fault("an object of %s, which is not registered", class->name);
    if (extra > sizeof(((struct objc_object *)NULL)->ivars))
        double_fault("an object of %s has too many variables", class->name);
    return add_object(class, true);
}

void *object_getIndexedIvars(id object)
{
    if (object->freed)
        double_fault("the variables of a %s that is gone", name_of(object));
    return object->ivars;
}

id objc_retain(id object)
{
    if (object && object->freed)
        double_fault("a %s that is gone is retained", name_of(object));
    else if (object)
        __atomic_add_fetch(&object->references, 1, __ATOMIC_RELAXED);
    return object;
}

void objc_release(id object)
{
    if (!object)
        return;
    if (object->freed) {
        double_fault("a %s is released too often", name_of(object));
        return;
    }
    if (__atomic_sub_fetch(&object->references, 1, __ATOMIC_RELAXED))
        return;
    object->freed = true;
    pthread_mutex_lock(&double_lock);
    object->isa->alive--;
    pthread_mutex_unlock(&double_lock);
    double_free_object(object);
}

void double_set(id object, enum vz_method key, id value, int64_t number)
{
    struct property *p = (struct property *)double_property(object, key);

    object->validated = false;
    if (!p && object->property_count < PROPERTIES)
        p = &object->properties[object->property_count++];
    if (!p)
        return;
    objc_retain(value);
    objc_release(p->object);
    *p = (struct property){key, value, number};
}

const struct property *double_property(id object, enum vz_method key)
{
    for (size_t i = 0; i < object->property_count; i++)
        if (object->properties[i].key == key)
            return &object->properties[i];
    return NULL;
}

/* --- pools --- */

struct pool {
    struct pool *outer;
    id objects[256];
    size_t count;
};

static _Thread_local struct pool *innermost;

void *objc_autoreleasePoolPush(void)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    pool->outer = innermost;
    innermost = pool;
    __atomic_add_fetch(&double_state.pools, 1, __ATOMIC_RELAXED);
    return pool;
}

void objc_autoreleasePoolPop(void *opaque)
{
    struct pool *pool = opaque;

    if (pool != innermost) {
        double_fault("a pool is popped that is not the innermost of its thread");
        return;
    }
    for (size_t i = 0; i < pool->count; i++)
        objc_release(pool->objects[i]);
    innermost = pool->outer;
    free(pool);
    __atomic_sub_fetch(&double_state.pools, 1, __ATOMIC_RELAXED);
}

id objc_autorelease(id object)
{
    if (!object)
        return NULL;
    if (!innermost || innermost->count == nitems(innermost->objects))
        double_fault("a %s is autoreleased without a pool", name_of(object));
    else
        innermost->objects[innermost->count++] = object;
    return object;
}

/* --- failures --- */

void double_fail(enum vz_method method, const char *domain, long code, const char *description)
{
    struct failure *failure = &double_state.failures[method];

    *failure = (struct failure){.armed = true, .code = code};
    snprintf(failure->domain, sizeof(failure->domain), "%s", domain);
    snprintf(failure->description, sizeof(failure->description), "%s", description);
}

id double_error(const struct failure *failure)
{
    id error = double_make(VZ_CLASS_NSError, true);

    error->text = strdup(failure->domain);
    error->reason = strdup(failure->description);
    error->code = failure->code;
    return error;
}

bool double_fails(enum vz_method method, id *error)
{
    struct failure *failure = &double_state.failures[method];

    if (!failure->armed)
        return false;
    failure->armed = false;
    if (error)
        *error = objc_autorelease(double_error(failure));
    return true;
}

/* --- what tests ask --- */

void double_begin(long major, long minor)
{
    free(double_state.machine);
    double_state = (struct state){.system = {major, minor, 0},
                                  .supported = true,
                                  .nested = true,
                                  .main_thread = pthread_self()};
    for (int i = 0; i < VZ_CLASSES; i++) {
        struct objc_class *class = &double_state.classes[i], *meta = &double_state.metas[i];

        *meta = (struct objc_class){.name = vz_classes[i].name, .row = i, .meta = true};
        *class = (struct objc_class){.name = vz_classes[i].name, .row = i, .registered = true};
        class->object = (struct objc_object){.isa = meta, .references = 1, .initialised = true};
    }
    for (size_t i = 0; i < VZ_METHODS; i++)
        double_state.calls[i].first = -1;
}

static void forget_objects(void)
{
    while (double_state.objects) {
        struct objc_object *object = double_state.objects;

        double_state.objects = object->next;
        if (!object->freed)
            double_fault("a %s is left behind", name_of(object));
        if (!object->freed)
            double_free_object(object);
        free(object);
    }
}

const char *double_end(void)
{
    objc_release(double_state.application);
    objc_release(double_state.event);
    double_state.application = double_state.event = NULL;
    if (double_state.pools)
        double_fault("%u pools are left behind", double_state.pools);
    while (innermost) {
        struct pool *pool = innermost;

        innermost = pool->outer;
        free(pool);
    }
    if (double_state.queues)
        double_fault("%u queues are left behind", double_state.queues);
    forget_objects();
    for (size_t i = 0; i < double_state.made_count; i++) {
        if (!double_state.made[i]->disposed)
            double_fault("the class %s is left behind", double_state.made[i]->name);
        free((void *)(uintptr_t)double_state.made[i]->name);
        free(double_state.made[i]);
    }
    double_state.made_count = 0;
    while (double_state.selectors) {
        struct objc_selector *selector = double_state.selectors;

        double_state.selectors = selector->next;
        free(selector);
    }
    free(double_state.machine);
    double_state.machine = NULL;
    return double_state.faults;
}

unsigned double_calls(enum vz_method method)
{
    unsigned count;

    pthread_mutex_lock(&double_lock);
    count = double_state.calls[method].count;
    pthread_mutex_unlock(&double_lock);
    return count;
}

int double_order(enum vz_method method)
{
    return double_state.calls[method].first;
}

void double_lacks(enum vz_method method)
{
    double_state.lacking[method] = true;
}

int vz_load(struct error *err)
{
    return double_state.unloadable ? error_set(err, ENOTSUP, "cannot be loaded") : 0;
}

void double_unloadable(void)
{
    double_state.unloadable = true;
}

void double_nested(bool nested)
{
    double_state.nested = nested;
}

void double_supported(bool supported)
{
    double_state.supported = supported;
}

id double_object(id object, enum vz_method setter)
{
    const struct property *p = object ? double_property(object, setter) : NULL;

    return p ? p->object : NULL;
}

id double_configured(enum vz_method setter, size_t index)
{
    id value = double_object(double_state.machine->configuration, setter);

    if (!value || !value->elements)
        return value && strcmp(value->isa->name, "NSArray") != 0 ? value : NULL;
    return index < value->length ? value->elements[index] : NULL;
}

int64_t double_number(id object, enum vz_method setter)
{
    const struct property *p;

    p = double_property(object ? object : double_state.machine->configuration, setter);
    return p ? p->number : -1;
}

const char *double_text(id string)
{
    return string->text;
}

const char *double_class(id object)
{
    return name_of(object);
}

int double_descriptor(id handle)
{
    return handle->descriptor;
}

uint64_t double_balloon_target(void)
{
    return double_state.machine->balloon_target;
}

unsigned double_power_presses(void)
{
    return double_state.machine->power_presses;
}
