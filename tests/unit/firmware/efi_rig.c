/* SPDX-License-Identifier: ISC */
#include "efi_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/pe.h"

#define MAX_FUNCTIONS   64u
#define MAX_FRAMES      128u
#define MAGIC           0xd4200000u /* BRK #function */
#define GUEST_ARGUMENTS 5u
#define SCRATCH         (UINT64_C(512) << 10)

/* The frame (stub.S), and the stub's own services. */
enum {
    FRAME_SERVICE = 0x00,
    FRAME_COMMAND = 0x08,
    FRAME_ARGUMENTS = 0x10,
    FRAME_TARGET = 0x50,
    FRAME_SP = 0x58,
    FRAME_SIZE = 0x100
};
enum { SERVICE_BOOT, SERVICE_TICK };

struct activation {
    uint64_t frame;
    jmp_buf unwound;
};

struct rig_private {
    rig_function functions[MAX_FUNCTIONS];
    unsigned function_count;
    struct activation frames[MAX_FRAMES];
    unsigned depth;
    uint64_t sp, scratch, scratch_end, code, code_end;
    uint8_t *program;
    jmp_buf end;
};

/* --- the machine --- */

static void log_line(void *ctx, enum log_level level, const char *line)
{
    struct efi_rig *rig = ctx;
    size_t length = strlen(line);

    if (level > LOG_INFO || rig->said_length + length + 2 > sizeof(rig->said))
        return;
    memcpy(rig->said + rig->said_length, line, length);
    rig->said_length += length;
    rig->said[rig->said_length++] = '\n';
    rig->said[rig->said_length] = '\0';
}

static uint64_t now(void *ctx)
{
    struct efi_rig *rig = ctx;

    return rig->now_ns;
}

static uint64_t wall(void *ctx)
{
    return 1767225600; /* 2026-01-01 */
}

static void note_reset(void *ctx, enum efi_reset how)
{
    struct efi_rig *rig = ctx;

    rig->reset = how;
    rig->resets++;
}

static void note_stop(void *ctx)
{
    struct efi_rig *rig = ctx;

    rig->stops++;
}

static void note_code(void *ctx, uint64_t ipa, uint64_t length)
{
    struct efi_rig *rig = ctx;

    rig->code_writes++;
}

static void console_write(void *ctx, const uint8_t *bytes, size_t length)
{
    struct efi_rig *rig = ctx;

    length = MIN(length, sizeof(rig->output) - 1 - rig->output_length);
    memcpy(rig->output + rig->output_length, bytes, length);
    rig->output_length += length;
    rig->output[rig->output_length] = '\0';
}

static size_t console_read(void *ctx, uint8_t *bytes, size_t room)
{
    struct efi_rig *rig = ctx;
    size_t n = rig->typed ? MIN(strlen(rig->typed), room) : 0;

    memcpy(bytes, rig->typed ? rig->typed : "", n);
    rig->typed = n ? rig->typed + n : NULL;
    return n;
}

static int disk_get(void *ctx, uint64_t offset, void *to, size_t length)
{
    struct efi_rig *rig = ctx;

    if (!range_fits(offset, length, RIG_DISK))
        return -EIO;
    memcpy(to, rig->disk + offset, length);
    return 0;
}

static int disk_put(void *ctx, uint64_t offset, const void *from, size_t length)
{
    struct efi_rig *rig = ctx;

    if (!range_fits(offset, length, RIG_DISK))
        return -EIO;
    memcpy(rig->disk + offset, from, length);
    return 0;
}

static int disk_sync(void *ctx)
{
    return 0;
}

/* An empty FAT12 volume (Microsoft's specification of FAT, 1.03). */
static void format(uint8_t *disk)
{
    memcpy(disk, "\xeb\x3c\x90MSDOS5.0", 11);
    store_le16(disk + 11, 512);
    disk[13] = 1; /* sectors a cluster */
    store_le16(disk + 14, 1);
    disk[16] = 1; /* one table */
    store_le16(disk + 17, 64);
    store_le16(disk + 19, RIG_DISK / 512);
    disk[21] = 0xf8;
    store_le16(disk + 22, 6);
    disk[38] = 0x29;
    memcpy(disk + 43, "RIG        FAT12   ", 19);
    store_le16(disk + 510, 0xaa55);
    memcpy(disk + 512, "\xf8\xff\xff", 3);
}

