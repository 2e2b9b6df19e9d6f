/* SPDX-License-Identifier: ISC */
#include "cli/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

int parse_number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno || *end || *value > max ? -EINVAL : 0;
}

int parse_address(const char *text, uint64_t *address)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    *address = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return errno || *end ? -EINVAL : 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *suffix;
        uint64_t unit;
    } units[] = {{"", 1},    {"K", KIB},   {"k", KIB}, {"KiB", KIB}, {"M", MIB},
                 {"m", MIB}, {"MiB", MIB}, {"G", GIB}, {"g", GIB},   {"GiB", GIB}};
    unsigned long long number;
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno)
        return -EINVAL;
    for (size_t i = 0; i < nitems(units); i++)
        if (strcmp(end, units[i].suffix) == 0)
            return __builtin_mul_overflow(number, units[i].unit, bytes) ? -EINVAL : 0;
    return -EINVAL;
}

int parse_dimensions(const char *text, unsigned max, unsigned *width, unsigned *height)
{
    const char *by = strchr(text, 'x');
    char first[16];
    uint64_t w, h;

    if (!by || (size_t)(by - text) >= sizeof(first))
        return -EINVAL;
    memcpy(first, text, (size_t)(by - text));
    first[by - text] = '\0';
    if (parse_number(first, max, &w) < 0 || parse_number(by + 1, max, &h) < 0 || !w || !h)
        return -EINVAL;
    *width = (unsigned)w;
    *height = (unsigned)h;
    return 0;
}

int parse_mac(const char *text, uint8_t mac[6])
{
    char end;

    return strlen(text) == 17 && sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0],
                                        &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6
               ? 0
               : -EINVAL;
}

static int parse_port(const char *text, uint16_t *port)
{
    uint64_t n;

    if (parse_number(text, UINT16_MAX, &n) < 0 || n == 0)
        return -EINVAL;
    *port = (uint16_t)n;
    return 0;
}

int parse_forward_rule(const char *text, struct atoll_forward *forward)
{
    char copy[64], *part[4], *at = copy;
    struct in_addr address;
    size_t parts = 0;

    *forward = (struct atoll_forward){0};
    if (strlen(text) >= sizeof(copy))
        return -EINVAL;
    strcpy(copy, text);
    while (at && parts < nitems(part))
        part[parts++] = strsep(&at, ":");
    if (at || parts < 3 || (strcmp(part[0], "tcp") != 0 && strcmp(part[0], "udp") != 0))
        return -EINVAL;
    forward->udp = part[0][0] == 'u';
    if (parts == 4) {
        /* 0.0.0.0 would be 127.0.0.1, which is not what it says */
        if (inet_pton(AF_INET, part[1], &address) != 1 || address.s_addr == INADDR_ANY)
            return -EINVAL;
        forward->host_address = ntohl(address.s_addr);
    }
    if (parse_port(part[parts - 2], &forward->host_port) < 0)
        return -EINVAL;
    return parse_port(part[parts - 1], &forward->guest_port);
}

int parse_switch(const char *what, const char *text, bool *value, struct error *err)
{
    if (strcmp(text, "on") == 0 || *text == '\0')
        *value = true;
    else if (strcmp(text, "off") == 0)
        *value = false;
    else
        return error_set(err, EINVAL, "%s=\"%s\" is not known; give on or off", what, text);
    return 0;
}
