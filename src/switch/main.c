/* SPDX-License-Identifier: ISC */
/*
 * atoll-switch: an Ethernet switch (atoll-switch(1)). Whoever needs it first starts it, with a
 * socket that listens already as descriptor 3 and its name as the argument. It serves in a confined
 * process; the one that it was started as only waits for that to end, however it does, and removes
 * the socket's file, which a confined process cannot.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/helper.h"
#include "switch/message.h"
#include "switch/place.h"
#include "switch/server.h"

static bool is_listener(int fd)
{
    int listens = 0;
    socklen_t length = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    pid_t child;

    if (argc != 2 || !is_listener(HOST_HELPER_FIRST)) {
        fprintf(stderr, "atoll-switch: is started by atoll; \"atoll switch NAME\" does it\n");
        return 2;
    }
    if (switch_check_name("a switch", argv[1], &err))
        return 2;
    child = fork();
    if (child == 0)
        return server_run(HOST_HELPER_FIRST, argv[1]) ? 1 : 0;
    close(HOST_HELPER_FIRST);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    place_remove(argv[1]);
    return 0;
}
