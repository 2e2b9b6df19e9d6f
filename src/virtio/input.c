/* SPDX-License-Identifier: ISC */
/*
 * The input device (VIRTIO 1.2, 5.8), twice: a keyboard, and a pointer with absolute axes.
 *
 * Both are one sink of the machine's input, so that keys and clicks keep their order; it is active
 * once the keyboard has a driver. A device has room for one frame of events, up to and including
 * its SYN_REPORT, and waits with it for the driver's buffers: what comes next stays in the input's
 * queue. So nothing is lost, however few buffers there are.
 *
 * Locks: the input's, then the device's `frame_lock`. The loop calls the input with neither.
 */
#include "virtio/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/input.h"
#include "base/endian.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define QUEUE_SIZE 64
#define BATCH      16
#define EVENT_SIZE 8 /* struct virtio_input_event: type, code, value */
#define MAX_EVENTS 8 /* in a frame: two axes, two wheels, three buttons, SYN_REPORT */
#define KEY_WORDS  4 /* 64 bits each, over the usages of a keyboard, or over buttons */

enum { QUEUE_EVENT = 0, QUEUE_STATUS = 1, QUEUE_COUNT };

struct input_event {
    uint16_t type, code;
    uint32_t value;
};

struct virtio_input {
    struct virtio_device dev;
    enum input_role role;
    struct input *input;
    struct input_sink sink;        /* the keyboard's, for both */
    struct virtio_input *pointer;  /* of a keyboard; or NULL. Changes under the input's lock */
    struct virtio_input *keyboard; /* of a pointer */
    uint8_t select, subsel;        /* under dev.lock */
    unsigned leds;                 /* the loop's */

    pthread_mutex_t frame_lock;
    bool ready; /* a driver is there */
    struct input_event frame[MAX_EVENTS];
    unsigned count, sent;     /* events of the frame, and those that the driver has */
    uint64_t down[KEY_WORDS]; /* what the driver has been told to be pressed, frame included */
    bool letting_go;          /* after a load: of all that is down, first of all */
    struct virtq_chain chain;
};

static struct virtio_input *input_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_input, dev);
}

/* --- configuration --- */

static void input_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    struct virtio_input *in = input_of(dev);
    uint8_t config[INPUT_CONFIG_LENGTH] = {
        [INPUT_CONFIG_SELECT] = in->select, [INPUT_CONFIG_SUBSEL] = in->subsel};

    config[INPUT_CONFIG_SIZE] =
        virtio_input_describe(in->role, in->select, in->subsel, config + INPUT_CONFIG_DATA);
    memcpy(to, config + offset, size);
}

static void input_config_write(struct virtio_device *dev, unsigned offset, unsigned size,
                               const void *from)
{
    struct virtio_input *in = input_of(dev);
    const uint8_t *bytes = from;

    for (unsigned i = 0; i < size; i++) {
        if (offset + i == INPUT_CONFIG_SELECT)
            in->select = bytes[i];
        else if (offset + i == INPUT_CONFIG_SUBSEL)
            in->subsel = bytes[i];
    }
}

/* --- frames; with frame_lock held --- */

static void frame_add(struct virtio_input *in, uint16_t type, uint16_t code, uint32_t value)
{
    in->frame[in->count++] = (struct input_event){type, code, value};
}

/* Ends the frame and has it sent. */
static void frame_end(struct virtio_input *in)
{
    frame_add(in, EV_SYN, 0, 0);
    virtio_device_schedule(&in->dev, QUEUE_EVENT);
}

static bool frame_free(const struct virtio_input *in)
{
    return in->ready && in->count == 0 && !in->letting_go;
}

static void note_down(struct virtio_input *in, unsigned bit, bool down)
{
    if (down)
        in->down[bit / 64] |= BIT(bit % 64);
    else
        in->down[bit / 64] &= ~BIT(bit % 64);
}

static bool is_down(const struct virtio_input *in, unsigned bit)
{
    return (in->down[bit / 64] & BIT(bit % 64)) != 0;
}

