/* SPDX-License-Identifier: ISC */
/*
 * What exits.py has a guest do between two readings of KVM's statistics; a static arm64 program.
 *
 *     exits read DEVICE DEPTH COUNT            reads of 4 KiB, DEPTH at a time
 *     exits send ADDRESS PORT STREAMS KIB      sends so much by each of so many TCP connections
 *     exits sink PORT                          the other end of those, on the host
 *
 * "read" and "send" say "ready", wait for a line, work, and say "done N": reads, or packets' worth
 * of data.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK       4096
#define DEPTH_MAX   128
#define STREAMS_MAX 64
#define PAYLOAD     1448 /* of TCP in a packet; a card with TSO takes many of them at once */

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static void wait_for_start(void)
{
    char line[16];

    printf("ready\n");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        exit(1);
}

static void done(long number)
{
    printf("done %ld\n", number);
    fflush(stdout);
}

/* --- the disk --- */

static struct iocb blocks[DEPTH_MAX];

/* Spread over the disk, so that nothing merges them. */
static void prepare(struct iocb *io, long number, long device_blocks)
{
    io->aio_offset = (int64_t)((uint64_t)number * 7919 % (uint64_t)device_blocks * BLOCK);
}

static void read_disk(int fd, int depth, long count)
{
    long device_blocks = lseek(fd, 0, SEEK_END) / BLOCK, submitted = 0, finished = 0;
    struct iocb *queue[DEPTH_MAX];
    struct io_event events[DEPTH_MAX];
    aio_context_t context = 0;
    char *buffer;

    if (syscall(SYS_io_setup, DEPTH_MAX, &context) ||
        posix_memalign((void **)&buffer, BLOCK, (size_t)depth * BLOCK))
        die("io_setup");
    memset(buffer, 1, (size_t)depth * BLOCK);
    for (int i = 0; i < depth; i++)
        blocks[i] = (struct iocb){.aio_fildes = (uint32_t)fd,
                                  .aio_lio_opcode = IOCB_CMD_PREAD,
                                  .aio_buf = (uint64_t)(uintptr_t)(buffer + i * BLOCK),
                                  .aio_nbytes = BLOCK};
    wait_for_start();
    for (int i = 0; i < depth; i++, submitted++) {
        prepare(&blocks[i], submitted, device_blocks);
        queue[i] = &blocks[i];
    }
    if (syscall(SYS_io_submit, context, (long)depth, queue) != depth)
        die("io_submit");
    while (finished < count) {
        long n = syscall(SYS_io_getevents, context, 1L, (long)depth, events, NULL), again = 0;

        if (n < 1)
            die("io_getevents");
        finished += n;
        for (long i = 0; i < n && submitted < count; i++, submitted++) {
            if (events[i].res != BLOCK)
                die("a read");
            queue[again] = (struct iocb *)(uintptr_t)events[i].obj;
            prepare(queue[again++], submitted, device_blocks);
        }
        if (again && syscall(SYS_io_submit, context, again, queue) != again)
            die("io_submit");
    }
    done(finished);
}

/* --- the network --- */

static char data[65536];
static long stream_kib;

static struct sockaddr_in address_of(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    inet_pton(AF_INET, address, &to.sin_addr);
    return to;
}

static void *send_stream(void *arg)
{
    int fd = *(int *)arg;
    char byte;

    for (long left = stream_kib * 1024; left > 0;) {
        ssize_t n =
            write(fd, data, (size_t)(left < (long)sizeof(data) ? left : (long)sizeof(data)));

        if (n <= 0)
            die("write");
        left -= n;
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, &byte, 1) > 0) /* until the other end has all of it */
        ;
    return NULL;
}

static void send_all(const struct sockaddr_in *to, int streams)
{
    static int fds[STREAMS_MAX];
    static pthread_t threads[STREAMS_MAX];

    for (int i = 0; i < streams; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fds[i], (const struct sockaddr *)to, sizeof(*to)))
            die("connect");
    }
    memset(data, 'x', sizeof(data));
    wait_for_start();
    for (int i = 0; i < streams; i++)
        pthread_create(&threads[i], NULL, send_stream, &fds[i]);
    for (int i = 0; i < streams; i++)
        pthread_join(threads[i], NULL);
    done(streams * stream_kib * 1024 / PAYLOAD);
}

static void *drain(void *arg)
{
    static _Thread_local char room[65536];
    int fd = (int)(intptr_t)arg;

    while (read(fd, room, sizeof(room)) > 0)
        ;
    close(fd);
    return NULL;
}

static void sink(const char *port)
{
    struct sockaddr_in at = address_of("0.0.0.0", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, STREAMS_MAX))
        die("listen");
    for (;;) {
        int one = accept(fd, NULL, NULL);
        pthread_t thread;

        if (one < 0)
            die("accept");
        pthread_create(&thread, NULL, drain, (void *)(intptr_t)one);
        pthread_detach(thread);
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "read") == 0 && atoi(argv[3]) <= DEPTH_MAX) {
        int fd = open(argv[2], O_RDONLY | O_DIRECT);

        if (fd < 0)
            die(argv[2]);
        read_disk(fd, atoi(argv[3]), atol(argv[4]));
    } else if (argc == 6 && strcmp(argv[1], "send") == 0 && atoi(argv[4]) <= STREAMS_MAX) {
        struct sockaddr_in to = address_of(argv[2], argv[3]);

        stream_kib = atol(argv[5]);
        send_all(&to, atoi(argv[4]));
    } else if (argc == 3 && strcmp(argv[1], "sink") == 0) {
        sink(argv[2]);
    } else {
        fprintf(stderr, "exits read|send|sink: see the head of exits.c\n");
        return 2;
    }
    return 0;
}
