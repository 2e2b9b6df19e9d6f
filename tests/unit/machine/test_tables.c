/* SPDX-License-Identifier: ISC */
/* Who is given which description of the machine, and that the public API gives the same ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

static struct atoll_config config(const char *kernel, enum atoll_tables tables)
{
    struct atoll_config c;

    atoll_config_init(&c);
    c.kernel = kernel;
    c.tables = tables;
    return c;
}

static void test_who_gets_which(void **state)
{
    static const struct {
        const char *kernel;
        enum atoll_tables tables;
        bool acpi, fdt;
        int check;
    } rows[] = {
        {NULL, ATOLL_TABLES_DEFAULT, true, false, 0},
        {NULL, ATOLL_TABLES_ACPI, true, false, 0},
        {NULL, ATOLL_TABLES_FDT, false, true, 0},
        {NULL, ATOLL_TABLES_BOTH, true, true, 0},
        {"Image", ATOLL_TABLES_DEFAULT, false, true, 0},
        {"Image", ATOLL_TABLES_FDT, false, true, 0},
        {"Image", ATOLL_TABLES_ACPI, true, false, -EINVAL},
        {"Image", ATOLL_TABLES_BOTH, true, true, -EINVAL},
    };

    for (size_t i = 0; i < nitems(rows); i++) {
        struct atoll_config c = config(rows[i].kernel, rows[i].tables);
        struct error err = {0};

        assert_int_equal(config_check(&c, &err), rows[i].check);
        assert_int_equal(strstr(err.text, "only EFI") != NULL, rows[i].check != 0);
        assert_int_equal(tables_acpi(&c), rows[i].acpi);
        assert_int_equal(tables_fdt(&c), rows[i].fdt);
    }
}

/* The names of a configuration's tables, in their order. */
static void names(const struct atoll_config *c, char *text, size_t room)
{
    struct atoll_acpi_table table;
    size_t length, at = 0, used = 0;
    void *blob;

    assert_int_equal(atoll_acpi(c, &blob, &length, NULL), 0);
    while (atoll_acpi_table(blob, length, &at, &table) == 0) {
        assert_true(used + 6 < room);
        used += (size_t)snprintf(text + used, room - used, "%s ", table.signature);
    }
    free(blob);
}

static void test_tables_by_api(void **state)
{
    struct atoll_config c = config(NULL, ATOLL_TABLES_DEFAULT);
    char text[128];

    names(&c, text, sizeof(text));
    assert_string_equal(text, "RSDP XSDT DSDT FACP GTDT APIC MCFG SPCR ");
    c.strict = true;
    c.cpus = ATOLL_CPUS_MAX;
    c.memory = ATOLL_MEMORY_MAX;
    names(&c, text, sizeof(text));
    assert_string_equal(text, "RSDP XSDT DSDT FACP GTDT APIC MCFG ");
}

static void test_bad_configuration(void **state)
{
    struct atoll_config c = config(NULL, ATOLL_TABLES_DEFAULT);
    struct atoll_error error;
    size_t length;
    void *blob;

    c.cpus = 0;
    assert_int_equal(atoll_acpi(&c, &blob, &length, &error), -EINVAL);
    assert_non_null(strstr(error.text, "CPUs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_which),
        cmocka_unit_test(test_tables_by_api),
        cmocka_unit_test(test_bad_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
