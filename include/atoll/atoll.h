/* SPDX-License-Identifier: ISC */
/*
 * libatoll: a virtual machine for arm64 guests, as a library.
 *
 * One `struct atoll` is one machine, the twin of Apple's generic arm64 platform. Describe it in a
 * struct atoll_config, create it, start it, wait for its end:
 *
 *     struct atoll_config config;
 *     struct atoll_error error;
 *     struct atoll *vm;
 *
 *     atoll_config_init(&config);
 *     config.kernel = "Image";
 *     if (atoll_create(&vm, &config, &error) < 0 || atoll_start(vm, &error) < 0)
 *         errx(1, "%s", error.text);
 *     enum atoll_stop why = atoll_wait(vm);
 *     atoll_destroy(vm);
 *
 * (docs/example.c is the whole program.) The library keeps no global state, never prints and never
 * exits: several machines live in one process. Strings in a configuration belong to the caller and
 * are copied by atoll_create. Functions return 0 or a negative errno, and fill `error` (which may
 * be NULL) with one line for a person. Unless a comment says otherwise, a function may be called
 * from any thread, but atoll_destroy only when no other call on that machine is under way.
 */
#ifndef ATOLL_ATOLL_H
#define ATOLL_ATOLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATOLL_VERSION "0.1.0"

#define ATOLL_MEMORY_MIN   (UINT64_C(128) << 20)
#define ATOLL_MEMORY_MAX   (UINT64_C(64) << 30)
#define ATOLL_CPUS_MAX     16
#define ATOLL_DISKS_MAX    16
#define ATOLL_NETS_MAX     8
#define ATOLL_CONSOLES_MAX 4
#define ATOLL_FORWARDS_MAX 32
#define ATOLL_QUIRKS_MAX   32
#define ATOLL_DISPLAYS_MAX 4

struct atoll;

struct atoll_error {
    int code; /* a positive errno */
    char text[512];
};

enum atoll_cpu {
    ATOLL_CPU_ATOLL,
    ATOLL_CPU_APPLE,
    ATOLL_CPU_HOST /* all that there is, on engines for the host's own processor */
};

enum atoll_disk_format { ATOLL_DISK_PROBE, ATOLL_DISK_RAW, ATOLL_DISK_QCOW2 };

struct atoll_disk {
    const char *path;
    enum atoll_disk_format format; /* PROBE: by the file's first bytes */
    bool readonly;
    const char *serial;  /* at most 20 bytes; NULL: none */
    const char *backing; /* a qcow2 image's backing file, used only when named here */
};

struct atoll_forward {
    bool udp;
    uint32_t host_address; /* host byte order; 0: 127.0.0.1 */
    uint16_t host_port, guest_port;
};

enum atoll_net_kind {
    ATOLL_NET_USER,   /* user mode: a way out behind the host's addresses, and forwards in */
    ATOLL_NET_SWITCH, /* the user's switch `target`, which is started when there is none */
    ATOLL_NET_SOCKET, /* a program that listens on the Unix socket `target` */
    ATOLL_NET_TAP,    /* the host's tap device `target` (Linux) */
    ATOLL_NET_VMNET,  /* the host's own network, `target` "shared" or "host" (macOS) */
};

enum atoll_net_protocol {
    ATOLL_NET_ANY, /* what the socket's type says */
    ATOLL_NET_QEMU,
    ATOLL_NET_VFKIT,
};

struct atoll_net {
    struct atoll_forward forwards[ATOLL_FORWARDS_MAX];
    size_t forward_count;
    bool host;     /* the guest reaches the host's loopback at the gateway's address, 10.0.2.2 */
    bool isolated; /* no connections out */
    bool has_mac;
    uint8_t mac[6];
    uint16_t mtu;             /* 0: 1500, or the tap device's */
    const char *capture;      /* a pcapng file to write, or NULL */
    enum atoll_net_kind kind; /* forwards, `host` and `isolated` are for ATOLL_NET_USER alone */
    const char *target;
    const char *port;                 /* the name on the switch; NULL: it gives one */
    enum atoll_net_protocol protocol; /* of a socket */
};

