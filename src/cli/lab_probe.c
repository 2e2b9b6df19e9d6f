/* SPDX-License-Identifier: ISC */
/* A connection, a datagram or an echo from a peer, and whether it fared as the test says. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/lab_bench.h"
#include "host/clock.h"

#define ANSWER_NS  (10 * NS_PER_SEC) /* for what is to come */
#define SILENCE_NS (3 * NS_PER_SEC)  /* for what is not to */
#define AGAIN_NS   NS_PER_SEC        /* what is not TCP is sent again after this */
#define NAMED      160

static const char *const protocols[] = {
    [CONFIG_STEP_CONNECT] = "tcp", [CONFIG_STEP_SEND] = "udp", [CONFIG_STEP_PING] = "ping"};

static enum peer_protocol protocol_of(const struct config_step *s)
{
    return s->kind == CONFIG_STEP_CONNECT ? PEER_TCP
           : s->kind == CONFIG_STEP_SEND  ? PEER_UDP
                                          : PEER_PING;
}

static void address_text(const struct ip *address, uint16_t port, char *to, size_t room)
{
    char text[IP_TEXT_ROOM];

    ip_text(address, text);
    if (port)
        snprintf(to, room, "%s port %u", text, port);
    else
        snprintf(to, room, "%s", text);
}

static void name_probe(const struct config_step *s, char *to, size_t room)
{
    char address[64];

    address_text(&s->to, s->port, address, sizeof(address));
    snprintf(to, room, "%s from %s to %s", protocols[s->kind], s->who, address);
}

static size_t peer_index(const struct bench *bench, const char *name)
{
    return (size_t)(config_peer_find(bench->config, name) - bench->config->peers);
}

/* --- what others have seen of it --- */

static const struct bench_seen *find_seen(const struct bench *bench, const struct config_step *s)
{
    const struct bench_probe *p = &bench->probe;
    uint16_t port = s->at_port ? s->at_port : s->expect == CONFIG_EXPECT_TRANSLATE ? 0 : s->port;

    for (size_t i = 0; i < p->seen_count; i++)
        if (p->seen[i].protocol == protocol_of(s) && p->seen[i].peer != p->peer &&
            (!s->at || p->seen[i].peer == peer_index(bench, s->at)) &&
            (!port || p->seen[i].port == port))
            return &p->seen[i];
    return NULL;
}

static void add_seen(struct bench *bench, const struct bench_seen *seen)
{
    char source[64], destination[64];
    size_t used = strlen(bench->why);

    address_text(&seen->source, seen->source_port, source, sizeof(source));
    address_text(&seen->destination, seen->port, destination, sizeof(destination));
    snprintf(bench->why + used, sizeof(bench->why) - used, "; %s has seen it, from %s to %s",
             bench->config->peers[seen->peer].name, source, destination);
}

/* RFC 792 and 1122, RFC 4443: types and codes. */
static const char *icmp_text(enum ip_family family, uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *text;
    } texts[IP_FAMILIES][10] = {
        [IP_V4] = {{0x0300, "network unreachable"},
                   {0x0301, "host unreachable"},
                   {0x0302, "protocol unreachable"},
                   {0x0303, "port unreachable"},
                   {0x0304, "too big"},
                   {0x0309, "network prohibited"},
                   {0x030a, "host prohibited"},
                   {0x030d, "prohibited"},
                   {0x0b00, "too many hops"},
                   {0x0b01, "a fragment is missing"}},
        [IP_V6] = {{0x0100, "no route"},
                   {0x0101, "prohibited"},
                   {0x0103, "address unreachable"},
                   {0x0104, "port unreachable"},
                   {0x0105, "source address refused"},
                   {0x0106, "route refused"},
                   {0x0200, "too big"},
                   {0x0300, "too many hops"},
                   {0x0301, "a fragment is missing"}},
    };

    for (size_t i = 0; i < nitems(texts[family]) && texts[family][i].text; i++)
        if (texts[family][i].type == type)
            return texts[family][i].text;
    return "an error";
}

static void add_refusal(struct bench *bench, const struct config_step *s)
{
    const struct bench_probe *p = &bench->probe;
    size_t used = strlen(bench->why), room = sizeof(bench->why) - used;
    char who[64] = "somebody";

    if (!ip_is_none(&p->refuser))
        address_text(&p->refuser, 0, who, sizeof(who));
    if (p->refused_as)
        snprintf(bench->why + used, room, " by %s: ICMP, %s (type %u, code %u)", who,
                 icmp_text(ip_family(&s->to), p->refused_as), p->refused_as >> 8,
                 p->refused_as & 255u);
    else
        snprintf(bench->why + used, room, ": a reset from %s", who);
}

