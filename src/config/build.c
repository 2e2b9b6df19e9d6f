/* SPDX-License-Identifier: ISC */
#include "config/build.h"

#include <stdlib.h>
#include <string.h>

/* --- memory --- */

#define BLOCK ((size_t)16 << 10)

void *config_keep(struct config *config, size_t size)
{
    struct config_block *block = config->blocks;
    void *kept;

    size = (MAX(size, 1u) + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!block || block->size - block->used < size) {
        size_t room = MAX(BLOCK, size);

        block = calloc(1, sizeof(*block) + room);
        if (!block)
            return NULL;
        block->size = room;
        block->next = config->blocks;
        config->blocks = block;
    }
    kept = (char *)block->bytes + block->used;
    block->used += size;
    return kept;
}

char *config_keep_text(struct config *config, const char *text, size_t length)
{
    char *kept = config_keep(config, length + 1);

    if (kept)
        memcpy(kept, text, length);
    return kept;
}

/* Arrays double; what they had before goes with the rest. */
void *config_grow(struct config *config, void *items, size_t *count, size_t size)
{
    char **array = items;

    if (*count == CONFIG_ITEMS_MAX)
        return NULL;
    if ((*count & (*count - 1)) == 0) {
        char *more = config_keep(config, MAX(2 * *count, 1u) * size);

        if (!more)
            return NULL;
        if (*count)
            memcpy(more, *array, *count * size);
        *array = more;
    }
    return *array + (*count)++ * size;
}

static void *grow(struct config_parser *p, void *items, size_t *count, size_t size,
                  const struct config_place *place)
{
    void *item = config_grow(p->config, items, count, size);

    if (!item && *count == CONFIG_ITEMS_MAX) {
        config_report(p, place, "more than %d of one kind are not possible", CONFIG_ITEMS_MAX);
        p->failed = true;
    } else if (!item) {
        config_no_memory(p);
    }
    return item;
}

/* --- values --- */

struct config_values values_one(struct config_parser *p, const struct config_value *v)
{
    struct config_values list = {0};

    values_add(p, &list, v);
    return list;
}

void values_add(struct config_parser *p, struct config_values *list, const struct config_value *v)
{
    struct config_value *item = grow(p, &list->items, &list->count, sizeof(*item), &v->place);

    if (item)
        *item = *v;
}

struct config_end end_of(struct config_parser *p, const struct config_value *address,
                         const struct config_value *port)
{
    struct config_end end = {0};

    if (address)
        config_address_v4(p, address, &end.address);
    config_port(p, port, &end.port);
    return end;
}

/* --- things with names --- */

void build_lab(struct config_parser *p, const struct config_value *name)
{
    if (!config_name(p, name, "a lab"))
        return;
    if (p->config->name)
        config_report(p, &name->place, "the lab is called \"%s\" already", p->config->name);
    p->config->name = name->text;
}

/* One name is one thing: machines, switches and peers are spoken of alike. */
static bool name_is_free(struct config_parser *p, const struct config_value *name, const char *what)
{
    const struct config *c = p->config;
    const struct config_vm *vm = config_vm_find(c, name->text);
    const struct config_switch *wire = config_switch_find(c, name->text);
    const struct config_peer *peer = config_peer_find(c, name->text);
    const struct config_place *first = vm     ? &vm->place
                                       : wire ? &wire->place
                                       : peer ? &peer->place
                                              : NULL;

    if (!config_name(p, name, what))
        return false;
    if (!first)
        return true;
    config_report(p, &name->place, "there is a %s \"%s\" already, at %s:%u; give %s another name",
                  vm     ? "VM"
                  : wire ? "switch"
                         : "peer",
                  name->text, first->file, first->line, what);
    return false;
}

/* What has a name that cannot be is read all the same, for what else is wrong with it. */
struct config_switch *build_switch(struct config_parser *p, const struct config_value *name)
{
    struct config *c = p->config;
    bool is_free = name_is_free(p, name, "a switch");
    struct config_switch *wire =
        grow(p, &c->switches, &c->switch_count, sizeof(*wire), &name->place);

