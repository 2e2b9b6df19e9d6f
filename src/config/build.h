/* SPDX-License-Identifier: ISC */
/*
 * What the grammar's actions do. Each statement is one function; what is wrong with its values is
 * reported with their places. NULLs that mean "out of memory" are taken everywhere and change
 * nothing.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/private.h"

/* A value as the list of one, and lists. */
struct config_values values_one(struct config_parser *p, const struct config_value *v);
void values_add(struct config_parser *p, struct config_values *list, const struct config_value *v);

/* "forward tcp [ADDRESS port] PORT to [ADDRESS port] PORT": one end. */
struct config_end {
    uint32_t address;
    uint16_t port;
};

struct config_end end_of(struct config_parser *p, const struct config_value *address,
                         const struct config_value *port);

/* --- things with names --- */
void build_lab(struct config_parser *p, const struct config_value *name);
struct config_switch *build_switch(struct config_parser *p, const struct config_value *name);
struct config_vm *build_template(struct config_parser *p, const struct config_value *name);
struct config_peer *build_peer(struct config_parser *p, const struct config_value *name);
struct config_test *build_test(struct config_parser *p, const struct config_value *name);
/* VMs may be several of one description: `vm` is what was read, and gets names at its end. */
struct config_vm *build_vm(struct config_parser *p, const struct config_place *place);
void build_vm_names(struct config_parser *p, struct config_vm *vm,
                    const struct config_values *names);

/* --- their parts --- */
void build_setting(struct config_parser *p, struct config_vm *vm, const char *name,
                   const struct config_value *value, const struct config_place *place);
struct config_disk *build_disk(struct config_parser *p, struct config_vm *vm,
                               const struct config_place *place);
struct config_interface *build_interface(struct config_parser *p, struct config_vm *vm,
                                         const struct config_place *place);
/* Bytes that wait for a rate. */
void build_queue(struct config_parser *p, const struct config_value *value, uint64_t *bytes);
void build_mtu(struct config_parser *p, const struct config_value *value, unsigned *mtu);
/* An address or a gateway, of its family. */
void build_address(struct config_parser *p, struct config_peer *peer,
                   const struct config_value *address);
void build_gateway(struct config_parser *p, struct config_peer *peer,
                   const struct config_value *gateway);
struct config_forward *build_forward(struct config_parser *p, struct config_user *user, bool udp,
                                     struct config_end host, struct config_end guest,
                                     const struct config_place *place);
/* One for each port. */
void build_listeners(struct config_parser *p, struct config_peer *peer,
                     const struct config_listener *listener, const struct config_values *ports);

/* --- steps: one is read, and then added, once for each combination of its lists --- */
/* What a probe says, and what it wants to hear, in turns. */
void build_say(struct config_parser *p, struct config_step *step, const struct config_value *text);
void build_answer(struct config_parser *p, struct config_step *step,
                  const struct config_value *text, bool regular);

void build_step(struct config_parser *p, struct config_test *test, const struct config_step *step,
                const struct config_route *route);

#endif
