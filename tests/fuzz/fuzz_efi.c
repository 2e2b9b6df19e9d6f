/* SPDX-License-Identifier: ISC */
/*
 * A hostile EFI program: the input says which services and methods it calls, with which arguments,
 * what its notify functions and the images it starts do, and whether it takes the machine over.
 * What a service wants in an argument is usually there, so that calls get past their first check.
 */
#include <stdlib.h>

#include "efi_rig.h"
#include "firmware/efi/pe.h"
#include "fuzz.h"

#define MAX_CALLS  200u
#define MAX_DEPTH  4u
#define KEPT       32u
#define INTERFACES 16u
#define ARENA      8192u
#define KERNEL     UINT64_C(0xffff000000000000)

struct program {
    struct fuzz_input input;
    unsigned calls, depth;
    uint64_t arena;      /* what most pointers point into */
    uint64_t kept[KEPT]; /* handles, events, addresses that services gave */
    uint64_t interfaces[INTERFACES];
    uint64_t code; /* a program's file in guest memory */
    size_t code_length;
    bool taken_over;
};

/* What an argument usually is:
 *  p  a pointer into the arena       k  something a service gave     g  a protocol's GUID
 *  s  a string                       f  a function of ours           i  our image
 *  n  a small number                 z  a size                       c  a program's file
 *  t  a task priority                m  a memory type                x  any number */
struct service {
    unsigned offset;
    const char *args;
};

#define SERVICE(n, args)                                                                           \
    {                                                                                              \
        24 + 8 * (n), args                                                                         \
    }

static const struct service boot_services[] = {
    SERVICE(BS_RAISE_TPL, "t"),
    SERVICE(BS_RESTORE_TPL, "t"),
    SERVICE(BS_ALLOCATE_PAGES, "nmnp"),
    SERVICE(BS_FREE_PAGES, "kn"),
    SERVICE(BS_GET_MEMORY_MAP, "ppppp"),
    SERVICE(BS_ALLOCATE_POOL, "mzp"),
    SERVICE(BS_FREE_POOL, "k"),
    SERVICE(BS_CREATE_EVENT, "etfxp"),
    SERVICE(BS_SET_TIMER, "knx"),
    SERVICE(BS_WAIT_FOR_EVENT, "npp"),
    SERVICE(BS_SIGNAL_EVENT, "k"),
    SERVICE(BS_CLOSE_EVENT, "k"),
    SERVICE(BS_CHECK_EVENT, "k"),
    SERVICE(BS_INSTALL, "pg0k"),
    SERVICE(BS_REINSTALL, "kgkk"),
    SERVICE(BS_UNINSTALL, "kgk"),
    SERVICE(BS_HANDLE_PROTOCOL, "kgp"),
    SERVICE(BS_REGISTER_NOTIFY, "gkp"),
    SERVICE(BS_LOCATE_HANDLE, "ngnpp"),
    SERVICE(BS_LOCATE_DEVICE_PATH, "gpp"),
    SERVICE(BS_INSTALL_TABLE, "gx"),
    SERVICE(BS_LOAD_IMAGE, "nikczp"),
    SERVICE(BS_LOAD_IMAGE, "nicczp"),
    SERVICE(BS_LOAD_IMAGE, "nik00p"),
    SERVICE(BS_START_IMAGE, "kpp"),
    SERVICE(BS_EXIT, "knzp"),
    SERVICE(BS_UNLOAD_IMAGE, "k"),
    SERVICE(BS_EXIT_BOOT, "ix"),
    SERVICE(BS_NEXT_COUNT, "p"),
    SERVICE(BS_STALL, "x"),
    SERVICE(BS_WATCHDOG, "nn"),
    SERVICE(BS_CONNECT, "k"),
    SERVICE(BS_DISCONNECT, "k"),
    SERVICE(BS_OPEN_PROTOCOL, "kgpikn"),
    SERVICE(BS_CLOSE_PROTOCOL, "kgik"),
    SERVICE(BS_OPEN_INFORMATION, "kgpp"),
    SERVICE(BS_PROTOCOLS_PER_HANDLE, "kpp"),
    SERVICE(BS_LOCATE_HANDLE_BUFFER, "ngnpp"),
    SERVICE(BS_LOCATE_PROTOCOL, "gnp"),
    SERVICE(BS_INSTALL_MULTIPLE, "pgxgxgxgxgx0"),
    SERVICE(BS_UNINSTALL_MULTIPLE, "kgxgxgxgxgx0"),
    SERVICE(BS_CRC32, "pzp"),
    SERVICE(BS_COPY_MEM, "ppz"),
    SERVICE(BS_SET_MEM, "pzn"),
    SERVICE(BS_CREATE_EVENT_EX, "etfxgp"),
};

