/* SPDX-License-Identifier: ISC */
/*
 * Reads src/arm/a64.isa: lines into fields, rules, encodings and aliases; conditions into trees.
 */
#include "a64table.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_fail(const struct table *t, unsigned line, const char *format, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%u: ", t->path, line);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "a64gen: out of memory\n");
        exit(1);
    }
    return p;
}

/* Appends a zeroed element to an array whose length is *count. */
static void *append(void *array, size_t *count, size_t size, void **element)
{
    char *grown = must(realloc(array, (*count + 1) * size));

    *element = memset(grown + *count * size, 0, size);
    ++*count;
    return grown;
}

static const struct field *field_find(const struct table *t, const char *name, size_t len)
{
    for (size_t i = 0; i < t->fields; i++) {
        if (strlen(t->field[i].name) == len && memcmp(t->field[i].name, name, len) == 0) {
            return &t->field[i];
        }
    }
    return NULL;
}

static uint32_t field_mask(const struct field *f)
{
    return (uint32_t)((UINT64_C(1) << (f->high - f->low + 1)) - 1) << f->low;
}

/* Conditions: C's operators with C's precedence, read by precedence climbing. */

struct reader {
    const struct table *t;
    unsigned line;
    const char *at;
};

static const struct {
    const char *text;
    int precedence;
} OPERATORS[] = {
    /* A longer operator before its own beginning. */
    {"||", 1}, {"&&", 2}, {"==", 4}, {"!=", 4}, {"<=", 5}, {">=", 5},
    {"<", 5},  {">", 5},  {"&", 3},  {"+", 6},  {"-", 6},
};

static const struct expr *read_binary(struct reader *r, int lowest);

static struct expr *expr_new(enum expr_kind kind)
{
    struct expr *e = must(calloc(1, sizeof(*e)));

    e->kind = kind;
    return e;
}

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ') {
        r->at++;
    }
}

static const struct expr *read_name(struct reader *r)
{
    const char *begin = r->at;
    size_t len;

    while (isalnum((unsigned char)*r->at) || *r->at == '_') {
        r->at++;
    }
    len = (size_t)(r->at - begin);
    for (size_t i = 0; i < r->t->rules; i++) {
        const struct rule *rule = &r->t->rule[i];

        if (strlen(rule->name) == len && memcmp(rule->name, begin, len) == 0) {
            return rule->cond;
        }
    }
    const struct field *f = field_find(r->t, begin, len);
    struct expr *e = expr_new(EXPR_FIELD);

    if (!f) {
        table_fail(r->t, r->line, "no field or rule is named '%.*s'", (int)len, begin);
    }
    e->field = *f;
    return e;
}

static const struct expr *read_operand(struct reader *r)
{
    skip_blanks(r);
    if (*r->at == '!') {
        struct expr *e = expr_new(EXPR_NOT);

        r->at++;
        e->a = read_operand(r);
        return e;
    }
    if (*r->at == '(') {
        const struct expr *e;

        r->at++;
        e = read_binary(r, 1);
        if (*r->at != ')') {
            table_fail(r->t, r->line, "a ')' is missing before '%s'", r->at);
        }
        r->at++;
        return e;
    }
    if (isdigit((unsigned char)*r->at)) {
        struct expr *e = expr_new(EXPR_NUMBER);
        char *end;

        e->number = (uint32_t)strtoul(r->at, &end, 10);
        r->at = end;
        return e;
    }
    if (!isalpha((unsigned char)*r->at)) {
        table_fail(r->t, r->line, "a condition cannot go on with '%s'", r->at);
    }
    return read_name(r);
}

static const struct expr *read_binary(struct reader *r, int lowest)
{
    const struct expr *left = read_operand(r);

    for (;;) {
        size_t i = 0;

        skip_blanks(r);
        while (i < sizeof(OPERATORS) / sizeof(OPERATORS[0]) &&
               strncmp(r->at, OPERATORS[i].text, strlen(OPERATORS[i].text)) != 0) {
            i++;
        }
        if (i == sizeof(OPERATORS) / sizeof(OPERATORS[0]) || OPERATORS[i].precedence < lowest) {
            return left;
        }
        struct expr *e = expr_new(EXPR_BINARY);

        r->at += strlen(OPERATORS[i].text);
        e->op = OPERATORS[i].text;
        e->a = left;
        e->b = read_binary(r, OPERATORS[i].precedence + 1);
        left = e;
    }
}

