/* SPDX-License-Identifier: ISC */
/*
 * Text to tokens. Macros and includes are the text's, not the grammar's: a macro is replaced by the
 * words that it stands for, and an include by what the file says, before the grammar sees any.
 *
 * After an error the rest of the statement is left out here, where it is known which braces belong
 * together, so that one mistake is said once.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/private.h"

#include "config/grammar.h"

#define BLANKS " \t\r"
/* What ends a word that is not between quotes. */
#define ENDS BLANKS "\n{},;\""
/* What some editors put before a text. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* A token that is told already: the grammar leaves its statement out. */
#define WRONG CONFIG_GRAMMAR_error

static struct config_place place_here(const struct config_input *in)
{
    return (struct config_place){in->path, in->line, in->column};
}

static void advance(struct config_input *in, size_t length)
{
    in->at += length;
    in->column += (unsigned)length;
}

static void next_line(struct config_input *in)
{
    in->at++;
    in->line++;
    in->column = 1;
}

/* --- files --- */

static bool is_being_read(const struct config_parser *p, const char *path)
{
    for (const struct config_input *in = p->input; in; in = in->outer)
        if (strcmp(in->path, path) == 0)
            return true;
    return false;
}

static unsigned inputs_open(const struct config_parser *p)
{
    unsigned count = 0;

    for (const struct config_input *in = p->input; in; in = in->outer)
        count++;
    return count;
}

