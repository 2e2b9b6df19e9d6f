/* SPDX-License-Identifier: ISC */
/* What is wrong with a lab's tests: steps that speak of nothing, and expect what cannot be. */
#include <regex.h>
#include <string.h>

#include "config/private.h"

/* How often a VM or peer is on a switch, or with NULL on any. */
static size_t count_wires(const struct config_vm *vm, const struct config_peer *peer,
                          const char *wire)
{
    size_t count = peer && peer->wire && (!wire || strcmp(peer->wire, wire) == 0);

    for (size_t i = 0; vm && i < vm->interface_count; i++)
        count += vm->interfaces[i].wire && (!wire || strcmp(vm->interfaces[i].wire, wire) == 0);
    return count;
}

static void check_link_target(struct config_parser *p, const struct config_step *s)
{
    const struct config *c = p->config;
    const struct config_vm *vm = config_vm_find(c, s->who);
    const struct config_peer *peer = config_peer_find(c, s->who);
    struct config_names known = {.count = 0};

    if (s->wire && !config_need_switch(p, s->wire, &s->place))
        return;
    if (config_switch_find(c, s->who)) {
        if (s->wire)
            config_report(p, &s->place, "\"%s\" is a switch; \"on\" is of a VM's or peer's link",
                          s->who);
        return;
    }
    if (vm || peer) {
        if (count_wires(vm, peer, s->wire) == 0)
            config_report(p, &s->place, "\"%s\" is on %s%s%s", s->who,
                          s->wire ? "no interface of \"" : "no switch", s->wire ? s->wire : "",
                          s->wire ? "\"" : "");
        return;
    }
    for (size_t i = 0; i < c->vm_count; i++)
        config_names_add(&known, c->vms[i].name);
    for (size_t i = 0; i < c->switch_count; i++)
        config_names_add(&known, c->switches[i].name);
    for (size_t i = 0; i < c->peer_count; i++)
        config_names_add(&known, c->peers[i].name);
    config_report_unknown(p, &s->place, "VM, switch or peer", s->who, &known);
}

/* A probe leaves by the address of its destination's family. */
static void check_family(struct config_parser *p, const struct config_step *s)
{
    const struct config_peer *peer = config_peer_find(p->config, s->who);
    enum ip_family family = ip_family(&s->to);

    if (peer && ip_equal(&peer->networks[family].address, &s->to))
        config_report(p, &s->place, "\"%s\" has that address itself; it sends to others", s->who);
    if (peer && ip_is_none(&peer->networks[family].address))
        config_report(p, &s->place,
                      "\"%s\" has no %s address to send from; write \"address %s\" or so "
                      "in it",
                      s->who, family == IP_V4 ? "IPv4" : "IPv6",
                      family == IP_V4 ? "10.0.2.9/24" : "2001:db8::9/64");
}

static void check_probe(struct config_parser *p, const struct config_step *s)
{
    bool answered = s->expect == CONFIG_EXPECT_PASS || s->expect == CONFIG_EXPECT_TRANSLATE;

    if (config_need_peer(p, s->who, &s->place))
        check_family(p, s);
    if (s->at && config_need_peer(p, s->at, &s->place) && strcmp(s->at, s->who) == 0)
        config_report(p, &s->place, "\"%s\" sends it; \"at\" is the peer at the far end", s->at);
    if (!answered && (s->at || !ip_is_none(&s->source) || s->text || s->command || s->turn_count))
        config_report(p, &s->place,
                      "what does not arrive has no far end; leave \"at\", \"source\", "
                      "\"say\" and \"answer\" out");
    else if (!ip_is_none(&s->source) && !s->at)
        config_report(p, &s->place, "who sees the source? write \"at PEER\" too");
    else if (s->expect == CONFIG_EXPECT_TRANSLATE && !s->at)
        config_report(p, &s->place, "who sees the translation? write \"at PEER\" too");
}

/* Steps at the console, the screen or the keyboard. */
static void check_hands(struct config_parser *p, const struct config_step *s)
{
    const struct config_vm *vm = config_need_vm(p, s->who, &s->place);
    bool screen = vm && (config_vm_says(vm, "gpu") || config_vm_says(vm, "display"));

    if (!vm || screen)
        return;
    if (s->kind == CONFIG_STEP_WAIT && s->screen)
        config_report(p, &s->place, "\"%s\" has no screen; write \"gpu 1024x768\" in it", s->who);
    else if ((s->kind == CONFIG_STEP_KEY || s->screen) && !config_vm_says(vm, "input"))
        config_report(p, &s->place,
                      "\"%s\" has no keyboard; write \"gpu 1024x768\" or \"input usb\" in it",
                      s->who);
}

static void check_frame(struct config_parser *p, const struct config_step *s)
{
    const struct config_peer *peer = config_peer_find(p->config, s->who);
    size_t longest = peer ? config_peer_mtu(p->config, peer) + CONFIG_OVERHEAD : 0;

    if (config_need_peer(p, s->who, &s->place) && s->length > longest)
        config_report(
            p, &s->place,
            "a frame of %zu bytes is too long for \"%s\", which sends up to %zu; it or its "
            "switch can have a larger \"mtu\"",
            s->length, s->who, longest);
}

static void check_regex(struct config_parser *p, const struct config_step *s, const char *text)
{
    regex_t expression;
    char why[160];
    int ret = regcomp(&expression, text, REG_EXTENDED | REG_NOSUB);

    if (!ret) {
        regfree(&expression);
        return;
    }
    regerror(ret, &expression, why, sizeof(why));
    config_report(p, &s->place, "\"%.60s\" is no extended regular expression (regex(7)): %s", text,
                  why);
}

static void check_texts(struct config_parser *p, const struct config_step *s)
{
    if (s->regular && s->text)
        check_regex(p, s, s->text);
    for (size_t i = 0; i < s->turn_count; i++)
        if (s->turns[i].regular && s->turns[i].answer)
            check_regex(p, s, s->turns[i].answer);
}

static void check_step(struct config_parser *p, const struct config_step *s)
{
    switch (s->kind) {
    case CONFIG_STEP_WAIT:
    case CONFIG_STEP_TYPE:
    case CONFIG_STEP_KEY: check_hands(p, s); return;
    case CONFIG_STEP_SHELL:
    case CONFIG_STEP_STOP: config_need_vm(p, s->who, &s->place); return;
    case CONFIG_STEP_CONNECT:
    case CONFIG_STEP_SEND:
    case CONFIG_STEP_PING: check_probe(p, s); return;
    case CONFIG_STEP_FRAME: check_frame(p, s); return;
    case CONFIG_STEP_SEE: config_need_switch(p, s->who, &s->place); return;
    case CONFIG_STEP_LINK: check_link_target(p, s); return;
    case CONFIG_STEP_SLEEP: return;
    }
}

void config_check_test(struct config_parser *p, const struct config_test *test)
{
    if (!test->step_count)
        config_report(p, &test->place,
                      "a test without steps shows nothing; write one in its block");
    for (size_t i = 0; i < test->step_count && !p->failed; i++) {
        check_texts(p, &test->steps[i]);
        check_step(p, &test->steps[i]);
    }
}