/* The code of bit `bit` of `down`. */
static uint16_t code_of(const struct virtio_input *in, unsigned bit)
{
    static const uint16_t buttons[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE};

    if (in->role == INPUT_KEYBOARD)
        return virtio_input_code((uint16_t)bit);
    return bit < nitems(buttons) ? buttons[bit] : 0;
}

/* --- the sink --- */

static bool sink_active(void *ctx)
{
    struct virtio_input *in = ctx;
    bool ready;

    pthread_mutex_lock(&in->frame_lock);
    ready = in->ready;
    pthread_mutex_unlock(&in->frame_lock);
    return ready;
}

static bool sink_key(void *ctx, uint16_t usage, bool down)
{
    struct virtio_input *in = ctx;
    uint16_t code = virtio_input_code(usage);
    bool room;

    if (code == 0) /* the guest was not told of such a key */
        return true;
    pthread_mutex_lock(&in->frame_lock);
    room = frame_free(in);
    if (room) {
        note_down(in, usage, down);
        frame_add(in, EV_KEY, code, down);
        frame_end(in);
    }
    pthread_mutex_unlock(&in->frame_lock);
    return room;
}

static void frame_pointer(struct virtio_input *in, const struct input_pointer *state)
{
    frame_add(in, EV_ABS, ABS_X, state->x);
    frame_add(in, EV_ABS, ABS_Y, state->y);
    for (unsigned i = 0; i < 3; i++) {
        bool down = (state->buttons & BIT(i)) != 0;

        if (down != is_down(in, i))
            frame_add(in, EV_KEY, code_of(in, i), down);
        note_down(in, i, down);
    }
    if (state->wheel)
        frame_add(in, EV_REL, REL_WHEEL, (uint32_t)state->wheel);
    if (state->pan)
        frame_add(in, EV_REL, REL_HWHEEL, (uint32_t)state->pan);
    frame_end(in);
}

/* A guest that drives its keyboard alone has no pointer, and is not kept from its keys. */
static bool sink_pointer(void *ctx, const struct input_pointer *state)
{
    struct virtio_input *in = ((struct virtio_input *)ctx)->pointer;
    bool room;

    if (!in)
        return true;
    pthread_mutex_lock(&in->frame_lock);
    room = frame_free(in);
    if (room)
        frame_pointer(in, state);
    room |= !in->ready;
    pthread_mutex_unlock(&in->frame_lock);
    return room;
}

/* --- the queues --- */

/* The next event for the driver; false: there is none. */
static bool next_event(struct virtio_input *in, struct input_event *event)
{
    bool some;

    pthread_mutex_lock(&in->frame_lock);
    for (unsigned bit = 0; in->letting_go && in->count == 0; bit++) {
        if (bit == 64 * KEY_WORDS) {
            in->letting_go = false;
        } else if (is_down(in, bit)) {
            note_down(in, bit, false);
            frame_add(in, EV_KEY, code_of(in, bit), 0);
            frame_add(in, EV_SYN, 0, 0);
        }
    }
    some = in->sent < in->count;
    if (some)
        *event = in->frame[in->sent];
    pthread_mutex_unlock(&in->frame_lock);
    return some;
}

static void event_sent(struct virtio_input *in)
{
    pthread_mutex_lock(&in->frame_lock);
    if (++in->sent == in->count)
        in->sent = in->count = 0;
    pthread_mutex_unlock(&in->frame_lock);
}

static void put_event(struct virtio_input *in, struct virtq *q, const struct input_event *event)
{
    uint8_t bytes[EVENT_SIZE];

    if (in->chain.writable_bytes < EVENT_SIZE) {
        virtio_needs_reset(&in->dev, q->index, "a buffer is too small for an event",
                           in->chain.writable_bytes);
        return;
    }
    store_le16(bytes, event->type);
    store_le16(bytes + 2, event->code);
    store_le32(bytes + 4, event->value);
    virtq_chain_write(&in->chain, 0, bytes, sizeof(bytes));
    virtq_done(q, &in->chain, sizeof(bytes));
    event_sent(in);
}