static const struct service runtime_services[] = {
    SERVICE(RS_GET_TIME, "pp"),        SERVICE(RS_SET_TIME, "p"),
    SERVICE(RS_SET_VIRTUAL, "zn1p"),   SERVICE(RS_CONVERT, "np"),
    SERVICE(RS_GET_VARIABLE, "sgppp"), SERVICE(RS_NEXT_VARIABLE, "psp"),
    SERVICE(RS_SET_VARIABLE, "sgnzp"), SERVICE(RS_NEXT_HIGH_COUNT, "p"),
    SERVICE(RS_QUERY_CAPSULE, "pppp"), SERVICE(RS_QUERY_INFO, "nppp"),
    SERVICE(RS_RESET, "nnzp"),
};

/* Methods by protocol; the first argument is the interface, but for the last two. */
struct protocol {
    struct efi_guid guid;
    bool has_this;
    const struct service *methods;
    unsigned count;
};

static const struct service block_io[] = {{16, "n"}, {24, "1nzp"}, {32, "1nzp"}, {40, ""}};
static const struct service disk_io[] = {{8, "1xzp"}, {16, "1xzp"}};
static const struct service file_system[] = {{8, "p"}};
static const struct service text_in[] = {{0, "n"}, {8, "p"}, {24, "p"}, {32, "pfp"}, {40, "k"}};
static const struct service text_out[] = {{0, "n"},  {8, "s"}, {16, "s"},  {24, "npp"}, {32, "n"},
                                          {40, "x"}, {48, ""}, {56, "nn"}, {64, "n"}};
static const struct service rng[] = {{0, "pp"}, {8, "gnp"}};
static const struct service load_file[] = {{0, "pnpp"}};
static const struct service graphics[] = {{0, "npp"}, {8, "n"}, {16, "pnnnnnnnz"}};
static const struct service collation[] = {{0, "ss"}, {8, "ss"},   {16, "s"},
                                           {24, "s"}, {32, "npp"}, {40, "snp"}};
static const struct service to_text[] = {{0, "knn"}, {8, "knn"}};
static const struct service utilities[] = {{0, "k"},   {8, "k"},   {16, "kk"}, {24, "kk"},
                                           {32, "kk"}, {40, "pp"}, {48, "k"},  {56, "nnn"}};
static const struct service file[] = {{8, "psxn"}, {16, ""},  {24, ""},     {32, "pp"},
                                      {40, "pp"},  {48, "p"}, {56, "x"},    {64, "gpp"},
                                      {72, "gzp"}, {80, ""},  {88, "pspnn"}};

#define TEXT_D                                                                                     \
    {                                                                                              \
        0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b                                             \
    }
#define METHODS(m) m, sizeof(m) / sizeof(*(m))

static const struct protocol protocols[] = {
    {{0x964e5b21, 0x6459, 0x11d2, TEXT_D}, true, METHODS(block_io)},
    {{0xce345171, 0xba0b, 0x11d2, {0x8e, 0x4f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
     true,
     METHODS(disk_io)},
    {{0x964e5b22, 0x6459, 0x11d2, TEXT_D}, true, METHODS(file_system)},
    {{0x387477c1, 0x69c7, 0x11d2, TEXT_D}, true, text_in, 2},
    {{0xdd9e7534, 0x7762, 0x4698, {0x8c, 0x14, 0xf5, 0x85, 0x17, 0xa6, 0x25, 0xaa}},
     true,
     METHODS(text_in)},
    {{0x387477c2, 0x69c7, 0x11d2, TEXT_D}, true, METHODS(text_out)},
    {{0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}},
     true,
     METHODS(rng)},
    {{0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}},
     true,
     METHODS(load_file)},
    {{0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}},
     true,
     METHODS(graphics)},
    {{0xa4c751fc, 0x23ae, 0x4c3e, {0x92, 0xe9, 0x49, 0x64, 0xcf, 0x63, 0xf3, 0x49}},
     true,
     METHODS(collation)},
    {{0x8b843e20, 0x8132, 0x4852, {0x90, 0xcc, 0x55, 0x1a, 0x4e, 0x4a, 0x7f, 0x1c}},
     false,
     METHODS(to_text)},
    {{0x0379be4e, 0xd706, 0x437d, {0xb0, 0x37, 0xed, 0xb8, 0x2f, 0xb7, 0x72, 0xa4}},
     false,
     METHODS(utilities)},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(*protocols))
