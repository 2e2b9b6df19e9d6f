/* SPDX-License-Identifier: ISC */
/*
 * What the files of this room share: calls, guest memory, protocols and handles. UEFI 2.10.
 */
#ifndef FIRMWARE_EFI_PRIVATE_H
#define FIRMWARE_EFI_PRIVATE_H

#include "firmware/efi/efi.h"

typedef uint64_t efi_status;

/* Status codes (Appendix D). */
#define EFI_ERROR_BIT          (UINT64_C(1) << 63)
#define EFI_SUCCESS            UINT64_C(0)
#define EFI_LOAD_ERROR         (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER  (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED        (EFI_ERROR_BIT | 3)
#define EFI_BAD_BUFFER_SIZE    (EFI_ERROR_BIT | 4)
#define EFI_BUFFER_TOO_SMALL   (EFI_ERROR_BIT | 5)
#define EFI_NOT_READY          (EFI_ERROR_BIT | 6)
#define EFI_DEVICE_ERROR       (EFI_ERROR_BIT | 7)
#define EFI_WRITE_PROTECTED    (EFI_ERROR_BIT | 8)
#define EFI_OUT_OF_RESOURCES   (EFI_ERROR_BIT | 9)
#define EFI_VOLUME_CORRUPTED   (EFI_ERROR_BIT | 10)
#define EFI_VOLUME_FULL        (EFI_ERROR_BIT | 11)
#define EFI_NO_MEDIA           (EFI_ERROR_BIT | 12)
#define EFI_MEDIA_CHANGED      (EFI_ERROR_BIT | 13)
#define EFI_NOT_FOUND          (EFI_ERROR_BIT | 14)
#define EFI_ACCESS_DENIED      (EFI_ERROR_BIT | 15)
#define EFI_TIMEOUT            (EFI_ERROR_BIT | 18)
#define EFI_NOT_STARTED        (EFI_ERROR_BIT | 19)
#define EFI_ALREADY_STARTED    (EFI_ERROR_BIT | 20)
#define EFI_ABORTED            (EFI_ERROR_BIT | 21)
#define EFI_SECURITY_VIOLATION (EFI_ERROR_BIT | 26)

/* As it lies in memory: the first three fields are little-endian (Appendix A). */
struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

#define EFI_GUID_TEXT 37

struct efi_call;

/* Answers one service. A handler that cannot answer at once returns efi_call_guest() or
 * efi_call_wait(). */
typedef efi_status (*efi_service)(struct efi_call *call);
/* Goes on after what the call waited for: `result` is what the guest's function returned. */
typedef efi_status (*efi_resume)(struct efi_call *call, uint64_t result);

/* What the stub does next (stub.S). */
enum efi_command {
    EFI_COMMAND_RETURN,
    EFI_COMMAND_CALL,   /* a function of the guest's, and ring again */
    EFI_COMMAND_WAIT,   /* for an interrupt, and ring again */
    EFI_COMMAND_UNWIND, /* return from an older frame */
    EFI_COMMAND_QUIET,  /* no more ticks, and ring again */
};

/* One call that the guest is making. */
struct efi_call {
    struct efi *efi;
    const struct efi_cpu *cpu;
    uint64_t arg[8]; /* X0 to X7 */
    uint64_t sp;     /* the caller's, where further arguments lie */

    /* gate.c's, and the handler's that calls the guest. */
    uint64_t frame;
    enum efi_command command;
    uint64_t target, target_arg[5];
    efi_resume resume;
    uint64_t state[6];       /* what the handler keeps until it resumes */
    struct efi_image *image; /* that this call started */
    uint64_t tpl;            /* to go back to, after a notify function or an image */
    struct {
        efi_status status;
        enum efi_command command;
        efi_resume resume;
    } kept; /* while a notify function runs */
};

/* --- guest memory, as the caller of a service sees it (gate.c) ---
 * Each page is translated through the caller's tables, so the same code serves boot services, where
 * memory is mapped one to one, and runtime services under an operating system's map. Return 0, or
 * -EFAULT with nothing (or only whole pages) copied; the service then answers
 * EFI_INVALID_PARAMETER. */
int efi_read(struct efi_call *call, uint64_t va, void *to, size_t length);
int efi_write(struct efi_call *call, uint64_t va, const void *from, size_t length);
/* Scalars, by the size of what they point to. */
int efi_read_u64(struct efi_call *call, uint64_t va, uint64_t *value);
int efi_write_u64(struct efi_call *call, uint64_t va, uint64_t value);
int efi_write_u32(struct efi_call *call, uint64_t va, uint32_t value);
int efi_write_u8(struct efi_call *call, uint64_t va, uint8_t value);
int efi_read_guid(struct efi_call *call, uint64_t va, struct efi_guid *guid);
/* A CHAR16 string with its NUL, at most `room` units. -ENAMETOOLONG when it has no end by then. */
int efi_read_string(struct efi_call *call, uint64_t va, uint16_t *to, size_t room);

