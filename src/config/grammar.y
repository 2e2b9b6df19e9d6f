/* SPDX-License-Identifier: ISC */
/*
 * The grammar of labs (atoll.conf(5)). A syntax error is said with what the grammar would have taken
 * at that place, which it knows itself, and reading goes on after the statement.
 */
%require "3.6"
%define api.pure full
%define api.prefix {config_grammar_}
%define api.location.type {struct config_place}
%define parse.error custom
%define parse.lac full
%locations
%param {struct config_parser *p}

%code requires {
#include "config/build.h"
}

%code {
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int config_grammar_lex(CONFIG_GRAMMAR_STYPE *value, struct config_place *place,
                              struct config_parser *p);
static void config_grammar_error(const struct config_place *place, struct config_parser *p,
                                 const char *line);

/* A rule is where its first word is. */
#define YYLLOC_DEFAULT(to, from, count) ((to) = YYRHSLOC(from, (count) ? 1 : 0))

#define NEED(thing) if (!(thing)) YYABORT
}

%union {
    struct config_value value;
    struct config_values values;
    struct config_end end;
    const char *name;
    bool flag;
    int number;
}

%token END 0 "the end of the file"
%token <value> STRING "a value"
%token LAB "lab" SWITCH "switch" VM "vm" INSTANCE "instance" PEER "peer" TEST "test"
%token MTU "mtu" LINK "link" UPLINK "uplink" SOCKET "socket" CAPTURE "capture" FILTER "filter"
%token INTERFACE "interface" MAC "mac" LLADDR "lladdr" ISOLATED "isolated" HOST "host"
%token FORWARD "forward" TO "to" FROM "from" TCP "tcp" UDP "udp" PORT "port"
%token DOWN "down" UP "up" DELAY "delay" JITTER "jitter" RATE "rate" QUEUE "queue" LOSS "loss"
%token REORDER "reorder" DUPLICATE "duplicate" CORRUPT "corrupt" SEED "seed"
%token MEMORY "memory" CPUS "cpus" CPU "cpu" KERNEL "kernel" EFI "efi" NVRAM "nvram"
%token INITRD "initrd" APPEND "append" GPU "gpu" DISPLAY "display" INPUT "input"
%token KEYBOARD "keyboard" TABLES "tables" ENGINE "engine" UUID "uuid" STRICT "strict"
%token REBOOT "reboot" NESTED "nested" QUIRK "quirk" EXPLAIN "explain" LOG "log" CONSOLE "console"
%token DISK "disk" SIZE "size" FORMAT "format" READONLY "readonly" PERSISTENT "persistent"
%token SERIAL "serial" SHELL "shell" PROMPT "prompt"
%token ADDRESS "address" GATEWAY "gateway" LISTEN "listen" ECHO "echo" DISCARD "discard" SAY "say"
%token WAIT "wait" SCREEN "screen" REGEX "regex" WITHIN "within" TYPE "type" KEY "key"
%token EXPECT "expect" NO "no" STATUS "status" PING "ping" FRAME "frame" ON "on"
%token PASS "pass" DROP "drop" RESET "reset" TIMEOUT "timeout" TRANSLATE "translate"
%token AT "at" SOURCE "source" ANSWER "answer" SLEEP "sleep" STOP "stop"

%type <values> values list
%type <end> end
%type <name> setting flag
%type <flag> protocol

%code {
/* The actions' shorthand. */
#define NOW (p->now)
static void begin_step(struct config_parser *p, enum config_step_kind kind,
                       const struct config_place *place);
static void take_link(struct config_parser *p, const struct config_place *place);
static struct config_values empty_list(struct config_parser *p, const struct config_place *place);
}

%%

file:
  %empty
| file '\n'
| file ';'
| file thing '\n'
| file thing ';'
| file error '\n'                   { yyerrok; }
;

thing:
  LAB STRING                        { build_lab(p, &$2); }