static void describe(struct efi_rig *rig)
{
    rig->platform = (struct platform){
        .cpus = 1,
        .ram = {RIG_RAM, RIG_RAM_SIZE},
        .gicd = {0x10000000, 0x10000},
        .gicr = {0x10010000, 0x20000},
        .gicv2m = {0x16000000, 0x1000},
        .msi_base = 128,
        .msi_count = 96,
        .ppi_phys = 30,
        .ppi_virt = 27,
        .ecam = {0x40000000, 0x10000000},
        .pci_mem32 = {0x50000000, 0x1ffe0000},
        .pci_mem64 = {UINT64_C(0x200000000), UINT64_C(0x400000000)},
        .pci_io = {0x6fff0000, 0x10000},
        .pci_intx_base = 32,
        .pci_intx_pin = 1,
        .rtc = {0x20050000, 0x1000},
        .gpio = {0x20060000, 0x1000},
        .uart = {0x20100000, 0x1000},
        .rtc_intid = 33,
        .gpio_intid = 34,
        .uart_intid = 48,
        .uart_clock_hz = 24000000,
    };
}

struct efi_rig *rig_new(rig_function main, void *ctx)
{
    struct efi_rig *rig = calloc(1, sizeof(*rig));
    struct error err;

    rig->private = calloc(1, sizeof(*rig->private));
    rig->main = main;
    rig->ctx = ctx;
    rig->disk = calloc(1, RIG_DISK);
    rig->log = (struct log){log_line, rig, LOG_DEBUG};
    rig->max_waits = 1000;
    describe(rig);
    format(rig->disk);
    if (mem_create(&rig->mem) || mem_add_ram(rig->mem, RIG_RAM, RIG_RAM_SIZE, &err))
        abort();
    rig->config = (struct efi_config){
        .mem = rig->mem,
        .log = &rig->log,
        .platform = &rig->platform,
        .doorbell = RIG_DOORBELL,
        .acpi = true,
        .disks = {{"disk0", 5, RIG_DISK, false, disk_get, disk_put, disk_sync, rig}},
        .disk_count = 1,
        .console = {console_write, console_read, rig},
        .program_name = "rig",
        .nvram = -1,
        .counter_hz = 24000000,
        .pa_range = 2,
        .now_ns = now,
        .wall_seconds = wall,
        .reset = note_reset,
        .stop = note_stop,
        .code_written = note_code,
        .ctx = rig,
    };
    rig->private->program =
        rig_program(rig, main, PE_SUBSYSTEM_APPLICATION, &rig->config.program_length);
    rig->config.program = rig->private->program;
    return rig;
}

void rig_free(struct efi_rig *rig)
{
    efi_destroy(rig->efi);
    mem_destroy(rig->mem);
    free(rig->private->program);
    free(rig->private);
    free(rig->disk);
    free(rig);
}

/* --- functions of the guest's: code that says which --- */

static uint32_t number_of(struct efi_rig *rig, rig_function function)
{
    struct rig_private *p = rig->private;
    unsigned i = 0;

    while (i < p->function_count && p->functions[i] != function)
        i++;
    if (i == MAX_FUNCTIONS)
        abort();
    p->functions[i] = function;
    p->function_count = MAX(p->function_count, i + 1);
    return MAGIC | i << 5;
}

uint64_t rig_address(struct efi_rig *rig, rig_function function)
{
    struct rig_private *p = rig->private;

    if (p->code == p->code_end)
        abort();
    rig_store(rig, p->code, 4, number_of(rig, function));
    return (p->code += 4) - 4;
}

#define HEADER   0x40u
#define OPTIONAL (HEADER + 24)
#define SECTION  (OPTIONAL + 240)
#define PE_SIZE  0x600u

