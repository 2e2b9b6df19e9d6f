/* SPDX-License-Identifier: ISC */
/*
 * Text in and out (UEFI 2.10, 12.3 to 12.5): on a serial terminal, VT100 and UTF-8 outside, CHAR16
 * and scan codes inside; on the display (screen.c) and from the keyboard; on all that there are at
 * once. On a machine without any, what is written goes to the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/core.h"
#include "firmware/efi/screen.h"

#define KEYS        64u
#define STRING_MAX  4096u
#define ESCAPE_WAIT UINT64_C(50000000) /* ns, for the rest of an escape sequence */
#define SEQUENCE    8u

/* EFI_SIMPLE_TEXT_OUTPUT_MODE */
struct text_mode {
    int32_t max_mode, mode, attribute, column, row;
    uint32_t cursor_visible;
};

struct key { /* EFI_INPUT_KEY */
    uint16_t scan, unicode;
};

struct efi_text {
    uint64_t in, in_ex, out, mode_at, handle;
    uint64_t event, event_ex; /* WaitForKey */
    struct text_mode mode;
    struct efi_screen *screen; /* NULL: no display */
    struct efi_key keys[KEYS];
    unsigned first, count;
    uint8_t sequence[SEQUENCE]; /* an escape sequence or a character that is not complete */
    unsigned sequence_length;
    uint64_t sequence_time;
    char line[256]; /* for the log */
    size_t line_length;
};

/* --- output --- */

static void put(struct efi *efi, const char *bytes, size_t length)
{
    const struct efi_console *console = &efi->config.console;
    struct efi_text *t = efi->text;

    if (console->write) {
        console->write(console->ctx, (const uint8_t *)bytes, length);
        return;
    }
    if (t->screen)
        return;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n' || t->line_length == sizeof(t->line) - 1) {
            t->line[t->line_length] = '\0';
            if (t->line_length)
                log_info(efi->config.log, "EFI console: %s", t->line);
            t->line_length = 0;
        }
        if (bytes[i] == '\b') /* a progress wheel, say */
            t->line_length -= t->line_length > 0;
        else if ((unsigned char)bytes[i] >= ' ')
            t->line[t->line_length++] = bytes[i];
    }
}

/* A control sequence, which a log has no use for. */
static void put_sequence(struct efi *efi, const char *sequence)
{
    if (efi->config.console.write)
        put(efi, sequence, strlen(sequence));
}

static size_t utf8(uint16_t c, char out[3])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

static void next_row(struct efi_text *t)
{
    if (t->mode.row < (int32_t)EFI_ROWS - 1)
        t->mode.row++;
    else
        efi_screen_scroll(t->screen, t->mode.attribute);
}

static void put_char(struct efi *efi, uint16_t c)
{
    struct efi_text *t = efi->text;
    struct text_mode *mode = &t->mode;
    char bytes[3];

    put(efi, bytes, utf8(c, bytes));
    if (c == '\r') {
        mode->column = 0;
    } else if (c == '\n') {
        next_row(t);
    } else if (c == '\b') {
        mode->column -= mode->column > 0;
    } else {
        efi_screen_put(t->screen, mode->row, mode->column, c, mode->attribute);
        if (++mode->column < (int32_t)EFI_COLUMNS)
            return;
        mode->column = 0;
        next_row(t);
    }
}

/* What was changed is seen, on the display and in the guest's copy of the mode. */
static void publish(struct efi *efi)
{
    const struct text_mode *mode = &efi->text->mode;

    efi_poke(efi, efi->text->mode_at, mode, sizeof(*mode));
    efi_screen_show(efi->text->screen, mode->row, mode->column, mode->cursor_visible);
}

static efi_status out_reset(struct efi_call *call)
{
    put_sequence(call->efi, "\033[0m");
    return EFI_SUCCESS;
}

/* OutputString(This, *String) */
static efi_status output_string(struct efi_call *call)
{
    for (uint64_t i = 0; i < STRING_MAX; i++) {
        uint16_t c;

        if (efi_read(call, call->arg[1] + i * 2, &c, sizeof(c)))
            return EFI_INVALID_PARAMETER;
        if (c == 0)
            break;
        put_char(call->efi, c);
    }
    publish(call->efi);
    return EFI_SUCCESS;
}

static efi_status test_string(struct efi_call *call)
{
    return EFI_SUCCESS;
}

