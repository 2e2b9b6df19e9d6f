/* SPDX-License-Identifier: ISC */
/*
 * The disassembler: templates and registers. The style of operands and the choice of aliases are
 * LLVM's, with spaces.
 */
#include "arm/disasm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arm/a64.h"
#include "arm/a64_table.h"
#include "base/bits.h"

void disasm_print(struct disasm *d, const char *format, ...)
{
    bool room = d->used < d->size;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(room ? d->buf + d->used : NULL, room ? d->size - d->used : 0, format, ap);
    va_end(ap);
    if (n > 0) {
        d->used += (size_t)n;
    }
}

char disasm_element(unsigned log)
{
    return "bhsdq"[log < 4 ? log : 4];
}

unsigned disasm_low_bit(uint32_t value)
{
    return value ? (unsigned)__builtin_ctz(value) : 0;
}

unsigned disasm_high_bit(uint32_t value)
{
    return value ? 31 - (unsigned)__builtin_clz(value) : 0;
}

void disasm_gpr(struct disasm *d, bool wide, unsigned n, bool sp)
{
    if (n == 31) {
        disasm_print(d, "%s", sp ? (wide ? "sp" : "wsp") : (wide ? "xzr" : "wzr"));
    } else {
        disasm_print(d, "%c%u", wide ? 'x' : 'w', n);
    }
}

/* The log2 of the bytes of a floating-point type: ftype, fopc, or size of a multiplication by
 * element. */
static unsigned fp_log(uint32_t type)
{
    static const uint8_t LOG[] = {2, 3, 2, 1};

    return LOG[type & 3];
}

static unsigned element_fp_log(uint32_t size)
{
    return size == 0 ? 1 : size;
}

/* The width of the general registers of a kind: 1 X, 0 W, -1 when `kind` is not of general
 * registers. */
static int general_kind(uint32_t w, const char *kind)
{
    const struct {
        const char *kind;
        bool wide;
    } kinds[] = {
        {"W", false},
        {"X", true},
        {"R", a64_sf(w)},
        {"RX", a64_sf(w) && (a64_option(w) & 3) == 3},
        {"L", a64_ldsize(w) == 3},
        {"LS", !a64_sx32(w)},
        {"LI", a64_litx(w)},
        {"P", a64_xpsz(w)},
        {"K", a64_pairx(w)},
        {"QR", a64_Q(w)},
        {"TB", a64_b5(w)},
        {"J5", (a64_imm5(w) & 15) == 8},
    };

    for (size_t i = 0; i < nitems(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].wide;
        }
    }
    return -1;
}

/* The log2 of the bytes of a kind's SIMD and floating-point registers, -1 when `kind` is not of
 * those. */
static int simd_kind(uint32_t w, const char *kind)
{
    const struct {
        const char *kind;
        unsigned log;
    } kinds[] = {
        {"H", 1},
        {"S", 2},
        {"D", 3},
        {"Q", 4},
        {"F", fp_log(a64_ftype(w))},
        {"FC", fp_log(a64_fopc(w))},
        {"FE", element_fp_log(a64_size(w))},
        {"Z", a64_size(w)},
        {"ZW", a64_size(w) + 1},
        {"Y", a64_sz(w) + 2},
        {"I", disasm_high_bit(a64_immh(w))},
        {"IW", disasm_high_bit(a64_immh(w)) + 1},
        {"I5", disasm_low_bit(a64_imm5(w))},
        {"M", a64_opc1(w) ? 4 : a64_ldsize(w)},
        {"MP", a64_pairsz(w) + 2},
    };

    for (size_t i = 0; i < nitems(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return (int)kinds[i].log;
        }
    }
    return -1;
}