    if (!wire)
        return NULL;
    wire->name = is_free ? name->text : "";
    wire->place = name->place;
    return wire;
}

struct config_peer *build_peer(struct config_parser *p, const struct config_value *name)
{
    struct config *c = p->config;
    bool is_free = name_is_free(p, name, "a peer");
    struct config_peer *peer = grow(p, &c->peers, &c->peer_count, sizeof(*peer), &name->place);

    if (!peer)
        return NULL;
    peer->name = is_free ? name->text : "";
    peer->place = name->place;
    return peer;
}

static struct config_vm *find_template(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->template_count; i++)
        if (strcmp(c->templates[i].name, name) == 0)
            return &c->templates[i];
    return NULL;
}

struct config_vm *build_template(struct config_parser *p, const struct config_value *name)
{
    struct config *c = p->config;
    bool right = config_name(p, name, "an instance");
    const struct config_vm *first = find_template(c, name->text);
    struct config_vm *vm;

    if (first)
        config_report(p, &name->place, "there is an instance \"%s\" already, at %s:%u", name->text,
                      first->place.file, first->place.line);
    vm = grow(p, &c->templates, &c->template_count, sizeof(*vm), &name->place);
    if (!vm)
        return NULL;
    vm->name = right && !first ? name->text : "";
    vm->is_template = true;
    vm->place = name->place;
    return vm;
}

struct config_vm *build_vm(struct config_parser *p, const struct config_place *place)
{
    struct config_vm *vm = config_keep(p->config, sizeof(*vm));

    if (vm)
        vm->place = *place;
    else
        config_no_memory(p);
    return vm;
}

void build_vm_names(struct config_parser *p, struct config_vm *vm,
                    const struct config_values *names)
{
    struct config *c = p->config;

    for (size_t i = 0; i < names->count; i++) {
        const struct config_value *name = &names->items[i];
        bool is_free = name_is_free(p, name, "a VM");
        struct config_vm *one = grow(p, &c->vms, &c->vm_count, sizeof(*one), &name->place);

        if (!one)
            return;
        *one = *vm;
        one->name = is_free ? name->text : "";
        one->place = name->place;
    }
}

static const struct config_test *find_test(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->test_count; i++)
        if (strcmp(c->tests[i].name, name) == 0)
            return &c->tests[i];
    return NULL;
}

struct config_test *build_test(struct config_parser *p, const struct config_value *name)
{
    struct config *c = p->config;
    const struct config_test *first = find_test(c, name->text);
    struct config_test *test;

    if (first)
        config_report(p, &name->place, "there is a test \"%.60s\" already, at %s:%u", name->text,
                      first->place.file, first->place.line);
    test = grow(p, &c->tests, &c->test_count, sizeof(*test), &name->place);
    if (!test)
        return NULL;
    test->name = name->text;
    test->place = name->place;
    if (!*test->name || strpbrk(test->name, "\n\t\033"))
        config_report(p, &name->place, "a test's name is one line that says what is so");
    return test;
}

/* --- parts --- */

void build_setting(struct config_parser *p, struct config_vm *vm, const char *name,
                   const struct config_value *value, const struct config_place *place)
{
    struct config_setting *setting;
    const char *checked = NULL;

    if (value && !config_setting_check(p, name, value, &checked))
        return;
    for (size_t i = 0; i < vm->setting_count && !config_setting_is_list(name); i++)
        if (strcmp(vm->settings[i].name, name) == 0)
            config_report(p, place, "\"%s\" is said already, at %s:%u", name,
                          vm->settings[i].place.file, vm->settings[i].place.line);
    setting = grow(p, &vm->settings, &vm->setting_count, sizeof(*setting), place);
    if (setting)
        *setting = (struct config_setting){name, checked, value && value->given, *place};
}

struct config_disk *build_disk(struct config_parser *p, struct config_vm *vm,
                               const struct config_place *place)
{
    struct config_disk *disk = grow(p, &vm->disks, &vm->disk_count, sizeof(*disk), place);

    if (disk)
        disk->place = *place;
    return disk;
}

