/* SPDX-License-Identifier: ISC */
/* Values: numbers with and without units, addresses, names and paths. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "config/private.h"

struct unit {
    const char *suffix;
    double factor;
};

/* Digits, perhaps with a fraction, and one of the units. */
static bool read_units(const char *text, const struct unit *units, size_t count, double *value)
{
    size_t length = strspn(text, "0123456789.");
    char number[32], *end;

    if (!isdigit((unsigned char)*text) || length >= sizeof(number))
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    *value = strtod(number, &end);
    if (*end)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + length, units[i].suffix) == 0) {
            *value *= units[i].factor;
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return !errno && !*end && *number <= max;
}

bool config_number(struct config_parser *p, const struct config_value *v, const char *what,
                   uint64_t min, uint64_t max, uint64_t *number)
{
    if (read_number(v->text, max, number) && *number >= min)
        return true;
    config_report(p, &v->place,
                  "\"%.60s\" is not possible for %s; give a number from %" PRIu64 " to %" PRIu64,
                  v->text, what, min, max);
    return false;
}

bool config_size(struct config_parser *p, const struct config_value *v, const char *what,
                 uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"K", (double)KIB},
                                        {"M", (double)MIB},
                                        {"G", (double)GIB},
                                        {"T", (double)GIB * 1024}};
    double value;

    if (read_units(v->text, units, nitems(units), &value) && value < 0x1p63 &&
        value == floor(value)) {
        *bytes = (uint64_t)value;
        return true;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not a size, which %s wants; give a number and K, M "
                  "or G, such as 512M",
                  v->text, what);
    return false;
}

#define TIME_MAX (1e9 * 3600 * 24)

bool config_time(struct config_parser *p, const struct config_value *v, uint64_t *ns)
{
    static const struct unit units[] = {{"ns", 1},  {"us", 1e3}, {"ms", 1e6},
                                        {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    double value;

    if (read_units(v->text, units, nitems(units), &value) && value <= TIME_MAX) {
        *ns = (uint64_t)llround(value);
        return true;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not a time of at most a day; give a number and us, ms, s, m or h, "
                  "such as 50ms",
                  v->text);
    return false;
}

bool config_rate(struct config_parser *p, const struct config_value *v, uint64_t *bits)
{
    static const struct unit units[] = {
        {"K", 1e3},    {"M", 1e6},    {"G", 1e9},    {"Kb", 1e3},   {"Mb", 1e6}, {"Gb", 1e9},
        {"kbps", 1e3}, {"Kbps", 1e3}, {"Mbps", 1e6}, {"Gbps", 1e9}, {"bps", 1},
    };
    double value;

    if (read_units(v->text, units, nitems(units), &value) && value >= 1 && value <= 1e12) {
        *bits = (uint64_t)llround(value);
        return true;
    }
    if (v->text[0] == '0' && strtod(v->text, NULL) == 0) {
        config_report(p, &v->place,
                      "a rate of 0 lets nothing through; write \"down\" for that, or give a rate "
                      "such as 10M");
        return false;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not a rate in bits a second; give a number and K, M "
                  "or G (powers of 1000), such as 10M",
                  v->text);
    return false;
}

bool config_share(struct config_parser *p, const struct config_value *v, uint32_t *ppm)
{
    static const struct unit units[] = {{"%", CONFIG_PPM / 100}};
    double value;

    if (read_units(v->text, units, nitems(units), &value) && value <= CONFIG_PPM) {
        *ppm = (uint32_t)lround(value);
        return true;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not a share of all frames; give 0%% to 100%%, such as 0.5%%",
                  v->text);
    return false;
}

/* Ports that people call by name: services(5) has them all, but is not the same everywhere. */
static const struct {
    const char *name;
    uint16_t port;
} services[] = {{"ssh", 22},          {"smtp", 25},    {"domain", 53},      {"http", 80},
                {"pop3", 110},        {"ntp", 123},    {"imap", 143},       {"https", 443},
                {"submissions", 465}, {"syslog", 514}, {"submission", 587}, {"imaps", 993},
                {"pop3s", 995}};

bool config_port(struct config_parser *p, const struct config_value *v, uint16_t *port)
{
    uint64_t number;

    for (size_t i = 0; i < nitems(services); i++) {
        if (strcmp(v->text, services[i].name) == 0) {
            *port = services[i].port;
            return true;
        }
    }
    if (read_number(v->text, UINT16_MAX, &number) && number) {
        *port = (uint16_t)number;
        return true;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not a port; give a number from 1 to 65535, or a "
                  "name such as smtp",
                  v->text);
    return false;
}

bool config_mac(struct config_parser *p, const struct config_value *v, uint8_t mac[6])
{
    bool right = strlen(v->text) == 17;

    for (size_t i = 0; i < 6 && right; i++) {
        const char *at = v->text + 3 * i;

        right = isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]) &&
                at[2] == (i < 5 ? ':' : '\0');
        mac[i] = (uint8_t)strtoul(at, NULL, 16);
    }
    if (right && !(mac[0] & 1))
        return true;
    config_report(p, &v->place,
                  right ? "\"%.60s\" is a group's address; the second digit of a card's is even"
                        : "\"%.60s\" is not an Ethernet address; give one like 52:54:00:12:34:56",
                  v->text);
    return false;
}