_Static_assert(PROTOCOLS < INTERFACES, "one more, for the open file");

/* What no protocol above is, but a service looks at. */
static const struct efi_guid other_guids[] = {
    {0x09576e91, 0x6d3f, 0x11d2, TEXT_D}, /* Device Path */
    {0x09576e92, 0x6d3f, 0x11d2, TEXT_D}, /* File Info */
    {0x09576e93, 0x6d3f, 0x11d2, TEXT_D}, /* File System Info */
    {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    {0x27abf055, 0xb1b8, 0x4c26, {0x80, 0x48, 0x74, 0x8f, 0x37, 0xba, 0xa2, 0xdf}},
    {0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}},
    {1, 2, 3, {4}},
    {0xe43176d7, 0xb6e8, 0x4827, {0xb7, 0x84, 0x7f, 0xfd, 0xc4, 0xb6, 0x85, 0x61}},
};

#define GUID_GLOBAL 5u /* of other_guids: EFI's own variables */

static const char *const strings[] = {"",
                                      "\\",
                                      "EFI",
                                      "\\EFI\\BOOT",
                                      "\\EFI\\BOOT\\BOOTAA64.EFI",
                                      "a.txt",
                                      "..",
                                      "Boot0001",
                                      "BootOrder",
                                      "BootNext",
                                      "SecureBoot",
                                      "*",
                                      "[a-z]?*.EFI",
                                      "A long name that has no 8.3 form.conf",
                                      "\033[1mtext\r\n\b\t"};

static uint64_t run_some(struct efi_rig *rig, const uint64_t *args);

static uint64_t take(struct program *p, unsigned bytes)
{
    return fuzz_take(&p->input, bytes);
}

static uint64_t take_guid(struct efi_rig *rig, struct program *p)
{
    unsigned n = (unsigned)take(p, 1) % (PROTOCOLS + sizeof(other_guids) / sizeof(*other_guids));
    const struct efi_guid *guid = n < PROTOCOLS ? &protocols[n].guid : &other_guids[n - PROTOCOLS];

    return rig_guid(rig, guid) + rig->offset;
}

static uint64_t take_string(struct efi_rig *rig, struct program *p)
{
    unsigned n = (unsigned)take(p, 1) % (sizeof(strings) / sizeof(*strings));

    return rig_string(rig, strings[n]) + rig->offset;
}

/* A word of the arena, which gets a value that is worth something to whoever reads it. */
static uint64_t take_pointer(struct efi_rig *rig, struct program *p)
{
    uint64_t how = take(p, 1), at = p->arena + (take(p, 1) % 128) * 8;

    if (how & 1)
        rig_store(rig, at, 8, how & 2 ? p->kept[how >> 3] : how & 4 ? how << 5 : how >> 3);
    return at + rig->offset;
}

static uint64_t take_event_type(struct program *p)
{
    static const uint32_t types[] = {0x80000000, 0x200, 0x80000200, 0x100,
                                     0x201,      0,     0x60000202, 0x80000100};

    return types[take(p, 1) % 8];
}

static uint64_t take_argument(struct efi_rig *rig, struct program *p, char kind)
{
    uint64_t how = take(p, 1);

    if (how >= 0xf8)
        return take(p, 8); /* wild */
    switch (kind) {
    case 'p': return take_pointer(rig, p);
    case 'k': return p->kept[how % KEPT];
    case 'g': return take_guid(rig, p);
    case 's': return take_string(rig, p);
    case 'f': return rig_address(rig, run_some);
    case 'i': return rig->image;
    case 'z': return how < 0xc0 ? how * 8 : take(p, 3);
    case 'c': return p->code;
    case 't': return how % 32;
    case 'm': return how < 0xf0 ? how % 17 : 0x80000000 + how;
    case 'e': return take_event_type(p);
    case 'x': return take(p, 4);
    case '0':
    case '1': return (uint64_t)(kind - '0');
    default: return how < 0xf0 ? how % 64 : how * 16;
    }
}

static void keep(struct program *p, uint64_t value)
{
    if (!value || value >> 52)
        return;
    for (unsigned i = KEPT - 1; i > 0; i--)
        p->kept[i] = p->kept[i - 1];
    p->kept[0] = value;
}

/* Calls it, and keeps what it gave through its pointers. */
static void call(struct efi_rig *rig, struct program *p, uint64_t table,
                 const struct service *service, bool has_this)
{
    uint64_t args[16] = {table}, result;
    unsigned count = has_this;

    if (!table)
        return;
    for (const char *kind = service->args; *kind; kind++)
        args[count++] = take_argument(rig, p, *kind);
    result = rig_call(rig, table, service->offset, count, args);
    if (!(result >> 60))
        keep(p, result);
    for (unsigned i = 0; i < count; i++) {
        if (i >= has_this && service->args[i - has_this] == 'p' && args[i])
            keep(p, rig_load(rig, args[i] - rig->offset, 8));
    }
}

