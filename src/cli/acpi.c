/* SPDX-License-Identifier: ISC */
/*
 * `atoll acpi`: the ACPI tables, one file each, named by its signature. The root pointer is left
 * out: it only says where the XSDT is, and `iasl -d`, which takes all others, refuses it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/options.h"

static int write_table(const char *dir, const struct atoll_acpi_table *table)
{
    char *path;
    FILE *file;
    bool ok;

    if (asprintf(&path, "%s/%s.dat", dir, table->signature) < 0)
        return fail(EXIT_STATUS_FAILURE, "out of memory");
    file = fopen(path, "wb");
    ok = file && fwrite(table->bytes, 1, table->length, file) == table->length;
    ok &= file && fclose(file) == 0;
    if (ok)
        printf("%s: %zu bytes\n", path, table->length);
    else
        fail(EXIT_STATUS_FAILURE, "cannot write \"%s\": %s", path, strerror(errno));
    free(path);
    return ok ? 0 : EXIT_STATUS_FAILURE;
}

static int write_tables(const char *dir, const void *blob, size_t length)
{
    struct atoll_acpi_table table;
    size_t at = 0;
    int status = 0;

    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return fail(EXIT_STATUS_FAILURE, "cannot make the directory \"%s\": %s", dir,
                    strerror(errno));
    while (!status && atoll_acpi_table(blob, length, &at, &table) == 0)
        if (strcmp(table.signature, "RSDP") != 0)
            status = write_table(dir, &table);
    return status;
}

int command_acpi(int argc, char **argv)
{
    struct atoll_error error;
    struct options options;
    struct error err;
    size_t length;
    void *blob;
    int status = 0;

    if (options_parse(&options, argc, argv, &err) < 0) {
        options_free(&options);
        return fail(EXIT_STATUS_USAGE, "%s", err.text);
    }
    if (options.help) {
        puts("usage: atoll acpi [options] [-d DIR | --dir DIR]\n\n"
             "Writes each table to DIR/SIGNATURE.dat (the current directory); `iasl -d` takes "
             "them.\n");
        options_print(stdout, argv[0]);
    } else if (atoll_acpi(&options.config, &blob, &length, &error) < 0) {
        status = fail(EXIT_STATUS_USAGE, "%s", error.text);
    } else {
        status = write_tables(options.dir ? options.dir : ".", blob, length);
        free(blob);
    }
    options_free(&options);
    return status;
}