/* As many events as there are buffers; then the input may have more. */
static void send_events(struct virtio_input *in, struct virtq *q)
{
    struct input_event event;
    bool sent = false;

    while (next_event(in, &event)) {
        if (virtq_next(q, &in->chain)) {
            put_event(in, q, &event);
            sent = true;
        } else if (!virtq_wait(q)) {
            break;
        }
    }
    if (!sent)
        return;
    virtq_signal(q);
    input_sink_room(in->input);
}

/* 5.8.6.2: events for the device, of which it has its lights only. */
static void serve_status(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    struct virtio_input *in = input_of(dev);
    uint8_t event[EVENT_SIZE];

    if (virtq_chain_read(chain, 0, event, sizeof(event)) == sizeof(event) &&
        in->role == INPUT_KEYBOARD && load_le16(event) == EV_LED && load_le16(event + 2) < 3) {
        unsigned bit = 1u << load_le16(event + 2);

        in->leds = load_le32(event + 4) ? in->leds | bit : in->leds & ~bit;
        input_set_leds(in->input, in->leds);
    }
    virtq_done(q, chain, 0);
}

static void input_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_input *in = input_of(dev);

    if (index == QUEUE_EVENT)
        send_events(in, &dev->queues[index]);
    else
        virtq_serve(&dev->queues[index], BATCH, &in->chain, serve_status);
}

/* --- life --- */

static void set_ready(struct virtio_input *in, bool ready)
{
    pthread_mutex_lock(&in->frame_lock);
    in->ready = ready;
    in->count = in->sent = 0;
    in->letting_go = false;
    memset(in->down, 0, sizeof(in->down));
    pthread_mutex_unlock(&in->frame_lock);
    input_sink_room(in->input);
}

static void input_ready(struct virtio_device *dev)
{
    set_ready(input_of(dev), true);
}

static void input_device_reset(struct virtio_device *dev)
{
    struct virtio_input *in = input_of(dev);

    in->select = in->subsel = 0;
    in->leds = 0;
    set_ready(in, false);
}

struct input_state {
    uint8_t select, subsel, leds;
    bool ready;
    uint8_t count, sent;
    uint16_t type[MAX_EVENTS], code[MAX_EVENTS];
    uint32_t value[MAX_EVENTS];
    uint64_t down[KEY_WORDS];
};

static const struct state_field input_fields[] = {
    STATE_FIELD(struct input_state, select, STATE_U8),
    STATE_FIELD(struct input_state, subsel, STATE_U8),
    STATE_FIELD(struct input_state, leds, STATE_U8),
    STATE_FIELD(struct input_state, ready, STATE_BOOL),
    STATE_FIELD(struct input_state, count, STATE_U8),
    STATE_FIELD(struct input_state, sent, STATE_U8),
    STATE_ARRAY(struct input_state, type, STATE_U16, MAX_EVENTS),
    STATE_ARRAY(struct input_state, code, STATE_U16, MAX_EVENTS),
    STATE_ARRAY(struct input_state, value, STATE_U32, MAX_EVENTS),
    STATE_ARRAY(struct input_state, down, STATE_U64, KEY_WORDS),
};
static const struct state_table input_table = {"virtio-input", 1, input_fields,
                                               nitems(input_fields)};

static int input_save(struct virtio_device *dev, struct state *state, const char *instance)
{
    struct virtio_input *in = input_of(dev);
    struct input_state own = {
        .select = in->select, .subsel = in->subsel, .leds = (uint8_t)in->leds};

    pthread_mutex_lock(&in->frame_lock);
    own.ready = in->ready;
    own.count = (uint8_t)in->count;
    own.sent = (uint8_t)in->sent;
    for (unsigned i = 0; i < in->count; i++) {
        own.type[i] = in->frame[i].type;
        own.code[i] = in->frame[i].code;
        own.value[i] = in->frame[i].value;
    }
    memcpy(own.down, in->down, sizeof(own.down));
    pthread_mutex_unlock(&in->frame_lock);
    return state_save(state, instance, &input_table, &own);
}