enum atoll_console_kind {
    ATOLL_CONSOLE_NONE,
    ATOLL_CONSOLE_STDIO, /* descriptors 0 and 1, Ctrl-A escapes when 0 is a terminal */
    ATOLL_CONSOLE_PTY,
    ATOLL_CONSOLE_FILE,
    ATOLL_CONSOLE_UNIX,
    ATOLL_CONSOLE_MEMORY, /* atoll_console_read and atoll_console_write */
};

enum atoll_console_port {
    ATOLL_PORT_DEFAULT, /* the PL011, or virtio on a strict machine */
    ATOLL_PORT_PL011,
    ATOLL_PORT_VIRTIO,
};

struct atoll_console {
    enum atoll_console_kind kind;
    enum atoll_console_port port;
    const char *path; /* of FILE and UNIX */
};

/* Which description of the machine a guest is given. DEFAULT: ACPI under EFI boot, as Apple's, and
 * a device tree on direct boot. */
enum atoll_tables { ATOLL_TABLES_DEFAULT, ATOLL_TABLES_ACPI, ATOLL_TABLES_FDT, ATOLL_TABLES_BOTH };

#define ATOLL_GPU_MIN 64 /* pixels, in each direction */
#define ATOLL_GPU_MAX 8192

/* A virtio-gpu with one scanout. */
struct atoll_gpu {
    unsigned width, height; /* 0: no GPU */
    bool gop;               /* EFI's graphics output protocol on it, which Apple's lacks */
};

/* Who shows the guest's screen, and gives it a keyboard and a pointer; each in a process of its
 * own. */
enum atoll_display_kind {
    ATOLL_DISPLAY_NONE,
    ATOLL_DISPLAY_VNC,    /* the remote frame buffer protocol, RFC 6143 */
    ATOLL_DISPLAY_WEB,    /* a page for a browser, and the same protocol in a websocket */
    ATOLL_DISPLAY_WINDOW, /* a window on this desktop, where SDL2 is installed */
};

struct atoll_display {
    enum atoll_display_kind kind;
    /* Of VNC and WEB: "[HOST:]PORT" or "unix:PATH"; HOST is 127.0.0.1 unless it is named, PORT the
     * next free one from 5900 (VNC) or 6080 (WEB) when this is NULL. */
    const char *address;
    const char *password; /* a file whose first line is the password; NULL: none is asked for */
};

/* Which keyboard and absolute pointer the guest has: on USB, as Apple's, or virtio-input. DEFAULT:
 * USB with a GPU, otherwise none. */
enum atoll_input { ATOLL_INPUT_DEFAULT, ATOLL_INPUT_NONE, ATOLL_INPUT_USB, ATOLL_INPUT_VIRTIO };

/* How much the log says about what a guest's driver did wrong (docs/explain.md). */
enum atoll_explain { ATOLL_EXPLAIN_OFF, ATOLL_EXPLAIN_BRIEF, ATOLL_EXPLAIN_FULL };

/* One of Apple's behaviours, by name, set to a value of its own (see atoll_quirk_info). */
struct atoll_quirk {
    const char *name, *value;
};

/* A text file that the translator writes for people who work on it, or on a guest
 * (docs/translator.md). */
struct atoll_listing {
    const char *path; /* NULL: none */
    bool one;         /* only about the code at guest address `at`, virtual or physical */
    uint64_t at;
};

enum atoll_log_level { ATOLL_LOG_ERROR, ATOLL_LOG_WARN, ATOLL_LOG_INFO, ATOLL_LOG_DEBUG };

struct atoll_config {
    size_t size; /* sizeof(struct atoll_config), set by atoll_config_init: tells the version */

    const char *engine; /* "auto" or a name of atoll_engine_info */
    enum atoll_cpu cpu;
    uint64_t memory; /* bytes, a multiple of 1 MiB */
    unsigned cpus;
    bool strict; /* exactly what Apple's machine gives; implies ATOLL_CPU_APPLE */
    /* The guest starts at EL2 and may run guests of its own; of few engines (atoll_engine_info). */
    bool nested;
    /* A guest's reset starts it again; otherwise it ends the run with ATOLL_STOP_RESET. */
    bool reboot;
    /* Drop to the system calls that a running machine needs: the whole process, for good. */
    bool confine;