bool config_address(struct config_parser *p, const struct config_value *v, struct ip *address)
{
    if (ip_read(v->text, address))
        return true;
    config_report(p, &v->place,
                  "\"%.60s\" is not an IP address; give one like 10.0.2.1 or 2001:db8::1", v->text);
    return false;
}

bool config_address_v4(struct config_parser *p, const struct config_value *v, uint32_t *address)
{
    struct ip ip;

    if (ip_read(v->text, &ip) && ip_family(&ip) == IP_V4) {
        *address = ip_v4(&ip);
        return true;
    }
    config_report(p, &v->place,
                  "\"%.60s\" is not the IPv4 address of a host; give one like 10.0.2.1", v->text);
    return false;
}

/* Of IPv6 what the peers' stack takes for one wire: it knows no network larger than /64. */
static bool prefix_is_right(const struct ip *address, uint64_t bits)
{
    return ip_family(address) == IP_V4 ? bits >= 1 && bits <= 31 : bits >= 64 && bits <= 127;
}

/* Of IPv4, neither the network's own address nor the one of all its hosts (RFC 3021 for 31 bits).
 */
static bool is_of_host(const struct ip *address, unsigned bits)
{
    uint32_t hosts;

    if (ip_family(address) == IP_V6 || bits == 31)
        return true;
    hosts = ~UINT32_C(0) >> bits;
    return (ip_v4(address) & hosts) != 0 && (ip_v4(address) & hosts) != hosts;
}

bool config_network(struct config_parser *p, const struct config_value *v, struct ip *address,
                    unsigned *prefix)
{
    size_t length = strcspn(v->text, "/");
    char text[IP_TEXT_ROOM];
    uint64_t bits;

    snprintf(text, sizeof(text), "%.*s", (int)MIN(length, sizeof(text)), v->text);
    if (v->text[length] != '/' || !ip_read(text, address) || ip_is_multicast(address)) {
        config_report(p, &v->place,
                      "\"%.60s\" is not an address with its network's bits; give one like "
                      "10.0.2.9/24 or 2001:db8::9/64",
                      v->text);
        return false;
    }
    if (!read_number(v->text + length + 1, 128, &bits) || !prefix_is_right(address, bits)) {
        config_report(
            p, &v->place,
            "\"%.20s\" is not possible for a network's bits; give 1 to 31, or for IPv6 64 "
            "to 127",
            v->text + length + 1);
        return false;
    }
    if (!is_of_host(address, (unsigned)bits)) {
        config_report(
            p, &v->place,
            "\"%.60s\" is the network itself or all of its hosts; give the address of one",
            v->text);
        return false;
    }
    *prefix = (unsigned)bits;
    return true;
}

bool config_is_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = strlen(text);

    return length && length <= CONFIG_NAME_MAX && strspn(text, letters) == length &&
           !strchr("_-", *text);
}

void config_peer_networks(const struct config_peer *peer, char text[CONFIG_NETWORKS_ROOM])
{
    char address[IP_TEXT_ROOM];
    size_t used = 0;

    *text = '\0';
    for (size_t i = 0; i < IP_FAMILIES; i++) {
        const struct config_network *n = &peer->networks[i];

        if (!ip_is_none(&n->address))
            used += (size_t)snprintf(text + used, CONFIG_NETWORKS_ROOM - used, "%s%s/%u",
                                     used ? " " : "", ip_text(&n->address, address), n->prefix);
    }
}

bool config_name(struct config_parser *p, const struct config_value *v, const char *what)
{
    if (config_is_name(v->text))
        return true;
    config_report(p, &v->place,
                  "\"%.60s\" cannot be %s's name: letters, digits, \"_\" and \"-\", at most %d, a "
                  "letter or a digit first",
                  v->text, what, CONFIG_NAME_MAX);
    return false;
}

/* Pairs of digits, with blanks, colons or nothing between them. */
bool config_hex(struct config_parser *p, const struct config_value *v, uint8_t **bytes,
                size_t *length)
{
    size_t room = strlen(v->text) / 2 + 1;
    const char *at = v->text;
    char pair[3] = "";

    *bytes = config_keep(p->config, room);
    if (!*bytes) {
        config_no_memory(p);
        return false;
    }
    for (*length = 0; *at; at += strspn(at, " :\n\t")) {
        if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]))
            break;
        memcpy(pair, at, 2);
        (*bytes)[(*length)++] = (uint8_t)strtoul(pair, NULL, 16);
        at += 2;
    }
    if (!*at && *length >= 14 && *length <= 65549)
        return true;
    config_report(p, &v->place,
                  *at ? "a frame is pairs of hexadecimal digits; \"%.20s\" is none"
                      : "a frame has 14 bytes at least: two addresses and a type%.0s",
                  at);
    return false;
}

const char *config_path(struct config_parser *p, const struct config_value *v)
{
    const char *folder = "", *text = v->text;
    size_t length, before;
    char *path;

    while (strncmp(text, "./", 2) == 0 && text[2] && text[2] != '/')
        text += 2;
    length = strlen(text);
    if (!length) {
        config_report(p, &v->place, "a file's name is missing between the quotes");
        return NULL;
    }
    for (const struct config_input *in = p->input; in; in = in->outer)
        if (in->path == v->place.file)
            folder = in->folder;
    before = *text == '/' || v->given ? 0 : strlen(folder);
    path = config_keep(p->config, before + length + 1);
    if (!path) {
        config_no_memory(p);
        return NULL;
    }
    memcpy(path, folder, before);
    memcpy(path + before, text, length + 1);
    return path;
}
