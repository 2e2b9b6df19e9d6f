/* SPDX-License-Identifier: ISC */
/* The double sees what breaks a rule: a test for each, which breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "double.h"

static int setup(void **state)
{
    double_begin(13, 0);
    return 0;
}

static void expect(const char *text)
{
    if (!strstr(double_end(), text))
        fail_msg("\"%s\" does not say \"%s\"", double_faults(), text);
}

static void test_no_fault(void **state)
{
    void *pool = objc_autoreleasePoolPush();

    vz_new(VZ_CLASS_VZGenericPlatformConfiguration);
    objc_autoreleasePoolPop(pool);
    assert_string_equal(double_end(), "");
}

/* --- ownership --- */

static void test_leak(void **state)
{
    vz_alloc(VZ_CLASS_VZEFIBootLoader);
    expect("a VZEFIBootLoader is left behind");
}

static void test_too_many_releases(void **state)
{
    id object = vz_alloc(VZ_CLASS_VZEFIBootLoader);

    objc_release(object);
    objc_release(object);
    expect("is released too often");
}

static void test_release_of_what_is_autoreleased(void **state)
{
    void *pool = objc_autoreleasePoolPush();

    objc_release(vz_new(VZ_CLASS_VZEFIBootLoader));
    objc_autoreleasePoolPop(pool);
    expect("is released too often");
}

static void test_use_after_the_end(void **state)
{
    id object = vz_alloc(VZ_CLASS_VZEFIBootLoader);

    objc_release(object);
    SEND(object, init);
    expect("a message to a VZEFIBootLoader that is gone");
}

static void test_initialised_twice(void **state)
{
    void *pool = objc_autoreleasePoolPush();
    id object = vz_new(VZ_CLASS_VZEFIBootLoader);

    SEND(object, init);
    objc_autoreleasePoolPop(pool);
    expect("initialised twice");
}

static void test_not_initialised(void **state)
{
    id object = vz_alloc(VZ_CLASS_VZEFIBootLoader);

    SEND(object, set_variables, NULL);
    objc_release(object);
    expect("is used that is not initialised");
}

static void test_no_pool(void **state)
{
    id object = vz_alloc(VZ_CLASS_VZEFIBootLoader);

    vz_made(SEND(object, init));
    objc_release(object);
    expect("is autoreleased without a pool");
}

static void test_pool_left_behind(void **state)
{
    objc_autoreleasePoolPush();
    expect("1 pools are left behind");
}

static void test_pools_in_disorder(void **state)
{
    void *outer = objc_autoreleasePoolPush(), *inner = objc_autoreleasePoolPush();

    objc_autoreleasePoolPop(outer);
    objc_autoreleasePoolPop(inner);
    objc_autoreleasePoolPop(outer);
    expect("not the innermost");
}

/* --- classes --- */

static void test_newer_class(void **state)
{
    assert_null(vz_class(VZ_CLASS_VZDiskBlockDeviceStorageDeviceAttachment));
    vz_alloc(VZ_CLASS_VZDiskBlockDeviceStorageDeviceAttachment);
    expect("a message to nil");
}

static void test_newer_method(void **state)
{
    id object;

    double_end();
    double_begin(12, 2);
    object = vz_alloc(VZ_CLASS_VZVirtioBlockDeviceConfiguration);
    SEND(object, set_serial, NULL);
    objc_release(object);
    expect("unrecognized selector -[VZVirtioBlockDeviceConfiguration setBlockDeviceIdentifier:]");
}

static void test_method_of_another_class(void **state)
{
    id object = vz_alloc(VZ_CLASS_VZEFIBootLoader);

    SEND(object, set_boot_loader, NULL);
    objc_release(object);
    expect("unrecognized selector -[VZEFIBootLoader setBootLoader:]");
}

static void test_class_with_objects(void **state)
{
    Class class = objc_allocateClassPair(objc_getClass("NSObject"), "Mine", 0);
    id object;

    objc_registerClassPair(class);
    object = class_createInstance(class, 8);
    objc_disposeClassPair(class);
    objc_release(object);
    expect("is disposed of with 1 objects");
}

static void test_class_left_behind(void **state)
{
    objc_registerClassPair(objc_allocateClassPair(objc_getClass("NSObject"), "Mine", 0));
    expect("the class Mine is left behind");
}

