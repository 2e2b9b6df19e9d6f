/* SPDX-License-Identifier: ISC */
/* Boots a kernel through libatoll: example KERNEL [INITRD [COMMAND-LINE]]. The guest's serial port
 * is standard input and output. */
#include <stdio.h>

#include "atoll/atoll.h"

static void log_line(void *ctx, enum atoll_log_level level, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    struct atoll_config config;
    struct atoll_error error;
    struct atoll *vm;
    enum atoll_stop why;

    if (argc < 2) {
        fprintf(stderr, "usage: %s KERNEL [INITRD [COMMAND-LINE]]\n", argv[0]);
        return 2;
    }
    atoll_config_init(&config);
    config.kernel = argv[1];
    config.initrd = argc > 2 ? argv[2] : NULL;
    config.append = argc > 3 ? argv[3] : NULL;
    config.cpus = 2;
    config.log = log_line;
    if (atoll_create(&vm, &config, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (atoll_start(vm, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        atoll_destroy(vm);
        return 1;
    }
    why = atoll_wait(vm);
    atoll_destroy(vm);
    return why == ATOLL_STOP_POWEROFF ? 0 : 1;
}