uint8_t *rig_program(struct efi_rig *rig, rig_function function, unsigned subsystem, size_t *length)
{
    uint8_t *f = calloc(1, PE_SIZE);

    memcpy(f, "MZ", 2);
    store_le32(f + 0x3c, HEADER);
    memcpy(f + HEADER, "PE\0\0", 4);
    store_le16(f + HEADER + 4, 0xaa64);
    store_le16(f + HEADER + 6, 1);
    store_le16(f + HEADER + 20, 240);
    store_le16(f + HEADER + 22, 0x206);
    store_le16(f + OPTIONAL, 0x20b);
    store_le32(f + OPTIONAL + 16, 0x1000); /* entry */
    store_le32(f + OPTIONAL + 32, 0x1000);
    store_le32(f + OPTIONAL + 36, 0x200);
    store_le32(f + OPTIONAL + 56, 0x2000);
    store_le32(f + OPTIONAL + 60, 0x400);
    store_le16(f + OPTIONAL + 68, (uint16_t)subsystem);
    store_le32(f + OPTIONAL + 108, 16);
    memcpy(f + SECTION, ".text", 5);
    store_le32(f + SECTION + 8, 0x200);
    store_le32(f + SECTION + 12, 0x1000);
    store_le32(f + SECTION + 16, 0x200);
    store_le32(f + SECTION + 20, 0x400);
    store_le32(f + SECTION + 36, 0x60000020);
    store_le32(f + 0x400, number_of(rig, function));
    *length = PE_SIZE;
    return f;
}

/* --- guest memory --- */

uint64_t rig_load(struct efi_rig *rig, uint64_t at, unsigned size)
{
    uint64_t value = 0;

    mem_read(rig->mem, at, &value, size);
    return value;
}

void rig_store(struct efi_rig *rig, uint64_t at, unsigned size, uint64_t value)
{
    mem_write(rig->mem, at, &value, size);
}

uint64_t rig_scratch(struct efi_rig *rig, size_t length)
{
    struct rig_private *p = rig->private;

    p->scratch = align_up(p->scratch, 16) + length;
    if (p->scratch > p->scratch_end)
        rig_end(rig);
    return p->scratch - length;
}

uint64_t rig_guid(struct efi_rig *rig, const struct efi_guid *guid)
{
    uint64_t at = rig_scratch(rig, sizeof(*guid));

    mem_write(rig->mem, at, guid, sizeof(*guid));
    return at;
}

uint64_t rig_string(struct efi_rig *rig, const char *text)
{
    uint64_t at = rig_scratch(rig, 2 * (strlen(text) + 1));

    for (size_t i = 0; i <= strlen(text); i++)
        rig_store(rig, at + 2 * i, 2, (uint8_t)text[i]);
    return at;
}

/* --- the stub --- */

static int translate(void *ctx, uint64_t va, bool write, uint64_t *pa)
{
    struct efi_rig *rig = ctx;

    *pa = va - rig->offset;
    return mem_is_ram(rig->mem, *pa, 1) ? 0 : -EFAULT;
}

void rig_end(struct efi_rig *rig)
{
    longjmp(rig->private->end, 1);
}

static uint64_t ring(struct efi_rig *rig, uint64_t service, unsigned count, const uint64_t *args);

static void start_program(struct efi_rig *rig, const uint64_t *args)
{
    rig->image = args[0];
    rig->system = args[1];
    rig->runtime = rig_load(rig, rig->system + 88, 8);
    rig->boot = rig_load(rig, rig->system + 96, 8);
}

/* The stub branches to `target`. */
static uint64_t run_function(struct efi_rig *rig, uint64_t target, const uint64_t *args)
{
    struct rig_private *p = rig->private;
    uint32_t code = (uint32_t)rig_load(rig, target, 4);
    unsigned number = (code & ~MAGIC) >> 5;

    if ((code & 0xffe0001f) != MAGIC || number >= p->function_count)
        rig_end(rig); /* a program that sends EFI anywhere has crashed */
    if (p->functions[number] == rig->main)
        start_program(rig, args);
    return p->functions[number](rig, args);
}

void rig_tick(struct efi_rig *rig)
{
    ring(rig, SERVICE_TICK, 0, NULL);
}

static void wait_for_interrupt(struct efi_rig *rig)
{
    if (rig->waits++ >= rig->max_waits)
        rig_end(rig);
    rig->now_ns += 10 * NS_PER_MSEC;
    rig_tick(rig);
}

