/* SPDX-License-Identifier: ISC */
#include "cli/lab_links.h"

#include <stdlib.h>
#include <string.h>

/* A machine's or a peer's port on a switch of the lab. */
struct place {
    struct switch_client *client;
    const char *who, *wire;
    const struct config_port *end;
    char port[LAB_PORT_ROOM];
};

typedef int place_visit(void *ctx, const struct place *place, struct error *err);

static int each_place(struct lab_wires *wires, place_visit *visit, void *ctx, struct error *err)
{
    const struct config *c = lab_wires_config(wires);
    int ret = 0;

    for (size_t i = 0; i < c->vm_count; i++) {
        for (size_t j = 0; j < c->vms[i].interface_count && !ret; j++) {
            const struct config_interface *in = &c->vms[i].interfaces[j];
            struct place place = {.who = c->vms[i].name, .wire = in->wire, .end = &in->port};

            if (!in->wire)
                continue;
            place.client = lab_wires_switch(wires, in->wire);
            lab_port_name(&c->vms[i], j, place.port, sizeof(place.port));
            ret = visit(ctx, &place, err);
        }
    }
    for (size_t i = 0; i < c->peer_count && !ret; i++) {
        struct place place = {
            .who = c->peers[i].name, .wire = c->peers[i].wire, .end = &c->peers[i].port};

        place.client = lab_wires_switch(wires, place.wire);
        strncpy(place.port, place.who, sizeof(place.port) - 1);
        ret = visit(ctx, &place, err);
    }
    return ret;
}

static struct link_settings settings_of(const struct config_link *link)
{
    const double whole = CONFIG_PPM;

    return (struct link_settings){.delay_ns = link->delay_ns,
                                  .jitter_ns = link->jitter_ns,
                                  .rate_bps = link->rate,
                                  .queue_bytes = (uint32_t)link->queue,
                                  .loss = link->loss / whole,
                                  .reorder = link->reorder / whole,
                                  .duplicate = link->duplicate / whole,
                                  .corrupt = link->corrupt / whole,
                                  .down = link->down,
                                  .seed = link->seed};
}

static int set_link(const struct place *place, enum switch_direction direction,
                    const struct config_link *link, struct error *err)
{
    const struct link_settings settings = settings_of(link);

    return link->given ? switch_link_set(place->client, place->port, direction, &settings, err) : 0;
}

/* --- what the file says --- */

/* What the port's own link does not say, the switch's does. */
static int begin(void *ctx, const struct place *place, struct error *err)
{
    const struct config_port *end = place->end;
    const struct config_link *common = &config_switch_find(ctx, place->wire)->link;
    int ret = set_link(place, SWITCH_TO, end->to.given ? &end->to : common, err);

    return ret ? ret : set_link(place, SWITCH_FROM, end->from.given ? &end->from : common, err);
}

int lab_links_begin(struct lab_wires *wires, struct error *err)
{
    return each_place(wires, begin, (void *)(uintptr_t)lab_wires_config(wires), err);
}

/* --- what a test says --- */

static int change(void *ctx, const struct place *place, struct error *err)
{
    static const enum switch_direction ways[] = {[CONFIG_WAY_BOTH] = SWITCH_BOTH,
                                                 [CONFIG_WAY_TO] = SWITCH_TO,
                                                 [CONFIG_WAY_FROM] = SWITCH_FROM};
    const struct config_step *s = ctx;

    if ((strcmp(s->who, place->who) != 0 && strcmp(s->who, place->wire) != 0) ||
        (s->wire && strcmp(s->wire, place->wire) != 0))
        return 0;
    return set_link(place, ways[s->way], &s->link, err);
}

int lab_links_set(struct lab_wires *wires, const struct config_step *step, struct error *err)
{
    return each_place(wires, change, (void *)(uintptr_t)step, err);
}

/* --- what there was before --- */

struct lab_links {
    struct link_settings (*settings)[2]; /* of each place in its order: SWITCH_FROM, SWITCH_TO */
    size_t count;
};

static int count_place(void *ctx, const struct place *place, struct error *err)
{
    ++*(size_t *)ctx;
    return 0;
}

/* A port that is not there has nothing to put back. */
static int note(void *ctx, const struct place *place, struct error *err)
{
    struct lab_links *links = ctx;
    struct link_settings *now = links->settings[links->count++];

    for (int way = SWITCH_FROM; way <= SWITCH_TO; way++)
        switch_link_get(place->client, place->port, way, &now[way], NULL);
    return 0;
}

static bool same(const struct link_settings *a, const struct link_settings *b)
{
    return a->delay_ns == b->delay_ns && a->jitter_ns == b->jitter_ns &&
           a->rate_bps == b->rate_bps && a->queue_bytes == b->queue_bytes && a->loss == b->loss &&
           a->reorder == b->reorder && a->duplicate == b->duplicate && a->corrupt == b->corrupt &&
           a->down == b->down && a->seed == b->seed;
}

static int restore(void *ctx, const struct place *place, struct error *err)
{
    struct lab_links *links = ctx;
    const struct link_settings *then = links->settings[links->count++];
    struct link_settings now;

    for (int way = SWITCH_FROM; way <= SWITCH_TO; way++)
        if (switch_link_get(place->client, place->port, way, &now, NULL) == 0 &&
            !same(&now, &then[way]))
            switch_link_set(place->client, place->port, way, &then[way], NULL);
    return 0;
}

struct lab_links *lab_links_note(struct lab_wires *wires)
{
    struct lab_links *links = calloc(1, sizeof(*links));
    size_t count = 1;

    if (!links)
        return NULL;
    each_place(wires, count_place, &count, NULL);
    links->settings = calloc(count, sizeof(*links->settings));
    if (!links->settings) {
        free(links);
        return NULL;
    }
    each_place(wires, note, links, NULL);
    return links;
}

void lab_links_restore(struct lab_wires *wires, struct lab_links *links)
{
    if (!links)
        return;
    links->count = 0;
    each_place(wires, restore, links, NULL);
    free(links->settings);
    free(links);
}