/* --- verdicts --- */

static bool was_translated(const struct bench *bench, const struct config_step *s,
                           const struct bench_seen *seen)
{
    const struct config_peer *sender = &bench->config->peers[bench->probe.peer];

    return !ip_equal(&seen->source, &sender->networks[ip_family(&s->to)].address) ||
           !ip_equal(&seen->destination, &s->to) || seen->port != s->port;
}

static bool source_is_right(const struct config_step *s, const struct bench_seen *seen)
{
    return (ip_is_none(&s->source) || ip_equal(&seen->source, &s->source)) &&
           (!s->source_port || seen->source_port == s->source_port);
}

static bool judge_arrival(struct bench *bench, const struct config_step *s, const char *what)
{
    const struct bench_seen *seen = find_seen(bench, s);
    bool translate = s->expect == CONFIG_EXPECT_TRANSLATE;

    if (!s->at)
        return true;
    if (!seen)
        return bench_fail(bench, "%s: it was answered, but not by \"%s\", which has not seen it",
                          what, s->at);
    if (source_is_right(s, seen) && (!translate || was_translated(bench, s, seen)))
        return true;
    bench_fail(bench,
               source_is_right(s, seen) ? "%s: it was to be translated, and was not"
                                        : "%s: it arrived with another source",
               what);
    add_seen(bench, seen);
    return false;
}

static bool judge(struct bench *bench, const struct config_step *s, bool arrived,
                  const char *missing)
{
    static const char *const expected[] = {[CONFIG_EXPECT_PASS] = "to pass",
                                           [CONFIG_EXPECT_DROP] = "to be dropped",
                                           [CONFIG_EXPECT_RESET] = "to be reset",
                                           [CONFIG_EXPECT_TIMEOUT] = "to time out",
                                           [CONFIG_EXPECT_TRANSLATE] = "to be translated"};
    static const char *const found[] = {[BENCH_NOTHING] = "there was no answer",
                                        [BENCH_ANSWERED] = "it was answered",
                                        [BENCH_REFUSED] = "it was refused"};
    enum bench_outcome outcome = bench->probe.outcome;
    const struct bench_seen *seen = find_seen(bench, s);
    char what[NAMED];
    bool right = false;

    name_probe(s, what, sizeof(what));
    switch (s->expect) {
    case CONFIG_EXPECT_PASS:
    case CONFIG_EXPECT_TRANSLATE: right = arrived; break;
    case CONFIG_EXPECT_DROP: right = outcome == BENCH_NOTHING && !seen; break;
    case CONFIG_EXPECT_TIMEOUT: right = outcome == BENCH_NOTHING; break;
    case CONFIG_EXPECT_RESET: right = outcome == BENCH_REFUSED; break;
    }
    if (!right) {
        bench_fail(bench, "%s: it was expected %s, and %s", what, expected[s->expect],
                   found[outcome]);
        if (outcome == BENCH_REFUSED)
            add_refusal(bench, s);
        if (seen)
            add_seen(bench, seen);
        return false;
    }
    if (missing)
        return bench_fail(bench, "%s: the answer has no \"%s\":\n%s", what, missing,
                          bench->probe.said_length ? bench->probe.said : "(nothing came)");
    return !arrived || judge_arrival(bench, s, what);
}

/* --- the course of it --- */

/* What it says: a text, or as many bytes as the step wants. */
static void fill_probe(const struct config_step *s, struct peer_message *m)
{
    const char *text = s->command ? s->command : s->kind == CONFIG_STEP_CONNECT ? "" : "atoll";
    size_t length = strlen(text);

    if (s->size) {
        m->length = MIN(s->size, (uint32_t)sizeof(m->data));
        memset(m->data, 'a', m->length);
        return;
    }
    m->length = (uint32_t)MIN(length, sizeof(m->data));
    memcpy(m->data, text, m->length);
}

static bool send_probe(struct bench *bench, const struct config_step *s)
{
    struct peer *peer = lab_wires_peer(bench->run->wires, bench->probe.peer);
    struct peer_message m = {.kind = PEER_PROBE,
                             .protocol = (uint16_t)protocol_of(s),
                             .id = bench->probe.id,
                             .remote = s->to,
                             .remote_port = s->port,
                             .local_port = s->from_port};
    struct error err;

    fill_probe(s, &m);
    return peer_tell(peer, &m, &err) == 0 || bench_fail(bench, "%s: %s", s->who, err.text);
}