/* Nobody on this side holds any key: what was down when the state was saved is let go. */
static int input_load(struct virtio_device *dev, const struct state *state, const char *instance,
                      struct error *err)
{
    struct virtio_input *in = input_of(dev);
    struct input_state own;
    int ret = state_load(state, instance, &input_table, &own, err);

    if (ret)
        return ret;
    if (own.count > MAX_EVENTS || (own.count ? own.sent >= own.count : own.sent))
        return error_set(err, EINVAL, "%s: %u of %u events of a frame are sent", instance, own.sent,
                         own.count);
    in->select = own.select;
    in->subsel = own.subsel;
    in->leds = own.leds & 7;
    pthread_mutex_lock(&in->frame_lock);
    in->ready = own.ready;
    in->count = own.count;
    in->sent = own.sent;
    for (unsigned i = 0; i < in->count; i++)
        in->frame[i] = (struct input_event){own.type[i], own.code[i], own.value[i]};
    memcpy(in->down, own.down, sizeof(in->down));
    in->letting_go = own.ready;
    pthread_mutex_unlock(&in->frame_lock);
    if (in->role == INPUT_KEYBOARD)
        input_set_leds(in->input, in->leds);
    return 0;
}

static void input_device_free(struct virtio_device *dev)
{
    struct virtio_input *in = input_of(dev);

    if (in->role == INPUT_KEYBOARD) {
        input_detach(in->input, &in->sink);
    } else { /* nobody is in the sink while it is away */
        input_detach(in->input, &in->keyboard->sink);
        in->keyboard->pointer = NULL;
        input_attach(in->input, &in->keyboard->sink);
    }
    virtio_device_fini(dev);
    pthread_mutex_destroy(&in->frame_lock);
    free(in);
}

#define INPUT_OPS(class_)                                                                          \
    {                                                                                              \
        .name = "virtio-input", .id = VIRTIO_ID_INPUT, .pci_class = (class_),                      \
        .config_size = INPUT_CONFIG_LENGTH, .ready = input_ready, .notify = input_notify,          \
        .config_read = input_config_read, .config_write = input_config_write,                      \
        .reset = input_device_reset, .save = input_save, .load = input_load,                       \
        .free = input_device_free                                                                  \
    }

static const struct virtio_ops keyboard_ops = INPUT_OPS(0x090000);
static const struct virtio_ops pointer_ops = INPUT_OPS(0x090200);

static int create(struct virtio_input **created, const struct virtio_host *host,
                  const char *instance, enum input_role role, struct input *input)
{
    static const uint16_t sizes[QUEUE_COUNT] = {QUEUE_SIZE, QUEUE_SIZE};
    struct virtio_input *in = calloc(1, sizeof(*in));
    int ret;

    if (!in)
        return -ENOMEM;
    ret = virtio_device_init(&in->dev, role == INPUT_KEYBOARD ? &keyboard_ops : &pointer_ops, host,
                             instance, QUEUE_COUNT, sizes);
    if (ret) {
        free(in);
        return ret;
    }
    in->role = role;
    in->input = input;
    pthread_mutex_init(&in->frame_lock, NULL);
    *created = in;
    return 0;
}

int virtio_keyboard_create(struct virtio_device **dev, const struct virtio_host *host,
                           const char *instance, struct input *input)
{
    struct virtio_input *in;
    int ret = create(&in, host, instance, INPUT_KEYBOARD, input);

    if (ret)
        return ret;
    in->sink = (struct input_sink){
        .active = sink_active, .key = sink_key, .pointer = sink_pointer, .ctx = in};
    input_attach(input, &in->sink);
    *dev = &in->dev;
    return 0;
}

int virtio_pointer_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance, struct virtio_device *keyboard)
{
    struct virtio_input *with = input_of(keyboard), *in;
    int ret = create(&in, host, instance, INPUT_POINTER, with->input);

    if (ret)
        return ret;
    in->keyboard = with;
    input_detach(with->input, &with->sink);
    with->pointer = in;
    input_attach(with->input, &with->sink);
    *dev = &in->dev;
    return 0;
}