| SWITCH STRING                     { NEED(NOW.wire = build_switch(p, &$2)); } switch_body
| INSTANCE STRING                   { NEED(NOW.vm = build_template(p, &$2)); } parent vm_body
| VM values                         { NEED(NOW.vm = build_vm(p, &@1)); }
  parent vm_body                    { build_vm_names(p, NOW.vm, &$2); }
| PEER STRING                       { NEED(NOW.peer = build_peer(p, &$2));
                                      NOW.port = &NOW.peer->port; }
  '{' peer_items '}'
| TEST STRING                       { NEED(NOW.test = build_test(p, &$2)); }
  '{' steps last_step '}'
;

/* --- values and lists --- */

values:
  STRING                            { $$ = values_one(p, &$1); }
| '{' blanks list '}'               { $$ = $3; }
| '{' blanks '}'                    { $$ = empty_list(p, &@1); }
| '{' error '}'                     { $$ = (struct config_values){.count = 0}; yyerrok; }
;

list:
  STRING blanks                     { $$ = values_one(p, &$1); }
| list STRING blanks                { $$ = $1; values_add(p, &$$, &$2); }
;

blanks: %empty | blanks '\n' | blanks ',';

separator: '\n' | ',' | ';';

protocol:
  TCP                               { $$ = false; }
| UDP                               { $$ = true; }
;

end:
  STRING                            { $$ = end_of(p, NULL, &$1); }
| STRING PORT STRING                { $$ = end_of(p, &$1, &$3); }
;

/* --- switches --- */

switch_body: %empty | '{' switch_items '}';

switch_items:
  %empty
| switch_items separator
| switch_items switch_item
| switch_items error '\n'           { yyerrok; }
;

switch_item:
  MTU STRING                        { build_mtu(p, &$2, &NOW.wire->mtu); }
| LINK                              { NOW.links[0] = &NOW.wire->link; NOW.links[1] = NULL; }
  link_body
| UPLINK                            { NOW.user = &NOW.wire->uplink;
                                      NOW.user->given = true; NOW.user->place = @1; }
  uplink_body
| UPLINK SOCKET STRING              { NOW.wire->uplink_socket = config_path(p, &$3);
                                      NOW.wire->uplink.place = @1; }
| CAPTURE STRING                    { NOW.wire->capture = config_path(p, &$2); }
  | CAPTURE STRING FILTER STRING    { NOW.wire->capture = config_path(p, &$2);
                                      NOW.wire->filter = $4.text; }
;

uplink_body: %empty | '{' uplink_items '}';

uplink_items:
  %empty
| uplink_items separator
| uplink_items user_item
| uplink_items error '\n'           { yyerrok; }
;

user_item:
  ISOLATED                          { NOW.user->isolated = true; }
| HOST                              { NOW.user->host = true; }
| FORWARD forward
| FORWARD '{' forwards '}'
;

forwards:
  %empty
| forwards separator
| forwards forward
| forwards error '\n'               { yyerrok; }
;

forward:
  protocol end TO end               { NEED(build_forward(p, NOW.user, $1, $2, $4, &@1)); }
;

/* --- links --- */

link_body: '{' { take_link(p, &@1); } link_items '}';

link_items:
  %empty
| link_items separator
| link_items link_item
| link_items error '\n'             { yyerrok; }
;

link_item:
  DOWN                              { NOW.links[0]->down = true; }
| UP                                { NOW.links[0]->down = false; }
| DELAY STRING                      { config_time(p, &$2, &NOW.links[0]->delay_ns); }
| JITTER STRING                     { config_time(p, &$2, &NOW.links[0]->jitter_ns); }
| RATE STRING                       { config_rate(p, &$2, &NOW.links[0]->rate); }
| QUEUE STRING                      { build_queue(p, &$2, &NOW.links[0]->queue); }
| LOSS STRING                       { config_share(p, &$2, &NOW.links[0]->loss); }
| REORDER STRING                    { config_share(p, &$2, &NOW.links[0]->reorder); }
| DUPLICATE STRING                  { config_share(p, &$2, &NOW.links[0]->duplicate); }
| CORRUPT STRING                    { config_share(p, &$2, &NOW.links[0]->corrupt); }
| SEED STRING
  {
      NOW.links[0]->has_seed = config_number(p, &$2, "a seed", 0, UINT64_MAX, &NOW.links[0]->seed);
  }