static void test_wrong_types(void **state)
{
    Class class = objc_allocateClassPair(objc_getClass("NSObject"), "Mine", 0);

    class_addMethod(class, sel_registerName("a:b:"), NULL, "v@:@");
    objc_disposeClassPair(class);
    expect("the types \"v@:@\" are not those of a:b:");
}

/* --- machines --- */

struct making {
    dispatch_queue_t queue;
    id configuration, machine;
};

/* A configuration that is good but for what `validated` leaves out, and a machine of it. */
static struct making make(bool validated)
{
    struct making m = {.queue = dispatch_queue_create("test", NULL)};
    void *pool = objc_autoreleasePoolPush();
    id loader = vz_new(VZ_CLASS_VZEFIBootLoader), error;

    m.configuration = vz_new(VZ_CLASS_VZVirtualMachineConfiguration);
    SEND(m.configuration, set_boot_loader, loader);
    if (validated)
        SEND(m.configuration, validate, &error);
    m.machine = vz_alloc(VZ_CLASS_VZVirtualMachine);
    m.machine = SEND(m.machine, init_machine, m.configuration, m.queue);
    objc_autoreleasePoolPop(pool);
    return m;
}

static void release(void *machine)
{
    objc_release(machine);
}

static void unmake(struct making *m)
{
    dispatch_sync_f(m->queue, m->machine, release);
    dispatch_release(m->queue);
}

static void test_not_validated(void **state)
{
    struct making m = make(false);

    unmake(&m);
    expect("not validated");
}

static void test_changed_after_validation(void **state)
{
    void *pool = objc_autoreleasePoolPush();
    dispatch_queue_t queue = dispatch_queue_create("test", NULL);
    id configuration = vz_new(VZ_CLASS_VZVirtualMachineConfiguration), machine, error;
    id loader = vz_new(VZ_CLASS_VZEFIBootLoader);

    SEND(configuration, set_boot_loader, loader);
    assert_true(SEND(configuration, validate, &error));
    SEND(configuration, set_cpus, 4);
    machine = vz_alloc(VZ_CLASS_VZVirtualMachine);
    machine = SEND(machine, init_machine, configuration, queue);
    dispatch_sync_f(queue, machine, release);
    objc_autoreleasePoolPop(pool);
    dispatch_release(queue);
    expect("not validated");
}

static void test_outside_of_the_queue(void **state)
{
    struct making m = make(true);

    SEND(m.machine, can_stop);
    unmake(&m);
    expect("a machine is touched outside of its queue");
}

static void test_released_outside_of_the_queue(void **state)
{
    struct making m = make(true);

    objc_release(m.machine);
    dispatch_release(m.queue);
    expect("a machine is released outside of its queue");
}

static void ended(struct block *block, id error)
{
}

static void start(void *machine)
{
    struct block block = vz_block(ended, NULL);

    SEND((id)machine, start, &block);
}

static void test_released_while_it_runs(void **state)
{
    struct making m = make(true);

    dispatch_sync_f(m.queue, m.machine, start);
    double_drain();
    unmake(&m);
    expect("a machine is released while it runs");
}

static void start_without_a_block(void *machine)
{
    static const struct block_descriptor descriptor = {.size = 8, .signature = ""};
    struct block block = {.descriptor = &descriptor, .invoke = (void (*)(void))ended};

    double_fail(VZ_METHOD_start, "VZErrorDomain", 1, "");
    SEND((id)machine, start, &block);
}

static void in_a_pool(void *machine)
{
    void *pool = objc_autoreleasePoolPush();

    start_without_a_block(machine);
    objc_autoreleasePoolPop(pool);
}

static void test_no_block(void **state)
{
    struct making m = make(true);

    dispatch_sync_f(m.queue, m.machine, in_a_pool);
    double_drain();
    unmake(&m);
    expect("a completion handler is no block");
}

static void nothing(void *ctx)
{
}

static void wait_for_itself(void *queue)
{
    dispatch_sync_f(queue, NULL, nothing);
}

static void test_a_queue_that_waits_for_itself(void **state)
{
    dispatch_queue_t queue = dispatch_queue_create("test", NULL);

    dispatch_sync_f(queue, queue, wait_for_itself);
    dispatch_release(queue);
    expect("a queue waits for itself");
}

