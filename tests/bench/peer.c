/* SPDX-License-Identifier: ISC */
/* The host's end of the network workloads: a TCP server on the loopback, one client at a time. It
 * runs until it is killed. */

#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[262144];

static bool read_all(int client, void *data, size_t size)
{
    char *next = data;

    while (size > 0) {
        ssize_t got = read(client, next, size);
        if (got <= 0)
            return false;
        next += got;
        size -= (size_t)got;
    }
    return true;
}

static size_t at_most_buffer(uint64_t count)
{
    return count < sizeof(buffer) ? (size_t)count : sizeof(buffer);
}

static void send_bytes(int client, uint64_t count)
{
    ssize_t sent = 1;

    while (count > 0 && (sent = write(client, buffer, at_most_buffer(count))) > 0)
        count -= (uint64_t)sent;
}

static void receive_bytes(int client, uint64_t count)
{
    ssize_t got = 1;

    while (count > 0 && (got = read(client, buffer, at_most_buffer(count))) > 0)
        count -= (uint64_t)got;
    /* The client closes once it has this. */
    if (write(client, "k", 1) == 1)
        (void)!read(client, buffer, 1);
}

static void echo_bytes(int client, uint64_t count)
{
    while (count-- > 0) {
        if (read(client, buffer, 1) != 1 || write(client, buffer, 1) != 1)
            return;
    }
}

static void serve(int client)
{
    const int yes = 1;
    char what;
    uint64_t count;

    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (!read_all(client, &what, sizeof(what)) || !read_all(client, &count, sizeof(count)))
        return;
    if (what == PEER_SEND)
        send_bytes(client, count);
    else if (what == PEER_RECEIVE)
        receive_bytes(client, count);
    else
        echo_bytes(client, count);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(PEER_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8)) {
        perror("bench: the network workloads' server");
        return 1;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            return 1;
        serve(client);
        close(client);
    }
}