#define PICK_KEPT(p)  ((p)->kept[take(p, 1) % KEPT])
#define PICK(list, p) (&(list)[take(p, 1) % (sizeof(list) / sizeof(*(list)))])

static void call_method(struct efi_rig *rig, struct program *p)
{
    unsigned n = (unsigned)take(p, 1) % (PROTOCOLS + 1);

    if (p->taken_over)
        return;
    if (n == PROTOCOLS)
        call(rig, p, take(p, 1) & 1 ? p->kept[0] : p->interfaces[n], PICK(file, p), true);
    else
        call(rig, p, p->interfaces[n], &protocols[n].methods[take(p, 1) % protocols[n].count],
             protocols[n].has_this);
}

/* A frame that no stub wrote: any service's number, the stub's own among them. */
static void call_number(struct efi_rig *rig, struct program *p)
{
    uint64_t at = p->arena + ARENA - 16;

    rig_store(rig, at, 4, 0xd2800010 | (take(p, 2) & 0x1ff) << 5);
    rig_store(rig, at + 8, 8, at + rig->offset);
    RIG_CALL(rig, at + 8, 0, take(p, 8), take(p, 8), take(p, 8), take(p, 8));
}

static int translate(void *ctx, uint64_t va, bool write, uint64_t *pa)
{
    *pa = va;
    return 0;
}

static void ring_wild(struct efi_rig *rig, struct program *p)
{
    const struct efi_cpu cpu = {translate, rig};

    efi_ring(rig->efi, &cpu, take(p, 1) & 1 ? take(p, 8) : p->arena + take(p, 2));
}

/* The key of the map as it is, and out; then a kernel's map. */
static void take_over(struct efi_rig *rig, struct program *p)
{
    uint64_t at = p->arena;

    if (p->taken_over)
        return;
    rig_store(rig, at, 8, ARENA - 64);
    RIG_BOOT(rig, BS_GET_MEMORY_MAP, at, at + 64, at + 8, at + 16, at + 24);
    p->taken_over = RIG_BOOT(rig, BS_EXIT_BOOT, rig->image, rig_load(rig, at + 8, 8)) == 0;
    if (!p->taken_over || take(p, 1) & 1)
        return;
    rig_store(rig, at + 8, 8, RIG_RAM);
    rig_store(rig, at + 16, 8, RIG_RAM + KERNEL);
    rig_store(rig, at + 24, 8, RIG_RAM_SIZE / 4096);
    rig_store(rig, at + 32, 8, UINT64_C(1) << 63);
    if (RIG_RUNTIME(rig, RS_SET_VIRTUAL, 40, 40, 1, at) == 0)
        rig->offset = KERNEL;
}

/* Boot0001 with a device path that is there, and the loader it leads to; for the next life. */
static void install_loader(struct efi_rig *rig, struct program *p)
{
    static const char *const path[] = {"EFI", "EFI\\BOOT", "EFI\\BOOT\\BOOTAA64.EFI"};
    uint64_t root = p->interfaces[PROTOCOLS], at = p->arena, option = at + 64;

    if (p->taken_over || !root)
        return;
    for (unsigned i = 0; i < 3; i++) {
        RIG_CALL(rig, root, 8, root, at, rig_string(rig, path[i]), UINT64_C(1) << 63 | 3,
                 i < 2 ? 0x10 : 0);
        if (i < 2)
            RIG_CALL(rig, rig_load(rig, at, 8), 16, rig_load(rig, at, 8));
    }
    rig_store(rig, at + 8, 8, p->code_length);
    RIG_CALL(rig, rig_load(rig, at, 8), 40, rig_load(rig, at, 8), at + 8, p->code);
    RIG_CALL(rig, rig_load(rig, at, 8), 16, rig_load(rig, at, 8));

    rig_store(rig, option, 4, 1);
    rig_store(rig, option + 4, 2, 64 + take(p, 1));
    rig_store(rig, option + 6, 4, 'x');
    RIG_BOOT(rig, BS_COPY_MEM, option + 10, PICK_KEPT(p), 256);
    rig_store(rig, at, 4, 1);
    RIG_RUNTIME(rig, RS_SET_VARIABLE, rig_string(rig, "Boot0001"),
                rig_guid(rig, &other_guids[GUID_GLOBAL]), 7, 64 + take(p, 1), option);
    RIG_RUNTIME(rig, RS_SET_VARIABLE, rig_string(rig, take(p, 1) & 1 ? "BootOrder" : "BootNext"),
                rig_guid(rig, &other_guids[GUID_GLOBAL]), 7, 2, at);
}