;

/* --- machines --- */

parent:
  %empty
| INSTANCE STRING                   { NOW.vm->instance = $2.text; NOW.vm->instance_place = @2; }
;

vm_body: %empty | '{' vm_items '}';

vm_items:
  %empty
| vm_items separator
| vm_items vm_item
| vm_items error '\n'               { yyerrok; }
;

vm_item:
  setting STRING                    { build_setting(p, NOW.vm, $1, &$2, &@2); }
| flag                              { build_setting(p, NOW.vm, $1, NULL, &@1); }
| DISK                              { NEED(NOW.disk = build_disk(p, NOW.vm, &@1)); }
  disk_what disk_options
| INTERFACE                         { NEED(NOW.interface = build_interface(p, NOW.vm, &@1));
                                      NOW.user = &NOW.interface->user;
                                      NOW.port = &NOW.interface->port; }
  interface_wire interface_body
| SHELL PROMPT STRING               { NOW.vm->shell = $3.text; }
;

setting:
  MEMORY { $$ = "memory"; } | CPUS { $$ = "cpus"; } | CPU { $$ = "cpu"; }
| KERNEL { $$ = "kernel"; } | EFI { $$ = "efi"; } | NVRAM { $$ = "nvram"; }
| INITRD { $$ = "initrd"; } | APPEND { $$ = "append"; } | GPU { $$ = "gpu"; }
| DISPLAY { $$ = "display"; } | INPUT { $$ = "input"; } | KEYBOARD { $$ = "keyboard"; }
| TABLES { $$ = "tables"; } | ENGINE { $$ = "engine"; } | UUID { $$ = "uuid"; }
| QUIRK { $$ = "quirk"; } | EXPLAIN { $$ = "explain"; } | LOG { $$ = "log"; }
| CONSOLE { $$ = "console"; }
;

flag: STRICT { $$ = "strict"; } | REBOOT { $$ = "reboot"; } | NESTED { $$ = "nested"; };

disk_what:
  STRING                            { NOW.disk->path = config_path(p, &$1); }
| SIZE STRING                       { config_size(p, &$2, "a disk", &NOW.disk->size); }
;

disk_options: %empty | disk_options disk_option;

disk_option:
  FORMAT STRING
  {
      if (strcmp($2.text, "raw") == 0)
          NOW.disk->format = CONFIG_FORMAT_RAW;
      else if (strcmp($2.text, "qcow2") == 0)
          NOW.disk->format = CONFIG_FORMAT_QCOW2;
      else
          config_report(p, &@2, "\"%.60s\" is not a format; give raw or qcow2", $2.text);
  }
| READONLY                          { NOW.disk->readonly = true; }
| PERSISTENT                        { NOW.disk->direct = true; }
| SERIAL STRING                     { NOW.disk->serial = $2.text; }
;

interface_wire: %empty | STRING     { NOW.interface->wire = $1.text; };

interface_body: %empty | '{' interface_items '}';

interface_items:
  %empty
| interface_items separator
| interface_items interface_item
| interface_items error '\n'        { yyerrok; }
;

interface_item:
  SWITCH STRING                     { NOW.interface->wire = $2.text; }
| mac STRING                        { NOW.interface->has_mac =
                                          config_mac(p, &$2, NOW.interface->mac); }
| MTU STRING                        { build_mtu(p, &$2, &NOW.interface->mtu); }
| port_item
| user_item                         { NOW.user->given = true; NOW.user->place = @1; }
;

port_item:
  LINK                              { NOW.links[0] = &NOW.port->to;
                                      NOW.links[1] = &NOW.port->from; }
  link_body                         { *NOW.links[1] = *NOW.links[0]; }