/* Prints ".8h" and the like for the arrangement called `name`; false: there is none. */
static bool print_arrangement(struct disasm *d, const char *name)
{
    uint32_t w = d->w;
    unsigned half = a64_Q(w) ? 16 : 8, mi = a64_cmode(w) < 8 ? 2 : a64_cmode(w) < 12 ? 1 : 2;
    const struct {
        const char *name;
        unsigned log, bytes;
    } kinds[] = {
        {"B", 0, half},
        {"H", 1, half},
        {"S", 2, half},
        {"T", a64_size(w), half},
        {"W", a64_size(w) + 1, 16},
        {"P", a64_size(w) + 1, 16},
        {"LP", a64_size(w) + 1, half},
        {"F", a64_sz(w) + 2, half},
        {"FN", a64_sz(w) + 1, half},
        {"FW", a64_sz(w) + 2, 16},
        {"FE", element_fp_log(a64_size(w)), half},
        {"Y", a64_sz(w) + 2, 2u << (a64_sz(w) + 2)},
        {"I", disasm_high_bit(a64_immh(w)), half},
        {"IW", disasm_high_bit(a64_immh(w)) + 1, 16},
        {"i5T", disasm_low_bit(a64_imm5(w)), half},
        {"MI", a64_cmode(w) == 14 ? 0 : mi, half},
    };

    for (size_t i = 0; i < nitems(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            disasm_print(d, ".%u%c", kinds[i].bytes >> kinds[i].log, disasm_element(kinds[i].log));
            return true;
        }
    }
    return false;
}

/* The number in the register field that `name` begins with, and where it ends. */
static unsigned register_field(uint32_t w, const char **name)
{
    char c = *(*name)++;

    switch (c) {
    case 'd': return a64_Rd(w);
    case 'n': return a64_Rn(w);
    case 'm': return a64_Rm(w);
    case 'a': return a64_Ra(w);
    case 's': return a64_Rs(w);
    case 't':
        if (**name == '2') {
            ++*name;
            return a64_Rt2(w);
        }
        return a64_Rt(w);
    default: return 32;
    }
}

/* An operand that begins with a capital letter. */
static bool print_register(struct disasm *d, const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    const char *rest = name + len;
    char kind[4] = "";
    unsigned number;
    int wide, log;

    if (len >= sizeof(kind)) {
        return false;
    }
    memcpy(kind, name, len);
    number = register_field(d->w, &rest);
    if (number > 31) {
        return false;
    }
    if (strcmp(kind, "V") == 0) {
        disasm_print(d, "v%u", number);
        return *rest == '\0' || (*rest == '.' && print_arrangement(d, rest + 1));
    }
    wide = general_kind(d->w, kind);
    if (wide >= 0) {
        bool next = strcmp(rest, "+1") == 0;

        disasm_gpr(d, wide, next ? number + 1 : number, strcmp(rest, "sp") == 0);
        return true;
    }
    log = simd_kind(d->w, kind);
    if (log >= 0) {
        disasm_print(d, "%c%u", disasm_element((unsigned)log), number);
    }
    return log >= 0;
}

static void print_template(struct disasm *d, const char *template)
{
    while (*template) {
        size_t plain = strcspn(template, "{");
        const char *end;
        char name[16];
        size_t len;

        disasm_print(d, "%.*s", (int)plain, template);
        template += plain;
        end = strchr(template, '}');
        if (!end) {
            return;
        }
        len = (size_t)(end - template - 1);
        if (len < sizeof(name)) {
            memcpy(name, template + 1, len);
            name[len] = '\0';
            if (!(name[0] >= 'A' && name[0] <= 'Z' && print_register(d, name)) &&
                !disasm_operand(d, name)) {
                disasm_print(d, "{%s}", name);
            }
        }
        template = end + 1;
    }
}

size_t a64_disasm(uint32_t word, uint64_t pc, char *buf, size_t len)
{
    struct disasm d = {buf, len, 0, word, pc};
    unsigned line = a64_find_line(word);
    const char *template = a64_template(line, word);

    if (len) {
        buf[0] = '\0';
    }
    if (template) {
        print_template(&d, template);
    } else {
        disasm_print(&d, ".inst 0x%08x", word);
    }
    return d.used;
}
