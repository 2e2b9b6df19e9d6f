/* SPDX-License-Identifier: ISC */
/*
 * How the guest starts, and who the machine is.
 *
 * EFI's variables are a file of Apple's format, and the machine's identifier is bytes that only the
 * framework can read. Both lie beside the file of variables that the configuration names, as
 * "<nvram>.vz" and "<nvram>.vz-id": the same folder can be started with another engine, whose
 * variables are in a format of their own. Without such a file the variables go with the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vz/private.h"

#define VARIABLES_SUFFIX  ".vz"
#define IDENTIFIER_SUFFIX ".vz-id"
#define IDENTIFIER_MAX    4096
#define ALLOW_OVERWRITE   1 /* VZEFIVariableStoreInitializationOptionAllowOverwrite */

#define IMAGE_HEADER 64 /* of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst) */
#define IMAGE_MAGIC  56

/* --- a kernel --- */

struct kernel_format {
    size_t at;
    const char *magic;
    size_t length;
    const char *name, *remedy;
};

static const struct kernel_format formats[] = {
    {4, "zimg", 4, "an EFI zboot image", "boot it by EFI, from a disk, or unpack it"},
    {0, "\x1f\x8b", 2, "compressed by gzip", "unpack it with gunzip"},
    {0, "\x28\xb5\x2f\xfd", 4, "compressed by zstd", "unpack it with unzstd"},
    {0,
     "\xfd"
     "7zXZ",
     5, "compressed by xz", "unpack it with unxz"},
    {0,
     "\x7f"
     "ELF",
     4, "an ELF program", "boot it by EFI, from a disk"},
};

/* The framework takes anything and hangs on what is no Image. */
static int check_kernel(const char *path, struct error *err)
{
    uint8_t head[IMAGE_HEADER] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got;

    if (fd < 0)
        return error_set(err, errno, "%s: cannot open the kernel: %s", path, strerror(errno));
    got = pread(fd, head, sizeof(head), 0);
    close(fd);
    for (size_t i = 0; i < nitems(formats); i++)
        if (memcmp(head + formats[i].at, formats[i].magic, formats[i].length) == 0)
            return error_set(err, ENOTSUP,
                             "%s: the kernel is %s, and Apple's framework boots plain arm64 Images "
                             "alone; %s",
                             path, formats[i].name, formats[i].remedy);
    if (got != IMAGE_HEADER || memcmp(head + IMAGE_MAGIC, "ARM\x64", 4) != 0)
        return error_set(err, EINVAL, "%s: it is no arm64 Image", path);
    return 0;
}

static int linux_loader(id *loader, const struct atoll_config *config, struct error *err)
{
    int ret = check_kernel(config->kernel, err);
    id url, text;

    ret = ret ? ret : vz_need_class(VZ_CLASS_VZLinuxBootLoader, "booting a kernel", err);
    ret = ret ? ret : vz_file_url(config->kernel, &url, err);
    if (ret)
        return ret;
    *loader = vz_alloc(VZ_CLASS_VZLinuxBootLoader);
    *loader = vz_made(SEND(*loader, init_kernel, url));
    if (!*loader)
        return error_set(err, EIO, "%s: the framework does not take the kernel", config->kernel);
    if (config->append) {
        ret = vz_string(config->append, &text, err);
        if (!ret)
            SEND(*loader, set_command_line, text);
    }
    if (!ret && config->initrd) {
        if (access(config->initrd, R_OK))
            return error_set(err, errno, "%s: cannot read the initial ramdisk: %s", config->initrd,
                             strerror(errno));
        ret = vz_file_url(config->initrd, &url, err);
        if (!ret)
            SEND(*loader, set_ramdisk, url);
    }
    return ret;
}

/* --- EFI --- */

static int make_variables(id *store, const char *path, bool overwrite, struct error *err)
{
    id url, error = NULL;
    int ret = vz_file_url(path, &url, err);

    if (ret)
        return ret;
    *store = vz_alloc(VZ_CLASS_VZEFIVariableStore);
    *store =
        vz_made(SEND(*store, init_new_variables, url, overwrite ? ALLOW_OVERWRITE : 0, &error));
    return *store ? 0 : vz_explain(error, err, "%s: cannot make a store of EFI variables", path);
}

static int open_variables(id *store, const char *path, struct error *err)
{
    id url;
    int ret = vz_file_url(path, &url, err);

    if (ret)
        return ret;
    *store = vz_alloc(VZ_CLASS_VZEFIVariableStore);
    *store = vz_made(SEND(*store, init_variables, url));
    return *store ? 0
                  : error_set(err, EIO,
                              "%s: the framework does not take this store of EFI variables; "
                              "without the file a new one is made",
                              path);
}

/* Variables that nobody asked to keep. */
static int scratch_variables(struct vz *vz, id *store, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/atoll-vz-XXXXXX", folder && *folder ? folder : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot make a file for EFI's variables: %s", path,
                         strerror(errno));
    close(fd);
    vz->scratch = strdup(path);
    if (!vz->scratch) {
        unlink(path);
        return error_set(err, ENOMEM, "out of memory");
    }
    return make_variables(store, path, true, err);
}

static int beside(const char *nvram, const char *suffix, char *path, struct error *err)
{
    int length = snprintf(path, PATH_MAX, "%s%s", nvram, suffix);

    return length < PATH_MAX ? 0 : error_set(err, ENAMETOOLONG, "%s: the name is too long", nvram);
}