/* QueryMode(This, ModeNumber, *Columns, *Rows) */
static efi_status query_mode(struct efi_call *call)
{
    if (call->arg[1] != 0)
        return EFI_UNSUPPORTED;
    return efi_write_u64(call, call->arg[2], EFI_COLUMNS) ||
                   efi_write_u64(call, call->arg[3], EFI_ROWS)
               ? EFI_INVALID_PARAMETER
               : EFI_SUCCESS;
}

static efi_status clear_screen(struct efi_call *call)
{
    put_sequence(call->efi, "\033[2J\033[H");
    efi_screen_clear(call->efi->text->screen, call->efi->text->mode.attribute);
    call->efi->text->mode.column = call->efi->text->mode.row = 0;
    publish(call->efi);
    return EFI_SUCCESS;
}

static efi_status set_mode(struct efi_call *call)
{
    return call->arg[1] == 0 ? clear_screen(call) : EFI_UNSUPPORTED;
}

/* SetAttribute(This, Attribute): EFI's colours are in the order of the PC's. */
static efi_status set_attribute(struct efi_call *call)
{
    static const uint8_t colour[] = {0, 4, 2, 6, 1, 5, 3, 7};
    unsigned attribute = (unsigned)call->arg[1] & 0x7f;
    char text[32];

    snprintf(text, sizeof(text), "\033[0;%s3%u;4%um", attribute & 8 ? "1;" : "",
             colour[attribute & 7], colour[attribute >> 4 & 7]);
    put_sequence(call->efi, text);
    call->efi->text->mode.attribute = (int32_t)attribute;
    publish(call->efi);
    return EFI_SUCCESS;
}

/* SetCursorPosition(This, Column, Row) */
static efi_status set_cursor_position(struct efi_call *call)
{
    char text[32];

    if (call->arg[1] >= EFI_COLUMNS || call->arg[2] >= EFI_ROWS)
        return EFI_UNSUPPORTED;
    snprintf(text, sizeof(text), "\033[%u;%uH", (unsigned)call->arg[2] + 1,
             (unsigned)call->arg[1] + 1);
    put_sequence(call->efi, text);
    call->efi->text->mode.column = (int32_t)call->arg[1];
    call->efi->text->mode.row = (int32_t)call->arg[2];
    publish(call->efi);
    return EFI_SUCCESS;
}

static efi_status enable_cursor(struct efi_call *call)
{
    bool on = call->arg[1] & 0xff;

    put_sequence(call->efi, on ? "\033[?25h" : "\033[?25l");
    call->efi->text->mode.cursor_visible = on;
    publish(call->efi);
    return EFI_SUCCESS;
}

/* --- input --- */

static void add_key(struct efi_text *t, uint16_t scan, uint16_t unicode)
{
    if (t->count < KEYS)
        t->keys[(t->first + t->count++) % KEYS] = (struct efi_key){scan, unicode, 0};
}

#define SCAN_ESCAPE 0x17u

/* What terminals send for keys, after ESC, and EFI's scan codes (12.1.2). */
static const struct {
    const char *bytes;
    uint16_t scan;
} sequences[] = {
    {"[A", 1},    {"[B", 2},    {"[C", 3},    {"[D", 4},    {"OA", 1},    {"OB", 2},
    {"OC", 3},    {"OD", 4},    {"[H", 5},    {"OH", 5},    {"[1~", 5},   {"[F", 6},
    {"OF", 6},    {"[4~", 6},   {"[2~", 7},   {"[3~", 8},   {"[5~", 9},   {"[6~", 10},
    {"OP", 11},   {"OQ", 12},   {"OR", 13},   {"OS", 14},   {"[15~", 15}, {"[17~", 16},
    {"[18~", 17}, {"[19~", 18}, {"[20~", 19}, {"[21~", 20}, {"[23~", 21}, {"[24~", 22},
};

/* Looks the gathered bytes up. Returns whether more could follow. */
static bool match_sequence(struct efi_text *t)
{
    bool more = false;

    for (size_t i = 0; i < nitems(sequences); i++) {
        size_t length = strlen(sequences[i].bytes);

        if (t->sequence_length - 1 > length ||
            memcmp(sequences[i].bytes, t->sequence + 1, t->sequence_length - 1) != 0)
            continue;
        if (t->sequence_length - 1 == length) {
            add_key(t, sequences[i].scan, 0);
            t->sequence_length = 0;
            return false;
        }
        more = true;
    }
    return more;
}

