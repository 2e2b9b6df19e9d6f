/* SPDX-License-Identifier: ISC */
#include "vz/objc.h"

#include <errno.h>
#include <stdio.h>

#define META     true
#define INSTANCE false

const struct vz_class_row vz_classes[VZ_CLASSES] = {
#define CLASS(name, major, minor, source) {#name, major, minor, source},
#define METHOD(...)
#define DELEGATE(...)
#include "vz/table.def"
#undef CLASS
#undef METHOD
};

const struct vz_method_row vz_methods[VZ_METHODS] = {
#define CLASS(...)
#define METHOD(name, class, kind, selector, major, minor, source, ...)                             \
    {#name, VZ_CLASS_##class, kind, selector, major, minor, source},
#include "vz/table.def"
#undef CLASS
#undef METHOD
#undef DELEGATE
};

id vz_class(enum vz_class class)
{
    return (id)objc_getClass(vz_classes[class].name);
}

SEL vz_selector(enum vz_method method)
{
    return sel_registerName(vz_methods[method].selector);
}

id vz_alloc(enum vz_class class)
{
    id meta = vz_class(class);

    return SEND(meta, alloc);
}

id vz_made(id object)
{
    return object ? objc_autorelease(object) : NULL;
}

id vz_new(enum vz_class class)
{
    id object = vz_alloc(class);

    return vz_made(SEND(object, init));
}

struct block vz_block(void (*invoke)(struct block *block, id error), void *ctx)
{
    static const struct block_descriptor descriptor = {
        .size = sizeof(struct block), .signature = "v16@?0@8", /* void (block, object) */
    };

    return block_make((void (*)(void))invoke, &descriptor, ctx);
}

/* --- what this system has --- */

struct ns_version vz_system(void)
{
    id meta = vz_class(VZ_CLASS_NSProcessInfo);
    id info = SEND(meta, process_info);

    return SEND(info, system_version);
}

static bool is_before(const struct ns_version *system, unsigned major, unsigned minor)
{
    return system->major < (long)major ||
           (system->major == (long)major && system->minor < (long)minor);
}

static int need(unsigned major, unsigned minor, const char *what, struct error *err)
{
    const struct ns_version system = vz_system();
    char version[24];

    if (!is_before(&system, major, minor))
        return 0;
    snprintf(version, sizeof(version), minor ? "%u.%u" : "%u", major, minor);
    return error_set(err, ENOTSUP, "%s needs macOS %s, and this is macOS %ld.%ld", what, version,
                     system.major, system.minor);
}

bool vz_has_method(enum vz_method method)
{
    const struct ns_version system = vz_system();

    return !is_before(&system, vz_methods[method].major, vz_methods[method].minor);
}

int vz_need_class(enum vz_class class, const char *what, struct error *err)
{
    return need(vz_classes[class].major, vz_classes[class].minor, what, err);
}

int vz_need_method(enum vz_method method, const char *what, struct error *err)
{
    return need(vz_methods[method].major, vz_methods[method].minor, what, err);
}

static bool has_method(const struct vz_method_row *row)
{
    Class class = objc_getClass(vz_classes[row->class].name);

    if (!class)
        return false;
    return class_respondsToSelector(row->meta ? object_getClass((id) class) : class,
                                    sel_registerName(row->selector));
}

static int missing(const char *kind, const char *class, const char *selector, struct error *err)
{
    return error_set(err, ENOTSUP,
                     "this macOS has no %s%s%s%s, which its Virtualization.framework is known to "
                     "have; Atoll does not know this version yet",
                     kind, class, *selector ? " " : "", selector);
}

int vz_check_table(struct error *err)
{
    struct ns_version system;

    if (!objc_getClass("NSProcessInfo"))
        return missing("class ", "NSProcessInfo", "", err);
    system = vz_system();
    for (size_t i = 0; i < VZ_CLASSES; i++)
        if (!is_before(&system, vz_classes[i].major, vz_classes[i].minor) &&
            !objc_getClass(vz_classes[i].name))
            return missing("class ", vz_classes[i].name, "", err);
    for (size_t i = 0; i < VZ_METHODS; i++) {
        const struct vz_method_row *row = &vz_methods[i];

        if (!is_before(&system, row->major, row->minor) && !has_method(row))
            return missing(row->meta ? "method +" : "method -", vz_classes[row->class].name,
                           row->selector, err);
    }
    return 0;
}

/* --- strings --- */

int vz_string(const char *text, id *string, struct error *err)
{
    id meta = vz_class(VZ_CLASS_NSString);

    *string = SEND(meta, string_of, text);
    return *string ? 0 : error_set(err, EINVAL, "\"%s\" is not UTF-8, which macOS wants", text);
}

int vz_file_url(const char *path, id *url, struct error *err)
{
    id meta = vz_class(VZ_CLASS_NSURL), string;
    int ret = vz_string(path, &string, err);

    if (!ret)
        *url = SEND(meta, file_url, string);
    return ret;
}