struct config_interface *build_interface(struct config_parser *p, struct config_vm *vm,
                                         const struct config_place *place)
{
    struct config_interface *interface =
        grow(p, &vm->interfaces, &vm->interface_count, sizeof(*interface), place);

    if (interface)
        interface->place = *place;
    return interface;
}

struct config_forward *build_forward(struct config_parser *p, struct config_user *user, bool udp,
                                     struct config_end host, struct config_end guest,
                                     const struct config_place *place)
{
    struct config_forward *forward =
        grow(p, &user->forwards, &user->forward_count, sizeof(*forward), place);

    if (forward)
        *forward = (struct config_forward){udp,       host.address, guest.address,
                                           host.port, guest.port,   *place};
    return forward;
}

static const char *const families[] = {[IP_V4] = "IPv4", [IP_V6] = "IPv6"};

void build_queue(struct config_parser *p, const struct config_value *value, uint64_t *bytes)
{
    if (config_size(p, value, "a queue", bytes) && *bytes > CONFIG_QUEUE_MAX)
        config_report(p, &value->place, "a queue has at most %uM", CONFIG_QUEUE_MAX >> 20);
}

void build_mtu(struct config_parser *p, const struct config_value *value, unsigned *mtu)
{
    uint64_t number;

    if (!config_number(p, value, "an MTU", 576, CONFIG_MTU_MAX, &number))
        return;
    if (*mtu)
        config_report(p, &value->place, "the MTU is said already: %u", *mtu);
    *mtu = (unsigned)number;
}

void build_address(struct config_parser *p, struct config_peer *peer,
                   const struct config_value *address)
{
    struct config_network *network;
    struct ip ip;
    unsigned prefix;

    peer->has_address = true;
    if (!config_network(p, address, &ip, &prefix))
        return;
    network = &peer->networks[ip_family(&ip)];
    if (!ip_is_none(&network->address))
        config_report(p, &address->place,
                      "\"%s\" has an %s address already; another peer can have this one",
                      peer->name, families[ip_family(&ip)]);
    network->address = ip;
    network->prefix = prefix;
}

void build_gateway(struct config_parser *p, struct config_peer *peer,
                   const struct config_value *gateway)
{
    struct config_network *network;
    struct ip ip;

    if (!config_address(p, gateway, &ip))
        return;
    network = &peer->networks[ip_family(&ip)];
    if (!ip_is_none(&network->gateway))
        config_report(p, &gateway->place, "\"%s\" has an %s gateway already", peer->name,
                      families[ip_family(&ip)]);
    network->gateway = ip;
    network->gateway_place = gateway->place;
}

static void build_listener(struct config_parser *p, struct config_peer *peer,
                           const struct config_listener *listener, const struct config_value *port)
{
    struct config_listener *added =
        grow(p, &peer->listeners, &peer->listener_count, sizeof(*added), &port->place);

    if (!added)
        return;
    *added = *listener;
    added->place = port->place;
    if (!config_port(p, port, &added->port))
        return;
    if (added->text && strlen(added->text) > CONFIG_SAY_MAX)
        config_report(p, &port->place, "what a peer says has at most %u bytes", CONFIG_SAY_MAX);
    for (size_t i = 0; i + 1 < peer->listener_count; i++)
        if (peer->listeners[i].udp == added->udp && peer->listeners[i].port == added->port)
            config_report(p, &port->place, "the peer listens there already");
}

void build_listeners(struct config_parser *p, struct config_peer *peer,
                     const struct config_listener *listener, const struct config_values *ports)
{
    for (size_t i = 0; i < ports->count; i++)
        build_listener(p, peer, listener, &ports->items[i]);
}

/* --- dialogues --- */

static struct config_turn *add_turn(struct config_parser *p, struct config_step *step,
                                    const struct config_value *text)
{
    return grow(p, &step->turns, &step->turn_count, sizeof(*step->turns), &text->place);
}