    /* Direct boot of a kernel; without one EFI boots, `efi` (a program for arm64) if there is one,
     * otherwise what the disks hold. The initial ramdisk and the command line go to either. */
    const char *kernel, *efi, *initrd, *append;
    const char *nvram; /* a file for EFI's variables, made on first use; NULL: they are forgotten */
    enum atoll_tables tables;

    struct atoll_disk disks[ATOLL_DISKS_MAX];
    size_t disk_count;
    struct atoll_net nets[ATOLL_NETS_MAX];
    size_t net_count;
    struct atoll_console consoles[ATOLL_CONSOLES_MAX];
    size_t console_count;
    struct atoll_gpu gpu; /* 1280x800 when there are displays and it is left 0 */
    struct atoll_display displays[ATOLL_DISPLAYS_MAX];
    size_t display_count;
    enum atoll_input input;
    const char *keyboard; /* the layout that the guest is set to, "us"; see atoll_keyboard_info */
    const char *name;     /* the machine's, which its displays show; NULL: "Atoll" */
    /* The machine's identifier, a UUID: EFI guests see it, and network cards without an address get
     * one of its own. NULL: that of the file of EFI's variables, and every machine's addresses. */
    const char *uuid;
    const char *screenshot; /* a PNG file of the screen, written at the end; or NULL */
    enum atoll_explain explain;
    struct atoll_quirk quirks[ATOLL_QUIRKS_MAX];
    size_t quirk_count;

    /* Every stage of each translation; and a line for each time that one is entered. Only with an
     * engine that translates. */
    struct atoll_listing dump, trace;
    /* For tests of the translator: code is translated when it is reached first, not when it is
     * reached again; and of the host's instruction set only what cannot be done without. */
    bool translate_eagerly, plain_host;

    /* The machine's log: one line a call, from any thread, without a newline. NULL: no log. What a
     * guest can provoke is bounded: a burst of lines, then one a second. */
    void (*log)(void *ctx, enum atoll_log_level level, const char *line);
    void *log_ctx;
    enum atoll_log_level log_level;
};

/* Why a machine stopped. */
enum atoll_stop {
    ATOLL_STOP_POWEROFF, /* the guest switched itself off */
    ATOLL_STOP_RESET,    /* the guest asked for a reset and config.reboot is false */
    ATOLL_STOP_QUIT,     /* atoll_quit, or the console's quit escape */
    ATOLL_STOP_FAULT,    /* the machine could not go on; the log says why */
};

/* Fills in the defaults: best engine, 1 CPU, 1 GiB, confined, a user network, a stdio console. */
void atoll_config_init(struct atoll_config *config);

/* Checks the configuration by itself, as atoll_create does first: nothing is opened. Returns 0 or
 * -EINVAL. */
int atoll_config_check(const struct atoll_config *config, struct atoll_error *error);

/*
 * Checks the configuration, opens every file, socket and helper process that it names, and builds
 * the machine, powered off. Errors: -EINVAL (a value that cannot be), -ENOENT and friends (a file),
 * -EBUSY (a disk image in use), -ENOTSUP (an engine that this host does not have).
 */
int atoll_create(struct atoll **vm, const struct atoll_config *config, struct atoll_error *error);

/* Confines the process if configured, and powers the machine on. Once. */
int atoll_start(struct atoll *vm, struct atoll_error *error);

/* Waits until the machine stops, and says why. */
enum atoll_stop atoll_wait(struct atoll *vm);

/* Stops it as pulling the plug would; guests' flushed data is on disk. Before the start: a machine
 * that is started stops at once. */
void atoll_quit(struct atoll *vm);

/* The reset button, and the power button (the guest decides what that does). */
void atoll_reset(struct atoll *vm);
void atoll_power_button(struct atoll *vm);

/* Stops and continues guest time, CPUs and devices. atoll_pause returns once no request is in
 * flight. */
int atoll_pause(struct atoll *vm);
int atoll_resume(struct atoll *vm);

/*
 * The whole state of a paused machine as bytes (guest memory included), and back into a machine of
 * the same configuration, created and not started. atoll_save's *bytes is the caller's to free().
 * atoll_load leaves it paused: atoll_resume goes on.
 */
int atoll_save(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error);
int atoll_load(struct atoll *vm, const void *bytes, size_t length, struct atoll_error *error);