/* --- the desktop --- */

static id open_window(void)
{
    id window = vz_alloc(VZ_CLASS_NSWindow);

    window = SEND(window, init_window, (struct cg_rect){0}, 0, 0, false);
    SEND(window, set_released, false);
    SEND(window, show, NULL);
    return window;
}

static void *center(void *window)
{
    SEND((id)window, center);
    return NULL;
}

static void test_outside_of_the_main_thread(void **state)
{
    id window = open_window();
    pthread_t thread;

    pthread_create(&thread, NULL, center, window);
    pthread_join(thread, NULL);
    SEND(window, close_window);
    objc_release(window);
    expect("a window is touched outside of the main thread");
}

static void test_window_not_closed(void **state)
{
    objc_release(open_window());
    expect("a window goes that is not closed");
}

/* --- the table --- */

/* Each colon of a selector takes an argument. */
static void test_arguments(void **state)
{
    static const struct {
        const char *selector, *arguments;
    } rows[] = {
#define CLASS(...)
#define DELEGATE(...)
#define METHOD(name, class, kind, selector, major, minor, source, result, ...)                     \
    {selector, #__VA_ARGS__},
#include "vz/table.def"
#undef CLASS
#undef DELEGATE
#undef METHOD
    };

    for (size_t i = 0; i < nitems(rows); i++) {
        int colons = 0, arguments = *rows[i].arguments != '\0';

        for (const char *at = rows[i].selector; *at; at++)
            colons += *at == ':';
        for (const char *at = rows[i].arguments; *at; at++)
            arguments += *at == ',';
        if (colons != arguments)
            fail_msg("%s takes %d arguments, not %d", rows[i].selector, colons, arguments);
    }
}

/* A method is not older than its class, nor there twice, and says where it is from. */
static void test_versions(void **state)
{
    for (size_t i = 0; i < VZ_METHODS; i++) {
        const struct vz_method_row *row = &vz_methods[i];
        const struct vz_class_row *class = &vz_classes[row->class];

        if (row->major < class->major || (row->major == class->major && row->minor < class->minor))
            fail_msg("%s is older than %s", row->selector, class->name);
        assert_non_null(strstr(row->source, ".h"));
        for (size_t j = 0; j < i; j++)
            assert_false(vz_methods[j].class == row->class && vz_methods[j].meta == row->meta &&
                         strcmp(vz_methods[j].selector, row->selector) == 0);
    }
    for (size_t i = 0; i < VZ_CLASSES; i++)
        assert_non_null(strstr(vz_classes[i].source, ".h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_fault, setup),
        cmocka_unit_test_setup(test_leak, setup),
        cmocka_unit_test_setup(test_too_many_releases, setup),
        cmocka_unit_test_setup(test_release_of_what_is_autoreleased, setup),
        cmocka_unit_test_setup(test_use_after_the_end, setup),
        cmocka_unit_test_setup(test_initialised_twice, setup),
        cmocka_unit_test_setup(test_not_initialised, setup),
        cmocka_unit_test_setup(test_no_pool, setup),
        cmocka_unit_test_setup(test_pool_left_behind, setup),
        cmocka_unit_test_setup(test_pools_in_disorder, setup),
        cmocka_unit_test_setup(test_newer_class, setup),
        cmocka_unit_test_setup(test_newer_method, setup),
        cmocka_unit_test_setup(test_method_of_another_class, setup),
        cmocka_unit_test_setup(test_class_with_objects, setup),
        cmocka_unit_test_setup(test_class_left_behind, setup),
        cmocka_unit_test_setup(test_wrong_types, setup),
        cmocka_unit_test_setup(test_not_validated, setup),
        cmocka_unit_test_setup(test_changed_after_validation, setup),
        cmocka_unit_test_setup(test_outside_of_the_queue, setup),
        cmocka_unit_test_setup(test_released_outside_of_the_queue, setup),
        cmocka_unit_test_setup(test_released_while_it_runs, setup),
        cmocka_unit_test_setup(test_no_block, setup),
        cmocka_unit_test_setup(test_a_queue_that_waits_for_itself, setup),
        cmocka_unit_test_setup(test_outside_of_the_main_thread, setup),
        cmocka_unit_test_setup(test_window_not_closed, setup),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
