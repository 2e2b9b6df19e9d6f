/* SPDX-License-Identifier: ISC */
/* The PL031's registers (DDI 0224 chapter 3). */
#include "chip/pl031.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    RTCDR = 0x00,
    RTCMR = 0x04,
    RTCLR = 0x08,
    RTCCR = 0x0c,
    RTCIMSC = 0x10,
    RTCRIS = 0x14,
    RTCMIS = 0x18,
    RTCICR = 0x1c,
    RTCPERIPHID0 = 0xfe0,
};

#define NEVER UINT64_MAX

struct pl031 {
    pthread_mutex_t lock;
    struct pl031_config config;
    uint32_t offset; /* counter - now(), modulo 2^32 */
    uint32_t match, load, imsc, ris;
    uint64_t due; /* in now()'s seconds: when the counter reaches the match register */
};

static uint64_t now(const struct pl031 *rtc)
{
    return rtc->config.now(rtc->config.ctx);
}

static void update_irq(struct pl031 *rtc)
{
    irq_set(&rtc->config.irq, rtc->ris & rtc->imsc);
}

static void arm(struct pl031 *rtc, uint64_t due)
{
    rtc->due = due;
    if (rtc->config.alarm)
        rtc->config.alarm(rtc->config.ctx, due);
}

/* Looks for a match that has come; also before RIS is read, which makes polling right without an
 * alarm. */
static void check_match(struct pl031 *rtc)
{
    if (rtc->due == NEVER || now(rtc) < rtc->due)
        return;
    rtc->ris = 1;
    arm(rtc, NEVER);
    update_irq(rtc);
}

/* After a write to the match or the load register. A match with the present second is one. */
static void schedule(struct pl031 *rtc)
{
    uint64_t time = now(rtc);

    arm(rtc, time + (uint32_t)(rtc->match - (uint32_t)time - rtc->offset));
    check_match(rtc);
}

void pl031_alarm(struct pl031 *rtc)
{
    pthread_mutex_lock(&rtc->lock);
    check_match(rtc);
    if (rtc->due != NEVER)
        arm(rtc, rtc->due);
    pthread_mutex_unlock(&rtc->lock);
}

static uint32_t identification(uint64_t offset)
{
    static const uint8_t ids[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return offset >= RTCPERIPHID0 && offset < RTCPERIPHID0 + 4 * sizeof(ids)
               ? ids[(offset - RTCPERIPHID0) / 4]
               : 0;
}

static uint64_t rtc_read(void *dev, uint64_t offset, unsigned size)
{
    struct pl031 *rtc = dev;
    uint32_t value;

    pthread_mutex_lock(&rtc->lock);
    check_match(rtc);
    switch (offset) {
    case RTCDR: value = (uint32_t)now(rtc) + rtc->offset; break;
    case RTCMR: value = rtc->match; break;
    case RTCLR: value = rtc->load; break;
    case RTCCR: value = 1; break; /* runs from the start, and cannot be stopped */
    case RTCIMSC: value = rtc->imsc; break;
    case RTCRIS: value = rtc->ris; break;
    case RTCMIS: value = rtc->ris & rtc->imsc; break;
    default: value = identification(offset); break;
    }
    pthread_mutex_unlock(&rtc->lock);
    return value;
}

static void rtc_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl031 *rtc = dev;

    pthread_mutex_lock(&rtc->lock);
    switch (offset) {
    case RTCMR:
        rtc->match = (uint32_t)value;
        schedule(rtc);
        break;
    case RTCLR:
        rtc->load = (uint32_t)value;
        rtc->offset = rtc->load - (uint32_t)now(rtc);
        schedule(rtc);
        break;
    case RTCIMSC: rtc->imsc = value & 1; break;
    case RTCICR: rtc->ris &= ~(uint32_t)value; break;
    default: break;
    }
    update_irq(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

const struct bus_ops pl031_bus_ops = {rtc_read, rtc_write};

/* A battery keeps the time that the guest set; the rest goes. */
static void reset(void *dev)
{
    struct pl031 *rtc = dev;

    pthread_mutex_lock(&rtc->lock);
    rtc->match = rtc->load = rtc->imsc = rtc->ris = 0;
    arm(rtc, NEVER);
    update_irq(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

int pl031_create(struct pl031 **out, const struct pl031_config *config)
{
    struct pl031 *rtc = calloc(1, sizeof(*rtc));

    if (!rtc)
        return -ENOMEM;
    pthread_mutex_init(&rtc->lock, NULL);
    rtc->config = *config;
    reset(rtc);
    *out = rtc;
    return 0;
}

static void rtc_free(void *dev)
{
    struct pl031 *rtc = dev;

    if (!rtc)
        return;
    pthread_mutex_destroy(&rtc->lock);
    free(rtc);
}

static const struct state_field fields[] = {
    STATE_FIELD(struct pl031, offset, STATE_U32), STATE_FIELD(struct pl031, match, STATE_U32),
    STATE_FIELD(struct pl031, load, STATE_U32),   STATE_FIELD(struct pl031, imsc, STATE_U32),
    STATE_FIELD(struct pl031, ris, STATE_U32),    STATE_FIELD(struct pl031, due, STATE_U64),
};
static const struct state_table table = {"pl031", 1, fields, nitems(fields)};

static int save(void *dev, struct state *state, const char *instance)
{
    struct pl031 *rtc = dev;
    int ret;

    pthread_mutex_lock(&rtc->lock);
    ret = state_save(state, instance, &table, rtc);
    pthread_mutex_unlock(&rtc->lock);
    return ret;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct pl031 *rtc = dev;
    int ret;

    pthread_mutex_lock(&rtc->lock);
    ret = state_load(state, instance, &table, rtc, err);
    rtc->imsc &= 1;
    rtc->ris &= 1;
    arm(rtc, rtc->due);
    check_match(rtc);
    update_irq(rtc);
    pthread_mutex_unlock(&rtc->lock);
    return ret;
}

const struct device_ops pl031_ops = {"pl031", reset, save, load, rtc_free};
