/* SPDX-License-Identifier: ISC */
/* Section numbers are those of ACPI 6.5. */
#include "firmware/aml.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

/* Encodings (20.3). */
enum {
    ZERO_OP = 0x00,
    ONE_OP = 0x01,
    NAME_OP = 0x08,
    BYTE_PREFIX = 0x0a,
    WORD_PREFIX = 0x0b,
    DWORD_PREFIX = 0x0c,
    STRING_PREFIX = 0x0d,
    QWORD_PREFIX = 0x0e,
    SCOPE_OP = 0x10,
    BUFFER_OP = 0x11,
    PACKAGE_OP = 0x12,
    METHOD_OP = 0x14,
    DUAL_NAME_PREFIX = 0x2e,
    MULTI_NAME_PREFIX = 0x2f,
    EXT_OP_PREFIX = 0x5b,
    ROOT_CHAR = 0x5c,
    DEVICE_OP = 0x82, /* after EXT_OP_PREFIX */
    NOTIFY_OP = 0x86,
};

#define SEGMENT_SIZE 4

static void fail(struct aml *aml, int error)
{
    if (aml->error == 0)
        aml->error = -error;
}

/* Room for `length` more bytes, which count as written; NULL after an error. */
static uint8_t *take(struct aml *aml, size_t length)
{
    uint8_t *at = aml->bytes + aml->used;

    if (length > aml->room - aml->used)
        fail(aml, ENOSPC);
    if (aml->error)
        return NULL;
    aml->used += length;
    return at;
}

static void put(struct aml *aml, uint64_t value, size_t width)
{
    uint8_t *at = take(aml, width), bytes[8];

    store_le64(bytes, value);
    if (at)
        memcpy(at, bytes, width);
}

static void put_bytes(struct aml *aml, const void *bytes, size_t length)
{
    uint8_t *at = take(aml, length);

    if (at)
        memcpy(at, bytes, length);
}

/* Makes room for `length` bytes at `where`, before what is there. */
static uint8_t *insert(struct aml *aml, size_t where, size_t length)
{
    size_t behind = aml->used - where;

    if (!take(aml, length))
        return NULL;
    memmove(aml->bytes + where + length, aml->bytes + where, behind);
    return aml->bytes + where;
}

void aml_init(struct aml *aml, void *bytes, size_t room)
{
    *aml = (struct aml){.bytes = bytes, .room = room};
}

int64_t aml_finish(const struct aml *aml)
{
    if (aml->error)
        return aml->error;
    return aml->depth ? -EINVAL : (int64_t)aml->used;
}

/* --- names (20.2.2): NameString := RootChar? (NameSeg | DualNamePath | MultiNamePath) --- */

static bool is_name_character(char c, bool lead)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || (!lead && c >= '0' && c <= '9');
}

static void put_segment(struct aml *aml, const char *text, size_t length)
{
    char segment[SEGMENT_SIZE] = {'_', '_', '_', '_'};

    if (length < 1 || length > sizeof(segment)) {
        fail(aml, EINVAL);
        return;
    }
    for (size_t i = 0; i < length; i++)
        if (!is_name_character(text[i], i == 0))
            fail(aml, EINVAL);
    memcpy(segment, text, length);
    put_bytes(aml, segment, sizeof(segment));
}

static void put_name(struct aml *aml, const char *name)
{
    size_t segments = 1;

    if (*name == ROOT_CHAR)
        put(aml, (uint8_t)*name++, 1);
    for (const char *c = name; *c; c++)
        segments += *c == '.';
    if (segments == 2) {
        put(aml, DUAL_NAME_PREFIX, 1);
    } else if (segments > 2) {
        put(aml, MULTI_NAME_PREFIX, 1);
        put(aml, segments, 1);
    }
    for (; segments > 0; segments--) {
        size_t length = strcspn(name, ".");

        put_segment(aml, name, length);
        name += length + 1;
    }
}

/* --- bodies --- */

static void begin(struct aml *aml, bool buffer)
{
    if (aml->depth == AML_MAX_DEPTH) {
        fail(aml, EINVAL);
        return;
    }
    aml->open[aml->depth].body = aml->used;
    aml->open[aml->depth++].buffer = buffer;
}

/* PkgLength (20.2.4): one byte up to 63, else the low four bits and the count of bytes that follow,
 * least significant first. It counts itself. */
