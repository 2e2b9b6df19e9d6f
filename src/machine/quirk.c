/* SPDX-License-Identifier: ISC */
#include "machine/quirk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Sources are the short names of docs/apple-machine.md. */
const struct quirk_row quirk_table[QUIRK_COUNT] = {
    [QUIRK_NET_REQUIRES_MTU] =
        {"net-requires-mtu",
         "virtio-net clears FEATURES_OK unless the driver accepts VIRTIO_NET_F_MTU",
         "CB26, jlduran #2", "off|on", 1, 0},
    [QUIRK_NET_REFUSES_HOST_TSO_ALONE] =
        {"net-refuses-host-tso-alone",
         "virtio-net clears FEATURES_OK for HOST_TSO4 or HOST_TSO6 without the "
         "rest of the offloads",
         "OpenBSD if_vio.c 1.78", "off|on", 1, 0},
    [QUIRK_NET_APPLE_FEATURES] =
        {"net-apple-features",
         "virtio-net offers Apple's features and no more: no MRG_RXBUF, CTRL_VQ, "
         "CTRL_GUEST_OFFLOADS or MQ",
         "CB26", "off|on", 1, 0},
    [QUIRK_PCI_INTERRUPT_PIN] =
        {"pci-interrupt-pin",
         "the pin in each function's Interrupt Pin register; Apple's says B although only A is "
         "wired",
         "XEN26", "A|B", 1, 0},
    [QUIRK_PSCI_CONDUIT] = {"psci-conduit",
                            "the conduit that the tables advertise; both always work", "XEN26, 9VZ",
                            "hvc|smc", 1, 1},
    [QUIRK_PL011] = {"pl011", "a PL011 serial port at 0x20100000, Atoll's extension", "-", "off|on",
                     0, 1},
    [QUIRK_POWER_BUTTON] = {"power-button",
                            "how ACPI tells of the power button: by the PL061's line (gpio), or by "
                            "a Generic Event Device (event), which OpenBSD has a driver for",
                            "DEB24, jlduran #2", "gpio|event", 0, 1},
    [QUIRK_WILD_ACCESS] =
        {"wild-access",
         "a CPU's access to a physical address that nothing backs or that is too high for the CPU: "
         "a "
         "synchronous abort, as the architecture has it; an SError; or nothing, reading as zero",
         "OpenBSD viogpu.c 1.13", "sync|serror|ignore", WILD_ACCESS_SERROR, WILD_ACCESS_SYNC},
    [QUIRK_GIC_SPIS] =
        {"gic-spis",
         "shared interrupts of the GIC: as many as macOS 14's, or macOS 26's, of which a kernel "
         "that "
         "boots writes more than a thousand registers; kvm has 960 at most, hvf those of its macOS",
         "DEB24, XEN26", "224|988", GIC_SPIS_988, GIC_SPIS_224},
};

void quirks_init(struct quirks *quirks, bool strict)
{
    for (unsigned i = 0; i < QUIRK_COUNT; i++)
        quirks->value[i] = strict ? quirk_table[i].strict : quirk_table[i].normal;
}

bool quirk_value_name(const struct quirk_row *row, unsigned index, char *text, size_t room)
{
    const char *at = row->values;

    while (index-- > 0) {
        at = strchr(at, '|');
        if (!at)
            return false;
        at++;
    }
    snprintf(text, room, "%.*s", (int)strcspn(at, "|"), at);
    return true;
}

static int unknown_quirk(const char *name, struct error *err)
{
    char names[256] = "";
    size_t used = 0;

    for (unsigned i = 0; i < QUIRK_COUNT && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 quirk_table[i].name);
    return error_set(err, EINVAL, "there is no quirk \"%s\"; there are %s", name, names);
}

int quirks_set(struct quirks *quirks, const char *name, const char *value, struct error *err)
{
    for (unsigned i = 0; i < QUIRK_COUNT; i++) {
        char text[32];

        if (strcmp(quirk_table[i].name, name) != 0)
            continue;
        for (unsigned v = 0; quirk_value_name(&quirk_table[i], v, text, sizeof(text)); v++) {
            if (strcmp(text, value) == 0) {
                quirks->value[i] = v;
                return 0;
            }
        }
        return error_set(err, EINVAL, "quirk %s cannot be \"%s\"; it can be %s", name, value,
                         quirk_table[i].values);
    }
    return unknown_quirk(name, err);
}