void build_say(struct config_parser *p, struct config_step *step, const struct config_value *text)
{
    struct config_turn *turn;

    if (!step->command && !step->text && !step->turn_count) {
        step->command = text->text;
        return;
    }
    turn = add_turn(p, step, text);
    if (turn)
        turn->say = text->text;
}

void build_answer(struct config_parser *p, struct config_step *step,
                  const struct config_value *text, bool regular)
{
    struct config_turn *turn = step->turn_count ? &step->turns[step->turn_count - 1] : NULL;

    if (!turn && !step->text) {
        step->text = text->text;
        step->regular = regular;
        return;
    }
    if (!turn || turn->answer)
        turn = add_turn(p, step, text);
    if (turn) {
        turn->answer = text->text;
        turn->regular = regular;
    }
}

/* --- steps --- */

static struct config_step *add_step(struct config_parser *p, struct config_test *test,
                                    const struct config_step *step)
{
    struct config_step *added;

    if (p->steps == CONFIG_STEPS_MAX) {
        config_report(p, &step->place, "more than %d steps are not possible", CONFIG_STEPS_MAX);
        p->failed = true;
        return NULL;
    }
    added = grow(p, &test->steps, &test->step_count, sizeof(*added), &step->place);
    if (added) {
        *added = *step;
        p->steps++;
    }
    return added;
}

static bool is_probe(const struct config_step *step)
{
    return step->kind == CONFIG_STEP_CONNECT || step->kind == CONFIG_STEP_SEND ||
           step->kind == CONFIG_STEP_PING;
}

/* A list that was not given counts as one value that says nothing. */
static const struct config_value *value_at(const struct config_values *list, size_t i)
{
    return list->count ? &list->items[i] : NULL;
}

/* One of the probes that a step with lists stands for. */
static bool add_probe(struct config_parser *p, struct config_test *test, struct config_step step,
                      const struct config_value *from, const struct config_value *from_port,
                      const struct config_value *to, const struct config_value *port)
{
    step.who = from ? from->text : "";
    if ((to && !config_address(p, to, &step.to)) ||
        (from_port && !config_port(p, from_port, &step.from_port)) ||
        (port && !config_port(p, port, &step.port)))
        return false;
    return add_step(p, test, &step) != NULL;
}

static void check_ports(struct config_parser *p, const struct config_step *step,
                        const struct config_route *route)
{
    if (step->kind == CONFIG_STEP_PING && (route->ports.count || route->from_ports.count))
        config_report(p, &step->place, "ping has no ports; leave them out");
    if (step->kind == CONFIG_STEP_CONNECT && step->size)
        config_report(p, &step->place,
                      "a connection has no size; leave it out, or write \"udp\" or \"ping\"");
    if (step->kind != CONFIG_STEP_PING && !route->ports.count)
        config_report(p, &step->place, "which port? write \"to ADDRESS port NUMBER\"");
}

static void add_keys(struct config_parser *p, struct config_test *test, struct config_step step,
                     const struct config_values *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        step.text = keys->items[i].text;
        add_step(p, test, &step);
    }
}

void build_step(struct config_parser *p, struct config_test *test, const struct config_step *step,
                const struct config_route *route)
{
    if (step->kind == CONFIG_STEP_KEY) {
        add_keys(p, test, *step, &route->keys);
        return;
    }
    if (!is_probe(step)) {
        add_step(p, test, step);
        return;
    }
    check_ports(p, step, route);
    for (size_t i = 0; i < MAX(route->from.count, 1u); i++)
        for (size_t j = 0; j < MAX(route->from_ports.count, 1u); j++)
            for (size_t k = 0; k < MAX(route->to.count, 1u); k++)
                for (size_t l = 0; l < MAX(route->ports.count, 1u); l++)
                    if (!add_probe(p, test, *step, value_at(&route->from, i),
                                   value_at(&route->from_ports, j), value_at(&route->to, k),
                                   value_at(&route->ports, l)))
                        return;
}