/* --- what a handler returns that cannot answer yet (gate.c) --- */

/* Has the stub call `function` with `count` arguments, at most 5; `resume` answers the service. */
efi_status efi_call_guest(struct efi_call *call, uint64_t function, const uint64_t *args,
                          unsigned count, efi_resume resume);
/* Has the stub wait for an interrupt (the tick at the latest); then `resume`. */
efi_status efi_call_wait(struct efi_call *call, efi_resume resume);

/* --- protocols that the host implements (protocol.c) ---
 * A type says which functions stand where in the interface; an interface is a guest structure made
 * from it, with `object`, the host's, behind it. */
struct efi_method {
    unsigned offset; /* of the function pointer in the interface */
    const char *name;
    efi_service service;
};

struct efi_protocol {
    struct efi_guid guid;
    const char *name;
    unsigned size; /* of the interface structure; what is not a method is zero at first */
    const struct efi_method *methods;
    unsigned method_count;
};

/* Every protocol that the host implements, NULL-terminated (protocol.c): the stub has an entry for
 * each of their methods. */
extern const struct efi_protocol *const efi_protocols[];

/* Makes an interface of `type` in boot-services memory with `object` behind it; *guest is its
 * address. `extra` bytes follow the structure (Block I/O's media, Simple Text's mode).
 * EFI_OUT_OF_RESOURCES. */
efi_status efi_interface_new(struct efi *efi, const struct efi_protocol *type, void *object,
                             size_t extra, uint64_t *guest);
/* Frees the one with `object` behind it: a program can have the pool give out an address twice. */
void efi_interface_free(struct efi *efi, uint64_t guest, const void *object);

/* The object behind `This`, the first argument of every method; NULL when it is no live interface
 * of that type. */
void *efi_this(struct efi_call *call, const struct efi_protocol *type);

/* Host-side access to memory that efi_interface_new or efi_pool_new gave. */
void efi_poke(struct efi *efi, uint64_t guest, const void *from, size_t length);

/* Boot-services pool for things that the host makes and a guest frees (FreePool) or keeps. */
efi_status efi_pool_new(struct efi *efi, size_t length, uint64_t *guest);

/* Adds a protocol to *handle (0: a new handle). `interface` is any guest address. */
efi_status efi_install(struct efi *efi, uint64_t *handle, const struct efi_guid *guid,
                       uint64_t interface);
efi_status efi_uninstall(struct efi *efi, uint64_t handle, const struct efi_guid *guid);
/* The interface of `guid` on `handle`; 0: none. */
uint64_t efi_interface_on(struct efi *efi, uint64_t handle, const struct efi_guid *guid);
/* The object behind an interface of `type` on `handle`; NULL: none, or not the host's. */
void *efi_object_on(struct efi *efi, uint64_t handle, const struct efi_protocol *type);

/* An event that never is signalled of itself, for WaitForKey and the like; efi_event_signal sets
 * it.
 */
efi_status efi_event_new(struct efi *efi, uint64_t *event);
void efi_event_signal(struct efi *efi, uint64_t event);
/* Its reason is gone before anybody waited for it. */
void efi_event_forget(struct efi *efi, uint64_t event);

/* --- storage (storage.c): disks, partitions, volumes --- */

/* Makes handles with Device Path, Block I/O and Disk I/O for every disk and partition, and Simple
 * File System for every FAT volume. At power-on, after the handle database is empty. */
efi_status efi_storage_start(struct efi *efi);
/* Frees everything of the host's behind them. At reset, ExitBootServices and the end. */
void efi_storage_stop(struct efi *efi);

/* Handles whose volume could be booted from, in the order of disks and partitions. Returns how
 * many; fills at most `room`. */
size_t efi_storage_volumes(struct efi *efi, uint64_t *handles, size_t room);

/* Reads a whole file of the volume on `handle` into malloc'ed memory; `path` with backslashes, in
 * CHAR16. EFI_NOT_FOUND, EFI_VOLUME_CORRUPTED, EFI_DEVICE_ERROR, EFI_OUT_OF_RESOURCES (above
 * 1 GiB, the most that a program may have). */
efi_status efi_storage_read_file(struct efi *efi, uint64_t handle, const uint16_t *path,
                                 uint8_t **bytes, size_t *length);

/* What storage keeps; storage.c's. */
struct efi_storage;
struct efi_storage **efi_storage_of(struct efi *efi);
const struct efi_config *efi_config_of(const struct efi *efi);

#endif
