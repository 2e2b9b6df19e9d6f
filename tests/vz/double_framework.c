/* SPDX-License-Identifier: ISC */
/*
 * The double's classes: what each method of vz/table.def does, as far as src/vz/ can see it. The
 * functions have the types that the table gives them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double_private.h"

#define CLASS(...)
#define METHOD(name, ...) static vz_##name##_method do_##name;
#define DELEGATE(...)
#include "vz/table.def"
#undef METHOD

IMP double_body(enum vz_method method)
{
    static const IMP bodies[VZ_METHODS] = {
#define METHOD(name, ...) [VZ_METHOD_##name] = (IMP)do_##name,
#include "vz/table.def"
#undef METHOD
#undef CLASS
#undef DELEGATE
    };

    return bodies[method];
}

/* --- what all have in common --- */

void double_free_object(id object)
{
    if (object->machine) {
        struct machine *m = object->machine;

        if (double_queue() != m->queue)
            double_fault("a machine is released outside of its queue");
        if (m->state != STOPPED)
            double_fault("a machine is released while it runs");
        objc_release(m->balloon);
        objc_release(m->configuration);
        m->object = m->configuration = m->balloon = NULL;
        object->machine = NULL;
    }
    if (object == double_state.window)
        double_fault("a window goes that is not closed");
    for (size_t i = 0; i < object->property_count; i++)
        objc_release(object->properties[i].object);
    for (size_t i = 0; object->elements && i < object->length; i++)
        objc_release(object->elements[i]);
    if (object->descriptor >= 0)
        close(object->descriptor);
    free(object->elements);
    free(object->bytes);
    free(object->text);
    free(object->reason);
    object->elements = NULL;
    object->bytes = NULL;
    object->text = object->reason = NULL;
    object->descriptor = -1;
}

static id do_alloc(id self, SEL command)
{
    Class class = objc_getClass(((Class)self)->name);

    return double_make((enum vz_class) class->row, false);
}

/* The start of every init method: whether it succeeds. */
static bool begin_init(id self, enum vz_method method, id *error)
{
    if (self->initialised)
        double_fault("a %s is initialised twice", self->isa->name);
    self->initialised = true;
    if (!double_fails(method, error))
        return true;
    objc_release(self);
    return false;
}

static void check(id self)
{
    if (!self->initialised)
        double_fault("a %s is used that is not initialised", self->isa->name);
}

static id do_init(id self, SEL command)
{
    return begin_init(self, VZ_METHOD_init, NULL) ? self : NULL;
}

