/* SPDX-License-Identifier: ISC */
/*
 * Runs in a guest: sends what harm it can, for ever and as fast as it can. `flood OWN MAC...`
 * floods everybody and each of these addresses, as itself (OWN), as each of them, and as cards that
 * are not there; with tags of VLANs, cut ones too, and lengths from the shortest to the longest.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LONGEST 1514

enum harm { BROADCAST, UNICAST, FORGED, NEW_ADDRESS, TAGGED, CUT_TAG, SHORTEST, HARMS };

static int read_address(const char *text, uint8_t *to)
{
    return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4,
                  to + 5) == 6;
}

static size_t make(uint8_t *frame, uint32_t i, const uint8_t own[6], const uint8_t (*others)[6],
                   unsigned count)
{
    const uint8_t *to = others[i / HARMS % count], *from = others[(i / HARMS + 1) % count];
    uint32_t made_up = htonl(i);

    memcpy(frame, to, 6);
    memcpy(frame + 6, own, 6);
    memcpy(frame + 12, "\x88\xb5", 2);
    switch ((enum harm)(i % HARMS)) {
    case BROADCAST: memset(frame, 0xff, 6); return LONGEST;
    case UNICAST: return LONGEST;
    case FORGED: memcpy(frame + 6, from, 6); return 100;
    case NEW_ADDRESS:
        memcpy(frame + 2, &made_up, 4);
        memcpy(frame + 6, "\x02\xff", 2);
        memcpy(frame + 8, &made_up, 4);
        return 60;
    case TAGGED:
        memcpy(frame + 6, from, 6);
        memcpy(frame + 12, "\x81\x00", 2);
        memcpy(frame + 14, &made_up, 4);
        return 200;
    case CUT_TAG: memcpy(frame + 12, "\x81\x00", 2); return 15;
    default: return 14;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("eth0")};
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    uint8_t own[6], (*others)[6] = calloc((size_t)argc, sizeof(*others));
    static uint8_t frame[LONGEST];
    unsigned long sent = 0;

    if (argc < 3 || fd < 0 || !others || !read_address(argv[1], own))
        return 2;
    for (int i = 2; i < argc; i++)
        if (!read_address(argv[i], others[i - 2]))
            return 2;
    setlinebuf(stdout);
    for (uint32_t i = 0;; i++) {
        size_t length = make(frame, i, own, (const uint8_t(*)[6])others, (unsigned)argc - 2);

        if (sendto(fd, frame, length, 0, (struct sockaddr *)&at, sizeof(at)) > 0 && ++sent == 1000)
            puts("FLOODING");
    }
}