static const struct expr *read_condition(const struct table *t, unsigned line, const char *text)
{
    struct reader r = {t, line, text};
    const struct expr *e = read_binary(&r, 1);

    skip_blanks(&r);
    if (*r.at != '\0') {
        table_fail(t, line, "a condition cannot go on with '%s'", r.at);
    }
    return e;
}

uint32_t expr_eval(const struct expr *e, uint32_t word)
{
    uint32_t a, b;

    if (!e) {
        return 1;
    }
    switch (e->kind) {
    case EXPR_NUMBER: return e->number;
    case EXPR_FIELD: return (word & field_mask(&e->field)) >> e->field.low;
    case EXPR_NOT: return !expr_eval(e->a, word);
    case EXPR_BINARY: break;
    }
    a = expr_eval(e->a, word);
    b = expr_eval(e->b, word);
    switch (e->op[0]) {
    case '|': return a || b;
    case '&': return e->op[1] ? a && b : (a & b);
    case '=': return a == b;
    case '!': return a != b;
    case '<': return e->op[1] ? a <= b : a < b;
    case '>': return e->op[1] ? a >= b : a > b;
    case '+': return a + b;
    default: return a - b;
    }
}

uint32_t expr_bits(const struct expr *e)
{
    if (!e) {
        return 0;
    }
    switch (e->kind) {
    case EXPR_FIELD: return field_mask(&e->field);
    case EXPR_NOT: return expr_bits(e->a);
    case EXPR_BINARY: return expr_bits(e->a) | expr_bits(e->b);
    case EXPR_NUMBER: break;
    }
    return 0;
}

void expr_print(const struct expr *e, FILE *out)
{
    switch (e->kind) {
    case EXPR_NUMBER: fprintf(out, "%uu", (unsigned)e->number); return;
    case EXPR_FIELD: fprintf(out, "a64_%s(w)", e->field.name); return;
    case EXPR_NOT:
        fprintf(out, "!");
        expr_print(e->a, out);
        return;
    case EXPR_BINARY:
        fprintf(out, "(");
        expr_print(e->a, out);
        fprintf(out, " %s ", e->op);
        expr_print(e->b, out);
        fprintf(out, ")");
        return;
    }
}

/* Lines. */

static char *trim(char *s)
{
    size_t len;

    while (*s == ' ' || *s == '\t') {
        s++;
    }
    len = strlen(s);
    while (len && isspace((unsigned char)s[len - 1])) {
        s[--len] = '\0';
    }
    return s;
}

/* Cuts the next column off *rest: up to a '|' that is not half of a '||'. NULL when nothing is
 * left. */
static char *next_column(char **rest)
{
    char *begin = *rest, *p = begin;

    if (!begin) {
        return NULL;
    }
    while (*p && !(p[0] == '|' && p[1] != '|')) {
        p += p[0] == '|' ? 2 : 1;
    }
    *rest = *p ? p + 1 : NULL;
    *p = '\0';
    return trim(begin);
}

static void read_field(struct table *t, unsigned number, char *text)
{
    char name[32];
    unsigned high, low;
    void *slot;

    if (sscanf(text, "%31s %u %u", name, &high, &low) != 3 || high > 31 || low > high) {
        table_fail(t, number, "a field is 'field NAME HIGH LOW'");
    }
    if (field_find(t, name, strlen(name))) {
        table_fail(t, number, "the field '%s' is declared twice", name);
    }
    t->field = append(t->field, &t->fields, sizeof(*t->field), &slot);
    *(struct field *)slot = (struct field){must(strdup(name)), high, low};
}

static void read_rule(struct table *t, unsigned number, char *text)
{
    char *equals = strchr(text, '=');
    const struct expr *cond;
    void *slot;

    if (!equals) {
        table_fail(t, number, "a rule is 'rule NAME = CONDITION'");
    }
    *equals = '\0';
    cond = read_condition(t, number, equals + 1);
    t->rule = append(t->rule, &t->rules, sizeof(*t->rule), &slot);
    *(struct rule *)slot = (struct rule){must(strdup(trim(text))), cond};
}

