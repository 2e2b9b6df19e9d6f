/* SPDX-License-Identifier: ISC */
/*
 * Linux lists all connections, with their owners, in /proc/net/tcp and tcp6 (proc(5)): each end of
 * one over the loopback has a line of its own. Where there is no such list nobody is a stranger.
 */
#include "viewer/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"

/* An end of a connection; IPv4 as IPv6 has it, mapped. */
struct end {
    struct in6_addr address;
    uint16_t port;
};

static struct in6_addr map_v4(struct in_addr v4)
{
    struct in6_addr v6 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(v6.s6_addr + 12, &v4, sizeof(v4));
    return v6;
}

/* False: it is no internet address. */
static bool end_of(const struct sockaddr_storage *address, struct end *end)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET)
        *end = (struct end){map_v4(v4->sin_addr), ntohs(v4->sin_port)};
    else if (address->ss_family == AF_INET6)
        *end = (struct end){v6->sin6_addr, ntohs(v6->sin6_port)};
    else
        return false;
    return true;
}

static bool is_loopback(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

/* "0100007F:1F90": words of 32 bits as this computer stores them, one or four. */
static bool parse_end(const char *text, struct end *end)
{
    uint32_t words[4];
    unsigned port;

    if (sscanf(text, "%8x%8x%8x%8x:%4x", &words[0], &words[1], &words[2], &words[3], &port) == 5)
        memcpy(&end->address, words, sizeof(words));
    else if (sscanf(text, "%8x:%4x", &words[0], &port) == 2)
        end->address = map_v4((struct in_addr){words[0]});
    else
        return false;
    end->port = (uint16_t)port;
    return true;
}

static bool same_end(const struct end *a, const struct end *b)
{
    return a->port == b->port && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* Whether a line is about the connection from `from` to `to`: then *owner is its owner. A socket
 * that its program has closed has none, no inode either, and says root. */
static bool parse_line(const char *line, const struct end *from, const struct end *to, uid_t *owner)
{
    char local[48], remote[48];
    struct end ends[2];
    unsigned long inode;
    unsigned uid;

    if (sscanf(line, " %*u: %47s %47s %*x %*s %*s %*s %u %*u %lu", local, remote, &uid, &inode) !=
            4 ||
        inode == 0 || !parse_end(local, &ends[0]) || !parse_end(remote, &ends[1]) ||
        !same_end(&ends[0], from) || !same_end(&ends[1], to))
        return false;
    *owner = (uid_t)uid;
    return true;
}

static bool find_owner(int table, const struct end *from, const struct end *to, uid_t *owner)
{
    char text[4096], *line, *end;
    size_t have = 0;
    ssize_t n;

    if (lseek(table, 0, SEEK_SET) < 0)
        return false;
    while ((n = read(table, text + have, sizeof(text) - 1 - have)) > 0) {
        have += (size_t)n;
        text[have] = '\0';
        for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            if (parse_line(line, from, to, owner))
                return true;
        }
        have = strlen(line);
        memmove(text, line, have);
    }
    return false;
}

void peers_open(struct peers *peers)
{
    peers->owner = geteuid();
    peers->tables[0] = open("/proc/net/tcp", O_RDONLY | O_CLOEXEC);
    peers->tables[1] = open("/proc/net/tcp6", O_RDONLY | O_CLOEXEC);
}

bool peers_known(const struct peers *peers)
{
    return peers->tables[0] >= 0;
}

bool peers_stranger(const struct peers *peers, int fd)
{
    struct sockaddr_storage theirs, ours;
    socklen_t theirs_length = sizeof(theirs), ours_length = sizeof(ours);
    struct end from, to;
    uid_t owner;

    if (getpeername(fd, (struct sockaddr *)&theirs, &theirs_length) ||
        getsockname(fd, (struct sockaddr *)&ours, &ours_length))
        return true;
    if (!end_of(&theirs, &from) || !end_of(&ours, &to) || !is_loopback(&from.address) ||
        !peers_known(peers))
        return false;
    for (size_t i = 0; i < nitems(peers->tables); i++) {
        if (peers->tables[i] >= 0 && find_owner(peers->tables[i], &from, &to, &owner))
            return owner != 0 && owner != peers->owner;
    }
    return true;
}