| LINK TO                           { NOW.links[0] = &NOW.port->to; } link_body
| LINK FROM                         { NOW.links[0] = &NOW.port->from; } link_body
| CAPTURE STRING                    { NOW.port->capture = config_path(p, &$2); }
| CAPTURE STRING FILTER STRING      { NOW.port->capture = config_path(p, &$2);
                                      NOW.port->filter = $4.text; }
;

mac: MAC | LLADDR;

/* --- peers --- */

peer_items:
  %empty
| peer_items separator
| peer_items peer_item
| peer_items error '\n'             { yyerrok; }
;

peer_item:
  SWITCH STRING                     { NOW.peer->wire = $2.text; }
| ADDRESS STRING                    { build_address(p, NOW.peer, &$2); }
| GATEWAY STRING                    { build_gateway(p, NOW.peer, &$2); }
| mac STRING                        { NOW.peer->has_mac = config_mac(p, &$2, NOW.peer->mac); }
| MTU STRING                        { build_mtu(p, &$2, &NOW.peer->mtu); }
| port_item
| LISTEN listener
| LISTEN '{' listeners '}'
;

listeners:
  %empty
| listeners separator
| listeners listener
| listeners error '\n'              { yyerrok; }
;

listener:
  protocol values                   { NOW.listener = (struct config_listener){.udp = $1}; }
  service                           { build_listeners(p, NOW.peer, &NOW.listener, &$2); }
;

service:
  %empty
| ECHO                              { NOW.listener.service = CONFIG_ECHO; }
| DISCARD                           { NOW.listener.service = CONFIG_DISCARD; }
| SAY STRING                        { NOW.listener.service = CONFIG_SAY;
                                      NOW.listener.text = $2.text; }
;

/* --- tests --- */

steps:
  %empty
| steps step_end
| steps step step_end               { build_step(p, NOW.test, &NOW.step, &NOW.route); }
| steps error '\n'                  { yyerrok; }
;

last_step:
  %empty
| step                              { build_step(p, NOW.test, &NOW.step, &NOW.route); }
;

step_end: '\n' | ';';

step:
  WAIT STRING                       { begin_step(p, CONFIG_STEP_WAIT, &@1); NOW.step.who = $2.text; }
  where wanted within
| TYPE STRING                       { begin_step(p, CONFIG_STEP_TYPE, &@1); NOW.step.who = $2.text; }
  how STRING                        { NOW.step.text = $5.text; }
  within
| KEY STRING values                 { begin_step(p, CONFIG_STEP_KEY, &@1); NOW.step.who = $2.text;
                                      NOW.route.keys = $3; }
  within
| SHELL STRING STRING               { begin_step(p, CONFIG_STEP_SHELL, &@1); NOW.step.who = $2.text;
                                      NOW.step.command = $3.text; }
  shell_options
| probe FROM values                 { NOW.route.from = $3; }
  from_port TO values               { NOW.route.to = $7; }
  to_port say EXPECT outcome probe_options
| FRAME FROM STRING STRING          { begin_step(p, CONFIG_STEP_FRAME, &@1); NOW.step.who = $3.text;
                                      config_hex(p, &$4, &NOW.step.bytes, &NOW.step.length); }
| EXPECT                            { begin_step(p, CONFIG_STEP_SEE, &@1); }
  no FRAME STRING ON STRING         { NOW.step.text = $5.text; NOW.step.who = $7.text; }
  within
| LINK STRING                       { begin_step(p, CONFIG_STEP_LINK, &@1); NOW.step.who = $2.text;
                                      NOW.links[0] = &NOW.step.link; }
  link_on link_way link_body
| SLEEP STRING                      { begin_step(p, CONFIG_STEP_SLEEP, &@1);
                                      config_time(p, &$2, &NOW.step.timeout_ns); }
| STOP STRING                       { begin_step(p, CONFIG_STEP_STOP, &@1); NOW.step.who = $2.text; }
;

link_on: %empty | ON STRING         { NOW.step.wire = $2.text; };

link_way:
  %empty
| TO                                { NOW.step.way = CONFIG_WAY_TO; }
| FROM                              { NOW.step.way = CONFIG_WAY_FROM; }
;