/* Takes `token`, whose first bit is `bit`, into the line; returns the next bit. */
static int read_bits_token(const struct table *t, struct line *l, const char *token, int bit)
{
    bool should = token[0] == '(';

    if (strspn(token, "01x()") == strlen(token)) {
        for (const char *p = token; *p; p++) {
            uint32_t at;

            if (*p == '(' || *p == ')') {
                continue;
            }
            if (bit < 0) {
                table_fail(t, l->number, "%s has more than 32 bits", l->name);
            }
            at = UINT32_C(1) << bit--;
            if (should) {
                l->should_mask |= at;
                l->should |= *p == '1' ? at : 0;
            } else if (*p != 'x') {
                l->mask |= at;
                l->value |= *p == '1' ? at : 0;
            }
        }
        return bit;
    }
    const struct field *f = field_find(t, token, strlen(token));

    if (!f) {
        table_fail(t, l->number, "%s: no field is named '%s'", l->name, token);
    }
    if ((int)f->high != bit) {
        table_fail(t, l->number, "%s: the field %s begins at bit %u, but it stands at bit %d",
                   l->name, token, f->high, bit);
    }
    return (int)f->low - 1;
}

static void read_drawing(const struct table *t, struct line *l, char *text)
{
    char *save = NULL;
    int bit = 31;

    l->bits = must(strdup(text));
    for (char *token = strtok_r(text, " ", &save); token; token = strtok_r(NULL, " ", &save)) {
        bit = read_bits_token(t, l, token, bit);
    }
    if (bit != -1) {
        table_fail(t, l->number, "%s has %d bits, not 32", l->name, 31 - bit);
    }
}

static void read_attributes(const struct table *t, struct line *l, char *text)
{
    char *save = NULL;

    for (char *part = strtok_r(text, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
        part = trim(part);
        if (strncmp(part, "absent ", 7) == 0) {
            l->state = LINE_ABSENT;
            l->feature = must(strdup(trim(part + 7)));
        } else if (strncmp(part, "FEAT_", 5) == 0) {
            l->feature = must(strdup(part));
        } else if (strcmp(part, "undefined") == 0) {
            l->state = LINE_UNDEFINED;
        } else if (strcmp(part, "over") == 0) {
            l->over = true;
        } else if (*part) {
            l->cond = read_condition(t, l->number, part);
        }
    }
}

static void read_encoding(struct table *t, unsigned number, char *text)
{
    char *name = next_column(&text), *bits = next_column(&text), *attributes, *template;
    struct line *l;
    void *slot;

    for (size_t i = 0; i < t->lines; i++) {
        if (strcmp(t->line[i].name, name) == 0) {
            table_fail(t, number, "%s is in the table twice", name);
        }
    }
    t->line = append(t->line, &t->lines, sizeof(*t->line), &slot);
    l = slot;
    l->name = must(strdup(name));
    l->number = number;
    if (!bits) {
        table_fail(t, number, "%s has no bits", name);
    }
    read_drawing(t, l, bits);
    attributes = next_column(&text);
    if (attributes) {
        read_attributes(t, l, attributes);
    }
    template = next_column(&text);
    l->text = template && *template ? must(strdup(template)) : NULL;
    if (!l->text && l->state == LINE_PRESENT) {
        table_fail(t, number, "%s has no template", name);
    }
}

static void read_alias(struct table *t, unsigned number, char *text)
{
    char *cond, *template;
    struct line *l;
    void *slot;

    if (!t->lines) {
        table_fail(t, number, "an alias stands before every line");
    }
    l = &t->line[t->lines - 1];
    cond = next_column(&text);
    template = next_column(&text);
    if (!template) {
        table_fail(t, number, "an alias is '= CONDITION | TEMPLATE'");
    }
    l->alias = append(l->alias, &l->aliases, sizeof(*l->alias), &slot);
    *(struct alias *)slot = (struct alias){read_condition(t, number, cond), must(strdup(template))};
}

void table_read(struct table *t, const char *path)
{
    FILE *in = fopen(path, "r");
    char buf[1024];

    *t = (struct table){.path = path};
    if (!in) {
        table_fail(t, 0, "cannot be opened: %s", strerror(errno));
    }
    for (unsigned number = 1; fgets(buf, sizeof(buf), in); number++) {
        char *s = trim(buf);

        if (*s == '\0' || *s == '#') {
            continue;
        }
        if (strncmp(s, "field ", 6) == 0) {
            read_field(t, number, s + 6);
        } else if (strncmp(s, "rule ", 5) == 0) {
            read_rule(t, number, s + 5);
        } else if (*s == '=') {
            read_alias(t, number, s + 1);
        } else {
            read_encoding(t, number, s);
        }
    }
    fclose(in);
}
