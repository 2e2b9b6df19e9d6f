/* SPDX-License-Identifier: ISC */
/*
 * EFI's own state, and what its files ask of each other. All under efi->lock. UEFI 2.10.
 */
#ifndef FIRMWARE_EFI_CORE_H
#define FIRMWARE_EFI_CORE_H

#include <pthread.h>

#include "firmware/efi/pe.h"
#include "firmware/efi/private.h"
#include "firmware/efi/storage.h"
#include "firmware/efi/variable.h"

#define EFI_PAGE         UINT64_C(4096)
#define EFI_MAX_CALLS    64u /* that are under way, one within the other */
#define EFI_TABLE_HEADER 24u

/* Task priority levels (7.1). */
enum { TPL_APPLICATION = 4, TPL_CALLBACK = 8, TPL_NOTIFY = 16, TPL_HIGH_LEVEL = 31 };

/* Memory types (7.2). */
enum efi_memory_type {
    EFI_RESERVED,
    EFI_LOADER_CODE,
    EFI_LOADER_DATA,
    EFI_BOOT_CODE,
    EFI_BOOT_DATA,
    EFI_RUNTIME_CODE,
    EFI_RUNTIME_DATA,
    EFI_CONVENTIONAL,
    EFI_UNUSABLE,
    EFI_ACPI_RECLAIM,
    EFI_ACPI_NVS,
    EFI_MMIO,
    EFI_MMIO_PORT,
    EFI_PAL,
    EFI_PERSISTENT,
    EFI_UNACCEPTED,
    EFI_MEMORY_TYPES
};

#define EFI_MEMORY_RUNTIME (UINT64_C(1) << 63)

struct efi_region {
    uint64_t start, pages, attributes;
    uint32_t type;
};

struct efi_slab; /* pool.c's */

struct efi_memory {
    struct efi_region *regions; /* ascending; never touching another of the same kind */
    size_t count, room;
    uint64_t key;
    struct efi_slab *slabs;
    size_t slab_count, slab_room;
};

struct efi_handle; /* handle.c's */
struct efi_event;  /* event.c's */
struct efi_notify; /* handle.c's: RegisterProtocolNotify */

struct efi_interface {
    uint64_t guest;
    const struct efi_protocol *type;
    void *object;
    bool freed;
};

struct efi_image {
    struct efi_image *next;
    uint64_t handle, base, pages, entry, loaded; /* loaded: the Loaded Image interface */
    uint64_t size;
    bool started, application;
    char name[128];
};

struct efi_stub_service {
    const char *name;
    efi_service service;
    bool runtime; /* there after ExitBootServices */
};

struct efi {
    struct efi_config config;
    pthread_mutex_t lock;
    _Atomic bool boot; /* before ExitBootServices */
    bool dead;         /* a program crashed, or nothing boots: the machine is being stopped */

    struct variables *variables;
    struct efi_storage *storage;
    struct efi_memory memory;

    /* Entry i of the stub is services[i]; interfaces point to entries. */
    struct efi_stub_service *services;
    size_t service_count;
    uint64_t stub; /* physical address */
    uint64_t system_table, boot_table, runtime_table, config_table, vendor;
    size_t config_count;
    bool mapped; /* SetVirtualAddressMap was called */

    struct efi_call calls[EFI_MAX_CALLS];
    unsigned depth;
    uint64_t tpl;

    struct efi_interface *interfaces;
    size_t interface_count, interface_room;
    struct efi_handle *handles, **handles_end;
    struct efi_notify *notifies;
    uint64_t next_handle;
    size_t binding_count, open_count; /* on all handles */
    struct efi_event *events;
    uint64_t next_event, event_order;
    uint64_t time_offset; /* seconds that SetTime put the guest's clock from the host's */
    uint32_t high_count;  /* GetNextHighMonotonicCount */
    struct efi_image *images;

    struct efi_boot *manager; /* boot_manager.c's */
    struct efi_text *text;    /* console.c's */
};

/* --- gate.c --- */