static int variables(struct vz *vz, id *store, const char *nvram, struct error *err)
{
    char path[PATH_MAX];
    int ret;

    if (!nvram)
        return scratch_variables(vz, store, err);
    ret = beside(nvram, VARIABLES_SUFFIX, path, err);
    if (ret)
        return ret;
    return access(path, F_OK) ? make_variables(store, path, false, err)
                              : open_variables(store, path, err);
}

static int efi_loader(struct vz *vz, id *loader, const struct atoll_config *config,
                      struct error *err)
{
    int ret = vz_need_class(VZ_CLASS_VZEFIBootLoader, "booting by EFI", err);
    id store;

    ret = ret ? ret : variables(vz, &store, config->nvram, err);
    if (ret)
        return ret;
    *loader = vz_new(VZ_CLASS_VZEFIBootLoader);
    SEND(*loader, set_variables, store);
    return 0;
}

/* --- the identifier --- */

/* Returns its length, 0: there is none yet, or -errno. */
static int64_t read_identifier(const char *path, uint8_t bytes[IDENTIFIER_MAX], struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : error_set(err, errno, "%s: cannot open the machine's identifier: %s", path,
                               strerror(errno));
    got = read(fd, bytes, IDENTIFIER_MAX);
    if (got < 0)
        error_set(err, errno, "%s: cannot read the machine's identifier: %s", path,
                  strerror(errno));
    close(fd);
    return got < 0 ? -EIO : got;
}

/* It is there whole, or not at all. */
static int write_identifier(const char *path, const void *bytes, size_t length, struct error *err)
{
    char fresh[PATH_MAX + 8];
    int fd, ret = 0;

    snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
    fd = mkstemp(fresh);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot keep the machine's identifier: %s", path,
                         strerror(errno));
    errno = ENOSPC; /* what keeps a few bytes from being written, if nothing else is said */
    if (write(fd, bytes, length) != (ssize_t)length || fsync(fd))
        ret = errno;
    if (close(fd) && !ret)
        ret = errno;
    if (!ret && rename(fresh, path))
        ret = errno;
    if (!ret)
        return 0;
    unlink(fresh);
    return error_set(err, ret, "%s: cannot keep the machine's identifier: %s", path, strerror(ret));
}

static int old_identifier(id *identifier, const char *path, const void *bytes, size_t length,
                          struct error *err)
{
    id meta = vz_class(VZ_CLASS_NSData), data = SEND(meta, data_of, bytes, length);

    *identifier = vz_alloc(VZ_CLASS_VZGenericMachineIdentifier);
    *identifier = vz_made(SEND(*identifier, init_identifier, data));
    return *identifier ? 0
                       : error_set(err, EINVAL,
                                   "%s: it holds no machine's identifier; without the file a new "
                                   "one is made",
                                   path);
}

static int identifier_of(id *identifier, const char *nvram, struct error *err)
{
    uint8_t bytes[IDENTIFIER_MAX];
    char path[PATH_MAX];
    int64_t length;
    id data;
    int ret = beside(nvram, IDENTIFIER_SUFFIX, path, err);

    if (ret)
        return ret;
    length = read_identifier(path, bytes, err);
    if (length)
        return length < 0 ? (int)length
                          : old_identifier(identifier, path, bytes, (size_t)length, err);
    *identifier = vz_new(VZ_CLASS_VZGenericMachineIdentifier);
    data = SEND(*identifier, identifier_data);
    return write_identifier(path, SEND(data, bytes), SEND(data, length), err);
}

bool vz_nested(void)
{
    void *pool = objc_autoreleasePoolPush();
    bool nested = vz_has_method(VZ_METHOD_set_nested) &&
                  SEND(vz_class(VZ_CLASS_VZGenericPlatformConfiguration), nested_supported);

    objc_autoreleasePoolPop(pool);
    return nested;
}

static int set_nested(id platform, struct error *err)
{
    int ret = vz_need_method(VZ_METHOD_set_nested, "nested virtualisation", err);

    if (ret)
        return ret;
    if (!vz_nested())
        return error_set(err, ENOTSUP,
                         "this Mac's processor has no nested virtualisation: leave --nested away");
    SEND(platform, set_nested, true);
    return 0;
}

/* What is not set is the framework's choice: every machine has an identifier then. */
static int configure_platform(id configuration, const struct atoll_config *config,
                              struct error *err)
{
    id platform, identifier;
    int ret = 0;

    if (!config->nvram && !config->nested)
        return 0;
    platform = vz_new(VZ_CLASS_VZGenericPlatformConfiguration);
    if (config->nvram)
        ret = identifier_of(&identifier, config->nvram, err);
    if (ret)
        return ret;
    if (config->nvram)
        SEND(platform, set_identifier, identifier);
    if (config->nested)
        ret = set_nested(platform, err);
    if (!ret)
        SEND(configuration, set_platform, platform);
    return ret;
}

int vz_configure_boot(struct vz *vz, id configuration, const struct atoll_config *config,
                      struct error *err)
{
    id loader = NULL;
    int ret =
        config->kernel ? linux_loader(&loader, config, err) : efi_loader(vz, &loader, config, err);

    if (ret)
        return ret;
    SEND(configuration, set_boot_loader, loader);
    return configure_platform(configuration, config, err);
}