where: %empty | CONSOLE | SCREEN    { NOW.step.screen = true; };

how: %empty | CONSOLE | KEYBOARD    { NOW.step.screen = true; };

wanted:
  STRING                            { NOW.step.text = $1.text; }
| REGEX STRING                      { NOW.step.text = $2.text; NOW.step.regular = true; }
;

within: %empty | limit;

limit: WITHIN STRING                { config_time(p, &$2, &NOW.step.timeout_ns); };

no: %empty | NO                     { NOW.step.negated = true; };

shell_options: %empty | shell_options shell_option;

shell_option:
  EXPECT no wanted
| STATUS STRING
  {
      uint64_t status;

      NOW.step.has_status = config_number(p, &$2, "an exit status", 0, 255, &status);
      if (NOW.step.has_status)
          NOW.step.status = (int)status;
  }
| limit
;

probe:
  TCP                               { begin_step(p, CONFIG_STEP_CONNECT, &@1); }
| UDP                               { begin_step(p, CONFIG_STEP_SEND, &@1); }
| PING                              { begin_step(p, CONFIG_STEP_PING, &@1); }
;

from_port: %empty | PORT values     { NOW.route.from_ports = $2; };

to_port: %empty | PORT values       { NOW.route.ports = $2; };

say:
  %empty
| SAY STRING                        { NOW.step.command = $2.text; }
| SIZE STRING
  {
      uint64_t size;

      if (config_number(p, &$2, "bytes to send", 1, CONFIG_SIZE_MAX, &size))
          NOW.step.size = (unsigned)size;
  }
;

outcome:
  PASS                              { NOW.step.expect = CONFIG_EXPECT_PASS; }
| DROP                              { NOW.step.expect = CONFIG_EXPECT_DROP; }
| RESET                             { NOW.step.expect = CONFIG_EXPECT_RESET; }
| TIMEOUT                           { NOW.step.expect = CONFIG_EXPECT_TIMEOUT; }
| TRANSLATE                         { NOW.step.expect = CONFIG_EXPECT_TRANSLATE; }
;

probe_options: %empty | probe_options probe_option;

probe_option:
  AT STRING                         { NOW.step.at = $2.text; }
| AT STRING PORT STRING             { NOW.step.at = $2.text;
                                      config_port(p, &$4, &NOW.step.at_port); }
| SOURCE STRING                     { config_address(p, &$2, &NOW.step.source); }
| SOURCE STRING PORT STRING         { config_address(p, &$2, &NOW.step.source);
                                      config_port(p, &$4, &NOW.step.source_port); }
| SAY STRING                        { build_say(p, &NOW.step, &$2); }
| ANSWER STRING                     { build_answer(p, &NOW.step, &$2, false); }
| ANSWER REGEX STRING               { build_answer(p, &NOW.step, &$3, true); }
| limit
;

%%

static void begin_step(struct config_parser *p, enum config_step_kind kind,
                       const struct config_place *place)
{
    NOW.step = (struct config_step){.kind = kind, .place = *place};
    NOW.route = (struct config_route){.from.count = 0};
}

/* One link is said whole each time: what an earlier one said is forgotten. */
static void take_link(struct config_parser *p, const struct config_place *place)
{
    *NOW.links[0] = (struct config_link){.given = true, .place = *place};
}

static struct config_values empty_list(struct config_parser *p, const struct config_place *place)
{
    config_report(p, place, "the list is empty; give at least one value");
    p->left_out = true;
    return (struct config_values){.count = 0};
}

static int config_grammar_lex(CONFIG_GRAMMAR_STYPE *value, struct config_place *place,
                              struct config_parser *p)
{
    struct config_token token = config_lex(p);

    *place = token.place;
    value->value = (struct config_value){token.text, token.quoted, token.given, token.place};
    return token.kind;
}

/* --- what a syntax error is told as --- */

#define EXPECTED_MAX 64 /* bison's symbols that fit at one place */