static size_t encode_length(uint8_t bytes[4], size_t body)
{
    size_t size = body + 1 < 1u << 6 ? 1 : body + 2 < 1u << 12 ? 2 : body + 3 < 1u << 20 ? 3 : 4;
    size_t length = body + size;

    if (size == 1) {
        bytes[0] = (uint8_t)length;
        return size;
    }
    bytes[0] = (uint8_t)((size - 1) << 6 | (length & 0xf));
    for (size_t i = 1; i < size; i++)
        bytes[i] = (uint8_t)(length >> (8 * i - 4));
    return size;
}

/* BufferSize, an integer in front of a buffer's bytes (20.2.5.4). */
static void insert_buffer_size(struct aml *aml, size_t body)
{
    size_t size = aml->used - body, width = size <= UINT8_MAX ? 1 : 2;
    uint8_t *at = insert(aml, body, 1 + width);

    if (!at)
        return;
    at[0] = width == 1 ? BYTE_PREFIX : WORD_PREFIX;
    at[1] = (uint8_t)size;
    if (width == 2)
        at[2] = (uint8_t)(size >> 8);
}

void aml_end(struct aml *aml)
{
    uint8_t encoded[4], *at;
    size_t body, size;

    if (aml->error)
        return;
    if (aml->depth == 0) {
        fail(aml, EINVAL);
        return;
    }
    body = aml->open[--aml->depth].body;
    if (aml->open[aml->depth].buffer)
        insert_buffer_size(aml, body);
    size = encode_length(encoded, aml->used - body);
    at = insert(aml, body, size);
    if (at)
        memcpy(at, encoded, size);
}

void aml_scope(struct aml *aml, const char *name)
{
    put(aml, SCOPE_OP, 1);
    begin(aml, false);
    put_name(aml, name);
}

void aml_device(struct aml *aml, const char *name)
{
    put(aml, EXT_OP_PREFIX, 1);
    put(aml, DEVICE_OP, 1);
    begin(aml, false);
    put_name(aml, name);
}

/* MethodFlags (20.2.5.2): the number of arguments, and serialized, so that nothing a method does
 * races with itself. */
void aml_method(struct aml *aml, const char *name, unsigned arguments)
{
    const uint8_t serialized = 1 << 3;

    put(aml, METHOD_OP, 1);
    begin(aml, false);
    put_name(aml, name);
    put(aml, arguments | serialized, 1);
}

void aml_name(struct aml *aml, const char *name)
{
    put(aml, NAME_OP, 1);
    put_name(aml, name);
}

void aml_package(struct aml *aml, unsigned elements)
{
    put(aml, PACKAGE_OP, 1);
    begin(aml, false);
    put(aml, elements, 1);
}

void aml_integer(struct aml *aml, uint64_t value)
{
    static const struct {
        uint8_t prefix, width;
    } forms[] = {{BYTE_PREFIX, 1}, {WORD_PREFIX, 2}, {DWORD_PREFIX, 4}, {QWORD_PREFIX, 8}};
    size_t i = 0;

    if (value <= 1) {
        put(aml, value ? ONE_OP : ZERO_OP, 1);
        return;
    }
    while (value > bits_mask(8 * forms[i].width))
        i++;
    put(aml, forms[i].prefix, 1);
    put(aml, value, forms[i].width);
}

void aml_string(struct aml *aml, const char *value)
{
    put(aml, STRING_PREFIX, 1);
    put_bytes(aml, value, strlen(value) + 1);
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 16;
}

/* Three letters of five bits, then four hexadecimal digits, as a big-endian number (6.1.5). */
void aml_eisa_id(struct aml *aml, const char *id)
{
    uint32_t value = 0;
    bool good = strlen(id) == 7;

    for (unsigned i = 0; good && i < 7; i++) {
        unsigned part = i < 3 ? (unsigned)(id[i] - 'A' + 1) : hex_digit(id[i]);

        good = i < 3 ? part >= 1 && part <= 26 : part < 16;
        value = value << (i < 3 ? 5 : 4) | part;
    }
    if (!good)
        fail(aml, EINVAL);
    put(aml, DWORD_PREFIX, 1);
    put(aml, __builtin_bswap32(value), 4);
}

void aml_notify(struct aml *aml, const char *object, uint64_t value)
{
    put(aml, NOTIFY_OP, 1);
    put_name(aml, object);
    aml_integer(aml, value);
}

/* --- resource templates --- */

/* Names of the descriptors (6.4.2, 6.4.3). A large one's two-byte length counts what follows it. */
enum {
    END_TAG = 0x79,
    MEMORY32_FIXED = 0x86,
    DWORD_ADDRESS_SPACE = 0x87,
    WORD_ADDRESS_SPACE = 0x88,
    EXTENDED_INTERRUPT = 0x89,
    QWORD_ADDRESS_SPACE = 0x8a,
    GPIO_CONNECTION = 0x8c,
};