#define SET(name)                                                                                  \
    static void do_##name(id self, SEL command, id value)                                          \
    {                                                                                              \
        check(self);                                                                               \
        double_set(self, VZ_METHOD_##name, value, 0);                                              \
    }

#define SET_NUMBER(name, type)                                                                     \
    static void do_##name(id self, SEL command, type value)                                        \
    {                                                                                              \
        check(self);                                                                               \
        double_set(self, VZ_METHOD_##name, NULL, (int64_t)value);                                  \
    }

#define INIT(name)                                                                                 \
    static id do_##name(id self, SEL command, id value)                                            \
    {                                                                                              \
        if (!begin_init(self, VZ_METHOD_##name, NULL))                                             \
            return NULL;                                                                           \
        double_set(self, VZ_METHOD_##name, value, 0);                                              \
        return self;                                                                               \
    }

/* --- Foundation --- */

static id do_process_info(id self, SEL command)
{
    return objc_autorelease(double_make(VZ_CLASS_NSProcessInfo, true));
}

static struct ns_version do_system_version(id self, SEL command)
{
    return double_state.system;
}

static id do_string_of(id self, SEL command, const char *text)
{
    id string;

    if (strchr(text, '\xff')) /* no byte of UTF-8 */
        return NULL;
    string = double_make(VZ_CLASS_NSString, true);
    string->text = strdup(text);
    return objc_autorelease(string);
}

static const char *do_utf8(id self, SEL command)
{
    return self->text;
}

static id do_file_url(id self, SEL command, id path)
{
    id url = double_make(VZ_CLASS_NSURL, true);

    url->text = strdup(path->text);
    return objc_autorelease(url);
}

static id do_array_of(id self, SEL command, const id *objects, unsigned long count)
{
    id array = double_make(VZ_CLASS_NSArray, true);

    array->elements = calloc(count ? count : 1, sizeof(id));
    array->length = count;
    for (unsigned long i = 0; i < count; i++)
        array->elements[i] = objc_retain(objects[i]);
    return objc_autorelease(array);
}

static unsigned long do_count(id self, SEL command)
{
    return self->length;
}

static id do_object_at(id self, SEL command, unsigned long index)
{
    if (index >= self->length)
        double_fault("an array has no element %lu", index);
    return index < self->length ? self->elements[index] : NULL;
}

static id do_data_of(id self, SEL command, const void *bytes, unsigned long length)
{
    id data = double_make(VZ_CLASS_NSData, true);

    data->bytes = malloc(length ? length : 1);
    data->length = length;
    memcpy(data->bytes, bytes, length);
    return objc_autorelease(data);
}

static const void *do_bytes(id self, SEL command)
{
    return self->bytes;
}

static unsigned long do_length(id self, SEL command)
{
    return self->length;
}

static id autoreleased_string(const char *text)
{
    return text ? do_string_of(NULL, NULL, text) : NULL;
}

static id do_error_domain(id self, SEL command)
{
    return autoreleased_string(self->text);
}

static long do_error_code(id self, SEL command)
{
    return self->code;
}

static id do_error_description(id self, SEL command)
{
    return autoreleased_string(self->reason);
}

static id do_error_reason(id self, SEL command)
{
    return NULL;
}

static id do_init_descriptor(id self, SEL command, int fd, bool close_on_dealloc)
{
    if (!begin_init(self, VZ_METHOD_init_descriptor, NULL))
        return NULL;
    self->descriptor = close_on_dealloc ? fd : -1;
    return self;
}

/* --- configurations --- */

static uint64_t do_memory_min(id self, SEL command)
{
    return UINT64_C(4) << 20;
}

static uint64_t do_memory_max(id self, SEL command)
{
    return UINT64_C(32) << 30;
}

static unsigned long do_cpus_min(id self, SEL command)
{
    return 1;
}

static unsigned long do_cpus_max(id self, SEL command)
{
    return 8;
}

SET_NUMBER(set_cpus, unsigned long)
SET_NUMBER(set_memory, uint64_t)
SET(set_boot_loader)
SET(set_platform)
SET(set_storage)
SET(set_networks)
SET(set_serial_ports)
SET(set_entropy)
SET(set_balloons)
SET(set_graphics)
SET(set_keyboards)
SET(set_pointers)

static bool do_validate(id self, SEL command, id *error)
{
    check(self);
    self->validated = !double_fails(VZ_METHOD_validate, error);
    return self->validated;
}

INIT(init_kernel)
SET(set_command_line)
SET(set_ramdisk)
SET(set_variables)
INIT(init_variables)

static id do_init_new_variables(id self, SEL command, id url, unsigned long options, id *error)
{
    FILE *file;

    if (!begin_init(self, VZ_METHOD_init_new_variables, error))
        return NULL;
    double_set(self, VZ_METHOD_init_variables, url, (int64_t)options);
    file = fopen(url->text, options ? "w" : "wx");
    if (!file) {
        double_fault("%s cannot be made", url->text);
        return self;
    }
    fputs("variables", file);
    fclose(file);
    return self;
}

SET(set_identifier)
SET_NUMBER(set_nested, bool)

static bool do_nested_supported(id self, SEL command)
{
    return double_state.nested;
}

/* An identifier is "machine" and a number. */
static id do_init_identifier(id self, SEL command, id data)
{
    if (!begin_init(self, VZ_METHOD_init_identifier, NULL))
        return NULL;
    if (data->length < 7 || memcmp(data->bytes, "machine", 7) != 0) {
        objc_release(self);
        return NULL;
    }
    double_set(self, VZ_METHOD_init_identifier, data, 0);
    return self;
}

static id do_identifier_data(id self, SEL command)
{
    return do_data_of(NULL, NULL, "machine1", 8);
}

/* --- devices --- */

static id do_init_image(id self, SEL command, id url, bool readonly, long caching, long sync,
                        id *error)
{
    if (!begin_init(self, VZ_METHOD_init_image, error))
        return NULL;
    double_set(self, VZ_METHOD_init_image, url, readonly | caching << 4 | sync << 8);
    return self;
}

static id do_init_block_device(id self, SEL command, id handle, bool readonly, long sync, id *error)
{
    if (!begin_init(self, VZ_METHOD_init_block_device, error))
        return NULL;
    double_set(self, VZ_METHOD_init_block_device, handle, readonly);
    return self;
}

INIT(init_disk)
SET(set_serial)
INIT(init_socket)
SET_NUMBER(set_mtu, long)
INIT(init_address)
SET(set_network)
SET(set_address)
SET(set_serial_port)
SET(set_scanouts)

static id do_random_address(id self, SEL command)
{
    return objc_autorelease(double_make(VZ_CLASS_VZMACAddress, true));
}

static id do_init_pipes(id self, SEL command, id reading, id writing)
{
    if (!begin_init(self, VZ_METHOD_init_pipes, NULL))
        return NULL;
    double_set(self, VZ_METHOD_init_pipes, reading, 0);
    double_set(self, VZ_METHOD_init_descriptor, writing, 0);
    return self;
}

static id do_init_scanout(id self, SEL command, long width, long height)
{
    if (!begin_init(self, VZ_METHOD_init_scanout, NULL))
        return NULL;
    double_set(self, VZ_METHOD_init_scanout, NULL, width << 16 | height);
    return self;
}

static void do_set_balloon_target(id self, SEL command, uint64_t target)
{
    struct machine *m = double_state.machine;

    if (double_queue() != m->queue)
        double_fault("a balloon is touched outside of its machine's queue");
    m->balloon_target = target;
}

/* --- the machine --- */

static bool do_supported(id self, SEL command)
{
    return double_state.supported;
}

static id do_init_machine(id self, SEL command, id configuration, dispatch_queue_t queue)
{
    struct machine *m;

    if (!begin_init(self, VZ_METHOD_init_machine, NULL))
        return NULL;
    if (!configuration->validated)
        double_fault("a machine is made from a configuration that is not validated");
    if (double_object(configuration, VZ_METHOD_set_boot_loader) == NULL)
        double_fault("a machine is made without a boot loader");
    free(double_state.machine);
    m = double_state.machine = calloc(1, sizeof(*m));
    *m = (struct machine){
        .object = self, .configuration = objc_retain(configuration), .queue = queue};
    if (double_configured(VZ_METHOD_set_balloons, 0))
        m->balloon = double_make(VZ_CLASS_VZVirtioTraditionalMemoryBalloonDevice, true);
    self->machine = m;
    return self;
}

static struct machine *on_queue(id self)
{
    check(self);
    if (double_queue() != self->machine->queue)
        double_fault("a machine is touched outside of its queue");
    return self->machine;
}

static void do_set_delegate(id self, SEL command, id delegate)
{
    on_queue(self)->delegate = delegate;
}

/* A method that takes its time: the handler is copied, and called on the queue when it is done. */
struct completion {
    struct completion *next;
    struct machine *machine;
    enum machine_state to;
    struct block *block;
    id error;
};

static struct completion *held;

static void complete(void *ctx)
{
    struct completion *c = ctx;

    c->machine->state = c->to;
    ((void (*)(struct block *, id))c->block->invoke)(c->block, c->error);
    objc_release(c->error);
    free(c->block);
    free(c);
}

static void finish(struct completion *c)
{
    if (double_state.hold) {
        c->next = held;
        held = c;
    } else {
        dispatch_async_f(c->machine->queue, c, complete);
    }
}

void double_hold(bool hold)
{
    double_state.hold = hold;
    while (!hold && held) {
        struct completion *c = held;

        held = c->next;
        dispatch_async_f(c->machine->queue, c, complete);
    }
}

static struct block *copy_block(const struct block *block)
{
    struct block *copy;

    if (block->isa != _NSConcreteStackBlock || !(block->flags & BLOCK_HAS_SIGNATURE) ||
        block->descriptor->size != sizeof(*block) ||
        strcmp(block->descriptor->signature, "v16@?0@8") != 0)
        double_fault("a completion handler is no block");
    copy = malloc(sizeof(*copy));
    *copy = *block;
    return copy;
}

static void change(id self, enum vz_method method, unsigned from, enum machine_state to,
                   struct block *block)
{
    static const struct failure wrong_state = {
        .domain = "VZErrorDomain", .description = "Invalid state transition.", .code = 4};
    struct machine *m = on_queue(self);
    struct completion *c = calloc(1, sizeof(*c));

    *c = (struct completion){.machine = m, .to = to, .block = copy_block(block)};
    if (double_fails(method, &c->error))
        objc_retain(c->error);
    else if (!(from & 1u << m->state))
        c->error = double_error(&wrong_state);
    if (c->error)
        c->to = m->state;
    else
        m->state = CHANGING;
    finish(c);
}

static void do_start(id self, SEL command, struct block *block)
{
    change(self, VZ_METHOD_start, 1u << STOPPED, RUNNING, block);
}

static void do_pause(id self, SEL command, struct block *block)
{
    change(self, VZ_METHOD_pause, 1u << RUNNING, PAUSED, block);
}

static void do_resume(id self, SEL command, struct block *block)
{
    change(self, VZ_METHOD_resume, 1u << PAUSED, RUNNING, block);
}

static void do_stop(id self, SEL command, struct block *block)
{
    change(self, VZ_METHOD_stop, 1u << RUNNING | 1u << PAUSED, STOPPED, block);
}

static bool do_can_stop(id self, SEL command)
{
    struct machine *m = on_queue(self);

    return m->state == RUNNING || m->state == PAUSED;
}

static bool do_request_stop(id self, SEL command, id *error)
{
    struct machine *m = on_queue(self);

    if (double_fails(VZ_METHOD_request_stop, error))
        return false;
    m->power_presses++;
    return true;
}

static id do_balloons(id self, SEL command)
{
    struct machine *m = on_queue(self);

    return do_array_of(NULL, NULL, &m->balloon, m->balloon ? 1 : 0);
}

/* --- AppKit --- */

int pthread_main_np(void);

int pthread_main_np(void)
{
    return pthread_equal(pthread_self(), double_state.main_thread);
}

static void on_main_thread(const char *what)
{
    if (!pthread_main_np())
        double_fault("%s is touched outside of the main thread", what);
}

static id do_date_after(id self, SEL command, double seconds)
{
    return objc_autorelease(double_make(VZ_CLASS_NSDate, true));
}

/* There is one, as long as the process. */
static id do_application(id self, SEL command)
{
    on_main_thread("the application");
    if (!double_state.application) {
        double_state.application = double_make(VZ_CLASS_NSApplication, true);
        double_state.event = double_make(VZ_CLASS_NSObject, true);
    }
    return double_state.application;
}

static bool do_set_policy(id self, SEL command, long policy)
{
    on_main_thread("the application");
    return policy == 0;
}

static void do_finish_launching(id self, SEL command)
{
    on_main_thread("the application");
}

static void do_activate(id self, SEL command, bool others)
{
    on_main_thread("the application");
}

static id do_next_event(id self, SEL command, unsigned long mask, id until, id mode, bool dequeue)
{
    on_main_thread("the application");
    if (!double_state.on_event) {
        usleep(1000);
        return NULL;
    }
    double_state.on_event(double_state.on_event_ctx);
    return double_state.event;
}

static void do_send_event(id self, SEL command, id event)
{
    on_main_thread("the application");
    if (event != double_state.event)
        double_fault("an event is sent that did not come");
}

static id do_init_window(id self, SEL command, struct cg_rect frame, unsigned long style,
                         unsigned long backing, bool defer)
{
    on_main_thread("a window");
    if (!begin_init(self, VZ_METHOD_init_window, NULL))
        return NULL;
    double_set(self, VZ_METHOD_init_window, NULL,
               (int64_t)frame.width << 16 | (int64_t)frame.height);
    return self;
}

SET_NUMBER(set_released, bool)
SET(set_title)
SET(set_content)
SET(set_machine)
SET_NUMBER(capture_keys, bool)
SET_NUMBER(follow_size, bool)

/* Not retained. */
static void do_set_window_delegate(id self, SEL command, id delegate)
{
    double_state.window_delegate = delegate;
}

static void do_center(id self, SEL command)
{
    on_main_thread("a window");
}

static void do_show(id self, SEL command, id sender)
{
    on_main_thread("a window");
    if (double_number(self, VZ_METHOD_set_released) != 0)
        double_fault("a window that is closed releases itself as well");
    double_state.window = self;
}

static void do_close_window(id self, SEL command)
{
    on_main_thread("a window");
    double_state.window = NULL;
}

id double_window(void)
{
    return double_state.window;
}

bool double_close_window(void)
{
    id delegate = double_state.window_delegate;
    SEL selector = sel_registerName("windowShouldClose:");
    IMP body = class_getMethodImplementation(object_getClass(delegate), selector);

    return ((bool (*)(id, SEL, id))body)(delegate, selector, double_state.window);
}

void double_on_event(void (*work)(void *ctx), void *ctx)
{
    double_state.on_event_ctx = ctx;
    double_state.on_event = work;
}

/* --- what becomes of the machine --- */

struct event {
    const char *selector;
    struct failure failure;
    bool ends;
};

static void tell(void *ctx)
{
    const struct event *event = ctx;
    struct machine *m = double_state.machine;
    SEL selector = sel_registerName(event->selector);
    id error;
    IMP body;

    if (event->ends)
        m->state = STOPPED;
    if (!m->delegate || m->delegate->freed) {
        double_fault("the machine has no delegate");
        return;
    }
    body = class_getMethodImplementation(object_getClass(m->delegate), selector);
    error = double_error(&event->failure);
    if (strstr(event->selector, "networkDevice"))
        ((void (*)(id, SEL, id, id, id))body)(m->delegate, selector, m->object, NULL, error);
    else if (strstr(event->selector, "Error"))
        ((void (*)(id, SEL, id, id))body)(m->delegate, selector, m->object, error);
    else
        ((void (*)(id, SEL, id))body)(m->delegate, selector, m->object);
    objc_release(error);
}

static void tell_on_queue(const char *selector, bool ends, const char *domain, long code,
                          const char *description)
{
    struct event event = {.selector = selector, .ends = ends, .failure.code = code};
    void *pool = objc_autoreleasePoolPush();

    snprintf(event.failure.domain, sizeof(event.failure.domain), "%s", domain);
    snprintf(event.failure.description, sizeof(event.failure.description), "%s", description);
    dispatch_sync_f(double_state.machine->queue, &event, tell);
    objc_autoreleasePoolPop(pool);
}

void double_guest_stops(void)
{
    tell_on_queue("guestDidStopVirtualMachine:", true, "", 0, "");
}

void double_machine_fails(const char *domain, long code, const char *description)
{
    tell_on_queue("virtualMachine:didStopWithError:", true, domain, code, description);
}

void double_network_lost(const char *domain, long code, const char *description)
{
    tell_on_queue("virtualMachine:networkDevice:attachmentWasDisconnectedWithError:", false, domain,
                  code, description);
}
