/* SPDX-License-Identifier: ISC */
/*
 * What all USB devices have in common: the standard requests (USB 2.0, 9.4).
 */
#include "usb/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"

/* bRequest (table 9-4) */
enum {
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
};

/* Feature selectors (table 9-6) */
enum { ENDPOINT_HALT = 0, DEVICE_REMOTE_WAKEUP = 1 };

#define STATUS_REMOTE_WAKEUP 2 /* (figure 9-4) */
#define US_ENGLISH           0x0409

static int give(const struct usb_setup *setup, uint8_t *data, const void *bytes, size_t length)
{
    length = MIN(length, MIN(setup->length, USB_CONTROL_ROOM));
    memcpy(data, bytes, length);
    return (int)length;
}

/* UTF-16, little-endian, behind a length and a type (9.6.7); string 0 is the list of languages. */
static int give_string(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    const struct usb_descriptors *d = dev->descriptors;
    unsigned index = setup->value & 0xff;
    uint8_t bytes[2 + 2 * 126] = {4, USB_DESCRIPTOR_STRING};
    size_t length;

    if (index == 0) {
        store_le16(bytes + 2, US_ENGLISH);
        return give(setup, data, bytes, bytes[0]);
    }
    if (index >= d->string_count || !d->strings[index])
        return -EPIPE;
    length = MIN(strlen(d->strings[index]), 126);
    for (size_t i = 0; i < length; i++)
        bytes[2 + 2 * i] = (uint8_t)d->strings[index][i];
    bytes[0] = (uint8_t)(2 + 2 * length);
    return give(setup, data, bytes, bytes[0]);
}

static int get_descriptor(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    const struct usb_descriptors *d = dev->descriptors;

    if (setup->value == USB_DESCRIPTOR_DEVICE << 8)
        return give(setup, data, d->device, d->device[0]);
    if (setup->value == USB_DESCRIPTOR_CONFIGURATION << 8)
        return give(setup, data, d->configuration, load_le16(d->configuration + 2));
    if (setup->value >> 8 == USB_DESCRIPTOR_STRING)
        return give_string(dev, setup, data);
    return -EPIPE; /* a device that knows full speed only has no device qualifier (9.6.2) */
}

static int set_configuration(struct usb_device *dev, const struct usb_setup *setup)
{
    uint8_t only = dev->descriptors->configuration[5];

    if (setup->value && setup->value != only)
        return -EPIPE;
    dev->configuration = (uint8_t)setup->value;
    dev->halted = false;
    dev->ops->reset(dev);
    return 0;
}

static int device_feature(struct usb_device *dev, const struct usb_setup *setup)
{
    if (setup->value != DEVICE_REMOTE_WAKEUP)
        return -EPIPE;
    dev->remote_wakeup = setup->request == SET_FEATURE;
    return 0;
}

static int to_device(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    const uint8_t status[2] = {dev->remote_wakeup ? STATUS_REMOTE_WAKEUP : 0};

    switch (setup->request) {
    case GET_STATUS: return give(setup, data, status, sizeof(status));
    case CLEAR_FEATURE:
    case SET_FEATURE: return device_feature(dev, setup);
    case SET_ADDRESS: return 0; /* the controller's own affair: all it does is to answer */
    case USB_GET_DESCRIPTOR: return get_descriptor(dev, setup, data);
    case GET_CONFIGURATION: return give(setup, data, &dev->configuration, 1);
    case SET_CONFIGURATION: return set_configuration(dev, setup);
    default: return -EPIPE;
    }
}

static int to_interface(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    static const uint8_t zeros[2];

    if (setup->index != 0 || (!dev->configuration && setup->request != USB_GET_DESCRIPTOR))
        return -EPIPE;
    switch (setup->request) {
    case GET_STATUS: return give(setup, data, zeros, 2);
    case GET_INTERFACE: return give(setup, data, zeros, 1);
    case SET_INTERFACE: return setup->value ? -EPIPE : 0;
    default: return dev->ops->control(dev, setup, data);
    }
}

static int to_endpoint(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    bool interrupt = setup->index == (USB_IN | dev->descriptors->endpoint) && dev->configuration;
    const uint8_t status[2] = {interrupt && dev->halted};

    if (!interrupt && (setup->index & 0xff7f)) /* and endpoint 0, both ways */
        return -EPIPE;
    switch (setup->request) {
    case GET_STATUS: return give(setup, data, status, sizeof(status));
    case CLEAR_FEATURE:
    case SET_FEATURE:
        if (setup->value != ENDPOINT_HALT)
            return -EPIPE;
        if (interrupt)
            dev->halted = setup->request == SET_FEATURE;
        return 0;
    default: return -EPIPE;
    }
}

int usb_device_control(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    bool standard = (setup->type & USB_TYPE) == 0;

    switch (setup->type & USB_RECIPIENT) {
    case USB_TO_DEVICE: return standard ? to_device(dev, setup, data) : -EPIPE;
    case USB_TO_INTERFACE:
        if (standard)
            return to_interface(dev, setup, data);
        return dev->configuration && setup->index == 0 ? dev->ops->control(dev, setup, data)
                                                       : -EPIPE;
    case USB_TO_ENDPOINT: return standard ? to_endpoint(dev, setup, data) : -EPIPE;
    default: return -EPIPE;
    }
}

int usb_device_interrupt_in(struct usb_device *dev, unsigned number, uint8_t data[USB_REPORT_ROOM])
{
    if (!dev->configuration || number != dev->descriptors->endpoint)
        return -ENODEV;
    return dev->halted ? -EPIPE : dev->ops->interrupt_in(dev, data);
}

void usb_device_reset(struct usb_device *dev)
{
    dev->configuration = 0;
    dev->remote_wakeup = false;
    dev->halted = false;
    dev->ops->reset(dev);
}

bool usb_device_wants_resume(struct usb_device *dev)
{
    return dev->remote_wakeup && dev->configuration && dev->ops->waiting(dev);
}

void usb_device_wake(struct usb_device *dev)
{
    if (dev->wake)
        dev->wake(dev->wake_ctx);
}

static const struct state_field fields[] = {
    STATE_FIELD(struct usb_device, configuration, STATE_U8),
    STATE_FIELD(struct usb_device, remote_wakeup, STATE_BOOL),
    STATE_FIELD(struct usb_device, halted, STATE_BOOL),
};
static const struct state_table table = {"usb-device", 1, fields, nitems(fields)};

static void section_name(const char *instance, char name[64])
{
    snprintf(name, 64, "%.48s/device", instance);
}

int usb_device_save(struct usb_device *dev, struct state *state, const char *instance)
{
    char name[64];
    int ret;

    section_name(instance, name);
    ret = state_save(state, name, &table, dev);
    return ret ? ret : dev->ops->save(dev, state, instance);
}

int usb_device_load(struct usb_device *dev, const struct state *state, const char *instance,
                    struct error *err)
{
    char name[64];
    int ret;

    section_name(instance, name);
    ret = state_load(state, name, &table, dev, err);
    if (!ret && dev->configuration && dev->configuration != dev->descriptors->configuration[5])
        ret = error_set(err, EINVAL, "%s: there is no configuration %u", name, dev->configuration);
    ret = ret ? ret : dev->ops->load(dev, state, instance, err);
    if (ret)
        usb_device_reset(dev);
    return ret;
}