/* The sequence leads nowhere: an escape by itself, and keys. */
static void give_up_sequence(struct efi_text *t)
{
    unsigned length = t->sequence_length;

    t->sequence_length = 0;
    add_key(t, SCAN_ESCAPE, 0);
    for (unsigned i = 1; i < length; i++)
        add_key(t, 0, t->sequence[i]);
}

static unsigned utf8_length(uint8_t lead)
{
    return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

static void take_utf8(struct efi_text *t)
{
    const uint8_t *s = t->sequence;
    unsigned length = utf8_length(s[0]);

    if (t->sequence_length < length)
        return;
    t->sequence_length = 0;
    if (length == 2)
        add_key(t, 0, (uint16_t)((s[0] & 0x1f) << 6 | (s[1] & 0x3f)));
    else if (length == 3)
        add_key(t, 0, (uint16_t)((s[0] & 0xf) << 12 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f)));
}

static void take_byte(struct efi_text *t, uint8_t byte, uint64_t now)
{
    if (t->sequence_length == 0 && byte != 0x1b && byte < 0x80) {
        add_key(t, 0, byte == 0x7f ? '\b' : byte == '\n' ? '\r' : byte);
        return;
    }
    t->sequence[t->sequence_length++] = byte;
    t->sequence_time = now;
    if (t->sequence[0] != 0x1b)
        take_utf8(t);
    else if (t->sequence_length > 1 && !match_sequence(t) && t->sequence_length)
        give_up_sequence(t);
}

static void poll_keyboard(struct efi *efi)
{
    const struct efi_keyboard *keyboard = &efi->config.keyboard;
    struct efi_text *t = efi->text;
    struct efi_key key;

    while (keyboard->read && t->count < KEYS && keyboard->read(keyboard->ctx, &key))
        t->keys[(t->first + t->count++) % KEYS] = key;
}

static void poll_terminal(struct efi *efi)
{
    const struct efi_console *console = &efi->config.console;
    struct efi_text *t = efi->text;
    uint64_t now = efi->config.now_ns(efi->config.ctx);
    uint8_t bytes[32];
    size_t n;

    if (!console->read)
        return;
    /* A key may come of each byte, and the last one of several. */
    while (t->count + sizeof(bytes) + SEQUENCE <= KEYS &&
           (n = console->read(console->ctx, bytes, sizeof(bytes))) > 0)
        for (size_t i = 0; i < n; i++)
            take_byte(t, bytes[i], now);
    if (t->sequence_length && now - t->sequence_time > ESCAPE_WAIT)
        give_up_sequence(t);
}

void efi_console_poll(struct efi *efi)
{
    struct efi_text *t = efi->text;

    if (!t)
        return;
    poll_keyboard(efi);
    poll_terminal(efi);
    if (t->count) {
        efi_event_signal(efi, t->event);
        efi_event_signal(efi, t->event_ex);
    }
}

static bool take_key(struct efi *efi, struct efi_key *key)
{
    struct efi_text *t = efi->text;

    efi_console_poll(efi);
    if (t->count == 0)
        return false;
    *key = t->keys[t->first];
    t->first = (t->first + 1) % KEYS;
    if (--t->count == 0) {
        efi_event_forget(efi, t->event);
        efi_event_forget(efi, t->event_ex);
    }
    return true;
}

static efi_status in_reset(struct efi_call *call)
{
    struct efi_key key;

    for (unsigned i = 0; i < KEYS && take_key(call->efi, &key); i++)
        ;
    return EFI_SUCCESS;
}

