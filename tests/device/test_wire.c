/* SPDX-License-Identifier: ISC */
/*
 * Two guests' drivers in this process, each with a card on one switch, which is a process: what one
 * leaves undone comes to the other as it was sent, if that takes it, and as plain frames otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "driver.h"
#include "switch/net.h"

#define F_CSUM       BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_GUEST_TSO4 BIT(7)
#define F_HOST_TSO4  BIT(11)
#define F_MRG_RXBUF  BIT(15)
#define HEADER       12
#define BUFFER       4096
#define BUFFERS      64
#define PAYLOAD      30000
#define SEGMENT      1448

struct guest {
    struct rig rig;
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq rx, tx;
    uint64_t out, in;
};

static char folder[] = "/tmp/atoll-wire-XXXXXX";

static void start(struct guest *g, uint8_t address, uint64_t features)
{
    const struct switch_port_config config = {.has_mac = true, .mac = {2, 0, 0, 0, 0, address}};
    struct error err = {0};
    struct net *net;

    rig_make(&g->rig, false);
    if (net_switch_open(&net, "wire", &config, NULL, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(virtio_net_create(&g->dev, &g->rig.host, "virtio-net0", net, config.mac, 1),
                     0);
    g->pci = rig_plug(&g->rig, g->dev);
    driver_probe(&g->driver, &g->rig, 1);
    assert_true(driver_negotiate(&g->driver, features));
    driver_queue(&g->driver, &g->rx, 0, BUFFERS);
    driver_queue(&g->driver, &g->tx, 1, 16);
    driver_ok(&g->driver);
    g->out = rig_alloc(&g->rig, 128 * 1024, 4096);
    g->in = rig_alloc(&g->rig, BUFFERS * BUFFER, 4096);
    for (unsigned i = 0; i < BUFFERS; i++)
        assert_int_equal(
            drvq_add(&g->rx, &(struct buffer){g->in + i * BUFFER, BUFFER, true}, 1, false), i);
    drvq_kick(&g->rx);
}

static void stop(struct guest *g)
{
    virtio_pci_ops.free(g->pci);
    rig_free(&g->rig);
}

/* A TCP frame that the card is to cut and to sum up. */
static size_t make(uint8_t *bytes, uint8_t from, uint8_t to)
{
    uint8_t *frame = bytes + HEADER;

    memset(bytes, 0, HEADER + 54);
    bytes[0] = 1; /* NEEDS_CSUM */
    bytes[1] = 1; /* TCPV4 */
    store_le16(bytes + 2, 54);
    store_le16(bytes + 4, SEGMENT);
    store_le16(bytes + 6, 34);
    store_le16(bytes + 8, 16);
    memcpy(frame, (uint8_t[]){2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from}, 12);
    store_be16(frame + 12, 0x0800);
    frame[14] = 0x45;
    store_be16(frame + 16, 40 + PAYLOAD);
    frame[22] = 64;
    frame[23] = 6;
    frame[46] = 5 << 4;
    for (size_t i = 0; i < PAYLOAD; i++)
        frame[54 + i] = (uint8_t)(i * 7 + i / 256);
    return HEADER + 54 + PAYLOAD;
}

static void transmit(struct guest *g, const uint8_t *bytes, size_t length)
{
    assert_int_equal(mem_write(g->rig.mem, g->out, bytes, length), 0);
    drvq_do(&g->tx, &(struct buffer){g->out, (uint32_t)length, false}, 1, false);
}

/* The next frame with its header, out of as many buffers as it says. */
static size_t receive(struct guest *g, uint8_t *to)
{
    unsigned count = 1;
    size_t length = 0;

    for (unsigned i = 0; i < count; i++) {
        uint32_t written;
        int id = drvq_wait(&g->rx, &written);

        memcpy(to + length, rig_host(&g->rig, g->in + (unsigned)id * BUFFER, written), written);
        length += written;
        if (i == 0)
            count = load_le16(to + 10);
    }
    return length;
}

static void carried(void **unused)
{
    static struct guest a, b;
    static uint8_t sent[66000], got[66000];
    size_t length = make(sent, 1, 2);

    start(&a, 1, F_CSUM | F_HOST_TSO4);
    start(&b, 2, F_GUEST_CSUM | F_GUEST_TSO4 | F_MRG_RXBUF);
    transmit(&a, sent, length);
    assert_int_equal(receive(&b, got), length);
    assert_memory_equal(got, sent, 10); /* but for the number of buffers */
    assert_int_equal(load_le16(got + 10), (length + BUFFER - 1) / BUFFER);
    assert_memory_equal(got + HEADER, sent + HEADER, length - HEADER);
    stop(&b);
    stop(&a);
}

static void undone(void **unused)
{
    static struct guest a, b;
    static uint8_t sent[66000], got[66000];
    size_t joined = 0, length = make(sent, 1, 2);

    start(&a, 1, F_CSUM | F_HOST_TSO4);
    start(&b, 2, F_GUEST_CSUM);
    transmit(&a, sent, length);
    while (joined < PAYLOAD) {
        size_t part = receive(&b, got) - HEADER - 54;

        assert_int_equal(got[0] | got[1], 0);
        assert_true(part <= SEGMENT);
        assert_memory_equal(got + HEADER + 54, sent + HEADER + 54 + joined, part);
        joined += part;
    }
    assert_int_equal(joined, PAYLOAD);
    stop(&b);
    stop(&a);
}

/* Another driver takes less than the one before: what the device is given then, it can use. */
static void another_driver(void **unused)
{
    static struct guest a, b;
    static uint8_t sent[66000], got[66000];
    size_t length = make(sent, 1, 2);

    start(&a, 1, F_CSUM | F_HOST_TSO4);
    start(&b, 2, F_GUEST_CSUM | F_GUEST_TSO4 | F_MRG_RXBUF);
    transmit(&a, sent, length);
    receive(&b, got);
    assert_true(driver_negotiate(&b.driver, 0));
    driver_queue(&b.driver, &b.rx, 0, BUFFERS);
    driver_ok(&b.driver);
    for (unsigned i = 0; i < BUFFERS; i++)
        drvq_add(&b.rx, &(struct buffer){b.in + i * BUFFER, BUFFER, true}, 1, false);
    drvq_kick(&b.rx);
    host_loop_drain(b.rig.loop);
    transmit(&a, sent, length);
    assert_int_equal(receive(&b, got), HEADER + 54 + SEGMENT);
    assert_int_equal(got[0] | got[1], 0);
    stop(&b);
    stop(&a);
}

static int remove_folder(void **unused)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carried),
        cmocka_unit_test(undone),
        cmocka_unit_test(another_driver),
    };

    if (!mkdtemp(folder) || setenv("XDG_RUNTIME_DIR", folder, 1))
        return 1;
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
