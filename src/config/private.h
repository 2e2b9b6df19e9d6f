/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the language's reader share: the text's tokens (lexer.c), the grammar over them
 * (grammar.y), values (value.c), and what the grammar's actions build (build.c, check.c).
 */
#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include "config/config.h"

/* --- memory: blocks that go together --- */

struct config_block {
    struct config_block *next;
    size_t used, size;
    max_align_t bytes[];
};

void *config_keep(struct config *config, size_t size); /* zeros; NULL: out of memory */
char *config_keep_text(struct config *config, const char *text, size_t length);

/* The array `items` of `*count` things of `size` bytes, with room for one more, zero, which is
 * counted: the array may have moved. NULL: out of memory, or CONFIG_ITEMS_MAX; *count is as it was.
 */
void *config_grow(struct config *config, void *items, size_t *count, size_t size);

/* --- tokens --- */

struct config_token {
    int kind;         /* grammar.h's */
    const char *text; /* of words and strings */
    bool quoted;
    bool given; /* by the user beside the files, at least its beginning */
    struct config_place place;
};

struct config_macro {
    const char *name;
    bool given; /* by the user: what files say of it does not count */
    bool used;
    bool wrong; /* what it stands for is told already; who names it is left out */
    struct config_token *tokens;
    size_t count;
    struct config_macro *next;
};

/* A file that is being read. */
struct config_input {
    const char *path, *folder;
    char *text;
    const char *at;
    unsigned line, column;
    struct config_input *outer;
};

/* A macro's words, which have no macros in them any more, on their way to the grammar. */
struct config_replay {
    const struct config_macro *macro;
    size_t next;
    struct config_place place; /* where the macro was named */
};

#define CONFIG_MACRO_MAX   512 /* tokens */
#define CONFIG_NESTING_MAX 16  /* blocks, and files that include files */

/* A value, or several: { a, b }. */
struct config_value {
    const char *text;
    bool quoted, given;
    struct config_place place;
};

struct config_values {
    struct config_value *items;
    size_t count;
};

/* The lists of a step that stands for several. */
struct config_route {
    struct config_values from, from_ports, to, ports; /* of a probe */
    struct config_values keys;
};

/* What is being described; the grammar's blocks are not nested in themselves. */
struct config_now {
    struct config_switch *wire;
    struct config_vm *vm;
    struct config_peer *peer;
    struct config_test *test;
    struct config_interface *interface;
    struct config_disk *disk;
    struct config_user *user;
    struct config_port *port;
    struct config_link *links[2];
    struct config_listener listener;
    struct config_step step;
    struct config_route route;
};

struct config_parser {
    struct config *config;
    const struct config_io *io;
    unsigned errors;
    bool left_out; /* a statement, which others may speak of */
    bool failed;   /* out of memory, or too many errors: the end of all files comes next */

    struct config_input *input;
    unsigned files;
    struct config_macro *macros;
    struct config_replay replay;
    struct config_token last; /* given to the grammar */
    bool line_begins;
    struct config_place braces[CONFIG_NESTING_MAX + 1];
    unsigned depth, depth_before; /* p->last */
    bool line_first;              /* p->last is the first of its line */
    bool made_up;                 /* p->last is in no file: it follows an error */
    bool resync;                  /* an error: leave out tokens to the end of the statement */
    unsigned resync_depth;
    /* What the grammar is given next, in this order, whatever the text has: the end of a line,
     * blocks' ends, the end of a line, and a token that was put off. */
    struct {
        bool before, after;
        unsigned blocks;
        struct config_token token; /* kind 0: none */
    } owed;

    struct config_now now;
    size_t steps; /* so far, in all tests */
};

/* The next token; at the end of all files 0, again and again. */
struct config_token config_lex(struct config_parser *p);
/* The grammar does not understand p->last: the statement is left out. */
void config_lex_resync(struct config_parser *p);
/* Likewise, and it begins a statement outside of all blocks: those end before it. */
void config_lex_close_blocks(struct config_parser *p);
/* "NAME=VALUE" from the user: a macro of one word. */
void config_lex_give(struct config_parser *p, const char *macro);
/* Reports what was given and is nothing to the files. */
void config_lex_check_given(struct config_parser *p, const char *path);
int config_lex_open(struct config_parser *p, const char *path, const struct config_place *from);
void config_lex_close(struct config_parser *p);

/* A word's token, or 0: it is no word of the language. */
int config_keyword(const char *word);
/* The one of `count` words that a person may have meant by `word`, or NULL. */
const char *config_nearest(const char *word, const char *const *words, size_t count);

/* One error. */
void config_report(struct config_parser *p, const struct config_place *place, const char *format,
                   ...) PRINTF(3, 4);
int config_no_memory(struct config_parser *p); /* says so; returns -ENOMEM */

int config_grammar_parse(struct config_parser *p); /* bison's */

/* --- values: each reports what is wrong with it and returns whether it is right --- */

bool config_number(struct config_parser *p, const struct config_value *v, const char *what,
                   uint64_t min, uint64_t max, uint64_t *number);
bool config_size(struct config_parser *p, const struct config_value *v, const char *what,
                 uint64_t *bytes);
bool config_time(struct config_parser *p, const struct config_value *v, uint64_t *ns);
bool config_rate(struct config_parser *p, const struct config_value *v, uint64_t *bits);
bool config_share(struct config_parser *p, const struct config_value *v, uint32_t *ppm);
bool config_port(struct config_parser *p, const struct config_value *v, uint16_t *port);
bool config_mac(struct config_parser *p, const struct config_value *v, uint8_t mac[6]);
bool config_address(struct config_parser *p, const struct config_value *v, struct ip *address);
bool config_address_v4(struct config_parser *p, const struct config_value *v, uint32_t *address);
/* ADDRESS/BITS, into the network of its family. */
bool config_network(struct config_parser *p, const struct config_value *v, struct ip *address,
                    unsigned *prefix);
bool config_name(struct config_parser *p, const struct config_value *v, const char *what);
bool config_hex(struct config_parser *p, const struct config_value *v, uint8_t **bytes,
                size_t *length);
/* A path, relative to the folder of the file that names it; of what the user gave, to the current
 * one. NULL: reported. */
const char *config_path(struct config_parser *p, const struct config_value *v);
/* The value of an option of `atoll run`, by its form. `name` is one of the grammar's. */
bool config_setting_check(struct config_parser *p, const char *name, const struct config_value *v,
                          const char **value);

/* Whether it is said as often as there are such things, and otherwise once. */
bool config_setting_is_list(const char *name);

/* --- what only the whole tells: of names and things (check.c), of what there can be one of in a
 * lab (check_once.c), and of tests (check_test.c) --- */
void config_check_whole(struct config_parser *p);
void config_check_once(struct config_parser *p);
void config_check_test(struct config_parser *p, const struct config_test *test);

/* Whether the VM has that setting, of its own or of its template. */
bool config_vm_says(const struct config_vm *vm, const char *name);

/* Each reports when there is no such thing, and what may be meant. */
const struct config_switch *config_need_switch(struct config_parser *p, const char *name,
                                               const struct config_place *place);
const struct config_peer *config_need_peer(struct config_parser *p, const char *name,
                                           const struct config_place *place);
const struct config_vm *config_need_vm(struct config_parser *p, const char *name,
                                       const struct config_place *place);

/* Names that a wrong one is compared with. */
struct config_names {
    const char *names[256];
    size_t count;
};
void config_names_add(struct config_names *names, const char *name);
void config_report_unknown(struct config_parser *p, const struct config_place *place,
                           const char *what, const char *name, const struct config_names *known);

#endif