void aml_resources(struct aml *aml)
{
    put(aml, BUFFER_OP, 1);
    begin(aml, true);
}

void aml_resources_end(struct aml *aml)
{
    put(aml, END_TAG, 1);
    put(aml, 0, 1); /* no checksum (6.4.2.9) */
    aml_end(aml);
}

static void put_large(struct aml *aml, uint8_t tag, size_t length)
{
    put(aml, tag, 1);
    put(aml, length, 2);
}

void aml_memory32(struct aml *aml, uint64_t base, uint64_t size)
{
    if (!range_fits(base, size, BIT(32)))
        fail(aml, EINVAL);
    put_large(aml, MEMORY32_FIXED, 9);
    put(aml, 1, 1); /* read and write */
    put(aml, base, 4);
    put(aml, size, 4);
}

void aml_interrupt(struct aml *aml, enum aml_trigger trigger, unsigned gsi)
{
    const uint8_t consumer = 1 << 0, edge = 1 << 1;

    put_large(aml, EXTENDED_INTERRUPT, 6);
    put(aml, consumer | (trigger == AML_EDGE ? edge : 0), 1);
    put(aml, 1, 1); /* one interrupt */
    put(aml, gsi, 4);
}

void aml_gpio_interrupt(struct aml *aml, enum aml_trigger trigger, unsigned pin,
                        const char *controller)
{
    /* Offsets from the descriptor's first byte (table 6.51). */
    const size_t pin_table = 23, source = pin_table + 2, end = source + strlen(controller) + 1;

    put_large(aml, GPIO_CONNECTION, end - 3);
    put(aml, 1, 1); /* revision */
    put(aml, 0, 1); /* an interrupt connection */
    put(aml, 1, 2); /* the device is a consumer */
    put(aml, trigger == AML_EDGE, 2);
    put(aml, 0, 1); /* pull as it is */
    put(aml, 0, 2); /* output drive strength */
    put(aml, 0, 2); /* debounce timeout */
    put(aml, pin_table, 2);
    put(aml, 0, 1); /* index of the source */
    put(aml, source, 2);
    put(aml, end, 2); /* vendor data, none */
    put(aml, 0, 2);
    put(aml, pin, 2);
    put_bytes(aml, controller, strlen(controller) + 1);
}

enum window_type { WINDOW_MEMORY, WINDOW_IO, WINDOW_BUS };

/* An address space descriptor of any width: `width` bytes a number (6.4.3.5.1 to 6.4.3.5.3). */
static void put_window(struct aml *aml, uint8_t tag, size_t width, enum window_type type,
                       uint8_t flags, uint64_t first, uint64_t size, uint64_t translation)
{
    const uint8_t min_fixed = 1 << 2, max_fixed = 1 << 3;

    if (size == 0 || !range_fits(first, size - 1, bits_mask(8 * (unsigned)width)))
        fail(aml, EINVAL);
    put_large(aml, tag, 3 + 5 * width);
    put(aml, type, 1);
    put(aml, min_fixed | max_fixed, 1);
    put(aml, flags, 1);
    put(aml, 0, width); /* granularity: all bits are decoded */
    put(aml, first, width);
    put(aml, first + size - 1, width);
    put(aml, translation, width);
    put(aml, size, width);
}

void aml_bus_range(struct aml *aml, uint16_t first, uint16_t last)
{
    put_window(aml, WORD_ADDRESS_SPACE, 2, WINDOW_BUS, 0, first, (uint64_t)last - first + 1, 0);
}

#define MEMORY_READ_WRITE 0x01 /* table 6.49 */

void aml_memory_window32(struct aml *aml, uint64_t base, uint64_t size)
{
    put_window(aml, DWORD_ADDRESS_SPACE, 4, WINDOW_MEMORY, MEMORY_READ_WRITE, base, size, 0);
}

void aml_memory_window64(struct aml *aml, uint64_t base, uint64_t size)
{
    put_window(aml, QWORD_ADDRESS_SPACE, 8, WINDOW_MEMORY, MEMORY_READ_WRITE, base, size, 0);
}

void aml_io_window(struct aml *aml, uint64_t first, uint64_t size, uint64_t translation)
{
    /* Table 6.50: the whole range, ISA's too; its ports are memory on the other side (_TTP). */
    const uint8_t entire_range = 3, type_translation = 1 << 4;

    put_window(aml, DWORD_ADDRESS_SPACE, 4, WINDOW_IO, entire_range | type_translation, first, size,
               translation);
}
