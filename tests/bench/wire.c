/* SPDX-License-Identifier: ISC */
/*
 * Two guests on one wire: how much TCP carries in a second, and how long a round trip takes. One
 * guest serves, the other measures and prints a line of numbers.
 *
 *   wire serve PORT                  echoes what begins with 'e', swallows the rest
 *   wire stream ADDRESS PORT SECONDS sends as fast as it can:     "stream BYTES NANOSECONDS"
 *   wire rtt ADDRESS PORT COUNT      one byte there and back:     "rtt NANOSECONDS" (the median)
 *   wire udp ADDRESS PORT COUNT GAP  datagrams, GAP us apart:     nothing
 *   wire sink PORT SECONDS           counts datagrams that come:  "sink COUNT"
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 262144

static char chunk[CHUNK];

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int give_up(const char *what)
{
    perror(what);
    return 1;
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    to.sin_addr.s_addr = host ? inet_addr(host) : htonl(INADDR_ANY);
    return to;
}

static void no_delay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void serve_one(int fd)
{
    ssize_t length = read(fd, chunk, sizeof(chunk));
    int echo = length > 0 && chunk[0] == 'e';

    no_delay(fd);
    while (length > 0) {
        if (echo && write(fd, chunk, (size_t)length) < 0)
            break;
        length = read(fd, chunk, sizeof(chunk));
    }
    if (write(fd, "!", 1) < 0) /* all has come */
        perror("wire");
    close(fd);
}

static int serve(const char *port)
{
    struct sockaddr_in own = address(NULL, port);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 8))
        return give_up("wire serve");
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (fork() == 0) {
            serve_one(fd);
            _exit(0);
        }
        close(fd);
    }
    return give_up("wire serve");
}

static int connect_to(const char *host, const char *port)
{
    struct sockaddr_in to = address(host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        return -1;
    no_delay(fd);
    return fd;
}

static int stream(const char *host, const char *port, const char *seconds)
{
    uint64_t begin, bytes = 0, end;
    int fd = connect_to(host, port);

    if (fd < 0)
        return give_up("wire stream");
    memset(chunk, 's', sizeof(chunk));
    begin = now();
    end = begin + strtoull(seconds, NULL, 10) * 1000000000;
    while (now() < end) {
        ssize_t sent = write(fd, chunk, sizeof(chunk));

        if (sent < 0)
            return give_up("wire stream");
        bytes += (uint64_t)sent;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, chunk, 1) != 1)
        return give_up("wire stream");
    printf("stream %llu %llu\n", (unsigned long long)bytes, (unsigned long long)(now() - begin));
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int rtt(const char *host, const char *port, const char *times)
{
    size_t count = strtoull(times, NULL, 10);
    uint64_t *took = calloc(count + 1, sizeof(*took));
    int fd = connect_to(host, port);

    if (fd < 0 || !took)
        return give_up("wire rtt");
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = now();

        if (write(fd, "e", 1) != 1 || read(fd, chunk, 1) != 1)
            return give_up("wire rtt");
        took[i] = now() - begin;
    }
    qsort(took, count, sizeof(*took), compare);
    printf("rtt %llu\n", (unsigned long long)took[count / 2]);
    return 0;
}

static int udp(const char *host, const char *port, const char *times, const char *gap)
{
    struct sockaddr_in to = address(host, port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
    for (unsigned long i = strtoul(times, NULL, 10); i > 0; i--) {
        sendto(fd, chunk, 64, 0, (struct sockaddr *)&to, sizeof(to));
        if (atoi(gap))
            usleep((useconds_t)atoi(gap));
    }
    return 0;
}

static int sink(const char *port, const char *seconds)
{
    struct sockaddr_in own = address(NULL, port);
    uint64_t end = now() + strtoull(seconds, NULL, 10) * 1000000000;
    struct pollfd ready = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN};
    unsigned long count = 0;

    if (bind(ready.fd, (struct sockaddr *)&own, sizeof(own)))
        return give_up("wire sink");
    while (now() < end)
        if (poll(&ready, 1, 100) > 0 && recv(ready.fd, chunk, sizeof(chunk), 0) >= 0)
            count++;
    printf("sink %lu\n", count);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 5 && strcmp(argv[1], "stream") == 0)
        return stream(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "rtt") == 0)
        return rtt(argv[2], argv[3], argv[4]);
    if (argc == 6 && strcmp(argv[1], "udp") == 0)
        return udp(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 4 && strcmp(argv[1], "sink") == 0)
        return sink(argv[2], argv[3]);
    fputs("usage: wire serve|stream|rtt|udp|sink ...\n", stderr);
    return 2;
}
