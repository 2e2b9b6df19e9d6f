/* SPDX-License-Identifier: ISC */
/*
 * virtio-net's control queue (VIRTIO 1.2, 5.1.6.5).
 *
 * Receive filters are taken note of by accepting them: a device may let more through than was asked
 * for (5.1.6.5.1.2), and behind this one is a wire with nobody else's frames.
 */
#include <string.h>

#include "base/endian.h"
#include "virtio/net.h"

enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_MQ = 4, CLASS_GUEST_OFFLOADS = 5 };
enum { RX_PROMISC = 0, RX_ALLMULTI = 1 };
enum { MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };
enum { MQ_PAIRS_SET = 0 };
enum { GUEST_OFFLOADS_SET = 0 };

enum { ACK_OK = 0, ACK_ERR = 1 };

#define COMMAND_SIZE   2 /* class and command, before the data */
#define GUEST_OFFLOADS (NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6)

struct command {
    struct virtio_net *net;
    const struct virtq_chain *chain;
    uint64_t length; /* of the data */
};

/* `length` bytes of data at `offset`; false when there are fewer. */
static bool data_read(const struct command *command, uint64_t offset, void *to, size_t length)
{
    return virtq_chain_read(command->chain, COMMAND_SIZE + offset, to, length) == length;
}

static bool set_receive_mode(const struct command *command)
{
    return command->length == 1;
}

/* Two tables, unicast and multicast, each a 32-bit count and addresses. */
static bool set_mac_table(const struct command *command)
{
    uint64_t offset = 0;

    for (int table = 0; table < 2; table++) {
        uint8_t count[4];

        if (!data_read(command, offset, count, sizeof(count)))
            return false;
        offset += sizeof(count) + (uint64_t)load_le32(count) * NET_MAC_LENGTH;
        if (offset > command->length)
            return false;
    }
    return true;
}

static bool set_mac(const struct command *command)
{
    struct virtio_net *net = command->net;
    uint8_t mac[NET_MAC_LENGTH];

    if (command->length != sizeof(mac) || !data_read(command, 0, mac, sizeof(mac)) || (mac[0] & 1))
        return false;
    pthread_mutex_lock(&net->dev.lock);
    memcpy(net->mac, mac, sizeof(mac));
    pthread_mutex_unlock(&net->dev.lock);
    return true;
}

static bool set_pairs(const struct command *command)
{
    uint8_t pairs[2];

    if (command->length != sizeof(pairs) || !data_read(command, 0, pairs, sizeof(pairs)) ||
        load_le16(pairs) == 0 || load_le16(pairs) > command->net->pairs)
        return false;
    command->net->active = load_le16(pairs);
    memset(command->net->flows, 0, sizeof(command->net->flows));
    return true;
}

static bool set_guest_offloads(const struct command *command)
{
    uint8_t offloads[8];

    if (command->length != sizeof(offloads) || !data_read(command, 0, offloads, sizeof(offloads)) ||
        (load_le64(offloads) & ~(command->net->dev.features & GUEST_OFFLOADS)))
        return false;
    virtio_net_offloads(command->net, load_le64(offloads));
    return true;
}

/* The commands, and the feature that each needs */
static const struct {
    uint8_t class, command;
    uint64_t feature;
    bool (*run)(const struct command *command);
} commands[] = {
    {CLASS_RX, RX_PROMISC, NET_F_CTRL_RX, set_receive_mode},
    {CLASS_RX, RX_ALLMULTI, NET_F_CTRL_RX, set_receive_mode},
    {CLASS_MAC, MAC_TABLE_SET, NET_F_CTRL_RX, set_mac_table},
    {CLASS_MAC, MAC_ADDR_SET, NET_F_CTRL_MAC_ADDR, set_mac},
    {CLASS_MQ, MQ_PAIRS_SET, NET_F_MQ, set_pairs},
    {CLASS_GUEST_OFFLOADS, GUEST_OFFLOADS_SET, NET_F_CTRL_GUEST_OFFLOADS, set_guest_offloads},
};

static bool run_command(struct virtio_net *net, const struct virtq_chain *chain)
{
    const struct command command = {net, chain, chain->readable_bytes - COMMAND_SIZE};
    uint8_t head[COMMAND_SIZE];

    virtq_chain_read(chain, 0, head, sizeof(head));
    for (size_t i = 0; i < nitems(commands); i++)
        if (commands[i].class == head[0] && commands[i].command == head[1])
            return virtio_has(&net->dev, commands[i].feature) && commands[i].run(&command);
    return false;
}

void virtio_net_control(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    uint8_t ack;

    if (chain->readable_bytes < COMMAND_SIZE || chain->writable_bytes < sizeof(ack)) {
        virtio_needs_reset(dev, q->index, "control command without room for its code or answer",
                           chain->readable_bytes);
        return;
    }
    ack = run_command(container_of(dev, struct virtio_net, dev), chain) ? ACK_OK : ACK_ERR;
    virtq_chain_write(chain, 0, &ack, sizeof(ack));
    virtq_done(q, chain, sizeof(ack));
}
