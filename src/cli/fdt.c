/* SPDX-License-Identifier: ISC */
/*
 * `atoll fdt`: the device tree as source text (Devicetree Specification 0.4, 6), or as a blob with
 * --dtb.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"

/* Whether a value is one or more non-empty printable strings, each with its NUL. */
static bool is_text(const char *value, int length)
{
    if (length < 2 || value[length - 1] != '\0' || value[0] == '\0')
        return false;
    for (int i = 0; i < length; i++)
        if (value[i] != '\0' ? value[i] < ' ' || value[i] > '~' : i > 0 && value[i - 1] == '\0')
            return false;
    return true;
}

static void print_text(const char *value, int length)
{
    for (int at = 0; at < length; at += (int)strlen(value + at) + 1) {
        fputs(at ? ", \"" : "\"", stdout);
        for (const char *c = value + at; *c; c++)
            printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        putchar('"');
    }
}

/* Between two numbers: a space, or a new line where a long list would run off the screen. */
static void separate(int number, int depth)
{
    if (number > 0 && number % 10 == 0)
        printf("\n%*s", depth * 4 + 8, "");
    else if (number > 0)
        putchar(' ');
}

static void print_value(const char *value, int length, int depth)
{
    if (is_text(value, length)) {
        print_text(value, length);
    } else if (length % 4) {
        putchar('[');
        for (int i = 0; i < length; i++) {
            separate(i, depth);
            printf("%02x", (unsigned char)value[i]);
        }
        putchar(']');
    } else {
        putchar('<');
        for (int i = 0; i < length / 4; i++) {
            separate(i, depth);
            printf("0x%x", fdt32_ld((const fdt32_t *)(const void *)(value + 4 * i)));
        }
        putchar('>');
    }
}

static void print_node(const void *blob, int node, int depth)
{
    const char *name = fdt_get_name(blob, node, NULL);
    int property, child;

    printf("%*s%s {\n", depth * 4, "", *name ? name : "/");
    fdt_for_each_property_offset(property, blob, node)
    {
        const char *key;
        int length;
        const char *value = fdt_getprop_by_offset(blob, property, &key, &length);

        printf("%*s%s", depth * 4 + 4, "", key);
        if (length > 0) {
            fputs(" = ", stdout);
            print_value(value, length, depth);
        }
        puts(";");
    }
    fdt_for_each_subnode(child, blob, node) print_node(blob, child, depth + 1);
    printf("%*s};\n", depth * 4, "");
}

static int write_blob(const char *path, const void *blob, size_t length)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(blob, 1, length, file) == length;

    ok &= file && fclose(file) == 0;
    return ok ? 0 : fail(EXIT_STATUS_FAILURE, "cannot write \"%s\": %s", path, strerror(errno));
}

int command_fdt(int argc, char **argv)
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
        puts("usage: atoll fdt [options]\n");
        options_print(stdout, argv[0]);
    } else if (atoll_fdt(&options.config, &blob, &length, &error) < 0) {
        status = fail(EXIT_STATUS_USAGE, "%s", error.text);
    } else {
        if (options.dtb) {
            status = write_blob(options.dtb, blob, length);
        } else {
            puts("/dts-v1/;\n");
            print_node(blob, 0, 0);
        }
        free(blob);
    }
    options_free(&options);
    return status;
}