/* `from`: where it is asked for; NULL: by the user. */
int config_lex_open(struct config_parser *p, const char *path, const struct config_place *from)
{
    const struct config_place whole = {.file = path}, *place = from ? from : &whole;
    const char *slash = strrchr(path, '/');
    struct config_input *in;
    struct error err;
    size_t length;
    int ret;

    if (is_being_read(p, path) || inputs_open(p) == CONFIG_NESTING_MAX ||
        p->files == CONFIG_FILES_MAX) {
        config_report(p, place,
                      is_being_read(p, path) ? "\"%s\" would include itself"
                                             : "one file too many to include: \"%s\"",
                      path);
        return -ELOOP;
    }
    in = config_keep(p->config, sizeof(*in));
    if (!in)
        return config_no_memory(p);
    in->path = config_keep_text(p->config, path, strlen(path));
    in->folder = config_keep_text(p->config, path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!in->path || !in->folder)
        return config_no_memory(p);
    ret = p->io->read(p->io->ctx, path, &in->text, &length, &err);
    if (ret) {
        config_report(p, place, "%s", err.text);
        return ret;
    }
    if (strlen(in->text) != length) {
        config_report(p, place, "\"%s\" is no text: it has a NUL", path);
        free(in->text);
        return -EINVAL;
    }
    in->at = in->text;
    if (strncmp(in->at, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        in->at += strlen(BYTE_ORDER_MARK);
    in->line = in->column = 1;
    in->outer = p->input;
    p->input = in;
    p->files++;
    p->line_begins = true;
    return 0;
}

void config_lex_close(struct config_parser *p)
{
    free(p->input->text);
    p->input->text = NULL;
    p->input = p->input->outer;
}

/* --- words --- */

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct config_macro *find_macro(const struct config_parser *p, const char *name,
                                       size_t length)
{
    for (struct config_macro *m = p->macros; m; m = m->next)
        if (strlen(m->name) == length && strncmp(m->name, name, length) == 0)
            return m;
    return NULL;
}

static const struct config_macro *need_macro(struct config_parser *p, const char *name,
                                             size_t length, const struct config_place *place)
{
    struct config_macro *macro = find_macro(p, name, length);
    const char *names[64], *nearest;
    size_t count = 0;
    char copy[65];

    if (macro) {
        macro->used = true;
        return macro;
    }
    for (const struct config_macro *m = p->macros; m && count < nitems(names); m = m->next)
        names[count++] = m->name;
    snprintf(copy, sizeof(copy), "%.*s", (int)MIN(length, 64u), name);
    nearest = config_nearest(copy, names, count);
    if (nearest)
        config_report(p, place, "there is no macro \"%s\" yet; is \"$%s\" meant?", copy, nearest);
    else
        config_report(p, place,
                      "there is no macro \"%s\" yet; a line \"%s = ...\" before this one "
                      "would make it",
                      copy, copy);
    return NULL;
}

/* A word's text as it is made. */
struct word {
    char *text;
    size_t length, room;
    bool wrong; /* what is wrong with it is told already */
};

static void word_add(struct config_parser *p, struct word *w, const char *text, size_t length)
{
    if (w->room - w->length <= length && !p->failed) {
        size_t room = 2 * (w->length + length) + 32;
        char *more = room <= 2 * CONFIG_FILE_MAX ? realloc(w->text, room) : NULL;
        struct config_place place = place_here(p->input);

        if (room > 2 * CONFIG_FILE_MAX) {
            config_report(p, &place, "a word has at most %u MiB, with the macros in it",
                          CONFIG_FILE_MAX >> 20);
            p->failed = true;
        } else if (more) {
            w->text = more;
            w->room = room;
        } else {
            config_no_memory(p);
        }
    }
    if (p->failed)
        return;
    memcpy(w->text + w->length, text, length);
    w->length += length;
}

/* A macro that is one word, in a longer one. Returns whether that word is the user's now. */
static bool word_add_macro(struct config_parser *p, struct word *w, const char *name, size_t length,
                           const struct config_place *place)
{
    const struct config_macro *macro = need_macro(p, name, length, place);
    bool begins = w->length == 0;

    w->wrong = w->wrong || !macro || macro->wrong;
    if (w->wrong)
        return false;
    if (macro->count != 1 || !macro->tokens[0].text) {
        config_report(p, place, "the macro \"%s\" is a list, which cannot be part of a word",
                      macro->name);
        return false;
    }
    word_add(p, w, macro->tokens[0].text, strlen(macro->tokens[0].text));
    return begins && macro->tokens[0].given;
}

static const char *word_finish(struct config_parser *p, struct word *w)
{
    char *text = p->failed ? NULL : config_keep_text(p->config, w->text ? w->text : "", w->length);

    free(w->text);
    if (!text && !p->failed)
        config_no_memory(p);
    return text ? text : "";
}

/* "${name}" between quotes. Returns whether the word is the user's now. */
static bool quoted_macro(struct config_parser *p, struct word *w)
{
    struct config_input *in = p->input;
    struct config_place place = place_here(in);
    size_t length = 0;
    bool given;

    while (is_name_byte(in->at[2 + length]))
        length++;
    if (length == 0 || in->at[2 + length] != '}') {
        config_report(p, &place,
                      "\"${\" begins a macro's name and wants a \"}\" after it; write "
                      "\"\\$\" for a dollar");
        advance(in, 2);
        return false;
    }
    given = word_add_macro(p, w, in->at + 2, length, &place);
    advance(in, length + 3);
    return given;
}

static void escape(struct config_parser *p, struct word *w)
{
    static const char letters[] = "\"\\$nrte", meant[] = "\"\\$\n\r\t\033";
    struct config_input *in = p->input;
    const char *letter = in->at[1] ? strchr(letters, in->at[1]) : NULL;
    struct config_place place = place_here(in);

    if (in->at[1 + (in->at[1] == '\r')] == '\n') { /* the text goes on in the next line */
        advance(in, 1 + (in->at[1] == '\r'));
        next_line(in);
        return;
    }
    if (letter) {
        word_add(p, w, &meant[letter - letters], 1);
        advance(in, 2);
        return;
    }
    config_report(p, &place,
                  "between quotes, \\\" \\\\ \\$ \\n \\r \\t and \\e are known; write "
                  "\"\\\\\" for a backslash");
    advance(in, 1);
}

static struct config_token lex_quoted(struct config_parser *p)
{
    struct config_input *in = p->input;
    struct config_token token = {.kind = STRING, .quoted = true, .place = place_here(in)};
    unsigned errors = p->errors;
    struct word w = {0};

    advance(in, 1);
    while (*in->at != '"' && *in->at != '\n' && *in->at) {
        size_t plain = strcspn(in->at, "\"\\$\n");

        word_add(p, &w, in->at, plain);
        advance(in, plain);
        if (*in->at == '\\')
            escape(p, &w);
        else if (*in->at == '$' && in->at[1] == '{')
            token.given |= quoted_macro(p, &w);
        else if (*in->at == '$') {
            word_add(p, &w, "$", 1);
            advance(in, 1);
        }
    }
    if (*in->at == '"')
        advance(in, 1);
    else
        config_report(
            p, &token.place,
            "the quote is not closed on its line; \"\\\" at a line's end lets it go on in "
            "the next, and \"\\n\" is a new line in it");
    token.text = word_finish(p, &w);
    if (w.wrong || p->errors != errors)
        token.kind = WRONG;
    return token;
}

static struct config_token lex_bare(struct config_parser *p)
{
    struct config_input *in = p->input;
    struct config_token token = {.place = place_here(in)};
    unsigned errors = p->errors;
    struct word w = {0};
    bool plain = true;

    while (!strchr(ENDS, *in->at)) {
        size_t length = 0;

        if (*in->at == '$' && is_name_byte(in->at[1])) {
            struct config_place place = place_here(in);

            while (is_name_byte(in->at[1 + length]))
                length++;
            token.given |= word_add_macro(p, &w, in->at + 1, length, &place);
            advance(in, 1 + length);
            plain = false;
        } else {
            do
                length++;
            while (!strchr(ENDS "$", in->at[length]));
            word_add(p, &w, in->at, length);
            advance(in, length);
        }
    }
    token.text = word_finish(p, &w);
    token.kind = w.wrong || p->errors != errors ? WRONG : plain ? config_keyword(token.text) : 0;
    if (!token.kind)
        token.kind = STRING;
    return token;
}

/* --- tokens as they stand in a file --- */

/* Skips blanks, comments and the ends of lines that go on. */
static void skip(struct config_input *in)
{
    for (;;) {
        advance(in, strspn(in->at, BLANKS));
        if (in->at[0] == '\\' && in->at[1 + strspn(in->at + 1, BLANKS)] == '\n') {
            advance(in, 1 + strspn(in->at + 1, BLANKS));
            next_line(in);
        } else if (*in->at == '#') {
            advance(in, strcspn(in->at, "\n"));
        } else {
            return;
        }
    }
}

/* Whether a macro's name, and nothing else, is what begins here; its length goes to *length. */
static bool is_whole_macro(const char *at, size_t *length)
{
    *length = 0;
    if (*at != '$')
        return false;
    while (is_name_byte(at[1 + *length]))
        ++*length;
    return *length && strchr(ENDS "#", at[1 + *length]);
}

static struct config_token lex_file(struct config_parser *p)
{
    struct config_input *in = p->input;
    struct config_token token;

    skip(in);
    token = (struct config_token){.kind = *in->at, .place = place_here(in)};
    switch (*in->at) {
    case '\0': return token;
    case '\n': next_line(in); return token;
    case '{':
    case '}':
    case ',':
    case ';': advance(in, 1); return token;
    case '"': return lex_quoted(p);
    default: return lex_bare(p);
    }
}

/* --- macros and includes --- */

/* "name =" begins here: their length, or 0. */
static size_t definition_here(const char *at, size_t *name)
{
    size_t length;

    for (*name = 0; is_name_byte(at[*name]);)
        ++*name;
    length = *name + strspn(at + *name, BLANKS);
    return *name && at[length] == '=' ? length + 1 : 0;
}

static bool macro_add(struct config_parser *p, struct config_macro *macro,
                      const struct config_token *token, const struct config_place *place)
{
    if (macro->count == CONFIG_MACRO_MAX) {
        config_report(p, place, "a macro has at most %d words", CONFIG_MACRO_MAX);
        return false;
    }
    macro->tokens[macro->count++] = *token;
    return true;
}

/* One word of a definition, or all of another macro's. */
static bool macro_take(struct config_parser *p, struct config_macro *macro)
{
    struct config_input *in = p->input;
    struct config_token token;
    size_t length;

    skip(in);
    if (is_whole_macro(in->at, &length)) {
        struct config_place place = place_here(in);
        const struct config_macro *other = need_macro(p, in->at + 1, length, &place);
        bool room = true;

        advance(in, length + 1);
        macro->wrong = macro->wrong || !other || other->wrong;
        for (size_t i = 0; !macro->wrong && i < other->count && room; i++)
            room = macro_add(p, macro, &other->tokens[i], &place);
        return room;
    }
    token = lex_file(p);
    macro->wrong = macro->wrong || token.kind == WRONG;
    return macro_add(p, macro, &token, &token.place);
}

/* The last of a name counts, unless the user gave it. */
static void place_macro(struct config_parser *p, struct config_macro *macro)
{
    struct config_macro *before = find_macro(p, macro->name, strlen(macro->name));

    if (before && before->given) {
        before->used = true;
        return;
    }
    macro->next = p->macros;
    p->macros = macro;
}

static void define(struct config_parser *p, size_t name, size_t length)
{
    struct config_token tokens[CONFIG_MACRO_MAX];
    struct config_macro *macro = config_keep(p->config, sizeof(*macro));
    struct config_input *in = p->input;
    struct config_place place = place_here(in);
    unsigned errors = p->errors;
    bool room = true;

    if (macro)
        macro->name = config_keep_text(p->config, in->at, name);
    if (!macro || !macro->name) {
        config_no_memory(p);
        return;
    }
    macro->tokens = tokens;
    advance(in, length);
    if (p->depth && config_keyword(macro->name))
        config_report(
            p, &place,
            "\"%s\" is a word of the language; a macro needs another name, and a statement "
            "no \"=\"",
            macro->name);
    for (skip(in); *in->at != '\n' && *in->at && room && !p->failed; skip(in))
        room = macro_take(p, macro);
    if (!room)
        advance(in, strcspn(in->at, "\n"));
    if (macro->count == 0 && p->errors == errors && !macro->wrong)
        config_report(p, &place,
                      "the macro \"%s\" stands for nothing; give a value after the \"=\"",
                      macro->name);
    macro->wrong = macro->wrong || p->errors != errors;
    macro->tokens = config_keep(p->config, (macro->count + 1) * sizeof(*tokens));
    if (!macro->tokens) {
        config_no_memory(p);
        return;
    }
    memcpy(macro->tokens, tokens, macro->count * sizeof(*tokens));
    place_macro(p, macro);
}

void config_lex_give(struct config_parser *p, const char *macro)
{
    size_t length = strcspn(macro, "=");
    struct config_macro *m = config_keep(p->config, sizeof(*m));
    struct config_token *word = config_keep(p->config, sizeof(*word));

    if (!m || !word || !(m->name = config_keep_text(p->config, macro, length))) {
        config_no_memory(p);
        return;
    }
    *word = (struct config_token){STRING, macro + length + (macro[length] == '='), true, true, {0}};
    m->given = true;
    m->tokens = word;
    m->count = 1;
    place_macro(p, m);
}

void config_lex_check_given(struct config_parser *p, const char *path)
{
    const struct config_place whole = {.file = path};
    const char *names[64], *nearest;
    size_t count = 0;

    for (const struct config_macro *m = p->macros; m && count < nitems(names); m = m->next)
        if (!m->given)
            names[count++] = m->name;
    for (const struct config_macro *m = p->macros; m; m = m->next) {
        if (!m->given || m->used)
            continue;
        nearest = config_nearest(m->name, names, count);
        if (nearest)
            config_report(p, &whole,
                          "the macro \"%.60s\" was given, and nothing asks for it; is "
                          "\"%s\" meant?",
                          m->name, nearest);
        else
            config_report(p, &whole, "the macro \"%.60s\" was given, and nothing asks for it",
                          m->name);
    }
}

/* Reads on in the file that an include names. */
static void include(struct config_parser *p)
{
    struct config_input *in = p->input;
    struct config_place place = place_here(in);
    struct config_token token;
    struct config_value value;
    const char *path;

    advance(in, strlen("include"));
    skip(in);
    if (*in->at == '\n' || !*in->at) {
        config_report(p, &place, "include wants a file: include \"file.conf\"");
        return;
    }
    token = lex_file(p);
    value = (struct config_value){token.text, token.quoted, token.given, token.place};
    skip(in);
    if (token.kind == WRONG) {
        p->left_out = true;
        advance(in, strcspn(in->at, "\n"));
        return;
    }
    if (!token.text || (*in->at != '\n' && *in->at)) {
        config_report(p, &token.place, "include wants one file and nothing else on its line");
        advance(in, strcspn(in->at, "\n"));
        return;
    }
    path = config_path(p, &value);
    if (!path || config_lex_open(p, path, &token.place))
        p->left_out = true;
}

static bool is_include(const char *at)
{
    size_t length = strlen("include");

    return strncmp(at, "include", length) == 0 && strchr(BLANKS "\n\"", at[length]);
}

/* Takes what at a line's beginning is not the grammar's. */
static void take_line_begin(struct config_parser *p)
{
    size_t name, length;

    while (p->line_begins && p->input && !p->failed) {
        struct config_input *in = p->input;

        skip(in);
        p->line_begins = false;
        length = definition_here(in->at, &name);
        if (length)
            define(p, name, length);
        else if (is_include(in->at))
            include(p);
    }
}

/* --- the stream that the grammar reads --- */

static struct config_token replayed(struct config_parser *p)
{
    struct config_token token = p->replay.macro->tokens[p->replay.next++];

    token.place = p->replay.place;
    if (p->replay.next == p->replay.macro->count)
        p->replay.macro = NULL;
    return token;
}

/* A file ends as if its last line did. */
static struct config_token end_of_file(struct config_parser *p)
{
    struct config_token token = {.kind = '\n', .place = place_here(p->input)};

    config_lex_close(p);
    p->line_begins = true;
    return token;
}

static struct config_token next_token(struct config_parser *p)
{
    struct config_token token;
    size_t length;

    for (;;) {
        if (p->failed)
            return (struct config_token){.place = p->last.place};
        if (p->replay.macro)
            return replayed(p);
        take_line_begin(p);
        if (!p->input)
            return (struct config_token){.place = p->last.place};
        skip(p->input);
        if (!is_whole_macro(p->input->at, &length))
            break;
        p->replay.place = place_here(p->input);
        p->replay.macro = need_macro(p, p->input->at + 1, length, &p->replay.place);
        p->replay.next = 0;
        advance(p->input, length + 1);
        if (!p->replay.macro || p->replay.macro->wrong) {
            p->replay.macro = NULL;
            return (struct config_token){.kind = WRONG, .place = p->replay.place};
        }
    }
    token = lex_file(p);
    if (token.kind == 0)
        return end_of_file(p);
    p->line_begins = token.kind == '\n';
    return token;
}

static void count_braces(struct config_parser *p, struct config_token *token)
{
    if (token->kind == '{' && p->depth < CONFIG_NESTING_MAX) {
        p->braces[p->depth++] = token->place;
    } else if (token->kind == '{') {
        config_report(p, &token->place, "blocks are nested too deeply");
        p->failed = true;
    } else if (token->kind == '}' && p->depth) {
        p->depth--;
    }
}

/* Braces that are still open at the end are closed, so that what is in them is checked too. */
static struct config_token close_open(struct config_parser *p, struct config_token token)
{
    if (p->depth == 0 || p->failed) {
        if (p->last.kind == '}')
            token.kind = '\n';
        return token;
    }
    config_report(p, &p->braces[p->depth - 1],
                  "the block that begins here is not closed; a \"}\" is missing");
    token.kind = '}';
    return token;
}

/* Leaves out the rest of the statement, with the blocks that it has; what it closed is closed. */
static struct config_token resync(struct config_parser *p)
{
    struct config_token token;

    do {
        token = next_token(p);
        count_braces(p, &token);
    } while (token.kind && (token.kind != '\n' || p->depth > p->resync_depth));
    p->resync = false;
    p->owed.blocks = p->resync_depth - MIN(p->depth, p->resync_depth);
    p->owed.after = p->owed.blocks > 0;
    token.kind = '\n';
    return token;
}

/* The next of what the grammar is owed. Returns whether there was any. */
static bool take_owed(struct config_parser *p, struct config_token *token)
{
    *token = (struct config_token){.kind = '\n', .place = p->last.place};
    if (p->owed.before) {
        p->owed.before = false;
    } else if (p->owed.blocks) {
        p->owed.blocks--;
        token->kind = '}';
    } else if (p->owed.after) {
        p->owed.after = false;
    } else if (p->owed.token.kind) {
        *token = p->owed.token;
        p->owed.token.kind = 0;
    } else {
        return false;
    }
    return true;
}

struct config_token config_lex(struct config_parser *p)
{
    struct config_token token;

    p->depth_before = p->depth;
    p->line_first = p->last.kind == '\n' || p->last.kind == 0;
    p->made_up = true;
    if (p->resync) {
        token = resync(p);
    } else if (!take_owed(p, &token)) {
        token = next_token(p);
        p->made_up = token.kind == 0 && p->depth;
        if (token.kind == 0)
            token = close_open(p, token);
        count_braces(p, &token);
    }
    p->last = token;
    if (token.kind == WRONG) {
        p->left_out = true;
        config_lex_resync(p);
    }
    return token;
}

void config_lex_resync(struct config_parser *p)
{
    int kind = p->last.kind;

    if (kind == '\n' || kind == 0 || p->resync)
        return;
    p->resync_depth = p->depth_before;
    p->resync = true;
}

void config_lex_close_blocks(struct config_parser *p)
{
    p->owed.before = p->owed.after = true;
    p->owed.blocks = p->depth;
    p->owed.token = p->last;
    p->depth = 0;
}