/* Copies at physical addresses, which is what boot services see; false: not RAM. */
bool efi_phys_read(struct efi *efi, uint64_t pa, void *to, size_t length);
bool efi_phys_write(struct efi *efi, uint64_t pa, const void *from, size_t length);
void efi_poke64(struct efi *efi, uint64_t pa, uint64_t value);
void efi_poke32(struct efi *efi, uint64_t pa, uint32_t value);
/* The nth argument of a call, from 0; past the eighth they lie on the stack. */
uint64_t efi_argument(struct efi_call *call, unsigned n);
/* The program cannot go on, which has been said: the machine stops, and this call never returns. */
efi_status efi_stop(struct efi_call *call);
/* Ends every call that is under way down to the one that started `image`, which resumes with
 * `status`. EFI_INVALID_PARAMETER: none did. */
efi_status efi_unwind(struct efi_call *call, const struct efi_image *image, efi_status status);

/* --- fault.c --- */

/* Says what a program's exception was (X0 is the vector, X1 to X3 are ESR, ELR and FAR), and stops.
 */
efi_status efi_fault(struct efi_call *call);

/* --- stub.c --- */

/* Lays out stub, page tables and stack at power-on; where CPU 0 starts. */
efi_status efi_stub_load(struct efi *efi, uint64_t *entry);
/* The guest's address of services[index]. */
uint64_t efi_stub_entry(const struct efi *efi, size_t index);

/* --- memory.c (7.2) --- */

efi_status efi_memory_start(struct efi *efi);
void efi_memory_stop(struct efi *efi);
enum efi_allocate { EFI_ALLOCATE_ANY, EFI_ALLOCATE_MAX, EFI_ALLOCATE_ADDRESS };
efi_status efi_pages_new(struct efi *efi, enum efi_allocate how, uint32_t type, uint64_t pages,
                         uint64_t *address);
/* Any address that is a multiple of `align` (a power of two, 4 KiB at least). */
efi_status efi_pages_aligned(struct efi *efi, uint32_t type, uint64_t pages, uint64_t align,
                             uint64_t *address);
efi_status efi_pages_free(struct efi *efi, uint64_t address, uint64_t pages);
/* The region that holds this physical address, or NULL. */
const struct efi_region *efi_region_at(const struct efi *efi, uint64_t address);
efi_status efi_allocate_pages(struct efi_call *call);
efi_status efi_free_pages(struct efi_call *call);
efi_status efi_get_memory_map(struct efi_call *call);

/* --- pool.c (7.2.4) --- */

void efi_pool_stop(struct efi *efi);
efi_status efi_pool_typed(struct efi *efi, uint32_t type, size_t length, uint64_t *address);
efi_status efi_pool_free(struct efi *efi, uint64_t address);
efi_status efi_allocate_pool(struct efi_call *call);
efi_status efi_free_pool(struct efi_call *call);

/* --- handle.c (7.3) --- */

extern const struct efi_method efi_handle_services[];
extern const size_t efi_handle_service_count;
void efi_handles_stop(struct efi *efi);
bool efi_guid_equal(const struct efi_guid *a, const struct efi_guid *b);
/* The first handle with this protocol, or 0. */
uint64_t efi_handle_with(struct efi *efi, const struct efi_guid *guid);
/* The handle with this protocol whose device path is the longest beginning of `path`, or 0;
 * *covered is how many bytes of it. */
uint64_t efi_handle_on_path(struct efi *efi, const struct efi_guid *guid, const uint8_t *path,
                            size_t length, size_t *covered);

/* --- protocol.c --- */

void efi_interfaces_stop(struct efi *efi);
/* The object behind an interface at this address; NULL: none of the host's of that type. */
void *efi_object_at(struct efi *efi, uint64_t guest, const struct efi_protocol *type);
/* The first service of a protocol's methods. */
size_t efi_service_of(const struct efi *efi, const struct efi_method *methods);
efi_status efi_services_start(struct efi *efi); /* fills efi->services, once */

/* --- event.c (7.1) --- */