/* Consoles, by index in config.consoles: give input, of any kind (what the guest has not read yet
 * is kept, as far as there is room); take a memory console's output. Return bytes taken, or
 * -EINVAL. */
int64_t atoll_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length);
int64_t atoll_console_read(struct atoll *vm, size_t index, void *bytes, size_t room);

/* Restores a terminal that a stdio console changed. Async-signal-safe, for use in handlers of fatal
 * signals. */
void atoll_restore_terminal(struct atoll *vm);

/* Asks the balloon for `bytes` of guest memory (0 gives all back). The guest's driver decides how
 * fast. -ENODEV: none. */
int atoll_balloon(struct atoll *vm, uint64_t bytes);

/* Writes what the guest's screen shows now to a PNG file: `path`, which a confined process cannot
 * open any more, or config.screenshot when it is NULL. A file that is no picture is left alone.
 * -ENODEV: no GPU. */
int atoll_screenshot(struct atoll *vm, const char *path, struct atoll_error *error);

/* The screen as a PNG file in memory, the caller's to free(). -ENODEV: no GPU. */
int atoll_picture(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error);

/* One character on a text console that is drawn on the screen. */
struct atoll_cell {
    uint32_t character;              /* Unicode; 0xfffd: a shape that no known font has */
    uint32_t foreground, background; /* 0xRRGGBB */
};

struct atoll_text {
    unsigned columns, rows;
    unsigned cell_width, cell_height, left, top; /* pixels */
    bool cursor;                                 /* seen, at: */
    unsigned cursor_column, cursor_row;
    struct atoll_cell *cells; /* row by row; free() it */
};

/* Reads the text console on the screen, by the shapes of a fixed font's glyphs (atoll(1), SCREEN
 * TEXT). -ENODEV: no GPU; -ENODATA: the screen is off, or shows no text in a font that is known. */
int atoll_screen_text(struct atoll *vm, struct atoll_text *text, struct atoll_error *error);

/*
 * The guest's keyboard and pointer. Each returns when the guest's driver has taken the input, or
 * with -ETIMEDOUT after `timeout_ms`; -ENODEV: the machine has neither; -EINVAL: an unknown key, or
 * a character that the guest's layout does not have.
 */
/* One key, by its usage on page 7 of the HID Usage Tables, pressed or let go. */
int atoll_key(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms,
              struct atoll_error *error);
/* Keys by name, all pressed from left to right and let go: "CTRL-ALT-F1", "A", "ENTER". */
int atoll_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct atoll_error *error);
/* Text as key strokes on the guest's layout; \n is Enter. */
int atoll_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
               struct atoll_error *error);

#define ATOLL_BUTTON_LEFT   1u
#define ATOLL_BUTTON_RIGHT  2u
#define ATOLL_BUTTON_MIDDLE 4u

/* The pointer at pixel (x, y) of the screen, with these buttons down, and `wheel` notches away from
 * the user. */
int atoll_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                  unsigned timeout_ms, struct atoll_error *error);

/* Keyboard layouts of guests. Returns 0, or -ENOENT past the last. */
int atoll_keyboard_info(size_t index, const char **name, const char **about);

/* Where display `index` of the configuration is reached: "127.0.0.1:5900",
 * "http://127.0.0.1:6080/". Returns 0, or -EINVAL. */
int atoll_display_address(struct atoll *vm, size_t index, char *text, size_t room);

/*
 * Follows console `index` of the configuration, whatever its kind: `output` is called with what
 * came last (at most ATOLL_CONSOLE_HISTORY bytes) and then with all that comes, on any thread; it
 * must not block, nor call the machine. atoll_console_write reaches every kind.
 */
#define ATOLL_CONSOLE_HISTORY (64 << 10)
struct atoll_follower;
int atoll_console_follow(struct atoll *vm, size_t index,
                         void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                         struct atoll_follower **follower);
/* When it returns, `output` is not running and will not run again. NULL is allowed. */
void atoll_console_unfollow(struct atoll_follower *follower);

/* What the machine does now. */
enum atoll_state { ATOLL_STATE_OFF, ATOLL_STATE_RUNNING, ATOLL_STATE_PAUSED, ATOLL_STATE_STOPPED };
enum atoll_state atoll_state(struct atoll *vm);

