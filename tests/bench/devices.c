/* SPDX-License-Identifier: ISC */
/* The disk, past the guest's cache, and TCP to a server on the host (peer.c). */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "workload.h"

#define DISK "/dev/vda"
#define HOST "10.0.2.2"

enum { BLOCK = 4096, BLOCKS = 65536, LARGE = 1 << 20, READERS = 8 };

static int open_disk(int how)
{
    int disk = open(DISK, how | O_DIRECT);

    if (disk < 0)
        note("%s: %s", DISK, strerror(errno));
    return disk;
}

static uint64_t run_blkseq(void)
{
    int disk = open_disk(O_RDONLY);
    char *buffer = aligned_alloc(BLOCK, LARGE);
    uint64_t total = 0;

    double start = seconds();
    for (long i = 0, count = scaled(512); i < count; i++) {
        ssize_t got = pread(disk, buffer, LARGE, (off_t)(i % 256) * LARGE);
        if (got <= 0)
            break;
        total += (uint64_t)got;
    }
    note("%.1f MB/s", (double)total / (seconds() - start) / 1e6);
    free(buffer);
    close(disk);
    return total;
}

static off_t random_place(void)
{
    return (off_t)(random64() % BLOCKS) * BLOCK;
}

static uint64_t run_blkrand(void)
{
    int disk = open_disk(O_RDONLY);
    char *buffer = aligned_alloc(BLOCK, BLOCK);
    uint64_t done = 0;

    double start = seconds();
    for (long i = 0, count = scaled(20000); i < count; i++)
        done += pread(disk, buffer, BLOCK, random_place()) == BLOCK;
    note("%.0f reads/s", (double)done / (seconds() - start));
    free(buffer);
    close(disk);
    return done;
}

static uint64_t run_blkwrite(void)
{
    int disk = open_disk(O_WRONLY);
    char *buffer = aligned_alloc(BLOCK, BLOCK);
    uint64_t done = 0;

    memset(buffer, 7, BLOCK);
    double start = seconds();
    for (long i = 0, count = scaled(10000); i < count; i++)
        done += pwrite(disk, buffer, BLOCK, random_place()) == BLOCK;
    note("%.0f writes/s", (double)done / (seconds() - start));
    free(buffer);
    close(disk);
    return done;
}

struct reader {
    pthread_t thread;
    uint64_t random; /* a generator of its own, the same as random64() */
    uint64_t done;
};

static void *read_randomly(void *argument)
{
    struct reader *reader = argument;
    int disk = open_disk(O_RDONLY);
    char *buffer = aligned_alloc(BLOCK, BLOCK);

    for (long i = 0, count = scaled(5000); i < count; i++) {
        reader->random ^= reader->random << 13;
        reader->random ^= reader->random >> 7;
        reader->random ^= reader->random << 17;
        off_t place = (off_t)(reader->random % BLOCKS) * BLOCK;
        if (pread(disk, buffer, BLOCK, place) != BLOCK)
            break;
        reader->done++;
    }
    free(buffer);
    close(disk);
    return NULL;
}

static uint64_t run_blkrand8(void)
{
    struct reader readers[READERS];
    uint64_t done = 0;

    double start = seconds();
    for (uint64_t i = 0; i < READERS; i++) {
        readers[i].random = i * 7919 + 1;
        readers[i].done = 0;
        pthread_create(&readers[i].thread, NULL, read_randomly, &readers[i]);
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        done += readers[i].done;
    }
    note("%.0f reads/s, %d at a time", (double)done / (seconds() - start), READERS);
    return done;
}

static int connect_peer(char what, uint64_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PEER_PORT)};
    const int yes = 1;
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, HOST, &address.sin_addr);
    if (connect(peer, (struct sockaddr *)&address, sizeof(address))) {
        note("%s: %s", HOST, strerror(errno));
        close(peer);
        return -1;
    }
    if (what == PEER_ECHO)
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (write(peer, &what, sizeof(what)) != sizeof(what) ||
        write(peer, &count, sizeof(count)) != sizeof(count)) {
        note("%s: %s", HOST, strerror(errno));
        close(peer);
        return -1;
    }
    return peer;
}

static char network_buffer[65536];

static uint64_t run_netrx(void)
{
    uint64_t wanted = (uint64_t)scaled(200) * 1000000, total = 0;
    int peer = connect_peer(PEER_SEND, wanted);

    if (peer < 0)
        return 0;
    double start = seconds();
    for (ssize_t got = 1; total < wanted && got > 0;) {
        got = read(peer, network_buffer, sizeof(network_buffer));
        total += got > 0 ? (uint64_t)got : 0;
    }
    note("%.1f Mbit/s", (double)total * 8 / (seconds() - start) / 1e6);
    close(peer);
    return total;
}

static uint64_t run_nettx(void)
{
    uint64_t wanted = (uint64_t)scaled(200) * 1000000, total = 0;
    int peer = connect_peer(PEER_RECEIVE, wanted);
    char answer;

    if (peer < 0)
        return 0;
    double start = seconds();
    for (ssize_t sent = 1; total < wanted && sent > 0;) {
        uint64_t left = wanted - total;
        sent = write(peer, network_buffer,
                     left < sizeof(network_buffer) ? left : sizeof(network_buffer));
        total += sent > 0 ? (uint64_t)sent : 0;
    }
    bool received = read(peer, &answer, 1) == 1;
    note("%.1f Mbit/s", (double)total * 8 / (seconds() - start) / 1e6);
    close(peer);
    return received ? total : 0;
}

static uint64_t run_netrtt(void)
{
    uint64_t count = (uint64_t)scaled(3000), done = 0;
    int peer = connect_peer(PEER_ECHO, count);
    char byte;

    if (peer < 0)
        return 0;
    double start = seconds();
    while (done < count && write(peer, "x", 1) == 1 && read(peer, &byte, 1) == 1)
        done++;
    note("%.1f us a round trip", (seconds() - start) / (double)done * 1e6);
    close(peer);
    return done;
}

const struct workload device_workloads[] = {
    {"blkseq", run_blkseq},     {"blkrand", run_blkrand},
    {"blkrand8", run_blkrand8}, {"blkwrite", run_blkwrite},
    {"netrx", run_netrx},       {"nettx", run_nettx},
    {"netrtt", run_netrtt},     {NULL, NULL},
};
