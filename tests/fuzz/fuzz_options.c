/* SPDX-License-Identifier: ISC */
/*
 * Command lines, from the words that the options know and from any bytes. What is accepted has
 * passed the checks of the configuration or is refused by them with a line.
 */
#include <stdlib.h>

#include "cli/options.h"
#include "fuzz.h"
#include "machine/machine.h"

#define ARGUMENTS 24
#define TEXT_MAX  4096

static const char *const words[] = {
    "--kernel",
    "--initrd",
    "--append",
    "--memory",
    "--cpus",
    "--cpu",
    "--disk",
    "--net",
    "--console",
    "--engine",
    "--strict",
    "--quirk",
    "--reboot",
    "--log",
    "--no-confine",
    "--dtb",
    "--dump",
    "--trace",
    "--help",
    "--",
    "128M",
    "64G",
    "16",
    "0",
    "-1",
    "99999999999999999999",
    "apple",
    "user",
    "none",
    "stdio",
    "pty",
    "debug",
    "auto",
    "unix:",
    "file:/x",
    "pl011=on",
    "disk.img",
    "=",
    ",format=raw",
    ",format=",
    ",readonly",
    ",serial=",
    ",backing=",
    ",at=",
    ",at=0x1",
    ",port=virtio",
    ",forward=",
    "tcp:1:2",
    "udp:127.0.0.1:1:2",
    ",mac=",
    "52:54:00:12:34:56",
    ",mtu=",
    ",capture=",
    ",host=on",
    ",isolated=",
    ",,",
    ":",
    "",
};

/* Arguments that are right by themselves. */
static const char *const arguments[] = {
    "--kernel=Image",
    "--memory=128M",
    "--cpus=16",
    "--cpu=apple",
    "--disk=a.img,format=raw,readonly",
    "--disk=b.qcow2,serial=1",
    "--net=user,forward=tcp:2222:22,mtu=9000",
    "--net=none",
    "--console=stdio",
    "--console=pty,port=virtio",
    "--strict",
    "--reboot",
    "--log=debug",
    "--quirk=pl011=off",
    "--append=root=/dev/vda",
    "--engine=interp",
};

static char *append(char *at, const char *end, const char *word)
{
    while (*word && at < end)
        *at++ = *word++;
    return at;
}

/* One argument: one that is right, perhaps with more behind it, or pieces of all sorts. */
static char *make_argument(struct fuzz_input *input, char *at, const char *end)
{
    unsigned kind = (unsigned)fuzz_take(input, 1), pieces = kind % 4;

    if (kind >= 64)
        at = append(at, end, arguments[kind % nitems(arguments)]);
    if (kind >= 128)
        pieces = 0;
    for (unsigned i = 0; i < pieces; i++) {
        unsigned choice = (unsigned)fuzz_take(input, 1);
        const char byte[] = {(char)fuzz_take(input, 1), '\0'};

        at = append(at, end, choice < 224 ? words[choice % nitems(words)] : byte);
    }
    *at++ = '\0';
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    char text[TEXT_MAX + 1], *at = text, *argv[ARGUMENTS + 2] = {text};
    struct options options;
    struct error err = {0};
    int argc = 1, count = 1 + (int)fuzz_take(&input, 1) % ARGUMENTS;

    count = count > 8 && count % 4 ? count % 8 : count; /* short ones have a chance to be right */
    *at++ = '\0';
    while (argc <= count && input.at < input.end && at < text + TEXT_MAX) {
        argv[argc++] = at;
        at = make_argument(&input, at, text + TEXT_MAX);
    }
    if (options_parse(&options, argc, argv, &err) == 0) {
        err.text[0] = '\0';
        if (config_check(&options.config, &err) && !err.text[0])
            abort();
    } else if (!err.text[0]) {
        abort();
    }
    options_free(&options);
    return 0;
}
