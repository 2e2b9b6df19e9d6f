/* SPDX-License-Identifier: ISC */
/*
 * The encoding table as the generator sees it: src/arm/a64.isa, read and checked line by line.
 *
 * The format is described at the head of a64.isa. Everything is allocated once and lives as long as
 * the process: this is a tool that runs for a moment during the build.
 */
#ifndef TOOLS_A64TABLE_H
#define TOOLS_A64TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A named group of bits; one name has one position in the whole table. */
struct field {
    char *name;
    unsigned high, low;
};

/* A node of a condition. */
enum expr_kind { EXPR_NUMBER, EXPR_FIELD, EXPR_NOT, EXPR_BINARY };

struct expr {
    enum expr_kind kind;
    uint32_t number;
    struct field field;
    const char *op; /* EXPR_BINARY: the operator as C writes it */
    const struct expr *a, *b;
};

struct rule {
    char *name;
    const struct expr *cond;
};

/* How a disassembler writes an encoding when a condition holds. */
struct alias {
    const struct expr *cond;
    char *text;
};

enum line_state { LINE_PRESENT, LINE_ABSENT, LINE_UNDEFINED };

struct line {
    char *name;
    unsigned number;      /* in the file, for messages */
    uint32_t mask, value; /* the literal bits */
    uint32_t should;      /* values of bits outside `mask` that should be so */
    uint32_t should_mask;
    const struct expr *cond; /* NULL: none */
    enum line_state state;
    char *feature; /* NULL: base architecture */
    bool over;     /* wins over a more general line */
    char *text;    /* template, NULL: none */
    char *bits;    /* the drawing, for the coverage page */
    struct alias *alias;
    size_t aliases;
    unsigned id; /* value in the enumeration */
};

struct table {
    const char *path;
    struct field *field;
    size_t fields;
    struct rule *rule;
    size_t rules;
    struct line *line;
    size_t lines;
};

/* Reads the table at `path`. On an error writes "path:line: what" to standard error and ends the
 * process. */
void table_read(struct table *t, const char *path);

/* Ends the process with "path:line: text". */
void table_fail(const struct table *t, unsigned line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* The value of `e` for the instruction `word`; a NULL condition is true. */
uint32_t expr_eval(const struct expr *e, uint32_t word);

/* The bits of a word that `e` looks at. */
uint32_t expr_bits(const struct expr *e);

/* Writes `e` as a C expression over `uint32_t w`, with the generated accessors. */
void expr_print(const struct expr *e, FILE *out);

#endif
