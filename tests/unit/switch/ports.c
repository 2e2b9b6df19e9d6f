/* SPDX-License-Identifier: ISC */
#include "ports.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "host/clock.h"

char folder[] = "/tmp/atoll-switch-XXXXXX";

int make_folder(void **state)
{
    return !mkdtemp(folder) || setenv("XDG_RUNTIME_DIR", folder, 1);
}

int remove_folder(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

struct switch_client *connect_client(void)
{
    struct switch_client *client = NULL;
    struct error err = {0};

    if (switch_connect(&client, NAME, true, &err))
        fail_msg("%s", err.text);
    return client;
}

struct switch_port *join(const char *name, uint16_t mtu, uint8_t address)
{
    struct switch_port_config config = {
        .name = name, .mtu = mtu, .has_mac = address != 0, .mac = {2, 0, 0, 0, 0, address}};
    struct switch_port *port = NULL;
    struct error err = {0};

    if (switch_join(&port, NAME, &config, &err))
        fail_msg("%s", err.text);
    return port;
}

size_t make(uint8_t *frame, uint8_t from, uint8_t to, size_t length)
{
    memset(frame, 0, length);
    if (to)
        memcpy(frame, (uint8_t[]){2, 0, 0, 0, 0, to}, 6);
    else
        memset(frame, 0xff, 6);
    memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, from}, 6);
    store_be16(frame + 12, 0x88b5);
    return length;
}

void send_frame(struct switch_port *port, const uint8_t *frame, size_t length)
{
    const struct iovec iov = {(void *)(uintptr_t)frame, length};

    assert_int_equal(switch_port_send(port, NULL, &iov, 1), 0);
    switch_port_flush(port);
}

size_t receive(struct switch_port *port, uint8_t *frame, int timeout_ms)
{
    struct pollfd ready = {.fd = switch_port_descriptor(port), .events = POLLIN};
    uint64_t end = host_clock_monotonic() + (uint64_t)timeout_ms * NS_PER_MSEC;
    struct net_header header;
    const void *at;
    size_t length;

    while (!(length = switch_port_receive(port, &header, &at))) {
        uint64_t now = host_clock_monotonic();

        if (now >= end || poll(&ready, 1, (int)((end - now) / NS_PER_MSEC) + 1) < 0)
            return 0;
        if (!switch_port_awake(port))
            return 0;
    }
    memcpy(frame, at, length);
    switch_port_done(port);
    return length;
}