/* ReadKeyStroke(This, *Key): a letter with Control down is a control character. */
static efi_status read_key(struct efi_call *call)
{
    struct efi_key taken;
    struct key key;

    if (!take_key(call->efi, &taken))
        return EFI_NOT_READY;
    key = (struct key){taken.scan, taken.unicode};
    if (taken.shift & (EFI_LEFT_CONTROL_PRESSED | EFI_RIGHT_CONTROL_PRESSED) &&
        (key.unicode | 0x20) >= 'a' && (key.unicode | 0x20) <= 'z')
        key.unicode &= 0x1f;
    return efi_write(call, call->arg[1], &key, sizeof(key)) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

/* ReadKeyStrokeEx(This, *KeyData): the key, and the shift keys where they are known. */
static efi_status read_key_ex(struct efi_call *call)
{
    struct {
        struct key key;
        uint32_t shift, toggle;
    } data = {0};
    struct efi_key taken;

    if (!take_key(call->efi, &taken))
        return EFI_NOT_READY;
    data.key = (struct key){taken.scan, taken.unicode};
    data.shift = taken.shift;
    return efi_write(call, call->arg[1], &data, sizeof(data)) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

static efi_status set_state(struct efi_call *call)
{
    return EFI_SUCCESS;
}

/* RegisterKeyNotify, UnregisterKeyNotify: a terminal sends characters, not keys. */
static efi_status no_notify(struct efi_call *call)
{
    return EFI_UNSUPPORTED;
}

static const struct efi_method in_methods[] = {
    {0, "TextIn.Reset", in_reset},
    {8, "ReadKeyStroke", read_key},
};

const struct efi_protocol efi_text_in = {
    {0x387477c1, 0x69c7, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    "Simple Text Input",
    24,
    in_methods,
    nitems(in_methods),
};

static efi_status in_ex_reset(struct efi_call *call)
{
    return in_reset(call);
}

static const struct efi_method in_ex_methods[] = {
    {0, "TextInEx.Reset", in_ex_reset},
    {8, "ReadKeyStrokeEx", read_key_ex},
    {24, "SetState", set_state},
    {32, "RegisterKeyNotify", no_notify},
    {40, "UnregisterKeyNotify", no_notify},
};

const struct efi_protocol efi_text_in_ex = {
    {0xdd9e7534, 0x7762, 0x4698, {0x8c, 0x14, 0xf5, 0x85, 0x17, 0xa6, 0x25, 0xaa}},
    "Simple Text Input Ex",
    48,
    in_ex_methods,
    nitems(in_ex_methods),
};

static const struct efi_method out_methods[] = {
    {0, "TextOut.Reset", out_reset},     {8, "OutputString", output_string},
    {16, "TestString", test_string},     {24, "QueryMode", query_mode},
    {32, "SetMode", set_mode},           {40, "SetAttribute", set_attribute},
    {48, "ClearScreen", clear_screen},   {56, "SetCursorPosition", set_cursor_position},
    {64, "EnableCursor", enable_cursor},
};

const struct efi_protocol efi_text_out = {
    {0x387477c2, 0x69c7, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    "Simple Text Output",
    80,
    out_methods,
    nitems(out_methods),
};

static efi_status make_interfaces(struct efi *efi)
{
    struct efi_text *t = efi->text;
    efi_status status = efi_interface_new(efi, &efi_text_in, t, 0, &t->in);

    if (status == EFI_SUCCESS)
        status = efi_interface_new(efi, &efi_text_in_ex, t, 0, &t->in_ex);
    if (status == EFI_SUCCESS)
        status = efi_interface_new(efi, &efi_text_out, t, sizeof(t->mode), &t->out);
    if (status == EFI_SUCCESS)
        status = efi_event_new(efi, &t->event);
    if (status == EFI_SUCCESS)
        status = efi_event_new(efi, &t->event_ex);
    if (status != EFI_SUCCESS)
        return status;
    t->mode_at = t->out + efi_text_out.size;
    efi_poke64(efi, t->out + 72, t->mode_at);
    efi_poke64(efi, t->in + 16, t->event);
    efi_poke64(efi, t->in_ex + 16, t->event_ex);
    publish(efi);
    return EFI_SUCCESS;
}

efi_status efi_console_start(struct efi *efi, uint64_t *in, uint64_t *out, uint64_t *handle)
{
    struct efi_text *t = calloc(1, sizeof(*t));
    efi_status status;

    if (!t)
        return EFI_OUT_OF_RESOURCES;
    efi->text = t;
    t->mode = (struct text_mode){.max_mode = 1, .attribute = 7, .cursor_visible = 1};
    if (efi->config.display.width && efi_screen_new(&t->screen, &efi->config.display))
        return EFI_OUT_OF_RESOURCES;
    status = make_interfaces(efi);
    if (status == EFI_SUCCESS)
        status = efi_install(efi, &t->handle, &efi_text_in.guid, t->in);
    if (status == EFI_SUCCESS)
        status = efi_install(efi, &t->handle, &efi_text_in_ex.guid, t->in_ex);
    if (status == EFI_SUCCESS)
        status = efi_install(efi, &t->handle, &efi_text_out.guid, t->out);
    *in = t->in;
    *out = t->out;
    *handle = t->handle;
    return status;
}

void efi_console_stop(struct efi *efi)
{
    if (efi->text && efi->text->line_length)
        put(efi, "\n", 1);
    if (efi->text)
        efi_screen_free(efi->text->screen);
    free(efi->text);
    efi->text = NULL;
}
