/* SPDX-License-Identifier: ISC */
/*
 * macOS's own network over a double of vmnet.framework: the framework where it may be used, the
 * sockets of others where it may not, and what is said when there is none of the three.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/units.h"
#include "double.h"
#include "double_vmnet.h"
#include "host/clock.h"

#define FRAMES 200

struct guest {
    struct host_loop *loop;
    struct net *net;
    struct error err;
    unsigned refusals; /* to come */
    uint8_t last[2048];
    size_t length;
    unsigned frames; /* that were taken, each with its number */
    bool disorder;
};

static int setup(void **state)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    double_begin(14, 0);
    double_vmnet_begin(VMNET_SUCCESS, 1500, 1518);
    assert_int_equal(host_loop_create(&guest->loop, "test", NULL), 0);
    *state = guest;
    return 0;
}

static int teardown(void **state)
{
    struct guest *guest = *state;

    net_close(guest->net);
    host_loop_destroy(guest->loop);
    free(guest);
    double_vmnet_end();
    assert_string_equal(double_end(), "");
    return 0;
}

static bool receive(void *ctx, const void *frame, size_t length)
{
    struct guest *guest = ctx;
    uint32_t number;

    if (guest->refusals) {
        guest->refusals--;
        return false;
    }
    memcpy(guest->last, frame, MIN(length, sizeof(guest->last)));
    memcpy(&number, frame, sizeof(number));
    guest->disorder |= number != guest->frames;
    guest->length = length;
    __atomic_add_fetch(&guest->frames, 1, __ATOMIC_RELEASE);
    return true;
}

static int open_vmnet(struct guest *guest, struct net_vmnet_config config)
{
    return net_vmnet_direct(&guest->net, &config, NULL, &guest->err);
}

static void attach(struct guest *guest)
{
    const struct net_client client = {.receive = receive, .ctx = guest};

    assert_int_equal(net_attach(guest->net, guest->loop, &client), 0);
}

static void wait_for(struct guest *guest, unsigned frames)
{
    while (__atomic_load_n(&guest->frames, __ATOMIC_ACQUIRE) < frames)
        host_sleep(NS_PER_MSEC);
}

/* --- the framework --- */

static void test_modes(void **state)
{
    struct guest *guest = *state;

    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){0}), 0);
    assert_int_equal(double_vmnet_mode(), VMNET_SHARED_MODE);
    assert_false(double_vmnet_allocates_address()); /* the card has its own */
    net_close(guest->net);
    guest->net = NULL;
    double_vmnet_end();
    double_vmnet_begin(VMNET_SUCCESS, 1500, 1518);
    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){.host = true}), 0);
    assert_int_equal(double_vmnet_mode(), VMNET_HOST_MODE);
}

static void test_frames_come(void **state)
{
    struct guest *guest = *state;
    uint8_t frame[1514] = {0};

    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){0}), 0);
    attach(guest);
    for (uint32_t i = 0; i < FRAMES; i++) {
        memcpy(frame, &i, sizeof(i));
        double_vmnet_packet(frame, 60 + i, i % 50 != 49); /* one event for many */
    }
    wait_for(guest, FRAMES);
    assert_false(guest->disorder);
    assert_int_equal(guest->length, 60 + FRAMES - 1);
}

static void resume(void *ctx)
{
    struct guest *guest = ctx;

    net_resume(guest->net);
}

/* What the guest cannot take waits, and comes in order. */
static void test_backpressure(void **state)
{
    struct guest *guest = *state;
    uint8_t frame[64] = {0};

    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){0}), 0);
    attach(guest);
    guest->refusals = 3;
    for (uint32_t i = 0; i < 5; i++) {
        memcpy(frame, &i, sizeof(i));
        double_vmnet_packet(frame, sizeof(frame), i != 4);
    }
    for (int i = 0; i < 3; i++) {
        host_loop_drain(guest->loop);
        assert_int_equal(guest->frames, 0);
        host_loop_call(guest->loop, resume, guest);
    }
    wait_for(guest, 5);
    assert_false(guest->disorder);
}

static void send_frame(void *ctx)
{
    struct guest *guest = ctx;
    uint8_t head[14], body[46];
    const struct iovec iov[] = {{head, sizeof(head)}, {body, sizeof(body)}};

    memset(head, 1, sizeof(head));
    memset(body, 2, sizeof(body));
    assert_int_equal(net_send(guest->net, iov, 2), 0);
}

static void send_giant(void *ctx)
{
    struct guest *guest = ctx;
    uint8_t frame[2000] = {0};
    const struct iovec iov = {frame, sizeof(frame)};

    assert_int_equal(net_send(guest->net, &iov, 1), -EMSGSIZE);
}

static void test_frames_go(void **state)
{
    struct guest *guest = *state;
    uint8_t got[2048];

    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){0}), 0);
    attach(guest);
    host_loop_call(guest->loop, send_frame, guest);
    assert_int_equal(double_vmnet_written(got, sizeof(got)), 60);
    assert_int_equal(got[13], 1);
    assert_int_equal(got[14], 2);
    host_loop_call(guest->loop, send_giant, guest);
    assert_int_equal(double_vmnet_written(got, sizeof(got)), 0);
}

