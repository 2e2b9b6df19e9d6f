/* SPDX-License-Identifier: ISC */
#include "lab/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NS 1000000000.0

/* --- TAP: https://testanything.org/tap-version-13-specification.html --- */

/* A "#" would begin a directive. */
static void print_name(FILE *to, const char *name)
{
    for (; *name; name++)
        fputc(*name == '#' || *name == '\n' ? ' ' : *name, to);
}

/* Text as a block in YAML, each line indented. */
static void print_block(FILE *to, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");

        fputs("    ", to);
        for (size_t i = 0; i < length; i++)
            if (text[i] != '\r')
                fputc((unsigned char)text[i] < ' ' && text[i] != '\t' ? '?' : text[i], to);
        fputc('\n', to);
        text += length + (text[length] == '\n');
    }
}

void report_tap_begin(FILE *to, size_t count)
{
    fprintf(to, "TAP version 13\n1..%zu\n", count);
    fflush(to);
}

void report_tap(FILE *to, size_t number, const struct report_test *test)
{
    fprintf(to, "%s %zu - ", test->why ? "not ok" : "ok", number);
    print_name(to, test->name);
    if (test->skipped)
        fprintf(to, " # SKIP %s", test->skipped);
    fputc('\n', to);
    fprintf(to, "  ---\n  seconds: %.3f\n", (double)test->took_ns / NS);
    if (test->why) {
        fprintf(to, "  at: %s:%u\n  message: |\n", test->file ? test->file : "", test->line);
        print_block(to, test->why);
    }
    fputs("  ...\n", to);
    fflush(to);
}

/* --- JUnit, as Jenkins and the others read it --- */

/* XML 1.0 has no control characters but these, whatever they are escaped as. */
static void print_xml(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        case '\n': fputs("&#10;", to); break;
        case '\t': fputs("&#9;", to); break;
        default: fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, to);
        }
    }
}

static void print_case(FILE *to, const char *lab, const struct report_test *test)
{
    fputs("  <testcase classname=\"", to);
    print_xml(to, lab);
    fputs("\" name=\"", to);
    print_xml(to, test->name);
    fprintf(to, "\" time=\"%.3f\">\n", (double)test->took_ns / NS);
    if (test->skipped)
        fprintf(to, "    <skipped message=\"%s\"/>\n", test->skipped);
    if (test->why) {
        fprintf(to, "    <failure message=\"");
        print_xml(to, test->why);
        fputs("\">", to);
        print_xml(to, test->file ? test->file : "");
        fprintf(to, ":%u</failure>\n", test->line);
    }
    fputs("  </testcase>\n", to);
}

int report_junit(FILE *to, const char *lab, const struct report_test *tests, size_t count)
{
    size_t failures = 0, skipped = 0;
    uint64_t took = 0;

    for (size_t i = 0; i < count; i++) {
        failures += tests[i].why != NULL;
        skipped += tests[i].skipped != NULL;
        took += tests[i].took_ns;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"", to);
    print_xml(to, lab);
    fprintf(to, "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n", count,
            failures, skipped, (double)took / NS);
    for (size_t i = 0; i < count; i++)
        print_case(to, lab, &tests[i]);
    fputs("</testsuite>\n", to);
    return fflush(to) || ferror(to) ? -EIO : 0;
}