static const char *token_text(const struct config_token *token, char *room, size_t size)
{
    if (token->kind == '\n')
        return "the end of the line";
    if (token->kind == 0)
        return "the end of the file";
    if (token->text)
        snprintf(room, size, "\"%.60s\"", token->text);
    else
        snprintf(room, size, "\"%c\"", token->kind);
    return room;
}

/* Tokens by their names; what only separates is not said, unless nothing else would do. */
static size_t expected_names(const yypcontext_t *context, const char **names, bool *value,
                             bool *block)
{
    yysymbol_kind_t expected[YYNTOKENS];
    int count = yypcontext_expected_tokens(context, expected, YYNTOKENS);
    size_t used = 0;

    bool ends = false;

    *value = *block = false;
    for (int i = 0; i < count; i++) {
        const char *name = yysymbol_name(expected[i]);

        if (expected[i] == YYSYMBOL_STRING)
            *value = true;
        else if (strcmp(name, "'{'") == 0)
            *block = true;
        else if (strcmp(name, "'\\n'") == 0)
            ends = true;
        else if (isalpha((unsigned char)*name) && expected[i] != YYSYMBOL_YYEOF && used < EXPECTED_MAX)
            names[used++] = name;
    }
    *block = *block && !ends; /* without one it is no statement */
    return used;
}

static void list_names(const char **names, size_t count, bool value, char *to, size_t room)
{
    size_t used = 0;

    *to = '\0';
    if (value)
        used = (size_t)snprintf(to, room, "a value%s", count ? " or " : "");
    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, "%s%s",
                                 i == 0           ? ""
                                 : i + 1 == count ? " or "
                                                  : ", ",
                                 names[i]);
}

/* What belongs in no block, at the beginning of a line in one. */
static bool is_after_open_block(const struct config_parser *p)
{
    int kind = p->last.kind;

    return p->line_first && p->depth_before &&
           (kind == LAB || kind == VM || kind == PEER || kind == TEST);
}

static void report_open_block(struct config_parser *p)
{
    const struct config_place *begin = &p->braces[p->depth_before - 1];

    config_report(p, &p->last.place,
                  "the block that begins at %s:%u is not closed before \"%s\"; a \"}\" is missing",
                  begin->file, begin->line, p->last.text);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct config_parser *p)
{
    const struct config_token *token = &p->last;
    const char *names[EXPECTED_MAX], *nearest = NULL;
    char found[80], list[400];
    const char *shown;
    bool value, block;
    size_t count = expected_names(context, names, &value, &block);

    if (p->failed || (p->made_up && p->errors))
        return 0;
    if (is_after_open_block(p)) {
        report_open_block(p);
        p->left_out = true;
        config_lex_close_blocks(p);
        return 0;
    }
    if (token->kind == STRING && !token->quoted)
        nearest = config_nearest(token->text, names, count);
    shown = token_text(token, found, sizeof(found));
    list_names(names, count, value, list, sizeof(list));
    if (nearest)
        config_report(p, &token->place, "%s is not known here; is \"%s\" meant?", shown, nearest);
    else if (token->kind == '}' && !p->depth_before)
        config_report(p, &token->place,
                      "this \"}\" closes nothing; it is one too many, or a \"{\" is missing "
                      "before it");
    else if (token->kind == '{' && value)
        config_report(p, &token->place, "a list is not possible here; give one value");
    else if (value && token->text && !token->quoted)
        config_report(p, &token->place,
                      "%s is a word of the language; as a value it stands between quotes", shown);
    else if (*list)
        config_report(p, &token->place, "%s is not right here; %s would be", shown, list);
    else
        config_report(p, &token->place, "%s is not right here; %s", shown,
                      block ? "a \"{\" would be" : "the statement ends before it");
    p->left_out = true;
    config_lex_resync(p);
    return 0;
}

/* Syntax errors are told above; the rest is memory. */
static void config_grammar_error(const struct config_place *place, struct config_parser *p,
                                 const char *line)
{
    if (!p->failed)
        config_report(p, place, "it cannot be read: %s", line);
    p->failed = true;
}