/* --- dialogues --- */

struct dialogue {
    size_t turn; /* 0: the step's own `text`; then step->turns */
    size_t from; /* in what was said: not looked at yet */
    bool over;
};

static bool tell_more(struct bench *bench, const struct config_step *s, const char *say)
{
    struct peer *peer = lab_wires_peer(bench->run->wires, bench->probe.peer);
    struct peer_message m = {.kind = PEER_TELL, .id = bench->probe.id};
    struct error err;

    m.length = (uint32_t)MIN(strlen(say), sizeof(m.data));
    memcpy(m.data, say, m.length);
    return peer_tell(peer, &m, &err) == 0 || bench_fail(bench, "%s: %s", s->who, err.text);
}

static const char *wanted_answer(const struct config_step *s, const struct dialogue *d)
{
    return d->turn ? s->turns[d->turn - 1].answer : s->text;
}

/* Whether what is wanted now has come; what follows it is for the next turn. */
static bool has_answer(struct bench *bench, const struct config_step *s, struct dialogue *d)
{
    const char *answer = wanted_answer(s, d), *at;
    struct wanted wanted;
    struct error err;

    if (!answer)
        return true;
    if (wanted_init(&wanted, answer, d->turn ? s->turns[d->turn - 1].regular : s->regular, &err))
        return bench_fail(bench, "%s", err.text);
    at = wanted_find(&wanted, bench->probe.said + d->from);
    if (at)
        d->from = (size_t)(at - bench->probe.said) +
                  (wanted.regular ? strcspn(at, "\n") : strlen(answer));
    wanted_fini(&wanted);
    return at != NULL;
}

/* Goes on as far as answers allow. Returns whether all went well so far. */
static bool converse(struct bench *bench, const struct config_step *s, struct dialogue *d)
{
    while (!d->over && has_answer(bench, s, d)) {
        const char *say = d->turn < s->turn_count ? s->turns[d->turn].say : NULL;

        d->over = d->turn++ == s->turn_count;
        if (say && !tell_more(bench, s, say))
            return false;
    }
    return !*bench->why;
}

static void end_probe(struct bench *bench)
{
    const struct peer_message m = {.kind = PEER_END, .id = bench->probe.id};

    peer_tell(lab_wires_peer(bench->run->wires, bench->probe.peer), &m, NULL);
}

/* A datagram that nobody answers has arrived all the same where it is seen. */
static bool has_arrived(const struct bench *bench, const struct config_step *s)
{
    bool seen = s->at && find_seen(bench, s);

    return bench->probe.outcome == BENCH_ANSWERED ? !s->at || seen
                                                  : s->kind == CONFIG_STEP_SEND && seen;
}

static bool is_over(const struct bench *bench, const struct config_step *s, bool said)
{
    bool wanted = s->expect == CONFIG_EXPECT_PASS || s->expect == CONFIG_EXPECT_TRANSLATE;

    if (bench->probe.outcome == BENCH_REFUSED)
        return true;
    return wanted ? has_arrived(bench, s) && (said || (!s->text && !s->turn_count))
                  : bench->probe.outcome == BENCH_ANSWERED;
}

bool bench_probe(struct bench *bench, const struct config_step *s)
{
    struct bench_probe *p = &bench->probe;
    bool silence = s->expect == CONFIG_EXPECT_DROP || s->expect == CONFIG_EXPECT_TIMEOUT, going;
    uint64_t began = host_clock_monotonic(), again = began + AGAIN_NS, now;
    uint64_t deadline = began + (s->timeout_ns ? s->timeout_ns : silence ? SILENCE_NS : ANSWER_NS);
    struct dialogue dialogue = {.turn = 0};

    p->id++;
    p->peer = peer_index(bench, s->who);
    p->outcome = BENCH_NOTHING;
    p->said_length = p->seen_count = 0;
    *p->said = '\0';
    going = send_probe(bench, s);
    while (going) {
        going = bench_turn(bench, deadline);
        if (p->outcome == BENCH_ANSWERED && !converse(bench, s, &dialogue))
            break;
        now = host_clock_monotonic();
        if (is_over(bench, s, dialogue.over))
            going = false;
        if (going && s->kind != CONFIG_STEP_CONNECT && p->outcome == BENCH_NOTHING &&
            now >= again) {
            again = now + AGAIN_NS;
            going = send_probe(bench, s);
        }
    }
    end_probe(bench);
    return !*bench->why && judge(bench, s, has_arrived(bench, s),
                                 dialogue.over ? NULL : wanted_answer(s, &dialogue));
}