#define ATOLL_EXIT_REASONS 9
#define ATOLL_KERNEL_EXITS 7

struct atoll_stats {
    const char *engine;    /* that runs the CPUs: a name of atoll_engine_info, never "auto" */
    uint64_t instructions; /* 0: the engine does not count */
    /* How often a CPU left its engine for the machine to do something, and by reason
     * (atoll_exit_name). */
    uint64_t exits, exits_by[ATOLL_EXIT_REASONS];
    /* Of an engine in the host's kernel: how often a CPU left the guest at all, which the kernel
     * mostly deals with itself, by kind (atoll_kernel_exit_name), the first being all of them.
     * Zeros: there is no such engine, or its kernel does not tell. */
    uint64_t kernel_exits[ATOLL_KERNEL_EXITS];
    int64_t memory_resident; /* bytes of guest memory that occupy the host's, -1: unknown */
    /* Of an engine that translates, in all CPUs: regions of code and guest instructions translated
     * so far; bytes of host memory that translations occupy now, and at most; how often all of a
     * CPU's were dropped to make room; and branches whose target had to be looked for. */
    uint64_t regions, translated, code_bytes, code_limit, code_flushes, code_misses;
};

/* What the machine has done so far; while it runs, a moment's numbers. */
void atoll_stats(struct atoll *vm, struct atoll_stats *stats);

/* "mmio" and so on; NULL past the last. */
const char *atoll_exit_name(unsigned reason);

/* "all", "mmio" (answered in the kernel), "mmio-user" and so on; NULL past the last. */
const char *atoll_kernel_exit_name(unsigned kind);

/* What a virtio device has done: chains of buffers given back to its driver, the driver's
 * notifications (an exit each, where the engine has no shorter way) and interrupts. */
struct atoll_device_stats {
    char name[32]; /* "virtio-blk0" */
    uint64_t requests, notifications, interrupts;
    uint64_t dropped; /* a network card's frames that got lost between its driver and the host */
};

/* By index; -ENOENT past the last. */
int atoll_device_stats(struct atoll *vm, size_t index, struct atoll_device_stats *stats);

/* Stops the machine if it runs, flushes its disks, ends its helpers, restores the terminal and
 * frees `vm` (NULL is allowed). After every other call has returned. */
void atoll_destroy(struct atoll *vm);

/* The device tree of a configuration, as `atoll run` would give it to the guest; *blob is the
 * caller's to free(). */
int atoll_fdt(const struct atoll_config *config, void **blob, size_t *length,
              struct atoll_error *error);

/* The ACPI tables of a configuration, as EFI would give them to the guest, one after another; only
 * the addresses in them depend on where EFI puts them. *blob is the caller's to free(). */
int atoll_acpi(const struct atoll_config *config, void **blob, size_t *length,
               struct atoll_error *error);

struct atoll_acpi_table {
    char signature[5]; /* "FACP"; "RSDP" is the root pointer */
    const void *bytes; /* in the blob */
    size_t length;
};

/* Walks the tables of atoll_acpi; *at is 0 at first. Returns 0, or -ENOENT past the last. */
int atoll_acpi_table(const void *blob, size_t length, size_t *at, struct atoll_acpi_table *table);

struct atoll_engine_info {
    const char *name, *about;
    bool available;
    char reason[512]; /* why it is not, and the remedy */
    char shown[256];  /* in what the CPU that guests see differs from ATOLL_CPU_ATOLL, since it is
                       * the host's: "MIDR_EL1, RAS, no LSE"; empty: in nothing */
    bool nested;      /* guests may run guests of their own (atoll_config.nested) */
};

/* The engines that this build knows, best first. Returns 0, or -ENOENT past the last. */
int atoll_engine_info(size_t index, struct atoll_engine_info *info);

struct atoll_quirk_info {
    const char *name, *about, *source; /* what it does; where it was seen on Apple's machine */
    char strict[16], normal[16];       /* values under strict and by default */
    const char *values;                /* the values that it takes, "|" between them */
};

/* Apple's behaviours. Returns 0, or -ENOENT past the last. */
int atoll_quirk_info(size_t index, struct atoll_quirk_info *info);

#ifdef __cplusplus
}
#endif

#endif