extern const struct efi_method efi_event_services[];
extern const size_t efi_event_service_count;
void efi_events_stop(struct efi *efi);
/* Looks at the clock and at the keyboard: signals what is due. */
void efi_events_poll(struct efi *efi);
/* Signals every event of a group (ExitBootServices and its like). */
void efi_events_signal_group(struct efi *efi, const struct efi_guid *group);
/* The notify function that should run now, above the current task priority; false: none. Takes it
 * off the queue. */
bool efi_events_take(struct efi *efi, uint64_t *event, uint64_t *function, uint64_t *context,
                     uint64_t *tpl);
extern const struct efi_guid efi_group_exit_boot_services, efi_group_virtual_address_change,
    efi_group_memory_map_change, efi_group_ready_to_boot;

/* --- image.c (7.4) --- */

extern const struct efi_method efi_image_services[];
extern const size_t efi_image_service_count;
void efi_images_stop(struct efi *efi);
/* Loads a program from host memory: `device` its volume's handle or 0, `path` its device path (may
 * be NULL). *image stays EFI's. */
efi_status efi_image_load(struct efi *efi, const uint8_t *bytes, size_t length, const char *name,
                          uint64_t parent, uint64_t device, const uint8_t *path, size_t path_length,
                          struct efi_image **image, struct error *err);
/* What the program finds as its load options. */
efi_status efi_image_options(struct efi *efi, struct efi_image *image, const void *options,
                             size_t length);
/* Has the guest start the image; `resume` gets the status that it ended with. */
efi_status efi_image_start(struct efi_call *call, struct efi_image *image, efi_resume resume);
/* Takes it out of memory, when it has returned. */
void efi_image_unload(struct efi *efi, struct efi_image *image);
/* The image whose code holds this address, or NULL. */
const struct efi_image *efi_image_at(const struct efi *efi, uint64_t address);

/* --- table.c (4) --- */

efi_status efi_tables_start(struct efi *efi);
void efi_table_checksum(struct efi *efi, uint64_t table, uint32_t length);
efi_status efi_install_configuration_table(struct efi_call *call);
efi_status efi_config_table_set(struct efi *efi, const struct efi_guid *guid, uint64_t table);
/* Has the tables point to where `convert` says that physical addresses are now. */
void efi_tables_convert(struct efi *efi, uint64_t (*convert)(void *ctx, uint64_t physical),
                        void *ctx);

/* --- boot_services.c, runtime.c (7, 8) --- */

extern const struct efi_method efi_boot_services[], efi_runtime_services[];
extern const size_t efi_boot_service_count, efi_runtime_service_count;

/* --- boot_manager.c (3) --- */

efi_status efi_boot_start(struct efi_call *call); /* the first ring */
void efi_boot_stop(struct efi *efi);

/* --- console.c (12) --- */

extern const struct efi_protocol efi_text_in, efi_text_in_ex, efi_text_out;
efi_status efi_console_start(struct efi *efi, uint64_t *in, uint64_t *out, uint64_t *handle);
void efi_console_stop(struct efi *efi);
/* Takes what was typed; signals who waits for a key. */
void efi_console_poll(struct efi *efi);

/* --- rng.c (37.5), load_file.c (13.2), path_protocol.c (10.5), graphics.c (12.9), collation.c ---
 */

extern const struct efi_protocol efi_rng, efi_load_file2, efi_device_path_to_text,
    efi_device_path_utilities, efi_graphics_output, efi_unicode_collation;
efi_status efi_rng_start(struct efi *efi);
efi_status efi_load_file_start(struct efi *efi);
efi_status efi_path_protocols_start(struct efi *efi);
efi_status efi_graphics_start(struct efi *efi);
efi_status efi_collation_start(struct efi *efi);

extern const struct efi_guid efi_device_path_guid, efi_loaded_image_guid;

/* Reads a device path, with its end, at a physical address. Returns its length; 0: there is none
 * within `room` bytes. */
size_t efi_path_read(struct efi *efi, uint64_t at, uint8_t *path, size_t room);

#endif