static void test_refusals(void **state)
{
    static const struct {
        uint32_t status;
        int number;
        const char *text;
    } refusals[] = {
        {0, EPERM, "entitlement com.apple.vm.networking"},
        {VMNET_FAILURE, EPERM, "neither root nor"},
        {VMNET_NOT_AUTHORIZED, EPERM, "neither root nor"},
        {VMNET_SHARING_SERVICE_BUSY, EBUSY, "Internet Sharing"},
        {VMNET_MEM_FAILURE, ENOMEM, "no memory"},
        {VMNET_INVALID_ARGUMENT, EIO, "status 1003"},
    };
    struct guest *guest = *state;

    for (size_t i = 0; i < nitems(refusals); i++) {
        double_vmnet_end();
        double_vmnet_begin(refusals[i].status, 1500, 1518);
        assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){0}), -refusals[i].number);
        assert_non_null(strstr(guest->err.text, refusals[i].text));
    }
}

static void test_mtu(void **state)
{
    struct guest *guest = *state;

    assert_int_equal(open_vmnet(guest, (struct net_vmnet_config){.mtu = 9000}), -EINVAL);
    assert_string_equal(guest->err.text, "its MTU is 1500, and the card's is to be 9000");
}

/* --- who may use it in our place --- */

static int listen_at(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_three_ways(void **state)
{
    struct guest *guest = *state;
    char folder[] = "/tmp/atoll-test-vmnet-XXXXXX", stream[64], message[64], hello[8] = "";
    const char *const streams[] = {"/nowhere/socket_vmnet", stream, NULL};
    const char *const messages[] = {message, NULL};
    const struct net_vmnet_places places = {streams, messages};
    const struct net_vmnet_config config = {0};
    int fd;

    double_vmnet_begin(VMNET_FAILURE, 0, 0);
    assert_non_null(mkdtemp(folder));
    snprintf(stream, sizeof(stream), "%s/stream", folder);
    snprintf(message, sizeof(message), "%s/message", folder);

    assert_int_equal(net_vmnet_open_at(&guest->net, &config, &places, NULL, &guest->err), -EPERM);
    assert_non_null(strstr(guest->err.text, "vmnet itself: this program may not use it"));
    assert_non_null(strstr(guest->err.text, "socket_vmnet at /nowhere/socket_vmnet: nothing list"));
    assert_non_null(strstr(guest->err.text, "/message: nothing listens"));
    double_vmnet_end();

    fd = listen_at(message, SOCK_DGRAM);
    assert_int_equal(net_vmnet_open_at(&guest->net, &config, &places, NULL, &guest->err), 0);
    assert_int_equal(recv(fd, hello, sizeof(hello), 0), 4);
    assert_string_equal(hello, "VFKT");
    net_close(guest->net);
    guest->net = NULL;
    close(fd);
    double_vmnet_end();

    fd = listen_at(stream, SOCK_STREAM); /* comes before the other, of whom only the file is left */
    assert_int_equal(net_vmnet_open_at(&guest->net, &config, &places, NULL, &guest->err), 0);
    net_close(guest->net);
    guest->net = NULL;
    close(fd);
    double_vmnet_end();

    assert_int_equal(net_vmnet_open_at(&guest->net, &config, &places, NULL, &guest->err), -EPERM);
    assert_non_null(strstr(guest->err.text, "Connection refused"));
    unlink(stream);
    unlink(message);
    rmdir(folder);
}

/* Another failure than a missing right is told, and nobody else is tried. */
static void test_a_broken_vmnet(void **state)
{
    struct guest *guest = *state;
    const char *const none[] = {NULL};
    const struct net_vmnet_places places = {none, none};
    const struct net_vmnet_config config = {0};

    double_vmnet_begin(VMNET_SHARING_SERVICE_BUSY, 0, 0);
    assert_int_equal(net_vmnet_open_at(&guest->net, &config, &places, NULL, &guest->err), -EBUSY);
    assert_non_null(strstr(guest->err.text, "network: vmnet: it is in use"));
}

/* --- the double --- */

static void nothing(struct block *block, uint32_t status, xpc_object_t parameters)
{
}

static void test_the_double_sees(void **state)
{
    dispatch_queue_t queue;
    xpc_object_t description;

    double_begin(14, 0);
    double_vmnet_begin(VMNET_SUCCESS, 1500, 1518);
    queue = dispatch_queue_create("test", NULL);
    description = xpc_dictionary_create(NULL, NULL, 0);
    {
        static const struct block_descriptor descriptor = {.size = 8, .signature = ""};
        struct block block = block_make((void (*)(void))nothing, &descriptor, NULL);
        interface_ref interface = vmnet_start_interface(description, queue, &block);
        struct vmpktdesc packet = {.vm_pkt_iovcnt = 2};
        int count = 1;

        assert_int_equal(vmnet_write(interface, &packet, &count), VMNET_INVALID_ARGUMENT);
    }
    dispatch_release(queue);
    double_vmnet_end();
    xpc_release(description);
    assert_non_null(strstr(double_faults(), "a handler of vmnet's is no block"));
    assert_non_null(strstr(double_faults(), "1 XPC objects are left behind"));
    assert_non_null(strstr(double_faults(), "1 interfaces of vmnet's are left behind"));
    double_end();
}

int main(void)
{
#define GUEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        GUEST(test_modes),      GUEST(test_frames_come),    GUEST(test_backpressure),
        GUEST(test_frames_go),  GUEST(test_refusals),       GUEST(test_mtu),
        GUEST(test_three_ways), GUEST(test_a_broken_vmnet), cmocka_unit_test(test_the_double_sees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