/* Does what the frame says, after ringing for it or at once, until it says return or unwind. */
static uint64_t follow(struct efi_rig *rig, uint64_t frame, bool answered)
{
    const struct efi_cpu cpu = {translate, rig};
    uint64_t args[GUEST_ARGUMENTS], result;

    for (;; answered = false) {
        if (!answered && efi_ring(rig->efi, &cpu, frame + rig->offset))
            rig_end(rig); /* an external abort */
        switch (rig_load(rig, frame + FRAME_COMMAND, 8)) {
        case EFI_COMMAND_RETURN: return rig_load(rig, frame + FRAME_ARGUMENTS, 8);
        case EFI_COMMAND_CALL:
            for (unsigned i = 0; i < GUEST_ARGUMENTS; i++)
                args[i] = rig_load(rig, frame + FRAME_ARGUMENTS + 8 * i, 8);
            result = run_function(rig, rig_load(rig, frame + FRAME_TARGET, 8), args);
            rig_store(rig, frame + FRAME_ARGUMENTS, 8, result);
            break;
        case EFI_COMMAND_WAIT: wait_for_interrupt(rig); break;
        case EFI_COMMAND_UNWIND: return rig_load(rig, frame + FRAME_TARGET, 8);
        default: break;
        }
    }
}

/* Goes to the older frame that is now at the top; what it says next is done there. */
static void unwind(struct efi_rig *rig, uint64_t frame)
{
    struct rig_private *p = rig->private;

    while (p->depth && p->frames[p->depth - 1].frame != frame)
        p->depth--;
    if (!p->depth)
        rig_end(rig);
    longjmp(p->frames[p->depth - 1].unwound, 1);
}

static uint64_t ring(struct efi_rig *rig, uint64_t service, unsigned count, const uint64_t *args)
{
    struct rig_private *p = rig->private;
    const uint64_t sp = p->sp, stack = count > 8 ? align_up(count - 8, 2) * 8 : 0;
    const uint64_t frame = sp - stack - FRAME_SIZE;
    uint64_t result;
    bool answered;

    if (p->depth == MAX_FRAMES)
        rig_end(rig);
    rig_store(rig, frame + FRAME_SERVICE, 8, service);
    rig_store(rig, frame + FRAME_SP, 8, frame + FRAME_SIZE + rig->offset);
    for (unsigned i = 0; i < count; i++)
        rig_store(rig, i < 8 ? frame + FRAME_ARGUMENTS + 8 * i : frame + FRAME_SIZE + 8 * (i - 8),
                  8, args[i]);
    p->frames[p->depth++].frame = frame;
    answered = setjmp(p->frames[p->depth - 1].unwound) != 0;
    p->sp = frame;
    result = follow(rig, frame, answered);
    if (rig_load(rig, frame + FRAME_COMMAND, 8) == EFI_COMMAND_UNWIND)
        unwind(rig, result);
    p->depth--;
    p->sp = sp;
    return result;
}

uint64_t rig_call(struct efi_rig *rig, uint64_t table, unsigned offset, unsigned count,
                  const uint64_t *args)
{
    uint64_t function = rig_load(rig, table + offset, 8) - rig->offset;
    uint32_t code = (uint32_t)rig_load(rig, function, 4);

    if ((code & 0xffe0001f) != 0xd2800010) /* MOVZ X16, #service */
        rig_end(rig);
    return ring(rig, code >> 5 & 0xffff, count, args);
}

static void find_room(struct efi_rig *rig, uint64_t stub)
{
    struct rig_private *p = rig->private;

    p->sp = rig_load(rig, stub + 40, 8);
    p->depth = 0;
    p->scratch = RIG_RAM; /* EFI gives memory from the top */
    p->scratch_end = RIG_RAM + SCRATCH - 4096;
    p->code = p->scratch_end;
    p->code_end = RIG_RAM + SCRATCH;
}

int rig_run(struct efi_rig *rig, struct error *err)
{
    struct kernel_entry entry;
    int ret = rig->efi ? 0 : efi_create(&rig->efi, &rig->config, err);

    mem_clear(rig->mem);
    rig->offset = 0;
    rig->waits = 0;
    if (!ret)
        ret = efi_power_on(rig->efi, &entry, err);
    if (ret)
        return ret;
    find_room(rig, align_down(entry.pc, 4096));
    if (setjmp(rig->private->end) == 0)
        ring(rig, SERVICE_BOOT, 0, NULL);
    return 0;
}
