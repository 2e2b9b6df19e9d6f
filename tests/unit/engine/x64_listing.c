/* SPDX-License-Identifier: ISC */
/*
 * A listing of x86-64 code against objdump's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "x64_listing.h"

#define CODE_SIZE (8 << 20)
#define MAX_LINES 200000

struct line {
    uint32_t offset; /* UINT32_MAX: not known, an instruction of several */
    char text[MAX_TEXT];
};

bool listing_possible(void)
{
    return system("objdump --version >/dev/null 2>&1") == 0;
}

void listing_init(struct listing *l, bool avx)
{
    struct x64_features has = {.v2 = true, .avx = avx};
    uint8_t *code = malloc(CODE_SIZE);

    l->lines = malloc(MAX_LINES * sizeof(l->lines[0]));
    assert_non_null(code);
    assert_non_null(l->lines);
    x64_init(&l->a, code, CODE_SIZE, &has);
    l->done = code;
    l->count = 0;
}

void expect(struct listing *l, const char *format, ...)
{
    struct line *line = &l->lines[l->count++];
    va_list ap;

    assert_true(l->count <= MAX_LINES);
    line->offset = l->done == l->a.at ? UINT32_MAX : (uint32_t)(l->done - l->a.start);
    l->done = l->a.at;
    va_start(ap, format);
    vsnprintf(line->text, sizeof(line->text), format, ap);
    va_end(ap);
}

/* objdump pads mnemonics, names the width of every memory operand, and adds comments. */
static void normalize(char *text, bool widths)
{
    char *out = text, *comment = strchr(text, '#');

    if (comment != NULL) {
        *comment = '\0';
    }
    for (char *in = text; *in != '\0'; in++) {
        char *ptr = strstr(in, " PTR ");

        if (!widths && ptr != NULL && strcspn(in, " ,[") == (size_t)(ptr - in)) {
            in = ptr + 5;
        }
        if (isspace((unsigned char)*in) && (isspace((unsigned char)in[1]) || in[1] == '\0')) {
            continue;
        }
        *out++ = *in;
    }
    *out = '\0';
}

void listing_check(struct listing *l, bool widths)
{
    char path[] = "/tmp/x64-XXXXXX", command[128], read[256];
    size_t size = (size_t)(l->a.at - l->a.start), n = 0, bad = 0;
    int fd = mkstemp(path);
    FILE *dump;

    assert_false(l->a.overflow);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, l->a.start, size), size);
    close(fd);
    snprintf(command, sizeof(command),
             "objdump -D -b binary -m i386:x86-64 -M intel --no-show-raw-insn %s", path);
    dump = popen(command, "r");
    assert_non_null(dump);
    while (fgets(read, sizeof(read), dump) != NULL) {
        const struct line *line = &l->lines[n];
        unsigned offset;
        int skip = 0;

        if (sscanf(read, " %x:\t%n", &offset, &skip) != 1 || skip == 0) {
            continue;
        }
        normalize(read + skip, widths);
        assert_true(n < l->count);
        if ((strcmp(read + skip, line->text) != 0 ||
             (line->offset != UINT32_MAX && line->offset != offset)) &&
            bad++ < 20) {
            print_error("at %#x: \"%s\", not \"%s\" (%#x)\n", offset, read + skip, line->text,
                        line->offset);
        }
        n++;
    }
    assert_int_equal(pclose(dump), 0);
    unlink(path);
    free(l->a.start);
    free(l->lines);
    assert_int_equal(bad, 0);
    assert_int_equal(n, l->count);
}

/* ---- operands as text ---- */

char *text_buffer(void)
{
    static char texts[8][MAX_TEXT];
    static unsigned next;

    return texts[next++ % 8];
}

const char *reg(unsigned size, unsigned r)
{
    static const char *const names[4][16] = {
        {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
         "r13b", "r14b", "r15b"},
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
         "r13w", "r14w", "r15w"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
         "r12d", "r13d", "r14d", "r15d"},
        {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
         "r13", "r14", "r15"},
    };

    return names[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3][r];
}

const char *imm_text(unsigned size, int64_t imm)
{
    char *text = text_buffer();

    snprintf(text, MAX_TEXT, "0x%llx", (unsigned long long)((uint64_t)imm & bits_mask(size * 8)));
    return text;
}

const char *mem_text(unsigned size, struct x64_mem m)
{
    static const char *const widths[17] = {
        [0] = "",           [1] = "BYTE PTR ",  [2] = "WORD PTR ",
        [4] = "DWORD PTR ", [8] = "QWORD PTR ", [16] = "OWORD PTR "};
    char *text = text_buffer();
    int n = snprintf(text, MAX_TEXT, "%s[", widths[size]);

    if (m.base == X64_NONE && m.index == X64_NONE) {
        snprintf(text, MAX_TEXT, "%sds:0x%x", widths[size], (unsigned)m.disp);
        return text;
    }
    if (m.base != X64_NONE) {
        n += snprintf(text + n, MAX_TEXT, "%s", reg(8, m.base));
    }
    if (m.index != X64_NONE) {
        n += snprintf(text + n, MAX_TEXT, "%s%s*%u", m.base != X64_NONE ? "+" : "", reg(8, m.index),
                      m.scale);
    }
    if (m.disp != 0 || m.base == X64_NONE || (m.base & 7) == X64_RBP) {
        n += snprintf(text + n, MAX_TEXT, "%c0x%x", m.disp < 0 ? '-' : '+',
                      m.disp < 0 ? -(unsigned)m.disp : (unsigned)m.disp);
    }
    snprintf(text + n, MAX_TEXT, "]");
    return text;
}

/* ---- operands to try ---- */

struct x64_mem mem(unsigned n)
{
    static const int32_t disps[6] = {0, 0x10, -128, 127, 128, -0x12345678};

    if (n < 16 * 6) {
        return x64_at(n / 6, disps[n % 6]);
    }
    n -= 16 * 6;
    if (n < 15 * 4) {
        unsigned index = n / 4 < X64_RSP ? n / 4 : n / 4 + 1;

        return x64_at_index((n * 7 + 5) % 16, index, 1U << n % 4, disps[n % 6]);
    }
    return n == 15 * 4 ? x64_at_index(X64_NONE, X64_R9, 8, 0x40)
                       : x64_at_index(X64_NONE, X64_NONE, 1, 0x1234);
}

struct x64_mem few(unsigned n)
{
    switch (n) {
    case 0: return x64_at(X64_RBP, -96);
    case 1: return x64_at(X64_R12, 0);
    case 2: return x64_at(X64_R13, 0x1000);
    case 3: return x64_at_index(X64_RSP, X64_R15, 8, 8);
    case 4: return x64_at_index(X64_R8, X64_RDI, 1, 0);
    default: return x64_at(X64_RSI, 0x30);
    }
}

unsigned partner(unsigned r)
{
    return (r * 7 + 4) % 16;
}
