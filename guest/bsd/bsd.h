/* SPDX-License-Identifier: ISC */
/*
 * A small kernel for arm64 with the virtio drivers of a BSD: what all of it shares.
 *
 * It exists to be read and to be broken. The drivers (viogpu.c, vio.c, vioblk.c, viornd.c,
 * viocon.c) stand on bus_dma.h, virtio.h and pci.h, which have the shapes that OpenBSD's have; the
 * rest of the kernel is what these need: pages and translation (pmap.c), user memory that is mapped
 * when it is touched (uvm.c), exceptions (trap.c), interrupts (gic.c), the device tree (fdt.c).
 * Boot arguments choose between each driver and its broken twin: see docs/bsd-drivers.md.
 *
 * One CPU, one process. It boots as an arm64 Linux Image with the device tree in X0, entered at
 * EL1, on Atoll and on QEMU's virt machine alike: nothing about either is known in advance.
 */
#ifndef BSD_H
#define BSD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every symbol is this image's own, so that no address goes through a table that has to be
 * relocated first: bootstrap.c runs before that. */
#pragma GCC visibility push(hidden)

typedef uint64_t paddr_t; /* what a page-table entry or a device wants */
typedef uint64_t vaddr_t; /* what a load or a store wants */

#define PAGE_SIZE     4096u
#define PAGE_SHIFT    12
#define PAGE_MASK     (PAGE_SIZE - 1)
#define trunc_page(x) ((x) & ~(uint64_t)PAGE_MASK)
#define round_page(x) (((x) + PAGE_MASK) & ~(uint64_t)PAGE_MASK)
#define nitems(a)     (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))

/* errno(2)'s numbers, as far as this kernel has use for them. */
#define EIO       5
#define ENXIO     6
#define ENOMEM    12
#define EACCES    13
#define EFAULT    14
#define EBUSY     16
#define EINVAL    22
#define ENOBUFS   55
#define ETIMEDOUT 60

#define read_sysreg(name)                                                                          \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                         \
        value_;                                                                                    \
    })
#define write_sysreg(name, value)                                                                  \
    __asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define isb()    __asm__ volatile("isb" : : : "memory")
#define dsb(how) __asm__ volatile("dsb " #how : : : "memory")
#define dmb(how) __asm__ volatile("dmb " #how : : : "memory")

/* Device registers, by single instructions without writeback: the form whose syndrome a VMM can
 * read (Arm ARM, ESR_ELx.ISS.ISV). */
#define MMIO_ACCESSORS(bits, type, reg, suffix)                                                    \
    static inline type mmio_read##bits(vaddr_t address)                                            \
    {                                                                                              \
        type value;                                                                                \
        __asm__ volatile("ldr" suffix " %" reg "0, [%1]" : "=r"(value) : "r"(address) : "memory"); \
        return value;                                                                              \
    }                                                                                              \
    static inline void mmio_write##bits(vaddr_t address, type value)                               \
    {                                                                                              \
        __asm__ volatile("str" suffix " %" reg "0, [%1]" : : "r"(value), "r"(address) : "memory"); \
    }
MMIO_ACCESSORS(8, uint8_t, "w", "b")
MMIO_ACCESSORS(16, uint16_t, "w", "h")
MMIO_ACCESSORS(32, uint32_t, "w", "")
MMIO_ACCESSORS(64, uint64_t, "", "")

/* --- libkern.c --- */

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);
/* What follows `name`= in the boot arguments up to a blank, copied to `value`; false without. */
bool bootarg(const char *arguments, const char *name, char *value, size_t room);
/* The same for this kernel's own arguments: a number (decimal or 0x...), or `fallback`. */
uint64_t bootarg_number(const char *name, uint64_t fallback);
/* Whether the argument `name` is there and is `value`. */
bool bootarg_is(const char *name, const char *value);
uint64_t parse_number(const char *text);

/* --- page.c --- */

/* Memory of the kernel's own, zeroed, never given back: what drivers keep from attach on. */
void *kalloc(size_t size);

/* --- console.c --- */

/* Conversions: %s %c %d %u %x %p %% with l, ll, a width and 0. Kept in a buffer as well, for the
 * consoles that attach later. */
__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);
/* A console: it gets what was said so far, and then everything. */
void console_attach(void (*write)(void *ctx, const char *text, size_t length), void *ctx);
/* The PL011 that the device tree names in /chosen/stdout-path. Without one the kernel is silent
 * until viocon attaches, as on Apple's machine. */
void pl011_attach(void);

/* --- bootstrap.c, locore.S --- */

struct boot_info {
    paddr_t identity, kernel; /* translation tables: for TTBR0 at first, and for TTBR1 */
    uint64_t tcr;
    uint64_t slide; /* virtual minus physical address of the image */
    paddr_t fdt, image;
};
extern struct boot_info boot_info;
extern char image_start[], image_end[], text_end[], data_start[], bss_start[], bss_end[];
extern char user_start[], user_end[];
/* Runs EL0 at `pc` with `sp` and X0 until user_return; returns what that was given. */
uint64_t user_run(vaddr_t pc, vaddr_t sp, uint64_t x0);
_Noreturn void user_return(uint64_t status);
extern char vectors[];

/* --- trap.c --- */

struct trapframe {
    uint64_t x[31], sp_el0, elr, spsr, esr, far, vector, pad;
};
void trap(struct trapframe *frame);

/* --- gic.c: a GICv3 and its v2m frame --- */

void gic_attach(void);
/* `count` consecutive message interrupts: the address and the first number for the message's data.
 * 0, or ENXIO where there is no v2m frame; then drivers poll. */
int gic_msi_allocate(unsigned count, paddr_t *address, uint32_t *data);
void gic_msi_establish(uint32_t intid, void (*handler)(void *), void *arg);
void gic_interrupt(void);
/* Sleeps until an interrupt, at most a tenth of a second; handlers have run when it returns. */
void gic_idle(void);

/* --- machdep.c --- */

uint64_t psci(uint64_t function);
#define PSCI_SYSTEM_OFF UINT64_C(0x84000008)
_Noreturn void power_off(void);
/* Microseconds since some moment. */
uint64_t microtime(void);

#endif