static void step(struct efi_rig *rig, struct program *p)
{
    switch (take(p, 1) % 16) {
    case 0: rig_tick(rig); break;
    case 1: call_number(rig, p); break;
    case 2: ring_wild(rig, p); break;
    case 3:
        if (take(p, 1) < 32)
            take_over(rig, p);
        else if (take(p, 1) < 128)
            install_loader(rig, p);
        break;
    case 4:
    case 5: call(rig, p, rig->runtime, PICK(runtime_services, p), false); break;
    case 6:
    case 7:
    case 8:
    case 9: call_method(rig, p); break;
    default:
        if (!p->taken_over)
            call(rig, p, rig->boot, PICK(boot_services, p), false);
    }
}

static uint64_t run_some(struct efi_rig *rig, const uint64_t *args)
{
    struct program *p = rig->ctx;

    keep(p, args[0]);
    if (++p->depth <= MAX_DEPTH)
        for (unsigned n = (unsigned)take(p, 1) % 16; n && p->calls < MAX_CALLS; n--, p->calls++)
            step(rig, p);
    p->depth--;
    return take(p, 1) & 1 ? 0 : EFI_ERROR_BIT | 3;
}

static void find_interfaces(struct efi_rig *rig, struct program *p)
{
    for (unsigned i = 0; i < PROTOCOLS; i++) {
        RIG_BOOT(rig, BS_LOCATE_PROTOCOL, rig_guid(rig, &protocols[i].guid), 0, p->arena);
        p->interfaces[i] = rig_load(rig, p->arena, 8);
    }
    if (p->interfaces[2])
        RIG_CALL(rig, p->interfaces[2], 8, p->interfaces[2], p->arena);
    p->interfaces[PROTOCOLS] = rig_load(rig, p->arena, 8);
}

/* Handles, device paths and what else is there from the start. */
static void find_handles(struct efi_rig *rig, struct program *p)
{
    uint64_t at = p->arena, list;

    RIG_BOOT(rig, BS_LOCATE_HANDLE_BUFFER, 0, 0, 0, at, at + 8);
    list = rig_load(rig, at + 8, 8);
    for (uint64_t i = 0; i < rig_load(rig, at, 8) && i < 12; i++) {
        uint64_t handle = rig_load(rig, list + 8 * i, 8);

        keep(p, handle);
        if (RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, rig_guid(rig, &other_guids[0]), at + 16) == 0)
            keep(p, rig_load(rig, at + 16, 8));
    }
}

static uint64_t run_program(struct efi_rig *rig, const uint64_t *args)
{
    struct program *p = rig->ctx;
    uint8_t *bytes = rig_program(rig, run_some, PE_SUBSYSTEM_APPLICATION, &p->code_length);

    p->arena = rig_scratch(rig, ARENA);
    p->code = rig_scratch(rig, p->code_length);
    mem_write(rig->mem, p->code, bytes, p->code_length);
    free(bytes);
    find_interfaces(rig, p);
    find_handles(rig, p);
    while (p->input.at < p->input.end && p->calls++ < MAX_CALLS)
        step(rig, p);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct program *p = calloc(1, sizeof(*p));
    struct efi_rig *rig;
    struct error err;
    uint64_t setup;

    p->input = (struct fuzz_input){bytes, bytes + length};
    setup = take(p, 1);
    rig = rig_new(run_program, p);
    rig->max_waits = 40;
    rig->typed = setup & 1 ? "\r\033[A\033OPx\303\244\033" : NULL;
    rig->config.initrd = (const uint8_t *)"initrd";
    rig->config.initrd_length = setup & 2 ? 6 : 0;
    rig->config.append = setup & 4 ? "quiet" : NULL;
    rig->config.fdt = setup & 8;
    rig->config.acpi = setup & 16;
    if (setup & 32)
        rig->config.console.write = NULL;
    if (setup & 64) {
        rig->config.gop.width = 64;
        rig->config.gop.height = 48;
        rig->config.gop.base = RIG_RAM + 0x2000000;
    }
    for (unsigned life = 0; life < (setup & 128 ? 2 : 1); life++) {
        p->taken_over = false;
        p->depth = 0;
        rig_run(rig, &err);
    }
    rig_free(rig);
    free(p);
    return 0;
}
